"""Trials that are plain Python run as compiled ones do: any workers, resumed, failing, timed."""

import itertools

import numpy as np
import pytest
import tiny_host
from study_texts import CALIBRATION, load_text

from leopnt.studies import (
    Interrupted,
    Processes,
    Threads,
    estimate_cost,
    load_study,
    run_study,
    runner,
)
from leopnt.studies.method import MODULES
from leopnt.studies.plan import Chunk
from leopnt.studies.store import open_run

SEED = itertools.count(4)
"""Another one for each study: prepared points are kept by content."""


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setitem(MODULES, "tiny_host", "tiny_host")
    path = tmp_path / "host.toml"
    path.write_text(f'[study]\nmethod = "tiny_host"\ntrials = 6\nseed = {next(SEED)}\n')
    return load_study(path)


def expected(study, index):
    draws = np.random.default_rng([study.settings.study.seed, index]).standard_normal((200, 200))
    return np.sum(draws * draws.T)


def test_a_trial_on_the_host_gets_its_number_and_one_thread_of_blas(host):
    found = runner.compute_chunk(host, Chunk(0, 2, 2, 5))
    assert found["status"].dtype == np.int8
    np.testing.assert_allclose(found["error"], [expected(host, i) for i in (2, 3, 4)], rtol=1e-9)
    np.testing.assert_array_equal(found["blas"], 1)


def test_a_chunk_holds_one_trial_and_each_counts_as_progress(host, tmp_path):
    seen = []
    result = run_study(
        host, tmp_path / "out", workers=Threads(2), progress=lambda *how: seen.append(how)
    )
    assert [done for done, _ in seen] == list(range(7))
    assert len(runner.all_chunks(host)) == 6
    assert result["solved"].values == 6
    rms_mm = 1e3 * np.sqrt(np.mean([expected(host, i) ** 2 for i in range(6)]))
    np.testing.assert_allclose(result["error"].values, rms_mm, rtol=1e-9)


def test_a_run_that_was_stopped_goes_on_where_it_stood(host, tmp_path, monkeypatch):
    def stop(done, total):
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_study(host, tmp_path / "out", workers=Threads(1), progress=stop)
    computed, compute = [], runner.compute_chunk

    def counting(study, chunk):
        computed.append(chunk.number)
        return compute(study, chunk)

    monkeypatch.setattr(runner, "compute_chunk", counting)
    resumed = run_study(host, tmp_path / "out", workers=Threads(2))
    quiet = run_study(host, tmp_path / "quiet", workers=Threads(1))
    assert len(computed) <= 4 + 6  # of the resumed run, and all of the quiet one
    assert 0 not in computed[:-6]
    assert resumed["error"].values.tobytes() == quiet["error"].values.tobytes()


def test_a_trial_that_raises_costs_its_own_chunk_only(host, tmp_path, monkeypatch):
    trial = tiny_host.trial

    def troubled(index, seed):
        if index == 3:
            raise ArithmeticError("no luck")
        return trial(index, seed)

    monkeypatch.setattr(tiny_host, "trial", troubled)
    result = run_study(host, tmp_path / "out", workers=Threads(2))
    assert result.attrs["complete"] == 0
    assert (result["solved"].values, result["missing"].values) == (5, 1)
    assert "ArithmeticError: no luck" in result.attrs["warnings"]


def test_the_cost_is_measured_on_one_trial(host, monkeypatch):
    numbers, trial = [], tiny_host.trial

    def counting(index, seed):
        numbers.append(index)
        return trial(index, seed)

    monkeypatch.setattr(tiny_host, "trial", counting)
    cost = estimate_cost(host, Threads(2))
    assert numbers == [0, 0]
    assert (cost.num_chunks, cost.num_trials) == (6, 6)
    assert cost.seconds > 0.0


def test_threads_and_processes_give_the_same_bits(tmp_path, evidence):
    study = load_text(tmp_path, CALIBRATION.replace("trials = 20", "trials = 3"))

    def outcomes(workers, name):
        with open_run(tmp_path / name, study.fingerprint) as folder:
            assert runner.run_chunks(study, folder, workers).is_complete
            parts = [folder.read(chunk) for chunk in runner.all_chunks(study)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    one = outcomes(Threads(1), "one")
    others = [outcomes(Threads(3), "threads"), outcomes(Processes(1), "process")]
    different = [
        name for other in others for name in one if other[name].tobytes() != one[name].tobytes()
    ]
    evidence(
        "studies.runner",
        "outcomes of calibrations that differ in any bit, 3 threads, another process",
        "one thread",
        "invariance",
        achieved=len(different),
        tolerance=0,
    )
