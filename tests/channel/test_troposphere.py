"""Zenith delays and gradients against another implementation, integrals and geometry."""

import jax
import numpy as np
import pytest

from leopnt.channel import (
    ReferenceMapping,
    Weather,
    ZenithDelay,
    gradient_delay_m,
    gradient_factor,
    niell_mapping,
    reference_air,
    saastamoinen,
    slant_delay_m,
    standard_weather,
    vapor_pressure_pa,
)
from leopnt.errors import LeopntError


def cipm_vapor_pa(kelvin, pressure_pa, humidity):
    """Vapor pressure of the CIPM-2007 formula of moist air, appendix A1."""
    saturated = np.exp(
        1.2378847e-5 * kelvin**2 - 1.9121316e-2 * kelvin + 33.93711047 - 6.3431645e3 / kelvin
    )
    enhanced = 1.00062 + 3.14e-8 * pressure_pa + 5.6e-7 * (kelvin - 273.15) ** 2
    return humidity * enhanced * saturated


def test_zenith_delays_are_those_of_orekit(evidence):
    # Orekit 13, CanonicalSaastamoinenModelTest: 2.30697 and 0.115797 m, at 1013.25 hPa, 293.15 K,
    # half of saturation by CIPM-2007; it takes gravity at 45 degrees and sea level.
    vapor = cipm_vapor_pa(293.15, 101_325.0, 0.5)
    found = saastamoinen(Weather(101_325.0, 293.15, vapor), np.pi / 4, 0.0)
    evidence(
        "channel.troposphere",
        "Saastamoinen zenith delays at 1013.25 hPa, 20 C, 50 %",
        "Orekit 13, canonical Saastamoinen model",
        "implementation",
        achieved=max(abs(found.hydrostatic_m - 2.30697), abs(found.wet_m - 0.115797)),
        tolerance=2e-5,
        unit="m",
    )


def test_vapor_of_the_two_formulas_agrees_within_a_percent():
    kelvin = np.array([273.15, 283.15, 293.15, 303.15])
    np.testing.assert_allclose(
        vapor_pressure_pa(kelvin, 0.7), cipm_vapor_pa(kelvin, 1e5, 0.7), rtol=0.01
    )


@jax.jit
@jax.vmap
def air_at(height_m):
    air = reference_air(height_m)
    return air.dry_pressure_pa, air.temperature_k, air.vapor_pressure_pa


def column(height_m):
    """Hydrostatic and wet refractivity integrated above a height in the reference atmosphere."""
    height = np.concatenate([np.linspace(0, 2e4, 4001), np.linspace(2e4, 1e5, 2001)[1:]])
    height = height_m + height * (1e5 - height_m) / 1e5
    dry, kelvin, vapor = (np.asarray(one) for one in air_at(height))
    dry, vapor = dry / 100, vapor / 100
    # Thayer (1974): k1 = 77.604 of all mass, the rest of the vapor with k2' = 22.1, k3 = 3.776e5.
    mass = 77.604 * (dry + vapor * 18.0152 / 28.9644) / kelvin
    rest = (22.1 + 3.776e5 / kelvin) * vapor / kelvin
    return 1e-6 * np.trapezoid(mass, height), 1e-6 * np.trapezoid(rest, height)


@pytest.mark.parametrize("height_m", [0.0, 3000.0])
def test_zenith_delays_are_the_refractivity_above(height_m, evidence):
    air = reference_air(height_m)
    weather = Weather(
        air.dry_pressure_pa + air.vapor_pressure_pa, air.temperature_k, air.vapor_pressure_pa
    )
    found = saastamoinen(weather, np.radians(45.0), height_m)
    hydrostatic, wet = column(height_m)
    evidence(
        "channel.troposphere",
        f"hydrostatic zenith delay at {height_m:.0f} m",
        "refractivity (Thayer 1974) integrated through the ITU-R P.835 atmosphere",
        "closed form",
        achieved=abs(found.hydrostatic_m - hydrostatic),
        tolerance=3e-3,
        unit="m",
    )
    assert float(found.wet_m) == pytest.approx(wet, abs=0.02)


def test_the_standard_weather_is_the_standard_atmosphere():
    # US Standard Atmosphere 1976: 1013.25 hPa and 288.15 K; 2000 m: 794.95 hPa and 275.154 K.
    found = standard_weather(np.array([0.0, 2000.0]), 0.5)
    np.testing.assert_allclose(found.pressure_pa, [101_325.0, 79_495.0], rtol=1e-4)
    np.testing.assert_allclose(found.temperature_k, [288.15, 275.154], atol=0.01)
    assert float(saastamoinen(standard_weather(0.0), 0.7, 0.0).hydrostatic_m) == pytest.approx(
        2.307, abs=0.002
    )


def test_a_gradient_is_a_tilted_layer():
    # A layer whose delay grows by x per meter to the north, thin and at height H: the ray pierces
    # H / tan(el) farther north, so the delay grows by G / (sin el tan el), G = x H.
    el = np.radians(np.array([20.0, 45.0, 80.0]))
    thin = 1.0 / (np.sin(el) * np.tan(el))
    np.testing.assert_allclose(gradient_factor(el), thin, rtol=0.03)
    assert float(gradient_delay_m(np.radians(7.0), 0.0, 1e-3, 0.0)) == pytest.approx(
        0.055, abs=0.001
    )
    assert float(gradient_factor(np.pi / 2)) == pytest.approx(0.0, abs=1e-15)


def test_gradients_follow_the_azimuth():
    az = np.radians(np.array([0.0, 90.0, 180.0, 270.0]))
    found = gradient_delay_m(0.5, az, 1e-3, 2e-3) / gradient_factor(0.5)
    np.testing.assert_allclose(found, [1e-3, 2e-3, -1e-3, -2e-3], atol=1e-15)


def test_a_slant_delay_maps_both_parts():
    zenith, mapping, el = ZenithDelay(2.3, 0.15), niell_mapping(0.7, 0.0, 5e4), 0.3
    factors = mapping.factors(el)
    expected = 2.3 * float(factors.hydrostatic) + 0.15 * float(factors.wet)
    assert float(slant_delay_m(zenith, mapping, el)) == pytest.approx(expected, rel=1e-14)
    compiled = jax.jit(slant_delay_m)(zenith, mapping, el)
    assert float(compiled) == pytest.approx(expected, rel=1e-14)
    many = slant_delay_m(zenith, ReferenceMapping(), np.linspace(0.2, 1.5, 7))
    assert many.shape == (7,)


def test_weather_that_does_not_exist_is_refused(untyped):
    with pytest.raises(LeopntError, match="pressure_pa = -1 Pa: expected 0 to 120000"):
        Weather(-1.0, 290.0, 1000.0)
    with pytest.raises(LeopntError, match="temperature_k = 20 K: expected 150 to 350"):
        Weather(1e5, 20.0, 1000.0)
    with pytest.raises(LeopntError, match="relative_humidity = 50: expected 0 to 1"):
        vapor_pressure_pa(290.0, 50.0)
    with pytest.raises(LeopntError, match="height_m = 25000 m: expected -500 to 20000"):
        standard_weather(25e3)
    with pytest.raises(LeopntError, match=r"lat_rad = 45 rad: expected -1\.5708 to 1\.5708"):
        saastamoinen(standard_weather(0.0), 45.0, 0.0)
    with pytest.raises(LeopntError, match="el_rad = 0 rad: expected a number above 0"):
        gradient_factor(0.0)
    with pytest.raises(LeopntError, match="az_rad holds NaN or infinity"):
        gradient_delay_m(0.3, np.nan, 0.0, 0.0)
