"""Channels with true phases over the band: closed-form loss of beams that do not follow."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.methods import pace
from leopnt.signals import OfdmGrid

CAPABILITY = "methods.pace.beam_squint"
SCENE = pace.default_scene()
WIDE = OfdmGrid(16, 1e9 / 16, 10)


def test_offsets_are_about_the_middle_of_the_band():
    np.testing.assert_allclose(pace.subcarrier_offsets_hz(OfdmGrid(4, 10.0, 1)), [-15, -5, 5, 15])


def test_channels_are_those_of_waves_that_reach_every_element(evidence):
    # Path lengths from each element, in the array's own plane: no steering vector involved.
    system = pace.PaceSystem(array=UniformPlanarArray(4, 3))
    links = pace.links_of(SCENE, system)
    offset_hz = np.array([-0.5e9, 0.0, 0.4e9])
    found = np.asarray(pace.squinted_channels(links, system, jnp.asarray(offset_hz)))
    az, el = np.asarray(links.az_rad)[0, 0], np.asarray(links.el_rad)[0, 0]
    unit = np.array([np.cos(az) * np.cos(el), np.sin(az) * np.cos(el)])
    place_m = 0.5 * 299792458.0 / 12.7e9 * np.array([(h, v) for h in range(4) for v in range(3)])
    extra_s = place_m @ unit / 299792458.0
    for k, f in enumerate(offset_hz):
        expected = np.exp(-2j * np.pi * (12.7e9 + f) * extra_s)
        got = found[k, 0, 0] / found[k, 0, 0, 0]
        np.testing.assert_allclose(got, expected, atol=1e-11)
    gain = np.asarray(links.channel_gain)
    np.testing.assert_allclose(np.abs(found[:, :, :, 0]), np.abs(gain)[None] * np.ones((3, 1, 1)))
    plain = gain[0, 0] * np.asarray(system.array.steering(az, el))
    evidence(
        CAPABILITY,
        "channel at the carrier",
        "narrowband channel",
        "invariance",
        achieved=np.max(np.abs(found[1, 0, 0] - plain)) / np.abs(gain[0, 0]),
        tolerance=1e-12,
    )


def test_the_phase_over_the_band_is_that_of_the_delay():
    system = pace.PaceSystem(array=UniformPlanarArray(1, 1))
    links = pace.links_of(SCENE, system)
    found = np.asarray(pace.squinted_channels(links, system, np.array([0.0, 120e3])))[:, 0, 0, 0]
    turn = np.exp(-2j * np.pi * 120e3 * float(links.delay_s[0, 0]))
    np.testing.assert_allclose(found[1] / found[0], turn, rtol=1e-9)


def of_one_user(num_ant):
    """One user of the first satellite, seen by a line of antennas; 1 GHz of band, high SNR."""
    array = UniformPlanarArray(1, num_ant)
    system = pace.PaceSystem(downlink=WIDE, array=array)
    scene = eqx.tree_at(lambda s: s.user_pos_m, SCENE, SCENE.user_pos_m[1:2])
    phases = (jnp.zeros((8, 1)),) * 3
    scene = eqx.tree_at(
        lambda s: (s.gain_phase_rad, s.clock_bias_s, s.freq_offset_hz), scene, phases
    )
    links = pace.links_of(scene, system)
    channels = pace.squinted_channels(links, system, pace.subcarrier_offsets_hz(WIDE))[:, 3]
    return links, array, channels / jnp.abs(links.channel_gain[3, 0])


def test_beams_that_do_not_follow_lose_the_dirichlet_kernel(evidence):
    links, array, channels = of_one_user(256)
    offset = np.asarray(pace.subcarrier_offsets_hz(WIDE)) / 12.7e9
    step = np.pi * np.sin(float(links.az_rad[3, 0])) * np.cos(float(links.el_rad[3, 0])) * offset
    kernel = (np.sin(128 * step) / (256 * np.sin(step / 2))) ** 2
    az, el = float(links.az_rad[3, 0]), float(links.el_rad[3, 0])
    np.testing.assert_allclose(
        pace.squint_power(array, az, el, jnp.asarray(offset)), kernel, atol=1e-12
    )
    # Narrowband beams of the carrier, the power they deliver over the band.
    beam = jnp.conj(array.steering(az, el)) / 16.0
    got = np.abs(np.asarray(channels[:, 0] @ beam)) ** 2 / 256
    evidence(
        CAPABILITY,
        "power that a carrier's beam of 256 antennas keeps over 1 GHz",
        "sin(N p / 2)^2 / (N sin(p / 2))^2",
        "closed form",
        achieved=np.max(np.abs(got - kernel)),
        tolerance=1e-10,
    )


def test_beams_for_each_subcarrier_win_back_what_squint_takes(evidence):
    links, array, channels = of_one_user(256)
    rates = {}
    for name, design in (("common", pace.CommonBeams(8)), ("own", pace.SubcarrierSpecific())):
        beams = design.beams(channels, 0.1, 1.0)
        rates[name] = float(jnp.mean(pace.user_rates_bpshz(channels, beams, 1.0)))
    az, el = float(links.az_rad[3, 0]), float(links.el_rad[3, 0])
    offset = np.asarray(pace.subcarrier_offsets_hz(WIDE))
    # The design's subcarrier 8 is not the carrier: phases differ by f - f_8.
    kept = np.asarray(pace.squint_power(array, az, el, jnp.asarray((offset - offset[8]) / 12.7e9)))
    evidence(
        CAPABILITY,
        "mean rates of one set of beams and of a set per subcarrier, relative",
        "log2(1 + P N kernel), log2(1 + P N)",
        "closed form",
        achieved=max(
            abs(rates["common"] / np.mean(np.log2(1 + 25.6 * kept)) - 1),
            abs(rates["own"] / np.log2(1 + 25.6) - 1),
        ),
        tolerance=1e-9,
    )
    # Numbers of the guide: 256 antennas, 1 GHz.
    assert 90.0 - np.degrees(el) == pytest.approx(OFF_NADIR_DEG, abs=0.5)
    assert rates["common"] / rates["own"] == pytest.approx(SHARE_LEFT, abs=0.005)


SHARE_LEFT, OFF_NADIR_DEG = 0.284, 36.0


@pytest.mark.usefixtures("untyped")
def test_offsets_that_make_no_sense_are_refused():
    system = pace.PaceSystem(array=UniformPlanarArray(1, 1))
    links = pace.links_of(SCENE, system)
    with pytest.raises(LeopntError, match=r"offset_hz: got shape \(\); accepted: \(sub,\)"):
        pace.squinted_channels(links, system, np.asarray(3.0))
    for bad in ([np.nan, 0.0], [np.inf, 0.0]):
        with pytest.raises(LeopntError, match="offset_hz holds NaN or infinity"):
            pace.squinted_channels(links, system, jnp.asarray(bad))
    with pytest.raises(LeopntError, match=r"offset_hz = -1\.27e\+10: expected above minus the"):
        pace.squinted_channels(links, system, np.array([0.0, -12.7e9]))
