"""Orbit and clock products of one system, read from SP3 and CLK files once per process."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.antennas.phase_center import check_inertial_velocity, inertial_velocity_of
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.io.clk import read_clk
from leopnt.io.sp3 import Sp3, read_sp3
from leopnt.methods.calibration.link_path import Satellites
from leopnt.observables.ionosphere_free import CarrierPair
from leopnt.orbits.inertial_tables import NUM_POINTS, InertialTable, inertial_table
from leopnt.orbits.linear_clocks import LinearClocks, linear_clocks

_CHECKED_APART_S = 301.0
_CHECKED_NODES = 40

FileKey = tuple[str, int, int]
"""Path, time of the last change and size: a file that was written anew is read anew."""


def file_keys(paths: Sequence[Path | str]) -> tuple[FileKey, ...]:
    """Keys of files.

    Raises:
        LeopntError: a file that is not there.
    """
    found = []
    for path in paths:
        try:
            stat = Path(path).stat()
        except OSError as error:
            raise LeopntError(f"{path}: cannot be read: {error.strerror}.") from None
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def read_satellites(
    letter: str,
    pair: CarrierPair,
    sp3: Sequence[Path | str],
    clk: Sequence[Path | str],
    origin: Epoch,
    num_points: int = NUM_POINTS,
) -> Satellites:
    """Orbits and clocks of all satellites of a system in some files, by name.

    Files of neighboring days join at midnight; where they overlap the later file counts. Clocks
    come from the CLK files if there are any, else from the SP3 files. Velocities come from V
    records, else from the positions.

    Args:
        letter: of the system.
        pair: carriers that the satellites are used with.
        sp3, clk: files.
        origin: instant from which times count.
        num_points: nodes of an orbit polynomial.

    Raises:
        LeopntError: no files, no satellite of the system in them, uneven epochs, satellites
            without a CLK clock (a warning if only some), V records that are not relative to the
            Earth.
    """
    if not sp3:
        raise LeopntError(f"no SP3 file for system {letter!r}; expected one or more.")
    names, orbits, clocks = _tables(file_keys(sp3), file_keys(clk), letter, origin, num_points)
    return Satellites(names, orbits, clocks, origin, pair)


@functools.lru_cache(maxsize=8)
def _tables(
    sp3: tuple[FileKey, ...],
    clk: tuple[FileKey, ...],
    letter: str,
    origin: Epoch,
    num_points: int,
) -> tuple[tuple[str, ...], InertialTable, LinearClocks]:
    files = [_sp3(key) for key in sp3]
    source = ", ".join(key[0] for key in sp3)
    names = tuple(sorted({n for one in files for n in one.satellites if n[0] == letter}))
    if not names:
        there = sorted({name[0] for one in files for name in one.satellites})
        raise LeopntError(
            f"{source}: no satellite of system {letter!r}; the systems are {', '.join(there)}."
        )
    t, pos, vel, bias, flags = _joined(files, names, origin)
    for (path, *_), one in zip(sp3, files, strict=True):
        _check_velocities(path, one, letter)
    whole = np.isfinite(vel) | np.isnan(pos)
    orbits = inertial_table(
        t, pos, vel if np.all(whole) else None,
        starts_arc=flags[0], num_points=num_points, source=source,
    )  # fmt: skip
    if clk:
        return names, orbits, _clk_clocks(clk, names, origin)
    return names, orbits, linear_clocks(t, bias, flags[1], source)


@functools.lru_cache(maxsize=8)
def _sp3(key: FileKey) -> Sp3:
    return read_sp3(key[0])


def _joined(files: list[Sp3], names: tuple[str, ...], origin: Epoch):
    """Times, positions, velocities, clocks and flags of all files on their common epochs."""
    times = [np.round(one.epoch.since(origin), 6) for one in files]
    t = np.unique(np.concatenate(times))
    shape = (len(names), len(t))
    pos, vel = np.full((*shape, 3), np.nan), np.full((*shape, 3), np.nan)
    bias, flags = np.full(shape, np.nan), np.zeros((2, *shape), bool)
    number = {name: i for i, name in enumerate(names)}
    for one, own in zip(files, times, strict=True):
        pairs = [(number[n], i) for i, n in enumerate(one.satellites) if n in number]
        if not pairs:
            continue
        to, of = (np.array(part) for part in zip(*pairs, strict=True))
        at = np.ix_(to, np.searchsorted(t, own))
        pos[at], vel[at] = one.pos_ecef_m[of], one.vel_ecef_mps[of]
        bias[at] = np.where(np.isnan(one.clock_s[of]), bias[at], one.clock_s[of])
        flags[0][at], flags[1][at] = one.is_maneuver[of], one.is_clock_event[of]
    return t, pos, vel, bias, flags


def _check_velocities(path: str, one: Sp3, letter: str) -> None:
    """Refuse V records that are not the change of the positions."""
    t = one.epoch.since(one.epoch[0])
    step = float(np.min(np.diff(t))) if len(t) > 2 else np.inf
    if step > _CHECKED_APART_S:
        return
    for i, name in enumerate(one.satellites):
        pos, vel = one.pos_ecef_m[i], one.vel_ecef_mps[i]
        known = np.flatnonzero(np.isfinite(pos[:, 0]) & np.isfinite(vel[:, 0]))[:_CHECKED_NODES]
        if name[0] != letter or len(known) < 3 or t[known[-1]] - t[known[0]] > step * len(known):
            continue
        inertial = inertial_velocity_of(pos[known], vel[known])
        try:
            check_inertial_velocity(t[known], pos[known], inertial)
        except LeopntError as error:
            raise LeopntError(
                f"{path}: the velocities of {name} are not the change of its positions; expected "
                f"V records relative to the Earth, in dm/s ({error})"
            ) from None


def _clk_clocks(clk: tuple[FileKey, ...], names: tuple[str, ...], origin: Epoch) -> LinearClocks:
    files = [read_clk(path) for path, *_ in clk]
    source = ", ".join(path for path, *_ in clk)
    times = [np.round(one.epoch.since(origin), 6) for one in files]
    t = np.unique(np.concatenate(times))
    bias: Float[np.ndarray, "sat epoch"] = np.full((len(names), len(t)), np.nan)
    number = {name: i for i, name in enumerate(names)}
    for one, own in zip(files, times, strict=True):
        at = np.searchsorted(t, own)
        for i, name in enumerate(one.satellites.names):
            if name in number:
                row = bias[number[name]]
                row[at] = np.where(np.isnan(one.satellites.bias_s[i]), row[at],
                                   one.satellites.bias_s[i])  # fmt: skip
    bare = [name for name, row in zip(names, bias, strict=True) if np.all(np.isnan(row))]
    if len(bare) == len(names):
        raise LeopntError(f"{source}: no clock of any of {', '.join(names)}.")
    if bare:
        warnings.warn(
            f"{source}: no clock of {', '.join(bare)}; they are left out.",
            LeopntWarning,
            stacklevel=2,
        )
    return linear_clocks(t, bias, None, source)
