"""`leopnt fix`: a position from a settings file."""

from __future__ import annotations

from pathlib import Path

import click

from leopnt.cli import session

FORMATS = ("json", "nc", "geojson", "kml", "png", "html")


@click.command(short_help="Solve a receiver position from a measurement log.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the results [default: that of the settings, else out/NAME].",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write; repeat it for several [default: that of the settings, else all].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, nothing else.")
@session.common_options
def fix(
    file: Path,
    out: Path | None,
    formats: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Solve a receiver position from the log that FILE (settings, TOML) names.

    Prints the fix with its uncertainty, and writes JSON, NetCDF, GeoJSON, KML, figures and a
    report. With --json files are written only where --out says.

    \b
    Examples:
      leopnt fix examples/iridium_hong_kong.toml
      leopnt fix examples/power_log.toml
    """  # noqa: D301  click needs the control character itself
    session.use_compilation_cache()
    with session.collected_warnings(quiet=quiet, debug=debug) as sentences:
        scene, dataset = _solve(file, quiet)
    dataset = session.with_warnings(dataset, sentences)
    output = scene.file.settings.output
    folder = out or (scene.file.resolve(output.directory) if output.directory else None)
    if as_json:
        session.show_json(dataset)
    elif not quiet:
        from leopnt.report.tables import fix_summary

        session.show(fix_summary(dataset))
    written = []
    if folder or not as_json:
        folder = folder or Path("out") / scene.file.path.stem
        with session.progress_bar("Writing the results", quiet=quiet):
            written = session.write_results(dataset, folder, formats or tuple(output.formats))
    if not (as_json or quiet):
        session.show_written(written)
    return _exit_code(dataset)


def _solve(file: Path, quiet: bool):
    """Scene and dataset of a fix, by what was measured."""
    from leopnt.scenes.fix_settings import load_fix_file

    found = load_fix_file(file)
    solve = {"doppler": _solve_doppler, "power": _solve_power}[found.settings.measurement.type]
    return solve(found, quiet)


def _solve_doppler(file, quiet: bool):
    from leopnt.scenes.doppler_scene import doppler_scene

    with session.progress_bar("Reading the log", quiet=quiet) as progress:
        scene = doppler_scene(file, progress)
    with session.progress_bar("Solving", quiet=quiet):
        from leopnt.methods.doppler_fix.from_file import fix_scene

        dataset = fix_scene(scene).to_dataset(**_described(scene, "Doppler"))
    return scene, dataset


def _solve_power(file, quiet: bool):
    from leopnt.scenes.power_scene import power_scene

    with session.progress_bar("Reading the log", quiet=quiet) as progress:
        scene = power_scene(file, progress)
    with session.progress_bar("Solving", quiet=quiet):
        from leopnt.methods.power.dataset import to_dataset
        from leopnt.methods.power.from_file import fix_power_scene

        solved = fix_power_scene(scene)
        dataset = to_dataset(solved, beam_names=scene.beams.names, **_described(scene, "Power"))
    return scene, dataset


def _described(scene, measured: str) -> dict:
    """What a dataset is told of its settings."""
    settings = scene.file.settings
    return {
        "truth_ecef_m": scene.truth_ecef_m,
        "title": settings.title or f"{measured} fix of {Path(settings.measurement.file).name}",
        "input_file": str(scene.file.path),
        "input_text": scene.file.text,
    }


def _exit_code(dataset) -> int:
    if dataset.attrs["converged"]:
        return 0
    click.echo(f"not solved: {dataset.attrs['status']}.", err=True)
    return 1
