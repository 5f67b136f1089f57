"""Pictures of footprints: contours, numbers and the limb where the arrays say."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.power.footprints import EarthFootprints, PlaneFootprints
from leopnt.report.footprints import earth_figure, plane_figure
from leopnt.report.style import png_bytes

PEAK_U, PEAK_V = np.array([0.2, -0.3, 0.0]), np.array([0.1, 0.2, -0.4])
RADIUS = 0.12


def plane(peak_dbw=(26.0, 30.0, 30.2)):
    """Round parabolic beams: -3 dB at the radius."""
    axis = np.linspace(-0.9, 0.9, 121)
    off = (axis[None, :, None] - PEAK_U[:, None, None]) ** 2
    off = off + (axis[None, None, :] - PEAK_V[:, None, None]) ** 2
    below = -3.0 * off / RADIUS**2
    return PlaneFootprints(axis, axis, below, np.array(peak_dbw), PEAK_U, PEAK_V, np.radians(57.3))


def earth():
    lat, lon = np.radians(np.linspace(-20, 60, 161)), np.radians(np.linspace(150, 230, 161))
    at_lat, at_lon = np.radians([10.0, 30.0, 25.0]), np.radians([180.0, 185.0, 200.0])
    off = (lat[None, :, None] - at_lat[:, None, None]) ** 2
    off = off + (lon[None, None, :] - at_lon[:, None, None]) ** 2
    below = -3.0 * off / np.radians(4.0) ** 2
    middle = np.hypot(lat[:, None] - np.radians(20.0), lon[None, :] - np.radians(190.0))
    elevation = np.radians(90.0) - middle / np.radians(30.0) * np.radians(90.0)
    below = np.where(elevation[None] >= 0, below, np.nan)
    return EarthFootprints(
        lat, lon, below, elevation, np.array([26.0, 30.0, 30.2]), at_lat, at_lon,
        np.radians(20.0), np.radians(190.0),
    )  # fmt: skip


def contours(axes):
    """Corners of every contour set, in the order drawn."""
    return [
        np.concatenate([path.vertices for path in one.get_paths()])
        for one in axes.collections
        if len(one.get_paths())
    ]


def labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_contours_in_the_plane_are_where_the_level_is():
    axes = plane_figure(plane()).axes[0]
    drawn = contours(axes)
    assert len(drawn) == 3
    for corners, u, v in zip(drawn, PEAK_U, PEAK_V, strict=True):
        radius = np.hypot(corners[:, 0] - u, corners[:, 1] - v)
        np.testing.assert_allclose(radius, RADIUS, atol=1e-3)
    wide = contours(plane_figure(plane(), -12.0).axes[0])[0]
    radius = np.hypot(wide[:, 0] - PEAK_U[0], wide[:, 1] - PEAK_V[0])
    np.testing.assert_allclose(radius, 2 * RADIUS, atol=1e-3)


def test_the_limb_is_a_hole_in_what_is_shaded():
    axes = plane_figure(plane()).axes[0]
    (shade,) = [patch for patch in axes.patches if patch.get_facecolor()[3] > 0]
    square, circle = shade.get_path().to_polygons()
    # A hole is wound the other way.
    areas = [0.5 * np.sum(x[:-1, 0] * x[1:, 1] - x[1:, 0] * x[:-1, 1]) for x in (square, circle)]
    limb = np.sin(np.radians(57.3))
    np.testing.assert_allclose(areas[1], -np.pi * limb**2, rtol=1e-3)
    assert areas[0] > 4 * 0.9**2


def test_beams_are_numbered_at_their_peaks_and_colored_by_them():
    figure = plane_figure(plane())
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    for number in range(3):
        assert texts[str(number)].xy == (PEAK_U[number], PEAK_V[number])
    assert texts["1"].get_color() == texts["2"].get_color() != texts["0"].get_color()
    assert labels(figure) == ["26 dBW", "30 dBW", "limb"]
    assert figure.axes[0].get_title(loc="left") == "3 beams, 3 dB below peak EIRP"


def test_many_different_peaks_share_one_color():
    one = plane()
    many = PlaneFootprints(one.u, one.v, np.repeat(one.below_peak_db[:1], 9, axis=0),
                           np.arange(9.0), *np.zeros((2, 9)), one.limb_rad)  # fmt: skip
    assert labels(plane_figure(many)) == ["beams", "limb"]


def test_contours_on_the_earth_are_in_degrees_across_the_antimeridian():
    figure = earth_figure(earth())
    axes = figure.axes[0]
    drawn = contours(axes)
    assert len(drawn) == 4
    for corners, lon, lat in zip(drawn, (180.0, 185.0, 200.0), (10.0, 30.0, 25.0), strict=False):
        radius = np.hypot(corners[:, 0] - lon, corners[:, 1] - lat)
        np.testing.assert_allclose(radius, 4.0, atol=0.05)
    horizon = np.hypot(drawn[3][:, 0] - 190.0, drawn[3][:, 1] - 20.0)
    np.testing.assert_allclose(horizon, 30.0, atol=0.05)
    assert labels(figure) == ["26 dBW", "30 dBW", "horizon", "nadir"]
    west, east = axes.get_xlim()
    assert west < 160.0 < 220.0 < east
    assert 60.0 < east - west < 66.0


def test_a_beam_that_is_not_seen_has_no_contour():
    one = earth()
    hidden = one._replace(below_peak_db=np.where(
        np.arange(3)[:, None, None] == 1, np.nan, one.below_peak_db))  # fmt: skip
    assert len(contours(earth_figure(hidden).axes[0])) == 3


def test_figures_become_pictures():
    assert png_bytes(plane_figure(plane()))[:4] == b"\x89PNG"
    assert png_bytes(earth_figure(earth()))[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "draw", [lambda x: plane_figure(plane(), x), lambda x: earth_figure(earth(), x)]
)
def test_a_level_is_below_the_peak(draw):
    with pytest.raises(LeopntError, match="level_db = 0 dB: expected below 0"):
        draw(0.0)
