"""The weakest direction of a 3 x 3 covariance, in closed form: no library call, safe in threads."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def largest_eigenvalue(matrix: Float[Array, "3 3"]) -> Float[Array, ""]:
    """Largest eigenvalue of a covariance,.

    Source: Smith, Comm. ACM 4 (1961) 168.
    """
    scale = jnp.trace(matrix) / 3.0
    off = matrix / scale - jnp.eye(3)
    size = jnp.sqrt(jnp.sum(off * off) / 6.0)
    a, b, c = off / jnp.where(size > 0, size, 1.0)
    cosine = jnp.clip(0.5 * jnp.sum(a * jnp.cross(b, c)), -1.0, 1.0)
    return scale * (1.0 + 2.0 * size * jnp.cos(jnp.arccos(cosine) / 3.0))


def eigenvector(matrix: Float[Array, "3 3"], eigenvalue: Float[Array, ""]) -> Float[Array, "3"]:
    """Unit vector of a simple eigenvalue, its last component not negative; NaN of a multiple one.

    It is normal to the rows of matrix - eigenvalue, so along their longest cross product.
    """
    a, b, c = matrix / eigenvalue - jnp.eye(3)
    normals = jnp.stack([jnp.cross(a, b), jnp.cross(b, c), jnp.cross(c, a)])
    squares = jnp.sum(normals * normals, axis=1)
    longest = normals[jnp.argmax(squares)] / jnp.sqrt(jnp.max(squares))
    return jnp.where(longest[2] < 0.0, -longest, longest)
