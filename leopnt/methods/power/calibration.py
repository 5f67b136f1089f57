"""EIRP of every beam from receivers at known positions: biases, and what remains of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from leopnt.antennas._inputs import check_positive
from leopnt.antennas.beams import DB_PER_NEPER, AbstractBeams, Cosine, EirpGradient
from leopnt.antennas.decibels import from_db
from leopnt.errors import LeopntError
from leopnt.inference.consistency import ChiSquare, chi_square
from leopnt.inference.least_squares import LevenbergMarquardt, solve
from leopnt.inference.model import Data, Model, predict
from leopnt.inference.parameters import parameter
from leopnt.inference.status import Status
from leopnt.methods.power.ellipsoid_fix import STRONG
from leopnt.methods.power.log import PowerLog, check_power_log
from leopnt.methods.power.log_bound import row_bucket
from leopnt.methods.power.log_model import POWER_ROWS, data_of, theta_of
from leopnt.methods.power.log_options import PowerLogOptions
from leopnt.noise.base import AbstractNoise
from leopnt.noise.folded import FoldedAmplitude

WEAKEST_DB = 3.0
"""Beams whose bias the rows would tell no better than this are left alone."""

_SOLVER = LevenbergMarquardt(tolerance=1e-6, max_iterations=60, damping=1e-3)


class KnownPlace(NamedTuple):
    """What a receiver at a known position measured."""

    log: PowerLog
    rx_pos_ecef_m: Float[np.ndarray, "3"]


@dataclasses.dataclass(frozen=True)
class BeamCalibration:
    """Biases of the beams' EIRP [dB]; NaN for beams that were not calibrated.

    Attributes:
        total_db, total_sigma_db: (beam,) m_k = c + b_k, its standard deviation; independent.
        common_db, common_sigma_db: c, the mean of m_k over the calibrated beams.
        bias_db, bias_sigma_db: (beam,) b_k, which sum to zero over the calibrated beams.
        covariance_db2: (beam, beam) of b_k.
        calibrated: (beam,) True where there is a bias.
        num_rows: (beam,) rows used.
        scatter_db: (beam,) RMS of measured minus calibrated power over rows above the noise; NaN
            without one.
        chi2: of all rows above the noise: too large where biases are not constant.
        status: of the solver.
    """

    total_db: Float[np.ndarray, " beam"]
    total_sigma_db: Float[np.ndarray, " beam"]
    common_db: float
    common_sigma_db: float
    bias_db: Float[np.ndarray, " beam"]
    bias_sigma_db: Float[np.ndarray, " beam"]
    covariance_db2: Float[np.ndarray, "beam beam2"]
    calibrated: Bool[np.ndarray, " beam"]
    num_rows: Int[np.ndarray, " beam"]
    scatter_db: Float[np.ndarray, " beam"]
    chi2: ChiSquare
    status: Status

    def apply(self, antenna: AbstractBeams) -> CalibratedBeams:
        """The antenna with these biases; beams that were not calibrated take the common term.

        Raises:
            LeopntError: the solver did not converge.
        """
        if self.status != Status.converged:
            raise LeopntError(f"the calibration has no result: {Status[self.status]}.")
        return CalibratedBeams(antenna, np.where(self.calibrated, self.total_db, self.common_db))

    def remaining_sigma_db(self, uncalibrated_db: float) -> Float[np.ndarray, " beam"]:
        """`sigma_cal_db` of fixes with the calibrated antenna.

        Args:
            uncalibrated_db: for beams that were not calibrated.
        """
        return np.where(self.calibrated, self.total_sigma_db, uncalibrated_db)


class CalibratedBeams(AbstractBeams):
    """An antenna whose beams are stronger by a bias each.

    Attributes:
        antenna: as it was believed to be.
        bias_db: (beam,) to be added.
    """

    antenna: AbstractBeams
    bias_db: Float[Array | np.ndarray, " beam"]

    def __check_init__(self):
        shape = jnp.shape(self.bias_db)
        if shape != (self.antenna.num_beams,):
            raise LeopntError(f"bias_db has shape {shape}; accepted: ({self.antenna.num_beams},).")

    @property
    def num_beams(self) -> int:
        return self.antenna.num_beams

    def eirp_w(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        return self.antenna.eirp_w(u, v) * from_db(jnp.asarray(self.bias_db))

    def eirp_w_of_beam(
        self, beam: Int[Array | np.ndarray, ""] | int, u: Cosine, v: Cosine
    ) -> Float[Array, ""]:
        bias_db = jnp.asarray(self.bias_db)[beam]
        return self.antenna.eirp_w_of_beam(beam, u, v) * from_db(bias_db)

    def eirp_w_gradient(self, u: Cosine, v: Cosine) -> EirpGradient:
        factor = from_db(jnp.asarray(self.bias_db))
        return EirpGradient(*(x * factor for x in self.antenna.eirp_w_gradient(u, v)))


def calibrate_beams(
    places: Sequence[KnownPlace],
    antenna: AbstractBeams,
    *,
    rx_gain_dbi: float = 0.0,
    noise: AbstractNoise | None = None,
    weakest_db: float = WEAKEST_DB,
) -> BeamCalibration:
    """One bias per beam, constant over all epochs, by maximum likelihood in amplitude.

        P_i = E_k(u_i, v_i) - L(d_i) + G + m_k,   k the beam of row i,   m_k = c + b_k

    At known positions L is known, and every m_k is observable by itself. The split is not: c + x
    and b_k - x give the same powers for any x. The datum sum b_k = 0 over the calibrated beams
    makes it, so that

        c = mean m_k,   var c = sum s_k^2 / K^2,   cov b = (I - 11^T/K) diag(s_k^2) (I - 11^T/K)

    with s_k the standard deviation of m_k. c holds errors of the receivers' gain (one gain for
    all) as well as those of EIRP: it is right for users with like receivers. To a user at an
    unknown position an error of c looks like a range: d changes by 10^(c/20), 1.15 % per 0.1 dB.
    One whose gain is not known estimates `level_db` and relies on b_k alone.

    For rows far above the noise m_k is the mean of measured minus predicted power [dB], weighted
    with the inverse square of sigma_i = (20/ln 10) sqrt(N / (2 P_i)).

    Args:
        places: logs and where they were taken, each known to a fraction of 1 % of the range.
        rx_gain_dbi: G of all receivers.
        noise: of A / sqrt(N); default `FoldedAmplitude(1.0)`.
        weakest_db: beams whose sigma would be above it by the predicted powers are left alone.

    Raises:
        LeopntError: no place, logs of more than one satellite, no beam that can be calibrated; as
            `check_power_log`.
    """
    check_positive("dB", weakest_db=weakest_db)
    if not places:
        raise LeopntError("places: none; expected one or more.")
    _check_one_satellite(places)
    options = PowerLogOptions(rx_gain_dbi=rx_gain_dbi, noise=noise or FoldedAmplitude(1.0))
    parts = [_amplitudes(place, antenna, options) for place in places]
    predicted, measured, beam = (np.concatenate(x) for x in zip(*parts, strict=True))
    chosen = _told(predicted, beam, antenna.num_beams, weakest_db, options.noise)
    if not np.any(chosen):
        raise LeopntError(
            f"places: no beam's bias would be known to weakest_db = {weakest_db:g} dB; give more "
            "epochs, or beams that point to the receivers."
        )
    used = chosen[beam]
    found = _solve(predicted[used], measured[used], beam[used], chosen, options.noise)
    return _calibration(found, predicted[used], measured[used], beam[used], chosen)


def _amplitudes(place: KnownPlace, antenna: AbstractBeams, options: PowerLogOptions):
    """Predicted and measured A / sqrt(N), and the beam, of every row."""
    check_power_log(place.log, antenna)
    count = place.log.num_rows
    data = data_of(place.log, antenna, options, row_bucket(count))
    theta = theta_of(antenna, options, np.asarray(place.rx_pos_ecef_m, float))
    predicted = np.asarray(predict(POWER_ROWS, theta, data.links, data.shared))[:count]
    return predicted, np.asarray(data.observations)[:count], np.asarray(place.log.beam)


def _check_one_satellite(places: Sequence[KnownPlace]) -> None:
    heard = {one.log.satellites[i] for one in places for i in np.unique(one.log.sat_index)}
    if len(heard) > 1:
        raise LeopntError(
            f"places: their logs hold {len(heard)} satellites ({', '.join(sorted(heard)[:5])}); "
            "biases are those of one satellite: calibrate each by itself (`PowerLog.rows`)."
        )


def _told(
    predicted, beam, num_beams: int, weakest_db: float, noise: AbstractNoise
) -> Bool[np.ndarray, " beam"]:
    """Beams whose bias has information enough: sigma = (20/ln 10) / sqrt(sum A^2 J).

    J is the information of the noise per amplitude: 1 far above it, about 2 A^2 far below, where
    the sign of the amplitude is lost.
    """
    amplitude = jnp.asarray(predicted)
    square = np.bincount(beam, np.asarray(noise.whiten(amplitude, amplitude)) ** 2, num_beams)
    return square * weakest_db**2 > (2.0 * DB_PER_NEPER) ** 2


class _Biases(eqx.Module):
    """Unknowns: the total bias of each calibrated beam."""

    total_db: Float[Array, "*batch beam"] = parameter(scale=1.0, unit="dB")


class _Row(eqx.Module):
    """One row: predicted amplitude, and the place of its beam among those calibrated."""

    amplitude: Float[Array | np.ndarray, "*link"]
    beam: Int[Array | np.ndarray, "*link"]


def _predict_row(theta: _Biases, shared: AbstractNoise, row: _Row) -> Float[Array, ""]:
    return jnp.asarray(row.amplitude) * jnp.sqrt(from_db(theta.total_db[row.beam]))


def _row_noise(shared: AbstractNoise, row: _Row) -> AbstractNoise:
    return shared


_ROWS = Model(_predict_row, _row_noise)


def _solve(predicted, measured, beam, chosen, noise: AbstractNoise):
    """Estimate from the scale that fits each beam best without the noise's fold."""
    index = np.cumsum(chosen) - 1
    where, size = index[beam], int(chosen.sum())
    scale = np.bincount(where, measured * predicted, size) / np.bincount(where, predicted**2, size)
    start = _Biases(jnp.asarray(20.0 * np.log10(scale)))
    pad = row_bucket(len(beam)) - len(beam)
    rows = _Row(np.pad(predicted, (0, pad), mode="edge"), np.pad(where, (0, pad), mode="edge"))
    visible = np.arange(len(beam) + pad) < len(beam)
    data = Data(rows, np.pad(measured, (0, pad), mode="edge"), visible, noise)
    return solve(_ROWS, start, data, "total_db", solver=_SOLVER)


def _calibration(found, predicted, measured, beam, chosen) -> BeamCalibration:
    total, sigma = np.full((2, len(chosen)), np.nan)
    total[chosen] = np.asarray(found.theta.total_db)
    sigma[chosen] = np.asarray(found.sigma_of("total_db"))
    size = int(chosen.sum())
    datum = np.eye(size) - 1.0 / size
    covariance = np.full((len(chosen), len(chosen)), np.nan)
    of_bias = datum @ np.diag(sigma[chosen] ** 2) @ datum
    covariance[np.ix_(chosen, chosen)] = of_bias
    model = predicted * 10.0 ** (0.05 * total[beam])
    strong = model > STRONG
    square = np.sum((measured - model)[strong] ** 2)
    off_db = 20.0 * np.log10(np.maximum(measured, 1e-300) / model)
    count = np.bincount(beam[strong], minlength=len(chosen))
    with np.errstate(invalid="ignore", divide="ignore"):
        scatter = np.bincount(beam[strong], off_db[strong] ** 2, len(chosen)) / count
    common = float(np.mean(total[chosen]))
    return BeamCalibration(
        total_db=total,
        total_sigma_db=sigma,
        common_db=common,
        common_sigma_db=float(np.sqrt(np.sum(sigma[chosen] ** 2)) / size),
        bias_db=total - common,
        bias_sigma_db=np.sqrt(np.diag(covariance)),
        covariance_db2=covariance,
        calibrated=chosen,
        num_rows=np.bincount(beam, minlength=len(chosen)),
        scatter_db=np.sqrt(scatter),
        chi2=chi_square(float(square), int(strong.sum()) - size),
        status=found.status,
    )
