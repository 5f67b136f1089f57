"""Small calibration files for tests, and fixed sizes that they share."""

SMALL = """
title = "Four satellites"

[simulation]
satellites = 4
planes = 2
altitude_km = 1000.0
stations = {stations}
days = {days}
sampling_s = 120.0
seed = 3

[simulation.errors]
period_s = "revolution"
{more}
"""


def calibration_text(*, stations=("SHAO", "HKSL"), days=2, more=""):
    """A study of four satellites with errors once per revolution."""
    names = "[" + ", ".join(f'"{name}"' for name in stations) + "]"
    return SMALL.format(stations=names, days=days, more=more)


def written(folder, name="small.toml", **changes):
    """The same as a file."""
    path = folder / name
    path.write_text(calibration_text(**changes), encoding="utf-8")
    return path
