"""Estimators of PACE: exact without noise, at their bounds with it, messages."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods import pace
from leopnt.signals import OfdmGrid, dft_pilots, random_pilots

GRID = OfdmGrid(32, 120e3, 60)
AMPLITUDE = np.array([1.0, 0.5j, -0.3, 0.2])
DOPPLER_HZ, DELAY_S = 233.3, 0.413e-6


def samples(pilots, doppler_hz=DOPPLER_HZ, delay_s=DELAY_S):
    """Noise-free samples of a link, from the formula."""
    symbol = np.arange(1, GRID.num_symbol + 1)[:, None]
    sub = np.arange(1, GRID.num_sub + 1)[None, :]
    turns = symbol * doppler_hz / GRID.spacing_hz - sub * GRID.spacing_hz * delay_s
    return (np.asarray(pilots) @ AMPLITUDE) * np.exp(2j * np.pi * turns)


def exact_bounds(pilots, noise_w):
    """Bounds of Doppler and delay with the streams' amplitudes unknown, by numpy alone."""
    pilots = np.asarray(pilots)
    symbol = np.arange(1, GRID.num_symbol + 1)[:, None]
    sub = np.arange(1, GRID.num_sub + 1)[None, :]
    mean = samples(pilots)
    columns = [2j * np.pi * symbol / GRID.spacing_hz * mean * 1e3]
    columns.append(-2j * np.pi * sub * GRID.spacing_hz * mean * 1e-6)
    carrier = samples(np.ones((*mean.shape, 4)) * [1, 0, 0, 0])
    columns += [pilots[:, :, i] * carrier * f for i in range(4) for f in (1, 1j)]
    jacobian = np.stack([one.ravel() for one in columns], axis=1)
    fim = 2.0 / noise_w * (jacobian.conj().T @ jacobian).real
    return np.sqrt(np.diag(np.linalg.inv(fim))[:2]) * (1e3, 1e-6)


PILOTS = functools.cache(lambda: random_pilots(jax.random.key(5), GRID, 4))


def noise_at(snr_db):
    return float(GRID.num_sample * np.sum(np.abs(AMPLITUDE) ** 2) / 10 ** (snr_db / 10))


def rms(values, axis=None):
    return np.sqrt(np.mean(np.abs(np.asarray(values)) ** 2, axis=axis))


@pytest.mark.parametrize("blocks", [(1, 1), (2, 4), (5, 2)])
def test_dependent_noise_free_pilots_give_doppler_and_delay_exactly(blocks, evidence):
    pilots = PILOTS()
    sums = pace.pilot_sums(
        jnp.asarray(samples(pilots)),
        pilots,
        GRID,
        pace.PilotBlocks(*blocks),
        expected_doppler_hz=DOPPLER_HZ - 40.0,
        expected_delay_s=DELAY_S - 1e-8,
    )
    found = pace.estimate_downlink(sums)
    assert found.status == Status.converged
    off = (abs(float(found.doppler_hz) - 40.0), abs(float(found.delay_s) * 1e9 - 10.0))
    if blocks == (1, 1):
        evidence(
            "methods.pace.peak_search",
            "Doppler [Hz] and delay [ns] of noise-free samples with random pilots",
            "the values they were made with",
            "closed form",
            achieved=max(off),
            tolerance=1e-9,
        )
        energy = GRID.num_sample * np.sum(np.abs(AMPLITUDE) ** 2)
        # Random streams add up with cross terms of the order of 1 / sqrt(samples).
        assert abs(float(found.energy_w) / energy - 1) < 0.1
    else:  # streams leak into each other while phases turn within a block
        assert max(off) < 1.0


def test_orthogonal_pilots_drawn_as_sums_are_those_of_their_samples():
    pilots = jnp.asarray(dft_pilots(GRID, 4))
    blocks = pace.PilotBlocks(4, 4)
    made = pace.pilot_sums(jnp.asarray(samples(pilots, 30.0, 1e-8)), pilots, GRID, blocks)
    drawn = pace.draw_pilot_sums(
        jax.random.key(0), jnp.asarray(AMPLITUDE), 30.0, 1e-8, GRID, 1e-30, blocks
    )
    # A hundredth of a turn in a block leaks about as much into other streams.
    np.testing.assert_allclose(drawn.values, made.values, atol=0.02 * np.max(np.abs(made.values)))
    np.testing.assert_allclose(drawn.symbol_s, made.symbol_s)
    np.testing.assert_allclose(drawn.spacing_hz, made.spacing_hz)


@jax.jit
def noisy(key, mean, noise_w):
    return mean + jnp.sqrt(noise_w) * jax.random.normal(key, mean.shape, complex)


@jax.jit
def downlink_estimates(keys, sums, mean, noise_w):
    """Estimates of many draws, one after the other."""
    pilots = PILOTS()
    gram = jnp.einsum("lks,lkt->st", jnp.conj(pilots), pilots) / GRID.num_sample
    inverse = jnp.linalg.inv(jnp.linalg.cholesky(gram))

    def estimate(key):
        samples = noisy(key, mean, noise_w)
        streams = jnp.einsum("st,lkt->slk", inverse, jnp.conj(pilots) * samples[:, :, None])
        return pace.estimate_downlink(sums._replace(values=streams))

    return jax.lax.map(estimate, keys)


@pytest.mark.parametrize("snr_db", [27.0, 47.0])
def test_the_downlink_estimator_reaches_its_bounds(snr_db, evidence):
    pilots, noise_w = PILOTS(), noise_at(snr_db)
    mean, trials = jnp.asarray(samples(pilots)), study_size(300, 4000)

    low = pace.pilot_sums(noisy(jax.random.key(0), mean, noise_w), pilots, GRID)
    keys = jax.random.split(jax.random.key(1), trials)
    every = jnp.concatenate([jax.random.key(0)[None], keys])
    found = downlink_estimates(every, low, mean, noise_w)
    # The first has gone through `pilot_sums`, too.
    np.testing.assert_allclose(
        found.doppler_hz[0], pace.estimate_downlink(low).doppler_hz, rtol=1e-9
    )
    found = jax.tree.map(lambda leaf: leaf[1:], found)
    assert np.all(np.asarray(found.status._value) == 0)
    errors = np.stack([found.doppler_hz - DOPPLER_HZ, found.delay_s - DELAY_S])
    ratio = rms(errors, axis=1) / exact_bounds(pilots, noise_w)
    # The RMS of 300 draws scatters by 4 %.
    evidence(
        "methods.pace.downlink_estimator",
        f"RMSE of Doppler and delay over bounds at {snr_db:.0f} dB, minus one",
        "bound with the streams' amplitudes unknown, by numpy",
        "monte carlo",
        achieved=np.max(np.abs(ratio - 1)),
        tolerance=0.12 if trials == 300 else 0.06,
    )
    np.testing.assert_allclose(
        np.mean(found.energy_w) / noise_w, 10 ** (snr_db / 10) + 4, rtol=0.02 + 0.05
    )


def test_streams_that_shift_each_other_in_frequency_are_told_apart_by_blocks():
    # exp(-2 pi i (l + k) s / 4): another stream is the same at a quarter turn more.
    pilots = jnp.asarray(dft_pilots(GRID, 4))
    received = jnp.asarray(samples(pilots, 30.0, 1e-8))
    found = pace.estimate_downlink(pace.pilot_sums(received, pilots, GRID, pace.PilotBlocks(4, 4)))
    np.testing.assert_allclose(found.doppler_hz, 30.0, atol=1.0)
    np.testing.assert_allclose(found.delay_s, 1e-8, atol=1e-9)


# Uplink

ARRAY = UniformPlanarArray(4, 4)
UP = OfdmGrid(32, 120e3, 50)
GAIN, TOA_S, NOISE_W = 1e-8 * np.exp(0.4j), 1.69e-3, 5e-15
TRUE = ARRAY.steering(0.3, 1.35)
TAKEN = ARRAY.steering(0.3, 1.32)


def test_a_channel_without_noise_is_found_exactly(evidence):
    vector = GAIN * TRUE
    seen = pace.draw_uplink(jax.random.key(0), vector, TOA_S, UP, 1.0, 1e-60)
    perfect = pace.estimate_pace(seen, TRUE, UP, TOA_S + 3e-6)
    free = pace.estimate_uce(seen, UP, TOA_S + 3e-6)
    wrong = pace.estimate_pace(seen, TAKEN, UP, TOA_S - 1e-6)
    rho = np.vdot(TAKEN, TRUE) / 16
    off = [
        np.max(np.abs(perfect.vector / vector - 1)),
        np.max(np.abs(free.vector / vector - 1)),
        abs(wrong.gain / (rho * GAIN) - 1),
        abs(float(wrong.toa_s) - TOA_S) / 1e-9,
    ]
    evidence(
        "methods.pace.uplink_estimator",
        "vectors, pseudo-true gain (relative) and delay [ns] without noise",
        "pseudo-true gain rho vartheta, delay without bias",
        "closed form",
        achieved=max(float(one) for one in off),
        tolerance=1e-6,
    )


def test_samples_correlate_to_the_channel():
    small, power_w = OfdmGrid(8, 120e3, 5), 0.3
    pilots = np.asarray(random_pilots(jax.random.key(2), small, 1))[:, :, 0]
    sub = np.arange(1, 9)
    carrier = np.exp(-2j * np.pi * sub * 120e3 * 2e-7)
    channel = carrier[:, None] * np.asarray(GAIN * TRUE)[None, :]
    received = np.sqrt(power_w / 8) * pilots[:, :, None] * channel[None]
    found = pace.correlate_uplink(jnp.asarray(received), pilots, small, power_w)
    np.testing.assert_allclose(found, channel, rtol=1e-12)
    drawn = pace.draw_uplink(jax.random.key(0), GAIN * TRUE, 2e-7, small, power_w, 1e-60)
    np.testing.assert_allclose(drawn, channel, rtol=1e-9)


@jax.jit
def uplink_estimates(keys, power_w, reference):
    """PACE and UCE of many draws, one after the other."""

    def one(key):
        seen = pace.draw_uplink(key, GAIN * TRUE, TOA_S, UP, power_w, NOISE_W, reference)
        near_s = TOA_S + 1e-7
        return (
            pace.estimate_pace(seen, TAKEN, UP, near_s, reference),
            pace.estimate_uce(seen, UP, near_s, reference),
        )

    return jax.lax.map(one, keys)


@pytest.mark.parametrize(("snr_db", "reference"), [(20.0, 0.0), (35.0, 16.5)])
def test_the_uplink_estimators_reach_their_bounds(snr_db, reference, evidence):
    power_w = 10 ** (snr_db / 10) * NOISE_W / (UP.num_symbol * 16 * abs(GAIN) ** 2)
    common = {
        "channel_gain": GAIN,
        "num_ant": 16,
        "grid": UP,
        "user_power_w": power_w,
        "noise_w": NOISE_W,
        "reference_subcarrier": reference,
    }
    rho = np.vdot(TAKEN, TRUE) / 16
    bound, free = pace.pace_uplink(correlation=rho, **common), pace.uce_uplink(**common)
    trials = study_size(600, 4000)

    keys = jax.random.split(jax.random.key(4), trials)
    found, vector = uplink_estimates(keys, power_w, reference)
    truth = np.asarray(GAIN * TRUE)[None, :]
    ratios = {
        "gain": rms(found.gain - GAIN) / bound.lb_gain,
        "delay": rms(found.toa_s - TOA_S) / bound.lb_toa_s,
        "vector": 4.0 * rms(found.vector - truth) / bound.lb_vector,
        "vector, unstructured": 4.0 * rms(vector.vector - truth) / free.lb_vector,
    }
    if snr_db > 30.0:  # a delay from 16 unknown amplitudes needs more: N / SNR above the bound
        ratios["delay, unstructured"] = rms(vector.toa_s - TOA_S) / free.lb_toa_s
    evidence(
        "methods.pace.uplink_estimator",
        f"RMSE over bounds at {snr_db:.0f} dB, k0 = {reference:g}, minus one",
        "; ".join(ratios),
        "monte carlo",
        achieved=max(abs(float(one) - 1) for one in ratios.values()),
        tolerance=0.03 if trials == 4000 else 0.09,
    )


# Messages


def test_shapes_and_blocks_that_do_not_fit_are_refused(untyped):
    pilots = PILOTS()[:, :, :2]
    with pytest.raises(LeopntError, match=r"received has shape \(3, 3\)"):
        pace.pilot_sums(jnp.ones((3, 3), complex), pilots, GRID)
    with pytest.raises(LeopntError, match=r"blocks.symbols = 7: expected to divide 60"):
        pace.pilot_sums(jnp.ones((60, 32), complex), pilots, GRID, pace.PilotBlocks(7, 1))
    with pytest.raises(LeopntError, match=r"blocks.subs = 32: expected to divide 32 into two"):
        pace.draw_pilot_sums(
            jax.random.key(0), jnp.ones(1), 0.0, 0.0, GRID, 1.0, pace.PilotBlocks(1, 32)
        )
    same = jnp.ones((60, 32, 2), complex)
    with pytest.raises(LeopntError, match="streams depend on each other"):
        pace.pilot_sums(jnp.ones((60, 32), complex), same, GRID)
    with pytest.raises(LeopntError, match="pilots \\(50, 31\\)"):
        pace.correlate_uplink(jnp.ones((50, 32, 16), complex), np.ones((50, 31), complex), UP, 1.0)
    with pytest.raises(LeopntError, match="num_sub = 1: delay is not identifiable"):
        pace.estimate_uce(jnp.ones((1, 16), complex), OfdmGrid(1, 120e3, 5))
