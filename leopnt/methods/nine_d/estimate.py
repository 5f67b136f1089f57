"""Position, velocity and orientation from measured delays and Dopplers: the bounds in practice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from leopnt.errors import LeopntError
from leopnt.inference.least_squares import AbstractSolver, Estimate, GaussNewton, solve
from leopnt.inference.model import Data, simulate
from leopnt.inference.priors import AbstractPrior
from leopnt.methods.nine_d.model import MODEL, NineDTheta, problem_of
from leopnt.methods.nine_d.scene import NineDScene

ALL_UNKNOWN = ("rx_pos_m", "rotation", "rx_vel_mps", "time_offset_s", "freq_offset_hz")
"""Fields of `NineDTheta`: the nine, and both offsets of every satellite."""


_NO_LINK = 1e15
"""Standard deviation of a blocked delay or Doppler: no information, and still a finite cost."""


class Measured(NamedTuple):
    """What a receiver measures.

    delay_s: tau - delta of every link, delta the time offset of its satellite; doppler: nu - eps /
    f_c of every slot, range rate over c, receding positive. Values of blocked links do not count.
    """

    delay_s: Float[Array | np.ndarray, "sat slot ant"]
    doppler: Float[Array | np.ndarray, "sat slot"]


def simulate_measured(
    scene: NineDScene,
    key: PRNGKeyArray,
    time_offset_s: Float[Array | np.ndarray, " sat"] | None = None,
) -> Measured:
    """Draw delays and Dopplers: Gaussian, with the variances of the channel FIM, 1/w and 1/q.

    Args:
        scene: its receiver is the truth, and so are its frequency offsets.
        key: makes the noise.
        time_offset_s: delta of each satellite; default 0.
    """
    truth, links, shared = problem_of(scene)
    delta_s = truth.time_offset_s if time_offset_s is None else jnp.asarray(time_offset_s)
    theta = NineDTheta(
        truth.rx_pos_m, truth.rotation, truth.rx_vel_mps, delta_s, truth.freq_offset_hz
    )
    drawn = simulate(MODEL, theta, links, key, shared)
    drawn = jnp.where(jnp.isfinite(drawn), drawn, 0.0)  # blocked: of infinite variance
    return Measured(
        drawn[:, :-1].reshape(scene.snr.shape), drawn[:, -1].reshape(scene.snr.shape[:2])
    )


def estimate(
    scene: NineDScene,
    measured: Measured,
    free: Sequence[str] = ALL_UNKNOWN,
    *,
    start: NineDTheta | None = None,
    solver: AbstractSolver | None = None,
    priors: Sequence[AbstractPrior] = (),
) -> Estimate:
    """Maximum-likelihood position, rotation, velocity and offsets, all at once.

    Weights are those of the bounds, so that the covariance is the Cramer-Rao bound at the solution.
    The phase is coherent: delays must be free of cycle ambiguities. Steps come from normal
    equations: geometries so weak that these are singular in 64 bit (a position sigma of tens of
    kilometers at 40 dB) end with a status that says so, although a bound exists.

        scene = nine_d_scene(...)                 # satellites, antennas, SNR, a guess of the pose
        found = estimate(scene, Measured(delay_s, doppler))
        found.theta.rx_pos_m, found.sigma_of("rx_pos_m"), Status[found.status]

    Args:
        scene: the pose in it is where the search starts, unless `start` is given.
        measured: (sat, slot, ant) delays and (sat, slot) Dopplers.
        free: which fields of `NineDTheta` to estimate; the others stay as in the start.
        start: default: pose and frequency offsets of the scene, time offsets 0.
        solver: default Gauss-Newton.
        priors: of `leopnt.inference`, on fields of `NineDTheta`.

    Raises:
        LeopntError: shapes other than those of the scene, NaN or infinity where there is a link.
    """
    guess, links, shared = problem_of(scene)
    sigmas = [jnp.minimum(x, _NO_LINK) for x in (links.delay_sigma_s, links.doppler_sigma)]
    links = eqx.tree_at(lambda own: [own.delay_sigma_s, own.doppler_sigma], links, sigmas)
    data = Data(links, _observations(scene, measured), None, shared)
    solver = solver or GaussNewton()
    return solve(MODEL, start or guess, data, free, solver=solver, priors=priors)


def _observations(scene: NineDScene, measured: Measured) -> Float[Array, "link obs"]:
    has_link = np.asarray(scene.snr) > 0
    parts = []
    for name, value, counts in (
        ("delay_s", measured.delay_s, has_link),
        ("doppler", measured.doppler, has_link.any(axis=-1)),
    ):
        found = np.asarray(value, float)
        if found.shape != counts.shape:
            raise LeopntError(
                f"measured.{name} has shape {found.shape}; accepted: {counts.shape}, as the scene."
            )
        if not np.all(np.isfinite(found[counts])):
            raise LeopntError(
                f"measured.{name} holds NaN or infinity where the scene has a link; an SNR of 0 "
                "blocks a link."
            )
        parts.append(np.where(counts, found, 0.0).reshape(-1, *found.shape[2:]))
    delay_s, doppler = parts
    return jnp.asarray(np.concatenate([delay_s, doppler[:, None]], axis=1))
