"""Pseudorange fixes as a study: simulated code measurements, fixes and their bounds.

The receiver sees every satellite above the mask. A measurement is the pseudorange plus white code
noise, plus an error of orbit and clock along the line of sight, plus a delay that the receiver
does not model; the receiver solves for position and clock without a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from leopnt.inference.fisher import fisher_information
from leopnt.inference.least_squares import GaussNewton, solve
from leopnt.inference.misspecified import misspecified_bound
from leopnt.inference.model import Data, predict
from leopnt.methods import pvt
from leopnt.scenes.settings import SettingsTable
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.study_scene import StudyScene, build_scene
from leopnt.studies.case_columns import case_columns
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    Column,
    Prepared,
    Quantity,
    SceneStudySettings,
)
from leopnt.studies.statistics import PositionStatistics, nees_of, scalar

CLOCK_BIAS_M = 3e4
"""Receiver clock bias of the simulation, 0.1 ms; the fix does not know it."""


class ErrorTable(SettingsTable):
    """`[errors]`: error budget of a pseudorange, one sigma."""

    code_sigma_m: float = Field(
        default=1.0, gt=0, le=1e6, description="the code noise at the zenith in metres, above 0"
    )
    elevation_exponent: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="0 to 3: code noise grows as 1 / sin(elevation) to this power",
    )
    ephemeris_sigma_m: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="the error of orbit and clock along the line of sight in metres, 0 or more",
    )
    zenith_delay_m: float = Field(
        default=0.0,
        ge=-100,
        le=100,
        description="a delay at the zenith that the receiver does not model, growing as "
        "1 / sin(elevation), in metres, -100 to 100",
    )


class MethodTable(SettingsTable):
    """`[method]`: what the receiver assumes."""

    weights: Literal["modelled", "equal"] = Field(
        default="modelled",
        description="'modelled' (the true sigma of each measurement) or 'equal' (code_sigma_m)",
    )


class PvtSettings(SceneStudySettings):
    """The whole file of a pseudorange study."""

    errors: ErrorTable = Field(default=ErrorTable(), description="a table")
    method: MethodTable = Field(default=MethodTable(), description="a table")


class Shared(NamedTuple):
    """What every trial of a point shares; arrays over the cases.

    assumed: links as the receiver knows them; sigma_m, delay_m: the truth about them.
    """

    key: jax.Array
    trials: jax.Array
    assumed: pvt.PvtLink
    visible: jax.Array
    sigma_m: jax.Array
    delay_m: jax.Array
    truth: pvt.PvtTheta
    enu_axes: jax.Array


def pvt_trial(index, shared: Shared) -> dict[str, Any]:
    """One trial: measurements drawn from its number, the fix, its error."""
    case, number = index // shared.trials, index % shared.trials
    key = jax.random.fold_in(jax.random.fold_in(shared.key, case), number)
    links, visible, sigma_m, delay_m, truth, axes = jax.tree.map(lambda x: x[case], shared[2:])
    noise_m = jax.random.normal(key, sigma_m.shape) * sigma_m
    observed_m = predict(pvt.MODEL, truth, links) + delay_m + noise_m
    data = Data(links, observed_m, visible)
    found = solve(pvt.MODEL, pvt.bancroft_start(data), data, pvt.FREE, solver=GaussNewton())
    error_m = found.theta.rx_pos_ecef_m - truth.rx_pos_ecef_m
    covariance_m2 = found.covariance_of("rx_pos_ecef_m")
    return {
        "status": found.status._value.astype(jnp.int8),
        "error_enu_m": axes @ error_m,
        "clock_error_m": found.theta.clock_bias_m - truth.clock_bias_m,
        "nees": nees_of(error_m, covariance_m2),
        "iterations": found.num_iterations.astype(jnp.int16),
    }


class PvtStudy(AbstractStudyMethod):
    """Monte Carlo of pseudorange fixes."""

    name = "pvt"
    summary = "position and clock from pseudoranges of one epoch"
    settings = PvtSettings
    tile = 500
    chunk_trials = 52_000
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        "error_enu_m": Quantity(("enu",), "m", "position error east, north, up"),
        "clock_error_m": Quantity((), "m", "error of the clock bias"),
        "nees": Quantity((), "1", "squared error over the stated covariance"),
        "iterations": Quantity((), "1", "iterations of the solver"),
    }
    evidence = ("methods.pvt", "inference.least_squares", "inference.misspecified")
    plots = (
        {
            "kind": "sweep",
            "name": "error",
            "title": "RMS position error and its bounds",
            "y": ["rmse_3d", "bound_3d", "mismatched_bound_3d"],
            "log_y": True,
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the 3D error",
            "y": ["error_3d_quantile"],
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
        {"kind": "map", "name": "map", "title": "RMS error by place", "y": "case_rmse_3d"},
        {
            "kind": "time",
            "name": "time",
            "title": "RMS error over time",
            "y": ["case_rmse_3d", "case_bound_3d"],
        },
    )
    template_name = "pvt.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from scene_problems(raw, folder)

    def files(self, settings: PvtSettings, folder: Path) -> list[Path]:
        file = settings.constellation.file
        return [folder / file] if file else []

    def prepare(self, settings: PvtSettings, folder: Path) -> Prepared:
        scene = build_scene(settings.scene, folder)
        shared = _shared(settings, scene)
        bound_m2, pdop = _bounds(shared)
        values = {
            "case_bound": Column(("case", "enu", "enu_2"), bound_m2, "m2", "Cramer-Rao bound"),
            "case_bound_3d": _case(_root_trace(bound_m2), "m", "bound of the 3D error"),
            "case_pdop": _case(pdop, "1", "position dilution of precision"),
            "case_num_satellites": _case(scene.num_visible, "1", "satellites in view"),
        }
        if _is_mismatched(settings):
            lower_m2 = _mismatched(shared)
            label = "bound of the 3D error of a receiver whose model is wrong, bias included"
            values["case_mismatched_bound_3d"] = _case(_root_trace(lower_m2), "m", label)
        return Prepared(
            len(bound_m2), pvt_trial, shared, case_columns(scene), values, scene.warnings
        )

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        return PvtStatistics(point, trials_per_case)


class PvtStatistics(AbstractStatistics):
    """Position errors, beside the bound under the receiver's model where that is wrong."""

    def __init__(self, point: Prepared, trials_per_case: int):
        self.position = PositionStatistics(point.values["case_bound"].values, trials_per_case)
        self.mismatched = point.values.get("case_mismatched_bound_3d")

    def add(self, index, trials) -> None:
        self.position.add(index, trials)

    def columns(self) -> dict[str, Column]:
        found = self.position.columns()
        if self.mismatched is None:
            return found
        square, solved = self.mismatched.values**2, self.position.solved
        use = np.isfinite(square) & (solved > 0)
        bound_m = np.sqrt(np.average(square[use], weights=solved[use])) if use.any() else np.nan
        label = "bound of the 3D error under the receiver's wrong model, bias included"
        found["mismatched_bound_3d"] = scalar(bound_m, "m", label)
        ratio = float(found["rmse_3d"].values) / bound_m
        found["rmse_over_mismatched_bound"] = scalar(ratio, "1", "RMS 3D error over that bound")
        return found


METHOD = PvtStudy()


def _shared(settings: PvtSettings, scene: StudyScene) -> Shared:
    errors = settings.errors
    sine = np.sin(np.where(scene.visible, scene.el_rad, 0.5 * np.pi))
    code_m = errors.code_sigma_m / sine**errors.elevation_exponent
    sigma_m = np.hypot(code_m, errors.ephemeris_sigma_m)
    equal = np.full_like(sigma_m, np.hypot(errors.code_sigma_m, errors.ephemeris_sigma_m))
    assumed = sigma_m if settings.method.weights == "modelled" else equal
    zero = np.zeros_like(sigma_m)
    return Shared(
        jax.random.key(settings.study.seed),
        jnp.asarray(settings.study.trials),
        pvt.PvtLink(np.asarray(scene.sat_pos_ecef_m), zero, assumed),
        jnp.asarray(scene.visible),
        jnp.asarray(sigma_m),
        jnp.asarray(errors.zenith_delay_m / sine),
        pvt.PvtTheta(
            np.asarray(scene.rx_pos_ecef_m), np.full(len(scene.rx_pos_ecef_m), CLOCK_BIAS_M)
        ),
        jnp.asarray(scene.enu_axes),
    )


def _is_mismatched(settings: PvtSettings) -> bool:
    errors = settings.errors
    unequal = settings.method.weights == "equal" and errors.elevation_exponent > 0
    return bool(unequal or errors.zenith_delay_m)


def _case(values: np.ndarray, units: str, long_name: str) -> Column:
    return Column(("case",), np.asarray(values), units, long_name)


def _root_trace(covariance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.trace(covariance, axis1=1, axis2=2))


def _bounds(shared: Shared) -> tuple[np.ndarray, np.ndarray]:
    """Cramer-Rao bound (case, 3, 3) in east, north, up of the receiver that knows all, and PDOP."""
    true = eqx.tree_at(lambda k: k.sigma_m, shared.assumed, shared.sigma_m)
    equal = eqx.tree_at(lambda k: k.sigma_m, shared.assumed, jnp.ones_like(shared.sigma_m))
    bound = _bound_kernel(true, shared.visible, shared.truth, shared.enu_axes)
    cofactor = _bound_kernel(equal, shared.visible, shared.truth, shared.enu_axes)
    return np.asarray(bound), _root_trace(np.asarray(cofactor))


@jax.jit
@jax.vmap
def _bound_kernel(links, visible, truth, axes):
    information = fisher_information(pvt.MODEL, truth, links, pvt.FREE, visible=visible)
    covariance = axes @ information.crb("rx_pos_ecef_m") @ axes.T
    enough = jnp.sum(visible) >= 4
    return jnp.where(enough, covariance, jnp.nan)


def _mismatched(shared: Shared) -> np.ndarray:
    """Bound on the mean-square error (case, 3, 3) of the receiver that assumes `shared.assumed`."""
    return np.asarray(
        _mismatched_kernel(
            shared.assumed,
            shared.visible,
            shared.truth,
            shared.sigma_m,
            shared.delay_m,
            shared.enu_axes,
        )
    )


@jax.jit
@jax.vmap
def _mismatched_kernel(links, visible, truth, sigma_m, delay_m, axes):
    mean_m = predict(pvt.MODEL, truth, links) + delay_m
    bound = misspecified_bound(
        pvt.MODEL,
        truth,
        links,
        mean_m,
        (sigma_m**2)[:, None, None],
        pvt.FREE,
        visible=visible,
    )
    lower = bound.lower_bound(bound.bias_from(truth))[:3, :3]
    return jnp.where(jnp.sum(visible) >= 4, axes @ lower @ axes.T, jnp.nan)
