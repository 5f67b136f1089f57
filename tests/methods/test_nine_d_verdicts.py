"""Verdicts on 9D scenes: what is answered, in which words, and that nothing raises."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from nine_d_cases import LINE, SINGLE, SQUARE, random_case

from leopnt.errors import LeopntError
from leopnt.inference.identifiability import Verdict, conditioning
from leopnt.methods.nine_d.bounds import LOCATION, information
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS, FrequencyOffset, TimeOffset
from leopnt.methods.nine_d.scene import nine_d_scene
from leopnt.methods.nine_d.verdicts import PracticalLimits, identifiability
from leopnt.methods.nine_d.weak_directions import words_of


def changed(scene, **fields):
    names = list(fields)
    values = [jnp.asarray(fields[name]) for name in names]
    return eqx.tree_at(lambda s: [getattr(s, name) for name in names], scene, values)


def test_three_satellites_over_three_slots_are_enough_for_a_square():
    found = identifiability(random_case())
    assert found.formal.is_identifiable
    assert found.structural.is_identifiable
    assert found.practical.is_identifiable
    assert found.reasons == ()
    assert 1.0 < found.condition < 1e6


def test_sigmas_condition_and_weakest_direction_agree_with_64_bit(evidence):
    # 64 bit resolves the rows to 1e-16 of a condition of 1e3 to 1e5.
    worst = 0.0
    for seed in range(3):
        scene = random_case(seed=seed)
        found, bound = identifiability(scene), information(scene)
        variance = np.diag(np.asarray(bound.crb(LOCATION)))
        for name, sigma in zip(LOCATION, np.sqrt(variance.reshape(3, 3).sum(axis=1)), strict=True):
            worst = max(worst, abs(found.practical.sigma[name] / sigma - 1.0))
        other = conditioning(bound, LOCATION)
        worst = max(worst, abs(found.condition / other.number - 1.0))
        worst = max(worst, 1.0 - abs(found.weakest.unit_free @ other.weakest.unit_free))
    evidence(
        "methods.nine_d.verdicts",
        "sigmas, condition number and weakest direction of 3 x 3 scenes, relative deviation",
        "square-root information in 64 bit",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


def test_a_line_of_antennas_does_not_tell_the_rotation_about_it():
    scene = random_case(antennas=LINE)
    found = identifiability(scene)
    axis = np.asarray(scene.rotation)[:, 0]
    assert found.formal.verdict is found.structural.verdict is Verdict.UNIDENTIFIABLE
    assert found.weakest_in_words == "rotation about the array axis"
    assert found.condition == np.inf
    assert abs(found.weakest.of("rotation_rad") @ axis) == pytest.approx(1.0, rel=1e-14)
    assert found.weakest.share("rotation_rad") == 1.0
    assert found.practical.too_large == ("rotation_rad",)
    assert found.formal.determined == ("rx_pos_m", "rx_vel_mps")
    assert any("on one line" in reason for reason in found.reasons)


def test_a_single_antenna_has_no_orientation():
    found = identifiability(random_case(antennas=SINGLE))
    assert found.weakest_in_words == "any rotation"
    assert "the antennas are at one point, which has no orientation." in found.reasons
    assert np.isfinite(found.practical.sigma["rx_pos_m"])


def test_one_synchronized_satellite_tells_the_distance_only():
    found = identifiability(random_case(1, 1, SINGLE), "rx_pos_m", (FrequencyOffset(),))
    assert found.formal.rank == 1
    assert found.weakest_in_words == "position across the line of sight of satellite 1"


def test_one_slot_with_unknown_frequency_tells_no_velocity():
    found = identifiability(random_case(4, 1), "rx_vel_mps")
    assert found.weakest_in_words == "any velocity"
    assert "all slots are at one instant: the velocity shows in the Doppler alone." in found.reasons


def test_a_single_satellite_leaves_the_rotation_about_its_line_of_sight():
    found = identifiability(random_case(1, 1), "rotation_rad", (FrequencyOffset(),))
    assert found.weakest_in_words == "rotation about the line of sight of satellite 1"


def test_what_only_the_curvature_tells_is_said():
    found = identifiability(random_case(1, 1), "rx_pos_m")
    assert found.formal.is_identifiable
    assert not found.structural.is_identifiable
    assert not found.practical.is_identifiable
    first, second = found.reasons
    assert first == "only the curvature of the wave over the array tells: any position."
    assert second.startswith("the sigma of rx_pos_m, ")
    assert second.endswith("beyond its limit of 2e+05 m.")


def test_a_pitch_of_90_degrees_is_as_good_as_any():
    base = random_case()
    given = {
        name: np.asarray(getattr(base, name))
        for name in ("sat_pos_m", "sat_vel_mps", "rx_pos_m", "rx_vel_mps")
    }
    scene = nine_d_scene(
        **given,
        slot_spacing_s=1.0,
        antennas_body_m=SQUARE,
        snr_linear=100.0,
        yaw_pitch_roll_rad=np.array([0.3, np.pi / 2, 0.1]),
    )
    assert identifiability(scene).practical.is_identifiable


def test_a_blocked_satellite_is_named_and_counts_as_none():
    scene = random_case(3, 3)
    snr = np.array(scene.snr)
    snr[1] = 0.0
    found = identifiability(changed(scene, snr=snr))
    without = changed(scene, sat_pos_m=scene.sat_pos_m[::2], sat_vel_mps=scene.sat_vel_mps[::2])
    shorter = {
        name: getattr(scene, name)[::2]
        for name in ("bandwidth_hz", "correlation", "snr", "mean_square_time_s2", "freq_offset_hz")
    }
    other = identifiability(changed(without, **shorter))
    assert found.reasons[0] == "satellite 2 of 3 has no link and tells nothing."
    for name in LOCATION:
        assert found.practical.sigma[name] == pytest.approx(other.practical.sigma[name], rel=1e-12)


def test_satellites_at_one_place_are_named_and_count_as_one():
    scene = random_case(2, 2)
    same = {name: jnp.stack([getattr(scene, name)[0]] * 2) for name in ("sat_pos_m", "sat_vel_mps")}
    twice = identifiability(changed(scene, **same), ("rx_pos_m", "rx_vel_mps"), ())
    assert "satellites 1 and 2 of 2 are at the same place." in twice.reasons
    once = identifiability(random_case(1, 2), ("rx_pos_m", "rx_vel_mps"), ())
    assert twice.formal.rank == once.formal.rank
    assert twice.structural.rank == once.structural.rank == 4


def test_a_scene_without_any_link_is_answered():
    scene = random_case()
    found = identifiability(changed(scene, snr=jnp.zeros_like(scene.snr)))
    assert found.formal.rank == 0
    assert found.weakest_in_words == "any position; any rotation; any velocity"
    assert len([r for r in found.reasons if "has no link" in r]) == 3


def test_words_name_directions_in_global_axes_where_nothing_else_fits():
    words = words_of(random_case())
    way = np.array([0.6, -1e-9, 0.8])
    assert words["rx_pos_m"](way) == "position along (0.60, 0.00, 0.80) in global axes"
    assert words["rotation_rad"](way) == "rotation about (0.60, 0.00, 0.80) in global axes"


def test_weak_directions_carry_the_name_of_what_lies_along_them(evidence):
    # The satellite's own direction, the array axis: closed forms of two null spaces.
    scene = random_case(1, 1)
    sight = np.asarray(scene.sat_pos_m[0, 0] - scene.rx_pos_m)
    sight = sight / np.linalg.norm(sight)
    found = identifiability(scene, "rotation_rad", (TimeOffset(), FrequencyOffset()))
    evidence(
        "methods.nine_d.weak_directions",
        "cosine of the weak rotation of one satellite to its line of sight, below 1 by",
        "geometry of a plane wave",
        "closed form",
        achieved=1.0 - abs(found.weakest.of("rotation_rad") @ sight),
        tolerance=1e-12,
    )
    assert "line of sight of satellite 1" in found.weakest_in_words


def test_limits_decide_the_practical_verdict():
    scene = random_case()
    assert identifiability(scene).practical.is_identifiable
    found = identifiability(scene, limits=PracticalLimits(rotation_rad=1e-6)).practical
    assert found.too_large == ("rotation_rad",)
    assert found.limit["rx_pos_m"] == pytest.approx(2e5, rel=1e-2)


def test_unknowns_are_answered_in_the_order_of_the_location():
    found = identifiability(random_case(), ("rx_vel_mps", "rx_pos_m"), BOTH_OFFSETS)
    assert found.unknown == found.formal.unknowns.names == ("rx_pos_m", "rx_vel_mps")


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_limits_are_positive(limit):
    with pytest.raises(LeopntError, match=r"velocity_mps = .*: expected a number above 0"):
        PracticalLimits(velocity_mps=limit)


def test_other_names_are_refused():
    with pytest.raises(LeopntError, match=r"unknown: 'rx_pos' is none of .* mean 'rx_pos_m'"):
        identifiability(random_case(), "rx_pos")
    with pytest.raises(LeopntError, match="unknown: name at least one"):
        identifiability(random_case(), ())
