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


@click.command(short_help="Run a catalogue study beside its published numbers.")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder [default: out/NAME].")
@study_options
@session.common_options
def reproduce(name: str, out: Path | None, quiet: bool, debug: bool, **how) -> int:
    """Run the catalogue study NAME (see `leopnt list`) and judge it against published numbers.

    Exit code 1: chunks failed, or a number differs and no reason is known.

    \b
    Example: leopnt reproduce pvt/matched
    """  # noqa: D301  click needs the control character itself
    session.use_compilation_cache()
    from leopnt.studies import catalog_study

    with session.collected_warnings(quiet=quiet, debug=debug):
        return run_in(catalog_study(name), out or Path("out") / name, quiet, **how)
