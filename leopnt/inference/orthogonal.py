"""Least squares of a few unknowns by modified Gram-Schmidt: as accurate as QR, written out.

Under `vmap` every dot product becomes one long vector, and no library is called: safe from several
threads, and for conditions up to 1e8 that the normal equations would lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.inference.small_linear import gram, solve_upper

LAGUERRE_STEPS = 5
PIVOT_FLOOR = 1e-15


class Orthogonal(NamedTuple):
    """A = Z R with orthonormal Z.

    root: R, upper triangular, positive diagonal. projected: Z^T rhs. regular: every column brings
    something that earlier ones do not hold, rounding aside; where not, R has a 1 in its place.
    """

    root: Float[Array, "param param"]
    projected: Float[Array, " param"]
    regular: Bool[Array, ""]


def orthogonalize(columns: Sequence[Float[Array, " obs"]], rhs: Float[Array, " obs"]) -> Orthogonal:
    """Orthogonalize columns, one after the other, and take the right-hand side along.

    Source: Bjoerck, Numerical Methods for Least Squares Problems (1996), sec. 2.4.4.
    """
    columns, size = list(columns), len(columns)
    entry: dict[tuple[int, int], Array] = {}
    projected, regular = [], jnp.asarray(True)
    for j in range(size):
        length = jnp.sqrt(jnp.sum(columns[j] * columns[j]))
        good = length > PIVOT_FLOOR
        regular = regular & good
        entry[j, j] = jnp.where(good, length, 1.0)
        unit = columns[j] / entry[j, j]
        for k in range(j + 1, size):
            entry[j, k] = jnp.sum(unit * columns[k])
            columns[k] = columns[k] - entry[j, k] * unit
        projected.append(jnp.sum(unit * rhs))
        rhs = rhs - projected[j] * unit
    zero = jnp.zeros(())
    rows = [[entry.get((i, j), zero) for j in range(size)] for i in range(size)]
    root = jnp.stack([jnp.stack(row) for row in rows])
    return Orthogonal(root, jnp.stack(projected), regular)


def back_substitute(found: Orthogonal) -> Float[Array, " param"]:
    """Least-squares solution x of A x = rhs."""
    return solve_upper(found.root.T, found.projected)


def cofactor_of(root: Float[Array, "param param"]) -> Float[Array, "param param"]:
    """(A^T A)^-1 = R^-1 R^-T."""
    inverse = inverse_root(root)
    return _product(inverse, inverse.T)


def inverse_root(root: Float[Array, "param param"]) -> Float[Array, "param param"]:
    """R^-1."""
    return solve_upper(root.T, jnp.eye(root.shape[0]))


def condition(root: Float[Array, "param param"]) -> Float[Array, ""]:
    """Ratio of the largest to the smallest singular value of two to four columns, to 0.3 %."""
    size, squares = root.shape[0], gram(root)
    trace = _trace(squares)
    inverse_trace = _trace(cofactor_of(root))
    product = jnp.ones(())
    for i in range(size):
        product = product * root[i, i] * root[i, i]
    # Elementary symmetric functions of the eigenvalues of R^T R: of one, two, ... of them.
    functions = {1: trace, size: product, size - 1: trace if size == 2 else product * inverse_trace}
    if size == 4:
        places = [(i, j) for i in range(size) for j in range(i + 1, size)]
        minors = [squares[i, i] * squares[j, j] - squares[i, j] ** 2 for i, j in places]
        functions[2] = sum(minors, jnp.zeros(()))
    elementary = [functions[k] for k in range(1, size + 1)]
    largest = _largest_root(elementary)
    reciprocal = [x / product for x in (*elementary[-2::-1], 1.0)]
    return jnp.sqrt(largest * _largest_root(reciprocal))


def _largest_root(elementary: Sequence[Float[Array, ""]]) -> Float[Array, ""]:
    """Largest zero of x^n - e_1 x^(n-1) + e_2 x^(n-2) - ..., all zeros above 0, by Laguerre.

    Starts at their sum e_1 and falls toward the largest one; cubic, or a fourth each time where
    several are equal.
    """
    size = len(elementary)
    x = elementary[0]
    for _ in range(LAGUERRE_STEPS):
        value, slope, bend = jnp.ones_like(x), jnp.zeros_like(x), jnp.zeros_like(x)
        for i, e in enumerate(elementary):
            bend, slope = bend * x + slope, slope * x + value
            value = value * x + (e if i % 2 else -e)
        square = (size - 1) * slope * slope - 2 * size * value * bend
        below = slope + jnp.sqrt(jnp.maximum((size - 1) * square, 0.0))
        good = below > 0.0
        step = jnp.where(good, size * value / jnp.where(good, below, 1.0), 0.0)
        # At a multiple zero a step is a ratio of roundings: never up, nor below the mean.
        x = jnp.clip(x - step, elementary[0] / size, x)
    return x


def _trace(matrix: Float[Array, "param param"]) -> Float[Array, ""]:
    return sum((matrix[i, i] for i in range(matrix.shape[0])), jnp.zeros(()))


def _product(a: Float[Array, "param param"], b: Float[Array, "param param"]):
    size = a.shape[0]
    entry = [
        [sum(a[i, k] * b[k, j] for k in range(size)) for j in range(size)] for i in range(size)
    ]
    return jnp.stack([jnp.stack(row) for row in entry])
