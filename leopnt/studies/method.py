"""What a method brings so that it can be run as a study, and the table of those that do."""

from __future__ import annotations

import abc
import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int, PyTree
from pydantic import Field

from leopnt.errors import LeopntError, did_you_mean
from leopnt.scenes.settings import SettingsTable, shown
from leopnt.scenes.study_settings import (
    AntennaSettings,
    ConstellationSettings,
    SceneSettings,
    SignalSettings,
    TimeSettings,
    UsersSettings,
)
from leopnt.studies.published import PublishedTable
from leopnt.studies.sweep import SweepSettings

MODULES = {
    "pvt": "leopnt.studies.pvt_study",
    "doppler_fix": "leopnt.studies.doppler_study",
    "nine_d": "leopnt.studies.nine_d_study",
    "nine_d_random": "leopnt.studies.nine_d_random_study",
    "pace": "leopnt.studies.pace_study",
    "power": "leopnt.studies.power_study",
    "astars": "leopnt.studies.astars_study",
    "urban": "leopnt.studies.urban_study",
    "calibration": "leopnt.studies.calibration_study",
}
"""Module of each method that can be studied; its `METHOD` is the `AbstractStudyMethod`."""

METHOD_NAMES = ", ".join(repr(name) for name in MODULES)
MAX_TRIALS = 10**9


class RunSettings(SettingsTable):
    """`[study]`: what is run, how often, from which seed."""

    method: str = Field(description=f"one of {METHOD_NAMES}")
    trials: int = Field(
        gt=0, le=MAX_TRIALS, description="the Monte Carlo trials of each case, 1 to 1000000000"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="a whole number, 0 or more")


class OutputTable(SettingsTable):
    """`[output]`: what is kept, and where."""

    directory: str | None = Field(
        default=None, pattern=r"^[^\x00]+$", description="a folder, made if it is not there"
    )
    keep_trials: bool = Field(
        default=True, description="true or false: every trial's outcome in trials.nc"
    )


class CommonSettings(SettingsTable):
    """What every study file holds; methods add their own tables."""

    title: str = Field(default="", description="text")
    about: str = Field(default="", description="text: one line for lists")
    study: RunSettings = Field(description="a table with method and trials")
    sweep: SweepSettings | None = Field(default=None, description="a table with values")
    output: OutputTable = Field(default=OutputTable(), description="a table")
    published: list[PublishedTable] = Field(
        default=[], description="tables with quantity, value, tolerance and source"
    )


class SkySettings(CommonSettings):
    """Studies of receivers below a constellation: who, where, when, above which mask."""

    constellation: ConstellationSettings = Field(description="a table with file, preset or walker")
    time: TimeSettings = Field(default=TimeSettings(), description="a table")
    users: UsersSettings = Field(description="a table with places, cities, grid, random or track")
    antenna: AntennaSettings = Field(default=AntennaSettings(), description="a table")

    def scene_with(self, signal: SignalSettings) -> SceneSettings:
        """The tables of the scene as one."""
        return SceneSettings(
            constellation=self.constellation,
            time=self.time,
            users=self.users,
            antenna=self.antenna,
            signal=signal,
        )


class SceneStudySettings(SkySettings):
    """The same with the signal of a scene: its tables stand beside the others."""

    signal: SignalSettings = Field(default=SignalSettings(), description="a table")

    @property
    def scene(self) -> SceneSettings:
        """The tables of the scene as one."""
        return self.scene_with(self.signal)


@dataclasses.dataclass(frozen=True)
class Column:
    """A variable of the result: values over named dimensions, unit and meaning."""

    dims: tuple[str, ...]
    values: np.ndarray
    units: str
    long_name: str


@dataclasses.dataclass(frozen=True)
class Quantity:
    """What a kernel returns for every trial: dimensions after the trial's, unit and meaning."""

    dims: tuple[str, ...]
    units: str
    long_name: str


@dataclasses.dataclass(frozen=True)
class HostTrial:
    """A trial that is a plain Python function: work of NumPy and BLAS, seconds or more for each.

    Attributes:
        function: of module level, (number of the trial, shared) -> dict of numbers or arrays with
            "status" among them; it draws its noise from the number alone, keeps no state, and is
            called by several threads at once.
    """

    function: Callable[[int, Any], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """One point of a study, ready to run.

    Attributes:
        num_cases: places and times at which every trial is repeated.
        kernel: pure JAX function of module level, (index of the trial, shared) -> dict of arrays
            with "status" among them; it draws its noise from the index alone. Or a `HostTrial`.
        shared: pytree that the kernel gets.
        cases: columns over "case" that tell the cases apart, the same at every point.
        values: columns over "case" of this point (bounds, satellites in view).
        warnings: sentences for the user.
    """

    num_cases: int
    kernel: Callable[[Any, Any], dict[str, Any]] | HostTrial
    shared: PyTree
    cases: Mapping[str, Column]
    values: Mapping[str, Column]
    warnings: tuple[str, ...] = ()


class AbstractStatistics(abc.ABC):
    """What is told about the trials of one point; they come chunk by chunk, in order."""

    @abc.abstractmethod
    def add(self, index: Int[np.ndarray, " trial"], trials: Mapping[str, np.ndarray]) -> None:
        """Add trials: their numbers, and what the kernel returned (trial, ...)."""

    @abc.abstractmethod
    def columns(self) -> dict[str, Column]:
        """Columns of the result, without the point dimension; the same names with any trials."""


class AbstractStudyMethod(abc.ABC):
    """A method as the runner sees it.

    Attributes:
        name: as `[study] method` calls it.
        summary: one line for lists.
        settings: type of the whole study file.
        tile: trials that a kernel advances together; 1 for trials on the host.
        chunk_trials: trials of one file; a multiple of 8 tiles runs best, 1 for trials on the host
            that take seconds.
        outcomes: what the kernel returns for every trial, by name.
        evidence: capabilities that the result rests on, rows of the evidence table.
        headline: columns that the report's sentences and table show, most important first; empty
            for positioning errors.
        plots: what the report draws; see `report`.
        template_name: of the commented study file in the folder `templates`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    settings: ClassVar[type[CommonSettings]]
    tile: ClassVar[int]
    chunk_trials: ClassVar[int]
    outcomes: ClassVar[Mapping[str, Quantity]]
    evidence: ClassVar[tuple[str, ...]]
    headline: ClassVar[tuple[str, ...]] = ()
    plots: ClassVar[tuple[Mapping[str, Any], ...]]
    template_name: ClassVar[str]

    @property
    def template(self) -> str:
        """A commented study file to begin with."""
        folder = files("leopnt.studies") / "templates"
        return (folder / self.template_name).read_text(encoding="utf-8")

    @abc.abstractmethod
    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        """Sentences on what pydantic cannot see: tables that contradict, files that are missing."""

    @abc.abstractmethod
    def prepare(self, settings: Any, folder: Path) -> Prepared:
        """Build the scene and the bounds of one point.

        Args:
            settings: of the type `settings`.
            folder: that relative paths in it count from.
        """

    @abc.abstractmethod
    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        """Statistics of one point, still empty."""

    @abc.abstractmethod
    def files(self, settings: Any, folder: Path) -> list[Path]:
        """Input files, whose content the numbers depend on."""


def method_of(name: Any) -> AbstractStudyMethod:
    """The method of that name.

    Raises:
        LeopntError: no such method.
    """
    if not isinstance(name, str) or name not in MODULES:
        hint = did_you_mean(name, MODULES) if isinstance(name, str) else ""
        raise LeopntError(f"[study] method = {shown(name)}: expected one of {METHOD_NAMES}.{hint}")
    return importlib.import_module(MODULES[name]).METHOD
