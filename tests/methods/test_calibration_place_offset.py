"""Coordinates that are wrong are found by the station's own code."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.io import read_bias_sinex
from leopnt.methods.calibration.file_inputs import FileInputs, satellite_biases, standard_model
from leopnt.methods.calibration.observed_stations import StationFile, read_station_file
from leopnt.methods.calibration.path_corrections import SatelliteBiases
from leopnt.methods.calibration.place_offset import place_offset
from leopnt.methods.calibration.signals import GALILEO_X_SIGNALS

FOLDER = Path("examples/data/calibration")
FILE = StationFile(FOLDER / "3034_2021265.rnx", "3034", 0)
PLACE = np.array([-3_959_400.631, 3_385_704.533, 3_667_523.111])
START = Epoch.from_iso("2021-09-22", TimeScale.GPST)


def sky(rng, epochs=200, satellites=9):
    """Unit vectors above 10 degrees, fixed directions that turn slowly."""
    azimuth = rng.uniform(0, 2 * np.pi, satellites)[None, :] + np.linspace(0, 1, epochs)[:, None]
    elevation = np.broadcast_to(rng.uniform(0.2, 1.4, satellites), azimuth.shape)
    unit = np.stack(
        [
            np.cos(elevation) * np.sin(azimuth),
            np.cos(elevation) * np.cos(azimuth),
            np.sin(elevation),
        ],
        axis=-1,
    )
    return unit.reshape(-1, 3), np.repeat(np.arange(epochs), satellites)


def test_the_offset_is_that_of_least_squares_with_every_clock_free(evidence):
    rng = np.random.default_rng(1)
    unit, epoch = sky(rng, epochs=40)
    truth = np.array([12.0, -7.0, 30.0])
    code = -unit @ truth + 1e3 * rng.normal(size=40)[epoch] + 0.5 * rng.uniform(-1, 1, len(epoch))
    dense = np.column_stack([-unit, np.eye(40)[epoch]])
    best, *_ = np.linalg.lstsq(dense, code, rcond=None)
    found = place_offset(code, unit, epoch)
    evidence(
        "methods.calibration.place_offset",
        "offset of a station from 40 epochs of code, clocks free",
        "dense least squares (NumPy)",
        "implementation",
        achieved=np.max(np.abs(found.offset_m - best[:3])),
        tolerance=1e-9,
        unit="m",
    )


def test_its_sigma_is_that_of_many_draws():
    rng = np.random.default_rng(2)
    unit, epoch = sky(rng)
    draws = [place_offset(0.7 * rng.normal(size=len(epoch)), unit, epoch) for _ in range(300)]
    spread = np.std([one.offset_m for one in draws], axis=0)
    told = np.mean([one.sigma_m for one in draws], axis=0)
    np.testing.assert_allclose(told, spread, rtol=0.2)


def test_gross_errors_and_links_without_code_do_not_move_it():
    rng = np.random.default_rng(3)
    unit, epoch = sky(rng)
    code = -unit @ np.array([4.0, 0.0, 0.0]) + 0.5 * rng.normal(size=len(epoch))
    code[rng.choice(len(code), 90, replace=False)] += 500.0
    code[rng.choice(len(code), 90, replace=False)] = np.nan
    found = place_offset(code, unit, epoch)
    assert np.all(np.abs(found.offset_m - [4.0, 0.0, 0.0]) < 5 * found.sigma_m)


@pytest.mark.parametrize("number", [3, 4])
def test_directions_in_one_plane_and_few_links_say_nothing(number):
    rng = np.random.default_rng(4)
    unit, epoch = sky(rng, epochs=1, satellites=number)
    assert place_offset(rng.normal(size=number), unit, epoch) is None
    unit, epoch = sky(rng)
    unit[:, 0] = 0.0
    assert place_offset(rng.normal(size=len(epoch)), unit, epoch) is None


def galileo():
    names = [f"E{i:02d}" for i in range(1, 37)]
    biases = satellite_biases(
        read_bias_sinex(FOLDER / "COD_2021265_OSB.BIA"), names, GALILEO_X_SIGNALS, START + 25_000.0
    )
    sp3 = (FOLDER / "COD_2021265_GPS_GAL.SP3",)
    model = standard_model(SatelliteBiases(biases))
    return FileInputs(
        (FILE.path,), sp3, (), {"3034": PLACE}, reference=GALILEO_X_SIGNALS, model=model,
        start=START,
    )  # fmt: skip


@pytest.mark.parametrize("offset", [[40.0, 0.0, 0.0], [0.0, -25.0, 0.0], [10.0, 10.0, 20.0]])
def test_a_real_station_is_refused_where_it_is_not(offset):
    lat, lon, _ = ecef_to_geodetic(PLACE)
    wrong = PLACE - np.array(offset) @ np.asarray(enu_basis(lat, lon))
    inputs = replace(galileo(), station_pos_ecef_m={"3034": wrong})
    with pytest.raises(
        LeopntError, match=r"3034_2021265.rnx: Galileo code of station 3034 puts it"
    ) as refused:
        read_station_file(inputs, FILE)
    words = str(refused.value).replace(",", "").replace(";", "").split()
    said = [float(words[words.index(name) + 1].rstrip(")")) for name in ("(east", "north", "up")]
    np.testing.assert_allclose(said, offset, atol=2.5)  # wet delay in the height
    read_station_file(replace(inputs, largest_offset_m=np.inf), FILE)


def test_a_station_within_the_limit_passes():
    read_station_file(replace(galileo(), station_pos_ecef_m={"3034": PLACE + 1.0}), FILE)


def test_the_limit_is_a_length():
    with pytest.raises(LeopntError, match=r"largest_offset_m = 0.0: expected above 0 m"):
        replace(galileo(), largest_offset_m=0.0)
