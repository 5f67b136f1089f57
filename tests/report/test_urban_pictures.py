"""Pictures of a city: rays, panels, series and cells where the arrays say."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.report.style import png_bytes
from leopnt.report.urban import AvailabilityMap, WalkSeries, availability_figure, walk_figure
from leopnt.report.urban_3d import city_figure
from leopnt.scenes import FacadePanel, UrbanLinks, city, street_canyon, street_grid

SITE = street_canyon(
    city("Hong Kong"), [FacadePanel(0.0, True, 12.0), FacadePanel(40.0, False, 12.0)]
)
WALK = np.array([[-3.0, 0.0, 1.5], [-3.0, 2.0, 1.5]])
TOWARD = np.array([[0.0, 0.6, 0.8], [-0.6, 0.0, 0.8], [0.0, 0.0, 1.0]])
TIME_S = np.arange(5.0)


@pytest.fixture(scope="module")
def links():
    """Two direct satellites, and one by way of the first panel."""
    pos = SITE.to_ecef(2e7 * TOWARD)
    shape = (2, 1, 4)
    return UrbanLinks(
        sat=np.broadcast_to([0, 1, 2, 0], shape),
        surface=np.broadcast_to([-1, -1, 0, -1], shape),
        used=np.broadcast_to([True, True, True, False], shape),
        sat_pos_ecef_m=np.broadcast_to(pos[[0, 1, 2, 0]], (*shape, 3)),
        rx_enu_m=WALK[:, None],
        direct=np.ones((2, 1, 3), bool),
        fed=np.ones((2, 2, 3), bool),
        served=np.ones((2, 1, 2), bool),
    )


def series(label="no panels"):
    error = np.array([1.0, 2.0, np.nan, 30.0, 0.5])
    bound = np.array([1.5, 1.5, np.inf, 2500.0, 0.4])
    return WalkSeries(label, error, bound, np.array([4, 4, 2, 3, 9]))


def lines(figure):
    return [np.stack(line.get_data_3d(), axis=1) for line in figure.axes[0].lines]


def test_rays_go_from_receiver_or_panel_toward_their_satellites(links):
    drawn = lines(city_figure(SITE, links, WALK, 1, "A street", ray_m=30.0))
    rays = [line for line in drawn if len(line) == 2]
    panel = np.asarray(SITE.panels[0].center_m)
    expected = [
        (WALK[1], WALK[1] + 30.0 * TOWARD[0]),
        (WALK[1], WALK[1] + 30.0 * TOWARD[1]),
        (panel, panel + 30.0 * TOWARD[2]),
        (panel, WALK[1]),
        (WALK[0], WALK[1]),
    ]
    for line, ends in zip(rays, expected, strict=True):
        np.testing.assert_allclose(line, np.stack(ends), atol=1e-3)


def test_the_legend_names_what_is_drawn(links):
    def words(figure):
        return [text.get_text() for text in figure.legends[0].get_texts()]

    full = words(city_figure(SITE, links, WALK, 0, "A street"))
    assert full[0] == "direct satellite"
    assert {"last leg", "panel in use", "panel not in use"} <= set(full)
    direct = words(city_figure(SITE, links.without_panels(), WALK, 0, "A street"))
    assert "last leg" not in direct
    assert "panel not in use" in direct
    assert png_bytes(city_figure(SITE, links, WALK, 0, "A street", "words"), 60)[:4] == b"\x89PNG"


def test_a_walk_shows_errors_bounds_and_links():
    figure = walk_figure(TIME_S, [series(), series("four panels")], "A walk", "words", top_m=50.0)
    upper, lower = figure.axes
    bound = np.asarray(upper.lines[0].get_ydata())
    assert np.isnan(bound[2])
    assert bound[0] == 1.5
    assert upper.get_ylim()[1] == 50.0
    assert lower.get_ylim()[0] == 0.0
    assert np.asarray(lower.lines[1].get_ydata()).max() == 9
    assert len(figure.legends[0].get_texts()) == 4
    assert upper.get_ylabel() == "Horizontal error [m]"


def test_a_walk_has_one_to_four_series():
    with pytest.raises(LeopntError, match="series: got 0; expected 1 to 4"):
        walk_figure(TIME_S, [], "A walk")


def test_a_map_masks_the_cells_indoors_and_marks_the_panels():
    cells, free = street_grid(SITE, 16.0, 20.0, 4.0)
    share = np.where(free, 0.25, np.nan)
    figure = availability_figure(SITE, cells, free, [AvailabilityMap("Direct", share)], "A map")
    axes = figure.axes[0]
    mesh = axes.collections[0].get_array()
    assert mesh.mask.tolist() == (~free).tolist()
    np.testing.assert_allclose(mesh.compressed(), 25.0)
    assert axes.get_xlim() == (-16.0, 16.0)
    # A line and a triangle for each panel; the first is on the right side, 5 m wide.
    panel = np.stack(axes.lines[0].get_data(), axis=1)
    np.testing.assert_allclose(np.abs(panel[1] - panel[0]), [0.0, 5.0], atol=1e-9)
    assert 9.0 < panel[0, 0] < 10.0
    assert len(axes.lines) == 4
    with pytest.raises(LeopntError, match="maps: there is none"):
        availability_figure(SITE, cells, free, [], "A map")
