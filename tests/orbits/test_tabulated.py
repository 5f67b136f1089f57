import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.sp3 import read_sp3
from leopnt.orbits import kepler
from leopnt.orbits.tabulated import (
    TabulatedOrbits,
    interpolate,
    interpolate_velocity_records,
    leave_one_out,
)

DATA = Path(__file__).parents[2] / "examples" / "data" / "sp3"
STELLA = read_sp3(DATA / "nsgf_stella_20231208_0000.sp3").tabulated()
CODE = read_sp3(DATA / "COD0MGXFIN_20211180000_01D_05M_ORB.SP3").tabulated()
START = Epoch.from_iso("2025-12-28T00:00:00Z")


def table_of(t_s, pos, clock_s=None, starts_arc=None, starts_clock_arc=None):
    """Table of one satellite from positions (epoch, 3)."""
    shape = (1, len(t_s))
    return TabulatedOrbits(
        name=("A01",),
        epoch=START + np.asarray(t_s, dtype=float),
        pos_ecef_m=np.asarray(pos, dtype=float)[None],
        vel_ecef_mps=np.full((*shape, 3), np.nan),
        clock_s=np.full(shape, np.nan) if clock_s is None else np.asarray(clock_s, float)[None],
        starts_arc=np.zeros(shape, bool) if starts_arc is None else starts_arc,
        starts_clock_arc=np.zeros(shape, bool) if starts_clock_arc is None else starts_clock_arc,
    )


ORBIT = kepler.KeplerElements(*map(jnp.asarray, (7_000e3, 0.002, 1.1, 0.5, 0.3, 0.1)))
FLY = jax.jit(jax.vmap(kepler.ecef_state, (None, 0, None)))


def circle(t_s):
    """A Kepler orbit; always 400 times, so that it compiles once."""
    padded = np.zeros(400)
    padded[: len(t_s)] = t_s
    return FLY(ORBIT, jnp.asarray(padded), jnp.asarray(0.0))[: len(t_s)]


def thinned(table, step):
    return dataclasses.replace(
        table,
        epoch=table.epoch[::step],
        **{
            name: getattr(table, name)[:, ::step]
            for name in ("pos_ecef_m", "vel_ecef_mps", "clock_s", "starts_arc", "starts_clock_arc")
        },
    )


@pytest.mark.parametrize("num_points", [2, 5, 8, 11, 14])
def test_polynomials_of_the_right_degree_are_reproduced(num_points):
    t_s = 100.0 * np.arange(20) + 7.0 * np.sin(np.arange(20))  # uneven nodes
    coefficients = np.random.default_rng(3).normal(size=(num_points, 3)) * 1e6
    x = np.polynomial.Polynomial

    def at(t, derivative=0):
        return np.stack(
            [x(c, domain=[0, 2000], window=[-1, 1]).deriv(derivative)(t) for c in coefficients.T],
            -1,
        )

    wanted = np.linspace(0.0, t_s[-1] - t_s[0], 57)
    state = interpolate(table_of(t_s - t_s[0], at(t_s)), START + wanted, num_points).require()
    np.testing.assert_allclose(state.pos_ecef_m[0], at(wanted + t_s[0]), rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(state.vel_ecef_mps[0], at(wanted + t_s[0], 1), rtol=1e-7, atol=1e-4)


def test_a_leo_table_of_60_s_gives_a_kepler_orbit_back(evidence):
    t_s = np.arange(0.0, 5400.0, 60.0)
    inside = np.linspace(400.0, 4900.0, 333)
    found = interpolate(table_of(t_s, circle(t_s).pos_ecef_m), START + inside)
    truth = circle(inside)
    assert not np.any(found.is_edge)
    reference = "Kepler orbit with J2 (closed form)"
    evidence(
        "orbits.tabulated",
        "Position between nodes of 60 s in LEO, 11 points",
        reference,
        "closed form",
        achieved=np.max(np.abs(found.state.pos_ecef_m[0] - truth.pos_ecef_m)),
        tolerance=1e-7,
        unit="m",
    )
    evidence(
        "orbits.tabulated",
        "Velocity between nodes of 60 s in LEO, 11 points",
        reference,
        "closed form",
        achieved=np.max(np.abs(found.state.vel_ecef_mps[0] - truth.vel_ecef_mps)),
        tolerance=1e-8,
        unit="m/s",
    )
    difference = found.state.vel_inertial_ecef_mps[0] - truth.vel_inertial_ecef_mps
    assert np.max(np.abs(difference)) < 2e-3  # the Kepler orbit knows no polar motion


def test_leave_one_out_of_stella_is_the_published_one(evidence):
    error_m = leave_one_out(STELLA, 12)  # a window of 13 points without its middle
    assert np.sum(np.isfinite(error_m)) == 31 - 12
    evidence(
        "orbits.tabulated",
        "Leave-one-out over 13 points, Stella every 180 s",
        "figure of the data set, 0.28 m (rounded)",
        "real data",
        achieved=np.nanmax(error_m),
        tolerance=0.285,
        unit="m",
    )


def test_leave_one_out_bounds_the_error_of_interpolation():
    # The whole table is at hand: thin it, and what was taken out is truth.
    thin = thinned(STELLA, 2)
    bound_m = np.nanmax(leave_one_out(thin, 8))
    between = interpolate(thin, STELLA.epoch[1:-1:2], 8)
    error_m = np.linalg.norm(between.state.pos_ecef_m - STELLA.pos_ecef_m[:, 1:-1:2], axis=-1)
    assert np.max(error_m[~between.is_edge]) < bound_m


def test_gnss_positions_between_nodes_of_15_minutes_agree_with_the_table_of_5(evidence):
    thin = thinned(CODE, 3)
    found = interpolate(thin, CODE.epoch)
    error_m = np.linalg.norm(found.state.pos_ecef_m - CODE.pos_ecef_m, axis=-1)
    evidence(
        "orbits.tabulated",
        "116 GNSS satellites every 15 min, interpolated to 5 min",
        "CODE orbit of 5 min (rounded to 1 mm)",
        "real data",
        achieved=np.nanmax(np.where(found.is_edge, np.nan, error_m)),
        tolerance=0.02,
        unit="m",
    )


def test_nodes_come_back_exactly():
    found = interpolate(CODE, CODE.epoch)
    np.testing.assert_allclose(found.require().pos_ecef_m, CODE.pos_ecef_m, rtol=1e-15)
    np.testing.assert_array_equal(np.isnan(found.clock_s), np.isnan(CODE.clock_s))
    np.testing.assert_allclose(found.clock_s, CODE.clock_s, rtol=1e-15)


def test_velocity_records_are_interpolated_on_demand():
    epoch = STELLA.epoch[0] + np.arange(0.0, 5400.0, 60.0)
    derived, recorded = interpolate(STELLA, epoch), interpolate_velocity_records(STELLA, epoch)
    np.testing.assert_array_equal(derived.state.pos_ecef_m, recorded.state.pos_ecef_m)
    at_nodes = interpolate_velocity_records(STELLA, STELLA.epoch)
    np.testing.assert_allclose(at_nodes.state.vel_ecef_mps, STELLA.vel_ecef_mps, atol=1e-9)
    apart = np.linalg.norm(derived.state.vel_ecef_mps - recorded.state.vel_ecef_mps, axis=-1)
    assert np.max(apart[~derived.is_edge]) < 0.01  # the file itself is 6 mm/s apart
    with pytest.raises(LeopntError, match="no velocities of G01; expected V records"):
        interpolate_velocity_records(CODE, epoch)


def test_no_polynomial_crosses_a_gap_of_missing_positions():
    t_s = np.arange(0.0, 6000.0, 60.0)
    pos = np.array(circle(t_s).pos_ecef_m)
    pos[40] = np.nan
    found = interpolate(
        table_of(t_s, pos), START + np.array([2340.0, 2370.0, 2400.0, 2430.0, 2460.0])
    )
    assert found.is_valid.tolist() == [[True, False, False, False, True]]
    assert found.is_edge.tolist() == [[True, False, False, False, True]]
    near = interpolate(table_of(t_s, pos), START + np.arange(2000.0, 2341.0, 20.0))
    truth = circle(np.arange(2000.0, 2341.0, 20.0))
    np.testing.assert_allclose(near.require().pos_ecef_m[0], truth.pos_ecef_m, atol=1e-3)


def test_no_polynomial_crosses_a_gap_of_missing_epochs():
    t_s = np.delete(np.arange(0.0, 6000.0, 60.0), [50, 51, 52])
    found = interpolate(
        table_of(t_s, circle(t_s).pos_ecef_m), START + np.array([2940.0, 3100.0, 3180.0])
    )
    assert found.is_valid.tolist() == [[True, False, True]]
    with pytest.raises(
        LeopntError, match=r"no position of A01 at 2025-12-28T00:51:40\.000Z.*1 of 3 states"
    ):
        found.require()


def test_no_polynomial_crosses_a_maneuver():
    t_s = np.arange(0.0, 6000.0, 60.0)
    pos = np.array(circle(t_s).pos_ecef_m)
    pos[50:] += 1000.0
    flags = np.zeros((1, 100), bool)
    flags[0, 50] = True
    table = table_of(t_s, pos, starts_arc=flags)
    found = interpolate(table, START + np.array([2930.0, 2970.0, 3000.0, 3030.0]))
    assert found.is_valid.tolist() == [[True, False, True, True]]
    truth = circle(np.array([2930.0, 3030.0])).pos_ecef_m + np.array([[0.0], [1000.0]])
    np.testing.assert_allclose(found.state.pos_ecef_m[0, [0, 3]], truth, atol=1e-3)
    assert np.nanmax(leave_one_out(table, 6)) < 1.0


def test_outside_the_table_and_in_short_arcs_there_is_nothing():
    t_s = np.arange(0.0, 600.0, 60.0)
    table = table_of(t_s, circle(t_s).pos_ecef_m)
    outside = interpolate(table, START + np.array([-0.001, 0.0, 540.0, 540.001]), 8)
    assert outside.is_valid.tolist() == [[False, True, True, False]]
    assert not np.any(interpolate(table, START + t_s, 11).is_valid)


def test_clocks_are_linear_and_never_cross_a_jump_or_a_gap():
    t_s = np.arange(0.0, 1200.0, 60.0)
    clock_s = 1e-6 * np.arange(20.0)
    clock_s[5] = np.nan
    clock_s[10:] += 1.0
    jumps = np.zeros((1, 20), bool)
    jumps[0, 10] = True
    table = table_of(t_s, circle(t_s).pos_ecef_m, clock_s, starts_clock_arc=jumps)
    wanted = np.array([90.0, 240.0, 270.0, 330.0, 360.0, 540.0, 570.0, 600.0])
    found = interpolate(table, START + wanted).clock_s[0]
    expected = [1.5e-6, 4e-6, np.nan, np.nan, 6e-6, 9e-6, np.nan, 1.0 + 1e-5]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.all(np.isnan(interpolate(table, START + np.array([-1.0, 1141.0])).clock_s))


def test_real_clocks_thinned_to_10_minutes_come_back(evidence):
    found = interpolate(thinned(CODE, 2), CODE.epoch).clock_s
    galileo = [name.startswith("E") for name in CODE.name]
    error_s = np.abs(found - CODE.clock_s)[galileo, 1::2]  # the epochs that were taken out
    evidence(
        "orbits.tabulated",
        "Galileo clocks every 10 min, interpolated to 5 min, median",
        "CODE clocks of 5 min",
        "real data",
        achieved=np.nanmedian(error_s),
        tolerance=5e-11,
        unit="s",
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interpolate(CODE, CODE.epoch, 1), r"num_points must lie in 2\.\.20, got 1"),
        (lambda: leave_one_out(CODE, 7), "num_points must be even and positive, got 7"),
        (lambda: table_of([0.0, 0.0], np.zeros((2, 3))), "at least two increasing nodes"),
    ],
)
def test_settings_that_make_no_sense_are_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
