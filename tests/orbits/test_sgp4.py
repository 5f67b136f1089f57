import warnings
from pathlib import Path

import numpy as np
import pytest
import sgp4
from astropy import units as u
from astropy.coordinates import ITRS, TEME, CartesianDifferential, CartesianRepresentation
from astropy.time import Time
from astropy_offline import bundled_iers_table
from sgp4.api import Satrec

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.frames.earth import teme_to_ecef
from leopnt.io.omm import parse_omm
from leopnt.io.tle import parse_tle, read_tle
from leopnt.orbits.sgp4 import (
    DAY_S,
    AnyAge,
    DropOlderThan,
    RefuseOlderThan,
    propagate,
    propagate_chunks,
)

DATA = Path(__file__).parents[2] / "examples" / "data"
TLE = DATA / "tle_2025"
NOON = Epoch.from_iso("2025-12-28T12:00:00Z")
STARLINK = read_tle(TLE / "starlink.tle")
DECAYING = parse_tle(  # satellite 28872 of the verification set: decays within an hour
    "1 28872U 05037B   05333.02012661  .25992681  00000-0  24476-3 0  1534\n"
    "2 28872  96.4736 157.9986 0303955 244.0492 110.6523 16.46015938 10708\n"
).require()


def verification_cases():
    """(TLE lines, table of minutes, km and km/s) of the published verification run."""
    folder = Path(sgp4.__file__).parent
    rows = folder.joinpath("SGP4-VER.TLE").read_text().splitlines()
    lines = {int(row[2:7]): [] for row in rows if row.startswith("1 ")}
    for row in rows:
        if row[:2] in ("1 ", "2 "):
            lines[int(row[2:7])].append(row[:69].rstrip())
    tables, number = {}, 0
    for row in folder.joinpath("tcppver.out").read_text().splitlines():
        words = row.split()
        if row.endswith("xx"):
            number = int(words[0])
            tables[number] = []
        elif len(words) >= 7:
            tables[number].append([float(word) for word in words[:7]])
    return lines, {number: np.array(table) for number, table in tables.items()}


def astropy_ecef(pos_km, vel_kmps, utc):
    velocity = CartesianDifferential(vel_kmps.T * u.km / u.s)
    state = CartesianRepresentation(pos_km.T * u.km, differentials=velocity)
    with bundled_iers_table():
        moved = TEME(state, obstime=utc).transform_to(ITRS(obstime=utc)).cartesian
    return moved.xyz.to_value(u.m).T, moved.differentials["s"].d_xyz.to_value(u.m / u.s).T


def test_published_verification_vectors_are_met(evidence):
    lines, tables = verification_cases()
    worst_m = worst_mps = 0.0
    # near-Earth drag, eccentric, half-day and one-day resonance, deep space
    for number in (5, 6251, 8195, 9880, 14128, 22312, 28057, 28129, 23599):
        elements = parse_tle("\n".join(lines[number])).require()
        table = tables[number]
        epoch = elements.epoch[0] + table[:, 0] * 60.0
        ours = propagate(elements, epoch, age_gate=AnyAge()).state
        theirs = teme_to_ecef(table[:, 1:4] * 1e3, table[:, 4:7] * 1e3, epoch)
        worst_m = max(worst_m, np.max(np.abs(ours.pos_ecef_m[0] - theirs.pos_ecef_m)))
        worst_mps = max(worst_mps, np.max(np.abs(ours.vel_ecef_mps[0] - theirs.vel_ecef_mps)))
    reference = "Vallado et al. 2006, verification output (8 decimals)"
    evidence(
        "orbits.sgp4",
        "SGP4 position, 9 objects of the verification set",
        reference,
        "published",
        achieved=worst_m,
        tolerance=1e-4,
        unit="m",
    )
    evidence(
        "orbits.sgp4",
        "SGP4 velocity, 9 objects of the verification set",
        reference,
        "published",
        achieved=worst_mps,
        tolerance=2e-6,
        unit="m/s",
    )


def test_ecef_states_agree_with_sgp4_and_astropy_over_a_day(evidence):
    rows = TLE.joinpath("iridium.tle").read_text().splitlines()[:15]
    epoch = NOON + np.arange(0.0, 86_400.0, 1200.0)
    ours = propagate(read_tle(TLE / "iridium.tle")[:5], epoch).state
    utc = Time(epoch.to_iso(digits=9).tolist(), scale="utc")
    worst_m = worst_mps = 0.0
    for sat in range(5):
        theirs = Satrec.twoline2rv(*rows[3 * sat + 1 : 3 * sat + 3])
        _, pos_km, vel_kmps = theirs.sgp4_array(utc.jd1, utc.jd2)
        pos_m, vel_mps = astropy_ecef(pos_km, vel_kmps, utc)
        worst_m = max(worst_m, np.max(np.abs(ours.pos_ecef_m[sat] - pos_m)))
        worst_mps = max(worst_mps, np.max(np.abs(ours.vel_ecef_mps[sat] - vel_mps)))
    evidence(
        "orbits.sgp4",
        "TLE to ECEF position, Iridium over one day",
        "sgp4 package reader and astropy TEME to ITRS",
        "implementation",
        achieved=worst_m,
        tolerance=1e-3,
        unit="m",
    )
    evidence(
        "orbits.sgp4",
        "TLE to ECEF velocity, Iridium over one day",
        "sgp4 package reader and astropy TEME to ITRS",
        "implementation",
        achieved=worst_mps,
        tolerance=1e-4,
        unit="m/s",
    )


def test_ecef_positions_agree_with_skyfield(evidence):
    from skyfield.api import EarthSatellite, load
    from skyfield.framelib import itrs

    from leopnt.eop import EopTable

    rows = TLE.joinpath("oneweb.tle").read_text().splitlines()[:3]
    ts = load.timescale(builtin=True)
    epoch = NOON + np.arange(0.0, 86_400.0, 600.0)
    eop = EopTable.bundled().at(epoch)
    tt1, tt2 = epoch.to_jd(TimeScale.TT)
    times = ts.tt_jd(tt1, tt2)
    arcsec = np.degrees(1.0) * 3600
    ts.polar_motion_table = tt1 + tt2, eop.x_pole_rad * arcsec, eop.y_pole_rad * arcsec
    theirs_m = EarthSatellite(*rows[1:], rows[0], ts).at(times).frame_xyz(itrs).m.T
    ours = propagate(read_tle(TLE / "oneweb.tle")[0], epoch).state.pos_ecef_m[0]
    evidence(
        "orbits.sgp4",
        "TLE to ECEF position, OneWeb over one day",
        "skyfield with polar motion (its own UT1 differs by 10 us)",
        "implementation",
        achieved=np.max(np.linalg.norm(ours - theirs_m, axis=1)),
        tolerance=0.02,
        unit="m",
    )


def test_daily_sets_of_sentinel_6a_differ_as_published(evidence):
    history = read_tle(DATA / "tle_history_sentinel6a" / "Sentinel-6A.tle")
    miss_m, days = [], []
    for i in range(len(history) - 1):
        pair, at = history[i : i + 2], history.epoch[i + 1 : i + 2]
        old, new = propagate(pair, at, age_gate=AnyAge()).state.pos_ecef_m[:, 0]
        miss_m.append(np.linalg.norm(new - old))
        days.append(history.epoch[i + 1].since(history.epoch[i]) / DAY_S)
    assert np.median(days) == pytest.approx(1.01, abs=0.01)
    for what, found, expected, tolerance in (
        ("Median", np.median(miss_m), 140.0, 5.0),
        ("Largest", np.max(miss_m), 1300.0, 10.0),
    ):
        evidence(
            "orbits.sgp4",
            f"{what} difference of consecutive daily sets, Sentinel-6A 2022",
            "figure of the data set (rounded to 10 m)",
            "real data",
            achieved=abs(found - expected),
            tolerance=tolerance,
            unit="m",
        )


def test_inertial_velocity_is_ecef_velocity_plus_earth_rotation():
    state = propagate(STARLINK[:20], NOON + np.arange(0.0, 6000.0, 60.0)).state
    swept = np.cross([0.0, 0.0, 7.292_115e-5], state.pos_ecef_m)
    difference = state.vel_inertial_ecef_mps - state.vel_ecef_mps - swept
    assert np.max(np.abs(difference)) < 2e-3  # polar motion tilts the axis by 2e-6 rad


def test_velocity_is_the_rate_of_position_as_far_as_sgp4_goes():
    half_s = 0.5
    before, after, now = (
        propagate(STARLINK[:200], NOON + np.array([t])).state for t in (-half_s, half_s, 0.0)
    )
    rate = (after.pos_ecef_m - before.pos_ecef_m) / (2 * half_s)
    assert np.max(np.abs(rate - now.vel_ecef_mps)) < 0.15  # SGP4's own velocity error


def test_time_runs_through_a_leap_second():
    rows = [
        "1 24793U 97020B   16366.10000000  .00000063  00000-0  15561-4 0  9990",
        "2 24793  86.3979 107.3362 0002206  86.9853 273.1602 14.34216733 27150",
    ]
    signed = [
        r[:68] + str(sum(int(c) if c.isdigit() else c == "-" for c in r[:68]) % 10) for r in rows
    ]
    elements = parse_tle("\n".join(signed)).require()
    epoch = Epoch.from_iso("2016-12-31T23:59:58Z") + np.arange(5.0)
    assert epoch[2].to_iso(digits=0) == "2016-12-31T23:59:60Z"
    pos = propagate(elements, epoch).state.pos_ecef_m[0]
    step_m = np.linalg.norm(np.diff(pos, axis=0), axis=1)
    assert np.ptp(step_m) < 1.0  # a repeated or skipped second would be 7.4 km


def test_nine_digit_numbers_propagate_like_any_other():
    template = (
        "NORAD_CAT_ID,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,ARG_OF_PERICENTER,"
        "MEAN_ANOMALY,BSTAR\n{},2025-12-28T12:00:00,15.06,0.0001,53.05,145.5,91.2,268.9,1e-4\n"
    )
    big, small = (parse_omm(template.format(n)).require() for n in (799_500_123, 44_714))
    epoch = NOON + np.array([0.0, 5000.0])
    np.testing.assert_array_equal(
        propagate(big, epoch).state.pos_ecef_m, propagate(small, epoch).state.pos_ecef_m
    )
    assert big.label(0) == "object 799500123"


def test_chunks_of_any_size_give_the_same_states():
    epoch = NOON + np.arange(0.0, 3600.0, 600.0)
    whole = propagate(STARLINK[:50], epoch)
    for max_states in (1, 40, 10_000):
        chunks = list(propagate_chunks(STARLINK[:50], epoch, max_states=max_states))
        assert all(max(6, max_states) >= part.is_valid.size for _, part in chunks)
        pos = np.concatenate([part.state.pos_ecef_m for _, part in chunks])
        np.testing.assert_allclose(pos, whole.state.pos_ecef_m, atol=1e-8)
        assert next(where.start for where, _ in chunks) == 0
        assert chunks[-1][0].stop == 50


def test_old_elements_are_refused_with_age_limit_and_consequence():
    late = NOON + np.array([0.0, 7 * DAY_S])
    with pytest.raises(LeopntError) as caught:
        propagate(STARLINK[:3], late)
    message = str(caught.value)
    assert (
        "2026-01-04T12:00:00Z is 6.9 days after the epoch of the elements of STARLINK-1008"
        in message
    )
    assert "the age gate allows 3.5 days, and 3 of 3 satellites exceed it" in message
    assert "60 km off (Starlink)" in message
    with pytest.raises(LeopntError, match="days before the epoch"):
        propagate(STARLINK[:3], NOON - 30 * DAY_S + np.zeros(1))
    with pytest.raises(LeopntError, match=r"the age gate allows 0\.01 days"):
        propagate(STARLINK[:3], NOON + np.zeros(1), age_gate=864.0)
    assert np.all(propagate(STARLINK[:3], late, age_gate=RefuseOlderThan(8 * DAY_S)).is_valid)


def test_old_elements_can_be_dropped_or_used_when_asked():
    epoch = NOON + np.array([0.0, 2 * DAY_S, 7 * DAY_S])
    dropped = propagate(STARLINK[:3], epoch, age_gate=DropOlderThan(3 * DAY_S))
    used = propagate(STARLINK[:3], epoch, age_gate=AnyAge())
    assert dropped.is_valid.tolist() == [[True, True, False]] * 3
    assert np.all(np.isnan(dropped.state.pos_ecef_m[:, 2]))
    assert np.all(used.is_valid)
    np.testing.assert_array_equal(dropped.state.pos_ecef_m[:, :2], used.state.pos_ecef_m[:, :2])
    np.testing.assert_allclose(used.age_s[:, 2] - used.age_s[:, 0], 7 * DAY_S, rtol=1e-12)


def test_decayed_satellites_are_missing_and_named():
    # SGP4 errs from minute 60 to 70, and again once a revolution; at 180 it gives numbers.
    epoch = DECAYING.epoch[0] + np.array([0.0, 600.0, 3900.0, 3 * 3600.0])
    with pytest.warns(LeopntWarning, match=r"cannot propagate object 28872 to \+0\.05.*decayed"):
        result = propagate(DECAYING, epoch)
    assert result.is_valid.tolist() == [[True, True, False, False]]
    assert np.all(np.isnan(result.state.vel_ecef_mps[0, 2:]))
    with pytest.warns(LeopntWarning, match=r"to \+0\.12 days.*decayed"):
        assert not propagate(DECAYING, epoch[3:]).is_valid
    assert len(result.problems(DECAYING)) == 1


def test_a_dropped_state_is_not_called_decayed():
    epoch = DECAYING.epoch[0] + np.array([0.0, 3 * 3600.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = propagate(DECAYING, epoch, age_gate=DropOlderThan(3600.0))
    assert result.problems(DECAYING) == []
    assert result.is_valid.tolist() == [[True, False]]


def test_epochs_of_a_wrong_shape_are_refused():
    with pytest.raises(LeopntError, match=r"shape \(epoch,\) and not be empty, got \(\)"):
        propagate(STARLINK[:1], NOON)
    with pytest.raises(LeopntError, match="not be empty"):
        propagate(STARLINK[:1], NOON + np.zeros(0))


def test_no_satellites_give_empty_arrays():
    assert propagate(STARLINK[:0], NOON + np.zeros(2)).state.pos_ecef_m.shape == (0, 2, 3)
