"""Dopplers through a surface: what they are, what they tell, and what they never do."""

import astars_worked_case as case
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astars_ephemerides import READING, WEST, planned
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference.identifiability import EXACT, exact_information
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import GaussianPrior
from leopnt.methods.astars import (
    DIRECT,
    FREE_AT_REST,
    FREE_IN_MOTION,
    AstarsStatus,
    AstarsTheta,
    MovingTheta,
    Routes,
    doppler_rows,
    joined_rows,
    knowledge,
    moving_bound,
    moving_fix,
    moving_observations,
    panel_view,
    phase_rows,
    received,
    routes,
)
from leopnt.orbits.constellations import ONEWEB

C_MPS, WAVELENGTH_M = 299792458.0, case.WAVELENGTH_M
S, U, AOD = case.SURFACE_ECEF_M, case.OUTDOOR_ECEF_M, case.AOD
NUM_SATS, TIMES_S = 5, (0.0, 20.0, 40.0)
SIGMA_M, SIGMA_MPS = 0.2, 2e-3
NEAR_U = U + np.array([8.0, -6.0, 3.0])
WALK_MPS = np.array([0.7, 0.9, -0.4])


def truth(velocity=np.zeros(3), drift_mps=0.3):
    return MovingTheta(
        jnp.asarray(S[None]),
        jnp.asarray(U),
        jnp.asarray(velocity),
        jnp.asarray(30.0),
        jnp.asarray(drift_mps),
    )


def at(theta, time_s):
    """The same at one time, as the phases of one epoch want it."""
    return AstarsTheta(
        np.asarray(theta.surface_pos_ecef_m),
        np.asarray(theta.rx_pos_ecef_m + time_s * theta.rx_vel_ecef_mps),
        np.asarray(theta.clock_bias_m + time_s * theta.clock_drift_mps),
    )


@pytest.fixture(scope="module")
def satellites():
    return planned(ONEWEB, 900.0)


@pytest.fixture(scope="module")
def way(satellites):
    """Five satellites through the wall."""
    every = routes([panel_view(satellites, WEST, READING)])
    spread = np.linspace(0, every.surface.size - 1, NUM_SATS).astype(int)
    return Routes(*(column[spread] for column in every))


def rows_of(satellites, way, theta, noise=None):
    """Phases and Dopplers of all epochs, without noise."""
    parts = []
    for time_s in TIMES_S:
        got = received(satellites, way, at(theta, time_s), READING + time_s)
        pos, vel = got.sat_pos_ecef_m, got.sat_vel_ecef_mps
        parts.append(phase_rows(time_s, pos, got.range_m, SIGMA_M))
        blank = doppler_rows(time_s, pos, vel, np.zeros(NUM_SATS), WAVELENGTH_M, 1.0)
        rate_mps = np.asarray(moving_observations(blank, theta))
        sigma_hz = SIGMA_MPS / WAVELENGTH_M
        parts.append(
            doppler_rows(time_s, pos, vel, -rate_mps / WAVELENGTH_M, WAVELENGTH_M, sigma_hz)
        )
    return joined_rows(parts)


@pytest.fixture(scope="module")
def rows(satellites, way):
    return rows_of(satellites, way, truth())


def weighted(rows, worth):
    """The same rows, those that are not worth it with a sigma of 1e9."""
    sigma = np.where(worth, rows.links.sigma, 1e9)
    return eqx.tree_at(lambda r: r.links.sigma, rows, sigma)


def information(rows, told, theta, sigma_drift_mps=1e9):
    """About all unknowns, the drift known to `sigma_drift_mps`."""
    tied = (GaussianPrior("clock_drift_mps", 0.3, sigma_drift_mps),)
    return moving_bound(rows, told, theta, NAMES, priors=tied)


def sigma(found, name, known=("rx_vel_ecef_mps",)):
    """Root of the sum of the variances of a field."""
    return float(np.sqrt(np.trace(np.atleast_2d(found.crb(name, known)))))


@pytest.mark.parametrize("number", [0, DIRECT], ids=["relayed", "direct"])
def test_a_doppler_is_the_rate_of_the_phase(number, satellites, way, evidence, request):
    theta = truth(WALK_MPS)
    route = way._replace(surface=np.full(NUM_SATS, number))

    def range_m(time_s):
        return received(satellites, route, at(theta, time_s), READING + time_s).range_m

    step = 0.5
    slope = (8.0 * (range_m(step) - range_m(-step)) - range_m(2 * step) + range_m(-2 * step)) / (
        12.0 * step
    )
    got = received(satellites, route, at(theta, 0.0), READING)
    blank = doppler_rows(
        0.0,
        got.sat_pos_ecef_m,
        got.sat_vel_ecef_mps,
        np.zeros(NUM_SATS),
        WAVELENGTH_M,
        1.0,
        number,
    )
    # The drift of 0.3 m/s stretches the seconds of the reading: 1e-9 of 6 km/s.
    evidence(
        "methods.astars.moving_model",
        f"range rate of {request.node.callspec.id} satellites",
        "derivative of the range by the time of reception",
        "closed form",
        achieved=np.max(np.abs(np.asarray(moving_observations(blank, theta)) - slope)),
        tolerance=2e-5,
        unit="m/s",
    )


def exact_range_rate(x, link):
    """The range rate in 200 digits; x: S, U, v, clock bias, drift."""
    known = (*link.sat_pos_ecef_m[0], *link.sat_vel_ecef_mps[0])
    mpf = [EXACT.mpf(float(value)) for value in known]
    s, v = mpf[:3], mpf[3:]
    surface, receiver, walk, drift = x[:3], x[3:6], x[6:9], x[10]
    t = EXACT.mpf(float(link.time_s[0]))
    ray = [a - b for a, b in zip(s, surface, strict=True)]
    length = EXACT.sqrt(EXACT.fdot(ray, ray))
    spin = EXACT.mpf("7.2921151467e-5")
    inertial = [v[0] - spin * s[1], v[1] + spin * s[0], v[2]]
    light = 1 + EXACT.fdot(ray, inertial) / length / EXACT.mpf(299792458)
    last = [a + t * w - b for a, w, b in zip(receiver, walk, surface, strict=True)]
    radial = EXACT.fdot(last, walk) / EXACT.sqrt(EXACT.fdot(last, last))
    return EXACT.fdot(ray, v) / length / light + radial + drift


NAMES = (
    "surface_pos_ecef_m",
    "rx_pos_ecef_m",
    "rx_vel_ecef_mps",
    "clock_bias_m",
    "clock_drift_mps",
)


def exact_dopplers(rows, theta, num_epochs=len(TIMES_S)):
    """Exact information of the Dopplers alone, by central differences of 1e-60."""
    x = np.concatenate([np.ravel(np.asarray(getattr(theta, name))) for name in NAMES])
    x = [EXACT.mpf(float(value)) for value in x]
    h = EXACT.mpf("1e-60")
    found = []
    for k in np.flatnonzero(rows.links.is_rate)[: num_epochs * NUM_SATS]:
        link = jax.tree.map(lambda leaf, k=k: leaf[k : k + 1], rows.links)
        row = []
        for i in range(len(x)):
            up, down = list(x), list(x)
            up[i], down[i] = x[i] + h, x[i] - h
            row.append((exact_range_rate(up, link) - exact_range_rate(down, link)) / (2 * h))
        found.append(row)
    return exact_information(found, Unknowns.of(theta, NAMES))


def test_dopplers_locate_the_surface_and_the_drift_and_tell_nothing_of_a_receiver_at_rest(
    rows, evidence
):
    full = exact_dopplers(rows, truth())
    # At rest for certain: the velocity is known to be 0.
    found = full.known("rx_vel_ecef_mps").verdict()
    assert not found.is_identifiable
    assert set(found.determined) == {"surface_pos_ecef_m", "clock_drift_mps"}
    assert found.rank == 4
    hidden = full.known(
        ("rx_vel_ecef_mps", "surface_pos_ecef_m", "clock_drift_mps", "clock_bias_m")
    )
    evidence(
        "methods.astars.moving_model",
        "components of a receiver at rest that Dopplers through a surface determine, S known",
        "rank in 200-digit arithmetic",
        "closed form",
        achieved=hidden.verdict().rank,
        tolerance=0.0,
    )


def test_dopplers_tell_the_radial_velocity_and_nothing_across(rows, evidence):
    theta = truth(WALK_MPS)
    others = ("surface_pos_ecef_m", "rx_pos_ecef_m", "clock_bias_m", "clock_drift_mps")
    first = weighted(rows, (rows.links.time_s == 0.0) & (rows.links.is_rate > 0.5))
    exact = exact_dopplers(rows, theta, 1).known(others).verdict()
    assert exact.rank == 1
    across = np.array([direction.of("rx_vel_ecef_mps") @ AOD for direction in exact.null_space])
    # d (u . v) / d v = u: what shows nothing is across the last leg.
    np.testing.assert_allclose(across, 0.0, atol=1e-12)
    fisher = np.asarray(
        information(first, knowledge(), theta).block("rx_vel_ecef_mps", "rx_vel_ecef_mps")
    )
    expected = NUM_SATS / SIGMA_MPS**2 * np.outer(AOD, AOD)
    evidence(
        "methods.astars.moving",
        "information about the velocity from Dopplers of one epoch, relative",
        "n / sigma^2 u u^T",
        "closed form",
        achieved=np.max(np.abs(fisher - expected)) / np.max(expected),
        tolerance=1e-9,
    )


def test_drift_and_radial_motion_are_one_through_one_surface(rows):
    told = surveyed()
    both = ("rx_pos_ecef_m",)
    along = [
        AOD @ np.asarray(information(rows, told, truth(), tied).efim("rx_vel_ecef_mps", both)) @ AOD
        for tied in (1e9, 1e-3)
    ]
    assert along[0] < 1e-12 * along[1]
    np.testing.assert_allclose(along[1] ** -0.5, 1e-3, rtol=0.3)


def known():
    return knowledge(
        departure=AOD[None], sigma_aod_rad=1e-3, clock_bias_s=30.0 / C_MPS, sigma_sync_s=1e-9
    )


def surveyed():
    return knowledge(
        surface_pos_ecef_m=S[None],
        sigma_survey_m=1e-6,
        departure=AOD[None],
        sigma_aod_rad=1e-3,
        clock_bias_s=30.0 / C_MPS,
        sigma_sync_s=1e-9,
    )


def test_dopplers_sharpen_the_surface_but_not_a_receiver_at_rest_behind_a_surveyed_one(rows):
    phases = weighted(rows, rows.links.is_rate < 0.5)
    with_both, without = (information(some, known(), truth()) for some in (rows, phases))
    name = "surface_pos_ecef_m"
    assert sigma(with_both, name) < 0.8 * sigma(without, name)
    assert sigma(with_both, "rx_pos_ecef_m") < 0.9 * sigma(without, "rx_pos_ecef_m")
    behind = [
        np.asarray(
            information(some, surveyed(), truth(), 1e-9).crb("rx_pos_ecef_m", ("rx_vel_ecef_mps",))
        )
        for some in (rows, phases)
    ]
    np.testing.assert_allclose(behind[0], behind[1], rtol=1e-6, atol=1e-12)


def test_dopplers_alone_locate_the_surface_without_any_ambiguity(rows):
    dopplers = weighted(rows, rows.links.is_rate > 0.5)
    found = sigma(
        information(dopplers, knowledge(), truth()),
        "surface_pos_ecef_m",
        (
            "rx_vel_ecef_mps",
            "rx_pos_ecef_m",
            "clock_bias_m",
        ),
    )
    # sigma r / v of one satellite is 0.5 m: a few times that by the geometry, less by 15 rows.
    assert 0.3 < found < 5.0


@pytest.mark.study
def test_the_fix_of_several_epochs_reaches_its_bound(rows, evidence):
    trials = study_size(100, 2000)
    rng = np.random.default_rng(6)
    side = np.linalg.svd(AOD[None])[2][1:]
    count = (trials, rows.observed.size)
    noisy = repeated(rows, rows.observed + rows.links.sigma * rng.normal(size=count))
    departure = AOD + 1e-3 * rng.normal(size=(trials, 2)) @ side
    told = knowledge(
        departure=(departure / np.linalg.norm(departure, axis=1, keepdims=True))[:, None],
        sigma_aod_rad=1e-3,
        clock_bias_s=30.0 / C_MPS + 1e-9 * rng.normal(size=trials),
        sigma_sync_s=1e-9,
    )
    found = solved(noisy, told, 1e9, 1e-6, tile=25)
    assert np.all(found.status == AstarsStatus.ok)
    errors = np.asarray(found.theta.surface_pos_ecef_m)[:, 0] - S
    covariance = np.asarray(found.covariance)[:, :3, :3]
    squares = np.sum(errors * np.linalg.solve(covariance, errors[..., None])[..., 0], axis=1)
    bound = information(rows, known(), truth()).crb("surface_pos_ecef_m", ("rx_vel_ecef_mps",))
    ratio = np.mean(np.sum(np.square(errors), axis=1)) / np.trace(bound)
    evidence(
        "methods.astars.moving",
        "variance of the surface from phases and Dopplers of three epochs over its bound, minus 1",
        f"{trials} drawn sets",
        "monte carlo",
        achieved=abs(ratio - 1.0),
        tolerance=5.0 * np.sqrt(2.0 / trials),
    )
    assert abs(np.mean(squares) - 3.0) < 5.0 * np.sqrt(6.0 / trials)
    # 30 rows, a direction, network time, 3 of velocity and 1 of drift tied; 11 unknowns.
    assert np.all(found.dof == 30 + 2 + 1 + 4 - 11)
    # 25: the prior of the drift tells nothing, and its square is 0.
    evidence(
        "methods.astars.moving",
        "mean sum of squared residuals of drawn sets, over its degrees of freedom, minus 1",
        f"{trials} drawn sets",
        "monte carlo",
        achieved=abs(np.mean(found.square_sum) / 25.0 - 1.0),
        tolerance=5.0 * np.sqrt(2.0 / 25.0 / trials),
    )


def repeated(rows, observed):
    """The same links for each row of what was observed."""
    links = jax.tree.map(lambda x: np.broadcast_to(x, (len(observed), *x.shape)), rows.links)
    return type(rows)(links, observed)


def solved(rows, told, sigma_drift_mps, sigma_vel_mps, receiver=NEAR_U, **how):
    """The fix from meters away, the velocity near 0."""
    start = MovingTheta(
        jnp.asarray(S[None] + 5.0),
        jnp.asarray(receiver),
        jnp.zeros(3),
        jnp.asarray(0.0),
        jnp.asarray(0.0),
    )
    tied = (
        GaussianPrior("clock_drift_mps", 0.3, sigma_drift_mps),
        GaussianPrior("rx_vel_ecef_mps", np.zeros(3), sigma_vel_mps),
    )
    return moving_fix(rows, told, start, FREE_IN_MOTION, priors=tied, **how)


def test_a_walking_receiver_shows_its_radial_speed(satellites, way, evidence):
    rows = rows_of(satellites, way, truth(WALK_MPS))
    found = solved(rows, surveyed(), 1e-6, 100.0)
    assert found.status == AstarsStatus.ok
    offset = np.asarray(found.theta.rx_pos_ecef_m) - S
    radial = np.asarray(found.theta.rx_vel_ecef_mps) @ offset / np.linalg.norm(offset)
    evidence(
        "methods.astars.moving",
        "radial speed of a walking receiver, its clock on network frequency",
        "planted velocity",
        "invariance",
        achieved=abs(radial - WALK_MPS @ AOD),
        tolerance=1e-3,
        unit="m/s",
    )


def test_what_is_not_determined_is_said(rows):
    told = knowledge(surface_pos_ecef_m=S[None])
    found = solved(rows, told, 1e9, 1e9)
    assert found.status == AstarsStatus.weak_geometry
    assert np.all(np.isnan(found.theta.rx_pos_ecef_m))


@pytest.mark.parametrize(
    ("leg_m", "start_m"), [(8.0, -2.0), (56.0, -20.0), (56.0, 0.0)], ids=["near", "far", "at it"]
)
def test_a_start_behind_the_surface_ends_in_front(leg_m, start_m, satellites, way, evidence):
    theta = eqx.tree_at(lambda t: t.rx_pos_ecef_m, truth(), jnp.asarray(S + leg_m * AOD))
    rows = rows_of(satellites, way, theta)
    found = solved(rows, surveyed(), 1e-6, 1e-6, S + start_m * AOD)
    assert found.status == AstarsStatus.ok
    evidence(
        "methods.astars.moving",
        f"receiver {leg_m:g} m before a surface, started {-start_m:g} m behind it",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.theta.rx_pos_ecef_m - theta.rx_pos_ecef_m),
        tolerance=1e-6,
        unit="m",
    )


def test_a_direction_that_points_away_ends_nowhere(rows):
    # Phases of three times put U in front; the direction says behind: no end is on its side.
    told = eqx.tree_at(lambda k: k.departure, surveyed(), -AOD[None])
    held = eqx.tree_at(lambda k: k.clock_bias_s, told, np.asarray(86.5 / C_MPS))
    found = solved(rows, held, 1e-6, 1e-6)
    assert found.status == AstarsStatus.no_last_leg
    assert np.all(np.isnan(found.theta.rx_pos_ecef_m))


@pytest.mark.parametrize("late_m", [57.0, 60.0, 100.0])
@pytest.mark.parametrize("told", [surveyed, known])
def test_network_time_later_than_the_flight_leaves_no_last_leg(told, late_m, rows):
    late_s = np.asarray((30.0 + late_m) / C_MPS)
    found = solved(rows, eqx.tree_at(lambda k: k.clock_bias_s, told(), late_s), 1e-6, 1e-6)
    assert found.status == AstarsStatus.no_last_leg
    assert np.all(np.isnan(found.theta.rx_pos_ecef_m))
    assert np.all(np.isnan(found.covariance))
    assert np.isnan(found.chi_square().value)


def test_network_time_late_by_less_moves_the_receiver_along_the_leg_and_shows_nowhere(rows):
    late = eqx.tree_at(lambda k: k.clock_bias_s, surveyed(), np.asarray(50.0 / C_MPS))
    found = solved(rows, late, 1e-6, 1e-6)
    np.testing.assert_allclose(found.theta.rx_pos_ecef_m, U - 20.0 * AOD, atol=1e-6)
    assert found.chi_square().p_value > 0.99


def test_a_start_behind_one_of_two_surfaces_ends_in_front_of_both(satellites, way, evidence):
    other = np.cross(AOD, [0.0, 0.0, 1.0])
    other /= np.linalg.norm(other)
    both = np.stack([S, U - 40.0 * other])
    theta = eqx.tree_at(lambda t: t.surface_pos_ecef_m, truth(), jnp.asarray(both))
    got = received(satellites, way, at(truth(), 0.0), READING)
    blank = phase_rows(0.0, got.sat_pos_ecef_m, got.range_m, SIGMA_M, np.arange(5) % 2, 2)
    rows = type(blank)(blank.links, np.asarray(moving_observations(blank, theta)))
    told = knowledge(
        surface_pos_ecef_m=both,
        departure=np.stack([AOD, other]),
        sigma_aod_rad=1e-3,
        num_surfaces=2,
    )
    start = eqx.tree_at(lambda t: t.rx_pos_ecef_m, theta, jnp.asarray(S - 30.0 * AOD))
    found = moving_fix(rows, told, start, ("rx_pos_ecef_m", "clock_bias_m"))
    assert found.status == AstarsStatus.ok
    # Surfaces are held: their survey tells of no unknown.
    assert found.dof == 5 + 2 * 2 - 4
    evidence(
        "methods.astars.moving",
        "receiver by two surfaces and directions from them, started behind one",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.theta.rx_pos_ecef_m - U),
        tolerance=1e-5,
        unit="m",
    )


def test_a_last_leg_of_half_a_meter_is_one(satellites, way):
    theta = eqx.tree_at(lambda t: t.rx_pos_ecef_m, truth(), jnp.asarray(S + 0.5 * AOD))
    found = solved(rows_of(satellites, way, theta), surveyed(), 1e-6, 1e-6)
    assert found.status == AstarsStatus.ok
    np.testing.assert_allclose(found.theta.rx_pos_ecef_m, theta.rx_pos_ecef_m, atol=1e-6)


def test_an_outlier_shows_in_the_residuals(rows):
    clean = solved(rows, surveyed(), 1e-6, 1e-6).chi_square()
    assert clean.dof == 30 + 3 + 2 + 1 + 4 - 11
    assert clean.value < 1e-6
    assert clean.p_value > 1.0 - 1e-9
    off = type(rows)(rows.links, rows.observed + 20.0 * rows.links.sigma * (np.arange(30) == 7))
    found = solved(off, surveyed(), 1e-6, 1e-6).chi_square()
    # A lone outlier d has d^2 (1 - h) left, h its leverage: below 400, above half of it.
    assert 200.0 < found.value < 400.0
    assert found.p_value < 1e-9


def test_slots_may_be_empty(satellites, way, rows, evidence):
    links, spare = rows.links, np.arange(30) % 7 == 3
    empty = eqx.tree_at(
        lambda r: (r.links.sigma, r.observed),
        rows,
        (np.where(spare, np.inf, links.sigma), np.where(spare, 1e3, rows.observed)),
    )
    found = solved(empty, surveyed(), 1e-6, 1e-6)
    assert found.status == AstarsStatus.ok
    assert found.dof == 30 - np.sum(spare) + 3 + 2 + 1 + 4 - 11
    evidence(
        "methods.astars.moving_model",
        "receiver by rows of which some slots are empty, filled with nonsense",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.theta.rx_pos_ecef_m - U),
        tolerance=1e-6,
        unit="m",
    )
    crb = [
        np.asarray(
            information(some, surveyed(), truth(), 1e-9).crb("rx_pos_ecef_m", ("rx_vel_ecef_mps",))
        )
        for some in (empty, weighted(rows, ~spare))
    ]
    np.testing.assert_allclose(crb[0], crb[1], rtol=1e-6, atol=1e-12)


def test_rows_of_empty_slots_may_hold_nothing():
    sats, ranges, sigma = np.array(SATS), ZEROS + 2e7, np.full(len(SATS), 0.2)
    sats[1], ranges[1], sigma[1] = np.nan, np.nan, np.inf
    made = [
        phase_rows(0.0, sats, ranges, sigma),
        doppler_rows(0.0, sats, 0.0 * sats, 1e-5 * ranges, 0.19, sigma),
    ]
    joined = joined_rows(made)
    assert np.all(np.isfinite(joined.links.sat_pos_ecef_m))
    assert np.all(np.isfinite(joined.observed))
    np.testing.assert_array_equal(np.isinf(joined.links.sigma), np.tile(np.isinf(sigma), 2))


def test_a_batch_is_its_problems_one_by_one(rows):
    count = (study_size(100, 2000), 30)
    observed = rows.observed + rows.links.sigma * np.random.default_rng(2).normal(size=count)
    clock_s = np.full(len(observed), 30.0 / C_MPS)
    clock_s[1:3] += np.array([0.3, 100.0]) / C_MPS
    told = surveyed()
    many = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (len(observed), *leaf.shape)), told)
    many = eqx.tree_at(lambda k: k.clock_bias_s, many, clock_s)
    found = solved(repeated(rows, observed), many, 1e-6, 1e-6, tile=25)
    late = np.arange(len(observed)) == 2
    np.testing.assert_array_equal(found.status == AstarsStatus.ok, ~late)
    np.testing.assert_array_equal(found.status == AstarsStatus.no_last_leg, late)
    for k in range(2):
        one = eqx.tree_at(lambda t: t.clock_bias_s, told, clock_s[k])
        alone = solved(type(rows)(rows.links, observed[k]), one, 1e-6, 1e-6)
        np.testing.assert_allclose(
            found.theta.rx_pos_ecef_m[k], alone.theta.rx_pos_ecef_m, atol=1e-5
        )
        np.testing.assert_allclose(found.square_sum[k], alone.square_sum, rtol=1e-6)
        np.testing.assert_allclose(
            found.sigma_of("clock_bias_m")[k], alone.sigma_of("clock_bias_m"), rtol=1e-6
        )
    with pytest.raises(LeopntError, match="chi_square: one fix at a time"):
        found.chi_square()
    # Batches are joined along their links.
    twice = joined_rows([repeated(rows, observed)] * 2)
    assert twice.links.via.shape == (len(observed), 60, 1)


SATS = case.SAT_POS_ECEF_M
ZEROS = np.zeros(len(SATS))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: doppler_rows(0.0, SATS, 0 * SATS, ZEROS + 2e5, 0.19, 1.0),
            "doppler_hz times wavelength_m: 38000 m/s; expected below 20000",
        ),
        (lambda: doppler_rows(0.0, SATS, 0 * SATS, ZEROS, 0.19, 0.0), "sigma_hz = 0"),
        (lambda: doppler_rows(0.0, SATS, 0 * SATS, ZEROS, -0.19, 1.0), "wavelength_m = -0.19"),
        (
            lambda: doppler_rows(0.0, SATS, np.zeros(2), ZEROS, 0.19, 1.0),
            r"sat_vel_ecef_mps has shape \(2,\)",
        ),
        (lambda: phase_rows(0.0, SATS, ZEROS + 2e7, 0.2, 3), "surface: got 3; expected 0 to 0"),
        (lambda: phase_rows(0.0, SATS, ZEROS + 2e7, 0.2, 0.5), "surface has type float64"),
        (lambda: phase_rows(np.nan, SATS, ZEROS + 2e7, 0.2), "time_s.* is nan"),
        (
            lambda: phase_rows(0.0, SATS[None].repeat(2, 0), np.full((3, 5), 2e7), 0.2),
            r"batch axes do not fit together: sat_pos_ecef_m \(2,\), observed \(3,\)",
        ),
        (
            lambda: joined_rows(
                [
                    phase_rows(0.0, SATS, ZEROS + 2e7, 0.2),
                    phase_rows(0.0, SATS[None], ZEROS[None] + 2e7, 0.2),
                ]
            ),
            r"rows: of batches \[\(\), \(1,\)\]; expected the same for all",
        ),
        (
            lambda: phase_rows(0.0, SATS, ZEROS + 2e7, np.array([0.2, np.inf])),
            r"sat_pos_ecef_m \(5, 3\), its sigma \(2, 1\)",
        ),
        (lambda: joined_rows([]), r"rows: of \[\] surfaces"),
        (
            lambda: moving_fix(
                phase_rows(0.0, SATS, ZEROS + 2e7, 0.2, 0, 2), knowledge(), truth(), FREE_AT_REST
            ),
            "numbers of surfaces differ: rows 2, known 1, theta 1",
        ),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
