"""Who computes a chunk is no matter; what fails is told; what was computed is kept."""

import dataclasses
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import tiny_study

from leopnt.errors import LeopntError
from leopnt.studies import Processes, Threads, default_workers, load_study, run_study, runner
from leopnt.studies.plan import Chunk
from leopnt.studies.pvt_study import PvtStudy
from leopnt.studies.store import open_run

PVT = """
[study]
method = "pvt"
trials = 62_000
seed = 9
[constellation]
preset = "starlink-shell-1"
[users]
cities = ["Hong Kong", "London"]
[antenna]
mask_deg = 35.0
"""


@pytest.fixture(scope="module")
def pvt(tmp_path_factory):
    path = tmp_path_factory.mktemp("pvt") / "pvt.toml"
    path.write_text(PVT)
    return load_study(path)


def outcomes(study, path, workers):
    """What every chunk of a study holds, as it is on disk, in the order of its trials."""
    with open_run(path, study.fingerprint) as folder:
        outcome = runner.run_chunks(study, folder, workers)
        assert outcome.is_complete, outcome
        parts = [folder.read(chunk) for chunk in runner.all_chunks(study)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def one_thread(pvt, tmp_path_factory):
    return outcomes(pvt, tmp_path_factory.mktemp("one"), Threads(1))


@pytest.mark.parametrize("workers", [Threads(2), Processes(2)], ids=str)
def test_any_workers_give_the_same_bits(pvt, one_thread, tmp_path, workers, evidence):
    found = outcomes(pvt, tmp_path, workers)
    assert found.keys() == one_thread.keys()
    kind = type(workers).__name__.lower()
    evidence(
        "studies.runner",
        f"outcomes that differ in any bit, {workers.num_workers} {kind}",
        "one thread",
        "invariance",
        achieved=sum(found[name].tobytes() != one_thread[name].tobytes() for name in found),
        tolerance=0,
    )


@pytest.mark.parametrize(("tile", "chunk_trials"), [(500, 7_300), (120, 124_000)])
def test_other_chunks_and_tiles_agree_but_for_rounding(
    pvt, one_thread, tmp_path, monkeypatch, tile, chunk_trials, evidence
):
    monkeypatch.setattr(PvtStudy, "tile", tile)
    monkeypatch.setattr(PvtStudy, "chunk_trials", chunk_trials)
    other = load_study(pvt.path)
    assert other.fingerprint != pvt.fingerprint
    found = outcomes(other, tmp_path, Threads(2))
    np.testing.assert_array_equal(found["status"], one_thread["status"])
    deviation_m = np.abs(found["error_enu_m"] - one_thread["error_enu_m"])
    # Positions of 7e6 m are rounded to 1e-9 m, which geometry and ten operations raise to 1e-7 m
    evidence(
        "studies.runner",
        f"position error in tiles of {tile}, chunks of {chunk_trials}",
        "tiles of 500, chunks of 52000",
        "invariance",
        achieved=np.max(deviation_m),
        tolerance=1e-7,
        unit="m",
    )


def test_the_noise_of_a_trial_is_its_own(one_thread):
    """No trial repeats another, neither of its own nor of the other place."""
    clock_m = one_thread["clock_error_m"]
    assert len(np.unique(clock_m)) == len(clock_m)
    first, second = np.split(one_thread["error_enu_m"][:, 2], 2)
    # the correlation of 62000 independent pairs is below 0.016 in all but 6e-5 of cases
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.016
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.016


def test_a_study_of_fewer_trials_is_the_beginning_of_a_longer_one(tiny):
    """The noise of a trial hangs on its number alone."""
    short = runner.compute_chunk(tiny(100), Chunk(0, 0, 0, 150))
    long = runner.compute_chunk(tiny(5000), Chunk(0, 0, 100, 200))
    np.testing.assert_array_equal(short["error_enu_m"][100:150], long["error_enu_m"][:50])


@pytest.mark.parametrize("workers", [Threads(1), Threads(3)], ids=str)
def test_every_chunk_that_can_be_computed_is(tiny, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(runner, "compute_chunk", tiny_study.troubled(runner.compute_chunk))
    monkeypatch.setenv("TINY_FAIL", "0 4")
    study = tiny(1000, extra='[sweep.values]\n"noise.sigma_m" = [1.0, 2.0]')
    calls = []
    with open_run(tmp_path / "out", study.fingerprint) as folder:
        outcome = runner.run_chunks(study, folder, workers, lambda *how: calls.append(how))
        assert (outcome.done, outcome.total) == (16, 20)
        assert not outcome.is_complete
        assert outcome.stopped_by == ""
        assert {(c.point, c.number) for c in outcome.failures} == {(0, 0), (0, 4), (1, 0), (1, 4)}
        assert set(outcome.failures.values()) == {
            "ArithmeticError: no luck with chunk 0", "ArithmeticError: no luck with chunk 4",
        }  # fmt: skip
        assert sum(folder.has(chunk) for chunk in runner.all_chunks(study)) == 16
    assert calls[0] == (0, 4000)
    assert calls[-1] == (3200, 4000)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_a_write_that_fails_ends_the_run_and_what_ran_beside_it_is_counted(
    tiny, tmp_path, monkeypatch
):
    savez, both = np.savez, threading.Barrier(2, timeout=30)
    calls = iter(range(100))

    def full(file, **arrays):
        number = next(calls)
        if number in (1, 2):  # the two that run at once: one fails, one is kept
            both.wait()
            if number == 1:
                raise OSError(28, "No space left on device")
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    study = tiny(2000)
    with open_run(tmp_path / "out", study.fingerprint) as folder:
        outcome = runner.run_chunks(study, folder, Threads(2))
        there = sum(folder.has(chunk) for chunk in runner.all_chunks(study))
    assert outcome.stopped_by.endswith("npz': No space left on device.")
    assert outcome.done == there < outcome.total == 20
    assert not outcome.is_complete


def test_ctrl_c_keeps_what_is_running_and_says_how_much_is_done(tiny, tmp_path):
    study = tiny(2000)

    def stop(done, total):
        if done >= 600:
            raise KeyboardInterrupt

    with open_run(tmp_path / "out", study.fingerprint) as folder:
        with pytest.raises(runner.Interrupted, match=r"^\d+ of 20 chunks are done$") as stopped:
            runner.run_chunks(study, folder, Threads(2), stop)
        kept = sum(folder.has(chunk) for chunk in runner.all_chunks(study))
        assert stopped.value.done == kept
        assert 3 <= kept < 20  # nothing is running any more that would add to it
        assert runner.run_chunks(study, folder, Threads(2)).is_complete


def test_processes_refuse_a_study_that_changed_under_them(pvt, tmp_path):
    path = tmp_path / "pvt.toml"
    path.write_text(PVT)
    study = load_study(path)
    path.write_text(PVT.replace("seed = 9", "seed = 10"))
    result = run_study(study, tmp_path / "out", workers=Processes(1))
    assert result.attrs["complete"] == 0
    assert result["missing"].values == 124_000
    assert "was changed while the study ran" in result.attrs["warnings"]


def test_a_worker_process_that_dies_ends_the_run_with_a_sentence(pvt, tmp_path, monkeypatch):
    monkeypatch.setattr(Processes, "pool", lambda *how: dying_pool())
    with open_run(tmp_path / "out", pvt.fingerprint) as folder:
        outcome = runner.run_chunks(pvt, folder, Processes(2))
    assert outcome.stopped_by.startswith("a worker process ended abruptly")
    assert (outcome.done, outcome.total) == (0, len(runner.all_chunks(pvt)))


def dying_pool():
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=os._exit, initargs=(9,))


POOL = """
import sys, time
from pathlib import Path
from leopnt.studies import Processes, load_study
from leopnt.studies.store import RunFolder
if __name__ == "__main__":
    study = load_study(sys.argv[1])
    pool = Processes(2).pool(study, RunFolder(Path(sys.argv[2]), study.fingerprint))
    pool.submit(print, "ready", flush=True).result()
    pool.submit(time.sleep, 300)
    pool.submit(time.sleep, 300)
    time.sleep(300)
"""


def test_worker_processes_do_not_outlive_a_parent_that_is_killed(pvt, tmp_path):
    """They hold the pipe of the parent's output open as long as they live."""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", POOL, str(pvt.path), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        parent.communicate(timeout=30)


def test_default_workers_are_the_cores_at_hand():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert default_workers() == Threads(cores)


def test_default_workers_of_a_gpu_are_two(monkeypatch):
    monkeypatch.setattr(runner, "working_platform", lambda: "gpu")
    assert default_workers() == Threads(2)


def test_times_of_trials_are_measured(tiny):
    start_s, each_s = runner.time_of_trials(tiny(50), 10_000)
    assert start_s >= 0.0
    assert 0.0 < each_s < 1.0


def test_points_are_prepared_once_for_all_their_chunks(tiny, monkeypatch):
    prepared, prepare = [], tiny_study.TinyStudy.prepare

    def counting(self, settings, folder):
        prepared.append(settings.noise.sigma_m)
        return prepare(self, settings, folder)

    monkeypatch.setattr(tiny_study.TinyStudy, "prepare", counting)
    study = tiny(3000, seed=77, extra='[sweep.values]\n"noise.sigma_m" = [1.0, 2.0]')
    for chunk in runner.all_chunks(study):
        runner.compute_chunk(study, chunk)
    assert prepared == [1.0, 2.0]


def test_a_scene_that_cannot_be_built_is_a_sentence_before_anything_runs(tiny, tmp_path):
    study = tiny(100, extra="", name="gone.toml")

    class Broken(tiny_study.TinyStudy):
        def prepare(self, settings, folder):
            raise LeopntError("no such sky.")

    broken = dataclasses.replace(study, method=Broken(), fingerprint="broken")
    with pytest.raises(LeopntError, match="no such sky"):
        run_study(broken, tmp_path / "out", workers=Threads(1))
