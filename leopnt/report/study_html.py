"""A study as one HTML file that opens offline: words, tables, zoomable plots, the study file.

Plots are drawn by plotly.js, which is part of the file; without the package plotly (extra `viz`)
they are SVG images, and the page says how to get the others.
"""

from collections.abc import Mapping
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from leopnt.io.results import write_text
from leopnt.report import interactive, study_content
from leopnt.report.page import POLICY, cards, html_table, page, paragraph, pictured, wide
from leopnt.report.plots import Plot
from leopnt.report.reading import require_kind
from leopnt.report.study_drawing import draw
from leopnt.report.study_layout import study_plots
from leopnt.report.study_points import num_points
from leopnt.report.study_words import needs_attention, study_sentences

MAX_ROWS = 500


def write_study_report(
    study: xr.Dataset, path: str | Path, figures: Mapping[str, Figure] | None = None
) -> Path:
    """Write the report of a study.

    `figures` are those of `study_figures`; only without plotly are they used, and made if not
    given.
    """
    return write_text(study_html(study, figures), path)


def study_html(study: xr.Dataset, figures: Mapping[str, Figure] | None = None) -> str:
    """The report of a study as HTML text; `figures` as in `write_study_report`."""
    require_kind(study, "study")
    plots = study_plots(study)
    zoomable = interactive.has_plotly()
    drawn = _zoomable(plots) if zoomable else _images(plots, figures)
    sections = [
        (
            "Published numbers",
            [
                cards(html_table(study_content.published(study, MAX_ROWS))),
                cards(html_table(study_content.checks(study, MAX_ROWS))),
                cards(html_table(study_content.told_verdicts(study))),
            ],
        ),
        (
            "Results",
            [
                _points(study),
                cards(html_table(study_content.outcomes(study))),
            ],
        ),
        ("Plots", drawn),
        ("How this was checked", [cards(html_table(study_content.evidence(study)))]),
    ]
    return page(
        study,
        study_sentences(study),
        sections,
        policy=interactive.POLICY if zoomable else POLICY,
        scripts=interactive.plot_scripts(plots) if zoomable else "",
        needs_attention=needs_attention(study),
    )


def _points(study: xr.Dataset) -> str:
    """The points of the sweep; a single one, which is no series, becomes a card on a phone."""
    drawn = html_table(study_content.points(study, MAX_ROWS))
    return cards(drawn) if num_points(study) == 1 else wide(drawn)


def _zoomable(plots: list[Plot]) -> list[str]:
    return [interactive.plot_frame(plot, i) for i, plot in enumerate(plots)]


def _images(plots: list[Plot], figures: Mapping[str, Figure] | None) -> list[str]:
    if not plots:
        return []
    found = {plot.name: draw(plot) for plot in plots} if figures is None else figures
    captions = {plot.name: (plot.alternative, plot.caption) for plot in plots}
    shown = {name: figure for name, figure in found.items() if name in captions}
    return [wide(paragraph(interactive.HINT)), *pictured(shown, captions).values()]
