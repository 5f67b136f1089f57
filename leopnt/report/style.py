"""One look for every figure: colors, sizes, fonts, and the way to a file.

Colors are those of Okabe and Ito, told apart with every common kind of color blindness; markers,
labels or line styles carry the same distinction a second time. Figures are `matplotlib.Figure`
objects without pyplot, so making one leaves no global state behind.
"""

import io
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from leopnt.io.results import replacing

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PURPLE, SKY_BLUE, VERMILION = "#CC79A7", "#56B4E9", "#D55E00"
INK, GRAY, FAINT, PALE = "#1a1a1a", "#6b6b6b", "#a9b4bf", "#d9d9d9"
BAND = "#e9eef3"
LAND, COAST, SEA = "#e6e3da", "#a8a294", "#f6f9fc"

FIX_COLOR, TRUTH_COLOR, REJECTED_COLOR = BLUE, INK, VERMILION
SATELLITE_COLORS = (BLUE, "#B07500", "#008A64", "#B0568C", "#3A94CC", "#4D4D4D", "#6B4A2B")
"""Okabe-Ito, darkened where text in the color would be hard to read on white; vermilion is kept
for what was rejected."""

WIDTH_IN = 6.6
DPI = 120

RC: dict[Any, Any] = {
    "font.size": 11.0,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 11.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRAY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.7,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.fontsize": 10.0,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.6,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "leopnt",
    "path.simplify": True,
}


@contextmanager
def look() -> Iterator[None]:
    """The settings above, while figures are made or drawn; the caller's own come back after."""
    with mpl.rc_context(RC):
        yield


def satellite_color(index: int) -> str:
    """The color of the satellite at this place in the list."""
    return SATELLITE_COLORS[index % len(SATELLITE_COLORS)]


def new_figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure of the common width."""
    return Figure(figsize=(width_in, height_in), dpi=DPI)


def axes_with_margins(
    figure: Figure, left_in: float, right_in: float, bottom_in: float, top_in: float
) -> Axes:
    """Axes that fill the figure but for margins in inches (layout engines cost a second draw)."""
    width_in, height_in = figure.get_size_inches().tolist()
    return figure.add_axes(
        (
            left_in / width_in,
            bottom_in / height_in,
            (width_in - left_in - right_in) / width_in,
            (height_in - bottom_in - top_in) / height_in,
        )
    )


def heading(axes: Axes, title: str, subtitle: str = "") -> None:
    """A bold title flush left over the axes, and a gray line under it."""
    axes.set_title(title, pad=24.0 if subtitle else 8.0)
    if subtitle:
        axes.annotate(
            subtitle,
            (0.0, 1.0),
            (0.0, 8.0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=GRAY,
            fontsize=10.0,
            va="bottom",
        )


LOG_STEPS = {12.0: (1, 1.5, 2, 3, 4, 6, 8), 1e3: (1, 2, 5), math.inf: (1,)}
"""Where a logarithmic axis has numbers, by the largest over the smallest value."""


def log_ticks(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 times the powers of ten, more or fewer as there is room."""
    low, high = axis.get_view_interval()
    steps = next(steps for ratio, steps in LOG_STEPS.items() if high < ratio * low)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>]*>\s*")
_COORDINATES = re.compile(rb' (?:d|x|y)="[^"]*"')
_EXTRA_DECIMALS = re.compile(rb"(?<=\.\d\d)\d+")


def svg_bytes(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes for the same figure (no date, no random ids).

    It names no document type, so that nothing could be fetched for it, and its coordinates are
    cut to 0.01 pt, which halves it.
    """
    buffer = io.BytesIO()
    with look():
        FigureCanvasSVG(figure).print_svg(buffer, metadata=_NO_METADATA)
    plain = _DOCTYPE.sub(b"", buffer.getvalue())
    return _COORDINATES.sub(lambda found: _EXTRA_DECIMALS.sub(b"", found[0]), plain)


def png_bytes(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    with look():
        canvas = FigureCanvasAgg(figure)
        before, figure.dpi = figure.dpi, dpi
        canvas.print_png(buffer)
        figure.dpi = before
    return buffer.getvalue()


def write_png(figures: Mapping[str, Figure], directory: str | Path, dpi: int = 150) -> list[Path]:
    """Write each figure to `directory/name.png`; the directory must exist."""
    paths = []
    for name, figure in figures.items():
        path = Path(directory) / f"{name}.png"
        with replacing(path) as temporary:
            temporary.write_bytes(png_bytes(figure, dpi))
        paths.append(path)
    return paths
