"""What a solution is worth in numbers: place, information, bound, covariance, dilution."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.constants import EARTH_GM_M3PS2
from leopnt.frames.geodetic import azel, ecef_to_geodetic, enu_basis
from leopnt.inference.consider import consider_covariance
from leopnt.inference.fisher import Information
from leopnt.inference.least_squares import Estimate
from leopnt.inference.linearize import whitened_rows
from leopnt.inference.model import Data, predict
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior
from leopnt.methods.doppler_fix.model import DopplerTheta
from leopnt.methods.doppler_fix.options import EphemerisAgeing, FixOptions
from leopnt.scenes.doppler_log import DopplerLog


def predicted_hz(model, theta, data: Data) -> np.ndarray:
    """Doppler of every link at theta."""
    return np.asarray(_predict_kernel(model, theta, data.links, data.shared))


_predict_kernel = eqx.filter_jit(predict)


def prior_square(theta: DopplerTheta, priors: tuple[AbstractPrior, ...]) -> float:
    """Squared misfit of the priors, in sigmas."""
    return float(_prior_kernel(theta, priors)) if priors else 0.0


@eqx.filter_jit
def _prior_kernel(theta, priors):
    return sum(jnp.sum(prior.residual(theta) ** 2) for prior in priors)


class Place(NamedTuple):
    """A position in geodetic terms, with the directions of satellites seen from it."""

    lat_rad: float
    lon_rad: float
    height_m: float
    axes: Float[np.ndarray, "3 3"]
    az_rad: Float[np.ndarray, " obs"]
    el_rad: Float[np.ndarray, " obs"]


def place_of(rx_pos_ecef_m, sat_pos_ecef_m) -> Place:
    """Geodetic coordinates, ENU axes and satellite directions of a position."""
    lat, lon, height, axes, az, el = _place_kernel(rx_pos_ecef_m, sat_pos_ecef_m)
    return Place(
        float(lat), float(lon), float(height), np.asarray(axes), np.asarray(az), np.asarray(el)
    )


@jax.jit
def _place_kernel(position, satellites):
    lat, lon, height = ecef_to_geodetic(position)
    az, el = jax.vmap(azel, in_axes=(0, None))(satellites, position)
    return lat, lon, height, enu_basis(lat, lon), az, el


def geodetic_of(pos_ecef_m) -> tuple[float, float, float]:
    """Latitude, longitude [rad] and height [m] of a position."""
    lat, lon, height = _geodetic_kernel(pos_ecef_m)
    return float(lat), float(lon), float(height)


_geodetic_kernel = jax.jit(ecef_to_geodetic)


class Worth(NamedTuple):
    """Fisher information, the position's bound [m^2], and the same for 1 Hz on every link."""

    information: Information
    crb_m2: Float[np.ndarray, "3 3"]
    cofactor: Float[np.ndarray, "3 3"]


def worth(options: FixOptions, estimate: Estimate, data: Data, used, priors) -> Worth:
    """Information of the used links and the priors at an estimate."""
    unknowns = estimate.unknowns
    rows, of_priors = _rows_kernel(
        options.model, estimate.theta, data.links, data.shared, unknowns, priors
    )
    rows, of_priors = np.asarray(rows)[used], np.asarray(of_priors)
    unit_rows = rows * np.asarray(data.links.sigma_hz)[used, None]
    root = _root(np.concatenate([rows, of_priors]))
    unit_root = _root(np.concatenate([unit_rows, of_priors]))
    return Worth(
        Information(jnp.asarray(root), unknowns),
        _position_bound(root, unknowns),
        _position_bound(unit_root, unknowns),
    )


@eqx.filter_jit
def _rows_kernel(model, theta, links, shared, unknowns: Unknowns, priors):
    rows = whitened_rows(model, unknowns, theta, links, shared)[:, 0, :]
    zero = jnp.zeros(unknowns.size)
    of_priors = [
        jax.jacfwd(lambda d, p=prior: p.residual(unknowns.displace(theta, d)))(zero)
        for prior in priors
    ]
    return rows, jnp.concatenate([jnp.zeros((0, unknowns.size)), *of_priors])


def _root(rows: Float[np.ndarray, "row param"]) -> Float[np.ndarray, "param param"]:
    """Upper triangular R with R^T R = rows^T rows, columns scaled before the QR."""
    size = rows.shape[1]
    if not np.all(np.isfinite(rows)):
        return np.full((size, size), np.nan)
    length = np.linalg.norm(rows, axis=0)
    scaled = np.concatenate([rows / np.where(length > 0, length, 1.0), np.zeros((size, size))])
    return np.linalg.qr(scaled, mode="r") * length


def _position_bound(root: np.ndarray, unknowns: Unknowns) -> Float[np.ndarray, "3 3"]:
    """Inverse of the information, its position block [m^2]; NaN where singular."""
    where = unknowns.slice("rx_pos_ecef_m")
    length = np.linalg.norm(root, axis=0)
    if not np.all(length > 0):
        return np.full((3, 3), np.nan)
    scaled = root / length
    if np.min(np.abs(np.diag(scaled))) < 1e-12:
        return np.full((3, 3), np.nan)
    inverse = np.linalg.solve(scaled, np.eye(len(root)))[where]
    unit = (unknowns.scale_vector / length)[where]
    return inverse @ inverse.T * np.outer(unit, unit)


def position_covariance(
    log: DopplerLog, options: FixOptions, estimate: Estimate, data: Data, used, priors
) -> Float[np.ndarray, "3 3"]:
    """Covariance of the position [m^2], with the ephemeris errors considered that it did not
    estimate.
    """
    where = estimate.unknowns.slice("rx_pos_ecef_m")
    considered, covariance = _considered(log, options)
    if not considered:
        return np.asarray(estimate.covariance)[where, where]
    total = _consider_kernel(
        options.model,
        estimate.theta,
        data,
        used,
        priors,
        options.unknowns,
        considered,
        covariance,
    )
    return np.asarray(total)[where, where]


@eqx.filter_jit
def _consider_kernel(model, theta, data: Data, visible, priors, free, considered, covariance):
    return consider_covariance(
        model,
        theta,
        data.links,
        free,
        considered,
        covariance,
        shared=data.shared,
        visible=visible,
        priors=priors,
    )


def _considered(log: DopplerLog, options: FixOptions):
    """Names and covariance of the ephemeris errors that the fix did not estimate."""
    if options.ageing is None:
        return (), None
    along_s, cross_m = orbit_sigmas(log, options.ageing)
    sigmas = {"sat_time_offset_s": along_s, "sat_orbit_offset_m": np.repeat(cross_m, 2)}
    names = tuple(name for name in sigmas if name not in options.unknowns)
    if not names:
        return (), None
    return names, jnp.diag(jnp.asarray(np.concatenate([sigmas[n] for n in names]) ** 2))


def orbit_sigmas(log: DopplerLog, ageing: EphemerisAgeing) -> tuple[np.ndarray, np.ndarray]:
    """Sigma of each satellite's time offset [s] and of its radial and normal displacement [m].

    Elements of unknown age count as new.
    """
    num_sat, index = len(log.satellites), np.asarray(log.sat_index)
    age_s = np.zeros(num_sat) if log.ephemeris_age_s is None else np.asarray(log.ephemeris_age_s)
    along_m = ageing.along_track_m(age_s)
    radius_m = np.linalg.norm(log.sat_pos_ecef_m, axis=1)
    count = np.bincount(index, minlength=num_sat)
    of_sat_m = np.bincount(index, radius_m, num_sat) / np.maximum(count, 1)
    of_sat_m = np.where(count > 0, of_sat_m, np.mean(radius_m))
    return along_m / np.sqrt(EARTH_GM_M3PS2 / of_sat_m), ageing.cross_share * along_m


def position_dop(cofactor: Float[np.ndarray, "3 3"], axes: Float[np.ndarray, "3 3"]) -> np.ndarray:
    """Horizontal and vertical dilution [m/Hz] from the position's covariance at 1 Hz."""
    variance = np.diag(axes @ cofactor @ axes.T)
    return np.sqrt(np.array([variance[0] + variance[1], variance[2]]))
