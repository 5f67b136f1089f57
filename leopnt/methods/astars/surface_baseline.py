"""Where a surface is, to millimeters: double differences against a base station, integers fixed.

The baseline ends at the surface, not at the receiver: the receiver's clock and the last leg are
common to all that one surface relays, so differences between satellites hold neither.
"""

from __future__ import annotations

import operator
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from leopnt.errors import LeopntError
from leopnt.inference.ambiguity import Acceptance, AmbiguityFix, AmbiguityStatus, fix_ambiguities
from leopnt.inference.conditioning import baseline_after
from leopnt.inference.success_rate import bootstrapped_success_rate
from leopnt.methods.astars.inputs import (
    broadcast,
    check_above_zero,
    check_one_above_zero,
    check_positions,
    check_ranges,
    check_satellites,
    check_whole,
    common_shape,
    finite_array,
    numbers,
)
from leopnt.methods.astars.ranging import MAX_CONDITION
from leopnt.observables.combinations import difference_matrix, double_difference_covariance

LEAST_SATELLITES = 4
"""Three components of the baseline and a reference satellite."""

MAX_ITERATIONS = 12
STEP_M = 1e-6
_SAME_PLACE_M = 1e-3


class BaselineStatus(eqx.Enumeration):
    """End of a baseline; empty means that all integers are fixed."""

    fixed = ""
    float_kept = (
        "float: the integers are not certain enough, see `ambiguities.status`; the baseline "
        "without them is kept"
    )
    not_converged = "the iteration limit was reached before the step became small"
    weak_geometry = "the satellites do not determine the baseline (condition above 1e8)"
    duplicate_satellites = "two of the satellites stand in the same place"


class CodeAndPhase(NamedTuple):
    """What one antenna, or one surface, makes of all satellites: (..., sat) or (..., epoch, sat).

    code_m: pseudoranges. phase_cycles: carrier phases, ambiguous, without slips over the epochs;
    those by way of a surface less the phase that it was told to add.
    """

    code_m: Float[ArrayLike, "..."]
    phase_cycles: Float[ArrayLike, "..."]


class SurveyedSurface(NamedTuple):
    """A surface as `knowledge(**survey._asdict(), ...)` wants it."""

    surface_pos_ecef_m: Float[np.ndarray, "*batch 1 3"]
    sigma_survey_m: Float[np.ndarray, "*batch 1"]


class SurfaceBaseline(eqx.Module):
    """A surface by its baseline from a base station. NaN where there is not even a float solution.

    Attributes:
        surface_pos_ecef_m, baseline_m, covariance_m2: to go on with: fixed where the status says
            so, float elsewhere.
        float_baseline_m, float_covariance_m2: without integers.
        float_cycles, amb_covariance, cross_covariance: float ambiguities, their covariance
            [cycles^2], and that of the baseline with them [m cycles].
        ambiguities: see `AmbiguityFix`: integers found, ratio, success rate, why they were refused.
        condition: of the weighted rows of the float solution.
        status: `BaselineStatus[found.status]` is the sentence.
    """

    surface_pos_ecef_m: Float[np.ndarray, "*batch 3"]
    baseline_m: Float[np.ndarray, "*batch 3"]
    covariance_m2: Float[np.ndarray, "*batch 3 3"]
    float_baseline_m: Float[np.ndarray, "*batch 3"]
    float_covariance_m2: Float[np.ndarray, "*batch 3 3"]
    float_cycles: Float[np.ndarray, "*batch amb"]
    amb_covariance: Float[np.ndarray, "*batch amb amb"]
    cross_covariance: Float[np.ndarray, "*batch 3 amb"]
    ambiguities: AmbiguityFix
    condition: Float[np.ndarray, "*batch"]
    status: BaselineStatus

    @property
    def is_fixed(self) -> np.ndarray:
        """True where all integers are fixed."""
        return np.asarray(self.status == BaselineStatus.fixed)

    def survey(self) -> SurveyedSurface:
        """The surface as knowledge of a joint fix, its sigma that of the weakest direction.

        The joint fix counts the errors as independent of its phases: take other epochs for it.

        Raises:
            LeopntError: no solution in a part of the batch.
        """
        if not np.all(np.isfinite(self.covariance_m2)):
            raise LeopntError("survey: not every baseline has a solution; see status.")
        largest = np.linalg.eigvalsh(self.covariance_m2)[..., -1]
        return SurveyedSurface(self.surface_pos_ecef_m[..., None, :], np.sqrt(largest)[..., None])


class CommonInteger(NamedTuple):
    """The integer that all phases through a surface share, by its code; see `common_integer`.

    float_cycles: estimate; sigma_cycles: its sigma; integer: nearest; success_rate: that it is
    right.
    """

    float_cycles: Float[np.ndarray, "*batch"]
    sigma_cycles: Float[np.ndarray | np.floating, ""]
    integer: Int[np.ndarray, "*batch"]
    success_rate: Float[np.ndarray | np.floating, ""]


def surface_baseline(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"],
    base_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
    base: CodeAndPhase,
    relayed: CodeAndPhase,
    wavelength_m: float,
    *,
    sigma_code_m: Float[ArrayLike, "..."] | float = 0.3,
    sigma_phase_m: Float[ArrayLike, "..."] | float = 3e-3,
    base_sat_pos_ecef_m: Float[ArrayLike, "*#batch sat 3"] | None = None,
    reference: int = 0,
    start_ecef_m: Float[ArrayLike, "*#batch 3"] | None = None,
    acceptance: Acceptance = Acceptance(),
) -> SurfaceBaseline:
    """Surface from one epoch of code and phase: float solution, LAMBDA, fixed baseline.

        D (P_S - P_B)          = D (|s - S| - |s - B|) + e_P,            cov(e_P) = 2 D s_P^2 D^T
        lambda D (f_S - f_B)   = D (|s - S| - |s - B|) + lambda n + e_f, cov(e_f) = 2 D s_f^2 D^T

    over S and the integers n, with the full covariances. Integers are taken where both the ratio
    and the success rate pass; then the baseline is b - Q_bn Q_nn^-1 (n_float - n).

    Args:
        sat_pos_ecef_m: at transmission of what the surface relays, axes of the epoch of arrival.
        base_pos_ecef_m: B, known.
        base: received at the base. relayed: received through the surface, wherever the receiver is.
        sigma_code_m, sigma_phase_m: undifferenced, of each satellite or one for all, the same at
            base and surface.
        base_sat_pos_ecef_m: at transmission of what the base receives; default the same, which for
            LEO is wrong by up to 25 mm per km of baseline, and by 7.5 m per ms between the clocks
            (see `received`).
        reference: number of the satellite that the others are differenced with.
        start_ecef_m: near the surface; default the base.
        acceptance: limits of ratio and success rate.

    The step from float to fixed is linear: it leaves the square of its length over the range.

    Raises:
        LeopntError: fewer than four satellites, shapes, codes that are no ranges, sigmas or a
            wavelength not above zero, a reference that there is not.
    """
    satellites = numbers("sat_pos_ecef_m", sat_pos_ecef_m)
    if satellites.ndim < 2:
        raise LeopntError(f"sat_pos_ecef_m has shape {satellites.shape}; accepted: (..., sat, 3).")
    seen = None
    if base_sat_pos_ecef_m is not None:
        seen = numbers("base_sat_pos_ecef_m", base_sat_pos_ecef_m)
        _check_same_satellites(seen, satellites, 2)
        seen = seen[..., None, :, :]
    return surface_baseline_of_epochs(
        satellites[..., None, :, :],
        base_pos_ecef_m,
        _one_epoch("base", base),
        _one_epoch("relayed", relayed),
        wavelength_m,
        sigma_code_m=sigma_code_m,
        sigma_phase_m=sigma_phase_m,
        base_sat_pos_ecef_m=seen,
        reference=reference,
        start_ecef_m=start_ecef_m,
        acceptance=acceptance,
    )


def surface_baseline_of_epochs(
    sat_pos_ecef_m: Float[ArrayLike, "*#batch epoch sat 3"],
    base_pos_ecef_m: Float[ArrayLike, "*#batch 3"],
    base: CodeAndPhase,
    relayed: CodeAndPhase,
    wavelength_m: float,
    *,
    sigma_code_m: Float[ArrayLike, "..."] | float = 0.3,
    sigma_phase_m: Float[ArrayLike, "..."] | float = 3e-3,
    base_sat_pos_ecef_m: Float[ArrayLike, "*#batch epoch sat 3"] | None = None,
    reference: int = 0,
    start_ecef_m: Float[ArrayLike, "*#batch 3"] | None = None,
    acceptance: Acceptance = Acceptance(),
) -> SurfaceBaseline:
    """As `surface_baseline` over several epochs with the same integers, errors independent."""
    reference = _reference(reference, np.shape(sat_pos_ecef_m)[-2])
    data = _prepared(sat_pos_ecef_m, base_pos_ecef_m, base, relayed, base_sat_pos_ecef_m, reference)
    noise = _Noise.of(data.num_sats, sigma_code_m, sigma_phase_m, wavelength_m, reference)
    begin = data.base if start_ecef_m is None else check_positions("start_ecef_m", start_ecef_m)
    surface = np.array(broadcast("start_ecef_m", begin, data.base.shape))
    step_m = np.full(surface.shape[:-1], np.inf)
    for _ in range(MAX_ITERATIONS):
        found = _linear(data, noise, surface)
        surface = surface + np.where(np.isfinite(found.step), found.step, 0.0)
        step_m = np.linalg.norm(found.step, axis=-1)
        if not np.any(step_m >= STEP_M):  # NaN: nothing more will come
            break
    found = _linear(data, noise, surface)
    return _fixed(data, found, surface, step_m, acceptance)


def relayed_ranges(
    phase_cycles: Float[ArrayLike, "*#batch sat"],
    integers: Int[ArrayLike, "*#batch amb"],
    wavelength_m: float,
    *,
    base_integers: Int[ArrayLike, "*#batch sat"] | int = 0,
    reference: int = 0,
    common_cycles: Int[ArrayLike, "*#batch"] | int = 0,
) -> Float[np.ndarray, "*batch sat"]:
    """Relayed phases as ranges, up to one integer that they share.

        L_i = lambda (f_i - N_B,i - n_i - k),   n_reference = 0

    k = N_S,ref - N_B,ref is not observable in double differences: it is one with the clock. A wrong
    one shifts b and the last leg by k lambda each, and leaves the surface where it is.

    Args:
        integers: n, double differences in the order of `surface_baseline`.
        base_integers: N_B of the base's own phases, from a network's or precise-point solution.
        common_cycles: k, 0 where not known; see `common_integer`.

    Raises:
        LeopntError: shapes that do not fit, integers of another type, or `NO_INTEGER` among them:
            take only baselines that have some.
    """
    phases = finite_array("phase_cycles", phase_cycles)
    whole = check_whole("integers", integers)
    if phases.ndim < 1 or whole.shape[-1:] != (phases.shape[-1] - 1,):
        raise LeopntError(
            f"integers has shape {whole.shape} for phase_cycles of shape {phases.shape}; accepted: "
            "(..., sat - 1) for (..., sat)."
        )
    wavelength = check_one_above_zero("wavelength_m", wavelength_m)
    full = np.insert(whole, _reference(reference, phases.shape[-1]), 0, axis=-1)
    own = check_whole("base_integers", base_integers)
    shared = check_whole("common_cycles", common_cycles)[..., None]
    common_shape(
        phase_cycles=phases.shape,
        integers=full.shape,
        base_integers=own.shape,
        common_cycles=shared.shape,
    )
    return wavelength * (phases - (own + full + shared))


def common_integer(
    code_m: Float[ArrayLike, "*#batch sat"],
    range_m: Float[ArrayLike, "*#batch sat"],
    wavelength_m: float,
    sigma_code_m: float = 0.3,
    sigma_phase_m: float = 3e-3,
) -> CommonInteger:
    """The k of `relayed_ranges`, from ranges made with k = 0 and the relayed code.

    The mean of (range - code) / lambda over the satellites. One epoch of eight satellites and 0.3 m
    code gives half a cycle of L1: it takes many epochs, or k is accepted as part of the clock.
    """
    code, ranges = finite_array("code_m", code_m), finite_array("range_m", range_m)
    if min(code.ndim, ranges.ndim) < 1 or code.shape[-1] != ranges.shape[-1]:
        raise LeopntError(
            f"code_m has shape {code.shape} for range_m of shape {ranges.shape}; accepted: "
            "(..., sat) for both."
        )
    wavelength = check_one_above_zero("wavelength_m", wavelength_m)
    sigmas = [check_one_above_zero("sigma_code_m", sigma_code_m)]
    sigmas.append(check_one_above_zero("sigma_phase_m", sigma_phase_m))
    shape = common_shape(code_m=code.shape, range_m=ranges.shape)
    sigma = np.hypot(sigmas[0], sigmas[1]) / wavelength / np.sqrt(shape[-1])
    value = np.mean((ranges - code) / wavelength, axis=-1)
    success = bootstrapped_success_rate(np.reshape(sigma**2, (1,)))
    return CommonInteger(np.asarray(value), sigma, np.rint(value).astype(np.int64), success)


class _Data(NamedTuple):
    """Checked input: (batch, epoch, sat), differences over the last axis."""

    satellites: np.ndarray
    base: np.ndarray
    code_m: np.ndarray
    phase_cycles: np.ndarray
    base_range_m: np.ndarray
    difference: np.ndarray

    @property
    def num_sats(self) -> int:
        return self.satellites.shape[-2]


class _Noise(NamedTuple):
    """Whitening matrices of differenced code and phase, W^T W = Q^-1, and Q of the phase."""

    of_code: np.ndarray
    of_phase: np.ndarray
    phase_covariance_m2: np.ndarray
    wavelength_m: float

    @classmethod
    def of(cls, num_sats: int, sigma_code_m, sigma_phase_m, wavelength_m, reference: int) -> _Noise:
        named = {"sigma_code_m": sigma_code_m, "sigma_phase_m": sigma_phase_m}
        code, phase = (
            np.asarray(double_difference_covariance(jnp.asarray(_sigma(k, v, num_sats)), reference))
            for k, v in named.items()
        )
        root = [np.linalg.inv(np.linalg.cholesky(q)) for q in (code, phase)]
        return cls(root[0], root[1], phase, check_one_above_zero("wavelength_m", wavelength_m))


class _Linear(NamedTuple):
    """Least squares around a surface: step, float ambiguities, covariances."""

    step: np.ndarray
    float_cycles: np.ndarray
    covariance: np.ndarray
    amb_covariance: np.ndarray
    cross_covariance: np.ndarray
    condition: np.ndarray


def _one_epoch(name: str, values: CodeAndPhase) -> CodeAndPhase:
    """With an axis of one epoch."""
    found = {key: numbers(f"{name}.{key}", one) for key, one in values._asdict().items()}
    for key, one in found.items():
        if one.ndim < 1:
            raise LeopntError(f"{name}.{key} is one number; accepted: (..., sat).")
    return CodeAndPhase(**{key: one[..., None, :] for key, one in found.items()})


def _check_same_satellites(seen, satellites, axes: int) -> None:
    """Satellites of the base and of the surface, one for one."""
    if seen.shape[-axes:] != satellites.shape[-axes:]:
        raise LeopntError(
            f"base_sat_pos_ecef_m has shape {seen.shape} for sat_pos_ecef_m of shape "
            f"{satellites.shape}; accepted: the same satellites and epochs."
        )


def _reference(reference: int, num_sats: int) -> int:
    """The number of a satellite; `operator.index` refuses 1.0."""
    try:
        number = operator.index(reference)
    except TypeError:
        raise LeopntError(f"reference = {reference!r}: expected an integer.") from None
    if not 0 <= number < num_sats:
        raise LeopntError(f"reference = {number}: expected 0 to {num_sats - 1}.")
    return number


def _sigma(name: str, value, num_sats: int) -> np.ndarray:
    found = check_above_zero(name, value)
    return np.array(broadcast(name, found, (num_sats,)))


def _prepared(sat_pos, base_pos, base, relayed, base_sat_pos, reference: int) -> _Data:
    satellites = check_satellites(sat_pos, LEAST_SATELLITES)
    if satellites.ndim < 3:
        raise LeopntError(
            f"sat_pos_ecef_m has shape {satellites.shape}; accepted: (..., epoch, sat, 3)."
        )
    seen = satellites
    if base_sat_pos is not None:
        seen = check_satellites(base_sat_pos, LEAST_SATELLITES, "base_sat_pos_ecef_m")
        _check_same_satellites(seen, satellites, 3)
    place = check_positions("base_pos_ecef_m", base_pos)
    codes = [
        check_ranges(name, values.code_m, satellites)
        for name, values in {"base.code_m": base, "relayed.code_m": relayed}.items()
    ]
    phases = [
        finite_array(name, values.phase_cycles)
        for name, values in {"base.phase_cycles": base, "relayed.phase_cycles": relayed}.items()
    ]
    batch = common_shape(
        sat_pos_ecef_m=satellites.shape[:-3],
        base_sat_pos_ecef_m=seen.shape[:-3],
        base_pos_ecef_m=place.shape[:-1],
        base_code_m=codes[0].shape[:-2],
        relayed_code_m=codes[1].shape[:-2],
    )
    shape = (*batch, *satellites.shape[-3:-1])
    matrix = np.asarray(difference_matrix(shape[-1], reference))
    code = broadcast("relayed.code_m", codes[1], shape) - broadcast("base.code_m", codes[0], shape)
    phase = broadcast("relayed.phase_cycles", phases[1], shape) - broadcast(
        "base.phase_cycles", phases[0], shape
    )
    stands = np.broadcast_to(place, (*batch, 3))
    away = np.linalg.norm(seen - stands[..., None, None, :], axis=-1)
    return _Data(
        np.broadcast_to(satellites, (*shape, 3)),
        stands,
        code @ matrix.T,
        phase @ matrix.T,
        np.broadcast_to(away, shape),
        matrix,
    )


def _linear(data: _Data, noise: _Noise, surface: np.ndarray) -> _Linear:
    """One pass, ambiguities eliminated: what phases tell of the baseline is their change.

    Rows of the mean over epochs serve the ambiguities; code and the rest of the phase the baseline.
    """
    offset = surface[..., None, None, :] - data.satellites
    away = np.linalg.norm(offset, axis=-1)
    rows = data.difference @ (offset / away[..., None])
    predicted = (away - data.base_range_m) @ data.difference.T
    code, phase = data.code_m - predicted, noise.wavelength_m * data.phase_cycles - predicted
    mean_rows, mean_phase = np.mean(rows, axis=-3), np.mean(phase, axis=-2)
    parts = [noise.of_code @ rows, noise.of_phase @ (rows - mean_rows[..., None, :, :])]
    rests = [code @ noise.of_code.T, (phase - mean_phase[..., None, :]) @ noise.of_phase.T]
    design = np.concatenate(parts, axis=-2)
    design = design.reshape(*design.shape[:-3], -1, 3)
    rest = np.concatenate(rests, axis=-1)
    rest = rest.reshape(*rest.shape[:-2], -1)
    left, size, right = np.linalg.svd(design, full_matrices=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        condition = size[..., 0] / size[..., -1]
        inverse = np.where(condition <= MAX_CONDITION, 1.0, np.nan)[..., None] / size
    inverse_root = np.swapaxes(right, -1, -2) * inverse[..., None, :]
    step = (inverse_root @ (np.swapaxes(left, -1, -2) @ rest[..., None]))[..., 0]
    covariance = inverse_root @ np.swapaxes(inverse_root, -1, -2)
    cycles = (mean_phase - (mean_rows @ step[..., None])[..., 0]) / noise.wavelength_m
    across = -covariance @ np.swapaxes(mean_rows, -1, -2) / noise.wavelength_m
    own = noise.phase_covariance_m2 / rows.shape[-3]
    tall = mean_rows @ inverse_root
    ambiguities = (own + tall @ np.swapaxes(tall, -1, -2)) / noise.wavelength_m**2
    return _Linear(step, cycles, covariance, ambiguities, across, condition)


def _fixed(data: _Data, found: _Linear, surface, step_m, acceptance) -> SurfaceBaseline:
    status = _float_status(data, found, step_m)
    blank = np.where(status == 1, 1.0, np.nan)
    floats = blank[..., None] * (surface + found.step - data.base)
    covariance = blank[..., None, None] * found.covariance
    cycles = blank[..., None] * found.float_cycles
    across = blank[..., None, None] * found.cross_covariance
    fix = fix_ambiguities(cycles, found.amb_covariance, acceptance)
    best = baseline_after(fix, floats, covariance, across)
    fixed = (status == 1) & np.asarray(fix.status == AmbiguityStatus.fixed)
    names = [BaselineStatus.fixed, BaselineStatus.float_kept, BaselineStatus.not_converged]
    names += [BaselineStatus.weak_geometry, BaselineStatus.duplicate_satellites]
    codes = np.array([int(np.asarray(name._value)) for name in names])
    whole = jnp.asarray(codes[np.where(fixed, 0, status)])
    return SurfaceBaseline(
        data.base + best.baseline,
        best.baseline,
        best.covariance,
        floats,
        covariance,
        cycles,
        found.amb_covariance,
        across,
        fix,
        np.asarray(found.condition),
        eqx.tree_at(lambda item: item._value, BaselineStatus.fixed, whole),
    )


def _float_status(data: _Data, found: _Linear, step_m) -> np.ndarray:
    """1 where there is a float solution; 2, 3, 4: not converged, weak geometry, duplicates."""
    weak = np.asarray(~(found.condition <= MAX_CONDITION))
    return np.where(
        _has_twins(data.satellites), 4, np.where(weak, 3, np.where(step_m < STEP_M, 1, 2))
    )


def _has_twins(satellites: np.ndarray) -> np.ndarray:
    """Two satellites in one place at every epoch."""
    apart = satellites[..., :, None, :] - satellites[..., None, :, :]
    same = np.all(np.max(np.abs(apart), axis=-1) < _SAME_PLACE_M, axis=-3)
    return np.asarray(np.any(same & ~np.eye(satellites.shape[-2], dtype=bool), axis=(-2, -1)))
