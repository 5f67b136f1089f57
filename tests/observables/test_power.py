"""Received power against the worked case, in Earth-fixed axes turned at will."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from leopnt.antennas.beams import b52
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.frames import orbit_frame
from leopnt.noise import FoldedAmplitude
from leopnt.observables import received_amplitude, received_power_dbw, seen_from_antenna

STRONGEST = [43, 44, 24, 50, 39, 25]
POWER_DBW = [
    -129.64682945,
    -131.06044587,
    -136.68845646,
    -145.77510845,
    -147.27002352,
    -148.80033223,
]
SIGMA_RANGE_M = 6459.337
WAVELENGTH_M = SPEED_OF_LIGHT_MPS / 1.6e9
GAMMA, BETA, RANGE_M = np.radians(43.57605386661909), np.radians(220.0), 1830631.31261
COSINES = np.array([np.sin(GAMMA) * np.cos(BETA), np.sin(GAMMA) * np.sin(BETA), np.cos(GAMMA)])
ANTENNA = b52()


def link(seed=0):
    """Receiver, satellite and axes of the worked case, anywhere on the Earth."""
    axes = Rotation.random(random_state=seed).as_matrix()
    sat = -7571e3 * axes[:, 2]
    rx = sat + RANGE_M * axes @ COSINES
    return tuple(jnp.asarray(x) for x in (rx, sat, axes))


@jax.jit
def power_dbw(rx, sat, axes):
    return received_power_dbw(rx, sat, axes, ANTENNA.eirp_dbw, WAVELENGTH_M)


@jax.jit
def amplitude(rx, sat, axes):
    return received_amplitude(rx, sat, axes, ANTENNA.eirp_w, WAVELENGTH_M)


def test_powers_of_the_worked_case_are_found_in_any_axes(evidence):
    worst = 0.0
    for seed in range(5):
        found = np.asarray(power_dbw(*link(seed)))
        assert list(np.argsort(-found)[:6]) == STRONGEST
        worst = max(worst, np.max(np.abs(found[STRONGEST] - POWER_DBW)))
    evidence(
        "observables.power",
        "received powers of the six strongest beams, five Earth-fixed attitudes",
        "worked case of an independent implementation",
        "implementation",
        achieved=worst,
        tolerance=2e-8,
        unit="dB",
    )


def test_direction_cosines_lead_back_to_the_receiver():
    rx, sat, axes = link(3)
    at = seen_from_antenna(rx, sat, axes)
    np.testing.assert_allclose([at.u, at.v], COSINES[:2], rtol=1e-12)
    np.testing.assert_allclose(at.range_m, RANGE_M, rtol=1e-13)


def test_the_amplitude_is_the_square_root_of_twice_the_power():
    watts = 10 ** (np.asarray(power_dbw(*link())) / 10)
    np.testing.assert_allclose(amplitude(*link()), np.sqrt(2 * watts), rtol=1e-12)


def test_gain_of_the_receiver_adds_to_the_power():
    common = (ANTENNA.eirp_dbw, WAVELENGTH_M)
    gained = received_power_dbw(*link(), *common, 3.0) - received_power_dbw(*link(), *common)
    np.testing.assert_allclose(gained, 3.0, atol=1e-12)
    watts = (ANTENNA.eirp_w, WAVELENGTH_M)
    ratio = received_amplitude(*link(), *watts, 3.0) / received_amplitude(*link(), *watts)
    np.testing.assert_allclose(ratio, 10**0.15, rtol=1e-12)


def test_under_an_orbiting_satellite_forward_is_positive_u():
    sat, vel = jnp.array([7.571e6, 0.0, 0.0]), jnp.array([0.0, 7000.0, 1000.0])
    ahead = jnp.array([6.371e6, 7e4, 1e4])
    at = seen_from_antenna(ahead, sat, orbit_frame(sat, vel))
    assert at.u > 0.05
    np.testing.assert_allclose(at.v, 0.0, atol=1e-15)


def test_derivatives_agree_with_differences():
    rx, sat, axes = link()
    for one in (power_dbw, amplitude):
        found = np.asarray(jax.jacfwd(one)(rx, sat, axes))
        steps = 0.5 * np.eye(3)
        pairs = [(one(rx + s, sat, axes), one(rx - s, sat, axes)) for s in steps]
        expected = np.stack([a - b for a, b in pairs], axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(found).max())


def test_derivatives_below_the_satellite_are_finite():
    axes = jnp.eye(3)
    found = jax.jacfwd(power_dbw)(jnp.array([0.0, 0.0, 1.2e6]), jnp.zeros(3), axes)
    assert np.all(np.isfinite(found))


def test_the_information_of_a_fix_is_that_of_the_bound_of_the_method():
    rx, sat, axes = link()
    sigma = float(np.sqrt(1.380649e-23 * 290.0 * 1e3))
    rows = FoldedAmplitude(sigma).whiten(jax.jacfwd(amplitude)(rx, sat, axes), amplitude(*link()))
    sigma_d = np.sqrt(COSINES @ axes.T @ np.linalg.inv(rows.T @ rows) @ axes @ COSINES)
    # 4e-6 more than the bound that counts beams below the noise in full.
    np.testing.assert_allclose(sigma_d, SIGMA_RANGE_M, rtol=1e-5)


def test_behind_the_antenna_there_is_no_power():
    assert np.all(np.isnan(power_dbw(jnp.array([1e5, 0.0, -1e6]), jnp.zeros(3), jnp.eye(3))))


def test_what_is_no_link_is_refused(untyped):
    rx, sat, axes = link()
    with pytest.raises(LeopntError, match=r"axes_ecef: got shape \(3,\); accepted: \(3, 3\)"):
        seen_from_antenna(rx, sat, axes[0])
    with pytest.raises(LeopntError, match="axes_ecef: got float32; accepted: a float64"):
        seen_from_antenna(rx, sat, np.eye(3, dtype=np.float32))
    with pytest.raises(LeopntError, match="axes_ecef: got list; accepted: a float64"):
        seen_from_antenna(rx, sat, [[1.0]])
    with pytest.raises(LeopntError, match="rx_pos_ecef_m: got float32; accepted: float64"):
        seen_from_antenna(np.zeros(3, np.float32), sat, axes)
    with pytest.raises(LeopntError, match="wavelength_m: got shape"):
        received_power_dbw(rx, sat, axes, ANTENNA.eirp_dbw, jnp.ones(2))
