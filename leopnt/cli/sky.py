"""`leopnt sky`: what is up over a place and time."""

from __future__ import annotations

import re
from pathlib import Path

import click

from leopnt.cli import session
from leopnt.errors import LeopntError

FORMATS = ("json", "nc", "png", "html")
_SECONDS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


class Duration(click.ParamType):
    """Seconds, or a number with s, min, h or d."""

    name = "duration"

    def convert(self, value, param, ctx) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"\s*([0-9.]+)\s*(s|min|h|d|)\s*", value)
        try:
            return float(match[1]) * _SECONDS[match[2]] if match else self._refuse(value)
        except ValueError:
            return self._refuse(value)

    def _refuse(self, value) -> float:
        self.fail(f"{value!r} is no duration; expected as 90, 30s, 10min, 2h or 1d.")


@click.command(short_help="Show which satellites are up over a place, and their DOP.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--lat", type=float, help="Latitude of the place, degrees north.")
@click.option("--lon", type=float, help="Longitude of the place, degrees east.")
@click.option("--height", type=float, default=0.0, help="Height above the WGS 84 ellipsoid, m.")
@click.option("--place", help="A city instead of --lat and --lon, as 'Hong Kong'.")
@click.option("--start", help="First epoch, UTC, as 2025-12-28T12:00:00Z [default: now].")
@click.option("--duration", type=Duration(), default="1h", show_default=True, help="How long.")
@click.option("--step", type=Duration(), default="30s", show_default=True, help="How often.")
@click.option(
    "--mask", type=float, default=10.0, show_default=True, help="Lowest elevation, degrees."
)
@click.option(
    "--max-age-days",
    type=float,
    default=7.0,
    show_default=True,
    help="Leave out satellites whose elements are older.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the results [default: none]."
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write into --out; repeat it for several [default: all].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, nothing else.")
@session.common_options
def sky(file: Path, out: Path | None, formats, as_json: bool, quiet: bool, debug: bool, **where):
    """Show what of FILE (TLE, OMM or SP3) is up over a place and time.

    Prints the satellites that rise above the mask, with DOP; writes JSON, NetCDF, figures and a
    report into --out.

    \b
    Example: leopnt sky gps.tle --place "Hong Kong" --duration 2h --out out/sky
    """  # noqa: D301  click needs the control character itself
    session.use_compilation_cache()
    with session.collected_warnings(quiet=quiet, debug=debug) as sentences:
        dataset = _look(file, where, quiet)
    dataset = session.with_warnings(dataset, sentences)
    if as_json:
        session.show_json(dataset)
    elif not quiet:
        from leopnt.report.tables import sky_summary

        session.show(sky_summary(dataset))
    if out is not None:
        with session.progress_bar("Writing the results", quiet=quiet):
            written = session.write_results(dataset, out, formats or FORMATS)
        if not (as_json or quiet):
            session.show_written(written)
    return 0


def _look(file: Path, where: dict, quiet: bool):
    from leopnt.epochs import Epoch
    from leopnt.scenes.sky_scene import load_sky_scene

    start = where["start"]
    try:
        epoch = None if start is None else Epoch.from_iso(start)
    except LeopntError as error:
        raise LeopntError(f"--start: {error}") from None
    scene = load_sky_scene(
        file,
        _place(where),
        start=epoch,
        duration_s=where["duration"],
        step_s=where["step"],
        mask_deg=where["mask"],
        max_age_days=where["max_age_days"],
        title=f"{file.name} over {where['place']}" if where["place"] else "",
    )
    with session.progress_bar("Propagating", quiet=quiet) as progress:
        from leopnt.methods.sky import sky as look_at_sky

        return look_at_sky(scene, progress).to_dataset()


def _place(where: dict):
    from leopnt.scenes.sky_scene import Place, city

    lat, lon, name = where["lat"], where["lon"], where["place"]
    if name is not None:
        if lat is not None or lon is not None:
            raise LeopntError("--place and --lat, --lon: give one or the other.")
        return city(name)
    if lat is None or lon is None:
        raise LeopntError("no place: give --lat and --lon in degrees, or --place with a city.")
    return Place(lat, lon, where["height"])
