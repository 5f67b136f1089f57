"""Drifting Dopplers, wide bands, leaking subcarriers: closed forms against samples by autodiff."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import hadamard

from leopnt.antennas.elements import SineElement
from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.inference import fisher_information
from leopnt.inference.status import Status
from leopnt.methods import pace
from leopnt.signals import OfdmGrid

CAPABILITY = "methods.pace.downlink_effects"
GRID = OfdmGrid(8, 120e3, 10)
ARRAY, ELEMENT, NOISE_W = UniformPlanarArray(3, 2), SineElement(), 1e-19
GAIN, AZ, EL = 1e-8 * np.exp(0.7j), 0.4, 1.2
WIDE = pace.PilotPhase(carrier_hz=6e6, reference_symbol=3.0)
EVERY = pace.CHANNEL_WITH_RATE
FORMER = jnp.stack([jnp.conj(ARRAY.steering(az, 1.25)) for az in (0.1, 0.9)], axis=1) / 7
ONE_BEAM = ("doppler_hz", "delay_s", "gain_real", "gain_imag")


def isotropic_symbols(streams):
    """Symbols repeated with pilots whose outer products over symbols and streams add up to I."""
    size = 8 * streams
    rows = hadamard(size).reshape(size, 8, streams)
    number = np.repeat(np.arange(1.0, GRID.num_symbol + 1.0), size)
    pilots = np.tile(rows, (GRID.num_symbol, 1, 1)).astype(complex)
    return pace.DownlinkSymbol(jnp.asarray(number), jnp.asarray(pilots)), size


def truth(doppler_hz=700.0, rate=4e5, delay_s=3e-8):
    given = (doppler_hz, delay_s, AZ, EL, GAIN.real, GAIN.imag, rate)
    return pace.DownlinkTheta(*(jnp.asarray(x, float) for x in given))


def shared(phase=WIDE, former=FORMER, noise_w=NOISE_W):
    return pace.DownlinkShared(
        former, ARRAY, ELEMENT, jnp.asarray(120e3), phase, jnp.asarray(noise_w)
    )


def closed(phase=WIDE, grid=GRID, former=FORMER, noise_w=NOISE_W):
    return pace.channel_fim_with_rate(
        az_rad=AZ,
        el_rad=EL,
        gain=GAIN,
        beamformer=former,
        array=ARRAY,
        element=ELEMENT,
        grid=grid,
        noise_w=noise_w,
        phase=phase,
    )


def relative(found, expected):
    """Largest deviation of a matrix in units of its diagonal."""
    scale = np.sqrt(np.diag(expected))
    return float(np.max(np.abs(np.asarray(found) - expected) / np.outer(scale, scale)))


def snr_of(former=FORMER, noise_w=NOISE_W):
    power = np.sum(np.abs(np.asarray(former.T @ ARRAY.steering(AZ, EL))) ** 2)
    return GRID.num_sample * abs(GAIN) ** 2 * np.sin(EL) ** 2 * power / noise_w


@pytest.fixture(scope="module")
def sampled():
    """Information of two streams, wide band and drift, averaged over isotropic pilots."""
    symbols, times = isotropic_symbols(2)
    share = shared(noise_w=NOISE_W * times)
    return fisher_information(pace.DOWNLINK_MODEL, truth(), symbols, EVERY, shared=share)


def test_information_with_drift_over_a_wide_band_is_that_of_all_samples(sampled, evidence):
    evidence(
        CAPABILITY,
        "7 x 7 information of a link with two beams",
        "automatic differentiation of the samples",
        "implementation",
        achieved=relative(sampled.matrix, closed()),
        tolerance=1e-11,
    )


def test_the_closed_form_is_the_schur_complement_of_the_7_by_7(sampled, evidence):
    expected = sampled.efim(("doppler_hz", "delay_s", "doppler_rate_hzps"))
    found = pace.efim_with_rate(snr_of(), GRID, WIDE)
    without = sampled.efim(("doppler_hz", "delay_s"))
    reduced = pace.channel_efim(pace.fim_without_rate(closed())).matrix
    evidence(
        CAPABILITY,
        "EFIM of Doppler, delay and rate; with the rate eliminated, too",
        "Schur complement of the samples' information",
        "implementation",
        achieved=max(
            relative(found, expected),
            relative(pace.rate_eliminated(found), without),
            relative(reduced, without),
        ),
        tolerance=1e-10,
    )


def test_a_known_rate_in_a_narrow_band_gives_the_old_bounds(evidence):
    old = np.diag(pace.efim_closed_form(jnp.asarray(snr_of()), GRID))
    narrow = pace.efim_with_rate(snr_of(), GRID)[:2, :2]
    nearly = pace.efim_with_rate(snr_of(), GRID, pace.PilotPhase(carrier_hz=1e16))[:2, :2]
    evidence(
        CAPABILITY,
        "EFIM of a known rate in a narrow band",
        "efim_closed_form",
        "invariance",
        achieved=max(relative(narrow, old), relative(nearly, old)),
        tolerance=1e-8,
    )
    middle = pace.PilotPhase(reference_symbol=pace.middle_symbol(GRID))
    unknown = pace.rate_eliminated(pace.efim_with_rate(snr_of(), GRID, middle))
    np.testing.assert_allclose(unknown, old, rtol=1e-12)


def test_a_doppler_at_the_first_symbol_loses_a_factor_16(evidence):
    # Straight line against parabola through many points: the slope at an end, 12 against 192.
    many = OfdmGrid(8, 120e3, 10_000)
    with_rate = pace.rate_eliminated(pace.efim_with_rate(1.0, many))
    lost = pace.efim_with_rate(1.0, many)[0, 0] / with_rate[0, 0]
    evidence(
        CAPABILITY,
        "information lost to an unknown rate at the first of 10000 symbols",
        "16 (slope at the end of a parabola)",
        "closed form",
        achieved=abs(float(lost) / 16 - 1),
        tolerance=1e-3,
    )


def test_all_links_lose_a_factor_16_at_the_first_symbol_and_nothing_at_the_middle():
    scene, system, beam = pace.default_scene(), pace.PaceSystem(), pace.UserBeams()
    links = pace.links_of(scene, system)
    old = pace.efim_of_links(links, scene, system, beam)
    for place, lost in ((pace.middle_symbol(system.downlink), 1.0), (1.0, 16.0)):
        phase = pace.PilotPhase(reference_symbol=place)
        found = pace.efim_of_links_with_rate(links, scene, system, beam, phase)
        np.testing.assert_allclose(old[..., 0] / found[..., 0, 0], lost, rtol=1e-3)
        np.testing.assert_allclose(found[..., 1, 1], old[..., 1], rtol=1e-12)


def test_numbers_of_the_guide_follow_from_the_time_to_the_middle_symbol():
    middle_s = pace.middle_symbol(OfdmGrid(1024, 120e3, 10_000)) / 120e3
    assert middle_s == pytest.approx(42e-3, abs=5e-4)
    assert 4500.0 * middle_s == pytest.approx(187.5, abs=0.5)
    assert 50_931.8 / 12.7e9 * middle_s == pytest.approx(167e-9, abs=5e-10)


def test_what_symbols_are_counted_from_does_not_matter(sampled):
    symbols, times = isotropic_symbols(2)
    moved = eqx.tree_at(lambda s: s.number, symbols, symbols.number + 100.0)
    phase = pace.PilotPhase(reference_symbol=103.0)
    other = fisher_information(
        pace.DOWNLINK_MODEL,
        truth(-300.0, 0.0),
        moved,
        EVERY,
        shared=shared(phase, FORMER, 1.0 * times),
    )
    here = pace.efim_with_rate(1.0, GRID, pace.PilotPhase(reference_symbol=3.0))
    kept = ("doppler_hz", "delay_s", "doppler_rate_hzps")
    expected = np.asarray(here * snr_of(noise_w=1.0))
    assert relative(other.efim(kept), expected) < 1e-9


@pytest.fixture(scope="module")
def single():
    """Isotropic pilots of one beam."""
    return isotropic_symbols(1)


def ignoring(single, theta, true_phase, noise_w=1e-21, **assumed):
    symbols, times = single
    share = shared(true_phase, FORMER[:, :1], noise_w * times)
    found = pace.downlink_bound_ignoring(theta, symbols, share, ONE_BEAM, **assumed)
    assert found.status == Status.converged
    return found, np.asarray(found.bias_from(theta))


def test_a_drift_that_is_ignored_gives_the_doppler_of_the_middle_symbol(single, evidence):
    phase, rate = pace.PilotPhase(), 4e5
    _, bias = ignoring(single, truth(700.0, rate), phase, assumed_rate_hzps=0.0)
    expected = rate * pace.middle_symbol(GRID) / 120e3
    evidence(
        CAPABILITY,
        "bias of the Doppler by a drift of 400 kHz/s that is ignored, relative",
        "rate times the time to the middle symbol",
        "closed form",
        achieved=abs(bias[0] / expected - 1),
        tolerance=1e-6,
    )
    assert abs(bias[1]) < 1e-15
    # A Doppler that is meant at the middle symbol has no bias.
    middle = pace.PilotPhase(reference_symbol=pace.middle_symbol(GRID))
    _, bias = ignoring(single, truth(700.0, rate), middle, assumed_rate_hzps=0.0)
    assert abs(bias[0]) < 1e-6 * expected


def test_a_wide_band_that_is_ignored_gives_the_delay_of_the_middle_symbol(single, evidence):
    phase, doppler_hz = pace.PilotPhase(carrier_hz=1.27e9), 700.0
    theta = truth(doppler_hz, 0.0)
    _, bias = ignoring(single, theta, phase, assumed_phase=pace.PilotPhase())
    share = doppler_hz / 1.27e9
    expected = (4.5 * 120e3 * share, -share * pace.middle_symbol(GRID) / 120e3)
    evidence(
        CAPABILITY,
        "bias of Doppler and delay by a wide band that is ignored, relative",
        "nu kb Df / fc and -nu / fc times the time to the middle symbol",
        "closed form",
        achieved=np.max(np.abs(bias[:2] / expected - 1)),
        tolerance=1e-4,
    )
    bound, bias = ignoring(single, theta, phase, assumed_phase=phase)
    assert np.all(np.abs(bias[:2]) < (1e-6, 1e-16))
    efim = pace.efim_with_rate(snr_of(FORMER[:, :1], 1e-21), GRID, phase)[:2, :2]
    scale = np.array([1.0, 1e-9])
    found = np.asarray(bound.mcrb[:2, :2]) / np.outer(scale, scale)
    expected = np.linalg.inv(np.asarray(efim) * np.outer(scale, scale))
    np.testing.assert_allclose(np.diag(found), np.diag(expected), rtol=1e-9)


# Leakage


def test_leakage_turns_power_and_loses_none(evidence):
    symbols = pace.downlink_symbols(np.ones((1, 8, 1)))
    link = jax.tree.map(lambda leaf: leaf[0], symbols)
    share = shared(pace.PilotPhase(), FORMER[:, :1])
    for doppler_hz in (0.0, 35e3):
        theta = truth(doppler_hz)
        still = np.asarray(pace.DOWNLINK_MODEL.predict_link(theta, share, link))
        leaking = np.asarray(pace.LEAKING_MODEL.predict_link(theta, share, link))
        # K time samples of the symbol, each turned by its own time.
        sample = np.fft.ifft(still) * np.exp(2j * np.pi * doppler_hz / 120e3 * np.arange(8) / 8)
        evidence(
            "methods.pace.downlink_model",
            f"samples of a symbol with leakage at {doppler_hz:g} Hz, relative",
            "FFT of time samples, turned one by one",
            "implementation",
            achieved=np.max(np.abs(leaking - np.fft.fft(sample))) / np.max(np.abs(still)),
            tolerance=1e-12,
        )
    kept = float(pace.kept_in_subcarrier(35e3, GRID))
    kernel = np.abs(np.mean(np.exp(2j * np.pi * 35 / 120 * np.arange(8) / 8))) ** 2
    assert kept == pytest.approx(kernel, rel=1e-12)


def test_a_receiver_that_knows_the_leakage_gains_the_time_within_a_symbol(single, evidence):
    # Turning samples is unitary: what remains is that K times a symbol tell more than one.
    symbols, times = single
    share = shared(pace.PilotPhase(), FORMER[:, :1], NOISE_W * times)
    found = fisher_information(
        pace.LEAKING_MODEL, truth(20e3, 0.0), symbols, ONE_BEAM, shared=share
    ).efim(("doppler_hz", "delay_s"))
    expected = np.diag(pace.efim_closed_form(jnp.asarray(snr_of(FORMER[:, :1])), GRID))
    expected[0, 0] *= (10**2 - 1 / 8**2) / (10**2 - 1)
    evidence(
        CAPABILITY,
        "EFIM of a receiver that models leakage, Doppler of a sixth of the spacing",
        "variance of all sample times, (L^2 - 1 / K^2) / 12",
        "closed form",
        achieved=relative(found, expected),
        tolerance=1e-10,
    )


def test_a_receiver_that_ignores_leakage_keeps_what_stays_in_a_subcarrier(single, evidence):
    bound, bias = ignoring(
        single, truth(20e3, 0.0), pace.PilotPhase(), true_model=pace.LEAKING_MODEL
    )
    snr = snr_of(FORMER[:, :1], 1e-21) * pace.kept_in_subcarrier(20e3, GRID)
    expected = 1.0 / pace.efim_closed_form(jnp.asarray(snr), GRID)
    evidence(
        CAPABILITY,
        "misspecified bound of Doppler and delay with leakage ignored, relative",
        "bound at the power that stays, on average over pilots",
        "closed form",
        achieved=np.max(np.abs(np.diag(bound.mcrb)[:2] / expected - 1)),
        tolerance=1e-8,
    )
    assert abs(bias[0]) < 1e-3
    assert abs(bias[1]) < 1e-14


def test_leakage_taken_as_noise_limits_the_snr_and_vanishes_with_the_doppler():
    snr = jnp.asarray([1e2, 1e14])
    np.testing.assert_array_equal(pace.snr_with_leakage(snr, 0.0, GRID), snr)
    np.testing.assert_allclose(pace.snr_with_leakage(snr, 1e-3, GRID), snr, rtol=1e-2)
    kept = pace.kept_in_subcarrier(20e3, GRID)
    most = GRID.num_sample * kept / (1 - kept)
    np.testing.assert_allclose(pace.snr_with_leakage(snr, 20e3, GRID)[1], most, rtol=1e-9)


def test_what_makes_no_sense_is_refused(untyped):
    with pytest.raises(LeopntError, match="carrier_hz = -1: expected a number above 0"):
        pace.PilotPhase(carrier_hz=-1.0)
    with pytest.raises(LeopntError, match=r"pilots have shape \(3, 4\)"):
        pace.downlink_symbols(np.ones((3, 4)))
