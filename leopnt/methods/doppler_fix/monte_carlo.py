"""Many fixes of known geometries at once: errors against their Cramer-Rao bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.inference.batch import batch_map
from leopnt.inference.least_squares import GaussNewton, solve
from leopnt.inference.model import Data
from leopnt.inference.small_linear import inverse_spd
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix.model import FIRST_ORDER, DopplerTheta
from leopnt.methods.doppler_fix.options import FixOptions
from leopnt.methods.doppler_fix.padding import bucket, padded
from leopnt.methods.doppler_fix.solve import problem
from leopnt.scenes.doppler_log import DopplerLog


class Trials(NamedTuple):
    """Errors of simulated fixes, problem by problem.

    error_ecef_m (trial, 3): solution minus truth. bound_ecef_m2 (trial, 3, 3): Cramer-Rao bound of
    the position at the truth. converged (trial,).
    """

    error_ecef_m: Float[np.ndarray, "trial 3"]
    bound_ecef_m2: Float[np.ndarray, "trial 3 3"]
    converged: np.ndarray

    @property
    def rms_over_bound(self) -> float:
        """RMS of the 3D error over the RMS of its bound, converged trials."""
        ok = self.converged
        bound = np.trace(self.bound_ecef_m2[ok], axis1=1, axis2=2)
        return float(np.sqrt(np.mean(np.sum(self.error_ecef_m[ok] ** 2, axis=1)) / np.mean(bound)))

    @property
    def normalized_rms(self) -> float:
        """RMS of the whitened error, sqrt(mean NEES / 3): every trial counts alike; ideal 1."""
        ok = self.converged
        root = np.linalg.cholesky(self.bound_ecef_m2[ok])
        white = np.linalg.solve(root, self.error_ecef_m[ok][..., None])[..., 0]
        return float(np.sqrt(np.mean(white**2)))


def fix_trials(
    logs: Sequence[DopplerLog],
    truths_ecef_m: Float[np.ndarray, "log 3"],
    unknowns: tuple[str, ...] = ("rx_pos_ecef_m", "freq_offset_hz"),
    *,
    start_error_m: float = 10e3,
    seed: int = 0,
    tile: int = 8,
) -> Trials:
    """Solve every log from a start `start_error_m` away, all in one batch; sigmas as in the logs.

    The noise-free bound is taken at the truth, so the ratio is that of a Monte Carlo to its CRB.
    """
    options = FixOptions(unknowns=unknowns)
    length = bucket(max(len(log.time_s) for log in logs), 64)
    num_sat = bucket(max(len(log.satellites) for log in logs), 8)
    data = [padded(problem(log, options)[1], length) for log in logs]
    data = jax.tree.map(lambda *leaves: np.stack([np.asarray(x) for x in leaves]), *data)
    rng = np.random.default_rng(seed)
    offsets = rng.normal(size=(len(logs), 3))
    offsets *= start_error_m / np.linalg.norm(offsets, axis=1, keepdims=True)
    truths = np.asarray(truths_ecef_m, float)
    solve_tiles = _KERNELS.setdefault((unknowns, num_sat), _Kernel(unknowns, num_sat))
    position, converged, bound = batch_map(solve_tiles, truths, offsets, data, tile=tile)
    return Trials(position - truths, bound, converged)


class _Kernel:
    """One log: solution from a displaced start, and the bound at the truth."""

    def __init__(self, unknowns: tuple[str, ...], num_sat: int):
        self.unknowns, self.num_sat = unknowns, num_sat

    def __call__(self, truth, offset, data: Data):
        from leopnt.inference.linearize import normal_equations
        from leopnt.inference.parameters import Unknowns

        theta = DopplerTheta.at(truth, self.num_sat)
        start = eqx.tree_at(lambda t: t.rx_pos_ecef_m, theta, truth + offset)
        estimate = solve(FIRST_ORDER, start, data, self.unknowns, solver=GaussNewton())
        unknowns = Unknowns.of(theta, self.unknowns)
        normal = normal_equations(FIRST_ORDER, unknowns, theta, data)
        cofactor, _ = inverse_spd(normal.information)
        where = unknowns.slice("rx_pos_ecef_m")
        scale = jnp.asarray(unknowns.scale_vector)[where]
        bound = cofactor[where, where] * scale[:, None] * scale[None, :]
        converged = estimate.status == Status.converged
        return estimate.theta.rx_pos_ecef_m, converged, bound


_KERNELS: dict[tuple[tuple[str, ...], int], _Kernel] = {}
