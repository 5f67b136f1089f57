"""`leopnt map`: satellites in view, DOP and bounds over the Earth, resumable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leopnt.cli import session
from leopnt.cli.run import signals_as_interrupt
from leopnt.cli.workers import worker_options, workers_of

if TYPE_CHECKING:
    import xarray as xr

    from leopnt.methods.coverage import ChunkStatistics
    from leopnt.methods.coverage.from_scene import MapWork
    from leopnt.scenes.map_scene import MapScene
    from leopnt.studies import AbstractWorkers
    from leopnt.studies.store import RunFolder

FORMATS = ("png", "html", "globe")
RESULT = "map.nc"


@click.command("map", short_help="Map DOP, bounds and availability over the Earth and a day.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder [default: out/NAME].")
@click.option("--new", is_flag=True, help="Write a commented FILE to begin with, and stop.")
@worker_options
@click.option("--restart", is_flag=True, help="Drop what an earlier run left in the folder.")
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="What to write beside map.nc; repeat it for several [default: all].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, nothing else.")
@session.common_options
def map_command(
    file: Path,
    out: Path | None,
    new: bool,
    restart: bool,
    formats: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    debug: bool,
    **how,
) -> int:
    """Map what FILE (TOML) describes: satellites in view, DOP, bounds, availability.

    Each chunk of epochs is kept as soon as it is done: run the same command again after an
    interruption, and nothing is computed twice.

    \b
    Tables of FILE:
      constellation  the satellites: preset, walker or file
      time           start, duration_s, step_s
      antenna        mask_deg, the lowest elevation
      map            grid, region, quantity, limit, percentiles
      measurements   what is measured and how well, for bounds instead of DOP
      user           what users know before
      signal         carrier_hz of Doppler shifts

    \b
    Examples:
      leopnt map map.toml --new
      leopnt map map.toml --workers 2
    """  # noqa: D301  click needs the control character itself
    if new:
        return session.begin(file, "map.toml", "map")
    session.use_compilation_cache()
    from leopnt.scenes.map_scene import load_map

    with session.collected_warnings(quiet=quiet, debug=debug) as sentences:
        scene = load_map(file)
        folder = out or Path("out") / file.stem
        with workers_of(how, quiet) as workers:
            dataset = _made(scene, folder, workers, restart, quiet)
    if dataset is None:
        click.echo(
            f"interrupted: what is done is kept in {folder}; run the same command again to go on.",
            err=True,
        )
        return 130
    dataset = session.with_warnings(dataset, sentences)
    _show(dataset, folder, formats or FORMATS, as_json, quiet)
    return 0


def _made(
    scene: MapScene, folder: Path, workers: AbstractWorkers, restart: bool, quiet: bool
) -> xr.Dataset | None:
    """The result, from the folder as far as it is there; None if interrupted."""
    from leopnt.io.results import read_netcdf, write_netcdf
    from leopnt.methods.coverage import merged
    from leopnt.methods.coverage.dataset import map_dataset
    from leopnt.methods.coverage.from_scene import MapWork
    from leopnt.studies.store import open_run, require_room
    from leopnt.studies.study_file import versions

    engine = _engine_of(workers)
    circumstances = {**versions(), "engine": engine, "map": scene.fingerprint}
    with open_run(folder, _digest(circumstances), restart=restart) as run:
        if restart:
            (folder / RESULT).unlink(missing_ok=True)
        if run.is_complete and (folder / RESULT).is_file():
            return _described_anew(read_netcdf(folder / RESULT), scene, folder / RESULT)
        run.reopen()
        try:
            with (
                signals_as_interrupt() as request,
                session.progress_bar(scene.title, quiet=quiet) as progress,
            ):
                work = MapWork(scene, engine)
                found = merged(_parts(work, run, workers, progress, request))
        except KeyboardInterrupt:
            return None
        dataset = map_dataset(scene, found)
        dataset.attrs["provenance"] = json.dumps(circumstances)
        require_room(folder / RESULT, dataset.nbytes + 1_000_000)
        write_netcdf(dataset, folder / RESULT)
        run.finish()
    return dataset


def _engine_of(workers: AbstractWorkers) -> str:
    """What the first worker that answers would compute with: all must."""
    from leopnt.methods.coverage.from_scene import engine_here

    with closing(workers.map(engine_here, [None])) as answers:
        _, engine = next(answers)
    return engine


def _digest(circumstances: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(circumstances, sort_keys=True).encode()).hexdigest()


def _described_anew(dataset: xr.Dataset, scene: MapScene, path: Path) -> xr.Dataset:
    """A result of the same numbers under the title and text that the file has now."""
    from leopnt.io.results import write_netcdf

    now = {"title": scene.title, "input_file": scene.file_name, "input_text": scene.text}
    if any(dataset.attrs.get(name) != one for name, one in now.items()):
        dataset.attrs |= now
        write_netcdf(dataset, path)
    return dataset


def _parts(
    work: MapWork, run: RunFolder, workers: AbstractWorkers, progress, request
) -> Iterator[ChunkStatistics]:
    """Statistics of all chunks in order; those that are not in the folder are computed and kept."""
    from leopnt.methods.coverage import ChunkStatistics
    from leopnt.methods.coverage.from_scene import chunk_arrays, chunks_of

    places = [_chunk(number) for number in range(len(chunks_of(work.scene)))]
    missing = [number for number, place in enumerate(places) if not run.has(place)]
    done = len(places) - len(missing)
    progress(done, len(places))
    with closing(workers.map(chunk_arrays, missing, work)) as ended:
        for number, arrays in ended:
            place = places[missing[number]]
            run.write(place, {name: one[None] for name, one in arrays.items()})
            request()
            done += 1
            progress(done, len(places))
    for place in places:
        arrays = run.read(place)
        assert arrays is not None  # it was there a moment ago, and the folder is locked
        yield ChunkStatistics.from_arrays({name: one[0] for name, one in arrays.items()})


def _chunk(number: int):
    """The place of a chunk in the folder: one row of whatever it holds."""
    from leopnt.studies.plan import Chunk

    return Chunk(0, number, number, number + 1)


def _show(dataset: xr.Dataset, folder: Path, formats, as_json: bool, quiet: bool) -> None:
    from leopnt.report.globe import write_globe
    from leopnt.report.map_report import map_figures, map_summary, write_map_report
    from leopnt.report.style import write_png

    if as_json:
        session.show_json(dataset)
    elif not quiet:
        session.show(map_summary(dataset))
    written = [folder / RESULT]
    with session.progress_bar("Writing the results", quiet=quiet):
        figures = map_figures(dataset) if {"png", "html"} & set(formats) else {}
        if "png" in formats:
            session.make_folder(folder / "figures")
            written += write_png(figures, folder / "figures")
        if "globe" in formats:
            written.append(write_globe(dataset, folder / "globe.html"))
        if "html" in formats:
            written.append(write_map_report(dataset, folder / "report.html", figures))
    if not (as_json or quiet):
        session.show_written(written)
