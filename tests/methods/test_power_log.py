"""A power log: its axes, its noise, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from power_log_cases import ANTENNA, NOISE_W, measured, rows, turn, with_doppler

from leopnt.errors import LeopntError
from leopnt.methods.power import (
    HeightPrior,
    PowerLogOptions,
    check_power_log,
    fix_log,
    noise_of_integration,
    orbit_axes,
    quaternion_axes,
)
from leopnt.methods.power.log_start import largest_sweep


@pytest.fixture(scope="module")
def log():
    return measured(rows())


def test_the_noise_of_a_millisecond_at_290_kelvin_is_the_published_one(evidence):
    evidence(
        "methods.power.log",
        "noise power of 1 ms at 290 K [dBW]",
        "-173.9752 dBW of the published link",
        "published",
        achieved=abs(10.0 * np.log10(noise_of_integration(1e-3)) + 173.9752),
        tolerance=5e-5,
        unit="dB",
    )
    assert noise_of_integration(1e-3) == pytest.approx(NOISE_W)


def test_axes_along_the_orbit_are_right_handed_with_the_nadir_third(evidence):
    rng = np.random.default_rng(1)
    position, velocity = rng.normal(size=(2, 5, 3)) * np.array([7e6, 7e3])[:, None, None]
    axes = orbit_axes(position, velocity)
    nadir = -position / np.linalg.norm(position, axis=1, keepdims=True)
    level = velocity - np.sum(velocity * nadir, axis=1, keepdims=True) * nadir
    along = level / np.linalg.norm(level, axis=1, keepdims=True)
    plain = np.stack([along, np.cross(nadir, along), nadir], axis=2)
    evidence(
        "methods.power.log",
        "antenna axes along the orbit",
        "projection of the velocity on the horizontal plane",
        "closed form",
        achieved=np.max(np.abs(axes - plain)),
        tolerance=1e-14,
    )


def test_a_quaternion_about_nadir_turns_the_antenna():
    half = np.radians(30.0) / 2
    axes = quaternion_axes(np.array([[np.cos(half), 0.0, 0.0, np.sin(half)]]))
    np.testing.assert_allclose(axes[0][:, 0], [np.cos(2 * half), np.sin(2 * half), 0.0], atol=1e-15)


def test_rows_are_chosen_by_mask_and_keep_their_lines(log):
    numbered = dataclasses.replace(log, source="log.csv", source_line=np.arange(2, 54))
    part = numbered.rows(np.arange(52) % 2 == 1)
    assert part.num_rows == 26
    assert part.where(0) == "log.csv:3"
    assert log.where(3) == "row 3"


def changed(name, row, value):
    def change(log):
        field = np.array(getattr(log, name))
        field[row] = value
        return dataclasses.replace(log, **{name: field})

    return change


BAD = {
    "it holds no power": lambda log: log.rows(np.arange(0)),
    r"beam has shape \(51,\)": lambda log: dataclasses.replace(log, beam=log.beam[:-1]),
    "time_s is list; expected a NumPy array of real numbers": lambda log: dataclasses.replace(
        log, time_s=log.time_s.tolist()
    ),
    "beam is float64; expected a NumPy array of integers": lambda log: dataclasses.replace(
        log, beam=log.beam.astype(float)
    ),
    "power_dbw is complex128": lambda log: dataclasses.replace(log, power_dbw=log.power_dbw + 0j),
    "sat_index runs from 0 to 1; accepted: 0 to 0": changed("sat_index", 3, 1),
    "row 7: power_dbw of beam 7 is nan": changed("power_dbw", 7, np.nan),
    "row 7: power_dbw of beam 7 is inf": changed("power_dbw", 7, np.inf),
    "row 2: beam = 52: expected 0 to 51": changed("beam", 2, 52),
    "beam 1 of satellite occurs twice at time_s = 30": changed("beam", 2, 1),
    "power_dbw = 130 dBW of beam 0: expected a received power, .* positive sign": changed(
        "power_dbw", 0, 130.0
    ),
    "power_dbw = -50 dBW of beam 0: expected less than -60 dBW; dBm": changed(
        "power_dbw", 0, -50.0
    ),
    "row 4: noise_w = 0 W: expected a number above 0": changed("noise_w", 4, 0.0),
    "row 4: carrier_hz = -1 Hz": changed("carrier_hz", 4, -1.0),
    r"row 5: sat_pos_ecef_m is .*metres, not kilometres": lambda log: changed(
        "sat_pos_ecef_m", 5, log.sat_pos_ecef_m[5] / 1e3
    )(log),
    "row 6: axes_ecef are .* right-handed orthonormal set": changed(
        "axes_ecef", 6, np.ones((3, 3))
    ),
}


@pytest.mark.parametrize("message", BAD)
@pytest.mark.usefixtures("untyped")
def test_a_log_that_cannot_be_right_is_refused(log, message):
    with pytest.raises(LeopntError, match=message):
        check_power_log(BAD[message](log), ANTENNA)


def test_left_handed_axes_are_refused(log):
    mirrored = log.axes_ecef * np.array([1.0, -1.0, 1.0])[None, None, :]
    with pytest.raises(LeopntError, match="right-handed"):
        check_power_log(dataclasses.replace(log, axes_ecef=mirrored), ANTENNA)


def test_doppler_without_sigmas_is_refused():
    log = with_doppler()
    bare = dataclasses.replace(log.doppler, sigma_hz=None)
    with pytest.raises(LeopntError, match="sigma_hz is None"):
        check_power_log(dataclasses.replace(log, doppler=bare), ANTENNA)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"integration_s": 0.0}, "integration_s = 0 s: expected a number above 0"),
        ({"integration_s": 1e-3, "temperature_k": -1.0}, "temperature_k = -1 K"),
    ],
)
def test_noise_needs_time_and_temperature(given, message):
    with pytest.raises(LeopntError, match=message):
        noise_of_integration(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"unknowns": ("rx_pos_ecef_m", "level")}, "unknowns: 'level'.*Did you mean 'level_db'"),
        ({"unknowns": ("level_db",)}, "expected 'rx_pos_ecef_m' and others, each once"),
        ({"unknowns": ("rx_pos_ecef_m",) * 2}, "each once"),
        ({"level_sigma_db": 0.0}, "level_sigma_db = 0 dB: expected a number above 0"),
        ({"sigma_cal_db": -0.1}, "sigma_cal_db = -0.1: expected 0 or more"),
        ({"sigma_cal_db": np.array([0.1, np.nan])}, "sigma_cal_db = .*expected 0 or more"),
        ({"rx_gain_dbi": np.inf}, "rx_gain_dbi = inf"),
        ({"level_db": np.nan}, "level_db = nan"),
        ({"start_ecef_m": np.array([0.0, 0.0, np.nan])}, "start_ecef_m = .*three finite numbers"),
    ],
)
def test_options_that_cannot_be_right_are_refused(given, message):
    with pytest.raises(LeopntError, match=message):
        PowerLogOptions(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"unknowns": ("rx_pos_ecef_m", "freq_offset_hz")}, "needs Doppler rows; the log has none"),
        ({"sigma_cal_db": np.ones(3)}, r"sigma_cal_db has shape \(3,\); accepted: \(52,\)"),
        ({"height": HeightPrior(np.zeros(2), 1e3)}, "height.mean_m has an axis"),
    ],
)
def test_options_that_do_not_go_with_the_log_are_refused(log, given, message):
    with pytest.raises(LeopntError, match=message):
        fix_log(log, ANTENNA, PowerLogOptions(**given))


def test_turned_axes_are_accepted(log):
    turned = dataclasses.replace(log, axes_ecef=np.tile(turn(3), (52, 1, 1)))
    check_power_log(turned, ANTENNA)


def sweep_of(sat_index, beam, time_s):
    count = len(beam)
    log = rows().rows(np.zeros(count, int))
    given = {"sat_index": sat_index, "beam": beam, "time_s": time_s}
    given = {name: np.asarray(value) for name, value in given.items()}
    return largest_sweep(dataclasses.replace(log, satellites=("a", "b"), **given)).rows.tolist()


def test_a_sweep_holds_each_beam_of_one_satellite_once():
    seconds = np.arange(6.0)
    assert sweep_of([0, 0, 0, 0, 0, 0], [1, 2, 1, 3, 4, 3], 0.1 * seconds) == [1, 2, 3, 4]
    assert sweep_of([0, 1, 1, 0, 1, 0], [1, 1, 2, 2, 3, 1], 0.1 * seconds) == [1, 2, 4]
    # Beams 2 s apart: three are within five seconds of the first.
    assert sweep_of([0] * 6, [1, 2, 3, 4, 5, 6], 2.0 * seconds) == [0, 1, 2]
    # Order in the log does not matter.
    assert sweep_of([0] * 3, [3, 2, 1], [0.2, 0.1, 0.0]) == [2, 1, 0]
