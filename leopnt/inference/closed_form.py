"""Closed-form position from pseudoranges: a start that needs no guess."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.constants import EARTH_EQUATORIAL_RADIUS_M
from leopnt.inference.small_linear import gram_of_columns, solve_spd

UNIT_M = 1e7
"""Lengths are counted in it, so that squares are of the order of 1."""


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
    columns = [sat_pos_ecef_m[:, i] / UNIT_M for i in range(3)] + [pseudoranges_m / UNIT_M]
    ones = jnp.ones(pseudoranges_m.shape)
    if visible is not None:
        columns = [jnp.where(visible, column, 0.0) for column in columns]
        ones = jnp.where(visible, ones, 0.0)
    alpha = 0.5 * _lorentz(columns, columns)
    sums = [jnp.stack([jnp.sum(x * ones), jnp.sum(x * alpha)]) for x in columns]
    solution, regular = solve_spd(gram_of_columns(columns), jnp.stack(sums))
    u, v = solution[:, 0], solution[:, 1]
    quadratic, linear, constant = _lorentz(u, u), _lorentz(u, v) - 1.0, _lorentz(v, v)
    root = jnp.sqrt(linear**2 - quadratic * constant)
    # q from the sign-stable form, so that a vanishing quadratic term does no harm.
    q = -(linear + jnp.where(linear >= 0, root, -root))
    (near, far), misfits = _nearer_first(
        *(_of_root(scale, u, v, regular) for scale in (q / quadratic, constant / q))
    )
    return BancroftRoots(
        jnp.stack([near[:3], far[:3]]), jnp.stack([near[3], far[3]]), jnp.stack(misfits)
    )


def _lorentz(a, b):
    """a_1 b_1 + a_2 b_2 + a_3 b_3 - a_4 b_4."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] - a[3] * b[3]


def _of_root(scale, u, v, regular) -> tuple[Float[Array, "4"], Float[Array, ""]]:
    """Position and clock that belong to a root, and its distance from the Earth's surface."""
    y = (scale * u + v) * UNIT_M
    y = jnp.where(regular & jnp.isfinite(scale), y, jnp.nan)
    radius = jnp.sqrt(y[0] * y[0] + y[1] * y[1] + y[2] * y[2])
    misfit = jnp.abs(radius - EARTH_EQUATORIAL_RADIUS_M)
    return y * jnp.array([1.0, 1.0, 1.0, -1.0]), jnp.where(jnp.isfinite(misfit), misfit, jnp.inf)


def _nearer_first(first, second):
    """Both solutions and both misfits, the smaller misfit first."""
    (y1, m1), (y2, m2) = first, second
    keep = m1 <= m2
    values = jnp.where(keep, y1, y2), jnp.where(keep, y2, y1)
    return values, (jnp.minimum(m1, m2), jnp.maximum(m1, m2))
