"""Splines in angles against the array that was sampled, at the boresight and everywhere else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import PolarBeams, SeparableBeams
from leopnt.errors import LeopntError


def bare():
    return SeparableBeams(
        np.ones(8), np.ones(8), np.array([0.1, -0.3, 0.5]), np.array([0.2, 0.3, -0.4]),
        np.array([26.0, 28.0, 31.0]), 0.0,
    )  # fmt: skip


def sampled(step_deg, antenna=None, last_deg=65.0, phi_deg=None, exponent=1.2):
    antenna = bare() if antenna is None else antenna
    theta = np.radians(np.arange(0.0, last_deg + step_deg / 2, step_deg))
    phi = np.radians(np.arange(0.0, 360.0, step_deg) if phi_deg is None else phi_deg)
    sine = np.sin(theta)[:, None]
    u, v = jnp.asarray(sine * np.cos(phi)), jnp.asarray(sine * np.sin(phi))
    power = jax.jit(jax.vmap(jax.vmap(antenna.eirp_w)))(u, v)
    return theta, phi, np.moveaxis(np.asarray(power), -1, 0), exponent


def polar(*args, **named):
    theta, phi, power, exponent = sampled(*args, **named)
    return PolarBeams.of_samples(theta, phi, power, element_exponent=exponent)


def whole():
    """The sampled antenna, element factor included."""
    return SeparableBeams(
        bare().taper_x, bare().taper_y, bare().beam_u, bare().beam_v, bare().peak_dbw, 1.2
    )


def directions(count, reach):
    rng = np.random.default_rng(4)
    rho, beta = reach * np.sqrt(rng.uniform(size=count)), rng.uniform(-np.pi, np.pi, count)
    return jnp.asarray(rho * np.cos(beta)), jnp.asarray(rho * np.sin(beta))


@pytest.mark.parametrize(("step_deg", "tolerance_db"), [(1.0, 0.02), (0.5, 1.2e-3)])
def test_a_grid_of_angles_is_as_accurate_as_one_of_cosines(step_deg, tolerance_db, evidence):
    u, v = directions(400, 0.829)
    found = jax.jit(jax.vmap(polar(step_deg).eirp_dbw))(u, v)
    expected = jax.jit(jax.vmap(whole().eirp_dbw))(u, v)
    evidence(
        "antennas.polar_beams",
        f"EIRP of 8 x 8 elements by splines on a {step_deg:g} deg grid of angles, 400 directions",
        "the array itself; tolerance about that published for a grid of (u, v)",
        "closed form",
        achieved=np.max(np.abs(found - expected)),
        tolerance=tolerance_db,
        unit="dB",
    )


def test_analytic_and_automatic_derivatives_agree_even_at_the_boresight(evidence):
    antenna = polar(2.0)
    u, v = (jnp.concatenate([jnp.array([0.0, 1e-9, 1e-4]), x]) for x in directions(30, 0.85))
    places = jnp.stack([u, v], axis=1)
    automatic = jax.jit(jax.vmap(jax.jacfwd(lambda p: antenna.eirp_w(p[0], p[1]))))(places)
    found = jax.jit(jax.vmap(antenna.eirp_w_gradient))(u, v)
    size = np.max(np.abs(automatic), axis=(1, 2))[:, None]
    worst = max(
        np.max(np.abs(found.by_u - automatic[..., 0]) / size),
        np.max(np.abs(found.by_v - automatic[..., 1]) / size),
    )
    evidence(
        "antennas.polar_beams",
        "derivative of the EIRP, relative",
        "automatic differentiation",
        "implementation",
        achieved=worst,
        tolerance=1e-6,
    )
    np.testing.assert_allclose(found.by_u[3:], automatic[3:, :, 0], rtol=1e-9, atol=1e-9)


def test_the_boresight_is_a_direction_like_any_other():
    antenna, true = polar(1.0), whole()
    for u, v in ((0.0, 0.0), (1e-7, -1e-7), (0.01, 0.0)):
        found, expected = antenna.eirp_w_gradient(u, v), true.eirp_w_gradient(u, v)
        np.testing.assert_allclose(found.eirp_w, expected.eirp_w, rtol=2e-4)
        size = np.max(np.abs(expected.by_u))
        np.testing.assert_allclose(found.by_u, expected.by_u, atol=2e-3 * size)
        np.testing.assert_allclose(found.by_v, expected.by_v, atol=2e-3 * size)


def test_where_azimuths_begin_and_whether_the_first_is_repeated_does_not_matter():
    u, v = directions(30, 0.8)
    plain = jax.vmap(polar(2.0).eirp_w)(u, v)
    closed = polar(2.0, phi_deg=np.arange(0.0, 361.0, 2.0))
    np.testing.assert_allclose(jax.vmap(closed.eirp_w)(u, v), plain, rtol=1e-9)
    shifted = polar(2.0, phi_deg=np.arange(-180.0, 180.0, 2.0))
    np.testing.assert_allclose(jax.vmap(shifted.eirp_w)(u, v), plain, rtol=1e-9)


def test_beyond_the_last_angle_the_pattern_is_unknown():
    antenna = polar(2.0, last_deg=40.0)
    assert np.all(np.isnan(antenna.eirp_w(np.sin(np.radians(40.1)), 0.0)))
    assert np.all(np.isfinite(antenna.eirp_w(0.0, -np.sin(np.radians(39.9)))))
    assert np.all(np.isnan(polar(2.0, last_deg=90.0).eirp_w(0.9, 0.9)))


THETA, PHI = np.radians(np.arange(0.0, 50.0, 10.0)), np.radians(np.arange(0.0, 360.0, 30.0))
FLAT = np.ones((1, 5, 12))


@pytest.mark.parametrize(
    ("theta", "phi", "power", "message"),
    [
        (THETA + 0.1, PHI, FLAT, "theta_rad is 0.1 to 0.798132: expected to begin at 0"),
        (THETA, PHI[:6], FLAT[..., :6], "phi_rad is 0 to 2.61799 in steps of 0.523599: expected"),
        (THETA, np.radians(np.arange(0.0, 360.0, 40.0)), FLAT[..., :9],
         "phi_rad has 9 steps in a turn; expected an even number"),
        (THETA, PHI, FLAT * np.arange(1.0, 13.0), "eirp_w of beam 0 differs at theta = 0, at any"),
        (THETA, np.append(PHI, 2 * np.pi), np.where(np.arange(13) == 12, 2.0, np.ones((1, 5, 13))),
         "eirp_w of beam 0 differs at the first phi and one turn later, by 1 W"),
        (THETA, PHI, FLAT[:, 1:], r"eirp_w has shape \(1, 4, 12\); accepted: \(beam, 5, 12\)"),
        (THETA[::-1], PHI, FLAT, "theta_rad must rise in equal steps"),
    ],
)  # fmt: skip
def test_what_is_no_whole_pattern_is_refused(untyped, theta, phi, power, message):
    with pytest.raises(LeopntError, match=message):
        PolarBeams.of_samples(theta, phi, power)
