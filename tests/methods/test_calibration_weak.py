"""What weak input must not do: shift delays, shrink sigmas, or end a whole calibration."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.calibration import (
    CONSTELLATIONS,
    FREE_LEVEL_SIGMA_M,
    NO_ERRORS,
    SEED_SETTINGS,
    IsbReference,
    IsbZeroSum,
    Scene,
    SharedLevel,
    arc_correlations,
    bds3_orbits,
    block_bootstrap,
    delay_links,
    draw_truth,
    filter_delays,
    joined_links,
    layout_of,
    load_normals,
    polar_star,
    reduce_station_day,
    save_normals,
    simulate_station_day,
    smooth_delays,
    solve_calibration,
    stacked,
    truth_in_datum,
    values_of_station_day,
)

LAYOUT = layout_of(SEED_SETTINGS, 5, 2)


def solved(days, layout=LAYOUT):
    return solve_calibration(stacked(reduce_station_day(d, layout, SEED_SETTINGS) for d in days))


def summed(days):
    return stacked(reduce_station_day(d, LAYOUT, SEED_SETTINGS) for d in days)


def links_of(days, found):
    """Residual delays of each satellite, joined over station-days."""
    parts = []
    for day in days:
        own = values_of_station_day(day, found, SEED_SETTINGS)
        held = {"clock_m": own.clock_m, "zenith_delay_m": own.zenith_delay_m}
        isb = float(found.isb_m[day.station])
        parts.append(delay_links(day, SEED_SETTINGS, offset_m=found.offset_m, isb_m=isb, **held))
    return [joined_links(of_sat) for of_sat in zip(*parts, strict=True)]


def test_where_a_phase_counter_starts_changes_no_delay(evidence):
    # RINEX lets a counter start anywhere: millions of cycles, another number for each arc.
    days, _, _ = cases.small_days()
    moved = []
    for day in days:
        start = 2e5 * np.random.default_rng(day.station).normal(size=day.leo.num_arcs)
        phase = day.leo.phase_m + start[day.leo.arc]
        moved.append(replace(day, leo=day.leo._replace(phase_m=phase)))
    found = solved(days)
    one, other = links_of(days, found), links_of(moved, found)
    level = found.delay_m, np.full(5, FREE_LEVEL_SIGMA_M)
    worst = 0.0
    for a, b in zip(one, other, strict=True):
        free = (SharedLevel(), 0.0, FREE_LEVEL_SIGMA_M)
        worst = max(
            worst, np.max(np.abs(smooth_delays(a, *free).delay_m - smooth_delays(b, *free).delay_m))
        )
    for a, b in zip(*(filter_delays(x, SharedLevel(), *level) for x in (one, other)), strict=True):
        worst = max(worst, np.max(np.abs(a.delay_m - b.delay_m)))
    evidence(
        "methods.calibration.delays",
        "delays with phase counters that start 200 km off",
        "delays with counters that start near the code",
        "invariance",
        achieved=worst,
        tolerance=1e-6,  # 200 km hold 3e-11 m, 1e4 times the weight of the prior
        unit="m",
    )


def test_an_arc_without_code_is_brought_near_by_code_of_other_arcs():
    days, _, _ = cases.small_days()
    found = solved(days)
    leo = days[0].leo
    arc = leo.arc[0]
    bare = replace(days[0], leo=leo._replace(has_code=leo.has_code & (leo.arc != arc)))
    for day in (days[0], bare):
        for one in links_of([day], found):
            told = np.isfinite(one.phase_variance_m2)
            assert np.all(np.abs(one.phase_m[told] - np.median(one.phase_m[told])) < 1.0)


def test_without_the_level_of_the_same_days_errors_are_like_the_sigmas(evidence):
    # Step 2 and step 3 of the same days, eight seeds: RMS of errors over formal sigmas.
    leo = polar_star(*CONSTELLATIONS["B"]).subset(slice(0, 144, 36))
    scene = Scene(leo, bds3_orbits(), cases.STATIONS[[0, 3, 4]], 120.0)
    truth, layout = draw_truth(3, 4, 3), layout_of(SEED_SETTINGS, 4, 3)
    over = {"free": [], "again": []}
    for seed in range(8):
        days = [simulate_station_day(scene, truth, r, 0, seed, NO_ERRORS) for r in range(3)]
        found = solved(days, layout)
        expected, _ = truth_in_datum(found, truth.delay_m, truth.isb_m)
        for sat, links in enumerate(links_of(days, found)):
            for name, sigma in (("free", FREE_LEVEL_SIGMA_M), ("again", found.delay_sigma_m[sat])):
                got = smooth_delays(links, SharedLevel(), float(found.delay_m[sat]), float(sigma))
                over[name].append(
                    (np.mean((got.delay_m - expected[sat]) ** 2), np.mean(got.sigma_m**2))
                )
    ratio = {k: np.sqrt(np.divide(*np.mean(v, axis=0))) for k, v in over.items()}
    assert ratio["again"] > 1.2 * ratio["free"]  # the same code counted twice
    evidence(
        "methods.calibration.delay_models",
        "errors of delays over their sigma, level free",
        "1, an honest sigma (32 series)",
        "monte carlo",
        achieved=abs(ratio["free"] - 1.0),
        tolerance=0.25,
    )


def barely_seen(days, sat, station, count):
    """The same days with a few links of one satellite to one station only."""
    out = []
    for i, day in enumerate(days):
        own = day.leo.satellite == sat
        first = np.flatnonzero(own)[: count if day.station == station and i < 2 else 0]
        told = ~own
        told[first] = True
        leo = day.leo._replace(has_code=day.leo.has_code & told, has_phase=day.leo.has_phase & told)
        out.append(replace(day, leo=leo))
    return out


def test_a_satellite_that_nothing_determines_is_left_out_alone(evidence):
    # Two links of a satellite tell two of its four unknowns, and once more by phase what the
    # difference of the codes is, which nobody else learns from. The others are as without it.
    days, _, _ = cases.small_days()
    weak, none = barely_seen(days, 3, 1, 2), barely_seen(days, 3, 1, 0)
    with pytest.warns(LeopntWarning, match=r"do not determine: offset [XYZ] of satellite 3\."):
        found = solved(weak)
    with pytest.warns(LeopntWarning, match="not observed, all their results are NaN: 3"):
        expected = solved(none)
    assert found.undetermined[0].endswith("of satellite 3")
    assert np.isnan([*found.offset_m[3], found.delay_m[3]]).all()
    told = np.isfinite(expected.estimate)
    np.testing.assert_array_equal(np.isfinite(found.estimate), told)
    assert found.redundancy == expected.redundancy + 1
    np.testing.assert_allclose(found.sigma_m[told], expected.sigma_m[told], rtol=1e-7)
    evidence(
        "methods.calibration.undetermined",
        "estimates beside a satellite that nothing determines",
        "a network without that satellite",
        "implementation",
        achieved=np.max(np.abs(found.estimate - expected.estimate)[told]),
        tolerance=1e-9,
        unit="m",
    )
    # Station-days with that satellite can still be looked at.
    one, other = (
        values_of_station_day(d[1], c, SEED_SETTINGS) for d, c in ((weak, found), (none, expected))
    )
    np.testing.assert_allclose(one.clock_m, other.clock_m, atol=1e-8)
    assert np.all(np.isnan(one.leo_residuals.code_m[days[1].leo.satellite == 3]))
    assert len(arc_correlations(weak[1], found, SEED_SETTINGS))


def test_a_station_that_only_such_a_satellite_reaches_has_no_bias():
    days, _, _ = cases.small_days()
    cut = []
    for day in barely_seen(days, 3, 1, 2):
        told = (day.leo.satellite == 3) | (day.station == 0)
        cut.append(replace(day, leo=day.leo._replace(has_code=day.leo.has_code & told)))
    with (
        pytest.warns(LeopntWarning, match="do not determine: offset . of satellite 3"),
        pytest.warns(LeopntWarning, match="code of satellites that are left out only.*NaN: 1"),
    ):
        found = solved(cut)
    assert np.isnan(found.isb_m[1])
    assert np.isfinite(found.isb_m[0])
    assert np.all(np.isfinite(np.delete(found.offset_m, 3, axis=0)))


def test_a_datum_that_fixes_nothing_is_no_fault_of_a_satellite():
    class Difference:
        """The difference of two biases, which every level has."""

        def condition(self, satellites, stations):
            return np.zeros(len(satellites)), np.array([1.0, -1.0]), 0.0

        def describe(self):
            return "a difference"

    days, _, _ = cases.small_days()
    with pytest.raises(
        LeopntError, match=r"leaves the level of delays and biases .* \[0, 1\] open"
    ):
        solve_calibration(
            stacked(reduce_station_day(d, LAYOUT, SEED_SETTINGS) for d in days), Difference()
        )


def test_datums_that_are_none_are_refused(untyped):
    days, _, _ = cases.small_days()
    normals = stacked(reduce_station_day(d, LAYOUT, SEED_SETTINGS) for d in days[:2])
    with pytest.raises(
        LeopntError, match=r"datum = <class .*IsbZeroSum'>: expected `IsbZeroSum\(\)`"
    ):
        solve_calibration(normals, IsbZeroSum)  # pyright: ignore[reportArgumentType]
    with pytest.raises(LeopntError, match="station 0 has the bias nan; expected a finite number"):
        IsbReference({0: float("nan")})


def test_residuals_far_above_their_sigmas_are_warned_of():
    days, _, _ = cases.small_days()
    assert not solved(days).is_contradicted
    wrong = []
    for day in days:
        miss = np.where(day.leo.arc % 2 > 0, 1e-3, -1e-3) * day.leo.epoch  # 1 mm an epoch
        wrong.append(
            replace(day, leo=day.leo._replace(phase_m=day.leo.phase_m + 0.03 * np.sin(1e3 * miss)))
        )
    with pytest.warns(LeopntWarning, match=r"s0\^2 = .* expected about 1: residuals are .* times"):
        found = solved(wrong)
    assert found.variance_factor > 2.0


def test_a_station_day_counts_once_however_it_is_stored(tmp_path):
    days, _, _ = cases.small_days()
    one, other = (reduce_station_day(d, LAYOUT, SEED_SETTINGS) for d in days[:2])
    save_normals(tmp_path / "one.npz", one)
    again = load_normals(tmp_path / "one.npz")
    assert again.members == one.members == {(0, 0): 0b11111}
    for twice in ([one, one], [one, other, again], [one + other, again]):
        with pytest.raises(
            LeopntError, match="normals hold station 0, day 0 twice, with satellite 0"
        ):
            stacked(twice)
    drawn = stacked([one.as_drawn(), one.as_drawn()])
    np.testing.assert_array_equal(drawn.matrix, 2.0 * one.matrix)
    assert np.all(np.isfinite(block_bootstrap([summed(days)] * 3, 2, 1)))
    # Files of before have no members, and are added as before.
    with np.load(tmp_path / "one.npz") as file:
        old = {n: file[n] for n in file.files if n not in ("members", "span_s")}
    np.savez(tmp_path / "old.npz", **old)
    before = load_normals(tmp_path / "old.npz")
    assert (before + one).members == one.members
    np.testing.assert_array_equal((before + one).span_s, one.span_s)


def test_satellites_of_one_station_day_may_be_reduced_in_groups():
    days, _, _ = cases.small_days()
    parts = []
    for group in ([0, 1, 2], [3, 4]):
        keep = np.isin(days[0].leo.satellite, group)
        geometry = type(days[0].geometry)(*(x[keep] for x in days[0].geometry))
        day = replace(days[0], leo=days[0].leo.where(keep), geometry=geometry)
        parts.append(reduce_station_day(day, LAYOUT, SEED_SETTINGS))
    assert stacked(parts).members == {(0, 0): 0b11111}


def test_one_pass_is_one_pass_however_many_stations_see_it():
    days, _, _ = cases.small_days()
    with pytest.warns(LeopntWarning, match="satellites with one pass only.*: 0, 1, 2, 3, 4"):
        solved(days[:2])  # both stations, an hour of one day
    normals = summed(days)
    assert not np.any(normals.single_pass)  # two days
