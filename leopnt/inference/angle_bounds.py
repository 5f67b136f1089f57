"""Least variance of directions that a uniform array measures from one plane wave.

`snr` is linear and per element; the spacing counts wavelengths. Each bound is for a wave of
deterministic amplitude; `random_source_factor` multiplies it for a Gaussian one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float

from leopnt.errors import LeopntError
from leopnt.inference.uniform_arrays import LineArray, PlaneArray

Number = Float[Array | np.ndarray, "..."] | float


def line_angle_variance(
    array: LineArray, theta_rad: Number, snr: Number, num_snapshots: int
) -> Float[np.ndarray, "..."]:
    """Variance [rad^2] of the angle from broadside.

        6 / (snr n M (M^2 - 1)) / (2 pi d cos(theta))^2

    Infinite at endfire. [zhang-astars] eq. (25) lacks the last factor: it is the variance of the
    electrical angle.

    Raises:
        LeopntError: snr not above zero, no snapshot, an array of one element.
    """
    slope = 2.0 * np.pi * array.spacing_wavelengths * np.cos(np.asarray(theta_rad, float))
    with np.errstate(divide="ignore"):
        return np.asarray(_electrical(array.num, 1, snr, num_snapshots) / np.square(slope))


def plane_cosine_variance(
    array: PlaneArray, snr: Number, num_snapshots: int
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Variances of the direction cosines along x and y, which are uncorrelated.

        var(u_x) = 6 / (snr n M_x M_y (M_x^2 - 1)) / (2 pi d)^2

    Raises:
        LeopntError: as `line_angle_variance`.
    """
    turn = (2.0 * np.pi * array.spacing_wavelengths) ** 2
    along_x = _electrical(array.num_x, array.num_y, snr, num_snapshots)
    along_y = _electrical(array.num_y, array.num_x, snr, num_snapshots)
    return np.asarray(along_x / turn), np.asarray(along_y / turn)


def random_source_factor(num_elements: int, snr: Number) -> Float[np.ndarray, "..."]:
    """1 + 1 / (M snr): what an unknown Gaussian amplitude costs.

    Raises:
        LeopntError: snr not above zero.
    """
    return np.asarray(1.0 + 1.0 / (num_elements * _positive_snr(snr)))


def _electrical(num: int, across: int, snr: Number, num_snapshots: int):
    if num < 2:
        raise LeopntError(f"array: got {num} element along an axis; accepted: 2 or more.")
    if num_snapshots < 1:
        raise LeopntError(f"num_snapshots: got {num_snapshots}; accepted: 1 or more.")
    snr = _positive_snr(snr)
    return 6.0 / (snr * num_snapshots * num * across * (num**2 - 1.0))


def _positive_snr(snr: Number) -> Float[np.ndarray, "..."]:
    value = np.asarray(snr, float)
    if not np.all(value > 0.0):
        raise LeopntError(f"snr: got {np.min(value):g}; accepted: linear ratios above 0.")
    return value
