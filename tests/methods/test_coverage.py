"""Maps over the Earth: geometry and bounds against closed forms, fisher and another program."""

import dataclasses
import json
import math
import pickle
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.constants import (
    EARTH_EQUATORIAL_RADIUS_M,
    EARTH_GM_M3PS2,
    EARTH_J2,
    EARTH_ROTATION_ERA_RADPS,
    SPEED_OF_LIGHT_MPS,
    WGS84_FLATTENING,
    WGS84_SEMI_MAJOR_M,
)
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import azel, enu_basis, geodetic_to_ecef
from leopnt.geometry.dop import dop_pseudorange
from leopnt.geometry.range import range_instantaneous, range_rate_instantaneous
from leopnt.inference import Model, fisher_information, parameter
from leopnt.methods.coverage import (
    DOP_QUANTITIES,
    QUANTITIES,
    SPHERE,
    WGS84,
    Carrier,
    CarrierDifference,
    ChunkStatistics,
    CompiledEngine,
    Doppler,
    EarthFigure,
    EphemerisError,
    Known,
    Limit,
    MapChunk,
    Prior,
    Pseudorange,
    RangeRate,
    TiledEngine,
    Unknown,
    UserKnowledge,
    bounding_circle,
    cap_angle_rad,
    compiled,
    coverage_map,
    dop_of_sums,
    each_chunk,
    equal_angle_grid,
    evaluate_chunk,
    inverse_diagonal,
    link_terms,
    link_weights,
    merged,
    percentiles_over_area,
    percentiles_over_time,
    statistics_of,
    unknowns_of,
)
from leopnt.noise import Gaussian
from leopnt.orbits.constellations import STARLINK_SHELL_1, walker_delta
from leopnt.orbits.kepler import secular_rates
from leopnt.scenes.map_orbits import circular_states

REFERENCE = Path(__file__).parent / "data" / "kshana_map.json"
WALKER = walker_delta("W", 300, 15, 1, math.radians(60.0), 1_200e3)
MASK_RAD = math.radians(10.0)
T_S = np.array([0.0, 300.0, 900.0])
NUM = WALKER.num_satellites


def chunk_of(observables=(Pseudorange(1.0),), knowledge=UserKnowledge(), grid_deg=20.0, **options):
    figure = options.pop("figure", WGS84)
    ephemeris = options.pop("ephemeris", EphemerisError())
    t_s = options.pop("t_s", T_S)
    weights = link_weights(observables, NUM, ephemeris)
    return MapChunk(
        equal_angle_grid(math.radians(grid_deg), figure=figure),
        *circular_states(WALKER.elements(), t_s),
        MASK_RAD,
        weights,
        unknowns_of(knowledge, weights),
        **options,
    )


def sums_of_directions(directions):
    """The first ten sums of unit vectors in east, north, up."""
    ones = jnp.ones(len(directions))
    columns = tuple(jnp.asarray(column) for column in np.asarray(directions, float).T)
    terms = link_terms(columns, columns, ones, ones, ones > 0, 10)
    return jnp.stack([jnp.sum(term) for term in terms])


# Grid


def test_areas_of_cells_on_a_sphere_and_an_ellipsoid_are_those_of_zones(evidence):
    sphere = equal_angle_grid(math.radians(30.0), figure=SPHERE)
    edges = np.sin(np.radians(np.arange(-90, 91, 30)))
    np.testing.assert_allclose(sphere.area_weight[::12], np.diff(edges) / 24, rtol=1e-14)
    # Ellipsoid: a strip has the area 2 pi p M dlat; by quadrature, from the definition.
    grid = equal_angle_grid(math.radians(30.0))
    lat = np.radians(np.linspace(-90.0, 90.0, 60_001))
    e2 = WGS84_FLATTENING * (2 - WGS84_FLATTENING)
    strip = np.cos(lat) / (1 - e2 * np.sin(lat) ** 2) ** 2
    parts = [strip[i : i + 10_001] for i in range(0, 60_000, 10_000)]
    area = np.array([np.trapezoid(part, dx=lat[1] - lat[0]) for part in parts])
    evidence(
        "methods.coverage.grid",
        "share of cells in the area of the ellipsoid, relative",
        "quadrature of the surface element",
        "closed form",
        achieved=np.max(np.abs(grid.area_weight[::12] * 12 / (area / area.sum()) - 1)),
        tolerance=1e-7,
    )
    assert np.isclose(grid.area_weight.sum(), 1.0)


def test_users_stand_on_the_ellipsoid_at_their_height():
    grid = equal_angle_grid(math.radians(45.0), height_m=500.0)
    lat, lon = np.meshgrid(grid.latitude_rad, grid.longitude_rad, indexing="ij")
    expected = jax.vmap(lambda one, two: geodetic_to_ecef(one, two, 500.0))(
        lat.ravel(), lon.ravel()
    )
    np.testing.assert_allclose(grid.pos_ecef_m, expected, atol=1e-8)


def test_a_region_keeps_its_edges_and_shrinks_a_step_that_does_not_fit():
    grid = equal_angle_grid(0.3, latitude_rad=(0.0, 1.0), longitude_rad=(-0.5, 0.5))
    assert grid.shape == (4, 4)
    assert np.isclose(grid.latitude_rad[-1] + grid.step_rad[0] / 2, 1.0)
    assert np.isclose(grid.longitude_rad[0] - grid.step_rad[1] / 2, -0.5)


# Footprint


def test_at_the_rim_of_a_cap_the_satellite_stands_at_the_mask(evidence):
    radius_m, user_m, mask = 7.0e6, SPHERE.semi_major_m, math.radians(25.0)
    psi = float(cap_angle_rad(np.array(radius_m), user_m, mask))
    sat = radius_m * np.array([math.cos(psi), math.sin(psi), 0.0]) - np.array([user_m, 0.0, 0.0])
    evidence(
        "methods.coverage.footprint",
        "elevation at the rim of a footprint",
        "triangle of user, satellite and center",
        "closed form",
        achieved=abs(math.atan2(sat[0], math.hypot(sat[1], sat[2])) - mask),
        tolerance=1e-12,
        unit="rad",
    )
    assert np.isnan(cap_angle_rad(np.array(6.0e6), user_m, mask))


@pytest.mark.parametrize("engine", [CompiledEngine(), TiledEngine()], ids=["compiled", "tiled"])
def test_one_satellite_serves_the_area_of_its_cap(engine, evidence):
    grid = equal_angle_grid(math.radians(2.0), figure=SPHERE)
    pos = np.array([[[0.0, 5.0e6, 5.5e6]]])
    weights = link_weights((Pseudorange(1.0),), 1)
    chunk = MapChunk(grid, pos, 0 * pos, MASK_RAD, weights, unknowns_of(UserKnowledge(), weights),
                     ("num_visible",), Limit("num_visible", 1.0))  # fmt: skip
    found = engine.statistics(chunk)
    psi = float(cap_angle_rad(np.array(np.linalg.norm(pos)), SPHERE.semi_major_m, MASK_RAD))
    evidence(
        f"methods.coverage.{'compiled' if isinstance(engine, CompiledEngine) else 'tiles'}",
        "area served by one satellite, share of the Earth",
        "spherical cap, (1 - cos psi) / 2",
        "closed form",
        achieved=abs(found.available_share[0] - (1.0 - math.cos(psi)) / 2.0),
        tolerance=2e-4,  # cells of 2 degrees at the rim
    )
    assert np.array_equal(found.total[0], found.num_available)


def region(south, north, west, east, **options):
    """Cells of 3 degrees between edges in degrees."""
    latitude, longitude = (
        tuple(np.radians(one).tolist()) for one in ((south, north), (west, east))
    )
    return equal_angle_grid(
        math.radians(3.0), latitude_rad=latitude, longitude_rad=longitude, **options
    )


def test_the_circle_around_a_region_reaches_its_farthest_user(evidence):
    grid = region(54.0, 66.0, -6.0, 12.0, figure=SPHERE)
    center, radius = bounding_circle(grid)
    lat = math.asin(center[2])
    assert np.isclose(math.atan2(center[1], center[0]), math.radians(3.0))
    assert math.radians(59.0) < lat < math.radians(61.0)
    corners = [(math.radians(one), math.radians(7.5)) for one in (55.5, 64.5)]
    haversine = max(
        2 * math.asin(math.sqrt(math.sin((one - lat) / 2) ** 2
                                + math.cos(one) * math.cos(lat) * math.sin(turn / 2) ** 2))
        for one, turn in corners
    )  # fmt: skip
    evidence(
        "methods.coverage.footprint",
        "angle from the middle of a region to its farthest user",
        "haversines",
        "closed form",
        achieved=abs(radius - haversine),
        tolerance=1e-12,
        unit="rad",
    )


REGIONS = {
    "small": region(40.0, 52.0, 0.0, 15.0),
    "pole": region(75.0, 90.0, -180.0, 180.0, figure=SPHERE),
    "strip": region(-20.0, 20.0, 100.0, 290.0, height_m=9e3),
    "hemisphere": region(0.0, 90.0, -180.0, 180.0),
}


@pytest.mark.parametrize("name", REGIONS)
def test_satellites_out_of_view_of_a_region_are_left_out_and_nothing_else(name, monkeypatch):
    rng = np.random.default_rng(7)
    pos = rng.normal(size=(2, 3000, 3))
    radius_m = rng.uniform(6.3e6, 9e6, (2, 3000))
    radius_m[:, ::20] = 4e7
    pos *= (radius_m / np.linalg.norm(pos, axis=2))[:, :, None]
    weights = link_weights((Pseudorange(1.0),), 3000)
    unknowns = unknowns_of(UserKnowledge(), weights)
    chunk = MapChunk(REGIONS[name], pos, 0 * pos, MASK_RAD, weights, unknowns)
    found = CompiledEngine().sums(chunk)
    assert found[..., 0].min() > 20
    monkeypatch.setattr(compiled, "_region", lambda grid, mask: (False, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert found.tobytes() == CompiledEngine().sums(chunk).tobytes()


# DOP


def test_dop_of_a_regular_polyhedron_is_a_closed_form(evidence):
    # Directions with sum u = 0 and sum u u^T = n/3 I: PDOP = 3 / sqrt(n), TDOP = 1 / sqrt(n).
    golden = (1 + math.sqrt(5)) / 2
    icosahedron = [p for a in (-1, 1) for b in (-golden, golden)
                   for p in ((0, a, b), (a, b, 0), (b, 0, a))]  # fmt: skip
    tetrahedron = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    cube = [(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    worst = 0.0
    for shape in (tetrahedron, cube, icosahedron):
        dop = dop_of_sums(sums_of_directions(shape))
        n = len(shape)
        expected = np.sqrt(np.array([10.0, 9.0, 6.0, 3.0, 1.0]) / n)
        worst = max(worst, np.max(np.abs(np.array(dop) / expected - 1)))
    evidence(
        "methods.coverage.sums",
        "GDOP, PDOP, HDOP, VDOP, TDOP of regular polyhedra, relative",
        "sqrt(10, 9, 6, 3, 1 over n)",
        "closed form",
        achieved=worst,
        tolerance=1e-13,
    )


def test_dop_of_one_overhead_and_three_around_is_a_closed_form(evidence):
    el = math.radians(20.0)
    az = 2 * np.pi * np.arange(3) / 3
    around = np.stack([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.full(3, np.sin(el))], 1)
    dop = dop_of_sums(sums_of_directions(np.concatenate([around, [[0.0, 0.0, 1.0]]])))
    hdop, vdop = 2 / (math.sqrt(3) * math.cos(el)), 2 / (math.sqrt(3) * (1 - math.sin(el)))
    evidence(
        "methods.coverage.bound",
        "HDOP and VDOP of four satellites, relative",
        "2/(sqrt(3) cos el), 2/(sqrt(3) (1 - sin el))",
        "closed form",
        achieved=max(abs(float(dop.hdop) / hdop - 1), abs(float(dop.vdop) / vdop - 1)),
        tolerance=1e-13,
    )


def test_dop_is_nan_with_three_satellites_and_on_a_cone():
    assert np.all(np.isnan(np.array(dop_of_sums(sums_of_directions(np.eye(3))))))
    az = 2 * np.pi * np.arange(6) / 6
    cone = np.stack([0.8 * np.sin(az), 0.8 * np.cos(az), np.full(6, 0.6)], axis=1)
    assert np.all(np.isnan(np.array(dop_of_sums(sums_of_directions(cone)))))


def test_dop_of_random_skies_is_that_of_geometry(evidence):
    rng = np.random.default_rng(4)
    az, el = rng.uniform(0, 2 * np.pi, (50, 9)), rng.uniform(0.1, 1.5, (50, 9))
    unit = np.stack([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)], axis=-1)
    expected = jax.vmap(dop_pseudorange)(az, el, np.ones((50, 9), bool))
    found = dop_of_sums(jnp.stack([sums_of_directions(one) for one in unit]))
    evidence(
        "methods.coverage.bound",
        "DOP of random skies, relative",
        "leopnt.geometry.dop, orthogonalized columns",
        "own",
        achieved=np.max(np.abs(np.array(found) / np.array(expected) - 1)),
        tolerance=1e-10,
    )


def kshana_map(name):
    """Maps of kshana, printed to 1e-4."""
    case = json.loads(REFERENCE.read_text())[name]
    return {name: np.array(rows, float) for name, rows in case.items()}


def map_beside(reference, states, engine):
    """Mean DOP and availability of the shell on the grid of a reference, and the worst DOP."""
    shape = reference["mean_visible"].shape
    weights = link_weights((Pseudorange(1.0),), 1584)
    chunk = MapChunk(
        equal_angle_grid(math.pi / shape[0], figure=SPHERE), *states, math.radians(25.0), weights,
        unknowns_of(UserKnowledge(), weights), limit=Limit("pdop", 6.0),
    )  # fmt: skip
    found = engine.statistics(chunk)
    mean = dict(zip(DOP_QUANTITIES, found.mean.reshape(6, *shape), strict=True))
    share = found.num_available.reshape(shape) / found.num_epochs
    worst = 0.0
    for name in ("gdop", "pdop", "hdop", "vdop"):
        theirs = reference[f"mean_{name}"]
        np.testing.assert_array_equal(np.isnan(mean[name]), np.isnan(theirs))
        worst = max(worst, np.nanmax(np.abs(mean[name] - theirs)))
    return mean, 100.0 * share, worst


@pytest.mark.parametrize("engine", [CompiledEngine(), TiledEngine()], ids=["compiled", "tiled"])
def test_map_of_a_walker_pattern_is_that_of_kshana(engine, evidence):
    reference = kshana_map("first epoch")
    states = circular_states(STARLINK_SHELL_1.elements(), np.zeros(1))
    mean, available_percent, worst = map_beside(reference, states, engine)
    np.testing.assert_array_equal(mean["num_visible"], reference["mean_visible"])
    np.testing.assert_array_equal(available_percent, reference["availability_pct"])
    evidence(
        "methods.coverage.engine",
        "GDOP, PDOP, HDOP, VDOP of a Walker delta 1584/72/17, 288 places",
        "kshana 0.39.0 (printed to 1e-4)",
        "implementation",
        achieved=worst,
        tolerance=5.1e-5,
    )


def kshana_states(t_s):
    """States as kshana has them: J2 moves node and perigee, but not the mean anomaly.

    Its J2 is 1.08262668e-3 at 6378137 m. Elements of each epoch, nodes from Greenwich.
    """
    elements = STARLINK_SHELL_1.elements()
    rates = secular_rates(elements)
    ours = EARTH_J2 * EARTH_EQUATORIAL_RADIUS_M**2
    theirs = 1.08262668e-3 * WGS84_SEMI_MAJOR_M**2
    node_rate = rates.raan_radps * theirs / ours - EARTH_ROTATION_ERA_RADPS
    perigee_rate = rates.arg_perigee_radps * theirs / ours
    mean_motion = jnp.sqrt(EARTH_GM_M3PS2 / elements.semi_major_axis_m**3)
    found = []
    for t in t_s:
        now = dataclasses.replace(
            elements,
            raan_rad=elements.raan_rad + node_rate * t,
            arg_perigee_rad=elements.arg_perigee_rad + perigee_rate * t,
            mean_anomaly_rad=elements.mean_anomaly_rad + mean_motion * t,
        )
        found.append(circular_states(now, np.zeros(1)))
    return tuple(np.concatenate(one) for one in zip(*found, strict=True))


def test_a_day_of_kshana_is_ours_without_the_drift_of_the_mean_anomaly(evidence):
    # J2 also moves satellites along the orbit, M' = n + 3/4 n J2 (R/a)^2 (3 cos^2 i - 1), which
    # kshana leaves out: 39 km in a day here, and 0.5 % of the mean GDOP.
    reference, t_s = kshana_map("one day"), 3_600.0 * np.arange(24)
    mean, available_percent, worst = map_beside(reference, kshana_states(t_s), CompiledEngine())
    np.testing.assert_allclose(mean["num_visible"], reference["mean_visible"], atol=5.1e-5)
    np.testing.assert_allclose(available_percent, reference["availability_pct"], atol=5.1e-5)
    evidence(
        "methods.coverage.engine",
        "mean GDOP, PDOP, HDOP, VDOP of a Walker delta 1584/72/17 over a day, orbits as kshana's",
        "kshana 0.39.0 (printed to 1e-4)",
        "implementation",
        achieved=worst,
        tolerance=5.1e-5,
    )
    elements = STARLINK_SHELL_1.elements()
    pos_m = [one[0][-1] for one in (circular_states(elements, t_s), kshana_states(t_s))]
    apart_m = np.linalg.norm(pos_m[0] - pos_m[1], axis=1)
    a_m, cos_i = elements.semi_major_axis_m[0], np.cos(np.radians(53.0))
    rate = 0.75 * EARTH_J2 * (EARTH_EQUATORIAL_RADIUS_M / a_m) ** 2 * (3 * cos_i**2 - 1)
    drift_m = a_m * np.sqrt(EARTH_GM_M3PS2 / a_m**3) * rate * t_s[-1]
    np.testing.assert_allclose(apart_m, drift_m, rtol=2e-3)  # the rest: its other J2
    np.testing.assert_allclose(drift_m * 24 / 23, 39_031.0, atol=1.0)


# Bounds


class UserState(eqx.Module):
    pos_m: jax.Array = parameter(scale=1e3, unit="m")
    clock_m: jax.Array = parameter(scale=1e3, unit="m")
    vel_mps: jax.Array = parameter(scale=1.0, unit="m/s")
    drift_mps: jax.Array = parameter(scale=1.0, unit="m/s")


def predict_range_and_rate(theta, shared, link):
    pos, vel, _, _ = link
    rate = range_rate_instantaneous(pos, vel, theta.pos_m, theta.vel_mps)
    return jnp.stack(
        [range_instantaneous(pos, theta.pos_m) + theta.clock_m, rate + theta.drift_mps]
    )


def noise_of_link(shared, link):
    return Gaussian(jnp.stack([link[2], link[3]]))


def fisher_bounds(chunk, cell, sigmas, free):
    """Position, horizontal, vertical, clock, velocity, drift by automatic differentiation."""
    pos, vel = chunk.sat_pos_ecef_m[0], chunk.sat_vel_ecef_mps[0]
    user = chunk.grid.pos_ecef_m[cell]
    el = np.asarray(jax.vmap(azel, in_axes=(0, None))(pos, user)[1])
    links = tuple(jnp.asarray(one) for one in (pos, vel, sigmas[0], sigmas[1]))
    theta = UserState(jnp.asarray(user), jnp.zeros(()), jnp.zeros(3), jnp.zeros(()))
    model = Model(predict_range_and_rate, noise_of_link)
    information = fisher_information(model, theta, links, free, visible=el >= chunk.mask_rad)
    row, column = divmod(cell, chunk.grid.shape[1])
    axes = enu_basis(chunk.grid.latitude_rad[row], chunk.grid.longitude_rad[column])
    enu = np.diag(axes @ information.crb("pos_m") @ axes.T)
    found = [enu.sum(), enu[:2].sum(), enu[2],
             float(information.crb("clock_m")[0, 0]) / SPEED_OF_LIGHT_MPS**2]  # fmt: skip
    if "vel_mps" in free:
        found.append(np.trace(information.crb("vel_mps")))
    else:
        found.append(0.0)
    found.append(float(information.crb("drift_mps")[0, 0]) / SPEED_OF_LIGHT_MPS**2)
    return np.sqrt(found)


@pytest.mark.parametrize("engine", [CompiledEngine(), TiledEngine()], ids=["compiled", "tiled"])
def test_bounds_of_users_are_those_of_the_generic_engine(engine, evidence):
    rng = np.random.default_rng(1)
    sigmas = rng.uniform(1.0, 3.0, NUM), rng.uniform(0.05, 0.2, NUM)
    observables = Pseudorange(sigmas[0]), RangeRate(sigmas[1])
    worst = 0.0
    for velocity, free in ((Known(), ("pos_m", "clock_m", "drift_mps")),
                           (Unknown(), ("pos_m", "clock_m", "vel_mps", "drift_mps"))):  # fmt: skip
        chunk = chunk_of(observables, UserKnowledge(velocity=velocity), quantities=QUANTITIES)
        values = engine.values(chunk)[0]
        for cell in (0, 85, 120):
            expected = fisher_bounds(chunk, cell, sigmas, free)
            worst = max(worst, np.max(np.abs(values[6:, cell] - expected) / (expected + 1e-300)))
    part = "knowledge" if isinstance(engine, TiledEngine) else "engine"
    evidence(
        f"methods.coverage.{part}",
        "CRB of position, clock, velocity and drift, pseudorange and rate, relative",
        "leopnt.inference.fisher, automatic differentiation",
        "own",
        achieved=worst,
        tolerance=1e-9,
    )


def test_equal_ranges_bound_positions_by_dop_times_sigma_and_known_clocks_help():
    values = CompiledEngine().values(chunk_of((Pseudorange(2.5),), quantities=QUANTITIES))
    np.testing.assert_allclose(values[:, 6], 2.5 * values[:, 2], rtol=1e-9)
    np.testing.assert_allclose(values[:, 9], 2.5 * values[:, 5] / SPEED_OF_LIGHT_MPS, rtol=1e-9)
    assert not np.any(values[:, 10])  # at rest
    assert np.all(np.isnan(values[:, 11]))  # ranges do not tell the drift
    bounds = [
        CompiledEngine().values(
            chunk_of((Pseudorange(2.5),), UserKnowledge(clock=clock), quantities=QUANTITIES)
        )
        for clock in (Known(), Prior(1e-4), Prior(2.0), Prior(1e7))
    ]
    np.testing.assert_allclose(bounds[1][:, 6], bounds[0][:, 6], rtol=1e-6)
    np.testing.assert_allclose(bounds[3][:, 6], values[:, 6], rtol=1e-6)
    assert np.all(bounds[0][:, 6] < bounds[2][:, 6])
    assert np.all(bounds[2][:, 6] < values[:, 6])
    assert not np.any(bounds[0][:, 9])


@pytest.mark.parametrize("engine", [CompiledEngine(), TiledEngine()], ids=["compiled", "tiled"])
def test_what_is_not_measured_stays_as_it_was(engine):
    for clock, expected in ((Unknown(), np.nan), (Known(), 0.0), (Prior(30.0), 30.0)):
        knowledge = UserKnowledge(clock=clock)
        chunk = chunk_of((RangeRate(0.1),), knowledge, quantities=QUANTITIES)
        chunk = dataclasses.replace(chunk, mask_rad=math.radians(35.0))
        values = engine.values(chunk)
        np.testing.assert_allclose(values[:, 9] * SPEED_OF_LIGHT_MPS, expected, rtol=1e-15)
        assert 0.1 < np.mean(np.isfinite(values[:, [6, 11]])) < 0.9
        # Without a limit, available is where what is measured last has a bound.
        found = engine.statistics(chunk)
        solved = np.isfinite(values[:, 11]).sum(axis=0)
        np.testing.assert_array_equal(found.num_available, solved)
        without = dataclasses.replace(chunk, quantities=QUANTITIES[:10])
        np.testing.assert_array_equal(engine.statistics(without).num_available, solved)


def test_a_user_who_knows_the_place_gets_the_time_of_an_average():
    chunk = chunk_of((Pseudorange(3.0),), UserKnowledge(position=Known()), quantities=QUANTITIES)
    values = CompiledEngine().values(chunk)
    expected = 3.0 / np.sqrt(values[:, 0]) / SPEED_OF_LIGHT_MPS
    np.testing.assert_allclose(values[:, 9], expected, rtol=1e-12)
    assert not np.any(values[:, 6:9])


def test_weights_add_up_and_the_ephemeris_cannot_be_averaged_away(evidence):
    both = link_weights(
        (Pseudorange(3.0), Carrier(0.01), Doppler(10.0, 1.5e9), CarrierDifference(0.01, 2.0)),
        2,
        EphemerisError(np.array([0.0, 4.0]), 0.5),
    )
    measured = 1 / 9 + 1e4
    rate = 1.0 / (10.0 * SPEED_OF_LIGHT_MPS / 1.5e9) ** 2 + 1.0 / (2 * (0.01 / 2.0) ** 2)
    expected = [measured, 1 / (1 / measured + 16), 1 / (1 / rate + 0.25), 1 / (1 / rate + 0.25)]
    evidence(
        "methods.coverage.errors",
        "information of a link, relative",
        "1 / (1 / sum sigma^-2 + sigma_ephemeris^2)",
        "closed form",
        achieved=np.max(np.abs(np.concatenate(both) / np.array(expected) - 1)),
        tolerance=1e-14,
    )


def test_inverse_diagonal_does_not_depend_on_units_and_refuses_singular_matrices():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(9, 5))
    scale = np.array([1.0, 1e-6, 1e5, 1e3, 1e-2])
    matrix = (rows.T @ rows) * np.outer(scale, scale)
    entries = [[jnp.asarray(x) for x in row] for row in matrix]
    expected = np.diag(np.linalg.inv(rows.T @ rows)) / scale**2
    np.testing.assert_allclose(np.array(inverse_diagonal(entries)), expected, rtol=1e-11)
    singular = [[jnp.asarray(x) for x in row] for row in np.outer(scale, scale)]
    assert np.all(np.isnan(np.array(inverse_diagonal(singular))))


# Both engines, and chunks


CASES = {
    "ranges, sphere": ((Pseudorange(1.0),), UserKnowledge(), SPHERE),
    "rates": ((RangeRate(0.1),), UserKnowledge(drift=Prior(0.5)), WGS84),
    "both, moving": (
        (Pseudorange(2.0), Doppler(5.0, 2e9)),
        UserKnowledge(clock=Prior(30.0), velocity=Prior(10.0)),
        WGS84,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_both_engines_give_the_same_numbers(name, evidence):
    observables, knowledge, figure = CASES[name]
    chunk = chunk_of(observables, knowledge, figure=figure, quantities=QUANTITIES,
                     limit=Limit("position_m", 8.0), kept=("pdop", "position_m"))  # fmt: skip
    ours, theirs = CompiledEngine().values(chunk), TiledEngine().values(chunk)
    np.testing.assert_array_equal(ours[:, 0], theirs[:, 0])
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    evidence(
        "methods.coverage.chunk",
        f"all quantities of a map ({name}), Numba against JAX, relative",
        "the other engine",
        "own",
        achieved=np.nanmax(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-12)),
        tolerance=1e-8,
    )
    fused, apart = CompiledEngine().statistics(chunk), statistics_of(chunk, ours)
    for field in dataclasses.fields(fused):
        one, other = getattr(fused, field.name), getattr(apart, field.name)
        np.testing.assert_allclose(one, other, rtol=1e-9, err_msg=field.name)


def test_sums_of_both_engines_are_the_same_and_count_the_visible():
    chunk = chunk_of((Pseudorange(1.0), RangeRate(0.1)), UserKnowledge(velocity=Unknown()),
                     quantities=QUANTITIES)  # fmt: skip
    ours, theirs = CompiledEngine().sums(chunk), TiledEngine().sums(chunk)
    assert ours.shape == (3, 9 * 18, 48)
    scale = np.abs(ours).max(axis=(0, 1))
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-13)


def test_satellites_without_a_state_serve_nobody_and_regions_are_parts_of_the_whole():
    pos, vel = circular_states(WALKER.elements(), T_S[:1])
    pos[:, ::2], vel[:, 1] = np.nan, np.nan
    weights = link_weights((Pseudorange(1.0),), NUM)
    unknowns = unknowns_of(UserKnowledge(), weights)
    whole = equal_angle_grid(math.radians(20.0))
    part = equal_angle_grid(math.radians(20.0), latitude_rad=(whole.step_rad[0] * -0.5, np.pi / 2),
                            longitude_rad=(math.radians(100.0), math.radians(300.0)))  # fmt: skip
    found = []
    for engine in (CompiledEngine(), TiledEngine()):
        for grid in (whole, part):
            chunk = MapChunk(grid, pos, vel, MASK_RAD, weights, unknowns)
            found.append(engine.values(chunk)[0].reshape(6, *grid.shape))
    columns = [14, 15, 16, 17, 0, 1, 2, 3, 4, 5]
    # DOP of weak skies are up to 1e4 here, and lose eight digits.
    np.testing.assert_allclose(found[1], found[0][:, 4:][:, :, columns], rtol=1e-7)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-7)
    np.testing.assert_allclose(found[3], found[1], rtol=1e-7)


def chunks_of_time(step):
    t_s = 240.0 * np.arange(12)
    return [
        chunk_of(t_s=t_s[i : i + step], limit=Limit("pdop", 2.2), kept=("pdop",))
        for i in range(0, 12, step)
    ]


def test_chunks_add_up_to_the_whole_whatever_their_size_and_in_threads(evidence):
    whole = coverage_map(chunks_of_time(12), engine=CompiledEngine())
    assert 0.02 < whole.num_available.mean() / 12 < 0.98
    for step, workers in ((1, 1), (5, 3)):
        found = coverage_map(chunks_of_time(step), engine=CompiledEngine(), workers=workers)
        for field in dataclasses.fields(whole):
            one, other = getattr(found, field.name), getattr(whole, field.name)
            np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=field.name)
    available = whole.kept[:, 0] <= 2.2
    gaps = ["".join("01"[int(x)] for x in column) for column in available.T]
    longest = np.array([max(len(run) for run in gap.split("1")) for gap in gaps])
    evidence(
        "methods.coverage.statistics",
        "longest gap of each cell, chunks of five epochs",
        "string search over all epochs",
        "implementation",
        achieved=np.max(np.abs(found.longest - longest)),
        tolerance=0.0,
        unit="epochs",
    )
    evidence(
        "methods.coverage.running",
        "mean GDOP of chunks in three threads, relative",
        "one chunk",
        "invariance",
        achieved=np.nanmax(np.abs(found.mean[1] / whole.mean[1] - 1)),
        tolerance=1e-12,
    )


def test_a_chunk_travels_to_another_process_and_its_statistics_come_back():
    chunk = chunks_of_time(3)[1]
    found = evaluate_chunk(pickle.loads(pickle.dumps(chunk)), CompiledEngine())
    back = ChunkStatistics.from_arrays(pickle.loads(pickle.dumps(found.arrays())))
    expected = evaluate_chunk(chunk, CompiledEngine())
    for field in dataclasses.fields(expected):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(expected, field.name))


def test_percentiles_are_values_that_are_reached_and_gaps_count_worst():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(20, 4))
    values[:3, 1] = np.nan
    found = percentiles_over_time(values, np.array([50.0, 90.0, 100.0]))
    np.testing.assert_array_equal(found[0, 0], np.sort(values[:, 0])[9])
    np.testing.assert_array_equal(found[2, 0], values[:, 0].max())
    assert np.isfinite(found[0, 1])
    assert np.all(np.isinf(found[1:, 1]))
    weight = np.array([0.1, 0.2, 0.3, 0.4])
    over_area = percentiles_over_area(values, weight, np.array([50.0]))
    below = np.where(np.isnan(values), np.inf, values) <= over_area[0]
    known = ~np.isnan(values)
    share = np.sum(below * weight) / np.sum(known * weight)
    assert 0.5 <= share <= 0.5 + 0.4 / np.sum(known * weight)


# Mistakes


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: equal_angle_grid(0.0), r"step_rad = 0.0: expected a number above 0"),
        (lambda: equal_angle_grid(1e-4), r"makes \d+ cells; expected at most 5000000"),
        (lambda: equal_angle_grid(0.1, latitude_rad=(1.0, 0.0)), r"expected \(south, north\)"),
        (lambda: equal_angle_grid(0.1, longitude_rad=(1.0, 0.0)), r"expected \(west, east\)"),
        (lambda: EarthFigure(-1.0, 0.0), r"EarthFigure\(-1.0, 0.0\): expected a length"),
        (lambda: link_weights((), 3), "observables is empty"),
        (lambda: link_weights((Pseudorange(0.0),), 3), r"Pseudorange.sigma_m = 0.0: expected"),
        (lambda: link_weights((Pseudorange(np.ones(2)),), 3), r"shape \(2,\); expected one number"),
        (lambda: link_weights((Doppler(1.0, 0.0),), 3), r"Doppler.carrier_hz = 0.0"),
        (
            lambda: link_weights((Carrier(1.0),), 3, EphemerisError(-1.0)),
            r"EphemerisError.range_sigma_m = -1.0: expected numbers 0 or more",
        ),
        (lambda: Prior(0.0), r"Prior.sigma = 0.0: expected a number above 0"),
        (
            lambda: unknowns_of(
                UserKnowledge(Known(), Known()), link_weights((Pseudorange(1.0),), 3)
            ),
            "everything that these observables depend on is Known",
        ),
        (lambda: chunk_of(quantities=("pdob",)), r"'pdob' is no quantity here. Did you mean"),
        (lambda: chunk_of(quantities=("pdop", "pdop")), r"'pdop' is there twice"),
        (lambda: chunk_of(kept=("position_m",)), r"kept: 'position_m' is no quantity here"),
        (lambda: chunk_of(limit=Limit("clock_s", 1.0)), r"limit.quantity: 'clock_s'"),
        (
            lambda: dataclasses.replace(chunk_of(), mask_rad=-0.1),
            r"mask_rad = -0.1: expected 0 to below",
        ),
        (lambda: coverage_map([]), "chunks is empty"),
        (lambda: list(each_chunk([], workers=0)), "workers = 0: expected 1 or more"),
    ],
)
def test_mistakes_are_said_in_sentences(act, message):
    with pytest.raises(LeopntError, match=message):
        act()


def test_chunks_of_the_wrong_shape_are_refused(untyped):
    chunk = chunk_of()
    with pytest.raises(LeopntError, match=r"expected \(epoch, sat, 3\) for both"):
        dataclasses.replace(chunk, sat_vel_ecef_mps=chunk.sat_vel_ecef_mps[:1])
    with pytest.raises(LeopntError, match="weights are for 2 satellites; expected 300"):
        dataclasses.replace(chunk, weights=link_weights((Pseudorange(1.0),), 2))


def test_without_numba_the_compiled_engine_says_what_to_install(monkeypatch):
    monkeypatch.setattr("leopnt.methods.coverage.engine.find_spec", lambda name: None)
    with pytest.raises(LeopntError, match=r"pip install leopnt\[speed\]"):
        CompiledEngine()


def test_statistics_of_one_chunk_stay_as_they_are_when_merged():
    found = CompiledEngine().statistics(chunk_of())
    assert merged([found]) is found
