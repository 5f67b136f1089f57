"""Bessel functions of apertures, smooth and differentiable through zero."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_NUM_POINTS = 32
_FAR = 25.0
_NUM_TERMS = 18


def aperture_transform(order: int, x: Float[Array, ""]) -> Float[Array, ""]:
    """Gamma(order + 1) (2/x)^order J_order(x), 1 at zero, even in x.

        near: mean of cos(x cos t) sin^(2 order) t over t, over that of sin^(2 order) t
        far:  Hankel's asymptotic series

    The error is below 1e-14 for orders 1 to 4.

    Source: DLMF 10.9.4 (midpoint rule, which converges geometrically) and 10.17.3.
    """
    x = jnp.abs(x)
    is_far = x > _FAR
    return jnp.where(
        is_far,
        _far(order, jnp.where(is_far, x, _FAR)),
        _near(order, jnp.where(is_far, 0.0, x)),
    )


def _near(order: int, x: Float[Array, ""]) -> Float[Array, ""]:
    # The integrand is even about pi/2: half of the points suffice.
    angle = (np.arange(_NUM_POINTS // 2) + 0.5) * np.pi / _NUM_POINTS
    weight = np.sin(angle) ** (2 * order)
    return jnp.cos(x * np.cos(angle)) @ (weight / weight.sum())


def _far(order: int, x: Float[Array, ""]) -> Float[Array, ""]:
    k = np.arange(1, _NUM_TERMS)
    factors = (4.0 * order**2 - (2.0 * k - 1.0) ** 2) / (8.0 * k)
    a = np.concatenate([[1.0], np.cumprod(factors)])
    sign = np.array([1.0, 1.0, -1.0, -1.0])[np.arange(_NUM_TERMS) % 4]
    terms = sign * a * x ** (-np.arange(_NUM_TERMS, dtype=float))
    phase = x - (0.5 * order + 0.25) * np.pi
    amplitude = np.sqrt(2.0 / np.pi) * float(np.prod(np.arange(1, order + 1))) * 2.0**order
    wave = jnp.cos(phase) * jnp.sum(terms[::2]) - jnp.sin(phase) * jnp.sum(terms[1::2])
    return amplitude * wave * x ** (-order - 0.5)
