"""From a Doppler log to a fix: search, refine, reject, weigh, judge."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from leopnt.errors import LeopntError
from leopnt.inference.consistency import Snooped, checked, data_snooping
from leopnt.inference.least_squares import Estimate
from leopnt.inference.model import Data
from leopnt.inference.priors import AbstractPrior, FunctionPrior, GaussianPrior
from leopnt.methods.doppler_fix.candidates import (
    Candidate,
    best_of,
    least_squares,
    local_solutions,
    rank,
    whitened,
    with_sigma,
)
from leopnt.methods.doppler_fix.judge import orbit_sigmas, place_of
from leopnt.methods.doppler_fix.model import DopplerLink, DopplerShared, DopplerTheta, height_m
from leopnt.methods.doppler_fix.options import FixOptions, PerSatelliteSigma
from leopnt.methods.doppler_fix.padding import bucket, padded
from leopnt.methods.doppler_fix.result import DopplerFix, assemble
from leopnt.methods.doppler_fix.weights import (
    MEDIAN_EFFICIENCY,
    rejection_limit,
    satellite_sigmas,
)
from leopnt.scenes.doppler_checks import check_log
from leopnt.scenes.doppler_log import DopplerLog

PER_SATELLITE = {"sat_freq_offset_hz": 1, "sat_time_offset_s": 1, "sat_orbit_offset_m": 2}
"""Fields with a satellite axis, and their components."""

_WEIGHT_ROUNDS = 10


def fix(log: DopplerLog, options: FixOptions | None = None) -> DopplerFix:
    """Receiver position (and more) from a log of Doppler measurements.

    1. The whole Earth is searched (`search_globe`); `start_ecef_m`, if given, is one more start.
    2. Every start is refined with Levenberg-Marquardt, first plainly, then with a Cauchy loss at
       the scale its own residuals show, so that outliers do not choose the solution.
    3. The best is kept; others that fit about as well are reported (mirror of a single pass).
    4. Measurements whose normalized residual exceeds `snooping_sigmas` are rejected, one satellite
       at a time, and re-admitted if they fit later.
    5. Weights are set as `options.weights` says, and 4 is repeated until they agree.

    Raises:
        LeopntError: the log is malformed (`check_log`), has no sigmas where they are to be trusted,
            or holds fewer equations than unknowns.

    Returns:
        a `DopplerFix`; its `status` says whether it may be used.
    """
    options = options or FixOptions()
    check_log(log)
    _check_sigma(log, options)
    _check_count(log, options)
    theta, data, priors = problem(log, options)
    candidates = local_solutions(theta, data, priors, options)
    best = candidates[best_of(candidates, options)]
    snooped, data, limit = _settle(options, best, data, priors)
    return assemble(log, options, snooped, limit, data, priors, rank(candidates, options))


def problem(
    log: DopplerLog, options: FixOptions
) -> tuple[DopplerTheta, Data, tuple[AbstractPrior, ...]]:
    """Theta of zeros at the Earth's surface, data and priors, as arrays for the engine.

    The link axis is padded (invisible links) to one of a few lengths, and so is the satellite axis
    where it holds no unknowns: logs of similar size share one compiled kernel.
    """
    mean_s = float(np.mean(log.time_s))
    shared = DopplerShared(jnp.asarray(mean_s), jnp.asarray(float(np.median(log.carrier_hz))))
    sigma = np.ones(len(log.time_s)) if log.sigma_hz is None else np.asarray(log.sigma_hz)
    links = DopplerLink(
        np.asarray(log.time_s, float),
        np.asarray(log.sat_index),
        np.asarray(log.sat_pos_ecef_m, float),
        np.asarray(log.sat_vel_ecef_mps, float),
        np.asarray(log.carrier_hz, float),
        sigma,
    )
    per_satellite = PER_SATELLITE.keys() & set(options.unknowns)
    exact = bool(per_satellite) or options.ageing is not None
    num_sat = len(log.satellites) if exact else bucket(len(log.satellites), 8)
    theta = DopplerTheta.at(np.array([6378137.0, 0.0, 0.0]), num_sat)
    if options.ageing is not None:
        theta = theta.with_orbit_errors()
    visible = np.ones(len(log.time_s), bool)
    data = Data(links, np.asarray(log.doppler_hz, float), visible, shared)
    return theta, padded(data, bucket(len(log.time_s), 64)), _priors(log, options)


def _priors(log: DopplerLog, options: FixOptions) -> tuple[AbstractPrior, ...]:
    num_sat = len(log.satellites)
    priors: list[AbstractPrior] = []
    if options.height is not None:
        # Arrays, not floats, which would be part of the compiled kernel: one per height.
        height = options.height
        known = [jnp.asarray(float(x)) for x in (height.height_m, height.sigma_m)]
        priors.append(FunctionPrior(height_m, *known))
    if options.ageing is not None:
        along_s, cross_m = orbit_sigmas(log, options.ageing)
        if "sat_time_offset_s" in options.unknowns:
            priors.append(
                GaussianPrior("sat_time_offset_s", jnp.zeros(num_sat), jnp.asarray(along_s))
            )
        if "sat_orbit_offset_m" in options.unknowns:
            both_m = jnp.stack([jnp.asarray(cross_m)] * 2, axis=1)
            priors.append(GaussianPrior("sat_orbit_offset_m", jnp.zeros((num_sat, 2)), both_m))
    if "sat_freq_offset_hz" in options.unknowns and options.sat_freq_sigma_hz is not None:
        sigma_hz = jnp.full(num_sat, float(options.sat_freq_sigma_hz))
        priors.append(GaussianPrior("sat_freq_offset_hz", jnp.zeros(num_sat), sigma_hz))
    return tuple(priors)


def _settle(
    options: FixOptions, best: Candidate, data: Data, priors
) -> tuple[Snooped, Data, float]:
    """Alternate rejection and weighting until neither changes anything; also the limit used."""
    base_hz, theta = np.asarray(data.links.sigma_hz), best.estimate.theta
    data = _masked_low(options, theta, data)
    scale = 1.0 if options.weights.trusts_log else best.scale
    data = with_sigma(data, base_hz * scale)
    spare = float(np.sum(np.asarray(data.mask))) - best.estimate.unknowns.size
    used = _trusted(options, theta, data, _limit(options, MEDIAN_EFFICIENCY * spare))
    limit = _limit(options, spare - 1.0)
    for _ in range(_WEIGHT_ROUNDS):
        snooped = _snoop(options, theta, data, priors, used, limit)
        sigma_hz = _new_sigma(options, snooped, data, base_hz)
        change = np.max(np.abs(sigma_hz / np.asarray(data.links.sigma_hz) - 1.0))
        theta, used, data = snooped.estimate.theta, snooped.used, with_sigma(data, sigma_hz)
        if change < 1e-3:
            break
    return _final(options, theta, data, used, priors), data, limit


def _limit(options: FixOptions, spare: float) -> float:
    """Largest normalized residual that is not rejected."""
    if options.snooping_sigmas is None:
        return np.inf
    if options.weights.trusts_log:
        return options.snooping_sigmas
    return rejection_limit(options.snooping_sigmas, spare)


def _trusted(options: FixOptions, theta, data: Data, limit: float) -> Bool[np.ndarray, " link"]:
    """Visible links that a robust solution explains."""
    used = np.asarray(data.mask).copy()
    used[used] = np.abs(whitened(options.model, theta, data)) <= limit
    return used


def _snoop(options: FixOptions, theta, data: Data, priors, used, limit: float) -> Snooped:
    if options.snooping_sigmas is None:
        return _final(options, theta, data, used, priors)

    def solve_visible(start, visible: Bool[np.ndarray, " link"]) -> Estimate:
        part = Data(data.links, data.observations, visible, data.shared)
        return least_squares(start, part, priors, options)

    return data_snooping(
        solve_visible,
        options.model,
        theta,
        data,
        threshold=limit,
        max_share=0.5,
        groups=np.asarray(data.links.sat_index),
        first=used,
    )


def _final(options: FixOptions, theta, data: Data, used, priors) -> Snooped:
    part = Data(data.links, data.observations, used, data.shared)
    estimate = least_squares(theta, part, priors, options)
    return Snooped(estimate, used, checked(options.model, estimate, part), 0)


def _new_sigma(options: FixOptions, snooped: Snooped, data: Data, base_hz) -> np.ndarray:
    """Sigmas that the residuals of the used links call for; `base_hz` as the log gave them."""
    old = np.asarray(data.links.sigma_hz)
    z = np.asarray(snooped.check.whitened)[:, 0]
    redundancy = 1.0 - np.asarray(snooped.check.leverage)[:, 0]
    used = snooped.used
    spare = float(np.sum(redundancy[used]))
    if options.weights.trusts_log or spare < 1e-6:
        return old
    if isinstance(options.weights, PerSatelliteSigma):
        sat_index = np.asarray(data.links.sat_index)
        relative = satellite_sigmas(
            z * old / base_hz, redundancy, used, sat_index, options.weights.prior_dof
        )
        return base_hz * relative[sat_index]
    return old * np.sqrt(np.sum(z[used] ** 2) / spare)


def _masked_low(options: FixOptions, theta: DopplerTheta, data: Data) -> Data:
    """Leave out links below the elevation mask, as seen from the solution."""
    if options.mask_rad is None:
        return data
    place = place_of(theta.rx_pos_ecef_m, data.links.sat_pos_ecef_m)
    visible = np.asarray(data.mask) & (place.el_rad >= options.mask_rad)
    return Data(data.links, data.observations, visible, data.shared)


def _check_sigma(log: DopplerLog, options: FixOptions) -> None:
    if options.weights.trusts_log and log.sigma_hz is None:
        raise LeopntError(
            f"weights: {type(options.weights).__name__} takes the log's sigma_hz, but the log has "
            "none; give sigma_hz, or estimate it with CommonSigma()."
        )


def _check_count(log: DopplerLog, options: FixOptions) -> None:
    num_sat = len(log.satellites)
    sizes = {"rx_pos_ecef_m": 3, "rx_vel_ecef_mps": 3}
    sizes |= {name: size * num_sat for name, size in PER_SATELLITE.items()}
    unknowns = sum(sizes.get(name, 1) for name in options.unknowns)
    with_prior = {"sat_time_offset_s", "sat_orbit_offset_m"}
    if options.sat_freq_sigma_hz is not None:
        with_prior.add("sat_freq_offset_hz")
    priors = (options.height is not None) + sum(
        sizes[name] for name in with_prior & set(options.unknowns)
    )
    equations = len(log.time_s) + priors
    if equations < unknowns:
        raise LeopntError(
            f"{len(log.time_s)} measurements and {priors} priors cannot determine {unknowns} "
            f"unknowns ({', '.join(options.unknowns)}); accepted: at least {unknowns} equations."
        )
