"""A study whose trials are plain Python: draws of NumPy, and a product that BLAS may round.

A module of its own, so that processes started by a test can import it.
"""

from typing import ClassVar

import numpy as np

from leopnt.inference.blas_threads import blas_threads
from leopnt.studies.calibration_statistics import CalibrationStatistics
from leopnt.studies.method import (
    AbstractStudyMethod,
    CommonSettings,
    HostTrial,
    Prepared,
    Quantity,
)

LENGTHS = {"error": Quantity((), "m", "error"), "blas": Quantity((), "1", "threads of BLAS")}


def trial(index, seed):
    draws = np.random.default_rng([seed, index]).standard_normal((200, 200))
    error = float(np.trace(draws @ draws))
    return {"status": np.int8(0), "error": error, "blas": max(blas_threads(), default=1)}


class TinyHostStudy(AbstractStudyMethod):
    name = "tiny_host"
    summary = "noise on the host"
    settings = CommonSettings
    tile = 1
    chunk_trials = 1
    outcomes: ClassVar = {"status": Quantity((), "1", "status"), **LENGTHS}
    evidence = ("studies.runner",)
    plots = ()
    template_name = "pvt.toml"

    def problems(self, raw, folder):
        return iter(())

    def files(self, settings, folder):
        return []

    def prepare(self, settings, folder):
        return Prepared(1, HostTrial(trial), settings.study.seed, {}, {})

    def statistics(self, point, trials_per_case):
        return CalibrationStatistics(LENGTHS, trials_per_case)


METHOD = TinyHostStudy()
