"""Bad and degenerate 9D scenes: refused, warned about or answered, each in words; none crashes."""

import warnings

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from nine_d_cases import LINE, SINGLE, SQUARE, random_case
from nine_d_worked_case import SAT_POS_M, SAT_VEL_MPS, worked_case

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.methods import nine_d
from leopnt.methods.nine_d import LOCATION, identifiability

NAN, INF = np.nan, np.inf
POS, VEL = np.array(SAT_POS_M), np.array(SAT_VEL_MPS)
EARTH_M = np.array([6.378e6, 0.0, 0.0])

REFUSED = [
    # Wrong shapes; none of something.
    ({"sat_pos_m": POS[0]}, r"sat_pos_m has shape \(3, 3\); accepted: \(sat, slot, 3\), one or"),
    ({"sat_pos_m": POS[:0], "sat_vel_mps": VEL[:0]}, r"sat_pos_m has shape \(0, 3, 3\); accepted"),
    ({"sat_pos_m": POS[:, :0], "sat_vel_mps": VEL[:, :0]}, r"sat_pos_m has shape \(3, 0, 3\)"),
    ({"sat_vel_mps": VEL[:2]}, r"sat_vel_mps has shape \(2, 3, 3\); accepted: \(3, 3, 3\)"),
    ({"rx_pos_m": (0.0, 0.0)}, r"rx_pos_m has shape \(2,\); accepted: \(3,\)"),
    ({"rx_vel_mps": 0.0}, r"rx_vel_mps has shape \(\); accepted: \(3,\)"),
    ({"antennas_body_m": (0.0, 0.0, 0.0)}, r"antennas_body_m has shape \(3,\); accepted: \(ant, 3"),
    ({"antennas_body_m": np.zeros((0, 3))}, r"antennas_body_m has shape \(0, 3\); accepted"),
    ({"snr_linear": np.ones((3, 2))}, r"snr_linear has shape \(3, 2\); accepted: \(3, 3, 4\)"),
    ({"yaw_pitch_roll_rad": (0.1, 0.2)}, r"yaw_pitch_roll_rad has shape \(2,\); accepted: \(3,\)"),
    ({"bandwidth_hz": np.ones(2)}, r"bandwidth_hz has shape \(2,\); accepted: \(3, 3\)"),
    ({"freq_offset_hz": np.ones((3, 3))}, r"freq_offset_hz has shape \(3, 3\); accepted: \(3,\)"),
    ({"slot_spacing_s": (1.0, 2.0)}, r"slot_spacing_s has shape \(2,\); accepted: \(\)"),
    # NaN and infinity.
    ({"sat_pos_m": np.where(POS > 1.2e6, NAN, POS)}, "sat_pos_m holds NaN or infinity"),
    ({"sat_vel_mps": np.where(VEL > 7e3, INF, VEL)}, "sat_vel_mps holds NaN or infinity"),
    ({"rx_pos_m": (NAN, 0.0, 0.0)}, "rx_pos_m holds NaN or infinity"),
    ({"antennas_body_m": [(INF, 0.0, 0.0)]}, "antennas_body_m holds NaN or infinity"),
    ({"slot_spacing_s": NAN}, "slot_spacing_s holds NaN or infinity"),
    ({"snr_linear": INF}, "snr_linear holds NaN or infinity"),
    ({"snr_linear": None, "snr_db": NAN}, "snr_db holds NaN or .infinity; -infinity means a block"),
    ({"carrier_hz": NAN}, "carrier_hz holds NaN or infinity"),
    # Negative where there is no such thing; a correlation beyond 1.
    ({"snr_linear": -1.0}, "snr_linear = -1: expected 0 or more"),
    ({"mean_square_time_s2": -1e-6}, "mean_square_time_s2 = -1e-06: expected 0 or more"),
    ({"mean_square_time_s2": None, "slot_length_s": -0.01}, "slot_length_s = -0.01: expected 0 or"),
    ({"bandwidth_hz": -5.0}, "bandwidth_hz = -5: expected 0 or more"),
    ({"slot_spacing_s": -1.0}, "slot_spacing_s = -1: expected 0 or more"),
    ({"carrier_hz": 0.0}, "carrier_hz = 0: expected 1 or more"),
    ({"correlation": 1.01}, "correlation = 1.01: expected -1 to 1"),
    ({"correlation": -2.0}, "correlation = -2: expected -1 to 1"),
    # A satellite among the antennas; antennas off their centroid.
    ({"sat_pos_m": 0 * POS + 20.0, "rx_pos_m": (20.0, 20.0, 20.0), "rx_vel_mps": (0.0, 0.0, 0.0)},
     "a satellite is 0 m from the receiver, closer than its antennas' extent"),
    ({"antennas_body_m": SQUARE + 0.1}, "their mean is .* not zero; subtract it, and move rx_pos"),
    # The unit of SNR is part of its name; one of two descriptions.
    ({"snr_db": 20.0}, "give one of snr_linear and snr_db"),
    ({"snr_linear": None}, "give one of snr_linear and snr_db"),
    ({"snr_linear": None, "snr_db": "strong"}, "snr_db = 'strong': expected an array of numbers"),
    ({"snr_linear": "strong"}, "snr_linear = 'strong': expected an array of numbers"),
    ({"slot_length_s": 0.01}, "give one of slot_length_s and mean_square_time_s2"),
    ({"yaw_pitch_roll_rad": None}, "give one of yaw_pitch_roll_rad and rotation"),
    ({"yaw_pitch_roll_rad": None, "rotation": -np.eye(3)}, "rotation is no rotation matrix"),
    ({"up": (0.0, 0.0, 0.0)}, r"up = \(0, 0, 0\): expected a direction"),
]  # fmt: skip


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_scene_that_cannot_be_is_refused_in_words(changes, message):
    with pytest.raises(LeopntError, match=message):
        worked_case(**changes)


DOUBTFUL = [
    ({"slot_spacing_s": 0.0}, "slot_spacing_s = 0: further slots tell nothing about the velocity"),
    ({"mean_square_time_s2": None, "slot_length_s": 2.0}, "is above the spacing, 1 s: slots overl"),
    ({"up": (0.0, 0.0, -2.0)}, "below the horizon, but with a link: satellite 1, 2, 3 of 3"),
    ({"rx_pos_m": EARTH_M, "sat_pos_m": EARTH_M + POS},
     "below the horizon, but with a link: satellite 2 of 3; an SNR of 0 blocks a link"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), DOUBTFUL)
def test_a_doubtful_scene_is_built_with_a_warning(changes, message):
    with pytest.warns(LeopntWarning, match=message):
        scene = worked_case(**changes)
    assert np.all(np.isfinite(nine_d.efim(scene)))


def test_no_warning_where_satellites_are_up_or_blocked():
    blocked = np.full((3, 3), 100.0)
    blocked[1] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        worked_case(up=(0.0, 0.0, 1.0))
        worked_case(rx_pos_m=EARTH_M, sat_pos_m=EARTH_M + POS, snr_linear=blocked)


def co_located():
    """Three satellites, all where the first is."""
    scene = random_case()
    same = [jnp.stack([x[0]] * 3) for x in (scene.sat_pos_m, scene.sat_vel_mps)]
    return eqx.tree_at(lambda s: [s.sat_pos_m, s.sat_vel_mps], scene, same)


def blocked():
    """Two of three satellites without any link."""
    scene = random_case(3, 3)
    return eqx.tree_at(lambda s: s.snr, scene, scene.snr.at[1:].set(0.0))


def at_one_instant():
    """Slot spacing 0: three looks at the same satellites."""
    scene = random_case()
    still = [jnp.stack([x[:, 0]] * 3, axis=1) for x in (scene.sat_pos_m, scene.sat_vel_mps)]
    names = [0.0 * scene.slot_time_s, *still]
    return eqx.tree_at(lambda s: [s.slot_time_s, s.sat_pos_m, s.sat_vel_mps], scene, names)


UNIDENTIFIABLE = [
    (co_located, "satellites 1 and 2 of 3 are at the same place."),
    (blocked, "satellite 2 of 3 has no link and tells nothing."),
    (at_one_instant, "all slots are at one instant: the velocity shows in the Doppler alone."),
    (lambda: random_case(antennas=SINGLE), "antennas are at one point, which has no orientation."),
    (
        lambda: random_case(antennas=LINE),
        "on one line, and a rotation about it moves none of them.",
    ),
]


@pytest.mark.parametrize(("build", "reason"), UNIDENTIFIABLE)
def test_a_degenerate_scene_is_unidentifiable_for_a_reason_in_words(build, reason):
    scene = build()
    answer = identifiability(scene)
    assert not answer.formal.is_identifiable or not answer.practical.is_identifiable
    assert any(said.endswith(reason) for said in answer.reasons), answer.reasons
    # What is asked for is NaN or useless, never a plausible number; nothing raises.
    found = nine_d.information(scene)
    sigma = [np.linalg.norm(found.sigma(name)) for name in LOCATION]
    limits = answer.practical.limit
    assert any(not s < limits[name] for s, name in zip(sigma, LOCATION, strict=True))


def test_a_pitch_of_90_degrees_costs_euler_angles_and_nothing_else(evidence):
    # Yaw and roll turn about one axis there; the rotation vector does not care.
    scene = worked_case(yaw_pitch_roll_rad=(0.3, np.pi / 2, 0.1))
    assert np.linalg.matrix_rank(nine_d.euler_matrix(scene), tol=1e-9) == 8
    assert identifiability(scene).formal.is_identifiable
    near = worked_case(yaw_pitch_roll_rad=(0.3, np.pi / 2 - 1e-9, 0.1))
    sigma, expected = (nine_d.information(s).sigma("rotation_rad") for s in (scene, near))
    evidence(
        "methods.nine_d.scene",
        "bound of the rotation vector at a pitch of 90 degrees, relative",
        "1e-9 rad beside it",
        "invariance",
        achieved=np.max(np.abs(np.asarray(sigma) / np.asarray(expected) - 1)),
        tolerance=1e-7,
    )
