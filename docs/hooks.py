"""Hooks of the site build: bibliography keys become links, benchmark results become tables."""

import json
import re
from pathlib import Path

from mkdocs.utils import get_relative_url

_RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
_ENTRY = re.compile(r"\{#([a-z0-9-]+)\}")
_UNTOUCHED = re.compile(
    r"(<pre.*?</pre>|<code.*?</code>|<a .*?</a>|<h[1-6].*?</h[1-6]>)", re.DOTALL
)
_DESCRIBING = {"benchmark", "what", "date", "repeats", "load_before", "load_after", "cpus"}
_DESCRIBING |= {"python", "versions", "machine"}


def on_page_markdown(markdown, page, config, files):
    """Put the benchmark results where the page asks for them."""
    return markdown.replace("<!-- benchmark results -->", benchmark_sections())


def on_page_content(html, page, config, files):
    """Make every [key] outside code and links a link to the bibliography page."""
    if page.file.src_uri == "bibliography.md":
        return html
    keys = re.compile(r"\[(" + "|".join(map(re.escape, bibliography_keys())) + r")\]")
    target = get_relative_url("bibliography.html", page.url)

    def linked(text: str) -> str:
        return keys.sub(lambda key: f'<a href="{target}#{key[1]}">{key[0]}</a>', text)

    parts = _UNTOUCHED.split(_several_names(html))
    return "".join(part if i % 2 else linked(part) for i, part in enumerate(parts))


def _several_names(html: str) -> str:
    """Undo what the docstring parser makes of "a, b: text": a name "a," of the type "b"."""
    names = re.compile(
        r"<b><code>(?:<[^>]*>)*(\w+),(?:</\w+>)*</code></b>\s*\(<code>(.*?)</code>\)", re.DOTALL
    )

    def listed(match: re.Match) -> str:
        others = re.sub(r"<[^>]*>|[()]", "", match[2]).split(",")
        shown = [f"<code>{name.strip()}</code>" for name in [match[1], *others]]
        return f"<b>{', '.join(shown)}</b>"

    return names.sub(listed, html)


def bibliography_keys() -> list[str]:
    """Keys that have an entry."""
    page = Path(__file__).parent / "bibliography.md"
    return _ENTRY.findall(page.read_text(encoding="utf-8"))


def benchmark_sections() -> str:
    """A section for each result file: what was measured, the numbers, the machine."""
    return "\n\n".join(map(_section, sorted(_RESULTS.glob("*.json"))))


def _section(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = {key: value for key, value in found.items() if key not in _DESCRIBING}
    nested = {key: value for key, value in rows.items() if isinstance(value, dict)}
    flat = {key: value for key, value in rows.items() if key not in nested}
    parts = [f"### {_titled(_words(path.stem))}", f"{found.get('what', '')}."]
    if nested:
        names = list(dict.fromkeys(name for column in nested.values() for name in column))
        cells = [[name, *(_shown(c.get(name, "")) for c in nested.values())] for name in names]
        parts.append(_table(["", *map(_words, nested)], cells))
    if flat:
        parts.append(
            _table(["quantity", "value"], [[_words(k), _shown(v)] for k, v in flat.items()])
        )
    return "\n\n".join([*parts, _conditions(found)])


def _titled(words: str) -> str:
    return words[:1].upper() + words[1:]


def _conditions(found: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found.get("versions", {}).items())
    return (
        f"Medians of {found.get('repeats', '?')}, {found.get('date', 'undated')}, "
        f"{found.get('cpus', '?')} cores, load {found.get('load_before', '?')} before and "
        f"{found.get('load_after', '?')} after, Python {found.get('python', '?')}"
        + (f", {versions}." if versions else ".")
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def _words(key: str) -> str:
    """Key of a result file as words: us_per_state -> μs per state."""
    words = re.sub(r"_per_s$", "/s", key).replace("_", " ")
    for plain, shown in (("us", "μs"), ("mb", "MB"), ("pvt", "PVT")):
        words = re.sub(rf"\b{plain}\b", shown, words)
    return words


def _shown(value) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value and (abs(value) < 1e-2 or abs(value) >= 1e12):
        return f"{value:.1e}"
    if abs(value) >= 1e4:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:g}"
