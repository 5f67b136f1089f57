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
S, U = case.SURFACE_ECEF_M, case.OUTDOOR_ECEF_M
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
    """Fixes of drawn epochs with a surveyed surface; satellites (12, 3), or one set each."""
    side = np.linalg.svd(AOD[None])[2][1:]
    departure = AOD + AOD_RAD * rng.normal(size=(TRIALS, 2)) @ side
    departure /= np.linalg.norm(departure, axis=-1, keepdims=True)
    known = knowledge(
        surface_pos_ecef_m=(S + 0.01 * rng.normal(size=(TRIALS, 3)))[:, None],
        departure=departure[:, None],
        sigma_aod_rad=AOD_RAD,
        clock_bias_s=sync_s * rng.normal(size=TRIALS),
        sigma_sync_s=sync_s,
    )
    ranges = relayed_m(satellites) + SIGMA_M * rng.normal(size=(TRIALS, NUM_SATS))
    return joint_fix(relayed_phases(satellites, ranges, sigma_m), known)


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


AROUND = U + np.array([[40.0, 5, 30], [-35, 25, 40], [10, -45, 20], [-10, -10, 60]])
NUM_SURFACES = len(AROUND)
CLOCK_M = 4e3


def by_surfaces(numbers):
    """A fix from exact ranges, twelve satellites by the surveyed surfaces of these numbers."""
    phases = relayed_phases(SATELLITES, np.full(NUM_SATS, 2e7), SIGMA_M, numbers, NUM_SURFACES)
    theta = AstarsTheta(jnp.asarray(AROUND), jnp.asarray(U), jnp.asarray(CLOCK_M))
    ranges = np.asarray(joint_ranges(phases, theta))
    phases = relayed_phases(SATELLITES, ranges, SIGMA_M, numbers, NUM_SURFACES)
    known = knowledge(surface_pos_ecef_m=AROUND, num_surfaces=NUM_SURFACES)
    return joint_fix(phases, known, U + np.array([6.0, -5.0, 4.0]))


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("4 surveyed surfaces and 0 direct satellites", np.arange(12) // 3),
        ("2 surveyed surfaces and 2 direct satellites", np.repeat([0, 1, -1], [5, 5, 2])),
    ],
)
def test_several_surfaces_or_direct_satellites_need_no_sync_and_no_direction(
    what, numbers, evidence
):
    assert DIRECT == -1
    found = by_surfaces(numbers)
    assert found.status == AstarsStatus.ok
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
        (lambda: knowledge(departure=AOD[None]), "sigma_aod_rad: missing"),
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
