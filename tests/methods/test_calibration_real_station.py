"""A real station with real products: GPS and Galileo by the same path as BeiDou."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io import read_bias_sinex
from leopnt.methods.calibration.file_inputs import (
    FileInputs,
    satellite_biases,
    standard_model,
)
from leopnt.methods.calibration.from_files import observed_minus_computed
from leopnt.methods.calibration.observed_stations import StationFile, read_station_file
from leopnt.methods.calibration.path_corrections import (
    EarthRotation,
    LightTime,
    PeriodicRelativity,
    SatelliteBiases,
    ZenithDelays,
)
from leopnt.methods.calibration.signals import GALILEO_X_SIGNALS, GPS_SIGNALS
from leopnt.methods.calibration.standard_air import StandardAir

FOLDER = Path("examples/data/calibration")
FILE = StationFile(FOLDER / "3034_2021265.rnx", "3034", 0)
PLACE = {"3034": np.array([-3_959_400.631, 3_385_704.533, 3_667_523.111])}
START = Epoch.from_iso("2021-09-22", TimeScale.GPST)


def inputs_of(signals):
    names = [f"{signals.letter}{i:02d}" for i in range(1, 37)]
    biases = read_bias_sinex(FOLDER / "COD_2021265_OSB.BIA")
    model = standard_model(
        SatelliteBiases(satellite_biases(biases, names, signals, START + 25_000.0))
    )
    sp3 = (FOLDER / "COD_2021265_GPS_GAL.SP3",)
    return FileInputs((FILE.path,), sp3, (), PLACE, reference=signals, model=model, start=START)


def residuals(inputs):
    """Code less its mean of each epoch, phase less clocks and one ambiguity per satellite [m]."""
    observed = read_station_file(inputs, FILE)
    found = observed_minus_computed(inputs, observed, inputs.reference, observed.reference)
    epoch = found.raw.epoch
    names, sat = np.unique(found.raw.satellite, return_inverse=True)
    count = len(observed.epoch_s)
    code = found.code_m - (np.bincount(epoch, found.code_m) / np.bincount(epoch))[epoch]
    design = np.zeros((len(epoch), count + len(names) - 1))
    design[np.arange(len(epoch)), epoch] = 1.0
    later = np.flatnonzero(sat)
    design[later, count + sat[later] - 1] = 1.0
    best = np.linalg.lstsq(design, found.phase_m, rcond=None)[0]
    return code, found.phase_m - design @ best


def rms(values):
    return np.sqrt(np.mean(values**2))


def test_galileo_fits_to_decimeters_of_code_and_millimeters_of_phase(evidence):
    code, phase = residuals(inputs_of(GALILEO_X_SIGNALS))
    assert rms(code) < 0.6
    evidence(
        "methods.calibration.file_observations",
        "ionosphere-free Galileo phase of station 3034 over 6 minutes, CODE products, RMS",
        "no residuals",
        "real data",
        achieved=rms(phase),
        tolerance=0.010,
        unit="m",
    )


def test_gps_fits_by_the_same_path_as_well_as_clocks_every_5_minutes_allow(evidence):
    code, phase = residuals(inputs_of(GPS_SIGNALS))
    # Rubidium clocks of older satellites move by 0.1 ns between nodes 5 minutes apart.
    assert rms(phase) < 0.045
    evidence(
        "methods.calibration.signals",
        "ionosphere-free GPS code of station 3034, CODE products, RMS",
        "no residuals",
        "real data",
        achieved=rms(code),
        tolerance=1.2,
        unit="m",
    )


@pytest.mark.parametrize(
    ("kinds", "least"),
    [
        ((EarthRotation,), 10.0),
        ((LightTime, EarthRotation), 20.0),
        ((ZenithDelays,), 2.0),
        ((PeriodicRelativity,), 2.0),
        ((SatelliteBiases,), 1.3),
    ],
)
def test_every_correction_makes_real_gps_code_fit_better(kinds, least):
    inputs = inputs_of(GPS_SIGNALS)
    good, _ = residuals(inputs)
    loose = {"largest_residual_m": 1e3, "largest_offset_m": np.inf}
    worse = replace(inputs, model=inputs.model.without(*kinds), **loose)
    bad, _ = residuals(worse)
    assert rms(bad) > least * rms(good)


def test_the_standard_air_fits_as_well_as_a_round_number():
    inputs = inputs_of(GALILEO_X_SIGNALS)
    round_number, _ = residuals(inputs)
    model = inputs.model.without(ZenithDelays).with_both(StandardAir())
    standard, _ = residuals(replace(inputs, model=model))
    assert rms(standard) < 1.1 * rms(round_number)


def test_a_file_without_the_signals_says_which_it_has():
    wrong = replace(GPS_SIGNALS, code=("C1C", "C5Q"))
    inputs = replace(inputs_of(GPS_SIGNALS), reference=wrong)
    with pytest.raises(LeopntError, match=r"3034_2021265.rnx: GPS: no observations 'C5Q'"):
        read_station_file(inputs, FILE)


def test_products_of_another_day_are_refused():
    inputs = inputs_of(GPS_SIGNALS)
    later = replace(inputs, start=START)
    other = "examples/data/sp3/COD0MGXFIN_20211180000_01D_05M_ORB.SP3"
    with pytest.raises(LeopntError, match="no GPS code with a complete prediction"):
        read_station_file(replace(later, reference_sp3=(other,)), FILE)
