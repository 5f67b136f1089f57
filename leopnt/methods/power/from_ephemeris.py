"""Power logs of real or planned satellites over a place, simulated."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from leopnt.antennas._inputs import check_positive
from leopnt.antennas.beams import AbstractBeams
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.inference.model import predict, simulate
from leopnt.methods.power.log import PowerLog, noise_of_integration, orbit_axes
from leopnt.methods.power.log_bound import row_bucket
from leopnt.methods.power.log_model import POWER_ROWS, data_of, theta_of
from leopnt.methods.power.log_options import PowerLogOptions
from leopnt.observables.doppler import doppler_first_order
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.doppler_log import DopplerLog

_LEAST_DBW = -400.0


class BeamSchedule(NamedTuple):
    """Which beam is measured when, one entry per row."""

    time_s: Float[np.ndarray, " obs"]
    beam: Int[np.ndarray, " obs"]


def all_beams(antenna: AbstractBeams, time_s: Float[np.ndarray, " epoch"]) -> BeamSchedule:
    """All beams at every time."""
    times, beams = np.asarray(time_s, float), np.arange(antenna.num_beams)
    return BeamSchedule(np.repeat(times, len(beams)), np.tile(beams, len(times)))


def beams_in_turn(
    antenna: AbstractBeams, start_s: float, duration_s: float, dwell_s: float
) -> BeamSchedule:
    """One beam at a time, in the order of their numbers, a new one every `dwell_s`.

    Raises:
        LeopntError: a duration or dwell that is not above zero.
    """
    check_positive("s", duration_s=duration_s, dwell_s=dwell_s)
    slots = np.arange(max(1, int(np.floor(duration_s / dwell_s + 1e-9))))
    return BeamSchedule(start_s + dwell_s * slots, slots % antenna.num_beams)


@dataclasses.dataclass(frozen=True)
class DopplerPlan:
    """Doppler that the same receiver measures.

    Attributes:
        time_s: (row,) reception times.
        sigma_hz: standard deviation of each.
        freq_offset_hz: of the receiver.
    """

    time_s: Float[np.ndarray, " row"]
    sigma_hz: float
    freq_offset_hz: float = 0.0

    def __post_init__(self):
        check_positive("Hz", sigma_hz=self.sigma_hz)


def rows_from_ephemeris(
    ephemeris: Ephemeris,
    sat: int,
    schedule: BeamSchedule,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    *,
    name: str = "satellite",
    carrier_hz: float = 1.6e9,
    integration_s: float = 1e-3,
    temperature_k: float = 290.0,
) -> PowerLog:
    """Rows of one satellite without powers (-400 dBW).

    States are those at transmission, the antenna's axes those of the orbit.

    Args:
        sat: row of the ephemeris.
        rx_pos_ecef_m: the receiver (its rough place does), for the time of flight.
        integration_s: T_p of each row.

    Raises:
        LeopntError: times outside of the ephemeris, a carrier, time or temperature not above zero.
    """
    check_positive("Hz", carrier_hz=carrier_hz)
    times = np.asarray(schedule.time_s, float)
    at = _states_at_transmission(ephemeris, sat, times, rx_pos_ecef_m)
    count = len(times)
    return PowerLog(
        time_s=times,
        satellites=(name,),
        sat_index=np.zeros(count, int),
        beam=np.asarray(schedule.beam, int),
        power_dbw=np.full(count, _LEAST_DBW),
        sat_pos_ecef_m=at.pos_ecef_m,
        sat_vel_ecef_mps=at.vel_ecef_mps,
        axes_ecef=orbit_axes(at.pos_ecef_m, at.vel_inertial_ecef_mps),
        carrier_hz=np.full(count, float(carrier_hz)),
        noise_w=np.full(count, float(noise_of_integration(integration_s, temperature_k))),
        reference_epoch=ephemeris.reference,
        source="simulation",
    )


def simulate_log(
    ephemeris: Ephemeris,
    sat: int,
    antenna: AbstractBeams,
    schedule: BeamSchedule,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    key: PRNGKeyArray,
    *,
    options: PowerLogOptions | None = None,
    level_db: float = 0.0,
    beam_bias_db: Float[np.ndarray, " beam"] | None = None,
    doppler: DopplerPlan | None = None,
    name: str = "satellite",
    carrier_hz: float = 1.6e9,
    integration_s: float = 1e-3,
    temperature_k: float = 290.0,
) -> PowerLog:
    """Measured powers (and Doppler) of one satellite at a place.

    Args:
        key: makes the noise: row i takes the i-th key split from it.
        options: gain and noise of the receiver.
        level_db, beam_bias_db: true ones.
        Others as `rows_from_ephemeris`.
    """
    log = rows_from_ephemeris(
        ephemeris,
        sat,
        schedule,
        rx_pos_ecef_m,
        name=name,
        carrier_hz=carrier_hz,
        integration_s=integration_s,
        temperature_k=temperature_k,
    )
    of_power, of_doppler = jax.random.split(key)
    log = draw_powers(
        log,
        antenna,
        rx_pos_ecef_m,
        of_power,
        options=options,
        level_db=level_db,
        beam_bias_db=beam_bias_db,
    )
    if doppler is None:
        return log
    rows = _doppler_log(ephemeris, sat, doppler, rx_pos_ecef_m, of_doppler, name, carrier_hz)
    return dataclasses.replace(log, doppler=rows)


def draw_powers(
    log: PowerLog,
    antenna: AbstractBeams,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    key: PRNGKeyArray,
    *,
    options: PowerLogOptions | None = None,
    level_db: float = 0.0,
    beam_bias_db: Float[np.ndarray, " beam"] | None = None,
) -> PowerLog:
    """The log with powers drawn around those at a place; what it held of powers does not matter."""
    options = options or PowerLogOptions()
    theta = theta_of(antenna, options, rx_pos_ecef_m, level_db)
    if beam_bias_db is not None:
        theta = eqx.tree_at(lambda t: t.beam_bias_db, theta, jnp.asarray(beam_bias_db, float))
    data = data_of(log, antenna, options, row_bucket(log.num_rows))
    drawn = np.asarray(simulate(POWER_ROWS, theta, data.links, key, data.shared))[: log.num_rows]
    return dataclasses.replace(log, power_dbw=10.0 * np.log10(0.5 * log.noise_w * drawn**2))


def noise_free_dbw(
    log: PowerLog,
    antenna: AbstractBeams,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    options: PowerLogOptions | None = None,
) -> Float[np.ndarray, " obs"]:
    """True power of every row at a place [dBW]."""
    options = options or PowerLogOptions()
    data = data_of(log, antenna, options, row_bucket(log.num_rows))
    theta = theta_of(antenna, options, rx_pos_ecef_m)
    amplitude = np.asarray(predict(POWER_ROWS, theta, data.links, data.shared))[: log.num_rows]
    return 10.0 * np.log10(0.5 * log.noise_w * amplitude**2)


def _doppler_log(ephemeris, sat, plan: DopplerPlan, rx_pos_ecef_m, key, name, carrier_hz):
    times = np.asarray(plan.time_s, float)
    at = _states_at_transmission(ephemeris, sat, times, rx_pos_ecef_m)
    shift = _shifts(at.pos_ecef_m, at.vel_ecef_mps, jnp.asarray(rx_pos_ecef_m), float(carrier_hz))
    noise = np.asarray(jax.random.normal(key, (len(times),)))
    return DopplerLog(
        time_s=times,
        satellites=(name,),
        sat_index=np.zeros(len(times), int),
        doppler_hz=np.asarray(shift) + plan.freq_offset_hz + plan.sigma_hz * noise,
        sat_pos_ecef_m=at.pos_ecef_m,
        sat_vel_ecef_mps=at.vel_ecef_mps,
        carrier_hz=np.full(len(times), float(carrier_hz)),
        sigma_hz=np.full(len(times), float(plan.sigma_hz)),
        reference_epoch=ephemeris.reference,
        source="simulation",
    )


@jax.jit
def _shifts(pos, vel, rx, carrier_hz):
    return jax.vmap(lambda p, v: doppler_first_order(p, v, rx, jnp.zeros(3), carrier_hz))(pos, vel)


class _States(NamedTuple):
    pos_ecef_m: Float[np.ndarray, "obs 3"]
    vel_ecef_mps: Float[np.ndarray, "obs 3"]
    vel_inertial_ecef_mps: Float[np.ndarray, "obs 3"]


def _states_at_transmission(ephemeris: Ephemeris, sat: int, time_s, rx_pos_ecef_m) -> _States:
    """States one time of flight before reception, each in ECEF axes of its own instant."""
    place = np.asarray(rx_pos_ecef_m, float)
    found = _transmitted(ephemeris, jnp.asarray(sat), jnp.asarray(time_s), jnp.asarray(place))
    states = _States(*(np.asarray(x) for x in found))
    bad = ~np.isfinite(states.pos_ecef_m).all(axis=1)
    if np.any(bad):
        first = float(np.asarray(time_s)[np.argmax(bad)])
        raise LeopntError(
            f"time_s = {first:g}: the ephemeris has no state of satellite {sat} there; it spans "
            f"{float(ephemeris.start_s):g} to {float(ephemeris.end_s):g} s."
        )
    return states


@eqx.filter_jit
def _transmitted(ephemeris: Ephemeris, sat: Int[Array, ""], time_s, place):
    def one(t):
        sent = t
        for _ in range(3):
            # The turn of the Earth in flight moves the time by 1e-8 s: 0.1 mm of orbit.
            offset = ephemeris.state(sat, sent).pos_ecef_m - place
            sent = t - jnp.sqrt(offset @ offset) / SPEED_OF_LIGHT_MPS
        return ephemeris.state(sat, sent)

    at = jax.vmap(one)(time_s)
    return at.pos_ecef_m, at.vel_ecef_mps, at.vel_inertial_ecef_mps
