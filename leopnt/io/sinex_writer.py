"""Station coordinates to SINEX 2.02.

Format: [sinex-202]. Covariances between coordinates (blocks SOLUTION/MATRIX_ESTIMATE) are neither
read nor written.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io._sinex_write import (
    block,
    block_if_any,
    cell,
    comment_lines,
    dashed,
    exponential,
    fixed,
    number_cell,
    reference_lines,
    require_kinds,
    short_time,
    short_times,
    write_lines,
)
from leopnt.io.sinex import (
    YEAR_S,
    Sinex,
    SinexEccentricity,
    SinexEquipment,
    SinexSite,
    SinexSpan,
)

_NAME = "write_sinex"
_MOST = 99_999
_TECHNIQUES = ("C", "D", "L", "M", "P", "R")
_CONSTRAINTS = ("0", "1", "2")
_TABLES = ("pos_ecef_m", "pos_sigma_m", "vel_ecef_mps", "vel_sigma_mps")
_ESTIMATE, _SIGMA, _ECCENTRICITY = exponential(21, 15), exponential(11, 6), fixed(8)


def write_sinex(path: str | Path, sinex: Sinex) -> Path:
    """Write station coordinates; what `read_sinex` gave comes back exactly.

    Estimates have the 15 digits of the format and standard deviations its 6, and more, up to what
    fits in the columns, where these do not give the same number back. Nothing is made up: dashes
    and zeros stand for what is not known, and mandatory blocks of other things than stations are
    empty where there is nothing to say. Longitude, latitude and height of a site are those of its
    coordinates (WGS 84).

    Args:
        path: file to write.
        sinex: coordinates; epochs are whole seconds.

    Raises:
        LeopntError: no station; a station twice; codes that are not four characters; numbers that
            are not finite, negative standard deviations, velocities in part; sites that are not
            those of the stations; techniques and constraints that do not exist; texts, numbers and
            epochs that do not fit in their columns; fields of other types, shapes and lengths.
    """
    _check(sinex)
    return write_lines(path, _lines(sinex))


def _check(sinex: Sinex) -> None:
    _check_types(sinex)
    keys = list(zip(sinex.code, sinex.point, sinex.solution, strict=False))
    lengths = {name: len(getattr(sinex, name)) for name in ("code", "point", "solution", "epoch")}
    lengths |= {"constraint": len(sinex.constraint) or len(sinex.code)}
    lengths |= {name: len(getattr(sinex, name)) for name in _TABLES}
    wrong = [f"{name} {length}" for name, length in lengths.items() if length != len(sinex.code)]
    if wrong or not keys:
        raise LeopntError(
            f"{_NAME}: expected one row of each field per station, at least one; found "
            f"{len(sinex.code)} codes, {', '.join(wrong) or 'as all else'}."
        )
    _refuse_twice("code, point, solution", keys)
    _refuse_twice("sites", [(one.code, one.point) for one in sinex.sites])
    for code, pos_m in zip(sinex.code, sinex.pos_ecef_m, strict=True):
        if not np.all(np.isfinite(pos_m)):
            raise LeopntError(
                f"{_NAME}: pos_ecef_m of {code!r} is {pos_m.tolist()}; expected finite numbers."
            )
    _check_velocities(sinex)
    for name in ("pos_sigma_m", "vel_sigma_mps"):
        if np.any(getattr(sinex, name) < 0.0):
            worst = np.nanmin(getattr(sinex, name))
            raise LeopntError(f"{_NAME}: {name} {worst:g}; expected no negative number.")
    if _num_estimates(sinex) > _MOST:
        raise LeopntError(f"{_NAME}: {_num_estimates(sinex)} estimates; at most {_MOST} fit.")
    _check_sites(sinex)


def _check_types(sinex: Sinex) -> None:
    if not isinstance(sinex, Sinex):
        raise LeopntError(f"{_NAME}: sinex is {sinex!r}; expected a Sinex.")
    texts: dict[str, type] = dict.fromkeys(("code", "point", "solution", "constraint"), tuple)
    tables: dict[str, type] = dict.fromkeys(_TABLES, np.ndarray)
    require_kinds(sinex, _NAME, **texts, epoch=Epoch, **tables)
    for name in _TABLES:
        table = getattr(sinex, name)
        if table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "fiu":
            raise LeopntError(
                f"{_NAME}: {name} has shape {table.shape} and type {table.dtype}; expected numbers "
                f"of shape ({len(sinex.code)}, 3), x, y and z of each station."
            )


def _check_sites(sinex: Sinex) -> None:
    """Sites are those of the stations."""
    for code, point in zip(sinex.code, sinex.point, strict=True):
        _code(code)
        _right(point, 2, "point")
    stations = set(zip(sinex.code, sinex.point, strict=True))
    sites = {(one.code, one.point) for one in sinex.sites}
    for code, point in sorted(stations - sites):
        raise LeopntError(
            f"{_NAME}: sites: none of code {code!r}, point {point!r}, which has an estimate; "
            "expected a SinexSite of every station."
        )
    for code, point in sorted(sites - stations):
        raise LeopntError(
            f"{_NAME}: sites: code {code!r}, point {point!r} has no estimate; expected sites of "
            "stations alone, leave it out."
        )


def _refuse_twice(what: str, keys: list[tuple[str, ...]]) -> None:
    seen = set()
    for key in keys:
        if key in seen:
            raise LeopntError(
                f"{_NAME}: {what}: {' '.join(key)!r} is there twice; expected each once."
            )
        seen.add(key)


def _check_velocities(sinex: Sinex) -> None:
    missing = np.isnan(np.concatenate([sinex.vel_ecef_mps, sinex.vel_sigma_mps], axis=1))
    for code, some in zip(sinex.code, missing, strict=True):
        if np.any(some) and not np.all(some):
            raise LeopntError(
                f"{_NAME}: vel_ecef_mps and vel_sigma_mps of {code!r} hold {np.sum(some)} NaN; "
                "expected six numbers, or six NaN where there is no velocity."
            )


def _has_velocity(sinex: Sinex) -> list[bool]:
    return (~np.isnan(sinex.vel_ecef_mps[:, 0])).tolist()


def _num_estimates(sinex: Sinex) -> int:
    return 3 * (len(sinex.code) + sum(_has_velocity(sinex)))


def _lines(sinex: Sinex) -> Iterator[str]:
    yield _first_line(sinex)
    yield from block(
        "FILE/REFERENCE",
        f"*INFO_TYPE_________ INFO{'_' * 56}",
        reference_lines(sinex.references, _NAME),
    )
    yield from block_if_any("FILE/COMMENT", "*", comment_lines(sinex.comments, _NAME))
    yield from block(
        "SITE/ID",
        "*CODE PT __DOMES__ T _STATION DESCRIPTION__ APPROX_LON_ APPROX_LAT_ _APP_H_",
        _sites(sinex),
    )
    yield from block_if_any(
        "SITE/RECEIVER",
        "*CODE PT SOLN T _DATA_START_ __DATA_END__ ___RECEIVER_TYPE____ _S/N_ _FIRMWARE__",
        (
            f"{_equipment(one, 'receivers')} {dashed(one.firmware, 11, f'{_NAME}: firmware')}"
            for one in sinex.receivers
        ),
    )
    yield from block_if_any(
        "SITE/ANTENNA",
        "*CODE PT SOLN T _DATA_START_ __DATA_END__ ____ANTENNA_TYPE____ _S/N_",
        (_antenna(one) for one in sinex.antennas),
    )
    yield from block(
        "SITE/ECCENTRICITY",
        "*CODE PT SOLN T _DATA_START_ __DATA_END__ REF __DX_U__ __DX_N__ __DX_E__",
        map(_eccentricity, sinex.eccentricities),
    )
    yield from block(
        "SOLUTION/EPOCHS",
        "*CODE PT SOLN T _DATA_START_ __DATA_END__ _MEAN_EPOCH_",
        map(_data_span, sinex.spans),
    )
    yield from block(
        "SOLUTION/ESTIMATE",
        "*INDEX _TYPE_ CODE PT SOLN _REF_EPOCH__ UNIT S ___ESTIMATED_VALUE___ __STD_DEV__",
        _estimates(sinex),
    )
    yield "%ENDSNX"


def _first_line(sinex: Sinex) -> str:
    times = [
        short_time(getattr(sinex, name), f"{_NAME}: {name}")
        for name in ("created", "data_start", "data_end")
    ]
    return (
        f"%=SNX 2.02 {dashed(sinex.agency, 3, f'{_NAME}: agency')} {times[0]} "
        f"{dashed(sinex.data_agency, 3, f'{_NAME}: data_agency')} {times[1]} {times[2]} "
        f"{_technique(sinex.technique)} {_num_estimates(sinex):05d} "
        f"{_constraint(sinex.file_constraint, 'file_constraint')} S"
    )


def _technique(text: str) -> str:
    if text and text not in _TECHNIQUES:
        raise LeopntError(
            f"{_NAME}: technique {text!r}; expected 'P' GNSS, 'R' VLBI, 'L' satellite laser "
            "ranging, 'M' lunar laser ranging, 'D' DORIS, 'C' a combination, or ''."
        )
    return text or "-"


def _constraint(text: str, name: str) -> str:
    if text and text not in _CONSTRAINTS:
        raise LeopntError(
            f"{_NAME}: {name} {text!r}; expected '0' fixed or tight, '1' significant, '2' not "
            "constrained, or ''."
        )
    return text or "-"


def _code(text: str) -> str:
    if len(text) != 4 or " " in text:
        raise LeopntError(
            f"{_NAME}: code {text!r}; expected four characters without blanks, as 'BJFS'."
        )
    return cell(text, 4, f"{_NAME}: code")


def _right(text: str, width: int, what: str) -> str:
    """Points and solutions stand at the right of their columns."""
    return f"{dashed(text, width, f'{_NAME}: {what}').strip(' '):>{width}}"


def _site_start(one: SinexEquipment | SinexEccentricity | SinexSpan) -> str:
    """Columns 1 to 15."""
    return (
        f" {_code(one.code)} {_right(one.point, 2, 'point')} "
        f"{_right(one.solution, 4, 'solution')} {_technique(one.technique)}"
    )


# Sites


def _sites(sinex: Sinex) -> Iterator[str]:
    keys = zip(sinex.code, sinex.point, strict=True)
    row_of = {key: row for row, key in reversed(list(enumerate(keys)))}
    for one in sinex.sites:
        place = _place(sinex.pos_ecef_m[row_of[one.code, one.point]], one)
        yield (
            f" {_code(one.code)} {_right(one.point, 2, 'point')} "
            f"{dashed(one.domes, 9, f'{_NAME}: domes')} {_technique(one.technique)} "
            f"{dashed(one.description, 22, f'{_NAME}: description')} {place}"
        )


def _place(pos_ecef_m: np.ndarray, site: SinexSite) -> str:
    """Longitude, latitude and height, rounded to 0.1 arc seconds and 0.1 m."""
    from leopnt.frames.geodetic import ecef_to_geodetic

    lat_rad, lon_rad, height_m = (float(x) for x in ecef_to_geodetic(pos_ecef_m))
    height = f"{height_m:7.1f}"
    if len(height) > 7 or not np.isfinite(lat_rad + lon_rad + height_m):
        raise LeopntError(
            f"{_NAME}: pos_ecef_m of {site.code!r}: its height of {height_m:.1f} m does not fit in "
            "7 columns; expected a place on Earth."
        )
    return f"{_sexagesimal(lon_rad % (2 * np.pi), 360)} {_sexagesimal(lat_rad, 361)} {height}"


def _sexagesimal(angle_rad: float, turn_deg: int) -> str:
    """Degrees, minutes and seconds; from `turn_deg` on they begin anew."""
    tenths = round(abs(np.degrees(angle_rad)) * 36_000.0) % (turn_deg * 36_000)
    degrees, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    sign = "-" if angle_rad < 0.0 and tenths else ""
    return f"{f'{sign}{degrees}':>3} {minutes:2d} {rest / 10:4.1f}"


def _span(one: SinexEquipment | SinexEccentricity, what: str) -> str:
    start = short_time(one.valid_from, f"{_NAME}: valid_from of {what}")
    return f"{start} {short_time(one.valid_until, f'{_NAME}: valid_until of {what}')}"


def _equipment(one: SinexEquipment, what: str) -> str:
    """Columns 1 to 68."""
    return (
        f"{_site_start(one)} {_span(one, what)} {dashed(one.name, 20, f'{_NAME}: name of {what}')} "
        f"{dashed(one.serial, 5, f'{_NAME}: serial of {what}')}"
    )


def _antenna(one: SinexEquipment) -> str:
    if one.firmware:
        raise LeopntError(
            f"{_NAME}: antennas: firmware {one.firmware!r} of {one.code!r}; expected '', antennas "
            "have none in this format."
        )
    return _equipment(one, "antennas")


def _eccentricity(one: SinexEccentricity) -> str:
    if one.system not in ("UNE", "XYZ"):
        raise LeopntError(
            f"{_NAME}: eccentricities: system {one.system!r} of {one.code!r}; expected 'UNE' or "
            "'XYZ'."
        )
    what = f"{_NAME}: offset_m of {one.code!r}"
    offset = " ".join(
        number_cell(x, x, _as_it_is, _ECCENTRICITY, 8, what) for x in one.offset_m.tolist()
    )
    return f"{_site_start(one)} {_span(one, 'eccentricities')} {one.system} {offset}"


# Solutions


def _data_span(one: SinexSpan) -> str:
    times = " ".join(
        short_time(getattr(one, name), f"{_NAME}: spans: {name}")
        for name in ("start", "end", "mean")
    )
    return f"{_site_start(one)} {times}"


def _estimates(sinex: Sinex) -> Iterator[str]:
    times = short_times(sinex.epoch, f"{_NAME}: epoch")
    index = 0
    for row, has_velocity in enumerate(_has_velocity(sinex)):
        for kind in ("STA", "VEL")[: 1 + has_velocity]:
            for axis in range(3):
                index += 1
                yield f" {index:5d} {kind}{'XYZ'[axis]}   " + _estimate(
                    sinex, row, kind, axis, times[row]
                )


def _estimate(sinex: Sinex, row: int, kind: str, axis: int, time: str) -> str:
    """A line from its column 15 on."""
    constraint = sinex.constraint[row] if sinex.constraint else ""
    return (
        f"{_code(sinex.code[row])} {_right(sinex.point[row], 2, 'point')} "
        f"{_right(sinex.solution[row], 4, 'solution')} {time} "
        f"{'m   ' if kind == 'STA' else 'm/y '} "
        f"{_constraint(constraint, 'constraint')} {_numbers(sinex, row, kind, axis)}"
    )


def _numbers(sinex: Sinex, row: int, kind: str, axis: int) -> str:
    """Value and standard deviation."""
    names, read, factor = {
        "STA": (("pos_ecef_m", "pos_sigma_m"), _as_it_is, 1.0),
        "VEL": (("vel_ecef_mps", "vel_sigma_mps"), _per_year, YEAR_S),
    }[kind]
    words = []
    for name, forms, width in zip(names, (_ESTIMATE, _SIGMA), (21, 11), strict=True):
        value = float(getattr(sinex, name)[row, axis])
        what = f"{_NAME}: {name} of {sinex.code[row]!r}"
        words.append(number_cell(value, factor * value, read, forms, width, what))
    return " ".join(words)


def _as_it_is(value: float) -> float:
    return value


def _per_year(value: float) -> float:
    return value / YEAR_S
