"""A study at reduced size: fewer trials, and tolerances wider by what that costs, no more.

The trials of a reduced study are the first ones of the full study. So the two results differ by
sampling alone, and with s the standard error of the reduced one,

    variance(reduced - full) = s^2 (1 - reduced / full)

Each tolerance grows by three such standard deviations; s is measured on groups of the trials. A
number that holds by that alone, where it grows by more than itself, is undecided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float

from leopnt.io.results import write_text
from leopnt.studies.library import Entry
from leopnt.studies.published import with_verdicts
from leopnt.studies.runner import prepared_point
from leopnt.studies.store import TRIALS
from leopnt.studies.study_file import Study, load_study

Size = Callable[[Entry, Path], Study]
"""Makes the study to run from an entry of the catalogue and the folder of the run."""

DIVISOR, FEWEST, GROUPS, SIGMAS = 4, 1000, 8, 3.0
_TRIALS_LINE = re.compile(r"^trials = (\d+)$", re.MULTILINE)


def full_size(entry: Entry, folder: Path) -> Study:
    """The study as its file has it."""
    return load_study(entry.path)


def reduced_size(entry: Entry, folder: Path) -> Study:
    """The study with a quarter of its trials, at least 1000 of them, as a file in the folder.

    A study of fewer than 2000 trials runs in full: there the number is often part of a definition
    (the ten runs of a user, one trial of a formula).
    """
    study = load_study(entry.path)
    trials = reduced_trials(study.settings.study.trials)
    if trials == study.settings.study.trials or not study.settings.output.keep_trials:
        return study
    folder.mkdir(parents=True, exist_ok=True)
    return load_study(write_text(reduced_text(study.text, trials), folder / "study.toml"))


def reduced_text(text: str, trials: int) -> str:
    """The text of a study file with so many trials; `trials` stands on a line of its own."""
    return _TRIALS_LINE.sub(f"trials = {trials}", text, count=1)


def reduced_trials(trials: int) -> int:
    """How many trials a study of so many runs at reduced size."""
    return max(trials // DIVISOR, FEWEST) if trials >= 2 * FEWEST else trials


def widened(study: Study, dataset: xr.Dataset, folder: Path, full_trials: int) -> xr.Dataset:
    """The result with the verdicts of a reduced run; as it is if no trial was left out.

    A variable "published_widening" tells by how much each tolerance grew.

    Args:
        study: that was run.
        dataset: its result.
        folder: of the run, with every trial in trials.nc.
        full_trials: trials of the study at full size.
    """
    trials, published = study.settings.study.trials, study.settings.published
    if trials >= full_trials or not published or not (folder / TRIALS).is_file():
        return dataset
    with xr.open_dataset(folder / TRIALS, engine="h5netcdf", mask_and_scale=False) as trials_file:
        sigma = sampling_sigmas(study, dataset, trials_file.load())
    widening = SIGMAS * sigma * np.sqrt(1.0 - trials / full_trials)
    plain = dataset.drop_dims("published", errors="ignore")
    judged = with_verdicts(plain, published, widening.tolist())
    attrs = {"units": "1", "long_name": "published_widening"}
    judged = judged.assign(published_widening=(("published",), widening, attrs))
    return judged.assign_attrs(
        warnings=json.dumps([*_warnings(dataset), _note(trials, full_trials)])
    )


def _warnings(dataset: xr.Dataset) -> list[str]:
    return json.loads(dataset.attrs.get("warnings") or "[]")


def _note(trials: int, full_trials: int) -> str:
    return (
        f"Reduced size: the first {trials} of {full_trials} trials of each case. Tolerances are "
        "wider by three standard errors of what the other trials may change; a number that holds "
        "by a widening beyond its tolerance alone is undecided."
    )


def sampling_sigmas(
    study: Study, dataset: xr.Dataset, trials: xr.Dataset
) -> Float[np.ndarray, " published"]:
    """Standard error of each of our numbers that is compared; 0 where it cannot be told.

    From the spread of the same number over eight groups of the trials.
    """
    by_group = [_ours(study, dataset, trials, group) for group in range(GROUPS)]
    found = np.stack(by_group)
    sigma = np.std(found, axis=0, ddof=1) / np.sqrt(GROUPS)
    return np.nan_to_num(sigma, nan=0.0)


def _ours(
    study: Study, dataset: xr.Dataset, trials: xr.Dataset, group: int
) -> Float[np.ndarray, " published"]:
    columns = list(_columns(study, trials, group))
    wanted = {one.quantity for one in study.settings.published} & columns[0].keys()
    assigned = {name: (("point",), [values[name] for values in columns]) for name in wanted}
    plain = dataset.drop_dims("published", errors="ignore").assign(assigned)
    return with_verdicts(plain, study.settings.published)["ours"].values


def _columns(study: Study, trials: xr.Dataset, group: int) -> Iterator[dict[str, float]]:
    """Numbers of every point from one group of draws: every eighth draw of each case."""
    per_case = study.settings.study.trials
    index = np.arange(trials.sizes["trial"])
    chosen = index[index % per_case % GROUPS == group]
    for point in range(len(study.points)):
        statistics = study.method.statistics(prepared_point(study, point), per_case)
        here = trials.isel(point=point, trial=chosen)
        run = here["status"].values >= 0
        arrays = {str(name): one.values[run] for name, one in here.data_vars.items()}
        statistics.add(chosen[run], arrays)
        columns = statistics.columns().items()
        yield {name: float(one.values) for name, one in columns if one.dims == ()}
