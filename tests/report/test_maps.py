"""Maps: the land outline against known places, ellipse and candidates where they belong."""

from pathlib import Path

import numpy as np
import pytest

import leopnt.report
from leopnt.report.maps import earth_figure, ellipse_figure, land_rings_deg

DATA = Path(leopnt.report.__file__).parent / "data"


def is_land(lat_deg, lon_deg):
    """Even-odd count of coast crossings along the parallel, over all turns of the longitude."""
    crossings = 0
    for ring in land_rings_deg():
        x0, y0 = ring[:-1].T
        x1, y1 = ring[1:].T
        crossed = (y0 > lat_deg) != (y1 > lat_deg)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = x0 + (lat_deg - y0) / (y1 - y0) * (x1 - x0)
        for turn in (-720.0, -360.0, 0.0, 360.0, 720.0):
            crossings += int(np.sum(crossed & (at > lon_deg + turn)))
    return crossings % 2 == 1


@pytest.mark.parametrize(
    ("place", "lat_deg", "lon_deg", "land"),
    [
        ("Paris", 48.86, 2.35, True),
        ("Chukotka, east of the antimeridian", 66.5, -175.0, True),
        ("Chukotka, west of it", 67.0, 178.0, True),
        ("South Pole", -89.5, 10.0, True),
        ("Alice Springs", -23.7, 133.9, True),
        ("Caspian Sea", 41.5, 51.0, False),
        ("Gulf of Guinea", 0.0, 0.0, False),
        ("mid Pacific", 0.0, -150.0, False),
        ("North Pole", 89.5, 0.0, False),
    ],
)
def test_land_outline_knows_land_from_sea(place, lat_deg, lon_deg, land):
    assert is_land(lat_deg, lon_deg) == land, place


def test_land_outline_is_small_closed_and_licensed():
    assert (DATA / "land.npz").stat().st_size < 60_000
    assert "public domain" in (DATA / "README.md").read_text()
    for ring in land_rings_deg():
        np.testing.assert_array_equal(ring[0], ring[-1])
        if ring[:, 1].min() > -90.0:  # along the pole Antarctica takes one 360 degree step
            assert np.abs(np.diff(ring[:, 0])).max() < 30.0


def labelled(axes, start):
    (line,) = (li for li in axes.lines if str(li.get_label()).startswith(start))
    return np.stack([line.get_xdata(), line.get_ydata()], axis=-1).astype(float)


def test_truth_lies_opposite_to_the_error_and_inside_its_ellipse(fix):
    axes = ellipse_figure(fix).axes[0]
    np.testing.assert_allclose(labelled(axes, "truth"), [[-84.0, 57.0]])
    np.testing.assert_allclose(labelled(axes, "fix"), [[0.0, 0.0]])
    outer, inner = labelled(axes, "95 %"), labelled(axes, "50 %")
    sigma_east_m = float(fix["sigma_enu_m"][0])
    assert outer[:, 0].max() == pytest.approx(2.4477 * sigma_east_m, rel=2e-3)
    assert inner[:, 0].max() == pytest.approx(1.1774 * sigma_east_m, rel=2e-3)
    assert axes.get_aspect() == 1.0


def test_other_candidates_are_noted_on_the_ellipse_map(fix):
    texts = [text.get_text() for text in ellipse_figure(fix).axes[0].texts]
    assert "2 other candidates off this map: best 1707 km away, rms 1843 Hz" in texts
    alone = ellipse_figure(fix.drop_dims("candidate")).axes[0].texts
    assert not any("candidate" in text.get_text() for text in alone)


def test_scale_bar_has_the_length_it_says(fix):
    axes = ellipse_figure(fix).axes[0]
    (bar,) = (li for li in axes.lines if li.get_linewidth() == 3.0)
    assert np.ptp(bar.get_xdata()) == 100.0
    assert "100 m" in [text.get_text() for text in axes.texts]


def test_earth_map_shows_fix_candidates_and_all_satellites(fix):
    axes = earth_figure(fix).axes[0]
    np.testing.assert_allclose(labelled(axes, "fix"), [[114.18094, 22.30408]], atol=1e-5)
    np.testing.assert_allclose(labelled(axes, "other"), [[130.42, 19.81], [99.2, 31.6]])
    west, east = axes.get_xlim()
    south, north = axes.get_ylim()
    assert west < fix["satellite_longitude_deg"].min()
    assert east > fix["satellite_longitude_deg"].max()
    assert south < fix["satellite_latitude_deg"].min()
    assert north > fix["satellite_latitude_deg"].max()
    words = {text.get_text() for text in axes.texts}
    assert {"fix", "rms 1843 Hz", "Iridium 25", "Iridium 59"} <= words


def test_map_across_the_antimeridian_stays_small_and_has_land(fix):
    east_deg = 179.5 - float(fix["longitude_deg"])
    turned = fix.assign(
        longitude_deg=179.5,
        satellite_longitude_deg=(fix["satellite_longitude_deg"] + east_deg + 180.0) % 360 - 180.0,
        candidate_longitude_deg=("candidate", np.array([179.5, -170.0, 165.0])),
    )
    axes = earth_figure(turned).axes[0]
    west, east = axes.get_xlim()
    assert east - west == pytest.approx(np.ptp(earth_figure(fix).axes[0].get_xlim()), rel=0.25)
    labels = [axes.xaxis.get_major_formatter()(x, 0) for x in (170.0, 180.0, 190.0, 0.2)]
    assert labels == ["170°E", "180°", "170°W", "0°"]


def test_candidate_at_the_antipode_gets_the_whole_earth(fix):
    far = fix.assign(
        candidate_latitude_deg=("candidate", np.array([22.3, -22.3, 60.0])),
        candidate_longitude_deg=("candidate", np.array([114.18, -65.8, -70.0])),
    )
    axes = earth_figure(far).axes[0]
    assert np.ptp(axes.get_xlim()) <= 360.0
    assert axes.get_ylim()[0] >= -90.0


def test_maps_need_a_position(unsolved_fix):
    assert ellipse_figure(unsolved_fix) is None
    assert earth_figure(unsolved_fix) is None
