"""One trial of a power positioning study: powers are drawn, a start is searched, a fix is made."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from leopnt.inference.status import Status
from leopnt.methods.power import (
    NO_PRIOR,
    AbstractRanging,
    AbstractReference,
    AmplitudeTable,
    Angles,
    HeightPrior,
    PowerFix,
    PowerScene,
    PowerStatus,
    SeedFix,
    SeedTables,
    gamma_of_elevation,
    gls_user,
    measure,
    ml_user,
    nearest_fingerprint,
    nearest_in_all_bins,
    nearest_in_bin,
    place,
    position_m,
    range_of_elevation,
    range_of_gamma,
    received_power_dbw,
    seed_user,
)
from leopnt.methods.power.geometry import Number

_ENDS = {
    "ok": Status.converged,
    "not_converged": Status.max_iterations,
    "diverged": Status.diverged,
    "insufficient_beams": Status.too_few_measurements,
    "off_earth": Status.implausible,
    "weak_geometry": Status.unobservable,
    "ambiguous": Status.ambiguous,
    "invalid_input": Status.not_finite,
}
"""How a fix from powers ended, in the words that all studies share."""


class Truth(NamedTuple):
    """Where a user is, as seen from the satellite."""

    gamma_rad: Float[Array, ""]
    beta_rad: Float[Array, ""]
    range_m: Float[Array, ""]
    height_m: Float[Array, ""]
    distance_m: Float[Array, ""]


class Found(NamedTuple):
    """Where an estimator puts the user; NaN without a solution."""

    gamma_rad: Float[Array, ""]
    beta_rad: Float[Array, ""]
    range_m: Float[Array, ""]
    height_m: Float[Array, ""]
    distance_m: Float[Array, ""]
    status: Status


class AbstractStart(eqx.Module):
    """Where an estimator begins."""

    @abc.abstractmethod
    def angles(self, scene: PowerScene, power_dbw: Float[Array, " beam"], truth: Truth) -> Angles:
        """A direction, from measured powers."""


class KnownBin(AbstractStart):
    """The published search in the data base of the true azimuth."""

    tables: SeedTables

    def angles(self, scene: PowerScene, power_dbw: Float[Array, " beam"], truth: Truth) -> Angles:
        return nearest_in_bin(self.tables, power_dbw, truth.beta_rad)


class AllBins(AbstractStart):
    """The published search in all data bases."""

    tables: SeedTables

    def angles(self, scene: PowerScene, power_dbw: Float[Array, " beam"], truth: Truth) -> Angles:
        return nearest_in_all_bins(self.tables, power_dbw)


class Fingerprint(AbstractStart):
    """The nearest amplitudes of all beams."""

    table: AmplitudeTable

    def angles(self, scene: PowerScene, power_dbw: Float[Array, " beam"], truth: Truth) -> Angles:
        return nearest_fingerprint(scene, self.table, power_dbw)


class NearTruth(AbstractStart):
    """So far from the true direction."""

    by_gamma_rad: Float[Array, ""]
    by_beta_rad: Float[Array, ""]

    def angles(self, scene: PowerScene, power_dbw: Float[Array, " beam"], truth: Truth) -> Angles:
        return Angles(truth.gamma_rad + self.by_gamma_rad, truth.beta_rad + self.by_beta_rad)


class Known(NamedTuple):
    """What an estimator knows beside the powers; its bound counts it."""

    prior: HeightPrior
    sigma_cal_db: Number


NOTHING = Known(NO_PRIOR, 0.0)


class AbstractEstimator(eqx.Module):
    """From measured powers and a start to a position."""

    @abc.abstractmethod
    def fix(self, scene: PowerScene, power_dbw: Float[Array, " beam"], start: Angles) -> Found:
        """The position of one user."""

    @abc.abstractmethod
    def known(self) -> Known:
        """What it knows beside the powers."""


class Seed(AbstractEstimator):
    """As published: height and distance by its own formulas."""

    sensitivity_dbw: Float[Array, ""]
    reference: AbstractReference
    ranging: AbstractRanging

    def fix(self, scene: PowerScene, power_dbw: Float[Array, " beam"], start: Angles) -> Found:
        found = seed_user(
            scene, power_dbw, start, self.sensitivity_dbw, self.reference, self.ranging
        )
        return _found(found, found.height_m, found.distance_m)

    def known(self) -> Known:
        return NOTHING


class SeedExactTriangle(AbstractEstimator):
    """The same, height and distance of the exact triangle."""

    sensitivity_dbw: Float[Array, ""]
    reference: AbstractReference
    ranging: AbstractRanging

    def fix(self, scene: PowerScene, power_dbw: Float[Array, " beam"], start: Angles) -> Found:
        found = seed_user(
            scene, power_dbw, start, self.sensitivity_dbw, self.reference, self.ranging
        )
        return _found(found, found.height_exact_m, found.distance_exact_m)

    def known(self) -> Known:
        return NOTHING


class Gls(AbstractEstimator):
    """Weighted least squares in decibels."""

    prior: HeightPrior
    sigma_cal_db: Float[Array, ""]
    sensitivity_dbw: Float[Array, ""]

    def fix(self, scene: PowerScene, power_dbw: Float[Array, " beam"], start: Angles) -> Found:
        found = gls_user(
            scene, power_dbw, start, self.prior, self.sigma_cal_db, self.sensitivity_dbw
        )
        return _found(found, found.height_m, found.distance_m)

    def known(self) -> Known:
        return Known(self.prior, self.sigma_cal_db)


class Ml(AbstractEstimator):
    """Maximum likelihood in amplitude."""

    prior: HeightPrior

    def fix(self, scene: PowerScene, power_dbw: Float[Array, " beam"], start: Angles) -> Found:
        found = ml_user(scene, power_dbw, start, self.prior)
        return _found(found, found.height_m, found.distance_m)

    def known(self) -> Known:
        return Known(self.prior, 0.0)


class Nearest(AbstractEstimator):
    """The start alone, on the sphere."""

    def fix(self, scene: PowerScene, power_dbw: Float[Array, " beam"], start: Angles) -> Found:
        gamma = jnp.asarray(start.gamma_rad)
        range_m = range_of_gamma(scene.shell, gamma)
        at = place(scene.shell, gamma, range_m)
        status = Status.where(jnp.isfinite(range_m), Status.converged, Status.implausible)
        beta = jnp.asarray(start.beta_rad)
        return Found(gamma, beta, range_m, at.height_m, at.distance_m, status)

    def known(self) -> Known:
        return NOTHING


def _found(fix: SeedFix | PowerFix, height_m, distance_m) -> Found:
    status = Status.converged
    for name, end in _ENDS.items():
        status = Status.where(fix.status == getattr(PowerStatus, name), end, status)
    return Found(fix.gamma_rad, fix.beta_rad, fix.range_m, height_m, distance_m, status)


class Shared(NamedTuple):
    """What every trial of a point shares.

    trials: of each user; elevation_rad, azimuth_rad: of the users; eirp_sigma_db: true errors of
    the beams, is_common: one draw of them for all users; height_sigma_m: of true heights.
    """

    key: jax.Array
    trials: Int[Array, ""]
    scene: PowerScene
    elevation_rad: Float[Array, " user"]
    azimuth_rad: Float[Array, " user"]
    height_sigma_m: Float[Array, ""]
    eirp_sigma_db: Float[Array, ""]
    is_common: Bool[Array, ""]
    start: AbstractStart
    estimator: AbstractEstimator


def power_trial(index, shared: Shared) -> dict[str, Any]:
    """Errors of one fix; trials come user by user."""
    user = index // shared.trials
    noise_key, height_key, eirp_key = trial_keys(index, shared)
    height_m = shared.height_sigma_m * jax.random.normal(height_key)
    truth = truth_of(shared.scene, shared.elevation_rad[user], shared.azimuth_rad[user], height_m)
    power_dbw = received_power_dbw(shared.scene, *truth[:3])
    power_dbw = power_dbw + shared.eirp_sigma_db * jax.random.normal(eirp_key, power_dbw.shape)
    measured_dbw = measure(shared.scene, noise_key, power_dbw)
    start = shared.start.angles(shared.scene, measured_dbw, truth)
    return _outcome(
        shared.scene, truth, start, shared.estimator.fix(shared.scene, measured_dbw, start)
    )


def trial_keys(index, shared: Shared) -> tuple[PRNGKeyArray, PRNGKeyArray, PRNGKeyArray]:
    """Keys of noise and height, the trial's own, and of the EIRP, the same for all of a user's."""
    of_trials, of_eirp = jax.random.split(shared.key)
    noise, height = jax.random.split(jax.random.fold_in(of_trials, index))
    user = jnp.where(shared.is_common, 0, index // shared.trials)
    return noise, height, jax.random.fold_in(of_eirp, user)


def truth_of(scene: PowerScene, elevation_rad, azimuth_rad, height_m) -> Truth:
    """The triangle of a user at this elevation and height."""
    gamma = gamma_of_elevation(scene.shell, elevation_rad, height_m)
    range_m = range_of_elevation(scene.shell, elevation_rad, height_m)
    distance_m = place(scene.shell, gamma, range_m).distance_m
    return Truth(gamma, azimuth_rad, range_m, height_m, distance_m)


def _outcome(scene: PowerScene, truth: Truth, start: Angles, found: Found) -> dict[str, Any]:
    off_m = position_m(scene.shell, *found[:3]) - position_m(scene.shell, *truth[:3])
    return {
        "status": found.status._value.astype(jnp.int8),
        "gamma_error": found.gamma_rad - truth.gamma_rad,
        "beta_error": _turn(found.beta_rad - truth.beta_rad),
        "height_error": found.height_m - truth.height_m,
        "distance_error": found.distance_m - truth.distance_m,
        "range_error": found.range_m - truth.range_m,
        "position_error": jnp.sqrt(jnp.sum(off_m * off_m)),
        "start_gamma_error": start.gamma_rad - truth.gamma_rad,
        "start_beta_error": _turn(start.beta_rad - truth.beta_rad),
    }


def _turn(angle_rad):
    """Into (-pi, pi]."""
    return jnp.pi - jnp.mod(jnp.pi - angle_rad, 2.0 * jnp.pi)
