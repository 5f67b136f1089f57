"""Flight time against a 50-digit solution in an inertial frame."""

from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import EARTH_ROTATION_RADPS, SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.geometry import (
    flight_time,
    rotate_earth,
    transmission_time_offset,
)

C = Decimal(299_792_458)
OMEGA = Decimal(EARTH_ROTATION_RADPS)  # exact value of the double that the code uses
RX_LATITUDES_DEG = (-90.0, -60.0, -22.3, 0.0, 37.0, 80.0)
ORBIT_RADII_M = (6.65e6, 6.93e6, 7.15e6, 8.4e6, 2.656e7, 4.2164e7)


def cos_sin(angle):
    """Cosine and sine by Taylor series, in the current decimal precision."""
    cos, sin, term, k = Decimal(0), Decimal(0), Decimal(1), 0
    while abs(term) > Decimal(10) ** -60:
        sign = 1 if k % 4 < 2 else -1
        if k % 2:
            sin += sign * term
        else:
            cos += sign * term
        k += 1
        term = term * angle / k
    return cos, sin


def to_inertial(pos, t):
    """ECEF at time t into the inertial axes that coincide with ECEF at t = 0."""
    cos, sin = cos_sin(OMEGA * t)
    return [cos * pos[0] - sin * pos[1], sin * pos[0] + cos * pos[1], pos[2]]


def exact_flight_time(sat_pos_m, rx_pos_m):
    """Emission at t = 0, reception at t = tau, both events in one inertial frame."""
    sat, rx = [Decimal(x) for x in sat_pos_m], [Decimal(x) for x in rx_pos_m]
    tau = Decimal(0)
    for _ in range(14):  # each pass gains a factor omega r / c < 1e-5
        there = to_inertial(rx, tau)
        tau = sum((s - r) ** 2 for s, r in zip(sat, there, strict=True)).sqrt() / C
    return tau


@pytest.fixture(autouse=True)
def fifty_digits():
    with localcontext() as context:
        context.prec = 50
        yield


def links(num, seed):
    """Satellites over or near the horizon of receivers at all latitudes, LEO to geostationary."""
    rng = np.random.default_rng(seed)
    for i in range(num):
        lat = np.deg2rad(RX_LATITUDES_DEG[i % len(RX_LATITUDES_DEG)])
        lon = rng.uniform(-np.pi, np.pi)
        up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        rx = (6.37e6 + rng.uniform(0.0, 2e4)) * up
        radius = ORBIT_RADII_M[(i // len(RX_LATITUDES_DEG)) % len(ORBIT_RADII_M)]
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        horizon = 6.37e6 / radius
        while direction @ up < horizon:
            direction = direction + rng.uniform(0.0, 0.5) * up
            direction /= np.linalg.norm(direction)
        yield radius * direction, rx


def test_range_in_flight_is_that_of_an_inertial_frame(evidence):
    pairs = list(links(108, seed=1))
    sat, rx = (jnp.asarray(np.array(x)) for x in zip(*pairs, strict=True))
    tau = jax.jit(jax.vmap(flight_time))(sat, rx)
    errors_m = np.array(
        [
            float(abs(Decimal(float(t)) - exact_flight_time(s, r)) * C)
            for t, (s, r) in zip(tau, pairs, strict=True)
        ]
    )
    is_leo = np.array([np.linalg.norm(s) < 8e6 for s, _ in pairs])
    # Rounding: the last place of the range is 0.5 nm at 3000 km, 7.5 nm at geostationary distance.
    for name, chosen, tolerance in (
        ("LEO", is_leo, 2e-9),
        ("medium to geostationary orbit", ~is_leo, 1.5e-8),
    ):
        evidence(
            "geometry.light_time",
            f"range with Earth rotation in flight, {name}",
            "50-digit fixed point in an inertial frame",
            "implementation",
            achieved=np.max(errors_m[chosen]),
            tolerance=tolerance,
            unit="m",
        )


def exact_gradient(sat, rx, step_m=Decimal("1e-3")):
    """Central differences of c tau in 50 digits; truncation below 1e-19."""
    point = [Decimal(float(x)) for x in (*sat, *rx)]
    gradient = []
    for i in range(6):
        up, down = list(point), list(point)
        up[i] += step_m
        down[i] -= step_m
        difference = exact_flight_time(up[:3], up[3:]) - exact_flight_time(down[:3], down[3:])
        gradient.append(float(C * difference / (2 * step_m)))
    return np.array(gradient)


def exact_hessian(sat, rx, step_m=Decimal(1)):
    point = [Decimal(float(x)) for x in (*sat, *rx)]

    def value(i, di, j, dj):
        moved = list(point)
        moved[i] += di
        moved[j] += dj
        return C * exact_flight_time(moved[:3], moved[3:])

    h = step_m
    return np.array(
        [
            [
                float(
                    (
                        value(i, h, j, h)
                        - value(i, h, j, -h)
                        - value(i, -h, j, h)
                        + value(i, -h, j, -h)
                    )
                    / (4 * h * h)
                )
                for j in range(6)
            ]
            for i in range(6)
        ]
    )


def range_of_stacked(point):
    return SPEED_OF_LIGHT_MPS * flight_time(point[:3], point[3:])


def test_first_derivative_is_that_of_the_implicit_equation(evidence):
    worst = 0.0
    gradients = [jax.jit(jax.grad(range_of_stacked)), jax.jit(jax.jacfwd(range_of_stacked))]
    for s, r in links(36, seed=3):
        point = jnp.asarray(np.concatenate([s, r]))
        exact = exact_gradient(s, r)
        worst = max(worst, *(np.max(np.abs(g(point) - exact)) for g in gradients))
    evidence(
        "geometry.light_time",
        "derivative of the range in flight by both positions",
        "central differences in 50 digits",
        "implementation",
        achieved=worst,
        tolerance=1e-10,
    )


def test_second_derivatives_are_those_of_the_implicit_equation():
    hessians = [jax.jit(jax.hessian(range_of_stacked))]
    hessians.append(jax.jit(jax.jacfwd(jax.jacfwd(range_of_stacked))))
    for s, r in list(links(36, seed=4))[::9]:
        point = jnp.asarray(np.concatenate([s, r]))
        exact = exact_hessian(s, r)
        scale = np.max(np.abs(exact))  # about 1 / range
        for hessian in hessians:
            np.testing.assert_allclose(hessian(point), exact, rtol=0, atol=1e-9 * scale)


def test_jvp_along_one_argument_is_that_block_of_the_gradient():
    s, r = next(links(7, seed=5))
    sat, rx = jnp.asarray(s), jnp.asarray(r)
    exact = exact_gradient(s, r) / SPEED_OF_LIGHT_MPS
    direction = jnp.array([0.3, -0.5, 0.8])
    _, along_sat = jax.jvp(lambda x: flight_time(x, rx), (sat,), (direction,))
    _, along_rx = jax.jvp(lambda x: flight_time(sat, x), (rx,), (direction,))
    _, along_both = jax.jvp(flight_time, (sat, rx), (direction, direction))
    np.testing.assert_allclose(along_sat, exact[:3] @ direction, rtol=1e-9)
    np.testing.assert_allclose(along_rx, exact[3:] @ direction, rtol=1e-9)
    np.testing.assert_allclose(along_both, along_sat + along_rx, rtol=0, atol=1e-22)


def test_gradient_inside_a_compiled_batched_loop_finds_the_receiver_height():
    # Newton steps on one unknown (height along a fixed direction), the derivative taken inside
    # lax.while_loop under vmap and jit: the truth is the height that made the range. Satellites
    # near the zenith, where height has no second solution nearby.
    up = jnp.asarray(np.array([p[1] / np.linalg.norm(p[1]) for p in links(12, seed=6)]))
    sat = 7.2e6 * up + jnp.linspace(-4e5, 4e5, 12)[:, None] * jnp.array([[0.6, -0.5, 0.3]])
    truth_m = jnp.linspace(6.36e6, 6.40e6, 12)
    observed_s = jax.vmap(flight_time)(sat, truth_m[:, None] * up)

    def solve(sat_pos, direction, tau_s):
        def misfit(radius_m):
            return SPEED_OF_LIGHT_MPS * (flight_time(sat_pos, radius_m * direction) - tau_s)

        def step(state):
            radius_m, _, count = state
            value, slope = jax.value_and_grad(misfit)(radius_m)
            return radius_m - value / slope, jnp.abs(value / slope), count + 1

        start = (jnp.asarray(6.38e6), jnp.asarray(jnp.inf), jnp.asarray(0))
        return jax.lax.while_loop(lambda s: (s[1] > 1e-7) & (s[2] < 20), step, start)

    found_m, _, count = jax.jit(jax.vmap(solve))(sat, up, observed_s)
    np.testing.assert_allclose(found_m, truth_m, rtol=0, atol=1e-6)
    assert np.all(np.asarray(count) < 8)  # quadratic convergence: the derivative is right


def test_a_link_along_the_rotation_axis_has_no_sagnac_term():
    sat, rx = jnp.array([0.0, 0.0, 7.5e6]), jnp.array([0.0, 0.0, 6.356e6])
    np.testing.assert_allclose(flight_time(sat, rx), 1.144e6 / SPEED_OF_LIGHT_MPS, rtol=3e-16)


def test_sagnac_term_is_twice_the_swept_area_over_c():
    # Textbook first order: 2 omega A / c, A = equatorial projection of the triangle of Earth's
    # center, receiver and satellite. Second order: (omega tau)^2 r / 2 = 3e-4 m at geostationary.
    for s, r in links(36, seed=7):
        extra_m = SPEED_OF_LIGHT_MPS * float(flight_time(jnp.asarray(s), jnp.asarray(r)))
        extra_m -= np.linalg.norm(s - r)
        textbook_m = EARTH_ROTATION_RADPS / SPEED_OF_LIGHT_MPS * (s[0] * r[1] - s[1] * r[0])
        assert abs(extra_m - textbook_m) < 5e-4


def test_rotating_both_ends_about_the_pole_changes_nothing():
    s, r = next(links(9, seed=8))
    before = flight_time(jnp.asarray(s), jnp.asarray(r))
    for angle in (0.3, 2.0, 5.0):
        turn = np.array(
            [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        )
        after = flight_time(jnp.asarray(turn @ s), jnp.asarray(turn @ r))
        np.testing.assert_allclose(after, before, rtol=2e-15)


def test_a_point_at_rest_in_space_drifts_west_in_ecef_axes():
    # Over (0 E, equator) now; a quarter of a sidereal turn later the same point is over 90 W.
    quarter_s = np.pi / 2 / EARTH_ROTATION_RADPS
    moved = rotate_earth(jnp.array([7e6, 0.0, 1e6]), jnp.asarray(quarter_s))
    np.testing.assert_allclose(moved, [0.0, -7e6, 1e6], atol=1e-8)


def test_rotation_by_a_flight_time_agrees_with_decimal_rotation():
    vector = np.array([2.3e7, -1.1e7, 8.0e6])
    tau = 0.0731
    exact = to_inertial([Decimal(x) for x in vector], -Decimal(tau))
    np.testing.assert_allclose(
        rotate_earth(jnp.asarray(vector), jnp.asarray(tau)), [float(x) for x in exact], rtol=3e-16
    )


def exact_backward_flight_time(sat_pos, sat_vel, rx_pos):
    """Root of c tau = |p - v tau - r| in closed form (a quadratic), 50 digits."""
    p = [Decimal(float(a)) - Decimal(float(b)) for a, b in zip(sat_pos, rx_pos, strict=True)]
    v = [Decimal(float(x)) for x in sat_vel]
    pp, pv, vv = (
        sum(a * b for a, b in zip(x, y, strict=True)) for x, y in ((p, p), (p, v), (v, v))
    )
    return (-pv + (pv * pv + (C * C - vv) * pp).sqrt()) / (C * C - vv)


def test_flight_time_from_a_state_at_reception_solves_its_quadratic(evidence):
    rng = np.random.default_rng(9)
    worst = Decimal(0)
    for s, r in links(36, seed=9):
        speed = np.sqrt(3.986e14 / np.linalg.norm(s))
        v = np.cross(s, rng.normal(size=3))
        v *= speed / np.linalg.norm(v)
        got = transmission_time_offset(jnp.asarray(s), jnp.asarray(v), jnp.asarray(r))
        worst = max(worst, abs(Decimal(float(got)) - exact_backward_flight_time(s, v, r)) * C)
    evidence(
        "geometry.light_time",
        "flight time from a satellite state at reception, times c",
        "closed-form root of the quadratic, 50 digits",
        "closed form",
        achieved=worst,
        tolerance=1.5e-8,
        unit="m",
    )


def circular_orbit(t, radius, inclination):
    rate = (Decimal("3.986004418e14") / radius**3).sqrt()
    cos, sin = cos_sin(rate * t)
    ci, si = cos_sin(inclination)
    pos = [radius * cos, radius * sin * ci, radius * sin * si]
    vel = [-radius * rate * sin, radius * rate * cos * ci, radius * rate * cos * si]
    return pos, vel


def test_both_descriptions_of_one_link_give_the_same_flight_time():
    # A curved orbit and a turning Earth: state at transmission in the axes of transmission against
    # state at reception in the axes of reception. The straight line costs a tau^2 / 2 < 1 mm.
    radius, inclination = Decimal("6.93e6"), Decimal("0.93")
    rx = [Decimal("6.0e6"), Decimal("1.6e6"), Decimal("1.4e6")]  # ECEF; axes coincide at t = 0
    t_received = Decimal(0)
    tau = Decimal(0)
    for _ in range(20):
        sat_then, _ = circular_orbit(t_received - tau, radius, inclination)
        tau = sum((a - b) ** 2 for a, b in zip(sat_then, rx, strict=True)).sqrt() / C
    assert tau < Decimal("0.015")
    in_axes_of_transmission = to_inertial(sat_then, tau)  # ECEF at -tau = inertial turned by +tau
    forward = flight_time(
        jnp.array([float(x) for x in in_axes_of_transmission]), jnp.array([float(x) for x in rx])
    )
    pos, vel = circular_orbit(t_received, radius, inclination)
    backward = transmission_time_offset(*(jnp.array([float(x) for x in v]) for v in (pos, vel, rx)))
    assert abs(float(forward) - float(tau)) * SPEED_OF_LIGHT_MPS < 2e-9
    assert abs(float(backward) - float(tau)) * SPEED_OF_LIGHT_MPS < 1e-3


SAT, RX = np.array([7e6, 1e6, 0.0]), np.array([6.378e6, 0.0, 0.0])


@pytest.mark.parametrize(
    "wrong",
    [SAT.astype(np.float32), SAT.astype(np.int64), SAT.astype(np.int32)],
    ids=["float32", "int64", "int32"],
)
def test_positions_of_other_types_than_64_bit_floats_are_refused(untyped, wrong):
    calls = {
        "sat_pos_ecef_m": [
            lambda: flight_time(wrong, RX),
            lambda: (
                jax.grad(flight_time)(jnp.asarray(wrong), RX)
                if np.issubdtype(wrong.dtype, np.floating)
                else flight_time(wrong, RX)
            ),
            lambda: jax.jit(flight_time)(wrong, RX),
            lambda: jax.vmap(flight_time)(wrong[None], RX[None]),
            lambda: transmission_time_offset(wrong, SAT, RX),
        ],
        "rx_pos_ecef_m": [
            lambda: flight_time(SAT, wrong),
            lambda: transmission_time_offset(SAT, SAT, wrong),
        ],
        "sat_vel_inertial_ecef_mps": [lambda: transmission_time_offset(SAT, wrong, RX)],
        "vector_ecef": [lambda: rotate_earth(wrong, 0.01)],
    }
    for name, attempts in calls.items():
        for attempt in attempts:
            with pytest.raises(LeopntError, match=rf"{name}: got {wrong.dtype}.*float64"):
                attempt()


def test_a_stack_of_positions_is_refused_with_the_remedy(untyped):
    # Component i of a (3, 3) stack would otherwise pass for a coordinate.
    with pytest.raises(LeopntError, match=r"sat_pos_ecef_m: got shape \(3, 3\).*jax\.vmap"):
        flight_time(np.stack([SAT, SAT, SAT]), RX)


def test_a_plain_list_is_refused_with_the_remedy(untyped):
    with pytest.raises(LeopntError, match=r"rx_pos_ecef_m: got list.*array"):
        flight_time(SAT, [6.378e6, 0.0, 0.0])


def test_single_precision_would_lose_centimeters_to_decimeters():
    # Why the check exists: spacing of 32-bit floats at LEO ranges and radii.
    assert 0.06 <= np.spacing(np.float32(1.0e6)) <= 0.25
    assert np.spacing(np.float32(7.0e6)) == 0.5
