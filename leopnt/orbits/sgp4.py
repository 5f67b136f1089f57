"""SGP4 to Earth-fixed states, for whole catalogs, with a gate on the age of the elements.

SGP4 is the compiled `sgp4` package (Vallado et al., AIAA 2006-6753), WGS 72 constants, the
"improved" mode; here are its units, its time argument, the rotation from TEME to ECEF and its
error codes.

Element sets age: sets of one week were measured off by 60 km (Starlink), 5 km (Iridium), 3 km
(OneWeb, BeiDou) and 11 km (Orbcomm), medians, against new ones of December 2025, and satellites
that maneuver by thousands of kilometers. SGP4 itself knows nothing of that.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8
from sgp4.api import WGS72, Satrec, SatrecArray

from leopnt.eop import EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.frames.earth import teme_to_ecef
from leopnt.frames.state import SatelliteState
from leopnt.orbits.elements import REV_PER_DAY_RADPS, MeanElements

DAY_S = 86_400.0
DEFAULT_MAX_AGE_S = 3.5 * DAY_S
CHUNK_STATES = 100_000
"""States per block of work: 7 MB of output, which stays in cache better than the whole."""

_LOW_RADPS = 15.5 * REV_PER_DAY_RADPS  # below some 430 km
_ON_THE_WAY = np.arange(1, 9) / 8
_TURN = np.arange(12) / 12
_JD_1949_12_31 = 2_433_281.5  # where sgp4init counts its days from
_CODES = {
    1: "the mean eccentricity left [0, 1)",
    2: "the mean motion became zero or negative",
    3: "the perturbed eccentricity left [0, 1)",
    4: "the semi-latus rectum became negative",
    5: "the elements are those of a suborbital object",
    6: "it has decayed",
}


@runtime_checkable
class AgeGate(Protocol):
    """Decides which elements may be used how far from their epoch."""

    def usable(
        self, elements: MeanElements, epoch: Epoch, age_s: Float[np.ndarray, "sat epoch"]
    ) -> Bool[np.ndarray, "sat epoch"]:
        """Mask of states to compute; may raise instead."""
        ...


@dataclass(frozen=True)
class RefuseOlderThan:
    """Raise when an epoch asked for lies farther from a set's epoch, before or after.

    The default, 3.5 days, keeps broadband constellations at some 15 km along track (errors grow
    with the square of the age); set it to what your use can stand.
    """

    max_age_s: float = DEFAULT_MAX_AGE_S

    def usable(self, elements: MeanElements, epoch: Epoch, age_s: np.ndarray) -> np.ndarray:
        """All states, or an error that names the oldest set."""
        is_old = np.abs(age_s) > self.max_age_s
        if np.any(is_old):
            raise LeopntError(_too_old(elements, epoch, age_s, self.max_age_s))
        return ~is_old


@dataclass(frozen=True)
class DropOlderThan:
    """Leave out (NaN, `is_valid` False) states farther than this from their set's epoch."""

    max_age_s: float = DEFAULT_MAX_AGE_S

    def usable(self, elements: MeanElements, epoch: Epoch, age_s: np.ndarray) -> np.ndarray:
        """States within the limit."""
        return np.abs(age_s) <= self.max_age_s


@dataclass(frozen=True)
class AnyAge:
    """Use elements of any age: for histories, aging studies, and high orbits left alone."""

    def usable(self, elements: MeanElements, epoch: Epoch, age_s: np.ndarray) -> np.ndarray:
        """All states."""
        return np.ones(age_s.shape, dtype=bool)


@dataclass(frozen=True, eq=False)
class Propagation:
    """States of satellites at epochs; NaN where `is_valid` is False.

    Attributes:
        state: arrays over (sat, epoch).
        is_valid: within the age gate and propagated without error.
        age_s: epoch minus element epoch.
        error_code: 0, or the code of the sgp4 package (`problems` says it in words).
    """

    state: SatelliteState
    is_valid: Bool[np.ndarray, "sat epoch"]
    age_s: Float[np.ndarray, "sat epoch"]
    error_code: UInt8[np.ndarray, "sat epoch"]

    def problems(self, elements: MeanElements) -> list[str]:
        """One sentence for each satellite that SGP4 could not propagate everywhere."""
        sentences = []
        for sat in np.flatnonzero(np.any(self.error_code, axis=1)):
            at = int(np.argmax(self.error_code[sat] > 0))
            days = self.age_s[sat, at] / DAY_S
            why = _CODES.get(int(self.error_code[sat, at]), f"code {self.error_code[sat, at]}")
            sentences.append(
                f"SGP4 cannot propagate {elements.label(int(sat))} to {days:+.2f} days from its "
                f"elements' epoch: {why}."
            )
        return sentences


def propagate(
    elements: MeanElements,
    epoch: Epoch,
    *,
    age_gate: AgeGate | float = RefuseOlderThan(),
    eop: EopTable | None = None,
) -> Propagation:
    """States in ECEF of all satellites at all epochs.

    Costs 72 bytes a state; `propagate_chunks` bounds it. Satellites that SGP4 gives up on
    (decayed) are NaN and named in a `LeopntWarning`.

    Args:
        elements: one set per satellite (`MeanElements.nearest` picks it from a history).
        epoch: instants (epoch,).
        age_gate: what to do with old elements; a number is `RefuseOlderThan` that many seconds.
        eop: Earth orientation, None for the bundled table.

    Raises:
        LeopntError: elements older than the gate allows, or epochs outside the Earth orientation
            table.

    Errors: against other implementations 1e-8 m before the rotation and below 1 mm after it;
    against the true orbit 1 km at the elements' epoch, and more every day.
    """
    _check_epoch(epoch)
    shape = (len(elements), len(epoch))
    state = SatelliteState(*(np.empty((*shape, 3)) for _ in range(3)))
    whole = Propagation(state, np.empty(shape, bool), np.empty(shape), np.empty(shape, np.uint8))
    for block, part in propagate_chunks(elements, epoch, age_gate=age_gate, eop=eop):
        state.pos_ecef_m[block] = part.state.pos_ecef_m
        state.vel_ecef_mps[block] = part.state.vel_ecef_mps
        state.vel_inertial_ecef_mps[block] = part.state.vel_inertial_ecef_mps
        whole.is_valid[block] = part.is_valid
        whole.age_s[block] = part.age_s
        whole.error_code[block] = part.error_code
    return whole


def propagate_chunks(
    elements: MeanElements,
    epoch: Epoch,
    *,
    age_gate: AgeGate | float = RefuseOlderThan(),
    eop: EopTable | None = None,
    max_states: int = CHUNK_STATES,
) -> Iterator[tuple[slice, Propagation]]:
    """Yield blocks of satellites, `(slice over sat, Propagation)`, in bounded memory.

    A block holds at most `max_states` states, but at least one satellite at all epochs. The age
    gate looks at all satellites before the first block.
    """
    _check_epoch(epoch)
    gate = RefuseOlderThan(float(age_gate)) if isinstance(age_gate, int | float) else age_gate
    step = max(1, max_states // max(1, len(epoch)))
    blocks = [slice(i, min(i + step, len(elements))) for i in range(0, len(elements), step)]
    if len(elements):
        order = np.lexsort((epoch.fraction_s, epoch.tai_s))
        ends = epoch[order[[0, -1]]]
        gate.usable(elements, ends, _ages(elements, ends))
    for block in blocks:
        yield block, _block(elements[block], epoch, gate, eop)


def _check_epoch(epoch: Epoch) -> None:
    if len(epoch.shape) != 1 or not len(epoch):
        raise LeopntError(
            f"propagate: epoch must have the shape (epoch,) and not be empty, got {epoch.shape}."
        )


def _ages(elements: MeanElements, epoch: Epoch) -> np.ndarray:
    return epoch[None, :].since(elements.epoch[:, None])


def _block(
    elements: MeanElements, epoch: Epoch, gate: AgeGate, eop: EopTable | None
) -> Propagation:
    age_s = _ages(elements, epoch)
    is_usable = gate.usable(elements, epoch, age_s)
    satrecs = _satrecs(elements)
    code, pos_km, vel_kmps = SatrecArray(satrecs).sgp4(*epoch.to_jd(TimeScale.TAI))
    code[np.any(np.isnan(pos_km), axis=2) & (code == 0)] = 1
    _extend_failures(satrecs, elements, age_s, code)
    is_valid = is_usable & (code == 0)
    if not np.all(is_valid):
        code[~is_usable] = 0  # not asked for
        pos_km[~is_valid] = np.nan
        vel_kmps[~is_valid] = np.nan
    pos_km *= 1e3
    vel_kmps *= 1e3
    part = Propagation(teme_to_ecef(pos_km, vel_kmps, epoch, eop), is_valid, age_s, code)
    _warn(part.problems(elements))
    return part


def _satrecs(elements: MeanElements) -> list[Satrec]:
    """Initialized records; the catalog number stays with us, the package stops at 339 999.

    Their time argument is TAI, so elapsed time is true also across leap seconds, where a
    difference of UTC dates is a second short (7.5 km in LEO).
    """
    utc1, utc2 = elements.epoch.to_jd(TimeScale.UTC)
    tai1, tai2 = elements.epoch.to_jd(TimeScale.TAI)
    days = (utc1 - _JD_1949_12_31) + utc2
    rows = zip(
        days.tolist(),
        elements.bstar_per_earth_radius.tolist(),
        (elements.mean_motion_dot_radps2 * 3600.0).tolist(),
        (elements.mean_motion_ddot_radps3 * 216_000.0).tolist(),
        elements.eccentricity.tolist(),
        elements.arg_perigee_rad.tolist(),
        elements.inclination_rad.tolist(),
        elements.mean_anomaly_rad.tolist(),
        (elements.mean_motion_radps * 60.0).tolist(),
        elements.raan_rad.tolist(),
        strict=True,
    )
    satrecs = []
    for row, jd1, jd2 in zip(rows, tai1.tolist(), tai2.tolist(), strict=True):
        satrec = Satrec()
        satrec.sgp4init(WGS72, "i", 0, *row)
        # sgp4init keeps the epoch as one float of days (0.3 us, 2 mm), and in UTC: make it exact.
        satrec.jdsatepoch, satrec.jdsatepochF = jd1, jd2
        satrecs.append(satrec)
    return satrecs


def _extend_failures(
    satrecs: list[Satrec], elements: MeanElements, age_s: np.ndarray, code: np.ndarray
) -> None:
    """Mark all states beyond the first failure of a satellite, seen from its elements' epoch.

    A decayed orbit errs only while it dips below the ground, and returns nonsense in between and
    long after. So what is asked for is not enough: low orbits are also probed over whole
    revolutions on the way.
    """
    is_low = elements.mean_motion_radps > _LOW_RADPS
    for sat in np.flatnonzero(is_low | np.any(code, axis=1)):
        for side in (1.0, -1.0):
            ages = side * age_s[sat]
            probes = np.zeros(0)
            if is_low[sat]:
                turn = 2 * np.pi / elements.mean_motion_radps[sat] * _TURN
                probes = (np.max(ages) * _ON_THE_WAY[:, None] - turn).ravel()
                probes = probes[probes > 0]
            fraction = satrecs[sat].jdsatepochF + side * probes / DAY_S
            found, _, _ = satrecs[sat].sgp4_array(satrecs[sat].jdsatepoch + 0 * probes, fraction)
            all_ages, codes = np.append(ages, probes), np.append(code[sat], found)
            failed = np.flatnonzero((codes > 0) & (all_ages >= 0))
            if len(failed):
                first = failed[np.argmin(all_ages[failed])]
                beyond = (ages >= all_ages[first]) & (code[sat] == 0)
                code[sat, beyond] = codes[first]


def _too_old(elements: MeanElements, epoch: Epoch, age_s: np.ndarray, max_age_s: float) -> str:
    sat, at = np.unravel_index(int(np.argmax(np.abs(age_s))), age_s.shape)
    num_old = int(np.sum(np.any(np.abs(age_s) > max_age_s, axis=1)))
    days = age_s[sat, at] / DAY_S
    side = "after" if days > 0 else "before"
    return (
        f"{epoch[at].to_iso(digits=0)} is {abs(days):.1f} days {side} the epoch of the elements "
        f"of {elements.label(int(sat))}, {elements.epoch[sat].to_iso(digits=0)}; the age gate "
        f"allows {max_age_s / DAY_S:g} days, and {num_old} of {len(elements)} satellites exceed "
        "it. Sets of 7 days were measured 60 km off (Starlink), 5 km (Iridium), 3 km (OneWeb). "
        "Get element sets of the date, or pass age_gate=DropOlderThan(seconds), a larger limit, "
        "or AnyAge()."
    )


def _warn(problems: list[str]) -> None:
    if problems:
        more = f" ({len(problems)} satellites in all.)" if len(problems) > 1 else ""
        warnings.warn(problems[0] + more, LeopntWarning, stacklevel=2)
