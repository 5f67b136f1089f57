"""Covariance and log determinant of whitened rows, with derivatives by the rows.

Values come from Householder reflections, as everywhere; derivatives from the formulas of implicit
differentiation, which stay finite where a column is zero (a nuisance that nothing depends on).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.inference.small_linear import triangular_root


@jax.custom_jvp
def covariance_of_rows(rows: Float[Array, "row param"]) -> Float[Array, "param param"]:
    """C = (A^T A)^-1 of rows A; NaN where singular, and zero for columns that are zero.

    dC = -(A^+ dA C) - (A^+ dA C)^T,   A^+ = C A^T
    """
    inverse, unit, _ = _inverse_root(rows)
    return unit[:, None] * (inverse @ inverse.T) * unit[None, :]


@covariance_of_rows.defjvp
def _covariance_jvp(primals, tangents):
    (rows,), (change,) = primals, tangents
    inverse, unit, _ = _inverse_root(rows)
    inverse = unit[:, None] * inverse
    covariance = inverse @ inverse.T
    half = inverse @ ((inverse.T @ rows.T) @ change) @ covariance
    return covariance, -half - half.T


@jax.custom_jvp
def log_det_of_rows(rows: Float[Array, "row param"]) -> Float[Array, ""]:
    """Log det(A^T A) of rows A without the columns that are zero; NaN where singular.

    d log det = 2 tr(A^+ dA)
    """
    _, unit, diagonal = _inverse_root(rows)
    live = unit > 0
    logs = jnp.log(jnp.where(live, diagonal / jnp.where(live, unit, 1.0), 1.0))
    return 2.0 * jnp.sum(logs)


@log_det_of_rows.defjvp
def _log_det_jvp(primals, tangents):
    (rows,), (change,) = primals, tangents
    inverse, unit, _ = _inverse_root(rows)
    inverse = unit[:, None] * inverse
    slope = 2.0 * jnp.sum((inverse @ (inverse.T @ rows.T)) * change.T)
    return log_det_of_rows(rows), slope


def _inverse_root(rows: Float[Array, "row param"]):
    """Inverse of the triangular root of rows with unit columns, 1/length of the columns (0 where
    that is 0), and the root's diagonal; NaN where singular.
    """
    size = rows.shape[1]
    length = jnp.sqrt(jnp.sum(rows * rows, axis=0))
    live = length > 0
    safe = jnp.where(live, length, 1.0)
    # A zero column gets a row of its own, so that it is regular and tells nothing of the others.
    own = jnp.diag(jnp.where(live, 0.0, 1.0))
    root = triangular_root(jnp.concatenate([rows / safe[None, :], own]))
    diagonal = jnp.diag(root)
    regular = jnp.all(diagonal > 0)
    safe_root = jnp.where(regular, root, jnp.eye(size))
    inverse = jnp.where(regular, _inverse_upper(safe_root), jnp.nan)
    return inverse, jnp.where(live, 1.0 / safe, 0.0), jnp.where(regular, diagonal, jnp.nan)


def _inverse_upper(root: Float[Array, "param param"]) -> Float[Array, "param param"]:
    """Inverse of an upper triangular matrix, row by row from the last: no LAPACK, so any thread."""
    size = root.shape[0]
    identity = jnp.eye(size)

    def step(k, inverse):
        i = size - 1 - k
        own = jax.lax.dynamic_index_in_dim(root, i, axis=0, keepdims=False)
        row = (identity[i] - (own @ inverse)) / own[i]
        return inverse.at[i].set(row)

    return jax.lax.fori_loop(0, size, step, jnp.zeros((size, size)))
