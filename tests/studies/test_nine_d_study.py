"""9D bounds below a constellation as a study: against bounds of single scenes, and by symmetry."""

import dataclasses
import functools
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_texts import load_text

from leopnt.antennas.patterns import HemisphericalPatch
from leopnt.channel import CosecantGases, Receiver, Transmitter, link_budget
from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.methods.nine_d import LOCATION, PhaseOfSlot, information
from leopnt.methods.nine_d.from_ephemeris import nine_d_scene_from_ephemeris
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS
from leopnt.scenes import city
from leopnt.scenes.downlink import Downlink
from leopnt.scenes.satellite_choice import AllInView, Highest, Spread
from leopnt.scenes.study_scene import build_scene
from leopnt.studies import run_study
from leopnt.studies.nine_d_kernel import scene_of
from leopnt.studies.nine_d_settings import GeometryTable, choice_of
from leopnt.studies.nine_d_study import METHOD
from leopnt.studies.study_file import study_problems

ANGLES_DEG = (70.0, 5.0, -12.0)
WALKER = (
    "[constellation.walker]\npattern = 'delta'\nsatellites = 480\nplanes = 24\nphasing = 1.0\n"
    "inclination_deg = 75.0\naltitude_km = 1000.0\n"
)
LINK = (
    "[link]\neirp_dbw = 20.0\nelement = 'patch'\nnoise_temperature_k = 250.0\n"
    "gases = 'cosecant'\nother_loss_db = 1.0\n"
)
RECEIVER = (
    f"[receiver]\nheading_deg = {ANGLES_DEG[0]}\npitch_deg = {ANGLES_DEG[1]}\n"
    f"roll_deg = {ANGLES_DEG[2]}\nvelocity_enu_mps = [10.0, -5.0, 1.0]\n"
)


def text_of(*extra, trials=1, users="cities = ['Paris', 'Quito']", walker=WALKER):
    parts = (
        f"[study]\nmethod = 'nine_d'\ntrials = {trials}\nseed = 3\n",
        walker,
        f"[users]\n{users}\n",
        *extra,
    )
    return "\n".join(parts)


def trials_of(folder, text):
    """The settings, the prepared point and all of its trials."""
    study = load_text(folder, text)
    point = METHOD.prepare(study.settings, folder)
    index = np.arange(point.num_cases * study.settings.study.trials)
    return study, point, batch_map(point.kernel, index, shared=point.shared, tile=50, threads=1)


def sigma(crb):
    return np.sqrt(np.trace(np.asarray(crb)))


@pytest.mark.parametrize("phase", ["coherent", "slot"])
def test_a_bound_is_that_of_the_information_of_the_scene(tmp_path, phase, evidence):
    method = f"[method]\nphase = '{phase}'\n"
    study, point, found = trials_of(tmp_path, text_of(RECEIVER, LINK, method))
    scene = build_scene(study.settings.scene, tmp_path, beyond_s=2.0)
    downlink = Downlink(
        Transmitter.from_eirp(20.0),
        Receiver(250.0, HemisphericalPatch(5.0, -5.0)),
        gases=CosecantGases(),
        other_loss_db=1.0,
    )
    worst = 0.0
    for case, name in enumerate(("Paris", "Quito")):
        single = nine_d_scene_from_ephemeris(
            scene.ephemeris,
            city(name),
            time_s=0.0,
            antennas_body_m=point.shared.antennas_body_m,
            choice=Spread(4),
            heading_pitch_roll_rad=np.radians(ANGLES_DEG),
            rx_vel_enu_mps=(10.0, -5.0, 1.0),
            downlink=downlink,
        )
        extra = () if phase == "coherent" else (PhaseOfSlot(),)
        direct = information(single, (*BOTH_OFFSETS, *extra))
        for key, field in zip(
            ("position_bound", "orientation_bound", "velocity_bound"), LOCATION, strict=True
        ):
            worst = max(worst, abs(found[key][case] / sigma(direct.crb(field)) - 1.0))
        enu = scene.enu_axes[case]
        local = enu @ np.asarray(direct.crb("rx_pos_m")) @ enu.T
        np.testing.assert_allclose(found["vertical_bound"][case], np.sqrt(local[2, 2]), rtol=1e-7)
        horizontal = np.sqrt(local[0, 0] + local[1, 1])
        np.testing.assert_allclose(found["horizontal_bound"][case], horizontal, rtol=1e-7)
        turn = enu @ np.asarray(direct.crb("rotation_rad")) @ enu.T
        np.testing.assert_allclose(found["heading_bound"][case], np.sqrt(turn[2, 2]), rtol=1e-7)
    evidence(
        "studies.nine_d_study",
        f"9D bounds of a case, phase {phase}",
        "information of the same scene built from the ephemeris",
        "own",
        achieved=worst,
        tolerance=1e-8,
    )


def test_turning_everything_about_the_earths_axis_leaves_the_bounds(tmp_path, evidence):
    _, point, found = trials_of(tmp_path, text_of(RECEIVER))
    cos, sin = np.cos(0.7), np.sin(0.7)
    turned = jnp.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    shared = point.shared
    ephemeris = dataclasses.replace(
        shared.ephemeris,
        pos_ecef_m=shared.ephemeris.pos_ecef_m @ turned.T,
        vel_inertial_ecef_mps=shared.ephemeris.vel_inertial_ecef_mps @ turned.T,
    )
    cases = shared.cases._replace(
        rx_pos_m=shared.cases.rx_pos_m @ turned.T,
        rx_vel_mps=shared.cases.rx_vel_mps @ turned.T,
        enu_axes=shared.cases.enu_axes @ turned.T,
    )
    other = shared._replace(ephemeris=ephemeris, cases=cases)
    again = batch_map(point.kernel, np.arange(2), shared=other, tile=50, threads=1)
    names = ("position_bound", "vertical_bound", "heading_bound", "velocity_bound")
    worst = max(np.abs(again[name] / found[name] - 1.0).max() for name in names)
    evidence(
        "studies.nine_d_study",
        "bounds after a turn of satellites and receivers about the Earth's axis",
        "before the turn",
        "invariance",
        achieved=worst,
        tolerance=1e-7,
    )


def test_a_square_array_does_not_mind_a_quarter_turn(tmp_path):
    texts = (
        text_of(f"[receiver]\nheading_deg = {heading}\npitch_deg = 0.0\n")
        for heading in (20.0, 110.0)
    )
    one, two = (trials_of(tmp_path, text)[2] for text in texts)
    for name in ("position_bound", "orientation_bound", "heading_bound"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6)


def test_the_snr_of_a_link_is_that_of_its_budget(tmp_path, evidence):
    _, point, _ = trials_of(tmp_path, text_of(RECEIVER, LINK))
    shared = point.shared
    case = jax.tree.map(lambda x: x[1], shared.cases)
    scene = scene_of(case, shared, jnp.radians(jnp.array(ANGLES_DEG)))
    to_sat = np.asarray(scene.sat_pos_m[2, 1] - (scene.rx_pos_m + 1.0 * scene.rx_vel_mps))
    range_m = float(np.linalg.norm(to_sat))
    top = -np.asarray(scene.rotation)[:, 2]
    elevation = float(np.arcsin(to_sat @ np.asarray(case.enu_axes)[2] / range_m))
    budget = link_budget(
        Transmitter.from_eirp(20.0),
        Receiver(250.0, HemisphericalPatch(5.0, -5.0)),
        range_m=range_m,
        carrier_hz=1e9,
        el_rad=elevation,
        gases=CosecantGases(),
        rx_angle_rad=float(np.arccos(top @ to_sat / range_m)),
        other_loss_db=1.0,
    )
    snr_db = 10.0 * np.log10(np.asarray(scene.snr[2, 1]))
    evidence(
        "studies.nine_d_kernel",
        "SNR of a link of a tilted receiver",
        "channel.link_budget of that link",
        "own",
        achieved=np.abs(snr_db - float(budget.snr_db(0.01))).max(),
        tolerance=1e-9,
        unit="dB",
    )


def test_half_the_sigma_comes_with_four_times_the_snr(tmp_path):
    weak, strong = (
        trials_of(tmp_path, text_of(f"[signal]\nsnr_db = {snr_db}\n"))[2]
        for snr_db in (20.0, 20.0 + 10.0 * np.log10(4.0))
    )
    for name in ("position_bound", "orientation_bound", "velocity_bound"):
        np.testing.assert_allclose(weak[name] / strong[name], 2.0, rtol=1e-9)


def test_too_few_satellites_are_no_bound_but_an_outcome(tmp_path):
    text = text_of("[geometry]\nsatellites = 1\nslots = 2\n")
    _, point, found = trials_of(tmp_path, text)
    assert np.all(found["status"] == found["status"][0])
    assert found["status"][0] > 0
    assert np.all(np.isnan(found["position_bound"]))
    columns = statistics_of(point, found)
    assert columns["solved"].values == 0
    assert columns["identifiable"].values == 0.0


def statistics_of(point, trials, per_case=1):
    statistics = METHOD.statistics(point, per_case)
    statistics.add(np.arange(len(trials["status"])), trials)
    return statistics.columns()


def test_what_is_known_has_no_bound_and_helps_the_rest(tmp_path):
    _, point, known = trials_of(tmp_path, text_of("[method]\nknown = ['velocity']\n"))
    _, _, all_unknown = trials_of(tmp_path, text_of())
    assert np.all(known["status"] == 0)
    assert np.all(known["position_bound"] < all_unknown["position_bound"])
    columns = statistics_of(point, known)
    assert "velocity_bound_median" not in columns
    assert columns["case_position_bound"].values.tolist() == known["position_bound"].tolist()


def test_a_known_height_bounds_the_vertical(tmp_path):
    _, _, found = trials_of(tmp_path, text_of("[priors]\nheight_m = 0.5\n"))
    _, _, without = trials_of(tmp_path, text_of())
    assert np.all(without["vertical_bound"] > 5.0)
    assert np.all(found["vertical_bound"] < 0.5)


def test_random_attitudes_differ_and_stay_within_the_tilt(tmp_path):
    receiver = "[receiver]\nattitude = 'random'\ntilt_deg = 10.0\n"
    _, point, found = trials_of(tmp_path, text_of(receiver, trials=30))
    assert point.num_cases == 2
    assert len(np.unique(found["orientation_bound"])) == 60
    np.testing.assert_allclose(np.degrees(point.shared.spread_rad), [180.0, 10.0, 10.0])
    columns = statistics_of(point, found, per_case=30)
    assert columns["trials"].values == 60


def test_a_track_moves_with_its_own_velocity(tmp_path):
    users = (
        "track = { waypoints = [{ time_s = 0.0, latitude_deg = 10.0, longitude_deg = 0.0 }, "
        "{ time_s = 100.0, latitude_deg = 10.1, longitude_deg = 0.0 }] }"
    )
    _, point, found = trials_of(tmp_path, text_of(users=users))
    speed = np.linalg.norm(point.shared.cases.rx_vel_mps[0])
    assert speed == pytest.approx(110.6, abs=0.1)
    assert found["status"].tolist() == [0]


def test_choices_by_name():
    table = functools.partial(GeometryTable, slots=3)
    assert choice_of(table()) == Spread(4)
    assert choice_of(table(choose="highest", satellites=7)) == Highest(7)
    assert choice_of(table(choose="all")) == AllInView()


def test_slots_that_overlap_and_phases_that_no_one_tracks_are_said(tmp_path):
    text = text_of("[geometry]\nslot_spacing_s = 0.005\n[signal]\nsnr_db = 10.0\n")
    _, point, _ = trials_of(tmp_path, text)
    assert any("longer than [geometry] slot_spacing_s = 0.005" in one for one in point.warnings)
    assert any("standard deviation of 2 rad, above pi/4" in one for one in point.warnings)
    _, point, _ = trials_of(tmp_path, text_of("[geometry]\nslot_spacing_s = 0.0\n"))
    assert any("tell nothing about the velocity" in one for one in point.warnings)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (
            ("[geometry]\nchoose = 'all'\nsatellites = 5\n",),
            "[geometry] satellites = 5: goes with 'spread' and 'highest'",
        ),
        (
            ("[receiver]\ntilt_deg = 5.0\n",),
            "[receiver] tilt_deg = 5.0: goes with attitude = 'random'.",
        ),
        (
            ("[receiver]\nattitude = 'random'\npitch_deg = 5.0\n",),
            "[receiver] pitch_deg = 5.0: goes with attitude = 'fixed'.",
        ),
        (
            (LINK, "[signal]\nsnr_db = 20.0\n"),
            "[signal] snr_db = 20.0: [link] gives the SNR already; drop one.",
        ),
        (
            (LINK, "[signal]\nesn0_db = 20.0\n"),
            "[signal] esn0_db = 20.0: [link] gives the SNR already; drop one.",
        ),
        (
            (LINK, "[signal]\nmean_square_time_s2 = 1e-5\n"),
            "[signal] mean_square_time_s2: with [link] the energy of a slot needs its length",
        ),
        (
            (LINK + "exponent = 2.0\n",),
            "[link] exponent = 2.0: goes with element = 'cosine', not with 'patch'.",
        ),
        (
            (LINK + "horizon_dbi = 7.0\n",),
            "[link] horizon_dbi = 7.0: expected at most peak_dbi, 5.0.",
        ),
        (
            (LINK, "[antenna]\nmask_deg = 3.0\n"),
            "[link] gases = 'cosecant': holds from 5 degrees of elevation",
        ),
        (
            (LINK, "[signal]\ncarrier_hz = 0.4e9\n"),
            "[link] gases = 'cosecant': holds for carriers of 1 to 350 GHz",
        ),
        (("[link]\nelement = 'patch'\n",), "[link] eirp_dbw: missing; expected the EIRP in dBW"),
    ],
)
def test_tables_that_contradict_each_other_are_refused(tmp_path, extra, sentence):
    with pytest.raises(LeopntError) as refused:
        load_text(tmp_path, text_of(*extra))
    assert sentence in str(refused.value)


def test_wrong_values_in_the_tables_of_a_link_are_refused_by_name(tmp_path, evidence):
    link = {
        "eirp_dbw": 1.0,
        "beam_width_deg": 3.0,
        "element": "patch",
        "peak_dbi": 5.0,
        "horizon_dbi": -5.0,
        "noise_temperature_k": 3.0,
        "gases": "cosecant",
        "other_loss_db": 1.0,
    }
    raw = {
        "study": {"method": "nine_d", "trials": 1},
        "constellation": {"preset": "gps"},
        "users": {"cities": ["Paris"]},
        "antenna": {"mask_deg": 10.0},
        "signal": {"carrier_hz": 2e9},
        "geometry": {"choose": "all"},
        "receiver": {"attitude": "fixed"},
        "link": link,
    }
    assert list(study_problems(METHOD, raw, tmp_path)) == []
    unnamed = []
    for table in ("link", "signal", "antenna", "geometry", "receiver"):
        for key in raw[table]:
            for bad in ("x", -1e9, [], {}, float("nan"), 10**400, [1.0]):
                changed = raw | {table: raw[table] | {key: bad}}
                problems = list(study_problems(METHOD, changed, tmp_path))
                if not any(key in one for one in problems):
                    unnamed.append((table, key, bad))
        for bad in ("x", 3, [], [{}]):
            problems = list(study_problems(METHOD, raw | {table: bad}, tmp_path))
            assert any(table in one for one in problems), (table, bad)
    assert not unnamed
    evidence(
        "studies.nine_d_link",
        "wrong values that are accepted or end in a sentence without the key",
        "every key of the tables replaced",
        "own",
        achieved=len(unnamed),
        tolerance=0,
    )


def test_trials_without_chance_and_a_track_with_two_velocities_are_refused(tmp_path):
    with pytest.raises(LeopntError, match=r"\[study\] trials = 5: nothing is random"):
        load_text(tmp_path, text_of(trials=5))
    users = (
        "track = { waypoints = [{ time_s = 0.0, latitude_deg = 10.0, longitude_deg = 0.0 }, "
        "{ time_s = 100.0, latitude_deg = 10.1, longitude_deg = 0.0 }] }"
    )
    with pytest.raises(LeopntError, match=r"velocity_enu_mps: the track of \[users\] says"):
        load_text(tmp_path, text_of(RECEIVER, users=users))


def test_a_grid_of_places_runs_and_is_drawn_as_a_map(tmp_path):
    from leopnt.report.study_layout import study_plots

    grid = "grid = { latitude_deg = [-80.0, 80.0, 10.0], longitude_deg = [-180.0, 170.0, 30.0] }"
    study = load_text(tmp_path, text_of("[output]\nkeep_trials = false\n", users=grid))
    result = run_study(study, tmp_path / "out")
    assert result.attrs["complete"] == 1
    assert result["trials"].values.tolist() == [17 * 12]
    plots = {plot.name: plot for plot in study_plots(result)}
    assert {"map", "map_orientation", "map_velocity"} <= plots.keys()
    assert plots["map"].places.cell_deg == (30.0, 10.0)
    assert "position bound" in plots["map"].places.label
    assert plots["map"].places.subtitle == study.title


def test_files_of_the_elements_are_part_of_the_study(tmp_path):
    tle = Path(__file__).parents[2] / "examples" / "data" / "tle_2025" / "orbcomm.tle"
    walker = f"[constellation]\nfile = '{tle}'\n[time]\nstart = '2025-12-28T12:00:00Z'\n"
    study = load_text(tmp_path, text_of(walker=walker))
    assert study.method.files(study.settings, tmp_path) == [tle]
    assert METHOD.files(load_text(tmp_path, text_of()).settings, tmp_path) == []


def test_blocked_links_add_nothing(tmp_path):
    """A satellite without links leaves the bound of the others."""
    _, point, found = trials_of(tmp_path, text_of("[geometry]\nsatellites = 5\n"))
    strength = point.shared.cases.strength.at[:, 4].set(0.0)
    blocked = eqx.tree_at(lambda s: s.cases.strength, point.shared, strength)
    again = batch_map(point.kernel, np.arange(2), shared=blocked, tile=50, threads=1)
    _, _, four = trials_of(tmp_path, text_of("[geometry]\nsatellites = 4\n"))
    np.testing.assert_allclose(again["position_bound"], four["position_bound"], rtol=1e-7)
    assert np.all(found["position_bound"] < again["position_bound"])
