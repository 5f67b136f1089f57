"""Closed-form position from pseudoranges: a start that needs no guess."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.constants import WGS84_FLATTENING, WGS84_SEMI_MAJOR_M
from leopnt.inference.small_linear import gram_of_columns, solve_spd

UNIT_M = 1e7
"""Lengths are counted in it, so that squares are of the order of 1."""


class BancroftRoots(NamedTuple):
    """Both roots of Bancroft's quadratic.

    rx_pos_ecef_m (2, 3), clock_bias_m (2,), height_m (2,): above the WGS 84 ellipsoid, to 6e-6 of
    it; radius_misfit_m (2,): its size; solves (2,): whether all ranges less the clock are above
    zero, as they are at a solution. The first root is one that solves, of two the lower misfit. NaN
    (misfit infinite) where no real root exists or the satellites do not determine one.
    """

    rx_pos_ecef_m: Float[Array, "2 3"]
    clock_bias_m: Float[Array, "2"]
    height_m: Float[Array, "2"]
    radius_misfit_m: Float[Array, "2"]
    solves: Bool[Array, "2"]


def bancroft(
    sat_pos_ecef_m: Float[Array, "sat 3"],
    pseudoranges_m: Float[Array, " sat"],
    visible: Bool[Array, " sat"] | None = None,
) -> BancroftRoots:
    """Position and clock bias from four or more pseudoranges, without a starting value.

    With rows [s_i, rho_i], <a, b> the Lorentz product and M = diag(1, 1, 1, -1),
    y = M [x, b] solves B M y = (<y, y> 1 + alpha) / 2 with alpha_i = <[s_i, rho_i], [s_i, rho_i]>:
    least squares, then a quadratic in <y, y>. Four pseudoranges may fit both roots exactly: only
    the height tells them apart.

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
    shortest = jnp.min(jnp.where(ones > 0, pseudoranges_m, jnp.inf))
    return _better_first(
        *(_of_root(scale, u, v, regular, shortest) for scale in (q / quadratic, constant / q))
    )


def _lorentz(a, b):
    """a_1 b_1 + a_2 b_2 + a_3 b_3 - a_4 b_4."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] - a[3] * b[3]


def _of_root(scale, u, v, regular, shortest) -> tuple[Array, ...]:
    """Position, clock, height and misfit that belong to a root, and whether it solves."""
    y = (scale * u + v) * UNIT_M
    y = jnp.where(regular & jnp.isfinite(scale), y, jnp.nan)
    height = _height_m(y[0], y[1], y[2])
    misfit = jnp.abs(height)
    misfit = jnp.where(jnp.isfinite(misfit), misfit, jnp.inf)
    return y[:3], -y[3], height, misfit, shortest + y[3] > 0.0


def _height_m(x, y, z) -> Float[Array, ""]:
    """|p| less the ellipsoid's radius in that direction: off by a cosine of 0.19 degrees."""
    flat = (1.0 - WGS84_FLATTENING) ** 2
    rest, up = x * x + y * y, z * z
    square = rest + up
    radius = WGS84_SEMI_MAJOR_M * jnp.sqrt(flat * square / (flat * rest + up))
    return jnp.sqrt(square) - radius


def _better_first(first, second) -> BancroftRoots:
    """A root that solves before one that does not, then the smaller misfit."""
    keep = jnp.where(first[4] == second[4], first[3] <= second[3], first[4])
    ordered = [
        jnp.stack([jnp.where(keep, a, b), jnp.where(keep, b, a)])
        for a, b in zip(first, second, strict=True)
    ]
    return BancroftRoots(*ordered)
