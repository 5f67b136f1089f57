from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import EARTH_EQUATORIAL_RADIUS_M, EARTH_J2
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic
from leopnt.io.tle import read_tle
from leopnt.orbits import constellations as design
from leopnt.orbits import kepler

DATA = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
PRESETS = {
    "Iridium": (design.IRIDIUM, 66),
    "OneWeb": (design.ONEWEB, 588),
    "Starlink": (design.STARLINK_SHELL_1, 1584),
    "CENTISPACE": (design.CENTISPACE, 190),
    "GPS": (design.GPS, 24),
    "BDS-3": (design.BDS3, 30),
}
at_pairs = jax.jit(jax.vmap(kepler.ecef_state, (0, 0, None)))


def states(constellation, t_s):
    """States (sat, epoch); always 2000 pairs, so that it compiles once."""
    elements = constellation.elements()
    num_sats, num_epochs = len(constellation.names()), len(t_s)
    pairs = np.resize(np.arange(num_sats * num_epochs), 2000)
    at = at_pairs(
        jax.tree.map(lambda leaf: leaf[pairs // num_epochs], elements),
        jnp.asarray(t_s)[pairs % num_epochs],
        jnp.asarray(0.0),
    )
    shape = (num_sats, num_epochs, 3)
    return jax.tree.map(lambda leaf: leaf[: num_sats * num_epochs].reshape(shape), at)


def plane_gaps_deg(elements, width_deg=8.0):
    """Gaps between neighboring planes of real satellites, brought to one epoch."""
    noon = Epoch.from_iso("2025-12-28T12:00:00Z")
    n = elements.mean_motion_radps
    axis_m = (3.986_004_418e14 / n**2) ** (1 / 3)
    drift = -1.5 * EARTH_J2 * n * (EARTH_EQUATORIAL_RADIUS_M / axis_m) ** 2
    node = elements.raan_rad + drift * np.cos(elements.inclination_rad) * noon.since(elements.epoch)
    node = np.sort(np.rad2deg(node) % 360.0)
    groups = np.split(node, np.flatnonzero(np.diff(node) > width_deg) + 1)
    return np.diff([np.mean(group) for group in groups if len(group) > 5])


@pytest.mark.parametrize(("constellation", "count"), PRESETS.values(), ids=PRESETS.keys())
def test_presets_have_their_satellites_with_unique_names(constellation, count):
    assert len(set(constellation.names())) == count
    elements = constellation.elements()
    assert all(leaf.shape == (count,) for leaf in jax.tree.leaves(elements))
    pos = states(constellation, [0.0]).pos_ecef_m[:, 0]
    apart_m = np.linalg.norm(pos[:, None] - pos[None], axis=-1) + 1e9 * np.eye(count)
    assert np.min(apart_m) > 10e3  # no two satellites in one place


@pytest.mark.parametrize(
    ("name", "constellation"), [("iridium", design.IRIDIUM), ("oneweb", design.ONEWEB)]
)
def test_plane_spacing_is_that_of_the_satellites_in_orbit(name, constellation, evidence):
    flown = read_tle(DATA / f"{name}.tle")
    if name == "iridium":  # leave out the old block, in lower orbits
        flown = flown[flown.mean_motion_radps < 0.001045]
    gaps_deg = plane_gaps_deg(flown)
    ours_deg = np.rad2deg(constellation.node_spread_rad) / constellation.num_planes
    evidence(
        "orbits.constellations",
        f"Spacing of the planes, {name}",
        "element sets of 28 December 2025",
        "real data",
        achieved=abs(np.median(gaps_deg) - ours_deg),
        tolerance=0.05,
        unit="deg",
    )


def test_walker_pattern_follows_its_definition():
    # 6/3/1: planes 120 deg apart, two satellites each, 60 deg of phase from plane to plane.
    pattern = design.walker_delta("W", 6, 3, 1, np.deg2rad(55.0), 1_000e3)
    elements = pattern.elements()
    np.testing.assert_allclose(np.rad2deg(elements.raan_rad), [0, 0, 120, 120, 240, 240])
    np.testing.assert_allclose(
        np.rad2deg(elements.mean_anomaly_rad), [0, 180, 60, 240, 120, 300], atol=1e-9
    )
    assert pattern.names() == ("W 1-1", "W 1-2", "W 2-1", "W 2-2", "W 3-1", "W 3-2")


def test_walker_delta_turns_into_itself(evidence):
    # Fly by one phase step and turn by one plane: each plane becomes the next, the last the first.
    pattern = design.STARLINK_SHELL_1
    elements = pattern.elements()
    rates = jax.tree.map(lambda rate: float(rate[0]), kepler.secular_rates(elements))
    turn = 2 * np.pi / pattern.num_satellites * pattern.phasing
    later_s = turn / (rates.arg_perigee_radps + rates.mean_anomaly_radps)
    angle = 2 * np.pi / pattern.num_planes - rates.raan_radps * later_s
    fly = jax.jit(jax.vmap(kepler.propagate, (0, None)))
    now, _ = fly(elements, jnp.asarray(0.0))
    then, _ = fly(elements, jnp.asarray(later_s))
    cos, sin = np.cos(angle), np.sin(angle)
    turned = (then @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])).reshape(72, 22, 3)
    now = np.asarray(now).reshape(72, 22, 3)
    expected = np.concatenate([now[1:], np.roll(now[:1], -pattern.phasing, axis=1)])
    evidence(
        "orbits.constellations",
        "Symmetry of the Starlink pattern 1584/72/17",
        "one phase step later and one plane on, it is itself",
        "invariance",
        achieved=np.max(np.abs(turned - expected)),
        tolerance=1e-6,
        unit="m",
    )


def test_star_planes_cover_half_the_equator():
    star = design.walker_star("S", 12, 4, 0, 1.5, 1_000e3)
    np.testing.assert_allclose(np.unique(np.rad2deg(star.elements().raan_rad)), [0, 45, 90, 135])


def test_geostationary_satellites_stay_over_their_longitude(evidence):
    days = np.arange(0.0, 30.0)
    state = states(design.geostationary("GEO", (1.4, 2.0)), days * 86_400.0)
    lon = np.arctan2(state.pos_ecef_m[..., 1], state.pos_ecef_m[..., 0])
    evidence(
        "orbits.constellations",
        "Drift in longitude of a geostationary orbit in 30 days",
        "its definition",
        "closed form",
        achieved=np.max(np.abs(lon - np.array([[1.4], [2.0]]))),
        tolerance=1e-9,
        unit="rad",
    )
    assert np.max(np.linalg.norm(state.vel_ecef_mps, axis=-1)) < 1e-6
    assert design.geosynchronous_axis_m(0.0) == pytest.approx(42_166.3e3, abs=300.0)


def test_igso_satellites_share_one_ground_track_that_repeats():
    igso = design.inclined_geosynchronous("IGSO", 3, np.deg2rad(55.0), np.deg2rad(118.0))
    sidereal_s = 2 * np.pi / 7.292_115_146_706_979e-5
    pos = states(igso, np.arange(0.0, 3.0, 1 / 48) * sidereal_s).pos_ecef_m
    # The node drifts against inertial space, so latitudes shift by some 0.01 deg in a day.
    np.testing.assert_allclose(pos[:, 48:96], pos[:, :48], atol=20e3)
    np.testing.assert_allclose(pos[0, 16:], pos[1, :-16], atol=20e3)
    geodetic = jax.vmap(ecef_to_geodetic)(pos[0, :1])
    assert float(geodetic[0][0]) == pytest.approx(0.0, abs=1e-9)
    assert np.rad2deg(float(geodetic[1][0])) == pytest.approx(118.0, abs=1e-9)


def test_bds3_geostationary_longitudes_are_those_in_orbit(evidence):
    from leopnt.orbits.sgp4 import propagate

    noon = Epoch.from_iso("2025-12-28T12:00:00Z")
    flown = read_tle(DATA / "beidou.tle").named(["BEIDOU-3 G2", "BEIDOU-3 G3", "BEIDOU-3 G1"])
    there = propagate(flown, noon + np.zeros(1)).state.pos_ecef_m[:, 0]
    ours = states(design.BDS3, [0.0]).pos_ecef_m[-3:, 0]
    lon = [np.arctan2(pos[:, 1], pos[:, 0]) for pos in (there, ours)]
    evidence(
        "orbits.constellations",
        "Longitudes of the BDS-3 geostationary satellites",
        "element sets of 28 December 2025",
        "real data",
        achieved=np.rad2deg(np.max(np.abs(lon[0] - lon[1]))),
        tolerance=0.2,
        unit="deg",
    )


def test_gps_ground_track_repeats_after_two_revolutions():
    rates = kepler.secular_rates(design.GPS.elements())
    along = float(rates.arg_perigee_radps[0] + rates.mean_anomaly_radps[0])
    turn = 7.292_115_146_706_979e-5 - float(rates.raan_radps[0])
    assert along / turn == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("W", 7, 3, 1, 0.9, 550e3), "7 satellites do not fill 3 planes evenly"),
        (("W", 6, 3, 1, 53.0, 550e3), r"inclination 53 rad; expected 0 to pi \(radians\)"),
        (("W", 6, 3, 1, 0.9, 550.0), r"semi-major axis 6\.37869e\+06 m; expected 6\.4e6"),
    ],
)
def test_impossible_patterns_are_refused(arguments, message):
    with pytest.raises(LeopntError, match=message):
        design.walker_delta(*arguments)
