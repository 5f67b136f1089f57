"""Pseudorange against GPS-style clock readings in an inertial frame."""

from decimal import Decimal, getcontext, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import EARTH_ROTATION_RADPS
from leopnt.errors import LeopntError
from leopnt.observables import pseudorange

C = Decimal(299_792_458)
OMEGA = Decimal(EARTH_ROTATION_RADPS)


def cos_sin(angle):
    """Half-angle recursion down to a tiny angle, then two terms."""
    if abs(angle) < Decimal("1e-20"):
        return 1 - angle * angle / 2, angle
    cos, sin = cos_sin(angle / 2)
    return cos * cos - sin * sin, 2 * sin * cos


def reading(sat_ecef, rx_ecef, rx_bias_m, sat_bias_m):
    """C times (receiver clock at arrival minus satellite clock at departure)."""
    sat, rx = ([Decimal(float(x)) for x in v] for v in (sat_ecef, rx_ecef))
    arrival = Decimal(0)  # departure at 0, when inertial and ECEF axes coincide
    for _ in range(12):
        cos, sin = cos_sin(OMEGA * arrival)
        there = [cos * rx[0] - sin * rx[1], sin * rx[0] + cos * rx[1], rx[2]]
        arrival = sum((a - b) ** 2 for a, b in zip(sat, there, strict=True)).sqrt() / C
    tag_rx = arrival + Decimal(rx_bias_m) / C
    tag_sat = Decimal(sat_bias_m) / C
    return C * (tag_rx - tag_sat)


CASES = [
    ((7.0e6, 1.0e6, 5e5), (6.378e6, 0.0, 0.0), 1234.5, -87.25),
    ((-1.9e7, 1.5e7, 1.1e7), (-4.0e6, 3.2e6, 3.8e6), -3.0e5, 2.5e4),
    ((1.0e6, -2.0e6, 6.6e6), (3.0e5, -9.0e5, 6.29e6), 0.0, 0.0),
]


def test_pseudorange_is_the_difference_of_two_clock_readings(evidence):
    with localcontext() as context:
        context.prec = 40
        worst = max(
            abs(
                Decimal(float(pseudorange(*(jnp.asarray(x, float) for x in case)))) - reading(*case)
            )
            for case in CASES
        )
        assert getcontext().prec == 40
    evidence(
        "observables.pseudorange",
        "pseudorange of LEO and MEO links with clock biases of both ends",
        "clock readings of events in inertial axes, 40 digits",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
        unit="m",
    )


def test_a_late_receiver_reads_longer_and_a_late_satellite_shorter():
    sat, rx = jnp.array([7e6, 0.0, 0.0]), jnp.array([6.4e6, 0.0, 0.0])
    plain = pseudorange(sat, rx, 0.0, 0.0)
    np.testing.assert_allclose(pseudorange(sat, rx, 300.0, 0.0) - plain, 300.0, atol=1e-9)
    np.testing.assert_allclose(pseudorange(sat, rx, 0.0, 300.0) - plain, -300.0, atol=1e-9)


def test_derivatives_are_minus_the_line_of_sight_and_one():
    sat, rx = jnp.array([7.1e6, 4e5, -3e5]), jnp.array([6.378e6, 0.0, 0.0])
    by_rx, by_clock = jax.grad(pseudorange, argnums=(1, 2))(sat, rx, jnp.asarray(5.0), 0.0)
    los = np.asarray(sat - rx) / np.linalg.norm(sat - rx)
    np.testing.assert_allclose(by_rx, -los, rtol=0, atol=3e-6)  # Earth rotation: omega r / c
    assert by_clock == 1.0


def test_a_compiled_batch_agrees_with_one_by_one():
    sat = jnp.asarray(np.random.default_rng(1).normal(size=(5, 3)) * 1e7)
    rx = jnp.array([6.378e6, 0.0, 0.0])
    batched = jax.jit(jax.vmap(pseudorange, in_axes=(0, None, None, 0)))(
        sat, rx, jnp.asarray(10.0), jnp.arange(5.0)
    )
    one_by_one = [pseudorange(s, rx, 10.0, float(i)) for i, s in enumerate(sat)]
    np.testing.assert_allclose(batched, one_by_one, rtol=1e-15)


GOOD = {
    "sat_pos_ecef_m": np.array([7e6, 1e6, 0.0]),
    "rx_pos_ecef_m": np.array([6.378e6, 0.0, 0.0]),
    "rx_clock_bias_m": 3.0,
    "sat_clock_bias_m": 1.0,
}


@pytest.mark.parametrize("name", GOOD)
def test_32_bit_and_stacked_inputs_are_refused(untyped, name):
    low = np.asarray(GOOD[name], np.float32)
    with pytest.raises(LeopntError, match=f"{name}: got float32; accepted: float64"):
        pseudorange(**{**GOOD, name: low})
    with pytest.raises(LeopntError, match=rf"{name}: got shape \(2,.*; accepted: .*jax.vmap"):
        pseudorange(**{**GOOD, name: np.stack([np.asarray(GOOD[name])] * 2)})


def test_whole_numbers_are_clock_biases(untyped):
    assert pseudorange(**{**GOOD, "rx_clock_bias_m": 3, "sat_clock_bias_m": 1}) == pseudorange(
        **GOOD
    )
