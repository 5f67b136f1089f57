"""What a calibration lists: offsets, delays, biases, residuals, what is missing."""

import math

import numpy as np
import xarray as xr
from rich.console import Group

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.report import words
from leopnt.report.calibration_words import calibration_sentences, group_words, needs_attention
from leopnt.report.content import Table, cut
from leopnt.report.reading import column, number, require_kind, strings, text
from leopnt.report.tables import MAX_ROWS, summary_of

NS_PER_M = 1e9 / SPEED_OF_LIGHT_MPS
NONE = "-"


def calibration_summary(result: xr.Dataset) -> Group:
    """A calibration for the terminal: words first, then tables."""
    require_kind(result, "calibration")
    style = "bold red" if needs_attention(result) else "bold"
    return summary_of(result, calibration_sentences(result), style, terminal_tables(result))


def terminal_tables(result: xr.Dataset) -> list[Table]:
    """The tables of a calibration that fit a terminal, those without rows left out."""
    tables = [
        offsets(result, MAX_ROWS),
        delays(result, MAX_ROWS),
        errors(result, MAX_ROWS),
        biases(result, MAX_ROWS),
        missing(result, MAX_ROWS),
    ]
    return [table for table in tables if table.rows]


def offsets(result: xr.Dataset, max_rows: int) -> Table:
    """Offsets of each satellite, each axis with its formal and honest sigma."""
    values = {
        "": result["offset_m"].values,
        "formal": result["offset_formal_sigma_m"].values,
        "honest": result["offset_honest_sigma_m"].values,
    }
    used = [name for name, table in values.items() if np.any(np.isfinite(table)) or not name]
    rows = []
    for i, satellite in enumerate(strings(result, "satellite", "satellite")):
        cells = [_mm(values[name][i, axis]) for axis in range(3) for name in used]
        rows.append((satellite, *cells))
    kept, note = cut(rows, max_rows)
    columns = ("Satellite", *(name or axis for axis in "XYZ" for name in used))
    told = "Phase-center offsets [mm], body axes"
    return Table(told, columns, kept, (False, *[True] * (len(columns) - 1)), note)


def errors(result: xr.Dataset, max_rows: int) -> Table:
    """Estimates minus truth of each satellite; no rows without a truth."""
    columns = ("Satellite", "X", "Y", "Z", "Delay")
    rows = []
    if "offset_error_m" in result:
        table = [*result["offset_error_m"].values.T, result["delay_error_m"].values]
        for i, satellite in enumerate(strings(result, "satellite", "satellite")):
            rows.append((satellite, *(_mm(values[i]) for values in table)))
    kept, note = cut(rows, max_rows)
    return Table("Errors against the truth [mm]", columns, kept, (False, *[True] * 4), note)


def delays(result: xr.Dataset, max_rows: int) -> Table:
    """Delay of each satellite in the datum, its sigmas, and what was seen of it."""
    ns = {"Delay": "delay_m", "formal": "delay_formal_sigma_m", "honest": "delay_honest_sigma_m"}
    ns |= {"redrawn": "delay_bootstrap_sigma_m"}
    used = {
        title: NS_PER_M * column(result, name, "satellite")
        for title, name in ns.items()
        if name in result and (title == "Delay" or np.any(np.isfinite(result[name].values)))
    }
    counts = {
        title: column(result, name, "satellite")
        for title, name in (("Passes", "num_arcs"), ("Codes", "num_code"), ("Phases", "num_phase"))
    }
    if number(result, "num_parts") > 1:
        counts["Part"] = column(result, "satellite_part", "satellite") + 1
    rows = []
    for i, satellite in enumerate(strings(result, "satellite", "satellite")):
        cells = [_fixed(values[i], 3) for values in used.values()]
        rows.append((satellite, *cells, *(f"{int(v[i]):,}" for v in counts.values())))
    kept, note = cut(rows, max_rows)
    columns = ("Satellite", *used, *counts)
    numeric = (False, *[True] * (len(columns) - 1))
    return Table(f"Equipment delays [ns]; {text(result, 'datum')}", columns, kept, numeric, note)


def biases(result: xr.Dataset, max_rows: int) -> Table:
    """Inter-system bias of each station in the datum."""
    names = {"Bias": "isb_m", "formal": "isb_formal_sigma_m", "honest": "isb_honest_sigma_m"}
    names["error"] = "isb_error_m"
    used = {
        title: column(result, name, "station")
        for title, name in names.items()
        if name in result and (title == "Bias" or np.any(np.isfinite(result[name].values)))
    }
    rows = [
        (station, *(_fixed(values[i], 3) for values in used.values()))
        for i, station in enumerate(strings(result, "station", "station"))
    ]
    kept, note = cut(rows, max_rows)
    columns = ("Station", *used)
    return Table(
        "Inter-system biases [m]", columns, kept, (False, *[True] * (len(columns) - 1)), note
    )


def missing(result: xr.Dataset, max_rows: int) -> Table:
    """Station-days that failed, and why."""
    stations, days = strings(result, "job_station", "job"), column(result, "job_day", "job")
    rows = [
        (stations[i], f"{days[i]:.0f}", problem)
        for i, problem in enumerate(strings(result, "job_problem", "job"))
        if problem
    ]
    kept, note = cut(rows, max_rows)
    columns = ("Station", "Day", "Why")
    return Table("Missing station-days", columns, kept, (False, True, False), note)


def facts(result: xr.Dataset) -> Table:
    """Sizes and numbers of the solution."""
    values = {
        "Observations": f"{number(result, 'num_observations'):,.0f}",
        "Unknowns of satellites and stations": f"{number(result, 'num_global'):,.0f}",
        "Clocks, zenith delays, ambiguities": f"{number(result, 'num_eliminated'):,.0f}",
        "Residuals over assumed noise (s0)": words.significant(number(result, "s0"), 4),
        "Condition (scaled)": words.significant(number(result, "condition"), 3),
        "Parts of the network": f"{number(result, 'num_parts'):.0f}",
        "Datum": text(result, "datum"),
        "Honest sigmas": text(result, "honest") or "none",
    }
    return Table("Solution", ("Quantity", "Value"), tuple(values.items()), (False, False))


def residuals(result: xr.Dataset) -> Table:
    """RMS of residuals by kind of observation."""
    kinds = strings(result, "residual", "residual") if "residual" in result else []
    rms = column(result, "residual_all_rms_m", "residual")
    over = column(result, "residual_all_rms_sigmas", "residual")
    largest = column(result, "residual_largest_sigmas", "residual")
    rows = [
        (
            kind,
            words.length(float(rms[i]), 3),
            words.significant(float(over[i]), 3),
            words.significant(float(largest[i]), 2),
        )
        for i, kind in enumerate(kinds)
    ]
    columns = ("Observation", "RMS", "RMS over sigma", "Largest over sigma")
    return Table("Residuals", columns, tuple(rows), (False, True, True, True))


def weights(result: xr.Dataset) -> Table:
    """Observations that robust weights let count less, by kind; no rows without."""
    names = ("observed", "reduced", "left_out")
    values = [column(result, f"weighted_{name}", "weighted") for name in names]
    rows = [
        (kind, *(f"{one[i]:,.0f}" for one in values), f"{100.0 * values[2][i] / values[0][i]:.2f}")
        for i, kind in enumerate(strings(result, "weighted", "weighted"))
        if values[0][i] > 0
    ]
    columns = ("Observation", "All", "Count less", "Not at all", "Not at all [%]")
    title = f"Robust weights: {text(result, 'robust')}"
    return Table(title, columns, tuple(rows), (False, True, True, True, True))


def variances(result: xr.Dataset) -> Table:
    """Sigmas that the residuals tell, beside those of the file; no rows without."""
    names = ("assumed_m", "sigma_m", "sigma_sigma_m", "factor", "redundancy")
    values = [column(result, f"group_{name}", "group") for name in names]
    estimated = column(result, "group_estimated", "group") > 0
    rows = []
    for i, name in enumerate(strings(result, "group", "group")):
        assumed, sigma, spread, factor, redundancy = (float(one[i]) for one in values)
        cells = (words.length(sigma, 4), words.length(spread, 2)) if estimated[i] else ("kept", "")
        more = (words.significant(factor, 4), f"{redundancy:,.0f}") if estimated[i] else ("", "")
        rows.append((group_words(name), words.length(assumed, 4), *cells, *more))
    columns = ("Observation", "Of the file", "Found", "1-sigma", "Variance factor", "Redundancy")
    return Table("Sigmas by the residuals", columns, tuple(rows), (False, *[True] * 5))


def rounds(result: xr.Dataset) -> Table:
    """What each round moved; no rows without rounds."""
    moved = column(result, "round_moved_sigmas", "round")
    counts = {"Count less": "round_reduced", "Not at all": "round_left_out"}
    used = {title: column(result, name, "round") for title, name in counts.items()}
    used = {title: one for title, one in used.items() if np.any(np.isfinite(one))}
    rows = [
        (
            f"{i + 1}",
            words.significant(float(moved[i]), 2),
            *(f"{v[i]:,.0f}" for v in used.values()),
        )
        for i in range(len(moved))
    ]
    columns = ("Round", "Largest move over sigma", *used)
    return Table("Rounds", columns, tuple(rows), (False, *[True] * (1 + len(used))))


def epoch_delays(result: xr.Dataset, max_rows: int) -> Table:
    """Delays of epochs by satellite: how many, sigma, error by both definitions."""
    names = {
        "Epochs": "delay_epochs",
        "1-sigma [mm]": "delay_epoch_sigma_m",
        "Error [mm]": "delay_epoch_error_m",
        "Error to users [mm]": "delay_epoch_user_error_m",
    }
    used = {title: name for title, name in names.items() if name in result}
    if "Epochs" not in used:
        return Table("Delays of epochs", ("Satellite",), (), (False,))
    values = {title: column(result, name, "satellite") for title, name in used.items()}
    rows = []
    for i, satellite in enumerate(strings(result, "satellite", "satellite")):
        cells = [f"{values['Epochs'][i]:,.0f}"]
        cells += [_mm(one[i]) for title, one in values.items() if title != "Epochs"]
        rows.append((satellite, *cells))
    kept, note = cut(rows, max_rows)
    columns = ("Satellite", *used)
    numeric = (False, *[True] * len(used))
    return Table("Delays of epochs, RMS", columns, kept, numeric, note)


def _mm(value_m: float) -> str:
    return _fixed(1e3 * float(value_m), 1)


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else NONE
