"""How well a power log can tell where its receiver is."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.antennas.beams import AbstractBeams
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.inference.fisher import Information, fisher_information
from leopnt.methods.power.log import PowerLog
from leopnt.methods.power.log_model import POWER_ROWS, PowerTheta, data_of, priors_of, theta_of
from leopnt.methods.power.log_options import PowerLogOptions, check_against


class LogBound(NamedTuple):
    """Cramer-Rao bound at a place, priors of the options included; NaN where not observable.

    covariance_ecef_m2, covariance_enu_m2: of the position.
    sigma_enu_m: standard deviations east, north, up.
    position_m: root of the trace of the covariance.
    range_m, timing_s: (obs,) of the range to each row's satellite, and that over c.
    level_db, freq_offset_hz: of the common level and the frequency offset; 0 where known.
    condition: condition number of the information with unit diagonal, over the unknowns that were
        chosen.
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
    theta = theta_of(antenna, options, rx_pos_ecef_m)
    return bound_at(log, antenna, options, theta, used=used)


def bound_at(
    log: PowerLog, antenna: AbstractBeams, options: PowerLogOptions, theta: PowerTheta, used=None
) -> LogBound:
    """As `log_bound`, at a theta, padded as fixes are."""
    data = data_of(log, antenna, options, row_bucket(log.num_rows))
    visible = np.zeros(len(data.mask), bool)
    visible[: log.num_rows] = True if used is None else used
    information = fisher_information(
        POWER_ROWS,
        theta,
        data.links,
        options.free,
        shared=data.shared,
        visible=visible,
        priors=priors_of(log, antenna, options),
    )
    place = np.asarray(theta.rx_pos_ecef_m)
    covariance = np.asarray(information.crb("rx_pos_ecef_m"))
    axes = enu_axes(place)
    in_enu = axes @ covariance @ axes.T
    towards = place[None] - np.asarray(log.sat_pos_ecef_m)
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    range_m = np.sqrt(np.einsum("ri,ij,rj->r", towards, covariance, towards))
    return LogBound(
        covariance,
        in_enu,
        np.sqrt(np.diag(in_enu)),
        float(np.sqrt(np.trace(covariance))),
        range_m,
        range_m / SPEED_OF_LIGHT_MPS,
        _sigma(information, options, "level_db"),
        _sigma(information, options, "freq_offset_hz"),
        _condition(information, options),
        information,
    )


def row_bucket(count: int) -> int:
    """The least of 64, 128, 256 ... rows that holds a log."""
    return max(64, 1 << (count - 1).bit_length())


def enu_axes(rx_pos_ecef_m: Any) -> Float[np.ndarray, "3 3"]:
    """Rows east, north, up of the ellipsoid at a place."""
    return np.asarray(_enu_axes(jnp.asarray(rx_pos_ecef_m)))


@jax.jit
def _enu_axes(place):
    lat, lon, _ = ecef_to_geodetic(place)
    return enu_basis(lat, lon)


def _sigma(information: Information, options: PowerLogOptions, name: str) -> float:
    return float(information.sigma(name)[0]) if name in options.unknowns else 0.0


def _condition(information: Information, options: PowerLogOptions) -> float:
    """Of the EFIM of the chosen unknowns, biases of the beams eliminated."""
    efim = np.asarray(information.efim(options.unknowns))
    diagonal = np.diag(efim)
    if not np.all(np.isfinite(efim)) or not np.all(diagonal > 0.0):
        return np.inf
    scaled = efim / np.sqrt(diagonal[:, None] * diagonal[None, :])
    return float(np.linalg.cond(scaled))
