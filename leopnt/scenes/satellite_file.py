"""Satellites of a TLE, OMM or SP3 file, whichever it is: found by name, evaluated at any epoch."""

from __future__ import annotations

import abc
import dataclasses
import functools
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError, LeopntWarning, did_you_mean
from leopnt.frames.state import SatelliteState
from leopnt.io.element_sets import ScannedElements
from leopnt.io.omm import parse_omm
from leopnt.io.sp3 import read_sp3
from leopnt.io.textfile import decode, read_bytes
from leopnt.io.tle import parse_tle
from leopnt.orbits.elements import MeanElements
from leopnt.orbits.sgp4 import DAY_S, AnyAge, DropOlderThan, propagate, propagate_chunks
from leopnt.orbits.tabulated import TabulatedOrbits, interpolate

_TLE_LINE = re.compile(r"^[12] [0-9A-Z ]{5}.{40,}$", re.MULTILINE)
_SP3_HEAD = re.compile(r"#[a-d][PV ]")


class SatelliteBlock(NamedTuple):
    """Some satellites at all epochs; NaN where `is_valid` is False."""

    sat_index: Int[np.ndarray, " sat"]
    state: SatelliteState
    is_valid: Bool[np.ndarray, "sat epoch"]


class AbstractSatelliteFile(abc.ABC):
    """Satellites of one file."""

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """One per satellite, in file order."""

    @property
    @abc.abstractmethod
    def norad_cat_id(self) -> Int[np.ndarray, " sat"]:
        """Catalogue numbers, 0 where the file has none."""

    @property
    @abc.abstractmethod
    def epoch(self) -> Epoch:
        """A typical time of the file: the median of its element epochs, the start of its table."""

    @abc.abstractmethod
    def find(self, label: str) -> int:
        """Index of the satellite that a log calls `label`; unknown or ambiguous ones raise."""

    @abc.abstractmethod
    def age_s(self, index: int, epoch: Epoch) -> float:
        """Epoch minus the epoch of the satellite's elements; 0 for tabulated orbits."""

    @abc.abstractmethod
    def states(
        self, index: int, epoch: Epoch, max_age_s: float, eop: EopTable | None = None
    ) -> SatelliteState:
        """States of one satellite at epochs (epoch,); arrays (epoch, 3).

        Raises:
            LeopntError: elements older than `max_age_s`, a gap in the table, a decayed orbit.
        """

    @abc.abstractmethod
    def blocks(
        self, epoch: Epoch, max_age_s: float, eop: EopTable | None = None
    ) -> Iterator[SatelliteBlock]:
        """All satellites in blocks of bounded size; those too old or not there are not valid."""


def read_satellite_file(path: str | Path) -> AbstractSatelliteFile:
    """Read a TLE, OMM (JSON, XML, KVN, CSV) or SP3 file; the format is told from the content.

    Bad element sets among good ones are left out with a `LeopntWarning`.

    Raises:
        LeopntError: no such file.
        FormatError: none of these formats, or no good record.
    """
    text = decode(read_bytes(path), path)
    if _SP3_HEAD.match(text):
        return TableFile(str(path), read_sp3(path).tabulated())
    if _TLE_LINE.search(text):
        return ElementFile(str(path), _good(path, parse_tle(text, path)))
    first = text.lstrip()[:1]
    if first and (first in "[{<" or "MEAN_MOTION" in text or "CCSDS_OMM_VERS" in text):
        return ElementFile(str(path), _good(path, parse_omm(text, path)))
    found = f"it begins with {text.strip()[:40]!r}" if text.strip() else "it is empty"
    raise FormatError(path, None, f"is no TLE, OMM or SP3 file: {found}.")


def _good(path: str | Path, scanned: ScannedElements) -> MeanElements:
    if not len(scanned.elements):
        return scanned.require()
    if scanned.rejected:
        warnings.warn(
            f"{path}: {len(scanned.rejected)} bad element sets were left out, "
            f"{len(scanned.elements)} kept. The first: {scanned.rejected[0]}",
            LeopntWarning,
            stacklevel=3,
        )
    return scanned.elements


@dataclasses.dataclass(frozen=True, eq=False)
class ElementFile(AbstractSatelliteFile):
    """Mean elements, propagated with SGP4. Of several sets of one satellite the nearest is used."""

    source: str
    elements: MeanElements

    @property
    def names(self) -> tuple[str, ...]:
        rows, numbers = self._first_rows, self.norad_cat_id
        return tuple(self.elements.name[i] or str(n) for i, n in zip(rows, numbers, strict=True))

    @property
    def norad_cat_id(self) -> Int[np.ndarray, " sat"]:
        return self.elements.norad_cat_id[self._first_rows]

    @functools.cached_property
    def _first_rows(self) -> Int[np.ndarray, " sat"]:
        _, first = np.unique(self.elements.norad_cat_id, return_index=True)
        return np.sort(first)

    @property
    def epoch(self) -> Epoch:
        order = np.lexsort((self.elements.epoch.fraction_s, self.elements.epoch.tai_s))
        return self.elements.epoch[order[len(order) // 2]]

    def find(self, label: str) -> int:
        """By catalogue number, else by name, capitals or not."""
        numbers = self.norad_cat_id
        if label.isdecimal() and int(label) in numbers:
            return int(np.flatnonzero(numbers == int(label))[0])
        names = [name.upper() for name in self.names]
        found = [i for i, name in enumerate(names) if name == label.upper()]
        if len(found) == 1:
            return found[0]
        if found:
            raise LeopntError(
                f"satellite {label!r}: {len(found)} objects of {self.source} have this name "
                f"({', '.join(str(numbers[i]) for i in found[:5])}); use catalogue numbers."
            )
        raise LeopntError(_unknown(label, self.source, [*self.names, *map(str, numbers)]))

    def age_s(self, index: int, epoch: Epoch) -> float:
        return float(epoch.since(self._nearest(index, epoch).epoch[0]))

    def states(
        self, index: int, epoch: Epoch, max_age_s: float, eop: EopTable | None = None
    ) -> SatelliteState:
        elements = self._nearest(index, epoch[len(epoch) // 2])
        self._require_age(elements, epoch, max_age_s)
        whole = propagate(elements, epoch, age_gate=AnyAge(), eop=eop)
        if not np.all(whole.is_valid):
            raise LeopntError(f"{self.source}: {whole.problems(elements)[0]}")
        return whole.state[0]

    def blocks(
        self, epoch: Epoch, max_age_s: float, eop: EopTable | None = None
    ) -> Iterator[SatelliteBlock]:
        nearest = self.elements.nearest(epoch[len(epoch) // 2])
        gate = DropOlderThan(max_age_s)
        for part, whole in propagate_chunks(nearest, epoch, age_gate=gate, eop=eop):
            index = np.arange(part.start, part.stop)
            yield SatelliteBlock(index, whole.state, whole.is_valid)

    def _nearest(self, index: int, epoch: Epoch) -> MeanElements:
        mine = self.elements.norad_cat_id == self.norad_cat_id[index]
        return self.elements[mine].nearest(epoch)

    def _require_age(self, elements: MeanElements, epoch: Epoch, max_age_s: float) -> None:
        age_s = epoch.since(elements.epoch[0])
        worst = int(np.argmax(np.abs(age_s)))
        if abs(age_s[worst]) <= max_age_s:
            return
        days = age_s[worst] / DAY_S
        side = "after" if days > 0 else "before"
        raise LeopntError(
            f"{self.source}: {epoch[worst].to_iso(digits=0)} is {abs(days):.1f} days {side} the "
            f"elements of {elements.label(0)} ({elements.epoch[0].to_iso(digits=0)}); at most "
            f"{max_age_s / DAY_S:g} days are allowed. Sets of 7 days were measured 60 km off "
            "(Starlink), 5 km (Iridium), 3 km (OneWeb). Take element sets of the date, or raise "
            "max_age_days."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class TableFile(AbstractSatelliteFile):
    """Tabulated orbits (SP3), interpolated."""

    source: str
    table: TabulatedOrbits

    @property
    def names(self) -> tuple[str, ...]:
        return self.table.name

    @property
    def norad_cat_id(self) -> Int[np.ndarray, " sat"]:
        return np.zeros(len(self.table.name), dtype=np.int64)

    @property
    def epoch(self) -> Epoch:
        return self.table.epoch[0]

    def find(self, label: str) -> int:
        """By SP3 id, as G01 or L56."""
        if label.upper() in self.names:
            return self.names.index(label.upper())
        raise LeopntError(_unknown(label, self.source, list(self.names)))

    def age_s(self, index: int, epoch: Epoch) -> float:
        return 0.0

    def states(
        self, index: int, epoch: Epoch, max_age_s: float, eop: EopTable | None = None
    ) -> SatelliteState:
        try:
            return interpolate(self._only([index]), epoch, eop=eop).require()[0]
        except LeopntError as error:
            raise LeopntError(f"{self.source}: {error}") from None

    def blocks(
        self, epoch: Epoch, max_age_s: float, eop: EopTable | None = None
    ) -> Iterator[SatelliteBlock]:
        step = max(1, 100_000 // max(len(epoch), 1))
        for first in range(0, len(self.names), step):
            index = np.arange(first, min(first + step, len(self.names)))
            found = interpolate(self._only(index), epoch, eop=eop)
            yield SatelliteBlock(index, found.state, found.is_valid)

    def _only(self, index) -> TabulatedOrbits:
        index = np.asarray(index)
        table = self.table
        return TabulatedOrbits(
            name=tuple(table.name[i] for i in index),
            epoch=table.epoch,
            pos_ecef_m=table.pos_ecef_m[index],
            vel_ecef_mps=table.vel_ecef_mps[index],
            clock_s=table.clock_s[index],
            starts_arc=table.starts_arc[index],
            starts_clock_arc=table.starts_clock_arc[index],
        )


def _unknown(label: str, source: str, known: list[str]) -> str:
    shown = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
    return (
        f"satellite {label!r} is not in {source}.{did_you_mean(label.upper(), known)} It holds "
        f"{shown}."
    )
