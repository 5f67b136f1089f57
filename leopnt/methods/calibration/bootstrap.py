"""Scatter of estimates when whole blocks of observations are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.datum import Datum
from leopnt.methods.calibration.reduction import ReducedNormals, stacked
from leopnt.methods.calibration.solution import solve_calibration


def block_bootstrap(
    blocks: Sequence[ReducedNormals],
    num_draws: int,
    seed: int,
    datum: Datum | None = None,
) -> Float[np.ndarray, " param"]:
    """Standard deviation of each estimate over draws of blocks with replacement.

    A block is what errors are shared within: all stations of a day, say. Errors that are the same
    in all blocks, orbit errors at a fixed place of the orbit for one, do not show.

    Args:
        blocks: reduced normal equations, three or more; one at a time is asked for, in order, so
            that a sequence may read them from files.
        num_draws: 100 or so.

    Raises:
        LeopntError: too few blocks or draws.
    """
    if len(blocks) < 3 or num_draws < 2:
        raise LeopntError(
            f"blocks holds {len(blocks)}, num_draws = {num_draws}; expected 3 and 2 or more."
        )
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(num_draws):
        chosen = np.sort(rng.integers(0, len(blocks), len(blocks)))
        total = stacked(blocks[i].as_drawn() for i in chosen)
        draws.append(solve_calibration(total, datum).estimate)
    return np.std(np.array(draws), axis=0, ddof=1)
