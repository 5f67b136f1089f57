"""Standard deviations from residuals: robust scale and variance components by satellite."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, stdtrit

MEDIAN_EFFICIENCY = 0.37
"""Share of the redundancy that a scale from the median of magnitudes makes use of."""


def robust_scale(whitened: Float[np.ndarray, " obs"], num_unknowns: int) -> float:
    """Scale of the residuals in units of the assumed sigma, from their median magnitude.

        s = 1.4826 median|z| sqrt(n / (n - p))

    Holds with up to half the measurements wrong. Floored at 1e-6, and 1 where nothing is redundant.

    Source: Rousseeuw & Leroy, Robust Regression and Outlier Detection (1987), sec. 5.1.
    """
    z = whitened[np.isfinite(whitened)]
    if len(z) <= num_unknowns:
        return 1.0
    scale = 1.4826 * float(np.median(np.abs(z))) * np.sqrt(len(z) / (len(z) - num_unknowns))
    return max(scale, 1e-6)


def rejection_limit(sigmas: float, spare: float) -> float:
    """Limit on a residual over a sigma that was itself estimated, from `spare` redundant residuals.

    The quantile of Student's distribution that is as rare as `sigmas` is for a known sigma: 4
    becomes 4.1 at spare = 200, 5.5 at 15, 33 at 3, so that a few measurements do not condemn one
    of theirs for being apart from neighbors that happen to agree.
    """
    return float(-stdtrit(max(spare, 1.0), ndtr(-sigmas)))


def satellite_sigmas(
    residual: Float[np.ndarray, " obs"],
    redundancy: Float[np.ndarray, " obs"],
    used: Bool[np.ndarray, " obs"],
    sat_index: Int[np.ndarray, " obs"],
    prior_dof: float,
) -> Float[np.ndarray, " sat"]:
    """One sigma per satellite, by variance-component estimation with shrinkage of its logarithm.

        ln var_s = (d_s ln v_s + nu ln v) / (d_s + nu) + const
        v_s = sum res^2 / d_s,   d_s = sum r,   ln v = sum d_s ln v_s / sum d_s

    over the used measurements of satellite s, res the residual (in units that make all satellites
    comparable), r its redundancy 1 - h, nu = `prior_dof`; the constant makes the sum of res^2/var
    the redundancy of all. On a logarithm a satellite ten times as noisy as the rest spoils the
    others' sigma by the power nu / (d_s + nu) of 10 only. Iterate with the fit until it settles.

    Source: Foerstner, Ein Verfahren zur Schaetzung von Varianz- und Kovarianzkomponenten (1979),
    for v_s.
    """
    sat_index = np.asarray(sat_index)
    squares, spare = residual**2, np.clip(redundancy, 0.0, 1.0)
    num_sat = int(sat_index.max()) + 1
    sums = np.bincount(sat_index[used], squares[used], num_sat)
    dof = np.bincount(sat_index[used], spare[used], num_sat)
    total = max(np.sum(dof), 1e-9)
    pooled = max(np.sum(sums) / total, 1e-300)
    each = np.log(np.maximum(sums / np.maximum(dof, 1e-9), 1e-12 * pooled))
    middle = np.sum(dof * each) / total
    weight = np.maximum(dof + prior_dof, 1e-9)
    variance = np.exp((dof * each + prior_dof * middle) / weight)
    variance = np.where(dof > 0, variance, np.exp(middle))
    return np.sqrt(variance * np.sum(sums / variance) / total)
