"""Satellites of a study: names, and one ephemeris over all epochs and the flights before them."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, did_you_mean
from leopnt.orbits import constellations
from leopnt.orbits.constellations import Combined, Slots, Walker, walker_delta, walker_star
from leopnt.orbits.elements import MeanElements
from leopnt.orbits.ephemeris import NUM_POINTS, Ephemeris
from leopnt.orbits.kepler import drifted
from leopnt.orbits.sgp4 import DAY_S, AnyAge
from leopnt.scenes.satellite_file import (
    AbstractSatelliteFile,
    ElementFile,
    TableFile,
    read_satellite_file,
)
from leopnt.scenes.study_settings import ConstellationSettings, TimeSettings, WalkerSettings

MARGIN_S = 1.0
"""The ephemeris begins this much before the first epoch: signals that arrive then left earlier.
Geostationary ones fly 0.14 s."""

UNDATED = "2000-01-01T12:00:00Z"
"""Start of a study of planned satellites that names none: they need no date."""

Planned = Walker | Slots | Combined

PRESETS: dict[str, Planned] = {
    "iridium": constellations.IRIDIUM,
    "oneweb": constellations.ONEWEB,
    "starlink-shell-1": constellations.STARLINK_SHELL_1,
    "centispace": constellations.CENTISPACE,
    "gps": constellations.GPS,
    "bds-3": constellations.BDS3,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Satellites:
    """Satellites that have a state at all epochs.

    Attributes:
        names: (sat,), in the order of the ephemeris.
        ephemeris: t_s = 0 at the start of the study.
        warnings: sentences about those left out.
    """

    names: tuple[str, ...]
    ephemeris: Ephemeris
    warnings: tuple[str, ...]


def load_satellites(
    settings: ConstellationSettings, time: TimeSettings, folder: Path
) -> Satellites:
    """Satellites of checked settings.

    The last few results are kept, so that sweeps over users, masks or errors pay once; a file that
    changed is read again.

    Args:
        settings: file, preset or Walker pattern.
        time: the span of the ephemeris, and `MARGIN_S` more at both ends.
        folder: what `file` is relative to.

    Raises:
        LeopntError: no satellite, or not the ones asked for, has a state over the whole span; an
            unknown satellite.
    """
    stamp = file_stamp(folder / settings.file) if settings.file else ()
    place = str(folder.resolve()) if settings.file else ""
    return _load(settings.model_dump_json(), time.model_dump_json(), place, stamp)


@functools.lru_cache(maxsize=4)
def _load(constellation: str, time: str, folder: str, stamp: tuple[int, ...]) -> Satellites:
    settings = ConstellationSettings.model_validate_json(constellation)
    span = TimeSettings.model_validate_json(time)
    if settings.file is None:
        return _planned(settings, start_of(span), span.duration_s)
    file = read_satellites(Path(folder) / settings.file, stamp)
    return _of_file(file, settings, span)


def start_of(time: TimeSettings) -> Epoch:
    """First epoch of a study."""
    return Epoch.from_iso(time.start or UNDATED)


def file_stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file does; empty if it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size


@functools.lru_cache(maxsize=4)
def read_satellites(path: Path, stamp: tuple[int, ...]) -> AbstractSatelliteFile:
    """`read_satellite_file`, kept while the file's `file_stamp` stays the same."""
    return read_satellite_file(path)


def planned(settings: ConstellationSettings) -> Planned:
    """The preset or Walker pattern."""
    if settings.preset is not None:
        return PRESETS[settings.preset]
    assert settings.walker is not None  # the settings were checked
    return _walker(settings.walker)


def find_planned(label: str, names: tuple[str, ...], source: str) -> int:
    """Index of a satellite by name, capitals or not.

    Raises:
        LeopntError: no such satellite.
    """
    upper = [name.upper() for name in names]
    if label.upper() in upper:
        return upper.index(label.upper())
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    hint = did_you_mean(label.upper(), names)
    raise LeopntError(f"satellite {label!r} is not in {source}.{hint} It holds {shown}.")


def planned_rows(settings: ConstellationSettings, names: tuple[str, ...]) -> np.ndarray:
    """Indices of the satellites of a preset or Walker pattern that the settings ask for.

    Raises:
        LeopntError: an unknown name, or two names of one satellite.
    """
    if settings.satellites is None:
        return np.arange(len(names))
    source = source_of(settings)
    return _different(settings, [find_planned(one, names, source) for one in settings.satellites])


def _different(settings: ConstellationSettings, rows: list[int]) -> np.ndarray:
    """The rows of the satellites asked for, if no two of them are the same."""
    assert settings.satellites is not None  # there are rows of them
    for i, row in enumerate(rows):
        if row in rows[:i]:
            first, second = settings.satellites[rows.index(row)], settings.satellites[i]
            raise LeopntError(f"satellites {first!r} and {second!r} are the same object.")
    return np.array(rows)


def source_of(settings: ConstellationSettings) -> str:
    """What messages call the constellation."""
    return settings.preset or "the Walker pattern"


def _walker(table: WalkerSettings) -> Walker:
    shape = (table.satellites, table.planes, table.phasing)
    orbit = (math.radians(table.inclination_deg), 1e3 * table.altitude_km)
    if table.pattern == "delta":
        return walker_delta("WALKER", *shape, *orbit)
    return walker_star("WALKER", *shape, *orbit, math.radians(table.node_spread_deg or 180.0))


def _planned(settings: ConstellationSettings, start: Epoch, duration_s: float) -> Satellites:
    """Orbits whose elements hold at the start, from `MARGIN_S` before it."""
    constellation = planned(settings)
    names, elements = constellation.names(), constellation.elements()
    if settings.satellites is not None:
        rows = planned_rows(settings, names)
        names = tuple(names[i] for i in rows)
        elements = jax.tree.map(lambda column: column[rows], elements)
    ephemeris = Ephemeris.from_kepler(
        drifted(elements, jnp.asarray(-MARGIN_S)),
        start - MARGIN_S,
        duration_s + 2.0 * MARGIN_S,
        earth_angle_rad=-EARTH_ROTATION_ERA_RADPS * MARGIN_S,
    )
    return Satellites(names, _counted_from(start, ephemeris), ())


def _of_file(
    file: AbstractSatelliteFile, settings: ConstellationSettings, time: TimeSettings
) -> Satellites:
    """Satellites of a file with a state at all times, the others named in a warning."""
    problem = span_problem(file, settings, time)
    if problem:
        raise LeopntError(problem)
    wanted = wanted_rows(file, settings)
    start, duration_s = start_of(time), time.duration_s
    if isinstance(file, TableFile):
        rows, ephemeris = wanted, _of_rows(wanted, Ephemeris.from_tabulated(file.table))
    else:
        assert isinstance(file, ElementFile)
        elements = _elements(file, time)
        rows = wanted[_is_young(elements, settings, time)[wanted]]
        ephemeris = Ephemeris.from_sgp4(
            elements[rows], start - MARGIN_S, duration_s + 2.0 * MARGIN_S, age_gate=AnyAge()
        )
    ephemeris = _cropped(_counted_from(start, ephemeris), duration_s)
    is_known = np.all(np.isfinite(ephemeris.pos_ecef_m), axis=(1, 2))
    kept, all_names = rows[is_known], file.names
    missing = [all_names[i] for i in wanted if i not in set(kept.tolist())]
    sentences = _left_out(file, settings, missing, len(wanted))
    names = tuple(all_names[i] for i in kept)
    return Satellites(names, _of_rows(np.flatnonzero(is_known), ephemeris), sentences)


def wanted_rows(file: AbstractSatelliteFile, settings: ConstellationSettings) -> np.ndarray:
    """Indices of the satellites that the settings ask for.

    Raises:
        LeopntError: an unknown or ambiguous name, or two names of one satellite.
    """
    if settings.satellites is None:
        return np.arange(len(file.names))
    return _different(settings, [file.find(one) for one in settings.satellites])


def span_problem(
    file: AbstractSatelliteFile, settings: ConstellationSettings, time: TimeSettings
) -> str:
    """Why a file cannot tell where its satellites are in this span, or nothing."""
    start, end = start_of(time), start_of(time) + time.duration_s
    asked = f"{start.to_iso(digits=0)} to {end.to_iso(digits=0)}"
    if isinstance(file, TableFile):
        first, last = file.table.epoch[0], file.table.epoch[-1]
        if first + MARGIN_S <= start and end <= last:
            return ""
        return (
            f"{file.source}: the orbits span {first.to_iso(digits=0)} to {last.to_iso(digits=0)}; "
            f"{asked} reaches outside. Accepted: within, and {MARGIN_S:g} s or more after the "
            "beginning, because signals that are received then left earlier."
        )
    assert isinstance(file, ElementFile)
    if np.any(_is_young(_elements(file, time), settings, time)[wanted_rows(file, settings)]):
        return ""
    days = float(start.since(file.epoch)) / DAY_S
    return (
        f"{file.source}: no satellite has elements within {settings.max_age_days:g} days of all "
        f"of {asked}; the file is of {file.epoch.to_iso(digits=0)}, {abs(days):.1f} days "
        f"{'earlier' if days > 0 else 'later'}. Choose a start near that date, take elements of "
        "the date, or raise max_age_days."
    )


def _elements(file: ElementFile, time: TimeSettings) -> MeanElements:
    """One set for each satellite, in the order of `names`: the nearest to the middle."""
    return file.elements.nearest(start_of(time) + 0.5 * time.duration_s)


def _is_young(
    elements: MeanElements, settings: ConstellationSettings, time: TimeSettings
) -> np.ndarray:
    ends = start_of(time) + np.array([0.0, time.duration_s])
    age_s = ends[None, :].since(elements.epoch[:, None])
    return np.all(np.abs(age_s) <= settings.max_age_days * DAY_S, axis=1)


def _left_out(
    file: AbstractSatelliteFile, settings: ConstellationSettings, names: list[str], num_wanted: int
) -> tuple[str, ...]:
    if not names:
        return ()
    why = (
        f"no state over the whole span: elements farther than {settings.max_age_days:g} days, or "
        "decayed, or a gap in the table"
    )
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    if settings.satellites is not None or len(names) == num_wanted:
        raise LeopntError(f"{getattr(file, 'source', 'the file')}: {shown}: {why}.")
    return (f"{len(names)} of {num_wanted} satellites were left out ({shown}): {why}.",)


# Ephemerides


def _counted_from(start: Epoch, ephemeris: Ephemeris) -> Ephemeris:
    """The same states with t_s = 0 at `start`."""
    later_s = start.since(ephemeris.reference)
    return dataclasses.replace(
        ephemeris,
        first_node_s=ephemeris.first_node_s - later_s,
        start_s=ephemeris.start_s - later_s,
        end_s=ephemeris.end_s - later_s,
        reference_tai_s=jnp.asarray(start.tai_s),
        reference_fraction_s=jnp.asarray(start.fraction_s),
    )


def _of_rows(rows: np.ndarray, ephemeris: Ephemeris) -> Ephemeris:
    return dataclasses.replace(
        ephemeris,
        pos_ecef_m=ephemeris.pos_ecef_m[rows],
        vel_inertial_ecef_mps=ephemeris.vel_inertial_ecef_mps[rows],
    )


def _cropped(ephemeris: Ephemeris, duration_s: float) -> Ephemeris:
    """Only the nodes that states between -MARGIN_S and `duration_s` rest on."""
    first_s, step_s = float(ephemeris.first_node_s), float(ephemeris.step_s)
    num_nodes = ephemeris.pos_ecef_m.shape[1]
    ends = np.floor((np.array([-MARGIN_S, duration_s]) - first_s) / step_s).astype(int)
    begin, last = np.clip(ends - (NUM_POINTS // 2 - 1), 0, num_nodes - NUM_POINTS)
    nodes = slice(int(begin), int(last) + NUM_POINTS)
    return dataclasses.replace(
        ephemeris,
        pos_ecef_m=ephemeris.pos_ecef_m[:, nodes],
        vel_inertial_ecef_mps=ephemeris.vel_inertial_ecef_mps[:, nodes],
        first_node_s=ephemeris.first_node_s + int(begin) * ephemeris.step_s,
        start_s=jnp.maximum(ephemeris.start_s, -MARGIN_S),
        end_s=jnp.minimum(ephemeris.end_s, duration_s),
    )
