"""Reduced against dense least squares, datums, stacking, and what is printed or known exactly."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.calibration.back_substitution import (
    estimate_station_day,
    residual_statistics,
)
from leopnt.methods.calibration.datum import DelayZeroSum, IsbReference, IsbZeroSum
from leopnt.methods.calibration.link_geometry import about_offsets, link_geometry
from leopnt.methods.calibration.pipeline import reduce_all, reduced_stream
from leopnt.methods.calibration.product_errors import BASELINE_ERRORS
from leopnt.methods.calibration.reduction import (
    load_normals,
    reduce_station_day,
    save_normals,
    stacked,
)
from leopnt.methods.calibration.settings import SEED_SETTINGS, CalibrationSettings
from leopnt.methods.calibration.simulation import (
    QUIET,
    Scene,
    draw_truth,
    simulate_station_day,
)
from leopnt.methods.calibration.solution import in_datum, solve_calibration, truth_in_datum
from leopnt.methods.calibration.zenith_delay import mapping_factor, node_weights

HONEST = CalibrationSettings(ztd_spacing_s=1200.0)


def solved(settings, datum=None):
    days, _, _ = cases.small_days(BASELINE_ERRORS)
    layout = cases.layout_of(settings, 5, 2)
    normals = stacked(reduce_station_day(day, layout, settings) for day in days)
    return solve_calibration(normals, datum), normals, days


@pytest.mark.parametrize("settings", [SEED_SETTINGS, HONEST], ids=["seed", "honest"])
def test_reduced_estimates_are_those_of_one_dense_least_squares(settings, evidence):
    found, _, days = solved(settings)
    problem = cases.dense_problem(days, settings, 5, 2)
    columns = problem[3]
    x, q, squares = cases.dense_solution(problem, settings, 5, 2)
    size = found.layout.size
    worst = np.max(np.abs(found.estimate - x[:size]))
    np.testing.assert_allclose(
        found.covariance, q[:size, :size], rtol=0, atol=1e-7 * np.max(np.diag(q[:size, :size]))
    )
    np.testing.assert_allclose(found.sigma_m, np.sqrt(np.diag(q)[:size]), rtol=1e-7)
    assert found.variance_factor * found.redundancy == pytest.approx(squares, rel=1e-8)
    for day in days:
        local = estimate_station_day(day, found, settings)
        who = (day.station, day.day)
        names = {
            "t": (local.clock_m, local.clock_sigma_m),
            "z": (local.zenith_delay_m, local.zenith_delay_sigma_m),
            "leo": (local.leo_ambiguity_m, local.leo_ambiguity_sigma_m),
            "ref": (local.reference_ambiguity_m, local.reference_ambiguity_sigma_m),
        }
        for name, j in columns.items():
            if len(name) < 3 or name[1] != who:
                continue
            kind, at = (name[2], name[3]) if name[0] == "B" else (name[0], name[2])
            value, sigma = names[kind][0][at], names[kind][1][at]
            if np.isfinite(value):  # an arc of one phase is left out
                worst = max(worst, abs(value - x[j]))
                np.testing.assert_allclose(sigma, np.sqrt(q[j, j]), rtol=1e-6)
    evidence(
        "methods.calibration.back_substitution",
        f"globals, clocks, zenith delays, ambiguities; {len(settings.orbit.names())} columns",
        "dense least squares, all unknowns at once",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
        unit="m",
    )
    for capability in ("reduction", "assembly", "solution", "orbit_models"):
        evidence(
            f"methods.calibration.{capability}",
            f"global estimates, {len(settings.orbit.names())} columns per satellite",
            "dense least squares, all unknowns at once",
            "implementation",
            achieved=np.max(np.abs(found.estimate - x[:size])),
            tolerance=1e-8,
            unit="m",
        )


def test_residuals_are_what_the_estimates_leave():
    found, _, days = solved(SEED_SETTINGS)
    parts = []
    squares = 0.0
    for day in days:
        local = estimate_station_day(day, found, SEED_SETTINGS)
        parts += [local.leo_residuals, local.reference_residuals]
    for part in parts:
        squares += np.nansum(part.code_sigmas**2) + np.nansum(part.phase_sigmas**2)
    assert squares == pytest.approx(found.variance_factor * found.redundancy, rel=1e-8)
    told = residual_statistics(parts)
    assert 0.2 < told.code_rms_m < 0.5
    assert told.largest_sigmas > told.code_rms_sigmas


def test_the_datum_changes_levels_by_the_s_transform_and_nothing_else(evidence):
    base, normals, _ = solved(SEED_SETTINGS)
    datums = [IsbReference({1: 1.25}), DelayZeroSum(), IsbZeroSum()]
    worst = 0.0
    for datum in datums:
        direct = solve_calibration(normals, datum)
        moved = in_datum(base, datum)
        k = direct.delay_m - base.delay_m
        worst = max(
            worst,
            np.max(np.abs(direct.estimate - moved.estimate)),
            np.max(np.abs(direct.covariance - moved.covariance)),
            np.ptp(k),
            np.ptp(direct.isb_m - base.isb_m + k[0]),
            np.max(np.abs(direct.offset_m - base.offset_m)),
        )
        assert direct.variance_factor == pytest.approx(base.variance_factor, rel=1e-12)
        assert datum.describe()
    assert in_datum(base, IsbReference({1: 1.25})).isb_m[1] == pytest.approx(1.25, abs=1e-12)
    evidence(
        "methods.calibration.datum",
        "estimates and covariances of three datums",
        "S-transform",
        "invariance",
        achieved=worst,
        tolerance=1e-9,
        unit="m",
    )


@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")
def test_without_noise_the_truth_comes_back(evidence):
    scene = cases.scene(24, 3, 60.0)
    truth = draw_truth(2, 24, 3)
    layout = cases.layout_of(SEED_SETTINGS, 24, 3)
    loads = [
        (lambda r=r: simulate_station_day(scene, truth, r, 0, 2, noise=QUIET)) for r in range(3)
    ]
    found = solve_calibration(reduce_all(loads, layout, SEED_SETTINGS))
    delay, isb = truth_in_datum(found, truth.delay_m, truth.isb_m)
    worst = max(
        np.max(np.abs(found.offset_m - truth.offset_m)),
        np.max(np.abs(found.delay_m - delay)),
        np.max(np.abs(found.isb_m - isb)),
    )
    # What is left is |p_perp|^2 / (2 rho), and a second round about the first estimate has none.
    again = [(lambda load=load: about_offsets(load(), found.offset_m)) for load in loads]
    second = solve_calibration(reduce_all(again, layout, SEED_SETTINGS))
    worst_again = np.max(np.abs(found.offset_m + second.offset_m - truth.offset_m))
    for name, value, limit in (("first", worst, 3e-5), ("second", worst_again, 1e-8)):
        evidence(
            "methods.calibration.link_geometry",
            f"offsets of noise-free ranges, {name} round",
            "what the simulation put in",
            "own",
            achieved=value,
            tolerance=limit,
            unit="m",
        )


def test_threads_stacking_and_files_change_no_bit(tmp_path, evidence):
    _, normals, days = solved(SEED_SETTINGS)
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    loads = [lambda day=day: day for day in days]
    on_threads = list(reduced_stream(loads, layout, SEED_SETTINGS, threads=2))
    for i, one in enumerate(on_threads):
        save_normals(tmp_path / f"{i}.npz", one)
    again = stacked(load_normals(tmp_path / f"{i}.npz") for i in range(len(days)))
    off = max(np.max(np.abs(again.matrix - normals.matrix)), abs(again.square - normals.square))
    assert again.layout == normals.layout
    assert again.num_observations == normals.num_observations
    np.testing.assert_array_equal(again.num_arcs, normals.num_arcs)
    evidence(
        "methods.calibration.pipeline",
        "stored, stacked and threaded normal equations",
        "all station-days at once",
        "invariance",
        achieved=off,
        tolerance=0.0,
    )
    (tmp_path / "bad.npz").write_text("nothing")
    with pytest.raises(LeopntError, match=r"bad\.npz holds no reduced normal equations"):
        load_normals(tmp_path / "bad.npz")
    with pytest.raises(LeopntError, match="different layouts do not add"):
        normals + reduce_station_day(days[0], cases.layout_of(SEED_SETTINGS, 6, 2), SEED_SETTINGS)
    with pytest.raises(LeopntError, match="no station-day at all"):
        stacked([])
    with pytest.raises(LeopntError, match="threads = 0: expected 1 or more"):
        list(reduced_stream(loads, layout, SEED_SETTINGS, threads=0))


def test_the_same_job_gives_the_same_numbers_in_any_order():
    scene = cases.scene(24, 2, 60.0)
    truth = draw_truth(3, 24, 2)
    first = simulate_station_day(scene, truth, 1, 1, 3, BASELINE_ERRORS)
    simulate_station_day(scene, truth, 0, 0, 3, BASELINE_ERRORS)
    again = simulate_station_day(scene, truth, 1, 1, 3, BASELINE_ERRORS)
    np.testing.assert_array_equal(first.leo.code_m, again.leo.code_m)
    # A satellite keeps its numbers when others are left out.
    fewer = replace(scene, leo=scene.leo.subset(slice(0, 5)))
    part = simulate_station_day(fewer, truth, 1, 1, 3, BASELINE_ERRORS)
    same = first.leo.satellite < 5
    np.testing.assert_array_equal(part.leo.phase_m, first.leo.phase_m[same])


def test_visible_links_are_all_those_above_the_mask():
    scene = cases.scene(24, 6, 30.0)
    fine = Scene(scene.leo, scene.reference, scene.station_pos_ecef_m[:1], 10.0)
    truth = draw_truth(3, 24, 1)
    day = simulate_station_day(fine, truth, 0, 0, 1, noise=QUIET)
    t = fine.epochs_of(0)
    seen = np.zeros((24, len(t)), bool)
    seen[day.leo.satellite, day.leo.epoch] = True
    for s in range(0, 24, 5):
        pos, _ = scene.leo.states(np.full(len(t), s), t)
        el = link_geometry(pos, scene.station_pos_ecef_m[0]).elevation_rad
        np.testing.assert_array_equal(seen[s], el >= np.radians(10.0))


def test_elevation_and_mapping_of_the_worked_case(evidence):
    pos = np.array([[-2500000.0, 5200000.0, 4400000.0]])
    found = link_geometry(pos, np.array([-2831733.0, 4675666.0, 3275369.0]))
    slant = mapping_factor(found.elevation_rad)[0]
    assert abs(np.degrees(found.elevation_rad[0]) - 39.545513427) < 6e-10
    evidence(
        "methods.calibration.zenith_delay",
        "mapping factor",
        "worked case of an independent implementation, 10 decimals",
        "implementation",
        achieved=abs(slant - 1.5683253107),
        tolerance=6e-11,
    )


def test_nodes_interpolate_a_broken_line_exactly():
    t = np.arange(0.0, 86400.0, 30.0) + 17.0
    found = node_weights(t, 7200.0)
    assert found.num_nodes == 13
    nodes = np.random.default_rng(1).normal(size=13)
    line = found.left * nodes[found.interval] + found.right * nodes[found.interval + 1]
    np.testing.assert_allclose(line, np.interp(t - 17.0, 7200.0 * np.arange(13), nodes), atol=1e-12)


def test_an_arc_of_one_phase_changes_nothing():
    _, _, days = solved(SEED_SETTINGS)
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    links = days[0].reference
    alone = np.zeros(len(links.arc), int) + links.arc
    alone[-1] += 1  # the last link becomes an arc of its own
    broken = replace(days[0], reference=links._replace(arc=alone))
    told = links.has_phase.copy()
    told[-1] = False
    without = replace(days[0], reference=links._replace(has_phase=told))
    one, two = (reduce_station_day(day, layout, SEED_SETTINGS) for day in (broken, without))
    np.testing.assert_allclose(one.matrix, two.matrix, rtol=1e-12)
    assert one.num_observations == two.num_observations


def test_a_satellite_that_nobody_saw_is_nan_with_a_warning():
    _, _, days = solved(SEED_SETTINGS)
    layout = cases.layout_of(SEED_SETTINGS, 6, 2)
    normals = stacked(reduce_station_day(day, layout, SEED_SETTINGS) for day in days)
    with pytest.warns(LeopntWarning, match="satellites not observed.* NaN: 5"):
        found = solve_calibration(normals)
    assert np.all(np.isnan(found.offset_m[5]))
    assert np.isfinite(found.offset_m[:5]).all()
    np.testing.assert_allclose(found.offset_m[:5], solved(SEED_SETTINGS)[0].offset_m, atol=1e-10)


def test_a_receiver_clock_of_a_millisecond_costs_no_digits(evidence):
    base, _, days = solved(SEED_SETTINGS)
    clock = 3e5 + 40.0 * np.arange(60)  # 1 ms and a drift that a code solution would remove
    late = []
    for day in days:
        links = [
            x._replace(code_m=x.code_m + clock[x.epoch], phase_m=x.phase_m + clock[x.epoch] + 2e7)
            for x in (day.leo, day.reference)
        ]
        late.append(replace(day, leo=links[0], reference=links[1]))
    layout = cases.layout_of(SEED_SETTINGS, 5, 2)
    found = solve_calibration(
        stacked(reduce_station_day(day, layout, SEED_SETTINGS) for day in late)
    )
    assert found.variance_factor == pytest.approx(base.variance_factor, rel=1e-5)
    evidence(
        "methods.calibration.assembly",
        "estimates with a clock of 300 km and ambiguities of 20 000 km",
        "estimates without",
        "invariance",
        achieved=np.max(np.abs(found.estimate - base.estimate)),
        tolerance=1e-6,  # 20 000 km hold 4e-9 m; the sigma of phase is 3e-3 m
        unit="m",
    )
