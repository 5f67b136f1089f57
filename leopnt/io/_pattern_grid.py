"""Rows of (beam, direction, level) put onto a regular grid, or a sentence why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError

_ROUNDING = 1e-2
"""Share of a step by which a written coordinate may miss its node."""

Complain = Callable[[int | None, str], LeopntError]
"""Makes an error of a row (None: no row) and a message."""


class Coordinate(NamedTuple):
    """A column of coordinates: its name, its values in the unit of the file."""

    name: str
    value: Float[np.ndarray, " row"]


class Grid(NamedTuple):
    """Axes in the unit of the file, and levels (beam, first, second)."""

    first: Float[np.ndarray, " first"]
    second: Float[np.ndarray, " second"]
    level_db: Float[np.ndarray, "beam first second"]


def grid_of_rows(
    beams: tuple[str, ...],
    beam: Int[np.ndarray, " row"],
    first: Coordinate,
    second: Coordinate,
    level_db: Float[np.ndarray, " row"],
    complain: Complain,
) -> Grid:
    """Every beam at every node, each once.

    Raises:
        LeopntError: fewer than 4 values on an axis, a coordinate off the grid, a node twice, a
            missing node.
    """
    axes, index = zip(*(_axis(one, complain) for one in (first, second)), strict=True)
    shape = (len(beams), len(axes[0]), len(axes[1]))
    node = np.ravel_multi_index((beam, *index), shape)
    order = np.argsort(node, kind="stable")
    again = np.flatnonzero(node[order][1:] == node[order][:-1])
    names = (first.name, second.name)
    if len(again):
        row, before = int(order[again[0] + 1]), int(order[again[0]])
        what = _node(beams, axes, names, shape, int(node[row]))
        raise complain(row, f"{what} occurs twice (row {before + 1} of the data is the other one).")
    if len(node) < np.prod(shape):
        missing = int(np.setdiff1d(np.arange(np.prod(shape)), node)[0])
        what = _node(beams, axes, names, shape, missing)
        raise complain(
            None,
            f"{what} is missing: expected every beam at every node of the {shape[1]} x {shape[2]} "
            "grid; nothing is filled in.",
        )
    level = np.empty(len(node))
    level[node] = level_db
    return Grid(axes[0], axes[1], level.reshape(shape))


def _axis(coordinate: Coordinate, complain: Complain) -> tuple[np.ndarray, np.ndarray]:
    """The axis of equal steps that the values lie on, and the node of each row."""
    name, value = coordinate
    there = np.unique(value)
    # What differs in the last digits only is one value.
    spacing = np.diff(there)
    there = there[np.append(True, spacing > 1e-6 * np.max(spacing, initial=0.0))]
    if len(there) < 4:
        raise complain(
            None,
            f"column {name!r} holds {len(there)} different values; expected a grid of 4 or more.",
        )
    step = float(np.median(np.diff(there)))
    count = round((there[-1] - there[0]) / step) + 1
    axis = np.linspace(there[0], there[-1], count)
    place = (value - axis[0]) / (axis[-1] - axis[0]) * (count - 1)
    off = np.abs(place - np.round(place)) > _ROUNDING
    if np.any(off):
        row = int(np.argmax(off))
        raise complain(
            row,
            f"column {name!r}: {value[row]:g} is no node of a grid in equal steps (of {step:g} "
            f"from {axis[0]:g}).",
        )
    return axis, np.round(place).astype(int)


def _node(beams, axes, names, shape, node: int) -> str:
    beam, i, j = np.unravel_index(node, shape)
    first, second = (round(float(axis[at]), 9) + 0.0 for axis, at in zip(axes, (i, j), strict=True))
    return f"beam {beams[beam]!r} at {names[0]} = {first:g}, {names[1]} = {second:g}"
