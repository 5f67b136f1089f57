"""Doppler against the proper times of two wave crests, followed through inertial space."""

import dataclasses
from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import EARTH_ROTATION_RADPS
from leopnt.errors import LeopntError
from leopnt.observables import (
    doppler_first_order,
    doppler_instantaneous,
    doppler_relativistic,
)

C = Decimal(299_792_458)
OMEGA = Decimal(EARTH_ROTATION_RADPS)
GM = Decimal("3.986004418e14")
BETWEEN_CRESTS_S = Decimal("1e-7")
CARRIER_HZ = 1.626e9


def cos_sin(angle):
    cos, sin, term, k = Decimal(0), Decimal(0), Decimal(1), 0
    while abs(term) > Decimal(10) ** -58:
        sign = 1 if k % 4 < 2 else -1
        if k % 2:
            sin += sign * term
        else:
            cos += sign * term
        k += 1
        term = term * angle / k
    return cos, sin


def about_z(angle, v):
    cos, sin = cos_sin(angle)
    return [cos * v[0] - sin * v[1], sin * v[0] + cos * v[1], v[2]]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


@dataclasses.dataclass
class Pass:
    """A circular orbit over a vehicle that moves over the turning Earth.

    Inertial axes coincide with ECEF at time 0; written without any function of the package.
    """

    radius: Decimal
    inclination: Decimal
    node: Decimal
    argument: Decimal
    rx: list
    rx_vel: list

    def sat(self, t):
        rate = (GM / self.radius**3).sqrt()
        cos, sin = cos_sin(self.argument + rate * t)
        ci, si = cos_sin(self.inclination)
        r, v = self.radius, self.radius * rate
        pos, vel = [r * cos, r * sin * ci, r * sin * si], [-v * sin, v * cos * ci, v * cos * si]
        return about_z(self.node, pos), about_z(self.node, vel)

    def vehicle(self, t):
        ecef = [p + v * t for p, v in zip(self.rx, self.rx_vel, strict=True)]
        pos, vel = about_z(OMEGA * t, ecef), about_z(OMEGA * t, self.rx_vel)
        return pos, [vel[0] - OMEGA * pos[1], vel[1] + OMEGA * pos[0], vel[2]]

    def arrival(self, sent):
        pos, t = self.sat(sent)[0], sent
        for _ in range(10):  # each pass gains a factor v_rx / c < 2e-6
            gap = [a - b for a, b in zip(pos, self.vehicle(t)[0], strict=True)]
            t = sent + dot(gap, gap).sqrt() / C
        return t

    def frequency_ratio(self, sent):
        """f_r / f_t: proper time between two crests where they leave over where they arrive."""
        first, second = (self.arrival(sent + x * BETWEEN_CRESTS_S / 2) for x in (-1, 1))
        at_sat = BETWEEN_CRESTS_S * proper_rate(*self.sat(sent))
        at_rx = (second - first) * proper_rate(*self.vehicle((first + second) / 2))
        return at_sat / at_rx

    def states_ecef(self, sent):
        """Satellite at transmission, receiver at reception, each in ECEF axes of its instant."""
        pos, vel = self.sat(sent)
        vel = [vel[0] + OMEGA * pos[1], vel[1] - OMEGA * pos[0], vel[2]]
        pos, vel = (about_z(-OMEGA * sent, x) for x in (pos, vel))
        t = self.arrival(sent)
        rx = [p + v * t for p, v in zip(self.rx, self.rx_vel, strict=True)]
        return [jnp.array([float(x) for x in v]) for v in (pos, vel, rx, self.rx_vel)]


def proper_rate(pos, vel):
    """d(proper time)/d(coordinate time) in the weak static field, not expanded in 1/c^2."""
    potential = GM / dot(pos, pos).sqrt()
    return (1 - 2 * potential / C**2 - dot(vel, vel) / C**2).sqrt()


def passes(radii_m, num, seed, speed_mps=250.0):
    """Random circular orbits seen above the horizon of random receivers."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < num:
        up = rng.normal(size=3)
        up /= np.linalg.norm(up)
        rx_vel = np.cross(up, rng.normal(size=3)) * speed_mps
        one = Pass(
            Decimal(float(radii_m[len(found) % len(radii_m)])),
            *(Decimal(float(x)) for x in rng.uniform([0.0, -3.0, -3.0], [2.0, 3.0, 3.0])),
            [Decimal(float(x)) for x in 6.371e6 * up],
            [Decimal(float(x)) for x in rx_vel],
        )
        sat = np.array([float(x) for x in one.sat(Decimal(0))[0]])
        if (sat - 6.371e6 * up) @ up > 0:
            found.append(one)
    return found


@pytest.fixture(autouse=True)
def fifty_digits():
    with localcontext() as context:
        context.prec = 50
        yield


LEO_M = (6.871e6, 6.921e6, 7.151e6, 7.571e6)


def test_relativistic_doppler_is_the_ratio_of_proper_times_between_crests(evidence):
    worst = Decimal(0)
    for one in passes((*LEO_M, 2.656e7), 40, seed=1):
        exact = Decimal(CARRIER_HZ) * (one.frequency_ratio(Decimal(0)) - 1)
        got = doppler_relativistic(*one.states_ecef(Decimal(0)), CARRIER_HZ)
        worst = max(worst, abs(Decimal(float(got)) - exact))
    evidence(
        "observables.doppler",
        "relativistic Doppler at 1.6 GHz, LEO and MEO",
        "proper times of two crests in inertial axes, 50 digits",
        "implementation",
        achieved=worst,
        tolerance=5e-10,  # one unit in the last place of 40 kHz is 7e-12
        unit="Hz",
    )


def test_first_order_doppler_lacks_second_order_terms_and_no_more(evidence):
    # The bounds quoted in the docstring, from the crests: -2.8e-10 to 3.3e-10 of the carrier.
    low, high, remainder = 0.0, 0.0, 0.0
    for one in passes(LEO_M, 120, seed=2, speed_mps=0.0):
        states = one.states_ecef(Decimal(0))
        exact = float(one.frequency_ratio(Decimal(0)) - 1)
        missing = exact - float(doppler_first_order(*states, 1.0))
        low, high = min(low, missing), max(high, missing)
        remainder = max(remainder, abs(missing - second_order(one)))
    assert -2.8e-10 < low < -2.5e-10
    assert 2.0e-10 < high < 3.3e-10
    evidence(
        "observables.doppler",
        "first-order Doppler over the carrier, after adding the terms of order (v/c)^2",
        "proper times of two crests, and the expansion to second order",
        "implementation",
        achieved=remainder,
        tolerance=3e-14,  # third order: (2.6e-5)^3
    )


def second_order(one):
    """Terms of order (v/c)^2 written out: classical (u.w_s)(u.w_s - u.w_r), clocks of both ends."""
    pos, vel = one.sat(Decimal(0))
    rx, rx_vel = one.vehicle(one.arrival(Decimal(0)))
    gap = [a - b for a, b in zip(pos, rx, strict=True)]
    along_s, along_r = (dot(gap, v) / dot(gap, gap).sqrt() for v in (vel, rx_vel))
    clocks = [GM / dot(p, p).sqrt() + dot(v, v) / 2 for p, v in ((rx, rx_vel), (pos, vel))]
    return float((along_s * (along_s - along_r) + clocks[0] - clocks[1]) / C**2)


def test_the_common_part_of_the_second_order_is_what_the_docstring_says():
    for radius, quoted in ((6.871e6, -2.8e-10), (7.571e6, -1.8e-10)):
        clocks = 3.986004418e14 * (1 / 6.371e6 - 1.5 / radius) / 299_792_458.0**2
        assert abs(clocks - quoted) < 0.1e-10


def test_gps_clocks_on_orbit_run_fast_by_the_published_amount(evidence):
    # 4.4647e-10 for an orbit of 26 562 km and clocks on the geoid. The satellite stands in the
    # zenith of a point on the equator, so that first-order terms vanish. Our potential is a
    # point mass; the oblateness term of the ground clock, GM J2 / (2 a c^2), is added here.
    equator_m, orbit_m = 6_378_137.0, 26_562_000.0
    speed_mps = np.sqrt(3.986004418e14 / orbit_m)
    tau_s = (orbit_m - equator_m) / 299_792_458.0
    angle = EARTH_ROTATION_RADPS * tau_s
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    pos = turn @ [orbit_m, 0.0, 0.0]
    vel = turn @ [0.0, speed_mps - EARTH_ROTATION_RADPS * orbit_m, 0.0]
    rx = jnp.array([equator_m, 0.0, 0.0])
    shift = float(doppler_relativistic(jnp.asarray(pos), jnp.asarray(vel), rx, jnp.zeros(3), 1.0))
    oblateness = 3.986004418e14 * 1.0826359e-3 / (2 * equator_m * 299_792_458.0**2)
    assert 3e-13 < oblateness < 4e-13  # the size of the neglect quoted in the docstring
    evidence(
        "observables.doppler",
        "rate of a GPS clock on orbit against one on the geoid, oblateness added by hand",
        "IS-GPS-200 and Ashby (2003): 4.4647e-10",
        "published",
        achieved=abs(shift + oblateness - 4.4647e-10),
        tolerance=1e-14,  # the published digits: 5e-15
    )


def test_shapiro_delay_rate_is_as_small_as_the_docstring_says():
    # d/dt of (2 GM / c^3) ln((r_s + r_r + d) / (r_s + r_r - d)), numerically along passes.
    def delay(one, t):
        sat, rx = one.sat(t)[0], one.vehicle(one.arrival(t))[0]
        gap = [a - b for a, b in zip(sat, rx, strict=True)]
        total, d = dot(sat, sat).sqrt() + dot(rx, rx).sqrt(), dot(gap, gap).sqrt()
        return 2 * GM / C**3 * ((total + d) / (total - d)).ln()

    for one in passes(LEO_M, 12, seed=3):
        rate = (delay(one, Decimal("0.01")) - delay(one, Decimal("-0.01"))) / Decimal("0.02")
        assert abs(rate) < Decimal("1e-13")


def test_one_gigahertz_receding_at_light_speed_over_a_million_falls_by_a_kilohertz():
    sat, away = jnp.array([7e6, 0.0, 0.0]), jnp.array([299.792458, 0.0, 0.0])
    rx, still = jnp.array([6.4e6, 0.0, 0.0]), jnp.zeros(3)
    np.testing.assert_allclose(
        doppler_instantaneous(sat, away, rx, still, 1e9), -1000.0, rtol=1e-14
    )
    for doppler in (doppler_first_order, doppler_relativistic):
        assert abs(doppler(sat, away, rx, still, 1e9) + 1000.0) < 0.8


def test_states_in_one_set_of_axes_give_first_order_doppler_without_the_flight():
    # Turning the transmission axes into those of reception by hand reproduces the flight.
    for one in passes(LEO_M, 8, seed=4):
        pos, vel, rx, rx_vel = one.states_ecef(Decimal(0))
        tau = one.arrival(Decimal(0))
        turned = [
            jnp.array([float(y) for y in about_z(-OMEGA * tau, [Decimal(float(x)) for x in v])])
            for v in (pos, vel)
        ]
        by_hand = doppler_instantaneous(*turned, rx, rx_vel, CARRIER_HZ)
        in_flight = doppler_first_order(pos, vel, rx, rx_vel, CARRIER_HZ)
        np.testing.assert_allclose(by_hand, in_flight, rtol=0, atol=1e-9)


ALL = (doppler_instantaneous, doppler_first_order, doppler_relativistic)


@pytest.mark.parametrize("doppler", ALL)
def test_doppler_scales_with_the_carrier(doppler):
    states = passes(LEO_M, 1, seed=5)[0].states_ecef(Decimal(0))
    np.testing.assert_allclose(doppler(*states, 1.2e10), 1e10 * doppler(*states, 1.2), rtol=1e-15)


@pytest.mark.parametrize("doppler", ALL)
def test_gradient_by_receiver_position_is_that_of_differences(doppler):
    pos, vel, rx, rx_vel = passes(LEO_M, 1, seed=6)[0].states_ecef(Decimal(0))

    @jax.jit
    def of_rx(x):
        return doppler(pos, vel, x, rx_vel, CARRIER_HZ)

    gradient = jax.jit(jax.grad(of_rx))(rx)
    for i, unit in enumerate(jnp.eye(3)):
        # Fourth-order differences at 1 km: truncation and rounding both below 1e-9 relative.
        near, far = (of_rx(rx + k * 1e3 * unit) - of_rx(rx - k * 1e3 * unit) for k in (1, 2))
        difference = (8 * near - far) / 12e3
        np.testing.assert_allclose(
            gradient[i], difference, rtol=0, atol=1e-8 * CARRIER_HZ * 2.5e-11
        )
    assert np.all(np.isfinite(jax.jit(jax.hessian(of_rx))(rx)))


@pytest.mark.parametrize("doppler", ALL)
def test_doppler_runs_compiled_and_batched(doppler):
    states = [one.states_ecef(Decimal(0)) for one in passes(LEO_M, 3, seed=7)]
    stacked = [jnp.stack(x) for x in zip(*states, strict=True)]
    batched = jax.jit(jax.vmap(doppler, in_axes=(0, 0, 0, 0, None)))(*stacked, CARRIER_HZ)
    one_by_one = [doppler(*s, CARRIER_HZ) for s in states]
    np.testing.assert_allclose(batched, one_by_one, rtol=0, atol=1e-10)


GOOD = {
    "sat_pos_ecef_m": np.array([7e6, 1e6, 0.0]),
    "sat_vel_ecef_mps": np.array([1e3, -7e3, 0.0]),
    "rx_pos_ecef_m": np.array([6.378e6, 0.0, 0.0]),
    "rx_vel_ecef_mps": np.zeros(3),
    "carrier_hz": 1.6e9,
}


@pytest.mark.parametrize("doppler", ALL)
@pytest.mark.parametrize("name", GOOD)
def test_32_bit_and_stacked_inputs_are_refused(untyped, doppler, name):
    low = np.asarray(GOOD[name], np.float32)
    with pytest.raises(LeopntError, match=f"{name}: got float32; accepted: float64"):
        doppler(**{**GOOD, name: low})
    with pytest.raises(LeopntError, match=rf"{name}: got shape \(2,.*; accepted: .*jax.vmap"):
        doppler(**{**GOOD, name: np.stack([np.asarray(GOOD[name])] * 2)})


@pytest.mark.parametrize("carrier_hz", [1_600_000_000, np.int64(1_600_000_000)])
def test_a_whole_number_of_hertz_is_a_carrier(untyped, carrier_hz):
    for doppler in ALL:
        assert doppler(**{**GOOD, "carrier_hz": carrier_hz}) == doppler(**GOOD)
