"""The frame of a report, an HTML file that opens offline, and the pieces that go into it.

It asks for nothing from anywhere, and says so to the browser (Content-Security-Policy). Every text
of the result is escaped.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

import xarray as xr
from matplotlib.figure import Figure

from leopnt.report import content
from leopnt.report.content import Table
from leopnt.report.reading import json_attribute, text, user_warnings
from leopnt.report.style import svg_bytes

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(
    dataset: xr.Dataset,
    sentences: Sequence[str],
    sections: Sequence[tuple[str, Sequence[str]]],
    policy: str = POLICY,
    scripts: str = "",
    needs_attention: bool | None = None,
) -> str:
    """The whole file: sentences, the first of them large, sections of HTML, input and versions.

    The first sentence is red if the result needs attention; by default, if it did not converge.
    """
    title = escape(text(dataset, "title") or "Result")
    if needs_attention is None:
        needs_attention = not dataset.attrs.get("converged", 1)
    failed = " failed" if needs_attention else ""
    style = (files("leopnt.report") / "data" / "report.css").read_text(encoding="utf-8")
    body = "".join(_section(heading, parts) for heading, parts in sections)
    rest = "".join(f"<p>{escape(sentence)}</p>\n" for sentence in sentences[1:])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
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
{scripts}</body>
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


def pictured(
    figures: Mapping[str, Figure], captions: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """Each figure as HTML, with its alternative text and its caption."""
    return {name: _picture(figure, *captions[name]) for name, figure in figures.items()}


def _picture(figure: Figure, alternative: str, caption: str) -> str:
    data = base64.b64encode(svg_bytes(figure)).decode("ascii")
    width_px, height_px = (round(96 * inches) for inches in figure.get_size_inches())
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" width="{width_px}" '
        f'height="{height_px}" alt="{escape(alternative)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def paragraph(sentence: str) -> str:
    """A sentence on its own."""
    return f"<p>{escape(sentence)}</p>\n"


def wide(part: str) -> str:
    """A part that takes the whole width of its section."""
    return f'<div class="wide">{part}</div>\n' if part else ""


def cards(part: str) -> str:
    """A table over the whole width, each row of which becomes a card on a phone."""
    return f'<div class="wide cards">{part}</div>\n' if part else ""


def stack(*parts: str) -> str:
    """Parts below each other in one column of their section."""
    drawn = "".join(parts)
    return f'<div class="stack">{drawn}</div>\n' if drawn else ""


def html_table(table: Table) -> str:
    """A table under its title; quantities and their values have row headers and no header row."""
    if not table.rows:
        return ""
    are_facts = table.columns == ("Quantity", "Value")
    head = "" if are_facts else f"<thead>{_header(table)}</thead>"
    labels = ("",) * len(table.columns) if are_facts else table.columns
    rows = "".join(_row(row, table.numeric, labels) for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    title = escape(table.title)
    bounds = "scroll" if are_facts else "scroll bounded"
    return (
        f'<div><h3>{title}</h3><div class="{bounds}" tabindex="0" role="region" '
        f'aria-label="{title}"><table class="{"facts" if are_facts else "list"}">{head}'
        f"<tbody>{rows}</tbody></table></div>{note}</div>\n"
    )


def _header(table: Table) -> str:
    cells = (
        f'<th scope="col"{_kind(name, is_number)}>{escape(name)}</th>'
        for name, is_number in zip(table.columns, table.numeric, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _row(cells: Sequence[str], numeric: Sequence[bool], labels: Sequence[str]) -> str:
    """One row; cells carry the name of their column, for where there is no room for a header."""
    drawn = []
    for i, (cell, is_number, label) in enumerate(zip(cells, numeric, labels, strict=True)):
        if i == 0 and not is_number:
            drawn.append(f'<th scope="row">{escape(cell)}</th>')
            continue
        named = f' data-label="{escape(label)}"' if label else ""
        drawn.append(f"<td{_kind(cell, is_number)}{named}>{escape(cell)}</td>")
    return f"<tr>{''.join(drawn)}</tr>"


def _kind(cell: str, is_number: bool) -> str:
    return ' class="numeric"' if is_number else ' class="sentence"' if len(cell) > 24 else ""


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
