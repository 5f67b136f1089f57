"""Statuses: sentences, and counts over a batch. Each value is reached in test_least_squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.inference import Status, count_statuses

NAMES = list(Status._name_to_item)


@pytest.mark.parametrize("name", NAMES)
def test_every_status_but_convergence_has_a_sentence(name):
    sentence = Status[getattr(Status, name)]
    assert (sentence == "") == (name == "converged")
    assert sentence == sentence.strip()
    assert not sentence.endswith(".")


def test_statuses_of_a_batch_are_counted_by_name(evidence):
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 2, 50)
    where = jax.vmap(lambda drawn: Status.where(drawn == 0, Status.converged, Status.diverged))
    status = where(jnp.asarray(drawn))
    counts = count_statuses(status)
    truth = {"converged": int(np.sum(drawn == 0)), "diverged": int(np.sum(drawn == 1))}
    evidence(
        "inference.status",
        "counts of two statuses in a batch",
        "numpy",
        "implementation",
        achieved=sum(abs(counts[n] - truth[n]) for n in truth),
        tolerance=0,
    )
    assert list(counts) == sorted(truth, key=lambda n: -truth[n])
    assert count_statuses(Status.stalled) == {"stalled": 1}
