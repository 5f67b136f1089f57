"""Logs that cannot be right get one sentence that says why."""

import dataclasses

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.scenes.doppler_checks import check_log
from leopnt.scenes.doppler_log import DopplerLog


def good_log(count=12):
    """Two satellites at 780 km moving at 7.4 km/s, half a minute."""
    time_s = np.arange(count) * 5.0
    angle = 0.001 * time_s
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    along = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    return DopplerLog(
        time_s=time_s,
        satellites=("A", "B"),
        sat_index=np.arange(count) % 2,
        doppler_hz=np.linspace(30e3, -30e3, count),
        sat_pos_ecef_m=7158e3 * ring,
        sat_vel_ecef_mps=7400.0 * along,
        carrier_hz=np.full(count, 1.626e9),
        source="log.csv",
        source_line=np.arange(count) + 2,
    )


def changed(name, row, value):
    log = good_log()
    array = getattr(log, name).copy()
    array[row] = value
    return dataclasses.replace(log, **{name: array})


def scaled(name, factor):
    log = good_log()
    return dataclasses.replace(log, **{name: getattr(log, name) * factor})


def forced(**arrays):
    """A log whose arrays do not fit, as a caller without type checks may build it."""
    log = good_log()
    for name, value in arrays.items():
        object.__setattr__(log, name, value)
    return log


WRONG = {
    "not a number": (changed("doppler_hz", 4, np.nan), r"log.csv:6: doppler_hz is \[nan\]"),
    "unsorted": (changed("time_s", 3, 90.0), "log.csv:6: time 20.0 s comes after 90.0 s"),
    "satellite in km": (scaled("sat_pos_ecef_m", 1e-3), "looks like km"),
    "inside the Earth": (scaled("sat_pos_ecef_m", 0.5), "inside the Earth"),
    "velocity in km/s": (scaled("sat_vel_ecef_mps", 1e-3), "looks like km/s"),
    "too fast": (scaled("sat_vel_ecef_mps", 2.0), "no orbit at that distance is so fast"),
    "carrier in MHz": (scaled("carrier_hz", 1e-6), "looks like MHz"),
    "Doppler in kHz": (scaled("doppler_hz", 1e-3), "looks like kHz"),
    "Doppler too large": (scaled("doppler_hz", 10.0), "wrong unit or wrong carrier"),
    "received frequency": (
        dataclasses.replace(good_log(), doppler_hz=1.626e9 + good_log().doppler_hz),
        "about the carrier itself",
    ),
    "index out of range": (changed("sat_index", 0, 7), "sat_index runs from 0 to 7"),
    "sigma zero": (
        dataclasses.replace(good_log(), sigma_hz=np.zeros(12)),
        "sigma_hz is 0.0; accepted: finite and positive",
    ),
    "shape": (forced(carrier_hz=np.ones(3)), "carrier_hz has shape"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_log_that_cannot_be_right_is_refused_by_name(case):
    log, message = WRONG[case]
    with pytest.raises(LeopntError, match=message):
        check_log(log)


def test_a_second_measurement_of_one_satellite_at_one_time_is_refused():
    log = good_log()
    twice = dataclasses.replace(log, time_s=np.sort(np.append(log.time_s[:-1], log.time_s[2])))
    index = np.asarray(log.sat_index).copy()
    index[2:4] = 0
    with pytest.raises(LeopntError, match="second measurement at"):
        check_log(dataclasses.replace(twice, sat_index=index))


def test_a_good_log_passes_and_an_empty_one_does_not(evidence):
    check_log(good_log())
    empty = forced(time_s=np.zeros(0))
    with pytest.raises(LeopntError, match="no measurement"):
        check_log(empty)
    accepted = 0
    for log, _ in WRONG.values():
        try:
            check_log(log)
        except LeopntError:
            continue
        accepted += 1
    evidence(
        "scenes.doppler_checks",
        "wrong logs that were accepted, of 13 kinds",
        "list of mistakes",
        "own",
        achieved=accepted,
        tolerance=0,
    )


def test_a_measurement_is_named_by_file_and_line(evidence):
    assert good_log().where(4) == "log.csv:6"
    plain = dataclasses.replace(good_log(), source_line=None)
    assert plain.where(4) == "measurement 4"
    evidence(
        "scenes.doppler_log",
        "lines by which a named measurement is off",
        "file with a header in line 1",
        "own",
        achieved=int(good_log().where(0).split(":")[1]) - 2,
        tolerance=0,
    )
