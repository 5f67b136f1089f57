"""`leopnt map` in a folder that holds a run: the same engine, the present title."""

import numpy as np
import pytest
import xarray as xr

from leopnt.cli import main
from leopnt.errors import LeopntError
from leopnt.methods.coverage import engine
from leopnt.methods.coverage.from_scene import MapWork, chunk_arrays
from leopnt.report.map_report import map_summary
from leopnt.report.tables import plain_text
from leopnt.scenes.map_scene import load_map

FILE = """
title = "A first title"
[constellation]
preset = "iridium"
[antenna]
mask_deg = 40
[map]
step_deg = 60
quantity = "position_m"
[measurements]
pseudorange_m = 1
"""


@pytest.fixture
def mapped(tmp_path):
    """A function that maps the text in one folder: exit code."""

    def run(text, *words):
        (tmp_path / "map.toml").write_text(text)
        with pytest.raises(SystemExit) as done:
            main(["map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out"), *words])
        return done.value.code

    return run


def result_in(folder):
    with xr.open_dataset(folder / "out" / "map.nc", engine="h5netcdf") as opened:
        return opened.load()


def test_a_finished_run_shows_the_title_that_the_file_has_now(mapped, tmp_path, capsys):
    assert mapped(FILE, "--format", "globe") == 0
    assert "A first title" in capsys.readouterr().out
    assert mapped(FILE.replace("first", "second"), "--format", "globe") == 0
    assert "A second title" in capsys.readouterr().out
    for name in ("globe.html", "map.nc"):
        assert b"A second title" in (tmp_path / "out" / name).read_bytes()
    assert "A first title" not in result_in(tmp_path).attrs["input_text"]


def test_a_run_is_not_gone_on_with_by_another_engine(mapped, tmp_path, capsys, monkeypatch):
    assert mapped(FILE, "--format", "globe") == 0
    assert '"engine": "Numba ' in result_in(tmp_path).attrs["provenance"]
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    assert engine.engine_name() == "JAX on cpu"
    assert mapped(FILE, "--format", "globe") == 2
    assert "holds a run of another study" in capsys.readouterr().err


def test_a_worker_with_another_engine_does_not_compute(mapped, tmp_path, monkeypatch):
    assert mapped(FILE, "--format", "globe", "--quiet") == 0
    work = MapWork(load_map(tmp_path / "map.toml"), engine.engine_name())
    assert int(chunk_arrays(0, work)["num_epochs"]) == 1
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(LeopntError, match=r"by JAX on cpu, not by Numba \d+\.\S* as the others"):
        chunk_arrays(0, work)


def test_a_place_is_available_where_its_bound_is_solved_and_nowhere_else(mapped, tmp_path):
    assert mapped(FILE, "--format", "globe", "--quiet") == 0
    result = result_in(tmp_path)
    solved = np.isfinite(result["position_m_at"].values[0])
    assert not solved.any()  # at a mask of 40 degrees fewer than four of the 66 are seen
    np.testing.assert_array_equal(result["available_percent"], 100.0 * solved)
    np.testing.assert_array_equal(result["available_area_percent"], 0.0)
    text = plain_text(map_summary(result))
    assert "A finite position bound: 0.0 % of area and time." in text
    assert "the longest gap is the whole time" in text
