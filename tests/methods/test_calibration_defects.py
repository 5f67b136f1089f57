"""Rank defects against dense ranks, islands, phase alone, and input that is refused."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.calibration.consider import consider_orbits
from leopnt.methods.calibration.datum import IsbReference
from leopnt.methods.calibration.defects import code_components, rank_defects
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.link_geometry import about_offsets
from leopnt.methods.calibration.orbit_models import OncePerRevolution
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import (
    SEED_SETTINGS,
    CalibrationSettings,
    sigma_growth,
)
from leopnt.methods.calibration.simulation import Scene
from leopnt.methods.calibration.solution import solve_calibration, truth_in_datum
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    Links,
    leo_geometry,
    sorted_links,
    station_day,
)


def with_links(day, keep, code=True):
    """Only some LEO links; without any code if wanted."""
    leo = day.leo
    sat, epoch = leo.satellite[keep], leo.epoch[keep]
    arc = np.unique(leo.arc[keep], return_inverse=True)[1]
    rest = [x[keep] for x in (leo.code_m, leo.phase_m, leo.elevation_rad)]
    leo = Links(sat, epoch, *rest, arc, leo.has_code[keep] & code, leo.has_phase[keep])
    reference = day.reference._replace(has_code=day.reference.has_code & code)
    geometry = LeoGeometry(*(x[keep] for x in day.geometry))
    return station_day(day.station, day.day, day.epoch_s, leo, geometry, reference)


def nullity(matrix):
    scaled = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    singular = np.linalg.svd(np.linalg.qr(scaled, mode="r"), compute_uv=False)
    return matrix.shape[1] - int(np.sum(singular > 1e-9 * singular[0]))


def reduced(days, layout, settings=SEED_SETTINGS):
    return stacked(reduce_station_day(day, layout, settings) for day in days)


def test_phase_alone_leaves_four_defects_and_eight_with_delays_in_it(evidence):
    days, _, _ = cases.small_days()
    days = [with_links(day, day.leo.satellite < 2, code=False) for day in days]
    told = rank_defects(days, 2, 2)
    found = []
    for in_phase in (False, True):
        a, _, sigma, columns = cases.dense_problem(days, SEED_SETTINGS, 2, 2, in_phase)
        used = np.any(a != 0.0, axis=0)
        found.append(nullity((a / sigma[:, None])[:, used]))
        assert len(columns) == a.shape[1]
    assert found == [4, 8]
    off = abs(told.code_only - found[0]) + abs(told.in_phase_too - found[1])
    evidence(
        "methods.calibration.defects",
        "rank defect of 2 satellites, 2 stations, 2 days, phase alone",
        "singular values of the dense matrix",
        "implementation",
        achieved=off,
        tolerance=0,
    )


def test_offsets_from_phase_alone_are_those_of_a_least_norm_solution():
    days, _, _ = cases.small_days()
    days = [with_links(day, day.leo.satellite < 5, code=False) for day in days]
    normals = reduced(days, cases.layout_of(SEED_SETTINGS, 5, 2))
    assert normals.local_defects == 4
    with (
        pytest.warns(LeopntWarning, match="stations without LEO code, their inter-system biases"),
        pytest.warns(LeopntWarning, match="satellites without code, their delays are NaN: 0"),
    ):
        found = solve_calibration(normals)
    assert np.all(np.isnan(found.delay_m))
    assert np.all(np.isnan(found.isb_m))
    a, y, sigma, _ = cases.dense_problem(days, SEED_SETTINGS, 5, 2)
    scale = np.maximum(np.linalg.norm(a / sigma[:, None], axis=0), 1e-300)
    x = np.linalg.lstsq(a / sigma[:, None] / scale, y / sigma, rcond=1e-12)[0] / scale
    np.testing.assert_allclose(found.offset_m.ravel(), x[:15], atol=1e-7)


def test_two_islands_are_two_defects_each_with_its_own_level(evidence):
    days, leo, truth = cases.small_days()
    days = [with_links(day, (day.leo.satellite < 2) == (day.station == 0)) for day in days]
    told = rank_defects(days, 5, 2)
    assert (told.datum, told.local, told.unseen) == (2, 0, 0)
    a, _, sigma, _ = cases.dense_problem(days, SEED_SETTINGS, 5, 2)
    assert nullity(a / sigma[:, None]) == 2
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    normals = reduced(days, layout)
    with pytest.warns(LeopntWarning, match="2 parts that share no code link"):
        found = solve_calibration(normals)
    np.testing.assert_array_equal(found.components.satellite, [0, 0, 1, 1, 1])
    np.testing.assert_allclose(found.isb_m, 0.0, atol=1e-10)
    delay, _ = truth_in_datum(found, truth.delay_m[leo], truth.isb_m)
    np.testing.assert_allclose(delay, truth.delay_m[leo] + truth.isb_m[[0, 0, 1, 1, 1]])
    pull = np.abs(found.delay_m - delay) / found.delay_sigma_m
    evidence(
        "methods.calibration.layout",
        "delays of two islands, each in its datum, largest error over sigma",
        "what the simulation put in",
        "monte carlo",
        achieved=np.max(pull),
        tolerance=4.0,
    )
    known = IsbReference({0: float(truth.isb_m[0]), 1: float(truth.isb_m[1])})
    with pytest.warns(LeopntWarning):
        absolute = solve_calibration(normals, known)
    np.testing.assert_allclose(absolute.delay_m, found.delay_m - truth.isb_m[[0, 0, 1, 1, 1]])
    with pytest.raises(
        LeopntError, match=r"isb_m knows stations \[0\]; expected exactly one of.*1"
    ):
        solve_calibration(normals, IsbReference({0: 1.0}))


def test_components_are_found_through_chains_and_not_through_the_unlinked():
    linked = np.zeros((5, 4), bool)
    for sat, station in ((0, 0), (1, 0), (1, 2), (3, 3)):
        linked[sat, station] = True
    parts = code_components(linked)
    assert parts.parts == 2
    np.testing.assert_array_equal(parts.satellite, [0, 0, -1, 1, -1])
    np.testing.assert_array_equal(parts.station, [0, -1, 0, 1])


def test_a_single_satellite_has_one_defect_as_a_constellation_has():
    days, _, _ = cases.small_days()
    one = [with_links(day, day.leo.satellite == 0) for day in days]
    assert rank_defects(one, 1, 2).code_only == rank_defects(days, 5, 2).code_only == 1
    layout = cases.layout_of(SEED_SETTINGS, 1, 2)
    found = solve_calibration(reduced(one, layout))
    x, q, _ = cases.dense_solution(
        cases.dense_problem(one, SEED_SETTINGS, 1, 2), SEED_SETTINGS, 1, 2
    )
    np.testing.assert_allclose(found.estimate, x[: layout.size], atol=1e-8)
    np.testing.assert_allclose(found.sigma_m, np.sqrt(np.diag(q))[: layout.size], rtol=1e-6)


def test_a_satellite_with_one_pass_is_warned_of_and_has_large_sigmas():
    days, _, _ = cases.small_days()
    alone = [with_links(day, (day.leo.satellite > 0) | (i == 0)) for i, day in enumerate(days)]
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    with pytest.warns(LeopntWarning, match="with one pass only, see their sigma: 0"):
        found = solve_calibration(reduced(alone, layout))
    every = solve_calibration(reduced(days, layout))
    assert found.offset_sigma_m[0, 2] > 1.5 * every.offset_sigma_m[0, 2]
    assert np.isfinite(found.condition)


def test_weights_fall_below_thirty_degrees():
    found = sigma_growth(np.radians(np.array([90.0, 30.0, 10.0])), np.radians(30.0))
    np.testing.assert_allclose(found, [1.0, 1.0, 0.5 / np.sin(np.radians(10.0))])


LINKS = {
    "satellite": np.array([0, 0, 1]),
    "epoch": np.array([0, 1, 0]),
    "code_m": np.array([1.0, 2.0, 3.0]),
    "phase_m": np.array([1.0, 2.0, 3.0]),
    "elevation_rad": np.array([0.5, 0.6, 0.7]),
}


def test_slips_gaps_and_other_satellites_start_arcs():
    links, order = sorted_links(
        np.array([1, 0, 0, 0, 0]),
        np.array([3, 0, 1, 2, 4]),
        *np.ones((3, 5)),
        slip=np.array([False, False, False, True, False]),
    )
    np.testing.assert_array_equal(order, [1, 2, 3, 4, 0])
    np.testing.assert_array_equal(links.arc, [0, 0, 1, 2, 3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code_m": np.array([1.0, np.nan, 3.0])}, "code_m of satellite 0, epoch 1 is nan"),
        ({"phase_m": np.ones(3, np.float32)}, "phase_m is of 32 bits; expected float64"),
        ({"phase_m": np.ones(2)}, r"phase_m has shape \(2,\); accepted: \(3,\)"),
        ({"epoch": np.array([1, 1, 0])}, "satellite 0, epoch 1 is there twice"),
        ({"epoch": np.array([-1, 1, 0])}, "epoch holds -1; expected numbers from 0 on"),
        ({"satellite": np.ones(3)}, "satellite has type float64.*expected integers"),
        ({"elevation_rad": np.array([0.5, -0.1, 0.7])}, "epoch 1 is -0.1; expected 0 to pi/2"),
        ({"has_code": np.ones(3)}, "has_code has type float64; expected bool"),
    ],
)
def test_bad_links_are_named(change, message):
    with pytest.raises(LeopntError, match=message):
        sorted_links(**(LINKS | change))


def test_a_missing_code_need_not_be_a_number():
    told = np.array([True, False, True])
    links, _ = sorted_links(**(LINKS | {"code_m": np.array([1.0, np.nan, 3.0])}), has_code=told)
    assert links.code_m[1] == 0.0


def geometry(count=3):
    return leo_geometry(np.tile([0.0, 0.6, 0.8], (count, 1)), np.full(count, 1e6), np.zeros(count))


def any_day(leo=None, reference=None, epoch_s=None):
    leo = leo or sorted_links(**LINKS)[0]
    reference = reference or sorted_links(**LINKS)[0]
    epoch_s = np.array([0.0, 30.0]) if epoch_s is None else epoch_s
    return station_day(0, 0, epoch_s, leo, geometry(len(leo.satellite)), reference)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: any_day(epoch_s=np.array([0.0, -1.0])), "epoch_s of station 0, day 0 is not sort"),
        (lambda: any_day(epoch_s=np.array([0.0])), r"leo\.epoch of .* goes to 1; expected 0 to 0"),
        (
            lambda: any_day(leo=sorted_links(**(LINKS | {"code_m": np.full(3, 5e3)}))[0]),
            r"leo.code_m of station 0, day 0, satellite 0 is 4998 m off .*nanoseconds",
        ),
        (lambda: leo_geometry(np.ones((3, 3)), np.ones(3), np.ones(3)), "whose length is not 1"),
        (lambda: leo_geometry(np.ones((3, 2)), np.ones(3), np.ones(3)), "have shapes"),
        (
            lambda: leo_geometry(np.full((3, 3), np.nan), np.ones(3), np.ones(3)),
            "partials holds NaN or infinity; a gap in the orbit product",
        ),
        (lambda: about_offsets(any_day(), np.zeros((1, 3))), "offset_m has 1 rows"),
        (lambda: CalibrationSettings(code_sigma_m=0.0), "code_sigma_m = 0.0: expected a number"),
        (lambda: CalibrationSettings(mask_rad=10.0), "mask_rad = 10.0: expected 0 to pi/2"),
        (lambda: OncePerRevolution(radial_m=0.0), "radial_m = 0.0: expected an amplitude above 0"),
        (lambda: Layout(0, 1, ("x",)), "num_satellites = 0: expected an integer, 1 or more"),
        (lambda: Layout(1, 1, ("x",), (0.0,)), r"prior_sigma_m = \(0.0,\): expected 1 numbers"),
        (
            lambda: Scene(cases.scene().leo, cases.scene().reference, cases.STATIONS, 0.0),
            "sampling_s = 0.0",
        ),
    ],
)
def test_bad_station_days_and_settings_are_named(call, message):
    with pytest.raises(LeopntError, match=message):
        call()


def refused(day, num_satellites=5, num_stations=2, settings=SEED_SETTINGS):
    reduce_station_day(day, cases.layout_of(settings, num_satellites, num_stations), settings)


def test_a_consider_covariance_needs_columns_to_consider():
    days, _, _ = cases.small_days()
    normals = reduced(days, cases.layout_of(SEED_SETTINGS, 5, 2))
    with pytest.raises(LeopntError, match="no columns with a prior beside the offset"):
        consider_orbits(normals)


def test_days_that_do_not_fit_are_refused():
    days, _, _ = cases.small_days()
    with pytest.raises(LeopntError, match="station = 1: expected 0 to 0"):
        refused(days[1], num_stations=1)
    with pytest.raises(LeopntError, match=r"leo.satellite of station 0, day 0 goes to"):
        refused(days[0], num_satellites=1)
    with pytest.raises(LeopntError, match=r"below the mask of 0.5236 rad"):
        refused(days[0], settings=replace(SEED_SETTINGS, mask_rad=np.radians(30.0)))
    silent = days[0].reference._replace(has_code=np.zeros(len(days[0].reference.arc), bool))
    with pytest.raises(LeopntError, match="has LEO code but no reference code, so that receiver"):
        refused(replace(days[0], reference=silent))


def test_a_node_that_elevation_alone_cannot_tell_is_named():
    days, _, _ = cases.small_days()
    flat = np.full(len(days[0].leo.satellite), 0.8)
    leo = days[0].leo._replace(elevation_rad=flat)
    flat = np.full(len(days[0].reference.satellite), 0.8)
    level = replace(days[0], leo=leo, reference=days[0].reference._replace(elevation_rad=flat))
    with pytest.raises(LeopntError, match=r"singular at .* of station 0, day 0"):
        refused(level)


def test_a_delay_in_phase_too_moves_ambiguities_and_nothing_else(evidence):
    days, _, _ = cases.small_days()
    pair = [with_links(day, day.leo.satellite < 2) for day in days]
    one, other = (
        cases.dense_solution(
            cases.dense_problem(pair, SEED_SETTINGS, 2, 2, in_phase), SEED_SETTINGS, 2, 2
        )
        for in_phase in (False, True)
    )
    layout = cases.layout_of(SEED_SETTINGS, 2, 2)
    found = solve_calibration(reduced(pair, layout))
    size = layout.size
    np.testing.assert_allclose(other[1][:size, :size], one[1][:size, :size], atol=1e-8)
    worst = max(np.max(np.abs(x[0][:size] - found.estimate)) for x in (one, other))
    evidence(
        "methods.calibration.solution",
        "offsets and delays, delay in code alone",
        "dense least squares with the delay in phase as well",
        "invariance",
        achieved=worst,
        tolerance=1e-8,
        unit="m",
    )
