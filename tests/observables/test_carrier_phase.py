"""Carrier phase against the code pseudorange, signs against the standard model, relays by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.geometry import rotate_earth
from leopnt.observables import carrier_phase, carrier_phase_relayed, pseudorange

SAT = jnp.array([1.2e7, 2.1e7, 1.0e7])
RX = jnp.array([-2604298.533, 4743297.217, 3364978.513])
SURFACE = jnp.array([-2604348.533, 4743312.217, 3364998.513])
WAVELENGTH_M = 299792458.0 / 1575.42e6


def test_phase_without_atmosphere_is_the_pseudorange_in_wavelengths(evidence):
    found = carrier_phase(SAT, RX, WAVELENGTH_M, 30.0, -7.0, 5.0)
    code = pseudorange(SAT, RX, 30.0, -7.0)
    evidence(
        "observables.carrier_phase",
        "phase less the pseudorange in wavelengths and the ambiguity",
        "code pseudorange of the same link",
        "invariance",
        achieved=abs(float(found) - 5.0 - float(code) / WAVELENGTH_M),
        tolerance=1e-7,
        unit="cycles",
    )


def test_ionosphere_advances_and_troposphere_delays_the_phase():
    plain = carrier_phase(SAT, RX, WAVELENGTH_M)
    ionosphere = carrier_phase(SAT, RX, WAVELENGTH_M, ionosphere_m=4.0)
    troposphere = carrier_phase(SAT, RX, WAVELENGTH_M, troposphere_m=2.3)
    np.testing.assert_allclose(ionosphere - plain, -4.0 / WAVELENGTH_M, atol=1e-6)
    np.testing.assert_allclose(troposphere - plain, 2.3 / WAVELENGTH_M, atol=1e-6)


def test_a_relayed_phase_is_that_of_both_legs(evidence):
    found = carrier_phase_relayed(SAT, SURFACE, RX, WAVELENGTH_M, surface_phase_cycles=0.25)
    satellite = np.asarray(SAT)
    for _ in range(3):
        tau_s = np.linalg.norm(satellite - np.asarray(SURFACE)) / 299792458.0
        satellite = np.asarray(rotate_earth(SAT, jnp.asarray(tau_s)))
    legs_m = np.linalg.norm(satellite - np.asarray(SURFACE))
    legs_m += np.sqrt(50.0**2 + 15.0**2 + 20.0**2)
    evidence(
        "observables.carrier_phase",
        "relayed phase",
        "two legs in NumPy, light time iterated",
        "implementation",
        achieved=abs(float(found) - 0.25 - legs_m / WAVELENGTH_M),
        tolerance=1e-6,
        unit="cycles",
    )


def test_arrays_where_one_number_is_meant_are_refused(untyped):
    with pytest.raises(LeopntError, match="ionosphere_m: got shape"):
        carrier_phase(SAT, RX, WAVELENGTH_M, ionosphere_m=jnp.zeros(2))


@pytest.mark.parametrize("wavelength_m", [-0.19, 0.0, float("nan")])
def test_wavelengths_not_above_zero_are_refused(wavelength_m):
    with pytest.raises(LeopntError, match=r"wavelength_m = .*: expected a number above 0"):
        carrier_phase(SAT, RX, wavelength_m)
