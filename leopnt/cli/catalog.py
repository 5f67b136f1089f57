"""`leopnt list` and `leopnt reproduce`: the studies that come with leopnt."""

from __future__ import annotations

from pathlib import Path

import click

from leopnt.cli import session
from leopnt.cli.run import run_in, study_options


@click.command("list", short_help="List the studies that come with leopnt.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def list_studies(as_json: bool, debug: bool) -> int:
    """List the studies that come with leopnt, one line each."""
    import json

    from leopnt.studies import catalog

    entries = catalog()
    if as_json:
        click.echo(json.dumps([entry._asdict() | {"path": str(entry.path)} for entry in entries]))
        return 0
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        click.echo(f"{entry.name:{width}}  {entry.about}")
    return 0


@click.command(short_help="Run catalogue studies beside their published numbers.")
@click.argument("name", required=False)
@click.option("--all", "is_all", is_flag=True, help="Every study, and one page about all of them.")
@click.option(
    "--full", is_flag=True, help="With --all: all trials, not a quarter of the long studies."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder [default: out/NAME; of all: out/reproduce, out/reproduce-full].",
)
@study_options
@session.common_options
def reproduce(
    name: str | None,
    is_all: bool,
    full: bool,
    out: Path | None,
    quiet: bool,
    debug: bool,
    **how,
) -> int:
    """Run the catalogue study NAME (see `leopnt list`) and judge it against published numbers.

    With --all, run every study and write index.html and summary.json about all of them. A study
    that fails does not stop the others; run the same command again after an interruption. Exit code
    1: something failed, or a number differs and no reason is known.

    \b
    Example: leopnt reproduce pvt/matched
             leopnt reproduce --all
    """  # noqa: D301  click needs the control character itself
    _require_either(name, is_all, full)
    session.use_compilation_cache()
    with session.collected_warnings(quiet=quiet, debug=debug):
        if name is not None:
            from leopnt.studies import catalog_study

            return run_in(catalog_study(name), out or Path("out") / name, quiet, **how)
        from leopnt.cli.reproduce import reproduce_all
        from leopnt.studies.reduction import full_size, reduced_size

        folder = out or Path("out") / ("reproduce-full" if full else "reproduce")
        return reproduce_all(folder, full_size if full else reduced_size, quiet, **how)


def _require_either(name: str | None, is_all: bool, full: bool) -> None:
    if (name is None) != is_all:
        raise click.UsageError("give the NAME of a study (see `leopnt list`), or --all.")
    if full and not is_all:
        raise click.UsageError("--full goes with --all; a single study always runs in full.")
