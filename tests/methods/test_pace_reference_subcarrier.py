"""Where the phase of a gain is meant: closed forms against samples, and what they say."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.methods import pace
from leopnt.signals import OfdmGrid

CAPABILITY = "methods.pace.reference_subcarrier"
GRID = OfdmGrid(16, 120e3, 6)


@pytest.mark.parametrize("reference", [0.0, 8.5, 13.0])
def test_the_bound_on_the_gain_grows_as_the_penalty_says(reference, evidence):
    # J of (Re, Im, tau) from the samples of one antenna, by NumPy.
    k = np.arange(1, 17) - reference
    columns = np.stack([np.ones(16), 1j * np.ones(16), -2j * np.pi * k * 0.12], axis=1)
    crb = np.linalg.inv((columns.conj().T @ columns).real)
    least = np.linalg.inv((columns[:, :2].conj().T @ columns[:, :2]).real)
    ratio = np.trace(crb[:2, :2]) / np.trace(least)
    found = float(pace.reference_penalty(GRID, reference))
    evidence(
        CAPABILITY,
        f"variance of the gain at subcarrier {reference:g} over that at the middle",
        "inverse of the information of all samples",
        "closed form",
        achieved=abs(found / ratio - 1),
        tolerance=1e-12,
    )


def test_the_uplink_bounds_follow_the_penalty():
    common = {"channel_gain": 1e-8, "num_ant": 64, "user_power_w": 1.0, "noise_w": 5e-15}
    middle = pace.middle_subcarrier(GRID)
    for reference in (0.0, 4.0):
        here, best = (
            pace.pace_uplink(correlation=1.0, grid=GRID, reference_subcarrier=k0, **common)
            for k0 in (reference, middle)
        )
        penalty = float(pace.reference_penalty(GRID, reference))
        np.testing.assert_allclose(here.gain_variance / best.gain_variance, penalty, rtol=1e-12)
        here, best = (
            pace.uce_uplink(grid=GRID, reference_subcarrier=k0, **common)
            for k0 in (reference, middle)
        )
        np.testing.assert_allclose(
            here.vector_variance / best.vector_variance, 1 + (penalty - 1) / 64, rtol=1e-12
        )


def test_the_middle_of_the_band_is_best_and_the_average_is_one_and_a_half():
    wide = OfdmGrid(1024, 120e3, 6)
    penalty = np.asarray(pace.reference_penalty(wide, jnp.arange(1.0, 1025.0)))
    assert penalty.mean() == pytest.approx(1.5, rel=1e-12)
    assert float(pace.reference_penalty(wide, pace.middle_subcarrier(wide))) == 1.0
    assert float(pace.reference_penalty(wide, 0.0)) == pytest.approx(2.5, abs=0.005)
    assert np.all(penalty > 1.0)


def test_at_the_middle_gain_and_delay_do_not_depend_on_each_other(evidence):
    array = UniformPlanarArray(2, 1)
    bounds = [
        pace.uplink_bound_numeric(
            pace.uplink_problem(
                channel_gain=1e-8,
                delay_s=2e-7,
                true_steering=array.steering(0.3, 1.3),
                taken_steering=array.steering(0.3, 1.3),
                grid=GRID,
                user_power_w=1.0,
                noise_w=1e-17,
                reference_subcarrier=reference,
            )
        ).mcrb
        for reference in (0.0, pace.middle_subcarrier(GRID))
    ]
    scale = np.sqrt(np.diag(bounds[1]))
    evidence(
        CAPABILITY,
        "correlation of gain and delay at the middle of the band",
        "none; generic engine on all samples",
        "closed form",
        achieved=np.max(np.abs(bounds[1] / np.outer(scale, scale) - np.eye(3))),
        tolerance=1e-9,
    )
    ratio = np.trace(bounds[0][:2, :2]) / np.trace(bounds[1][:2, :2])
    assert float(ratio) == pytest.approx(float(pace.reference_penalty(GRID, 0.0)), rel=1e-9)


def test_one_subcarrier_is_refused():
    with pytest.raises(LeopntError, match="num_sub = 1"):
        pace.reference_penalty(OfdmGrid(1, 120e3, 6), 0.0)
