"""Studies: one file says what to simulate and sweep; runs resume, and are judged by bounds.

Names load on first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leopnt.studies.calibration_run import run_calibration
    from leopnt.studies.calibration_settings import CalibrationStudy, load_calibration
    from leopnt.studies.cluster import Cluster, ClusterError, cluster_at
    from leopnt.studies.library import Entry, catalog, catalog_study, study_schema
    from leopnt.studies.method import (
        AbstractStatistics,
        AbstractStudyMethod,
        Column,
        CommonSettings,
        HostTrial,
        Prepared,
        Quantity,
        SceneStudySettings,
        method_of,
    )
    from leopnt.studies.published import PublishedTable, with_verdicts
    from leopnt.studies.run import Estimate, estimate_cost, run_study
    from leopnt.studies.runner import (
        AbstractWorkers,
        Interrupted,
        Outcome,
        Processes,
        Threads,
        default_workers,
    )
    from leopnt.studies.statistics import PositionStatistics
    from leopnt.studies.study_file import Point, Study, load_study

_HOME = {
    "AbstractStatistics": "method",
    "AbstractStudyMethod": "method",
    "AbstractWorkers": "runner",
    "CalibrationStudy": "calibration_settings",
    "Cluster": "cluster",
    "ClusterError": "cluster",
    "Column": "method",
    "CommonSettings": "method",
    "Entry": "library",
    "Estimate": "run",
    "HostTrial": "method",
    "Interrupted": "runner",
    "Outcome": "runner",
    "Point": "study_file",
    "PositionStatistics": "statistics",
    "Prepared": "method",
    "Processes": "runner",
    "PublishedTable": "published",
    "Quantity": "method",
    "SceneStudySettings": "method",
    "Study": "study_file",
    "Threads": "runner",
    "catalog": "library",
    "catalog_study": "library",
    "cluster_at": "cluster",
    "default_workers": "runner",
    "estimate_cost": "run",
    "load_calibration": "calibration_settings",
    "load_study": "study_file",
    "method_of": "method",
    "run_calibration": "calibration_run",
    "run_study": "run",
    "study_schema": "library",
    "with_verdicts": "published",
}

__all__ = [
    "AbstractStatistics",
    "AbstractStudyMethod",
    "AbstractWorkers",
    "CalibrationStudy",
    "Cluster",
    "ClusterError",
    "Column",
    "CommonSettings",
    "Entry",
    "Estimate",
    "HostTrial",
    "Interrupted",
    "Outcome",
    "Point",
    "PositionStatistics",
    "Prepared",
    "Processes",
    "PublishedTable",
    "Quantity",
    "SceneStudySettings",
    "Study",
    "Threads",
    "catalog",
    "catalog_study",
    "cluster_at",
    "default_workers",
    "estimate_cost",
    "load_calibration",
    "load_study",
    "method_of",
    "run_calibration",
    "run_study",
    "study_schema",
    "with_verdicts",
]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
