"""Time of arrival against hand-made distances and the pseudorange."""

from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.geometry import flight_time, rotate_earth
from leopnt.observables import pseudorange, toa


def test_time_of_arrival_is_distance_over_light_speed_plus_clock(evidence):
    rng = np.random.default_rng(1)
    worst = Decimal(0)
    with localcontext() as context:
        context.prec = 40
        for _ in range(30):
            sat, rx = rng.normal(size=(2, 3)) * [[1.5e7], [4e6]]
            bias = float(rng.normal() * 1e-3)
            gap = [Decimal(float(a)) - Decimal(float(b)) for a, b in zip(sat, rx, strict=True)]
            exact = sum(x * x for x in gap).sqrt() / 299_792_458 + Decimal(bias)
            got = toa(jnp.asarray(sat), jnp.asarray(rx), jnp.asarray(bias))
            worst = max(worst, abs(Decimal(float(got)) - exact))
    evidence(
        "observables.toa",
        "time of arrival of LEO and MEO links",
        "40-digit arithmetic",
        "implementation",
        achieved=worst,
        tolerance=1e-16,  # two units in the last place of 0.1 s are 3e-17
        unit="s",
    )


def test_one_light_second_takes_one_second():
    sat, rx = jnp.array([299_792_458.0, 0.0, 0.0]), jnp.zeros(3)
    assert toa(sat, rx, 0.0) == 1.0
    np.testing.assert_allclose(toa(sat, rx, 2.5e-3), 1.0025, rtol=1e-15)


def test_on_turned_axes_it_is_the_pseudorange_over_light_speed():
    sat, rx = jnp.array([7e6, 1e6, 5e5]), jnp.array([6.3e6, 2e5, 9e5])
    turned = rotate_earth(sat, flight_time(sat, rx))
    expected = pseudorange(sat, rx, 299_792.458, 0.0) / 299_792_458.0
    np.testing.assert_allclose(toa(turned, rx, 1e-3), expected, rtol=1e-15)


def test_derivatives_are_slowness_along_the_ray_and_one():
    sat, rx = jnp.array([3e6, 0.0, 4e6]), jnp.zeros(3)
    by_sat, by_rx, by_clock = jax.grad(toa, argnums=(0, 1, 2))(sat, rx, jnp.asarray(0.0))
    slowness = np.array([0.6, 0.0, 0.8]) / 299_792_458.0
    np.testing.assert_allclose(by_sat, slowness, rtol=1e-14)
    np.testing.assert_allclose(by_rx, -slowness, rtol=1e-14)
    assert by_clock == 1.0


GOOD = {
    "sat_pos_ecef_m": np.array([7e6, 1e6, 0.0]),
    "rx_pos_ecef_m": np.array([6.378e6, 0.0, 0.0]),
    "clock_bias_s": 1e-4,
}


@pytest.mark.parametrize("name", GOOD)
def test_32_bit_and_stacked_inputs_are_refused(untyped, name):
    low = np.asarray(GOOD[name], np.float32)
    with pytest.raises(LeopntError, match=f"{name}: got float32; accepted: float64"):
        toa(**{**GOOD, name: low})
    with pytest.raises(LeopntError, match=rf"{name}: got shape \(2,.*; accepted: .*jax.vmap"):
        toa(**{**GOOD, name: np.stack([np.asarray(GOOD[name])] * 2)})
