"""Tagged ranges against Kepler orbits asked for the moment of transmission."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from leopnt.channel import tagged_path
from leopnt.errors import LeopntError
from leopnt.geometry import range_in_flight
from leopnt.orbits import advance

C, EARTH_RADPS = 299_792_458.0, 7.292115146706979e-5
SITE = np.array([-2_831_733.0, 4_675_666.0, 3_275_369.0])
ORBITS = {
    "LEO": (np.array([-2.5e6, 5.2e6, 4.4e6]), np.array([1800.0, -4700.0, 6577.0])),
    "MEO": (np.array([-1.4e7, 2.1e7, 1.1e7]), np.array([-2100.0, -2200.0, 2300.0])),
}
moved = jax.jit(lambda pos, vel, dt: advance(pos, vel, dt)[0])


def turned(vector, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ vector


@pytest.mark.parametrize("name", ORBITS)
@pytest.mark.parametrize("late_s", [0.0, 3e-4, -8e-3])
def test_the_range_is_that_of_the_orbit_at_transmission(name, late_s, evidence):
    pos, vel = ORBITS[name]
    received = turned(SITE, -EARTH_RADPS * late_s)

    def excess(flight_s):
        sent = np.asarray(moved(pos, vel, jnp.asarray(-late_s - flight_s)))
        return np.linalg.norm(sent - received) - C * flight_s

    expected = C * brentq(excess, 1e-3, 0.2, xtol=1e-18, rtol=1e-15)
    found = tagged_path(pos, vel, SITE, late_s)
    evidence(
        "channel.tagged_path",
        f"range of a {name} link, receiver {1e3 * late_s:g} ms late",
        "Kepler orbit at the time of transmission, found by bisection",
        "closed form",
        achieved=abs(found.range_m - expected),
        tolerance=2e-6,
        unit="m",
    )
    np.testing.assert_allclose(found.rx_pos_m, received, atol=1e-8)


def test_a_right_clock_gives_the_range_in_flight():
    # The library's other route: the satellite at transmission in the axes of that moment.
    pos, vel = ORBITS["MEO"]
    path = tagged_path(pos, vel, SITE, 0.0)
    flight_s = float(path.range_m) / C
    at_transmission = turned(np.asarray(path.sat_pos_m), EARTH_RADPS * flight_s)
    expected = range_in_flight(jnp.asarray(at_transmission), jnp.asarray(SITE))
    # The geometry room turns the Earth by the nominal 7.292115e-5 rad/s.
    assert float(path.range_m) == pytest.approx(float(expected), abs=1e-6)


def test_a_late_clock_sees_the_satellite_as_it_was():
    # 1 us of a LEO that approaches at v: the range read at the tag changes by v 1 us.
    pos, vel = ORBITS["LEO"]
    ranges = tagged_path(pos, vel, SITE, np.array([0.0, 1e-6])).range_m
    los = (pos - SITE) / np.linalg.norm(pos - SITE)
    rate = los @ (vel - np.cross([0.0, 0.0, EARTH_RADPS], SITE))
    assert float(ranges[1] - ranges[0]) == pytest.approx(-rate * 1e-6, rel=1e-3)


def test_bad_states_are_refused(untyped):
    pos, vel = ORBITS["LEO"]
    with pytest.raises(LeopntError, match="rx_late_s holds NaN or infinity"):
        tagged_path(pos, vel, SITE, np.nan)
    with pytest.raises(LeopntError, match=r"sat_vel_inertial_ecef_mps: got shape \(2,\)"):
        tagged_path(pos, vel[:2], SITE, 0.0)
