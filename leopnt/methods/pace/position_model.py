"""Dopplers and delays of a user as a measurement model: the generic way to the same bounds."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.least_squares import LevenbergMarquardt
from leopnt.inference.misspecified import MisspecifiedBound, misspecified_bound
from leopnt.inference.model import Model
from leopnt.inference.parameters import parameter
from leopnt.methods.pace.position_problem import PositionProblem, inverse_of_pairs
from leopnt.methods.pace.position_search import true_mean
from leopnt.noise.gaussian import GaussianCovariance

FREE = ("user_pos_m", "freq_offset_hz", "clock_bias_s")
"""Fields of `PositionTheta` in the order of `position_problem.UNKNOWNS`."""


class PositionTheta(eqx.Module):
    """Unknowns of a user: one frequency offset and one clock bias for all satellites."""

    user_pos_m: Float[Array, "*batch 3"] = parameter(scale=1.0, unit="m")
    freq_offset_hz: Float[Array, "*batch"] = parameter(scale=1.0, unit="Hz")
    clock_bias_s: Float[Array, "*batch"] = parameter(scale=1e-9, unit="s")


class PositionLink(eqx.Module):
    """A satellite, and the covariance that is assumed for [nu (Hz), tau (s)]."""

    sat_pos_m: Float[Array, "*link 3"]
    sat_vel_mps: Float[Array, "*link 3"]
    covariance: Float[Array, "*link 2 2"]


class PositionShared(eqx.Module):
    """Carrier."""

    carrier_hz: Float[Array, ""]


def predict_link(
    theta: PositionTheta, shared: PositionShared, link: PositionLink
) -> Float[Array, "2"]:
    """Doppler [Hz], positive approaching, and time of arrival [s].

        nu = v . D / (lambda rho) + delta,   tau = rho / c + b,   D = p_u - p_s

    Source: [zhang-pace] eq. 13.
    """
    offset = theta.user_pos_m - link.sat_pos_m
    range_m = jnp.sqrt(offset @ offset)
    doppler = shared.carrier_hz / SPEED_OF_LIGHT_MPS * (link.sat_vel_mps @ offset) / range_m
    delay_s = range_m / SPEED_OF_LIGHT_MPS
    return jnp.stack([doppler + theta.freq_offset_hz, delay_s + theta.clock_bias_s])


def link_noise(shared: PositionShared, link: PositionLink) -> GaussianCovariance:
    """Gaussian errors of Doppler and delay, as the estimator believes them."""
    return GaussianCovariance(link.covariance)


POSITION_MODEL = Model(predict_link, link_noise)
"""Doppler and delay of one satellite."""


def links_of_problem(
    problem: PositionProblem,
) -> tuple[PositionTheta, PositionLink, PositionShared]:
    """Truth (offsets at their mean), links and carrier: for the functions of `leopnt.inference`."""
    truth = PositionTheta(
        problem.user_pos_m,
        jnp.mean(problem.freq_offset_hz),
        jnp.mean(problem.clock_bias_s),
    )
    links = PositionLink(problem.sat_pos_m, problem.sat_vel_mps, inverse_of_pairs(problem.weight))
    return truth, links, PositionShared(problem.carrier_hz)


def position_bound_numeric(problem: PositionProblem) -> MisspecifiedBound:
    """Pseudo-true point, A (here positive), B and MCRB by automatic differentiation."""
    truth, links, shared = links_of_problem(problem)
    return misspecified_bound(
        POSITION_MODEL,
        truth,
        links,
        true_mean(problem),
        problem.covariance,
        FREE,
        shared=shared,
        solver=LevenbergMarquardt(tolerance=1e-5),
    )
