"""The result of a calibration as a dataset (kind "calibration")."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

import leopnt
from leopnt.methods.calibration import (
    CORRELATED,
    FreeNodes,
    Network,
    ReducedNormals,
    contradiction,
    pattern_estimates,
)
from leopnt.studies.calibration_delays import Delays, delay_truth, rms_by_satellite
from leopnt.studies.calibration_estimates import (
    COMPONENTS,
    Estimates,
    Sigmas,
    Trend,
    rms,
    true_values,
)
from leopnt.studies.calibration_network import Source, with_names
from leopnt.studies.calibration_review import EDGES_DEG, KINDS, StationDayReview
from leopnt.studies.calibration_rounds import Refined
from leopnt.studies.calibration_settings import CalibrationStudy
from leopnt.studies.calibration_weights import (
    weight_attributes,
    weight_columns,
    weight_warnings,
)
from leopnt.studies.study_file import versions

HONEST = {
    "once_per_revolution": "orbit and clock errors once per revolution are estimated",
    "considered": "orbit and clock errors once per revolution are considered, not estimated",
    "known": "",
}
"""What an honest sigma counts, by orbit model."""

MOST_SHOWN = 20_000
"""Rows of delays that the result itself holds, for figures; all are in delays.nc."""

_WEAK = 10.0
_CONDITION = 1e12

Key = tuple[int, int]
"""Station and day."""

ALL_STATIONS = -1
"""The station of a day that is reduced as a whole."""


class Findings(NamedTuple):
    """Everything that a run found.

    units: what was reduced at a time. trends: over days, and over stations. counts: observations
    of each reduced one; failures: why others have none. reviews: of station-days, without links;
    review_failures: why some could not be looked at again. bootstrap_problem: why days redrawn have
    no sigma, if they were asked for. refined: what rounds did, if they were asked for.
    """

    units: tuple[Key, ...]
    normals: ReducedNormals
    estimates: Estimates
    trends: tuple[Trend, Trend]
    bootstrap: Sigmas | None
    counts: Mapping[Key, int]
    reviews: Mapping[Key, StationDayReview]
    failures: Mapping[Key, str]
    review_failures: Mapping[Key, str]
    delays: Delays | None
    bootstrap_problem: str = ""
    refined: Refined | None = None


def calibration_dataset(study: CalibrationStudy, source: Source, found: Findings) -> xr.Dataset:
    """The result: estimates with every sigma, what limits them, residuals, trends.

    Lengths are in metres. Offsets are in body axes (X along-track, Y against the orbit normal, Z to
    the Earth); delays and biases count from the datum, and so do true values beside them.
    """
    variables: dict[str, xr.Variable] = {}
    for part in (
        _satellites(source, found),
        _stations(source, found),
        _station_days(source, found),
        _quality(found),
        _orbit_terms(found),
        _pattern(study, found),
        _correlations(source, found),
        _residuals(found),
        _trends(found),
        _delay_columns(source, found),
        _weights(study, found),
    ):
        variables |= part
    return xr.Dataset(variables, attrs=_attributes(study, source, found))


def _weights(study: CalibrationStudy, found: Findings) -> dict[str, xr.Variable]:
    """What rounds did to weights and sigmas, where there were any."""
    estimate = study.settings.estimate
    how = estimate.refinement()
    if how is None or found.refined is None:
        return {}
    columns = weight_columns(how, found.refined, estimate.calibration(), found.units)
    if how.loss is not None and isinstance(estimate.calibration().zenith, FreeNodes):
        counts = [int(columns[f"weighted_{n}"].sum()) for n in ("observed", "left_out")]
        alone = counts[0] - counts[1] - found.normals.num_observations
        columns["num_alone"] = _number((), alone, "phases left out, alone in their arc")
    return columns


def delays_dataset(study: CalibrationStudy, source: Source, found: Findings) -> xr.Dataset:
    """The delay of every satellite and epoch (kind "delays"), for a file of its own."""
    assert found.delays is not None
    names = _text("satellite", source.network.satellites, "LEO satellite")
    every = np.arange(len(found.delays.t_s))
    attrs = _attributes(study, source, found) | {"kind": "delays"}
    return xr.Dataset({"satellite": names, **_rows(source, found, every)}, attrs=attrs)


def named(network: Network, key: Key) -> str:
    """A station-day, or a day of all stations, in words."""
    station, day = key
    where = "all stations" if station == ALL_STATIONS else network.stations[station]
    return f"{where}, day {day}"


def _length(dims: str | tuple[str, ...], values: np.ndarray, long_name: str) -> xr.Variable:
    return xr.Variable(dims, np.asarray(values, float), {"units": "m", "long_name": long_name})


def _number(dims: str | tuple[str, ...], values: Any, long_name: str) -> xr.Variable:
    return xr.Variable(dims, np.asarray(values), {"units": "1", "long_name": long_name})


def _text(dim: str, values: Any, long_name: str) -> xr.Variable:
    return xr.Variable((dim,), np.asarray(list(values), str), {"long_name": long_name})


def _satellites(source: Source, found: Findings) -> dict[str, xr.Variable]:
    """Offsets and delays, their sigmas, what was seen, and errors where the truth is known."""
    solution, normals = found.estimates.solution, found.normals
    variables = {
        "satellite": _text("satellite", source.network.satellites, "LEO satellite"),
        "axis": _text("axis", ("X", "Y", "Z"), "body axis"),
    }
    kinds = {
        "": (found.estimates.satellite_m, "{}"),
        "_formal_sigma": (found.estimates.formal.satellite, "formal 1-sigma of the {}"),
        "_honest_sigma": (found.estimates.honest.satellite, "honest 1-sigma of the {}"),
    }
    if found.bootstrap is not None:
        kinds["_bootstrap_sigma"] = (found.bootstrap.satellite, "1-sigma of the {} by days redrawn")
    if source.truth is not None:
        true, _ = true_values(solution, source.truth)
        error = found.estimates.satellite_m - true
        kinds |= {"_true": (true, "true {}"), "_error": (error, "error of the {}")}
        variables["rms_error_m"] = _length("component", rms(error), "RMS error")
        known = np.where(np.isfinite(error), np.abs(error), np.nan)
        variables["mean_error_m"] = _length("component", _mean(known), "mean absolute error")
        ratio = error / found.estimates.honest.satellite
        variables["error_over_honest"] = _number("component", rms(ratio), "RMS error over sigma")
    for ending, (values, words) in kinds.items():
        dims = ("satellite", "axis")
        offset, delay = words.format("phase-center offset"), words.format("equipment delay")
        variables[f"offset{ending}_m"] = _length(dims, values[:, :3], offset)
        variables[f"delay{ending}_m"] = _length("satellite", values[:, 3], delay)
    variables["component"] = _text("component", COMPONENTS, "estimated quantity")
    counts = {
        "num_arcs": (normals.num_arcs, "passes over all stations"),
        "num_code": (normals.code_links, "codes"),
        "num_phase": (normals.phase_links, "phases"),
    }
    for name, (values, words) in counts.items():
        variables[name] = _number("satellite", np.sum(values, axis=1), words)
    part = solution.components.satellite
    variables["satellite_part"] = _number("satellite", part, "part of the network, -1 for none")
    return variables


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    number = np.maximum(np.sum(known, axis=0), 1)
    return np.sum(np.where(known, values, 0.0), axis=0) / number


def _stations(source: Source, found: Findings) -> dict[str, xr.Variable]:
    estimates = found.estimates
    variables = {
        "station": _text("station", source.network.stations, "station"),
        "isb_m": _length("station", estimates.solution.isb_m, "inter-system bias"),
        "isb_formal_sigma_m": _length("station", estimates.formal.isb, "formal 1-sigma"),
        "isb_honest_sigma_m": _length("station", estimates.honest.isb, "honest 1-sigma"),
        "station_part": _number(
            "station", estimates.solution.components.station, "part of the network, -1 for none"
        ),
    }
    if source.truth is not None:
        _, true = true_values(estimates.solution, source.truth)
        variables["isb_true_m"] = _length("station", true, "true inter-system bias")
        error = estimates.solution.isb_m - true
        variables["isb_error_m"] = _length("station", error, "error of the inter-system bias")
    return variables


def _station_days(source: Source, found: Findings) -> dict[str, xr.Variable]:
    keys, every = found.units, source.network.stations
    names = [every[station] if station != ALL_STATIONS else "all" for station, _ in keys]
    status = [found.failures.get(k) or found.review_failures.get(k, "") for k in keys]
    counts = [found.counts.get(k, 0) for k in keys]
    return {
        "job_station": _text("job", names, "station"),
        "job_day": _number("job", [day for _, day in keys], "day from the start"),
        "job_observations": _number("job", counts, "codes and phases that count"),
        "job_problem": _text("job", status, "why it was left out"),
    }


def _quality(found: Findings) -> dict[str, xr.Variable]:
    solution, normals = found.estimates.solution, found.normals
    return {
        "s0": _number((), np.sqrt(solution.variance_factor), "residuals over assumed noise"),
        "redundancy": _number((), solution.redundancy, "observations beyond the unknowns"),
        "condition": _number((), solution.condition, "condition of the scaled normal equations"),
        "num_observations": _number((), normals.num_observations, "codes and phases"),
        "num_eliminated": _number(
            (), normals.num_eliminated, "clocks, zenith delays and ambiguities"
        ),
        "num_global": _number((), normals.layout.size, "unknowns of satellites and stations"),
        "num_parts": _number((), solution.components.parts, "parts of the network, a datum each"),
        "num_floating": _number((), solution.local_defects, "ambiguities held at 0 for no code"),
    }


def _orbit_terms(found: Findings) -> dict[str, xr.Variable]:
    """Estimated orbit and clock errors, where there are any."""
    solution = found.estimates.solution
    every = solution.layout.column_names
    chosen = [k for k in range(3, len(every)) if not every[k].startswith("pattern ")]
    if not chosen:
        return {}
    names = [every[k] for k in chosen]
    places = solution.layout.columns[:, chosen]
    dims = ("satellite", "orbit_term")
    return {
        "orbit_term": _text("orbit_term", names, "orbit or clock error once per revolution"),
        "orbit_term_m": _length(dims, solution.estimate[places], "its coefficient"),
        "orbit_term_sigma_m": _length(dims, solution.sigma_m[places], "1-sigma"),
    }


def _pattern(study: CalibrationStudy, found: Findings) -> dict[str, xr.Variable]:
    """Phase-center variations, where they were estimated."""
    table = study.settings.estimate.pattern
    if table is None:
        return {}
    pattern = table.pattern()
    value, sigma = pattern_estimates(found.estimates.solution, pattern)
    functions = ["1"]
    for m in range(1, pattern.num_harmonics + 1):
        functions += [f"cos {m} azimuth", f"sin {m} azimuth"]
    dims = ("satellite", "pattern_function", "nadir")
    nadir = {"units": "deg", "long_name": "nadir angle at the satellite"}
    return {
        "pattern_function": _text("pattern_function", functions, "function of azimuth"),
        "nadir_deg": xr.Variable(("nadir",), np.degrees(pattern.nodes_rad), nadir),
        "pattern_m": _length(dims, value, "phase-center variation, positive lengthens the range"),
        "pattern_sigma_m": _length(dims, sigma, "its 1-sigma"),
    }


def _correlations(source: Source, found: Findings) -> dict[str, xr.Variable]:
    """Of offsets, delays and biases with each other, and those averaged over arcs."""
    solution, layout = found.estimates.solution, found.estimates.solution.layout
    of_satellites = np.column_stack([layout.offsets, layout.delays])
    places = np.concatenate([of_satellites.ravel(), layout.biases])
    names = [f"{sat} {one}" for sat in source.network.satellites for one in COMPONENTS]
    names += [f"{station} bias" for station in source.network.stations]
    covariance = solution.covariance[np.ix_(places, places)]
    sigma = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(sigma > 0.0, sigma, np.nan)
    correlation = covariance / scale[:, None] / scale[None, :]
    variables = {
        "unknown": _text("unknown", names, "unknown of a satellite or station"),
        "correlation": _number(("unknown", "unknown_2"), correlation, "correlation of estimates"),
    }
    num_arcs = sum(one.num_arcs for one in found.reviews.values())
    if num_arcs:
        total = np.sum([one.correlation for one in found.reviews.values()], axis=0)
        dims = ("quantity", "quantity_2")
        variables["quantity"] = _text("quantity", CORRELATED, "unknown of an arc")
        variables["arc_correlation"] = _number(
            dims, total / num_arcs, "mean absolute correlation over arcs"
        )
        variables["num_correlated_arcs"] = _number((), num_arcs, "arcs of the first day")
    return variables


def _residuals(found: Findings) -> dict[str, xr.Variable]:
    """RMS of residuals by kind and elevation."""
    reviews = list(found.reviews.values())
    if not reviews:
        return {}
    squares, weighted, count = (
        np.sum([getattr(one, name) for one in reviews], axis=0)
        for name in ("squares", "weighted", "number")
    )
    dims = ("residual", "elevation")
    over = np.where(count > 0, count, np.nan)
    weighted_or_nan = np.where(weighted > 0.0, weighted, np.nan)
    every = np.where(count.sum(axis=1) > 0, count.sum(axis=1), np.nan)
    largest = np.max([one.largest for one in reviews], axis=0)
    middle = 0.5 * (EDGES_DEG[:-1] + EDGES_DEG[1:])
    return {
        "residual": _text("residual", KINDS, "kind of observation"),
        "elevation_deg": xr.Variable(
            ("elevation",), middle, {"units": "deg", "long_name": "elevation"}
        ),
        "residual_rms_m": _length(dims, np.sqrt(squares / over), "RMS of residuals"),
        "residual_rms_sigmas": _number(dims, np.sqrt(weighted / over), "RMS over assumed sigma"),
        "residual_sigma_m": _length(dims, np.sqrt(squares / weighted_or_nan), "assumed 1-sigma"),
        "residual_count": _number(dims, count, "residuals"),
        "residual_all_rms_m": _length("residual", np.sqrt(squares.sum(axis=1) / every), "RMS"),
        "residual_all_rms_sigmas": _number(
            "residual", np.sqrt(weighted.sum(axis=1) / every), "RMS over assumed sigma"
        ),
        "residual_largest_sigmas": _number("residual", largest, "largest over assumed sigma"),
    }


def _trends(found: Findings) -> dict[str, xr.Variable]:
    variables = {}
    for of, trend in zip(("days", "stations"), found.trends, strict=True):
        step = f"{of}_step"
        variables[step] = _text(step, trend.label, f"{of} that were taken")
        variables[f"{of}_count"] = _number(step, trend.number, f"number of {of}")
        values = {
            "error": (trend.error, "RMS error"),
            "change": (trend.change, "RMS change from the estimate of all"),
            "formal_sigma": (trend.formal, "formal 1-sigma, RMS"),
            "honest_sigma": (trend.honest, "honest 1-sigma, RMS"),
        }
        for name, (table, words) in values.items():
            variables[f"{of}_{name}_m"] = _length((step, "component"), table, words)
    return variables


def _delay_columns(source: Source, found: Findings) -> dict[str, xr.Variable]:
    """How far delays of epochs are off, by satellite, and some of the rows."""
    delays = found.delays
    if delays is None or not len(delays.t_s):
        return {}
    number = len(source.network.satellites)
    sigma = rms_by_satellite(delays.satellite, delays.sigma_m, number)
    counts = np.bincount(delays.satellite, minlength=number)
    variables = {
        "delay_epochs": _number("satellite", counts, "epochs with a delay"),
        "delay_epoch_sigma_m": _length("satellite", sigma, "formal 1-sigma of epoch delays, RMS"),
    }
    if source.truth is not None:
        true, _ = true_values(found.estimates.solution, source.truth)
        against = delay_truth(delays, source, true[:, 3])
        error = delays.delay_m - against.delay_m
        both = {
            "delay_epoch_error_m": (error, "epoch delays against the true delay, RMS"),
            "delay_epoch_user_error_m": (
                error - against.clock_m,
                "epoch delays against true delay and clock error, RMS",
            ),
        }
        for name, (values, words) in both.items():
            told = rms_by_satellite(delays.satellite, values, number)
            variables[name] = _length("satellite", told, words)
    thin = -(-len(delays.t_s) // MOST_SHOWN)
    return variables | _rows(source, found, np.arange(0, len(delays.t_s), thin))


def _rows(source: Source, found: Findings, chosen: np.ndarray) -> dict[str, xr.Variable]:
    """Delays of some epochs, with what they are compared with."""
    assert found.delays is not None
    some = type(found.delays)(*(column[chosen] for column in found.delays))
    variables = {
        "row_satellite": _number("row", some.satellite, "place of the satellite"),
        "row_time_s": xr.Variable(
            ("row",), some.t_s, {"units": "s", "long_name": "time from the start"}
        ),
        "row_delay_m": _length("row", some.delay_m, "delay of the epoch"),
        "row_sigma_m": _length("row", some.sigma_m, "formal 1-sigma"),
    }
    if source.truth is not None:
        true, _ = true_values(found.estimates.solution, source.truth)
        against = delay_truth(some, source, true[:, 3])
        variables["row_true_m"] = _length("row", against.delay_m, "true delay")
        variables["row_clock_m"] = _length("row", against.clock_m, "error of the clock product")
    return variables


def _attributes(study: CalibrationStudy, source: Source, found: Findings) -> dict[str, Any]:
    settings, network = study.settings, source.network
    model = settings.estimate.orbit_model
    complete = not found.failures
    how = settings.estimate.refinement()
    weights = weight_attributes(how, found.refined)
    warnings = list(_warnings(source, found))
    if how is not None and found.refined is not None:
        largest = [one.largest for one in found.reviews.values()]
        worst = np.max(largest, axis=0).tolist() if largest else None
        warnings += weight_warnings(how, found.refined, settings.estimate.calibration(), worst)
    return {
        "kind": "calibration",
        "title": study.title,
        "complete": int(complete),
        "converged": int(complete and bool(weights["settled"])),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "leopnt_version": leopnt.__version__,
        "start": str(network.start.to_iso()),
        "num_days": len({job.day for job in network.jobs}),
        "datum": settings.datum.sentence(),
        "orbit_model": model,
        "honest": HONEST[model],
        "simulated": int(source.truth is not None),
        "delay_model": settings.delays.model,
        **weights,
        "antex_frequencies": json.dumps(settings.output.antex_frequencies),
        "input_file": study.path.name,
        "input_text": study.text,
        "warnings": json.dumps(warnings),
        "provenance": json.dumps(
            {
                **versions(),
                "fingerprint": study.fingerprint,
                "inputs": [path.name for path in network.inputs],
            }
        ),
    }


def _warnings(source: Source, found: Findings) -> Iterator[str]:
    """What a reader of the estimates must know, by name."""
    network, normals = source.network, found.normals
    yield from _failure_sentences(source, found)
    names = np.array(network.satellites)
    seen = np.any(normals.phase_links + normals.code_links > 0, axis=1)
    coded = np.any(normals.code_links > 0, axis=1)
    solution = found.estimates.solution
    sigma = found.estimates.solution.offset_sigma_m
    weak = np.nanmax(sigma, axis=1, initial=0.0)
    known = seen & np.all(np.isfinite(sigma), axis=1)
    typical = np.median(weak[known]) if np.any(known) else np.inf
    told = [
        (~seen, "Not observed, left out: {}."),
        (seen & ~coded, "No code, so no delay: {}."),
        (
            seen & coded & (not normals.layout.has_delays),
            "A free clock at each epoch contains the delay, which is not told: {}.",
        ),
        (
            known & normals.single_pass,
            "One pass only, which barely separates offset and ambiguity; look at the sigma: {}.",
        ),
        (
            seen & (weak > _WEAK * typical),
            "Far less certain than the others, in a direction that few passes see: {}.",
        ),
    ]
    for mask, sentence in told:
        if np.any(mask):
            yield sentence.format(", ".join(names[mask].tolist()))
    if solution.undetermined:
        yield with_names(
            "Left out, all their results are missing; the observations do not determine: "
            f"{', '.join(solution.undetermined)}.",
            network,
        )
    if solution.is_contradicted:
        yield contradiction(solution)
    yield from _step_sentences(found, network)
    without = np.array(network.stations)[~np.any(normals.code_links > 0, axis=0)]
    if len(without):
        yield f"No code of LEO satellites, so no inter-system bias: {', '.join(without.tolist())}."
    parts = found.estimates.solution.components.parts
    if parts > 1:
        yield (
            f"The network has {parts} parts that share no satellite; delays and biases of each "
            "have a level of their own."
        )
    if found.estimates.solution.condition > _CONDITION:
        yield (
            "The normal equations are nearly singular (condition "
            f"{found.estimates.solution.condition:.1e}); trust no digit beyond the sigmas."
        )
    if not np.any(np.isfinite(found.estimates.honest.satellite)):
        yield (
            "Sigmas are formal: orbit and clock errors are not in them. orbit = 'considered' gives "
            "the same estimates with honest sigmas."
        )


def _step_sentences(found: Findings, network: Network) -> Iterator[str]:
    """Steps of a trend that are not of everything, and a bootstrap that failed."""
    whole = f"not determined: {', '.join(found.estimates.solution.undetermined)}."
    for trend in found.trends:
        for label, problem in zip(trend.label, trend.problem, strict=False):
            if problem and problem != whole:
                yield with_names(f"Step {label!r} of a trend: {problem}", network)
    if found.bootstrap_problem:
        yield with_names(f"No sigma by days redrawn: {found.bootstrap_problem}", network)


def _failure_sentences(source: Source, found: Findings) -> Iterator[str]:
    if found.failures:
        yield (
            f"Incomplete: {len(found.failures)} of {len(found.units)} station-days are "
            "missing; run again to try them again."
        )
    for what, failures in (("", found.failures), (" (residuals)", found.review_failures)):
        for key, reason in list(failures.items())[:5]:
            yield f"{named(source.network, key)}{what}: {reason}"
