"""Mean orbital elements of SGP4, of many satellites at once."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, did_you_mean

REV_PER_DAY_RADPS = 2 * np.pi / 86_400
LARGEST_MEAN_MOTION_RADPS = 17.1 * REV_PER_DAY_RADPS
"""A satellite that skims the ground makes 17.07 revolutions a day."""


@dataclass(frozen=True, eq=False)
class MeanElements:
    """Brouwer-Kozai mean elements in TEME, one set per entry of the `sat` axis.

    They mean something only to SGP4: used as Keplerian elements they are wrong by kilometers. A
    satellite may occur more than once, with element sets of different epochs.

    Attributes:
        name: object names, "" where the source has none.
        object_id: international designators as OMM writes them, "2019-074B"; "" where unknown.
        norad_cat_id: catalog numbers, up to 9 digits.
        epoch: instants at which the elements hold.
        mean_motion_radps: Kozai mean motion (TLE and OMM: revolutions per day).
        bstar_per_earth_radius: SGP4 drag term, in 1/(6378.135 km) as TLE and OMM write it.
        mean_motion_dot_radps2: field MEAN_MOTION_DOT; TLE and OMM hold half of the derivative,
            and so does this. SGP4 does not use it.
        mean_motion_ddot_radps3: field MEAN_MOTION_DDOT, a sixth of the derivative. Not used.
        element_set_no, rev_at_epoch: numbers the catalog gives, 0 where unknown.
    """

    name: tuple[str, ...]
    object_id: tuple[str, ...]
    norad_cat_id: Int[np.ndarray, " sat"]
    epoch: Epoch
    mean_motion_radps: Float[np.ndarray, " sat"]
    eccentricity: Float[np.ndarray, " sat"]
    inclination_rad: Float[np.ndarray, " sat"]
    raan_rad: Float[np.ndarray, " sat"]
    arg_perigee_rad: Float[np.ndarray, " sat"]
    mean_anomaly_rad: Float[np.ndarray, " sat"]
    bstar_per_earth_radius: Float[np.ndarray, " sat"]
    mean_motion_dot_radps2: Float[np.ndarray, " sat"]
    mean_motion_ddot_radps3: Float[np.ndarray, " sat"]
    element_set_no: Int[np.ndarray, " sat"]
    rev_at_epoch: Int[np.ndarray, " sat"]

    def __post_init__(self):
        sizes = {f.name: len(getattr(self, f.name)) for f in dataclasses.fields(self)}
        if len(set(sizes.values())) > 1:
            raise LeopntError(f"MeanElements: one entry per satellite is needed, got {sizes}.")
        for name, (lowest, highest) in _RANGES.items():
            values = getattr(self, name)
            is_bad = ~((values >= lowest) & (values <= highest))
            if np.any(is_bad):
                i = int(np.argmax(is_bad))
                raise LeopntError(
                    f"MeanElements: {name} of {self.label(i)} is {values[i]}; expected "
                    f"{lowest:.6g} to {highest:.6g}."
                )

    def __len__(self) -> int:
        return len(self.name)

    def __getitem__(self, index: Any) -> "MeanElements":
        """Satellites of a slice, a mask or an array of indices; one index gives one satellite."""
        where = np.atleast_1d(np.arange(len(self))[index])
        taken: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            column = getattr(self, field.name)
            is_text = isinstance(column, tuple)
            taken[field.name] = tuple(column[i] for i in where) if is_text else column[where]
        return MeanElements(**taken)

    def label(self, index: int) -> str:
        """Name and catalog number of one satellite, for messages: "STARLINK-1008 (44714)"."""
        number = int(self.norad_cat_id[index])
        return f"{self.name[index]} ({number})" if self.name[index] else f"object {number}"

    def named(self, names: Iterable[str]) -> "MeanElements":
        """Sets of these object names, in the order given; all sets of a name that occurs again."""
        rows = _rows_by_key(self.name)
        return self[_look_up(rows, list(names), "satellite named")]

    def numbered(self, norad_cat_ids: Iterable[int] | Int[np.ndarray, " wanted"]) -> "MeanElements":
        """Sets of these catalog numbers, in the order given."""
        rows = _rows_by_key(self.norad_cat_id.tolist())
        return self[_look_up(rows, [int(n) for n in norad_cat_ids], "satellite numbered")]

    def nearest(self, epoch: Epoch) -> "MeanElements":
        """For each satellite the one set whose epoch is nearest, in order of first occurrence."""
        distance_s = np.abs(self.epoch.since(epoch))
        rows = _rows_by_key(self.norad_cat_id.tolist())
        best = [group[int(np.argmin(distance_s[group]))] for group in rows.values()]
        return self[np.array(best, dtype=np.int64)]


_RANGES = {
    "mean_motion_radps": (1e-9, LARGEST_MEAN_MOTION_RADPS),
    "eccentricity": (0.0, np.nextafter(1.0, 0.0)),
    "inclination_rad": (0.0, np.nextafter(np.pi, 4.0)),
    "raan_rad": (-4 * np.pi, 4 * np.pi),
    "arg_perigee_rad": (-4 * np.pi, 4 * np.pi),
    "mean_anomaly_rad": (-4 * np.pi, 4 * np.pi),
    "bstar_per_earth_radius": (-10.0, 10.0),
    "norad_cat_id": (1, 999_999_999),
}


def concatenate(parts: Sequence[MeanElements]) -> MeanElements:
    """Join element sets, keeping their order."""
    if not parts:
        raise LeopntError("concatenate: at least one MeanElements is needed, got none.")
    joined = {}
    for field in dataclasses.fields(MeanElements):
        columns = [getattr(part, field.name) for part in parts]
        if field.name == "epoch":
            joined[field.name] = Epoch.concatenate(columns)
        elif isinstance(columns[0], tuple):
            joined[field.name] = tuple(one for column in columns for one in column)
        else:
            joined[field.name] = np.concatenate(columns)
    return MeanElements(**joined)


def _rows_by_key(keys: Iterable[Any]) -> dict[Any, list[int]]:
    rows: dict[Any, list[int]] = {}
    for i, key in enumerate(keys):
        rows.setdefault(key, []).append(i)
    return rows


def _look_up(rows: dict[Any, list[int]], wanted: list[Any], what: str) -> np.ndarray:
    for key in wanted:
        if key not in rows:
            hint = did_you_mean(str(key), map(str, rows))
            raise LeopntError(f"no {what} {key!r} among {len(rows)} satellites.{hint}")
    return np.array([i for key in wanted for i in rows[key]], dtype=np.int64)
