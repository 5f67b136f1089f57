"""A calibration as one HTML file that opens offline; figures are SVG images inside the file."""

from collections.abc import Mapping
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from leopnt.io.results import write_text
from leopnt.report import calibration_tables as tables
from leopnt.report.calibration_drawing import calibration_figures
from leopnt.report.calibration_words import calibration_sentences, needs_attention
from leopnt.report.page import cards, html_table, page, pictured, stack, wide
from leopnt.report.reading import require_kind, text

MAX_ROWS = 500


def write_calibration_report(
    result: xr.Dataset, path: str | Path, figures: Mapping[str, Figure] | None = None
) -> Path:
    """Write the report; `figures` are those of `calibration_figures`, made here if not given."""
    require_kind(result, "calibration")
    drawn = calibration_figures(result) if figures is None else figures
    return write_text(calibration_html(result, drawn), path)


def calibration_html(result: xr.Dataset, figures: Mapping[str, Figure]) -> str:
    """The report of a calibration as HTML text."""
    pictures = pictured(figures, captions(result))

    def picture(name: str) -> str:
        return pictures.get(name, "")

    sections = [
        ("Missing", [cards(html_table(tables.missing(result, MAX_ROWS)))]),
        (
            "Offsets and delays",
            [
                wide(html_table(tables.offsets(result, MAX_ROWS))),
                wide(html_table(tables.delays(result, MAX_ROWS))),
                html_table(tables.errors(result, MAX_ROWS)),
            ],
        ),
        (
            "How well they are known",
            [
                picture("errors") + picture("sigmas"),
                stack(picture("trends"), html_table(tables.facts(result))),
            ],
        ),
        (
            "Stations and residuals",
            [
                picture("residuals"),
                stack(
                    html_table(tables.residuals(result)),
                    html_table(tables.biases(result, MAX_ROWS)),
                ),
            ],
        ),
        (
            "Weights",
            [
                stack(html_table(tables.weights(result)), html_table(tables.variances(result))),
                html_table(tables.rounds(result)),
            ],
        ),
        (
            "Delays of epochs",
            [picture("delays"), html_table(tables.epoch_delays(result, MAX_ROWS))],
        ),
        ("Correlations", [picture("arc_correlations"), picture("correlations")]),
    ]
    return page(
        result,
        calibration_sentences(result),
        sections,
        needs_attention=needs_attention(result),
    )


def captions(result: xr.Dataset) -> dict[str, tuple[str, str]]:
    """For each figure: what it shows (alternative text), and how to read it (caption)."""
    told = " ".join(calibration_sentences(result)[:3])
    honest = text(result, "honest")
    bars = f"Wide bars are honest sigmas ({honest}), dark ones formal." if honest else ""
    return {
        "errors": (
            f"Errors of offsets and delays of every satellite with sigmas. {told}",
            f"Estimate minus truth; delays in the datum of the solution. {bars}".rstrip(),
        ),
        "sigmas": (
            f"Sigmas of offsets and delays of every satellite. {told}",
            f"How well each satellite is known. Honest: {honest or 'not looked at'}.",
        ),
        "arc_correlations": (
            "Table of mean absolute correlations between offset, delay, ambiguity, clock and "
            "zenith delay of an arc.",
            "The ambiguity is the arc's, the clock that of its middle, the zenith delay that of "
            "the node before it.",
        ),
        "correlations": (
            "Map of the correlations of all offsets, delays and biases.",
            "The datum makes delays and biases hang together; offsets of different satellites "
            "nearly do not.",
        ),
        "delays": (
            "Delays of the epochs of a few satellites, pass by pass.",
            "The first passes of a few satellites, side by side; zero is the constant delay. "
            "Every epoch is in delays.nc.",
        ),
        "residuals": (
            "RMS of code and phase residuals against elevation, with what was assumed.",
            "Residuals far above what was assumed tell of errors that are not modeled: "
            "multipath at low elevation, the troposphere, orbits.",
        ),
        "trends": (
            f"Errors and sigmas against the number of days and of stations. {told}",
            "Normal equations of some days or stations, solved again: the first ones, then one "
            "more at each step.",
        ),
    }
