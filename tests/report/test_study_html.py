"""The report of a study: one file, nothing fetched, everything escaped, numbers as they are."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from synthetic_studies import (
    STUDY_TEXT,
    make_incomplete_study,
    make_reproduced_study,
    make_study,
)
from test_html import Page

from leopnt.errors import LeopntError
from leopnt.io.results import read_netcdf, write_netcdf
from leopnt.report import interactive, write_study_report
from leopnt.report.study_drawing import study_figures
from leopnt.report.study_html import study_html


def without_library(text):
    """The page without plotly.js, whose 5 MB name many addresses in comments and code."""
    return re.sub(r"<script>.*?</script>", "<script></script>", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = write_study_report(make_study(), tmp_path_factory.mktemp("report") / "study.html")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(report):
    return Page(without_library(report))


@pytest.fixture
def no_plotly(monkeypatch):
    monkeypatch.setattr(interactive, "has_plotly", lambda: False)


def test_report_asks_for_nothing_and_says_so_to_the_browser(page):
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy == (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'"
    )
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "base", "form")
        assert not {"href", "src", "srcset", "action", "onload"} & set(attributes)


def test_no_address_stands_outside_the_library(report):
    assert "http:" not in without_library(report)
    assert "https:" not in without_library(report)


def test_numbers_of_the_table_are_those_of_the_study(report):
    study = make_study()
    rows = re.findall(r"<tr>(.*?)</tr>", without_library(report).split("Points of the sweep")[2])
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows[1:19]]
    table = np.array([[float(c.replace(",", "")) for c in row] for row in cells])
    names = ("errors.code_sigma_m", "antenna.mask_deg", "trials", "solved", "rmse_3d",
             "rmse_horizontal", "rmse_vertical", "bound_3d", "rmse_over_bound",
             "rmse_over_bound_sigma", "mean_nees")  # fmt: skip
    for column, name in enumerate(names):
        np.testing.assert_allclose(table[:, column], study[name].values, rtol=6e-4)
    at_95 = study["error_3d_quantile"].sel(quantile=study["quantile"] == 0.95).values[:, 0]
    np.testing.assert_allclose(table[:, -1], at_95, rtol=6e-4)


def test_numbers_of_the_plots_are_those_of_the_study(report):
    data = re.search(r'<script type="application/json" id="plots">(.*?)</script>', report)[1]
    first = json.loads(data)["drawn"]["plot-0"]["data"][0]
    np.testing.assert_allclose(first["y"], make_study()["rmse_3d"].values[::3], rtol=1e-6)


def test_summary_study_file_and_versions_are_there(page):
    text = "".join(page.text)
    words = " ".join(text.split())
    assert words.index("72,000 trials of pvt at 18 points") < words.index("Points of the sweep")
    assert "The element sets are 4.2 days old." in text
    assert STUDY_TEXT in text
    assert '"numpy": "2.4"' in text
    assert "leopnt 0.1.0, created 2026-01-15 09:30:00 UTC" in text


def test_evidence_of_the_parts_in_use_is_listed_and_of_no_others(page):
    text = " ".join("".join(page.text).split("How this was checked")[1].split())
    assert "methods.pvt" in text
    assert "observables.pseudorange" in text
    assert "frames.attitude" not in text


def test_parts_without_evidence_leave_the_section_out():
    text = without_library(study_html(make_study().assign_attrs(evidence="[]")))
    assert "How this was checked" not in text


def test_published_numbers_come_first_with_their_verdicts():
    page = Page(without_library(study_html(make_reproduced_study())))
    text = " ".join("".join(page.text).split())
    assert "Of 3 published numbers: 1 held, 1 differs, 1 not reproducible." in text
    assert text.index("other geometry") < text.index("Points of the sweep")
    assert "ours is beyond the tolerance" in text
    assert "too few trials to tell" not in text


def test_incomplete_study_says_so_first_and_in_red():
    text = without_library(study_html(make_incomplete_study()))
    lead = re.search(r'<p class="lead failed">(.*?)</p>', text)[1]
    assert lead.startswith("INCOMPLETE: 7,980 of 12,000 trials are missing")
    assert "NOT FINITE: 3 trials" in lead


def test_not_finite_trials_alone_are_enough_for_red():
    study = make_study()
    study["not_finite"][0] = 1
    text = without_library(study_html(study))
    assert '<p class="lead failed">NOT FINITE: 1 trial gave numbers' in text


def test_hostile_names_are_shown_and_not_obeyed():
    evil = '</title><script>alert("1")</script>&amp;'
    places = {evil: (0.0, 0.0), "b": (10.0, 0.0), "c": (0.0, 10.0)}
    study = make_study((1.0, 2.0), (5.0,), places, 3)
    described = [entry | {"title": evil} for entry in json.loads(study.attrs["plots"])]
    study = study.assign_coords(status=[study["status"].values[0], evil, "other"])
    study["errors.code_sigma_m"].attrs["long_name"] = evil
    study = study.assign_attrs(
        title=evil, input_text=evil, method=evil, plots=json.dumps(described)
    )
    page = Page(without_library(study_html(study)))
    assert len(page.all("script")) == 3
    assert page.all("title") == [{}]
    assert "".join(page.text).count(evil) >= 8


def test_same_study_gives_the_same_report(report):
    assert study_html(make_study()) == report


def test_without_plotly_plots_are_images_and_the_page_says_how_to_zoom(no_plotly):
    page = Page(study_html(make_study()))
    assert page.all("script") == []
    assert len(page.all("img")) == 5
    assert "pip install leopnt[viz]" in "".join(page.text)
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert "script-src" not in policy


def test_given_figures_are_used_without_plotly(no_plotly):
    figures = study_figures(make_study())
    page = Page(study_html(make_study(), {"error": figures["error"]}))
    assert len(page.all("img")) == 1


def test_study_without_plots_has_no_scripts():
    page = Page(study_html(make_study().assign_attrs(plots="[]")))
    assert page.all("script") == []


def test_result_of_another_kind_is_refused(fix, tmp_path):
    with pytest.raises(LeopntError, match="kind 'fix'; expected a result of kind 'study'"):
        write_study_report(fix, tmp_path / "fix.html")


def test_study_read_back_from_its_file_gives_the_same_report(report, tmp_path):
    path = write_netcdf(make_study(), tmp_path / "study.nc")
    assert study_html(read_netcdf(path)) == report


def test_plotly_is_loaded_only_to_write_a_report():
    code = "import sys, leopnt.report.study_html; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
