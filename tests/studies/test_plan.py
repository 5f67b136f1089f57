"""Chunks cover every trial of every point once."""

import numpy as np
import pytest

from leopnt.studies.plan import Chunk, chunks_of


@pytest.mark.parametrize(
    ("points", "trials", "size"), [(1, 1, 1), (1, 7, 10), (3, 10, 5), (2, 11, 5), (5, 1, 100)]
)
def test_every_trial_is_in_one_chunk(points, trials, size):
    chunks = chunks_of(points, trials, size)
    for point in range(points):
        index = np.concatenate([c.index for c in chunks if c.point == point])
        np.testing.assert_array_equal(index, np.arange(trials))
    assert {c.point for c in chunks} == set(range(points))
    assert max(c.size for c in chunks) <= size


def test_chunks_have_names_of_their_own_that_sort_as_they_run():
    chunks = chunks_of(12, 1000, 7)
    names = [c.name for c in chunks]
    assert len(set(names)) == len(names)
    assert names == sorted(names)
    assert chunks == sorted(chunks)


def test_a_chunk_knows_its_trials():
    chunk = Chunk(point=2, number=3, start=30, stop=34)
    assert chunk.name == "point00002-chunk000003"
    assert chunk.size == 4
    assert chunk.index.tolist() == [30, 31, 32, 33]


def test_the_evidence_counts_trials_that_are_lost_or_doubled(evidence):
    chunks = chunks_of(3, 1_000_003, 40_000)
    seen = np.zeros((3, 1_000_003), int)
    for chunk in chunks:
        seen[chunk.point, chunk.start : chunk.stop] += 1
    evidence(
        "studies.plan",
        "trials lost or doubled by the chunks of a study",
        "every trial once",
        "invariance",
        achieved=np.sum(seen != 1),
        tolerance=0,
    )
