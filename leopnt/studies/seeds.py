"""What the five seeds show: each figure and table, and the catalogue study that has its numbers."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import NamedTuple


class Shown(NamedTuple):
    """A figure or table of a paper.

    Attributes:
        name: "Figure 5".
        about: what it shows, in a few words.
        studies: of the catalogue, by name; none if it is not covered.
        reason: why it is not covered, or covered in part; may be empty otherwise.
    """

    name: str
    about: str
    studies: tuple[str, ...]
    reason: str


class Seed(NamedTuple):
    """A published system: key of the bibliography, title for headings, its figures and tables."""

    key: str
    title: str
    shown: tuple[Shown, ...]


class Beyond(NamedTuple):
    """Studies that go beyond the papers, by subject."""

    title: str
    studies: tuple[str, ...]


def seeds() -> list[Seed]:
    """The five seeds, in the order of the bibliography."""
    return [
        Seed(
            one["key"],
            one["title"],
            tuple(
                Shown(item["name"], item["about"], tuple(item.get("studies", ())),
                      item.get("reason", ""))
                for item in one["shown"]
            ),
        )
        for one in _read()["seed"]
    ]  # fmt: skip


def beyond() -> list[Beyond]:
    """What the catalogue has besides the figures and tables of the seeds."""
    return [Beyond(one["title"], tuple(one["studies"])) for one in _read()["beyond"]]


def _read() -> dict:
    text = (files("leopnt.studies") / "seeds.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
