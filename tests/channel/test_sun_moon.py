"""Sun and Moon against JPL Horizons and the almanac."""

import erfa
import numpy as np
import pytest

from leopnt.channel import (
    moon_position_ecef,
    moon_position_gcrs,
    sun_position_ecef,
    sun_position_gcrs,
)
from leopnt.channel.sun_moon import ASTRONOMICAL_UNIT_M
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError

C = 299_792_458.0
# JPL Horizons, 1980-03-25 0h UTC, apparent geocentric places of the true equator and equinox, as
# the tests of astropy quote it (accessed 2016-03-28): hours, degrees, light minutes.
HORIZONS_1980 = {
    "Sun": ((0, 16, 31.00), (1, 47, 16.9), 8.294858),
    "Moon": ((7, 32, 2.62), (18, 34, 5.0), 0.021921),
}
EPOCH_1980 = Epoch.from_iso("1980-03-25T00:00:00Z")


def sexagesimal(parts):
    return parts[0] + parts[1] / 60 + parts[2] / 3600


def horizons(body):
    ra, dec, minutes = HORIZONS_1980[body]
    ra, dec = np.radians(15 * sexagesimal(ra)), np.radians(sexagesimal(dec))
    unit = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    return unit, C * 60 * minutes


def apparent(pos_gcrs_m, vel_over_c):
    unit = pos_gcrs_m / np.linalg.norm(pos_gcrs_m) + vel_over_c
    unit = erfa.pnm06a(*EPOCH_1980.to_jd(TimeScale.TT)) @ unit
    return unit / np.linalg.norm(unit)


def test_the_sun_is_where_horizons_has_it(evidence):
    _, barycentric = erfa.epv00(*EPOCH_1980.to_jd(TimeScale.TT))
    aberration = barycentric["v"] * ASTRONOMICAL_UNIT_M / 86_400 / C
    unit, distance = horizons("Sun")
    sun = sun_position_gcrs(EPOCH_1980)
    evidence(
        "channel.sun_moon",
        "apparent direction of the Sun, 1980-03-25 [arcsec]",
        "JPL Horizons",
        "published",
        achieved=np.degrees(np.linalg.norm(apparent(sun, aberration) - unit)) * 3600,
        tolerance=1.0,
        unit="arcsec",
    )
    assert np.linalg.norm(sun) == pytest.approx(distance, abs=40e3)  # 4 km and the last digit


def test_the_moon_is_where_horizons_has_it(evidence):
    # Light time and aberration of a body that goes along with the Earth: 1.3 s of its own motion.
    unit, distance = horizons("Moon")
    moon = moon_position_gcrs(EPOCH_1980 - 1.3)
    evidence(
        "channel.sun_moon",
        "apparent direction of the Moon, 1980-03-25 [arcsec]",
        "JPL Horizons",
        "published",
        achieved=np.degrees(np.linalg.norm(apparent(moon, 0.0) - unit)) * 3600,
        tolerance=20.0,
        unit="arcsec",
    )
    assert np.linalg.norm(moon) == pytest.approx(distance, abs=60e3)


def test_the_sun_crosses_greenwich_by_the_equation_of_time():
    # 3 November: +16 min 25 s, so at 12h UT the Sun is 4.10 degrees west (aberration: 0.006).
    sun = sun_position_ecef(Epoch.from_iso("2025-11-03T12:00:00", TimeScale.UT1))
    east_deg = np.degrees(np.arctan2(sun[1], sun[0]))
    assert east_deg == pytest.approx(-(16 + 25 / 60) / 4, abs=0.02)


def test_axes_of_the_earth_keep_distances_and_shapes():
    epochs = Epoch.from_iso(["2021-09-22T00:00:00Z", "2021-09-22T06:00:00Z"])
    for turned, fixed in (
        (sun_position_ecef, sun_position_gcrs),
        (moon_position_ecef, moon_position_gcrs),
    ):
        found = turned(epochs)
        assert found.shape == (2, 3)
        np.testing.assert_allclose(
            np.linalg.norm(found, axis=-1), np.linalg.norm(fixed(epochs), axis=-1), rtol=1e-12
        )
        np.testing.assert_allclose(turned(epochs[1]), found[1], rtol=1e-12)


def test_epochs_without_earth_orientation_are_refused():
    with pytest.raises(LeopntError, match="1960"):
        sun_position_ecef(Epoch.from_iso("1960-01-01", TimeScale.TAI))
