"""Linear beams: printed rates, closed forms, limits."""

import jax.numpy as jnp
import numpy as np
import pytest
from pace_beam_cases import NOISE_W, OWN_SUB, channels, links, rates, watts

from leopnt.errors import LeopntError
from leopnt.methods.pace.baselines import (
    equal_gain_beams,
    mmse_beams,
    mrt_beams,
    zero_forcing_beams,
)

CAPABILITY = "methods.pace.baselines"


def random_channel(seed=0, num_user=3, num_ant=6):
    rng = np.random.default_rng(seed)
    size = (num_user, num_ant)
    return jnp.asarray(rng.normal(size=size) + 1j * rng.normal(size=size))


@pytest.mark.parametrize(
    ("power_dbm", "mrt", "equal_gain"),
    [(50.0, 0.167114081, 0.166250935), (70.0, 5.82221352, 5.86525093)],
)
def test_worked_case_gives_the_printed_rates(power_dbm, mrt, equal_gain, evidence):
    power_w = watts(power_dbm) / OWN_SUB
    channel = jnp.asarray(channels()[0])
    steering = jnp.asarray(links()[1][0])
    for name, beams, printed in (
        ("MRT", mrt_beams(channel, power_w), mrt),
        ("PAB", equal_gain_beams(steering, power_w), equal_gain),
    ):
        found = rates(channels()[0], np.asarray(beams), NOISE_W).sum()
        evidence(
            CAPABILITY,
            f"sum rate of {name}, worked case",
            f"printed value, {power_dbm:g} dBm",
            "published",
            achieved=abs(found / printed - 1),
            tolerance=1e-8,
        )


def test_all_beams_use_the_power_they_are_given():
    channel = random_channel()
    for beams in (
        mrt_beams(channel, 7.0),
        zero_forcing_beams(channel, 7.0),
        mmse_beams(channel, 7.0, 0.1),
        equal_gain_beams(channel / jnp.abs(channel), 7.0),
    ):
        assert beams.shape == (6, 3)
        np.testing.assert_allclose(jnp.sum(jnp.abs(beams) ** 2), 7.0, rtol=1e-14)


def test_zero_forcing_is_the_scaled_pseudo_inverse(evidence):
    channel = random_channel(1)
    inverse = np.linalg.pinv(np.asarray(channel))
    expected = inverse * np.sqrt(7.0) / np.linalg.norm(inverse)
    found = np.asarray(zero_forcing_beams(channel, 7.0))
    evidence(
        CAPABILITY,
        "zero-forcing beams",
        "numpy.linalg.pinv",
        "implementation",
        achieved=np.max(np.abs(found - expected)),
        tolerance=1e-13,
    )


def test_regularized_beams_lie_between_matched_filter_and_zero_forcing(evidence):
    channel = random_channel(2)
    loud = mmse_beams(channel, 1.0, 1e-12)
    quiet = mmse_beams(channel, 1.0, 1e12)
    apart = max(
        float(jnp.max(jnp.abs(loud - zero_forcing_beams(channel, 1.0)))),
        float(jnp.max(jnp.abs(quiet - mrt_beams(channel, 1.0)))),
    )
    evidence(
        CAPABILITY,
        "regularized beams in the limits of high and low SNR",
        "zero forcing and MRT",
        "closed form",
        achieved=apart,
        tolerance=1e-10,
    )


def test_regularized_beams_minimize_the_error_of_equal_users():
    # With W = zeta V the receiver of all users is c: sum_u E|c y_u - s_u|^2 is smallest for V.
    channel, noise_w = np.asarray(random_channel(3)), 0.4
    beams = np.asarray(mmse_beams(jnp.asarray(channel), 1.0, noise_w))

    def error(w):
        w = w / np.linalg.norm(w)
        received = channel @ w
        c = np.trace(received).conj() / (np.sum(np.abs(received) ** 2) + 3 * noise_w)
        return np.sum(np.abs(c * received - np.eye(3)) ** 2) + 3 * np.abs(c) ** 2 * noise_w

    rng = np.random.default_rng(4)
    for _ in range(20):
        step = 1e-3 * (rng.normal(size=(6, 3)) + 1j * rng.normal(size=(6, 3)))
        assert error(beams) <= error(beams + step)


def test_zero_forcing_of_dependent_channels_is_nan():
    row = random_channel(5, 1)
    twins = jnp.concatenate([row, 2j * row])
    assert np.all(np.isnan(np.asarray(zero_forcing_beams(twins, 1.0))))
    absent = jnp.concatenate([row, 0.0 * row])
    assert np.all(np.isnan(np.asarray(zero_forcing_beams(absent, 1.0))))
    assert np.all(np.isfinite(np.asarray(mmse_beams(twins, 1.0, 0.1))))


def test_matched_filter_of_no_channel_is_zero():
    assert np.all(np.asarray(mrt_beams(jnp.zeros((2, 3), complex), 1.0)) == 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: zero_forcing_beams(c.T, 1.0), "channel: 6 users at 3 antennas; zero forcing"),
        (lambda c: mrt_beams(c, -1.0), "power_w = -1: expected a number above 0"),
        (lambda c: equal_gain_beams(c, 2e6), "is it in dBm"),
        (lambda c: mmse_beams(c, 1.0, 0.0), "noise_w = 0: expected a number above 0"),
    ],
)
def test_refuses_what_it_cannot_use_in_words(call, message):
    with pytest.raises(LeopntError, match=message):
        call(random_channel())


@pytest.mark.usefixtures("untyped")
def test_refuses_more_than_one_satellite_at_once():
    with pytest.raises(LeopntError, match=r"accepted: \(user, ant\), one satellite; use jax.vmap"):
        mrt_beams(jnp.ones((2, 3, 4), complex), 1.0)
