"""A cluster gives the numbers of this machine, and loses nothing when a worker dies."""

import functools
import json
import math
import os
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny_study
import xarray as xr
from calibration_texts import written

from leopnt.cli import main
from leopnt.errors import LeopntError
from leopnt.methods.coverage import coverage_map, evaluate_chunk, from_scene, merged
from leopnt.scenes.map_scene import load_map
from leopnt.studies import (
    ClusterError,
    Threads,
    cluster,
    cluster_at,
    load_calibration,
    run_calibration,
    runner,
)
from leopnt.studies.method import MODULES
from leopnt.studies.store import open_run

distributed = pytest.importorskip("distributed")
SWEEP = '[sweep.values]\n"noise.sigma_m" = [1.0, 2.0]'


@pytest.fixture(scope="module")
def two_processes():
    """A scheduler, and two workers that are processes of their own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


@pytest.fixture
def in_process():
    """A scheduler and a worker of two threads in this process: quick to start."""
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as made:
        yield made


def outcomes(study, path, workers, progress=lambda done, total: None):
    """What every chunk of a study holds, as it is on disk, in the order of its trials."""
    with open_run(path, study.fingerprint) as folder:
        outcome = runner.run_chunks(study, folder, workers, progress)
        assert outcome.is_complete, outcome
        parts = [folder.read(chunk) for chunk in runner.all_chunks(study)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def num_other_bits(found, expected):
    assert found.keys() == expected.keys()
    return sum(found[name].tobytes() != expected[name].tobytes() for name in expected)


def test_a_cluster_gives_the_bits_of_this_machine(two_processes, tiny, tmp_path, evidence):
    study = tiny(600, extra=SWEEP)
    here = outcomes(study, tmp_path / "here", Threads(1))
    with cluster_at(two_processes.scheduler_address) as workers:
        assert workers.num_workers == 2
        there = outcomes(study, tmp_path / "there", workers)
        squares = dict(workers.map(math.pow, range(50), 2.0))
        large = np.arange(50_000.0)  # travels once to each worker
        sums = dict(workers.map(lambda item, shared: item + shared[-1], [(1, 2), [3.0]], large))
        assert {number: one.tolist() for number, one in sums.items()} == {
            0: [50_000.0, 50_001.0],
            1: [50_002.0],
        }
        with workers.executor() as pool:
            assert pool.submit(math.pow, 2.0, 5.0).result() == 32.0
    assert squares == {n: n * n for n in range(50)}
    evidence(
        "studies.cluster",
        "outcomes that differ in any bit, two workers of a Dask cluster",
        "one thread",
        "invariance",
        achieved=num_other_bits(there, here),
        tolerance=0,
    )


def test_a_calibration_on_a_cluster_gives_the_bits_of_this_machine(in_process, tmp_path):
    text = written(tmp_path, days=1, more="[output]\nbootstrap_draws = 0\n")
    study = load_calibration(text)
    here = run_calibration(study, tmp_path / "here", workers=Threads(1))
    with cluster_at(in_process.scheduler_address) as workers:
        there = run_calibration(study, tmp_path / "there", workers=workers)
    for name in ("offset_m", "delay_m", "offset_formal_sigma_m"):
        assert there[name].values.tobytes() == here[name].values.tobytes()


def test_a_worker_killed_in_mid_run_loses_nothing(
    two_processes, tiny, tmp_path, monkeypatch, evidence
):
    """It dies after the first chunk was kept, while it holds another one, and perhaps the scene."""
    monkeypatch.setattr(cluster, "_SMALL_BYTES", 0)
    study = tiny(600, extra=SWEEP)
    killed, done_then = [], []

    def kill_one(done, total):
        if done == 0 or killed:
            return
        until_s = time.monotonic() + 30.0
        while not (found := list(tmp_path.glob("started-*"))):
            assert time.monotonic() < until_s, "no chunk was begun"
            time.sleep(0.01)
        killed.append(int(found[0].name.rpartition("-")[2]))
        done_then.append(done)
        os.kill(killed[0], 9)
        (tmp_path / "go").touch()

    with cluster_at(two_processes.scheduler_address) as workers:
        pids = workers._client.run(os.getpid)
        workers._client.run(tiny_study.hold_chunks, tmp_path)
        there = outcomes(study, tmp_path / "there", workers, kill_one)
        assert killed[0] in pids.values()
        assert done_then == [tiny_study.CHUNK]
        workers._client.wait_for_workers(2, timeout=30)
        assert killed[0] not in workers._client.run(os.getpid).values()
    here = outcomes(study, tmp_path / "here", Threads(1))
    evidence(
        "studies.cluster",
        "outcomes that differ in any bit, one of two workers killed in mid-run",
        "one thread",
        "invariance",
        achieved=num_other_bits(there, here),
        tolerance=0,
    )


def test_the_command_line_takes_the_scheduler_file(two_processes, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(MODULES, "tiny", "tiny_study")
    monkeypatch.chdir(tmp_path)
    Path("noise.toml").write_text(tiny_study.study_text(300))
    identity = json.dumps({"type": "Scheduler", "address": two_processes.scheduler_address})
    Path("scheduler.json").write_text(identity)
    with pytest.raises(SystemExit):
        main(["run", "noise.toml", "--dry-run", "--cluster", "scheduler.json"])
    assert " on 2 workers (" in capsys.readouterr().out
    results = []
    for words in (["--cluster", "scheduler.json"], ["--workers", "1"]):
        out = words[0].strip("-")
        with pytest.raises(SystemExit) as ended:
            main(["run", "noise.toml", "--out", out, "--format", "json", "-q", *words])
        assert (ended.value.code, *capsys.readouterr()) == (0, "", "")
        result = json.loads(Path(out, "study.json").read_text())
        result["attrs"].pop("created_utc", None)
        results.append(result)
    assert results[0]["point"] == results[1]["point"]


def test_a_worker_of_another_version_is_refused(two_processes):
    address = two_processes.scheduler_address
    with cluster_at(address) as workers:
        one = sorted(workers._client.nthreads())[:1]
        (version,) = workers._client.run(tiny_study.claim_version, "9.9", workers=one).values()
        try:
            with (
                pytest.raises(
                    ClusterError,
                    match=rf"worker {one[0]} .* leopnt 9\.9 \(here .*\); 1 of 3 differ",
                ),
                cluster_at(address),
            ):
                pass
        finally:
            workers._client.run(tiny_study.claim_version, version, workers=one)


def test_a_machine_without_numba_differs_from_one_with_it(monkeypatch):
    assert cluster.cluster_versions()["numba"][0].isdigit()
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    assert cluster.cluster_versions()["numba"] == "not installed"


def die(item, shared):
    os._exit(9)


def test_an_item_that_kills_its_workers_is_given_up(two_processes, monkeypatch):
    monkeypatch.setattr(two_processes.scheduler, "allowed_failures", 0)
    with (
        cluster_at(two_processes.scheduler_address) as workers,
        pytest.raises(LeopntError, match="every worker that tried died"),
    ):
        list(workers.map(die, [0]))


# Maps

MAP = """
[constellation.walker]
pattern = "delta"
satellites = 60
planes = 6
phasing = 1
inclination_deg = 60
altitude_km = 1500
[time]
duration_s = 30600
step_s = 120
[map]
step_deg = 30
limit = 8
"""  # four chunks


def hold_map_chunks(folder):
    """In a cluster's worker: all chunks but the first of all wait until the folder holds `go`."""
    evaluate = from_scene.evaluate_chunk

    def held(chunk):
        try:
            (folder / "first").touch(exist_ok=False)
        except FileExistsError:
            (folder / f"started-{os.getpid()}").touch()
            while not (folder / "go").exists():
                time.sleep(0.01)
        return evaluate(chunk)

    from_scene.evaluate_chunk = held


def kill_one_in_mid_run(folder, out, killed):
    """Kill a worker that holds a chunk, once another chunk is kept in `out`."""
    until_s = time.monotonic() + 60.0
    while time.monotonic() < until_s:
        holders = list(folder.glob("started-*"))
        kept = list(out.glob("chunks/*.npz"))
        if holders and kept:
            killed.append((int(holders[0].name.rpartition("-")[2]), len(kept)))
            os.kill(killed[0][0], 9)
            break
        time.sleep(0.01)
    (folder / "go").touch()


def mapped(*words):
    """The dataset that `leopnt map` leaves, without the time of its making."""
    with pytest.raises(SystemExit) as ended:
        main(["map", "map.toml", "--format", "globe", "-q", *words])
    assert ended.value.code == 0
    with xr.open_dataset(Path(words[1], "map.nc"), engine="h5netcdf") as opened:
        found = opened.load()
    del found.attrs["created"]
    return found


def arrays_of(dataset):
    return {name: one.values for name, one in dataset.variables.items()}


def test_a_map_loses_nothing_when_one_of_two_workers_is_killed(
    two_processes, tmp_path, monkeypatch, capsys, evidence
):
    monkeypatch.chdir(tmp_path)
    Path("map.toml").write_text(MAP)
    here, address = mapped("--out", "here"), two_processes.scheduler_address
    with cluster_at(address) as workers:
        before = workers._client.run(os.getpid)
        workers._client.run(hold_map_chunks, tmp_path)
    killed = []
    killer = threading.Thread(target=kill_one_in_mid_run, args=(tmp_path, Path("out"), killed))
    killer.start()
    there = mapped("--out", "out", "--cluster", address)
    killer.join()
    assert capsys.readouterr() == ("", "")
    ((pid, num_kept),) = killed
    assert pid in before.values()
    assert num_kept == 1
    with cluster_at(address) as workers:
        workers._client.wait_for_workers(2, timeout=30)
        assert pid not in workers._client.run(os.getpid).values()
    evidence(
        "studies.cluster",
        "variables of a map that differ in any bit, one of two workers killed in mid-run",
        "threads of this machine",
        "invariance",
        achieved=num_other_bits(arrays_of(there), arrays_of(here)),
        tolerance=0,
    )
    assert there.attrs == here.attrs


def test_a_map_takes_the_scheduler_file_and_leaves_the_cluster_as_it_was(
    two_processes, tmp_path, monkeypatch, evidence
):
    monkeypatch.chdir(tmp_path)
    Path("map.toml").write_text(MAP)
    identity = json.dumps({"type": "Scheduler", "address": two_processes.scheduler_address})
    Path("scheduler.json").write_text(identity)
    there = mapped("--out", "there", "--cluster", "scheduler.json")
    with cluster_at("scheduler.json") as workers:
        assert workers.num_workers == 2
        assert len(workers._client.run_on_scheduler(client_names)) == 1  # that of this test
        scene = load_map("map.toml")
        chunks = [make() for make in from_scene.chunks_of(scene)]
        assert len(chunks) == 4
        with workers.executor() as pool:
            sent = merged(pool.map(evaluate_chunk, chunks))
    whole = coverage_map(chunks)
    evidence(
        "studies.cluster",
        "statistics of map chunks that differ in any bit, computed by two workers",
        "this process",
        "invariance",
        achieved=num_other_bits(sent.arrays(), whole.arrays()),
        tolerance=0,
    )
    share = whole.num_available.reshape(6, 12) / 256
    np.testing.assert_array_equal(there["available_percent"], 100.0 * share)


def client_names(dask_scheduler):
    return [name for name in dask_scheduler.clients if name != "fire-and-forget"]


# One worker in this process


def test_every_chunk_that_can_be_computed_is(in_process, tiny, tmp_path, monkeypatch):
    compute = cluster.outcomes_of

    def troubled(point, index, tile):
        if (float(point.shared.sigma_m), index[0]) in [(1.0, 200), (2.0, 0)]:
            raise ArithmeticError(f"no luck from trial {index[0]}")
        return compute(point, index, tile)

    monkeypatch.setattr(cluster, "outcomes_of", troubled)
    study = tiny(400, extra=SWEEP)
    with open_run(tmp_path / "out", study.fingerprint) as folder:
        with cluster_at(in_process.scheduler_address) as workers:
            outcome = runner.run_chunks(study, folder, workers)
        failures = {(one.point, one.number): why for one, why in outcome.failures.items()}
        assert failures == {
            (0, 1): "ArithmeticError: no luck from trial 200",
            (1, 0): "ArithmeticError: no luck from trial 0",
        }
        assert (outcome.done, outcome.total, outcome.stopped_by) == (6, 8, "")
        reasons = [one.read_text() for one in folder.chunks.glob("*.txt")]
    assert len(reasons) == 2
    assert all("in troubled" in one for one in reasons)  # where it happened, on the worker


def test_a_point_that_cannot_be_prepared_does_not_take_the_others(
    in_process, tiny, tmp_path, monkeypatch
):
    prepare = tiny_study.TinyStudy.prepare

    def troubled(self, settings, folder):
        if settings.noise.sigma_m == 2.0:
            raise LeopntError("no such sky.")
        return prepare(self, settings, folder)

    monkeypatch.setattr(tiny_study.TinyStudy, "prepare", troubled)
    study = tiny(200, seed=5, extra=SWEEP)
    with (
        open_run(tmp_path / "out", study.fingerprint) as folder,
        cluster_at(in_process.scheduler_address) as workers,
    ):
        outcome = runner.run_chunks(study, folder, workers)
    assert (outcome.done, outcome.total) == (2, 4)
    assert set(outcome.failures.values()) == {"LeopntError: no such sky."}


def test_a_scheduler_that_goes_ends_the_run_with_a_sentence(in_process, tiny, tmp_path):
    study = tiny(20_000)
    with open_run(tmp_path / "out", study.fingerprint) as folder:
        with cluster_at(in_process.scheduler_address, connect_s=0.5) as workers:
            outcome = runner.run_chunks(
                study, folder, workers, lambda done, total: in_process.close() if done else None
            )
        assert outcome.stopped_by.startswith(f"the scheduler at {workers.address} is gone")
        assert set(outcome.failures.values()) == {outcome.stopped_by}
        assert list(folder.chunks.glob("*.txt")) == []
        kept = sum(folder.has(chunk) for chunk in runner.all_chunks(study))
        assert outcome.done == kept < outcome.total
        assert kept >= 1


def slow_power(base, exponent):
    time.sleep(0.5)
    return base**exponent


def test_a_cluster_without_workers_is_given_up(in_process):
    address, said = in_process.scheduler_address, []
    with cluster_at(address, wait_s=0.5) as workers:
        # Not so fast that jobs end in the very moment in which their worker goes: distributed then
        # may give a TypeError of its own instead of the result.
        items = workers.map(slow_power, range(1000), 2.0)
        assert next(items)[1] in (0.0, 1.0, 4.0, 9.0)
        in_process.scale(0)
        with pytest.raises(ClusterError, match="has had no workers for"):
            list(items)
    with (
        pytest.raises(ClusterError, match=r"has no workers, and none came within 0\.3 s"),
        cluster_at(address, wait_s=0.3, say=said.append),
    ):
        pass
    assert said == [f"waiting up to 0.3 s for workers of {address} ..."]


def test_a_late_worker_of_another_version_is_refused():
    with pytest.raises(ClusterError, match=r"that joined the cluster has leopnt .* \(not 9\.9\)"):
        cluster._require({**cluster.circumstances(), "leopnt": "9.9"})


# What cannot be a cluster


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("none.json", "got 'none.json', which is no file and no address; accepted: HOST:PORT"),
        ("text.txt", "'text.txt' is no scheduler file (JSON): "),
        ("list.json", "'list.json' holds no address of a scheduler; expected the file that"),
        ("bad.json", "'bad.json' holds the address 'here'; expected HOST:PORT"),
        ("localhost:0", "got 'localhost:0'; expected HOST:PORT or tcp://HOST:PORT, port 1 to"),
        ("tcp://localhost", "got 'tcp://localhost'; expected HOST:PORT"),
        ("http://localhost:8786", "got 'http://localhost:8786'; expected HOST:PORT"),
        ("127.0.0.1:9", "no Dask scheduler answered at 127.0.0.1:9 within 0.3 s"),
    ],
)
def test_what_is_no_cluster_is_a_sentence(tmp_path, monkeypatch, address, sentence):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("no settings")
    Path("list.json").write_text("[1]")
    Path("bad.json").write_text('{"address": "here"}')
    with pytest.raises(LeopntError) as said, cluster_at(address, connect_s=0.3):
        pass
    assert sentence in str(said.value)


def test_a_missing_package_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LeopntError, match=r"pip install 'leopnt\[cluster\]'"), cluster_at("a:1"):
        pass


@pytest.mark.parametrize("option", ["--workers=2", "--processes", "--device=cpu"])
def test_a_cluster_has_its_own_workers_and_devices(tmp_path, monkeypatch, capsys, option):
    from leopnt.inference import devices

    monkeypatch.setattr(devices, "select_device", lambda name: None)
    monkeypatch.setitem(MODULES, "tiny", "tiny_study")
    path = tmp_path / "noise.toml"
    path.write_text(tiny_study.study_text(300))
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), "--cluster", "a:1", option])
    name = option.partition("=")[0]
    assert ended.value.code == 2
    assert f"error: {name} and --cluster: " in capsys.readouterr().err


# What is sent


@functools.cache
def adder(number):
    return lambda index, shared: index + shared + number


def test_a_kernel_made_by_a_function_is_opened_once():
    """It is compiled by its identity: a second object would be compiled again."""
    opened = cluster._Opened(2)
    packed = [cluster._packed(adder(5)) for _ in range(2)]
    assert packed[0] == packed[1]
    kernel = opened.value(*packed[0])
    assert kernel(1, 2) == 8
    assert kernel is opened.value(*packed[1])
    for other in (1, 2):
        opened.value(*cluster._packed(other))
    assert opened.value(*packed[0]) is not kernel  # only the last two are kept


def test_what_trials_share_arrives_bit_by_bit(tiny):
    shared = runner.prepared_point(tiny(300), 0).shared
    sent = cluster._Opened(1).value(*cluster._packed(shared))
    assert jax.tree.structure(sent) == jax.tree.structure(shared)
    assert sent.key.dtype == shared.key.dtype
    assert np.array_equal(jax.random.key_data(sent.key), jax.random.key_data(shared.key))
    assert sent.sigma_m.dtype == np.float64
