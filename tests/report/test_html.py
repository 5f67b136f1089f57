"""The HTML report: one file, nothing fetched, everything escaped, readable without pictures."""

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise

import defusedxml.ElementTree
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.report.figures import fix_figures
from leopnt.report.html import fix_html, write_fix_report, write_sky_report

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Tags with attributes, text, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def report(fix, tmp_path_factory):
    path = write_fix_report(fix, tmp_path_factory.mktemp("report") / "fix.html")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(report):
    return Page(report)


def svgs(page):
    for image in page.all("img"):
        head, data = image["src"].split(",")
        assert head == "data:image/svg+xml;base64"
        yield base64.b64decode(data)


def test_report_fetches_nothing(page):
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base", "form")
        assert not {"href", "srcset", "action", "onload", "onclick"} & set(attributes)
        if "src" in attributes:
            assert attributes["src"].startswith("data:")
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; img-src data:")
    assert not re.search(r"@import|url\(", "".join(page.text))


def test_figures_inside_are_sound_and_fetch_nothing(page):
    pictures = list(svgs(page))
    assert len(pictures) == 4
    for picture in pictures:
        root = defusedxml.ElementTree.fromstring(picture, forbid_dtd=True)
        for element in root.iter():
            for name, value in element.attrib.items():
                if name.endswith("href"):
                    assert value.startswith(("#", "data:"))
                assert not value.startswith(("http:", "https:", "//"))


def test_summary_comes_first_in_words(page):
    text = " ".join(" ".join(page.text).split())
    start = text.index("22.30408 N, 114.18094 E, height 83 m")
    assert start < text.index("Error against the surveyed truth: 102 m") < text.index("Position")
    for words in ("Rejected measurements", "mirror across the ground track", "218 Doppler",
                  "The element sets are 4.2 days old", "leopnt 0.1.0"):  # fmt: skip
        assert words in text


def test_headings_step_down_without_gaps_and_language_is_set(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("meta")[1]["name"] == "viewport"


def test_every_picture_has_an_alternative_text_and_size(page):
    for image in page.all("img"):
        assert len(image["alt"]) > 30
        assert int(image["width"]) > 0
        assert int(image["height"]) > 0


def test_tables_have_header_cells(page):
    assert len(page.all("table")) == 5
    assert {cell.get("scope") for cell in page.all("th")} == {"row", "col"}


def test_input_and_provenance_are_quoted(page):
    text = "".join(page.text)
    assert 'log = "bursts & <spaces>.csv"' in text
    assert '"command": "leopnt fix"' in text


def test_hostile_names_are_shown_and_not_obeyed(fix):
    evil = '</title><script>alert("1")</script>&amp;\''
    names = fix["satellite_id"].values.astype("<U60")
    names[names == "Iridium 19"] = evil
    listed = np.array([evil, *fix["satellite"].values[1:]])
    bad = fix.assign(satellite_id=("measurement", names)).assign_coords(
        satellite=("satellite", listed)
    )
    bad = bad.assign_attrs(title=evil, input_text=evil, status=evil, warnings=f'["{"<b>"}"]')
    text = fix_html(bad, fix_figures(bad))
    page = Page(text)
    assert page.all("script") == []
    assert page.all("b") == []
    assert "".join(page.text).count(evil) >= 4
    assert any(evil in image["alt"] for image in page.all("img"))


def test_unsolved_fix_still_gets_a_report(unsolved_fix, tmp_path):
    text = write_fix_report(unsolved_fix, tmp_path / "fix.html").read_text()
    page = Page(text)
    assert page.all("img") == []
    assert 'class="lead failed">Not converged: fewer usable satellites' in text


def test_given_figures_are_used(fix):
    assert len(Page(fix_html(fix, {})).all("img")) == 0


def test_same_result_gives_the_same_report(fix, report):
    assert fix_html(fix, fix_figures(fix)) == report


def test_sky_report_lists_satellites_and_geometry(sky, tmp_path):
    page = Page(write_sky_report(sky, tmp_path / "sky.html").read_text())
    assert len(page.all("img")) == 2
    text = " ".join(page.text)
    assert "Over 22.30460 N" in text
    assert "IRIDIUM 239" in text


def test_report_of_another_kind_or_into_nowhere_is_refused(fix, sky, tmp_path):
    with pytest.raises(LeopntError, match="kind 'sky'; expected a result of kind 'fix'"):
        write_fix_report(sky, tmp_path / "fix.html")
    with pytest.raises(LeopntError, match="does not exist; create it first"):
        write_fix_report(fix, tmp_path / "missing" / "fix.html")
