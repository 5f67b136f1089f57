"""One trial of a calibration study: a campaign simulated, reduced, solved, and compared with truth.

Plain NumPy and BLAS: a trial depends on its number and the plan alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from leopnt.methods.calibration import (
    CORRELATED,
    FREE_LEVEL_SIGMA_M,
    Calibration,
    CalibrationSettings,
    DelayLinks,
    DelayModel,
    DelaySwing,
    KnownOrbit,
    Layout,
    ProductErrors,
    ReducedNormals,
    Scene,
    SimulatedNoise,
    StationDay,
    Truth,
    arc_correlations,
    block_bootstrap,
    consider_orbits,
    delay_links,
    draw_truth,
    joined_links,
    layout_of,
    offsets_only,
    reduce_station_day,
    simulate_station_day,
    smooth_delays,
    solve_calibration,
    stacked,
    true_clock_errors,
    truth_in_datum,
    values_of_station_day,
)
from leopnt.methods.calibration.simulation import DAY_S
from leopnt.studies.method import MAX_TRIALS, Quantity

Values = dict[str, float]

COMPONENTS = {"x": "X", "y": "Y", "z": "Z", "delay": "delay"}
"""What is calibrated: offsets in body axes, and the equipment delay."""

_KINDS = {
    "error": ("m", "RMS error of {}"),
    "absolute": ("m", "mean absolute error of {}"),
    "mean": ("m", "mean error of {}"),
    "formal": ("m", "formal sigma of {}"),
    "honest": ("m", "honest sigma of {}"),
    "over_formal": ("1", "RMS error of {} over its formal sigma"),
    "over_honest": ("1", "RMS error of {} over its honest sigma"),
}

PLAIN = {
    f"{kind}_{name}": Quantity((), units, text.format(label))
    for kind, (units, text) in _KINDS.items()
    for name, label in COMPONENTS.items()
} | {"estimated": Quantity((), "1", "satellites with a result")}
"""Outcomes of every trial: over the satellites."""

BOOTSTRAP = {
    f"bootstrap_{name}": Quantity((), "m", f"bootstrap sigma of {label}")
    for name, label in COMPONENTS.items()
}

SERIES = {
    "series_error": Quantity((), "m", "RMS error of delays per epoch"),
    "series_user_error": Quantity((), "m", "RMS error of delays per epoch with the clock product"),
    "series_formal": Quantity((), "m", "formal sigma of delays per epoch"),
}

_PAIRS = {
    "x_any": ("X", None),
    "delay_any": ("delay", None),
    "y_z": ("Y", "Z"),
    "ambiguity_y": ("ambiguity", "Y"),
    "ambiguity_z": ("ambiguity", "Z"),
}

CORRELATIONS = {
    f"{mode}_{name}": Quantity(
        (), "1", f"correlation of {a} and {b or 'anything'}, satellites {how}"
    )
    for mode, how in (("corr", "jointly"), ("alone_corr", "one by one"))
    for name, (a, b) in _PAIRS.items()
}
"""Means of absolute values over arcs; with anything: the largest of them."""

OUTCOMES = PLAIN | BOOTSTRAP | SERIES | CORRELATIONS


@runtime_checkable
class Solver(Protocol):
    """What becomes of the normal equations."""

    def kept(self, normals: ReducedNormals) -> ReducedNormals:
        """Those of the unknowns that are estimated."""
        ...

    def solve(
        self, normals: ReducedNormals
    ) -> tuple[Calibration, Float[np.ndarray, "param param"]]:
        """The estimate, and a covariance as honest as the solver can tell."""
        ...


@dataclass(frozen=True)
class EstimateAll:
    """All unknowns are estimated; the formal covariance is all there is."""

    def kept(self, normals: ReducedNormals) -> ReducedNormals:
        """All of them."""
        return normals

    def solve(self, normals: ReducedNormals):
        """As they are."""
        found = solve_calibration(normals)
        return found, found.covariance


@dataclass(frozen=True)
class ConsiderOrbits:
    """Errors of the orbit are ignored by the estimate, and known to the covariance."""

    def kept(self, normals: ReducedNormals) -> ReducedNormals:
        """Offsets, delays, biases."""
        return offsets_only(normals)

    def solve(self, normals: ReducedNormals):
        """With a consider covariance."""
        return consider_orbits(normals)


@dataclass(frozen=True)
class Plan:
    """A campaign and what is made of it.

    Attributes:
        seed: of the study; a trial's own is `trial_seed`.
        settings: station-days are reduced with them.
        solver: of the stacked normal equations.
        bootstrap_draws: 0 for none.
        delay_model: of delays per epoch of the first `delay_days` days; None for none.
        correlates: whether correlations of the first day are wanted.
        swing: of the true delays.
    """

    seed: int
    scene: Scene
    days: int
    errors: ProductErrors
    noise: SimulatedNoise
    settings: CalibrationSettings
    solver: Solver
    bootstrap_draws: int = 0
    delay_model: DelayModel | None = None
    delay_days: int = 1
    correlates: bool = False
    swing: DelaySwing = field(default_factory=DelaySwing)

    @property
    def asked(self) -> dict[str, Quantity]:
        """Outcomes that are finite."""
        found = PLAIN | (BOOTSTRAP if self.bootstrap_draws else {})
        found |= {} if self.delay_model is None else SERIES
        return found | (CORRELATIONS if self.correlates else {})

    @property
    def held_days(self) -> int:
        """Days whose observations are needed again after the solution."""
        of_delays = 0 if self.delay_model is None else self.delay_days
        return max(of_delays, int(self.correlates))

    @property
    def local_settings(self) -> CalibrationSettings:
        """Settings that go with the layout of the solution."""
        if isinstance(self.solver, ConsiderOrbits):
            return replace(self.settings, orbit=KnownOrbit())
        return self.settings


class Campaign(NamedTuple):
    """A simulated campaign, reduced.

    blocks: normal equations of each day. held: station-days of the first days.
    """

    truth: Truth
    blocks: list[ReducedNormals]
    held: list[StationDay]


def calibration_trial(index: int, plan: Plan) -> dict[str, Any]:
    """Outcomes of the trial of that number; NaN of what the plan does not ask for."""
    seed = trial_seed(plan, index)
    campaign = reduced_campaign(plan, seed)
    found, covariance = plan.solver.solve(stacked(campaign.blocks))
    outcome = dict.fromkeys(OUTCOMES, float("nan"))
    outcome |= _compared(found, covariance, campaign.truth)
    if plan.bootstrap_draws:
        outcome |= _bootstrapped(plan, campaign, seed)
    if plan.delay_model is not None:
        outcome |= _series(plan, plan.delay_model, campaign, found, seed)
    if plan.correlates:
        outcome |= _correlations(plan, campaign, found, seed)
    return {"status": np.int8(0)} | outcome


def trial_seed(plan: Plan, index: int) -> int:
    """Seed of the simulation: trials of all studies with other seeds have others."""
    return MAX_TRIALS * plan.seed + index


def reduced_campaign(plan: Plan, seed: int) -> Campaign:
    """Simulate and reduce a campaign, one station-day in memory at a time but for those held."""
    sats, stations = plan.scene.leo.num_satellites, len(plan.scene.station_pos_ecef_m)
    truth = replace(draw_truth(seed, sats, stations), swing=plan.swing)
    layout = layout_of(plan.settings, sats, stations)
    blocks, held = [], []

    def reduced(day: int) -> Iterator[ReducedNormals]:
        for station in range(stations):
            args = plan.scene, truth, station, day, seed, plan.errors, plan.noise
            observed = simulate_station_day(*args)
            if day < plan.held_days:
                held.append(observed)
            yield reduce_station_day(observed, layout, plan.settings)

    for day in range(plan.days):
        blocks.append(stacked(reduced(day)))
    return Campaign(truth, blocks, held)


def _compared(found: Calibration, covariance: np.ndarray, truth: Truth) -> Values:
    """Errors over satellites, beside their sigmas; satellites without a result are left out."""
    delay, _ = truth_in_datum(found, truth.delay_m, truth.isb_m)
    error = np.column_stack([found.offset_m - truth.offset_m, found.delay_m - delay])
    formal = _by_component(found.layout, found.sigma_m)
    honest = _by_component(found.layout, np.sqrt(np.maximum(np.diag(covariance), 0.0)))
    told = np.all(np.isfinite(error), axis=1)
    error, formal, honest = error[told], formal[told], honest[told]
    tables = {
        "error": _rms(error),
        "absolute": np.mean(np.abs(error), axis=0),
        "mean": np.mean(error, axis=0),
        "formal": _rms(formal),
        "honest": _rms(honest),
        "over_formal": _rms(error / formal),
        "over_honest": _rms(error / honest),
    }
    values = {
        f"{kind}_{name}": float(row[i])
        for kind, row in tables.items()
        for i, name in enumerate(COMPONENTS)
    }
    return values | {"estimated": float(np.sum(told))}


def _by_component(
    layout: Layout, values: Float[np.ndarray, " param"]
) -> Float[np.ndarray, "sat 4"]:
    return np.column_stack([values[layout.offsets], values[layout.delays]])


def _bootstrapped(plan: Plan, campaign: Campaign, seed: int) -> Values:
    """Scatter when days are drawn anew."""
    blocks = [plan.solver.kept(block) for block in campaign.blocks]
    sigma = block_bootstrap(blocks, plan.bootstrap_draws, seed)
    table = _by_component(blocks[0].layout, sigma)
    spread = _rms(table[np.all(np.isfinite(table), axis=1)])
    return {f"bootstrap_{name}": float(spread[i]) for i, name in enumerate(COMPONENTS)}


def _series(
    plan: Plan, model: DelayModel, campaign: Campaign, found: Calibration, seed: int
) -> Values:
    """Delays of each epoch, as errors and as errors of delay plus clock product."""
    true_delay, _ = truth_in_datum(found, campaign.truth.delay_m, campaign.truth.isb_m)
    miss, user, sigma = [], [], []
    for day in range(plan.delay_days):
        parts = [_links(plan, one, found) for one in campaign.held if one.day == day]
        for sat, of_sat in enumerate(zip(*parts, strict=True)):
            links = joined_links(of_sat)
            if not len(links.t_s):
                continue
            level = float(found.delay_m[sat])  # of the same code: its sigma is not used again
            got = smooth_delays(links, model, level, FREE_LEVEL_SIGMA_M)
            clock = true_clock_errors(plan.scene, plan.errors, seed, day, sat)
            epoch = np.round((got.t_s - day * DAY_S) / plan.scene.sampling_s).astype(int)
            miss.append(got.delay_m - true_delay[sat] - plan.swing.at(got.t_s))
            user.append(miss[-1] - clock[epoch])
            sigma.append(got.sigma_m)
    joined = np.column_stack([np.concatenate(one) for one in (miss, user, sigma)])
    return dict(zip(SERIES, _rms(joined).tolist(), strict=True))


def _links(plan: Plan, day: StationDay, found: Calibration) -> list[DelayLinks]:
    local = values_of_station_day(day, found, plan.local_settings)
    return delay_links(
        day,
        plan.local_settings,
        offset_m=found.offset_m,
        isb_m=float(found.isb_m[day.station]),
        clock_m=local.clock_m,
        zenith_delay_m=local.zenith_delay_m,
    )


def _correlations(plan: Plan, campaign: Campaign, found: Calibration, seed: int) -> Values:
    """Of the first day's arcs: all satellites in one solution, and each in one of its own."""
    together = _arcs(plan, campaign, found)
    alone = []
    for sat in range(plan.scene.leo.num_satellites):
        scene = replace(plan.scene, leo=plan.scene.leo.subset(slice(sat, sat + 1)))
        single = replace(plan, scene=scene, delay_model=None)
        own = reduced_campaign(single, seed)
        alone.append(_arcs(single, own, plan.solver.solve(stacked(own.blocks))[0]))
    return _pairs("corr", together) | _pairs("alone_corr", np.concatenate(alone))


def _arcs(plan: Plan, campaign: Campaign, found: Calibration) -> Float[np.ndarray, "arc 7 7"]:
    days = [one for one in campaign.held if one.day == 0]
    return np.concatenate([arc_correlations(day, found, plan.local_settings) for day in days])


def _pairs(mode: str, matrices: Float[np.ndarray, "arc 7 7"]) -> Values:
    mean = np.mean(np.abs(matrices), axis=0)
    np.fill_diagonal(mean, 0.0)
    place = CORRELATED.index
    return {
        f"{mode}_{name}": float(mean[place(a), place(b)] if b else np.max(mean[place(a)]))
        for name, (a, b) in _PAIRS.items()
    }


def _rms(values: Float[np.ndarray, "row column"]) -> Float[np.ndarray, " column"]:
    return np.sqrt(np.mean(np.square(values), axis=0))
