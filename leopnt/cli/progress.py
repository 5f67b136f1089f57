"""Progress of many jobs: a bar on a terminal, lines in a log; with rate and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

_LOG_EVERY_S = 10.0


@contextmanager
def job_progress(title: str, *, quiet: bool, unit: str = "jobs") -> Iterator[Callable[..., None]]:
    """A bar with jobs per second and the time left; without a terminal, a line now and then.

    What it gives is called with jobs done, all jobs, and the stage if there are several.
    """
    if quiet:
        yield lambda done, total, stage="": None
        return
    if not sys.stderr.isatty():
        yield LogLines(unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[rate]}}"),
        TimeLeft(),
    )
    pace = _Pace()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rate="")

        def show(done: int, total: int, stage: str = "") -> None:
            rate = pace.per_second(done, stage)
            name = f"{title}, {stage}" if stage else title
            told = f"{rate:.3g}/s" if rate else ""
            bar.update(task, completed=done, total=total, description=name, rate=told)

        yield show


class _Pace:
    """Jobs per second since a stage began."""

    def __init__(self):
        self.stage: str | None = None
        self.began_s, self.before = 0.0, 0

    def per_second(self, done: int, stage: str) -> float:
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.began_s, self.before = stage, now, done
        return (done - self.before) / (now - self.began_s) if now > self.began_s else 0.0


class LogLines:
    """Progress as lines for log files: one every 10 s, and one where a stage ends."""

    def __init__(self, unit: str = "jobs"):
        self.unit, self.pace, self.ended = unit, _Pace(), ""
        self.last_s = time.monotonic()

    def __call__(self, done: int, total: int, stage: str = "") -> None:
        rate, now = self.pace.per_second(done, stage), time.monotonic()
        is_end = done == total and stage != self.ended
        if now - self.last_s < _LOG_EVERY_S and not is_end:
            return
        if is_end:
            self.ended = stage
        self.last_s = now
        left = f", {rate:.3g}/s, {duration((total - done) / rate)} left" if rate > 0.0 else ""
        left = left if done < total else ""
        of = f", {stage}" if stage else ""
        click.echo(f"{done / total:4.0%}  {done} of {total} {self.unit}{left}{of}", err=True)


def duration(seconds: float) -> str:
    """A time as a person says it."""
    for limit, unit, size in ((120.0, "s", 1.0), (7200.0, "min", 60.0), (172800.0, "h", 3600.0)):
        if seconds < limit:
            return (
                f"{seconds / size:.2g} {unit}"
                if seconds / size < 10
                else f"{seconds / size:.0f} {unit}"
            )
    return f"{seconds / 86400.0:.0f} days"
