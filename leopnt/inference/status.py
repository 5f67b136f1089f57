"""How an estimate ended: one enumeration, each value the sentence that the user reads."""

import equinox as eqx
import numpy as np


class Status(eqx.Enumeration):
    """End of an estimation. `Status[status]` gives the sentence; empty means converged."""

    converged = ""
    max_iterations = "the iteration limit was reached before the step became small"
    diverged = "the step grew for 3 iterations; the starting point may be too far"
    unobservable = "the measurements do not determine all unknowns (singular geometry)"
    too_few_measurements = "fewer usable measurements than unknowns"
    stalled = "no step lowers the cost any more, yet the gradient is not zero"
    ambiguous = "another position fits about as well; see the candidates"
    not_finite = "the prediction is not finite at the current estimate"
    implausible = "no receiver can be there: underground, in space, or with the satellites not up"


def count_statuses(status: Status) -> dict[str, int]:
    """How often each status occurs in a batch, by name, most frequent first."""
    names = np.array(list(Status._name_to_item))
    values, counts = np.unique(np.asarray(status._value), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(names[values[i]]): int(counts[i]) for i in order}
