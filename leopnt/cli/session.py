"""What every command shares: options, warnings, progress bars, the compilation cache, files."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leopnt.errors import LeopntError, LeopntWarning

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import RenderableType

DEVICE = "leopnt.device"
"""Under this name the context of a command keeps what `--device` says."""

CACHE_SETTINGS = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""Keep small kernels too: a command compiles some dozens of them."""


def common_options(command: Callable) -> Callable:
    """Add `--device`, `--quiet` and `--debug`."""
    command = click.option(
        "--device",
        callback=_use_device,
        expose_value=False,
        metavar="NAME",
        help="What computes: cpu, gpu, or one of several as cuda:1 [default: JAX's choice].",
    )(command)
    command = click.option(
        "--debug", is_flag=True, help="Show the traceback of an error, and all warnings."
    )(command)
    return click.option("-q", "--quiet", is_flag=True, help="Print errors only.")(command)


def _use_device(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    """Let all kernels of the command compute on the device."""
    if name is None or context.resilient_parsing:
        return
    use_compilation_cache()  # before JAX loads
    from leopnt.inference.devices import select_device

    select_device(name)
    context.meta[DEVICE] = name


def use_compilation_cache() -> None:
    """Keep compiled kernels between runs, where JAX's own variables do not say otherwise."""
    folder = cache_folder()
    if "jax" in sys.modules or folder is None:
        return
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    for name, value in CACHE_SETTINGS.items():
        os.environ.setdefault(name, value)


def cache_folder() -> Path | None:
    """Where compiled kernels are kept: JAX_COMPILATION_CACHE_DIR, else the user's cache folder."""
    chosen = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if chosen:
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "leopnt" / "jax"


@contextmanager
def collected_warnings(*, quiet: bool, debug: bool) -> Iterator[list[str]]:
    """Collect the sentences of `LeopntWarning`, and print them at the end, each once."""
    sentences: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always" if debug else "ignore")
        warnings.simplefilter("always", LeopntWarning)
        try:
            yield sentences
        finally:
            shown = [one for one in caught if debug or issubclass(one.category, LeopntWarning)]
            sentences += dict.fromkeys(str(one.message) for one in shown)
            for sentence in [] if quiet else sentences:
                click.echo(f"warning: {sentence}", err=True)


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal (standard error), gone when done: call it with done and total.

    Before the first call it shows only that something is going on.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(renderable: RenderableType) -> None:
    """Print a table: colored on a terminal, plain ASCII lines elsewhere."""
    from rich.console import Console

    from leopnt.report.tables import plain_text

    if sys.stdout.isatty():
        Console().print(renderable)
    else:
        click.echo(plain_text(renderable), nl=False)


def show_json(dataset: xr.Dataset) -> None:
    """Print the whole result as JSON."""
    from leopnt.io.results import as_json

    click.echo(json.dumps(as_json(dataset), ensure_ascii=False, allow_nan=False))


def with_warnings(dataset: xr.Dataset, sentences: list[str]) -> xr.Dataset:
    """The result with more warnings after its own."""
    own = json.loads(dataset.attrs.get("warnings") or "[]")
    return dataset.assign_attrs(warnings=json.dumps([*own, *sentences]))


def first_warning(dataset: xr.Dataset) -> str:
    """The first of the result's own warnings."""
    return (json.loads(dataset.attrs.get("warnings") or "[]") or [""])[0]


def write_results(dataset: xr.Dataset, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    """Write a result in each format, named after its kind; return the paths as written."""
    from leopnt import report
    from leopnt.io import results

    kind = str(dataset.attrs["kind"])
    plain = {
        "json": results.write_json,
        "nc": results.write_netcdf,
        "geojson": results.write_geojson,
        "kml": results.write_kml,
    }
    make_folder(folder)
    chosen = [one for one in plain if one in formats]
    written = [plain[one](dataset, folder / f"{kind}.{one}") for one in chosen]
    if not {"png", "html"} & set(formats):
        return written
    figures = getattr(report, f"{kind}_figures")(dataset)
    if "png" in formats:
        make_folder(folder / "figures")
        written += report.write_png(figures, folder / "figures")
    if "html" in formats:
        write_report = getattr(report, f"write_{kind}_report")
        written.append(write_report(dataset, folder / "report.html", figures))
    return written


def begin(file: Path, template: str, command: str) -> int:
    """Write a commented file to begin with, from a template of `leopnt.studies`."""
    from importlib.resources import files

    from leopnt.io.results import write_text

    if file.exists():
        raise LeopntError(f"FILE: {str(file)!r} is there already; choose another name.")
    source = files("leopnt.studies") / "templates" / template
    write_text(source.read_text(encoding="utf-8"), file)
    click.echo(f"{file}: written. Run it with: leopnt {command} {file}")
    return 0


def make_folder(folder: Path) -> None:
    """Make a folder and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LeopntError(
            f"cannot make the folder {str(folder)!r}: {error.strerror or error}."
        ) from None


def show_written(paths: list[Path]) -> None:
    """Say where the files are, the report last."""
    if not paths:
        return
    click.echo("\nWritten:")
    for path in paths:
        click.echo(f"  {_short(path)}")


def _short(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path
