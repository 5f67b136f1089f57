"""Redundancy numbers, falling weights and variances against dense matrices and planted errors."""

from dataclasses import replace

import calibration_cases as cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.losses import Huber
from leopnt.methods.calibration.orbit_models import KnownOrbit
from leopnt.methods.calibration.product_errors import BASELINE_ERRORS
from leopnt.methods.calibration.reduction import reduce_station_day, stacked
from leopnt.methods.calibration.redundancy import redundancy_numbers
from leopnt.methods.calibration.robust import IggThree, reweighted, robust_calibration
from leopnt.methods.calibration.settings import SEED_SETTINGS, CalibrationSettings
from leopnt.methods.calibration.simulation import (
    SimulatedNoise,
    draw_truth,
    simulate_station_day,
)
from leopnt.methods.calibration.solution import solve_calibration
from leopnt.methods.calibration.variance_components import rescaled, variance_components

SATS = 6
FLAT = CalibrationSettings(
    leo_phase_sigma_m=0.003, full_weight_el_rad=0.0, ztd_spacing_s=3600.0, orbit=KnownOrbit()
)


def solved(days, settings, sats=SATS, stations=3):
    layout = cases.layout_of(settings, sats, stations)
    return solve_calibration(stacked(reduce_station_day(d, layout, settings) for d in days))


def scene():
    whole = cases.scene(24, 3, 60.0)
    return replace(whole, leo=whole.leo.subset(slice(0, 24, 4)))


def simulated(noise, seed=4):
    truth = draw_truth(seed, SATS, 3)
    return [simulate_station_day(scene(), truth, r, 0, seed, noise=noise) for r in range(3)]


STEADY = SimulatedNoise(zenith_walk_m_per_sqrt_h=0.0)


@pytest.fixture(scope="module")
def clean():
    return simulated(STEADY)


def spoiled(days, share=0.01):
    """Gross errors in some codes (5 to 30 m) and phases (0.1 to 0.5 m); where they are."""
    rng, out, where = np.random.default_rng(2), [], []
    for day in days:
        links = []
        for x in (day.leo, day.reference):
            size = len(x.arc)
            bad = rng.uniform(size=(2, size)) < share
            sign = rng.choice([-1.0, 1.0], (2, size))
            code = x.code_m + bad[0] * sign[0] * rng.uniform(5.0, 30.0, size)
            phase = x.phase_m + bad[1] * sign[1] * rng.uniform(0.1, 0.5, size)
            links.append(x._replace(code_m=code, phase_m=phase))
            where.append(bad)
        out.append(replace(day, leo=links[0], reference=links[1]))
    return out, where


def test_redundancy_numbers_are_those_of_the_dense_projector(evidence):
    days, _, _ = cases.small_days(BASELINE_ERRORS)
    found = solved(days, SEED_SETTINGS, 5, 2)
    a, _, sigma, _ = cases.dense_problem(days, SEED_SETTINGS, 5, 2)
    with one_blas_thread():
        u, s, _ = np.linalg.svd(a / sigma[:, None] / np.linalg.norm(a, axis=0), full_matrices=False)
    expected = 1.0 - np.sum(u[:, s > 1e-9 * s[0]] ** 2, axis=1)
    ours = [redundancy_numbers(day, found, SEED_SETTINGS) for day in days]
    flat = [np.stack([x.code, x.phase], axis=1).ravel() for pair in ours for x in pair]
    evidence(
        "methods.calibration.redundancy",
        "redundancy numbers of all codes and phases",
        "projector of the dense matrix",
        "implementation",
        achieved=np.max(np.abs(np.concatenate(flat) - expected)),
        tolerance=1e-7,
    )
    assert np.sum(np.concatenate(flat)) == pytest.approx(found.redundancy, rel=1e-9)


def test_factors_fall_as_the_scheme_says_and_belong_to_its_loss(evidence):
    loss = IggThree(2.0, 5.0)
    v = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 50.0])
    expected = [1.0, 1.0, 1.0, 2 / 3 * (2 / 3) ** 2, 2 / 4 * (1 / 3) ** 2, 0.0, 0.0]
    found = jax.vmap(loss.weight)(jnp.asarray(v**2))
    evidence(
        "methods.calibration.robust",
        "factors of IGG III at 0 to 50 sigma",
        "published formula, by hand",
        "closed form",
        achieved=np.max(np.abs(np.asarray(found) - expected)),
        tolerance=1e-15,
    )
    slope = jax.vmap(jax.grad(loss.value))(jnp.asarray((v + 0.3) ** 2))
    np.testing.assert_allclose(
        slope, jax.vmap(loss.weight)(jnp.asarray((v + 0.3) ** 2)), atol=1e-12
    )


@pytest.mark.filterwarnings(r"ignore:s0\^2 = :leopnt.errors.LeopntWarning")
@pytest.mark.parametrize("loss", [IggThree(), Huber()], ids=["IGG III", "Huber"])
def test_one_percent_of_gross_errors_hardly_moves_a_robust_calibration(clean, loss, evidence):
    days, where = spoiled(clean)
    layout = cases.layout_of(FLAT, SATS, 3)
    good = solved(clean, FLAT)
    loads = [lambda day=day: day for day in days]
    found = robust_calibration(loads, layout, FLAT, loss)
    assert found.settled
    places = np.concatenate([layout.offsets.ravel(), layout.delays])

    def off(other):
        return np.sqrt(np.mean(((other.estimate - good.estimate) / good.sigma_m)[places] ** 2))

    plain = off(solved(days, FLAT))
    assert plain > 5.0
    evidence(
        "methods.calibration.robust",
        f"offsets and delays with 1 % gross errors, {type(loss).__name__}, in sigmas",
        "least squares without gross errors",
        "monte carlo",
        achieved=off(found.calibration),
        tolerance=0.2 if isinstance(loss, IggThree) else 0.5,
    )
    if isinstance(loss, IggThree):
        put_in = sum(int(np.sum(bad)) for bad in where)
        assert 0.99 * put_in < found.num_left_out < 1.01 * put_in


def test_without_gross_errors_nearly_everything_counts_in_full(clean):
    found = solved(clean, FLAT)
    told = reweighted(clean[0], found, FLAT, IggThree())
    size = 2 * (len(clean[0].leo.arc) + len(clean[0].reference.arc))
    assert told.num_left_out == 0
    assert told.num_reduced < 0.02 * size  # 1.2 % of a normal distribution is beyond 2.5 sigma
    again = reweighted(told.day, found, FLAT, IggThree())
    np.testing.assert_array_equal(again.day.leo.phase_factor, told.day.leo.phase_factor)


def test_what_others_do_not_check_is_left_alone(clean):
    found = solved(clean, FLAT)
    strict = reweighted(clean[0], found, FLAT, IggThree(), least_redundancy=0.9)
    numbers = redundancy_numbers(clean[0], found, FLAT)
    few = [x < 0.9 for pair in numbers for x in pair]
    assert strict.num_untested == sum(int(np.sum(x)) for x in few)
    assert strict.num_untested > 100
    np.testing.assert_array_equal(strict.day.leo.phase_factor[few[1]], 1.0)


def test_leverage_is_judged_by_what_the_others_say(clean):
    """An error in an observation of redundancy r leaves r of it in the residual."""
    found = solved(clean, FLAT)
    leo, _ = redundancy_numbers(clean[0], found, FLAT)
    weak = int(np.nanargmin(leo.phase))
    size = 9.0 * FLAT.phase_sigma_m / np.sqrt(leo.phase[weak])
    phase = clean[0].leo.phase_m.copy()
    phase[weak] += size
    day = replace(clean[0], leo=clean[0].leo._replace(phase_m=phase))
    moved = solved([day, *clean[1:]], FLAT)
    assert leo.phase[weak] < 0.8
    assert not reweighted(day, moved, FLAT, IggThree()).day.leo.has_phase[weak]


@pytest.mark.filterwarnings(r"ignore:s0\^2 = :leopnt.errors.LeopntWarning")
def test_variances_of_code_and_phase_are_found_again(evidence):
    noise = replace(STEADY, code_m=0.45, phase_m=0.005)
    days = simulated(noise, 5)
    loads, settings = [lambda day=day: day for day in days], FLAT
    for _ in range(3):
        found = variance_components(loads, solved(days, settings), settings)
        settings = rescaled(settings, found)
    for name, truth in (("code", 0.45), ("phase", 0.005), ("leo_phase", 0.005)):
        part = getattr(found, name)
        evidence(
            "methods.calibration.variance_components",
            f"{name}_sigma_m of simulated noise, relative, three rounds",
            f"{truth} m as simulated",
            "monte carlo",
            achieved=abs(getattr(settings, f"{name}_sigma_m") / truth - 1.0),
            tolerance=4.0 * np.sqrt(0.5 / part.redundancy),
        )


def test_bad_input_is_named(untyped, clean):
    with pytest.raises(LeopntError, match=r"full = 3\.0, none = 2\.0: expected 0 < full < none"):
        IggThree(3.0, 2.0)
    layout = cases.layout_of(FLAT, SATS, 3)
    with pytest.raises(LeopntError, match="max_rounds = 0: expected 1 or more"):
        robust_calibration([], layout, FLAT, max_rounds=0)
    found = solved(clean, FLAT)
    with pytest.raises(LeopntError, match=r"least_redundancy = 1\.0: expected 0 to below 1"):
        reweighted(clean[0], found, FLAT, IggThree(), least_redundancy=1.0)
    quiet = [replace(d, leo=d.leo._replace(has_phase=d.leo.has_phase & False)) for d in clean]
    with pytest.raises(LeopntError, match="leo_phase has a redundancy of 0; expected"):
        variance_components([lambda: quiet[0]], found, FLAT)
