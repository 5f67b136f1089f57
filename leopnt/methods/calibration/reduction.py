"""A station-day reduced to the global unknowns: sums that stack, store and travel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.normal_equations import eliminate_last
from leopnt.methods.calibration.assembly import Rows, assemble
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.station_day import StationDay

_PASS_S = 2700.0
_NO_SUMS = ("layout", "span_s", "members")
_NOTE = "note_"


@dataclass(frozen=True)
class ReducedNormals:
    """Normal equations of the global unknowns; add those of other station-days with `+`.

    Attributes:
        layout: order of the unknowns.
        matrix, vector, square: N, v and q = y^T W y, local unknowns and clocks eliminated.
        num_observations, num_eliminated: counted codes and phases; clocks, nodes, ambiguities.
        local_defects: ambiguities held at 0 because no code reached their part of a station-day.
        code_links, phase_links: number of LEO codes and phases of each satellite and station.
        num_arcs: LEO arcs that count.
        shared_code: in how many passes of a satellite both of two stations have its code; counted
            by `reduce_day` with a free clock per epoch only.
        span_s: first and last epoch of each LEO satellite's phases over all stations.
        members: satellites of each (station, day) that is in the sums, as bits of an integer;
            nothing is added twice. Empty in files of before and in draws of a bootstrap.
    """

    layout: Layout
    matrix: Float[np.ndarray, "param param"]
    vector: Float[np.ndarray, " param"]
    square: float
    num_observations: int
    num_eliminated: int
    local_defects: int
    code_links: Int[np.ndarray, "sat station"]
    phase_links: Int[np.ndarray, "sat station"]
    num_arcs: Int[np.ndarray, "sat station"]
    shared_code: Int[np.ndarray, "station station"] | None = None
    span_s: Float[np.ndarray, "sat 2"] | None = None
    members: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self):
        if self.shared_code is None:
            count = self.layout.num_stations
            object.__setattr__(self, "shared_code", np.zeros((count, count), np.int64))
        if self.span_s is None:
            never = np.tile([np.inf, -np.inf], (self.layout.num_satellites, 1))
            object.__setattr__(self, "span_s", never)

    @property
    def single_pass(self) -> Bool[np.ndarray, " sat"]:
        """Satellites whose phases are of one pass, however many stations saw it.

        A pass is over in half an hour, the next comes one revolution later: 1.5 h or more.
        """
        length = np.diff(np.asarray(self.span_s), axis=1)[:, 0]
        return (self.num_arcs.sum(axis=1) == 1) | ((length >= 0.0) & (length < _PASS_S))

    def __add__(self, other: ReducedNormals) -> ReducedNormals:
        if self.layout != other.layout:
            raise LeopntError(
                f"normal equations of different layouts do not add: {self.layout} and "
                f"{other.layout}."
            )
        one, two = np.asarray(self.span_s), np.asarray(other.span_s)
        span = np.stack([np.minimum(one[:, 0], two[:, 0]), np.maximum(one[:, 1], two[:, 1])], 1)
        sums = {n: getattr(self, n) + getattr(other, n) for n in vars(self) if n not in _NO_SUMS}
        return replace(self, **sums, span_s=span, members=_joined(self.members, other.members))

    def as_drawn(self) -> ReducedNormals:
        """The same sums without `members`, which a draw with repetition may add several times."""
        return replace(self, members={})


def _joined(one: Mapping, two: Mapping) -> dict[tuple[int, int], int]:
    for key in one.keys() & two.keys():
        if one[key] & two[key]:
            twice = [i for i in range((one[key] & two[key]).bit_length()) if one[key] >> i & 1]
            raise LeopntError(
                f"normals hold station {key[0]}, day {key[1]} twice, with satellite {twice[0]} in "
                "both; expected each station-day once, or `as_drawn()` of what is to be repeated."
            )
    return {**one, **two} | {k: one[k] | two[k] for k in one.keys() & two.keys()}


@one_blas_thread()
def reduce_station_day(
    day: StationDay, layout: Layout, settings: CalibrationSettings
) -> ReducedNormals:
    """Eliminate receiver clocks, zenith delays and ambiguities of a station-day.

    A plain function of plain data: station-days are jobs of their own, on threads or elsewhere.

    Raises:
        LeopntError: see `assembly.assemble`; local unknowns that cannot be told apart, by name.
    """
    found = assemble(day, layout, settings)
    unknowns = found.unknowns
    kept = len(unknowns.global_place)

    def name_of(local: int) -> str:
        return f"{unknowns.name_of(local)} of station {day.station}, day {day.day}"

    part = eliminate_last(found.matrix, found.vector, found.square, kept, name_of)
    matrix, vector = np.zeros((layout.size, layout.size)), np.zeros(layout.size)
    matrix[np.ix_(unknowns.global_place, unknowns.global_place)] = part.matrix
    vector[unknowns.global_place] = part.vector
    clocks = int(np.count_nonzero(found.clock_weight))
    return ReducedNormals(
        layout,
        matrix,
        vector,
        part.square,
        found.num_observations,
        clocks + unknowns.size - kept,
        unknowns.floating,
        *link_counts(day, layout, found.rows[0]),
        span_s=phase_spans(day, layout, found.rows[0]),
        members=members_of(day),
    )


def members_of(day: StationDay) -> dict[tuple[int, int], int]:
    """A station-day and its LEO satellites, as `ReducedNormals.members`."""
    return {(day.station, day.day): sum(1 << s for s in np.unique(day.leo.satellite).tolist())}


def phase_spans(day: StationDay, layout: Layout, leo: Rows) -> Float[np.ndarray, "sat 2"]:
    """First and last epoch of the phases of each LEO satellite that count [s]."""
    span = np.tile([np.inf, -np.inf], (layout.num_satellites, 1))
    told = leo.phase_weight > 0
    sat, t_s = day.leo.satellite[told], day.epoch_s[day.leo.epoch[told]]
    np.minimum.at(span[:, 0], sat, t_s)
    np.maximum.at(span[:, 1], sat, t_s)
    return span


def link_counts(day: StationDay, layout: Layout, leo: Rows) -> Int[np.ndarray, "3 sat station"]:
    """Codes, phases and arcs of each LEO satellite that count."""
    shape = layout.num_satellites, layout.num_stations
    sat = day.leo.satellite
    counts = np.zeros((3, *shape), np.int64)
    counts[0, :, day.station] = np.bincount(sat[leo.code_weight > 0], minlength=shape[0])
    counts[1, :, day.station] = np.bincount(sat[leo.phase_weight > 0], minlength=shape[0])
    pairs = np.unique(np.stack([sat, day.leo.arc])[:, leo.phase_weight > 0], axis=1)
    counts[2, :, day.station] = np.bincount(pairs[0], minlength=shape[0])
    return counts


def stacked(normals: Iterable[ReducedNormals]) -> ReducedNormals:
    """Sum of the normal equations of many station-days, in their order.

    Raises:
        LeopntError: none at all, of different layouts, or a station-day twice.
    """
    total = None
    for one in normals:
        total = one if total is None else total + one
    if total is None:
        raise LeopntError("normals: no station-day at all; expected one or more.")
    return total


def save_normals(path: str | Path, normals: ReducedNormals, **notes: np.ndarray | str) -> None:
    """Write to an .npz file, whole or not at all.

    Args:
        notes: what else is kept with them, for `load_notes`.
    """
    path = Path(path)
    held = {n: v for n, v in vars(normals).items() if n not in ("layout", "members")}
    bits = [
        (*k, s) for k, v in normals.members.items() for s in range(v.bit_length()) if v >> s & 1
    ]
    layout = normals.layout
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            num_satellites=layout.num_satellites,
            num_stations=layout.num_stations,
            column_names=np.array(layout.column_names),
            prior_sigma_m=np.array(layout.prior_sigma_m),
            has_delays=layout.has_delays,
            members=np.array(bits, np.int64).reshape(-1, 3),
            **held,
            **{f"{_NOTE}{name}": np.asarray(value) for name, value in notes.items()},
        )
    part.replace(path)


def load_normals(path: str | Path) -> ReducedNormals:
    """Read what `save_normals` wrote.

    Raises:
        LeopntError: not such a file.
    """
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files if not name.startswith(_NOTE)}
        layout = Layout(
            int(found.pop("num_satellites")),
            int(found.pop("num_stations")),
            tuple(str(n) for n in found.pop("column_names")),
            tuple(float(x) for x in found.pop("prior_sigma_m")),
            bool(found.pop("has_delays", True)),
        )
        members: dict[tuple[int, int], int] = {}
        for station, day, sat in found.pop("members", np.zeros((0, 3), int)).tolist():
            members[station, day] = members.get((station, day), 0) | 1 << sat
        numbers = {n: found[n].item() for n in found if found[n].ndim == 0}
        return ReducedNormals(layout=layout, members=members, **(found | numbers))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise LeopntError(
            f"{path} holds no reduced normal equations ({error}); expected a file that "
            "`save_normals` wrote."
        ) from error


def load_notes(path: str | Path) -> dict[str, np.ndarray]:
    """What `save_normals` kept beside the normal equations; empty if there is no whole file."""
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith(_NOTE)]
            return {name.removeprefix(_NOTE): file[name] for name in names}
    except Exception:  # a damaged zip raises a dozen kinds
        return {}
