"""Rates: from the definition, and the two printed tables of cooperative rates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pace_beam_cases import (
    NOISE_W,
    NUM_SUB,
    OWN_SUB,
    SPACING_HZ,
    channels,
    links,
    rates,
    watts,
)
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.methods.pace.bands import OwnBandWithRemainder
from leopnt.methods.pace.baselines import equal_gain_beams
from leopnt.methods.pace.csi import pace_channels, unstructured_channels
from leopnt.methods.pace.rates import network_rate, sinr, user_rates_bpshz
from leopnt.methods.pace.strongest_satellite import strongest_satellite_rates
from leopnt.methods.pace.wmmse import wmmse_batch

CAPABILITY = "methods.pace.rates"
POWER_W = watts(50.0)
MEGA = 1e6
DRAWS = study_size(60, 240)
POSITION_ERROR_M = 100.0


def total_mbps(true, beams):
    found = network_rate(jnp.asarray(true), jnp.asarray(beams), NOISE_W, NUM_SUB, SPACING_HZ)
    return float(found.total_bps) / MEGA


def test_rates_follow_from_the_definition(evidence):
    rng = np.random.default_rng(0)
    size = (5, 3, 4)
    channel = rng.normal(size=size) + 1j * rng.normal(size=size)
    beams = rng.normal(size=(5, 4, 3)) + 1j * rng.normal(size=(5, 4, 3))
    found = user_rates_bpshz(jnp.asarray(channel), jnp.asarray(beams), 0.3)
    expected = [rates(c, w, 0.3) for c, w in zip(channel, beams, strict=True)]
    evidence(
        CAPABILITY,
        "rate of each user",
        "NumPy, from the definition",
        "implementation",
        achieved=np.max(np.abs(found - np.array(expected))),
        tolerance=1e-13,
        unit="bit/s/Hz",
    )
    np.testing.assert_allclose(
        sinr(jnp.asarray(channel), jnp.asarray(beams), 0.3), 2**found - 1, rtol=1e-12
    )


def test_subcarriers_that_differ_by_a_phase_have_the_same_rate():
    found = jax.tree.map(lambda x: x[:1], perfect_beams(8))
    delay_s = np.array([1.69e-3, 1.70e-3, 1.71e-3, 1.72e-3])
    turn = np.exp(-2j * np.pi * SPACING_HZ * delay_s[None, :] * np.arange(1, 9)[:, None])
    on_sub = jnp.asarray(turn[:, :, None] * channels()[0][None])
    beams = jnp.broadcast_to(jnp.asarray(found.beams), (8, 64, 4))
    rate = user_rates_bpshz(on_sub, beams, NOISE_W)
    np.testing.assert_allclose(rate, np.broadcast_to(found.rates_bpshz, (8, 4)), rtol=1e-12)


def test_totals_add_up_links_subcarriers_and_spacing():
    rng = np.random.default_rng(1)
    channel = jnp.asarray(rng.normal(size=(3, 2, 4)) + 0j)
    beams = jnp.asarray(rng.normal(size=(3, 4, 2)) + 0j)
    found = network_rate(channel, beams, 1.0, 10, 15e3, OwnBandWithRemainder())
    expected = 15e3 * (np.array([4, 3, 3]) @ np.asarray(found.rates_bpshz))
    np.testing.assert_allclose(found.user_rates_bps, expected, rtol=1e-14)
    np.testing.assert_allclose(found.total_bps, expected.sum(), rtol=1e-14)


@functools.cache
def perfect_beams(side):
    """Of the first draw: as many as below are solved, so that both share a compiled kernel."""
    many = np.broadcast_to(channels(side)[None], (DRAWS, 8, 4, side * side))
    return jax.tree.map(lambda x: x[0], wmmse_batch(many, POWER_W / OWN_SUB, NOISE_W))


@pytest.mark.parametrize(
    ("side", "perfect", "equal_gain", "alone"),
    [
        (4, 4.40, 3.72, 0.73),
        (8, 17.04, 14.75, 2.86),
        *[(6, 9.75, 8.32, 1.62)] * study_size(0, 1),
        *[(12, 36.85, 32.90, 6.27)] * study_size(0, 1),
        *[(16, 62.51, 57.32, 10.74)] * study_size(0, 1),
    ],
)
def test_rates_that_no_draw_changes_are_the_printed_ones(
    side, perfect, equal_gain, alone, evidence
):
    true = jnp.asarray(channels(side))
    steering = jnp.asarray(links(side, POSITION_ERROR_M)[2])
    directed = jax.vmap(lambda a: equal_gain_beams(a, POWER_W / OWN_SUB))(steering)
    s3 = strongest_satellite_rates(true, POWER_W, NOISE_W, NUM_SUB, SPACING_HZ)
    for name, found, printed in (
        ("perfect CSI", total_mbps(true, perfect_beams(side).beams), perfect),
        ("PAB", total_mbps(true, directed), equal_gain),
        ("S3", float(s3.rate.total_bps) / MEGA, alone),
    ):
        evidence(
            CAPABILITY,
            f"sum rate, {name}, N = {side * side}",
            f"printed {printed:g} Mbit/s, two decimals",
            "published",
            achieved=abs(found / printed - 1),
            tolerance=0.003 + 0.005 / printed,
        )


def estimated_rates(side, user_power_dbm, draw, seed):
    """Mean over draws of the total rate with beams from drawn channel estimates [Mbit/s]."""
    gain, true, displaced = links(side, POSITION_ERROR_M)
    rng = np.random.default_rng(seed)
    phase = np.exp(2j * np.pi * rng.uniform(size=(DRAWS, *gain.shape)))
    vartheta = jnp.asarray(gain * phase)
    unit = NOISE_W / (watts(user_power_dbm) * 1000)
    exact = vartheta[..., None] * jnp.asarray(true)[None]
    key = jax.random.key(seed)
    if draw is pace_channels:
        rho = jnp.asarray(np.sum(displaced.conj() * true, axis=-1) / side**2)
        rho = jnp.broadcast_to(rho, vartheta.shape)
        assumed = jnp.broadcast_to(jnp.asarray(displaced), exact.shape)
        estimates = pace_channels(key, vartheta, rho, assumed, unit, NUM_SUB)
    else:
        estimates = unstructured_channels(key, exact, unit, NUM_SUB)
    beams = wmmse_batch(estimates, POWER_W / OWN_SUB, NOISE_W).beams
    each = jnp.sum(user_rates_bpshz(exact, jnp.asarray(beams), NOISE_W), axis=(1, 2))
    return float(jnp.mean(each)) * OWN_SUB * SPACING_HZ / MEGA


@pytest.mark.study
@pytest.mark.parametrize(
    ("side", "user_power_dbm", "pace", "uce"),
    [
        (8, 30.0, 16.5, 11.2),
        *[(4, 30.0, 4.1, 2.8)] * study_size(0, 1),
        *[(6, 30.0, 9.3, 6.3)] * study_size(0, 1),
        *[(12, 30.0, 36.3, 24.4)] * study_size(0, 1),
        *[(16, 30.0, 62.1, 41.2)] * study_size(0, 1),
        (8, 0.0, 14.5, 0.27),
        (8, 10.0, 14.8, 0.51),
        (8, 20.0, 15.4, 2.7),
        (8, 40.0, 17.0, 16.2),
        (8, 50.0, 17.0, 17.0),
    ],
)
def test_rates_with_estimated_channels_are_the_printed_means(
    side, user_power_dbm, pace, uce, evidence
):
    band = 0.1 if user_power_dbm <= 20 else max(0.03 * uce, 0.05)
    for name, draw, printed, tolerance in (
        ("PACE", pace_channels, pace, 0.03 * pace),
        ("UCE", unstructured_channels, uce, band),
    ):
        found = estimated_rates(side, user_power_dbm, draw, seed=11)
        evidence(
            CAPABILITY,
            f"mean sum rate, {name}, N = {side * side}, users at {user_power_dbm:g} dBm",
            f"printed {printed:g} Mbit/s, {DRAWS} draws",
            "monte carlo",
            achieved=abs(found - printed),
            tolerance=tolerance,
            unit="Mbit/s",
        )


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beams": jnp.ones((1, 2, 3), complex)}, r"beams: got shape .*; accepted: \(1, 3, 2\)"),
        ({"beams": jnp.full((1, 3, 2), jnp.nan + 0j)}, "beams holds NaN or infinity"),
        ({"noise_w": 0.0}, "noise_w = 0: expected a number above 0"),
        ({"spacing_hz": -1.0}, "spacing_hz = -1: expected a number above 0"),
        ({"num_sub": 2.5}, "num_sub = 2.5: expected an integer of 1 or more"),
    ],
)
def test_refuses_what_it_cannot_use_in_words(change, message):
    accepted = {
        "channels": jnp.ones((1, 2, 3), complex),
        "beams": jnp.ones((1, 3, 2), complex),
        "noise_w": 1.0,
        "num_sub": 4,
        "spacing_hz": 1.0,
    }
    with pytest.raises(LeopntError, match=message):
        network_rate(**(accepted | change))
