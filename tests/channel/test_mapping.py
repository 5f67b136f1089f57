"""Mapping functions against the test cases of their authors and a bent ray."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.channel import (
    ReferenceMapping,
    global_mapping,
    niell_mapping,
    reference_air,
    vienna_mapping,
)
from leopnt.errors import LeopntError

# Test cases of the IERS Conventions software: Green Bank.
LAT_RAD, LON_RAD, MJD = 0.6708665767, -1.393397187, 55_055.0
EL_RAD = np.pi / 2 - 1.278564131
A_H, A_W = 0.00127683, 0.00060955

MAPPINGS = [
    ReferenceMapping(),
    niell_mapping(0.8, 100.0, MJD),
    vienna_mapping(A_H, A_W, 0.8, 100.0, MJD),
    global_mapping(0.8, 0.2, 100.0, MJD),
]


@pytest.mark.parametrize(
    ("routine", "mapping", "expected"),
    [
        (
            "GMF",
            global_mapping(LAT_RAD, LON_RAD, 844.715, MJD),
            (3.425245519339138678, 3.449589116182419257),
        ),
        (
            "VMF1",
            vienna_mapping(A_H, A_W, LAT_RAD, 0.0, MJD),
            (3.424342122738070593, 3.448299714692572238),
        ),
        (
            "VMF1_HT",
            vienna_mapping(A_H, A_W, LAT_RAD, 824.17, MJD),
            (3.425088087972572470, 3.448299714692572238),
        ),
    ],
)
def test_factors_are_those_of_the_iers_routines(routine, mapping, expected, evidence):
    found = mapping.factors(EL_RAD)
    evidence(
        "channel.mapping",
        f"{routine}, hydrostatic and wet at 16.7 degrees",
        "test case of the IERS Conventions (2010) software",
        "published",
        achieved=max(abs(found.hydrostatic - expected[0]), abs(found.wet - expected[1])),
        tolerance=1e-13,
    )


def test_niell_at_le_mans(evidence):
    # Mercier and Perosanz, Mesures GNSS, as the tests of Orekit quote them: 10.16 and 10.75 at 5
    # degrees, 48 N, 68 m, 1 January 1994.
    found = niell_mapping(np.radians(48.0), 68.0, 49_353.0).factors(np.radians(5.0))
    evidence(
        "channel.mapping",
        "Niell, hydrostatic and wet at 5 degrees",
        "Mercier and Perosanz, Mesures GNSS",
        "published",
        achieved=max(abs(found.hydrostatic - 10.16), abs(found.wet - 10.75)),
        tolerance=0.006,
    )


def bent_ray(apparent_rad):
    """Hydrostatic delay over that of the zenith, and the elevation that the ray leaves with.

    n r cos(elevation) is constant; refractivity of dry air in the reference atmosphere, 100 km.
    """
    height = 1e5 * np.linspace(0.0, 1.0, 20_001) ** 2
    air = jax.jit(jax.vmap(lambda h: reference_air(h, 0.0).refractivity))(height)
    n, radius = 1.0 + np.asarray(air), 6_371e3 + height
    invariant = n[0] * radius[0] * np.cos(apparent_rad)
    sine = np.sqrt((n * radius) ** 2 - invariant**2) / (n * radius)
    optical = np.trapezoid(n / sine, height)
    turned = np.trapezoid(np.sqrt(1.0 - sine**2) / (radius * sine), height)
    # Where the ray ends, seen from its start; then on to a satellite in the same direction.
    end = radius[-1] * np.array([np.sin(turned), np.cos(turned)]) - [0.0, radius[0]]
    leaving = np.arccos(invariant / radius[-1]) - turned
    excess = optical - end @ [np.cos(leaving), np.sin(leaving)]
    return excess / np.trapezoid(n - 1.0, height), leaving


@pytest.mark.parametrize("apparent_deg", [10.0, 20.0, 45.0])
def test_hydrostatic_factors_are_those_of_a_bent_ray(apparent_deg, evidence):
    expected, el_rad = bent_ray(np.radians(apparent_deg))
    # Mean season at 45 N is near the reference atmosphere.
    niell = niell_mapping(np.pi / 4, 0.0, 53_109.0)
    fitted = global_mapping(np.pi / 4, 0.2, 0.0, 53_109.0)
    found = [float(one.factors(el_rad).hydrostatic) for one in (niell, fitted)]
    evidence(
        "channel.mapping",
        f"Niell and GMF, hydrostatic at {apparent_deg:.0f} degrees",
        "ray bent through the ITU-R P.835 reference atmosphere",
        "closed form",
        achieved=max(abs(one / expected - 1.0) for one in found),
        tolerance=3e-4,
    )
    reference = float(ReferenceMapping().factors(el_rad).hydrostatic)
    assert reference == pytest.approx(expected, rel=0.01)


def test_the_reference_factor_of_the_calibration_case():
    # An independent worked case: elevation 39.545513427 degrees, m = 1.5683253107.
    found = ReferenceMapping().factors(np.radians(39.545513427))
    assert float(found.wet) == pytest.approx(1.5683253107, abs=1e-9)
    assert float(found.hydrostatic) == float(found.wet)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=["reference", "niell", "vienna", "global"])
def test_factors_fall_to_one_at_the_zenith_and_compile(mapping):
    el = np.radians(np.array([5.0, 10.0, 30.0, 60.0, 90.0]))
    found = mapping.factors(el)
    for factor in (found.hydrostatic, found.wet):
        assert np.all(np.diff(factor) < 0.0)
        assert float(factor[-1]) == pytest.approx(1.0, abs=1e-5)
    compiled = jax.jit(lambda m, e: m.factors(e))(mapping, jnp.asarray(el))
    np.testing.assert_allclose(compiled.hydrostatic, found.hydrostatic, rtol=1e-12)


def test_seasons_are_turned_around_in_the_south():
    # Half a year and the other hemisphere change nothing in Niell's model.
    north = niell_mapping(0.9, 0.0, 53_000.0).factors(0.1).hydrostatic
    south = niell_mapping(-0.9, 0.0, 53_000.0 + 365.25 / 2).factors(0.1).hydrostatic
    assert float(north) == pytest.approx(float(south), rel=1e-12)


def test_stations_and_links_broadcast():
    lat = np.array([[0.3], [0.9]])
    found = global_mapping(lat, 0.2, 0.0, MJD).factors(np.array([0.2, 0.5, 1.0]))
    assert found.wet.shape == (2, 3)
    one = global_mapping(0.9, 0.2, 0.0, MJD).factors(0.5)
    np.testing.assert_allclose(found.hydrostatic[1, 1], one.hydrostatic, rtol=1e-13)


def test_places_and_elevations_that_do_not_exist_are_refused(untyped):
    with pytest.raises(LeopntError, match=r"el_rad = 0 rad: expected a number above 0"):
        ReferenceMapping().factors(0.0)
    with pytest.raises(LeopntError, match=r"el_rad = -0.2 rad: expected 0 to 1.5708"):
        MAPPINGS[1].factors(np.array([0.3, -0.2]))
    with pytest.raises(LeopntError, match=r"lat_rad = 2 rad: expected -1.5708 to 1.5708"):
        niell_mapping(2.0, 0.0, MJD)
    with pytest.raises(LeopntError, match=r"height_m = 30000 m: expected -500 to 20000"):
        global_mapping(0.2, 0.0, 30e3, MJD)
    with pytest.raises(LeopntError, match=r"a_wet = -1 : expected a number above 0|a_wet = -1"):
        vienna_mapping(A_H, -1.0, 0.2, 0.0, MJD)
