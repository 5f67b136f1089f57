"""Chunks gathered while others run: in whatever order they come, the sums are the same."""

import numpy as np
import pytest
import xarray as xr

from leopnt.studies import runner
from leopnt.studies.gathering import gathering
from leopnt.studies.results import consolidate, study_dataset
from leopnt.studies.runner import Outcome
from leopnt.studies.store import open_run

SWEEP = '[noise]\ndiverge_every = 5\nnan_every = 8\n[sweep.values]\n"noise.sigma_m" = [1.0, 3.0]\n'


@pytest.fixture
def study(tiny):
    return tiny(700, extra=SWEEP)


def different(one, other):
    """Variables of two results that differ in any bit."""
    assert set(one.variables) == set(other.variables)
    pairs = [(one[name].values, other[name].values) for name in one.variables]
    return sum(
        not np.array_equal(a, b) if a.dtype.kind in "OUT" else a.tobytes() != b.tobytes()
        for a, b in pairs
    )


def test_the_order_in_which_chunks_end_changes_no_bit(study, tmp_path, evidence):
    chunks = runner.all_chunks(study)
    outcome = Outcome(len(chunks), len(chunks), {})
    with open_run(tmp_path, study.fingerprint) as folder:
        with gathering(study, folder, tmp_path / "late.nc") as gathered:
            kept = set()
            for i in np.random.default_rng(3).permutation(len(chunks)):
                folder.write(chunks[i], runner.compute_chunk(study, chunks[i]))
                kept.add(chunks[i])
                gathered.advance(kept)
            beside = study_dataset(study, gathered, outcome)
        after = consolidate(study, folder, outcome, tmp_path / "after.nc")
    files = [
        xr.load_dataset(tmp_path / name, engine="h5netcdf") for name in ("late.nc", "after.nc")
    ]
    evidence(
        "studies.gathering",
        "variables that differ in any bit, chunks ending in random order",
        "gathered after the run",
        "invariance",
        achieved=different(beside, after) + different(*files),
        tolerance=0,
    )


def gather_and_fail(study, folder, path, chunk):
    with gathering(study, folder, path) as gathered:
        gathered.advance({chunk})
        raise RuntimeError


def test_a_block_that_fails_leaves_no_file(study, tmp_path):
    chunk = runner.all_chunks(study)[0]
    with open_run(tmp_path, study.fingerprint) as folder:
        folder.write(chunk, runner.compute_chunk(study, chunk))
        with pytest.raises(RuntimeError):
            gather_and_fail(study, folder, tmp_path / "t.nc", chunk)
    assert not [*tmp_path.glob("*t.nc*")]
