"""How well a power log can tell where its receiver is."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas.beams import AbstractBeams
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.frames.geodetic import azel, ecef_to_geodetic, enu_basis
from leopnt.inference.fisher import Information
from leopnt.inference.linearize import whitened_rows
from leopnt.inference.model import Data, predict
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import prior_rows
from leopnt.methods.power.log import PowerLog
from leopnt.methods.power.log_model import (
    POWER_ROWS,
    PowerTheta,
    data_of,
    doppler_of,
    priors_of,
    theta_of,
)
from leopnt.methods.power.log_options import PowerLogOptions, check_against

_SINGULAR = 1e-9
"""Smallest singular value, of the rows with columns of length one, that is information."""


class LogBound(NamedTuple):
    """Cramer-Rao bound at a place, priors of the options included; NaN where not observable.

    covariance_ecef_m2, covariance_enu_m2: of the position.
    sigma_enu_m: standard deviations east, north, up.
    position_m: root of the trace of the covariance.
    range_m, timing_s: (obs,) of the range to each row's satellite, and that over c.
    level_db, freq_offset_hz: of the common level and the frequency offset; 0 where known.
    condition: condition number of the correlations of the chosen unknowns; infinity where
        singular.
    information: by name.
    """

    covariance_ecef_m2: Float[np.ndarray, "3 3"]
    covariance_enu_m2: Float[np.ndarray, "3 3"]
    sigma_enu_m: Float[np.ndarray, "3"]
    position_m: float
    range_m: Float[np.ndarray, " obs"]
    timing_s: Float[np.ndarray, " obs"]
    level_db: float
    freq_offset_hz: float
    condition: float
    information: Information


def log_bound(
    log: PowerLog,
    antenna: AbstractBeams,
    rx_pos_ecef_m: Float[np.ndarray, "3"],
    options: PowerLogOptions | None = None,
    *,
    used: np.ndarray | None = None,
) -> LogBound:
    """Bound of a receiver at rest from the rows of a log; what was measured does not enter.

        I = sum_rows I(A_k / sqrt(N)) grad A_k grad A_k^T / N + Doppler + priors

    I(.) is the information of the noise about an amplitude: 1 far above the noise, less below.

    Args:
        used: False marks powers that do not count.
    """
    options = options or PowerLogOptions()
    check_against(options, log, antenna)
    found = judge(log, antenna, options, theta_of(antenna, options, rx_pos_ecef_m))
    return bound_of(log, options, found, used=used)


class Judged(NamedTuple):
    """What is told about a theta; rows of powers are padded.

    rows, known_rows: whitened derivatives of powers, and of Doppler and priors.
    known_squares: squared whitened residuals of Doppler and priors.
    """

    theta: PowerTheta
    lat_rad: Float[Array, ""]
    lon_rad: Float[Array, ""]
    height_m: Float[Array, ""]
    enu_axes: Float[Array, "3 3"]
    az_rad: Float[Array, " obs"]
    el_rad: Float[Array, " obs"]
    amplitude: Float[Array, " obs"]
    rows: Float[Array, "obs param"]
    known_rows: Float[Array, "row param"]
    known_squares: Float[Array, " row"]
    doppler_residual_hz: Float[Array, " doppler"]


def judge(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions, theta: PowerTheta
) -> Judged:
    """Everything that is told about a theta, by one kernel, padded as fixes are."""
    data = data_of(log, antenna, options, row_bucket(log.num_rows))
    unknowns = Unknowns.of(theta, options.free)
    found = _judge(unknowns, theta, data, priors_of(log, antenna, options))
    return jax.tree.map(np.asarray, found)


@eqx.filter_jit
def _judge(unknowns: Unknowns, theta: PowerTheta, data: Data, priors) -> Judged:
    place_m = theta.rx_pos_ecef_m
    lat, lon, height = ecef_to_geodetic(place_m)
    az, el = jax.vmap(azel, (0, None))(jnp.asarray(data.links.sat_pos_ecef_m), place_m)
    known = [prior_rows(prior, unknowns, theta) for prior in priors]
    doppler = doppler_of(priors)
    return Judged(
        theta,
        lat,
        lon,
        height,
        enu_basis(lat, lon),
        az,
        el,
        predict(POWER_ROWS, theta, data.links, data.shared),
        whitened_rows(POWER_ROWS, unknowns, theta, data.links, data.shared)[:, 0, :],
        jnp.concatenate([rows for _, rows in known]),
        jnp.concatenate([residual for residual, _ in known]) ** 2,
        jnp.zeros(0) if doppler is None else doppler.doppler_hz - doppler.predict_hz(theta),
    )


def bound_of(
    log: PowerLog, options: PowerLogOptions, found: Judged, used: np.ndarray | None = None
) -> LogBound:
    """The bound at a theta that was judged."""
    unknowns = Unknowns.of(found.theta, options.free)
    counted = slice(None, log.num_rows) if used is None else np.flatnonzero(used)
    root = _root(np.concatenate([found.rows[counted], found.known_rows]))
    every = _inverse(root) * unknowns.scale_vector[:, None] * unknowns.scale_vector[None, :]
    covariance, axes = _block(every, unknowns, "rx_pos_ecef_m"), np.asarray(found.enu_axes)
    in_enu = axes @ covariance @ axes.T
    towards = np.asarray(found.theta.rx_pos_ecef_m)[None] - np.asarray(log.sat_pos_ecef_m)
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    range_m = np.sqrt(np.einsum("ri,ij,rj->r", towards, covariance, towards))
    return LogBound(
        covariance,
        in_enu,
        np.sqrt(np.diag(in_enu)),
        float(np.sqrt(np.trace(covariance))),
        range_m,
        range_m / SPEED_OF_LIGHT_MPS,
        _sigma(every, unknowns, "level_db"),
        _sigma(every, unknowns, "freq_offset_hz"),
        _condition(every, unknowns, options.unknowns),
        Information(jnp.asarray(root), unknowns),
    )


def _root(rows: np.ndarray) -> Float[np.ndarray, "param param"]:
    """Upper triangular R with R^T R = rows^T rows, columns scaled before the QR."""
    size = rows.shape[1]
    if not np.all(np.isfinite(rows)):
        return np.full((size, size), np.nan)
    length = np.linalg.norm(rows, axis=0)
    scaled = np.concatenate([rows / np.where(length > 0.0, length, 1.0), np.zeros((size, size))])
    return np.linalg.qr(scaled, mode="r") * length


def _inverse(root: np.ndarray) -> Float[np.ndarray, "param param"]:
    """(R^T R)^-1; NaN where R is singular, by its columns scaled to one."""
    length = np.linalg.norm(root, axis=0)
    if not np.all(np.isfinite(root)) or not np.all(length > 0.0):
        return np.full(root.shape, np.nan)
    left, singular, right = np.linalg.svd(root / length)
    del left
    if singular[-1] < _SINGULAR * singular[0]:
        return np.full(root.shape, np.nan)
    half = right.T / singular / length[:, None]
    return half @ half.T


def _block(every: np.ndarray, unknowns: Unknowns, names) -> np.ndarray:
    places = unknowns.indices(names)
    return every[np.ix_(places, places)]


def _sigma(every: np.ndarray, unknowns: Unknowns, name: str) -> float:
    if name not in unknowns.names:
        return 0.0
    return float(np.sqrt(_block(every, unknowns, name)[0, 0]))


def _condition(every: np.ndarray, unknowns: Unknowns, names: tuple[str, ...]) -> float:
    """Of the chosen unknowns' correlations, biases of the beams eliminated."""
    block = _block(every, unknowns, names)
    if not np.all(np.isfinite(block)):
        return np.inf
    sigma = np.sqrt(np.diag(block))
    return float(np.linalg.cond(block / sigma[:, None] / sigma[None, :]))


def row_bucket(count: int) -> int:
    """The least of 64, 128, 256 ... rows that holds a log."""
    return max(64, 1 << (count - 1).bit_length())
