"""A result as one HTML file that opens offline: words, tables, figures, input and versions.

Figures are SVG images inside the file. It asks for nothing from anywhere, and says so to the
browser (Content-Security-Policy). Every text of the result is escaped.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from leopnt.io.results import write_text
from leopnt.report import content, words
from leopnt.report.content import Table
from leopnt.report.figures import fix_figures, sky_figures
from leopnt.report.reading import (
    json_attribute,
    measurements_by_satellite,
    require_kind,
    text,
    user_warnings,
)
from leopnt.report.style import svg_bytes

MAX_ROWS = 200

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


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
    pictures = _pictures(figures, fix_captions(fix))
    rejected = content.rejected(fix, MAX_ROWS)
    sections = [
        (
            "Position",
            [
                _stack(pictures.get("position", ""), _table(content.unknowns(fix))),
                _table(content.fix_facts(fix)),
            ],
        ),
        (
            "Measurements",
            [
                pictures.get("residuals", ""),
                _stack(_table(content.satellites(fix, MAX_ROWS)), _table(rejected)),
            ],
        ),
        ("Where the satellites stood", [pictures.get("sky", ""), pictures.get("earth", "")]),
        ("Other positions", [_table(content.candidates(fix, MAX_ROWS))]),
    ]
    return _page(fix, words.fix_sentences(fix), sections)


def sky_html(sky: xr.Dataset, figures: Mapping[str, Figure]) -> str:
    """The report of a sky as HTML text."""
    pictures = _pictures(figures, sky_captions(sky))
    sections = [
        (
            "Sky",
            [
                pictures.get("sky", ""),
                _stack(pictures.get("satellites_and_dop", ""), _table(content.visibility(sky))),
            ],
        ),
        ("Satellites", [_table(content.passes(sky, MAX_ROWS))]),
    ]
    return _page(sky, words.sky_sentences(sky), sections)


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
            "Measured minus predicted, with the band of three standard deviations that was "
            "assumed. Triangles mark rejected measurements outside their lane.",
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


# Pieces of the page


def _page(dataset: xr.Dataset, sentences: Sequence[str], sections: list) -> str:
    title = escape(text(dataset, "title") or "Result")
    failed = "" if dataset.attrs.get("converged", 1) else " failed"
    style = (files("leopnt.report") / "data" / "report.css").read_text(encoding="utf-8")
    body = "".join(_section(heading, parts) for heading, parts in sections)
    rest = "".join(f"<p>{escape(sentence)}</p>\n" for sentence in sentences[1:])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="lead{failed}">{escape(sentences[0])}</p>
{rest}{_warnings(dataset)}</header>
<main>
{body}{_input_and_provenance(dataset)}</main>
<footer>{escape(content.versions(dataset))}</footer>
</body>
</html>
"""


def _section(heading: str, parts: Sequence[str]) -> str:
    filled = [part for part in parts if part]
    if not filled:
        return ""
    inside = f'<div class="parts">\n{"".join(filled)}</div>'
    return f"<section>\n<h2>{heading}</h2>\n{inside}\n</section>\n"


def _warnings(dataset: xr.Dataset) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in user_warnings(dataset))
    if not items:
        return ""
    return f'<div class="warnings" role="note" aria-label="Warnings"><ul>{items}</ul></div>\n'


def _pictures(
    figures: Mapping[str, Figure], captions: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    return {name: _picture(figure, *captions[name]) for name, figure in figures.items()}


def _picture(figure: Figure, alternative: str, caption: str) -> str:
    data = base64.b64encode(svg_bytes(figure)).decode("ascii")
    width_px, height_px = (round(96 * inches) for inches in figure.get_size_inches())
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" width="{width_px}" '
        f'height="{height_px}" alt="{escape(alternative)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def _stack(*parts: str) -> str:
    drawn = "".join(parts)
    return f'<div class="stack">{drawn}</div>\n' if drawn else ""


def _table(table: Table) -> str:
    """A table under its title; quantities and their values have row headers and no header row."""
    if not table.rows:
        return ""
    are_facts = table.columns == ("Quantity", "Value")
    head = "" if are_facts else _row("th", table.columns, table.numeric, ' scope="col"')
    head = f"<thead>{head}</thead>" if head else ""
    rows = "".join(_row("td", row, table.numeric) for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    title = escape(table.title)
    bounds = "scroll" if are_facts else "scroll bounded"
    return (
        f'<div><h3>{title}</h3><div class="{bounds}" tabindex="0" role="region" '
        f'aria-label="{title}"><table class="{"facts" if are_facts else "list"}">{head}'
        f"<tbody>{rows}</tbody></table></div>{note}</div>\n"
    )


def _row(tag: str, cells: Sequence[str], numeric: Sequence[bool], scope: str = "") -> str:
    drawn = []
    for i, (cell, is_number) in enumerate(zip(cells, numeric, strict=True)):
        kind = ' class="numeric"' if is_number else ' class="sentence"' if len(cell) > 24 else ""
        if tag == "td" and i == 0 and not is_number:
            drawn.append(f'<th scope="row">{escape(cell)}</th>')
        else:
            drawn.append(f"<{tag}{scope}{kind}>{escape(cell)}</{tag}>")
    return f"<tr>{''.join(drawn)}</tr>"


def _input_and_provenance(dataset: xr.Dataset) -> str:
    source, provenance = text(dataset, "input_text"), json_attribute(dataset, "provenance", None)
    parts = []
    if source:
        name = text(dataset, "input_file") or "input"
        parts.append(_folded(f"Input: {name}", source))
    if provenance is not None:
        parts.append(_folded("Provenance", json.dumps(provenance, indent=1, ensure_ascii=False)))
    if not parts:
        return ""
    return f"<section>\n<h2>Input and provenance</h2>\n{''.join(parts)}</section>\n"


def _folded(summary: str, body: str) -> str:
    return (
        f"<details><summary>{escape(summary)}</summary>"
        f'<pre tabindex="0">{escape(body)}</pre></details>\n'
    )
