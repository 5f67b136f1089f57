"""`leopnt study`: check a study file, begin one, and the schema for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from leopnt.errors import LeopntError


@click.group(short_help="Check a study file, begin a new one, print the schema.")
def study() -> None:
    """Study files: check one, begin one, or print their schema."""


@study.command(short_help="Check a study file without running it.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def check(file: Path, debug: bool) -> int:
    """Check FILE without running it: every mistake, each with what is accepted."""
    from leopnt.studies import load_study

    found = load_study(file)
    points = len(found.points)
    swept = ", ".join(found.points[0].values) or "no sweep"
    click.echo(
        f"{file}: no mistakes. Method {found.method.name}, {points} "
        f"{'point' if points == 1 else 'points'} ({swept}), {found.settings.study.trials} trials "
        "of each case."
    )
    return 0


@study.command(short_help="Write a commented study file to begin with.")
@click.argument("method")
@click.option("--out", type=click.Path(path_type=Path), help="File [default: METHOD.toml].")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def new(method: str, out: Path | None, debug: bool) -> int:
    """Write a commented study file for METHOD, ready to run."""
    from leopnt.io.results import write_text
    from leopnt.studies import method_of

    text = method_of(method).template
    path = out or Path(f"{method}.toml")
    if path.exists():
        raise LeopntError(f"--out: {str(path)!r} is there already; choose another name.")
    write_text(text, path)
    click.echo(f"{path}: written. Run it with: leopnt run {path}")
    return 0


@study.command(short_help="Print the JSON schema of study files.")
@click.argument("method", required=False)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def schema(method: str | None, debug: bool) -> int:
    """Print the JSON schema of the study files of METHOD, or of all methods."""
    from leopnt.studies import study_schema

    click.echo(json.dumps(study_schema(method), indent=1))
    return 0
