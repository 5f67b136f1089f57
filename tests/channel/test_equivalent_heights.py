"""Equivalent heights against another implementation."""

import jax
import numpy as np

from leopnt.channel import AirState
from leopnt.channel.equivalent_heights import oxygen_height_m, vapor_height_m

# GHz, hPa (dry), g/m3, K: heights of dry air and vapor [km], itur 0.4.0, its ITU-R P.676-12.
ITUR = {
    (1.575, 1013.25, 7.5, 288.15): (5.116141587659971, 1.696970901750303),
    (12.7, 1013.25, 7.5, 288.15): (4.890799377949465, 1.7111444510569698),
    (22.2, 950.0, 15.0, 300.0): (5.277518550955111, 2.2369567311620604),
    (60.5, 850.0, 2.0, 260.0): (10.159252859065917, 2.5830066923689805),
    (118.75, 700.0, 1.0, 270.0): (26.61905829352788, 2.114701201463853),
    (183.3, 700.0, 3.0, 275.0): (4.525659032786262, 2.885812494801234),
    (350.0, 1013.25, 7.5, 288.15): (5.494482907211207, 1.7014198532644917),
}


def test_both_heights_are_those_of_itur(evidence):
    worst = 0.0
    for (gigahertz, pressure, vapor, temperature), expected in ITUR.items():
        air = AirState(100 * pressure, temperature, 1e-3 * vapor)
        heights = (oxygen_height_m(1e9 * gigahertz, air), vapor_height_m(1e9 * gigahertz, air))
        worst = max(worst, np.max(np.abs(np.array(heights) / (1e3 * np.array(expected)) - 1)))
    evidence(
        "channel.equivalent_heights",
        "equivalent heights of dry air and vapor, 1.5 to 350 GHz, relative",
        "itur 0.4.0 (ITU-R P.676-12)",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


def test_they_have_derivatives():
    air = AirState(100e3, 288.0, 7e-3)
    for height in (oxygen_height_m, vapor_height_m):
        slopes = jax.jit(jax.grad(height, (0, 1)))(20e9, air)
        assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(slopes))
