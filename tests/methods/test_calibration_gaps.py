"""Gaps of phase and of time end arcs, slips nobody flagged are found, wrong input is named."""

from dataclasses import replace
from itertools import pairwise

import calibration_cases as cases
import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.io.rinex_obs import read_rinex_obs
from leopnt.io.rinex_obs_writer import write_rinex_obs
from leopnt.methods.calibration.circular_orbits import polar_star
from leopnt.methods.calibration.file_inputs import FileInputs, standard_model
from leopnt.methods.calibration.file_observations import RawLinks
from leopnt.methods.calibration.file_simulation import (
    FileNoise,
    FileScene,
    write_simulated_files,
)
from leopnt.methods.calibration.from_files import station_days_from_files
from leopnt.methods.calibration.product_errors import (
    BASELINE_ERRORS,
    ONCE_PER_REVOLUTION_ERRORS,
)
from leopnt.methods.calibration.products import read_satellites
from leopnt.methods.calibration.quality import leo_slips_of, slips_of, with_slips
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.settings import SEED_SETTINGS
from leopnt.methods.calibration.signals import BEIDOU_SIGNALS
from leopnt.methods.calibration.simulation import draw_truth, simulate_station_day
from leopnt.methods.calibration.slip_detection import WideLaneJumps
from leopnt.methods.calibration.solution import solve_calibration
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    arcs_of,
    epoch_steps,
    sorted_links,
    station_day,
)
from leopnt.observables import BEIDOU_B1C_B2A

SP3 = "examples/data/sp3/COD0MGXFIN_20211180000_01D_05M_ORB.SP3"
START = Epoch.from_iso("2021-04-28T18:30:00", TimeScale.GPST)
PLACES = {"BJFS": np.array([-2_148_744.2386, 4_426_641.2470, 4_044_655.8933])}
TRUTH = draw_truth(6, 24, 2)
LAYOUT = cases.layout_of(SEED_SETTINGS, 24, 2)
NARROW_LANE_M = 299_792_458.0 / (1_575.42e6 + 1_176.45e6)  # of one cycle on both carriers
RAISED = {"baseline": BASELINE_ERRORS, "once per revolution": ONCE_PER_REVOLUTION_ERRORS}


def simulated(errors, station=0):
    return simulate_station_day(cases.scene(24, 2, 30.0), TRUTH, station, 0, 6, errors)


@pytest.fixture(scope="module")
def days():
    errors = replace(BASELINE_ERRORS, clock_white_m=0.0)
    return [simulated(errors, station) for station in range(2)]


def middles(links, least=10):
    """Link in the middle of each arc that is long enough."""
    starts = [*np.flatnonzero(np.diff(links.arc, prepend=-1)), len(links.arc)]
    return [(a + b) // 2 for a, b in pairwise(starts) if b - a >= least]


def jumped(links, places, jump_m):
    """Phases that jump at each of the places, to the end of its arc."""
    phase = links.phase_m.copy()
    for place in places:
        phase[place:][links.arc[place:] == links.arc[place]] += jump_m
    return links._replace(phase_m=phase)


def solved(days):
    return solve_calibration(stacked(reduce_station_day(d, LAYOUT, SEED_SETTINGS) for d in days))


def rebuilt(day, links, **more):
    """The station-day with LEO links through `sorted_links`, as a user's arrays would come."""
    made, order = sorted_links(
        links.satellite, links.epoch, links.code_m, links.phase_m, links.elevation_rad,
        has_code=links.has_code, has_phase=links.has_phase,
    )  # fmt: skip
    geometry = LeoGeometry(*(column[order] for column in day.geometry))
    return station_day(day.station, day.day, day.epoch_s, made, geometry, day.reference, **more)


# Gaps of phase


def test_a_gap_of_phase_ends_an_arc_though_code_goes_on():
    sat, epoch = np.zeros(8, int), np.arange(8)
    told = np.array([True, True, False, False, True, True, False, True])
    values = np.full((3, 8), 0.5)
    for gap, arcs in ((1, [0, 0, 0, 0, 1, 1, 1, 2]), (2, [0, 0, 0, 0, 1, 1, 1, 1]), (3, [0] * 8)):
        links, _ = sorted_links(sat, epoch, *values, has_phase=told, max_gap_epochs=gap)
        np.testing.assert_array_equal(links.arc, arcs)


def test_a_new_ambiguity_after_a_gap_of_phase_does_no_harm(days, evidence):
    broken = []
    for day in days:
        at = middles(day.leo)
        silent = np.isin(np.arange(len(day.leo.arc)), [i - back for i in at for back in (1, 2)])
        links = jumped(day.leo, at, 40 * 0.4527 - 7 * 0.3380)
        broken.append(rebuilt(day, links._replace(has_phase=~silent)))
        assert broken[-1].leo.num_arcs == day.leo.num_arcs + len(at)
    found, clean = solved(broken), solved(days)
    evidence(
        "methods.calibration.station_day",
        "shift of offsets by new ambiguities after phase was silent, over sigma, largest",
        "the same days without a gap",
        "own",
        achieved=np.max(np.abs(found.offset_m - clean.offset_m) / found.offset_sigma_m),
        tolerance=6.0,
    )


# Gaps of time


def test_epochs_left_out_count_in_sampling_intervals(untyped):
    times = np.array([0.0, 30.0, 60.001, 150.0, 180.0, 190.0])
    np.testing.assert_array_equal(epoch_steps(times), [0, 1, 2, 5, 6, 7])
    np.testing.assert_array_equal(epoch_steps(times, 10.0), [0, 3, 6, 15, 18, 19])
    np.testing.assert_array_equal(epoch_steps(times, np.inf), np.arange(6))
    assert epoch_steps(times[:1]).tolist() == [0]
    with pytest.raises(LeopntError, match=r"sampling_s = 0\.0: expected an interval above 0 s"):
        epoch_steps(times, 0.0)


def test_sorted_links_cut_arcs_by_time_where_they_know_it(untyped):
    links = [np.zeros(5, int), np.arange(5), *np.full((3, 5), 0.5)]
    times = np.array([0.0, 30.0, 60.0, 150.0, 180.0])
    np.testing.assert_array_equal(sorted_links(*links)[0].arc, 0)
    timed, _ = sorted_links(*links, epoch_s=times)
    np.testing.assert_array_equal(timed.arc, [0, 0, 0, 1, 1])
    timed, _ = sorted_links(*links, epoch_s=times, max_gap_epochs=3)
    np.testing.assert_array_equal(timed.arc, 0)
    with pytest.raises(LeopntError, match="epoch goes to 4; expected 0 to 2, as epoch_s"):
        sorted_links(*links, epoch_s=times[:3])
    with pytest.raises(LeopntError, match="epoch_s is not sorted"):
        sorted_links(*links, epoch_s=times[::-1])


def without_epochs(day, first, last):
    """The station-day as if its file had left epochs out; a new ambiguity follows."""
    keep = np.ones(len(day.epoch_s), bool)
    keep[first:last] = False
    number = np.cumsum(keep) - 1
    parts = []
    for links, jump in ((day.leo, 3.0), (day.reference, 2.0)):
        moved = links._replace(phase_m=links.phase_m + jump * (links.epoch >= last))
        there = keep[links.epoch]
        some = moved.where(there)
        arc = arcs_of(some.satellite, number[some.epoch], np.zeros(len(some.arc), bool))
        parts.append((some._replace(epoch=number[some.epoch], arc=arc), there))
    (leo, there), (reference, _) = parts
    geometry = LeoGeometry(*(column[there] for column in day.geometry))
    return day.epoch_s[keep], leo, geometry, reference


def test_epochs_missing_from_all_satellites_end_all_arcs(days):
    times, leo, geometry, reference = without_epochs(days[0], 400, 404)
    cut = station_day(0, 0, times, leo, geometry, reference)
    for before, after in ((leo, cut.leo), (reference, cut.reference)):
        over = (np.diff(before.arc) == 0) & (before.epoch[:-1] < 400) & (before.epoch[1:] >= 400)
        assert np.sum(over) >= 1
        np.testing.assert_array_equal(np.diff(after.arc)[over], 1)
        assert after.num_arcs == before.num_arcs + np.sum(over)
    joined = station_day(0, 0, times, leo, geometry, reference, sampling_s=np.inf)
    np.testing.assert_array_equal(joined.reference.arc, reference.arc)
    # What steps over the gap is no slip: no detector looks across it.
    assert not np.any(slips_of(joined, 0.5)[1])
    assert not np.any(leo_slips_of(joined))


def test_wide_lanes_are_not_compared_across_epochs_left_out():
    rng = np.random.default_rng(1)
    count = 60
    phase = np.zeros((count, 2))
    phase[30:, 0] += 5 * 0.19
    code = 0.01 * rng.standard_normal((count, 2))
    at = np.arange(count)
    links = RawLinks(0 * at, at, code, phase, np.zeros(count, bool), BEIDOU_B1C_B2A)
    np.testing.assert_array_equal(np.flatnonzero(WideLaneJumps().slips(links)), [30])
    apart = replace(links, step=at + 4 * (at >= 30))
    assert not np.any(WideLaneJumps().slips(apart))
    np.testing.assert_array_equal(apart.kept(at > 30).step, at[at > 30] + 4)


# Slips of LEO phases


@pytest.mark.parametrize("name", RAISED)
def test_equal_cycles_on_both_carriers_are_found_with_unknown_offsets(name, evidence):
    clean = simulated(RAISED[name])  # white clocks of 1 cm among its errors
    assert not np.any(leo_slips_of(clean))
    put_in = middles(clean.leo)
    found = leo_slips_of(replace(clean, leo=jumped(clean.leo, put_in, NARROW_LANE_M)))
    missed = 1.0 - np.mean(found[put_in])
    assert np.sum(found) == np.sum(found[put_in])
    evidence(
        "methods.calibration.quality",
        f"jumps of one narrow lane missed among LEO phases, {name} errors, share",
        "jumps that were put in, in every pass",
        "own",
        achieved=missed,
        tolerance=0.1,
    )


def test_slips_at_low_elevation_and_of_any_sign_are_found(days):
    day = days[0]
    rng = np.random.default_rng(2)
    starts = np.flatnonzero(np.diff(day.leo.arc, prepend=-1))
    low = [int(i) + 2 for i in starts[:-1] if day.leo.arc[i + 3] == day.leo.arc[i]][::2]
    assert np.max(day.leo.elevation_rad[low]) < np.radians(30.0)
    leo = day.leo
    for place in low:
        leo = jumped(leo, [place], float(rng.choice([-1.0, 1.0])) * NARROW_LANE_M)
    found = leo_slips_of(replace(day, leo=leo))
    np.testing.assert_array_equal(np.flatnonzero(found), low)


def test_with_detection_slips_do_not_spoil_the_offsets(days):
    clean, broken, cut = solved(days), [], []
    for day in days:
        bad = replace(day, leo=jumped(day.leo, middles(day.leo), NARROW_LANE_M))
        broken.append(bad)
        cut.append(with_slips(bad, leo_slips_of(bad), np.zeros(len(day.reference.arc), bool)))
    with pytest.warns(LeopntWarning, match=r"s0\^2 = .* look for cycle slips"):
        blind = solved(broken)
    blind, seen = (np.abs(x.offset_m - clean.offset_m) for x in (blind, solved(cut)))
    assert np.sqrt(np.nanmean(seen**2)) < 0.1 * np.sqrt(np.nanmean(blind**2))


def test_limits_of_detection_are_named_and_nothing_is_found_in_nothing(days, untyped):
    with pytest.raises(LeopntError, match=r"threshold_m = 0\.0: expected a number above 0"):
        leo_slips_of(days[0], 0.0)
    with pytest.raises(LeopntError, match=r"least_sigmas = -1\.0: expected a number above 0"):
        leo_slips_of(days[0], least_sigmas=-1.0)
    none, _ = sorted_links(np.zeros(0, int), np.zeros(0, int), *np.zeros((3, 0)))
    assert not np.any(leo_slips_of(replace(days[0], reference=none)))


# Files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two hours of one station and 24 satellites, with noise."""
    known = read_satellites("C", BEIDOU_SIGNALS.pair, (SP3,), (), START)
    orbits = polar_star(24, 6, 1000e3)
    of = FileScene(orbits, known, PLACES, standard_model(), day_s=7200.0, noise=FileNoise())
    written = write_simulated_files(of, draw_truth(1, 24, 1), tmp_path_factory.mktemp("gaps"), 1)
    return FileInputs(written.observations, (SP3,), (written.leo_sp3,), PLACES)


def loaded(inputs):
    return station_days_from_files(inputs).jobs[0].load()


def test_in_files_slips_by_equal_cycles_and_silent_phases_end_leo_arcs(files, tmp_path):
    good = loaded(files)
    for name, outage in (("slip", False), ("silent", True)):
        obs = read_rinex_obs(files.observations[0])
        leo = obs.systems["L"]
        count = 0
        for s in range(len(leo.satellites)):
            rows = np.flatnonzero(leo.sat == s)
            rows = rows[np.argsort(leo.epoch[rows])]
            for part in np.split(rows, np.flatnonzero(np.diff(leo.epoch[rows]) > 1) + 1):
                if len(part) < 12:
                    continue
                half, count = len(part) // 2, count + 1
                leo.value[np.ix_(part[half:], np.array([1, 3]))] += 1.0 + 6.0 * outage
                if outage:
                    leo.value[np.ix_(part[half - 2 : half], np.array([1, 3]))] = np.nan
        bad = loaded(replace(files, observations=(write_rinex_obs(tmp_path / f"{name}.rnx", obs),)))
        assert count >= 3
        assert bad.leo.num_arcs == good.leo.num_arcs + count
        assert bad.reference.num_arcs == good.reference.num_arcs


def test_in_files_arcs_end_where_epochs_are_left_out(files, tmp_path):
    lines = files.observations[0].read_text().splitlines(keepends=True)
    head = next(i for i, line in enumerate(lines) if "END OF HEADER" in line) + 1
    starts = [i for i, line in enumerate(lines) if line.startswith(">")]
    short = tmp_path / "short.rnx"
    short.write_text("".join(lines[:head] + lines[head : starts[100]] + lines[starts[104] :]))
    good, bad = loaded(files), loaded(replace(files, observations=(short,)))
    assert len(bad.epoch_s) == len(good.epoch_s) - 4
    for all_of, some in ((good.leo, bad.leo), (good.reference, bad.reference)):
        over = np.intersect1d(all_of.arc[all_of.epoch < 100], all_of.arc[all_of.epoch >= 104])
        assert some.num_arcs == all_of.num_arcs + len(over)
    assert len(over) >= 5


def test_a_station_300_m_off_is_refused_by_name_and_value(files):
    off = {"BJFS": PLACES["BJFS"] + np.array([300.0, 0.0, 0.0])}
    message = r"BeiDou code of station BJFS is off its prediction by \d\d\.?\d* m .* below 20 m"
    with pytest.raises(LeopntError, match=message):
        loaded(replace(files, station_pos_ecef_m=off))
    for name in ("least_leo_slip_m", "sampling_s"):
        with pytest.raises(LeopntError, match=f"{name} = -1.0: expected above 0"):
            replace(files, **{name: -1.0})


# Hand-made links


def test_delays_of_90_m_pass_and_one_satellite_beyond_1_km_is_named(days):
    day = days[0]
    links, name = day.leo, int(day.leo.satellite[-1])
    same = links.satellite == name
    for extra, good in ((90.0, True), (1200.0, False)):
        code = links.code_m + extra * same
        arguments = (day.epoch_s, links._replace(code_m=code), day.geometry, day.reference)
        if good:
            station_day(0, 0, *arguments)
        else:
            with pytest.raises(LeopntError, match=f"satellite {name} is 12.* m off reference"):
                station_day(0, 0, *arguments)


def changed(links, column, value, place=3):
    new = getattr(links, column).copy()
    new[place] = value
    return links._replace(**{column: new})


SPOILED = {
    "code_m NaN": (
        lambda x: changed(x, "code_m", np.nan),
        r"leo\.code_m of station 0, day 0, satellite 0, epoch \d+ is nan; expected a finite",
    ),
    "phase_m infinite": (
        lambda x: changed(x, "phase_m", np.inf),
        r"leo\.phase_m of station 0, day 0, satellite 0, epoch \d+ is inf",
    ),
    "32 bits": (
        lambda x: x._replace(phase_m=x.phase_m.astype(np.float32)),
        r"leo\.phase_m of station 0, day 0 is of 32 bits; expected float64",
    ),
    "degrees": (
        lambda x: x._replace(elevation_rad=np.degrees(x.elevation_rad)),
        r"leo\.elevation_rad of station 0, day 0, satellite 0, epoch \d+ is .*\(radians\)",
    ),
    "epoch below 0": (
        lambda x: changed(x, "epoch", -1, 0),
        r"leo\.epoch of station 0, day 0 holds -1; expected numbers from 0 on",
    ),
    "another length": (
        lambda x: x._replace(code_m=x.code_m[1:]),
        r"leo\.code_m of station 0, day 0 has type float64, shape \(\d+,\); expected float64, sh",
    ),
    "flags as numbers": (
        lambda x: x._replace(has_code=x.has_code.astype(int)),
        r"leo\.has_code of station 0, day 0 has type int64, .*; expected bool",
    ),
    "factor": (
        lambda x: x._replace(code_factor=np.full(len(x.arc), np.nan)),
        r"leo\.code_factor of station 0, day 0, satellite 0, epoch \d+ is nan",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_values_of_hand_made_links_are_refused_by_name(name, days, untyped):
    spoil, message = SPOILED[name]
    day = days[0]
    bad = spoil(day.leo)
    with pytest.raises(LeopntError, match=message):
        station_day(0, 0, day.epoch_s, bad, day.geometry, day.reference)
    with pytest.raises(LeopntError, match=message):
        reduce_station_day(replace(day, leo=bad), LAYOUT, SEED_SETTINGS)
