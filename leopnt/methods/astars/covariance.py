"""Covariance of the position that the two-step chain finds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.methods.astars.inputs import (
    check_above_zero,
    check_directions,
    check_not_negative,
    common_shape,
    finite_array,
)

Numbers = Float[ArrayLike, "..."] | float | int

_ROUNDING = 1e-9
"""Of the largest entry: what rounding may leave of symmetry and of a zero eigenvalue."""


class TwoStepCovariance(NamedTuple):
    """Covariance [m^2] of U in ECEF, and its three parts."""

    total_m2: Float[np.ndarray, "*batch 3 3"]
    ranges_m2: Float[np.ndarray, "*batch 3 3"]
    sync_m2: Float[np.ndarray, "*batch 3 3"]
    aod_m2: Float[np.ndarray, "*batch 3 3"]


def two_step_covariance(
    cofactor: Float[ArrayLike, "*#batch 4 4"],
    departure: Float[ArrayLike, "*#batch 3"],
    elos_m: Numbers,
    sigma_range_m: Numbers,
    sigma_sync_s: Numbers,
    sigma_aod_rad: Numbers,
) -> TwoStepCovariance:
    """Covariance of U = S + (c T_u - b) u.

        P_U = s_L^2 m Q_4 m^T + (c s_sync)^2 u u^T + (r s_aod)^2 (I - u u^T),   m = [I_3, -u]

    Args:
        cofactor: Q_4 of (S, b), see `surface_fix`.
        departure: u, unit vector from the surface to the receiver.
        elos_m: r.
        sigma_range_m: s_L of one range (of weight 1).
        sigma_sync_s: of the network time; 0 accepted.
        sigma_aod_rad: of u, on each of two axes across it; 0 accepted.

    Raises:
        LeopntError: no unit vector, a cofactor that is none, a distance or s_L not above zero, a
            negative sigma.
    """
    u = check_directions("departure", departure)
    q4 = finite_array("cofactor", cofactor)
    _check_cofactor(q4)
    r, s_l = check_above_zero("elos_m", elos_m), check_above_zero("sigma_range_m", sigma_range_m)
    s_sync = check_not_negative("sigma_sync_s", sigma_sync_s)
    s_aod = check_not_negative("sigma_aod_rad", sigma_aod_rad)
    common_shape(
        cofactor=q4.shape[:-2],
        departure=u.shape[:-1],
        elos_m=r.shape,
        sigma_range_m=s_l.shape,
        sigma_sync_s=s_sync.shape,
        sigma_aod_rad=s_aod.shape,
    )
    along = u[..., :, None] * u[..., None, :]
    across = np.eye(3) - along
    identity = np.broadcast_to(np.eye(3), (*u.shape[:-1], 3, 3))
    m = np.concatenate([identity, -u[..., :, None]], axis=-1)
    ranges = _square(s_l) * (m @ q4 @ np.swapaxes(m, -1, -2))
    sync = _square(SPEED_OF_LIGHT_MPS * s_sync) * along
    aod = _square(r * s_aod) * across
    return TwoStepCovariance(ranges + sync + aod, ranges, sync, aod)


def _check_cofactor(q4: Float[np.ndarray, "..."]) -> None:
    """Refuse what is no symmetric matrix (..., 4, 4) without negative eigenvalues."""
    if q4.shape[-2:] != (4, 4):
        raise LeopntError(f"cofactor has shape {q4.shape}; accepted: (..., 4, 4).")
    size = np.max(np.abs(q4), axis=(-2, -1), initial=0.0)
    skew = np.max(np.abs(q4 - np.swapaxes(q4, -1, -2)), axis=(-2, -1), initial=0.0)
    if np.any(skew > _ROUNDING * size):
        raise LeopntError(f"cofactor is off symmetry by {float(np.max(skew)):.3g}.")
    lowest = np.min(np.linalg.eigvalsh(q4), axis=-1)
    if np.any(lowest < -_ROUNDING * size):
        raise LeopntError(
            f"cofactor has the eigenvalue {float(np.min(lowest)):.3g}; expected none below 0."
        )


def _square(value: Numbers) -> Float[np.ndarray, "... 1 1"]:
    return np.asarray(value)[..., None, None] ** 2
