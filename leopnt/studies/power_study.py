"""Power positioning with many beams of one satellite, as a study.

A case is a user of a grid over elevation and azimuth, a trial one epoch of measured powers with its
fix. Noise is drawn by the trial's number: estimators at the points of a sweep get the same powers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.inference.batch import batch_map
from leopnt.methods.power import (
    FirstVisibleBeam,
    MeanRange,
    PowerScene,
    ReferenceRange,
    StrongestBeam,
    amplitude_table,
    power_bound,
    seed_tables,
)
from leopnt.studies.method import AbstractStatistics, AbstractStudyMethod, Prepared, Quantity
from leopnt.studies.power_kernel import (
    AbstractEstimator,
    AbstractStart,
    AllBins,
    Fingerprint,
    Gls,
    Known,
    KnownBin,
    Ml,
    Nearest,
    NearTruth,
    Seed,
    SeedExactTriangle,
    Shared,
    power_trial,
    truth_of,
)
from leopnt.studies.power_settings import (
    PowerMethodTable,
    PowerSettings,
    power_problems,
    prior_of,
    scene_of,
    sigma_cal_of,
    start_of,
    users_of,
)
from leopnt.studies.power_statistics import Bounds, PowerStatistics
from leopnt.studies.variants import with_variant

TILE = 250


class PowerStudy(AbstractStudyMethod):
    """Power positioning of one epoch."""

    name = "power"
    summary = "position from the powers of many beams of one satellite, one epoch"
    settings = PowerSettings
    tile = TILE
    chunk_trials = 8 * TILE
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        "gamma_error": Quantity((), "rad", "error of the angle off nadir"),
        "beta_error": Quantity((), "rad", "error of the azimuth"),
        "height_error": Quantity((), "m", "error of the height"),
        "distance_error": Quantity((), "m", "error of the horizontal distance"),
        "range_error": Quantity((), "m", "error of the slant range"),
        "position_error": Quantity((), "m", "position error"),
        "start_gamma_error": Quantity((), "rad", "error of the start's angle off nadir"),
        "start_beta_error": Quantity((), "rad", "error of the start's azimuth"),
    }
    evidence = (
        "methods.power.seed",
        "methods.power.fix",
        "methods.power.bound",
        "methods.power.fingerprints",
        "methods.power.scores",
    )
    headline = (
        "position_median_10_30",
        "position_median_30_90",
        "lost_runs_10_30",
        "lost_runs_30_90",
    )
    plots = (
        {
            "kind": "sweep",
            "name": "position",
            "title": "Median position error at low and high elevation",
            "y": ["position_median_10_30", "position_median_30_90"],
            "y_label": "Position error [km]",
            "log_y": True,
            "caption": "Over all runs; one without a solution counts as infinitely far off.",
        },
        {
            "kind": "sweep",
            "name": "availability",
            "title": "Runs with height and distance within 50 km",
            "y": ["available_runs_10_30", "available_runs_30_90"],
            "y_label": "Share of runs [%]",
            "caption": "A run without a solution is not available.",
        },
        {
            "kind": "sweep",
            "name": "bias",
            "title": "Bias by users (B), elevation 30-90 deg",
            "y": ["height_bias_30_90", "distance_bias_30_90"],
            "y_label": "Bias [km]",
            "caption": "Mean over users of the size of their mean error; more than 50 km counts as "
            "100 km.",
        },
        {
            "kind": "sweep",
            "name": "bound",
            "title": "RMS position error over its Cramer-Rao bound",
            "y": ["rms_over_bound_10_30", "rms_over_bound_30_90"],
            "y_label": "RMS over bound",
            "log_y": True,
            "caption": "The bound counts the height prior that the estimator takes.",
        },
        {
            "kind": "sweep",
            "name": "converged",
            "title": "Users that converge to half a degree, and starts within two",
            "y": ["gamma_converged", "beta_converged", "start_within_2_deg"],
            "y_label": "Share [%]",
            "caption": "Users by the mean of their runs, each error limited to 2 degrees. Starts: "
            "both angles within 2 degrees.",
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the position error",
            "y": ["position_quantile"],
            "caption": "The share of runs whose error is at most the one below.",
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
    )
    template_name = "power.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from power_problems(raw)

    def files(self, settings: PowerSettings, folder: Path) -> list[Path]:
        return []

    def prepare(self, settings: PowerSettings, folder: Path) -> Prepared:
        shared = _shared(with_variant(settings))
        return Prepared(len(shared.elevation_rad), power_trial, shared, {}, {})

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        shared = point.shared
        names = [name for name in self.outcomes if name != "status"]
        elevation_deg = np.degrees(np.asarray(shared.elevation_rad))
        return PowerStatistics(elevation_deg, bounds_of(shared), names, trials_per_case)


METHOD = PowerStudy()


def _shared(settings: PowerSettings) -> Shared:
    scene = scene_of(settings)
    elevation_rad, azimuth_rad = users_of(settings.grid)
    return Shared(
        key=jax.random.key(settings.study.seed),
        trials=jnp.asarray(settings.study.trials),
        scene=scene,
        elevation_rad=jnp.asarray(elevation_rad),
        azimuth_rad=jnp.asarray(azimuth_rad),
        height_sigma_m=jnp.asarray(settings.height.drawn_sigma_m),
        eirp_sigma_db=jnp.asarray(settings.calibration.sigma_db),
        is_common=jnp.asarray(settings.calibration.draw == "satellite"),
        start=_start(settings.method, scene),
        estimator=_estimator(settings),
    )


def _start(method: PowerMethodTable, scene: PowerScene) -> AbstractStart:
    name = start_of(method)
    if name == "fingerprint":
        return Fingerprint(amplitude_table(scene))
    if name == "truth":
        offsets = method.start_gamma_deg, method.start_beta_deg
        return NearTruth(*(jnp.asarray(np.radians(x)) for x in offsets))
    tables = jax.tree.map(jnp.asarray, seed_tables(scene))
    return KnownBin(tables) if name == "bin" else AllBins(tables)


def _estimator(settings: PowerSettings) -> AbstractEstimator:
    method = settings.method
    sensitivity = jnp.asarray(settings.receiver.sensitivity_dbw)
    prior = jax.tree.map(jnp.asarray, prior_of(settings.height))
    if method.estimator == "nearest":
        return Nearest()
    if method.estimator == "ml":
        return Ml(prior)
    if method.estimator == "gls":
        return Gls(prior, jnp.asarray(sigma_cal_of(settings.calibration)), sensitivity)
    kind = {"seed": Seed, "seed-exact-triangle": SeedExactTriangle}[method.estimator]
    reference = StrongestBeam() if method.reference == "strongest" else FirstVisibleBeam()
    ranging = ReferenceRange() if method.distance == "reference" else MeanRange()
    return kind(sensitivity, reference, ranging)


def bounds_of(shared: Shared) -> Bounds:
    """Bounds at the users' places on the sphere, with what the estimator knows."""
    common = shared.scene, jax.tree.map(jnp.asarray, shared.estimator.known())
    angles = np.asarray(shared.elevation_rad), np.asarray(shared.azimuth_rad)
    position_m, timing_s = batch_map(_bound, *angles, shared=common, tile=TILE, threads=1)
    return Bounds(position_m, timing_s)


def _bound(elevation_rad, azimuth_rad, common: tuple[PowerScene, Known]):
    scene, (prior, sigma_cal_db) = common
    at = truth_of(scene, elevation_rad, azimuth_rad, jnp.asarray(0.0))
    found = power_bound(scene, *at[:3], prior, sigma_cal_db=sigma_cal_db)
    return found.position_m, found.timing_s
