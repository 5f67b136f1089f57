"""Blocked rays against dense sampling along them, and against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from leopnt.errors import LeopntError
from leopnt.geometry import Buildings, Prism, box, buildings_of, is_blocked, sees

SQUARE = box(np.zeros(2), (10.0, 10.0), 20.0)
BLOCKED = jax.jit(jax.vmap(is_blocked, (None, 0, 0, 0)))


def random_prisms(rng, count=5):
    """Convex ground plans: points in order around an ellipse, of three to seven corners."""
    prisms = []
    for _ in range(count):
        corners = int(rng.integers(3, 8))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        gap = np.diff(np.append(angle, angle[0] + 2 * np.pi))
        if gap.min() < 0.2:
            angle = 2 * np.pi * np.arange(corners) / corners + rng.uniform(0, 1)
        plan = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(5, 15, 2)
        plan = plan + rng.uniform(-30, 30, 2)
        base = float(rng.choice([0.0, 10.0]))
        prisms.append(Prism(plan[:: rng.choice([1, -1])], base, base + float(rng.uniform(5, 40))))
    return prisms


def deepest_m(prisms, start, direction, length_m, step_m=0.02):
    """Length inside of any prism by sampling: point in polygon by matplotlib, and heights."""
    points = start + np.arange(0.5 * step_m, length_m, step_m)[:, None] * direction
    inside = [
        Outline(p.plan_m).contains_points(points[:, :2])
        & (points[:, 2] > p.base_m)
        & (points[:, 2] < p.top_m)
        for p in prisms
    ]
    return step_m * max(np.count_nonzero(one) for one in inside)


def test_blocked_rays_are_those_that_dense_sampling_finds_inside(evidence):
    rng, wrong, blocked, count = np.random.default_rng(8), 0, 0, 0
    for _ in range(12):
        prisms = random_prisms(rng)
        start = np.concatenate([rng.uniform(-50, 50, (50, 2)), rng.uniform(0, 25, (50, 1))], 1)
        direction = rng.normal(size=(50, 3)) * [1.0, 1.0, 0.3]
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = rng.uniform(20, 90, 50)
        found = np.asarray(BLOCKED(padded(buildings_of(prisms)), start, direction, length))
        for i in range(50):
            inside_m = deepest_m(prisms, start[i], direction[i], length[i])
            if inside_m == 0.0 or inside_m > 0.1:  # between: a corner that the samples may miss
                # Found blocked but not sampled: a corner cut by less than a step.
                wrong += bool(found[i]) != (inside_m > 0.0)
                count, blocked = count + 1, blocked + bool(found[i])
    assert 0.2 * count < blocked < 0.8 * count
    evidence(
        "geometry.buildings",
        "rays among random prisms judged otherwise, share",
        "samples every 2 cm, point in polygon",
        "implementation",
        achieved=wrong / count,
        tolerance=0.005,
    )


def padded(buildings, faces=9):
    """To one shape, so that the kernel is compiled once."""
    more = faces - buildings.offset_m.shape[1]
    normal = np.concatenate([buildings.normal, np.repeat(buildings.normal[:, -1:], more, 1)], 1)
    offset = np.concatenate([buildings.offset_m, np.repeat(buildings.offset_m[:, -1:], more, 1)], 1)
    return Buildings(normal, offset)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(6.0, 60.0), st.floats(0.0, 1.5), st.floats(-np.pi, np.pi))
def test_a_wall_hides_what_is_below_its_edge(turn, away_m, el, az):
    # A long wall of height 20 m: hidden where tan el < (20 - 1.5) / (distance along the ray).
    wall = box(np.array([0.0, 0.0]), (1e4, 2.0), 20.0, azimuth_rad=turn)
    across = np.array([np.cos(turn), -np.sin(turn), 0.0])
    along = np.array([np.sin(turn), np.cos(turn), 0.0])
    start = -away_m * across + np.array([0.0, 0.0, 1.5])
    toward, beside = np.cos(az), np.sin(az)
    direction = np.cos(el) * (toward * across + beside * along) + np.array([0, 0, np.sin(el)])
    # Where the ray reaches the near face.
    rise = np.tan(el) * (away_m - 1.0) / max(toward, 1e-12)
    hidden = toward > 1e-3 and rise < 18.5
    if abs(rise - 18.5) > 1e-3 and abs(toward) > 1e-2:
        blocked = BLOCKED(
            padded(buildings_of([wall]), 6), start[None], direction[None], np.full(1, np.inf)
        )
        assert bool(blocked[0]) == hidden


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 2 * np.pi))
def test_turning_everything_changes_nothing(seed, turn):
    rng = np.random.default_rng(seed)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    prisms = random_prisms(rng)
    start, direction = rng.uniform(-40, 40, 3), rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    before = BLOCKED(padded(buildings_of(prisms)), start[None], direction[None], np.full(1, 60.0))
    turned = [Prism(p.plan_m @ rotation.T, p.base_m, p.top_m) for p in prisms]
    start[:2], direction[:2] = rotation @ start[:2], rotation @ direction[:2]
    after = BLOCKED(padded(buildings_of(turned)), start[None], direction[None], np.full(1, 60.0))
    assert bool(before[0]) == bool(after[0])


def blocked(start, direction, length=np.inf, prism=SQUARE):
    unit = np.asarray(direction, float) / np.linalg.norm(direction)
    where = padded(buildings_of([prism]), 6)
    return bool(BLOCKED(where, np.asarray(start, float)[None], unit[None], np.full(1, length))[0])


def test_a_ray_along_a_facade_or_over_an_edge_is_free():
    assert not blocked([5.0, -20.0, 1.0], [0, 1, 0])
    assert not blocked([-20.0, 0.0, 20.0], [1, 0, 0])
    assert not blocked([0.0, -10.0, 5.0], [1, 1, 0])  # touches the corner (5, -5)
    assert blocked([4.999, -20.0, 1.0], [0, 1, 0])


def test_from_a_facade_only_the_outside_is_free():
    assert not blocked([5.0, 0.0, 10.0], [1, 0.2, 0.3])
    assert blocked([5.0, 0.0, 10.0], [-1, 0.2, 0.3])
    assert blocked([0.0, 0.0, 10.0], [0, 0, 1])


def test_a_building_behind_the_end_does_not_block():
    assert not blocked([20.0, 0.0, 1.0], [-1, 0, 0], 14.9)
    assert blocked([20.0, 0.0, 1.0], [-1, 0, 0], 15.1)
    faces = buildings_of([SQUARE])
    assert not sees(faces, jnp.array([20.0, 0.0, 1.0]), jnp.array([-20.0, 0.0, 1.0]))
    assert sees(faces, jnp.array([20.0, 0.0, 1.0]), jnp.array([6.0, 0.0, 1.0]))


def test_without_buildings_nothing_is_blocked():
    assert not is_blocked(buildings_of([]), jnp.zeros(3), jnp.array([0.0, 0.0, 1.0]))


def test_a_box_has_the_corners_of_its_sides():
    one = box(np.array([1.0, 2.0]), (4.0, 2.0), 5.0, azimuth_rad=np.pi / 2)
    assert {tuple(c) for c in np.round(one.plan_m, 9)} == {(3, 3), (3, 1), (-1, 1), (-1, 3)}
    assert (one.base_m, one.top_m) == (0.0, 5.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Prism(np.zeros((2, 2)), 0.0, 1.0), r"plan_m has shape \(2, 2\); expected three"),
        (lambda: Prism(SQUARE.plan_m, 2.0, 1.0), "base_m = 2, top_m = 1: expected a top above"),
        (
            lambda: Prism(np.array([[0, 0], [4, 0], [1, 1], [0, 4.0]]), 0.0, 1.0),
            "expected a convex ground plan",
        ),
        (lambda: Prism(np.zeros((4, 2)), 0.0, 1.0), "expected a convex ground plan"),
    ],
)
def test_a_prism_that_is_none_is_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
