"""Free-space loss against round numbers and geometry."""

import jax
import numpy as np
import pytest

from leopnt.channel import free_space_loss, free_space_loss_db, wavelength
from leopnt.errors import LeopntError


def test_2000_km_at_1_ghz_lose_158_47_db(evidence):
    # 20 log10(d/km) + 20 log10(f/GHz) + 92.44778, ITU-R P.525 prints 92.4.
    for range_m, carrier_hz in [(2e6, 1e9), (550e3, 12.7e9), (1.0, 1e9), (36e6, 1.57542e9)]:
        expected = 20 * np.log10(range_m * 1e-3 * carrier_hz * 1e-9) + 92.447783
        evidence(
            "channel.path_loss",
            f"free-space loss over {range_m:g} m at {carrier_hz:g} Hz",
            "ITU-R P.525, eq. 4",
            "published",
            achieved=abs(float(free_space_loss_db(range_m, carrier_hz)) - expected),
            tolerance=1e-6,
            unit="dB",
        )
    np.testing.assert_allclose(free_space_loss_db(2e6, 1e9), 158.47, atol=0.005)


def test_the_loss_is_the_sphere_over_the_isotropic_aperture():
    range_m, length = 1.2e6, 299_792_458.0 / 1.6e9
    sphere, aperture = 4 * np.pi * range_m**2, length**2 / (4 * np.pi)
    np.testing.assert_allclose(free_space_loss(range_m, 1.6e9), sphere / aperture, rtol=1e-12)
    np.testing.assert_allclose(wavelength(1.6e9), length, rtol=1e-15)


def test_twice_the_range_costs_6_db_and_the_slope_is_that_of_a_square():
    np.testing.assert_allclose(
        free_space_loss_db(2e6, 2e9) - free_space_loss_db(1e6, 2e9), 6.0206, atol=1e-4
    )
    by_range, by_carrier = jax.jit(jax.grad(free_space_loss_db, (0, 1)))(1e6, 2e9)
    np.testing.assert_allclose(by_range, 20 / np.log(10) / 1e6, rtol=1e-12)
    np.testing.assert_allclose(by_carrier, 20 / np.log(10) / 2e9, rtol=1e-12)


@pytest.mark.parametrize(
    ("range_m", "carrier_hz", "message"),
    [
        (-1.0, 1e9, "range_m = -1 m: expected a number above 0"),
        (0.0, 1e9, "range_m = 0 m: expected a number above 0"),
        (1e6, -1e9, r"carrier_hz = -1e\+09 Hz: expected a number above 0"),
        (1e6, np.nan, "carrier_hz = nan: expected a finite number"),
        (1e6, "L1", "carrier_hz = 'L1': expected a number"),
        (np.array([1e6, 2e6]), 1e9, r"range_m: got shape \(2,\); .* use jax.vmap"),
        (np.float32(1e6), 1e9, "range_m: got float32"),
    ],
)
def test_what_is_no_link_is_refused(untyped, range_m, carrier_hz, message):
    with pytest.raises(LeopntError, match=message):
        free_space_loss_db(range_m, carrier_hz)


@pytest.mark.parametrize(("range_m", "carrier_hz"), [(-1.0, 1e9), (1e6, -1e9), (-1e6, -1e9)])
def test_compiled_it_is_not_a_number_there(range_m, carrier_hz):
    assert np.isnan(jax.jit(free_space_loss_db)(range_m, carrier_hz))
