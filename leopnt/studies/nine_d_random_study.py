"""Bounds of position, orientation and velocity over random geometries, as a study.

A trial is one geometry, drawn from its number: the same at every point of a sweep, so that curves
are smooth; up to 4, 8, 16... more satellites or slots are added to those that were there. Nothing
is estimated: what comes out are bounds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from pydantic import Field

from leopnt.channel.link import SNR_OF_ESN0_DB
from leopnt.inference.eigen3 import largest_eigenvalue
from leopnt.inference.status import Status
from leopnt.methods.nine_d import (
    LOCATION,
    AbstractNuisance,
    Knowledge,
    Motion,
    NineDScene,
    integrated_motion,
    location_covariance,
    orbit_motion,
    random_scene,
    seed_motion,
)
from leopnt.methods.nine_d.closed_form import euler_map
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.studies.bound_statistics import BoundStatistics
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    CommonSettings,
    Prepared,
    Quantity,
)
from leopnt.studies.nine_d_tables import (
    ArrayTable,
    LimitsTable,
    NineDSignalTable,
    PriorTable,
    SlotsTable,
    UnknownsTable,
    antennas_of,
    known_of,
    mean_square_time_s2_of,
    nine_d_problems,
    nuisances_of,
    phase_warnings,
    prior_rows_of,
    prior_sigma_of,
    slot_warnings,
    snr_linear_of,
)
from leopnt.studies.statistics import scalar

MOTIONS: dict[str, Motion] = {
    "orbit": orbit_motion,
    "integrated": integrated_motion,
    "seed": seed_motion,
}
BOUNDS: dict[str, str] = dict(
    zip(("position_bound", "orientation_bound", "velocity_bound"), LOCATION, strict=True)
)
"""The field of each bound."""

_UP = np.array([0.0, 0.0, 1.0])
_UNOBSERVABLE = int(np.asarray(Status.unobservable._value))


class GeometryTable(SlotsTable):
    """`[geometry]`: satellites, drawn anew in every trial."""

    motion: Literal["orbit", "integrated", "seed"] = Field(
        default="orbit",
        description="'orbit' (circular arcs), 'seed' (a new direction in every slot, as the paper "
        "prints it) or 'integrated' (the same, with positions that follow)",
    )
    satellites: int = Field(default=3, ge=1, le=100, description="the satellites, 1 to 100")
    range_m: float = Field(
        default=2e6, ge=1e3, le=1e8, description="the first distance of satellites in metres"
    )
    speed_mps: float = Field(
        default=8000.0, ge=0, le=1e5, description="the speed of satellites in m/s, 0 to 1e5"
    )


class ReceiverTable(SettingsTable):
    """`[receiver]`: where it is, how it moves and how it is turned, drawn anew in every trial."""

    offset_m: float = Field(
        default=30.0, ge=0, le=1e6, description="its distance from the origin in metres, 0 to 1e6"
    )
    speed_mps: float = Field(
        default=25.0, ge=0, le=1e5, description="its speed in m/s, 0 to 1e5, in any direction"
    )
    orientation_spread_rad: float = Field(
        default=1.0,
        ge=0,
        le=math.pi,
        description="yaw, pitch and roll are uniform within plus or minus this many rad, 0 to pi",
    )


class NineDRandomSettings(CommonSettings):
    """The whole file of a study of 9D bounds over random geometries."""

    geometry: GeometryTable = Field(default=GeometryTable(), description="a table")
    receiver: ReceiverTable = Field(default=ReceiverTable(), description="a table")
    array: ArrayTable = Field(default=ArrayTable(), description="a table")
    signal: NineDSignalTable = Field(default=NineDSignalTable(), description="a table")
    method: UnknownsTable = Field(default=UnknownsTable(), description="a table")
    priors: PriorTable = Field(default=PriorTable(), description="a table")
    limits: LimitsTable = Field(default=LimitsTable(), description="a table")


class Layout(NamedTuple):
    """What a compiled kernel is made for: room for so many satellites and slots."""

    num_sat: int
    num_slot: int
    nuisances: tuple[AbstractNuisance, ...]
    known: tuple[str, ...]


class Shared(NamedTuple):
    """What every trial of a point shares.

    motion: place in `MOTIONS`; is_there: which of the drawn satellites and slots take part;
    numbers: arguments of `random_scene` by name.
    """

    key: jax.Array
    motion: jax.Array
    is_there: jax.Array
    numbers: dict[str, jax.Array]
    correlation: jax.Array
    knowledge: Knowledge
    position_share: jax.Array
    limits: jax.Array
    is_unknown: jax.Array


@functools.lru_cache(maxsize=64)
def trial_kernel(layout: Layout):
    """The kernel of a trial with this layout; the same object for the same layout."""

    def nine_d_random_trial(index, shared: Shared) -> dict[str, Any]:
        drawn = random_scene(
            jax.random.fold_in(shared.key, index),
            lambda *start: jax.lax.switch(shared.motion, list(MOTIONS.values()), *start),
            num_sat=layout.num_sat,
            num_slot=layout.num_slot,
            **shared.numbers,
        )
        scene = eqx.tree_at(
            lambda s: [s.correlation, s.snr],
            drawn,
            [
                shared.correlation * jnp.ones_like(drawn.correlation),
                jnp.where(shared.is_there[:, :, None], drawn.snr, 0.0),
            ],
        )
        found = location_covariance(
            scene, layout.nuisances, known=layout.known, knowledge=shared.knowledge
        )
        sigmas = jnp.sqrt(jnp.stack([jnp.trace(one) for one in found]))
        angles = euler_covariance(scene.rotation, found.rotation)
        position_limit_m = shared.position_share * _nearest_m(scene, shared.is_there)
        limits = jnp.concatenate([position_limit_m[None], shared.limits])
        told = jnp.isfinite(sigmas) | ~shared.is_unknown
        useful = (sigmas < limits) | ~shared.is_unknown
        return {
            "status": jnp.where(jnp.all(told), 0, _UNOBSERVABLE).astype(jnp.int8),
            **dict(zip(BOUNDS, sigmas, strict=True)),
            "euler_bound": jnp.sqrt(jnp.trace(angles)),
            "weakest_position": jnp.sqrt(largest_eigenvalue(found.position)),
            "practical": jnp.all(useful).astype(jnp.int8),
        }

    return nine_d_random_trial


def euler_covariance(
    rotation: Float[Array, "3 3"], covariance: Float[Array, "3 3"]
) -> Float[Array, "3 3"]:
    """Covariance of yaw, pitch and roll from that of a small rotation vector in global axes."""
    a, b, c = euler_map(rotation).T
    cofactor = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)])
    back = cofactor / (a @ cofactor[0])
    return back @ covariance @ back.T


def _nearest_m(scene: NineDScene, is_there: Bool[Array, "sat slot"]) -> Float[Array, ""]:
    moved = scene.slot_time_s[:, None] * scene.rx_vel_mps[None, :]
    offset = scene.sat_pos_m - (scene.rx_pos_m[None, :] + moved)[None]
    return jnp.sqrt(jnp.min(jnp.sum(offset * offset, axis=-1), initial=jnp.inf, where=is_there))


class NineDRandomStudy(AbstractStudyMethod):
    """9D bounds over random geometries."""

    name = "nine_d_random"
    summary = "bounds of position, orientation, velocity over random geometries"
    settings = NineDRandomSettings
    tile = 50
    chunk_trials = 4000
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        "position_bound": Quantity((), "m", "position bound"),
        "orientation_bound": Quantity((), "rad", "orientation bound"),
        "velocity_bound": Quantity((), "m/s", "velocity bound"),
        "euler_bound": Quantity((), "rad", "bound of yaw, pitch and roll"),
        "weakest_position": Quantity((), "m", "position bound along the weakest direction"),
        "practical": Quantity((), "1", "1 where all bounds are within the limits of use"),
    }
    evidence = (
        "methods.nine_d.covariance",
        "methods.nine_d.kinematics",
        "methods.nine_d.nuisances",
        "methods.nine_d.closed_form",
    )
    headline = ("position_bound_median", "orientation_bound_median", "velocity_bound_median")
    plots = (
        {
            "kind": "sweep",
            "name": "position",
            "title": "Position bound, median over geometries",
            "y": ["position_bound_median"],
            "log_y": True,
            "caption": "Root sum of squares of the three components, everything else unknown.",
        },
        {
            "kind": "sweep",
            "name": "spread",
            "title": "Position bound, spread over random geometries",
            "y": ["position_bound_median", "position_bound_q05", "position_bound_q95"],
            "y_label": "Position bound [m]",
            "log_y": True,
            "caption": "Nine of ten geometries lie between the lines without markers.",
        },
        {
            "kind": "sweep",
            "name": "orientation",
            "title": "Orientation bound, median over geometries",
            "y": ["orientation_bound_median"],
            "log_y": True,
            "caption": "Root sum of squares of a small rotation about three axes.",
        },
        {
            "kind": "sweep",
            "name": "velocity",
            "title": "Velocity bound, median over geometries",
            "y": ["velocity_bound_median"],
            "log_y": True,
            "caption": "Root sum of squares of the three components, everything else unknown.",
        },
        {
            "kind": "sweep",
            "name": "useful",
            "title": "Geometries that tell all, and whose bounds are of use",
            "y": ["identifiable", "practical"],
            "y_label": "Share of geometries",
            "caption": "Beyond the limits of the study file a bound means nothing.",
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the position bound",
            "y": ["position_bound_quantile"],
            "caption": "The share of geometries whose bound is at most the one below.",
        },
    )
    template_name = "nine_d_random.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from nine_d_problems(raw)
        yield from _size_problems(raw)

    def files(self, settings: NineDRandomSettings, folder: Path) -> list[Path]:
        return []

    def prepare(self, settings: NineDRandomSettings, folder: Path) -> Prepared:
        snr = snr_linear_of(settings.signal)
        phase_rad = 2.0 * math.pi / math.sqrt(snr)
        values = {
            "esn0_db": scalar(10 * math.log10(snr) - SNR_OF_ESN0_DB, "dB", "E/N0 of a link"),
            "phase_sigma": scalar(phase_rad, "rad", "standard deviation of a carrier phase"),
        }
        layout = layout_of(settings)
        warnings = (
            *slot_warnings(settings.geometry, settings.signal),
            *phase_warnings(settings.method, snr),
        )
        return Prepared(1, trial_kernel(layout), _shared(settings, snr), {}, values, warnings)

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        is_unknown: dict[str, bool] = dict(
            zip(BOUNDS, np.asarray(point.shared.is_unknown), strict=True)
        )
        is_unknown["euler_bound"] = is_unknown["orientation_bound"]
        is_unknown["weakest_position"] = is_unknown["position_bound"]
        asked = {name: one for name, one in self.outcomes.items() if is_unknown.get(name, False)}
        return BoundStatistics(asked, point.num_cases, trials_per_case)


METHOD = NineDRandomStudy()


def layout_of(settings: NineDRandomSettings) -> Layout:
    """What the kernel of these settings is made for."""
    return Layout(
        _room(settings.geometry.satellites),
        _room(settings.geometry.slots),
        nuisances_of(settings.method),
        known_of(settings.method),
    )


def _room(count: int) -> int:
    """4, 8, 16...: sizes up to these share a compiled kernel, and the draws."""
    return max(4, 1 << (count - 1).bit_length())


def _shared(settings: NineDRandomSettings, snr_linear: float) -> Shared:
    geometry, receiver, signal = settings.geometry, settings.receiver, settings.signal
    numbers = {
        "slot_spacing_s": geometry.slot_spacing_s,
        "antennas_body_m": antennas_of(settings.array, signal.carrier_hz),
        "snr_linear": snr_linear,
        "carrier_hz": signal.carrier_hz,
        "bandwidth_hz": signal.bandwidth_hz,
        "slot_length_s": math.sqrt(12.0 * mean_square_time_s2_of(signal)),
        "doppler_weight": signal.doppler_weight,
        "sat_range_m": geometry.range_m,
        "sat_speed_mps": geometry.speed_mps,
        "rx_offset_m": receiver.offset_m,
        "rx_speed_mps": receiver.speed_mps,
        "angle_limit_rad": receiver.orientation_spread_rad,
    }
    sigmas = prior_sigma_of(settings.priors, signal.carrier_hz)
    known, limits = known_of(settings.method), settings.limits
    return Shared(
        jax.random.key(settings.study.seed),
        jnp.asarray(list(MOTIONS).index(geometry.motion)),
        jnp.asarray(
            (np.arange(_room(geometry.satellites)) < geometry.satellites)[:, None]
            & (np.arange(_room(geometry.slots)) < geometry.slots)[None, :]
        ),
        {name: jnp.asarray(value) for name, value in numbers.items()},
        jnp.asarray(signal.correlation),
        Knowledge(
            jnp.asarray(prior_rows_of(settings.priors, _UP)),
            {name: jnp.asarray(sigma) for name, sigma in sigmas.items()},
        ),
        jnp.asarray(limits.position_share),
        jnp.asarray([limits.orientation_rad, limits.velocity_mps]),
        jnp.asarray([name not in known for name in LOCATION]),
    )


def _size_problems(raw: dict[str, Any]) -> Iterator[str]:
    """An array that reaches as far as the satellites."""
    try:
        array = ArrayTable.model_validate(table_of(raw, "array"))
        signal = NineDSignalTable.model_validate(table_of(raw, "signal"))
        geometry = GeometryTable.model_validate(table_of(raw, "geometry"))
    except ValueError:  # said elsewhere
        return
    antennas_m = antennas_of(array, signal.carrier_hz)
    size_m = float(np.max(np.linalg.norm(antennas_m, axis=1)))
    if 2.0 * size_m >= geometry.range_m:
        yield (
            f"[array] an antenna is {size_m:g} m from the centroid, too far for satellites at "
            f"[geometry] range_m = {shown(geometry.range_m)}."
        )
