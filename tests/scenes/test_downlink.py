"""Signal strength of many links, against the channel functions one by one."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas.patterns import CircularAperture, HemisphericalPatch, ParabolicBeam
from leopnt.channel import CosecantGases, NoGases, Receiver, SlantPathGases, Transmitter
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.scenes import SceneSettings, build_scene
from leopnt.scenes.downlink import Downlink, antenna_gain, isotropic_cn0_dbhz, snr_of_cn0
from leopnt.scenes.nine_d_scene import slot_links
from leopnt.scenes.receiver_pose import body_rotation
from leopnt.scenes.satellite_choice import Highest

CARRIER_HZ = 11.7e9
SLOTS_S = np.array([0.0, 30.0])


def links_with(mask_deg=10.0):
    raw = {
        "constellation": {"preset": "oneweb"},
        "users": {"cities": ["Paris", "Quito"]},
        "antenna": {"mask_deg": mask_deg},
    }
    scene = build_scene(SceneSettings.model_validate(raw), Path(), beyond_s=30.0)
    return scene, slot_links(scene, SLOTS_S, Highest(3))


@pytest.fixture(scope="module")
def sky():
    return links_with()


def test_the_budget_is_that_of_the_terms_by_hand(sky, evidence):
    scene, links = sky
    beam = CircularAperture(5.0, 25.0)
    downlink = Downlink(
        Transmitter(3.0, beam), Receiver(200.0), gases=CosecantGases(), other_loss_db=1.5
    )
    found = isotropic_cn0_dbhz(links, downlink, CARRIER_HZ, scene.rx_pos_ecef_m)
    worst = 0.0
    for case, sat, slot in np.ndindex(found.shape):
        pos, rx = links.sat_pos_ecef_m[case, sat, slot], scene.rx_pos_ecef_m[case]
        nadir, ray = -pos, rx - pos
        angle = np.arccos(nadir @ ray / np.linalg.norm(nadir) / np.linalg.norm(ray))
        range_m = np.linalg.norm(ray)
        loss = 20 * np.log10(4 * np.pi * range_m * CARRIER_HZ / SPEED_OF_LIGHT_MPS)
        zenith = CosecantGases().zenith_loss_db(CARRIER_HZ)
        gases = zenith / np.sin(links.el_rad[case, sat, slot])
        noise = 10 * np.log10(1.380649e-23 * 200.0)
        by_hand = 3.0 + beam.gain_dbi(angle) - loss - gases - 1.5 - noise
        worst = max(worst, abs(found[case, sat, slot] - by_hand))
    evidence(
        "scenes.downlink",
        "C/N0 of a link into an isotropic antenna",
        "its terms by hand",
        "closed form",
        achieved=worst,
        tolerance=1e-7,
        unit="dB",
    )


def test_gain_follows_how_the_body_is_held():
    patch = HemisphericalPatch(5.0, -5.0)
    downlink = Downlink(Transmitter(0.0), Receiver(300.0, patch))
    axes = jnp.eye(3)  # east, north, up are the global axes
    up, east = jnp.array([[[0.0, 0.0, 7.0]]]), jnp.array([[[3.0, 0.0, 0.0]]])
    level = body_rotation(axes, 0.0, 0.0, 0.0)
    rolled = body_rotation(axes, 0.0, 0.0, 0.5 * np.pi)  # right side down: the top looks east
    for rotation, direction, gain_dbi in (
        (level, up, 5.0),
        (level, east, -5.0),
        (level, -up, -15.0),
        (rolled, up, -5.0),
        (rolled, east, 5.0),
        (rolled, -east, -15.0),
    ):
        found = np.asarray(antenna_gain(downlink, 2, rotation, direction))
        np.testing.assert_allclose(10 * np.log10(found), np.full((1, 1, 2), gain_dbi), atol=1e-9)


def test_each_antenna_may_look_elsewhere():
    beam = ParabolicBeam(20.0, np.radians(20.0))
    sides = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])
    downlink = Downlink(Transmitter(0.0), Receiver(300.0, beam), sides)
    rotation = body_rotation(jnp.eye(3), 0.5 * np.pi, 0.0, 0.0)  # forward is east
    found = antenna_gain(downlink, 3, rotation, jnp.array([[[1.0, 0.0, 0.0]]]))
    np.testing.assert_allclose(10 * np.log10(found[0, 0]), [20.0, -10.0, -10.0], atol=1e-9)


def test_snr_is_8_pi_squared_energy_over_noise_and_0_where_blocked():
    found = snr_of_cn0(np.array([50.0, -np.inf]), 0.01)
    np.testing.assert_allclose(found, [8 * np.pi**2 * 1e5 * 0.01, 0.0], rtol=1e-12)


def test_blocked_links_have_no_strength(sky):
    scene, links = sky
    blocked = links._replace(link_up=links.link_up & (np.arange(2) < 1)[None, None, :])
    downlink = Downlink(Transmitter(0.0), Receiver(300.0))
    found = isotropic_cn0_dbhz(blocked, downlink, CARRIER_HZ, scene.rx_pos_ecef_m)
    assert np.all(np.isneginf(found[:, :, 1]))
    assert np.all(np.isfinite(found[:, :, 0]))


@pytest.mark.parametrize(
    ("gases", "carrier_hz"), [(CosecantGases(), 400e6), (SlantPathGases(), 0.5e9)]
)
def test_a_carrier_that_the_gases_do_not_cover_is_refused(sky, gases, carrier_hz):
    scene, links = sky
    downlink = Downlink(Transmitter(0.0), Receiver(300.0), gases=gases)
    with pytest.raises(LeopntError, match=f"gases: {type(gases).__name__} covers neither"):
        isotropic_cn0_dbhz(links, downlink, carrier_hz, scene.rx_pos_ecef_m)


def test_without_gases_any_carrier_is_good(sky):
    scene, links = sky
    downlink = Downlink(Transmitter(0.0), Receiver(300.0), gases=NoGases())
    assert np.all(np.isfinite(isotropic_cn0_dbhz(links, downlink, 4e8, scene.rx_pos_ecef_m)))
