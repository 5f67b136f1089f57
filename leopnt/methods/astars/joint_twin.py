"""The other place that ranges by way of surfaces allow: spheres meet in two points."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.inference.orthogonal import back_substitute, orthogonalize
from leopnt.methods.astars.joint_model import AstarsTheta, Knowledge, RelayedPhases

FARTHEST_TWIN_M = 1e5
"""A second place beyond this is none: nobody takes a point in space for the receiver's."""


def twin_of(
    theta: AstarsTheta, phases: RelayedPhases, known: Knowledge
) -> tuple[AstarsTheta, Bool[Array, ""]]:
    """Where else a receiver would measure what it does at `theta`, and whether there is any.

    Anchors are the surfaces that relay anything, and the satellites received directly. At distances
    m_i and in directions u_i from the receiver, another offset x and clock b with
    |p_i - x| + b = m_i for all i solve Bancroft's quadratic, of which x = 0, b = 0 is one root; the
    other one is

        x = h_x / (h, h),   b = h_b / (h, h),   (h, h) = |h_x|^2 - h_b^2
        2 (u_i . h_x - h_b) = 1 / m_i   for all i

    Least squares where there are more than four; with network time b = 0. A measured direction
    leaves no second place.

    Source: Bancroft, IEEE Trans. Aerosp. Electron. Syst. 21 (1985) 56.
    """
    receiver, surfaces = jnp.asarray(theta.rx_pos_ecef_m), jnp.asarray(theta.surface_pos_ecef_m)
    via, there = jnp.asarray(phases.links.via), jnp.isfinite(phases.links.sigma_m)
    used = jnp.any((via > 0.5) & there[:, None], axis=0)
    direct = (jnp.sum(via, axis=1) < 0.5) & there
    anchors = jnp.concatenate([surfaces, jnp.asarray(phases.links.sat_pos_ecef_m)])
    counts = jnp.concatenate([used, direct])
    offset = anchors - receiver[None, :]
    away = jnp.sqrt(jnp.sum(offset * offset, axis=1))
    share = jnp.where(counts & (away > 0.0), 1.0 / jnp.where(away > 0.0, away, 1.0), 0.0)
    synced = jnp.where(jnp.isfinite(known.sigma_sync_s), 1.0, 0.0)
    columns = [_with(share * offset[:, j], 0.0) for j in range(3)]
    columns.append(_with(-jnp.where(counts, 1.0, 0.0), synced))
    found = orthogonalize(columns, _with(0.5 * share, 0.0))
    h = back_substitute(found)
    scale = jnp.sum(h[:3] ** 2) - h[3] ** 2
    step = h / jnp.where(scale == 0.0, 1.0, scale)
    pointed = jnp.any(jnp.isfinite(known.sigma_aod_rad))
    far = jnp.sum(step[:3] ** 2) > FARTHEST_TWIN_M**2
    exists = found.regular & (scale != 0.0) & ~far & ~pointed
    step = jnp.where(exists, step, 0.0)
    twin = AstarsTheta(surfaces, receiver + step[:3], theta.clock_bias_m + step[3])
    return twin, exists


def _with(column: Float[Array, " anchor"], last) -> Float[Array, " row"]:
    """A column, and its entry in the row of network time."""
    return jnp.concatenate([column, jnp.reshape(last, (1,))])
