"""Input that would give plausible numbers if nobody looked: refused, or NaN with a warning."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.link_geometry import about_offsets
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS, CalibrationSettings
from leopnt.methods.calibration.solution import solve_calibration
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    Links,
    leo_geometry,
    sorted_links,
    station_day,
)

LAYOUT = cases.layout_of(SEED_SETTINGS, 5, 2)
NO_LINKS = sorted_links(np.zeros(0, int), np.zeros(0, int), *np.zeros((3, 0)))[0]
NO_GEOMETRY = leo_geometry(np.zeros((0, 3)), np.zeros(0), np.zeros(0))


@pytest.fixture(scope="module")
def days():
    found, _, _ = cases.small_days()
    return found


def solved(days):
    return solve_calibration(stacked(reduce_station_day(d, LAYOUT, SEED_SETTINGS) for d in days))


def refused(day, message, settings=SEED_SETTINGS, layout=LAYOUT):
    with pytest.raises(LeopntError, match=message):
        reduce_station_day(day, layout, settings)


def turned(links):
    """In reverse order, as no reader gives them."""
    return Links(*(x[::-1].copy() for x in links[:8]))


def test_links_in_any_other_order_are_refused(days):
    day = days[0]
    unsorted = "leo of station 0, day 0 is not sorted by satellite and epoch, or has a link twice"
    refused(replace(day, leo=turned(day.leo)), unsorted)
    refused(
        replace(day, reference=turned(day.reference)), "reference of station 0, day 0 is not sort"
    )
    twice = day.leo.epoch.copy()
    twice[1] = twice[0]
    refused(replace(day, leo=day.leo._replace(epoch=twice)), "has a link twice; expected the links")
    backward = day.leo._replace(arc=day.leo.arc[::-1].copy())
    refused(replace(day, leo=backward), r"leo.arc of station 0, day 0 falls, or an arc has several")
    one = day.leo._replace(arc=np.zeros_like(day.leo.arc))
    refused(replace(day, leo=one), "an arc has several satellites; expected the arcs")


def test_geometry_of_other_links_is_refused(days):
    day = days[0]
    few = LeoGeometry(*(x[:5] for x in day.geometry))
    message = "geometry of station 0, day 0 has 5 links and leo 59; expected the same"
    with pytest.raises(LeopntError, match=message):
        station_day(0, 0, day.epoch_s, day.leo, few, day.reference)
    refused(replace(day, geometry=few), message)


def test_a_layout_of_other_settings_is_refused(days):
    other = cases.layout_of(CalibrationSettings(), 5, 2)
    refused(
        days[0], r"layout has columns .*'clock sin'\), settings.orbit = KnownOrbit", layout=other
    )


def test_numbers_that_are_none_are_refused(days, untyped):
    day = days[0]
    with pytest.raises(LeopntError, match=r"station = 0\.5: expected an integer from 0 on"):
        station_day(0.5, 0, day.epoch_s, day.leo, day.geometry, day.reference)
    with pytest.raises(LeopntError, match="day = -1: expected an integer from 0 on"):
        station_day(0, -1, day.epoch_s, day.leo, day.geometry, day.reference)
    with pytest.raises(LeopntError, match=r"num_stations = 1\.5: expected an integer, 1 or more"):
        Layout(5, 1.5, ("x",))
    with pytest.raises(LeopntError, match="code_m has type <U3; expected real numbers of 64 bits"):
        sorted_links([0], [0], ["1.0"], [1.0], [0.5])
    with pytest.raises(LeopntError, match="offset_m is of 32 bits; expected float64"):
        about_offsets(day, np.zeros((5, 3), np.float32))
    with pytest.raises(
        LeopntError, match=r"offset_m has shape \(5, 2\); accepted: \(satellite, 3\)"
    ):
        about_offsets(day, np.zeros((5, 2)))
    with pytest.raises(LeopntError, match="epoch_s is of 32 bits"):
        station_day(0, 0, day.epoch_s.astype(np.float32), day.leo, day.geometry, day.reference)


def test_a_station_without_leo_code_keeps_its_phases_and_has_no_bias(days):
    silent = []
    for day in days:
        gone = day.leo._replace(has_code=np.zeros(len(day.leo.arc), bool))
        silent.append(replace(day, leo=gone) if day.station == 0 else day)
    with pytest.warns(LeopntWarning, match="stations without LEO code, their inter-system .* 0"):
        found = solved(silent)
    assert np.isnan(found.isb_m[0])
    assert np.all(np.isfinite(found.offset_m))
    # Phases of that station still count.
    alone = [day for day in days if day.station == 1]
    assert np.all(found.offset_sigma_m < solved(alone).offset_sigma_m)


def test_a_satellite_without_code_has_an_offset_and_no_delay(days):
    silent = []
    for day in days:
        told = day.leo.has_code & (day.leo.satellite > 0)
        silent.append(replace(day, leo=day.leo._replace(has_code=told)))
    with pytest.warns(LeopntWarning, match="satellites without code, their delays are NaN: 0"):
        found = solved(silent)
    assert np.isnan(found.delay_m[0])
    assert np.all(np.isfinite(found.delay_m[1:]))
    np.testing.assert_allclose(found.offset_m[0], solved(days).offset_m[0], atol=2e-3)


def test_days_without_leo_or_without_reference_links_change_what_they_should(days):
    day = days[0]
    none = station_day(0, 0, day.epoch_s, NO_LINKS, NO_GEOMETRY, day.reference)
    np.testing.assert_allclose(
        solved([none, *days[1:]]).offset_m, solved(days[1:]).offset_m, atol=1e-12
    )
    bare = station_day(0, 0, day.epoch_s, day.leo, day.geometry, NO_LINKS)
    refused(bare, "station 0, day 0 has LEO code but no reference code")
    with pytest.warns(LeopntWarning, match="satellites not observed, .* NaN: 0, 1, 2, 3, 4"):
        found = solved([none])
    assert np.all(np.isnan(found.estimate))
    assert np.isnan(found.delay_m).all()


def test_one_epoch_tells_nothing_and_two_tell_it_by_their_sigma(days):
    def short(last):
        return [cases.cut(day, 8, last, np.arange(5), np.arange(7)) for day in days[:2]]

    with pytest.raises(LeopntError, match=r"singular at .*offset.*determine no satellite"):
        solved(short(9))
    with (
        pytest.warns(LeopntWarning, match="satellites not observed"),
        pytest.warns(LeopntWarning, match="with one pass only, see their sigma"),
    ):
        found = solved(short(14))
    seen = np.isfinite(found.offset_m[:, 0])
    assert np.max(found.offset_sigma_m[seen]) > 5.0  # nothing is regularized
    assert found.condition > 1e3


def test_gaps_longer_than_allowed_start_arcs():
    sat, epoch = np.zeros(4, int), np.array([0, 1, 5, 6])
    arcs = [
        sorted_links(sat, epoch, *np.full((3, 4), 0.5), max_gap_epochs=gap)[0].arc
        for gap in (1, 3, 4)
    ]
    np.testing.assert_array_equal(arcs, [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]])
