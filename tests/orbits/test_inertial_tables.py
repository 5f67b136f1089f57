"""Interpolation in inertial axes against circular orbits, and where it must refuse."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.orbits.even_steps import even_steps
from leopnt.orbits.inertial_tables import inertial_table, lagrange_weights
from leopnt.orbits.linear_clocks import linear_clocks

MU, OMEGA = 3.986004418e14, 7.292115146706979e-5
RADIUS_M = 7_378_137.0
RATE = np.sqrt(MU / RADIUS_M**3)


def circle(t):
    """Position, Earth-relative and inertial velocity of a polar orbit in turning axes."""
    u, a = RATE * t, OMEGA * t
    pos = RADIUS_M * np.stack([np.cos(u), 0 * u, np.sin(u)], -1)
    vel = RADIUS_M * RATE * np.stack([-np.sin(u), 0 * u, np.cos(u)], -1)

    def turned(v):
        x, y, z = v[..., 0], v[..., 1], v[..., 2]
        return np.stack([np.cos(a) * x + np.sin(a) * y, np.cos(a) * y - np.sin(a) * x, z], -1)

    pos, vel = turned(pos), turned(vel)
    relative = vel - OMEGA * np.stack([-pos[..., 1], pos[..., 0], 0 * u], -1)
    return pos, relative, vel


def table_of(step_s, with_velocity=True, **more):
    t = np.arange(-10.0, 30.0) * step_s
    pos, relative, _ = circle(t)
    vel = relative[None] if with_velocity else None
    return inertial_table(t, pos[None], vel, **more)


@pytest.mark.parametrize(
    ("step_s", "tolerance_m"), [(60, 1e-6), (120, 1.5e-6), (180, 6.5e-5), (300, 1.2e-2)]
)
def test_the_error_of_ten_points_on_a_low_orbit_is_the_published_one(step_s, tolerance_m, evidence):
    t = np.linspace(0.0, 5.0 * step_s, 301)
    pos, vel = table_of(step_s, with_velocity=False).states(np.zeros(301, int), t)
    truth, _, inertial = circle(t)
    evidence(
        "orbits.inertial_tables",
        f"positions between nodes {step_s} s apart, 1000 km high",
        "circular orbit",
        "closed form",
        achieved=np.max(np.linalg.norm(pos - truth, axis=1)),
        tolerance=tolerance_m,
        unit="m",
    )
    np.testing.assert_allclose(vel, inertial, atol=10 * tolerance_m / step_s + 1e-7)


def test_velocity_records_come_back_as_inertial_velocities():
    t = np.linspace(3.0, 200.0, 50)
    _, vel = table_of(30.0).states(np.zeros(50, int), t)
    np.testing.assert_allclose(vel, circle(t)[2], rtol=0, atol=1e-8)


def test_polynomials_do_not_cross_gaps_and_maneuvers():
    t = np.arange(60) * 30.0
    pos, relative, _ = circle(t)
    holes = pos.copy()
    holes[25] = np.nan
    starts = np.zeros((2, 60), bool)
    starts[1, 25] = True
    table = inertial_table(t, np.stack([holes, pos]), np.stack([relative] * 2), starts_arc=starts)
    asked = np.array([24.0, 24.01, 24.5, 25.5, 26.0, 24.999, 30.0]) * 30.0
    got = [table.states(np.full(7, sat), asked)[0] for sat in (0, 1)]
    known = np.isfinite(got[0][:, 0]), np.isfinite(got[1][:, 0])
    np.testing.assert_array_equal(known[0], [True, True, False, False, True, False, True])
    np.testing.assert_array_equal(known[1], [True, True, False, True, True, True, True])
    for sat in (0, 1):
        np.testing.assert_allclose(got[sat][known[sat]], circle(asked)[0][known[sat]], atol=1e-5)


def test_a_table_reaches_a_second_beyond_its_ends():
    table = table_of(30.0)
    t = np.array([-300.9, -301.1, 870.9, 871.1])
    pos, _ = table.states(np.zeros(4, int), t)
    np.testing.assert_array_equal(np.isfinite(pos[:, 0]), [True, False, True, False])
    np.testing.assert_allclose(pos[::2], circle(t)[0][::2], atol=1e-5)


def test_epochs_left_out_of_a_table_are_a_gap():
    t = np.delete(np.arange(60) * 30.0, 20)
    pos, relative, _ = circle(t)
    table = inertial_table(t, pos[None], relative[None])
    found, _ = table.states(np.zeros(2, int), np.array([19.5, 21.5]) * 30.0)
    np.testing.assert_array_equal(np.isfinite(found[:, 0]), [False, True])


def test_weights_reproduce_a_polynomial_and_its_derivative():
    x = np.array([-0.3, 0.0, 3.7, 8.2])
    value, rate = lagrange_weights(x, 9)
    nodes = np.arange(9.0)
    np.testing.assert_allclose(value @ nodes**5, x**5, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(rate @ nodes**5, 5 * x**4, rtol=1e-10, atol=1e-8)


def test_clocks_are_linear_and_stop_at_gaps_and_jumps(evidence):
    t = np.arange(8) * 30.0
    bias = np.stack([1e-6 + 1e-10 * t, np.where(t == 90.0, np.nan, 2e-6)])
    jumps = np.zeros((2, 8), bool)
    jumps[0, 6] = True
    clocks = linear_clocks(t, bias, jumps)
    asked = np.array([-0.5, 44.0, 165.0, 200.0])
    found = clocks.at(np.zeros(4, int), asked)
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, False])
    good = ~np.isnan(found)
    evidence(
        "orbits.linear_clocks",
        "clocks between nodes",
        "a line",
        "closed form",
        achieved=np.max(np.abs(found - 1e-6 - 1e-10 * asked)[good]),
        tolerance=1e-20,
        unit="s",
    )
    gap = clocks.at(np.ones(3, int), np.array([59.0, 89.0, 121.0]))
    np.testing.assert_array_equal(np.isnan(gap), [False, True, False])


def test_even_steps_find_the_places_of_nodes(evidence):
    steps, at = even_steps(np.array([10.0, 40.0, 130.0]), "a table")
    np.testing.assert_array_equal(at, [0, 1, 4])
    evidence(
        "orbits.even_steps",
        "times of 5 nodes, two of them missing",
        "10 + 30 k",
        "closed form",
        achieved=np.max(np.abs(steps.times_s() - 10.0 - 30.0 * np.arange(5))),
        tolerance=1e-12,
        unit="s",
    )


def test_uneven_and_short_tables_are_refused_by_name():
    pos = np.ones((1, 3, 3))
    with pytest.raises(LeopntError, match=r"orbit.sp3: epoch 2 is .* s off the steps of 30 s"):
        inertial_table(np.array([0.0, 30.0, 75.0]), pos, num_points=2, source="orbit.sp3")
    with pytest.raises(LeopntError, match="3 nodes for polynomials through 10"):
        inertial_table(np.array([0.0, 30.0, 60.0]), pos)
    with pytest.raises(LeopntError, match="expected two or more increasing epochs"):
        linear_clocks(np.array([0.0]), np.ones((1, 1)))
