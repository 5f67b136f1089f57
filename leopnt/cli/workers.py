"""Options of every command that shares its work out: threads, processes, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from leopnt.cli import session
from leopnt.errors import LeopntError

if TYPE_CHECKING:
    from leopnt.studies import AbstractWorkers


def worker_options(command: Callable) -> Callable:
    """Add `--workers`, `--processes` and `--cluster`."""
    for option in (
        click.option("--workers", type=click.IntRange(1, 1024), help="How many [default: cores]."),
        click.option("--processes", is_flag=True, help="Workers are processes instead of threads."),
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="Compute on a Dask cluster: HOST:PORT of its scheduler, or its scheduler file.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def workers_of(how: dict, quiet: bool) -> Iterator[AbstractWorkers]:
    """Workers as the options say.

    Raises:
        LeopntError: options contradict each other; the cluster cannot be used.
    """
    _refuse_contradictions(how)
    if how["cluster"] is not None:
        from leopnt.studies.cluster import cluster_at

        say = _ignore if quiet else _tell
        with cluster_at(how["cluster"], say=say) as workers:
            yield workers
        return
    from leopnt.studies import Processes, Threads, default_workers

    number = how["workers"] or default_workers().num_workers
    yield Processes(number) if how["processes"] else Threads(number)


def _refuse_contradictions(how: dict) -> None:
    context = click.get_current_context(silent=True)
    device = context.meta.get(session.DEVICE) if context else None
    if how["cluster"] is not None:
        given = {"workers": how["workers"], "processes": how["processes"], "device": device}
        for name in [name for name, value in given.items() if value]:
            raise LeopntError(
                f"--{name} and --cluster: the workers of a cluster have their own number and "
                f"devices from where they were started; leave out --{name}."
            )
    if how["processes"] and device not in (None, "cpu", "cpu:0"):
        raise LeopntError(
            f"--processes and --device {device}: several processes cannot share it; leave out "
            "--processes."
        )


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)


def _ignore(sentence: str) -> None:
    pass
