"""A station-day reduced to the global unknowns: sums that stack, store and travel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.normal_equations import eliminate_last
from leopnt.methods.calibration.assembly import Rows, assemble
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.station_day import StationDay


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

    def __post_init__(self):
        if self.shared_code is None:
            count = self.layout.num_stations
            object.__setattr__(self, "shared_code", np.zeros((count, count), np.int64))

    def __add__(self, other: ReducedNormals) -> ReducedNormals:
        if self.layout != other.layout:
            raise LeopntError(
                f"normal equations of different layouts do not add: {self.layout} and "
                f"{other.layout}."
            )
        names = [name for name in vars(self) if name != "layout"]
        return replace(self, **{n: getattr(self, n) + getattr(other, n) for n in names})


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
    )


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
        LeopntError: none at all, or of different layouts.
    """
    total = None
    for one in normals:
        total = one if total is None else total + one
    if total is None:
        raise LeopntError("normals: no station-day at all; expected one or more.")
    return total


def save_normals(path: str | Path, normals: ReducedNormals) -> None:
    """Write to an .npz file, whole or not at all."""
    path = Path(path)
    held = {n: v for n, v in vars(normals).items() if n != "layout"}
    layout = normals.layout
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(
            file,
            num_satellites=layout.num_satellites,
            num_stations=layout.num_stations,
            column_names=np.array(layout.column_names),
            prior_sigma_m=np.array(layout.prior_sigma_m),
            has_delays=layout.has_delays,
            **held,
        )
    part.replace(path)


def load_normals(path: str | Path) -> ReducedNormals:
    """Read what `save_normals` wrote.

    Raises:
        LeopntError: not such a file.
    """
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        layout = Layout(
            int(found.pop("num_satellites")),
            int(found.pop("num_stations")),
            tuple(str(n) for n in found.pop("column_names")),
            tuple(float(x) for x in found.pop("prior_sigma_m")),
            bool(found.pop("has_delays", True)),
        )
        numbers = {n: found[n].item() for n in found if found[n].ndim == 0}
        return ReducedNormals(layout=layout, **(found | numbers))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise LeopntError(
            f"{path} holds no reduced normal equations ({error}); expected a file that "
            "`save_normals` wrote."
        ) from error
