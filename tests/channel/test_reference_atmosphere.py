"""The reference atmosphere against another implementation and hydrostatics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.channel import AirState, reference_air
from leopnt.channel.reference_atmosphere import SEA_LEVEL_AIR
from leopnt.errors import LeopntError

# height [km], temperature [K], total pressure [hPa]: itur 0.4.0, its ITU-R P.835-6.
ITUR = [
    (0, 288.15, 1013.25),
    (3, 268.65919845164115, 701.2115825941908),
    (10.9, 217.42127913116042, 230.58748663731555),
    (11.5, 216.65, 209.84977498847695),
    (19, 216.65, 64.67549204243561),
    (25, 221.55206472628424, 25.492652174567194),
    (40, 250.34964610242113, 2.871516854550676),
    (49, 270.65, 0.903402881608236),
    (60, 247.02088477279676, 0.21959579859019995),
    (75, 208.39913079860182, 0.023882806908631204),
    (85, 188.89317368870587, 0.004457063611164085),
    (88, 186.8673, 0.002617340340687513),
    (95, 188.41827640311323, 0.0007596655323041114),
    (100, 195.08134433524688, 0.0003201243640545924),
]


def total_pressure_pa(air):
    return air.dry_pressure_pa + air.vapor_pressure_pa


def test_temperature_and_pressure_are_those_of_itur(evidence):
    worst = 0.0
    for height_km, temperature, pressure in ITUR:
        air = reference_air(1e3 * height_km)
        worst = max(
            worst,
            abs(air.temperature_k / temperature - 1),
            abs(total_pressure_pa(air) / (100 * pressure) - 1),
        )
    evidence(
        "channel.reference_atmosphere",
        "temperature and pressure from 0 to 100 km, relative",
        "itur 0.4.0 (ITU-R P.835-6)",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )


@pytest.mark.parametrize("height_m", [0.0, 5e3, 15e3, 25e3, 40e3, 49e3, 60e3, 80e3])
def test_pressure_falls_as_the_air_weighs(height_m):
    # d log p / dh = -g M / (R T), standard gravity falling as 1/r^2.
    slope = jax.grad(lambda h: jnp.log(total_pressure_pa(reference_air(h))))(height_m)
    gravity = 9.80665 * (6356.766e3 / (6356.766e3 + height_m)) ** 2
    expected = -gravity * 28.9644e-3 / (8.31432 * float(reference_air(height_m).temperature_k))
    np.testing.assert_allclose(slope, expected, rtol=2e-6)


def test_vapor_halves_in_1386_m_and_stops_at_two_millionths_of_the_pressure():
    low, high = reference_air(1000.0), reference_air(1000.0 + 2000.0 * np.log(2))
    np.testing.assert_allclose(high.vapor_density_kgpm3, low.vapor_density_kgpm3 / 2, rtol=1e-12)
    for height_m in (30e3, 60e3, 99e3):
        air = reference_air(height_m)
        np.testing.assert_allclose(air.vapor_pressure_pa / total_pressure_pa(air), 2e-6, rtol=1e-12)
    assert reference_air(30e3, 0.0).vapor_density_kgpm3 == 0.0


def test_vapor_of_7_5_grams_at_15_degrees_presses_with_9_97_hpa():
    # ITU-R validation workbook CG-3M3J-13-ValEx, sheet "P.676-13 SpAtt".
    air = AirState(101_325.0, 288.15, 7.5e-3)
    np.testing.assert_allclose(air.vapor_pressure_pa, 997.288878634056, rtol=1e-14)


def test_refractivity_at_sea_level_is_about_320_n_units():
    # 77.6 p/T + 72 e/T + 3.75e5 e/T^2 by hand: 270.187 + 2.492 + 45.042.
    np.testing.assert_allclose(1e6 * SEA_LEVEL_AIR.refractivity, 317.721, atol=2e-3)


def test_the_constant_at_sea_level_is_the_function_there():
    ground = reference_air(0.0)
    for name in ("dry_pressure_pa", "temperature_k", "vapor_density_kgpm3"):
        np.testing.assert_allclose(getattr(SEA_LEVEL_AIR, name), getattr(ground, name), rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reference_air(-501.0), r"height_m = -501 m: expected -500 to 100000"),
        (lambda: reference_air(100_001.0), r"height_m = 100001 m: expected -500 to 100000"),
        (lambda: reference_air(0.0, -1e-3), "sea_level_vapor_kgpm3 = -0.001 kg/m3: expected 0 or"),
        (lambda: reference_air(np.zeros(2)), r"height_m: got shape \(2,\)"),
        (lambda: AirState(-1.0, 288.0, 0.0), "dry_pressure_pa = -1 Pa: expected 0 or more"),
        (lambda: AirState(1e5, 0.0, 0.0), "temperature_k = 0 K: expected a number above 0"),
        (lambda: AirState(1e5, -15.0, 0.0), "temperature_k = -15 K: expected a number above 0"),
        (lambda: AirState(1e5, 288.0, -7.5), "vapor_density_kgpm3 = -7.5 kg/m3: expected 0 or"),
        (lambda: AirState(1e5, "warm", 0.0), "temperature_k = 'warm': expected a number"),
    ],
)
def test_what_is_no_air_is_refused(untyped, make, message):
    with pytest.raises(LeopntError, match=message):
        make()


def test_compiled_it_is_not_a_number_outside():
    for height_m in (-600.0, 1.1e5):
        assert np.isnan(jax.jit(reference_air)(height_m).temperature_k)
        assert np.isnan(jax.jit(reference_air)(height_m).dry_pressure_pa)
