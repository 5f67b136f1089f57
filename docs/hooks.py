"""Hooks of the site build: link bibliography keys such as [vallado] to their entries."""

import re
from pathlib import Path

from mkdocs.utils import get_relative_url

_ENTRY = re.compile(r"\{#([a-z0-9-]+)\}")
_CODE = re.compile(r"(<pre.*?</pre>|<code.*?</code>|<a .*?</a>|<h[1-6].*?</h[1-6]>)", re.DOTALL)


def bibliography_keys() -> list[str]:
    """Keys that have an entry."""
    page = Path(__file__).parent / "bibliography.md"
    return _ENTRY.findall(page.read_text(encoding="utf-8"))


def on_page_content(html, page, config, files):
    """Make every [key] outside code and links a link to the bibliography page."""
    if page.file.src_uri == "bibliography.md":
        return html
    keys = re.compile(r"\[(" + "|".join(map(re.escape, bibliography_keys())) + r")\]")
    target = get_relative_url("bibliography.html", page.url)

    def linked(text: str) -> str:
        return keys.sub(lambda key: f'<a href="{target}#{key[1]}">{key[0]}</a>', text)

    parts = _CODE.split(html)
    return "".join(part if i % 2 else linked(part) for i, part in enumerate(parts))
