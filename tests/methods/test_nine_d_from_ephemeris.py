"""9D scenes over a place, against the general builder and their own geometry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import planar_array
from leopnt.antennas.patterns import HemisphericalPatch
from leopnt.channel import Receiver, Transmitter
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods.nine_d import LOCATION, identifiability, information, observed
from leopnt.methods.nine_d.from_ephemeris import nine_d_scene_from_ephemeris
from leopnt.orbits.constellations import ONEWEB
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.downlink import Downlink
from leopnt.scenes.satellite_choice import Highest, Spread
from leopnt.scenes.sky_scene import Place

MUNICH = Place(48.1, 11.6, 520.0)
SQUARE_M = planar_array(2, 2, 0.15)


@pytest.fixture(scope="module")
def ephemeris():
    start = Epoch.from_iso("2000-01-01T12:00:00Z")
    return Ephemeris.from_kepler(ONEWEB.elements(), start, 900.0)


def scene_at(ephemeris, **how):
    settings = {"time_s": 100.0, "antennas_body_m": SQUARE_M, "choice": Spread(4)} | how
    if not {"snr_linear", "downlink"} & how.keys():
        settings = {"snr_db": 20.0} | settings
    return nine_d_scene_from_ephemeris(ephemeris, MUNICH, **settings)


def test_states_are_those_of_the_ephemeris_at_each_slot(ephemeris, evidence):
    scene = scene_at(ephemeris, choice=Highest(3), slots=4, slot_spacing_s=5.0)
    worst = 0.0
    for slot in range(4):
        sats, time_s = jnp.arange(ephemeris.pos_ecef_m.shape[0]), 100.0 + 5.0 * slot
        state = jax.vmap(lambda sat, t=time_s: ephemeris.state(sat, t))(sats)
        pos = np.asarray(state.pos_ecef_m)
        up = np.asarray(MUNICH.pos_ecef_m) / np.linalg.norm(MUNICH.pos_ecef_m)
        for sat in range(3):
            near = np.argmin(np.linalg.norm(pos - np.asarray(scene.sat_pos_m[sat, slot]), axis=1))
            worst = max(worst, np.abs(pos[near] - np.asarray(scene.sat_pos_m[sat, slot])).max())
            assert (pos[near] - MUNICH.pos_ecef_m) @ up > 0.0
    evidence(
        "methods.nine_d.from_ephemeris",
        "satellite position of a slot",
        "the ephemeris at that time",
        "own",
        achieved=worst,
        tolerance=1e-6,
        unit="m",
    )


def test_the_doppler_is_the_range_rate_of_the_ephemeris(ephemeris):
    scene = scene_at(ephemeris, rx_vel_enu_mps=(20.0, -10.0, 3.0))
    doppler = np.asarray(observed(scene).doppler)

    def range_m(sat, slot, after_s):
        sat_pos = scene.sat_pos_m[sat, slot] + after_s * scene.sat_vel_mps[sat, slot]
        time_s = scene.slot_time_s[slot] + after_s
        return np.linalg.norm(sat_pos - scene.rx_pos_m - time_s * scene.rx_vel_mps)

    for sat, slot in np.ndindex(4, 3):
        rate = (range_m(sat, slot, 0.01) - range_m(sat, slot, -0.01)) / 0.02
        assert doppler[sat, slot] * 299792458.0 == pytest.approx(rate, abs=1e-3)


def test_information_and_verdicts_work_on_it(ephemeris):
    scene = scene_at(ephemeris)
    sigmas = [np.sqrt(np.trace(information(scene).crb(name))) for name in LOCATION]
    found = identifiability(scene)
    assert found.formal.is_identifiable
    np.testing.assert_allclose(
        [found.practical.sigma[name] for name in LOCATION], sigmas, rtol=1e-6
    )


def test_a_turned_receiver_sees_the_same_with_the_same_antennas_in_space(ephemeris):
    """Heading turns the antennas: those turned back by hand are where they were."""
    angle = 0.6
    back = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0],
                     [0, 0, 1.0]]).T  # fmt: skip
    antennas = np.array([[0.2, 0.0, 0.0], [-0.1, 0.1, 0.0], [-0.1, -0.1, 0.0]])
    one = scene_at(ephemeris, antennas_body_m=antennas)
    two = scene_at(
        ephemeris, antennas_body_m=antennas @ back.T, heading_pitch_roll_rad=(angle, 0.0, 0.0)
    )
    for name in LOCATION:
        np.testing.assert_allclose(
            information(one).crb(name), information(two).crb(name), rtol=1e-5
        )


def test_explicit_snr_of_each_link_is_kept_and_blocked_where_it_sinks(ephemeris):
    snr_db = np.array([20.0, 10.0, 0.0, -np.inf])
    scene = scene_at(ephemeris, snr_db=snr_db)
    expected = np.broadcast_to(np.array([100.0, 10.0, 1.0, 0.0])[:, None, None], (4, 3, 4))
    np.testing.assert_allclose(scene.snr, expected)
    with pytest.warns(LeopntWarning, match="links end: a satellite sinks below the mask"):
        lost = scene_at(ephemeris, slots=3, slot_spacing_s=60.0, choice=None)
    assert np.any(np.asarray(lost.snr[:, 2]) == 0.0)
    assert np.all(np.asarray(lost.snr[:, 0]) > 0.0)


def test_a_budget_gives_more_to_what_stands_higher(ephemeris):
    downlink = Downlink(Transmitter.from_eirp(10.0), Receiver(300.0, HemisphericalPatch()))
    scene = scene_at(ephemeris, downlink=downlink, choice=Highest(4))
    snr = np.asarray(scene.snr[:, 0, 0])
    assert np.all(np.diff(snr) < 0.0)
    per_antenna = jnp.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [0.0, 0.0, 1.0]])
    sided = Downlink(downlink.transmitter, downlink.receiver, per_antenna)
    snr = np.asarray(scene_at(ephemeris, downlink=sided, choice=Highest(4)).snr)
    assert np.all(snr[..., 0] > snr[..., 1])
    np.testing.assert_allclose(snr[..., 0], snr[..., 2])


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"snr_linear": 100.0, "snr_db": 20.0}, "give one of snr_linear, snr_db and downlink"),
        ({"slots": 0}, "slots = 0: expected 1 or more"),
        ({"mask_rad": 1.57}, "no satellite is above the mask of 89"),
        ({"snr_db": [20.0, 10.0]}, r"snr_db has shape \(2,\); accepted: \(4, 3, 4\)"),
        ({"snr_db": float("nan")}, "snr_db holds NaN or infinity"),
        ({"snr_linear": -1.0}, "snr_linear = -1: expected 0 or more"),
        ({"heading_pitch_roll_rad": (0.0, 0.0)}, "heading_pitch_roll_rad = .*three finite"),
        ({"rx_vel_enu_mps": (0.0, 0.0, float("inf"))}, "rx_vel_enu_mps = .*three finite"),
        ({"time_s": 899.0}, "the last slot is at 901 s, and the ephemeris .* ends at 900 s"),
        ({"antennas_body_m": [[1.0, 0.0, 0.0]]}, "their mean is .*, not zero"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(ephemeris, how, sentence):
    with pytest.raises(LeopntError, match=sentence):
        scene_at(ephemeris, **how)
