"""Robust losses against scipy's definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

from leopnt.errors import LeopntError
from leopnt.inference import Cauchy, Huber


def scipy_rho(loss, scale, residuals):
    """rho(s) of scipy: its cost of a residual vector that no unknown changes."""
    costs = [
        least_squares(lambda x, r=r: np.array([r + 0 * x[0]]), [0.0], loss=loss, f_scale=scale).cost
        for r in residuals
    ]
    return 2 * np.array(costs)


@pytest.mark.parametrize(
    ("loss", "name", "scale"),
    [(Huber(), "huber", 1.345), (Huber(0.5), "huber", 0.5), (Cauchy(), "cauchy", 2.385)],
)
def test_value_agrees_with_scipy(loss, name, scale, evidence):
    residuals = np.array([-30.0, -1.4, -1.3, 0.0, 1e-9, 0.4, 2.0, 500.0])
    ours = jax.vmap(loss.value)(jnp.asarray(residuals**2))
    evidence(
        "inference.losses",
        f"rho of {name} at scale {scale}",
        "scipy.optimize.least_squares",
        "implementation",
        achieved=np.max(np.abs(ours - scipy_rho(name, scale, residuals)) / (1 + residuals**2)),
        tolerance=1e-14,
    )


@pytest.mark.parametrize("loss", [Huber(), Huber(3.0), Cauchy(), Cauchy(0.7)])
def test_weight_is_the_slope_of_the_value(loss):
    square = jnp.asarray([0.0, 0.3, 1.5, 8.0, 9.5, 1e6])
    slope = jax.vmap(jax.grad(loss.value))(square)
    np.testing.assert_allclose(jax.vmap(loss.weight)(square), slope, rtol=1e-13)


@pytest.mark.parametrize("loss", [Huber(), Cauchy()])
def test_small_residuals_count_in_full_and_large_ones_less(loss):
    weight = np.asarray(jax.vmap(loss.weight)(jnp.asarray([0.0, 1e-4, 1e2, 1e4])))
    assert weight[0] == 1.0
    assert weight[1] > 0.9999
    assert np.all(np.diff(weight[1:]) < 0)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_thresholds_must_be_positive(bad):
    with pytest.raises(LeopntError, match="Huber: threshold must be finite and positive"):
        Huber(bad)
    with pytest.raises(LeopntError, match="Cauchy: scale must be finite and positive"):
        Cauchy(bad)


@pytest.mark.parametrize(("loss", "efficiency"), [(Huber(), 0.95), (Cauchy(), 0.95)])
def test_default_scales_cost_five_percent_of_efficiency(loss, efficiency):
    # Asymptotic efficiency of an M-estimator: E[psi']^2 / E[psi^2] with psi = z rho'(z^2).
    z = np.linspace(-12, 12, 200001)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    psi = z * np.asarray(jax.vmap(loss.weight)(jnp.asarray(z**2)))
    slope = np.gradient(psi, z)
    assert np.sum(density * slope) ** 2 / np.sum(density * psi**2) == pytest.approx(
        efficiency, abs=1e-3
    )
