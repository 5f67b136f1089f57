"""`leopnt run`: a study from its file, resumable."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leopnt.cli import session
from leopnt.cli.progress import duration, job_progress
from leopnt.cli.workers import worker_options, workers_of

if TYPE_CHECKING:
    import xarray as xr

    from leopnt.studies import AbstractWorkers, Study

FORMATS = ("json", "png", "html")
"""Beside study.nc, which is always written."""


def study_options(command: Callable) -> Callable:
    """Options of every command that runs studies."""
    for option in (
        click.option(
            "--restart", is_flag=True, help="Drop what an earlier run left in the folder."
        ),
        click.option(
            "--format",
            "formats",
            type=click.Choice(FORMATS),
            multiple=True,
            help="What to write beside study.nc; repeat it for several [default: all].",
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="Print the result as JSON, nothing else."
        ),
    ):
        command = option(command)
    return worker_options(command)


@click.command(short_help="Run a study: simulate, estimate, compare with bounds.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the run [default: that of the study, else out/NAME].",
)
@click.option(
    "--dry-run", is_flag=True, help="Check, time a few trials, and say what it will cost."
)
@study_options
@session.common_options
def run(file: Path, out: Path | None, dry_run: bool, quiet: bool, debug: bool, **how) -> int:
    """Run the study that FILE (TOML) describes, or go on with it.

    Each chunk of trials is kept as soon as it is done: run the same command again after an
    interruption of any kind, and nothing is computed twice. Exit code 1: some chunks failed, or a
    published number differs and no reason is known.

    \b
    Example: leopnt run study.toml --workers 2
    """  # noqa: D301  click needs the control character itself
    session.use_compilation_cache()
    from leopnt.studies import load_study

    with session.collected_warnings(quiet=quiet, debug=debug):
        study = load_study(file)
        if dry_run:
            with workers_of(how, quiet) as workers:
                _show_cost(study, workers, quiet, how["as_json"])
            return 0
        directory = study.settings.output.directory
        folder = out or (study.folder / directory if directory else Path("out") / file.stem)
        return run_in(study, folder, quiet, **how)


def run_in(study: Study, folder: Path, quiet: bool, **how) -> int:
    """Run a study in a folder and show the result; the exit code."""
    from leopnt.studies import Interrupted, run_study
    from leopnt.studies.published import unexplained

    try:
        with (
            signals_as_interrupt() as request,
            workers_of(how, quiet) as workers,
            job_progress(study.title, quiet=quiet, unit="trials") as show,
        ):

            def progress(done: int, total: int) -> None:
                request()
                show(done, total)

            dataset = run_study(
                study, folder, workers=workers, restart=how["restart"], progress=progress
            )
    except Interrupted as stop:
        click.echo(
            f"interrupted: {stop.done} of {stop.total} chunks are kept in {folder}; run the same "
            "command again to go on.",
            err=True,
        )
        return 130
    show_study(dataset, folder, quiet, how)
    problems = [f"differs: {one}." for one in unexplained(dataset)]
    if not dataset.attrs["complete"]:
        problems.insert(0, f"not complete: {session.first_warning(dataset)}")
    for problem in problems:
        click.echo(problem, err=True)
    return 1 if problems else 0


def show_study(dataset: xr.Dataset, folder: Path, quiet: bool, how: dict) -> None:
    """Print a result and write its files."""
    if how["as_json"]:
        session.show_json(dataset)
    elif not quiet:
        from leopnt.report.tables import study_summary

        session.show(study_summary(dataset))
    with session.progress_bar("Writing the results", quiet=quiet):
        written = session.write_results(dataset, folder, how["formats"] or FORMATS)
    if not (how["as_json"] or quiet):
        data = [folder / name for name in ("study.nc", "trials.nc") if (folder / name).is_file()]
        session.show_written([*data, *written])


def _show_cost(study: Study, workers: AbstractWorkers, quiet: bool, as_json: bool) -> None:
    from leopnt.studies import estimate_cost

    cost = estimate_cost(study, workers)
    if as_json:
        click.echo(json.dumps(cost._asdict() | {"num_workers": workers.num_workers}))
    if as_json or quiet:
        return
    from leopnt.report.words import counted

    points = f"{cost.num_points} points x " if cost.num_points > 1 else ""
    trials = counted(study.settings.study.trials, "trial")
    click.echo(
        f"{study.path}: no mistakes.\n"
        f"{points}{counted(cost.num_cases, 'case')} x {trials} = "
        f"{counted(cost.num_trials, 'trial')} in {counted(cost.num_chunks, 'chunk')}\n"
        f"about {duration(cost.seconds)} on {counted(workers.num_workers, 'worker')} "
        f"({cost.seconds_per_trial * 1e6:.3g} us per trial and core), "
        f"at most {cost.disk_bytes / 1e6:.3g} MB on disk"
    )


class StopRequest:
    """Whether a signal asked to stop; calling it raises `KeyboardInterrupt` if one did."""

    def __init__(self):
        self.came = False

    def take(self, number: int, frame: object) -> None:
        """Handle a signal."""
        self.came = True
        raise KeyboardInterrupt

    def __call__(self) -> None:
        """Raise what a destructor or a garbage collector's callback may have swallowed."""
        if self.came:
            raise KeyboardInterrupt


@contextmanager
def signals_as_interrupt() -> Iterator[StopRequest]:
    """Take a polite kill (as batch systems send) like Ctrl-C, so that running chunks are kept."""
    request = StopRequest()
    before = {one: signal.signal(one, request.take) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
