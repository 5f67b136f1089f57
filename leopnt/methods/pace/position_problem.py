"""What is measured of one user: satellites, offsets of every pair, and how well."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

UNKNOWNS = ("x_m", "y_m", "z_m", "freq_offset_hz", "clock_bias_s")
"""Order of the unknowns r: position, delta, b."""


class PositionProblem(eqx.Module):
    """Links of one user to all satellites, at the truth.

    Attributes:
        sat_pos_m, sat_vel_mps, user_pos_m: as in the scene.
        freq_offset_hz, clock_bias_s: of each pair; the estimator assumes one of each.
        weight: inverse of the covariance that the estimator assumes for [nu (Hz), tau (s)].
        covariance: the true one; `problem_of_information` makes the two inverses of each other.
        carrier_hz: carrier.
    """

    sat_pos_m: Float[Array, "*batch sat 3"]
    sat_vel_mps: Float[Array, "*batch sat 3"]
    user_pos_m: Float[Array, "*batch 3"]
    freq_offset_hz: Float[Array, "*batch sat"]
    clock_bias_s: Float[Array, "*batch sat"]
    weight: Float[Array, "*batch sat 2 2"]
    covariance: Float[Array, "*batch sat 2 2"]
    carrier_hz: Float[Array, "*batch"]


def problem_of_information(
    *,
    sat_pos_m: Float[Array, "sat 3"],
    sat_vel_mps: Float[Array, "sat 3"],
    user_pos_m: Float[Array, "3"],
    freq_offset_hz: Float[Array, " sat"],
    clock_bias_s: Float[Array, " sat"],
    information: Float[Array, "sat 2 2"],
    carrier_hz: Float[Array, ""] | float,
) -> PositionProblem:
    """Problem of an estimator that knows how well each link is measured.

    Args:
        information: EFIM of [nu (Hz), tau (s)] of each link, regular.
    """
    return PositionProblem(
        sat_pos_m,
        sat_vel_mps,
        user_pos_m,
        freq_offset_hz,
        clock_bias_s,
        information,
        inverse_of_pairs(information),
        jnp.asarray(carrier_hz, float),
    )


def weighted_for_offsets(
    problem: PositionProblem,
    freq_offset_std_hz: Float[Array, ""] | float,
    clock_bias_std_s: Float[Array, ""] | float,
) -> PositionProblem:
    """The same links seen by an estimator that knows how far offsets spread.

        assumed covariance = covariance + diag(spread^2),   true covariance as before

    Only what is known of the spread enters, not the offsets themselves.
    """
    spread = jnp.stack([jnp.asarray(freq_offset_std_hz) ** 2, jnp.asarray(clock_bias_std_s) ** 2])
    assumed = problem.covariance + jnp.diag(spread)[None]
    return eqx.tree_at(lambda p: p.weight, problem, inverse_of_pairs(assumed))


def inverse_of_pairs(matrix: Float[Array, "*batch 2 2"]) -> Float[Array, "*batch 2 2"]:
    """Inverses of 2 x 2 matrices whose two entries differ by 20 orders of magnitude."""
    a, b, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    left = 1.0 - (b / a) * (b / d)
    off = -(b / a) / d / left
    rows = [jnp.stack([1.0 / (a * left), off], -1), jnp.stack([off, 1.0 / (d * left)], -1)]
    return jnp.stack(rows, -2)
