"""Satellites at transmission, in the axes of the epoch at which their signals arrive."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.geometry.light_time import flight_time, rotate_earth
from leopnt.inference.batch import batch_map
from leopnt.orbits.ephemeris import Ephemeris

_TILE = 128


class Arrival(NamedTuple):
    """States (obs, 3) in ECEF axes of the arrival, and the flight (obs,) before it.

    `arriving_at` and `sent_at` take the velocity as the derivative of the position, to 50 um/s, so
    that Dopplers are the rates of phases. SGP4's own velocity is off from that by 2 to 6 mm/s
    (OneWeb) or 2 to 20 mm/s (GPS); `turned_to_arrival` leaves what it is given.
    """

    sat_pos_ecef_m: Float[np.ndarray | Array, "*obs 3"]
    sat_vel_ecef_mps: Float[np.ndarray | Array, "*obs 3"]
    flight_s: Float[np.ndarray | Array, "*obs"]


def arriving_at(
    ephemeris: Ephemeris,
    sat_index: Int[np.ndarray, " obs"],
    arrival_s: Float[np.ndarray, " obs"],
    place_ecef_m: Float[np.ndarray, "obs 3"],
) -> Arrival:
    """Signals that arrive at places at given times, followed back to their transmission.

    NaN where the ephemeris has no state.

    Args:
        arrival_s: true time since the ephemeris' reference.
    """
    return batch_map(
        _arriving_one, sat_index, arrival_s, place_ecef_m, shared=ephemeris, tile=_TILE
    )


def sent_at(
    ephemeris: Ephemeris,
    sat_index: Int[np.ndarray, " obs"],
    sent_s: Float[np.ndarray, " obs"],
    place_ecef_m: Float[np.ndarray, "obs 3"],
    rough_flight_s: Float[np.ndarray, " obs"],
) -> Arrival:
    """Signals sent at given times, in the axes of their arrival at places.

    Args:
        sent_s: time of transmission since the ephemeris' reference.
        place_ecef_m: where they arrive; NaN where not known yet.
        rough_flight_s: taken where it is not.
    """
    return batch_map(
        _sent_one, sat_index, sent_s, place_ecef_m, rough_flight_s, shared=ephemeris, tile=_TILE
    )


def turned_to_arrival(
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"],
    sat_vel_ecef_mps: Float[np.ndarray, "obs 3"],
    place_ecef_m: Float[np.ndarray, "obs 3"],
) -> Arrival:
    """States at transmission from axes of that instant to those of the arrival."""
    return batch_map(_turned_one, sat_pos_ecef_m, sat_vel_ecef_mps, place_ecef_m, tile=_TILE)


def _arriving_one(sat, arrival_s, place, ephemeris: Ephemeris) -> Arrival:
    near = jnp.asarray(ephemeris.state(sat, arrival_s).pos_ecef_m)
    tau_s = jnp.linalg.norm(near - place) / SPEED_OF_LIGHT_MPS
    for _ in range(2):  # each leaves v / c of the error before: 2 mm, 50 nm of orbit
        sent = jnp.asarray(ephemeris.state(sat, arrival_s - tau_s).pos_ecef_m)
        tau_s = flight_time(sent, place)
    return _turned_one(*_motion(ephemeris, sat, arrival_s - tau_s), place)


def _sent_one(sat, sent_s, place, rough_flight_s, ephemeris: Ephemeris) -> Arrival:
    pos, vel = _motion(ephemeris, sat, sent_s)
    known = jnp.all(jnp.isfinite(place))
    tau_s = jnp.where(known, flight_time(pos, jnp.where(known, place, 0.0)), rough_flight_s)
    return Arrival(rotate_earth(pos, tau_s), rotate_earth(vel, tau_s), tau_s)


def _turned_one(pos, vel, place) -> Arrival:
    tau_s = flight_time(pos, place)
    return Arrival(rotate_earth(pos, tau_s), rotate_earth(vel, tau_s), tau_s)


def _motion(ephemeris: Ephemeris, sat, t_s) -> tuple[Array, Array]:
    """Position in ECEF, and its derivative."""
    at = jnp.asarray(t_s)

    def position(t):
        return jnp.asarray(ephemeris.state(sat, t).pos_ecef_m)

    return jax.jvp(position, (at,), (jnp.ones_like(at),))
