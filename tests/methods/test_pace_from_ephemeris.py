"""PACE over real places below real satellites: geometry against the catalog, bounds in order."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.methods import pace
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.orbits.sgp4 import AnyAge
from leopnt.scenes.sky_scene import Place

ELEMENTS = Path(__file__).parents[2] / "examples" / "data" / "tle_2025" / "starlink.tle"
START = Epoch.from_iso("2025-12-28T12:00:00Z")
MUNICH = (
    Place(48.14, 11.58, 520.0),
    Place(48.37, 10.90, 490.0),
    Place(48.40, 11.75, 450.0),
    Place(47.86, 12.12, 440.0),
)
SPREAD = {"clock_bias_s": 1e-9 * np.linspace(80.0, 120.0, 8), "sat_power_w": 100.0}


@pytest.fixture(scope="module")
def ephemeris():
    elements = read_tle(ELEMENTS)
    return Ephemeris.from_sgp4(elements, START, 120.0, age_gate=AnyAge())


@pytest.fixture(scope="module")
def over(ephemeris):
    offsets = np.linspace(1500.0, 1000.0, 8)
    return pace.pace_scene_from_ephemeris(
        ephemeris, MUNICH, time_s=60.0, freq_offset_hz=offsets, **SPREAD
    )


def test_the_satellites_are_the_highest_of_the_catalog(ephemeris, over, evidence):
    every = jax.vmap(lambda sat: ephemeris.state(sat, 60.0).pos_ecef_m)(
        jnp.arange(ephemeris.pos_ecef_m.shape[0])
    )
    lowest = np.full(len(every), np.inf)
    for place in MUNICH:
        # Angle at the place between the satellite and the zenith of a sphere.
        user = np.asarray(place.pos_ecef_m)
        offset = np.asarray(every) - user
        cross = np.linalg.norm(np.cross(offset, user[None]), axis=1)
        lowest = np.minimum(lowest, np.arctan2(offset @ user, cross))
    assert set(np.argsort(-lowest)[:8]) == set(over.sat_index.tolist())
    links = pace.links_of(over.scene, pace.PaceSystem())
    evidence(
        "methods.pace.from_ephemeris",
        "lowest elevation of eight Starlink satellites over four places [rad]",
        "elevation of the links' own geometry",
        "real data",
        achieved=np.max(np.abs(np.min(links.user_el_rad, axis=1) - over.lowest_el_rad)),
        tolerance=1e-12,
        unit="rad",
    )
    assert np.all(np.diff(over.lowest_el_rad) <= 0.0)


def test_dopplers_are_the_range_rates_of_the_catalog(over, evidence):
    system, step_s = pace.PaceSystem(), 0.05
    ahead, behind = (
        pace.links_of(over.motion(over.scene, t), system).range_m for t in (step_s, -step_s)
    )
    expected = -(ahead - behind) / (2 * step_s) / system.wavelength_m
    # Velocities of SGP4 are not quite the derivatives of its positions: 1 cm/s is 0.4 Hz.
    evidence(
        "methods.pace.from_ephemeris",
        "Doppler of Starlink satellites",
        "rate of the range between states 0.1 s apart",
        "real data",
        achieved=np.max(np.abs(expected - pace.links_of(over.scene, system).doppler_hz)),
        tolerance=1.0,
        unit="Hz",
    )
    still = over.motion(over.scene, 0.0)
    np.testing.assert_allclose(still.sat_pos_m, over.scene.sat_pos_m)


def test_knowing_the_spread_of_offsets_helps_over_munich_on_average(over, evidence):
    system, stds = pace.PaceSystem(), np.array([500.0, 40e-9]) / 12**0.5
    problems = pace.position_problems(over.scene, system)
    aware = jax.vmap(lambda p: pace.weighted_for_offsets(p, *stds))(problems)

    def rms_m(many):
        """RMS bias over independent draws of every satellite's offsets, to first order."""
        response = np.asarray(jax.vmap(pace.offset_response)(many))[:, :3]
        return np.sqrt(np.sum((response * stds) ** 2, axis=(1, 2, 3)))

    plain, known = rms_m(problems), rms_m(aware)
    assert np.all((plain > 10.0) & (plain < 1000.0))
    evidence(
        "methods.pace.from_ephemeris",
        "RMS bias with offsets' spread known over that without, largest of four places",
        "Gauss-Markov theorem: below one",
        "closed form",
        achieved=np.max(known / plain),
        tolerance=1.0,
    )
    uplink = pace.uplink_bounds(over.scene, system, over.scene.user_pos_m)
    assert bool(jnp.all(uplink.pace.lb_vector < uplink.uce.lb_vector))


def test_too_few_satellites_and_no_place_are_refused(ephemeris):
    with pytest.raises(LeopntError, match=r"above the mask of 80 degrees at all 4 places"):
        pace.pace_scene_from_ephemeris(ephemeris, MUNICH, time_s=60.0, mask_rad=np.radians(80.0))
    with pytest.raises(LeopntError, match="places: none"):
        pace.pace_scene_from_ephemeris(ephemeris, (), time_s=60.0)
    with pytest.raises(LeopntError, match="num_sat"):
        pace.pace_scene_from_ephemeris(ephemeris, MUNICH, time_s=60.0, num_sat=0)
    with pytest.raises(LeopntError, match="0 satellites are above the mask"):
        pace.pace_scene_from_ephemeris(ephemeris, MUNICH, time_s=1e6)
