"""One trial of a study of positions through a surface: sky, errors, a fix, what was predicted."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.least_squares import GaussNewton
from leopnt.inference.small_linear import gram, inverse_spd
from leopnt.inference.status import Status
from leopnt.methods.astars import (
    AstarsStatus,
    Knowledge,
    RelayedPhases,
    RelayLink,
    joint_fix_one,
    polar_chain_one,
    surface_fix_one,
)
from leopnt.methods.astars.joint_model import transverse_axes
from leopnt.methods.astars.ranging import fix_ranges
from leopnt.studies.method import Quantity

ERRORS = {
    "error_enu": Quantity(("enu",), "m", "error of the receiver"),
    "surface_error_enu": Quantity(("enu",), "m", "error of the surface"),
    "predicted": Quantity((), "m", "standard deviation of the receiver, predicted"),
    "pdop": Quantity((), "1", "PDOP at the surface"),
}
DOPS = {
    "hdop": Quantity((), "1", "HDOP at the surface"),
    "vdop": Quantity((), "1", "VDOP at the surface"),
    "tdop": Quantity((), "1", "TDOP at the surface"),
    "seed_hdop": Quantity((), "1", "HDOP in ECEF axes"),
    "seed_vdop": Quantity((), "1", "VDOP in ECEF axes"),
}
PARTS = {
    "ranges_part": Quantity((), "m", "standard deviation due to phases"),
    "sync_part": Quantity((), "m", "standard deviation due to network time"),
    "aod_part": Quantity((), "m", "standard deviation due to the beam"),
    "seed_total": Quantity((), "m", "published sum of errors"),
}

_ENDS = {
    "ok": Status.converged,
    "not_converged": Status.max_iterations,
    "too_few_satellites": Status.too_few_measurements,
    "duplicate_satellites": Status.unobservable,
    "weak_geometry": Status.unobservable,
    "no_last_leg": Status.implausible,
    "two_places": Status.unobservable,
    "receiver_hidden": Status.unobservable,
}
"""How a fix through a surface ended, in the words that all studies share."""

_KNOWN_SYNC_M = 1e-3
_KNOWN_AOD_RAD = 1e-6
"""What the joint estimator takes for exact: of less than this its equations would lose digits."""


class AbstractSky(eqx.Module):
    """Where the satellites of a trial are."""

    @abc.abstractmethod
    def directions(self, key, leg: Leg) -> Float[Array, "sat 3"]:
        """Positions from the surface [m], in its east, north and up."""


class Sector(AbstractSky):
    """Drawn uniformly in solid angle, on a sphere around the Earth's center.

    number: of each satellite, which draws by it: the first eight of nine are those of eight.
    """

    number: Int[Array, " sat"]
    azimuth_rad: Float[Array, ""]
    width_rad: Float[Array, ""]
    mask_rad: Float[Array, ""]
    radius_m: Float[Array, ""]

    def directions(self, key, leg: Leg) -> Float[Array, "sat 3"]:
        draw = jax.vmap(lambda i: jax.random.uniform(jax.random.fold_in(key, i), (2,)))(self.number)
        azimuth = self.azimuth_rad + self.width_rad * (draw[:, 0] - 0.5)
        lowest = jnp.sin(self.mask_rad)
        up = lowest + (1.0 - lowest) * draw[:, 1]
        flat = jnp.sqrt(1.0 - up * up)
        unit = jnp.stack([flat * jnp.sin(azimuth), flat * jnp.cos(azimuth), up], axis=1)
        surface = leg.axes @ leg.surface_m
        along = jnp.sum(unit * surface[None, :], axis=1)
        away = jnp.sqrt(along**2 + self.radius_m**2 - jnp.sum(surface * surface)) - along
        return away[:, None] * unit


class Given(AbstractSky):
    """The same in every trial."""

    offset_m: Float[Array, "sat 3"]

    def directions(self, key, leg: Leg) -> Float[Array, "sat 3"]:
        return self.offset_m


class Leg(NamedTuple):
    """The surface (ECEF), its east, north and up (rows), and the last leg to the receiver."""

    surface_m: Float[Array, "3"]
    axes: Float[Array, "3 3"]
    leg_m: Float[Array, "3"]


class Errors(NamedTuple):
    """What is drawn.

    range_m: sigma. sync_s: weights of 1, of a normal number and of one uniform in [-1, 1].
    aod: tangents: weights of a uniform radius, of the root of one, and of two normal numbers.
    is_common: one direction error for all satellites.
    """

    range_m: Float[Array, ""]
    sync_s: Float[Array, "3"]
    aod: Float[Array, "3"]
    is_common: Bool[Array, ""]

    def sync_rms_s(self) -> Float[Array, ""]:
        """Root mean square of the network time's error."""
        fixed, gauss, uniform = self.sync_s
        return jnp.sqrt(fixed**2 + gauss**2 + uniform**2 / 3.0)

    def aod_sigma_rad(self) -> Float[Array, ""]:
        """Root mean square of the direction's error on each of two axes."""
        radius, disc, gauss = self.aod
        return jnp.sqrt(radius**2 / 6.0 + disc**2 / 4.0 + gauss**2)


class Drawn(NamedTuple):
    """The measurements of a trial.

    sat_pos_m: ECEF. range_m: by way of the surface. clock_bias_s: the network's value, the true one
    is 0. departure: unit vectors from the surface to the receiver, as each satellite's phase has
    them corrected; the first is that of estimators with one direction. survey_m: measured surface.
    """

    sat_pos_m: Float[Array, "sat 3"]
    visible: Bool[Array, " sat"]
    range_m: Float[Array, " sat"]
    clock_bias_s: Float[Array, ""]
    departure: Float[Array, "sat 3"]
    survey_m: Float[Array, "3"]


class Found(NamedTuple):
    """Receiver and surface in ECEF; variance_m2: trace of the receiver's covariance."""

    receiver_m: Float[Array, "3"]
    surface_m: Float[Array, "3"]
    variance_m2: Float[Array, ""]
    status: AstarsStatus


class AbstractEstimator(eqx.Module):
    """From measurements to a position."""

    @abc.abstractmethod
    def fix(self, drawn: Drawn, errors: Errors, predicted_m2: Float[Array, ""]) -> Found:
        """The receiver. predicted_m2: of the two-step chain."""


class Polar(AbstractEstimator):
    """The chain in closed form."""

    def fix(self, drawn: Drawn, errors: Errors, predicted_m2: Float[Array, ""]) -> Found:
        ones = jnp.ones_like(drawn.range_m)
        found = polar_chain_one(
            drawn.sat_pos_m,
            drawn.range_m,
            drawn.clock_bias_s,
            drawn.departure[0],
            ones,
            drawn.visible,
        )
        surface = jnp.asarray(found.surface.surface_pos_ecef_m)
        return Found(jnp.asarray(found.rx_pos_ecef_m), surface, predicted_m2, found.status)


class Ranges(AbstractEstimator):
    """The chain as published, each range corrected by its own direction.

    unknowns: zeros, three of a position, or four with a common offset.
    """

    unknowns: Float[Array, " param"]

    def fix(self, drawn: Drawn, errors: Errors, predicted_m2: Float[Array, ""]) -> Found:
        ones = jnp.ones_like(drawn.range_m)
        first = surface_fix_one(drawn.sat_pos_m, drawn.range_m, ones, drawn.visible)
        surface, away_m = jnp.asarray(first.surface_pos_ecef_m), jnp.asarray(first.range_m)
        elos_m = -SPEED_OF_LIGHT_MPS * drawn.clock_bias_s - first.lumped_clock_m
        arrival = (drawn.sat_pos_m - surface[None, :]) / away_m[:, None]
        chi = jnp.sum(arrival * drawn.departure, axis=1)
        across = jnp.maximum(1.0 - chi**2, 0.0)
        corrected_m = jnp.sqrt((away_m - elos_m * chi) ** 2 + elos_m**2 * across)
        start = self.unknowns.at[:3].set(surface)
        last = fix_ranges(drawn.sat_pos_m, corrected_m, ones, drawn.visible, start)
        status = AstarsStatus.where(elos_m > 0.0, last.status, AstarsStatus.no_last_leg)
        status = AstarsStatus.where(first.status == AstarsStatus.ok, status, first.status)
        # Of a direction for each satellite nothing is predicted.
        variance_m2 = jnp.where(errors.is_common, predicted_m2, jnp.nan)
        return Found(last.values[:3], surface, variance_m2, status)


class Joint(AbstractEstimator):
    """Everything at once. survey_sigma_m: infinite for a surface that is not surveyed."""

    survey_sigma_m: Float[Array, ""]

    def fix(self, drawn: Drawn, errors: Errors, predicted_m2: Float[Array, ""]) -> Found:
        sigma_m = jnp.where(drawn.visible, errors.range_m, jnp.inf)
        via = jnp.ones((sigma_m.size, 1))
        phases = RelayedPhases(RelayLink(drawn.sat_pos_m, via, sigma_m), drawn.range_m)
        known = Knowledge(
            drawn.survey_m[None, :],
            self.survey_sigma_m[None],
            drawn.departure[:1],
            jnp.maximum(errors.aod_sigma_rad(), _KNOWN_AOD_RAD)[None],
            drawn.clock_bias_s,
            jnp.maximum(errors.sync_rms_s(), _KNOWN_SYNC_M / SPEED_OF_LIGHT_MPS),
        )
        found = joint_fix_one(phases, known, jnp.full(3, jnp.nan), GaussNewton())
        surface = jnp.asarray(found.surface_pos_ecef_m)[0]
        variance = jnp.trace(jnp.asarray(found.covariance_m2))
        return Found(jnp.asarray(found.rx_pos_ecef_m), surface, variance, found.status)


class Shared(NamedTuple):
    """What every trial of a point shares.

    phase_m, beam_m: terms of the published sum. formulas: numbers that follow from the file alone.
    """

    key: jax.Array
    leg: Leg
    num_sats: Int[Array, ""]
    sky: AbstractSky
    errors: Errors
    estimator: AbstractEstimator
    phase_m: Float[Array, ""]
    beam_m: Float[Array, ""]
    survey_sigma_m: Float[Array, ""]
    best: Float[Array, ""]
    pdop_limit: Float[Array, ""]
    formulas: dict[str, Float[Array, ""]]


def position_trial(index, shared: Shared) -> dict[str, Any]:
    """Errors of one fix."""
    leg, errors = shared.leg, shared.errors
    sky_key, *keys = trial_keys(index, shared)
    sky = sky_of(sky_key, shared)
    dops, parts_m2 = _geometry(*sky, shared)
    found = shared.estimator.fix(measure(keys, *sky, shared), errors, _sum(parts_m2))
    return _outcome(
        _status(found.status),
        error_enu=leg.axes @ (found.receiver_m - leg.surface_m - leg.leg_m),
        surface_error_enu=leg.axes @ (found.surface_m - leg.surface_m),
        predicted=jnp.sqrt(found.variance_m2),
        pdop=dops["pdop"],
    )


def surface_trial(index, shared: Shared) -> dict[str, Any]:
    """Errors of the surface by LS-1, with the draws of `position_trial`."""
    sky_key, *keys = trial_keys(index, shared)
    sky = sky_of(sky_key, shared)
    drawn = measure(keys, *sky, shared)
    ones = jnp.ones_like(drawn.range_m)
    found = surface_fix_one(drawn.sat_pos_m, drawn.range_m, ones, drawn.visible)
    off = jnp.asarray(found.surface_pos_ecef_m) - shared.leg.surface_m
    return _outcome(
        _status(found.status),
        surface_error_enu=shared.leg.axes @ off,
        pdop=_geometry(*sky, shared)[0]["pdop"],
    )


def dop_trial(index, shared: Shared) -> dict[str, Any]:
    """DOP of drawn satellites."""
    dops, _ = _geometry(*sky_of(trial_keys(index, shared)[0], shared), shared)
    return _outcome(_is_told(dops), **dops)


def budget_trial(index, shared: Shared) -> dict[str, Any]:
    """What drawn satellites and the errors of the file make of a position, part by part."""
    dops, parts_m2 = _geometry(*sky_of(trial_keys(index, shared)[0], shared), shared)
    parts = {name: jnp.sqrt(part) for name, part in zip(PARTS, parts_m2, strict=False)}
    sync_m = SPEED_OF_LIGHT_MPS * shared.errors.sync_rms_s()
    position_m = dops["pdop"] * shared.errors.range_m
    total_m = shared.phase_m + shared.beam_m + sync_m + position_m * dops["pdop"]
    predicted_m = jnp.sqrt(_sum(parts_m2))
    found = {"pdop": dops["pdop"], "predicted": predicted_m, "seed_total": total_m, **parts}
    return _outcome(_is_told(dops), **found)


def formula_trial(index, shared: Shared) -> dict[str, Any]:
    """Nothing is drawn: the formulas are the same in every trial."""
    return _outcome(Status.converged)


def _sum(parts: tuple[Float[Array, ""], ...]) -> Float[Array, ""]:
    return jnp.sum(jnp.stack(parts))


def trial_keys(index, shared: Shared):
    """Keys of a trial: sky, ranges, network time, directions, survey."""
    return jax.random.split(jax.random.fold_in(shared.key, index), 5)


def _is_told(dops: dict[str, Float[Array, ""]]) -> Status:
    return Status.where(jnp.isfinite(dops["pdop"]), Status.converged, Status.unobservable)


def sky_of(key, shared: Shared):
    """Satellites from the surface [m], east, north, up, and which of them are there."""
    offset_m = shared.sky.directions(key, shared.leg)
    return offset_m, jnp.arange(offset_m.shape[0]) < shared.num_sats


def _geometry(offset_m, visible, shared: Shared):
    """DOPs, and the variance of the receiver by phases, network time and direction [m^2].

    Q = (G^T G)^-1 with rows [e_i, 1], m = [I, -u]: tr(s_L^2 m Q m^T), (c s_sync)^2, 2 (r s_aod)^2.
    """
    leg, errors = shared.leg, shared.errors
    unit = offset_m / jnp.sqrt(jnp.sum(offset_m**2, axis=1))[:, None]
    rows = jnp.concatenate([unit, jnp.ones((unit.shape[0], 1))], axis=1)
    q, _ = inverse_spd(gram(jnp.where(visible[:, None], rows, 0.0)))
    east, north, up, clock = jnp.diag(q)
    x, y, z = jnp.sum(leg.axes * (q[:3, :3] @ leg.axes), axis=0)
    dops = {
        "pdop": jnp.sqrt(east + north + up),
        "hdop": jnp.sqrt(east + north),
        "vdop": jnp.sqrt(up),
        "tdop": jnp.sqrt(clock),
        "seed_hdop": jnp.sqrt(x + y),
        "seed_vdop": jnp.sqrt(z),
    }
    last = leg.axes @ leg.leg_m
    elos_m = jnp.sqrt(jnp.sum(last * last))
    u = last / elos_m
    ranges_m2 = east + north + up - 2.0 * jnp.sum(u * q[:3, 3]) + clock
    sync_m2 = (SPEED_OF_LIGHT_MPS * errors.sync_rms_s()) ** 2
    aod_m2 = 2.0 * (elos_m * errors.aod_sigma_rad()) ** 2
    return dops, (errors.range_m**2 * ranges_m2, sync_m2, aod_m2)


def measure(keys, offset_m, visible, shared: Shared) -> Drawn:
    """What is measured of a sky, with drawn errors."""
    range_key, sync_key, aod_key, survey_key = keys
    leg, errors = shared.leg, shared.errors
    elos_m = jnp.sqrt(jnp.sum(leg.leg_m**2))
    number = jnp.arange(visible.size)
    noise = jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(range_key, i)))(number)
    away_m = jnp.sqrt(jnp.sum(offset_m**2, axis=1))
    gauss, uniform = jax.random.split(sync_key)
    draws = [jnp.asarray(1.0), jax.random.normal(gauss), jax.random.uniform(uniform, minval=-1.0)]
    gamma_s = errors.sync_s @ jnp.stack(draws)
    return Drawn(
        leg.surface_m[None, :] + offset_m @ leg.axes,
        visible,
        away_m + elos_m + errors.range_m * noise,
        -gamma_s,
        _departures(aod_key, leg.leg_m / elos_m, number, errors),
        leg.surface_m + shared.survey_sigma_m * jax.random.normal(survey_key, (3,)),
    )


def _departures(key, unit, number, errors: Errors) -> Float[Array, "sat 3"]:
    """Measured directions: unit + a t_1 + b t_2, made unit vectors; t_1, t_2 across."""

    def one(number):
        of_radius, of_angle, of_pair = jax.random.split(jax.random.fold_in(key, number), 3)
        share = jax.random.uniform(of_radius)
        angle = 2.0 * jnp.pi * jax.random.uniform(of_angle)
        radius = errors.aod[0] * share + errors.aod[1] * jnp.sqrt(share)
        across = radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        across = across + errors.aod[2] * jax.random.normal(of_pair, (2,))
        off = unit + across @ transverse_axes(unit)
        return off / jnp.sqrt(jnp.sum(off * off))

    return jax.vmap(one)(jnp.where(errors.is_common, 0, number))


def _status(ended: AstarsStatus) -> Status:
    status = Status.converged
    for name, end in _ENDS.items():
        status = Status.where(ended == getattr(AstarsStatus, name), end, status)
    return status


def _outcome(status: Status, **found) -> dict[str, Any]:
    """Every outcome of the method: NaN where it was not asked for."""
    nothing = {
        name: jnp.full((3,) if one.dims else (), jnp.nan)
        for name, one in (ERRORS | DOPS | PARTS).items()
    }
    return {"status": status._value.astype(jnp.int8), **nothing, **found}
