"""The folder of a run: whole chunks or none, one study, one process."""

import errno
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.studies.plan import Chunk
from leopnt.studies.store import RunFolder, open_run

CHUNK = Chunk(0, 0, 0, 50)
RNG = np.random.default_rng(4)
ARRAYS = {
    "status": RNG.integers(0, 9, 50).astype(np.int8),
    "error_enu_m": RNG.normal(size=(50, 3)),
}


@pytest.fixture
def folder(tmp_path):
    with open_run(tmp_path / "run", "mark") as opened:
        yield opened


def file_of(folder, chunk=CHUNK):
    return folder.chunks / f"{chunk.name}.npz"


def test_a_chunk_comes_back_bit_by_bit(folder, evidence):
    values = {**ARRAYS, "odd": np.array([np.nan, -0.0, np.inf, 5e-324, 1.0] * 10)}
    folder.write(CHUNK, values)
    found = folder.read(CHUNK)
    assert set(found) == set(values)
    wrong = sum(found[k].tobytes() != v.tobytes() or found[k].dtype != v.dtype
                for k, v in values.items())  # fmt: skip
    evidence("studies.store", "arrays of a chunk that come back changed", "bytes written",
             "invariance", achieved=wrong, tolerance=0)  # fmt: skip


def test_what_is_missing_is_not_there(folder):
    assert not folder.has(CHUNK)
    assert folder.read(Chunk(1, 0, 0, 50)) is None


def test_a_damaged_chunk_counts_as_missing(folder):
    folder.write(CHUNK, ARRAYS)
    whole = file_of(folder).read_bytes()
    payload = whole.index(ARRAYS["error_enu_m"].tobytes())
    cuts = [whole[:size] for size in (0, 1, 4, 100, len(whole) // 2, len(whole) - 1)]
    flipped = bytearray(whole)
    flipped[payload + 17] ^= 1
    for damaged in [*cuts, bytes(flipped), b"\0" * len(whole), b"not a zip"]:
        file_of(folder).write_bytes(damaged)
        assert folder.read(CHUNK) is None
    file_of(folder).write_bytes(whole)
    assert folder.has(CHUNK)


def test_no_flipped_byte_passes_for_other_numbers_or_ends_the_run(folder):
    folder.write(CHUNK, ARRAYS)
    whole = file_of(folder).read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        file_of(folder).write_bytes(bytes(damaged))
        found = folder.read(CHUNK)
        if found is not None:  # a byte that means nothing, as a date
            assert found.keys() == ARRAYS.keys()
            assert all(found[k].tobytes() == ARRAYS[k].tobytes() for k in ARRAYS)


def test_a_chunk_of_another_study_or_size_counts_as_missing(folder):
    folder.write(CHUNK, ARRAYS)
    assert RunFolder(folder.path, "other").read(CHUNK) is None
    assert folder.read(Chunk(0, 0, 0, 49)) is None


def test_a_write_that_fails_leaves_nothing_and_names_the_reason(folder, monkeypatch):
    def full(file, **arrays):
        file.write(b"PK half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(LeopntError, match=r"cannot write .*npz.: No space left on device\."):
        folder.write(CHUNK, ARRAYS)
    assert list(folder.chunks.iterdir()) == []


def test_a_write_that_fails_keeps_the_chunk_that_was_there(folder, monkeypatch):
    folder.write(CHUNK, ARRAYS)
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(5, "I/O")))
    with pytest.raises(LeopntError, match="I/O"):
        folder.write(CHUNK, {"status": np.zeros(50)})
    np.testing.assert_array_equal(folder.read(CHUNK)["status"], ARRAYS["status"])


def test_the_reason_of_a_failure_goes_when_the_chunk_comes(folder):
    reason = folder.chunks / f"{CHUNK.name}.txt"
    folder.write_failure(CHUNK, "no luck")
    assert reason.read_text() == "no luck"
    folder.write(CHUNK, ARRAYS)
    assert not reason.exists()


def test_a_reason_that_cannot_be_written_is_no_error(tmp_path):
    RunFolder(tmp_path / "gone", "mark").write_failure(CHUNK, "no luck")


def test_half_written_files_of_a_killed_run_are_cleared_away(tmp_path):
    with open_run(tmp_path, "mark") as folder:
        left = [
            tmp_path / ".study.nc.77.tmp",
            folder.chunks / ".point00000-chunk000000.npz.77.tmp",
        ]
    for file in left:
        file.write_bytes(b"half")
    with open_run(tmp_path, "mark"):
        assert not any(file.exists() for file in left)


def test_a_run_is_complete_once_it_is_finished_and_not_before(tmp_path):
    with open_run(tmp_path, "mark") as folder:
        folder.write(CHUNK, ARRAYS)
        assert not folder.is_complete
        folder.finish()
        assert folder.is_complete
        assert not folder.chunks.exists()
    with open_run(tmp_path, "mark") as folder:
        assert folder.is_complete
        folder.reopen()
        assert not folder.is_complete
        folder.write(CHUNK, ARRAYS)


def test_the_folder_of_another_study_is_refused_until_restart(tmp_path):
    with open_run(tmp_path, "mark") as folder:
        folder.write(CHUNK, ARRAYS)
    with (
        pytest.raises(LeopntError, match=r"holds a run of another study.*--out.*--restart"),
        open_run(tmp_path, "other"),
    ):
        pass
    with open_run(tmp_path, "mark") as folder:
        assert folder.has(CHUNK)
    with open_run(tmp_path, "other", restart=True) as folder:
        assert not any(folder.chunks.iterdir())
        assert json.loads((tmp_path / "run.json").read_text())["fingerprint"] == "other"


def test_restart_leaves_no_result_that_speaks_for_the_new_run(tmp_path):
    results = [tmp_path / n for n in ("study.nc", "trials.nc", "study.json", "report.html")]
    mine = tmp_path / "study.toml"
    for file in [*results, mine]:
        file.write_text("x")
    with open_run(tmp_path, "mark", restart=True):
        assert not any(file.exists() for file in results)
        assert mine.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"x"', "\0", '{"fingerprint": 1}'])
def test_a_damaged_manifest_is_a_sentence_and_restart_mends_it(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(LeopntError, match="--restart"), open_run(tmp_path, "mark"):
        pass
    with open_run(tmp_path, "mark", restart=True) as folder:
        assert not folder.is_complete


def test_a_manifest_that_is_not_text_is_a_sentence(tmp_path):
    (tmp_path / "run.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LeopntError, match=r"cannot be read .*--restart"), open_run(tmp_path, "m"):
        pass


def test_a_folder_is_open_once(tmp_path):
    with (
        open_run(tmp_path, "mark"),
        pytest.raises(LeopntError, match=r"is in use by another run; wait"),
        open_run(tmp_path, "mark"),
    ):
        pass
    with open_run(tmp_path, "mark"):
        pass


def test_a_folder_is_open_in_one_process_and_free_when_that_is_killed(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom leopnt.studies.store import open_run\n"
        "with open_run(Path(sys.argv[1]), 'mark'):\n"
        "    print('open', flush=True)\n    time.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(LeopntError, match="in use"), open_run(tmp_path, "mark"):
            pass
        other.kill()
    time.sleep(0.05)
    with open_run(tmp_path, "mark") as folder:
        assert not folder.is_complete


def test_a_file_in_place_of_the_folder_is_a_sentence(tmp_path):
    (tmp_path / "out").write_text("mine")
    with (
        pytest.raises(LeopntError, match=r"cannot make the folder .*out"),
        open_run(tmp_path / "out", "mark"),
    ):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_that_cannot_be_locked_is_a_sentence(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(LeopntError, match="cannot write in the folder"), open_run(tmp_path, "m"):
        pass
