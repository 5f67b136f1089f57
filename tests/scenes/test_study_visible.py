"""Who sees what, against a search that tries every satellite in other axes."""

import dataclasses
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest
from study_oracles import SPIN_RADPS, circular_position, geodetic, seen, turn, walker_angles

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.orbits.constellations import walker_delta
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes import visible
from leopnt.scenes.visible import find_visible, slot_bucket, with_slots

SHELL = (1584, 72, 17)
AXIS_M, INCLINATION_RAD = 6378137.0 + 550e3, np.radians(53.0)
START_S = 120.0
TIMES_S = START_S + np.array([0.0, 47.3, 180.0])
PLACES = [
    (0.0, 0.0, 0.0),
    (52.9, 179.9999, 300.0),  # where the shell is dense, beside the antimeridian
    (52.9, -180.0, 0.0),
    (-90.0, 0.0, 2800.0),  # nothing to be seen at the poles
    (33.0, -118.0, 12_000.0),
    (10.0, 20.0, 520e3),  # 30 km below the shell
    (-25.0, 100.0, 1_500e3),  # above it
    (0.01, 359.0, -900.0),
]
MASK_RAD = np.radians(10.0)


@pytest.fixture(scope="module")
def shell():
    elements = walker_delta("S", *SHELL, INCLINATION_RAD, 550e3).elements()
    return Ephemeris.from_kepler(elements, Epoch.from_iso("2025-01-01"), 600.0)


@pytest.fixture(scope="module")
def receivers():
    at = [geodetic(*place) for place in PLACES]
    pos = np.repeat(np.stack([p for p, _ in at])[:, None], len(TIMES_S), axis=1)
    axes = np.repeat(np.stack([a for _, a in at])[:, None], len(TIMES_S), axis=1)
    return pos, axes


def position_at(t_s):
    node, latitude = walker_angles(*SHELL)
    return circular_position(AXIS_M, INCLINATION_RAD, node, latitude, t_s)


def brute_force(receivers, mask_rad):
    """(azimuth, elevation, range, position) of all satellites, and the mask, case after case."""
    pos, axes = receivers
    for user in range(len(PLACES)):
        for epoch, t_s in enumerate(TIMES_S):
            look = seen(position_at, pos[user, epoch], axes[user, epoch], t_s)
            yield (*look, look[1] >= mask_rad)


def test_all_satellites_above_the_mask_are_found_once(shell, receivers, evidence):
    found = find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    wrong, direction_rad, position_m = 0, 0.0, 0.0
    for case, (az, el, _, sat_pos, is_up) in enumerate(brute_force(receivers, MASK_RAD)):
        sats = found.sat_index[case][found.visible[case]]
        wrong += len(sats) != is_up.sum() or set(sats) != set(np.flatnonzero(is_up))
        if not len(sats):
            continue
        mine = found.az_rad[case][found.visible[case]], found.el_rad[case][found.visible[case]]
        across = np.abs(np.angle(np.exp(1j * (mine[0] - az[sats])))) * np.cos(el[sats])
        direction_rad = max(direction_rad, across.max(), np.abs(mine[1] - el[sats]).max())
        off = found.sat_pos_ecef_m[case][found.visible[case]] - sat_pos[sats]
        position_m = max(position_m, np.abs(off).max())
        assert np.all(np.diff(mine[1]) <= 0)  # the highest first
    counts = found.visible.sum(axis=1).reshape(len(PLACES), -1)
    assert counts.max() > 20
    assert np.all(counts[3] == 0)
    evidence(
        "scenes.visible",
        "cases whose satellites differ, 1584 satellites over 8 places at 3 epochs",
        "trying every satellite, in inertial axes",
        "closed form",
        achieved=wrong,
        tolerance=0,
    )
    evidence(
        "scenes.visible",
        "direction of arrival",
        "circular orbits and light time in inertial axes",
        "closed form",
        achieved=direction_rad,
        tolerance=1e-9,
        unit="rad",
    )
    evidence(
        "scenes.visible",
        "satellite position at transmission, light time iterated",
        "circular orbits and light time in inertial axes",
        "closed form",
        achieved=position_m,
        tolerance=1e-4,  # interpolation of the ephemeris: 10 um
        unit="m",
    )


def test_velocity_is_the_derivative_of_the_position_at_transmission(shell, receivers):
    found = find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    case, slot = np.nonzero(found.visible)
    sat = found.sat_index[case, slot]
    node, latitude = walker_angles(*SHELL)
    node, latitude = node[sat], latitude[sat]
    pos, _ = receivers
    rx, t = pos.reshape(-1, 3)[case], np.tile(TIMES_S, len(PLACES))[case]

    def ecef(time):
        at = circular_position(AXIS_M, INCLINATION_RAD, node, latitude, time)
        return turn(at, SPIN_RADPS * time)

    tau = np.linalg.norm(found.sat_pos_ecef_m[case, slot] - rx, axis=-1) / 299792458.0
    slope = (ecef(t - tau + 0.5) - ecef(t - tau - 0.5)) / 1.0
    np.testing.assert_allclose(found.sat_vel_ecef_mps[case, slot], slope, atol=0.002)


def test_tiles_of_any_size_give_the_same_satellites(shell, receivers, monkeypatch):
    whole = find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    monkeypatch.setattr(visible, "_CANDIDATES", 3500)  # two users at a time, one epoch
    parts = find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    for one, other in zip(whole, parts, strict=True):
        used = whole.visible if one.ndim == 2 else whole.visible[..., None]
        np.testing.assert_array_equal(np.where(used, one, 0), np.where(used, other, 0))


def test_epochs_beyond_a_chunk_are_seen_too(shell, receivers, monkeypatch):
    pos, axes = receivers
    whole = find_visible(shell, TIMES_S, pos[:1], axes[:1], MASK_RAD)
    monkeypatch.setattr(visible, "_CANDIDATES", 2 * 1584)  # two of the three epochs
    parts = find_visible(shell, TIMES_S, pos[:1], axes[:1], MASK_RAD)
    np.testing.assert_array_equal(whole.sat_index, parts.sat_index)
    np.testing.assert_array_equal(whole.visible, parts.visible)


def test_a_satellite_exactly_at_the_mask_is_visible(shell, receivers):
    found = find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    lowest = found.el_rad[0][found.visible[0]][-1]
    again = find_visible(shell, TIMES_S, *receivers, float(lowest))
    assert again.visible[0].sum() == found.visible[0].sum()
    higher = find_visible(shell, TIMES_S, *receivers, float(np.nextafter(lowest, 1.0)))
    assert higher.visible[0].sum() == found.visible[0].sum() - 1


def test_at_mask_0_the_horizon_is_the_plane_normal_to_the_ellipsoid(shell, receivers):
    found = find_visible(shell, TIMES_S, *receivers, 0.0)
    for case, (*_, is_up) in enumerate(brute_force(receivers, 0.0)):
        assert set(found.sat_index[case][found.visible[case]]) == set(np.flatnonzero(is_up))


def test_memory_beyond_the_result_does_not_grow_with_the_catalog(shell):
    at = [geodetic(lat, lon, 0.0) for lat in range(-60, 61, 2) for lon in range(-180, 180, 9)]
    pos, axes = (np.repeat(np.stack(one)[:, None], 3, axis=1) for one in zip(*at, strict=True))
    tracemalloc.start()
    found = find_visible(shell, TIMES_S, pos, axes, 0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    result = sum(column.nbytes for column in found)
    at_once = 8 * pos.shape[0] * 3 * 1584  # bytes of one number for each satellite and case
    assert peak - result < 0.5 * at_once


def test_empty_slots_hold_finite_states_away_from_the_receiver(shell, receivers):
    found = find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    rx = receivers[0].reshape(-1, 1, 3)
    assert found.visible.shape[1] % 4 == 0
    assert np.all(np.linalg.norm(found.sat_pos_ecef_m - rx, axis=-1) > 1e4)
    assert all(np.all(np.isfinite(column)) for column in found)


def test_satellites_without_a_state_are_not_visible(shell, receivers):
    gone = dataclasses.replace(shell, pos_ecef_m=jnp.full_like(shell.pos_ecef_m, jnp.nan))
    assert not find_visible(gone, TIMES_S, *receivers, MASK_RAD).visible.any()


def test_a_scene_that_does_not_fit_in_memory_is_refused(shell, receivers, monkeypatch):
    monkeypatch.setattr(visible, "MAX_SLOTS", 200)
    with pytest.raises(LeopntError) as caught:
        find_visible(shell, TIMES_S, *receivers, MASK_RAD)
    assert "24 cases (users times epochs) with up to " in str(caught.value)
    assert "take fewer users or epochs, or a higher mask." in str(caught.value)


@pytest.mark.parametrize(("count", "width"), [(0, 4), (1, 4), (4, 4), (5, 8), (98, 100)])
def test_widths_are_multiples_of_four(count, width):
    assert slot_bucket(count) == width


def test_more_slots_repeat_the_last_state_and_are_not_visible():
    assert with_slots(np.array([[1.0, 2.0]]), 4).tolist() == [[1.0, 2.0, 2.0, 2.0]]
    assert with_slots(np.array([[True, True]]), 3).tolist() == [[True, True, False]]
    assert with_slots(np.array([[1.0, 2.0]]), 1).tolist() == [[1.0]]
