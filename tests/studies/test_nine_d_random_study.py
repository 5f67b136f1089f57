"""Studies of 9D bounds over random geometries: laws of bounds, published medians, messages."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size
from study_texts import NINE_D_RANDOM, load_text

from leopnt.errors import LeopntError
from leopnt.frames.attitude import rotation_from_yaw_pitch_roll
from leopnt.inference.batch import batch_map
from leopnt.inference.status import Status
from leopnt.methods.nine_d import LOCATION, euler_covariance, information, random_scene, seed_motion
from leopnt.methods.nine_d.closed_form import euler_map
from leopnt.studies import Threads, catalog_study, method_of, run_study

NAMES = ("position_bound", "orientation_bound", "velocity_bound")
UNOBSERVABLE = int(np.asarray(Status.unobservable._value))


NUM_TRIALS = 50
"""One tile, so that most tests share a compiled kernel."""


def trials_of(folder, text=""):
    """Outcomes of the first trials of the first point."""
    study = load_text(folder, NINE_D_RANDOM + text)
    point = study.method.prepare(study.points[0].settings, folder)
    return batch_map(
        point.kernel, np.arange(NUM_TRIALS), shared=point.shared, tile=NUM_TRIALS, threads=1
    )


def warnings_of(folder, text):
    study = load_text(folder, NINE_D_RANDOM + text)
    return study.method.prepare(study.settings, folder).warnings


def refused(folder, text):
    with pytest.raises(LeopntError) as caught:
        load_text(folder, NINE_D_RANDOM + text)
    return str(caught.value)


# Bounds


@eqx.filter_jit
def general_sigmas(number):
    """Bounds of a trial of seed 3: position, rotation vector, velocity, yaw-pitch-roll."""
    key = jax.random.fold_in(jax.random.key(3), number)
    scene = random_scene(key, seed_motion, num_sat=4, num_slot=4)
    general = information(scene)
    covariance = general.crb(LOCATION)
    position, rotation, velocity = (covariance[i : i + 3, i : i + 3] for i in (0, 3, 6))
    back = jnp.linalg.inv(euler_map(scene.rotation))
    parts = (position, rotation, velocity, back @ rotation @ back.T)
    return jnp.sqrt(jnp.stack([jnp.trace(one) for one in parts]))


def test_a_trial_is_the_bound_of_its_random_scene(tmp_path, evidence):
    trials = trials_of(tmp_path, '[geometry]\nmotion = "seed"\nsatellites = 4\nslots = 4')
    found = np.column_stack([trials[name][:4] for name in (*NAMES, "euler_bound")])
    expected = [general_sigmas(number) for number in range(4)]
    evidence(
        "studies.nine_d_random_kernel",
        "bounds of the first trials, relative",
        "general Fisher information of the same scenes",
        "implementation",
        achieved=np.max(np.abs(found / np.array(expected) - 1.0)),
        tolerance=1e-8,
    )


def test_bounds_scale_as_one_over_the_root_of_the_snr(tmp_path, evidence):
    weak, strong = (trials_of(tmp_path, f"[signal]\nsnr_db = {db}") for db in (-10.0, 30.0))
    off = [np.max(np.abs(weak[name] / strong[name] / 100.0 - 1.0)) for name in NAMES]
    evidence(
        "studies.nine_d_random_study",
        "bounds 40 dB apart over each other and 100",
        "SNR^-1/2",
        "closed form",
        achieved=max(off),
        tolerance=1e-6,
    )


def test_half_the_doppler_weight_is_a_slot_shorter_by_the_root_of_two(tmp_path):
    # q = weight f^2 T^2 / 12 sum SNR
    motion = '[geometry]\nmotion = "seed"\nslot_spacing_s = 0.025\n[signal]\nslot_length_s = '
    half = trials_of(tmp_path, f"{motion}0.02\ndoppler_weight = 0.5")
    short = trials_of(tmp_path, f"{motion}{0.02 / 2**0.5!r}")
    for name in NAMES:
        np.testing.assert_allclose(half[name], short[name], rtol=1e-8)


def test_more_satellites_slots_or_knowledge_never_tell_less(tmp_path):
    base = trials_of(tmp_path)
    for more in (
        "[geometry]\nsatellites = 4",
        "[geometry]\nslots = 4",
        "[priors]\nheight_m = 10.0",
        "[priors]\ntime_offset_s = 1e-6\nvelocity_mps = 1.0",
    ):
        other = trials_of(tmp_path, more)
        for name in (*NAMES, "weakest_position"):
            assert np.all(other[name] <= base[name] * (1 + 1e-9)), (more, name)
    assert np.all(trials_of(tmp_path, "[priors]\nheight_m = 10.0")["position_bound"] > 0)


def test_the_weakest_direction_is_no_more_than_all_and_no_less_than_a_third(tmp_path):
    trials = trials_of(tmp_path)
    share = trials["weakest_position"] ** 2 / trials["position_bound"] ** 2
    assert np.all((share >= 1 / 3) & (share <= 1.0))


def test_yaw_alone_turns_about_the_vertical():
    turn = rotation_from_yaw_pitch_roll(*map(jnp.asarray, (0.7, 0.0, 0.0)))
    tilt = np.diag([0.0, 0.0, 9.0])
    np.testing.assert_allclose(euler_covariance(turn, jnp.asarray(tilt)), np.diag([9.0, 0, 0]))


# What cannot be told


def test_too_few_slots_are_not_solved_and_have_no_bound(tmp_path):
    trials = trials_of(tmp_path, "[geometry]\nsatellites = 1\nslots = 2")
    assert np.all(trials["status"] == UNOBSERVABLE)
    assert not np.any(trials["practical"])


def test_what_is_known_is_left_out_of_the_result(tmp_path):
    text = '[array]\nshape = "single"\n[method]\nknown = ["orientation"]\n'
    study = load_text(tmp_path, NINE_D_RANDOM + text + "[geometry]\nslot_spacing_s = 10.0\nslots=4")
    found = run_study(study, tmp_path / "out", workers=Threads(1))
    assert found["solved"] == 20
    assert "orientation_bound_median" not in found
    assert "euler_bound_median" not in found
    assert np.isfinite(found["position_bound_median"])


def test_a_bound_beyond_the_limits_is_not_practical(tmp_path):
    trials = trials_of(tmp_path, "[geometry]\nslot_spacing_s = 10.0")
    expected = (
        (trials["position_bound"] < 0.1 * 1.5e6)
        & (trials["orientation_bound"] < 1.0)
        & (trials["velocity_bound"] < 1e3)
    )
    np.testing.assert_array_equal(trials["practical"], expected)
    strict = "[geometry]\nslot_spacing_s = 10.0\n[limits]\norientation_rad = 1e-6"
    assert not np.any(trials_of(tmp_path, strict)["practical"])


# Studies


@pytest.mark.study
def test_medians_and_slopes_of_figure_2_are_the_published_ones(tmp_path, evidence):
    text = NINE_D_RANDOM.replace("trials = 20", f"trials = {study_size(1000, 4000)}") + (
        '[sweep.values]\n"geometry.motion" = ["seed", "integrated", "orbit"]\n'
        '"geometry.slot_spacing_s" = [0.1, 0.3, 1.0]\n'
    )
    study = load_text(tmp_path, text)
    found = run_study(study, tmp_path / "out", workers=Threads(2))
    median = found["position_bound_median"].values.reshape(3, 3)
    published = np.array([[233, 78.8, 23.6], [452, 154, 46.1], [3.9e5, 6.9e4, 6.3e3]])
    slope = np.log(median[:, 2] / median[:, 1]) / np.log(1.0 / 0.3)
    for i, (motion, band, law, width) in enumerate(
        [("seed", 0.25, -1.0, 0.05), ("integrated", 0.25, -1.0, 0.05), ("orbit", 0.4, -2.0, 0.15)]
    ):
        evidence(
            "studies.nine_d_random_study",
            f"median position bound, slots 0.1 to 1 s apart, {motion} motion, relative",
            "independent implementation, 200 geometries",
            "implementation",
            achieved=np.max(np.abs(median[i] / published[i] - 1.0)),
            tolerance=band,
        )
        assert slope[i] == pytest.approx(law, abs=width)


def test_threads_and_pieces_give_the_same_numbers(tmp_path):
    text = NINE_D_RANDOM.replace("trials = 20", "trials = 45")
    study = load_text(tmp_path, f'{text}[sweep.values]\n"geometry.satellites" = [2, 3, 4]')
    one = run_study(study, tmp_path / "one", workers=Threads(1))
    two = run_study(study, tmp_path / "two", workers=Threads(2))
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name], two[name])


@pytest.mark.parametrize("name", ["figure-2", "figure-2-variants"])
def test_the_catalogue_judges_the_claim_about_the_knee(name):
    published = catalog_study(f"nine_d/{name}").settings.published
    claims = [one for one in published if "emenonye-9d] Sec. IV" in one.source]
    assert {one.source.split("'")[1] for one in claims} == {"slow", "drastic"}
    assert all(one.slope_from and one.told_kind == "reading" for one in claims)
    differing = [one for one in claims if one.ours is not None]
    assert {one.source.split("'")[1] for one in differing} == {"slow"}
    assert all("knee depends on the unstated" in one.why for one in differing)


# Template and messages

ALTERNATIVES = {
    "antennas": ('shape = "square"', 'shape = "line"'),
    "antennas_m": ('shape = "square"', ""),
    "mean_square_time_s2": ("slot_length_s = 0.01", ""),
    "esn0_db": ("snr_db = 20.0", ""),
}


def test_every_choice_of_the_template_is_without_mistakes(tmp_path):
    template = method_of("nine_d_random").template
    lines = template.splitlines()
    end = next(i for i, line in enumerate(lines) if "[[published]]" in line)
    tried = []
    for i, line in enumerate(lines):
        match = re.match(r'# (")?([a-z0-9_.]+)"? = ', line)
        if not match or "random only" in line or i > end:
            continue
        text = "\n".join([*lines[:i], line[2:], *lines[i + 1 :]])
        text = text.replace(*ALTERNATIVES.get(match[2], ("\n", "\n")), 1)
        (tmp_path / "s.toml").write_text(text)
        load_text(tmp_path, text)
        tried.append(match[2])
    assert {"antennas_m", "esn0_db", "height_m", "geometry.satellites", "about"} <= set(tried)
    whole = template.split("# [[published]]")
    rest = "\n".join(one.removeprefix("# ") for one in whole[1].splitlines()[1:])
    study = load_text(tmp_path, whole[0] + "[[published]]\n" + rest)
    assert study.settings.published[0].slope_from == {"geometry.slot_spacing_s": 0.1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[geometry]\nslot_spacing_s = 0.005", "a slot of 0.01 s is longer than [geometry] slot_"),
        ("[geometry]\nslot_spacing_s = 0.0", "slot_spacing_s = 0: further slots tell nothing"),
        ("[signal]\nsnr_db = 0.0", "a carrier phase has a standard deviation of 6.3 rad, above"),
    ],
)
def test_settings_that_void_a_bound_are_warned_of(tmp_path, text, sentence):
    (warning,) = warnings_of(tmp_path, text)
    assert sentence in warning


def test_sound_settings_raise_no_warning(tmp_path):
    assert warnings_of(tmp_path, "") == ()
    assert warnings_of(tmp_path, "[geometry]\nslots = 1\nslot_spacing_s = 0.0") == ()
    assert warnings_of(tmp_path, '[signal]\nsnr_db = 0.0\n[method]\nphase = "antenna"') == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[geometry]\nmotion = "orbits"', "[geometry] motion = 'orbits': expected 'orbit' (circ"),
        ("[geometry]\nsatellites = 0", "[geometry] satellites = 0: expected the satellites, 1 to"),
        ("[geometry]\nslot_spacing_s = -1.0", "expected the seconds between slots, 0 to 1e4."),
        (
            "[signal]\ncorrelation = 1.5",
            "expected the correlation of baseband and carrier",
        ),
        ("[signal]\nsnr_db = nan", "[signal] snr_db = nan: expected 8 pi^2 E/N0 of each link"),
        ("[receiver]\nspeed = 3.0", "[receiver] speed: unknown key. Did you mean 'speed_mps'?"),
        ("[signal]\ncarrier_hz = 1575.42", "1575.42 looks like MHz; write 1575420000."),
        (
            "[array]\nspacing_wavelengths = 100000.0\n[geometry]\nrange_m = 1000.0",
            "[array] an antenna is 21198.5 m from the centroid, too far for satellites at "
            "[geometry] range_m = 1000.0.",
        ),
        ("[array]\nantennas = 4", "[array] antennas = 4: goes with shape = 'line' only"),
    ],
)
def test_settings_that_make_no_sense_get_their_sentence(tmp_path, text, sentence):
    assert sentence in refused(tmp_path, text)
