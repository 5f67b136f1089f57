"""PACE scenes and links against an independent worked case, and what scenes refuse."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods import pace

SCENE, SYSTEM = pace.default_scene(), pace.PaceSystem()

SAT_POS_M = [120421.60441726, 0.0, 6898949.0965791]
SAT_VEL_MPS = [7598.84248319, 0.0, -132.63828892]
USER_POS_M = [31489.25808056, 11461.15264045, 6399912.27038353]
RANGE_M, DELAY_S, DOPPLER_HZ = 507028.6719152525, 1.6912656018693e-3, -50931.844249
AZ_RAD, EL_RAD, LOSS_DB = -1.4288667, 1.41030642, 168.80917499


def test_the_cluster_is_where_it_was_printed(evidence):
    printed = (SAT_POS_M, SAT_VEL_MPS, USER_POS_M)
    found = (SCENE.sat_pos_m[0], SCENE.sat_vel_mps[0], SCENE.user_pos_m[0])
    evidence(
        "methods.pace.cluster",
        "satellite 1 and user 1 of the default scene [m, m/s]",
        "independent implementation, printed",
        "implementation",
        achieved=max(
            np.max(np.abs(np.asarray(f) - p)) for f, p in zip(found, printed, strict=True)
        ),
        tolerance=6e-9,
    )
    assert SCENE.gain_phase_rad.shape == (8, 4)


def test_links_of_the_worked_case(evidence):
    links = jax.tree.map(lambda x: x[0, 0], pace.links_of(SCENE, SYSTEM))
    relative = [
        float(links.range_m) / RANGE_M - 1,
        float(links.delay_s) / DELAY_S - 1,
        float(links.doppler_hz) / DOPPLER_HZ - 1,
    ]
    evidence(
        "methods.pace.links",
        "range, delay and Doppler of the worked case, relative",
        "independent implementation, printed to 13 and 11 digits",
        "implementation",
        achieved=np.max(np.abs(relative)),
        tolerance=2e-11,
    )
    assert abs(float(links.range_m) - RANGE_M) < 2e-10
    evidence(
        "methods.pace.links",
        "angles of the worked case [rad]",
        "independent implementation, printed to 8 and 9 digits",
        "implementation",
        achieved=max(abs(float(links.az_rad) - AZ_RAD), abs(float(links.el_rad) - EL_RAD)),
        tolerance=5e-8,
        unit="rad",
    )
    evidence(
        "methods.pace.links",
        "loss of the worked case [dB]",
        "independent implementation, printed to 11 digits",
        "implementation",
        achieved=abs(float(links.loss_db) - LOSS_DB),
        tolerance=1e-8,
        unit="dB",
    )
    np.testing.assert_allclose(abs(links.gain) ** 2, 10 ** (-LOSS_DB / 10), rtol=1e-8)
    np.testing.assert_allclose(links.element, np.sin(EL_RAD), rtol=1e-8)


@mp.workdps(50)
def test_ranges_and_angles_hold_in_fifty_digits():
    links = pace.links_of(SCENE, SYSTEM)
    for s, u in ((0, 0), (3, 1), (7, 3)):
        sat, vel, user = (
            mp.matrix([mp.mpf(float(x)) for x in v])
            for v in (SCENE.sat_pos_m[s], SCENE.sat_vel_mps[s], SCENE.user_pos_m[u])
        )
        z = -sat / mp.norm(sat)
        x = _cross(sat, vel)
        x = x / mp.norm(x)
        y, d = _cross(z, x), user - sat
        az = mp.atan2((d.T * y)[0], (d.T * x)[0])
        el = mp.asin((d.T * z)[0] / mp.norm(d))
        user_el = mp.asin(-(d.T * user)[0] / mp.norm(d) / mp.norm(user))
        assert abs(float(float(links.range_m[s, u]) - mp.norm(d))) < 2e-10
        np.testing.assert_allclose(links.az_rad[s, u], float(az), rtol=1e-14)
        np.testing.assert_allclose(links.el_rad[s, u], float(el), rtol=1e-14)
        np.testing.assert_allclose(links.user_el_rad[s, u], float(user_el), rtol=1e-14)


def _cross(a, b):
    return mp.matrix(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def test_doppler_rates_are_those_of_a_satellite_that_moves_on(evidence):
    found = np.asarray(pace.doppler_rates_hzps(SCENE, SYSTEM))
    step_s = 0.05
    speed = np.linalg.norm(SCENE.sat_vel_mps, axis=1, keepdims=True)
    radius = np.linalg.norm(SCENE.sat_pos_m, axis=1, keepdims=True)
    turn = speed / radius * step_s
    dopplers = []
    for angle in (-turn, turn):
        pos = np.cos(angle) * SCENE.sat_pos_m + np.sin(angle) * radius / speed * SCENE.sat_vel_mps
        vel = np.cos(angle) * SCENE.sat_vel_mps - np.sin(angle) * speed / radius * SCENE.sat_pos_m
        scene = pace.pace_scene(sat_pos_m=pos, sat_vel_mps=vel, user_pos_m=SCENE.user_pos_m)
        dopplers.append(np.asarray(pace.links_of(scene, SYSTEM).doppler_hz))
    expected = (dopplers[1] - dopplers[0]) / (2 * step_s)
    evidence(
        "methods.pace.links",
        "rate of the Doppler on circular arcs, relative to the largest",
        "difference of Dopplers 0.1 s apart",
        "closed form",
        achieved=np.max(np.abs(found - expected)) / np.max(np.abs(found)),
        tolerance=1e-5,
    )
    np.testing.assert_allclose(np.max(np.abs(found)), 4.5e3, rtol=0.02)


def test_the_noise_power_is_the_printed_one(evidence):
    evidence(
        "methods.pace.system",
        "noise variance per sample, relative",
        "independent implementation, printed: 4.939480168e-15 W",
        "implementation",
        achieved=abs(SYSTEM.noise_w / 4.939480168e-15 - 1),
        tolerance=1.1e-10,
    )
    np.testing.assert_allclose(10 * np.log10(SYSTEM.noise_w) + 30, -113.063, atol=5e-4)


def test_turning_the_world_changes_no_link(evidence):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    turned = pace.pace_scene(
        sat_pos_m=SCENE.sat_pos_m @ turn.T,
        sat_vel_mps=SCENE.sat_vel_mps @ turn.T,
        user_pos_m=SCENE.user_pos_m @ turn.T,
    )
    before, after = pace.links_of(SCENE, SYSTEM), pace.links_of(turned, SYSTEM)
    worst = max(np.max(np.abs(a / b - 1)) for a, b in zip(after, before, strict=True))
    evidence(
        "methods.pace.scene",
        "links after a turn of the whole scene, relative",
        "before",
        "invariance",
        achieved=worst,
        tolerance=1e-11,
    )


def test_random_phases_keep_the_gain_and_differ_by_key():
    drawn = [
        pace.links_of(pace.with_random_phases(jax.random.key(i), SCENE), SYSTEM).channel_gain
        for i in (1, 2)
    ]
    plain = pace.links_of(SCENE, SYSTEM).channel_gain
    np.testing.assert_allclose(np.abs(drawn[0]), np.abs(plain), rtol=1e-13)
    assert np.all(np.abs(drawn[0] - drawn[1]) > 0)


def test_a_user_at_nadir_has_azimuth_zero_and_finite_links():
    scene = pace.pace_scene(
        sat_pos_m=[[0.0, 0.0, 6.9e6]], sat_vel_mps=[[7600.0, 0, 0]], user_pos_m=[[0, 0, 6.4e6]]
    )
    links = pace.links_of(scene, SYSTEM)
    assert float(links.el_rad[0, 0]) == np.pi / 2
    assert float(links.az_rad[0, 0]) == 0.0
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in links)


GOOD = {
    "sat_pos_m": np.asarray(SCENE.sat_pos_m),
    "sat_vel_mps": np.asarray(SCENE.sat_vel_mps),
    "user_pos_m": np.asarray(SCENE.user_pos_m),
}


def replaced(name, index, value):
    changed = GOOD[name].copy()
    changed[index] = value
    return {name: changed}


BAD = [
    ({"sat_pos_m": np.zeros((8, 2))}, r"sat_pos_m has shape \(8, 2\); accepted: \(sat, 3\)"),
    ({"sat_vel_mps": GOOD["sat_vel_mps"][:7]}, r"sat_vel_mps has shape \(7, 3\)"),
    ({"user_pos_m": np.zeros((0, 3))}, r"user_pos_m has shape \(0, 3\)"),
    ({"clock_bias_s": np.zeros(7)}, r"clock_bias_s has shape \(7,\); accepted: a number, \(8,\)"),
    ({"freq_offset_hz": np.zeros((4, 8))}, r"freq_offset_hz has shape \(4, 8\)"),
    ({"gain_phase_rad": "north"}, "gain_phase_rad = 'north': expected an array of numbers"),
    ({"clock_bias_s": np.inf}, "clock_bias_s holds NaN or infinity"),
    (replaced("user_pos_m", (1, 2), np.nan), "user_pos_m holds NaN or infinity"),
    ({"sat_pos_m": GOOD["sat_pos_m"].astype(np.float32)}, "sat_pos_m has type float32"),
    (replaced("sat_vel_mps", 2, 0.0), r"sat_vel_mps\[2\] = .*the velocity is zero"),
    (replaced("sat_vel_mps", 2, GOOD["sat_pos_m"][2] * 1e-3), "the velocity is radial"),
    (replaced("sat_pos_m", 5, [6.9e6, 0, 0]), r"user_pos_m\[0\] sees satellite 5 at an elevation"),
    (replaced("user_pos_m", 3, [1.0, 0, 7.9e6]), r"user_pos_m\[3\] sees satellite 0"),
    ({"sat_power_w": 0.0}, "sat_power_w = 0 W: expected above 0"),
    ({"user_power_w": -1.0}, "user_power_w = -1 W"),
    ({"sat_power_w": 2e6}, "is it in dBm"),
    ({"sat_power_w": [1.0, 2.0]}, r"sat_power_w has shape \(2,\); accepted: one number"),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_a_scene_that_makes_no_sense_is_refused(untyped, change, words):
    with pytest.raises(LeopntError, match=words):
        pace.pace_scene(**(GOOD | change))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"carrier_hz": 0.0}, "carrier_hz = 0 Hz"), ({"noise_w": -1e-15}, "noise_w = -1e-15 W")],
)
def test_a_system_that_makes_no_sense_is_refused(change, words):
    with pytest.raises(LeopntError, match=words):
        pace.PaceSystem(**change)
