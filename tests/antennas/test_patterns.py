"""Patterns against energy conservation, published side lobes and their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, special

from leopnt.antennas import (
    CircularAperture,
    CosinePower,
    HemisphericalPatch,
    Isotropic,
    ParabolicBeam,
    angle_off_boresight,
)
from leopnt.errors import LeopntError

PATTERNS = {
    "isotropic": (Isotropic(), 0.0),
    "cosine": (CosinePower(1.5), 10 * np.log10(5.0)),
    "aperture": (CircularAperture(10.0, 30.0), 30.0),
    "tapered": (CircularAperture(10.0, 30.0, taper=2), 30.0),
    "parabolic": (ParabolicBeam(8.0, 1.1), 8.0),
    "patch": (HemisphericalPatch(5.0, -5.0), 5.0),
}


def mean_over_sphere(pattern):
    gain = jax.jit(pattern.gain)

    def ring(angle):
        return float(gain(angle)) * np.sin(angle) / 2

    return sum(integrate.quad(ring, a, b)[0] for a, b in [(0, np.pi / 2), (np.pi / 2, np.pi)])


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_has_its_peak_flat_at_boresight_and_is_even(name):
    pattern, peak_dbi = PATTERNS[name]
    np.testing.assert_allclose(pattern.gain_dbi(0.0), peak_dbi, atol=1e-12)
    np.testing.assert_allclose(pattern.gain(0.0), 10 ** (peak_dbi / 10), rtol=1e-12)
    assert jax.grad(pattern.gain)(0.0) == 0.0
    assert jax.grad(pattern.gain_dbi)(0.0) == 0.0
    angles = jnp.linspace(0.0, jnp.pi, 50)
    front = jax.vmap(pattern.gain)(angles)
    np.testing.assert_allclose(jax.jit(jax.vmap(pattern.gain))(-angles), front, rtol=1e-12)
    assert np.all(front <= front[0] * (1 + 1e-12))
    assert np.all(np.isfinite(jax.jit(jax.vmap(jax.grad(pattern.gain)))(angles)))
    assert not np.any(np.isnan(jax.jit(jax.vmap(jax.grad(pattern.gain_dbi)))(angles)))


@pytest.mark.parametrize("name", PATTERNS)
def test_angles_beyond_half_a_turn_are_refused_or_unknown(name):
    pattern, _ = PATTERNS[name]
    with pytest.raises(LeopntError, match=r"angle_rad = 90 rad: expected -3.14159 to 3.14159"):
        pattern.gain(90.0)
    assert np.isnan(jax.jit(pattern.gain)(90.0))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("an isotropic antenna", Isotropic()),
        ("a half-sphere (q = 0)", CosinePower(0.0)),
        ("a cosine element, q = 1", CosinePower(1.0)),
        ("a cosine element, q = 7.3", CosinePower(7.3)),
    ],
)
def test_a_lossless_pattern_conserves_energy(name, pattern, evidence):
    evidence(
        "antennas.patterns",
        f"mean gain of {name} over the sphere",
        "conservation of energy",
        "closed form",
        achieved=abs(mean_over_sphere(pattern) - 1.0),
        tolerance=1e-9,
    )


def test_a_cosine_element_of_exponent_one_has_6_dbi_and_nothing_behind():
    np.testing.assert_allclose(CosinePower(1.0).gain_dbi(0.0), 6.0206, atol=1e-4)
    np.testing.assert_allclose(CosinePower(1.0).gain(np.pi / 3), 2.0, rtol=1e-14)
    assert CosinePower(1.0).gain(2.0) == 0.0
    assert CosinePower(1.0).gain_dbi(2.0) == -np.inf


def test_the_uniform_aperture_is_the_formula_of_3gpp(evidence):
    angle = np.linspace(0.01, np.pi / 2 - 0.01, 400)
    ka = 2 * np.pi * 10.0  # TR 38.811 takes a = 10 wavelengths
    expected = 4 * np.abs(special.j1(ka * np.sin(angle)) / (ka * np.sin(angle))) ** 2
    got = jax.vmap(CircularAperture(10.0, 0.0).gain)(jnp.asarray(angle))
    evidence(
        "antennas.patterns",
        "normalized gain of an aperture of 10 wavelengths radius",
        "3GPP TR 38.811 sec. 6.4.1 with scipy.special.j1",
        "published",
        achieved=np.max(np.abs(got - expected)),
        tolerance=1e-13,
    )


@pytest.mark.parametrize(
    ("taper", "side_lobe_db", "half_width"), [(0, -17.6, 29.2), (1, -24.6, 36.4), (2, -30.6, 42.1)]
)
def test_side_lobes_and_widths_are_those_of_the_antenna_handbook(taper, side_lobe_db, half_width):
    # Balanis, table 12.2: first side lobe, and half-power width in degrees times a / lambda, which
    # for the uniform aperture is 1 % below 1.029 lambda / (2 a).
    big = CircularAperture(100.0, 0.0, taper)
    gain = jax.jit(big.gain)
    half = optimize.brentq(lambda t: float(gain(t)) - 0.5, 1e-6, 0.005)
    assert abs(np.rad2deg(2 * half) * 100.0 - half_width) < 0.3
    angle = np.linspace(0.0, 0.02, 4000)
    gain_db = np.asarray(jax.vmap(big.gain_dbi)(jnp.asarray(angle)))
    first_null = np.argmax(np.diff(gain_db) > 0)
    assert abs(np.max(gain_db[first_null:]) - side_lobe_db) < 0.06


@pytest.mark.parametrize("taper", [0, 1, 3])
def test_the_peak_of_a_large_aperture_conserves_energy(taper):
    # Up to terms of order 1/(ka)^2 from the obliquity of the far side lobes, larger for taper 0.
    pattern = CircularAperture.from_size(30.0, 299_792_458.0, taper=taper)
    ring = np.linspace(0.0, np.pi / 2, 40_001)
    gain = np.asarray(jax.vmap(pattern.gain)(jnp.asarray(ring)))
    mean = integrate.simpson(gain * np.sin(ring), x=ring) / 2
    assert abs(mean - 1.0) < (4e-3 if taper == 0 else 2e-4)


def test_a_dish_of_one_meter_at_12_ghz_has_42_dbi():
    # (2 pi a f / c)^2 by hand: 251.5 squared.
    dish = CircularAperture.from_size(1.0, 12e9)
    np.testing.assert_allclose(dish.peak_dbi, 20 * np.log10(251.50), atol=1e-3)
    less = CircularAperture.from_size(1.0, 12e9, efficiency=0.5)
    np.testing.assert_allclose(dish.peak_dbi - less.peak_dbi, 3.0103, atol=1e-4)
    tapered = CircularAperture.from_size(1.0, 12e9, taper=1)
    np.testing.assert_allclose(tapered.peak_dbi - dish.peak_dbi, 10 * np.log10(0.75), rtol=1e-9)


def test_the_parabolic_beam_is_3_db_down_at_half_its_width_and_ends_on_its_floor():
    beam = ParabolicBeam(8.0, np.deg2rad(65.0), 30.0)
    np.testing.assert_allclose(beam.gain_dbi(np.deg2rad(32.5)), 5.0, rtol=1e-12)
    np.testing.assert_allclose(beam.gain_dbi(np.pi), -22.0, rtol=1e-12)


def test_the_patch_passes_its_horizon_and_falls_as_much_behind():
    patch = HemisphericalPatch(4.0, -3.0)
    np.testing.assert_allclose(patch.gain_dbi(np.pi / 2), -3.0, rtol=1e-12)
    np.testing.assert_allclose(patch.gain_dbi(np.pi), -10.0, rtol=1e-12)


def test_the_angle_off_boresight_is_exact_at_both_ends():
    z = jnp.array([0.0, 0.0, 2.0])
    assert angle_off_boresight(z, z) == 0.0
    np.testing.assert_allclose(angle_off_boresight(-3.0 * z, z), np.pi, rtol=1e-15)
    tilted = jnp.array([1e-9, 0.0, 1.0])
    np.testing.assert_allclose(angle_off_boresight(tilted, z), 1e-9, rtol=1e-12)
    np.testing.assert_allclose(angle_off_boresight(jnp.array([1.0, 1.0, 0.0]), z), np.pi / 2)


def test_the_gain_from_positions_has_a_derivative_at_boresight():
    z = jnp.array([0.0, 0.0, 1.0])
    for pattern, _ in PATTERNS.values():
        slope = jax.grad(lambda d, p=pattern: p.gain(angle_off_boresight(d, z)))(z)
        np.testing.assert_array_equal(slope, 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosinePower(-1.0), "exponent = -1: expected 0 or more"),
        (lambda: CircularAperture(0.0, 0.0), "radius_wavelengths = 0: expected a number above 0"),
        (lambda: CircularAperture(1.0, np.inf), "peak_dbi = inf: expected a finite number"),
        (lambda: CircularAperture(1.0, 0.0, 4), "taper = 4: expected an integer of 0 to 3"),
        (lambda: CircularAperture(1.0, 0.0, -1), "taper = -1: expected an integer of 0 or more"),
        (lambda: CircularAperture.from_size(-1.0, 1e9), "radius_m = -1 m: expected a number abov"),
        (lambda: CircularAperture.from_size(1.0, -1e9), r"carrier_hz = -1e\+09 Hz: expected"),
        (lambda: CircularAperture.from_size(1.0, 1e9, efficiency=2.0), "efficiency = 2: expected"),
        (lambda: CircularAperture.from_size(1.0, 1e9, efficiency=0.0), "efficiency = 0: expected"),
        (lambda: ParabolicBeam(0.0, 0.0), "width_rad = 0 rad: expected a number above 0"),
        (lambda: ParabolicBeam(0.0, 1.0, -3.0), "depth_db = -3 dB: expected 0 or more"),
        (lambda: HemisphericalPatch(0.0, 3.0), "peak_dbi - horizon_dbi = -3 dB: expected 0 or mo"),
    ],
)
def test_what_is_no_pattern_is_refused(untyped, make, message):
    with pytest.raises(LeopntError, match=message):
        make()
