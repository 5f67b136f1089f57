"""Antenna patterns from files of any kind that is known, told apart by their names' endings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leopnt.errors import LeopntError
from leopnt.io.contours import UV, BeamContours, ContourPattern
from leopnt.io.grasp_grd import read_grasp_grd
from leopnt.io.gxt import read_gxt
from leopnt.io.pattern_csv import read_pattern_csv
from leopnt.io.pattern_mat import read_pattern_mat
from leopnt.io.patterns import AnglePattern, CosinePattern

_NODES = 4e6
_NODES_PER_BEAM = 32
_COARSEST = 0.02


def read_pattern(path: str | Path) -> CosinePattern | AnglePattern:
    """Read a pattern; anything with another ending is taken for CSV.

    Contours are put on a grid of direction cosines with 32 steps over the narrowest beam, wider
    ones where a grid for all beams would hold more than four million numbers.

    Raises:
        LeopntError: no such file; contours on the Earth, which hold for one place of a satellite.
        FormatError: see `read_pattern_csv`, `read_grasp_grd`, `read_gxt`, `read_pattern_mat`.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".grd":
        return read_grasp_grd(path)
    if ending == ".mat":
        return read_pattern_mat(path)
    if ending == ".gxt":
        return _gridded(read_gxt(path))
    return read_pattern_csv(path)


def _gridded(found: ContourPattern) -> CosinePattern:
    if found.coordinates != UV:
        raise LeopntError(
            f"{found.source} is in {found.coordinates}; expected coordinates = {UV}: contours on "
            "the Earth hold for one place of a satellite. `ContourPattern.seen_from` turns them."
        )
    corners = [_corners(beam) for beam in found.beams]
    low, high = np.min([c[0] for c in corners], axis=0), np.max([c[1] for c in corners], axis=0)
    narrowest = min(float(np.min(c[1] - c[0])) for c in corners)
    finest = float(np.sqrt(np.prod(high - low) * len(corners) / _NODES))
    step = min(max(narrowest / _NODES_PER_BEAM, finest), _COARSEST)
    u, v = (_axis(a, b, step) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    return found.on_grid(u, v)


def _corners(beam: BeamContours) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate([contour.points for contour in beam.contours])
    return points.min(axis=0), points.max(axis=0)


def _axis(low: float, high: float, step: float) -> np.ndarray:
    """Equal steps over the contours, one more on both sides."""
    count = max(4, int(np.ceil((high - low) / step)) + 2)
    return 0.5 * (low + high) + step * (np.arange(count + 1) - 0.5 * count)
