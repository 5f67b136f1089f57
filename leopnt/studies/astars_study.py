"""Positions through a reconfigurable surface, as a study.

A trial is one sky with one draw of all errors, and its fix. What is drawn follows from the trial's
number: estimators, numbers of satellites and sizes of errors at the points of a sweep get the same
draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.astars import (
    beam_aod_sigma_rad,
    beam_radius_m,
    disc_beam_error_m,
    phase_error_m,
    seed_beam_error_m,
    seed_gamma_s,
    sync_error_m,
    sync_gamma_s,
)
from leopnt.studies.astars_kernel import (
    DOPS,
    ERRORS,
    PARTS,
    AbstractEstimator,
    AbstractSky,
    Errors,
    Given,
    Joint,
    Leg,
    Polar,
    Ranges,
    Sector,
    Shared,
    budget_trial,
    dop_trial,
    formula_trial,
    position_trial,
    surface_trial,
)
from leopnt.studies.astars_settings import (
    BANDS_HZ,
    AstarsMethodTable,
    AstarsSettings,
    SectorTable,
    astars_problems,
    axes_of,
    last_leg_of,
    num_satellites_of,
    wavelength_m_of,
)
from leopnt.studies.astars_statistics import (
    BudgetStatistics,
    DopStatistics,
    FormulaColumns,
    PositionErrors,
    SurfaceErrors,
)
from leopnt.studies.method import AbstractStatistics, AbstractStudyMethod, Prepared, Quantity
from leopnt.studies.statistics import scalar

TILE = 250

FORMULAS = {
    "beam_radius": "radius of the beam's spot",
    "beam_error": "mean error, uniform radius",
    "disc_beam_error": "mean error, uniform over the spot",
    "beam_spread": "mean error of L5 less that of L1",
    "seed_sync_error": "error of the network time, published form",
    "sync_error": "error of the network time, consistent form",
    "seed_deviation_sync_error": "error of the network time, consistent form of the published v",
}
"""Errors [m] by formula, of compute = 'beam' and 'sync'."""

KERNELS = {
    "positions": position_trial,
    "surface": surface_trial,
    "dop": dop_trial,
    "budget": budget_trial,
    "beam": formula_trial,
    "sync": formula_trial,
}


class AstarsStudy(AbstractStudyMethod):
    """Positions through a reconfigurable surface."""

    name = "astars"
    summary = "position through a reconfigurable surface that relays carrier phases"
    settings = AstarsSettings
    tile = TILE
    chunk_trials = 8 * TILE
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        **ERRORS,
        **DOPS,
        **PARTS,
    }
    evidence = (
        "methods.astars.surface_fix",
        "methods.astars.chain",
        "methods.astars.joint",
        "methods.astars.covariance",
        "methods.astars.dop",
        "methods.astars.budget",
    )
    headline = (
        "error_mean_best",
        "error_median",
        "error_over_predicted",
        "surface_rms_best",
        "surface_median",
        "hdop_mean",
        "vdop_mean",
        "pdop_mean",
        "predicted_median",
        "seed_total_median",
        "beam_error",
        "seed_sync_error",
        "sync_error",
    )
    plots = (
        {
            "kind": "sweep",
            "name": "receiver",
            "title": "Position error of the receiver",
            "y": ["error_mean_best", "error_median"],
            "y_label": "Position error [m]",
            "log_y": True,
            "caption": "The mean is that of the smallest errors, its name says how many; a trial "
            "without a solution counts as infinitely far off.",
        },
        {
            "kind": "sweep",
            "name": "surface",
            "title": "Position error of the surface by LS-1",
            "y": ["surface_rms_best", "surface_median"],
            "y_label": "Position error [m]",
            "log_y": True,
            "caption": "The RMS is that of the smallest errors, its name says how many.",
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the receiver's position error",
            "y": ["error_quantile"],
            "caption": "The share of trials whose error is at most the one below.",
        },
        {
            "kind": "cdf",
            "name": "surface_axes",
            "title": "Error of the surface along ECEF axes",
            "y": ["surface_x_quantile", "surface_y_quantile", "surface_z_quantile"],
            "caption": "The share of trials whose error is at most the one below.",
        },
        {
            "kind": "sweep",
            "name": "dop",
            "title": "DOP at the surface: horizontal, vertical, position",
            "y": ["hdop_mean", "vdop_mean", "pdop_mean"],
            "y_label": "Mean DOP",
            "log_y": True,
            "caption": "Skies of a PDOP below the limit of the file.",
        },
        {
            "kind": "sweep",
            "name": "seed_dop",
            "title": "DOP with ECEF axes taken for local ones",
            "y": ["seed_hdop_mean", "seed_vdop_mean", "pdop_mean"],
            "y_label": "Mean DOP",
            "log_y": True,
            "caption": "What the paper's numbers seem to be made with. Skies of a PDOP below the "
            "limit of the file.",
        },
        {
            "kind": "sweep",
            "name": "budget",
            "title": "Where the error comes from",
            "y": [
                "predicted_median",
                "ranges_part_median",
                "sync_part_median",
                "aod_part_median",
                "seed_total_median",
            ],
            "y_label": "Error [m]",
            "log_y": True,
            "caption": "Medians over skies. Standard deviations, whose squares add up to that of "
            "the predicted error; the published sum counts DOP twice.",
        },
        {
            "kind": "sweep",
            "name": "beam",
            "title": "Mean error due to the width of the beam",
            "y": ["beam_error"],
            "y_label": "Position error [m]",
            "caption": "r tan(lambda / (e d)) / 2, by formula.",
        },
        {
            "kind": "sweep",
            "name": "sync",
            "title": "Distance error due to network time",
            "y": ["seed_sync_error", "sync_error"],
            "y_label": "Distance error [m]",
            "caption": "c (max + v^2 / f) as published, with v = 1e-4 s unless the file says "
            "otherwise; c (max + v / sqrt(f)) with v = 1e-8 s.",
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
    )
    template_name = "astars.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from astars_problems(raw)

    def files(self, settings: AstarsSettings, folder: Path) -> list[Path]:
        return []

    def prepare(self, settings: AstarsSettings, folder: Path) -> Prepared:
        return Prepared(1, KERNELS[settings.method.compute], _shared(settings), {}, {})

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        shared = point.shared
        if point.kernel is position_trial:
            return PositionErrors(float(shared.best), trials_per_case)
        if point.kernel is surface_trial:
            return SurfaceErrors(np.asarray(shared.leg.axes), float(shared.best), trials_per_case)
        if point.kernel is dop_trial:
            return DopStatistics(float(shared.pdop_limit), trials_per_case)
        if point.kernel is budget_trial:
            return BudgetStatistics(trials_per_case)
        formulas = {
            name: scalar(float(value), "m", FORMULAS[name])
            for name, value in shared.formulas.items()
        }
        return FormulaColumns(formulas, trials_per_case)


METHOD = AstarsStudy()


def _shared(settings: AstarsSettings) -> Shared:
    surface, method = settings.surface, settings.method
    position, axes = np.asarray(surface.position_ecef_m), axes_of(surface)
    leg_m, wavelength_m = last_leg_of(settings), wavelength_m_of(settings.signal)
    elos_m = float(np.linalg.norm(leg_m))
    radius_m = beam_radius_m(elos_m, wavelength_m, surface.elements_per_row, surface.spacing_m)
    phase_m = phase_error_m(settings.errors.phase_sigma_rad, wavelength_m)
    return Shared(
        key=jax.random.key(settings.study.seed),
        leg=Leg(*(jnp.asarray(x) for x in (position, axes, leg_m))),
        num_sats=jnp.asarray(num_satellites_of(settings.sky)),
        sky=_sky(settings.sky, position, axes),
        errors=_errors(settings, float(radius_m) / elos_m, float(phase_m)),
        estimator=_estimator(method),
        phase_m=_number(phase_m),
        beam_m=_number(radius_m),
        survey_sigma_m=_number(method.survey_sigma_m),
        best=_number(0.01 * method.best_percent),
        pdop_limit=_number(method.pdop_limit),
        formulas=_formulas(settings, elos_m),
    )


def _sky(sky: SectorTable, surface_m, axes) -> AbstractSky:
    if sky.satellites_ecef_m is not None:
        return Given(jnp.asarray((np.asarray(sky.satellites_ecef_m) - surface_m) @ axes.T))
    return Sector(
        jnp.arange(_room(sky.satellites)),
        _number(np.radians(sky.azimuth_deg)),
        _number(np.radians(sky.sector_width_deg)),
        _number(np.radians(sky.mask_deg)),
        _number(1e3 * sky.radius_km),
    )


def _room(satellites: int) -> int:
    """16, 32 or 64: skies up to these share a compiled kernel."""
    return max(16, 1 << (satellites - 1).bit_length())


def _errors(settings: AstarsSettings, beam: float, phase_m: float) -> Errors:
    """`beam`: radius of the beam's spot over its distance."""
    errors, surface = settings.errors, settings.surface
    sync_s, sigma = 1e-9 * errors.sync_ns, errors.aod_sigma_rad
    if sigma is None:
        wavelength_m = wavelength_m_of(settings.signal)
        sigma = float(beam_aod_sigma_rad(wavelength_m, surface.elements_per_row, surface.spacing_m))
    aod = {"beam": [beam, 0.0, 0.0], "disc": [0.0, beam, 0.0], "gauss": [0.0, 0.0, sigma]}
    law = ("fixed", "gauss", "uniform").index(errors.sync_law)
    return Errors(
        _number(np.hypot(errors.range_sigma_m, phase_m)),
        jnp.asarray(sync_s * np.eye(3)[law]),
        jnp.asarray(aod.get(errors.aod_law, np.zeros(3))),
        jnp.asarray(errors.aod_draw == "common"),
    )


def _estimator(method: AstarsMethodTable) -> AbstractEstimator:
    if method.estimator == "joint":
        return Joint(jnp.asarray(jnp.inf))
    if method.estimator == "joint-survey":
        return Joint(_number(method.survey_sigma_m))
    if method.estimator == "polar":
        return Polar()
    return Ranges(jnp.zeros(3 if method.estimator == "chain" else 4))


def _formulas(settings: AstarsSettings, elos_m: float) -> dict[str, Float[Array, ""]]:
    surface, time = settings.surface, settings.network_time
    row = surface.elements_per_row, surface.spacing_m
    found: dict[str, Any] = {}
    if settings.method.compute == "beam":
        radius_m = beam_radius_m(elos_m, wavelength_m_of(settings.signal), *row)
        ends = [SPEED_OF_LIGHT_MPS / BANDS_HZ[band] for band in ("L1", "L5")]
        each = [seed_beam_error_m(beam_radius_m(elos_m, x, *row)) for x in ends]
        found = {
            "beam_radius": radius_m,
            "beam_error": seed_beam_error_m(radius_m),
            "disc_beam_error": disc_beam_error_m(radius_m),
            "beam_spread": each[1] - each[0],
        }
    if settings.method.compute == "sync":
        largest_s, rate_hz = 1e-9 * settings.errors.sync_ns, time.update_rate_hz
        gammas = {
            "seed_sync_error": seed_gamma_s(largest_s, time.seed_deviation_s, rate_hz),
            "sync_error": sync_gamma_s(largest_s, time.deviation_s, rate_hz),
            "seed_deviation_sync_error": sync_gamma_s(largest_s, time.seed_deviation_s, rate_hz),
        }
        found = {name: sync_error_m(gamma_s) for name, gamma_s in gammas.items()}
    return {name: _number(value) for name, value in found.items()}


def _number(value: Any) -> Float[Array, ""]:
    return jnp.asarray(float(value))
