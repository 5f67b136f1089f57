"""All reproduced studies as one HTML file: by seed and figure, with links to every report."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import xarray as xr

from leopnt.io.results import write_text
from leopnt.report import reproduction as content
from leopnt.report.page import cards, html_table, page
from leopnt.report.reading import require_kind, strings
from leopnt.report.verdict_words import counted_verdicts

REPORT = "report.html"
"""Name of a study's report, in the folder of the study's name beside the page."""


def write_reproduction_report(found: xr.Dataset, path: str | Path) -> Path:
    """Write the page of all reproduced studies."""
    return write_text(reproduction_html(found), path)


def reproduction_html(found: xr.Dataset) -> str:
    """All reproduced studies as HTML text; links are relative to the folder of the page."""
    require_kind(found, "reproduction")
    verdicts = strings(found, "number_verdict", "number")
    chosen = {name: [i for i, one in enumerate(verdicts) if one == name] for name in set(verdicts)}
    sections = [
        ("Summary", [cards(html_table(content.failures(found))),
                     cards(html_table(content.by_subject(found))),
                     cards(html_table(content.told_verdicts(found)))]),
        *((escape(title), [_figures(found, rows), _all_numbers(found, rows)])
          for title, rows in content.subjects(found).items()),
        ("Numbers that differ", [_listed(found, chosen.get("differs", []), "Why they differ")]),
        ("Numbers that agree because something was fitted",
         [_listed(found, chosen.get("fitted", []), "What was fitted")]),
        ("Numbers that are undecided: too few trials",
         [_listed(found, chosen.get("undecided", []), "For a run in full to decide")]),
        ("Numbers that held by a wider tolerance",
         [_listed(found, content.held_by_widening(found), "For a run in full to confirm")]),
        ("Numbers that cannot be reproduced",
         [_listed(found, chosen.get("not reproducible", []), "Why not")]),
    ]  # fmt: skip
    lead = content.sentences(found)
    return page(found, lead, sections, needs_attention=content.needs_attention(found))


def _listed(found: xr.Dataset, chosen: Sequence[int], title: str) -> str:
    return cards(html_table(content.numbers(found, chosen, title)))


def _figures(found: xr.Dataset, rows: Sequence[int]) -> str:
    """The figures and tables of one seed, each with its studies and their verdicts."""
    every = content.studies_of(found)
    text = {
        name: strings(found, f"shown_{name}", "shown")
        for name in ("name", "about", "reason", "key")
    }
    is_seed = bool(text["key"][rows[0]])
    lines = []
    if is_seed:
        for i in rows:
            cells = [
                ("Shows", escape(text["about"][i])),
                ("Studies", _links(found, every[i])),
                ("Verdicts", _verdicts(found, every[i])),
                ("Note", escape(text["reason"][i])),
            ]
            lines.append(_line(escape(text["name"][i]), cells))
    else:
        for study in every[rows[0]]:
            cells = [
                ("Shows", escape(_about(found, study))),
                ("Verdicts", _verdicts(found, (study,))),
            ]
            lines.append(_line(_links(found, (study,)), cells))
    columns = ("", "Shows", "Studies", "Verdicts", "Note") if is_seed else ("", "Shows", "Verdicts")
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return (
        f'<div class="wide cards"><div class="scroll" tabindex="0" role="region" '
        f'aria-label="Figures and tables"><table class="list"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></div>\n"
    )


def _line(heading: str, cells: Sequence[tuple[str, str]]) -> str:
    drawn = "".join(f'<td data-label="{label}">{cell}</td>' for label, cell in cells)
    return f'<tr><th scope="row">{heading}</th>{drawn}</tr>'


def _about(found: xr.Dataset, study: str) -> str:
    names = strings(found, "study_name", "study")
    return strings(found, "study_about", "study")[names.index(study)] if study in names else ""


def _links(found: xr.Dataset, studies: Sequence[str]) -> str:
    """Links to reports; a study that was not run, or has none, is named only."""
    names = strings(found, "study_name", "study")
    failed = strings(found, "study_failure", "study")
    there = {name for name, why in zip(names, failed, strict=True) if not why}
    return "<br>".join(
        f'<a href="{quote(name)}/{REPORT}">{escape(name)}</a>' if name in there else escape(name)
        for name in studies
    )


def _verdicts(found: xr.Dataset, studies: Sequence[str]) -> str:
    if not studies:
        return "not covered"
    if not set(studies) & set(strings(found, "study_name", "study")):
        return "not run"
    failed = dict(
        zip(
            strings(found, "study_name", "study"),
            strings(found, "study_failure", "study"),
            strict=True,
        )
    )
    if any(failed.get(name) for name in studies):
        return "failed"
    return escape(counted_verdicts(content.verdicts_of(found, studies)))


def _all_numbers(found: xr.Dataset, rows: Sequence[int]) -> str:
    """Every number of a seed, folded."""
    every = content.studies_of(found)
    studies = tuple(dict.fromkeys(name for i in rows for name in every[i]))
    chosen = content.numbers_of(found, studies)
    if not chosen:
        return ""
    table = cards(html_table(content.numbers(found, chosen, "Ours beside the published")))
    label = f"All {len(chosen)} numbers beside ours"
    return f'<div class="wide"><details><summary>{label}</summary>{table}</details></div>\n'
