"""Small Hermitian positive definite systems, written out entry by entry.

Complex sister of `leopnt.inference.small_linear`: under `vmap` every entry becomes one long vector,
and nothing calls a library that must not be called from two threads.
"""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Complex

from leopnt.inference.small_linear import UNROLL_LIMIT

PIVOT_FLOOR = 1e-15
"""Pivots below this share of their diagonal entry hold nothing but rounding."""


def factor(matrix: Complex[Array, "user user"]) -> Complex[Array, "user user"]:
    """Lower Cholesky factor with real positive diagonal; small pivots are raised to the floor."""
    size = matrix.shape[0]
    if size > UNROLL_LIMIT:
        return jnp.linalg.cholesky(matrix)
    low: dict[tuple[int, int], Array] = {}
    for j in range(size):
        diagonal = matrix[j, j].real
        pivot = diagonal - sum(_square(low[j, k]) for k in range(j))
        pivot = jnp.maximum(pivot, jnp.maximum(PIVOT_FLOOR * diagonal, jnp.finfo(float).tiny))
        inverse = jax.lax.rsqrt(pivot)
        low[j, j] = (pivot * inverse).astype(matrix.dtype)
        for i in range(j + 1, size):
            dot = sum(low[i, k] * jnp.conj(low[j, k]) for k in range(j))
            low[i, j] = (matrix[i, j] - dot) * inverse
    zero = jnp.zeros_like(matrix[0, 0])
    rows = [jnp.stack([low.get((i, j), zero) for j in range(size)]) for i in range(size)]
    return jnp.stack(rows)


def solve_lower(
    low: Complex[Array, "user user"], rhs: Complex[Array, "user cols"]
) -> Complex[Array, "user cols"]:
    """L^-1 rhs by forward substitution."""
    if low.shape[0] > UNROLL_LIMIT:
        return solve_triangular(low, rhs, lower=True)
    x: list[Array] = []
    for i in range(low.shape[0]):
        x.append((rhs[i] - sum(low[i, k] * x[k] for k in range(i))) / low[i, i].real)
    return jnp.stack(x)


def solve_upper(
    low: Complex[Array, "user user"], rhs: Complex[Array, "user cols"]
) -> Complex[Array, "user cols"]:
    """L^-H rhs by back substitution."""
    size = low.shape[0]
    if size > UNROLL_LIMIT:
        return solve_triangular(low, rhs, lower=True, trans=2)
    x: dict[int, Array] = {}
    for i in reversed(range(size)):
        dot = sum(jnp.conj(low[k, i]) * x[k] for k in range(i + 1, size))
        x[i] = (rhs[i] - dot) / low[i, i].real
    return jnp.stack([x[i] for i in range(size)])


def product(
    left: Complex[Array, "row user"], right: Complex[Array, "user cols"]
) -> Complex[Array, "row cols"]:
    """Matrix product, written out when it is small."""
    if left.shape[1] > UNROLL_LIMIT:
        return left @ right
    return sum((left[:, k, None] * right[k][None, :] for k in range(left.shape[1])), jnp.array(0.0))


def _square(z: Array) -> Array:
    return z.real**2 + z.imag**2
