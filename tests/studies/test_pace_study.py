"""Studies of PACE: what trials are, laws over sweeps, the catalogue's numbers, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_texts import load_text

from leopnt.antennas.steering import UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.methods import pace
from leopnt.scenes.constellation import load_satellites
from leopnt.scenes.study_settings import TimeSettings
from leopnt.studies import Threads, catalog_study, run_study
from leopnt.studies.pace_settings import places_of
from leopnt.studies.pace_statistics import DrawStatistics
from leopnt.studies.pace_study import BOUNDS, METHOD, RATES

PACE = """
[study]
method = "pace"
trials = 8
seed = 3
"""
DRAWN = '[offsets]\nkind = "drawn"\n'
RATE = '[array]\nside = 4\n[method]\ncompute = "rates"\n'


def trials_of(folder, text="", count=10):
    """Outcomes of the first trials."""
    study = load_text(folder, PACE + text)
    point = study.method.prepare(study.points[0].settings, folder)
    # The study's own tile: its runs below compile nothing new.
    return batch_map(
        point.kernel, np.arange(count), shared=point.shared, tile=METHOD.tile, threads=1
    )


def refused(folder, text):
    with pytest.raises(LeopntError) as caught:
        load_text(folder, PACE + text)
    return str(caught.value)


def test_bounds_of_a_trial_are_those_of_the_worked_case(tmp_path, evidence):
    found = trials_of(tmp_path)
    # Users 1 to 4 at 50 dBm, and user 1 at 30 dBm of uplink; printed by another implementation.
    lb_m = np.sqrt(np.mean(np.square([82.654325, 119.69067, 41.714797, 43.216877])))
    off = [
        np.max(np.abs(found["first_user_lb"] / 82.654325 - 1)),
        np.max(np.abs(found["pab_lb"] / lb_m - 1)),
    ]
    evidence(
        "studies.pace_study",
        "position bounds of the default scene, relative",
        "independent implementation, printed to 8 digits",
        "implementation",
        achieved=max(off),
        tolerance=1e-6,
    )
    for name in RATES:
        assert np.all(np.isnan(found[name]))


def test_position_errors_point_in_eight_directions_by_turns(tmp_path):
    found = trials_of(tmp_path, "[believed]\nerror_m = 1e4")
    ours = np.asarray(found["vector_lb"])
    np.testing.assert_allclose(ours[8:], ours[:2], rtol=1e-12)
    assert len(np.unique(np.round(ours[:8], 10))) == 8
    scene, system = pace.default_scene(), pace.PaceSystem()
    up = np.asarray(scene.user_pos_m) / 6400e3
    first = np.array([1.0, 0, 0]) - up[:, :1] * up
    moved = scene.user_pos_m + 1e4 * first / np.linalg.norm(first, axis=1, keepdims=True)
    bound = pace.uplink_bounds(scene, system, moved)
    length = 8.0 * np.abs(bound.channel_gain)
    expected = np.sqrt(np.mean((bound.pace.lb_vector / length) ** 2))
    np.testing.assert_allclose(ours[0], expected, rtol=1e-9)


def test_drawn_offsets_scale_the_error_as_drawn(tmp_path):
    spans = "clock_bias_ns = [0.0, 1.0]\nfreq_offset_hz = [0.0, 0.0]\n"
    power = "[power]\nsatellite_dbm = 90.0\n"
    near, far = (
        trials_of(tmp_path, f"{power}{DRAWN}{spans}clock_scale = {scale}") for scale in (20, 80)
    )
    # Biases far above the noise are linear in the offsets; the same draws at both scales.
    np.testing.assert_allclose(far["pab_lb"] / near["pab_lb"], 4.0, rtol=1e-3)
    assert len(np.unique(near["pab_lb"])) == 10
    none = trials_of(tmp_path, f"{DRAWN}clock_scale = 0\nfreq_scale = 0")
    np.testing.assert_allclose(none["pab_lb"], none["pab_crb"], rtol=1e-6)


def test_rates_of_a_trial_are_those_of_single_functions(tmp_path, evidence):
    found = trials_of(tmp_path, RATE)
    scene = pace.default_scene()
    system = pace.PaceSystem(array=UniformPlanarArray(4, 4))
    key = jax.random.split(jax.random.fold_in(jax.random.key(3), 0), 3)[0]
    links = pace.links_of(pace.with_random_phases(key, scene), system)
    steering = jax.vmap(jax.vmap(system.array.steering))(links.az_rad, links.el_rad)
    channels = links.channel_gain[..., None] * steering
    common = (system.noise_w, 1024, 120e3)
    wmmse = pace.wmmse_batch(channels, 100.0 / 128, system.noise_w).beams
    equal = jnp.stack([pace.equal_gain_beams(one, 100.0 / 128) for one in steering])
    expected = {
        "perfect_rate": pace.network_rate(channels, jnp.asarray(wmmse), *common).total_bps,
        "pab_rate": pace.network_rate(channels, equal, *common).total_bps,
        "s3_rate": pace.strongest_satellite_rates(channels, 100.0, *common).rate.total_bps,
    }
    evidence(
        "studies.pace_study",
        "rates of a trial, relative",
        "beams and rates one satellite at a time",
        "implementation",
        achieved=max(abs(found[name][0] / float(one) - 1) for name, one in expected.items()),
        tolerance=1e-6,
    )
    full = trials_of(tmp_path, RATE + 'account = "full"')
    assert np.all(full["s3_rate"] > found["s3_rate"])
    np.testing.assert_allclose(full["perfect_rate"], found["perfect_rate"], rtol=1e-12)
    assert np.all(np.isnan(found["pab_lb"]))


@pytest.mark.parametrize("name", ["figure-5", "figure-7", "figure-8"])
def test_published_numbers_of_the_bounds_hold(name, tmp_path, evidence):
    found = run_study(catalog_study(f"pace/{name}"), tmp_path / "out", workers=Threads(1))
    verdicts = found["verdict"].values.tolist()
    evidence(
        "studies.pace_study",
        f"numbers of {name} that differ",
        "independent implementation",
        "implementation",
        achieved=sum(one == "differs" for one in verdicts),
        tolerance=0,
    )
    assert verdicts.count("held") >= 4


def test_statistics_leave_out_what_has_no_bound(evidence):
    statistics = DrawStatistics({"pab_lb": BOUNDS["pab_lb"]}, 6)
    status = np.array([0, 0, 5, 0], np.int8)
    values = np.array([3.0, 4.0, 100.0, np.nan])
    statistics.add(np.arange(4), {"status": status, "pab_lb": values})
    found = {name: one.values.tolist() for name, one in statistics.columns().items()}
    evidence(
        "studies.pace_statistics",
        "root mean square of 3 and 4 beside a failed draw and one without a bound",
        "sqrt(12.5)",
        "closed form",
        achieved=abs(found["pab_lb_rms"] / 12.5**0.5 - 1.0),
        tolerance=1e-12,
    )
    assert found["pab_lb_mean"] == pytest.approx(3.5)
    assert found["pab_lb_sigma"] == pytest.approx(0.5)
    assert [found[x] for x in ("solved", "not_solved", "missing", "not_finite")] == [2, 2, 2, 1]
    empty = DrawStatistics({"pab_lb": BOUNDS["pab_lb"]}, 6).columns()
    assert np.isnan(empty["pab_lb_rms"].values)
    assert list(empty) == list(statistics.columns())


def test_a_mismatch_beyond_any_local_bound_is_counted_not_averaged(tmp_path):
    far = trials_of(tmp_path, DRAWN + "clock_scale = 1e6")
    assert np.any(far["status"] != 0)
    assert set(far) == set(METHOD.outcomes)


def test_tables_that_contradict_each_other_are_refused(tmp_path):
    assert "clock_scale = 2: goes with kind = 'drawn'" in refused(
        tmp_path, "[offsets]\nclock_scale = 2"
    )
    text = refused(tmp_path, DRAWN + "clock_bias_ns = [3.0, 1.0]")
    assert "clock_bias_ns = [3.0, 1.0]: the first is above the second" in text
    text = refused(tmp_path, "[signal]\nsubcarriers = 1001")
    assert "subcarriers = 1001: expected a multiple of 8" in text


BELOW = '[constellation]\npreset = "starlink-shell-1"\n[place]\ncity = "Paris"\nmask_deg = 15.0\n'


def test_bounds_below_a_constellation_are_those_of_its_highest_satellites(tmp_path):
    study = load_text(tmp_path, PACE + BELOW + "after_s = 60.0\n")
    found = trials_of(tmp_path, BELOW + "after_s = 60.0\n", count=1)
    settings = study.settings
    time = TimeSettings(duration_s=60.0)
    ephemeris = load_satellites(settings.constellation, time, tmp_path).ephemeris
    places = places_of(settings.place)
    middle = np.mean([place.pos_ecef_m for place in places], axis=0)
    for place in places:
        assert np.linalg.norm(place.pos_ecef_m - middle) == pytest.approx(30e3, rel=0.2)
    base = pace.default_scene()
    over = pace.pace_scene_from_ephemeris(
        ephemeris,
        places,
        time_s=60.0,
        mask_rad=np.radians(15.0),
        clock_bias_s=base.clock_bias_s,
        freq_offset_hz=base.freq_offset_hz,
    )
    bounds = pace.scene_position_bounds(over.scene, pace.PaceSystem(), pace.UserBeams())
    rms_m = np.sqrt(np.mean(np.asarray(bounds.lb_m) ** 2))
    np.testing.assert_allclose(found["pab_lb"][0], rms_m, rtol=1e-6)
    later = trials_of(tmp_path, BELOW + "after_s = 120.0\n", count=1)
    assert abs(later["pab_lb"][0] / rms_m - 1.0) > 1e-3


def test_a_place_and_a_constellation_go_together(tmp_path):
    both = BELOW.split("[place]")
    assert "[constellation]: goes with [place], which is missing" in refused(tmp_path, both[0])
    assert "[place]: goes with [constellation], which" in refused(tmp_path, "[place]" + both[1])
    assert "Did you mean 'Paris'" in refused(tmp_path, BELOW.replace("Paris", "Pariss"))
    file = BELOW.replace('preset = "starlink-shell-1"', 'file = "none.tle"')
    text = refused(tmp_path, file)
    assert "[place] start: missing; with a [constellation] file the date must be known." in text
    assert "none.tle" in text
