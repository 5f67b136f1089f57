"""What one station observed on one day: plain arrays, checked, sorted, cut into arcs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError

_LARGEST_DELAY_M = 1000.0
_KINDS = {"satellite": "iu", "epoch": "iu", "arc": "iu", "has_code": "b", "has_phase": "b"}
_KIND_NAMES = {"iu": "integers", "b": "bool", "f": "float64"}


class Links(NamedTuple):
    """Ionosphere-free observed-minus-computed code and phase of links, sorted by satellite, epoch.

    satellite: number from 0; epoch: index into the day's epochs; arc: number from 0.
    code_m, phase_m: O-C; has_code, has_phase: False where there is none.
    code_factor, phase_factor: on the weight that the settings give, None for 1; see `reweighted`.
    """

    satellite: Int[np.ndarray, " link"]
    epoch: Int[np.ndarray, " link"]
    code_m: Float[np.ndarray, " link"]
    phase_m: Float[np.ndarray, " link"]
    elevation_rad: Float[np.ndarray, " link"]
    arc: Int[np.ndarray, " link"]
    has_code: Bool[np.ndarray, " link"]
    has_phase: Bool[np.ndarray, " link"]
    code_factor: Float[np.ndarray, " link"] | None = None
    phase_factor: Float[np.ndarray, " link"] | None = None

    def where(self, keep: Bool[np.ndarray, " link"]) -> Links:
        """These links alone, arcs numbered anew; an arc that loses links inside stays one arc."""
        found = {name: one[keep] for name, one in self._asdict().items() if one is not None}
        return Links(**found | {"arc": np.unique(found["arc"], return_inverse=True)[1]})

    @property
    def num_arcs(self) -> int:
        """Number of arcs."""
        return int(self.arc[-1]) + 1 if len(self.arc) else 0


class LeoGeometry(NamedTuple):
    """Of each LEO link, in the same order.

    partials: h = A^T u, derivatives of the range by the offset in body axes.
    range_m: from the station to the center of mass.
    orbit_angle_rad: argument of latitude or any angle that grows by 2 pi a revolution.
    """

    partials: Float[np.ndarray, "link 3"]
    range_m: Float[np.ndarray, " link"]
    orbit_angle_rad: Float[np.ndarray, " link"]


@dataclass(frozen=True)
class StationDay:
    """Observations of one station and day, a job of its own.

    Attributes:
        station, day: numbers from 0.
        epoch_s: sorted, from any reference.
        leo, geometry: links to LEO satellites.
        reference: links to the system whose orbits and clocks are given (BDS, GPS, Galileo).
    """

    station: int
    day: int
    epoch_s: Float[np.ndarray, " epoch"]
    leo: Links
    geometry: LeoGeometry
    reference: Links


def station_day(
    station: int,
    day: int,
    epoch_s: Float[np.ndarray, " epoch"],
    leo: Links,
    geometry: LeoGeometry,
    reference: Links,
    *,
    sampling_s: float | None = None,
) -> StationDay:
    """Put checked links of one station and day together.

    Arcs end where `epoch_s` leaves epochs out, besides where they end already.

    Args:
        sampling_s: interval between epochs; None for the median of `diff(epoch_s)`, infinity where
            `epoch_s` leaves nothing out.

    Raises:
        LeopntError: epochs not sorted or not finite; links to epochs that are not there, links that
            are not sorted or not those of the geometry; values that are not finite, of 32 bits or
            under the horizon; code of a LEO satellite off reference code by more than 1 km
            (nanoseconds?).
    """
    for name, value in (("station", station), ("day", day)):
        if isinstance(value, bool) or int(value) != value or value < 0:
            raise LeopntError(f"{name} = {value!r}: expected an integer from 0 on.")
    t = exact_numbers("epoch_s", epoch_s)
    if t.ndim != 1 or not t.size or not np.all(np.diff(t) > 0.0):
        raise LeopntError(
            f"epoch_s of station {station}, day {day} is not sorted or is empty; expected "
            "increasing times in s, each once."
        )
    for name, links in (("leo", leo), ("reference", reference)):
        if links.epoch.size and links.epoch.max() >= len(t):
            raise LeopntError(
                f"{name}.epoch of station {station}, day {day} goes to {links.epoch.max()}; "
                f"expected 0 to {len(t) - 1}, as epoch_s has."
            )
    steps = epoch_steps(t, sampling_s)
    found = StationDay(int(station), int(day), t, leo, geometry, reference)
    check_order(found)
    _check_unit(station, day, leo, reference, len(t))
    return replace(found, leo=_cut_at_gaps(leo, steps), reference=_cut_at_gaps(reference, steps))


def check_order(day: StationDay) -> None:
    """Refuse links that `sorted_links` would not give, or that are not those of the geometry.

    Raises:
        LeopntError: not sorted by satellite and epoch, arcs that do not follow, another length;
            values as in `check_values`.
    """
    where = f"of station {day.station}, day {day.day}"
    for name, links in (("leo", day.leo), ("reference", day.reference)):
        check_values(name, links, where)
        other, later = np.diff(links.satellite), np.diff(links.epoch)
        if not np.all((other > 0) | ((other == 0) & (later > 0))):
            raise LeopntError(
                f"{name} {where} is not sorted by satellite and epoch, or has a link twice; "
                "expected the links that `sorted_links` gives."
            )
        arcs = np.diff(links.arc)
        if not (np.all(arcs >= 0) and np.all((arcs > 0) | (other == 0))):
            raise LeopntError(
                f"{name}.arc {where} falls, or an arc has several satellites; expected the arcs "
                "that `sorted_links` gives."
            )
    if len(day.geometry.range_m) != len(day.leo.satellite):
        raise LeopntError(
            f"geometry {where} has {len(day.geometry.range_m)} links and leo "
            f"{len(day.leo.satellite)}; expected the same links in the same order."
        )


def check_values(name: str, links: Links, where: str) -> None:
    """Refuse values of hand-made links that would spoil normal equations silently.

    Raises:
        LeopntError: other lengths or types, 32 bits, numbers below 0, values that are not finite
            (0 stands where nothing was observed), an elevation not in 0 to pi/2.
    """
    for column, value in zip(Links._fields, links, strict=True):
        if value is None:
            continue
        kind = _KINDS.get(column, "f")
        if value.shape != links.satellite.shape or value.dtype.kind not in kind:
            raise LeopntError(
                f"{name}.{column} {where} has type {value.dtype}, shape {value.shape}; expected "
                f"{_KIND_NAMES[kind]}, shape {links.satellite.shape}."
            )
        if kind == "f" and value.dtype != np.float64:
            raise LeopntError(
                f"{name}.{column} {where} is of {8 * value.dtype.itemsize} bits; expected float64."
            )
    if not len(links.satellite):
        return
    for column in ("satellite", "epoch"):
        least = getattr(links, column).min()
        if least < 0:
            raise LeopntError(f"{name}.{column} {where} holds {least}; expected numbers from 0 on.")
    for column in ("code_m", "phase_m", "code_factor", "phase_factor"):
        value = getattr(links, column)
        if value is not None and not np.isfinite(value.sum()):  # a sum is the cheapest look
            _refuse(name, column, where, links, ~np.isfinite(value), "a finite number, 0 for none")
    high = links.elevation_rad
    if not (high.min() > 0.0 and high.max() <= np.pi / 2):
        bad = ~((high > 0.0) & (high <= np.pi / 2))
        _refuse(name, "elevation_rad", where, links, bad, "0 to pi/2, above the horizon (radians)")


def _refuse(name: str, column: str, where: str, links: Links, bad, expected: str) -> None:
    if np.any(bad):
        i = int(np.argmax(bad))
        raise LeopntError(
            f"{name}.{column} {where}, satellite {links.satellite[i]}, epoch {links.epoch[i]} is "
            f"{getattr(links, column)[i]:g}; expected {expected}."
        )


def sorted_links(
    satellite: ArrayLike,
    epoch: ArrayLike,
    code_m: ArrayLike,
    phase_m: ArrayLike,
    elevation_rad: ArrayLike,
    *,
    slip: ArrayLike | None = None,
    has_code: ArrayLike | None = None,
    has_phase: ArrayLike | None = None,
    max_gap_epochs: int = 1,
    epoch_s: ArrayLike | None = None,
    sampling_s: float | None = None,
) -> tuple[Links, Int[np.ndarray, " link"]]:
    """Check links, sort them by satellite and epoch, and cut them into arcs.

    An arc ends where the next link, or the next phase, comes more than `max_gap_epochs` later, and
    at each slip. Code that goes on without phase does not hold an arc together.

    Args:
        slip: True at the first link of the other side of a cycle slip.
        has_code, has_phase: False where that observation is missing; its value does not count.
        epoch_s: times of the epochs; gaps then count in sampling intervals. None where `epoch`
            leaves none out (`station_day` ends arcs where its own times do).
        sampling_s: as in `epoch_steps`.

    Returns:
        the links, and the order they were put in (apply it to other arrays of links).

    Raises:
        LeopntError: unequal lengths, 32 bits, a value that is not finite, a satellite under the
            horizon, a link twice.
    """
    sat, at = _counts("satellite", satellite), _counts("epoch", epoch)
    values = {"code_m": code_m, "phase_m": phase_m, "elevation_rad": elevation_rad}
    found = {name: exact_numbers(name, value) for name, value in values.items()}
    flags = {"slip": slip, "has_code": has_code, "has_phase": has_phase}
    found |= {n: _flag(n, v, len(sat), n != "slip") for n, v in flags.items()}
    for name, value in (("epoch", at), *found.items()):
        if value.shape != sat.shape:
            raise LeopntError(f"{name} has shape {value.shape}; accepted: {sat.shape}, as links.")
    _check_links(sat, at, found)
    order = np.lexsort((at, sat))
    sat, at = sat[order], at[order]
    found = {name: value[order] for name, value in found.items()}
    same = (np.diff(sat) == 0) & (np.diff(at) == 0)
    if np.any(same):
        i = int(np.argmax(same))
        raise LeopntError(f"satellite {sat[i]}, epoch {at[i]} is there twice; expected one link.")
    code = np.where(found["has_code"], found["code_m"], 0.0)
    phase = np.where(found["has_phase"], found["phase_m"], 0.0)
    step = at if epoch_s is None else _steps_of_links(at, epoch_s, sampling_s)
    arc = arcs_of(sat, step, found["slip"], max_gap_epochs, has_phase=found["has_phase"])
    with_code, with_phase = found["has_code"], found["has_phase"]
    links = Links(sat, at, code, phase, found["elevation_rad"], arc, with_code, with_phase)
    return links, order


def arcs_of(
    satellite: Int[np.ndarray, " link"],
    epoch: Int[np.ndarray, " link"],
    slip: Bool[np.ndarray, " link"],
    max_gap_epochs: int = 1,
    *,
    has_phase: Bool[np.ndarray, " link"] | None = None,
) -> Int[np.ndarray, " link"]:
    """Arc numbers of links sorted by satellite and epoch.

    Args:
        epoch: index, or step of `epoch_steps` where epochs may be left out.
        has_phase: a gap between phases ends an arc, code or not; None for phase on every link.
    """
    if not len(satellite):
        return np.zeros(0, np.int64)
    new = (np.diff(satellite) != 0) | (np.diff(epoch) > max_gap_epochs) | slip[1:]
    if has_phase is not None and not np.all(has_phase):
        at = np.flatnonzero(has_phase)
        later = np.diff(epoch[at]) > max_gap_epochs
        new[at[1:][(np.diff(satellite[at]) == 0) & later] - 1] = True
    return np.concatenate([[0], np.cumsum(new)])


def epoch_steps(
    epoch_s: Float[np.ndarray, " epoch"], sampling_s: float | None = None
) -> Int[np.ndarray, " epoch"]:
    """Epochs counted in sampling intervals from the first one; those left out count too.

    Intervals are rounded, to 1 at least.

    Args:
        sampling_s: interval; None for the median of `diff(epoch_s)`, infinity for the indices.

    Raises:
        LeopntError: an interval that is not above 0.
    """
    if sampling_s is not None and not sampling_s > 0.0:
        raise LeopntError(f"sampling_s = {sampling_s!r}: expected an interval above 0 s, or None.")
    if len(epoch_s) < 2:
        return np.zeros(len(epoch_s), np.int64)
    apart = np.diff(epoch_s)
    interval = np.median(apart) if sampling_s is None else sampling_s
    steps = np.maximum(1, np.round(apart / interval)).astype(np.int64)
    return np.concatenate([[0], np.cumsum(steps)])


def cut_arcs(links: Links, ended: Bool[np.ndarray, " link"]) -> Links:
    """The same links with arcs that also begin where told; nothing is joined."""
    new = ended.copy()
    new[1:] |= np.diff(links.arc) != 0
    new[:1] = False
    return links._replace(arc=np.cumsum(new))


def _cut_at_gaps(links: Links, steps: Int[np.ndarray, " epoch"]) -> Links:
    left_out = steps - np.arange(len(steps))
    if left_out[-1] == 0 or not len(links.arc):
        return links
    return cut_arcs(links, np.diff(left_out[links.epoch], prepend=left_out[links.epoch[0]]) > 0)


def _steps_of_links(at: np.ndarray, epoch_s: ArrayLike, sampling_s: float | None) -> np.ndarray:
    times = exact_numbers("epoch_s", epoch_s)
    if times.ndim != 1 or not np.all(np.diff(times) > 0.0):
        raise LeopntError("epoch_s is not sorted; expected increasing times in s, each once.")
    if at.size and at.max() >= len(times):
        raise LeopntError(f"epoch goes to {at.max()}; expected 0 to {len(times) - 1}, as epoch_s.")
    return epoch_steps(times, sampling_s)[at]


def leo_geometry(
    partials: ArrayLike, range_m: ArrayLike, orbit_angle_rad: ArrayLike
) -> LeoGeometry:
    """Check the geometry of LEO links.

    Raises:
        LeopntError: shapes, 32 bits, not finite, partials that are no unit vectors.
    """
    h, rho = exact_numbers("partials", partials), exact_numbers("range_m", range_m)
    angle = exact_numbers("orbit_angle_rad", orbit_angle_rad)
    if h.shape != (len(rho), 3) or angle.shape != rho.shape:
        raise LeopntError(
            f"partials, range_m, orbit_angle_rad have shapes {h.shape}, {rho.shape}, "
            f"{angle.shape}; accepted: (link, 3), (link,), (link,)."
        )
    for name, value in (("partials", h), ("range_m", rho), ("orbit_angle_rad", angle)):
        if not np.all(np.isfinite(value)):
            raise LeopntError(f"{name} holds NaN or infinity; a gap in the orbit product?")
    if len(h) and np.max(np.abs(np.sum(h * h, axis=1) - 1.0)) > 1e-6:
        raise LeopntError("partials holds a vector whose length is not 1; expected A^T u.")
    return LeoGeometry(h, rho, angle)


def _check_links(sat, at, found) -> None:
    used = {"code_m": found["has_code"], "phase_m": found["has_phase"]}
    for name in ("code_m", "phase_m", "elevation_rad"):
        bad = ~np.isfinite(found[name]) & used.get(name, True)
        if np.any(bad):
            i = int(np.argmax(bad))
            raise LeopntError(
                f"{name} of satellite {sat[i]}, epoch {at[i]} is {found[name][i]:g}; expected a "
                "finite number (has_code and has_phase mark what is missing)."
            )
    low = ~((found["elevation_rad"] > 0.0) & (found["elevation_rad"] <= np.pi / 2))
    if np.any(low):
        i = int(np.argmax(low))
        raise LeopntError(
            f"elevation_rad of satellite {sat[i]}, epoch {at[i]} is "
            f"{found['elevation_rad'][i]:g}; expected 0 to pi/2, above the horizon (radians)."
        )


def _check_unit(station: int, day: int, leo: Links, reference: Links, num_epochs: int) -> None:
    """Medians of the code of each LEO satellite, above the mean reference code of its epochs."""
    count = np.bincount(reference.epoch, reference.has_code, num_epochs)
    total = np.bincount(reference.epoch, reference.code_m * reference.has_code, num_epochs)
    mean = total / np.maximum(count, 1.0)
    told = leo.has_code & (count > 0.0)[leo.epoch]
    off = np.where(told, leo.code_m - mean[leo.epoch], 0.0)
    if np.max(np.abs(off), initial=0.0) <= _LARGEST_DELAY_M:
        return
    off, sat = off[told], leo.satellite[told]
    bounds = [0, *(np.flatnonzero(np.diff(sat)) + 1).tolist(), len(sat)]
    for first, stop in pairwise(bounds):
        offset = np.median(off[first:stop])
        if abs(offset) > _LARGEST_DELAY_M:
            raise LeopntError(
                f"leo.code_m of station {station}, day {day}, satellite {sat[first]} is "
                f"{offset:.4g} m off reference.code_m; expected delays below "
                f"{_LARGEST_DELAY_M:g} m (nanoseconds taken for meters?)."
            )


def exact_numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Real numbers as float64; 32 bits are refused.

    Raises:
        LeopntError: 32 bits, text, complex numbers or times.
    """
    found = np.asarray(value)
    if found.dtype == np.float32:
        raise LeopntError(f"{name} is of 32 bits; expected float64: weights differ by 1e4.")
    if found.dtype.kind in "SUcmM":
        raise LeopntError(f"{name} has type {found.dtype}; expected real numbers of 64 bits.")
    return np.asarray(found, float)


def _counts(name: str, value: ArrayLike) -> np.ndarray:
    found = np.asarray(value)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise LeopntError(f"{name} has type {found.dtype}, shape {found.shape}; expected integers.")
    if found.size and found.min() < 0:
        raise LeopntError(f"{name} holds {found.min()}; expected numbers from 0 on.")
    return found.astype(np.int64)


def _flag(name: str, value: ArrayLike | None, count: int, default: bool) -> np.ndarray:
    if value is None:
        return np.full(count, default)
    found = np.asarray(value)
    if found.dtype != bool:
        raise LeopntError(f"{name} has type {found.dtype}; expected bool.")
    return found
