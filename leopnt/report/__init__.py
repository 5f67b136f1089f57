"""Shows results: tables for the terminal, figures, maps, one HTML file. It computes no result.

Names load on first use: the tables need no matplotlib.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leopnt.report.calibration_drawing import calibration_figures
    from leopnt.report.calibration_html import write_calibration_report
    from leopnt.report.calibration_tables import calibration_summary
    from leopnt.report.figures import fix_figures, sky_figures
    from leopnt.report.html import write_fix_report, write_sky_report
    from leopnt.report.reproduction_html import write_reproduction_report
    from leopnt.report.study_content import study_tables
    from leopnt.report.study_drawing import study_figures
    from leopnt.report.study_html import write_study_report
    from leopnt.report.study_layout import study_plots
    from leopnt.report.style import write_png
    from leopnt.report.tables import (
        fix_summary,
        plain_text,
        reproduction_summary,
        sky_summary,
        study_summary,
    )

_HOME = {
    "calibration_figures": "calibration_drawing",
    "calibration_summary": "calibration_tables",
    "fix_figures": "figures",
    "fix_summary": "tables",
    "plain_text": "tables",
    "reproduction_summary": "tables",
    "sky_figures": "figures",
    "sky_summary": "tables",
    "study_figures": "study_drawing",
    "study_plots": "study_layout",
    "study_summary": "tables",
    "study_tables": "study_content",
    "write_calibration_report": "calibration_html",
    "write_fix_report": "html",
    "write_png": "style",
    "write_reproduction_report": "reproduction_html",
    "write_sky_report": "html",
    "write_study_report": "study_html",
}
_MODULES = ("figures", "html", "maps", "style", "tables", "words")

__all__ = [
    "calibration_figures",
    "calibration_summary",
    "fix_figures",
    "fix_summary",
    "plain_text",
    "reproduction_summary",
    "sky_figures",
    "sky_summary",
    "study_figures",
    "study_plots",
    "study_summary",
    "study_tables",
    "write_calibration_report",
    "write_fix_report",
    "write_png",
    "write_reproduction_report",
    "write_sky_report",
    "write_study_report",
]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_MODULES])
