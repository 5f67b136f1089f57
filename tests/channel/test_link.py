"""Link budgets against sums by hand and powers in watts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import CircularAperture, CosinePower, HemisphericalPatch, Isotropic
from leopnt.channel import (
    CosecantGases,
    NoGases,
    Receiver,
    SlantPathGases,
    Transmitter,
    link_budget,
)
from leopnt.channel.link import BOLTZMANN_DBWPKHZ, SNR_OF_ESN0_DB
from leopnt.errors import LeopntError

PATH = {"range_m": 2e6, "carrier_hz": 1e9, "el_rad": 0.5}


def test_constants_are_those_of_the_textbooks():
    np.testing.assert_allclose(BOLTZMANN_DBWPKHZ, -228.599, atol=2e-4)
    np.testing.assert_allclose(SNR_OF_ESN0_DB, 18.97, atol=5e-3)


def test_a_budget_by_hand_comes_out(evidence):
    # 20 dBW - 158.468 dB - 1.5 dB - 10 dB/K + 228.599 dB = 78.631 dBHz; -20 dB for 10 ms.
    budget = link_budget(
        Transmitter.from_eirp(20.0), Receiver.from_g_over_t(-10.0), **PATH, other_loss_db=1.5
    )
    by_hand = 20.0 - 158.46838 - 1.5 - 10.0 + 228.59917
    evidence(
        "channel.link",
        "C/N0 of 20 dBW EIRP over 2000 km at 1 GHz into -10 dB/K",
        "sum by hand",
        "closed form",
        achieved=abs(float(budget.cn0_dbhz) - by_hand),
        tolerance=5e-5,
        unit="dB",
    )
    np.testing.assert_allclose(budget.esn0_db(0.01), by_hand - 20.0, atol=5e-5)
    np.testing.assert_allclose(budget.snr_db(0.01), by_hand - 20.0 + 18.9738, atol=2e-4)
    np.testing.assert_allclose(budget.cn_db(1e6), by_hand - 60.0, atol=5e-5)


def test_in_watts_it_is_the_equation_of_friis(evidence):
    sat, user = CircularAperture(3.0, 25.0, 1), HemisphericalPatch()
    budget = link_budget(
        Transmitter(10.0, sat),
        Receiver(400.0, user),
        range_m=1.3e6,
        carrier_hz=11e9,
        el_rad=0.7,
        gases=SlantPathGases(),
        tx_angle_rad=0.04,
        rx_angle_rad=0.9,
        other_loss_db=2.0,
    )
    aperture_m2 = float(user.gain(0.9)) * (299_792_458.0 / 11e9) ** 2 / (4 * np.pi)
    flux_wpm2 = 10.0 * float(sat.gain(0.04)) / (4 * np.pi * 1.3e6**2)
    lost = 10 ** (-0.1 * (2.0 + float(SlantPathGases().loss_db(11e9, 0.7))))
    carrier_w, noise_wphz = flux_wpm2 * aperture_m2 * lost, 1.380649e-23 * 400.0
    energy = 8 * np.pi**2 * carrier_w * 0.02 / noise_wphz
    evidence(
        "channel.link",
        "SNR of the 9D bounds, patterns and gases included",
        "Friis' equation in watts, 8 pi^2 C T / (k T_sys)",
        "closed form",
        achieved=abs(float(budget.snr_db(0.02)) - 10 * np.log10(energy)),
        tolerance=1e-10,
        unit="dB",
    )


@pytest.mark.parametrize("pattern", [Isotropic(), CosinePower(1.0), HemisphericalPatch()])
def test_eirp_and_g_over_t_are_given_at_boresight_and_fall_with_the_pattern(pattern):
    drop = float(pattern.gain_dbi(0.0) - pattern.gain_dbi(1.0))
    sender, receiver = Transmitter.from_eirp(30.0, pattern), Receiver.from_g_over_t(-12.0, pattern)
    np.testing.assert_allclose(sender.eirp_dbw(0.0), 30.0, rtol=1e-12)
    np.testing.assert_allclose(sender.eirp_dbw(1.0), 30.0 - drop, rtol=1e-12)
    np.testing.assert_allclose(receiver.g_over_t_dbpk(0.0), -12.0, rtol=1e-12)
    np.testing.assert_allclose(receiver.g_over_t_dbpk(1.0), -12.0 - drop, rtol=1e-12)


def test_a_noise_figure_of_3_01_db_adds_290_kelvin():
    receiver = Receiver.from_noise_figure(10 * np.log10(2.0), 110.0)
    np.testing.assert_allclose(receiver.noise_temperature_k, 400.0, rtol=1e-12)
    np.testing.assert_allclose(receiver.g_over_t_dbpk(0.0), -26.0206, atol=1e-4)
    np.testing.assert_allclose(Receiver.from_noise_figure(0.0, 75.0).noise_temperature_k, 75.0)


def test_a_null_is_a_blocked_link():
    budget = link_budget(
        Transmitter.from_eirp(20.0, CosinePower(1.0)), Receiver(290.0), **PATH, tx_angle_rad=2.0
    )
    assert budget.snr_db(0.01) == -np.inf


def test_many_links_at_once_are_each_link_alone():
    sender, receiver = Transmitter.from_eirp(15.0, CosinePower(2.0)), Receiver(500.0)

    def snr_db(range_m, el_rad, angle_rad):
        return link_budget(
            sender,
            receiver,
            range_m=range_m,
            carrier_hz=12e9,
            el_rad=el_rad,
            gases=CosecantGases(),
            tx_angle_rad=angle_rad,
        ).snr_db(0.01)

    links = (jnp.array([6e5, 9e5, 1.2e6]), jnp.array([1.5, 0.8, 0.03]), jnp.array([0.0, 0.3, 0.6]))
    together = jax.jit(jax.vmap(snr_db))(*links)
    alone = [snr_db(*(float(x[i]) for x in links)) for i in range(2)]
    np.testing.assert_allclose(together[:2], alone, rtol=1e-13)
    assert np.isnan(together[2])  # below 5 degrees


def test_the_budget_follows_every_input():
    def cn0(sender, receiver, gases, path):
        return link_budget(sender, receiver, gases=gases, **path).cn0_dbhz

    path = {**PATH, "carrier_hz": 20e9, "tx_angle_rad": 0.0, "rx_angle_rad": 0.3}
    parts = (Transmitter(5.0, CosinePower(2.0)), Receiver(300.0, HemisphericalPatch()))
    slopes = eqx.filter_jit(lambda p, q: jax.grad(lambda a, b: cn0(*parts, a, b), (0, 1))(p, q))(
        SlantPathGases(), path
    )
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(slopes))
    np.testing.assert_allclose(slopes[1]["range_m"], -20 / np.log(10) / 2e6, rtol=1e-12)
    assert slopes[1]["tx_angle_rad"] == 0.0


GOOD = {**PATH, "gases": NoGases()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"range_m": -1.0}, "range_m = -1 m: expected a number above 0"),
        ({"carrier_hz": -1e9}, r"carrier_hz = -1e\+09 Hz: expected a number above 0"),
        ({"el_rad": 30.0}, "el_rad = 30 rad: expected -1.5708 to 1.5708"),
        ({"other_loss_db": -1.0}, "other_loss_db = -1 dB: expected 0 or more"),
        ({"tx_angle_rad": 10.0}, "angle_rad = 10 rad: expected"),
        ({"range_m": np.ones(3)}, r"range_m: got shape \(3,\); .* use jax.vmap"),
        ({"gases": SlantPathGases(), "el_rad": -0.1}, "el_rad = -0.1 rad: expected"),
    ],
)
def test_what_is_no_link_is_refused(untyped, change, message):
    with pytest.raises(LeopntError, match=message):
        link_budget(Transmitter(0.0), Receiver(290.0), **{**GOOD, **change})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Transmitter(np.nan), "power_dbw = nan: expected a finite number"),
        (lambda: Transmitter.from_eirp(np.inf), "eirp_dbw = inf: expected a finite number"),
        (lambda: Receiver(0.0), "noise_temperature_k = 0 K: expected a number above 0"),
        (lambda: Receiver(-3.0), "noise_temperature_k = -3 K: expected a number above 0"),
        (lambda: Receiver.from_g_over_t(np.nan), "g_over_t_dbpk = nan: expected a finite number"),
        (lambda: Receiver.from_noise_figure(-1.0, 290.0), "noise_figure_db = -1 dB: expected 0 or"),
        (lambda: Receiver.from_noise_figure(1.0, 0.0), "antenna_temperature_k = 0 K: expected"),
    ],
)
def test_what_is_no_end_of_a_link_is_refused(make, message):
    with pytest.raises(LeopntError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.esn0_db(0.0), "slot_length_s = 0 s: expected a number above 0"),
        (lambda b: b.snr_db(-1.0), "slot_length_s = -1 s: expected a number above 0"),
        (lambda b: b.cn_db(0.0), "bandwidth_hz = 0 Hz: expected a number above 0"),
    ],
)
def test_no_time_and_no_bandwidth_are_refused(call, message):
    with pytest.raises(LeopntError, match=message):
        call(link_budget(Transmitter(0.0), Receiver(290.0), **GOOD))
