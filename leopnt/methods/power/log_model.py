"""The measurement model of a power log: unknowns, one row, its noise, Doppler and priors."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.antennas.beams import AbstractBeams
from leopnt.antennas.decibels import from_db
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.frames.geodetic import ecef_to_geodetic
from leopnt.inference.model import Data, LinkNoise, Model
from leopnt.inference.parameters import parameter
from leopnt.inference.priors import AbstractPrior, GaussianPrior
from leopnt.methods.power.log import PowerLog
from leopnt.methods.power.log_options import PowerLogOptions
from leopnt.noise.base import AbstractNoise
from leopnt.observables.doppler import doppler_first_order
from leopnt.observables.power import received_amplitude

_LEAST_SIGMA_DB = 1e-6


class PowerTheta(eqx.Module):
    """Unknowns of a fix from a power log; choose the free ones by name.

    Attributes:
        rx_pos_ecef_m: receiver, at rest.
        level_db: added to the power of every beam.
        freq_offset_hz: receiver's frequency offset at the median carrier of the Doppler rows;
            positive raises the measured Doppler.
        beam_bias_db: (beam,) added to the EIRP of each.
    """

    rx_pos_ecef_m: Float[Array, "*batch 3"] = parameter(scale=1e3, unit="m")
    level_db: Float[Array, "*batch"] = parameter(scale=1.0, unit="dB")
    freq_offset_hz: Float[Array, "*batch"] = parameter(scale=10.0, unit="Hz")
    beam_bias_db: Float[Array, "*batch beam"] = parameter(scale=1.0, unit="dB")


class PowerLink(eqx.Module):
    """What is known of one row; see `PowerLog`."""

    sat_pos_ecef_m: Float[Array | np.ndarray, "*link 3"]
    axes_ecef: Float[Array | np.ndarray, "*link 3 3"]
    beam: Int[Array | np.ndarray, "*link"]
    wavelength_m: Float[Array | np.ndarray, "*link"]
    noise_w: Float[Array | np.ndarray, "*link"]


class PowerShared(eqx.Module):
    """What all rows share: EIRP of the beams, the receiver's gain, the noise of A / sqrt(N)."""

    antenna: AbstractBeams
    rx_gain_dbi: Float[Array, ""]
    noise: AbstractNoise


def predict_amplitude(theta: PowerTheta, shared: PowerShared, link: PowerLink) -> Float[Array, ""]:
    """A / sqrt(N) of one row, A = sqrt(2 P), P raised by the level and the bias of the beam."""
    antenna = shared.antenna
    alone = received_amplitude(
        theta.rx_pos_ecef_m,
        jnp.asarray(link.sat_pos_ecef_m),
        jnp.asarray(link.axes_ecef),
        lambda u, v: antenna.eirp_w_of_beam(link.beam, u, v)[None],
        jnp.asarray(link.wavelength_m),
        shared.rx_gain_dbi,
    )
    raised_db = theta.level_db + theta.beam_bias_db[link.beam]
    return alone[0] * jnp.sqrt(from_db(raised_db) / link.noise_w)


def row_noise(shared: PowerShared, link: PowerLink) -> AbstractNoise:
    """Noise of one row, the same for all: amplitudes are in units of it."""
    return shared.noise


POWER_ROWS = Model(predict_amplitude, LinkNoise(row_noise))
"""Amplitudes over the noise, folded (or Rician)."""


class DopplerRows(AbstractPrior):
    """Doppler beside powers: Gaussian rows, to first order in v/c.

    f = -(1/lambda) d(range)/dt + offset f_c / f_ref,   positive approaching

    Attributes:
        sat_pos_ecef_m, sat_vel_ecef_mps: satellite at transmission.
        carrier_hz: transmitted; reference_hz: the one that the offset belongs to.
        doppler_hz, sigma_hz: measured.
    """

    sat_pos_ecef_m: Float[Array, "link 3"]
    sat_vel_ecef_mps: Float[Array, "link 3"]
    carrier_hz: Float[Array, " link"]
    reference_hz: Float[Array, ""]
    doppler_hz: Float[Array, " link"]
    sigma_hz: Float[Array, " link"]

    def predict_hz(self, theta: PowerTheta) -> Float[Array, " link"]:
        """Doppler of every row."""
        states = self.sat_pos_ecef_m, self.sat_vel_ecef_mps
        over_rows = jax.vmap(doppler_first_order, (0, 0, None, None, 0))
        shift_hz = over_rows(*states, theta.rx_pos_ecef_m, jnp.zeros(3), self.carrier_hz)
        return shift_hz + theta.freq_offset_hz * (self.carrier_hz / self.reference_hz)

    def residual(self, theta: PowerTheta) -> Float[Array, " row"]:
        return (self.predict_hz(theta) - self.doppler_hz) / self.sigma_hz


class CommonLevel(AbstractPrior):
    """Level common to all beams: mean, and one over its standard deviation or 0."""

    mean_db: Float[Array, ""]
    weight_per_db: Float[Array, ""]

    def residual(self, theta: PowerTheta) -> Float[Array, " row"]:
        return jnp.atleast_1d(self.weight_per_db * (theta.level_db - self.mean_db))


class EllipsoidHeight(AbstractPrior):
    """Height above the WGS 84 ellipsoid.

    Attributes:
        mean_m: that is believed.
        weight_per_m: one over its standard deviation; 0 where nothing is known (the same kernel).
    """

    mean_m: Float[Array, ""]
    weight_per_m: Float[Array, ""]

    def height_m(self, theta: PowerTheta) -> Float[Array, ""]:
        """Height of the receiver."""
        return ecef_to_geodetic(theta.rx_pos_ecef_m)[2]

    def residual(self, theta: PowerTheta) -> Float[Array, " row"]:
        return jnp.atleast_1d(self.weight_per_m * (self.height_m(theta) - self.mean_m))


def theta_of(
    antenna: AbstractBeams, options: PowerLogOptions, rx_pos_ecef_m: Any, level_db: Any = None
) -> PowerTheta:
    """A receiver at a place, without biases; the level is that of the options if not given."""
    level = options.level_db if level_db is None else level_db
    return PowerTheta(
        jnp.asarray(rx_pos_ecef_m, float),
        jnp.asarray(level, float),
        jnp.zeros(()),
        jnp.zeros(antenna.num_beams),
    )


def data_of(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions, length: int | None = None
) -> Data:
    """Rows for the engine, padded to a length so that logs of similar size share a kernel."""
    count = log.num_rows
    pad = (length or count) - count

    def filled(values):
        return np.concatenate([values, np.repeat(values[-1:], pad, axis=0)]) if pad else values

    links = PowerLink(
        filled(np.asarray(log.sat_pos_ecef_m, float)),
        filled(np.asarray(log.axes_ecef, float)),
        filled(np.asarray(log.beam)),
        filled(SPEED_OF_LIGHT_MPS / np.asarray(log.carrier_hz, float)),
        filled(np.asarray(log.noise_w, float)),
    )
    observed = filled(np.sqrt(2.0 * 10.0 ** (0.1 * log.power_dbw) / log.noise_w))
    noise = jax.tree.map(jnp.asarray, options.noise)
    shared = PowerShared(
        jax.tree.map(jnp.asarray, antenna), jnp.asarray(float(options.rx_gain_dbi)), noise
    )
    return Data(links, observed, np.arange(count + pad) < count, shared)


def priors_of(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions
) -> tuple[AbstractPrior, ...]:
    """Height, level, biases of the beams and Doppler, as far as options and log have them."""
    height = options.height
    known = float(height.mean_m), 1.0 / float(height.sigma_m)
    priors: list[AbstractPrior] = [EllipsoidHeight(*(jnp.asarray(x) for x in known))]
    if "level_db" in options.unknowns:
        level = float(options.level_db), 1.0 / float(options.level_sigma_db)
        priors.append(CommonLevel(*(jnp.asarray(x) for x in level)))
    if options.has_bias:
        sigma = np.broadcast_to(np.asarray(options.sigma_cal_db, float), (antenna.num_beams,))
        sigma = jnp.asarray(np.maximum(sigma, _LEAST_SIGMA_DB))
        priors.append(GaussianPrior("beam_bias_db", jnp.zeros(antenna.num_beams), sigma))
    rows = doppler_rows(log)
    return (*priors, rows) if rows is not None else tuple(priors)


def doppler_rows(log: PowerLog) -> DopplerRows | None:
    """Doppler of a log as rows, or None."""
    found = log.doppler
    if found is None:
        return None
    return DopplerRows(
        jnp.asarray(found.sat_pos_ecef_m, float),
        jnp.asarray(found.sat_vel_ecef_mps, float),
        jnp.asarray(found.carrier_hz, float),
        jnp.asarray(float(np.median(found.carrier_hz))),
        jnp.asarray(found.doppler_hz, float),
        jnp.asarray(found.sigma_hz, float),
    )


def doppler_of(priors: tuple[AbstractPrior, ...]) -> DopplerRows | None:
    """The Doppler rows among priors, or None."""
    return next((prior for prior in priors if isinstance(prior, DopplerRows)), None)


def num_equations(log: PowerLog, options: PowerLogOptions) -> int:
    """Powers, Doppler and knowledge about height and level."""
    return log.num_rows + num_known(log, options)


def num_known(log: PowerLog, options: PowerLogOptions) -> int:
    """Doppler rows, and knowledge about height and level."""
    doppler = 0 if log.doppler is None else len(log.doppler.time_s)
    level = "level_db" in options.unknowns and np.isfinite(options.level_sigma_db)
    return doppler + int(np.isfinite(options.height.sigma_m)) + int(level)
