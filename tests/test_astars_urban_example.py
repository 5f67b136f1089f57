"""The example of walks through a city: its places make sense, and it says what its guide says."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def example():
    path = ROOT / "examples" / "astars_urban.py"
    spec = importlib.util.spec_from_file_location("astars_urban", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_walks_are_outdoors_or_in_the_room_and_panels_hang_free(example):
    for site, time_s, places in (example.canyon_walk(), example.room_walk()):
        assert len(time_s) == len(places)
        assert site.is_open(places).all()
    for site in (example.canyon_walk()[0], example.block()):
        centers = site.panel_stack.center_m
        normals = site.panel_stack.normal
        assert site.is_open(centers).all()
        assert not site.is_open(centers - 0.2 * normals).any()


def test_panels_make_more_of_the_block_available(example):
    cells, is_open, (direct, full) = example.maps(
        example.block(), example.ephemeris("gps", duration_s=700.0), 20.0, 2, 600.0
    )
    assert cells.shape == (*is_open.shape, 3)
    assert np.all(full[is_open] >= direct[is_open])
    assert np.mean(full[is_open]) > np.mean(direct[is_open]) + 0.1


def rows(text):
    """Name and numbers of each line of the table; a position that cannot be had is NaN."""
    found = {}
    for line in text.splitlines():
        name, *cells = re.split(r"\s{2,}", line.strip())
        if len(cells) == 5 and re.match(r"street|room", name):
            found[name] = [float(cell.replace("-", "nan")) for cell in cells]
    return found


@pytest.mark.study
def test_the_example_prints_what_its_guide_shows(example, capsys, tmp_path, evidence):
    found, _, _ = example.main(str(tmp_path))
    printed = rows(capsys.readouterr().out)
    shown = rows((ROOT / "docs" / "guides" / "astars-urban.md").read_text())
    assert len(shown) == 6
    assert shown.keys() == printed.keys()
    for name, numbers in shown.items():
        # Rounding, and one fix more or less within a meter.
        difference = np.abs(np.array(printed[name]) - np.array(numbers))
        assert np.all(np.isnan(difference) == np.isnan(numbers))
        assert np.all(np.nan_to_num(difference) <= [0.11, 0.11, 0.021, 0.021, 1.5])
    assert len(list(tmp_path.glob("urban_*.png"))) == 5
    _, fix, bound = found[1]
    limit_m = np.sqrt(bound[:, 0, 0, 0] + bound[:, 0, 1, 1])
    evidence(
        "methods.astars.urban",
        "horizontal errors of a walk over their bounds, RMS, relative deviation from 1",
        "bound along the walk, GPS and OneWeb element sets",
        "monte carlo",
        achieved=abs(np.sqrt(np.mean((fix.horizontal_m[:, 0] / limit_m) ** 2)) - 1.0),
        tolerance=0.25,
    )
