"""Fisher information of a scene by name: location first, then the nuisances."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import block_diag
from jaxtyping import Array, Float

from leopnt.inference.fisher import Information, information_of_rows
from leopnt.inference.parameters import Unknowns
from leopnt.methods.nine_d.closed_form import (
    Derivatives,
    derivatives,
    euler_map,
    observed,
    weights,
)
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS, AbstractNuisance, Columns
from leopnt.methods.nine_d.scene import NineDScene

LOCATION = ("rx_pos_m", "rotation_rad", "rx_vel_mps")
"""Names of the nine unknowns; rotation is a small vector in global axes."""


def information(
    scene: NineDScene,
    nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS,
    *,
    rows: Derivatives | None = None,
) -> Information:
    """Fisher information about position, rotation, velocity and the nuisances.

    Ask it for what you want: `.efim(LOCATION)`, `.crb("rx_pos_m")` with the rest unknown,
    `.crb("rx_pos_m", known=("rotation_rad", "rx_vel_mps"))`, `.crb("time_offset_s")`.

    Args:
        scene: of `nine_d_scene`.
        nuisances: what else is unknown; () for a synchronized, coherent system.
        rows: other derivatives, as `decoupled_derivatives(scene)`.
    """
    unknowns = unknowns_of(scene, tuple(nuisances))
    return _information_of(scene, tuple(nuisances), rows, unknowns)


@eqx.filter_jit
def _information_of(scene: NineDScene, nuisances, rows, unknowns: Unknowns) -> Information:
    return information_of_rows(rows_of(scene, nuisances, rows), unknowns)


def unknowns_of(scene: NineDScene, nuisances: tuple[AbstractNuisance, ...]) -> Unknowns:
    """Names, sizes and scales of all unknowns."""
    sizes = [jax.eval_shape(one.columns, scene).doppler.shape[-1] for one in nuisances]
    scales = [one.scale for one, size in zip(nuisances, sizes, strict=True) for _ in range(size)]
    return Unknowns(
        (*LOCATION, *(one.name for one in nuisances)),
        (3, 3, 3, *sizes),
        (*([1.0] * 9), *scales),
        ("m", "rad", "m/s", *(one.unit for one in nuisances)),
    )


@eqx.filter_jit
def rows_of(
    scene: NineDScene,
    nuisances: tuple[AbstractNuisance, ...] = BOTH_OFFSETS,
    rows: Derivatives | None = None,
) -> Float[Array, "row param"]:
    """All rows A with A^T A the Fisher information, SI: measured, and known of the nuisances."""
    rows = derivatives(scene) if rows is None else rows
    measured = whitened_rows(scene, rows, [one.columns(scene) for one in nuisances])
    return jnp.concatenate([measured, known_rows(scene, nuisances)])


def known_rows(
    scene: NineDScene, nuisances: tuple[AbstractNuisance, ...]
) -> Float[Array, "row param"]:
    """Whitened rows of what is known about the nuisances beforehand; nothing of the location."""
    return block_diag(jnp.zeros((0, 9)), *(one.prior_rows(scene) for one in nuisances))


def whitened_rows(
    scene: NineDScene, rows: Derivatives, nuisances: Sequence[Columns]
) -> Float[Array, "row param"]:
    """Rows A with A^T A the Fisher information about location and nuisances, SI.

    Where no carrier phase is unknown: sqrt(SNR omega) [d tau, delay columns]. Else code and phase
    apart, with f the mean of the received spectrum, f_o + alpha_1 alpha_2:

        sqrt(SNR (omega - f^2)) [d tau, delay, 0],   sqrt(SNR) [f d tau, f delay, -1/(2 pi)]

    and always sqrt(q) [d nu, Doppler columns].
    """
    weight = weights(scene)
    delay = jnp.concatenate([rows.delay, *(one.delay for one in nuisances)], axis=-1)
    doppler = jnp.concatenate([rows.doppler, *(one.doppler for one in nuisances)], axis=-1)
    parts = [_root(weight.doppler)[..., None] * doppler]
    if any(one.phase_rad is not None for one in nuisances):
        parts += _code_and_phase(scene, delay, nuisances)
    else:
        parts.append(_root(weight.delay)[..., None] * delay)
    return jnp.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])


def _code_and_phase(scene: NineDScene, delay, nuisances: Sequence[Columns]):
    seen = observed(scene)
    middle_hz = seen.observed_hz + scene.bandwidth_hz * scene.correlation
    spread = scene.bandwidth_hz**2 * (1.0 - scene.correlation**2)
    code = _root(scene.snr * spread[..., None])[..., None] * delay
    location = jnp.zeros((*scene.snr.shape, 9))
    phase = [
        jnp.zeros_like(one.delay) if one.phase_rad is None else one.phase_rad for one in nuisances
    ]
    cycles = jnp.concatenate([location, *phase], axis=-1) / (2.0 * jnp.pi)
    carrier = middle_hz[..., None, None] * delay - cycles
    return [code, _root(scene.snr)[..., None] * carrier]


def _root(weight):
    """Square root whose derivative is 0, not infinite, where a link is blocked."""
    positive = weight > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, weight, 1.0)), 0.0)


def euler_matrix(scene: NineDScene, size: int = 9) -> Float[np.ndarray, "size size"]:
    """M with J_euler = M^T J M: rotation columns by yaw, pitch, roll instead of a small vector."""
    matrix = np.eye(size)
    matrix[3:6, 3:6] = np.asarray(euler_map(scene.rotation))
    return matrix


def efim(
    scene: NineDScene,
    nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS,
) -> Float[Array, "9 9"]:
    """Equivalent Fisher information about position, rotation vector and velocity, SI."""
    return information(scene, nuisances).efim(LOCATION)


def deviations(covariance: Float[Array, "size size"]) -> Float[Array, " size"]:
    """Standard deviations of a covariance."""
    return jnp.sqrt(jnp.diag(covariance))
