"""Least squares of a few unknowns by modified Gram-Schmidt: as accurate as QR, written out.

Under `vmap` every dot product becomes one long vector, and no library is called: safe from several
threads, and for conditions up to 1e8 that the normal equations would lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.inference.small_linear import solve_upper

SQUARINGS = 6
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
    """Ratio of the largest to the smallest singular value, to half a percent."""
    inverse = inverse_root(root)
    largest = _largest_eigenvalue(_product(root.T, root))
    return jnp.sqrt(largest * _largest_eigenvalue(_product(inverse, inverse.T)))


def _largest_eigenvalue(matrix: Float[Array, "param param"]) -> Float[Array, ""]:
    """tr(M^(p+1)) / tr(M^p) with p = 64, right to 1 part in 2 e p whatever the gaps."""
    size = matrix.shape[0]
    places = [(i, j) for i in range(size) for j in range(i, size)]
    entries = [matrix[i, j] for i, j in places]

    def at(power, i, j):
        return power[places.index((min(i, j), max(i, j)))]

    def unit(power):
        trace = sum(at(power, i, i) for i in range(size))
        return [x / trace for x in power]

    def square(_, power):
        product = [sum(at(power, i, k) * at(power, k, j) for k in range(size)) for i, j in places]
        return unit(product)

    power = jax.lax.fori_loop(0, SQUARINGS, square, unit(entries))
    twice = [1.0 if i == j else 2.0 for i, j in places]
    return sum((w * x * y for w, x, y in zip(twice, power, entries, strict=True)), jnp.zeros(()))


def _product(a: Float[Array, "param param"], b: Float[Array, "param param"]):
    size = a.shape[0]
    entry = [
        [sum(a[i, k] * b[k, j] for k in range(size)) for j in range(size)] for i in range(size)
    ]
    return jnp.stack([jnp.stack(row) for row in entry])
