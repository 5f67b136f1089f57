"""Power positioning as published: nearest neighbor, differenced least squares, loss to range.

Nothing helps it: ten plain Gauss-Newton steps, unweighted, no damping, no clipping. What the paper
leaves open, the reference beam and the beams that tell the range, are objects.
"""

from __future__ import annotations

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from leopnt.channel.path_loss import wavelength
from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.methods.power.geometry import gamma_of_elevation, place, range_of_elevation, seed_place
from leopnt.methods.power.inputs import check_angles, check_powers, check_sensitivity
from leopnt.methods.power.link import PowerScene, eirp_of_angles, heard, received_power_dbw
from leopnt.methods.power.status import PowerStatus

ITERATIONS = 10
SEARCH_BEAMS = 10
"""Strongest measured beams that the search compares."""

TILE = 250

_SINGULAR = 1e-13
"""Determinant over the product of the diagonal, below which two columns are one."""


class SeedTables(eqx.Module):
    """Predicted powers in bins of azimuth, each at all elevations, users at h = 0.

    Attributes:
        azimuth_rad: (bin,) centers.
        gamma_rad: (entry,) of the elevations.
        power_dbw: (bin, entry, beam).
    """

    azimuth_rad: Float[Array | np.ndarray, " bin"]
    gamma_rad: Float[Array | np.ndarray, " entry"]
    power_dbw: Float[Array | np.ndarray, "bin entry beam"]


class SeedFix(eqx.Module):
    """A published fix. Angles and distances are NaN where the status tells of no solution.

    Attributes:
        gamma_rad, beta_rad: off nadir, and azimuth in (-pi, pi].
        range_m: from the loss of the strongest beam.
        height_m, distance_m: eq. 20 and 21; NaN with status off_earth.
        height_exact_m, distance_exact_m: of the triangle (gamma, d).
        path_rad: (step, 2) gamma and beta before the first and after every step.
        num_beams: at or above the sensitivity.
        status: `PowerStatus[fix.status]` is the sentence.
    """

    gamma_rad: Float[Array, "*batch"]
    beta_rad: Float[Array, "*batch"]
    range_m: Float[Array, "*batch"]
    height_m: Float[Array, "*batch"]
    distance_m: Float[Array, "*batch"]
    height_exact_m: Float[Array, "*batch"]
    distance_exact_m: Float[Array, "*batch"]
    path_rad: Float[Array, "*batch step 2"]
    num_beams: Int[Array, "*batch"]
    status: PowerStatus


class Angles(NamedTuple):
    """A direction as seen from the satellite."""

    gamma_rad: Float[Array, "*batch"]
    beta_rad: Float[Array, "*batch"]


class AbstractReference(eqx.Module):
    """Which beam the differences are taken to."""

    @abc.abstractmethod
    def beam(self, power_dbw: Float[Array, " beam"], used: Bool[Array, " beam"]) -> Int[Array, ""]:
        """Number of the beam.

        Args:
            power_dbw: measured.
            used: at or above the sensitivity.
        """


class StrongestBeam(AbstractReference):
    """The beam with the largest measured power."""

    def beam(self, power_dbw: Float[Array, " beam"], used: Bool[Array, " beam"]) -> Int[Array, ""]:
        return jnp.argmax(jnp.where(used, power_dbw, -jnp.inf))


class FirstVisibleBeam(AbstractReference):
    """The first beam, by number, at or above the sensitivity: often a weak one."""

    def beam(self, power_dbw: Float[Array, " beam"], used: Bool[Array, " beam"]) -> Int[Array, ""]:
        return jnp.argmax(used)


class AbstractRanging(eqx.Module):
    """Which losses tell the slant range."""

    @abc.abstractmethod
    def range_m(
        self,
        scene: PowerScene,
        loss_db: Float[Array, " beam"],
        used: Bool[Array, " beam"],
        reference: Int[Array, ""],
    ) -> Float[Array, ""]:
        """Slant range.

        Args:
            loss_db: L_hat of every beam.
            used: at or above the sensitivity.
            reference: number of the beam that differences were taken to.
        """


class ReferenceRange(AbstractRanging):
    """The range of the reference beam's loss."""

    def range_m(
        self,
        scene: PowerScene,
        loss_db: Float[Array, " beam"],
        used: Bool[Array, " beam"],
        reference: Int[Array, ""],
    ) -> Float[Array, ""]:
        return _range_of_loss(scene, jnp.take(loss_db, reference))


class MeanRange(AbstractRanging):
    """The range of the mean loss [dB] of all beams that are used, noisy ones as much as others."""

    def range_m(
        self,
        scene: PowerScene,
        loss_db: Float[Array, " beam"],
        used: Bool[Array, " beam"],
        reference: Int[Array, ""],
    ) -> Float[Array, ""]:
        mean_db = jnp.sum(jnp.where(used, loss_db, 0.0)) / jnp.sum(used)
        return _range_of_loss(scene, mean_db)


def _range_of_loss(scene: PowerScene, loss_db):
    return wavelength(scene.carrier_hz) / (4.0 * jnp.pi) * 10.0 ** (loss_db / 20.0)


def seed_tables(
    scene: PowerScene,
    elevation_rad: ArrayLike | None = None,
    azimuth_rad: ArrayLike | None = None,
) -> SeedTables:
    """The published data bases: 72 azimuths 2.5, 7.5, ... deg, elevations 10, 11, ... 90 deg.

    Args:
        elevation_rad, azimuth_rad: other ones.

    Raises:
        LeopntError: no elevation or azimuth.
    """
    alpha = np.radians(np.arange(10.0, 91.0)) if elevation_rad is None else elevation_rad
    beta = np.radians(2.5 + 5.0 * np.arange(72)) if azimuth_rad is None else azimuth_rad
    alpha, beta = np.atleast_1d(np.asarray(alpha, float)), np.atleast_1d(np.asarray(beta, float))
    for name, value in (("elevation_rad", alpha), ("azimuth_rad", beta)):
        if not value.size:
            raise LeopntError(f"{name}: the bins would be empty; give at least one value.")
    gamma, power = _predict(scene, jnp.asarray(alpha), jnp.asarray(beta))
    return SeedTables(beta, np.asarray(gamma), np.asarray(power))


@eqx.filter_jit
def _predict(scene: PowerScene, alpha, beta):
    gamma = jax.vmap(lambda a: gamma_of_elevation(scene.shell, a))(alpha)
    range_m = jax.vmap(lambda a: range_of_elevation(scene.shell, a))(alpha)
    over_entries = jax.vmap(lambda g, b, d: received_power_dbw(scene, g, b, d), (0, None, 0))
    return gamma, jax.vmap(lambda b: over_entries(gamma, b, range_m))(beta)


def seed_search(
    tables: SeedTables,
    power_dbw: ArrayLike,
    azimuth_rad: ArrayLike | None = None,
    transmitted: Bool[np.ndarray, "user beam"] | None = None,
) -> Angles:
    """Nearest entry: squared dB difference over the 10 strongest measured beams.

    Args:
        power_dbw: (user, beam) measured.
        azimuth_rad: (user,) known to within the width of a bin; the nearest bin is searched. None:
            all bins are.
        transmitted: False marks beams that are not sent.
    """
    power = np.asarray(power_dbw, float)
    mask = np.ones(power.shape, bool) if transmitted is None else transmitted
    shared = jax.tree.map(jnp.asarray, tables)
    if azimuth_rad is None:
        return batch_map(_search_all, power, mask, shared=shared, tile=32)
    (azimuth,) = check_angles(len(power), azimuth_rad=azimuth_rad)
    off = np.angle(np.exp(1j * (azimuth[:, None] - np.asarray(tables.azimuth_rad)[None, :])))
    return batch_map(
        _search_bin, power, mask, np.argmin(np.abs(off), axis=1), shared=shared, tile=TILE
    )


def _search_bin(power, mask, number, tables: SeedTables) -> Angles:
    entry = jnp.argmin(_distance(tables.power_dbw[number], power, mask))
    return Angles(tables.gamma_rad[entry], _wrapped(tables.azimuth_rad[number]))


def _search_all(power, mask, tables: SeedTables) -> Angles:
    found = jnp.argmin(_distance(tables.power_dbw, power, mask))
    number, entry = jnp.divmod(found, tables.gamma_rad.shape[0])
    return Angles(tables.gamma_rad[entry], _wrapped(tables.azimuth_rad[number]))


def _distance(table, power, mask):
    counts = min(SEARCH_BEAMS, power.shape[0])
    strongest, beam = jax.lax.top_k(jnp.where(mask, power, -jnp.inf), counts)
    valid = jnp.isfinite(strongest).reshape((1,) * (table.ndim - 1) + (-1,))
    off = jnp.take(table, beam, axis=-1) - jnp.where(valid, strongest.reshape(valid.shape), 0.0)
    return jnp.sum(jnp.where(valid, off**2, 0.0), axis=-1)


def seed_fix(
    scene: PowerScene,
    power_dbw: ArrayLike,
    start: Angles,
    *,
    sensitivity_dbw: float = -160.0,
    transmitted: ArrayLike | None = None,
    reference: AbstractReference = StrongestBeam(),
    ranging: AbstractRanging = ReferenceRange(),
    tile: int = TILE,
    threads: int | None = None,
) -> SeedFix:
    """Differenced least squares from a start, eq. 12-21, for many users.

        X_k = J_k - J_r,   y_k = (P_hat_k - P_hat_r) - (E_k - E_r),   [gamma, beta] += X^+ y
        L_hat = E_r + G - P_hat_r,   d = lambda / (4 pi) 10^(L_hat/20)

    r is the strongest measured beam by default; beams below the sensitivity do not count.

        tables = seed_tables(scene)
        fix = seed_fix(scene, power_dbw, seed_search(tables, power_dbw, azimuth_rad))

    Args:
        power_dbw: (user, beam) measured.
        start: one direction per user.
        transmitted: False where a beam was not sent.
        reference: chooses the beam r.
        ranging: chooses the losses that tell the range.

    A step that leaves gamma in (-90, 90) deg, a singular matrix, or an end at gamma < 0 is
    `diverged`.

    Raises:
        LeopntError: as `check_powers`.
    """
    powers = check_powers(scene, power_dbw, transmitted)
    check_sensitivity(sensitivity_dbw)
    gamma, beta = check_angles(
        len(powers.power_dbw), gamma_rad=start.gamma_rad, beta_rad=start.beta_rad
    )
    shared = (scene, jnp.asarray(float(sensitivity_dbw)), reference, ranging)
    return batch_map(_fix_one, *powers, gamma, beta, shared=shared, tile=tile, threads=threads)


def _fix_one(power, mask, gamma, beta, shared) -> SeedFix:
    scene, sensitivity, choice, ranging = shared
    used = heard(power, sensitivity, mask)
    reference = choice.beam(power, used)

    def step(state, _):
        angles, alive = state
        moved, good = _step(scene, power, used, reference, angles)
        alive = alive & good
        angles = jnp.where(alive, moved, angles)
        return (angles, alive), angles

    first = jnp.stack([gamma, beta])
    enough = jnp.sum(used) >= 3
    (angles, alive), path = jax.lax.scan(step, (first, jnp.asarray(True)), None, ITERATIONS)
    solved = enough & alive & (angles[0] >= 0.0)
    gamma, beta = jnp.where(solved, angles[0], jnp.nan), jnp.where(solved, angles[1], jnp.nan)
    loss_db = eirp_of_angles(scene.antenna, gamma, beta).eirp_dbw + scene.rx_gain_dbi - power
    range_m = ranging.range_m(scene, loss_db, used, reference)
    published, exact = seed_place(scene.shell, gamma, range_m), place(scene.shell, gamma, range_m)
    off_earth = solved & (gamma > scene.shell.limb_rad())
    return SeedFix(
        gamma,
        _wrapped(beta),
        range_m,
        published.height_m,
        published.distance_m,
        exact.height_m,
        exact.distance_m,
        jnp.concatenate([first[None, :], path]),
        jnp.sum(used),
        _status(enough, solved, off_earth),
    )


def _step(scene: PowerScene, power, used, reference, angles):
    """Angles after one step, and whether they may be used."""
    eirp, jacobian = eirp_of_angles(scene.antenna, angles[0], angles[1])

    def to_reference(values):
        return jnp.where(used, values - jnp.take(values, reference), 0.0)

    x1, x2 = to_reference(jacobian[:, 0]), to_reference(jacobian[:, 1])
    y = to_reference(power - eirp)
    a, b, c = jnp.sum(x1 * x1), jnp.sum(x1 * x2), jnp.sum(x2 * x2)
    right = jnp.sum(x1 * y), jnp.sum(x2 * y)
    determinant = a * c - b * b
    regular = determinant > _SINGULAR * a * c
    safe = jnp.where(regular, determinant, 1.0)
    delta = jnp.stack([c * right[0] - b * right[1], a * right[1] - b * right[0]]) / safe
    moved = angles + delta
    return moved, regular & jnp.all(jnp.isfinite(moved)) & (jnp.abs(moved[0]) < np.pi / 2)


def _status(enough, solved, off_earth) -> PowerStatus:
    status = PowerStatus.where(off_earth, PowerStatus.off_earth, PowerStatus.ok)
    status = PowerStatus.where(solved, status, PowerStatus.diverged)
    return PowerStatus.where(enough, status, PowerStatus.insufficient_beams)


def _wrapped(angle):
    """Into (-pi, pi]."""
    return np.pi - jnp.mod(np.pi - angle, 2.0 * np.pi)
