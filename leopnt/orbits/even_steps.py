"""Nodes of a table placed in even steps, so that every one of them is found by a division."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError

_OFF_STEP = 1e-6


@dataclass(frozen=True)
class EvenSteps:
    """Times first_s + k step_s, k = 0 to count - 1."""

    first_s: float
    step_s: float
    count: int

    def place(self, t_s: Float[np.ndarray, "*batch"]) -> Float[np.ndarray, "*batch"]:
        """Steps since the first node."""
        return (t_s - self.first_s) / self.step_s

    def times_s(self) -> Float[np.ndarray, " node"]:
        """All nodes."""
        return self.first_s + self.step_s * np.arange(self.count)


def even_steps(
    nodes_s: Float[np.ndarray, " epoch"], source: str
) -> tuple[EvenSteps, Int[np.ndarray, " epoch"]]:
    """Even steps through all nodes, and the place of each; nodes may be missing between.

    Args:
        nodes_s: two or more increasing times, whole multiples of their smallest step apart.
        source: what messages call the table.

    Raises:
        LeopntError: fewer than two nodes, not increasing, or off the steps.
    """
    t = np.asarray(nodes_s, float)
    if t.ndim != 1 or len(t) < 2 or not np.all(np.diff(t) > 0.0):
        raise LeopntError(f"{source}: expected two or more increasing epochs, got {len(t)}.")
    step = float(np.min(np.diff(t)))
    place = (t - t[0]) / step
    number = np.rint(place).astype(np.int64)
    off = np.abs(place - number)
    if np.max(off) > _OFF_STEP * max(1, number[-1]):
        raise LeopntError(
            f"{source}: epoch {int(np.argmax(off))} is {off.max() * step:.3g} s off the steps of "
            f"{step:g} s; expected epochs in even steps, some of which may be missing."
        )
    return EvenSteps(float(t[0]), float((t[-1] - t[0]) / number[-1]), int(number[-1]) + 1), number
