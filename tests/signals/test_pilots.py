"""Moments of pilots against plain loops and the law of large numbers."""

import jax
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.signals import (
    OfdmGrid,
    dft_pilots,
    isotropic_moments,
    pilot_moments,
    pilot_moments_of_blocks,
    random_pilots,
)


def by_loops(pilots):
    symbols, subs, streams = pilots.shape
    total = np.zeros((3, 3, streams, streams), complex)
    for l in range(symbols):  # noqa: E741
        for k in range(subs):
            w = np.array([1.0, l + 1.0, k + 1.0])
            t = np.asarray(pilots[l, k])
            total += np.multiply.outer(np.outer(w, w), np.outer(np.conj(t), t))
    return total


def test_moments_are_the_sums_over_all_samples(evidence):
    pilots = np.asarray(random_pilots(jax.random.key(1), OfdmGrid(5, 1.0, 150), 3))
    expected = by_loops(pilots)
    evidence(
        "signals.pilots",
        "moments of random pilots in blocks, relative to the largest",
        "sum over all samples",
        "closed form",
        achieved=np.max(np.abs(pilot_moments(pilots) - expected)) / np.max(np.abs(expected)),
        tolerance=1e-14,
    )
    blocks = (pilots[i : i + 7] for i in range(0, 150, 7))
    np.testing.assert_allclose(pilot_moments_of_blocks(blocks), expected, rtol=1e-12, atol=1e-6)


def test_random_pilots_are_isotropic_on_average():
    grid = OfdmGrid(8, 1.0, 6)
    keys = jax.random.split(jax.random.key(2), 400)
    mean = np.mean([pilot_moments(random_pilots(k, grid, 2)) for k in keys], axis=0)
    expected = np.asarray(isotropic_moments(grid, 2))
    # Cross terms of 48 samples scatter by 1/sqrt(48), 400 draws by a twentieth of that.
    scale = np.abs(np.einsum("abss->ab", expected))[:, :, None, None] / 2
    assert np.max(np.abs(mean - expected) / scale) < 0.05


def test_dft_pilots_are_orthogonal_over_as_many_symbols():
    moments = pilot_moments(dft_pilots(OfdmGrid(3, 1.0, 8), 4))
    np.testing.assert_allclose(moments[0, 0], 24 * np.eye(4), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pilot_moments(np.ones((3, 4))), r"accepted: \(symbol, sub, stream\)"),
        (lambda: pilot_moments(np.full((3, 4, 2), 1.1)), "a modulus differs from one by 0.1"),
        (lambda: pilot_moments(np.full((3, 4, 2), np.nan)), "accepted: unit modulus to 1e-06"),
        (lambda: pilot_moments_of_blocks([]), "accepted: one or more arrays"),
    ],
)
def test_bad_pilots_are_refused(call, words):
    with pytest.raises(LeopntError, match=words):
        call()
