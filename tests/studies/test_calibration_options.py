"""Options of a calibration file: satellite clocks, zenith walks, patterns, delays that swing."""

import numpy as np
import pytest
from calibration_texts import calibration_text, written

from leopnt.errors import LeopntError
from leopnt.io.antex import read_antex, write_antex
from leopnt.methods.calibration import (
    CalibrationSettings,
    FreeClock,
    OncePerRevolution,
    PhasePattern,
    RandomWalkNodes,
    WhiteClock,
    WithPattern,
    layout_of,
    reduce_day,
    solve_calibration,
)
from leopnt.report import (
    calibration_figures,
    calibration_summary,
    write_calibration_report,
)
from leopnt.studies import Threads
from leopnt.studies.calibration_cost import cost_of
from leopnt.studies.calibration_export import antex_of, csv_of
from leopnt.studies.calibration_network import source_of
from leopnt.studies.calibration_run import run_calibration
from leopnt.studies.calibration_settings import CalibrationFile, load_calibration
from leopnt.studies.runner import Interrupted

WHITE = '[delays]\nmodel = "shared_level"\n[estimate]\nleo_clock = "white"\n'


def settings_of(**table):
    return CalibrationFile.model_validate({"estimate": table}).estimate.calibration()


def test_options_of_a_file_are_objects_of_the_library():
    assert settings_of(leo_clock="white", leo_clock_sigma_m=0.02) == CalibrationSettings(
        leo_phase_sigma_m=0.003, leo_clock=WhiteClock(0.02)
    )
    assert settings_of(leo_clock="free").leo_clock == FreeClock()
    assert settings_of(zenith="random_walk", zenith_rate_m_per_sqrt_h=0.01) == CalibrationSettings(
        ztd_spacing_s=600.0, zenith=RandomWalkNodes(0.01)
    )
    nodes = tuple(np.radians([0.0, 20.0, 40.0, 60.0]).tolist())
    found = settings_of(pattern={"step_deg": 20.0, "harmonics": 1}).orbit
    assert found == WithPattern(OncePerRevolution(), PhasePattern(nodes, 1, 0.1))


@pytest.fixture(scope="module")
def white(tmp_path_factory):
    folder = tmp_path_factory.mktemp("white")
    study = load_calibration(written(folder, more=WHITE))
    return study, folder / "out", run_calibration(study, folder / "out", workers=Threads(1))


def test_a_day_with_white_clocks_is_reduced_as_a_whole(white):
    study, out, found = white
    names = sorted(path.name for path in (out / "chunks").glob("day*"))
    assert names == ["day000.npz", "day001.npz"]
    settings = study.settings.estimate.calibration()
    layout = layout_of(settings, 4, 2)
    jobs = source_of(study).network.jobs
    total = sum(
        (reduce_day([j.load() for j in jobs if j.day == d], layout, settings) for d in (1,)),
        reduce_day([j.load() for j in jobs if j.day == 0], layout, settings),
    )
    expected = solve_calibration(total)
    np.testing.assert_allclose(found["offset_m"].values, expected.offset_m, rtol=0, atol=1e-9)
    assert found["job_station"].values.tolist() == ["all", "all"]
    assert found["stations_step"].values.tolist() == ["2 stations"]
    assert np.all(np.abs(found["offset_error_m"]) < 4 * found["offset_honest_sigma_m"])
    assert 0.4 < float(found["residual_all_rms_sigmas"][1]) < 1.2  # of phase, clock noise counted
    assert cost_of(study, Threads(1)).num_jobs == 2


def test_whole_days_go_on_at_the_last_finished_one(white, tmp_path):
    study, _, whole = white

    def stop(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="1 of 6"):
        run_calibration(study, tmp_path, workers=Threads(1), progress=stop)
    assert [path.name for path in (tmp_path / "chunks").glob("day*")] == ["day000.npz"]
    again = run_calibration(study, tmp_path, workers=Threads(1))
    assert again.assign_attrs(created="").identical(whole.assign_attrs(created=""))


def test_a_free_clock_leaves_offsets_alone(tmp_path):
    more = '[estimate]\nleo_clock = "free"\norbit = "known"\n'
    study = load_calibration(written(tmp_path, more=more, stations=("SHAO", "HKSL", "BJFS")))
    found = run_calibration(study, tmp_path / "out", workers=Threads(1))
    assert np.all(np.isnan(found["delay_m"]))
    assert np.all(np.isfinite(found["offset_m"]))
    assert "A free clock at each epoch contains the delay" in found.attrs["warnings"]
    assert "residual_rms_m" not in found
    page = write_calibration_report(found, tmp_path / "report.html", calibration_figures(found))
    assert "contains the delay" in page.read_text()
    assert calibration_summary(found).renderables
    assert csv_of(found).count("\n") == 5
    assert len(antex_of(found)[0].antennas) == 4


def test_a_pattern_is_told_and_written(tmp_path):
    more = '[estimate]\norbit = "considered"\n[estimate.pattern]\nstep_deg = 15.0\n'
    study = load_calibration(written(tmp_path, more=more, days=1))
    found = run_calibration(study, tmp_path / "out", workers=Threads(1))
    assert found["pattern_m"].dims == ("satellite", "pattern_function", "nadir")
    assert found["nadir_deg"].values == pytest.approx([0.0, 15.0, 30.0, 45.0, 60.0])
    ratio = found["pattern_m"].values / found["pattern_sigma_m"].values  # none was put in
    assert "orbit_term" not in found
    antennas, _ = antex_of(found)
    start = antennas.antennas[0].valid_from
    assert start is not None
    one = read_antex(write_antex(tmp_path / "leo.atx", antennas)).satellite("L02", start)
    np.testing.assert_allclose(
        one.frequency("G01").pcv_m, found["pattern_m"].values[1, 0], atol=5.001e-6
    )
    assert np.sqrt(np.mean(ratio**2)) < 10.0


def test_epoch_delays_follow_a_delay_that_swings(tmp_path, evidence):
    # Passes of a satellite come at the same hours each day: a swing of 12 h would be in its level.
    swing = "[simulation.swing]\namplitude_m = 1.0\nperiod_s = 20000.0\n"
    more = swing + '[delays]\nmodel = "random_walk"\nrate_m2ps = 1e-3\n'
    study = load_calibration(written(tmp_path, more=more))
    found = run_calibration(study, tmp_path / "out", workers=Threads(1))
    swung = found["row_true_m"].values - found["delay_true_m"].values[found["row_satellite"].values]
    expected = np.cos(2 * np.pi * found["row_time_s"].values / 20000.0)
    np.testing.assert_allclose(swung, expected, atol=1e-12)
    error = found["row_delay_m"].values - found["row_true_m"].values
    evidence(
        "studies.calibration_network",
        "errors of epoch delays over the swing that they follow, RMS",
        "truth of the simulation; 1 if they did not follow it, 0.3 for noise of code in a pass",
        "monte carlo",
        achieved=np.sqrt(np.mean(error**2) / np.mean(swung**2)),
        tolerance=0.5,
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("leo_clock_sigma_m = 0.02\n", "leo_clock_sigma_m: is not used with leo_clock = 'known'"),
        ("zenith_rate_m_per_sqrt_h = 0.02\n", "is not used with zenith = 'nodes'; leave it out."),
        ("[estimate.pattern]\nstep_deg = 30.0\n", r"to_deg = 60\.0: expected 3 times step_deg = "),
        ('leo_clock = "free"\n[delays]\nmodel = "white"\n', "model = 'white': contradicts leo_c"),
        ('leo_clock = "free"\n[datum]\nhold = "delay_zero_sum"\n', "hold = 'delay_zero_sum': con"),
    ],
)
def test_options_that_contradict_each_other_get_their_sentence(more, message, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(calibration_text(more=f"[estimate]\n{more}"))
    with pytest.raises(LeopntError, match=message):
        load_calibration(path)
