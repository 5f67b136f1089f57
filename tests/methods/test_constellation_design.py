"""Bounds over a map, their gradients through the ephemeris, and designs that go downhill."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.geometry.dop import dop_pseudorange
from leopnt.methods.constellation_design import (
    HardEdge,
    Ranging,
    SmoothEdge,
    improve,
    mean_log_bound,
    position_bound_m,
    satellites_in_view,
    service_at,
    service_between,
)
from leopnt.orbits.constellations import walker_delta, walker_elements
from leopnt.orbits.kepler import ecef_state

DEG = np.pi / 180.0
RADIUS_M = 6_378_137.0
EPOCHS_S = np.array([0.0, 2000.0, 5000.0])
NUM_SATELLITES, NUM_PLANES = 96, 8
DESIGN = np.array([55.0 * DEG, 1200e3, 3.0])
SOFT, HARD = Ranging(SmoothEdge(0.03)), Ranging(HardEdge(), prior_m=np.inf)


def orbits(design):
    axis_m = RADIUS_M + design[1]
    return walker_elements(NUM_SATELLITES, NUM_PLANES, design[2], design[0], axis_m, 2.0 * np.pi)


@pytest.fixture(scope="module")
def service():
    return service_between(-60.0 * DEG, 60.0 * DEG, 20, EPOCHS_S)


@pytest.fixture(scope="module")
def criterion(service):
    return jax.jit(lambda design: mean_log_bound(orbits(design), service, SOFT))


def test_traced_walker_patterns_are_those_of_the_presets(evidence):
    plain = walker_delta("W", 40, 5, 2, 0.9, 1.1e6).elements()
    traced = jax.jit(lambda f, i, a: walker_elements(40, 5, f, i, RADIUS_M + a, 2.0 * np.pi))(
        2.0, 0.9, 1.1e6
    )
    pairs = zip(jax.tree.leaves(plain), jax.tree.leaves(traced), strict=True)
    off = max(float(np.max(np.abs(np.sin((a - b) / 2)))) for a, b in pairs)
    # The definition, for the last satellite of the last plane.
    node_rad, latitude_rad = 2 * np.pi * 4 / 5, 2 * np.pi * (7 * 5 + 4 * 2) / 40 % (2 * np.pi)
    off = max(off, abs(float(traced.raan_rad[-1]) - node_rad))
    off = max(off, abs(float(traced.mean_anomaly_rad[-1]) - latitude_rad))
    evidence(
        "orbits.constellations",
        "angles of a traced Walker pattern",
        "the definition of [walker-1984]",
        "closed form",
        achieved=off,
        tolerance=1e-12,
        unit="rad",
    )
    assert off < 1e-12


def test_the_hard_bound_is_that_of_the_dense_normal_matrix(service, evidence):
    elements = orbits(DESIGN)
    off = []
    found = np.asarray(position_bound_m(elements, service, HARD))
    for e, t_s in enumerate(jnp.asarray(EPOCHS_S)):
        sat_m = jax.vmap(lambda one, t=t_s: ecef_state(one, t, jnp.zeros(())).pos_ecef_m)(elements)
        for p in range(0, 20, 2):
            local = np.asarray((sat_m - service.pos_ecef_m[p][None, :]) @ service.enu[p].T)
            range_m = np.linalg.norm(local, axis=1)
            seen = local[:, 2] >= range_m * np.sin(np.pi / 18)
            if np.sum(seen) < 5:
                continue
            rows = np.c_[-local / range_m[:, None], np.ones(len(local))] * (1e6 / range_m)[:, None]
            normal = rows[seen].T @ rows[seen]
            expected = np.sqrt(np.trace(np.linalg.inv(normal)[:3, :3]))
            off.append(abs(found[e, p] / expected - 1.0))
    evidence(
        "methods.constellation_design",
        "hard bound over that of the dense normal matrix, minus 1",
        "numpy.linalg",
        "implementation",
        achieved=max(off),
        tolerance=1e-9,
    )
    assert max(off) < 1e-9
    assert len(off) >= 6


def test_at_the_same_range_the_bound_is_the_pdop_of_geometry():
    """A receiver at the center of the Earth, with its mask below it, has all ranges equal."""
    elements = orbits(DESIGN)
    service = service_at([0.3], [0.2], [1.0], [0.0])
    service = type(service)(jnp.zeros((1, 3)), service.enu, service.weight, service.epochs_s)
    axis_m = RADIUS_M + 1200e3
    ranging = Ranging(HardEdge(), 0.4, 1.0, axis_m, np.inf)
    found = float(position_bound_m(elements, service, ranging)[0, 0])
    sat_m = jax.vmap(lambda one: ecef_state(one, jnp.zeros(()), jnp.zeros(())).pos_ecef_m)(elements)
    east, north, up = np.asarray(sat_m @ service.enu[0].T).T / axis_m
    el = np.arcsin(np.clip(up, -1.0, 1.0))
    dop = dop_pseudorange(jnp.arctan2(east, north), jnp.asarray(el), jnp.asarray(el >= 0.4))
    np.testing.assert_allclose(found, float(dop.pdop), rtol=1e-9)


def test_gradients_are_those_of_finite_differences(criterion, evidence):
    slope = np.asarray(jax.grad(criterion)(jnp.asarray(DESIGN)))
    step = np.array([1e-5, 10.0, 1e-5])
    for_each = [
        float(criterion(jnp.asarray(DESIGN + one)) - criterion(jnp.asarray(DESIGN - one)))
        for one in np.diag(step)
    ]
    expected = np.array(for_each) / (2.0 * step)
    off = np.max(np.abs(slope / expected - 1.0))
    evidence(
        "methods.constellation_design",
        "gradient by inclination, altitude and phasing over finite differences, minus 1",
        "central differences",
        "closed form",
        achieved=off,
        tolerance=1e-5,
    )
    assert off < 1e-5


def test_a_design_goes_downhill_and_beats_random_ones_of_equal_cost(criterion):
    low, high = np.array([0.6, 600e3, -8.0]), np.array([1.7, 1500e3, 16.0])
    start = np.array([1.5, 900e3, 1.5])
    found = improve(criterion, start, low, high, steps=15)
    np.testing.assert_allclose(found.history[0], float(criterion(jnp.asarray(start))), rtol=1e-9)
    assert np.all(np.diff(found.history) <= 0.0)
    assert found.value == min(found.history) < found.history[0] - 0.1
    assert np.all((low <= found.design) & (found.design <= high))
    np.testing.assert_allclose(found.value, float(criterion(jnp.asarray(found.design))), atol=1e-9)
    designs = np.random.default_rng(1).uniform(low, high, (3 * found.evaluations, 3))
    searched = [float(criterion(jnp.asarray(one))) for one in designs]
    assert found.value < min(searched)


def test_the_smooth_edge_becomes_the_hard_one(service):
    elements = orbits(DESIGN)
    hard = np.asarray(satellites_in_view(elements, service, Ranging(HardEdge())))
    soft = np.asarray(satellites_in_view(elements, service, Ranging(SmoothEdge(1e-7))))
    np.testing.assert_allclose(soft, hard, atol=1e-6)
    np.testing.assert_array_equal(hard, np.round(hard))
    half = float(SmoothEdge(0.1).weight(jnp.zeros(())))
    assert half == 0.5


def test_the_prior_holds_where_nothing_is_seen():
    below = walker_elements(1, 1, 0.0, 0.0, RADIUS_M + 1e6, 2.0 * np.pi)
    away = service_at([0.0], [np.pi], [1.0], [0.0])
    prior = Ranging(HardEdge(), prior_m=50.0)
    found = float(position_bound_m(below, away, prior)[0, 0])
    np.testing.assert_allclose(found, 50.0 * np.sqrt(3.0), rtol=1e-9)
    assert np.isinf(position_bound_m(below, away, HARD)[0, 0])


def test_points_of_a_service_have_one_area_each():
    service = service_between(-np.pi / 2, np.pi / 2, 400, [0.0])
    up = np.asarray(service.enu[:, 2])
    assert np.abs(up.mean(axis=0)).max() < 0.005
    np.testing.assert_allclose((up**2).mean(axis=0), 1.0 / 3.0, atol=0.003)
    np.testing.assert_allclose(float(jnp.sum(service.weight)), 1.0)
    weighted = service_at([0.0, 1.0], [0.0, 0.0], [1.0, 3.0], [0.0])
    np.testing.assert_allclose(weighted.weight, [0.25, 0.75])


BOX = ([0.5], [0.0], [1.0])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: service_between(0.5, 0.5, 9, [0.0]), "south_rad = 0.5, north_rad = 0.5: expected"),
        (lambda: service_between(0.0, 0.5, 0, [0.0]), "num_points = 0: expected 1 or more."),
        (lambda: service_at([0.0], [0.0, 1.0], [1.0], [0.0]), "got shapes (1,), (2,), (1,);"),
        (lambda: service_at([0.0], [np.nan], [1.0], [0.0]), "lon_rad: expected one or more finite"),
        (lambda: service_at([0.0], [0.0], [1.0], []), "epochs_s: expected one or more finite"),
        (lambda: service_at([0.0], [0.0], [-1.0], [0.0]), "weight: the smallest is -1; expected"),
        (lambda: service_at([0.0], [0.0], [0.0], [0.0]), "weight: the smallest is 0; expected"),
        (lambda: SmoothEdge(0.0), "width_rad = 0: expected above 0."),
        (lambda: Ranging(HardEdge(), sigma_m=-1.0), "sigma_m = -1: expected above 0."),
        (lambda: Ranging(HardEdge(), mask_rad=10.0), "mask_rad = 10: expected -pi/2 to pi/2"),
        (lambda: improve(jnp.sum, [0.5], [0.0], [1.0, 2.0]), "got shapes (1,), (1,), (2,);"),
        (lambda: improve(jnp.sum, [0.5], [1.0], [1.0]), "low[0] = 1: expected below high[0] = 1."),
        (lambda: improve(jnp.sum, [2.0], [0.0], [1.0]), "start[0] = 2: expected 0 to 1."),
    ],
)
def test_bad_input_gets_its_sentence(call, sentence):
    with pytest.raises(LeopntError) as caught:
        call()
    assert sentence in str(caught.value)
