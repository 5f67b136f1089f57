"""Satellites and stations that the observations do not determine: found, named and left out.

What is left out is free in the sums of the others, by the Schur complement

    N' = N_rr - N_rg N_gg^+ N_gr      v' = v_r - N_rg N_gg^+ v_g      q' = q - v_g^T N_gg^+ v_g

with the pseudo-inverse of its own block only: whatever it may be, the others are the same. That is
no regularization of them; nothing is said about what is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.normal_equations import PIVOT_FLOOR, factor
from leopnt.methods.calibration.layout import Layout


class Sums(NamedTuple):
    """N, v and q of all global unknowns with priors, and how many were taken out of them."""

    matrix: Float[np.ndarray, "param param"]
    vector: Float[np.ndarray, " param"]
    square: float
    num_gone: int


def weak_satellites(
    layout: Layout, matrix: Float[np.ndarray, "param param"], seen: Bool[np.ndarray, " sat"]
) -> list[int]:
    """Places of unknowns, one of each satellite whose own block is singular, biases held.

    Args:
        matrix: with priors. seen: satellites that are estimated.
    """
    found: list[int] = []
    for sat in np.flatnonzero(seen).tolist():
        own = layout.columns[sat]
        delay = layout.delays[[sat]]
        own = np.concatenate([own, delay[matrix[delay, delay] > 0.0]])
        place = singular_place(matrix[np.ix_(own, own)])
        if place is not None:
            found.append(int(own[place]))
    return found


def singular_place(matrix: Float[np.ndarray, "param param"]) -> int | None:
    """Where factoring fails; None where it does not."""
    failed: list[int] = []

    def noted(place: int) -> str:
        failed.append(place)
        return "an unknown"

    try:
        factor(matrix, noted)
    except LeopntError:
        return failed[0]
    return None


def owner_of(layout: Layout, place: int) -> tuple[int | None, int | None]:
    """Satellite, or station, that an unknown belongs to."""
    of_columns = layout.columns.size
    if place < of_columns:
        return place // layout.num_columns, None
    if place < of_columns + layout.num_satellites:
        return place - of_columns, None
    return None, place - of_columns - layout.num_satellites


def eliminated(sums: Sums, gone: Int[np.ndarray, " gone"]) -> Sums:
    """The sums with some unknowns free and taken out; their rows are 0 then."""
    if not len(gone):
        return sums
    block, cross = sums.matrix[np.ix_(gone, gone)], sums.matrix[gone]
    diagonal = np.diag(block)
    scale = np.where(diagonal > 0.0, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)), 0.0)
    values, vectors = np.linalg.eigh(block * scale[:, None] * scale[None, :])
    told = values > PIVOT_FLOOR
    half = (vectors[:, told] / np.sqrt(values[told])[None, :]).T * scale[None, :]
    rows, rhs = half @ cross, half @ sums.vector[gone]
    matrix, vector = sums.matrix - rows.T @ rows, sums.vector - rows.T @ rhs
    matrix[gone] = matrix[:, gone] = 0.0
    vector[gone] = 0.0
    return Sums(matrix, vector, float(sums.square - rhs @ rhs), sums.num_gone + int(np.sum(told)))
