"""How far a station is from its coordinates, by its own code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError

_TO_SIGMA = 1.4826
"""Standard deviation of normal noise over the median of its absolute value."""
_TRIMS = 4
_TRIM_AT = 5.0
_CERTAIN = 5.0
_LEAST_LINKS = 8
_BLIND = 1e-9


class PlaceOffset(NamedTuple):
    """True place less the coordinates, in the axes of the unit vectors, and its sigma [m]."""

    offset_m: Float[np.ndarray, "3"]
    sigma_m: Float[np.ndarray, "3"]


def place_offset(
    code_m: Float[np.ndarray, " link"],
    unit: Float[np.ndarray, "link 3"],
    epoch: Int[np.ndarray, " link"],
) -> PlaceOffset | None:
    """Constant offset of a station, with one free receiver clock per epoch:

        code - computed = -u . offset + c dt(epoch)

    by least squares on what differs from the mean of each epoch; links more than 5 sigma off the
    fit are left out, sigma being 1.4826 times the median absolute residual.

    Args:
        code_m: code less its computed value; links with NaN are left out.
        unit: from the station to the satellite, any axes.
        epoch: epoch of each link, from 0.

    Returns:
        None where the links do not determine three coordinates.
    """
    there = np.isfinite(code_m)
    found, kept = None, there
    for _ in range(_TRIMS):
        fit = _fit(code_m, unit, epoch, kept) if np.sum(kept) >= _LEAST_LINKS else None
        if fit is None:
            return None
        covariance, offset, rest = fit
        sigma = _TO_SIGMA * float(np.median(np.abs(rest[kept])))
        found = PlaceOffset(offset, sigma * np.sqrt(np.diag(covariance)))
        kept = there & (np.abs(rest) <= _TRIM_AT * sigma)
    return found


def _fit(code_m, unit, epoch, kept):
    """Covariance of unit noise, offset and residuals of all links; None without three axes."""
    design = _less_mean(-unit, epoch, kept)
    off = _less_mean(code_m[:, None], epoch, kept)[:, 0]
    normal = design[kept].T @ design[kept]
    eigenvalues = np.linalg.eigvalsh(normal)
    if eigenvalues[0] <= _BLIND * max(eigenvalues[-1], 1.0):
        return None
    covariance = np.linalg.inv(normal)
    offset = covariance @ (design[kept].T @ off[kept])
    return covariance, offset, off - design @ offset


def _less_mean(values, epoch, kept):
    """Less the mean of the kept links of each epoch; NaN where an epoch keeps none."""
    count = np.bincount(epoch[kept], minlength=np.max(epoch) + 1)
    sums = np.stack(
        [np.bincount(epoch[kept], one[kept], minlength=len(count)) for one in values.T], axis=1
    )
    with np.errstate(invalid="ignore"):
        return values - (sums / count[:, None])[epoch]


def check_coordinates(
    found: PlaceOffset | None, limit_m: float, source: str, station: str, code: str
) -> None:
    """Refuse coordinates that are surely off by more than a limit.

    Args:
        found: offset along east, north and up; None passes.
        limit_m: largest distance; five sigmas are added.
        source, station, code: for the message.

    Raises:
        LeopntError: further off.
    """
    if found is None:
        return
    off, sigma = (float(np.linalg.norm(one)) for one in found)
    if off <= limit_m + _CERTAIN * sigma:
        return
    east, north, up = found.offset_m
    raise LeopntError(
        f"{source}: {code} code of station {station} puts it {off:.4g} m off its coordinates (east "
        f"{east:.4g}, north {north:.4g}, up {up:.4g}; sigma {sigma:.2g}); expected within "
        f"{limit_m:g} m (largest_offset_m). Are the coordinates, their frame, the height of the "
        "antenna, or the corrections wrong?"
    )
