"""Slant paths through gases against the examples of ITU-R, itur and adaptive quadrature."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from leopnt.channel import (
    AirState,
    CosecantGases,
    NoGases,
    SlantPathGases,
    attenuation_dbpm,
    reference_air,
)
from leopnt.errors import LeopntError

EARTH_M = 6371e3


@jax.jit
def loss_db(gases, carrier_hz, el_rad):
    return gases.loss_db(carrier_hz, el_rad)


@jax.jit
def lost_and_refractivity(carrier_hz, height_m):
    air = reference_air(height_m)
    return attenuation_dbpm(carrier_hz, air), air.refractivity


# GHz, elevation [deg], dry hPa, g/m3, K: dB, itur 0.4.0 with mode="approx", its ITU-R P.676-12.
ITUR_APPROXIMATE = {
    (1.575, 10.0, 1013.25, 7.5, 288.15): 0.18944102403297783,
    (12.7, 90.0, 1013.25, 7.5, 288.15): 0.06264047034085597,
    (12.7, 30.0, 1013.25, 7.5, 288.15): 0.12528094068171197,
    (12.7, 5.0, 1013.25, 7.5, 288.15): 0.718718794264869,
    (60.0, 90.0, 1013.25, 7.5, 288.15): 157.19400559285543,
    (183.31, 90.0, 1013.25, 7.5, 288.15): 70.95335882879964,
    (20.0, 25.0, 950.0, 12.0, 298.0): 0.7471392411869489,
    (43.0, 60.0, 1005.0, 4.0, 275.0): 0.5416208987667586,
    (2.2, 8.0, 800.0, 3.0, 280.0): 0.15175352187012967,
    (300.0, 90.0, 1013.25, 7.5, 288.15): 9.00298895745378,
}

# GHz, elevation [deg]: dB, itur 0.4.0 with mode="exact". It samples every layer at its foot and
# takes the total pressure for that of dry air.
ITUR_EXACT = {
    (1.575, 10.0): 0.19465672271478593,
    (12.7, 90.0): 0.06372557496080032,
    (12.7, 5.0): 0.6935333527718709,
    (12.7, 0.0): 4.069441307107166,
    (20.0, 45.0): 0.3571025159552745,
    (60.0, 90.0): 155.05244631951447,
    (183.31, 90.0): 80.87230576657822,
}


def sum_over_layers(carrier_hz, el_rad):
    """The sum of ITU-R P.676-13, Annex 1, eq. 13 to 19, over 922 layers sampled in the middle."""
    grow = np.exp(np.arange(922) / 100)
    thick, low = 0.1 * grow, 0.1 * (grow - 1) / (np.exp(0.01) - 1)
    middle = jnp.minimum(low + thick / 2, 100e3)
    each, refractivity = jax.vmap(lost_and_refractivity, (None, 0))(carrier_hz, middle)
    index = 1 + np.asarray(refractivity)
    radius = EARTH_M + low
    cosine = np.sqrt(1 - (index[0] * radius[0] * np.cos(el_rad) / (index * radius)) ** 2)
    length = -radius * cosine + np.sqrt((radius * cosine) ** 2 + 2 * radius * thick + thick**2)
    return np.asarray(each) @ length


def adaptive_integral(carrier_hz, el_rad, station_m):
    """The same path by adaptive quadrature over t = sqrt(sin^2 el + 2 (h - station) / R)."""
    ground = 1 + float(lost_and_refractivity(carrier_hz, station_m)[1])
    bottom, sine = ground * (EARTH_M + station_m), np.sin(el_rad)

    def integrand(t):
        rise = (t * t - sine**2) * EARTH_M / 2
        lost, refractivity = map(float, lost_and_refractivity(carrier_hz, station_m + rise))
        gain = ground * rise + (1 + refractivity - ground) * (EARTH_M + station_m + rise)
        vertical = np.sqrt(gain * (gain + 2 * bottom) + (bottom * sine) ** 2)
        return lost * EARTH_M * t * (bottom + gain) / vertical

    kinks = np.array([3e3, 11019.07, 20063.13, 32161.9, 47350.08, 51412.48, 71801.97, 86e3, 1e5])
    rises = np.concatenate([[0.0], kinks[kinks > station_m] - station_m])
    t = np.sqrt(sine**2 + 2 * rises / EARTH_M)
    pairs = itertools.pairwise(t)
    return sum(integrate.quad(integrand, a, b, epsrel=1e-8, epsabs=0)[0] for a, b in pairs)


def test_the_slant_path_example_of_itu_comes_out(evidence):
    # Workbook CG-3M3J-13-ValEx, sheet "P.676-13 A_Gas_A1_2.2.1a", 28 GHz at 30 degrees.
    published = 0.47081173472870474
    evidence(
        "channel.atmosphere",
        "sum over layers at 28 GHz and 30 degrees, relative",
        "ITU-R validation example (P.676-13, P.835-6)",
        "published",
        achieved=abs(sum_over_layers(28e9, np.pi / 6) / published - 1),
        tolerance=1e-9,
    )
    evidence(
        "channel.atmosphere",
        "slant path integral at 28 GHz and 30 degrees, relative",
        "ITU-R validation example (P.676-13), a sum over layers",
        "published",
        achieved=abs(float(loss_db(SlantPathGases(), 28e9, np.pi / 6)) / published - 1),
        tolerance=2e-5,
    )


@pytest.mark.parametrize(
    ("el_deg", "station_m"), [(0.0, 0.0), (0.01, 0.0), (0.3, 0.0), (15.0, 0.0), (7.0, 2500.0)]
)
def test_the_slant_path_is_the_integral(el_deg, station_m, evidence):
    el = np.deg2rad(el_deg)
    expected = adaptive_integral(28e9, el, station_m)
    evidence(
        "channel.atmosphere",
        f"slant path at 28 GHz and {el_deg:g} degrees from {station_m:g} m, relative",
        "scipy adaptive quadrature",
        "implementation",
        achieved=abs(float(loss_db(SlantPathGases(station_m), 28e9, el)) / expected - 1),
        tolerance=5e-7,
    )


def test_the_cosecant_law_is_that_of_itur(evidence):
    worst = 0.0
    for (gigahertz, el_deg, pressure, vapor, temperature), expected in ITUR_APPROXIMATE.items():
        gases = CosecantGases(AirState(100 * pressure, temperature, 1e-3 * vapor))
        got = float(loss_db(gases, 1e9 * gigahertz, np.deg2rad(el_deg)))
        worst = max(worst, abs(got / expected - 1))
    evidence(
        "channel.atmosphere",
        "zenith loss by equivalent heights over sin(el), 1.5 to 300 GHz, relative",
        "itur 0.4.0 (ITU-R P.676-12, approximate method)",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


def test_slant_paths_are_within_two_percent_of_itur(evidence):
    worst = 0.0
    for (gigahertz, el_deg), theirs in ITUR_EXACT.items():
        ours = float(loss_db(SlantPathGases(), 1e9 * gigahertz, np.deg2rad(el_deg)))
        worst = max(worst, abs(ours / theirs - 1))
    evidence(
        "channel.atmosphere",
        "slant paths at 0 to 90 degrees, relative (itur samples layers at their foot)",
        "itur 0.4.0 (ITU-R P.676-12, exact method)",
        "implementation",
        achieved=worst,
        tolerance=0.02,
    )


@pytest.mark.parametrize("gigahertz", [1.575, 12.7, 20.0, 28.0, 43.0])
def test_both_models_agree_within_six_percent_above_ten_degrees(gigahertz):
    for el_deg in (10.0, 30.0, 90.0):
        el = np.deg2rad(el_deg)
        exact = float(loss_db(SlantPathGases(), 1e9 * gigahertz, el))
        assert abs(float(loss_db(CosecantGases(), 1e9 * gigahertz, el)) / exact - 1) < 0.06


def test_limits_may_be_missed_by_a_rounding():
    assert np.isfinite(CosecantGases().loss_db(12e9, np.deg2rad(5.0) - 1e-15))
    assert np.isfinite(loss_db(SlantPathGases(), 12e9, np.pi / 2 + 1e-15))


def test_a_higher_station_loses_less_and_dry_air_less_still():
    losses = [float(loss_db(SlantPathGases(h), 20e9, 0.5)) for h in (-400.0, 0.0, 2e3, 8e3, 20e3)]
    assert np.all(np.diff(losses) < 0)
    assert loss_db(SlantPathGases(0.0, 0.0), 20e9, 0.5) < losses[1]


def test_the_derivative_by_elevation_is_that_of_differences():
    gases = SlantPathGases()
    loss = jax.jit(lambda el: gases.loss_db(20e9, el))
    slope = jax.jit(jax.grad(loss))
    for el_deg in (0.02, 1.0, 40.0):
        el = np.deg2rad(el_deg)
        difference = (loss(el * 1.001) - loss(el * 0.999)) / (0.002 * el)
        np.testing.assert_allclose(slope(el), difference, rtol=1e-4)
    by_all = jax.jit(jax.grad(lambda g, f, el: g.loss_db(f, el), (0, 1, 2)))(gases, 20e9, 0.0)
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(by_all))


@pytest.mark.parametrize("gases", [NoGases(), SlantPathGases(), CosecantGases()])
def test_many_links_at_once_are_each_link_alone(gases):
    el = jnp.linspace(0.1, np.pi / 2, 5)
    together = jax.jit(jax.vmap(gases.loss_db, (None, 0)))(12e9, el)
    alone = [float(loss_db(gases, 12e9, float(one))) for one in el]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert np.all(np.diff(together) <= 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SlantPathGases().loss_db(12e9, -0.01), "el_rad = -0.01 rad: expected 0 to 1.57"),
        (lambda: SlantPathGases().loss_db(12e9, 30.0), "el_rad = 30 rad: expected"),
        (lambda: SlantPathGases().loss_db(137e6, 0.5), r"carrier_hz = 1.37e\+08 Hz: expected 1e\+"),
        (lambda: SlantPathGases().loss_db(-12e9, 0.5), r"carrier_hz = -1.2e\+10 Hz: expected"),
        (lambda: SlantPathGases(30e3), "height_m = 30000 m: expected -500 to 20000"),
        (lambda: SlantPathGases(0.0, -1.0), "sea_level_vapor_kgpm3 = -1 kg/m3: expected 0 or more"),
        (lambda: CosecantGases().loss_db(12e9, 0.08), "el_rad = 0.08 rad: expected 0.0872665 to"),
        (lambda: CosecantGases().loss_db(400e9, 0.5), r"carrier_hz = 4e\+11 Hz: expected 1e\+09 t"),
        (lambda: NoGases().loss_db(-1.0, 0.5), "carrier_hz = -1 Hz: expected a number above 0"),
        (lambda: NoGases().loss_db(1e9, 5.0), "el_rad = 5 rad: expected"),
    ],
)
def test_what_a_model_does_not_cover_is_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()


@pytest.mark.parametrize(
    ("gases", "carrier_hz", "el_rad"),
    [
        (SlantPathGases(), 12e9, -0.01),
        (SlantPathGases(), 12e9, 1.6),
        (SlantPathGases(), 0.5e9, 0.5),
        (CosecantGases(), 12e9, 0.08),
        (CosecantGases(), 400e9, 0.5),
    ],
)
def test_compiled_it_is_not_a_number_there(gases, carrier_hz, el_rad):
    assert np.isnan(jax.jit(gases.loss_db)(carrier_hz, el_rad))
