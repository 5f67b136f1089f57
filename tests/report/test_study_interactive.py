"""Zoomable plots: valid for plotly, with the numbers of the study, and with nothing to obey."""

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest
from synthetic_studies import (
    MASKS_DEG,
    SIGMAS_M,
    make_grid_study,
    make_incomplete_study,
    make_long_study,
    make_random_study,
    make_single_study,
    make_study,
)

from leopnt.report.interactive import plot_frame, plot_json, plot_scripts
from leopnt.report.study_layout import study_plots

MAKERS = (make_study, make_random_study, make_incomplete_study, make_single_study, make_long_study)


def drawn(study):
    return {plot.name: plot_json(plot) for plot in study_plots(study)}


@pytest.mark.parametrize("make", MAKERS)
def test_plotly_knows_every_property(make):
    for plot in drawn(make()).values():
        go.Figure(plot)  # refuses what it does not know


def test_error_lines_are_the_closed_form():
    lines = {trace["name"]: trace for trace in drawn(make_study())["error"]["data"]}
    for mask_deg in MASKS_DEG:
        line = lines[f"3D Cramer-Rao bound, {mask_deg:g}"]
        assert line["x"] == list(SIGMAS_M)
        np.testing.assert_allclose(line["y"], 2.5 * np.array(SIGMAS_M) * (1 + mask_deg / 30), 1e-6)


def test_distribution_time_and_outcomes_hold_the_numbers_of_the_study():
    study, plots = make_study(), drawn(make_study())
    line = plots["distribution"]["data"][-1]
    np.testing.assert_allclose(line["x"], study["error_3d_quantile"].values[-1], 1e-6)
    np.testing.assert_allclose(line["y"], study["quantile"].values, 1e-6)
    line = plots["time"]["data"][0]
    np.testing.assert_allclose(line["y"], study["case_rmse_3d"].values[0, :25], 1e-6)
    few = plots["outcomes"]["data"][0]
    np.testing.assert_allclose(few["y"], study["count"].values[:, 1] / 40.0, 1e-6)


def test_map_shows_place_and_value_of_each_user():
    land, places = drawn(make_study())["map"]["data"]
    assert land["fill"] == "toself"
    assert None in land["x"]
    index = next(i for i, text in enumerate(places["text"]) if text.startswith("Nairobi"))
    assert places["text"][index] == "Nairobi: 1.30 S, 36.80 E"
    assert (places["x"][index], places["y"][index]) == (36.8, -1.3)
    assert places["customdata"] == places["marker"]["color"]


def test_map_of_values_over_decades_is_colored_by_their_logarithm():
    _, places, crossed = drawn(make_random_study())["map"]["data"]
    np.testing.assert_allclose(np.log10(places["customdata"]), places["marker"]["color"], 1e-5)
    ticks = places["marker"]["colorbar"]
    assert [f"{10**v:g}" for v in ticks["tickvals"]] == ticks["ticktext"]
    assert len(crossed["x"]) == 1


def test_what_is_not_finite_is_left_open():
    line = drawn(make_random_study())["time"]["data"][0]
    assert line["y"].count(None) == 1
    assert line["y"][line["x"].index(3000.0)] is None


def test_family_legend_has_one_entry_per_value_and_variable():
    data = drawn(make_study())["error"]["data"]
    shown = [t["name"] for t in data if t.get("showlegend", True)]
    assert shown == ["5", "15", "25", "3D RMSE", "3D Cramer-Rao bound"]


def test_scripts_cannot_be_ended_or_joined_by_a_name():
    evil = "</script><img src=x onerror=alert(1)>&lt;"
    study = make_study((1.0, 2.0), (5.0,), {evil: (0.0, 0.0), "b": (1.0, 9.0), "c": (9.0, 1.0)})
    described = json.loads(study.attrs["plots"])
    described[0]["title"] = evil
    study = study.assign_attrs(plots=json.dumps(described))
    plots = study_plots(study)
    data = plot_scripts(plots).split("</script>")[0]
    assert "<img" not in data
    assert "<" not in data.removeprefix('<script type="application/json" id="plots">')
    texts = json.loads(data.split(">", 1)[1])["drawn"]
    hover = [t for p in texts.values() for trace in p["data"] for t in trace.get("text") or []]
    assert any(t.startswith("&lt;/script&gt;&lt;img") for t in hover)
    assert "<img" not in plot_frame(plots[0], 0)


def test_library_is_part_of_the_page_once_and_offers_no_cloud():
    scripts = plot_scripts(study_plots(make_single_study()))
    assert scripts.count("plotly.js v") >= 1
    assert scripts.count("<script>") == 2
    assert scripts.count("</script>") == 3
    config = json.loads(scripts.split(">", 1)[1].split("</script>")[0])["config"]
    assert not config["displaylogo"]
    assert "cloud" not in json.dumps(config).lower()
    assert plot_scripts([]) == ""


def test_frames_name_what_they_show_and_how_high_they_are():
    plots = study_plots(make_study())
    for index, plot in enumerate(plots):
        frame = plot_frame(plot, index)
        assert f'id="plot-{index}"' in frame
        assert 'aria-label="' in frame
        assert "height: calc(" in frame if plot.places else "px" in frame
        assert math.isclose(frame.count("<figure>"), 1)


def test_a_grid_is_a_heat_map_below_the_coast():
    heat, coast = drawn(make_grid_study())["map"]["data"]
    assert (heat["type"], coast["fill"]) == ("heatmap", "none")
    assert (len(heat["z"]), len(heat["z"][0])) == (9, 18)
    assert heat["z"][0][0] is None
    assert heat["customdata"][4][0] == 1.0
    assert heat["z"][4][0] == 0.0
    np.testing.assert_allclose([heat["zmin"], heat["zmax"]], [0.0, 3.0], atol=1e-9)
    assert json.dumps(heat, allow_nan=False)
