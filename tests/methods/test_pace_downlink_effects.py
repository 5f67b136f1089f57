"""Drifting Dopplers, wide bands, leaking subcarriers: closed forms against samples by autodiff."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.special import fresnel, sici

from leopnt.antennas.elements import SineElement
from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.inference import fisher_information, predict
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


EDGE_S = 10_000 / 120e3 / 2


def coherent_share(numbers, count, first, second, phases):
    """Power share that samples of `first` keep at `second`, pilots of one, by a direct sum."""
    symbols = pace.DownlinkSymbol(jnp.asarray(numbers), jnp.ones((len(numbers), count, 1), complex))
    given = [
        np.asarray(
            predict(pace.DOWNLINK_MODEL, theta, symbols, shared(phase, jnp.ones((6, 1), complex)))
        )
        for theta, phase in zip((first, second), phases, strict=True)
    ]
    return abs(np.vdot(*given)) ** 2 / np.vdot(given[0], given[0]).real ** 2


def test_a_drift_over_the_whole_downlink_leaves_the_guides_share_of_power(evidence):
    middle = pace.PilotPhase(reference_symbol=pace.middle_symbol(OfdmGrid(1, 120e3, 10_000)))
    numbers = np.arange(1.0, 10_001.0)
    off = []
    for rate, told in ((4500.0, 0.025), (183.0, 0.915)):
        found = coherent_share(numbers, 1, truth(0.0, rate), truth(0.0, 0.0), (middle, middle))
        edge = np.sqrt(2 * rate) * EDGE_S
        off.append(abs(found - np.sum(np.square(fresnel(edge))) / edge**2))
        assert found == pytest.approx(told, abs=5e-4)
    evidence(
        CAPABILITY,
        "power that adds up at the middle Doppler, 4.5 kHz/s and 183 Hz/s over 83 ms",
        "Fresnel integrals",
        "closed form",
        achieved=max(off),
        tolerance=1e-6,
    )


def test_a_wide_band_over_the_whole_downlink_leaves_the_guides_share_of_power(evidence):
    # Every 50th symbol of 10000: a turn of 0.6 rad from one to the next at the edge of the band.
    numbers = np.arange(25.5, 10_000.0, 50.0)
    phases = (pace.PilotPhase(carrier_hz=12.7e9), pace.PilotPhase())
    off = []
    for doppler_hz, told in ((50_931.8, 6e-4), (796.0, 0.893)):
        share = doppler_hz / 12.7e9
        moved = truth(doppler_hz * (1 + 512.5 * 120e3 / 12.7e9), 0.0, 3e-8 - share * 5000.5 / 120e3)
        found = coherent_share(numbers, 1024, truth(doppler_hz, 0.0), moved, phases)
        corner = 2 * np.pi * share * EDGE_S * 512 * 120e3
        off.append(abs(found - (sici(corner)[0] / corner) ** 2))
        assert found == pytest.approx(told, rel=0.03)
    evidence(
        CAPABILITY,
        "power that adds up at the middle delay, 51 and 0.8 kHz, 83 ms, 123 MHz",
        "sine integral",
        "closed form",
        achieved=max(off),
        tolerance=1e-4,
    )


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


def rate_of_edge(phase_rad):
    """Rate that leaves so much phase at the edges of the grid, pi r (L T / 2)^2."""
    return phase_rad / (np.pi * (0.5 * GRID.num_symbol / 120e3) ** 2)


MIDDLE = pace.PilotPhase(reference_symbol=pace.middle_symbol(GRID))


@pytest.mark.parametrize("edge_rad", [0.5, 1.0, 2.0])
def test_a_drift_that_is_ignored_scatters_the_doppler_as_direct_sums_say(
    single, edge_rad, evidence
):
    theta = truth(700.0, rate_of_edge(edge_rad))
    bound, bias = ignoring(single, theta, MIDDLE, assumed_rate_hzps=0.0)
    crb = 1.0 / pace.efim_closed_form(jnp.asarray(snr_of(FORMER[:, :1], 1e-21)), GRID)
    # Curvature and score of |mean of s exp(-i w l)|^2: moments of the phase that is left over.
    place = np.arange(10) - 4.5
    turned = np.exp(1j * edge_rad * (place / 5) ** 2)
    rho, kappa = np.mean(turned), np.mean(place**2 * turned)
    expected = (abs(rho) * np.mean(place**2) / (np.conj(kappa) * rho).real) ** 2
    evidence(
        CAPABILITY,
        f"bound of the Doppler with a drift ignored, {edge_rad:g} rad at the edge, relative",
        "moments of the phase left over, by direct sums",
        "closed form",
        achieved=abs(float(bound.mcrb[0, 0] / crb[0]) / expected - 1),
        tolerance=1e-6,
    )
    assert abs(bias[0]) < 1e-3
    gain = np.hypot(*(np.array([GAIN.real, GAIN.imag]) + bias[2:]))
    assert gain / abs(GAIN) == pytest.approx(abs(rho), rel=1e-6)


@pytest.mark.parametrize("edge_rad", [3.0, 10.0])
def test_a_drift_that_breaks_the_peak_up_has_no_local_bound(single, edge_rad):
    theta = truth(700.0, rate_of_edge(edge_rad))
    with pytest.raises(LeopntError, match="mismatch too large for a local bound"):
        ignoring(single, theta, MIDDLE, assumed_rate_hzps=0.0)


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


def test_leakage_ignored_under_complete_pilots_keeps_what_stays_in_a_subcarrier(single, evidence):
    # Over all rows of a Hadamard matrix leakage cancels: no noise of it, unlike random pilots.
    bound, bias = ignoring(
        single, truth(20e3, 0.0), pace.PilotPhase(), true_model=pace.LEAKING_MODEL
    )
    snr = snr_of(FORMER[:, :1], 1e-21) * pace.kept_in_subcarrier(20e3, GRID)
    expected = 1.0 / pace.efim_closed_form(jnp.asarray(snr), GRID)
    evidence(
        CAPABILITY,
        "misspecified bound with leakage ignored, complete Hadamard pilots, relative",
        "bound at the power that stays, since all leakage cancels",
        "closed form",
        achieved=np.max(np.abs(np.diag(bound.mcrb)[:2] / expected - 1)),
        tolerance=1e-8,
    )
    assert abs(bias[0]) < 1e-3
    assert abs(bias[1]) < 1e-14


LEAKS = OfdmGrid(128, 120e3, 4)


def phases_of_leaking_pilots(turn, noise, trials):
    """Slopes by symbol and subcarrier of random QPSK pilots that leak, by FFT of time samples."""
    rng = np.random.default_rng(3)
    shape = (trials, LEAKS.num_symbol, LEAKS.num_sub)
    pilots = np.exp(0.5j * np.pi * rng.integers(0, 4, shape))
    time = np.exp(2j * np.pi * turn * np.arange(LEAKS.num_sub) / LEAKS.num_sub)
    seen = np.fft.fft(np.fft.ifft(pilots) * time)
    seen += np.sqrt(noise / 2) * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    phase = (seen * np.conj(pilots) / np.mean(time)).imag
    slow, fast = (np.arange(n) - (n - 1) / 2 for n in shape[1:])
    return (
        np.einsum("tlk,l->t", phase, slow) / (shape[2] * np.sum(slow**2)),
        np.einsum("tlk,k->t", phase, fast) / (shape[1] * np.sum(fast**2)),
    )


@pytest.mark.parametrize(("turn", "noise"), [(1 / 6, 1e-6), (0.02, 1e-6), (1 / 6, 0.1)])
def test_random_pilots_scatter_as_the_snr_with_leakage_says(turn, noise, evidence):
    trials = 4000
    snr = pace.snr_with_leakage(jnp.asarray(LEAKS.num_sample / noise), turn * 120e3, LEAKS)
    expected = 1.0 / (2 * float(snr) * np.array([LEAKS.symbol_variance, LEAKS.sub_variance]))
    found = np.var(phases_of_leaking_pilots(turn, noise, trials), axis=1) / expected
    evidence(
        CAPABILITY,
        f"variance of the Doppler under leakage, {turn:.2g} of the spacing, noise {noise:g}",
        "4000 draws of QPSK pilots",
        "monte carlo",
        achieved=abs(found[0] - 1),
        tolerance=4 * np.sqrt(2 / trials),
    )
    # The edges of 128 subcarriers take up to 6 % off the delay's variance.
    assert -0.06 - 4 * np.sqrt(2 / trials) < found[1] - 1 < 4 * np.sqrt(2 / trials)


def test_leakage_costs_nothing_without_a_doppler():
    snr = jnp.asarray([1e2, 1e14])
    np.testing.assert_array_equal(pace.snr_with_leakage(snr, 0.0, GRID), snr)


def test_a_rate_needs_three_symbols():
    for num_symbol in (1, 2):
        grid = OfdmGrid(8, 120e3, num_symbol)
        words = f"num_symbol = {num_symbol}: Doppler rate is not identifiable; expected 3 or more"
        with pytest.raises(LeopntError, match=words):
            pace.efim_with_rate(1.0, grid)
        with pytest.raises(LeopntError, match=words):
            closed(grid=grid)
        system = eqx.tree_at(lambda s: s.downlink, pace.PaceSystem(), grid)
        scene = pace.default_scene()
        links = pace.links_of(scene, system)
        with pytest.raises(LeopntError, match=words):
            pace.efim_of_links_with_rate(links, scene, system, pace.UserBeams())
    with pytest.raises(LeopntError, match="num_sub = 1: delay is not identifiable"):
        pace.efim_with_rate(1.0, OfdmGrid(1, 120e3, 3))
    for eliminate, size in ((pace.rate_eliminated, 3), (pace.fim_without_rate, 7)):
        with pytest.raises(LeopntError, match="about the Doppler rate is 0: it is not identifi"):
            eliminate(jnp.zeros((size, size)))
    three = pace.efim_with_rate(1.0, OfdmGrid(8, 120e3, 3))
    assert np.all(np.diag(pace.rate_eliminated(three)) > 0)


def test_what_makes_no_sense_is_refused(untyped):
    with pytest.raises(LeopntError, match="carrier_hz = -1: expected a number above 0"):
        pace.PilotPhase(carrier_hz=-1.0)
    with pytest.raises(LeopntError, match="carrier_hz = -1: expected a number above 0"):
        pace.PilotPhase(carrier_hz=jnp.asarray(-1.0))
    with pytest.raises(LeopntError, match="carrier_hz = nan: expected a number above 0"):
        pace.PilotPhase(carrier_hz=np.nan)
    for bad in (np.nan, jnp.asarray(np.inf)):
        with pytest.raises(LeopntError, match="reference_symbol holds NaN or infinity"):
            pace.PilotPhase(reference_symbol=bad)
    with pytest.raises(LeopntError, match=r"pilots have shape \(3, 4\)"):
        pace.downlink_symbols(np.ones((3, 4)))
