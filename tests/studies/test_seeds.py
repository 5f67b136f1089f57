"""Figures and tables of the five seeds, and the studies that have their numbers."""

import re
import tomllib
from pathlib import Path

import pytest

from leopnt.studies import catalog
from leopnt.studies.seeds import beyond, seeds

ROOT = Path(__file__).parents[2]
FIGURE = re.compile(r"(Fig\.|Figure|Table|Section) ([0-9]+|[IVX]+)\b")


def test_every_study_that_is_named_exists_and_every_study_that_compares_is_named(evidence):
    names = {one.name for one in catalog()}
    systems = {name.split("/")[0] for name in names}
    named = {name for seed in seeds() for one in seed.shown for name in one.studies}
    named |= {name for one in beyond() for name in one.studies}
    named = {name for name in named if name.split("/")[0] in systems}
    evidence(
        "studies.seeds",
        "studies that the list of figures misses, or that are not there",
        "files of the catalogue",
        "own",
        achieved=len(names ^ named),
        tolerance=0,
    )
    assert names == named


def test_what_has_no_study_says_why():
    bare = [one for seed in seeds() for one in seed.shown if not one.studies]
    assert len(bare) > 10
    assert all(one.reason for one in bare)


def test_the_five_seeds_are_those_of_the_bibliography():
    page = (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8")
    keys = [seed.key for seed in seeds()]
    places = [page.index(f"{{#{key}}}") for key in keys]
    assert len(keys) == 5
    assert places == sorted(places)


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.key)
def test_figures_are_listed_once_and_in_full(seed):
    names = [one.name for one in seed.shown]
    assert len(set(names)) == len(names)
    figures = [int(name.split()[1]) for name in names if name.startswith("Figure")]
    assert figures == list(range(1, max(figures) + 1))


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.key)
def test_a_figure_that_a_published_number_comes_from_lists_the_study(seed):
    listed = {one.name: one.studies for one in seed.shown}
    for entry in catalog():
        published = tomllib.loads(entry.path.read_text(encoding="utf-8"))["published"]
        for source in {one["source"] for one in published}:
            if not source.startswith(f"[{seed.key}]"):
                continue
            assert any(entry.name in studies for studies in listed.values()), entry.name
            for kind, number in FIGURE.findall(source):
                name = f"{kind.replace('Fig.', 'Figure')} {number}"
                assert kind == "Section" or entry.name in listed[name], (entry.name, source)
