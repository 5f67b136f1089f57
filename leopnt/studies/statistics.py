"""Statistics of positioning trials: those that were solved, beside the count of those that were not."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from leopnt.inference.status import Status
from leopnt.studies.method import Column

QUANTILES = np.arange(1, 100) / 100.0
NOT_FINITE = "the result is not finite"
SOLVED = "solved"
_OK = int(np.asarray(Status.converged._value))


def status_sentences() -> list[str]:
    """What a trial may end with, by the number of its status; one more for results not finite."""
    sentences = [str(Status[getattr(Status, name)]) for name in Status._name_to_item]
    return [SOLVED, *sentences[1:], NOT_FINITE]


def position_statistics(
    case: Int[np.ndarray, " trial"],
    status: Int[np.ndarray, " trial"],
    error_enu_m: Float[np.ndarray, "trial 3"],
    nees: Float[np.ndarray, " trial"],
    bound_enu_m2: Float[np.ndarray, "case 3 3"],
    expected: int,
) -> dict[str, Column]:
    """Columns of one point without the point dimension.

    Args:
        case: of each trial.
        status: number of each trial's status.
        error_enu_m: estimate minus truth.
        nees: squared error over the covariance that the estimator stated.
        bound_enu_m2: Cramer-Rao bound of each case.
        expected: trials of the point, those that were not run included.
    """
    finite = np.all(np.isfinite(error_enu_m), axis=1)
    ok = (status == _OK) & finite
    lost = (status == _OK) & ~finite
    num_cases = len(bound_enu_m2)
    columns = _counts(status, ok, lost, expected)
    columns |= _errors(error_enu_m[ok])
    columns |= _against_bound(case[ok], error_enu_m[ok], bound_enu_m2)
    known = nees[ok & np.isfinite(nees)]
    columns["mean_nees"] = scalar(_mean(known), "1", "mean squared error over stated covariance")
    columns |= _by_case(case, ok, error_enu_m, num_cases)
    return columns


def nees_of(error: Float[Array, "3"], covariance: Float[Array, "3 3"]) -> Float[Array, ""]:
    """error^T covariance^-1 error, by the adjugate: no library call, safe in threads."""
    a, b, c = covariance
    adjugate = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)])
    return error @ adjugate @ error / (a @ adjugate[0])


def scalar(value: float, units: str, long_name: str) -> Column:
    """A column with one value per point."""
    return Column((), np.asarray(value), units, long_name)


def _counts(status, ok, lost, expected: int) -> dict[str, Column]:
    names = status_sentences()
    count = np.bincount(status[~lost], minlength=len(names))
    count[len(names) - 1] = np.sum(lost)
    return {
        "trials": scalar(expected, "1", "trials of the point"),
        "solved": scalar(np.sum(ok), "1", "trials that were solved"),
        "not_solved": scalar(np.sum(~ok), "1", "trials that were run and not solved"),
        "missing": scalar(expected - len(status), "1", "trials that were not run"),
        "not_finite": scalar(np.sum(lost), "1", "trials whose result is not finite"),
        "count": Column(("status",), count, "1", "trials that ended with this status"),
    }


def _errors(error_m: Float[np.ndarray, "trial 3"]) -> dict[str, Column]:
    horizontal_m, size_m = np.hypot(*error_m[:, :2].T), np.sqrt(np.sum(error_m**2, axis=1))
    columns = {
        "rmse_3d": scalar(_rms(size_m), "m", "RMS 3D error of solved trials"),
        "rmse_horizontal": scalar(_rms(horizontal_m), "m", "RMS horizontal error"),
        "rmse_vertical": scalar(_rms(error_m[:, 2]), "m", "RMS vertical error"),
    }
    for name, values in (("3d", size_m), ("horizontal", horizontal_m)):
        middle = float(np.median(values)) if len(values) else np.nan
        label = f"median {'3D' if name == '3d' else name} error of solved trials"
        columns[f"error_{name}_median"] = scalar(middle, "m", label)
    for axis, values in zip(("east", "north", "up"), error_m.T, strict=True):
        columns[f"bias_{axis}"] = scalar(_mean(values), "m", f"mean error {axis}")
    for name, values in (("3d", size_m), ("horizontal", horizontal_m)):
        found = np.quantile(values, QUANTILES) if len(values) else np.full(len(QUANTILES), np.nan)
        label = f"quantile of the {'3D' if name == '3d' else name} error of solved trials"
        columns[f"error_{name}_quantile"] = Column(("quantile",), found, "m", label)
    return columns


def _against_bound(case, error_m, bound_m2) -> dict[str, Column]:
    """Bounds over the same mix of cases as the solved trials, and what the errors are of them."""
    bounded = np.isfinite(np.trace(bound_m2, axis1=1, axis2=2))
    use = bounded[case]
    variance = np.diagonal(bound_m2, axis1=1, axis2=2)
    share = np.bincount(case[use], minlength=len(bound_m2)).astype(float)
    mean = share[bounded] @ variance[bounded] / max(share.sum(), 1.0) if use.any() else np.full(3, np.nan)
    square = np.sum(error_m[use] ** 2, axis=1)
    ratio = _rms(np.sqrt(square)) / np.sqrt(mean.sum())
    spread = np.std(square) / np.sqrt(max(len(square), 1)) / _mean(square) if use.any() else np.nan
    return {
        "bound_3d": scalar(np.sqrt(mean.sum()), "m", "Cramer-Rao bound of the 3D error"),
        "bound_horizontal": scalar(np.sqrt(mean[:2].sum()), "m", "bound of the horizontal error"),
        "bound_vertical": scalar(np.sqrt(mean[2]), "m", "bound of the vertical error"),
        "rmse_over_bound": scalar(ratio, "1", "RMS 3D error over its Cramer-Rao bound"),
        "rmse_over_bound_sigma": scalar(
            0.5 * ratio * spread, "1", "Monte Carlo standard error of rmse_over_bound"
        ),
    }


def _by_case(case, ok, error_m, num_cases: int) -> dict[str, Column]:
    run, solved = (np.bincount(case[k], minlength=num_cases) for k in (slice(None), ok))
    square = np.bincount(case[ok], np.sum(error_m[ok] ** 2, axis=1), num_cases)
    with np.errstate(divide="ignore", invalid="ignore"):
        rms, share = np.sqrt(square / solved), solved / run
    return {
        "case_rmse_3d": Column(("case",), rms, "m", "RMS 3D error of the case's solved trials"),
        "case_solved": Column(("case",), share, "1", "share of the case's trials that were solved"),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
