"""Antenna patterns in MATLAB files (up to version 7, not the HDF5 of 7.3).

Variables: axes `u` and `v`, or `theta_deg` and `phi_deg`, as vectors; one of `eirp_dbw`,
`gain_dbi`, `relative_db` of size (beam, first axis, second axis), or (first, second) for a single
beam; `beams`, names as a cell array of strings, is optional. Others are refused; save those alone:

    save('pattern.mat', 'u', 'v', 'eirp_dbw', '-v7')
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leopnt.errors import FormatError, LeopntError, did_you_mean
from leopnt.io.patterns import QUANTITIES, AnglePattern, CosinePattern
from leopnt.io.textfile import read_bytes

_COSINES, _ANGLES = ("u", "v"), ("theta_deg", "phi_deg")
_KNOWN = (*_COSINES, *_ANGLES, *QUANTITIES, "beams")


def read_pattern_mat(path: str | Path) -> CosinePattern | AnglePattern:
    """Read a pattern on a regular grid; `.antenna()` of it is an antenna with beams.

    Raises:
        LeopntError: no such file.
        FormatError: no MATLAB file of version 7 or below, unknown or missing variables, axes that
            do not rise in equal steps, sizes that do not fit, NaN.
    """
    there = _load(path)
    names = sorted(there)
    for name in names:
        if name not in _KNOWN:
            raise FormatError(
                path,
                None,
                f"unknown variable {name!r}; accepted: {', '.join(_KNOWN)}."
                f"{did_you_mean(name, _KNOWN)}",
            )
    axes = [pair for pair in (_COSINES, _ANGLES) if set(pair) & set(names)]
    levels = [name for name in QUANTITIES if name in names]
    if len(axes) != 1 or not set(axes[0]) <= set(names) or len(levels) != 1:
        raise FormatError(
            path,
            None,
            f"variables {', '.join(names)}: expected u and v, or theta_deg and phi_deg, and one of "
            f"{', '.join(QUANTITIES)}.",
        )
    first, second = (_axis(path, name, there[name]) for name in axes[0])
    level_db = _levels(path, levels[0], there[levels[0]], (len(first), len(second)))
    common = (str(path), _names(path, there.get("beams"), len(level_db)))
    if axes[0] == _COSINES:
        return CosinePattern(
            *common, first, second, level_db, levels[0], np.ones(level_db.shape, bool)
        )
    return AnglePattern(*common, np.radians(first), np.radians(second), level_db, levels[0])


def _load(path: str | Path) -> dict[str, np.ndarray]:
    import io

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    data = read_bytes(path)
    if data[:10] == b"MATLAB 7.3":
        raise FormatError(
            path, None, "a MATLAB 7.3 file (HDF5); save it again with save(..., '-v7')."
        )
    try:
        found = loadmat(io.BytesIO(data))
    except (MatReadError, ValueError, TypeError, NotImplementedError, EOFError) as error:
        raise FormatError(path, None, f"not a MATLAB file: {error}.") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _axis(path: str | Path, name: str, value: np.ndarray) -> np.ndarray:
    from leopnt.antennas._splines import regular_axis

    axis = _numbers(path, name, value)
    if axis.ndim != 2 or 1 not in axis.shape:
        raise FormatError(
            path, None, f"variable {name!r} has size {axis.shape}; expected a vector."
        )
    try:
        return regular_axis(f"variable {name!r}", axis.ravel())
    except LeopntError as error:
        raise FormatError(path, None, str(error)) from None


def _numbers(path: str | Path, name: str, value: np.ndarray) -> np.ndarray:
    if value.dtype.kind not in "fiu":
        raise FormatError(path, None, f"variable {name!r} holds {value.dtype}; expected numbers.")
    return value.astype(float)


def _levels(path: str | Path, name: str, value: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    level_db = _numbers(path, name, value)
    if level_db.shape == shape:
        level_db = level_db[None]
    if level_db.ndim != 3 or level_db.shape[1:] != shape:
        raise FormatError(
            path,
            None,
            f"variable {name!r} has size {level_db.shape}; expected (beam, {shape[0]}, {shape[1]}) "
            f"or ({shape[0]}, {shape[1]}).",
        )
    bad = ~(np.isfinite(level_db) | (level_db == -np.inf))
    if np.any(bad):
        at = tuple(int(i) + 1 for i in np.argwhere(bad)[0])
        raise FormatError(
            path, None, f"variable {name!r} is {level_db[bad][0]:g} at {at}; expected decibels."
        )
    return level_db


def _names(path: str | Path, value: np.ndarray | None, count: int) -> tuple[str, ...]:
    if value is None:
        return tuple(str(number) for number in range(1, count + 1))
    names = tuple(str(np.asarray(one).ravel()[0]) for one in value.ravel() if np.size(one))
    if len(names) != count or len(set(names)) != count:
        raise FormatError(
            path, None, f"variable 'beams' names {names}; expected {count} different names."
        )
    return names
