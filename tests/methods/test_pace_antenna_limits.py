"""Beams with a limit on every antenna: a general optimizer, optimality, the sum limit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pace_beam_cases import NOISE_W, OWN_SUB, channels, rates, watts
from scipy.optimize import minimize

from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods.pace import antenna_limits
from leopnt.methods.pace.antenna_limits import (
    PerAntennaLimit,
    limited_mse_beams,
    limited_wmmse_beams,
)
from leopnt.methods.pace.weighted_mse import weighted_mse_beams
from leopnt.methods.pace.wmmse import Stop, wmmse_beams

CAPABILITY = "methods.pace.antenna_limits"


@jax.jit
def update(channel, omega, mu, antenna_w, total_w):
    return limited_mse_beams(channel, omega, mu, PerAntennaLimit(antenna_w, total_w))


@jax.jit
def solve(channel, antenna_w, total_w, noise_w, change):
    limit = PerAntennaLimit(antenna_w, total_w)
    return limited_wmmse_beams(channel, limit, noise_w, Stop(change))


def problem(snr=4.0, seed=0):
    rng = np.random.default_rng(seed)
    channel = np.sqrt(snr / 2) * (rng.normal(size=(3, 5)) + 1j * rng.normal(size=(3, 5)))
    mu = rng.normal(size=3) + 1j * rng.normal(size=3)
    return channel, rng.uniform(0.5, 3.0, 3), mu


def weighted_error(channel, omega, mu, beams):
    off = np.abs(mu[:, None] * (channel @ beams) - np.eye(3)) ** 2
    return np.sum(omega * (off.sum(axis=1) + np.abs(mu) ** 2))


def row_powers(beams):
    return np.sum(np.abs(np.asarray(beams)) ** 2, axis=1)


LIMITS = {
    "equal shares": (np.full(5, 0.2), 1.0),
    "one weak amplifier": (np.array([0.02, 0.3, 0.3, 0.3, 0.3]), 1.0),
    "antennas alone": (np.full(5, 0.05), np.inf),
}


@pytest.mark.parametrize("name", LIMITS)
def test_no_general_optimizer_finds_better_beams(name, evidence):
    antenna_w, total_w = LIMITS[name]
    channel, omega, mu = problem()

    def value(z):
        half = z.reshape(2, 5, 3)
        return weighted_error(channel, omega, mu, half[0] + 1j * half[1])

    left = [lambda z: antenna_w - np.sum(z.reshape(2, 5, 3) ** 2, axis=(0, 2))]
    if np.isfinite(total_w):
        left.append(lambda z: total_w - z @ z)
    found = minimize(
        value,
        np.random.default_rng(1).normal(size=30) / 10,
        method="SLSQP",
        constraints=[{"type": "ineq", "fun": one} for one in left],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    ours = update(channel, omega, mu, antenna_w, total_w)
    evidence(
        CAPABILITY,
        f"weighted mean-square error of the best beams, {name}",
        "scipy SLSQP",
        "implementation",
        achieved=abs(weighted_error(channel, omega, mu, np.asarray(ours.beams)) / found.fun - 1),
        tolerance=1e-9,
    )
    used = row_powers(ours.beams)
    evidence(
        CAPABILITY,
        f"power above a limit, relative, {name}",
        "none",
        "closed form",
        achieved=max(np.max(used / antenna_w) - 1, used.sum() / total_w - 1, 0.0),
        tolerance=1e-12,
    )


def test_multipliers_meet_the_optimality_conditions(evidence):
    channel, omega, mu = problem()
    antenna_w = np.array([0.02, 0.3, 0.3, 0.3, 0.3])
    found = update(channel, omega, mu, antenna_w, 1.0)
    y, x = np.asarray(found.antenna_multiplier), float(found.multiplier)
    beams, used = np.asarray(found.beams), row_powers(found.beams)
    assert np.all(y >= 0)
    assert x > 0
    # Stationary: gradient of the weighted error plus multipliers times beams is zero.
    quadratic = channel.conj().T @ np.diag(omega * np.abs(mu) ** 2) @ channel
    target = channel.conj().T * (omega * mu.conj())[None, :]
    slope = quadratic @ beams - target + (y + x)[:, None] * beams
    evidence(
        CAPABILITY,
        "gradient of the Lagrangian, relative",
        "zero at the optimum",
        "closed form",
        achieved=np.max(np.abs(slope)) / np.max(np.abs(target)),
        tolerance=1e-9,
    )
    assert float(y @ (antenna_w - used) + x * (1 - used.sum())) < 1e-9
    assert float(found.gap) < 1e-9


@pytest.mark.parametrize("snr", [1e-3, 4.0, 1e4])
def test_limits_above_what_the_sum_limit_uses_change_nothing(snr, evidence):
    channel, omega, mu = problem(snr)
    plain = weighted_mse_beams(jnp.asarray(channel), jnp.asarray(omega), jnp.asarray(mu))
    most = 1.01 * np.max(row_powers(plain.beams)) * np.ones(5)
    found = update(channel, omega, mu, most, 1.0)
    values = [weighted_error(channel, omega, mu, np.asarray(b.beams)) for b in (found, plain)]
    evidence(
        CAPABILITY,
        f"weighted error under loose limits, relative, SNR {snr:g}",
        "update with the sum limit alone",
        "implementation",
        achieved=abs(values[0] / values[1] - 1),
        tolerance=1e-9,
    )
    if float(plain.multiplier) > 0:
        np.testing.assert_allclose(found.multiplier, plain.multiplier, rtol=1e-6)
        np.testing.assert_allclose(found.beams, plain.beams, atol=1e-6)


def test_the_sum_rate_of_the_iteration_never_decreases(evidence):
    channel, antenna_w = problem(20.0)[0], np.array([0.02, 0.3, 0.1, 0.3, 0.3])
    beams = channel.conj().T * np.sqrt(0.02 / np.max(row_powers(channel.conj().T)))
    history = [rates(channel, beams).sum()]
    for _ in range(40):
        received = channel @ beams
        total = np.sum(np.abs(received) ** 2, axis=1) + 1
        mu = np.diag(received).conj() / total
        omega = 1 / (1 - np.abs(np.diag(received)) ** 2 / total)
        beams = np.asarray(update(channel, omega, mu, antenna_w, 1.0).beams)
        history.append(rates(channel, beams).sum())
    evidence(
        CAPABILITY,
        "sum rate over 40 updates, largest relative decrease",
        "monotone objective",
        "closed form",
        achieved=max(float(np.max(-np.diff(history) / history[1:])), 0.0),
        tolerance=1e-9,
    )
    assert history[-1] > 1.05 * history[1]


@functools.cache
def of_default_link(share):
    """Beams of satellite 1 at 70 dBm, 4 x 4 antennas, every limit `share` of an equal part."""
    power_w = watts(70.0) / OWN_SUB
    antenna_w = np.full(16, share * power_w / 16)
    return power_w, antenna_w, solve(channels(4)[0], antenna_w, power_w, NOISE_W, 1e-10)


def test_beams_of_the_default_link_lose_little_and_keep_all_limits():
    power_w, antenna_w, found = of_default_link(1.0)
    assert Status[found.status] == ""
    assert np.max(row_powers(found.beams) / antenna_w) < 1 + 1e-12
    true = rates(channels(4)[0], np.asarray(found.beams), NOISE_W)
    np.testing.assert_allclose(found.rates_bpshz, true, rtol=1e-10, atol=1e-14)
    free = wmmse_beams(jnp.asarray(channels(4)[0]), power_w, NOISE_W, Stop(1e-10))
    # Numbers of the guide.
    assert float(found.sum_rate_bpshz) == pytest.approx(2.43, abs=5e-3)
    assert float(free.sum_rate_bpshz) == pytest.approx(2.46, abs=5e-3)
    assert float(found.sum_rate_bpshz) > float(found.start_rate_bpshz)


def test_loose_limits_reach_the_rate_of_the_sum_limit(evidence):
    power_w, _, found = of_default_link(16.0)
    free = wmmse_beams(jnp.asarray(channels(4)[0]), power_w, NOISE_W, Stop(1e-10))
    evidence(
        CAPABILITY,
        "sum rate under limits that never bind, relative",
        "WMMSE with the sum limit alone",
        "implementation",
        achieved=abs(float(found.sum_rate_bpshz / free.sum_rate_bpshz) - 1),
        tolerance=1e-9,
    )
    assert int(found.iterations) <= 2


def random_channel(snr, seed=1):
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(2, 4, 64))
    return np.sqrt(snr / 2) * (parts[0] + 1j * parts[1])


def receivers(channel, beams):
    received = channel @ beams
    total = np.sum(np.abs(received) ** 2, axis=1) + 1
    return 1 / (1 - np.abs(np.diag(received)) ** 2 / total), np.diag(received).conj() / total


@pytest.mark.parametrize("snr", [10.0, 1e4])
def test_64_antennas_do_better_than_free_beams_that_are_scaled_to_fit(snr):
    channel, antenna_w = random_channel(snr), np.full(64, 1 / 64)
    found = solve(channel, antenna_w, 1.0, 1.0, 1e-6)
    assert Status[found.status] == ""
    assert np.max(row_powers(found.beams) / antenna_w) < 1 + 1e-9
    true = rates(channel, np.asarray(found.beams)).sum()
    np.testing.assert_allclose(found.sum_rate_bpshz, true, rtol=1e-9)
    free = np.asarray(wmmse_beams(jnp.asarray(channel), 1.0, 1.0).beams)
    scaled = free / np.sqrt(np.max(row_powers(free) / antenna_w))
    # A few iterations from there gain 10 to 20 %.
    assert true > 1.05 * rates(channel, scaled).sum()


@pytest.mark.parametrize("snr", [10.0, 1e4])
def test_updates_of_64_antennas_meet_the_optimality_conditions(snr, evidence):
    channel, antenna_w = random_channel(snr), np.full(64, 1 / 64)
    beams = channel.conj().T
    beams = beams / np.sqrt(np.max(row_powers(beams) / antenna_w))
    worst = 0.0
    for _ in range(4):
        omega, mu = receivers(channel, beams)
        found = update(channel, omega, mu, antenna_w, 1.0)
        assert Status[found.status] == ""
        beams, used = np.asarray(found.beams), row_powers(found.beams)
        price = np.asarray(found.antenna_multiplier) + float(found.multiplier)
        target = channel.conj().T * (omega * mu.conj())[None, :]
        weighted = (omega * np.abs(mu) ** 2)[:, None] * (channel @ beams)
        slope = channel.conj().T @ weighted - target + price[:, None] * beams
        worst = max(worst, np.max(np.abs(slope)) / np.max(np.abs(target)))
        assert np.all(used <= antenna_w * (1 + 1e-9))
        assert price @ (antenna_w - used) < 1e-9 * np.sum(omega)
    evidence(
        CAPABILITY,
        f"gradient of the Lagrangian, relative, 64 antennas, SNR {snr:g}",
        "zero at the optimum",
        "closed form",
        achieved=worst,
        tolerance=1e-9,
    )


def test_an_update_that_does_not_finish_says_so_and_how_far_it_is(monkeypatch):
    channel, omega, mu = map(jnp.asarray, problem())
    limit = PerAntennaLimit(np.full(5, 0.2), 1.0)
    best = update(channel, omega, mu, np.full(5, 0.2), 1.0)
    assert Status[best.status] == ""
    monkeypatch.setattr(antenna_limits, "_MAX_STEPS", 8)
    early = limited_mse_beams(channel, omega, mu, limit)
    assert Status[early.status] == Status[Status.max_iterations]
    errors = [weighted_error(channel, omega, mu, np.asarray(one.beams)) for one in (early, best)]
    assert 0 < errors[0] - errors[1] <= float(early.gap)
    assert np.all(row_powers(early.beams) <= 0.2 * (1 + 1e-12))
    found = limited_wmmse_beams(channel, limit, 1.0, Stop(1e-3))
    assert Status[found.status] == Status[Status.max_iterations]
    assert float(found.sum_rate_bpshz) >= float(found.start_rate_bpshz)


@pytest.mark.usefixtures("untyped")
def test_refuses_what_it_cannot_use_in_words():
    with pytest.raises(LeopntError, match="antenna_w = 0: expected a number above 0"):
        PerAntennaLimit(np.array([1.0, 0.0]))
    with pytest.raises(LeopntError, match="total_w = -1: expected a number above 0"):
        PerAntennaLimit(1.0, -1.0)
    limit, channel = PerAntennaLimit(np.ones(4)), np.ones((2, 3), complex)
    with pytest.raises(LeopntError, match=r"antenna_w: got shape \(4,\); accepted: a number or"):
        limited_wmmse_beams(channel, limit, 1.0)
    with pytest.raises(LeopntError, match=r"got shape \(1, 2, 3\); accepted: \(user, ant\)"):
        limited_wmmse_beams(channel[None], limit, 1.0)
