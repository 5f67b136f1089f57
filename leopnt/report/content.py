"""What a report lists: tables of text, drawn by `tables` in the terminal and by `html`."""

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from leopnt.io.ellipse import error_ellipse
from leopnt.report import words
from leopnt.report.reading import column, flags, has_position, number, strings, text, unit, vector

DOPS = ("gdop", "hdop", "vdop", "pdop")


@dataclass(frozen=True)
class Table:
    """Cells as text; `numeric` columns are set flush right. `note` tells of rows left out."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    note: str = ""


def fix_tables(fix: xr.Dataset, max_rows: int) -> list[Table]:
    """The tables of a fix, those without rows left out; lists are cut at `max_rows`."""
    tables = [
        fix_facts(fix),
        unknowns(fix),
        satellites(fix, max_rows),
        rejected(fix, max_rows),
        candidates(fix, max_rows),
    ]
    return [table for table in tables if table.rows]


def sky_tables(sky: xr.Dataset, max_rows: int) -> list[Table]:
    """The tables of a sky, those without rows left out; lists are cut at `max_rows`."""
    return [table for table in (passes(sky, max_rows), visibility(sky)) if table.rows]


def cut(rows: list[tuple[str, ...]], max_rows: int) -> tuple[tuple[tuple[str, ...], ...], str]:
    """The first rows, and a note of how many were left out (empty if none)."""
    left_out = len(rows) - max_rows
    if left_out <= 0:
        return tuple(rows), ""
    return tuple(rows[:max_rows]), f"{left_out} more rows are in the NetCDF and JSON files."


def fix_facts(fix: xr.Dataset) -> Table:
    """Position, uncertainty, error and verdicts of a fix, one per row."""
    rows = [("Status", words.status_sentence(fix))]
    if has_position(fix):
        rows += _position_rows(fix)
    rows += _error_rows(fix)
    rows += [("Measurements", words.use_sentence(fix))]
    if math.isfinite(number(fix, "residual_rms")):
        rms = words.quantity(number(fix, "residual_rms"), unit(fix, "residual_rms"))
        rows.append(("Residual rms", rms))
    rows += _more_rows(fix)
    rows.append(("Chi-square", words.chi_square_sentence(fix)))
    dops = [
        f"{name.upper()} {words.quantity(number(fix, name), unit(fix, name))}"
        for name in DOPS
        if math.isfinite(number(fix, name))
    ]
    rows += [("Dilution of precision", ", ".join(dops))] if dops else []
    rows.append(("Ambiguity", words.ambiguity_sentence(fix)))
    return Table("Result", ("Quantity", "Value"), tuple(rows), (False, False))


def _more_rows(fix: xr.Dataset) -> list[tuple[str, str]]:
    """What only some methods tell: Doppler beside powers, the time of flight."""
    rows = []
    if fix.sizes.get("doppler"):
        count = words.counted(fix.sizes["doppler"], "measurement")
        rms = words.quantity(number(fix, "doppler_residual_rms"), "Hz")
        rows.append(("Doppler", f"{count}, residual rms {rms}"))
    sigma_us = column(fix, "timing_sigma_us", "measurement")
    if np.any(np.isfinite(sigma_us)):
        middle = words.quantity(float(np.nanmedian(sigma_us)), "us")
        rows.append(("Time of flight", f"1-sigma {middle} (median over the measurements)"))
    return rows


def _position_rows(fix: xr.Dataset) -> list[tuple[str, str]]:
    rows = [("Position", words.fix_place(fix))]
    if math.isfinite(number(fix, "height_m")):
        height = words.length(number(fix, "height_m"), 3)
        rows.append(("Height", f"{height} above the WGS 84 ellipsoid"))
    ecef_m = vector(fix, "position_ecef_m", 3)
    if np.all(np.isfinite(ecef_m)):
        rows.append(("ECEF", ", ".join(f"{value:.1f}" for value in ecef_m.tolist()) + " m"))
    rows.append(("Predicted 1-sigma", words.east_north_up(vector(fix, "sigma_enu_m", 3))))
    rows.append(("Cramer-Rao bound", words.east_north_up(vector(fix, "crb_enu_m", 3))))
    ellipse = ellipse_text(fix)
    return [*rows, ("95 % ellipse", ellipse)] if ellipse else rows


def ellipse_text(fix: xr.Dataset) -> str:
    """Half axes and direction of the 95 % ellipse; empty if unknown."""
    if "covariance_enu_m2" not in fix:
        return ""
    semi_major_m, semi_minor_m, az_rad = error_ellipse(fix["covariance_enu_m2"].values, 0.95)
    if not math.isfinite(semi_major_m):
        return ""
    axes = f"{words.length(semi_major_m)} by {words.length(semi_minor_m)} (half axes)"
    return f"{axes}, long axis at azimuth {math.degrees(az_rad):.0f} deg"


def _error_rows(fix: xr.Dataset) -> list[tuple[str, str]]:
    sentence = words.error_sentence(fix)
    if not sentence:
        return []
    parts = words.east_north_up(vector(fix, "error_enu_m", 3), words.signed_length)
    short = sentence.removeprefix("Error against the surveyed truth: ").rstrip(".")
    return [("Error (fix minus truth)", parts), ("Error, total", short)]


def unknowns(fix: xr.Dataset) -> Table:
    """Every unknown with its estimate and standard deviation."""
    names = strings(fix, "unknown", "unknown")
    estimate, sigma = (
        column(fix, name, "unknown").tolist() for name in ("estimate", "sigma_unknown")
    )
    rows = [
        (name, _to_the_digit_of(value, sd), words.significant(sd, 2), "" if u == "1" else u)
        for name, value, sd, u in zip(
            names, estimate, sigma, strings(fix, "unit_unknown", "unknown"), strict=True
        )
    ]
    numeric = (False, True, True, False)
    columns = ("Unknown", "Estimate", "1-sigma", "Unit")
    return Table("Estimated unknowns", columns, tuple(rows), numeric)


def _to_the_digit_of(value: float, sigma: float) -> str:
    """A value to the second significant digit of its standard deviation."""
    if not (math.isfinite(value) and math.isfinite(sigma) and sigma > 0.0):
        return words.significant(value, 6)
    return f"{value:.{min(12, max(0, 1 - math.floor(math.log10(sigma))))}f}"


def satellites(fix: xr.Dataset, max_rows: int) -> Table:
    """Measurements, residuals and assumed noise of each satellite."""
    columns = ["Satellite", "Measured", "Used", "Rejected", "Residual rms", "Sigma"]
    data = {
        name: column(fix, f"sat_{name}", "satellite")
        for name in ("count", "used", "residual_rms", "sigma", "offset")
    }
    has_offset = "sat_offset" in fix
    rows = []
    for i, satellite in enumerate(strings(fix, "satellite", "satellite")):
        count, used = data["count"][i], data["used"][i]
        row = [satellite, f"{count:.0f}", f"{used:.0f}", f"{count - used:.0f}"]
        row.append(words.quantity(float(data["residual_rms"][i]), unit(fix, "sat_residual_rms")))
        row.append(words.quantity(float(data["sigma"][i]), unit(fix, "sat_sigma")))
        if has_offset:
            row.append(words.quantity(float(data["offset"][i]), unit(fix, "sat_offset")))
        rows.append(tuple(row))
    if has_offset:
        columns.append("Offset")
    kept, note = cut(rows, max_rows)
    numeric = (False, *[True] * (len(columns) - 1))
    return Table("Satellites", tuple(columns), kept, numeric, note)


def beams(fix: xr.Dataset, max_rows: int) -> Table:
    """Measurements, residuals and estimated bias of each beam that was measured."""
    count = column(fix, "beam_count", "beam")
    data = {
        name: column(fix, f"beam_{name}", "beam")
        for name in ("residual_rms", "sigma", "bias_db", "bias_sigma_db")
    }
    has_bias = "beam_bias_db" in fix
    shown = [("residual_rms", "Residual rms"), ("sigma", "Sigma")]
    shown += [("bias_db", "Bias"), ("bias_sigma_db", "1-sigma")] if has_bias else []
    rows = [
        (beam, f"{count[i]:.0f}", *(words.quantity(float(data[n][i]), "dB") for n, _ in shown))
        for i, beam in enumerate(strings(fix, "beam", "beam"))
        if count[i] > 0
    ]
    kept, note = cut(rows, max_rows)
    columns = ("Beam", "Measured", *(title for _, title in shown))
    return Table("Beams", columns, kept, (False, *[True] * (len(columns) - 1)), note)


def rejected(fix: xr.Dataset, max_rows: int) -> Table:
    """Every measurement that was not used, and why; none if nothing was used at all."""
    used = flags(fix, "used", "measurement")
    time_s = column(fix, "time_s", "measurement")
    residual = column(fix, "residual", "measurement")
    names = strings(fix, "satellite_id", "measurement")
    reasons = strings(fix, "rejection_reason", "measurement")
    rows = [
        (
            f"{time_s[i]:.3f}",
            names[i],
            words.quantity(float(residual[i]), unit(fix, "residual")),
            reasons[i] or "not used",
        )
        for i in np.flatnonzero(~used).tolist()
        if used.any() or reasons[i]
    ]
    kept, note = cut(rows, max_rows)
    columns = ("Time [s]", "Satellite", "Residual", "Why")
    return Table("Rejected measurements", columns, kept, (True, False, True, False), note)


def candidates(fix: xr.Dataset, max_rows: int) -> Table:
    """The positions that the search considered, solution first, then by how well they fit."""
    chosen = np.flatnonzero(flags(fix, "candidate_is_solution", "candidate"))
    order = [*chosen.tolist(), *words.other_candidates(fix).tolist()]
    lat_deg = column(fix, "candidate_latitude_deg", "candidate")
    lon_deg = column(fix, "candidate_longitude_deg", "candidate")
    misfit_name = words.misfit_name(fix)
    misfit = column(fix, misfit_name, "candidate")
    notes = strings(fix, "candidate_note", "candidate")
    rows = [
        (
            words.place(float(lat_deg[i]), float(lon_deg[i])),
            words.length(words.candidate_distance_m(fix, i)),
            words.quantity(float(misfit[i]), unit(fix, misfit_name)),
            notes[i] or ("the solution" if i in chosen else ""),
        )
        for i in order
    ]
    kept, note = cut(rows, max_rows)
    title = "Chi-square above" if misfit_name == "candidate_cost" else "Residual scale"
    columns = ("Position", "From the fix", title, "Note")
    return Table("Candidate positions", columns, kept, (False, True, True, False), note)


# The sky


def passes(sky: xr.Dataset, max_rows: int) -> Table:
    """Every satellite that is up at some time, highest first."""
    visible = np.asarray(sky["visible"].values, bool)
    elevation_deg = np.where(visible, sky["elevation_deg"].values, -np.inf)
    highest = np.argsort(-elevation_deg.max(axis=1, initial=-np.inf), kind="stable")
    names = strings(sky, "satellite", "satellite")
    catalog = strings(sky, "norad_cat_id", "satellite")
    epochs = strings(sky, "epoch_utc", "epoch")
    rows = []
    for i in highest.tolist():
        if visible[i].any():
            up, top = np.flatnonzero(visible[i]), int(elevation_deg[i].argmax())
            row = (names[i], catalog[i], f"{elevation_deg[i, top]:.0f}")
            times = tuple(_time_of_day(epochs[k]) for k in (up[0], top, up[-1]))
            rows.append((*row, f"{sky['azimuth_deg'].values[i, top]:.0f}", *times))
    kept, note = cut(rows, max_rows)
    columns = (
        "Satellite",
        "Catalog number",
        "Highest [deg]",
        "at azimuth [deg]",
        "Up from",
        "Highest at",
        "Up to",
    )
    return Table("Satellites above the mask (UTC)", columns, kept, (False, *[True] * 6), note)


def _time_of_day(epoch_utc: str) -> str:
    return words.clock(epoch_utc).split(" ")[-1]


def visibility(sky: xr.Dataset) -> Table:
    """Spread over time of the number of satellites and the DOPs."""
    named = {"num_visible": "Satellites above the mask", **{name: name.upper() for name in DOPS}}
    rows = [
        (label, words.spread(column(sky, name, "epoch"), 0 if name == "num_visible" else 1))
        for name, label in named.items()
        if name in sky
    ]
    return Table("Geometry over time", ("Quantity", "Value"), tuple(rows), (False, False))


def versions(dataset: xr.Dataset) -> str:
    """One line: what made the result, and when."""
    made = f"leopnt {text(dataset, 'leopnt_version')}".strip()
    created = text(dataset, "created")
    source = text(dataset, "input_file")
    parts = [made, f"created {words.clock(created)} UTC" if created else "", source]
    return ", ".join(part for part in parts if part)
