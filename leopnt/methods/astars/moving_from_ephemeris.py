"""Phases and Dopplers of several epochs from ephemerides: simulated, or measured and made rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.methods.astars.from_ephemeris import ends_of_rays, received, sent_signals
from leopnt.methods.astars.inputs import broadcast, check_above_zero
from leopnt.methods.astars.joint_model import AstarsTheta
from leopnt.methods.astars.moving import moving_observations
from leopnt.methods.astars.moving_model import (
    MovingRows,
    MovingTheta,
    doppler_rows,
    joined_rows,
    phase_rows,
)
from leopnt.methods.astars.views import Ephemerides, Routes


class Signals(NamedTuple):
    """What a receiver measured at one reading of its clock, route by route.

    reading: what its clock showed, one epoch. way: the routes, see `routes`. range_m: L, see
    `ranges_of_phases`; NaN where no phase was measured. doppler_hz: positive approaching: minus the
    rate of the carrier phase; NaN where no Doppler was measured. Both are corrected for the clocks
    of the satellites.
    """

    reading: Epoch
    way: Routes
    range_m: Float[np.ndarray, " link"]
    doppler_hz: Float[np.ndarray, " link"]


def signals_in_motion(
    ephemerides: Ephemerides,
    ways: Sequence[Routes],
    theta: MovingTheta,
    readings: Sequence[Epoch],
    wavelength_m: float,
    zero: Epoch | None = None,
) -> list[Signals]:
    """What a receiver in motion gets at some readings of its clock, without noise.

    Args:
        ways: the routes of each reading.
        theta: where all is at `zero`, and the receiver's velocity and drift by its own clock.
        zero: time 0 of `theta`, a reading of the same clock; default the first reading.

    Raises:
        LeopntError: as `received`; numbers of routes and readings that differ, or none.
    """
    wavelength = float(check_above_zero("wavelength_m", wavelength_m))
    if len(ways) != len(readings) or not ways:
        raise LeopntError(
            f"ways: {len(ways)} for {len(readings)} readings; expected one for each, and any."
        )
    zero = readings[0] if zero is None else zero
    found = []
    for way, reading in zip(ways, readings, strict=True):
        time_s = _since(zero, reading)
        got = received(ephemerides, way, _at(theta, time_s), reading)
        states = (got.sat_pos_ecef_m, got.sat_vel_ecef_mps)
        no_doppler = np.zeros(got.range_m.shape)
        num = theta.surface_pos_ecef_m.shape[-2]
        rows = doppler_rows(time_s, *states, no_doppler, wavelength, 1.0, way.surface, num)
        rate_mps = np.asarray(moving_observations(rows, theta))
        found.append(Signals(reading, way, got.range_m, -rate_mps / wavelength))
    return found


def moving_rows(
    ephemerides: Ephemerides,
    signals: Sequence[Signals],
    theta: MovingTheta,
    wavelength_m: float,
    sigma_m: Float[ArrayLike, "..."] | float,
    sigma_hz: Float[ArrayLike, "..."] | float,
    zero: Epoch | None = None,
) -> MovingRows:
    """Rows for `moving_fix` from what was measured, satellites where they were when they sent it.

    The orbit is entered at reading - L / c, whatever the clock. Time 0 of the rows is `zero`. What
    was not measured (NaN) becomes an empty slot.

    Args:
        signals: one for each reading; routes may differ from one to the next.
        theta: about where all is at `zero`: how far the Earth turned in flight depends on it, 7 mm
            for 1 km. The clock matters only for Dopplers without a phase: 1 ms enters their orbit
            1 ms off.
        sigma_m, sigma_hz: of each route, or one for all.
        zero: a reading of the same clock; default the first reading.

    Raises:
        LeopntError: no signals, shapes that differ from those of the routes, a satellite without a
            state then; as `phase_rows` and `doppler_rows`.
    """
    if not signals:
        raise LeopntError("signals: none; expected one for each reading.")
    zero = signals[0].reading if zero is None else zero
    every = [
        rows
        for one in signals
        for rows in _rows_of(ephemerides, one, theta, wavelength_m, sigma_m, sigma_hz, zero)
    ]
    return joined_rows(every)


def _rows_of(ephemerides, one: Signals, theta, wavelength_m, sigma_m, sigma_hz, zero: Epoch):
    """Phases, then Dopplers."""
    for name in ("range_m", "doppler_hz"):
        shape = np.shape(getattr(one, name))
        if shape != one.way.surface.shape:
            raise LeopntError(
                f"{name} has shape {shape} for {one.way.surface.size} routes; accepted: (link,)."
            )
    time_s = _since(zero, one.reading)
    there = _at(theta, time_s)
    range_m = np.asarray(one.range_m, float)
    if np.any(np.isnan(range_m)):
        about = received(ephemerides, one.way, there, one.reading).range_m
        whole_m = np.where(np.isnan(range_m), about, range_m)
    else:
        whole_m = range_m
    ends = ends_of_rays(one.way, there)
    sent = sent_signals(ephemerides, one.way, whole_m, one.reading, ends)
    pos, vel = np.asarray(sent.sat_pos_ecef_m), np.asarray(sent.sat_vel_ecef_mps)
    route = (one.way.surface, theta.surface_pos_ecef_m.shape[-2])
    sigma_m = _with_gaps("sigma_m", sigma_m, range_m)
    sigma_hz = _with_gaps("sigma_hz", sigma_hz, one.doppler_hz)
    yield phase_rows(time_s, pos, range_m, sigma_m, *route)
    yield doppler_rows(time_s, pos, vel, one.doppler_hz, wavelength_m, sigma_hz, *route)


def _with_gaps(name: str, sigma, measured) -> np.ndarray:
    """Infinite where nothing was measured."""
    each = broadcast(name, np.asarray(sigma, float), np.shape(measured))
    return np.where(np.isnan(measured), np.inf, each)


def _since(zero: Epoch, reading: Epoch) -> float:
    if reading.shape != () or zero.shape != ():
        raise LeopntError("reading, zero: hold several epochs; expected one.")
    return float(reading.since(zero))


def _at(theta: MovingTheta, time_s: float) -> AstarsTheta:
    """Where all is at one time."""
    return AstarsTheta(
        np.asarray(theta.surface_pos_ecef_m),
        np.asarray(theta.rx_pos_ecef_m) + time_s * np.asarray(theta.rx_vel_ecef_mps),
        np.asarray(theta.clock_bias_m + time_s * theta.clock_drift_mps),
    )
