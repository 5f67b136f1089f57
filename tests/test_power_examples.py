"""The power log of the examples is what its script makes."""

import sys
from pathlib import Path

import numpy as np
import pytest

from leopnt.io.measurements import read_measurements

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import make_power_log

    yield make_power_log
    sys.modules.pop("make_power_log")


def test_the_power_log_is_what_its_script_makes(script):
    table = read_measurements(
        EXAMPLES / "power_log.csv",
        numbers=["beam", "power_dbw"],
        labels=["satellite"],
        instants=["time_utc"],
    )
    made = script.simulated()
    np.testing.assert_array_equal(table.numbers["beam"], made.beam)
    np.testing.assert_allclose(table.numbers["power_dbw"], made.power_dbw, atol=6e-4)
    off_s = table.instants["time_utc"].since(script.START) - made.time_s
    np.testing.assert_allclose(off_s, 0.0, atol=1e-9)
    assert table.labels["satellite"].names == ("IRIDIUM 116",)


def test_the_power_log_says_that_it_is_synthetic():
    assert (EXAMPLES / "power_log.csv").read_text().startswith("# SYNTHETIC: no receiver")
