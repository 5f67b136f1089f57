"""Doppler fixes as a study: arcs of satellites over places, fixes and their bounds.

Every place observes some satellites, each over one arc above the mask, or all of them at one epoch.
The fix starts a stated distance away from the truth, so what is studied is its accuracy; whether it
is found from nowhere is the matter of the global search of `methods.doppler_fix`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.least_squares import GaussNewton, solve
from leopnt.inference.linearize import normal_equations
from leopnt.inference.model import Data, predict
from leopnt.inference.parameters import Unknowns
from leopnt.inference.small_linear import inverse_spd
from leopnt.methods.doppler_fix.model import FIRST_ORDER, DopplerLink, DopplerShared, DopplerTheta
from leopnt.scenes.constellation import load_satellites
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.users import Users, place_users
from leopnt.studies.doppler_arcs import ArcLinks, ObservationPlan, links_of, observed_arcs
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    Column,
    Prepared,
    Quantity,
    SceneStudySettings,
)
from leopnt.studies.statistics import PositionStatistics, nees_of

FIELDS = {
    "position": "rx_pos_ecef_m",
    "velocity": "rx_vel_ecef_mps",
    "frequency_offset": "freq_offset_hz",
    "frequency_drift": "freq_drift_hzps",
}

Unknown = Literal["position", "velocity", "frequency_offset", "frequency_drift"]


class ErrorTable(SettingsTable):
    """`[errors]`: noise of the measurements, and the receiver's clock."""

    range_rate_sigma_mps: float = Field(
        default=0.1, gt=0, le=1e5, description="the noise as a range rate in m/s, above 0"
    )
    frequency_offset_hz: float = Field(
        default=100.0, ge=-1e7, le=1e7, description="the receiver's frequency offset in Hz"
    )
    frequency_drift_hzps: float = Field(
        default=0.0, ge=-1e4, le=1e4, description="the receiver's frequency drift in Hz/s"
    )


class MethodTable(SettingsTable):
    """`[method]`: what is observed, and what is solved for."""

    unknowns: list[Unknown] = Field(
        default=["position", "frequency_offset"],
        description="a list of names out of " + ", ".join(repr(name) for name in FIELDS),
    )
    satellites: int = Field(
        default=6, ge=1, le=100, description="the satellites that a place observes, 1 to 100"
    )
    shortest_arc_s: float = Field(
        default=60.0, ge=0, description="the shortest arc in seconds, 0 or more"
    )
    longest_arc_s: float = Field(
        default=600.0, ge=0, description="the longest arc in seconds, 0 or more"
    )
    start_error_m: float = Field(
        default=10e3, ge=0, le=1e6, description="how far off the fix starts in metres, 0 to 1e6"
    )


class DopplerStudySettings(SceneStudySettings):
    """The whole file of a Doppler study. `[time] step_s` is the interval of the measurements."""

    errors: ErrorTable = Field(default=ErrorTable(), description="a table")
    method: MethodTable = Field(default=MethodTable(), description="a table")


class Shared(NamedTuple):
    """What every trial of a point shares; arrays over the cases."""

    key: jax.Array
    trials: jax.Array
    start_error_m: jax.Array
    links: DopplerLink
    visible: jax.Array
    common: DopplerShared
    truth: DopplerTheta
    enu_axes: jax.Array


@functools.lru_cache(maxsize=32)
def trial_kernel(free: tuple[str, ...]):
    """The kernel of a trial that solves for these fields; the same object for the same fields."""

    def doppler_trial(index, shared: Shared) -> dict[str, Any]:
        case, number = index // shared.trials, index % shared.trials
        key = jax.random.fold_in(jax.random.fold_in(shared.key, case), number)
        links, visible, common, truth, axes = jax.tree.map(lambda x: x[case], shared[3:])
        of_noise, of_start = jax.random.split(key)
        noise_hz = jax.random.normal(of_noise, links.sigma_hz.shape) * links.sigma_hz
        data = Data(links, predict(FIRST_ORDER, truth, links, common) + noise_hz, visible, common)
        away = jax.random.normal(of_start, (3,))
        away = away * (shared.start_error_m / jnp.sqrt(away @ away))
        start = DopplerTheta.at(truth.rx_pos_ecef_m + away, truth.sat_freq_offset_hz.shape[-1])
        found = solve(FIRST_ORDER, start, data, free, solver=GaussNewton())
        error_m = found.theta.rx_pos_ecef_m - truth.rx_pos_ecef_m
        return {
            "status": found.status._value.astype(jnp.int8),
            "error_enu_m": axes @ error_m,
            "frequency_error_hz": found.theta.freq_offset_hz - truth.freq_offset_hz,
            "nees": nees_of(error_m, found.covariance_of("rx_pos_ecef_m")),
            "iterations": found.num_iterations.astype(jnp.int16),
        }

    return doppler_trial


class DopplerStudy(AbstractStudyMethod):
    """Monte Carlo of Doppler fixes."""

    name = "doppler_fix"
    summary = "position from the Doppler of a few satellites over arcs, or at one epoch"
    settings = DopplerStudySettings
    tile = 8
    chunk_trials = 512
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        "error_enu_m": Quantity(("enu",), "m", "position error east, north, up"),
        "frequency_error_hz": Quantity((), "Hz", "error of the frequency offset"),
        "nees": Quantity((), "1", "squared error over the stated covariance"),
        "iterations": Quantity((), "1", "iterations of the solver"),
    }
    evidence = (
        "methods.doppler_fix.model",
        "methods.doppler_fix.monte_carlo",
        "inference.least_squares",
    )
    plots = (
        {
            "kind": "sweep",
            "name": "error",
            "title": "RMS position error and its bound",
            "y": ["rmse_3d", "bound_3d"],
            "log_y": True,
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the 3D error",
            "y": ["error_3d_quantile"],
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
        {"kind": "map", "name": "map", "title": "RMS error by place", "y": "case_rmse_3d"},
    )
    template_name = "doppler_fix.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from scene_problems(raw, folder)
        if "track" in table_of(raw, "users"):
            yield "[users] track: doppler_fix studies receivers that stand; give places instead."
        yield from _arc_problems(raw)

    def files(self, settings: DopplerStudySettings, folder: Path) -> list[Path]:
        file = settings.constellation.file
        return [folder / file] if file else []

    def prepare(self, settings: DopplerStudySettings, folder: Path) -> Prepared:
        free = tuple(FIELDS[name] for name in settings.method.unknowns)
        users = place_users(settings.users, np.zeros(1))
        satellites = load_satellites(settings.constellation, settings.time, folder)
        plan = plan_of(settings)
        arcs = observed_arcs(plan, satellites.ephemeris, users, settings.study.seed)
        links = links_of(arcs, plan.step_s, satellites.ephemeris, users.pos_ecef_m[:, 0])
        shared = _shared(settings, links, users)
        bound_m2 = np.asarray(_bound_kernel(free)(shared))
        size_m = np.sqrt(np.trace(bound_m2, axis1=1, axis2=2))
        values = {
            "case_bound": Column(("case", "enu", "enu_2"), bound_m2, "m2", "Cramer-Rao bound"),
            "case_bound_3d": Column(("case",), size_m, "m", "bound of the 3D error"),
            "case_num_satellites": Column(
                ("case",), np.array([len(one) for one in arcs]), "1", "satellites observed"
            ),
        }
        few = sum(not one for one in arcs)
        warnings = (*satellites.warnings, *([_few(settings, few, len(arcs))] if few else []))
        return Prepared(len(arcs), trial_kernel(free), shared, _cases(users), values, warnings)

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        return PositionStatistics(point.values["case_bound"].values, trials_per_case)


METHOD = DopplerStudy()


def plan_of(settings: DopplerStudySettings) -> ObservationPlan:
    """What every place observes."""
    return ObservationPlan(
        num_arcs=settings.method.satellites,
        shortest_s=settings.method.shortest_arc_s,
        longest_s=settings.method.longest_arc_s,
        step_s=settings.time.step_s,
        window_s=settings.time.duration_s,
        mask_rad=float(np.radians(settings.antenna.mask_deg)),
    )


def _arc_problems(raw: dict[str, Any]) -> Iterator[str]:
    method, span = table_of(raw, "method"), table_of(raw, "time").get("duration_s", 0.0)
    shortest = method.get("shortest_arc_s", 60.0)
    longest = method.get("longest_arc_s", 600.0)
    unknowns = method.get("unknowns", ["position"])
    unknowns = unknowns if isinstance(unknowns, list) else ["position"]
    if "position" not in unknowns:
        yield "[method] unknowns: 'position' is missing; a fix solves for it."
    for name in FIELDS:
        if unknowns.count(name) > 1:
            yield f"[method] unknowns: {name!r} is there twice."
    numbers = all(isinstance(one, int | float) for one in (shortest, longest, span))
    if numbers and span and not 0 < shortest <= longest <= span:
        yield (
            f"[method] shortest_arc_s = {shown(shortest)}, longest_arc_s = {shown(longest)}: "
            f"expected 0 < shortest <= longest <= [time] duration_s = {shown(span)}."
        )


def _few(settings: DopplerStudySettings, few: int, of: int) -> str:
    return (
        f"{few} of {of} places never see {settings.method.satellites} satellites as asked for; "
        "their trials count as not solved."
    )


def _shared(settings: DopplerStudySettings, links: ArcLinks, users: Users) -> Shared:
    num, errors = len(users.names), settings.errors
    carrier_hz = settings.signal.carrier_hz
    sigma_hz = errors.range_rate_sigma_mps * carrier_hz / SPEED_OF_LIGHT_MPS
    full = np.ones(links.visible.shape)
    known = DopplerLink(
        links.received_s,
        links.arc_index,
        links.sat_pos_ecef_m,
        links.sat_vel_ecef_mps,
        carrier_hz * full,
        sigma_hz * full,
    )
    at_rest = jax.vmap(lambda p: DopplerTheta.at(p, settings.method.satellites))
    truth = eqx.tree_at(
        lambda t: [t.freq_offset_hz, t.freq_drift_hzps],
        at_rest(jnp.asarray(users.pos_ecef_m[:, 0])),
        [jnp.full(num, errors.frequency_offset_hz), jnp.full(num, errors.frequency_drift_hzps)],
    )
    return Shared(
        jax.random.key(settings.study.seed),
        jnp.asarray(settings.study.trials),
        jnp.asarray(settings.method.start_error_m),
        jax.tree.map(jnp.asarray, known),
        jnp.asarray(links.visible),
        DopplerShared(jnp.asarray(links.middle_s), jnp.full(num, carrier_hz)),
        truth,
        jnp.asarray(users.enu_axes[:, 0]),
    )


@functools.lru_cache(maxsize=32)
def _bound_kernel(free: tuple[str, ...]):
    """Cramer-Rao bound (case, 3, 3) of the position in east, north, up."""

    @jax.jit
    def kernel(shared: Shared):
        def one(links, visible, common, truth, axes):
            unknowns = Unknowns.of(truth, free)
            zero = jnp.zeros_like(links.sigma_hz)
            data = Data(links, zero, visible, common)
            normal = normal_equations(FIRST_ORDER, unknowns, truth, data)
            cofactor, regular = inverse_spd(normal.information)
            where = unknowns.slice("rx_pos_ecef_m")
            scale = jnp.asarray(unknowns.scale_vector)[where]
            bound = axes @ (cofactor[where, where] * scale[:, None] * scale[None, :]) @ axes.T
            return jnp.where(regular & (jnp.sum(visible) >= unknowns.size), bound, jnp.nan)

        return jax.vmap(one)(*shared[3:])

    return kernel


def _cases(users: Users) -> dict[str, Column]:
    columns = {
        "user": (np.asarray(users.names), "1", "user"),
        "latitude_deg": (users.latitude_deg[:, 0], "deg", "latitude"),
        "longitude_deg": (users.longitude_deg[:, 0], "deg", "longitude"),
        "height_m": (users.height_m[:, 0], "m", "height above the WGS 84 ellipsoid"),
        "time_s": (np.zeros(len(users.names)), "s", "time since the start"),
    }
    return {
        name: Column(("case",), np.asarray(v), u, label) for name, (v, u, label) in columns.items()
    }
