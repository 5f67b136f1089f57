"""What weak input must not do: shift delays, shrink sigmas, or end a whole calibration."""

from dataclasses import replace

import calibration_cases as cases
import numpy as np

from leopnt.methods.calibration import (
    CONSTELLATIONS,
    FREE_LEVEL_SIGMA_M,
    NO_ERRORS,
    SEED_SETTINGS,
    Scene,
    SharedLevel,
    bds3_orbits,
    delay_links,
    draw_truth,
    filter_delays,
    joined_links,
    layout_of,
    polar_star,
    reduce_station_day,
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
