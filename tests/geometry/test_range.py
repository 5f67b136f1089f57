"""Range and range rate against orbits and rotations computed in 50 digits."""

from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import EARTH_ROTATION_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.geometry import (
    line_of_sight,
    range_in_flight,
    range_instantaneous,
    range_rate_in_flight,
    range_rate_instantaneous,
)

C = Decimal(299_792_458)
OMEGA = Decimal(EARTH_ROTATION_RADPS)
GM = Decimal("3.986004418e14")
STEP = Decimal("1e-8")


def cos_sin(angle):
    cos, sin, term, k = Decimal(0), Decimal(0), Decimal(1), 0
    while abs(term) > Decimal(10) ** -55:
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


def minus(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


class KeplerPass:
    """A satellite on an eccentric Kepler orbit and a vehicle that moves over a turning Earth.

    Inertial axes coincide with ECEF at time 0. Written without any function of the package.
    """

    def __init__(self, semi_major_m, eccentricity, inclination, node, anomaly, rx_pos, rx_vel):
        self.a, self.e, self.i, self.node, self.m0 = map(
            Decimal, (semi_major_m, eccentricity, inclination, node, anomaly)
        )
        self.rx_pos, self.rx_vel = [[Decimal(x) for x in v] for v in (rx_pos, rx_vel)]

    def sat_inertial(self, t):
        rate = (GM / self.a**3).sqrt()
        mean = self.m0 + rate * t
        big_e = mean
        for _ in range(60):
            cos, sin = cos_sin(big_e)
            big_e -= (big_e - self.e * sin - mean) / (1 - self.e * cos)
            if abs(big_e - self.e * sin - mean) < Decimal("1e-48"):
                break
        cos, sin = cos_sin(big_e)
        minor = self.a * (1 - self.e**2).sqrt()
        speed = rate / (1 - self.e * cos)
        plane = [self.a * (cos - self.e), minor * sin]
        plane_rate = [-self.a * sin * speed, minor * cos * speed]
        ci, si = cos_sin(self.i)
        return [about_z(self.node, [x, y * ci, y * si]) for x, y in (plane, plane_rate)]

    def rx_inertial(self, t):
        ecef = [p + v * t for p, v in zip(self.rx_pos, self.rx_vel, strict=True)]
        return about_z(OMEGA * t, ecef)

    def emission_time(self, t_received):
        t = t_received
        for _ in range(12):
            gap = minus(self.sat_inertial(t)[0], self.rx_inertial(t_received))
            t = t_received - dot(gap, gap).sqrt() / C
        return t

    def reception_time(self, t_sent):
        t = t_sent
        for _ in range(12):
            gap = minus(self.sat_inertial(t_sent)[0], self.rx_inertial(t))
            t = t_sent + dot(gap, gap).sqrt() / C
        return t

    def states_ecef(self, t_received):
        """Satellite at transmission and receiver at reception, each in ECEF axes of its instant."""
        t = self.emission_time(t_received)
        pos, vel = self.sat_inertial(t)
        turning = [-OMEGA * pos[1], OMEGA * pos[0], Decimal(0)]
        vel = about_z(-OMEGA * t, minus(vel, turning))
        pos = about_z(-OMEGA * t, pos)
        rx = [p + v * t_received for p, v in zip(self.rx_pos, self.rx_vel, strict=True)]
        return [jnp.array([float(x) for x in v]) for v in (pos, vel, rx, self.rx_vel)]


PASSES = {
    "low orbit, receding": (
        "6.95e6",
        "0.001",
        "0.93",
        "0.2",
        "0.3",
        (6.1e6, 1.6e6, 9e5),
        (0, 0, 0),
    ),
    "low orbit, approaching": (
        "7.2e6",
        "0.01",
        "1.5",
        "0.1",
        "-0.3",
        (6e6, 2e6, 4e5),
        (90, -200, 40),
    ),
    "polar, overhead": (
        "7.15e6",
        "0.002",
        "1.57",
        "0.25",
        "0.02",
        (6.2e6, 1.5e6, 1e5),
        (0, 30, -60),
    ),
    "medium orbit": ("2.66e7", "0.01", "0.96", "0.6", "0.7", (5.5e6, 3.1e6, 8e5), (200, 10, 0)),
    "very eccentric": ("2.0e7", "0.6", "1.1", "0.1", "0.4", (5e6, 3e6, 2.5e6), (0, 0, 250)),
}


@pytest.fixture(autouse=True)
def fifty_digits():
    with localcontext() as context:
        context.prec = 50
        yield


@pytest.fixture(params=PASSES.values(), ids=PASSES)
def kepler_pass(request):
    return KeplerPass(*request.param)


def test_range_in_flight_along_an_orbit_is_light_speed_times_time_of_flight(evidence):
    def error_m(orbit, t):
        sat, _, rx, _ = orbit.states_ecef(t)
        return abs(Decimal(float(range_in_flight(sat, rx))) - C * (t - orbit.emission_time(t)))

    evidence(
        "geometry.range",
        "range in flight along Kepler orbits, LEO and MEO",
        "emission and reception events in inertial axes, 50 digits",
        "implementation",
        achieved=max(error_m(KeplerPass(*p), Decimal("0.5")) for p in PASSES.values()),
        tolerance=1e-8,
        unit="m",
    )


def derivatives_of_range(orbit, t):
    """d(range)/dt by reception time and by transmission time."""
    sent = orbit.emission_time(t)
    by_reception = [C * (x - orbit.emission_time(x)) for x in (t - STEP, t + STEP)]
    by_transmission = [C * (orbit.reception_time(x) - x) for x in (sent - STEP, sent + STEP)]
    return [(high - low) / (2 * STEP) for low, high in (by_reception, by_transmission)]


def inertial_speeds_along_ray(orbit, t):
    """Speeds u . w of satellite and receiver, w inertial, u from receiver to satellite."""
    sat_pos, sat_vel = orbit.sat_inertial(orbit.emission_time(t))
    rx_pos = orbit.rx_inertial(t)
    rx_turning = [-OMEGA * rx_pos[1], OMEGA * rx_pos[0], Decimal(0)]
    rx_vel = [a + b for a, b in zip(about_z(OMEGA * t, orbit.rx_vel), rx_turning, strict=True)]
    gap = minus(sat_pos, rx_pos)
    return [dot(gap, vel) / dot(gap, gap).sqrt() for vel in (sat_vel, rx_vel)]


def test_range_rate_in_flight_is_the_derivative_of_range_times_the_clock_ratio(evidence):
    worst = Decimal(0)
    for parameters in PASSES.values():
        orbit, t = KeplerPass(*parameters), Decimal("0.5")
        rate = Decimal(float(range_rate_in_flight(*orbit.states_ecef(t))))
        per_received, per_sent = derivatives_of_range(orbit, t)
        of_sat, of_rx = inertial_speeds_along_ray(orbit, t)
        assert abs(of_sat / C) < Decimal("2.5e-5")
        assert abs(of_rx / C) < Decimal("1.7e-6")  # equator plus a subsonic aircraft
        assert abs(rate - per_received) > Decimal("1e-6")  # the divisor is no formality
        worst = max(worst, abs(rate / (1 + of_sat / C) - per_received))
        worst = max(worst, abs(rate / (1 + of_rx / C) - per_sent))
    evidence(
        "geometry.range",
        "range rate in flight along Kepler orbits, divided by the clock ratio",
        "central differences of the range in flight, 50 digits",
        "implementation",
        achieved=worst,
        tolerance=1e-11,
        unit="m/s",
    )


def test_range_rate_in_the_same_axes_is_the_derivative_of_the_distance(kepler_pass):
    states = kepler_pass.states_ecef(Decimal("0.5"))
    exact = [[Decimal(float(x)) for x in v] for v in states]

    def distance(dt):
        gap = [p + v * dt - q - w * dt for p, v, q, w in zip(*exact, strict=True)]
        return dot(gap, gap).sqrt()

    derivative = (distance(STEP) - distance(-STEP)) / (2 * STEP)
    assert abs(Decimal(float(range_rate_instantaneous(*states))) - derivative) < Decimal("1e-11")


def test_ecef_and_inertial_velocities_give_the_same_closing_speed():
    # v + omega x p on both ends adds u . (omega x (p_sat - p_rx)) = 0.
    rng = np.random.default_rng(2)
    omega = np.array([0.0, 0.0, EARTH_ROTATION_RADPS])
    for _ in range(20):
        sat, rx = rng.normal(size=(2, 3)) * [[7e6], [3.6e6]]
        sat_vel, rx_vel = rng.normal(size=(2, 3)) * [[4e3], [1e2]]
        in_ecef = range_rate_instantaneous(*map(jnp.asarray, (sat, sat_vel, rx, rx_vel)))
        sat_vel, rx_vel = sat_vel + np.cross(omega, sat), rx_vel + np.cross(omega, rx)
        inertial = range_rate_instantaneous(*map(jnp.asarray, (sat, sat_vel, rx, rx_vel)))
        np.testing.assert_allclose(inertial, in_ecef, rtol=0, atol=1e-10)


def test_sagnac_term_never_exceeds_that_of_a_satellite_on_the_equatorial_horizon():
    # Largest triangle: receiver on the equator, satellite due east or west on its horizon.
    earth_m = 6_378_137.0
    for height_m, at_most_m in ((5e5, 4.0), (2e6, 8.5), (2.3222e7, 45.0), (3.5786e7, 65.0)):
        radius = earth_m + height_m
        to_horizon_m = np.sqrt(radius**2 - earth_m**2)
        rx = jnp.array([earth_m, 0.0, 0.0])
        west, east = (jnp.array([earth_m, y, 0.0]) for y in (-to_horizon_m, to_horizon_m))
        for sat, sign in ((east, -1), (west, 1)):
            extra_m = float(range_in_flight(sat, rx) - range_instantaneous(sat, rx))
            closed_m = EARTH_ROTATION_RADPS * earth_m * to_horizon_m / SPEED_OF_LIGHT_MPS
            np.testing.assert_allclose(extra_m, sign * closed_m, rtol=2e-5)
            assert abs(extra_m) < at_most_m


def test_line_of_sight_points_from_receiver_to_satellite():
    los = line_of_sight(jnp.array([7e6, 0.0, 4e6]), jnp.array([7e6, 0.0, 1e6]))
    np.testing.assert_array_equal(los, [0.0, 0.0, 1.0])


def test_a_receding_satellite_has_a_positive_rate():
    rx, still = jnp.array([6.4e6, 0.0, 0.0]), jnp.zeros(3)
    sat, outward = jnp.array([7e6, 0.0, 0.0]), jnp.array([100.0, 0.0, 0.0])
    np.testing.assert_allclose(range_rate_instantaneous(sat, outward, rx, still), 100.0)
    np.testing.assert_allclose(range_rate_in_flight(sat, outward, rx, still), 100.0, rtol=1e-6)


def test_range_has_the_length_of_a_pythagorean_triple():
    assert range_instantaneous(jnp.array([3e6, 4e6, 12e6]), jnp.zeros(3)) == 13e6


def test_range_rate_is_differentiable_compiled_and_batched():
    # Rate at the receiver's own velocity: d rate / d v_rx = -u, d rate / d v_sat = R3^T u.
    args = KeplerPass(*PASSES["low orbit, receding"]).states_ecef(Decimal(0))
    gradient = jax.jit(jax.grad(range_rate_in_flight, argnums=(1, 3)))(*args)
    np.testing.assert_allclose(jnp.linalg.norm(gradient[0]), 1.0, rtol=1e-14)
    np.testing.assert_allclose(gradient[1], -line_of_sight(args[0], args[2]), rtol=0, atol=5e-6)
    stacked = [jnp.stack([a, a]) for a in args]
    both = jax.vmap(range_rate_in_flight)(*stacked)
    np.testing.assert_allclose(both, range_rate_in_flight(*args), rtol=1e-15)


SAT, VEL = np.array([7e6, 1e6, 0.0]), np.array([1e3, -7e3, 0.0])
RX, REST = np.array([6.378e6, 0.0, 0.0]), np.zeros(3)
TWO_POINTS = {"sat_pos_ecef_m": SAT, "rx_pos_ecef_m": RX}
TWO_STATES = {**TWO_POINTS, "sat_vel_ecef_mps": VEL, "rx_vel_ecef_mps": REST}
ACCEPTED = {
    line_of_sight: TWO_POINTS,
    range_instantaneous: TWO_POINTS,
    range_in_flight: TWO_POINTS,
    range_rate_instantaneous: TWO_STATES,
    range_rate_in_flight: TWO_STATES,
}
CASES = [(f, name) for f, arguments in ACCEPTED.items() for name in arguments]


@pytest.mark.parametrize(("function", "name"), CASES, ids=lambda x: getattr(x, "__name__", x))
def test_every_vector_must_be_64_bit_and_one_of_its_kind(untyped, function, name):
    good = ACCEPTED[function][name]
    for wrong, message in (
        (good.astype(np.float32), f"{name}: got float32; accepted: float64"),
        (np.stack([good, good]), rf"{name}: got shape \(2, 3\); accepted: \(3,\).*jax.vmap"),
        (list(good), f"{name}: got list .*; accepted: a float64 array"),
    ):
        with pytest.raises(LeopntError, match=message):
            function(**{**ACCEPTED[function], name: wrong})


def test_numpy_vectors_are_accepted_as_they_are(untyped):
    for function, arguments in ACCEPTED.items():
        jax_arguments = {name: jnp.asarray(value) for name, value in arguments.items()}
        np.testing.assert_array_equal(function(**arguments), function(**jax_arguments))


def test_when_jax_runs_in_32_bit_the_message_says_so(untyped):
    with jax.enable_x64(False):
        low = jnp.asarray(SAT, jnp.float32)
        with pytest.raises(LeopntError, match="set jax_enable_x64 to True"):
            range_in_flight(low, low)
