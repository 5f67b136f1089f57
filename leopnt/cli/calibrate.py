"""`leopnt calibrate`: antenna offsets and equipment delays from a file, resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leopnt.cli import session
from leopnt.cli.progress import duration, job_progress
from leopnt.cli.run import signals_as_interrupt
from leopnt.cli.workers import worker_options, workers_of

if TYPE_CHECKING:
    import xarray as xr

    from leopnt.studies.calibration_settings import CalibrationStudy

FORMATS = ("json", "csv", "atx", "png", "html")
"""Beside calibration.nc, which is always written."""


@click.command(short_help="Estimate antenna offsets and equipment delays of LEO satellites.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the run [default: that of the file, else out/NAME].",
)
@click.option("--new", is_flag=True, help="Write a commented FILE to begin with, and stop.")
@click.option(
    "--dry-run", is_flag=True, help="Check, reduce one station-day, and say what it will cost."
)
@worker_options
@click.option("--restart", is_flag=True, help="Drop what an earlier run left in the folder.")
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write beside calibration.nc; repeat it for several [default: all].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, nothing else.")
@session.common_options
def calibrate(
    file: Path, out: Path | None, new: bool, dry_run: bool, quiet: bool, debug: bool, **how
) -> int:
    """Estimate what FILE (TOML) describes, or go on with it.

    Every finished station-day is kept: run the same command again after an interruption of any
    kind, and nothing is reduced twice. Datum, delays and output of the file may change in between.
    Exit code 1: some station-days failed.

    \b
    Examples:
      leopnt calibrate calibration.toml --new
      leopnt calibrate examples/calibration.toml --workers 2
    """  # noqa: D301  click needs the control character itself
    if new:
        return session.begin(file, "calibrate.toml", "calibrate")
    try:
        return _checked(file, out, dry_run, quiet, debug, how)
    except KeyboardInterrupt:  # before the first job, or while results are written
        click.echo("interrupted: run the same command again.", err=True)
        return 130


def _checked(
    file: Path, out: Path | None, dry_run: bool, quiet: bool, debug: bool, how: dict
) -> int:
    session.use_compilation_cache()
    from leopnt.studies.calibration_settings import load_calibration

    with session.collected_warnings(quiet=quiet, debug=debug):
        study = load_calibration(file)
        if dry_run:
            _show_cost(study, quiet, how)
            return 0
        directory = study.settings.output.directory
        folder = out or (study.folder / directory if directory else Path("out") / file.stem)
        return _run(study, folder, quiet, how)


def _run(study: CalibrationStudy, folder: Path, quiet: bool, how: dict) -> int:
    from leopnt.studies import Interrupted
    from leopnt.studies.calibration_run import run_calibration

    rounds: list[str] = []
    try:
        with (
            workers_of(how, quiet) as workers,
            signals_as_interrupt() as request,
            job_progress(study.title, quiet=quiet) as show,
        ):

            def progress(done: int, total: int) -> None:
                request()
                show(done, total, *rounds[-1:])

            dataset = run_calibration(
                study,
                folder,
                workers=workers,
                restart=how["restart"],
                progress=progress,
                stage=rounds.append,
            )
    except Interrupted as stop:
        where = f" in {rounds[-1]}" if rounds else ""
        click.echo(
            f"interrupted{where}: {stop.done} of {stop.total} jobs are done; what they gave is "
            f"kept in {folder}; run the same command again to go on.",
            err=True,
        )
        return 130
    _show(dataset, folder, quiet, how)
    if dataset.attrs["complete"]:
        return 0
    click.echo(f"not complete: {session.first_warning(dataset)}", err=True)
    return 1


def _show(dataset: xr.Dataset, folder: Path, quiet: bool, how: dict) -> None:
    """Print a result and write its files."""
    if how["as_json"]:
        session.show_json(_listed(dataset))
    elif not quiet:
        from leopnt.report import calibration_summary

        session.show(calibration_summary(dataset))
    formats = how["formats"] or FORMATS
    with session.progress_bar("Writing the results", quiet=quiet):
        written = _write_tables(dataset, folder, formats)
        pictured = tuple(one for one in formats if one in ("png", "html"))
        written += session.write_results(dataset, folder, pictured)
    if not (how["as_json"] or quiet):
        data = [folder / name for name in ("calibration.nc", "delays.nc")]
        session.show_written([*(path for path in data if path.is_file()), *written])


def _listed(dataset: xr.Dataset) -> xr.Dataset:
    """What JSON holds: not the correlations of all with all, which grow with the square."""
    return dataset.drop_vars(["correlation", "unknown"], errors="ignore")


def _write_tables(dataset: xr.Dataset, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    from leopnt.io.antex import write_antex
    from leopnt.io.results import write_json, write_text
    from leopnt.studies.calibration_export import antex_of, csv_of

    written = []
    if "json" in formats:
        written.append(write_json(_listed(dataset), folder / "calibration.json"))
    if "csv" in formats:
        written.append(write_text(csv_of(dataset), folder / "calibration.csv"))
    if "atx" in formats:
        antennas, left_out = antex_of(dataset)
        written.append(write_antex(folder / "calibration.atx", antennas))
        if left_out:
            import warnings

            from leopnt.errors import LeopntWarning

            warnings.warn(
                f"calibration.atx holds no antenna of {', '.join(left_out)}: no offset is known.",
                LeopntWarning,
                stacklevel=2,
            )
    return written


def _show_cost(study: CalibrationStudy, quiet: bool, how: dict) -> None:
    from leopnt.studies.calibration_cost import cost_of

    with workers_of(how, quiet) as workers:
        cost, number = cost_of(study, workers), workers.num_workers
    if how["as_json"]:
        click.echo(json.dumps(cost._asdict()))
    if how["as_json"] or quiet:
        return
    from leopnt.report.words import counted

    rounds = ""
    if cost.num_rounds:
        rounds = (
            f"with {counted(cost.num_rounds, 'round')} of new weights, as many as there may be "
            f"({cost.seconds_per_round_job:.2g} s per station-day, round and core)\n"
        )
    click.echo(
        f"{study.path}: no mistakes.\n"
        f"{counted(cost.num_satellites, 'satellite')}, {counted(cost.num_stations, 'station')}, "
        f"{counted(cost.num_days, 'day')}: {counted(cost.num_jobs, 'station-day')}, "
        f"{cost.num_unknowns:,} unknowns of satellites and stations\n"
        f"{rounds}"
        f"about {duration(cost.seconds)} on {counted(number, 'worker')} "
        f"({cost.seconds_per_job:.2g} s per station-day and core), "
        f"about {cost.disk_bytes / 1e6:.3g} MB on disk"
    )
