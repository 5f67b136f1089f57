"""Real or planned satellites over surfaces: who is seen, what is received, and the fix from it.

Satellites of several ephemerides mix: GNSS and LEO, element sets, tables and plans. A signal leaves
its satellite at one instant whatever the receiver's clock reads, and that instant is

    t_sent = reading - L / c,      L = r_i + r_last + c b

since the clock b that shifts the reading is in L as well. At the reading itself, or at the reading
less the time of flight, a clock error of 1 ms would displace a LEO satellite by 7.5 m.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.methods.astars.arrival import Arrival, arriving_at, sent_at
from leopnt.methods.astars.inputs import check_positions, finite_array
from leopnt.methods.astars.joint import JointFix, joint_fix
from leopnt.methods.astars.joint_model import (
    DIRECT,
    AstarsTheta,
    Knowledge,
    RelayedPhases,
    relayed_phases,
)
from leopnt.methods.astars.status import AstarsStatus, has_position
from leopnt.methods.astars.surfaces import receiver_equations
from leopnt.methods.astars.views import Ephemerides, Routes, as_sequence
from leopnt.orbits.ephemeris import Ephemeris

ROUNDS = 4
"""Times that the turn of the Earth in flight is taken from a better position."""

_SETTLED_M = 1e-7


class Received(NamedTuple):
    """Noise-free signals of all routes at one reading of the receiver's clock.

    Attributes:
        range_m: L, clock included; divided by the wavelength it is the phase, ambiguity-fixed.
        sat_pos_ecef_m, sat_vel_ecef_mps: at transmission, in the axes of the epoch of arrival; the
            velocity is the derivative of the position, so that a Doppler is the rate of the phase.
    """

    range_m: Float[np.ndarray, " link"]
    sat_pos_ecef_m: Float[np.ndarray, "link 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "link 3"]


class EphemerisFix(NamedTuple):
    """A joint fix and the satellite positions that belong to it.

    fix: see `JointFix`. phases: what it was made from. status: that of the fix, or
    `receiver_hidden`. moved_m: how far satellites moved in the last round.
    """

    fix: JointFix
    phases: RelayedPhases
    status: AstarsStatus
    moved_m: float


def received(ephemerides: Ephemerides, way: Routes, theta: AstarsTheta, reading: Epoch) -> Received:
    """What a receiver gets at one reading of its clock, without noise.

        L = |s - S| + |U - S| + c b,   or   |s - U| + c b

    with the satellite where it was one flight before the arrival at S (U), and the Earth turned
    since. The Earth's turn during the last leg is left out: 2e-6 of its length.

    Args:
        theta: where surfaces and receiver are; its clock reads late by b.
        reading: what the receiver's clock shows, one epoch; the true time is b earlier.

    Raises:
        LeopntError: a satellite without a state then, a route that leads nowhere.
    """
    points = ends_of_rays(way, theta)
    last_m = np.linalg.norm(np.asarray(theta.rx_pos_ecef_m) - points, axis=-1)
    clock_m = float(np.asarray(theta.clock_bias_m))
    after_s = (last_m + clock_m) / SPEED_OF_LIGHT_MPS

    def arrive(ephemeris: Ephemeris, at: np.ndarray) -> Arrival:
        time_s = reading.since(ephemeris.reference) - after_s[at]
        return arriving_at(ephemeris, way.sat_index[at], time_s, points[at])

    found = _of_each(ephemerides, way, arrive)
    away_m = np.linalg.norm(found.sat_pos_ecef_m - points, axis=-1)
    return Received(
        away_m + last_m + clock_m,
        np.asarray(found.sat_pos_ecef_m),
        np.asarray(found.sat_vel_ecef_mps),
    )


def joint_fix_from_ephemeris(
    ephemerides: Ephemerides,
    way: Routes,
    range_m: Float[ArrayLike, " link"],
    sigma_m: Float[ArrayLike, "..."] | float,
    known: Knowledge,
    reading: Epoch,
    start_ecef_m: Float[ArrayLike, "3"] | None = None,
) -> EphemerisFix:
    """`joint_fix` with satellites where they were when they sent what was measured.

    The orbit is entered at reading - L / c, whatever the clock. How far the Earth turned in flight
    depends on where the surfaces are: from the survey, else from the fix before, round by round.

    Args:
        range_m: L, see `ranges_of_phases`; corrected for the satellites' clocks.
        sigma_m, known, start_ecef_m: as `relayed_phases` and `joint_fix`.
        reading: what the receiver's clock showed, one epoch.

    Raises:
        LeopntError: as `joint_fix`; a satellite without a state then, a route that leads nowhere.
    """
    ranges = finite_array("range_m", range_m)
    if ranges.shape != way.surface.shape:
        raise LeopntError(
            f"range_m has shape {ranges.shape} for {way.surface.size} routes; accepted: (link,)."
        )
    if reading.shape != () or np.ndim(known.clock_bias_s):
        raise LeopntError("reading, known: hold several epochs; expected one.")
    num_surfaces = known.surface_pos_ecef_m.shape[-2]
    _check_surfaces(way, num_surfaces)
    surveyed = np.isfinite(known.sigma_survey_m)[:, None]
    surfaces = np.where(surveyed, known.surface_pos_ecef_m, np.nan)
    receiver = np.full(3, np.nan)
    if start_ecef_m is not None:
        receiver = check_positions("start_ecef_m", start_ecef_m)

    def phases_by_way_of(surfaces, receiver) -> RelayedPhases:
        points = _ends(way, surfaces, receiver)
        sent = sent_signals(ephemerides, way, ranges, reading, points)
        satellites = np.asarray(sent.sat_pos_ecef_m)
        return relayed_phases(satellites, ranges, sigma_m, way.surface, num_surfaces)

    phases, moved_m = phases_by_way_of(surfaces, receiver), np.inf
    fix = joint_fix(phases, known, start_ecef_m)
    for _ in range(ROUNDS):
        if not has_position(fix.status):
            break
        again = phases_by_way_of(fix.surface_pos_ecef_m, fix.rx_pos_ecef_m)
        move = np.asarray(again.links.sat_pos_ecef_m - phases.links.sat_pos_ecef_m)
        moved_m = float(np.max(np.linalg.norm(move, axis=-1)))
        if moved_m < _SETTLED_M:
            break
        phases, fix = again, joint_fix(again, known, start_ecef_m)
    hidden = receiver_equations(phases, known).status != AstarsStatus.ok
    status = AstarsStatus.receiver_hidden if hidden else fix.status
    return EphemerisFix(fix, phases, status, moved_m)


def sent_signals(
    ephemerides: Ephemerides,
    way: Routes,
    range_m: Float[np.ndarray, " link"],
    reading: Epoch,
    points: Float[np.ndarray, "link 3"],
) -> Arrival:
    """Satellites at reading - L / c, turned to the axes of arrival at `points`."""
    whole_s = range_m / SPEED_OF_LIGHT_MPS

    def sent(ephemeris: Ephemeris, at: np.ndarray) -> Arrival:
        time_s = reading.since(ephemeris.reference) - whole_s[at]
        return sent_at(ephemeris, way.sat_index[at], time_s, points[at], whole_s[at])

    return _of_each(ephemerides, way, sent)


def ends_of_rays(way: Routes, theta: AstarsTheta) -> Float[np.ndarray, "link 3"]:
    """Where each satellite's ray ends: at a surface, or at the receiver."""
    surfaces, receiver = np.asarray(theta.surface_pos_ecef_m), np.asarray(theta.rx_pos_ecef_m)
    _check_surfaces(way, surfaces.shape[-2])
    return _ends(way, surfaces, receiver)


def _ends(way: Routes, surfaces, receiver) -> Float[np.ndarray, "link 3"]:
    relayed = (way.surface != DIRECT)[:, None]
    return np.where(relayed, surfaces[np.maximum(way.surface, 0)], receiver)


def _of_each(
    ephemerides: Ephemerides, way: Routes, states: Callable[[Ephemeris, np.ndarray], Arrival]
) -> Arrival:
    """States of all routes, ephemeris by ephemeris."""
    every = as_sequence(ephemerides)
    _check_satellites(way, every)
    size = way.sat_index.size
    found = Arrival(np.empty((size, 3)), np.empty((size, 3)), np.empty(size))
    for number, ephemeris in enumerate(every):
        at = way.ephemeris == number
        if np.any(at):
            for column, values in zip(found, states(ephemeris, at), strict=True):
                column[at] = values
    lost = ~np.isfinite(found.sat_pos_ecef_m[:, 0])
    if np.any(lost):
        k = int(np.argmax(lost))
        raise LeopntError(
            f"satellite {way.sat_index[k]} of ephemeris {way.ephemeris[k]} has no state when it "
            "sent what is received; expected an ephemeris that spans it."
        )
    return found


def _check_satellites(way: Routes, every: tuple[Ephemeris, ...]) -> None:
    shapes = {column.shape for column in way}
    if len(shapes) != 1 or way.surface.ndim != 1:
        raise LeopntError(
            f"way: its columns have shapes {[column.shape for column in way]}; accepted: (link,) "
            "each."
        )
    sizes = np.array([ephemeris.pos_ecef_m.shape[0] for ephemeris in every])
    if np.any(way.ephemeris < 0) or np.any(way.ephemeris >= len(every)):
        raise LeopntError(
            f"way.ephemeris: got {way.ephemeris.tolist()}; expected 0 to {len(every) - 1}."
        )
    off = (way.sat_index < 0) | (way.sat_index >= sizes[way.ephemeris])
    if np.any(off):
        k = int(np.argmax(off))
        raise LeopntError(
            f"way.sat_index: got {way.sat_index[k]}; ephemeris {way.ephemeris[k]} has satellites 0 "
            f"to {sizes[way.ephemeris[k]] - 1}."
        )


def _check_surfaces(way: Routes, num_surfaces: int) -> None:
    if np.any(way.surface < DIRECT) or np.any(way.surface >= num_surfaces):
        raise LeopntError(
            f"way.surface: got {way.surface.tolist()}; expected 0 to {num_surfaces - 1}, or "
            f"{DIRECT} for a satellite that is received directly."
        )
