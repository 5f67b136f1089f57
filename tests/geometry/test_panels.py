"""Panels on facades: fronts, backs, reach and what hides them, against hand-made cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.geometry import (
    box,
    buildings_of,
    panel_sees,
    panel_serves,
    reflecting_panel,
    stack_panels,
    transmitting_panel,
)

HOUSE = box(np.array([0.0, 0.0]), (10.0, 10.0), 20.0)
ACROSS = box(np.array([25.0, 0.0]), (10.0, 10.0), 20.0)


def at(place):
    return np.array(place, float)


FACES = buildings_of([HOUSE, ACROSS])
EAST = np.array([1.0, 0.0, 0.0])
PANEL = reflecting_panel(at([5.1, 0.0, 10.0]), EAST, reach_m=30.0)
SEES = jax.jit(jax.vmap(panel_sees, (None, None, 0)))
SERVES = jax.jit(jax.vmap(panel_serves, (None, None, 0)))


def direction(az_deg, el_deg):
    az, el = np.radians(az_deg), np.radians(el_deg)
    return np.array([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)])


def test_a_panel_sees_what_is_before_it_and_over_the_house_across(evidence):
    # The roof edge across: 14.8 m away from the front and 10 m higher.
    edge_deg = np.degrees(np.arctan2(10.0, 14.8))
    el_deg = np.arange(1.0, 74.0, 0.25)
    seen = np.asarray(SEES(PANEL, FACES, np.stack([direction(90.0, el) for el in el_deg])))
    evidence(
        "geometry.panels",
        "lowest elevation that a panel sees across a street",
        "angle of the roof edge",
        "closed form",
        achieved=abs(el_deg[np.argmax(seen)] - edge_deg),
        tolerance=0.25,
        unit="deg",
    )
    assert np.all(seen[np.argmax(seen) :])


def test_a_panel_does_not_see_behind_it_nor_beyond_its_angle():
    many = np.stack([direction(az, 10.0) for az in (270.0, 0.0, 14.0, 20.0, 160.0, 170.0)])
    # 75 degrees off the normal at an elevation of 10: azimuths from 15.2 to 164.8.
    assert np.asarray(SEES(PANEL, FACES, many)).tolist() == [False, False, False, True, True, False]


def test_a_reflecting_panel_serves_its_front_within_reach():
    places = np.array(
        [
            [12.0, 0.0, 1.5],  # in the street
            [17.0, 25.0, 1.5],  # 28.9 m away
            [17.0, 29.0, 1.5],  # 32.4 m away
            [-12.0, 0.0, 1.5],  # behind the house
            [35.0, 0.0, 1.5],  # behind the house across
            [21.0, 0.0, 25.0],  # over the roof across
            [25.0, 0.0, 20.5],  # on it, behind its edge
            [25.0, 0.0, 15.0],  # inside of the house across
        ]
    )
    served = np.asarray(SERVES(PANEL, FACES, places)).tolist()
    assert served == [True, True, False, False, False, True, False, False]


def test_a_transmitting_panel_takes_from_outside_and_serves_inside():
    wall = box(np.array([0.0, 0.0]), (10.0, 0.2), 6.0)  # along north, 0.2 m thick
    faces = buildings_of([wall])
    panel = transmitting_panel(at([0.0, 0.0, 3.0]), EAST, thickness_m=0.3)
    assert bool(panel_sees(panel, faces, jnp.asarray(direction(90.0, 40.0))))
    assert not bool(panel_sees(panel, faces, jnp.asarray(direction(270.0, 40.0))))
    assert bool(panel_serves(panel, faces, jnp.array([-5.0, 1.0, 1.0])))
    assert not bool(panel_serves(panel, faces, jnp.array([5.0, 1.0, 1.0])))


def test_panels_stack():
    two = stack_panels([PANEL, transmitting_panel(at([0.0, 0.0, 3.0]), -EAST)])
    assert two.center_m.shape == (2, 3)
    assert np.asarray(two.side).tolist() == [1.0, -1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: reflecting_panel(at([0.0, 0, 0]), np.ones(3)),
            "expected three components of leng",
        ),
        (
            lambda: reflecting_panel(at([0.0, 0, 0]), EAST, 0.0),
            "width_m = 0: expected a number abov",
        ),
        (lambda: transmitting_panel(at([0.0, 0, 0]), EAST, reach_m=-1.0), "reach_m = -1"),
        (lambda: transmitting_panel(at([0.0, 0, 0]), EAST, max_angle_rad=2.0), "max_angle_rad = 2"),
    ],
)
def test_a_panel_that_is_none_is_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
