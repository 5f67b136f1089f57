"""Batches: the same numbers whatever the threads and the size, in bounded pieces."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.inference import batch_map, batch_stream


def wave(x, y):
    return jnp.sin(x) * jnp.exp(y["y"]), jnp.sum(y["y"])


def scaled(x, factor):
    return x * factor


def arguments(count):
    rng = np.random.default_rng(1)
    return rng.normal(size=(count, 3)), {"y": rng.normal(size=(count, 3))}


def test_a_batch_equals_a_loop(evidence):
    x, y = arguments(137)
    found = batch_map(wave, x, y, tile=16)
    expected = np.sin(x) * np.exp(y["y"])
    evidence(
        "inference.batch",
        "batch against a loop, relative",
        "NumPy",
        "implementation",
        achieved=np.max(np.abs(found[0] / expected - 1)),
        tolerance=1e-14,
    )
    np.testing.assert_allclose(found[1], y["y"].sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_and_batch_size_change_no_bit_at_one_tile(threads):
    x, y = arguments(301)
    reference = batch_map(wave, x, y, tile=32, threads=1)
    found = batch_map(wave, x, y, tile=32, threads=threads)
    part = batch_map(wave, x[:77], {"y": y["y"][:77]}, tile=32, threads=threads)
    for one, two, three in zip(reference, found, part, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one[:77], three)


def test_a_stream_comes_in_order_and_in_pieces():
    x = np.arange(1000.0)
    pieces = list(batch_stream(scaled, x, shared=jnp.asarray(2.0), tile=10, threads=2))
    assert len(pieces) > 1
    assert all(isinstance(piece, np.ndarray) for piece in pieces)
    np.testing.assert_array_equal(np.concatenate(pieces), 2 * x)


def test_a_batch_that_cannot_be_is_refused():
    with pytest.raises(LeopntError, match="lengths"):
        batch_map(wave, np.zeros((3, 3)), {"y": np.zeros((4, 3))})
    with pytest.raises(LeopntError, match="empty"):
        batch_map(scaled, np.zeros(0), shared=jnp.asarray(1.0))
    with pytest.raises(LeopntError, match="tile"):
        batch_map(scaled, np.zeros(3), shared=jnp.asarray(1.0), tile=0)
