"""Calibration of LEO downlink antennas, as a study.

A trial is a simulated campaign of its own: offsets, delays, phases of orbit errors, noise. Its
number tells all of them, so the points of a sweep share them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from leopnt.studies.calibration_statistics import CalibrationStatistics
from leopnt.studies.calibration_study_settings import (
    CalibrationStudySettings,
    calibration_problems,
    delay_model_of,
    errors_of,
    estimator_of,
    noise_of,
    orbit_of,
    scene_of,
    swing_of,
)
from leopnt.studies.calibration_study_trial import (
    OUTCOMES,
    ConsiderOrbits,
    EstimateAll,
    Plan,
    calibration_trial,
)
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    HostTrial,
    Prepared,
    Quantity,
)
from leopnt.studies.variants import with_variant

TRIAL = HostTrial(calibration_trial)


class CalibrationStudy(AbstractStudyMethod):
    """Offsets and delays of a constellation."""

    name = "calibration"
    summary = "antenna offsets and equipment delays of LEO downlinks, from ground stations"
    settings = CalibrationStudySettings
    tile = 1
    chunk_trials = 1
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        **OUTCOMES,
    }
    evidence = (
        "methods.calibration.simulation",
        "methods.calibration.reduction",
        "methods.calibration.solution",
        "methods.calibration.consider",
        "methods.calibration.delays",
        "methods.calibration.correlations",
    )
    headline = ("error_x", "error_y", "error_z", "error_delay", "series_error")
    plots = (
        {
            "kind": "sweep",
            "name": "offset",
            "title": "Errors of the offsets",
            "y": ["error_x", "error_y", "error_z"],
            "y_label": "RMS over satellites [mm]",
            "caption": "RMS over satellites and trials.",
        },
        {
            "kind": "sweep",
            "name": "sigma",
            "title": "Formal and honest sigmas of the offsets",
            "y": ["formal_x", "formal_y", "formal_z", "honest_x", "honest_y", "honest_z"],
            "y_label": "RMS over satellites [mm]",
            "log_y": True,
            "caption": "Where orbits are not considered, the honest sigma is the formal one.",
        },
        {
            "kind": "sweep",
            "name": "delay",
            "title": "Errors and formal sigma of the constant delay",
            "y": ["error_delay", "formal_delay"],
            "y_label": "RMS over satellites [mm]",
            "caption": "In the datum of the solution: biases of the stations add up to zero.",
        },
        {
            "kind": "sweep",
            "name": "honesty",
            "title": "Errors over their sigmas",
            "y": ["over_formal_y", "over_formal_z", "over_honest_y", "over_honest_z"],
            "y_label": "RMS error over sigma",
            "log_y": True,
            "caption": "1 is honest; far above it a sigma promises too much.",
        },
        {
            "kind": "sweep",
            "name": "series",
            "title": "Delays of each epoch",
            "y": ["series_error", "series_user_error", "series_formal"],
            "y_label": "RMS over satellites and epochs [mm]",
            "caption": "With the clock product: users get delay and clock together.",
        },
        {
            "kind": "sweep",
            "name": "correlations",
            "title": "Mean absolute correlations over arcs",
            "y": ["corr_y_z", "corr_ambiguity_y", "corr_ambiguity_z", "corr_delay_any"],
            "y_label": "Correlation",
            "caption": "All satellites in one solution.",
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
    )
    template_name = "calibration.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from calibration_problems(raw)

    def files(self, settings: CalibrationStudySettings, folder: Path) -> list[Path]:
        return []

    def prepare(self, settings: CalibrationStudySettings, folder: Path) -> Prepared:
        return Prepared(1, TRIAL, plan_of(with_variant(settings)), {}, {})

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        return CalibrationStatistics(point.shared.asked, trials_per_case)


METHOD = CalibrationStudy()


def plan_of(settings: CalibrationStudySettings) -> Plan:
    """What a trial does at this point of the study."""
    considered = orbit_of(settings.estimate) == "considered"
    return Plan(
        seed=settings.study.seed,
        scene=scene_of(settings),
        days=settings.campaign.days,
        errors=errors_of(settings.errors),
        noise=noise_of(settings.noise),
        swing=swing_of(settings.swing),
        settings=estimator_of(settings.estimate),
        solver=ConsiderOrbits() if considered else EstimateAll(),
        bootstrap_draws=settings.estimate.bootstrap_draws,
        delay_model=delay_model_of(settings.delays),
        delay_days=settings.delays.days,
        correlates=settings.estimate.correlations,
    )
