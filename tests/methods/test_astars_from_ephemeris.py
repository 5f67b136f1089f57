"""Phases of real GPS and OneWeb satellites through a wall, and the fix from them."""

import astars_skies
import astars_worked_case as case
import numpy as np
import pytest
from astars_ephemerides import DATA, READING, WEST, real

from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.methods.astars import (
    DIRECT,
    AstarsStatus,
    AstarsTheta,
    CodeAndPhase,
    Routes,
    joint_fix,
    joint_fix_from_ephemeris,
    knowledge,
    open_view,
    panel_view,
    received,
    relayed_phases,
    routes,
    surface_baseline,
)
from leopnt.orbits.sgp4 import AnyAge, propagate

C_MPS, SPIN_RADPS = 299792458.0, 7.2921151467e-5
S, U, AOD = case.SURFACE_ECEF_M, case.OUTDOOR_ECEF_M, case.AOD
NUM_LINKS, SIGMA_M, LATE_S = 8, 0.01, 1e-3
EPHEMERIDES = ("oneweb", "gps")
START_ECEF_M = U + np.array([9.0, -5.0, 3.0])


def theta(clock_bias_s=LATE_S, receiver=U):
    return AstarsTheta(S[None], np.asarray(receiver), np.asarray(C_MPS * clock_bias_s))


def told(clock_bias_s=LATE_S, **more):
    return knowledge(
        departure=AOD[None],
        sigma_aod_rad=1e-4,
        clock_bias_s=clock_bias_s,
        sigma_sync_s=1e-9,
        **more,
    )


@pytest.fixture(scope="module")
def satellites():
    return [real(name) for name in EPHEMERIDES]


@pytest.fixture(scope="module")
def way(satellites):
    """Five satellites of OneWeb and three of GPS through the wall."""
    every = routes([panel_view(satellites, WEST, READING)])
    chosen = [np.flatnonzero(every.ephemeris == k)[:n] for k, n in ((0, 5), (1, 3))]
    return Routes(*(column[np.concatenate(chosen)] for column in every))


@pytest.fixture(scope="module")
def fixed(satellites, way):
    """The fix of exact phases with a clock that is 1 ms late, no survey."""
    got = received(satellites, way, theta(), READING)
    return joint_fix_from_ephemeris(
        satellites, way, got.range_m, SIGMA_M, told(), READING, START_ECEF_M
    )


def sent_by_sgp4(name, sat_index, arrival_epoch):
    """Position at transmission, in the axes of the arrival at S: SGP4 and a fixed point."""
    one = read_tle(DATA / "tle_2025" / f"{name}.tle")[sat_index : sat_index + 1]
    tau = 0.0
    for _ in range(4):
        state = propagate(one, arrival_epoch + np.array([-tau]), age_gate=AnyAge()).state
        x, y, z = np.ravel(state.pos_ecef_m)
        turn = np.exp(-1j * SPIN_RADPS * tau) * (x + 1j * y)
        position = np.array([turn.real, turn.imag, z])
        tau = np.linalg.norm(position - S) / C_MPS
    return position


@pytest.mark.parametrize("link", [0, NUM_LINKS - 1])
def test_phases_are_those_of_satellites_one_flight_earlier(link, satellites, way, evidence):
    got = received(satellites, way, theta(), READING)
    arrival = READING + (-LATE_S - np.linalg.norm(U - S) / C_MPS)
    name = EPHEMERIDES[way.ephemeris[link]]
    position = sent_by_sgp4(name, int(way.sat_index[link]), arrival)
    expected = np.linalg.norm(position - S) + np.linalg.norm(U - S) + C_MPS * LATE_S
    # The ephemeris interpolates SGP4 to 10 um (LEO); GPS moves less.
    evidence(
        "methods.astars.from_ephemeris",
        f"relayed range of a satellite of {name}, clock 1 ms late",
        "SGP4 and a fixed point in NumPy",
        "implementation",
        achieved=abs(got.range_m[link] - expected),
        tolerance=1e-4,
        unit="m",
    )
    evidence(
        "methods.astars.arrival",
        f"position at transmission of a satellite of {name}, in the axes of the arrival",
        "SGP4 and a fixed point in NumPy",
        "implementation",
        achieved=np.max(np.abs(got.sat_pos_ecef_m[link] - position)),
        tolerance=1e-4,
        unit="m",
    )


def test_a_clock_1_ms_late_moves_nothing(fixed, evidence):
    assert fixed.status == AstarsStatus.ok
    evidence(
        "methods.astars.from_ephemeris",
        "receiver by GPS and OneWeb through a wall, clock 1 ms late, no survey",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(fixed.fix.rx_pos_ecef_m - U),
        tolerance=1e-6,
        unit="m",
    )
    np.testing.assert_allclose(fixed.fix.surface_pos_ecef_m[0], S, atol=1e-6)
    np.testing.assert_allclose(fixed.fix.clock_bias_s, LATE_S, rtol=1e-9)
    assert fixed.moved_m < 1e-7


def test_without_the_clock_leo_orbits_are_entered_meters_away(satellites, way, evidence):
    late = received(satellites, way, theta(), READING)
    on_time = received(satellites, way, theta(0.0), READING)
    moved = np.linalg.norm(late.sat_pos_ecef_m - on_time.sat_pos_ecef_m, axis=1)
    assert np.all((moved[way.ephemeris == 0] > 6.5) & (moved[way.ephemeris == 0] < 8.0))
    evidence(
        "methods.astars.arrival",
        "orbit of OneWeb in 1 ms of clock",
        "speed of a circular orbit at 1200 km over the turning Earth, 7.2 m",
        "closed form",
        achieved=np.max(np.abs(moved[way.ephemeris == 0] - 7.24)),
        tolerance=0.3,
        unit="m",
    )
    uncorrected = relayed_phases(on_time.sat_pos_ecef_m, late.range_m, SIGMA_M)
    found = joint_fix(uncorrected, told(), START_ECEF_M)
    assert np.linalg.norm(found.rx_pos_ecef_m - U) > 1.0


def test_relayed_and_direct_satellites_mix(satellites, way, evidence):
    sky = open_view(satellites, U, READING)
    top = np.flatnonzero(sky.ephemeris[sky.visible] == 0)[:3]
    mixed = Routes(
        np.concatenate([way.ephemeris[3:], sky.ephemeris[top]]),
        np.concatenate([way.sat_index[3:], sky.sat_index[top]]),
        np.concatenate([way.surface[3:], np.full(3, DIRECT)]),
    )
    got = received(satellites, mixed, theta(-2e-4), READING)
    # One surface gives one number, three direct satellites three: no network time, no direction.
    known = knowledge(surface_pos_ecef_m=S[None])
    found = joint_fix_from_ephemeris(
        satellites, mixed, got.range_m, SIGMA_M, known, READING, START_ECEF_M
    )
    # A sphere and two planes meet in two points.
    assert found.status == AstarsStatus.ambiguous
    evidence(
        "methods.astars.from_ephemeris",
        "receiver by three direct satellites and a surveyed surface, no network time",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.fix.rx_pos_ecef_m - U),
        tolerance=1e-4,
        unit="m",
    )


def test_one_surface_without_network_time_is_named(satellites, way):
    got = received(satellites, way, theta(), READING)
    known = knowledge(surface_pos_ecef_m=S[None])
    found = joint_fix_from_ephemeris(
        satellites, way, got.range_m, SIGMA_M, known, READING, START_ECEF_M
    )
    assert found.status == AstarsStatus.receiver_hidden
    assert np.all(np.isnan(found.fix.rx_pos_ecef_m))


def test_a_baseline_to_leo_takes_satellites_where_each_receiver_has_them(satellites, way, evidence):
    base_m = S + np.array([600.0, -500.0, 600.0])
    wavelength_m = case.WAVELENGTH_M
    leo = Routes(*(column[way.ephemeris == 0] for column in way))
    relayed = received(satellites, leo, theta(), READING)
    direct = leo._replace(surface=np.full(leo.surface.size, DIRECT))
    at_base = received(satellites, direct, theta(0.0, base_m), READING)

    def found(**positions):
        return surface_baseline(
            relayed.sat_pos_ecef_m,
            base_m,
            CodeAndPhase(at_base.range_m, at_base.range_m / wavelength_m),
            CodeAndPhase(relayed.range_m, relayed.range_m / wavelength_m),
            wavelength_m,
            **positions,
        )

    own = found(base_sat_pos_ecef_m=at_base.sat_pos_ecef_m)
    evidence(
        "methods.astars.surface_baseline",
        "float surface by OneWeb, 1 km from its base, clocks 1 ms apart",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(own.surface_pos_ecef_m - S),
        tolerance=1e-5,
        unit="m",
    )
    assert np.linalg.norm(found().surface_pos_ecef_m - S) > 1.0


def test_a_fixed_surface_serves_the_joint_fix(satellites, way):
    # The baseline of an earlier epoch, its integers fixed, is the survey of a later one.
    sky_m, base_m = astars_skies.sky(np.random.default_rng(9), 1, 12)[0], S + 100.0
    ranges = [np.linalg.norm(sky_m - place, axis=1) for place in (base_m, S)]
    noise = np.random.default_rng(9).normal(size=(2, 12))
    both = [
        CodeAndPhase(r + 0.3 * e, (r + 3e-3 * e[::-1]) / case.WAVELENGTH_M)
        for r, e in zip(ranges, noise, strict=True)
    ]
    found = surface_baseline(sky_m, base_m, *both, case.WAVELENGTH_M)
    assert found.is_fixed
    known = told(**found.survey()._asdict())
    got = received(satellites, way, theta(), READING)
    fix = joint_fix_from_ephemeris(
        satellites, way, got.range_m, SIGMA_M, known, READING, START_ECEF_M
    )
    assert fix.status == AstarsStatus.ok
    off = np.linalg.norm(fix.fix.rx_pos_ecef_m - U)
    assert off < 4.0 * np.sqrt(np.trace(fix.fix.covariance_m2)) < 1.5


def test_several_views_number_the_surfaces_in_their_order(satellites):
    one = panel_view(satellites[1], WEST, READING)
    both = routes([one, one], direct=one)
    count = int(one.num_visible)
    np.testing.assert_array_equal(both.surface, np.repeat([0, 1, DIRECT], count))
    np.testing.assert_array_equal(both.sat_index, np.tile(one.sat_index[one.visible], 3))


def changed(way, **columns):
    return way._replace(**{name: np.asarray(value) for name, value in columns.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ephemeris": np.full(NUM_LINKS, 2)}, r"way.ephemeris: got .*; expected 0 to 1"),
        ({"sat_index": np.full(NUM_LINKS, 651)}, "way.sat_index: got 651; ephemeris 0 has"),
        ({"sat_index": np.zeros(7, int)}, r"way: its columns have shapes \[\(8,\), \(7,\)"),
        ({"surface": np.full(NUM_LINKS, 1)}, "way.surface: got .*; expected 0 to 0, or -1"),
    ],
)
def test_routes_that_lead_nowhere_are_refused(change, message, satellites, way, untyped):
    with pytest.raises(LeopntError, match=message):
        received(satellites, changed(way, **change), theta(), READING)


def test_times_outside_the_ephemeris_and_wrong_shapes_are_refused(satellites, way, untyped):
    with pytest.raises(LeopntError, match="has no state when it sent what is received"):
        received(satellites, way, theta(), READING + 1e4)
    ranges = np.full(NUM_LINKS - 1, 2e7)
    with pytest.raises(LeopntError, match=r"range_m has shape \(7,\) for 8 routes"):
        joint_fix_from_ephemeris(satellites, way, ranges, SIGMA_M, told(), READING)
    several = knowledge(clock_bias_s=np.zeros(2), sigma_sync_s=1e-9)
    ranges = np.full(NUM_LINKS, 2e7)
    with pytest.raises(LeopntError, match="reading, known: hold several epochs"):
        joint_fix_from_ephemeris(satellites, way, ranges, SIGMA_M, several, READING)
    with pytest.raises(LeopntError, match=r"start_ecef_m has shape \(2,\)"):
        joint_fix_from_ephemeris(satellites, way, ranges, SIGMA_M, told(), READING, np.zeros(2))


@pytest.mark.parametrize("link", [0, NUM_LINKS - 1])
def test_velocities_are_derivatives_of_positions(link, satellites, way, evidence):
    got = received(satellites, way, theta(), READING)
    arrival = READING + (-LATE_S - np.linalg.norm(U - S) / C_MPS)
    name = EPHEMERIDES[way.ephemeris[link]]
    one = read_tle(DATA / "tle_2025" / f"{name}.tle")
    one = one[int(way.sat_index[link]) : int(way.sat_index[link]) + 1]
    tau = np.linalg.norm(got.sat_pos_ecef_m[link] - S) / C_MPS
    step = 2.0  # the fifth derivative leaves 1e-9 m/s, the rounding of SGP4's time 1e-5
    times = step * np.array([-2.0, -1.0, 1.0, 2.0]) - tau
    at = propagate(one, arrival + times, age_gate=AnyAge()).state.pos_ecef_m.reshape(4, 3)
    x, y, z = np.array([1.0, -8.0, 8.0, -1.0]) @ at / (12.0 * step)
    turn = np.exp(-1j * SPIN_RADPS * tau) * (x + 1j * y)
    evidence(
        "methods.astars.arrival",
        f"velocity at transmission of a satellite of {name}",
        "differences of SGP4 positions",
        "implementation",
        achieved=np.max(np.abs(got.sat_vel_ecef_mps[link] - [turn.real, turn.imag, z])),
        tolerance=5e-5,
        unit="m/s",
    )
