"""`leopnt doctor`: versions, devices and data of this installation, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import SupportsFloat

import click

import leopnt
from leopnt.cli import session

EOP_OLD_DAYS = 60.0
_UNIX_MJD = 40_587
_USER_EXTRA = re.compile(r"""extra == ["'](cluster|parquet|viz|zarr)["']""")


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and the remedy where it is not well."""

    what: str
    found: str
    remedy: str = ""


@click.command(short_help="Check this installation: versions, devices, 64 bit, Earth orientation.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, nothing else.")
@session.common_options
def doctor(as_json: bool, quiet: bool, debug: bool) -> int:
    """Check this installation: versions, devices, 64 bit, age of the Earth orientation table.

    Exits with 1 if something needs attention.
    """
    session.use_compilation_cache()
    with session.collected_warnings(quiet=True, debug=debug):
        findings = examine()
    wrong = [one for one in findings if one.remedy]
    if as_json:
        tree = {"healthy": not wrong, "findings": [asdict(one) for one in findings]}
        click.echo(json.dumps(tree, ensure_ascii=False))
    elif not quiet:
        _print(findings)
    return 1 if wrong else 0


def examine() -> list[Finding]:
    """Look at everything."""
    return [
        Finding("leopnt", leopnt.__version__),
        Finding("Python", f"{platform.python_version()} on {platform.platform(terse=True)}"),
        *_dependencies(),
        *_jax(),
        _sgp4(),
        _cache(),
        *_earth_orientation(),
        *_bundled_data(),
    ]


def _dependencies() -> list[Finding]:
    """Installed versions of what pyproject names; optional packages only where installed."""
    findings = []
    for requirement in importlib.metadata.requires("leopnt") or []:
        name = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
        is_optional = "extra ==" in requirement
        if is_optional and not _USER_EXTRA.search(requirement):
            continue
        try:
            findings.append(Finding(name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            if is_optional:
                findings.append(Finding(name, "not installed (optional)"))
            else:
                findings.append(Finding(name, "not installed", f"pip install {name}"))
    return findings


def _jax() -> list[Finding]:
    import jax

    from leopnt.inference.devices import device_names

    devices = ", ".join(str(one) for one in jax.devices())
    names = [name if kind == "cpu" else f"{name} ({kind})" for name, kind in device_names().items()]
    has_64_bit = bool(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]
    remedy = "" if has_64_bit else "unset JAX_ENABLE_X64, or import leopnt before using JAX"
    return [
        Finding("JAX backend", f"{jax.default_backend()}: {devices}"),
        Finding("Devices for --device", ", ".join(names)),
        Finding("64 bit", "on" if has_64_bit else "off", remedy),
    ]


def _sgp4() -> Finding:
    from sgp4.api import accelerated

    if accelerated:
        return Finding("SGP4", "compiled")
    return Finding("SGP4", "pure Python, 100 times slower", "reinstall sgp4 with its wheel")


def _cache() -> Finding:
    folder = session.cache_folder()
    if folder is None:
        return Finding("Compilation cache", "none: no home folder", "set JAX_COMPILATION_CACHE_DIR")
    above = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if not os.access(above, os.W_OK):
        remedy = "set JAX_COMPILATION_CACHE_DIR to a folder of yours"
        return Finding("Compilation cache", f"{folder}, not writable", remedy)
    files = [one for one in folder.glob("*") if one.is_file()] if folder.is_dir() else []
    megabytes = sum(one.stat().st_size for one in files) / 1e6
    return Finding("Compilation cache", f"{folder}, {len(files)} files, {megabytes:.1f} MB")


def _earth_orientation() -> list[Finding]:
    import datetime

    from leopnt.eop import EopTable

    table = EopTable.bundled()
    today = datetime.datetime.now(datetime.UTC).timestamp() / 86_400 + _UNIX_MJD
    age_days = today - table.last_measured_mjd_utc
    span = f"{_date(table.mjd_utc[0])} to {_date(table.mjd_utc[-1])}"
    found = f"{table.source}, {span}, measured up to {_date(table.last_measured_mjd_utc)}, "
    found += f"{age_days:.0f} days ago"
    remedy = "pip install --upgrade astropy-iers-data" if age_days > EOP_OLD_DAYS else ""
    expiry = table.leap_seconds.expiry_mjd_utc
    if expiry is None:
        leap = Finding("Leap seconds", f"{table.leap_seconds.source}, without an expiry date")
    else:
        is_over = today > expiry
        leap = Finding(
            "Leap seconds",
            f"{table.leap_seconds.source}, complete up to {_date(expiry)}",
            "pip install --upgrade astropy-iers-data" if is_over else "",
        )
    return [Finding("Earth orientation", found, remedy), leap]


def _date(mjd: SupportsFloat) -> str:
    import numpy as np

    return str(np.datetime64(int(float(mjd)) - _UNIX_MJD, "D"))


def _bundled_data() -> list[Finding]:
    spec = importlib.util.find_spec("leopnt.report")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else Path()
    missing = [name for name in ("land.npz", "report.css") if not (folder / name).is_file()]
    if missing:
        return [Finding("Bundled data", f"{', '.join(missing)} missing", "reinstall leopnt")]
    return [Finding("Bundled data", "land outline and report style are there")]


def _print(findings: list[Finding]) -> None:
    width = max(len(one.what) for one in findings)
    for one in findings:
        remedy = f"  <- {one.remedy}" if one.remedy else ""
        click.echo(f"{one.what:<{width}}  {one.found}{remedy}")
    wrong = sum(bool(one.remedy) for one in findings)
    click.echo("\nAll is well." if not wrong else f"\n{wrong} to attend to (marked with <-).")
