"""Decibels of round numbers."""

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.antennas.decibels import from_db, to_db


def test_powers_of_ten_are_tens_of_decibels(evidence):
    powers = np.arange(-20.0, 21.0)
    evidence(
        "antennas.decibels",
        "decibels of powers of ten",
        "definition",
        "closed form",
        achieved=np.max(np.abs(to_db(jnp.asarray(10.0**powers)) - 10.0 * powers)),
        tolerance=1e-12,
        unit="dB",
    )
    np.testing.assert_allclose(from_db(jnp.asarray(10.0 * powers)), 10.0**powers, rtol=1e-13)


def test_nothing_is_minus_infinity_and_less_is_not_a_number():
    assert to_db(0.0) == -np.inf
    assert from_db(-np.inf) == 0.0
    assert np.isnan(to_db(-1.0))
    assert jax.grad(to_db)(0.0) == 0.0
