"""Fading of hops: moments against draws, and what a surface adds up of them."""

import jax
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.channel import (
    NoFading,
    RayleighFading,
    RicianFading,
    faded_power,
    focused_gain_db,
    matched_gain_db,
)
from leopnt.errors import LeopntError

HOPS = [NoFading(), RicianFading(10.0), RicianFading(-3.0), RayleighFading()]


@pytest.mark.parametrize("fading", HOPS, ids=lambda one: type(one).__name__)
def test_draws_have_the_moments_that_the_fading_states(fading, evidence):
    num = study_size(40_000, 400_000)
    draws = np.asarray(fading.sample(jax.random.key(3), (num,)))
    found = [np.mean(draws), np.mean(np.abs(draws)), np.mean(np.abs(draws) ** 2)]
    expected = [float(fading.mean()), float(fading.mean_magnitude()), 1.0]
    evidence(
        "channel.fading",
        f"mean, mean magnitude and power of {type(fading).__name__}",
        "draws",
        "monte carlo",
        achieved=np.max(np.abs(np.array(found) - expected)) * np.sqrt(num),
        tolerance=4.5,  # standard errors, of at most 1 / sqrt(num) each
    )


def test_rician_fading_goes_from_rayleigh_to_none():
    np.testing.assert_allclose(RicianFading(-90.0).mean_magnitude(), np.sqrt(np.pi) / 2, rtol=1e-8)
    np.testing.assert_allclose(RicianFading(90.0).mean_magnitude(), 1.0, rtol=1e-8)
    np.testing.assert_allclose(RicianFading(90.0).mean(), 1.0, rtol=1e-8)


def test_a_rayleigh_hop_leaves_32_of_63_decibels_where_elements_are_not_known(evidence):
    # By hand: 1600^2 (0.9763 0.8862)^2 is 62.84 dB, 1600 is 32.04 dB.
    known = float(matched_gain_db(1600, RicianFading(), RayleighFading()))
    unknown = float(focused_gain_db(1600, RicianFading(), RayleighFading()))
    evidence(
        "channel.fading",
        "gain of 1600 elements, Rician 10 dB and Rayleigh, all phases known",
        "by hand, 62.8 dB",
        "closed form",
        achieved=abs(known - 62.8),
        tolerance=0.05,
        unit="dB",
    )
    np.testing.assert_allclose(unknown, 10 * np.log10(1600), rtol=1e-12)
    # A simulation of this case gave 32.4 dB: 0.36 dB is the scatter of some 150 draws.
    assert abs(unknown - 32.4) < 0.4


@pytest.mark.parametrize("second", HOPS[1:], ids=lambda one: type(one).__name__)
def test_mean_gains_are_those_of_draws(second, evidence):
    first, num, draws = RicianFading(), 64, study_size(4000, 40_000)
    keys = jax.random.split(jax.random.key(11), 2)
    shape = (draws, num)
    power = np.asarray(faded_power(np.ones(num, complex), first, second, keys[0], draws))
    magnitudes = np.abs(first.sample(keys[0], shape)) * np.abs(second.sample(keys[1], shape))
    coherent = np.sum(magnitudes, axis=1) ** 2
    worst = 0.0
    for found, gain_db in (
        (power, focused_gain_db(num, first, second)),
        (coherent, matched_gain_db(num, first, second)),
    ):
        error = np.mean(found) - 10 ** (0.1 * float(gain_db))
        worst = max(worst, abs(error) / (np.std(found) / np.sqrt(draws)))
    evidence(
        "channel.fading",
        f"mean gain of 64 elements, second hop {type(second).__name__}",
        "draws, in standard errors",
        "monte carlo",
        achieved=worst,
        tolerance=4.0,
    )


def test_without_fading_every_draw_is_the_coherent_sum():
    fields = np.array([1.0, 1j, -0.5 + 0.2j])
    found = faded_power(fields, NoFading(), NoFading(), jax.random.key(0), 3)
    np.testing.assert_allclose(found, np.full(3, abs(fields.sum()) ** 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RicianFading(np.nan), "k_factor_db = nan: expected a finite number"),
        (lambda: focused_gain_db(0, HOPS[0], HOPS[0]), "num_elements = 0: expected an integer"),
        (
            lambda: faded_power(np.ones((2, 2)), HOPS[0], HOPS[0], jax.random.key(0), 1),
            r"amplitudes has shape \(2, 2\); accepted: \(ant,\)",
        ),
        (
            lambda: faded_power(np.ones(2), HOPS[0], HOPS[0], jax.random.key(0), 0),
            "num_draws = 0: expected an integer of 1 or more",
        ),
    ],
)
def test_what_does_not_fade_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
