"""`leopnt reproduce --all`: every study of the catalogue, and one page about all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leopnt.cli import session
from leopnt.cli.progress import duration
from leopnt.cli.run import signals_as_interrupt
from leopnt.cli.workers import workers_of

if TYPE_CHECKING:
    import xarray as xr
    from rich.progress import Progress

    from leopnt.studies import Entry
    from leopnt.studies.reduction import Size
    from leopnt.studies.reproduction import Reproduced

FORMATS = ("html",)
"""Of each study, beside study.nc."""
INDEX, SUMMARY = "index.html", "summary"


def reproduce_all(folder: Path, size: Size, quiet: bool, **how) -> int:
    """Run every study in a folder of its own, and write the page about all; the exit code.

    Raises:
        LeopntError: the folder cannot be made; nothing has run then.
    """
    from leopnt.studies import Interrupted, catalog
    from leopnt.studies.reproduction import problems, reproduction
    from leopnt.studies.seeds import beyond, seeds

    session.make_folder(folder)
    results: list[Reproduced] = []
    try:
        _run(catalog(), folder, size, quiet, results, **how)
    except (Interrupted, KeyboardInterrupt):
        click.echo(
            f"interrupted: {len(results)} studies are done, in {folder}; run the same command "
            "again to go on.",
            err=True,
        )
        return 130
    found = reproduction(results, seeds(), beyond())
    _show(found, _write(found, folder), quiet, how["as_json"])
    sentences = list(problems(results))
    for sentence in sentences:
        click.echo(sentence, err=True)
    return 1 if sentences else 0


def _run(
    entries: list[Entry], folder: Path, size: Size, quiet: bool, results: list[Reproduced], **how
) -> None:
    """Run the studies in turn; each is added to the results as soon as it is done."""
    from leopnt.studies.reproduction import reproduce_one

    def write(dataset: xr.Dataset, where: Path) -> None:
        session.write_results(dataset, where, how["formats"] or FORMATS)

    with (
        workers_of(how, quiet) as workers,
        signals_as_interrupt() as request,
        _progress(entries, quiet=quiet) as show,
    ):
        for number, entry in enumerate(entries):

            def progress(done: int, total: int, number: int = number) -> None:
                request()
                show.update(number, done / max(total, 1))

            show.begin(number)
            one = reproduce_one(
                entry,
                folder / entry.name,
                size,
                write,
                workers=workers,
                restart=how["restart"],
                progress=progress,
            )
            request()
            results.append(one)
            show.end(number, one)


def _write(found: xr.Dataset, folder: Path) -> list[Path]:
    from leopnt.io.results import write_json, write_netcdf
    from leopnt.report.reproduction_html import write_reproduction_report

    return [
        write_json(found, folder / f"{SUMMARY}.json"),
        write_netcdf(found, folder / f"{SUMMARY}.nc"),
        write_reproduction_report(found, folder / INDEX),
    ]


def _show(found: xr.Dataset, written: list[Path], quiet: bool, as_json: bool) -> None:
    from leopnt.report.tables import reproduction_summary

    if as_json:
        session.show_json(found)
    elif not quiet:
        session.show(reproduction_summary(found))
        session.show_written(written)


class _All:
    """Progress over all studies, each weighted by how long it takes, more or less."""

    def __init__(self, entries: list[Entry], quiet: bool, bar: Progress | None = None):
        from leopnt.studies.reproduction import rough_seconds

        self.entries, self.quiet, self.bar = entries, quiet, bar
        self.weights = [rough_seconds(entry) for entry in entries]
        self.began = time.monotonic()
        self.task = bar.add_task("", total=sum(self.weights)) if bar else None

    def begin(self, number: int) -> None:
        """A study begins."""
        if self.bar is not None and self.task is not None:
            label = f"{number + 1}/{len(self.entries)} {self.entries[number].name}"
            self.bar.update(self.task, description=label)

    def update(self, number: int, share: float) -> None:
        """A share of it is done."""
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=self._done(number, share))

    def end(self, number: int, one: Reproduced) -> None:
        """It is done: say what came out, and how long the others may take."""
        self.update(number, 1.0)
        if self.quiet:
            return
        elapsed_s, done = time.monotonic() - self.began, self._done(number, 1.0)
        left_s = elapsed_s * (sum(self.weights) / done - 1.0)
        left = f"; about {duration(left_s)} left" if number + 1 < len(self.entries) else ""
        line = f"{number + 1:3d} of {len(self.entries)}  {_outcome(one)}{left}"
        if self.bar is not None:
            self.bar.console.print(line, markup=False, highlight=False)
        else:
            click.echo(line, err=True)

    def _done(self, number: int, share: float) -> float:
        return sum(self.weights[:number]) + share * self.weights[number]


def _outcome(one: Reproduced) -> str:
    from leopnt.report.verdict_words import counted_verdicts
    from leopnt.studies.reproduction import verdict_counts

    if one.failure:
        return f"{one.entry.name}: FAILED: {one.failure}"
    counts = verdict_counts(one.dataset)
    verdicts = [verdict for verdict, count in counts.items() for _ in range(count)]
    return f"{one.entry.name}: {counted_verdicts(verdicts)} ({duration(one.seconds)})"


@contextmanager
def _progress(entries: list[Entry], *, quiet: bool) -> Iterator[_All]:
    """A bar over all studies on a terminal; without one, only a line for each study."""
    if quiet or not sys.stderr.isatty():
        yield _All(entries, quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _All(entries, quiet, bar)
