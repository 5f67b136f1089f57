"""A fix or a sky as one HTML file that opens offline; figures are SVG images inside the file."""

from collections.abc import Mapping
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from leopnt.io.results import write_text
from leopnt.report import content, words
from leopnt.report.figures import fix_figures, sky_figures
from leopnt.report.page import cards, html_table, page, pictured, stack
from leopnt.report.reading import measurements_by_satellite, require_kind

MAX_ROWS = 200


def write_fix_report(
    fix: xr.Dataset, path: str | Path, figures: Mapping[str, Figure] | None = None
) -> Path:
    """Write the report of a fix; `figures` are those of `fix_figures`, made here if not given."""
    require_kind(fix, "fix")
    drawn = fix_figures(fix) if figures is None else figures
    return write_text(fix_html(fix, drawn), path)


def write_sky_report(
    sky: xr.Dataset, path: str | Path, figures: Mapping[str, Figure] | None = None
) -> Path:
    """Write the report of a sky; `figures` are those of `sky_figures`, made here if not given."""
    require_kind(sky, "sky")
    drawn = sky_figures(sky) if figures is None else figures
    return write_text(sky_html(sky, drawn), path)


def fix_html(fix: xr.Dataset, figures: Mapping[str, Figure]) -> str:
    """The report of a fix as HTML text."""
    pictures = pictured(figures, fix_captions(fix))
    rejected = content.rejected(fix, MAX_ROWS)
    sections = [
        (
            "Position",
            [
                stack(pictures.get("position", ""), html_table(content.unknowns(fix))),
                html_table(content.fix_facts(fix)),
            ],
        ),
        (
            "Measurements",
            [
                pictures.get("residuals", ""),
                stack(
                    pictures.get("doppler", ""),
                    html_table(content.satellites(fix, MAX_ROWS)),
                    cards(html_table(rejected)),
                ),
            ],
        ),
        ("Where the satellites stood", [pictures.get("sky", ""), pictures.get("earth", "")]),
        ("Antenna", [cards(html_table(content.beams(fix, MAX_ROWS)))]),
        ("Other positions", [cards(html_table(content.candidates(fix, MAX_ROWS)))]),
    ]
    return page(fix, words.fix_sentences(fix), sections)


def sky_html(sky: xr.Dataset, figures: Mapping[str, Figure]) -> str:
    """The report of a sky as HTML text."""
    pictures = pictured(figures, sky_captions(sky))
    sections = [
        (
            "Sky",
            [
                pictures.get("sky", ""),
                stack(pictures.get("satellites_and_dop", ""), html_table(content.visibility(sky))),
            ],
        ),
        ("Satellites", [html_table(content.passes(sky, MAX_ROWS))]),
    ]
    return page(sky, words.sky_sentences(sky), sections)


def fix_captions(fix: xr.Dataset) -> dict[str, tuple[str, str]]:
    """For each figure of a fix: what it shows (alternative text), and how to read it (caption)."""
    names = ", ".join(name for name, indices in measurements_by_satellite(fix) if len(indices))
    ellipse = content.ellipse_text(fix)
    return {
        "position": (
            f"Map around the fix with its error ellipses; 95 % ellipse {ellipse}. "
            f"{words.error_sentence(fix)}",
            "The fix (dot) with the ellipses that should hold the true position in 50 and 95 of "
            "100 cases, if noise and model are as assumed.",
        ),
        "residuals": (
            f"Residuals over time. {words.use_sentence(fix)} {words.chi_square_sentence(fix)}",
            _residual_caption(fix),
        ),
        "doppler": (
            "Doppler residuals over time.",
            "Doppler of the same receiver: measured minus predicted, with the band of three "
            "standard deviations that was assumed.",
        ),
        "sky": (
            f"Sky plot, north up and east right, of {names}.",
            "Azimuth and elevation as measured from the fix; the horizon is the rim, arrows show "
            "the motion.",
        ),
        "earth": (
            f"Map of the Earth with the fix, the other candidates and the ground below {names}. "
            f"{words.ambiguity_sentence(fix)}",
            "The fix, other positions that the search considered, and the points below the "
            "satellites. Land: Natural Earth.",
        ),
    }


def _residual_caption(fix: xr.Dataset) -> str:
    if "beam_id" in fix:
        return (
            "Measured minus predicted: as amplitude over its standard deviation, and in decibels, "
            "which scatter the more the nearer a power is to the noise. Bands: three standard "
            "deviations."
        )
    return (
        "Measured minus predicted, with the band of three standard deviations that was assumed. "
        "Triangles mark rejected measurements outside their lane."
    )


def sky_captions(sky: xr.Dataset) -> dict[str, tuple[str, str]]:
    """For each figure of a sky: what it shows (alternative text), and how to read it (caption)."""
    sentences = words.sky_sentences(sky)
    return {
        "sky": (
            f"Sky plot, north up and east right. {sentences[0]}",
            "Tracks above the mask (dotted circle); the horizon is the rim, arrows show the "
            "motion. A crowded sky is drawn for its middle epoch only.",
        ),
        "satellites_and_dop": (
            f"Number of satellites above the mask and DOPs over time. {sentences[-1]}",
            "Gaps in the lower curves are epochs at which a DOP is not defined.",
        ),
    }
