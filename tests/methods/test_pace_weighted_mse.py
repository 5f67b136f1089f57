"""One update of the beams: against a general optimizer, the antenna-size form and duality."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pace_beam_cases import NOISE_W, OWN_SUB, channels, eigen_update, watts
from scipy.optimize import minimize

from leopnt.errors import LeopntError
from leopnt.methods.pace.weighted_mse import weighted_mse_beams

CAPABILITY = "methods.pace.weighted_mse"
SOLVE = jax.jit(weighted_mse_beams)


def problem(rng, num_user=3, num_ant=5, snr=4.0):
    channel = np.sqrt(snr / 2) * (
        rng.normal(size=(num_user, num_ant)) + 1j * rng.normal(size=(num_user, num_ant))
    )
    omega = rng.uniform(0.5, 3.0, num_user)
    mu = rng.normal(size=num_user) + 1j * rng.normal(size=num_user)
    return channel, omega, mu


def weighted_error(channel, omega, mu, beams):
    """Sum of omega Psi, from the definition of the mean-square error."""
    gain = mu[:, None] * (channel @ beams)
    off = np.abs(gain - np.eye(len(mu))) ** 2
    return np.sum(omega * (off.sum(axis=1) + np.abs(mu) ** 2))


def test_no_general_optimizer_finds_better_beams(evidence):
    # SLSQP on real and imaginary parts, from a random start; it knows nothing of the closed form.
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(3):
        channel, omega, mu = problem(rng)
        shape = channel.T.shape

        def value(z, c=channel, o=omega, m=mu, shape=shape):
            half = z.reshape(2, *shape)
            return weighted_error(c, o, m, half[0] + 1j * half[1])

        limit = {"type": "ineq", "fun": lambda z: 1 - z @ z, "jac": lambda z: -2 * z}
        found = minimize(
            value,
            rng.normal(size=2 * channel.size) / 10,
            method="SLSQP",
            constraints=[limit],
            options={"ftol": 1e-14, "maxiter": 500},
        )
        ours = weighted_error(channel, omega, mu, np.asarray(SOLVE(channel, omega, mu).beams))
        worst = max(worst, abs(ours / found.fun - 1))
        assert ours <= found.fun * (1 + 1e-10)
    evidence(
        CAPABILITY,
        "weighted mean-square error of the best beams",
        "scipy SLSQP",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
    )


def test_lagrange_dual_meets_the_weighted_error(evidence):
    # Any x >= 0 gives a lower bound of the convex problem; at the right x the bound is met.
    rng = np.random.default_rng(1)
    worst = 0.0
    for snr in (1e-3, 1.0, 1e4):
        channel, omega, mu = problem(rng, 4, 16, snr)
        found = SOLVE(channel, omega, mu)
        x = float(found.multiplier)
        target = channel.conj().T * (omega * mu.conj())[None, :]
        m = channel.conj().T * (np.sqrt(omega) * np.abs(mu))[None, :]
        free = np.linalg.lstsq(m @ m.conj().T + x * np.eye(16), target, rcond=1e-12)[0]
        dual = weighted_error(channel, omega, mu, free) + x * (np.sum(np.abs(free) ** 2) - 1)
        primal = weighted_error(channel, omega, mu, np.asarray(found.beams))
        worst = max(worst, abs(primal - dual) / primal)
        unused = 1 - np.sum(np.abs(found.beams) ** 2)
        np.testing.assert_allclose(x * unused, 0, atol=1e-12 * max(x, 1.0))
        assert unused > -1e-12
    evidence(
        CAPABILITY,
        "duality gap of the update, relative",
        "zero at the optimum",
        "closed form",
        achieved=worst,
        tolerance=1e-10,
    )


def test_reduced_form_gives_the_beams_of_the_antenna_size_form(evidence):
    worst = 0.0
    for power_dbm in (50.0, 70.0):
        scaled = channels()[0] * np.sqrt(watts(power_dbm) / OWN_SUB / NOISE_W)
        received = scaled @ (scaled.conj().T / np.linalg.norm(scaled))
        total = np.sum(np.abs(received) ** 2, axis=1) + 1
        mu = np.diag(received).conj() / total
        omega = 1 / (1 - np.abs(np.diag(received)) ** 2 / total)
        beams, x = eigen_update(scaled, omega, mu)
        found = SOLVE(scaled, omega, mu)
        np.testing.assert_allclose(found.multiplier, x, rtol=1e-9)
        worst = max(worst, float(np.max(np.abs(found.beams - beams)) / np.max(np.abs(beams))))
    evidence(
        CAPABILITY,
        "beams of one update, relative",
        "NumPy, 64 x 64 eigenproblem and bisection",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


def test_leaves_power_unused_when_least_squares_needs_less():
    # Receivers with a large mu need little: the constraint is slack and W inverts the channel.
    rng = np.random.default_rng(2)
    channel, omega, mu = problem(rng)
    mu = 50.0 * mu / np.abs(mu)
    found = SOLVE(channel, omega, mu)
    assert float(found.multiplier) == 0.0
    expected = np.linalg.pinv(channel) / mu[None, :]
    assert np.sum(np.abs(expected) ** 2) < 1
    np.testing.assert_allclose(found.beams, expected, atol=1e-9)


def test_a_user_that_receives_with_zero_gets_no_beam():
    rng = np.random.default_rng(3)
    channel, omega, mu = problem(rng, 3)
    mu[1] = 0.0
    found = SOLVE(channel, omega, mu)
    keep = np.array([0, 2])
    others = weighted_mse_beams(*(jnp.asarray(v[keep]) for v in (channel, omega, mu)))
    assert np.all(np.asarray(found.beams)[:, 1] == 0)
    np.testing.assert_allclose(np.asarray(found.beams)[:, keep], others.beams, atol=1e-11)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"omega": np.array([1.0, 0.0])}, "omega: smallest weight is 0; expected weights above 0"),
        ({"omega": np.array([1.0, np.inf])}, "omega holds NaN or infinity"),
        ({"omega": np.ones(3)}, r"omega: got shape \(3,\); accepted: \(2,\), one entry for each"),
        ({"mu": np.ones(3, complex)}, r"mu: got shape \(3,\); accepted: \(2,\)"),
        ({"channel": np.ones((2, 3))}, "channel: got float64; accepted: complex128"),
    ],
)
def test_refuses_what_it_cannot_use_in_words(change, message):
    accepted = {
        "channel": np.ones((2, 3), complex),
        "omega": np.ones(2),
        "mu": np.ones(2, complex),
    }
    with pytest.raises(LeopntError, match=message):
        weighted_mse_beams(**(accepted | change))
