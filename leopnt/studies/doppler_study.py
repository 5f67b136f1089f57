"""Doppler fixes as a study: arcs of satellites over places, fixes and their bounds.

Every place observes some satellites, each over one arc above the mask, or all of them at one epoch.
The fix starts a stated distance away from the truth, so what is studied is its accuracy; whether it
is found from nowhere is the matter of the global search of `methods.doppler_fix`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.geometry.light_time import flight_time
from leopnt.inference.least_squares import GaussNewton, solve
from leopnt.inference.linearize import normal_equations
from leopnt.inference.model import Data, predict
from leopnt.inference.parameters import Unknowns
from leopnt.inference.small_linear import inverse_spd
from leopnt.methods.doppler_fix.model import FIRST_ORDER, DopplerLink, DopplerShared, DopplerTheta
from leopnt.methods.doppler_fix.padding import bucket
from leopnt.methods.doppler_fix.simulate import Arc, ArcPlan, choose_arcs
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.constellation import load_satellites
from leopnt.scenes.settings import SettingsTable, table_of
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.users import Users, place_users
from leopnt.studies.method import (
    AbstractStudyMethod,
    Column,
    Prepared,
    Quantity,
    SceneStudySettings,
)
from leopnt.studies.statistics import nees_of, position_statistics

FIELDS = {
    "position": "rx_pos_ecef_m",
    "velocity": "rx_vel_ecef_mps",
    "frequency_offset": "freq_offset_hz",
    "frequency_drift": "freq_drift_hzps",
}
_COARSE_S = 15.0

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
    outcomes = {
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
        arcs = [_arcs_of(settings, satellites.ephemeris, users, u) for u in range(len(users.names))]
        shared = _shared(settings, satellites.ephemeris, users, arcs)
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

    def summarize(self, index, trials, point: Prepared) -> dict[str, Column]:
        per_case = int(point.shared.trials)
        return position_statistics(
            index // per_case,
            trials["status"],
            trials["error_enu_m"],
            trials["nees"],
            point.values["case_bound"].values,
            per_case * point.num_cases,
        )


METHOD = DopplerStudy()


def _arc_problems(raw: dict[str, Any]) -> Iterator[str]:
    method, span = table_of(raw, "method"), table_of(raw, "time").get("duration_s", 0.0)
    shortest = method.get("shortest_arc_s", 60.0)
    longest = method.get("longest_arc_s", 600.0)
    numbers = all(isinstance(one, int | float) for one in (shortest, longest, span))
    if not numbers or not span:
        return
    if not 0 < shortest <= longest <= span:
        yield (
            f"[method] shortest_arc_s = {shortest!r}, longest_arc_s = {longest!r}: expected 0 < "
            f"shortest <= longest <= [time] duration_s = {span!r}."
        )
    unknowns = method.get("unknowns", ["position"])
    if isinstance(unknowns, list) and "position" not in unknowns:
        yield "[method] unknowns: 'position' is missing; a fix solves for it."


def _few(settings: DopplerStudySettings, few: int, of: int) -> str:
    return (
        f"{few} of {of} places never see {settings.method.satellites} satellites as asked for; "
        "their trials count as not solved."
    )


def _arcs_of(settings, ephemeris: Ephemeris, users: Users, user: int) -> list[Arc]:
    """Arcs that a place observes, drawn from the study's seed and the user's number; none if there
    are too few.
    """
    rng = np.random.default_rng([settings.study.seed, user])
    span_s, method = settings.time.duration_s, settings.method
    coarse_s = np.linspace(0.0, span_s, max(1, int(np.ceil(span_s / _COARSE_S))) + 1 if span_s else 1)
    rx_m, up = users.pos_ecef_m[user, 0], users.enu_axes[user, 0, 2]
    el_rad = _elevations(ephemeris, coarse_s, rx_m, up)
    mask_rad = np.radians(settings.antenna.mask_deg)
    if not span_s:
        high = np.flatnonzero(el_rad[:, 0] >= mask_rad)
        if len(high) < method.satellites:
            return []
        return [Arc(int(s), 0.0, 0.0) for s in rng.choice(high, method.satellites, replace=False)]
    plan = ArcPlan(
        num_arcs=method.satellites,
        shortest_s=method.shortest_arc_s,
        longest_s=method.longest_arc_s,
        step_s=settings.time.step_s,
        window_s=span_s,
        mask_rad=mask_rad,
    )
    try:
        return choose_arcs(el_rad, coarse_s, plan, rng)
    except LeopntError:
        return []


def _elevations(ephemeris: Ephemeris, time_s, rx_m, up) -> np.ndarray:
    """Elevation [rad] (sat, epoch) over the normal of the ellipsoid."""
    offset = _positions(ephemeris, time_s) - rx_m
    return np.arcsin(offset @ up / np.linalg.norm(offset, axis=-1))


def _positions(ephemeris: Ephemeris, time_s) -> np.ndarray:
    key = (id(ephemeris), len(time_s))
    if key not in _POSITIONS:
        _POSITIONS.clear()
        _POSITIONS[key] = (ephemeris, np.asarray(_grid_kernel(ephemeris, jnp.asarray(time_s))))
    return _POSITIONS[key][1]


_POSITIONS: dict[tuple[int, int], tuple[Ephemeris, np.ndarray]] = {}


@jax.jit
def _grid_kernel(ephemeris: Ephemeris, time_s):
    number = jnp.arange(ephemeris.pos_ecef_m.shape[0])
    over_time = jax.vmap(lambda s, t: ephemeris.state(s, t).pos_ecef_m, (None, 0))
    return jax.vmap(over_time, (0, None))(number, time_s)


def _shared(settings, ephemeris: Ephemeris, users: Users, arcs: list[list[Arc]]) -> Shared:
    carrier_hz, method = settings.signal.carrier_hz, settings.method
    sigma_hz = settings.errors.range_rate_sigma_mps * carrier_hz / SPEED_OF_LIGHT_MPS
    step_s = settings.time.step_s
    times = [[arc.start_s + step_s * np.arange(int(arc.length_s / step_s) + 1) for arc in one] for one in arcs]
    length = bucket(max([sum(map(len, one)) for one in times] + [1]), 8 if not settings.time.duration_s else 64)
    num = len(arcs)
    sent_s, sat, arc_index = np.zeros((num, length)), np.zeros((num, length), int), np.zeros((num, length), int)
    visible = np.zeros((num, length), bool)
    for case, (one, of_case) in enumerate(zip(arcs, times, strict=True)):
        count = sum(map(len, of_case))
        if not count:
            continue
        sent_s[case, :count] = np.concatenate(of_case)
        sizes = [len(t) for t in of_case]
        sat[case, :count] = np.repeat([arc.sat for arc in one], sizes)
        arc_index[case, :count] = np.repeat(np.arange(len(one)), sizes)
        visible[case, :count] = True
        sent_s[case, count:], sat[case, count:] = sent_s[case, 0], sat[case, 0]
    rx_m = users.pos_ecef_m[:, 0]
    pos_m, vel_mps, received_s = (np.asarray(x) for x in _state_kernel(ephemeris, sat, sent_s, rx_m))
    full = np.ones((num, length))
    links = DopplerLink(received_s, arc_index, pos_m, vel_mps, carrier_hz * full, sigma_hz * full)
    counts = np.maximum(visible.sum(axis=1), 1)
    reference_s = np.sum(np.where(visible, received_s, 0.0), axis=1) / counts
    truth = jax.vmap(lambda p: DopplerTheta.at(p, method.satellites))(jnp.asarray(rx_m))
    offset_hz, drift_hzps = settings.errors.frequency_offset_hz, settings.errors.frequency_drift_hzps
    truth = eqx.tree_at(
        lambda t: [t.freq_offset_hz, t.freq_drift_hzps],
        truth,
        [jnp.full(num, offset_hz), jnp.full(num, drift_hzps)],
    )
    return Shared(
        jax.random.key(settings.study.seed),
        jnp.asarray(settings.study.trials),
        jnp.asarray(method.start_error_m),
        jax.tree.map(jnp.asarray, links),
        jnp.asarray(visible),
        DopplerShared(jnp.asarray(reference_s), jnp.full(num, carrier_hz)),
        truth,
        jnp.asarray(users.enu_axes[:, 0]),
    )


@jax.jit
def _state_kernel(ephemeris: Ephemeris, sat, sent_s, rx_m):
    """State at transmission and time of reception of every link (case, link)."""

    def one(sat, t, rx):
        state = ephemeris.state(sat, t)
        return state.pos_ecef_m, state.vel_ecef_mps, t + flight_time(state.pos_ecef_m, rx)

    return jax.vmap(jax.vmap(one, (0, 0, None)))(sat, sent_s, rx_m)


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
    return {name: Column(("case",), np.asarray(v), u, label) for name, (v, u, label) in columns.items()}
