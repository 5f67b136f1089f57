"""Calibrations run from a file: stored station-days, resuming, and what the result holds."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from calibration_texts import written

from leopnt.errors import LeopntError
from leopnt.io.results import read_netcdf
from leopnt.methods.calibration import KnownOrbit, layout_of, load_normals, offsets_only, stacked
from leopnt.studies import Processes, Threads
from leopnt.studies import calibration_run as run_module
from leopnt.studies.calibration_cost import cost_of
from leopnt.studies.calibration_estimates import estimates_of
from leopnt.studies.calibration_export import antex_of
from leopnt.studies.calibration_network import Source, source_of
from leopnt.studies.calibration_run import reduce_job, run_calibration
from leopnt.studies.calibration_settings import load_calibration
from leopnt.studies.runner import Interrupted

TIMES = ("created",)

DELAYS = '[delays]\nmodel = "shared_level"\n'


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run of two stations over two days, and its study."""
    folder = tmp_path_factory.mktemp("small")
    study = load_calibration(written(folder, more=DELAYS))
    return study, folder / "out", run_calibration(study, folder / "out", workers=Threads(1))


def same(one, other):
    """Two results, but for when they were made."""
    for name in TIMES:
        one, other = (d.assign_attrs({name: ""}) for d in (one, other))
    return one.identical(other)


def test_processes_give_the_same_bits(small, tmp_path):
    study, _, whole = small
    assert same(run_calibration(study, tmp_path, workers=Processes(1)), whole)


def test_a_foreign_executor_gives_the_same_bits(small, tmp_path):
    study, _, whole = small
    with ThreadPoolExecutor(3) as pool:
        assert same(run_calibration(study, tmp_path, workers=pool), whole)


def test_estimates_do_not_depend_on_how_station_days_are_stacked(small):
    study, out, whole = small
    source = source_of(study)
    settings = study.settings.estimate.calibration()
    layout = layout_of(settings, 4, 2)
    normals = stacked(reduce_job(job, layout, settings) for job in reversed(source.network.jobs))
    found = estimates_of(
        normals, study.settings.datum.datum(("SHAO", "HKSL")), "once_per_revolution"
    )
    np.testing.assert_allclose(found.solution.offset_m, whole["offset_m"].values, rtol=0, atol=1e-9)
    stored = [load_normals(path) for path in sorted((out / "chunks").glob("day*.npz"))]
    assert sum(one.num_observations for one in stored) == int(whole["num_observations"])


def test_considered_orbits_give_the_estimates_of_known_ones(small, evidence):
    # Columns of orbit errors that are reduced and then dropped leave the equations that never
    # had them: reduced once with, once without.
    study, out, _ = small
    stored = stacked(load_normals(path) for path in sorted((out / "chunks").glob("day*.npz")))
    datum = study.settings.datum.datum(("SHAO", "HKSL"))
    known = replace(study.settings.estimate.calibration(), orbit=KnownOrbit())
    task = partial(reduce_job, layout=layout_of(known, 4, 2), settings=known)
    plain = stacked(map(task, source_of(study).network.jobs))
    considered = estimates_of(stored, datum, "considered")
    exact = estimates_of(plain, datum, "known")
    np.testing.assert_allclose(offsets_only(stored).vector, plain.vector, rtol=1e-9, atol=1e-6)
    evidence(
        "studies.calibration_estimates",
        "offsets and delays with orbits considered",
        "station-days reduced without any orbit column",
        "implementation",
        achieved=np.max(np.abs(considered.satellite_m - exact.satellite_m)),
        tolerance=1e-9,
        unit="m",
    )
    np.testing.assert_allclose(considered.formal.satellite, exact.formal.satellite, rtol=1e-9)
    assert np.all(considered.honest.satellite[:, :3] > considered.formal.satellite[:, :3])
    assert np.all(np.isnan(exact.honest.satellite))


def test_errors_are_against_the_truth_moved_by_the_mean_bias(small, evidence):
    # For biases that add up to zero, a delay contains the mean true bias (specification, 4).
    study, _, whole = small
    truth = source_of(study).truth
    expected = truth.delay_m + np.mean(truth.isb_m)
    evidence(
        "studies.calibration_result",
        "true delays in the datum of zero-sum biases",
        "delay plus mean bias",
        "closed form",
        achieved=np.max(np.abs(whole["delay_true_m"].values - expected)),
        tolerance=1e-12,
        unit="m",
    )
    error = whole["delay_m"].values - expected
    np.testing.assert_allclose(whole["delay_error_m"].values, error, atol=1e-12)
    np.testing.assert_allclose(whole["rms_error_m"].values[3], np.sqrt(np.mean(error**2)))
    np.testing.assert_array_equal(whole["offset_true_m"].values, truth.offset_m)


def test_the_result_says_what_it_is(small):
    _, out, whole = small
    assert whole.attrs["kind"] == "calibration"
    assert whole.attrs["datum"] == "inter-system biases add up to zero"
    assert "estimated" in whole.attrs["honest"]
    assert whole["satellite"].values.tolist() == ["L01", "L02", "L03", "L04"]
    assert whole["days_step"].values.tolist() == ["1 day", "2 days"]
    assert whole["stations_step"].values.tolist() == ["SHAO", "+ HKSL"]
    assert all("long_name" in whole[name].attrs for name in whole.data_vars)
    assert read_netcdf(out / "calibration.nc").identical(whole)
    assert read_netcdf(out / "delays.nc").sizes["row"] == int(whole["delay_epochs"].sum())


def test_the_last_step_of_a_trend_is_the_whole(small):
    _, _, whole = small
    for of in ("days", "stations"):
        np.testing.assert_allclose(whole[f"{of}_change_m"].values[-1], 0.0, atol=1e-9)
        np.testing.assert_allclose(
            whole[f"{of}_error_m"].values[-1], whole["rms_error_m"].values, rtol=1e-6
        )
        formal = whole[f"{of}_formal_sigma_m"].values
        assert np.all(formal[1] < formal[0])  # more data, less uncertainty


def test_a_datum_may_change_without_reducing_anything_again(small, tmp_path):
    _study, out, whole = small
    more = DELAYS + '[datum]\nhold = "isb_reference"\nisb_m = { HKSL = 2.5 }\n'
    other = load_calibration(written(tmp_path, more=more))
    before = {path.name: path.stat().st_mtime_ns for path in (out / "chunks").glob("day*.npz")}
    moved = run_calibration(other, out, workers=Threads(1))
    after = {path.name: path.stat().st_mtime_ns for path in (out / "chunks").glob("day*.npz")}
    assert before == after
    assert moved.attrs["datum"] == "the inter-system bias of HKSL is 2.5 m"
    np.testing.assert_allclose(float(moved["isb_m"][1]), 2.5, atol=1e-12)
    # The S-transform: one shift of all delays, the opposite one of all biases.
    shift = moved["delay_m"].values - whole["delay_m"].values
    np.testing.assert_allclose(shift, shift[0], atol=1e-9)
    np.testing.assert_allclose(moved["isb_m"].values - whole["isb_m"].values, -shift[0], atol=1e-9)
    np.testing.assert_allclose(moved["offset_m"].values, whole["offset_m"].values, atol=1e-9)


def test_a_folder_of_another_study_is_refused(small, tmp_path):
    study, out, _ = small
    other = load_calibration(written(tmp_path, days=1))
    with pytest.raises(LeopntError, match=r"holds a run of another study.*--restart"):
        run_calibration(other, out)
    assert study.fingerprint != other.fingerprint


def test_a_station_day_that_fails_is_named_and_the_others_are_kept(small, tmp_path, monkeypatch):
    study, _, _ = small
    reduce = run_module.reduce_job

    def fails_once(job, layout, settings):
        if (job.station, job.day) == (1, 1):
            raise LeopntError("no clock for L03 at noon.")
        return reduce(job, layout, settings)

    monkeypatch.setattr(run_module, "reduce_job", fails_once)
    found = run_calibration(study, tmp_path, workers=Threads(1))
    assert found.attrs["complete"] == 0
    assert "HKSL, day 1: no clock for L03 at noon." in found.attrs["warnings"]
    assert found["job_problem"].values.tolist() == ["", "", "", "no clock for L03 at noon."]
    assert np.all(np.isfinite(found["offset_m"].values))
    monkeypatch.undo()
    again = run_calibration(study, tmp_path, workers=Threads(1))
    assert again.attrs["complete"] == 1


def test_a_damaged_station_day_is_reduced_again(small, tmp_path):
    study, _, whole = small
    run_calibration(study, tmp_path, workers=Threads(1))
    file = tmp_path / "chunks" / "day001-00-SHAO.npz"
    file.write_bytes(file.read_bytes()[:1000])
    (tmp_path / "chunks" / "review-day000-00-SHAO.npz").write_bytes(b"")
    assert same(run_calibration(study, tmp_path, workers=Threads(1)), whole)


def test_without_any_station_day_there_is_no_result(small, tmp_path, monkeypatch):
    study, _, _ = small

    def fails(job, layout, settings):
        raise ValueError("nothing")

    monkeypatch.setattr(run_module, "reduce_job", fails)
    with pytest.raises(LeopntError, match=r"none of 4 station-days.*SHAO, day 0: ValueError: noth"):
        run_calibration(study, tmp_path, workers=Threads(1))


def test_ctrl_c_keeps_what_was_done(small, tmp_path):
    study, _, whole = small

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="3 of 8"):
        run_calibration(study, tmp_path, workers=Threads(1), progress=stop)
    assert len(list((tmp_path / "chunks").glob("day*.npz"))) == 3
    assert same(run_calibration(study, tmp_path, workers=Threads(1)), whole)


def with_one_pass(load, satellite, first):
    """A station-day with one arc of a satellite, or none."""
    day = load()
    leo = day.leo
    arcs = np.unique(leo.arc[leo.satellite == satellite])[: 1 if first else 0]
    keep = (leo.satellite != satellite) | np.isin(leo.arc, arcs)
    leo = leo.where(keep)
    geometry = type(day.geometry)(*(column[keep] for column in day.geometry))
    return replace(day, leo=leo, geometry=geometry)


def test_satellites_that_nobody_saw_or_only_once_are_named(small, tmp_path, monkeypatch):
    study, _, _ = small
    network = source_of(study).network
    jobs = tuple(
        replace(job, load=partial(with_one_pass, job.load, 2, i == 0))
        for i, job in enumerate(network.jobs)
    )
    fewer = Source(replace(network, satellites=(*network.satellites, "L05"), jobs=jobs))
    monkeypatch.setattr(run_module, "source_of", lambda study: fewer)
    found = run_calibration(study, tmp_path, workers=Threads(1))
    told = found.attrs["warnings"]
    assert "Not observed, left out: L05." in told
    assert "look at the sigma: L03." in told
    assert np.all(np.isnan(found["offset_m"].values[4]))
    assert np.isnan(found["delay_m"].values[4])
    sigma = found["offset_formal_sigma_m"].values
    assert np.all(sigma[2, 1:] > 10 * sigma[0, 1:])  # Y and Z of one pass, nothing regularized
    assert "offset_error_m" not in found  # no truth without a simulation
    antennas, left_out = antex_of(found)
    assert left_out == ("L05",)
    assert len(antennas.antennas) == 4


def test_an_unknown_that_nothing_tells_is_named(small, tmp_path):
    study, _, _ = small
    text = study.text.replace("sampling_s = 120.0", "sampling_s = 3600.0")
    path = tmp_path / "few.toml"
    path.write_text(text)
    with pytest.raises(
        LeopntError, match=r"singular at [a-z]+( [XYZ])? of satellite L0\d: the obs"
    ):
        run_calibration(load_calibration(path), tmp_path / "out", workers=Threads(1))


def test_the_bootstrap_needs_three_days_and_scatters_like_the_sigma(tmp_path):
    study = load_calibration(
        written(tmp_path, stations=("SHAO",), days=4, more="[output]\nresiduals = false\n")
    )
    found = run_calibration(study, tmp_path / "out", workers=Threads(1))
    ratio = found["offset_bootstrap_sigma_m"].values / found["offset_honest_sigma_m"].values
    assert np.all((ratio > 0.05) & (ratio < 3.0))
    assert "residual_rms_m" not in found


def test_the_cost_counts_station_days_and_both_looks(small, evidence):
    study, _, _ = small
    cost = cost_of(study, Threads(2))
    assert (cost.num_satellites, cost.num_stations, cost.num_days, cost.num_jobs) == (4, 2, 2, 4)
    evidence(
        "studies.calibration_cost",
        "unknowns of 4 satellites and 2 stations",
        "offset, delay, 8 orbit terms of each satellite, a bias of each station",
        "closed form",
        achieved=abs(cost.num_unknowns - (4 * (3 + 1 + 8) + 2)),
        tolerance=0,
    )
    assert cost.disk_bytes == 4 * 8 * 50**2
    np.testing.assert_allclose(cost.seconds, 4 * cost.seconds_per_job)
