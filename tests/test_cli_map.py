"""`leopnt map`: the words, the files, going on after an interruption, and mistakes."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import xarray as xr

from leopnt.cli import main
from leopnt.methods.coverage import (
    DOP_QUANTITIES,
    QUANTITIES,
    CompiledEngine,
    TiledEngine,
    coverage_map,
    equal_angle_grid,
)
from leopnt.methods.coverage import engine as engine_module
from leopnt.methods.coverage.dataset import MEANINGS
from leopnt.methods.coverage.from_scene import chunks_of
from leopnt.report.globe import globe_data, write_globe
from leopnt.report.map_report import map_figures, map_summary, write_map_report
from leopnt.report.tables import plain_text
from leopnt.scenes import map_settings
from leopnt.scenes.map_scene import load_map

FILE = """
title = "Sixty <satellites>"
[constellation.walker]
pattern = "delta"
satellites = 60
planes = 6
phasing = 1
inclination_deg = 60
altitude_km = 1500
[time]
duration_s = 36000
step_s = 300
[map]
step_deg = 20
quantity = "horizontal_m"
limit = 10
[measurements]
pseudorange_m = 3
doppler_hz = 1
"""


def run(*words):
    with pytest.raises(SystemExit) as done:
        main(["map", *map(str, words)])
    return done.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    (folder / "sixty.toml").write_text(FILE)
    assert run(folder / "sixty.toml", "--out", folder / "out", "--workers", 2) == 0
    return folder


@pytest.fixture(scope="module")
def result(folder):
    with xr.open_dataset(folder / "out" / "map.nc", engine="h5netcdf") as dataset:
        return dataset.load()


def test_a_map_leaves_a_dataset_figures_a_report_and_a_globe(folder, result):
    names = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*")}
    expected = {"map.nc", "report.html", "globe.html", "figures/available.png"}
    assert expected | {"figures/horizontal_m_95.png", "figures/over_time.png"} <= names
    assert "chunks" not in names
    assert all(one.attrs["long_name"] for one in result.data_vars.values())
    assert result["horizontal_m_percentile"].attrs["units"] == "m"
    assert result["longest_gap_s"].shape == (9, 18)


def test_statistics_of_the_dataset_are_those_of_the_values(folder, result, evidence):
    scene = load_map(folder / "sixty.toml")
    chunks = [make() for make in chunks_of(scene)]
    assert len(chunks) > 1
    found = coverage_map(chunks)
    horizontal = found.kept[:, 0].reshape(-1, 9, 18)
    weight = equal_angle_grid(np.radians(20.0)).area_weight.reshape(9, 18)
    share = 100.0 * np.mean(horizontal <= 10.0, axis=0)
    np.testing.assert_allclose(result["available_percent"], share, rtol=1e-12)
    np.testing.assert_allclose(result.attrs["available_percent"], np.sum(share * weight))
    ordered = np.sort(np.where(np.isnan(horizontal), np.inf, horizontal), axis=0)
    p95 = ordered[int(np.ceil(0.95 * 121)) - 1]
    evidence(
        "methods.coverage.dataset",
        "95th percentile of the horizontal bound in every cell, relative",
        "NumPy sort of all values",
        "implementation",
        achieved=np.nanmax(np.abs(result["horizontal_m_percentile"][1] / p95 - 1.0)),
        tolerance=0.0,
    )
    frames = result["frame_index"].values
    np.testing.assert_array_equal(result["horizontal_m_at"], horizontal[frames])
    assert frames[0] == 0
    assert frames[-1] == 120


def test_words_for_the_terminal_say_how_much_is_served(result):
    text = plain_text(map_summary(result))
    assert f"Horizontal bound up to 10 m: {result.attrs['available_percent']:.1f} %" in text
    assert "60 satellites, mask 10 degrees, 121 epochs every 300 s; 9 by 18 cells of" in text
    assert "Clock bound, mean" in text
    assert " ns" in text


def test_the_globe_carries_its_values_and_asks_for_nothing(result, tmp_path):
    data = globe_data(result)
    time_group = data["groups"][1]
    assert len(time_group["layers"]) == result["frame_index"].size
    layer = time_group["layers"][3]
    import base64

    words = np.frombuffer(base64.b64decode(layer["data"]), "<u2").astype(float)
    share = words / 65_534
    low, high = layer["low"], layer["high"]
    values = low * (high / low) ** share if layer["log"] else low + share * (high - low)
    expected = result["horizontal_m_at"].values[3].ravel()
    known = np.isfinite(expected)
    np.testing.assert_array_equal(words == 65_535, ~known)
    np.testing.assert_allclose(values[known], expected[known], rtol=1e-3)
    html = write_globe(result, tmp_path / "globe.html").read_text()
    report = write_map_report(result, tmp_path / "report.html").read_text()
    for page in (html, report):
        assert "Sixty &lt;satellites&gt;" in page
        assert "Sixty <satellites>" not in page
        assert 'src="http' not in page
        assert "default-src 'none'" in page


def test_what_is_done_is_not_computed_again_and_the_result_is_the_same(
    folder, result, tmp_path, monkeypatch, capsys
):
    calls = []
    whole = engine_module.CompiledEngine.statistics

    def counted(self, chunk):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, chunk)

    monkeypatch.setattr(engine_module.CompiledEngine, "statistics", counted)
    out = tmp_path / "out"
    file = folder / "sixty.toml"
    assert run(file, "--out", out, "--workers", 1, "--format", "globe") == 130
    assert "run the same command again" in capsys.readouterr().err
    assert len(list((out / "chunks").glob("*.npz"))) == 1
    assert run(file, "--out", out, "--workers", 1, "--format", "globe", "--quiet") == 0
    assert len(calls) == 3  # one kept, one interrupted, one after it
    with xr.open_dataset(out / "map.nc", engine="h5netcdf") as again:
        xr.testing.assert_equal(again.load(), result)
    assert run(file, "--out", out, "--json", "--format", "globe") == 0
    assert len(calls) == 3
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["kind"] == "map"
    assert run(file, "--out", out, "--restart", "--format", "globe", "--quiet") == 0
    assert len(calls) == 5


def test_another_file_does_not_go_into_the_same_folder(folder, tmp_path, capsys):
    other = tmp_path / "other.toml"
    other.write_text(FILE.replace("limit = 10", "limit = 11"))
    assert run(other, "--out", folder / "out") == 2
    assert "holds a run of another study" in capsys.readouterr().err


def test_mistakes_of_a_file_end_with_exit_code_two(tmp_path, capsys):
    file = tmp_path / "bad.toml"
    file.write_text("[constellation]\npreset = 'gps'\n[map]\nstep_deg = 0\nquantity = 'drift'\n")
    assert run(file) == 2
    error = capsys.readouterr().err
    assert "2 mistakes" in error
    assert "[map] step_deg = 0" in error
    assert "'drift': needs [measurements]" in error


def test_files_name_the_quantities_that_maps_have():
    assert get_args(map_settings.Quantity) == QUANTITIES
    assert tuple(one for one in QUANTITIES if one not in DOP_QUANTITIES) == map_settings.BOUNDS
    assert set(MEANINGS) == set(QUANTITIES)
    described = map_settings.MapTable.model_fields["quantity"].description
    assert re.findall(r"'(\w+)'", described) == list(QUANTITIES)


DATA = Path(__file__).parent.parent / "examples" / "data"
FILES = {
    "TLE": ("tle_2025/gps.tle", "2025-12-28T12:00:00Z"),
    "OMM": ("tle_2025/omm_sample.json", "2025-12-28T12:00:00Z"),
    "SP3": ("sp3/COD0MGXFIN_20211180000_01D_05M_ORB.SP3", "2021-04-28T19:00:00Z"),
}


@pytest.mark.parametrize("kind", FILES)
def test_satellites_come_from_any_file(kind, tmp_path):
    name, start = FILES[kind]
    file = tmp_path / "sky.toml"
    file.write_text(
        f'[constellation]\nfile = "{DATA / name}"\nmax_age_days = 30\n[time]\nstart = "{start}"\n'
        "duration_s = 1800\nstep_s = 900\n[map]\nstep_deg = 60\nquantity = 'num_visible'\n"
    )
    assert run(file, "--out", tmp_path / "out", "--format", "globe", "--quiet") == 0
    with xr.open_dataset(tmp_path / "out" / "map.nc", engine="h5netcdf") as opened:
        found = opened["num_visible_mean"].values
    scene = load_map(file)
    pos_m, _ = scene.orbits.states(scene.time_s)
    lat, lon = np.meshgrid(np.radians([-60, 0, 60]), np.radians(np.arange(-150, 151, 60)),
                           indexing="ij")  # fmt: skip
    up = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    user_m = equal_angle_grid(np.radians(60.0)).pos_ecef_m.reshape(3, 6, 3)
    line_m = pos_m[:, :, None, None] - user_m[None, None]
    sine = np.einsum("esijx,ijx->esij", line_m, up) / np.linalg.norm(line_m, axis=-1)
    seen = np.sum(sine >= np.sin(np.radians(10.0)), axis=1)
    np.testing.assert_allclose(found, seen.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("quantity", ["pdop", "num_visible", "position_m"])
def test_without_a_limit_a_map_tells_where_its_quantity_is_known(quantity, tmp_path):
    text = FILE.replace("limit = 10\n", "").replace('"horizontal_m"', f'"{quantity}"')
    file = tmp_path / "sixty.toml"
    file.write_text(text.replace("doppler_hz = 1", "[user]\nclock = 'known'"))
    chunk = chunks_of(load_map(file))[0]()
    values = CompiledEngine().values(chunk)
    least = {"pdop": 4, "num_visible": 1, "position_m": 3}[quantity]
    enough = np.sum(values[:, 0] >= least, axis=0)
    found = CompiledEngine().statistics(chunk).num_available
    assert np.all((found == enough) | (found == enough - 1))  # once, four stand on a cone
    assert np.mean(found == enough) > 0.95
    assert np.all(np.isnan(values[:, QUANTITIES.index("drift")]))


def test_without_numba_a_map_is_computed_by_jax(folder, result, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "fastest_engine", TiledEngine)
    scene = load_map(folder / "sixty.toml")
    found = coverage_map([make() for make in chunks_of(scene)])
    mean = found.mean[chunks_of(scene)[0]().quantities.index("horizontal_m")]
    np.testing.assert_allclose(mean.reshape(9, 18), result["horizontal_m_mean"], rtol=1e-8)


def test_a_map_without_any_service_is_told_and_drawn(tmp_path):
    file = tmp_path / "one.toml"
    file.write_text(
        "[constellation]\npreset = 'gps'\nsatellites = ['GPS A1']\n[map]\nstep_deg = 30\n"
        "limit = 1\n[time]\nduration_s = 0\n"
    )
    assert run(file, "--out", tmp_path / "out", "--quiet") == 0
    with xr.open_dataset(tmp_path / "out" / "map.nc", engine="h5netcdf") as opened:
        nothing = opened.load()
    text = plain_text(map_summary(nothing))
    assert "PDOP up to 1: 0.0 % of area and time." in text
    assert "the longest gap is the whole time" in text
    assert "over_time" not in map_figures(nothing)
