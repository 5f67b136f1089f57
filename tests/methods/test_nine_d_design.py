"""Design criteria: values, derivatives, choices; the example finds what brute force finds."""

import importlib.util
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from nine_d_cases import random_case
from nine_d_worked_case import worked_case

from leopnt.errors import LeopntError
from leopnt.methods import nine_d
from leopnt.methods.nine_d import (
    BOTH_OFFSETS,
    LOCATION,
    ClockWalk,
    Goal,
    PhaseOfSlot,
    criterion_of_subsets,
    drop_satellites,
    gradient,
    log_volume,
    mean_variance,
    orbit_motion,
    random_scene,
    seed_motion,
    with_satellites,
    worst_variance,
)

CRITERIA = (mean_variance, log_volume, worst_variance)
MIXED = Goal({"rx_pos_m": 10.0, "rotation_rad": 0.01}, known=("rx_vel_mps",))
NOISY = Goal({"rx_vel_mps": 1.0}, nuisances=(*BOTH_OFFSETS, ClockWalk(1e-11), PhaseOfSlot()))


draw = eqx.filter_jit(random_scene)


def drawn(seed=3, num_sat=4, spacing_s=10.0):
    return draw(jax.random.key(seed), num_sat=num_sat, slot_spacing_s=spacing_s)


def test_criteria_are_those_of_the_bound(evidence):
    scene = worked_case()
    names, known = ("rx_pos_m", "rotation_rad"), ("rx_vel_mps",)
    bound = np.asarray(nine_d.information(scene).crb(names, known))
    scale = np.repeat([10.0, 0.01], 3)
    bound = bound / np.outer(scale, scale)
    expected = (np.trace(bound), np.linalg.slogdet(bound)[1], np.linalg.eigvalsh(bound)[-1])
    found = [float(criterion(scene, MIXED)) for criterion in CRITERIA]
    evidence(
        "methods.nine_d.design",
        "trace, log det and largest eigenvalue of a scaled bound, relative",
        "NumPy on the bound by elimination",
        "implementation",
        achieved=max(abs(a / b - 1) for a, b in zip(found, expected, strict=True)),
        tolerance=1e-9,
    )


def design_of(scene):
    """Slot spacing, one antenna, one satellite and one SNR moved by their size."""

    def moved(x):
        return eqx.tree_at(
            lambda s: (s.slot_time_s, s.antennas_body_m, s.sat_pos_m, s.snr),
            scene,
            (
                scene.slot_time_s * (1 + x[0]),
                scene.antennas_body_m.at[0].multiply(1 + x[1]),
                scene.sat_pos_m.at[1, :, 0].add(1e6 * x[2]),
                scene.snr.at[0].multiply(jnp.exp(x[3])),
            ),
        )

    return moved


@pytest.mark.parametrize("goal", [Goal({"rx_pos_m": 1.0}), MIXED, NOISY])
def test_gradients_are_those_of_differences(goal, evidence):
    scene = drawn()
    snr = np.array(scene.snr)
    snr[3] = snr[1, 0, 2] = 0.0  # blocked links do no harm
    scene = eqx.tree_at(lambda s: s.snr, scene, jnp.asarray(snr))
    for criterion in CRITERIA:
        value_and_slope = gradient(criterion, design_of(scene), goal)
        found = np.asarray(value_and_slope(jnp.zeros(4))[1])
        step = 2e-3
        weights = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
        at = step * np.arange(-4.0, 5.0)
        expected = [
            sum(
                w * value_and_slope(jnp.asarray(x * np.eye(4)[i]))[0]
                for w, x in zip(weights, at, strict=True)
            )
            for i in range(4)
        ]
        expected = np.array(expected) / step
        evidence(
            "methods.nine_d.design",
            f"gradient of {criterion.__name__} of {'+'.join(goal.unit)}, relative to its length",
            "central differences of order 8",
            "implementation",
            achieved=np.linalg.norm(found - expected) / np.linalg.norm(expected),
            tolerance=1e-6,
        )


def test_more_power_lowers_the_variance_in_proportion():
    # The bound goes with 1/SNR: d log(trace)/d log(SNR) = -1, exactly.
    scene = worked_case()
    share = gradient(mean_variance, lambda x: with_satellites(scene, x))
    value, slope = share(jnp.ones(3))
    np.testing.assert_allclose(jnp.sum(slope), -value, rtol=1e-6)


@pytest.mark.parametrize(("motion", "expected", "band"), [(orbit_motion, -2.0, 0.15),
                                                         (seed_motion, -1.0, 0.05)])  # fmt: skip
def test_the_gradient_by_spacing_has_the_slope_of_the_figure(motion, expected, band, evidence):
    # Log-log slope of the position bound between 0.3 and 1 s, printed for 200 geometries.
    def slope(key):
        def log_bound(log_spacing):
            scene = random_scene(key, motion, slot_spacing_s=jnp.exp(log_spacing))
            return 0.5 * jnp.log(mean_variance(scene))

        return jax.grad(log_bound)(jnp.log(0.55))

    found = jax.jit(jax.vmap(slope))(jax.random.split(jax.random.key(1), 100))
    evidence(
        "methods.nine_d.design",
        f"slope of the position bound by slot spacing at 0.55 s, {motion.__name__}",
        "independent implementation, log-log slope of medians",
        "implementation",
        achieved=abs(float(jnp.median(found)) - expected),
        tolerance=band,
    )


def test_what_cannot_be_told_is_nan_and_a_subset_without_it_infinite():
    one_slot = random_case(3, 1)
    assert all(jnp.isnan(criterion(one_slot)) for criterion in CRITERIA)
    none_and_one = np.zeros((2, 4), bool)
    none_and_one[1, 0] = True
    scene = draw(jax.random.key(3), num_sat=4, num_slot=2, slot_spacing_s=10.0)
    assert np.all(np.isinf(criterion_of_subsets(scene, none_and_one)))
    assert np.all(np.isinf(criterion_of_subsets(scene, none_and_one, mean_variance)))


def test_a_subset_is_judged_as_if_the_others_were_not_there():
    scene = drawn()
    used = np.array([[True, False, True, True], [True, True, True, True]])
    found = criterion_of_subsets(scene, used, mean_variance)
    per_sat = ("sat_pos_m", "sat_vel_mps", "bandwidth_hz", "correlation", "snr",
               "mean_square_time_s2", "freq_offset_hz")  # fmt: skip
    for keep, value in zip(used, found, strict=True):
        kept = [jnp.asarray(np.asarray(getattr(scene, n))[keep]) for n in per_sat]
        fewer = eqx.tree_at(lambda s: [getattr(s, n) for n in per_sat], scene, kept)
        expected = np.trace(nine_d.information(fewer).crb("rx_pos_m"))
        np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.study
def test_the_example_finds_what_brute_force_finds(evidence):
    path = Path(__file__).parent.parent.parent / "examples" / "nine_d_design.py"
    spec = importlib.util.spec_from_file_location("nine_d_design", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    scene = drawn(num_sat=8)
    share, before, after, largest = example.share_power(scene)
    assert after < before
    # The information of satellites adds up; by the theorem no tr(E^-1 E_b) is above 9 at the
    # optimum, be b used or not.
    unit = np.repeat([100.0, 0.1, 1.0], 3)
    each = [
        np.asarray(nine_d.efim(with_satellites(scene, jnp.eye(8)[b]))) * np.outer(unit, unit)
        for b in range(8)
    ]
    whole = np.tensordot(share, each, axes=1)
    slopes = np.array([np.trace(np.linalg.solve(whole, one)) for one in each])
    np.testing.assert_allclose(np.linalg.slogdet(whole)[1], -after, rtol=1e-5)
    assert np.max(slopes) < 9.0 / 8.0 * 1.001
    evidence(
        "methods.nine_d.design",
        "largest slope of log det by power shares at the optimum, relative",
        "9, theorem of Kiefer and Wolfowitz",
        "closed form",
        achieved=abs(largest / 9 - 1),
        tolerance=1e-3,
    )
    greedy, best, values = example.choose(scene)
    assert len(values) == 56
    assert greedy.value >= values.min() - 1e-9
    assert greedy.value < np.quantile(values, 0.1)
    assert len(best) == 3
    places, start, found, tried = example.place_antennas(scene)
    assert found < 0.5 * start
    assert np.all(np.hypot(*places.T) <= example.RADIUS_M * (1 + 1e-12))
    evidence(
        "methods.nine_d.design",
        "error of the rotation with antennas placed by gradient, relative excess",
        "best of 10626 choices of 4 of 24 places",
        "implementation",
        achieved=max(0.0, found / tried - 1),
        tolerance=1e-3,
    )


def test_a_goal_that_names_nothing_sensible_is_refused():
    with pytest.raises(LeopntError, match=r"Goal: 'rx_pos' is none of .* Did you mean"):
        Goal({"rx_pos": 1.0})
    with pytest.raises(LeopntError, match=r"unit of rx_pos_m = 0.0: expected a number above 0"):
        Goal({"rx_pos_m": 0.0})
    with pytest.raises(LeopntError, match="expected one or more of which none is known"):
        Goal({"rx_pos_m": 1.0}, known=LOCATION)
    with pytest.raises(LeopntError, match="expected one or more of which none is known"):
        Goal({})
    with pytest.raises(LeopntError, match="count = 9: expected 1 to 4, the satellites"):
        drop_satellites(drawn(), 9)
