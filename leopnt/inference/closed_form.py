"""Closed-form position from pseudoranges: a start that needs no guess."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.constants import EARTH_EQUATORIAL_RADIUS_M
from leopnt.inference.small_linear import solve_spd


class BancroftRoots(NamedTuple):
    """Both roots of Bancroft's quadratic.

    rx_pos_ecef_m (2, 3), clock_bias_m (2,), radius_misfit_m (2,): distance from the Earth's
    surface; the first root is the one closer to it. NaN (misfit infinite) where no real root exists
    or the satellites do not determine one.
    """

    rx_pos_ecef_m: Float[Array, "2 3"]
    clock_bias_m: Float[Array, "2"]
    radius_misfit_m: Float[Array, "2"]


def bancroft(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    pseudoranges_m: Float[Array, " sat"],
    visible: Bool[Array, " sat"] | None = None,
) -> BancroftRoots:
    """Position and clock bias from four or more pseudoranges, without a starting value.

    With rows [s_i, rho_i], <a, b> the Lorentz product and M = diag(1, 1, 1, -1),
    y = M [x, b] solves B M y = (<y, y> 1 + alpha) / 2 with alpha_i = <[s_i, rho_i], [s_i, rho_i]>:
    least squares, then a quadratic in <y, y>.

    Args:
        sat_pos_ecef_m: satellite positions in one set of axes (rotate them to the reception epoch,
            `geometry.rotate_earth`, by rho/c; a clock error of 1 ms costs under 1 m here).
        pseudoranges_m: range plus clock bias.
        visible: False marks padding.

    Source: Bancroft, IEEE Trans. Aerosp. Electron. Syst. AES-21 (1985) 56.
    """
    unit_m = 1e7
    rows = jnp.column_stack([sat_pos_ecef_m, pseudoranges_m]) / unit_m
    ones = jnp.ones(pseudoranges_m.shape)
    if visible is not None:
        rows, ones = jnp.where(visible[:, None], rows, 0.0), jnp.where(visible, ones, 0.0)
    metric = jnp.array([1.0, 1.0, 1.0, -1.0])
    alpha = 0.5 * jnp.sum(rows * rows * metric[None, :], axis=1)
    solution, regular = solve_spd(rows.T @ rows, rows.T @ jnp.stack([ones, alpha], axis=1))
    u, v = solution[:, 0], solution[:, 1]
    quadratic = jnp.sum(u * u * metric)
    linear = jnp.sum(u * v * metric) - 1.0
    constant = jnp.sum(v * v * metric)
    root = jnp.sqrt(linear**2 - quadratic * constant)
    # q from the sign-stable form, so that a vanishing quadratic term does no harm.
    q = -(linear + jnp.where(linear >= 0, root, -root))
    lambdas = jnp.stack([q / quadratic, constant / q])
    y = (lambdas[:, None] * u[None, :] + v[None, :]) * metric[None, :] * unit_m
    y = jnp.where(regular & jnp.isfinite(lambdas)[:, None], y, jnp.nan)
    position, clock = y[:, :3], y[:, 3]
    misfit = jnp.abs(jnp.linalg.norm(position, axis=1) - EARTH_EQUATORIAL_RADIUS_M)
    misfit = jnp.where(jnp.isfinite(misfit), misfit, jnp.inf)
    order = jnp.argsort(misfit)
    return BancroftRoots(position[order], clock[order], misfit[order])
