"""Whole runs: killed, interrupted, failing, full disks; the numbers are those of a quiet run."""

import errno
import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_study
import xarray as xr
from study_sizes import study_size
from tiny_study import study_text

from leopnt.cli import main
from leopnt.cli.run import signals_as_interrupt
from leopnt.errors import FormatError, LeopntError
from leopnt.studies import Threads, estimate_cost, load_study, run_study, runner
from leopnt.studies import run as run_module

ROOT = Path(__file__).parents[2]
TRIALS = 1000
NUM_CHUNKS = 10  # 2 cases x 1000 trials / 200
WORDS = ("--format", "json", "--quiet", "--workers", "1")


def start(words, **environment):
    """The command line in a process of its own."""
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, "-c", "from tiny_study import main; main()", *map(str, words)],
        env=os.environ | {"PYTHONPATH": path, "JAX_ENABLE_COMPILATION_CACHE": "0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def chunk_files(out):
    return {file.name: file.stat().st_mtime_ns for file in (out / "chunks").glob("*.npz")}


def wait_for_chunks(out, number, process):
    end = time.monotonic() + 60
    while len(chunk_files(out)) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no chunks came"
        time.sleep(0.01)


def numbers(path):
    with xr.load_dataset(path, engine="h5netcdf", decode_cf=False) as dataset:
        return {name: (v.dims, v.values.copy()) for name, v in dataset.variables.items()}


def num_different(out, quiet):
    """Variables of study.nc and trials.nc that differ in any bit."""
    different = 0
    for name in ("study.nc", "trials.nc"):
        ours, theirs = numbers(out / name), numbers(quiet / name)
        assert ours.keys() == theirs.keys()
        for key, (dims, values) in ours.items():
            other = theirs[key][1]
            same = values.dtype == other.dtype and dims == theirs[key][0]
            plain = values.dtype.kind == "O"
            equal = np.array_equal(values, other) if plain else values.tobytes() == other.tobytes()
            different += not (same and equal)
    return different


def claims_completeness(out):
    if json.loads((out / "run.json").read_text())["complete"]:
        return True
    study = out / "study.nc"
    return study.exists() and bool(xr.load_dataset(study, engine="h5netcdf").attrs["complete"])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(study_text(TRIALS, extra="[noise]\ndiverge_every = 7\nnan_every = 11"))
    return path


@pytest.fixture
def study(file, monkeypatch):
    monkeypatch.setitem(tiny_study.method.MODULES, "tiny", "tiny_study")
    return load_study(file)


@pytest.fixture(scope="module")
def quiet(file, tmp_path_factory):
    """A run that nothing disturbs."""
    out = tmp_path_factory.mktemp("quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tiny_study.method.MODULES, "tiny", "tiny_study")
        run_study(load_study(file), out, workers=Threads(1))
    return out


def counted(monkeypatch):
    """Names of the chunks that are computed from now on."""
    names, compute = [], runner.compute_chunk

    def compute_chunk(study, chunk):
        names.append(chunk.name)
        return compute(study, chunk)

    monkeypatch.setattr(runner, "compute_chunk", compute_chunk)
    return names


# Kill


def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_numbers(
    file, study, quiet, tmp_path, monkeypatch, evidence
):
    kept = {}
    for number in (2, 5):
        process = start(["run", file, "--out", tmp_path, *WORDS], TINY_SLEEP_S="0.2")
        wait_for_chunks(tmp_path, number, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not claims_completeness(tmp_path)
        now = chunk_files(tmp_path)
        assert kept.items() <= now.items()  # none lost, none written again
        assert number <= len(now) < NUM_CHUNKS
        kept = now
    computed = counted(monkeypatch)
    run_study(study, tmp_path, workers=Threads(1))
    assert len(computed) == NUM_CHUNKS - len(kept)
    assert not {f"{name}.npz" for name in computed} & kept.keys()
    assert claims_completeness(tmp_path)
    evidence(
        "studies.run",
        "results of a run killed twice that differ from an undisturbed run",
        "undisturbed run, bit by bit",
        "invariance",
        achieved=num_different(tmp_path, quiet),
        tolerance=0,
    )


@pytest.mark.parametrize("place", ["chunk 4", "trials 6"])
def test_a_run_that_is_killed_while_it_writes_loses_nothing(
    file, study, quiet, tmp_path, monkeypatch, place
):
    process = start(["run", file, "--out", tmp_path, *WORDS], TINY_HANG=place)
    assert process.stdout.readline() == "hanging\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    what = "chunks" if place.startswith("chunk") else ""
    assert len([*(tmp_path / what).glob(".*.tmp")]) == 1  # it was in the middle of it
    assert not (tmp_path / "trials.nc").exists()
    assert not claims_completeness(tmp_path)
    kept = chunk_files(tmp_path)
    # Trials are written while later chunks are computed.
    assert len(kept) == 3 if place.startswith("chunk") else 5 < len(kept) <= NUM_CHUNKS
    computed = counted(monkeypatch)
    run_study(study, tmp_path, workers=Threads(1))
    assert len(computed) == NUM_CHUNKS - len(kept)
    assert num_different(tmp_path, quiet) == 0
    assert not [*tmp_path.rglob(".*.tmp")]


def test_a_chunk_file_that_was_cut_is_computed_again(study, quiet, tmp_path, monkeypatch):
    stop_after(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path, workers=Threads(1))
    monkeypatch.undo()
    names = sorted(chunk_files(tmp_path))
    cut = tmp_path / "chunks" / names[2]
    cut.write_bytes(cut.read_bytes()[:-30])
    (tmp_path / "chunks" / f".{names[1]}.123.tmp").write_bytes(b"PK")
    computed = counted(monkeypatch)
    run_study(study, tmp_path, workers=Threads(1))
    assert f"{computed[0]}.npz" == cut.name
    assert len(computed) == NUM_CHUNKS - len(names) + 1
    assert num_different(tmp_path, quiet) == 0


def stop_after(monkeypatch, number):
    """Ctrl-C once so many chunks are done."""
    run = run_module.run_chunks

    def run_chunks(study, folder, workers, progress, on_kept):
        def interrupting(done, total):
            if done >= number * tiny_study.CHUNK:
                raise KeyboardInterrupt

        return run(study, folder, workers, interrupting, on_kept)

    monkeypatch.setattr(run_module, "run_chunks", run_chunks)


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_130_a_sentence_and_chunks_to_go_on_from(
    file, study, quiet, tmp_path, number
):
    words = ["run", file, "--out", tmp_path, "--format", "json", "--quiet", "--workers", "2"]
    process = start(words, TINY_SLEEP_S="1.5")  # a busy machine may hold this test for seconds
    wait_for_chunks(tmp_path, 3, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    kept = chunk_files(tmp_path)
    assert process.returncode == 130
    assert out == ""
    assert err == (
        f"interrupted: {len(kept)} of 10 chunks are kept in {tmp_path}; run the same command "
        "again to go on.\n"
    )
    assert 3 <= len(kept) < NUM_CHUNKS
    assert not claims_completeness(tmp_path)
    run_study(study, tmp_path, workers=Threads(1))
    assert num_different(tmp_path, quiet) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_destructor_swallows_is_raised_again(number, monkeypatch):
    swallowed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: swallowed.append(what.exc_type))

    class Deaf:
        def __del__(self):
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with signals_as_interrupt() as request:
        request()
        Deaf()
        gc.collect()
        with pytest.raises(KeyboardInterrupt):
            request()
    assert swallowed == [KeyboardInterrupt]
    assert signal.getsignal(number) is before


# Chunks that fail


def command(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code, *capsys.readouterr()


def test_a_chunk_that_fails_leaves_the_others_and_is_computed_alone_next_time(
    file, study, quiet, tmp_path, monkeypatch, capsys
):
    compute = runner.compute_chunk
    monkeypatch.setattr(runner, "compute_chunk", tiny_study.troubled(compute))
    monkeypatch.setenv("TINY_FAIL", "3 8")
    code, out, err = command(capsys, "run", file, "--out", tmp_path, *WORDS)
    assert (code, out) == (1, "")
    assert err == (
        "not complete: Incomplete: 2 of 10 chunks are missing; run the study again to compute "
        "them.\n"
    )
    result = xr.load_dataset(tmp_path / "study.nc", engine="h5netcdf")
    assert result.attrs["complete"] == result.attrs["converged"] == 0
    assert result["missing"].values == 400
    assert json.loads(result.attrs["warnings"])[1:] == [
        "point00000-chunk000003 failed: ArithmeticError: no luck with chunk 3",
        "point00000-chunk000008 failed: ArithmeticError: no luck with chunk 8",
    ]
    reason = (tmp_path / "chunks" / "point00000-chunk000003.txt").read_text()
    assert reason.startswith("Traceback")
    assert "ArithmeticError: no luck with chunk 3" in reason
    assert len(chunk_files(tmp_path)) == 8
    trials = numbers(tmp_path / "trials.nc")["status"][1][0]
    assert (trials[600:800] == -1).all()
    assert np.sum(trials == -1) == 400

    monkeypatch.setattr(runner, "compute_chunk", compute)
    computed = counted(monkeypatch)
    code, _, err = command(capsys, "run", file, "--out", tmp_path, *WORDS)
    assert (code, err) == (0, "")
    assert computed == ["point00000-chunk000003", "point00000-chunk000008"]
    assert num_different(tmp_path, quiet) == 0
    assert not (tmp_path / "chunks").exists()


def test_a_run_in_which_every_chunk_fails_tells_so(study, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "compute_chunk", tiny_study.troubled(runner.compute_chunk))
    monkeypatch.setenv("TINY_FAIL", " ".join(map(str, range(NUM_CHUNKS))))
    result = run_study(study, tmp_path, workers=Threads(2))
    assert result.attrs["complete"] == 0
    assert result["missing"].values == result["trials"].values == 2 * TRIALS
    assert np.isnan(result["rmse_3d"].values).all()
    assert len(json.loads(result.attrs["warnings"])) == 6  # how many are missing, five reasons


# A full disk


def test_a_disk_that_fills_up_stops_the_run_and_keeps_what_was_done(
    study, quiet, tmp_path, monkeypatch
):
    savez, calls = np.savez, iter(range(100))

    def full(file, **arrays):
        if next(calls) >= 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    computed = counted(monkeypatch)
    result = run_study(study, tmp_path, workers=Threads(1))
    first, second, *rest = json.loads(result.attrs["warnings"])
    assert first.startswith("Incomplete: 6 of 10 chunks are missing")
    assert second.startswith("The run stopped early: cannot write ")
    assert second.endswith("npz': No space left on device.")
    assert rest == []
    assert len(computed) < NUM_CHUNKS
    assert len(chunk_files(tmp_path)) == 4
    assert not claims_completeness(tmp_path)
    monkeypatch.setattr(np, "savez", savez)
    run_study(study, tmp_path, workers=Threads(1))
    assert num_different(tmp_path, quiet) == 0


@pytest.mark.parametrize(
    ("limit", "fewest", "keep"),
    [(3000, 0, "true"), (20_000, 1, "true"), (20_000, NUM_CHUNKS, "false")],
)
def test_files_that_the_system_cuts_off_end_the_run_with_the_reason(
    file, quiet, tmp_path, limit, fewest, keep, monkeypatch
):
    """3000 bytes are too few for a chunk, 20000 too few for trials.nc and study.nc."""
    path, out = tmp_path / "tiny.toml", tmp_path / "out"
    path.write_text(file.read_text() + f"[output]\nkeep_trials = {keep}\n")
    process = start(["run", path, "--out", out, *WORDS], TINY_FILE_LIMIT=str(limit))
    shown, err = process.communicate(timeout=60)
    # Without a chunk there are no trials to be written.
    name = "trials.nc" if keep == "true" and fewest else "study.nc"
    assert err == f"error: cannot write {str(out / name)!r}: File too large.\n"
    assert process.returncode == 2
    assert shown == ""
    assert not claims_completeness(out)
    assert not [*out.rglob(".*.tmp")]
    assert len(chunk_files(out)) >= fewest
    monkeypatch.setitem(tiny_study.method.MODULES, "tiny", "tiny_study")
    run_study(load_study(file), out, workers=Threads(1))
    assert num_different(out, quiet) == 0


def test_a_result_that_cannot_be_written_is_a_sentence_and_keeps_the_chunks(
    file, study, quiet, tmp_path, monkeypatch, capsys
):
    def full(dataset, path, **how):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(xr.Dataset, "to_netcdf", full)
        code, out, err = command(capsys, "run", file, "--out", tmp_path, *WORDS)
    assert code == 2
    assert out == ""
    assert err == (
        f"error: cannot write {str(tmp_path / 'study.nc')!r}: No space left on device.\n"
    )
    assert not (tmp_path / "study.nc").exists()
    assert not claims_completeness(tmp_path)
    assert len(chunk_files(tmp_path)) == NUM_CHUNKS
    computed = counted(monkeypatch)
    run_study(study, tmp_path, workers=Threads(1))
    assert computed == []
    assert num_different(tmp_path, quiet) == 0


# Once it is complete


def test_a_complete_run_is_read_back_and_not_computed(study, tmp_path, monkeypatch):
    first = run_study(study, tmp_path, workers=Threads(1))
    computed, calls = counted(monkeypatch), []
    before = (tmp_path / "study.nc").stat().st_mtime_ns
    again = run_study(study, tmp_path, progress=lambda *how: calls.append(how))
    assert computed == []
    assert calls == [(1, 1)]
    assert (tmp_path / "study.nc").stat().st_mtime_ns == before
    xr.testing.assert_equal(first, again)
    assert again.attrs["complete"] == 1


@pytest.mark.parametrize("name", ["study.nc", "trials.nc"])
def test_a_complete_run_whose_result_was_deleted_is_computed_again(study, quiet, tmp_path, name):
    run_study(study, tmp_path, workers=Threads(1))
    (tmp_path / name).unlink()
    result = run_study(study, tmp_path, workers=Threads(1))
    assert result.attrs["complete"] == 1
    assert num_different(tmp_path, quiet) == 0


def test_a_run_without_its_result_does_not_claim_to_be_complete_while_it_runs(
    study, tmp_path, monkeypatch
):
    run_study(study, tmp_path, workers=Threads(1))
    (tmp_path / "study.nc").unlink()
    stop_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path, workers=Threads(1))
    assert not claims_completeness(tmp_path)
    assert 3 <= len(chunk_files(tmp_path)) < NUM_CHUNKS


def test_a_damaged_result_is_a_sentence_and_restart_mends_it(study, quiet, tmp_path):
    run_study(study, tmp_path, workers=Threads(1))
    whole = (tmp_path / "study.nc").read_bytes()
    (tmp_path / "study.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="expected a NetCDF 4 file"):
        run_study(study, tmp_path)
    run_study(study, tmp_path, workers=Threads(1), restart=True)
    assert num_different(tmp_path, quiet) == 0


def test_restart_computes_everything_again(study, tmp_path, monkeypatch):
    run_study(study, tmp_path, workers=Threads(1))
    computed = counted(monkeypatch)
    run_study(study, tmp_path, workers=Threads(1), restart=True)
    assert len(computed) == NUM_CHUNKS


def test_a_restarted_run_that_stops_leaves_no_old_result(study, tmp_path, monkeypatch):
    run_study(study, tmp_path, workers=Threads(1))
    stop_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path, workers=Threads(1), restart=True)
    assert not (tmp_path / "study.nc").exists()
    assert not claims_completeness(tmp_path)


def test_title_and_published_numbers_are_those_of_the_file_today(tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    table = '[[published]]\nquantity = "rmse_3d"\nvalue = 3.4\ntolerance = 0.5\nsource = "x"\n'
    first = run_study(tiny(100, extra=table), out, workers=Threads(1))
    assert first.sizes["published"] == 1
    computed = counted(monkeypatch)
    study = tiny(100, extra=table + table.replace("3.4", "99.0"))
    study.path.write_text(study.path.read_text().replace('"T"', '"New"'))
    again = run_study(load_study(study.path), out)
    assert again["verdict"].values.tolist() == ["held", "differs"]
    assert again.attrs["title"] == "New"
    assert "New" in again.attrs["input_text"]
    stored = xr.load_dataset(out / "study.nc", engine="h5netcdf")
    assert stored.attrs["title"] == "New"
    last = run_study(tiny(100), out)
    assert "verdict" not in last
    assert computed == []


def test_a_misspelt_published_quantity_is_refused_before_anything_runs(tiny, tmp_path, monkeypatch):
    table = '[[published]]\nquantity = "rmse_3e"\nvalue = 3.4\ntolerance = 0.5\nsource = "x"\n'
    computed = counted(monkeypatch)
    words = r"published\[0\].quantity = 'rmse_3e': is no result.*Did you mean 'rmse_3d'\?"
    with pytest.raises(LeopntError, match=words):
        run_study(tiny(100, extra=table), tmp_path / "out", workers=Threads(1))
    assert computed == []


def test_a_folder_in_use_or_of_another_study_is_refused(study, tiny, tmp_path):
    out = tmp_path / "out"

    def try_it_too(done, total):
        with pytest.raises(LeopntError, match="is in use by another run"):
            run_study(study, out)

    run_study(study, out, workers=Threads(1), progress=try_it_too)
    with pytest.raises(LeopntError, match="holds a run of another study"):
        run_study(tiny(TRIALS), out)


# What the numbers depend on


def test_the_fingerprint_is_that_of_all_that_numbers_depend_on(tiny, tmp_path, monkeypatch):
    data = tmp_path / "data.txt"
    data.write_text("1")
    text = study_text(100).replace("[study]", 'file = "data.txt"\n[study]')

    def mark(text):
        path = tmp_path / "one.toml"
        path.write_text(text)
        return load_study(path).fingerprint

    monkeypatch.setitem(tiny_study.method.MODULES, "tiny", "tiny_study")
    first = mark(text)
    sweep = '[sweep.values]\n"noise.sigma_m" = [1.0, 2.0]\n'
    changed = [
        text.replace("seed = 1", "seed = 2"),
        text.replace("trials = 100", "trials = 101"),
        text + "[noise]\nsigma_m = 2.5\n",
        text + sweep,
        text + sweep.replace("2.0", "2.1"),
    ]
    marks = [mark(one) for one in changed]
    assert len({first, *marks}) == len(changed) + 1
    same = [
        text.replace('"T"', '"Another"'),
        text + "# a remark\n",
        text + '[output]\ndirectory = "elsewhere"\nkeep_trials = false\n',
        text + "[noise]\nsigma_m = 2.0\n",  # the default
    ]
    assert {mark(one) for one in same} == {first}
    data.write_text("2")
    assert mark(text) != first
    data.write_text("1")
    assert mark(text) == first
    monkeypatch.setattr("leopnt.__version__", "99.0")
    assert mark(text) != first


def test_a_change_of_seed_or_trials_does_not_reuse_a_chunk(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "compute_chunk", tiny_study.troubled(runner.compute_chunk))
    monkeypatch.setenv("TINY_FAIL", "1")
    run_study(tiny(200), tmp_path / "out", workers=Threads(1))
    for changed in (tiny(200, seed=2), tiny(300)):
        with pytest.raises(LeopntError, match="another study"):
            run_study(changed, tmp_path / "out")


# Cost and memory


def test_a_cost_estimate_counts_what_a_run_then_does(tiny, tmp_path):
    study = tiny(500, extra='[sweep.values]\n"noise.sigma_m" = [1.0, 2.0, 3.0]')
    cost = estimate_cost(study, Threads(1))
    calls = []
    run_study(study, tmp_path / "out", workers=Threads(1), progress=lambda *n: calls.append(n))
    assert cost.num_trials == calls[-1][0] == calls[-1][1] == 3000
    assert cost.num_chunks == len(calls) - 1 == 15
    assert (cost.num_points, cost.num_cases) == (3, 2)
    assert 0 < cost.seconds < 60
    assert cost.disk_bytes >= (tmp_path / "out" / "trials.nc").stat().st_size - 30_000


MEMORY = """
import sys
from leopnt.studies import Threads, load_study, run_study
result = run_study(load_study(sys.argv[1]), sys.argv[2], workers=Threads(2))
assert result.attrs["complete"] == 1, result.attrs["warnings"]
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(result["solved"].sum()), int(peak.split()[1]) * 1024)
"""


@pytest.mark.study
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_million_fixes_stream_through_less_than_a_gigabyte(tmp_path, evidence):
    fixes = study_size(200_000, 1_000_000)
    file = tmp_path / "big.toml"
    file.write_text(
        f'[study]\nmethod = "pvt"\ntrials = {fixes // 10}\n'
        '[constellation]\npreset = "starlink-shell-1"\n[antenna]\nmask_deg = 30.0\n[users]\n'
        'cities = ["Hong Kong", "London", "Nairobi", "Sydney", "Tokyo", "Paris", "Quito", '
        '"New York", "Beijing", "Cape Town"]\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(file), str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    solved, peak_bytes = map(int, done.stdout.split())
    assert solved > 0.5 * fixes
    evidence(
        "studies.run",
        "peak memory of a pseudorange study of a million fixes",
        "1 GB",
        "own",
        achieved=peak_bytes / 1e9,
        tolerance=1.0,
        unit="GB",
    )
