"""The transform of a round aperture against SciPy's Bessel functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from leopnt.antennas._bessel import aperture_transform


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_it_is_the_bessel_function_over_its_leading_power(order, evidence):
    x = np.concatenate([np.linspace(0.01, 40.0, 500), np.geomspace(40.0, 1e5, 200)])
    expected = special.factorial(order) * (2.0 / x) ** order * special.jv(order, x)
    got = jax.vmap(lambda one: aperture_transform(order, one))(jnp.asarray(x))
    evidence(
        "antennas.patterns",
        f"transform of a round aperture, Bessel order {order}, x to 1e5",
        "scipy.special.jv",
        "implementation",
        achieved=np.max(np.abs(got - expected)),
        tolerance=1e-13,
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_it_has_its_series_at_zero(order):
    # 1 - x^2 / (4 (order + 1)) + ...
    def value(x):
        return aperture_transform(order, x)

    zero = jnp.asarray(0.0)
    np.testing.assert_allclose(value(zero), 1.0, rtol=1e-15)
    assert jax.grad(value)(zero) == 0.0
    np.testing.assert_allclose(
        jax.grad(lambda x: jax.jvp(value, (x,), (jnp.ones(()),))[1])(jnp.asarray(1e-30)),
        -1.0 / (2.0 * (order + 1)),
        rtol=1e-13,
    )


@pytest.mark.parametrize("x", [0.3, 5.0, 24.9, 25.1, 300.0])
def test_its_slope_is_the_next_order(x):
    # d/dx (J_n / x^n) = -J_(n+1) / x^n
    for order in (1, 2):
        slope = jax.grad(lambda one, n=order: aperture_transform(n, one))(jnp.asarray(x))
        scale = special.factorial(order) * (2.0 / x) ** order
        np.testing.assert_allclose(slope, -scale * special.jv(order + 1, x), atol=1e-13)
