"""Fisher information by name: FIM, EFIM over named nuisances, Cramer-Rao bounds.

Kept in square-root form (whitened rows, never J^T J), so that weak geometry survives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from leopnt.errors import LeopntError
from leopnt.geometry.dop import Dop, dop_from_cofactor
from leopnt.inference.linearize import LINK_CHUNK, split_chunks, whitened_rows
from leopnt.inference.model import Model, check_links, num_links, with_array_floats
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior, prior_rows
from leopnt.inference.small_linear import (
    eliminate_columns,
    inverse_of_root,
    triangular_root,
)


class Information(eqx.Module):
    """Fisher information about named unknowns, in square-root form.

    Attributes:
        root: (param, param) upper triangular, root^T root = FIM in scaled unknowns.
        unknowns: names, places and scales.
    """

    root: Float[Array, "param param"]
    unknowns: Unknowns = eqx.field(static=True)

    @property
    def matrix(self) -> Float[Array, "param param"]:
        """FIM in SI units, order of `unknowns`."""
        return _matrix_of_root(self.root, self.unknowns.scale_vector)

    def block(self, row_name: str, column_name: str) -> Float[Array, "row column"]:
        """Block of the FIM between two fields, SI."""
        return self.matrix[self.unknowns.slice(row_name), self.unknowns.slice(column_name)]

    def efim_rows(
        self, interest: str | Sequence[str], known: Sequence[str] = ()
    ) -> Float[Array, "row size"]:
        """Square root A of the EFIM, A^T A = EFIM, SI.

        Args:
            interest: fields to keep.
            known: fields taken as known; all the others are nuisances and eliminated.
        """
        return _rows_about(self.root, *self._parts(interest, known))

    def efim(
        self, interest: str | Sequence[str], known: Sequence[str] = ()
    ) -> Float[Array, "size size"]:
        """Equivalent FIM of the named fields, all others (but `known`) being nuisances, SI.

            J_e = J_11 - J_12 J_22^+ J_12^T     (generalised Schur complement)

        Source: Shen & Win, IEEE Trans. Inf. Theory 56 (2010) 4956, definition 1.
        """
        return _efim_about(self.root, *self._parts(interest, known))

    def crb(
        self, interest: str | Sequence[str] | None = None, known: Sequence[str] = ()
    ) -> Float[Array, "size size"]:
        """Cramer-Rao bound (covariance, SI) of the named fields; NaN where not observable.

        Args:
            interest: default: all unknowns that are not `known`.
            known: fields taken as known instead of nuisances.
        """
        if interest is None:
            interest = [n for n in self.unknowns.names if n not in known]
        return _bound_about(self.root, *self._parts(interest, known))

    def with_prior(
        self, names: str | Sequence[str], information: Float[Array | np.ndarray, "size size"]
    ) -> Information:
        """Information with a-priori knowledge added.

        Args:
            names: fields that it is about.
            information: its matrix in SI units, order of `names`, such as diag(1/sigma^2).
        """
        keep = self.unknowns.indices(names)
        matrix = np.asarray(information, float)
        if matrix.shape != (len(keep), len(keep)) or not np.allclose(matrix, matrix.T):
            raise LeopntError(
                f"information has shape {matrix.shape}; accepted: symmetric, "
                f"{(len(keep), len(keep))} for {names!r}."
            )
        value, vector = np.linalg.eigh(matrix)
        if value.min(initial=0.0) < -1e-9 * np.abs(value).max(initial=0.0):
            raise LeopntError("information: has a negative eigenvalue; information cannot.")
        rows = np.zeros((len(keep), self.unknowns.size))
        rows[:, keep] = np.sqrt(np.maximum(value, 0.0))[:, None] * vector.T
        scaled = jnp.asarray(rows * self.unknowns.scale_vector[None, :])
        root = _equilibrated_root(jnp.concatenate([self.root, scaled]))
        return Information(root, self.unknowns)

    def sigma(self, name: str, known: Sequence[str] = ()) -> Float[Array, " size"]:
        """Bound on the standard deviation of a field's components, SI."""
        return _deviations_about(self.root, *self._parts(name, known))

    def _parts(self, interest: str | Sequence[str], known: Sequence[str]) -> _Parts:
        keep = self.unknowns.indices(interest)
        nuisance = np.ones(self.unknowns.size, bool)
        if known:
            nuisance[self.unknowns.indices(known)] = False
        order = np.concatenate([np.setdiff1d(np.arange(self.unknowns.size), keep), keep])
        nuisance[keep] = False
        return _Parts(order.astype(int), nuisance, self.unknowns.scale_vector[keep])


class _Parts(NamedTuple):
    """What a question is about: sizes tell the kernel, so that all fields of a size share one.

    order: columns, those asked for last; nuisance: whether a column is unknown and not asked for;
    scale: of the columns asked for.
    """

    order: Int[np.ndarray, " part"]
    nuisance: Bool[np.ndarray, " param"]
    scale: Float[np.ndarray, " size"]


@jax.jit
def _matrix_of_root(
    root: Float[Array, "param param"], scale: Float[Array | np.ndarray, " param"]
) -> Float[Array, "param param"]:
    return root.T @ root / (scale[:, None] * scale[None, :])


@jax.jit
def _rows_about(
    root: Float[Array, "row param"],
    order: Int[Array | np.ndarray, " part"],
    nuisance: Bool[Array | np.ndarray, " param"],
    scale: Float[Array | np.ndarray, " size"],
) -> Float[Array, "row size"]:
    """Rows about the last columns in `order`, nuisances eliminated; see `_Parts`."""
    count = len(order) - len(scale)
    # A column of zeros, as of what is known, eliminates nothing.
    live = jnp.asarray(nuisance)[order] | (np.arange(len(order)) >= count)
    rows = jnp.where(live[None, :], root[:, order], 0.0)
    rest = eliminate_columns(rows, count)[:, count:]
    # Rounding left behind by an eliminated column must not pass for information.
    before = jnp.sqrt(jnp.sum(rows[:, count:] ** 2, axis=0))
    after = jnp.sqrt(jnp.sum(rest**2, axis=0))
    return jnp.where((after > 1e-13 * before)[None, :], rest, 0.0) / scale[None, :]


@jax.jit
def _efim_about(root, order, nuisance, scale) -> Float[Array, "size size"]:
    rows = _rows_about(root, order, nuisance, scale)
    return rows.T @ rows


@jax.jit
def _deviations_about(root, order, nuisance, scale) -> Float[Array, " size"]:
    return jnp.sqrt(jnp.diag(_bound_about(root, order, nuisance, scale)))


@jax.jit
def _bound_about(root, order, nuisance, scale) -> Float[Array, "size size"]:
    return _bound_of_rows(_rows_about(root, order, nuisance, scale), scale)


def _bound_of_rows(
    rows: Float[Array, "row size"], scale: Float[Array | np.ndarray, " size"]
) -> Float[Array, "size size"]:
    """(rows^T rows)^-1; NaN if a column is zero or dependent. `scale` is near to its sigmas."""
    rows = rows * scale[None, :]
    length = jnp.sqrt(jnp.sum(rows**2, axis=0))
    safe = jnp.where(length > 0, length, 1.0)
    cofactor, _ = inverse_of_root(triangular_root(rows / safe[None, :]))
    unit = scale / safe
    return jnp.where(jnp.all(length > 0), cofactor * unit[:, None] * unit[None, :], jnp.nan)


def fisher_information(
    model: Model,
    theta: Any,
    links: PyTree,
    free: Sequence[str] | str,
    *,
    shared: PyTree = None,
    visible: Bool[Array | np.ndarray, " link"] | None = None,
    priors: Sequence[AbstractPrior] = (),
) -> Information:
    """Fisher information of all visible links, and of the priors, about the `free` fields.

        FIM = sum_links J^T I(f) J + sum_priors P^T P,   J = d f / d theta (tangent where retracted)

    Real or complex predictions, any noise object; for CN(f, sigma^2) it is
    2 Re(J^H J) / sigma^2. Source: Kay, Estimation Theory (1993), eqs. 3.31 and 15.52.
    """
    unknowns = Unknowns.of(theta, free)
    check_links(links, shared, visible)
    given = with_array_floats((model, theta, links, shared, tuple(priors)))
    return Information(_root(unknowns, visible, *given), unknowns)


@eqx.filter_jit
def information_of_rows(rows: Float[Array, "row param"], unknowns: Unknowns) -> Information:
    """Information from whitened rows in SI units, A^T A = FIM: for derivatives in closed form.

    Args:
        rows: one per observation, columns in the order of `unknowns`.
        unknowns: names, sizes, scales and units of the columns.
    """
    return Information(_equilibrated_root(rows * unknowns.scale_vector[None, :]), unknowns)


@eqx.filter_jit
def _root(unknowns: Unknowns, visible, model: Model, theta, links, shared, priors):
    root = _root_of_links(model, unknowns, theta, links, shared, visible)
    if not priors:
        return root
    rows = [prior_rows(prior, unknowns, theta)[1] for prior in priors]
    return _equilibrated_root(jnp.concatenate([root, *rows]))


def _root_of_links(model, unknowns, theta, links, shared, visible):
    def extend(root, tile):
        links, mask = tile
        rows = whitened_rows(model, unknowns, theta, links, shared)
        if mask is not None:
            rows = jnp.where(mask[:, None, None], rows, 0.0)
        rows = rows.reshape(-1, unknowns.size)
        return _equilibrated_root(jnp.concatenate([root, rows])), None

    nothing = jnp.zeros((unknowns.size, unknowns.size))
    if num_links(links) <= LINK_CHUNK:
        return extend(nothing[:0], (links, visible))[0]
    return jax.lax.scan(extend, nothing, split_chunks(links, visible))[0]


@jax.jit
def _equilibrated_root(rows: Float[Array, "row param"]) -> Float[Array, "param param"]:
    length = jnp.sqrt(jnp.sum(rows**2, axis=0))
    safe = jnp.where(length > 0, length, 1.0)
    return triangular_root(rows / safe[None, :]) * safe[None, :]


def dilution(
    information: Information,
    enu_axes: Float[Array, "3 3"],
    sigma_m: Float[Array, ""] | float,
    position: str = "rx_pos_ecef_m",
    clock: str = "clock_bias_m",
) -> Dop:
    """DOP values as CRB over measurement sigma: the link between bounds and geometry.

    Args:
        information: about a position field (3 components, ECEF, m) and a clock field (m).
        enu_axes: rows east, north, up in ECEF (`frames.enu_basis`).
        sigma_m: common standard deviation of the ranges that went into `information`.
    """
    for name in (position, clock):
        information.unknowns.slice(name)
    covariance = information.crb((position, clock)) / sigma_m**2
    if covariance.shape != (4, 4):
        raise LeopntError(
            f"dilution: {position!r} and {clock!r} have {covariance.shape[0]} components; "
            "accepted: 3 and 1."
        )
    turn = jnp.eye(4).at[:3, :3].set(enu_axes)
    return dop_from_cofactor(turn @ covariance @ turn.T)
