"""Searches and fixes of one user, for kernels that draw the powers themselves and are batched.

All beams count as transmitted. `seed_search`, `fingerprint_search`, `seed_fix`, `gls_fix` and
`ml_fix` do the same to arrays of users, and check them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.methods.power.fingerprints import AmplitudeTable, Starts
from leopnt.methods.power.fix import (
    GLS_SOLVER,
    ML_SOLVER,
    PowerFix,
    _gls_one,
    _ml_one,
    _Setting,
)
from leopnt.methods.power.geometry import Number
from leopnt.methods.power.height import HeightPrior
from leopnt.methods.power.inputs import Powers
from leopnt.methods.power.link import PowerScene, amplitude_of_power
from leopnt.methods.power.seed import (
    SEARCH_BEAMS,
    AbstractRanging,
    AbstractReference,
    Angles,
    ReferenceRange,
    SeedFix,
    SeedTables,
    StrongestBeam,
    _fix_one,
    _search_bin,
    _wrapped,
)
from leopnt.noise.folded import FoldedAmplitude

BeamPowers = Float[Array, " beam"]


def nearest_in_bin(tables: SeedTables, power_dbw: BeamPowers, azimuth_rad: Number) -> Angles:
    """Nearest entry of the published data base whose azimuth is nearest to the one that is known.

    Squared dB difference over the 10 strongest measured beams.
    """
    off = jnp.asarray(tables.azimuth_rad) - azimuth_rad
    number = jnp.argmin(jnp.abs(jnp.arctan2(jnp.sin(off), jnp.cos(off))))
    return _search_bin(power_dbw, jnp.ones(power_dbw.shape, bool), number, tables)


def nearest_in_all_bins(tables: SeedTables, power_dbw: BeamPowers) -> Angles:
    """Nearest entry of all the data bases, by the same distance: the azimuth is unknown."""
    num_bins, num_entries, num_beams = tables.power_dbw.shape
    _, beam = jax.lax.top_k(power_dbw, min(SEARCH_BEAMS, num_beams))
    weight = jnp.zeros(num_beams).at[beam].set(1.0)
    # Decibels about their middle, so that squares cancel less; one matrix product for a batch.
    middle = jnp.mean(tables.power_dbw)
    table = tables.power_dbw.reshape(num_bins * num_entries, num_beams) - middle
    square = (table * table) @ weight - 2.0 * table @ (weight * (power_dbw - middle))
    number, entry = jnp.divmod(jnp.argmin(square), num_entries)
    return Angles(
        jnp.asarray(tables.gamma_rad)[entry], _wrapped(jnp.asarray(tables.azimuth_rad)[number])
    )


def nearest_fingerprint(scene: PowerScene, table: AmplitudeTable, power_dbw: BeamPowers) -> Angles:
    """Direction with the nearest amplitudes of all beams, azimuth unknown."""
    middle = jnp.mean(table.amplitude, axis=0)
    centered = table.amplitude - middle[None, :]
    y = amplitude_of_power(scene, power_dbw) - middle
    row = jnp.argmin(jnp.sum(centered * centered, axis=1) - 2.0 * centered @ y)
    return Angles(table.gamma_rad[row], table.beta_rad[row])


def seed_user(
    scene: PowerScene,
    power_dbw: BeamPowers,
    start: Angles,
    sensitivity_dbw: Number = -160.0,
    reference: AbstractReference = StrongestBeam(),
    ranging: AbstractRanging = ReferenceRange(),
) -> SeedFix:
    """As `seed_fix`, of one user."""
    shared = (scene, sensitivity_dbw, reference, ranging)
    return _fix_one(power_dbw, jnp.ones(power_dbw.shape, bool), *start, shared)


def ml_user(
    scene: PowerScene, power_dbw: BeamPowers, start: Angles, prior: HeightPrior
) -> PowerFix:
    """As `ml_fix`, of one user from one start, coherent noise."""
    return _ml_one(*_one_start(power_dbw, start), prior, _setting(scene, ML_SOLVER, 0.0, -jnp.inf))


def gls_user(
    scene: PowerScene,
    power_dbw: BeamPowers,
    start: Angles,
    prior: HeightPrior,
    sigma_cal_db: Number = 0.0,
    sensitivity_dbw: Number = -160.0,
) -> PowerFix:
    """As `gls_fix`, of one user from one start."""
    setting = _setting(scene, GLS_SOLVER, sigma_cal_db, sensitivity_dbw)
    return _gls_one(*_one_start(power_dbw, start), prior, setting)


def _setting(scene, solver, sigma_cal_db, sensitivity_dbw) -> _Setting:
    numbers = jnp.asarray(sigma_cal_db), jnp.asarray(sensitivity_dbw)
    return _Setting(scene, FoldedAmplitude(jnp.asarray(1.0)), solver, *numbers)


def _one_start(power_dbw, start: Angles) -> tuple[Powers, Starts]:
    starts = Starts(start.gamma_rad[None], start.beta_rad[None])  # pyright: ignore
    return Powers(power_dbw, jnp.ones(power_dbw.shape, bool)), starts  # pyright: ignore
