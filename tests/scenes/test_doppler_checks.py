"""A Doppler log that cannot be right is refused, with a sentence that names the cause."""

import dataclasses

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.scenes import DopplerLog, check_log

GM, SPIN_RADPS = 3.986004418e14, 7.292115e-5


def circular(radius_m, inclination_deg, t):
    """ECEF states of a circular orbit, worked out here."""
    rate, tilt = np.sqrt(GM / radius_m**3), np.radians(inclination_deg)
    u, turn = rate * t, SPIN_RADPS * t
    ahead = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    pos = radius_m * (np.cos(u)[:, None] * [1.0, 0.0, 0.0] + np.sin(u)[:, None] * ahead)
    vel = radius_m * rate * (np.cos(u)[:, None] * ahead - np.sin(u)[:, None] * [1.0, 0.0, 0.0])
    x = np.array([np.cos(turn), np.sin(turn), 0 * turn]).T
    y = np.array([-np.sin(turn), np.cos(turn), 0 * turn]).T

    def ecef(v):
        return np.stack([np.sum(v * x, 1), np.sum(v * y, 1), v[:, 2]], axis=1)

    return ecef(pos), ecef(vel) - np.cross([0, 0, SPIN_RADPS], ecef(pos))


def good_log(radius_m=7.158e6, inclination_deg=86.0, **changes):
    time_s = np.arange(12.0) * 10
    pos, vel = circular(radius_m, inclination_deg, time_s)
    log = DopplerLog(
        time_s=time_s,
        satellites=("A", "B"),
        sat_index=np.arange(12) % 2,
        doppler_hz=np.linspace(30e3, -30e3, 12),
        sat_pos_ecef_m=pos,
        sat_vel_ecef_mps=vel,
        carrier_hz=np.full(12, 1.6e9),
        source_line=np.arange(12) + 2,
        source="log.csv",
    )
    return dataclasses.replace(log, **changes)


def with_value(name, at, value):
    def change(log):
        array = np.array(getattr(log, name), float)
        array[at] = value
        return dataclasses.replace(log, **{name: array})

    return change


def times(name, factor):
    return lambda log: dataclasses.replace(log, **{name: getattr(log, name) * factor})


def replaced(**changes):
    return lambda log: dataclasses.replace(log, **changes)


def forced(**arrays):
    """Arrays that do not fit, as a caller without type checks may give them."""

    def change(log):
        copy = dataclasses.replace(log)
        for name, value in arrays.items():
            object.__setattr__(copy, name, value)
        return copy

    return change


def repeated(log):
    time = log.time_s.copy()
    time[3] = time[1]
    order = np.argsort(time, kind="stable")
    return dataclasses.replace(
        log, time_s=time[order], sat_index=log.sat_index[order], doppler_hz=log.doppler_hz[order]
    )


EMPTY = {
    name: np.zeros((0, 3)) if "sat_" in name and "index" not in name else np.zeros(0)
    for name in ("time_s", "doppler_hz", "sat_pos_ecef_m", "sat_vel_ecef_mps", "carrier_hz")
}

REFUSED = {
    "empty": (
        replaced(**EMPTY, sat_index=np.zeros(0, int), source_line=None),
        "log.csv: it holds no measurement",
    ),
    "carriers missing": (
        forced(carrier_hz=np.ones(3)),
        "carrier_hz has shape (3,); accepted: (12,)",
    ),
    "positions transposed": (forced(sat_pos_ecef_m=np.ones((3, 12))), "sat_pos_ecef_m has shape"),
    "lines missing": (forced(source_line=np.arange(3)), "source_line has shape (3,)"),
    "NaN Doppler": (
        with_value("doppler_hz", 4, np.nan),
        "log.csv:6: doppler_hz is [nan]; accepted: finite numbers (1 of 12",
    ),
    "infinite position": (
        with_value("sat_pos_ecef_m", (2, 1), np.inf),
        "log.csv:4: sat_pos_ecef_m",
    ),
    "unsorted": (
        with_value("time_s", 5, 1.0),
        "log.csv:7: time 1.0 s comes after 40.0 s; accepted: measurements in order of time",
    ),
    "twice": (repeated, "satellite B has a second measurement at 10.0 s"),
    "index too high": (
        replaced(satellites=("A",)),
        "sat_index runs from 0 to 1; accepted: 0 to 0",
    ),
    "negative index": (replaced(sat_index=np.arange(12) % 2 - 1), "sat_index runs from -1 to 0"),
    "negative sigma": (
        replaced(sigma_hz=np.array([1.0] * 11 + [-2.0])),
        "log.csv:13: sigma_hz is -2.0; accepted: finite and positive",
    ),
    "age of one of two": (replaced(ephemeris_age_s=np.zeros(1)), "ephemeris_age_s has shape (1,)"),
    "age NaN": (
        replaced(ephemeris_age_s=np.array([1.0, np.nan])),
        "ephemeris_age_s of B is nan",
    ),
    "km": (
        times("sat_pos_ecef_m", 1e-3),
        "log.csv:2: |sat_pos_ecef_m| is 7158 m: it looks like km",
    ),
    "underground": (times("sat_pos_ecef_m", 0.85), "inside the Earth"),
    "mm": (times("sat_pos_ecef_m", 1e3), "it looks like mm"),
    "km/s": (times("sat_vel_ecef_mps", 1e-3), "m/s: it looks like km/s (12 of 12"),
    "one slow row": (
        with_value("sat_vel_ecef_mps", (7, slice(None)), 7.0),
        "looks like km/s (1 of",
    ),
    "a tenth of the speed": (
        times("sat_vel_ecef_mps", 0.1),
        "no orbit at that distance is so slow",
    ),
    "mm/s": (times("sat_vel_ecef_mps", 1e3), "no orbit at that distance is so fast"),
    "MHz carrier": (
        times("carrier_hz", 1e-6),
        "log.csv:2: carrier_hz is 1600 Hz: it looks like MHz or GHz",
    ),
    "kHz Doppler": (times("doppler_hz", 1e-3), "it looks like kHz or MHz. Accepted: Hz"),
    "MHz Doppler": (times("doppler_hz", 1e-6), "it looks like kHz or MHz. Accepted: Hz"),
    "received frequency": (
        replaced(doppler_hz=1.6e9 + np.linspace(3e4, -3e4, 12)),
        "about the carrier itself; accepted: the shift in Hz",
    ),
    "one impossible Doppler": (
        with_value("doppler_hz", 3, 5e6),
        "log.csv:5: doppler_hz is 5e+06 Hz: that is more than this carrier and satellite speed",
    ),
    "wrong carrier": (times("carrier_hz", 0.05), "wrong unit or wrong carrier"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_log_is_refused_by_name(name):
    change, message = REFUSED[name]
    with pytest.raises(LeopntError) as caught:
        check_log(change(good_log()))
    assert message in str(caught.value)


def test_no_wrong_log_is_accepted(evidence):
    accepted = 0
    for change, _ in REFUSED.values():
        try:
            check_log(change(good_log()))
        except LeopntError:
            continue
        accepted += 1
    evidence(
        "scenes.doppler_checks",
        "wrong logs that were accepted, of 26 kinds",
        "list of mistakes",
        "own",
        achieved=accepted,
        tolerance=0,
    )
    assert len(REFUSED) == 26


@pytest.mark.parametrize(
    ("radius_m", "inclination_deg"),
    [(6.7e6, 97.0), (7.158e6, 86.0), (26.56e6, 55.0), (42.164e6, 0.0), (42.164e6, 7.0)],
)
def test_real_orbits_pass(radius_m, inclination_deg, evidence):
    # Low Earth, medium, geostationary (at rest in ECEF), inclined geosynchronous.
    speed = np.sqrt(GM / radius_m)
    doppler = np.linspace(0.4, -0.4, 12) * 1.6e9 * speed / 299792458.0
    check_log(good_log(radius_m, inclination_deg, doppler_hz=doppler))
    evidence(
        "scenes.doppler_log",
        "sound logs refused: low, medium and geostationary orbits",
        "circular orbits",
        "own",
        achieved=0,
        tolerance=0,
    )


def test_places_are_named_by_number_without_a_file():
    assert good_log(source_line=None).where(3) == "measurement 3"
    assert good_log().where(3) == "log.csv:5"
