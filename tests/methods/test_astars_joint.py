"""The joint estimator against the chain, NumPy's bound, drawn errors, and several surfaces."""

import astars_worked_case as case
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astars_skies import AOD, design, relayed_m, sky

from leopnt.errors import LeopntError
from leopnt.inference.linearize import normal_equations
from leopnt.inference.model import Data
from leopnt.inference.parameters import Unknowns
from leopnt.methods.astars import (
    DIRECT,
    RELAYED_PHASES,
    AstarsStatus,
    AstarsTheta,
    joint_bound,
    joint_fix,
    joint_ranges,
    knowledge,
    ranges_of_phases,
    relayed_phases,
    two_step_covariance,
)
from leopnt.methods.astars.joint_normal import relayed_normal

TRIALS, NUM_SATS, SIGMA_M, SYNC_S, AOD_RAD = 20000, 12, 0.2, 1e-9, 1e-3
TILE, FIXES = 250, 400
S, U = case.SURFACE_ECEF_M, case.OUTDOOR_ECEF_M
AROUND = U + np.array([[40.0, 5, 30], [-35, 25, 40], [10, -45, 20], [-10, -10, 60]])
NUM_SURFACES = len(AROUND)
CLOCK_M = 4e3
SATELLITES = sky(np.random.default_rng(41), 1, NUM_SATS)[0]
THETA = AstarsTheta(jnp.asarray(S[None]), jnp.asarray(U), jnp.asarray(0.0))


def test_without_a_survey_it_is_the_two_step_chain(evidence):
    """Of five satellites; seven slots are empty, whatever stands in them."""
    ranges = ranges_of_phases(case.PHASE_CYCLES, case.WAVELENGTH_M)
    phases = relayed_phases(
        np.concatenate([case.SAT_POS_ECEF_M, SATELLITES[5:]]),
        np.concatenate([ranges, np.full(7, 3e7)]),
        np.where(np.arange(NUM_SATS) < 5, SIGMA_M, np.inf),
        np.repeat([0, -1], [8, 4]),
    )
    known = knowledge(
        departure=case.AOD[None],
        sigma_aod_rad=AOD_RAD,
        clock_bias_s=case.CLOCK_BIAS_S,
        sigma_sync_s=SYNC_S,
    )
    found = joint_fix(phases, known)
    evidence(
        "methods.astars.joint",
        "receiver of the worked case, no survey",
        "two-step position of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(found.rx_pos_ecef_m - case.FOUND_RX_ECEF_M)),
        tolerance=1e-5,
        unit="m",
    )
    rows = design(case.SAT_POS_ECEF_M, case.FOUND_SURFACE_ECEF_M)
    parts = two_step_covariance(
        np.linalg.inv(rows.T @ rows), case.AOD, case.FOUND_ELOS_M, SIGMA_M, SYNC_S, AOD_RAD
    )
    np.testing.assert_allclose(found.covariance_m2, parts.total_m2, atol=1e-8)
    assert found.dof == 1
    away = np.linalg.norm(case.SAT_POS_ECEF_M - case.FOUND_SURFACE_ECEF_M, axis=-1)
    square = np.sum((ranges - away + case.FOUND_LUMPED_CLOCK_M) ** 2) / SIGMA_M**2
    np.testing.assert_allclose(found.chi_square().value, square, rtol=1e-5)


def numpy_bound():
    """Covariance of (S, U, b) from finite differences of ranges relative to a point near."""

    def rows(x):
        surface, receiver, bias = x[:3], x[3:6], x[6]
        # Differences of large ranges, without their rounding.
        away = SATELLITES - S
        far = np.linalg.norm(away, axis=1)
        change = (-2 * away @ surface + surface @ surface) / (
            far + np.linalg.norm(away - surface, axis=1)
        )
        v = U + receiver - S - surface
        side = np.linalg.svd(AOD[None])[2][1:]
        aod = side @ v / np.linalg.norm(v) / AOD_RAD
        range_rows = (change + np.linalg.norm(v) + bias) / SIGMA_M
        return np.concatenate([range_rows, aod, [bias / 0.299792458], surface / 0.01])

    steps = 1e-3 * np.eye(7)
    a = np.stack([(rows(h) - rows(-h)) / 2e-3 for h in steps], axis=1)
    return np.linalg.inv(a.T @ a)


def drawn(satellites, sigma_m, sync_s, rng):
    """Fixes of drawn epochs with a surveyed surface; satellites (12, 3), or one set each.

    A second surface, surveyed too, relays nothing: all fixes without a start share one kernel.
    """
    side = np.linalg.svd(AOD[None])[2][1:]
    departure = AOD + AOD_RAD * rng.normal(size=(TRIALS, 2)) @ side
    departure /= np.linalg.norm(departure, axis=-1, keepdims=True)
    survey = (S + 0.01 * rng.normal(size=(TRIALS, 3)))[:, None]
    known = knowledge(
        surface_pos_ecef_m=np.concatenate([survey, np.full((TRIALS, 1, 3), AROUND[0])], axis=1),
        departure=np.repeat(departure[:, None], 2, axis=1),
        sigma_aod_rad=np.array([AOD_RAD, np.inf]),
        clock_bias_s=sync_s * rng.normal(size=TRIALS),
        sigma_sync_s=sync_s,
        num_surfaces=2,
    )
    ranges = relayed_m(satellites) + SIGMA_M * rng.normal(size=(TRIALS, NUM_SATS))
    return joint_fix(relayed_phases(satellites, ranges, sigma_m, 0, 2), known, tile=TILE)


@pytest.fixture(scope="module")
def surveyed():
    return drawn(SATELLITES, SIGMA_M, SYNC_S, np.random.default_rng(17))


@pytest.mark.parametrize(
    ("count", "sync_s", "low_m", "high_m"),
    [(5, 1e-9, 0.31, 0.33), (8, 1e-9, 0.31, 0.33), (12, 1e-9, 0.31, 0.33), (5, 1e-8, 3.0, 3.0)],
)
def test_errors_with_a_survey_are_those_of_the_table(count, sync_s, low_m, high_m, evidence):
    rng = np.random.default_rng(50 + count)
    # Empty slots instead of fewer, so that all share one kernel.
    sigma_m = np.where(np.arange(NUM_SATS) < count, SIGMA_M, np.inf)
    found = drawn(sky(rng, TRIALS, NUM_SATS), sigma_m, sync_s, rng)
    rms_m = np.sqrt(np.mean(np.sum((found.rx_pos_ecef_m - U) ** 2, axis=-1)))
    evidence(
        "methods.astars.joint",
        f"RMS error with a survey, {count} satellites, {sync_s * 1e9:.0f} ns, relative distance "
        "from the band",
        "table of an independent implementation",
        "implementation",
        achieved=max(low_m / rms_m - 1.0, rms_m / high_m - 1.0, 0.0),
        tolerance=0.02,
    )


def one_knowledge():
    return knowledge(
        surface_pos_ecef_m=S[None],
        departure=AOD[None],
        sigma_aod_rad=AOD_RAD,
        clock_bias_s=0.0,
        sigma_sync_s=SYNC_S,
    )


def test_bound_and_covariance_are_those_of_numpy(surveyed, evidence):
    phases = relayed_phases(SATELLITES, relayed_m(SATELLITES), SIGMA_M)
    bound = joint_bound(phases, THETA, one_knowledge()).crb("rx_pos_ecef_m")
    expected = numpy_bound()[3:6, 3:6]
    evidence(
        "methods.astars.joint",
        "bound of the receiver with a surveyed surface, relative",
        "finite differences in NumPy",
        "implementation",
        achieved=np.max(np.abs(bound - expected)) / np.max(expected),
        tolerance=1e-5,
    )
    evidence(
        "methods.astars.joint_model",
        "covariance of a fix with a surveyed surface",
        "finite differences in NumPy at the truth",
        "implementation",
        achieved=np.max(np.abs(surveyed.covariance_m2[0] - expected)),
        tolerance=2e-3,
        unit="m^2",
    )


def test_errors_reach_the_bound_and_the_residuals_their_law(surveyed, evidence):
    found = surveyed
    assert np.all(found.status == AstarsStatus.ok)
    expected = numpy_bound()[3:6, 3:6]
    drawn = np.cov(found.rx_pos_ecef_m, rowvar=False)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    evidence(
        "methods.astars.joint",
        "covariance of the receiver with a surveyed surface, relative",
        f"{TRIALS} drawn epochs",
        "monte carlo",
        achieved=np.max(np.abs(drawn - expected) / scale),
        tolerance=0.05,
    )
    np.testing.assert_allclose(np.mean(found.square_sum), found.dof[0], rtol=0.02)


def by_surfaces(numbers):
    """A fix from exact ranges, twelve satellites by the surveyed surfaces of these numbers.

    One of a batch as large as those below: all share one kernel.
    """
    phases = relayed_phases(SATELLITES, np.full(NUM_SATS, 2e7), SIGMA_M, numbers, NUM_SURFACES)
    theta = AstarsTheta(jnp.asarray(AROUND), jnp.asarray(U), jnp.asarray(CLOCK_M))
    ranges = np.asarray(joint_ranges(phases, theta))
    phases = relayed_phases(SATELLITES, ranges, SIGMA_M, numbers, NUM_SURFACES)
    known = knowledge(surface_pos_ecef_m=AROUND, num_surfaces=NUM_SURFACES)
    found = joint_fix(phases, known, U + np.array([[6.0, -5.0, 4.0]]), tile=FIXES)
    return jax.tree.map(lambda leaf: leaf[0], found)


@pytest.mark.parametrize(
    ("what", "numbers", "status"),
    [
        ("4 surveyed surfaces and 0 direct satellites", np.arange(12) // 3, AstarsStatus.ok),
        (
            "2 surveyed surfaces and 2 direct satellites",
            np.repeat([0, 1, -1], [5, 5, 2]),
            AstarsStatus.ambiguous,
        ),
    ],
)
def test_several_surfaces_or_direct_satellites_need_no_sync_and_no_direction(
    what, numbers, status, evidence
):
    assert DIRECT == -1
    found = by_surfaces(numbers)
    assert found.status == status
    evidence(
        "methods.astars.joint",
        f"receiver by {what}, no network time",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.rx_pos_ecef_m - U),
        tolerance=1e-4,
        unit="m",
    )
    np.testing.assert_allclose(found.clock_bias_s, CLOCK_M / 299792458.0)


def test_three_surfaces_and_network_time_leave_the_mirror_image():
    """Three spheres meet in two points, one on either side of the plane of their centers."""
    rng = np.random.default_rng(29)
    surfaces = U + rng.uniform(-60.0, 60.0, (100, 4, 3))
    surfaces[:, 3] = S  # relays nothing
    number = np.arange(12) % 3
    away = np.linalg.norm(SATELLITES - surfaces[:, number], axis=-1)
    ranges = away + np.linalg.norm(surfaces[:, number] - U, axis=-1)
    known = knowledge(
        surface_pos_ecef_m=surfaces,
        sigma_survey_m=1e-4,
        clock_bias_s=0.0,
        sigma_sync_s=1e-12,
        num_surfaces=4,
    )
    start = U + 5.0 * rng.normal(size=(100, 3))
    phases = relayed_phases(SATELLITES, ranges, 1e-3, number, 4)
    found = joint_fix(phases, known, start, tile=FIXES)
    a, b, c = surfaces[:, 0], surfaces[:, 1], surfaces[:, 2]
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    mirror = U - 2.0 * np.sum((U - a) * normal, axis=-1, keepdims=True) * normal
    apart = np.linalg.norm(mirror - U, axis=-1) > 1.0
    assert np.all((found.status == AstarsStatus.ambiguous)[apart])
    both = np.stack([found.rx_pos_ecef_m, found.other_pos_ecef_m])[:, apart]
    truth = np.stack([np.broadcast_to(U, mirror.shape), mirror])[:, apart]
    straight = np.max(np.abs(both - truth), axis=(0, 2))
    swapped = np.max(np.abs(both[::-1] - truth), axis=(0, 2))
    assert np.max(np.minimum(straight, swapped)) < 1e-3


def test_fixes_that_are_called_good_are_good_whatever_the_start(evidence):
    rng = np.random.default_rng(31)
    surfaces = U + rng.uniform(-60.0, 60.0, (FIXES, 4, 3))
    number = np.arange(12) % 4
    away = np.linalg.norm(SATELLITES - surfaces[:, number], axis=-1)
    ranges = away + np.linalg.norm(surfaces[:, number] - U, axis=-1) + 30.0
    phases = relayed_phases(SATELLITES, ranges, SIGMA_M, number, 4)
    start = U + 20.0 * rng.normal(size=(FIXES, 3))
    known = knowledge(surface_pos_ecef_m=surfaces, num_surfaces=4)
    found = joint_fix(phases, known, start, tile=FIXES)
    variance = np.trace(np.asarray(found.covariance_m2), axis1=-2, axis2=-1)
    sigmas = np.linalg.norm(found.rx_pos_ecef_m - U, axis=-1) / np.sqrt(variance)
    good = np.asarray(found.status == AstarsStatus.ok)
    two = np.asarray(found.status == AstarsStatus.ambiguous)
    assert 0.3 < np.mean(good) < 0.7
    assert np.mean(good | two) > 0.97
    other = np.linalg.norm(found.other_pos_ecef_m - U, axis=-1) / np.sqrt(variance)
    evidence(
        "methods.astars.joint_twin",
        "receiver by four surfaces, no network time: the fix, or one of two, in its sigmas",
        "planted position",
        "invariance",
        achieved=max(np.max(sigmas[good]), np.max(np.minimum(sigmas, other)[two])),
        tolerance=0.1,
    )


def phases_by_two(numbers, clock_m):
    """Exact ranges of twelve satellites, by two of the surfaces around."""
    phases = relayed_phases(SATELLITES, np.full(NUM_SATS, 2e7), SIGMA_M, numbers, 2)
    theta = AstarsTheta(jnp.asarray(AROUND[:2]), jnp.asarray(U), jnp.asarray(clock_m))
    ranges = np.asarray(joint_ranges(phases, theta))
    return relayed_phases(SATELLITES, ranges, SIGMA_M, numbers, 2)


TOWARDS = (U - AROUND[:2]) / np.linalg.norm(U - AROUND[:2], axis=-1, keepdims=True)
NONE = np.inf
HALF_KNOWN = {
    "late clock": (np.arange(12) % 2, (0.01, 0.01), (1e-3, 1e-3), 3e5),
    "a dark one points": (np.zeros(12, int), (0.01, 0.01), (1e-3, 1e-3), 300.0),
    "direct": (np.zeros(12, int) - 1, (NONE, NONE), (NONE, 1e-3), 300.0),
    "a dark one": (np.repeat([0, -1], [6, 6]), (NONE, NONE), (1e-3, 1e-3), 300.0),
    "one surveyed": (np.repeat([0, 1], [6, 6]), (0.01, NONE), (1e-3, 1e-3), 300.0),
}


@pytest.fixture(scope="module")
def half_known():
    """Fixes of all cases, as one batch."""
    cases = []
    for numbers, survey_m, aod_rad, clock_m in HALF_KNOWN.values():
        known = knowledge(
            surface_pos_ecef_m=AROUND[:2],
            sigma_survey_m=np.array(survey_m),
            departure=TOWARDS,
            sigma_aod_rad=np.array(aod_rad),
            num_surfaces=2,
        )
        cases.append((phases_by_two(numbers, clock_m), known))
    phases, known = jax.tree.map(lambda *leaves: np.stack(leaves), *cases)
    return joint_fix(phases, known, U + np.array([3.0, -2.0, 4.0]), tile=len(cases))


@pytest.mark.parametrize("what", HALF_KNOWN)
def test_what_is_not_known_of_one_surface_does_not_harm(what, half_known):
    numbers, survey_m, _, _ = HALF_KNOWN[what]
    found = jax.tree.map(lambda leaf: leaf[list(HALF_KNOWN).index(what)], half_known)
    assert found.status == AstarsStatus.ok
    np.testing.assert_allclose(found.rx_pos_ecef_m, U, atol=1e-4)
    told = np.isfinite(survey_m) | np.isin([0, 1], numbers)
    assert np.array_equal(np.isfinite(found.surface_pos_ecef_m[:, 0]), told)


def test_directions_need_no_start_whatever_the_clock():
    known = knowledge(
        surface_pos_ecef_m=AROUND[:2], departure=TOWARDS, sigma_aod_rad=1e-3, num_surfaces=2
    )
    # As many as one call of the kernel of the drawn epochs takes.
    clock_m = np.concatenate([[300.0, -3e4], np.linspace(-3e5, 3e5, 8 * TILE - 2)])
    phases = phases_by_two(np.arange(12) % 2, 0.0)
    ranges = phases.range_m + clock_m[:, None]
    phases = relayed_phases(SATELLITES, ranges, SIGMA_M, np.arange(12) % 2, 2)
    found = joint_fix(phases, known, tile=TILE)
    assert np.all(found.status == AstarsStatus.ok)
    np.testing.assert_allclose(found.rx_pos_ecef_m - U, 0.0, atol=1e-4)


def test_one_surveyed_surface_without_sync_does_not_tell_the_receiver():
    found = by_surfaces(np.zeros(12, int))
    assert found.status == AstarsStatus.receiver_hidden
    assert np.all(np.isnan(found.rx_pos_ecef_m))


def test_sums_in_closed_form_are_those_of_the_generic_engine(evidence):
    rng = np.random.default_rng(23)
    numbers = np.repeat([0, 1, -1], [5, 5, 2])
    sigma = rng.uniform(0.1, 1.0, NUM_SATS)
    departure = U - AROUND[:2]
    departure /= np.linalg.norm(departure, axis=-1, keepdims=True)
    known = knowledge(
        surface_pos_ecef_m=AROUND[:2],
        sigma_survey_m=np.array([0.01, 0.03]),
        departure=departure,
        sigma_aod_rad=np.array([1e-3, 4e-3]),
        clock_bias_s=1e-9,
        sigma_sync_s=2e-9,
        num_surfaces=2,
    )
    phases = relayed_phases(SATELLITES, np.full(NUM_SATS, 2e7), sigma, numbers, 2)
    at = AstarsTheta(jnp.asarray(AROUND[:2] + 0.1), jnp.asarray(U + 0.5), jnp.asarray(3.0))
    noisy = joint_ranges(phases, at) + jnp.asarray(rng.normal(size=NUM_SATS))
    phases = relayed_phases(SATELLITES, np.asarray(noisy), sigma, numbers, 2)
    unknowns = Unknowns.of(at, ("surface_pos_ecef_m", "rx_pos_ecef_m", "clock_bias_m"))
    data = Data(phases.links, phases.range_m)
    ours = jax.jit(lambda theta: relayed_normal(phases, known)(theta))(at)
    theirs = jax.jit(lambda t: normal_equations(RELAYED_PHASES, unknowns, t, data, (known,)))(at)
    off = [np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in zip(ours, theirs, strict=True)]
    evidence(
        "methods.astars.joint_normal",
        "information, gradient and cost; two surfaces, direct satellites, all knowledge; relative",
        "generic engine, derivatives by JAX",
        "implementation",
        achieved=max(off),
        tolerance=1e-8,
    )


def with_numbers(surface, num_surfaces=1):
    return relayed_phases(SATELLITES, relayed_m(SATELLITES), 0.2, surface, num_surfaces)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: with_numbers(1), "surface: got 1; expected 0 to 0, or -1"),
        (lambda: with_numbers(0.5), "surface has type float64; accepted: integers"),
        (
            lambda: relayed_phases(SATELLITES, relayed_m(SATELLITES), 0.0),
            "sigma_m = 0: expected numbers above 0",
        ),
        (lambda: with_numbers(-1, 0), "num_surfaces = 0: expected 1 or more"),
        (lambda: knowledge(departure=AOD[None]), "sigma_aod_rad: missing"),
        (
            lambda: knowledge(departure=2 * AOD[None], sigma_aod_rad=np.array([1e-3])),
            "departure: a length is off 1",
        ),
        (
            lambda: knowledge(departure=AOD[None], sigma_aod_rad=np.array([np.inf, 1.0])),
            r"the sigma of departure has shape \(2,\); accepted: \(1,\)",
        ),
        (lambda: knowledge(departure=AOD), r"departure has shape \(3,\); accepted: \(..., 1, 3\)"),
        (lambda: knowledge(clock_bias_s=0.0, sigma_sync_s=-1.0), "sigma_sync_s = -1"),
        (
            lambda: joint_fix(with_numbers(0), knowledge()),
            "start_ecef_m: needed where no direction",
        ),
        (lambda: joint_fix(with_numbers(0, 2), knowledge()), "known: tells of 1 surfaces"),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()


def test_chi_square_is_of_one_fix(surveyed):
    with pytest.raises(LeopntError, match="one fix at a time"):
        surveyed.chi_square()
