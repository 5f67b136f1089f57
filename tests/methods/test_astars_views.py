"""Who is seen through a wall: an independent table, and real satellites of December 2025."""

import numpy as np
import pytest
from astars_ephemerides import DATA, READING, START, WEST, planned, real
from skyfield.api import EarthSatellite, load, wgs84
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.io.sp3 import read_sp3
from leopnt.methods.astars import (
    Sector,
    half_sky,
    open_view,
    panel_facing,
    panel_view,
    routes,
    surface_dop,
)
from leopnt.orbits.constellations import GPS, IRIDIUM, STARLINK_SHELL_1, Combined
from leopnt.orbits.ephemeris import Ephemeris

pytestmark = pytest.mark.study
DAY_S = 86400.0
EPOCHS = START + np.arange(1, study_size(24, 288)) * (DAY_S / study_size(24, 288))


PLANS = {"GPS, 24 slots": GPS, "1584 at 550 km": STARLINK_SHELL_1, "66 over the poles": IRIDIUM}


@pytest.fixture(scope="module")
def day():
    """All plans over a day in one ephemeris, and whose satellite each slot holds."""
    view = panel_view(planned(Combined(tuple(PLANS.values()))), WEST, EPOCHS)
    ends = np.cumsum([len(plan.names()) for plan in PLANS.values()])
    return view, np.searchsorted(ends, view.sat_index, side="right")


@pytest.mark.parametrize(
    ("name", "mean", "within", "counts"),
    [
        ("GPS, 24 slots", 3.5, 0.25, (2, 5)),
        ("1584 at 550 km", 15.0, 1.0, (12, 20)),
        ("66 over the poles", 0.7, 0.3, (0, 3)),
    ],
)
def test_planned_satellites_in_half_the_sky(name, mean, within, counts, day, evidence):
    # The table: 3.5 on average; 12 to 18; 0 to 3. A day also has the tails.
    view, plan = day
    count = np.sum(view.visible & (plan == list(PLANS).index(name)), axis=1)
    evidence(
        "methods.astars.views",
        f"satellites in half the sky over 10 degrees, mean of a day: {name}",
        "table of an independent implementation",
        "implementation",
        achieved=abs(np.mean(count) - mean),
        tolerance=within,
    )
    assert counts[0] <= count.min()
    assert count.max() <= counts[1]


def test_a_leo_shell_in_half_the_sky_has_a_pdop_of_1_8(day, evidence):
    view, plan = day
    shell = view.visible & (plan == 1)
    dop = surface_dop(view.sat_pos_ecef_m, WEST.pos_ecef_m, visible=shell)
    evidence(
        "methods.astars.views",
        "median PDOP of 1584 satellites at 550 km in half the sky",
        "1.8, table of an independent implementation",
        "implementation",
        achieved=abs(np.median(dop.pdop) - 1.8),
        tolerance=0.1,
    )
    typical = np.percentile(np.sum(shell, axis=1), [5, 95])
    assert typical[0] >= 12
    assert typical[1] <= 19


@pytest.mark.parametrize(
    ("names", "fewest", "most_pdop"),
    [(("gps", "oneweb"), 12, 2.5), *study_size([], [(("starlink",), 16, 2.0)])],
)
def test_real_satellites_in_half_the_sky(names, fewest, most_pdop):
    view = panel_view([real(name) for name in names], WEST, READING)
    assert view.num_visible >= fewest
    assert view.dop().pdop < most_pdop
    assert set(np.unique(view.ephemeris[view.visible])) == set(range(len(names)))


def test_directions_are_those_of_skyfield_and_the_panel_blocks_the_rest(evidence):
    one, panel = panel_view(real("oneweb"), WEST, READING), WEST
    every = open_view(real("oneweb"), panel.pos_ecef_m, READING)
    toward = every.sat_pos_ecef_m - panel.pos_ecef_m
    expected = every.sat_index[every.visible & (toward @ panel.normal_ecef > 0.0)]
    np.testing.assert_array_equal(one.sat_index[one.visible], expected)
    scale = load.timescale(builtin=True)
    lat, lon, height = 32.048, 118.769, 42.15
    place = wgs84.latlon(lat, lon, height)
    text = (DATA / "tle_2025" / "oneweb.tle").read_text().splitlines()
    sets = [text[i : i + 3] for i in range(0, len(text), 3)]
    miss = []
    for k in np.flatnonzero(one.visible):
        _, line1, line2 = sets[one.sat_index[k]]
        el, az, _ = (
            (EarthSatellite(line1, line2, ts=scale) - place)
            .at(scale.utc(2025, 12, 28, 12, 5, 0))
            .altaz()
        )
        off = (az.radians - one.az_rad[k] + np.pi) % (2 * np.pi) - np.pi
        miss.append(np.hypot(off * np.cos(one.el_rad[k]), el.radians - one.el_rad[k]))
    # Skyfield's is the place at reception, rounded coordinates: 7 km/s for 5 ms, over 1200 km.
    evidence(
        "methods.astars.views",
        "directions of OneWeb satellites through a wall",
        "Skyfield, without light time",
        "real data",
        achieved=np.max(miss),
        tolerance=2e-4,
        unit="rad",
    )


def test_an_orbit_table_serves_as_well():
    table = read_sp3(DATA / "sp3" / "COD0MGXFIN_20211180000_01D_05M_ORB.SP3").tabulated()
    ephemeris = Ephemeris.from_tabulated(table, step_s=300.0)
    middle = ephemeris.reference + 0.5 * float(ephemeris.end_s)
    view = panel_view(ephemeris, WEST, middle)
    assert view.num_visible >= 4
    np.testing.assert_allclose(
        view.dop().pdop,
        surface_dop(view.sat_pos_ecef_m[view.visible], WEST.pos_ecef_m).pdop,
        rtol=1e-9,
    )


def test_a_narrow_sector_is_a_part_of_the_half_sky():
    narrow = Sector(WEST.azimuth_rad, np.radians(60.0), np.radians(20.0))
    whole = panel_view(real("oneweb"), WEST, READING)
    part = panel_view(real("oneweb"), WEST, READING, narrow)
    kept = narrow.contains(whole.az_rad, whole.el_rad) & whole.visible
    np.testing.assert_array_equal(part.sat_index[part.visible], whole.sat_index[kept])


def test_a_roof_sees_all_azimuths_and_a_wall_all_in_front_of_it():
    roof = panel_facing(WEST.pos_ecef_m, 0.0, 0.5 * np.pi)
    every = open_view(real("oneweb"), WEST.pos_ecef_m, READING)
    np.testing.assert_array_equal(
        panel_view(real("oneweb"), roof, READING).sat_index, every.sat_index
    )
    wall, half = (
        panel_view(real("oneweb"), WEST, READING, sector) for sector in (None, half_sky(WEST))
    )
    np.testing.assert_array_equal(wall.sat_index, half.sat_index)


def test_bad_input_is_refused(untyped):
    with pytest.raises(LeopntError, match="ephemerides: none; expected one or more"):
        panel_view([], WEST, READING)
    with pytest.raises(LeopntError, match="the ephemeris spans"):
        panel_view(real("oneweb"), WEST, START + 1e6)
    view = panel_view(real("oneweb"), WEST, READING + np.array([0.0, 60.0]))
    with pytest.raises(LeopntError, match="views: hold several epochs"):
        routes([view])
    none = panel_view(real("oneweb"), WEST, READING, Sector(0.0, 1e-6))
    with pytest.raises(LeopntError, match="views: no satellite is in view"):
        routes([none])
