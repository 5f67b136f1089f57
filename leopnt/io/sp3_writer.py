"""Precise orbits and clocks to SP3-c and SP3-d.

Format: [sp3-d]. Standard deviations per record (columns 62-73, EP and EV lines) are not written.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from leopnt.epochs import TimeScale
from leopnt.errors import LeopntError
from leopnt.io._replacing import replacing
from leopnt.io._rinex_text import calendar_fields
from leopnt.io.sp3 import Sp3

_TIME_SYSTEMS = {
    TimeScale.GPST: "GPS",
    TimeScale.UTC: "UTC",
    TimeScale.GST: "GAL",
    TimeScale.BDT: "BDT",
    TimeScale.TAI: "TAI",
}
_PER_LINE = 17
_MOST_C, _MOST_D = 85, 999
_MISSING = "999999.999999"
_COMMENT_WIDTHS = {"c": 57, "d": 77}


def write_sp3_d(path: str | Path, sp3: Sp3, comments: tuple[str, ...] = ()) -> Path:
    """Write an SP3-d file, of up to 999 satellites; V records where there are velocities.

    Positions are rounded to 1 mm, clocks to 1 ps, velocities to 0.1 um/s; what `read_sp3` gave
    comes back exactly. Missing positions and clocks are written as such.

    Args:
        path: file to write.
        sp3: orbits and clocks; velocities are relative to the Earth.
        comments: lines of up to 77 characters.

    Raises:
        LeopntError: fewer than one epoch or satellite, ids that are no letter and two digits, more
            satellites than fit, values that do not fit in their columns, epochs with more than
            eight decimals of a second.
    """
    return _write(path, sp3, comments, "d", _MOST_D)


def write_sp3_c(path: str | Path, sp3: Sp3, comments: tuple[str, ...] = ()) -> Path:
    """As `write_sp3_d`, in version c, of up to 85 satellites and with comments of 57 characters."""
    return _write(path, sp3, comments, "c", _MOST_C)


def _write(path: str | Path, sp3: Sp3, comments: tuple[str, ...], version: str, most: int) -> Path:
    name = f"write_sp3_{version}"
    _check(sp3, comments, version, most, name)
    fields = calendar_fields(sp3.epoch, sp3.time_scale, 8, name)
    with replacing(path) as temporary, temporary.open("w", encoding="latin-1", newline="") as file:
        file.writelines(_header(sp3, comments, version, fields))
        file.writelines(_body(sp3, fields))
        file.write("EOF\n")
    return Path(path)


def _check(sp3: Sp3, comments: tuple[str, ...], version: str, most: int, name: str) -> None:
    if not 1 <= len(sp3.satellites) <= most:
        raise LeopntError(
            f"{name}: {len(sp3.satellites)} satellites; SP3-{version} holds 1 to {most}."
        )
    for one in sp3.satellites:
        if len(one) != 3 or not (one[0].isalpha() and one.isascii() and one[1:].isdigit()):
            raise LeopntError(
                f"{name}: satellite {one!r}; expected a letter and two digits, 'L01'."
            )
    if not len(sp3.epoch) or not np.all(sp3.epoch[1:] > sp3.epoch[:-1]):
        raise LeopntError(f"{name}: expected one epoch or more, increasing.")
    if sp3.time_scale not in _TIME_SYSTEMS:
        raise LeopntError(
            f"{name}: time scale {sp3.time_scale.value} has no name in SP3; expected one of "
            f"{', '.join(scale.value for scale in _TIME_SYSTEMS)}."
        )
    width = _COMMENT_WIDTHS[version]
    for comment in comments:
        if len(comment) > width or "\n" in comment:
            raise LeopntError(f"{name}: comment {comment!r} is no line of {width} characters.")
    limits = (
        ("pos_ecef_m", sp3.pos_ecef_m, 999_999e3),
        ("vel_ecef_mps", sp3.vel_ecef_mps, 99_999.0),
        ("clock_s", sp3.clock_s, 0.999),
        ("clock_rate", sp3.clock_rate, 9e-5),
    )
    for what, values, limit in limits:
        if np.any(np.abs(values) >= limit):
            worst = values.flat[np.nanargmax(np.abs(values))]
            raise LeopntError(f"{name}: {what} {worst:g} is beyond the {limit:g} that fit.")


def _header(sp3: Sp3, comments: tuple[str, ...], version: str, fields: np.ndarray) -> Iterator[str]:
    has_velocity = not np.all(np.isnan(sp3.vel_ecef_mps))
    year, month, day, hour, minute, second, units = fields[0].tolist()
    yield (
        f"#{version}{'V' if has_velocity else 'P'}{year:4d} {month:2d} {day:2d} {hour:2d} "
        f"{minute:2d} {second:2d}.{units:08d} {len(sp3.epoch):7d} {'':5} "
        f"{sp3.coordinate_system[:5]:>5} {sp3.orbit_type[:3]:>3} {sp3.agency[:4]:>4}\n"
    )
    yield _second_line(sp3)
    num_lines = max(5, -(-len(sp3.satellites) // _PER_LINE))
    for line in range(num_lines):
        names = sp3.satellites[line * _PER_LINE : (line + 1) * _PER_LINE]
        start = f"+  {len(sp3.satellites):3d}   " if line == 0 else f"+{'':8}"
        yield start + "".join(f"{name:>3}" for name in (*names, *["0"] * (17 - len(names)))) + "\n"
    exponents = _exponents(sp3.orbit_sigma_m)
    for line in range(num_lines):
        some = exponents[line * _PER_LINE : (line + 1) * _PER_LINE]
        yield "++       " + "".join(f"{x:3d}" for x in (*some, *[0] * (17 - len(some)))) + "\n"
    systems = {name[0] for name in sp3.satellites}
    kind = systems.pop() if len(systems) == 1 else "M"
    blanks = "ccc cccc cccc cccc cccc ccccc ccccc ccccc ccccc\n"
    yield f"%c {kind}  cc {_TIME_SYSTEMS[sp3.time_scale]} {blanks}"
    yield f"%c cc cc ccc {blanks}"
    yield "%f  0.0000000  0.000000000  0.00000000000  0.000000000000000\n" * 2
    yield "%i    0    0    0    0      0      0      0      0         0\n" * 2
    for comment in (*comments, *[""] * (4 - len(comments))):
        yield f"/* {comment}".rstrip() + "\n"


def _second_line(sp3: Sp3) -> str:
    week, second, fraction = sp3.epoch[0].to_week(TimeScale.GPST)
    if sp3.time_scale is not TimeScale.GPST:  # week and day of the file's own count of time
        *date, _ = sp3.epoch[0].to_calendar(sp3.time_scale)
        own = type(sp3.epoch).from_calendar(*date, scale=TimeScale.GPST)
        week, second, _ = own.to_week(TimeScale.GPST)
    days, of_day = divmod(int(second), 86_400)
    mjd = 44_244 + 7 * int(week) + days
    step_s = float(sp3.epoch[1].since(sp3.epoch[0])) if len(sp3.epoch) > 1 else 0.0
    return (
        f"## {int(week):4d} {int(second) + float(fraction):15.8f} {step_s:14.8f} {mjd:5d} "
        f"{(of_day + float(fraction)) / 86_400:15.13f}\n"
    )


def _exponents(sigma_m: np.ndarray) -> list[int]:
    """Accuracy codes n of 2**n mm; 0 where not known."""
    known = np.isfinite(sigma_m) & (sigma_m > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.clip(np.rint(np.log2(sigma_m * 1e3)), 1, 99)
    return np.where(known, exponent, 0).astype(int).tolist()


def _body(sp3: Sp3, fields: np.ndarray) -> Iterator[str]:
    pos_km = np.where(np.isnan(sp3.pos_ecef_m), 0.0, sp3.pos_ecef_m / 1e3)
    vel_dmps = np.where(np.isnan(sp3.vel_ecef_mps), 0.0, sp3.vel_ecef_mps * 10.0)
    with_velocity = np.any(~np.isnan(sp3.vel_ecef_mps), axis=(1, 2)).tolist()
    clock_us, rate = sp3.clock_s * 1e6, sp3.clock_rate * 1e10
    flags = np.stack(
        [sp3.is_clock_event, sp3.is_clock_predicted, sp3.is_maneuver, sp3.is_orbit_predicted]
    )
    for at, (year, month, day, hour, minute, second, units) in enumerate(fields.tolist()):
        yield f"*  {year:4d} {month:2d} {day:2d} {hour:2d} {minute:2d} {second:2d}.{units:08d}\n"
        rows = zip(
            sp3.satellites,
            with_velocity,
            pos_km[:, at].tolist(),
            clock_us[:, at].tolist(),
            vel_dmps[:, at].tolist(),
            rate[:, at].tolist(),
            flags[:, :, at].T.tolist(),
            strict=True,
        )
        for name, has_velocity, pos, clock, vel, clock_rate, marks in rows:
            yield _line("P", name, pos, clock) + _marks(marks) + "\n"
            if has_velocity:
                yield _line("V", name, vel, clock_rate) + "\n"


def _line(kind: str, name: str, values: list[float], clock: float) -> str:
    x, y, z = values
    last = f"{clock:14.6f}" if clock == clock else f"{_MISSING:>14}"
    return f"{kind}{name}{x:14.6f}{y:14.6f}{z:14.6f}{last}"


def _marks(marks: list[bool]) -> str:
    """Columns 61 to 80: clock event and prediction, maneuver and orbit prediction."""
    if not any(marks):
        return ""
    event, clock_predicted, maneuver, orbit_predicted = marks
    text = (
        f"{'':14}{'E' if event else ' '}{'P' if clock_predicted else ' '}  "
        f"{'M' if maneuver else ' '}{'P' if orbit_predicted else ' '}"
    )
    return text.rstrip()
