import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.sp3 import read_sp3
from leopnt.io.tle import read_tle
from leopnt.orbits import constellations, kepler, tabulated
from leopnt.orbits.elements import concatenate
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.orbits.sgp4 import AnyAge, propagate

DATA = Path(__file__).parents[2] / "examples" / "data"
START = Epoch.from_iso("2025-12-28T12:00:00.25Z")
LEO = concatenate(
    [
        read_tle(DATA / "tle_2025" / f"{name}.tle")[::step]
        for name, step in (("starlink", 50), ("oneweb", 40), ("iridium", 20), ("orbcomm", 5))
    ]
)
DURATION_S = 3600.0
EPHEMERIS = Ephemeris.from_sgp4(LEO, START, DURATION_S)


@jax.jit
def all_states(ephemeris, t_s):
    over_time = jax.vmap(ephemeris.state, (None, 0))
    return jax.vmap(over_time, (0, None))(jnp.arange(ephemeris.pos_ecef_m.shape[0]), t_s)


def largest(ours, theirs):
    return float(np.max(np.linalg.norm(np.asarray(ours) - np.asarray(theirs), axis=-1)))


def test_default_step_meets_sgp4_between_the_nodes(evidence):
    t_s = np.sort(np.random.default_rng(1).uniform(0.0, DURATION_S, 300))
    t_s[[0, -1]] = 0.0, DURATION_S
    ours = all_states(EPHEMERIS, jnp.asarray(t_s))
    theirs = propagate(LEO, START + t_s).state
    for what, field, tolerance, unit in (
        ("position", "pos_ecef_m", 1e-4, "m"),
        ("ECEF velocity", "vel_ecef_mps", 1e-6, "m/s"),
        ("inertial velocity", "vel_inertial_ecef_mps", 1e-6, "m/s"),
    ):
        evidence(
            "orbits.ephemeris",
            f"Interpolated {what}, Starlink, OneWeb, Iridium, Orbcomm, nodes of 60 s",
            "SGP4 at the same epochs",
            "implementation",
            achieved=largest(getattr(ours, field), getattr(theirs, field)),
            tolerance=tolerance,
            unit=unit,
        )


@pytest.mark.parametrize(("step_s", "tolerance_m"), [(20.0, 1e-4), (120.0, 5e-3)])
def test_other_steps_do_what_they_say(step_s, tolerance_m):
    ephemeris = Ephemeris.from_sgp4(LEO, START, 1800.0, step_s=step_s)
    t_s = np.linspace(0.0, 1800.0, 101)
    ours = all_states(ephemeris, jnp.asarray(t_s)).pos_ecef_m
    assert largest(ours, propagate(LEO, START + t_s).state.pos_ecef_m) < tolerance_m


def test_medium_and_geosynchronous_orbits_meet_sgp4():
    high = read_tle(DATA / "tle_2025" / "beidou.tle")[::4]
    ephemeris = Ephemeris.from_sgp4(high, START, 1200.0, age_gate=AnyAge())
    t_s = np.linspace(0.0, 1200.0, 41)
    theirs = propagate(high, START + t_s, age_gate=AnyAge()).state
    assert largest(all_states(ephemeris, jnp.asarray(t_s)).pos_ecef_m, theirs.pos_ecef_m) < 2e-4


def test_derivative_of_position_is_smooth_and_close_to_the_velocity():
    rate = jax.jit(jax.jacfwd(lambda t: EPHEMERIS.state(3, t).pos_ecef_m))
    t_s = jnp.asarray(777.7)
    state = EPHEMERIS.state(3, t_s)
    step = 0.5
    difference = (
        EPHEMERIS.state(3, t_s + step).pos_ecef_m - EPHEMERIS.state(3, t_s - step).pos_ecef_m
    )
    np.testing.assert_allclose(rate(t_s), difference / (2 * step), atol=1e-3)
    assert np.linalg.norm(rate(t_s) - state.vel_ecef_mps) < 0.15  # SGP4's own inconsistency
    left, right = rate(jnp.asarray(600.0 - 1e-6)), rate(jnp.asarray(600.0 + 1e-6))  # at a node
    assert np.linalg.norm(left - right) < 1e-4


def test_outside_the_span_and_beyond_the_satellites_there_is_nothing():
    for sat, t_s in ((0, -1e-6), (0, DURATION_S + 1e-6), (len(LEO), 10.0), (-1, 10.0)):
        assert np.all(np.isnan(EPHEMERIS.state(sat, t_s).pos_ecef_m))
    for t_s in (0.0, DURATION_S):
        assert np.all(np.isfinite(EPHEMERIS.state(0, t_s).vel_inertial_ecef_mps))


def test_seconds_of_epochs_are_checked_against_the_span():
    epoch = START + np.array([0.0, 1234.5])
    np.testing.assert_allclose(EPHEMERIS.seconds(epoch), [0.0, 1234.5], atol=1e-12)
    assert EPHEMERIS.reference == START
    with pytest.raises(
        LeopntError, match=r"spans 2025-12-28T12:00:00\.250Z to 2025-12-28T13:00:00"
    ):
        EPHEMERIS.seconds(START + DURATION_S + 1.0)


def test_32_bit_is_refused():
    with pytest.raises(LeopntError, match="t_s is float32; 32 bit resolves 6 to 25 cm"):
        EPHEMERIS.state(0, jnp.asarray(1.0, dtype=jnp.float32))
    with pytest.raises(LeopntError, match=r"Ephemeris\.pos_ecef_m is float32"):
        dataclasses.replace(EPHEMERIS, pos_ecef_m=EPHEMERIS.pos_ecef_m.astype(jnp.float32))


def test_another_epoch_of_the_same_shape_does_not_compile_again():
    count = 0

    @jax.jit
    def kernel(ephemeris, t_s):
        nonlocal count
        count += 1
        return ephemeris.state(0, t_s).pos_ecef_m

    t_s = jnp.asarray(5.0)
    kernel(EPHEMERIS, t_s)
    later = Ephemeris.from_sgp4(LEO, START + 100.0, DURATION_S)
    np.testing.assert_allclose(kernel(later, t_s), EPHEMERIS.state(0, 105.0).pos_ecef_m, atol=1e-4)
    assert count == 1


def test_a_table_becomes_an_ephemeris():
    table = read_sp3(DATA / "sp3" / "COD0MGXFIN_20211180000_01D_05M_ORB.SP3").tabulated()
    ephemeris = Ephemeris.from_tabulated(table)
    t_s = np.linspace(0.0, 21_600.0, 163)
    ours = all_states(ephemeris, jnp.asarray(t_s))
    theirs = tabulated.interpolate(table, table.epoch[0] + t_s).require()
    # Where the windows of the table change, its polynomials differ by the rounding of the file.
    assert largest(ours.pos_ecef_m, theirs.pos_ecef_m) < 3e-4
    assert largest(ours.vel_ecef_mps, theirs.vel_ecef_mps) < 1e-4
    assert largest(ours.vel_inertial_ecef_mps, theirs.vel_inertial_ecef_mps) < 1e-4


def test_gaps_of_a_table_stay_gaps():
    table = read_sp3(DATA / "sp3" / "nsgf_stella_20231208_0000.sp3").tabulated()
    pos = table.pos_ecef_m.copy()
    pos[0, 15] = np.nan
    ephemeris = Ephemeris.from_tabulated(dataclasses.replace(table, pos_ecef_m=pos))
    t_s = np.arange(0.0, 5400.0, 90.0)
    found = np.isfinite(all_states(ephemeris, jnp.asarray(t_s)).pos_ecef_m[0, :, 0])
    in_gap = (t_s > 14 * 180.0) & (t_s < 16 * 180.0)
    far_from_gap = (t_s < 14 * 180.0 - 240.0) | (t_s > 16 * 180.0 + 240.0)
    assert not np.any(found[in_gap])
    assert np.all(found[far_from_gap])


def test_a_kepler_constellation_becomes_an_ephemeris(evidence):
    elements = constellations.IRIDIUM.elements()
    ephemeris = Ephemeris.from_kepler(elements, START, 1800.0, earth_angle_rad=0.4)
    t_s = jnp.linspace(0.0, 1800.0, 101)
    ours = all_states(ephemeris, t_s)
    direct = jax.jit(jax.vmap(jax.vmap(kepler.ecef_state, (None, 0, None)), (0, None, None)))(
        elements, t_s, jnp.asarray(0.4)
    )
    evidence(
        "orbits.ephemeris",
        "Interpolated position, Walker star at 781 km, nodes of 60 s",
        "Kepler orbit with J2 at the same times",
        "closed form",
        achieved=largest(ours.pos_ecef_m, direct.pos_ecef_m),
        tolerance=1e-4,
        unit="m",
    )
    assert largest(ours.vel_ecef_mps, direct.vel_ecef_mps) < 1e-7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step_s": 0.0}, "step_s must be positive"),
        ({"duration_s": -1.0}, "duration_s not negative"),
        ({"start": START + np.zeros(2)}, "start must be a single epoch"),
    ],
)
def test_spans_that_make_no_sense_are_refused(change, message):
    arguments = {"start": START, "duration_s": 60.0} | change
    with pytest.raises(LeopntError, match=message):
        Ephemeris.from_sgp4(LEO, **arguments)
