"""Results for the terminal, as rich renderables; `plain_text` turns them into ASCII tables.

All names and sentences enter as `Text`, so brackets in a satellite name are shown, not obeyed.
"""

import io

import xarray as xr
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from leopnt.report import reproduction, words
from leopnt.report.content import Table, fix_tables, sky_tables, versions
from leopnt.report.reading import require_kind, text, user_warnings
from leopnt.report.study_content import terminal_tables
from leopnt.report.study_words import needs_attention, study_sentences

MAX_ROWS = 15


class _AsciiBuffer(io.StringIO):
    """Tells rich to draw its lines in ASCII; text itself stays Unicode."""

    encoding = "ascii"


def fix_summary(fix: xr.Dataset) -> Group:
    """A fix for the terminal: words first, then tables."""
    require_kind(fix, "fix")
    style = "bold" if fix.attrs.get("converged", 1) else "bold red"
    return summary_of(fix, words.fix_sentences(fix)[:2], style, fix_tables(fix, MAX_ROWS))


def sky_summary(sky: xr.Dataset) -> Group:
    """A sky for the terminal: words first, then tables."""
    require_kind(sky, "sky")
    return summary_of(sky, words.sky_sentences(sky)[:2], "bold", sky_tables(sky, MAX_ROWS))


def study_summary(study: xr.Dataset) -> Group:
    """A study for the terminal: words first, then tables."""
    require_kind(study, "study")
    lead, *others = study_sentences(study)
    style = "bold red" if needs_attention(study) else "bold"
    tables = terminal_tables(study, MAX_ROWS)
    return summary_of(study, [lead, *others], style, tables)


def reproduction_summary(found: xr.Dataset) -> Group:
    """All reproduced studies for the terminal: words first, then verdicts by system."""
    require_kind(found, "reproduction")
    style = "bold red" if reproduction.needs_attention(found) else "bold"
    tables = [
        reproduction.brief(reproduction.by_subject(found)),
        reproduction.told_verdicts(found),
        reproduction.failures(found),
    ]
    shown = [table for table in tables if table.rows]
    return summary_of(found, reproduction.sentences(found), style, shown)


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """What a renderable prints where there is no terminal: no color, ASCII lines."""
    buffer = _AsciiBuffer()
    console = Console(file=buffer, width=width, color_system=None, highlight=False, emoji=False)
    console.print(renderable)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def summary_of(
    dataset: xr.Dataset, sentences: list[str], lead_style: str, tables: list[Table]
) -> Group:
    """Title, sentences, warnings, tables and versions of any result."""
    title = text(dataset, "title") or "Result"
    parts: list[RenderableType] = [Text(title, style="bold cyan"), Text("")]
    parts += [Text(sentences[0], style=lead_style), *map(Text, sentences[1:])]
    parts += [Text(f"Warning: {sentence}", style="yellow") for sentence in user_warnings(dataset)]
    for table in tables:
        parts.append(Padding(rich_table(table), (1, 0, 0, 0)))
        parts += [Text(table.note)] if table.note else []
    return Group(*parts, Text(""), Text(versions(dataset), style="dim"))


def rich_table(table: Table) -> RichTable:
    """One table; a table of quantities and values has no header row."""
    is_list_of_facts = table.columns == ("Quantity", "Value")
    drawn = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=not is_list_of_facts,
        pad_edge=False,
        show_edge=False,
    )
    for name, numeric in zip(table.columns, table.numeric, strict=True):
        drawn.add_column(Text(name), justify="right" if numeric else "left")
    for row in table.rows:
        drawn.add_row(*[Text(cell) for cell in row])
    return drawn
