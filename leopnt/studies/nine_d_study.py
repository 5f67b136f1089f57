"""Bounds of position, orientation and velocity below real or planned satellites, as a study.

A trial is one receiver at one place and time, held as the settings say or at random. Nothing is
estimated: what comes out are bounds, in east, north and up.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from pydantic import Field

from leopnt.inference.status import Status
from leopnt.methods.nine_d import LOCATION, AbstractNuisance, NineDScene
from leopnt.methods.nine_d.covariance import Knowledge, LocationCovariance, location_covariance
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.downlink import Downlink, antenna_gain, isotropic_cn0_dbhz, snr_of_cn0
from leopnt.scenes.nine_d_scene import EndedLinks, SlotLinks, slot_links_in_parts, states_at
from leopnt.scenes.receiver_pose import body_rotation
from leopnt.scenes.satellite_choice import AbstractChoice, AllInView, Highest, Spread
from leopnt.scenes.settings import SettingsTable, shown, table_of
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.study_scene import StudyScene, build_scene
from leopnt.scenes.study_settings import (
    AntennaSettings,
    ConstellationSettings,
    SceneSettings,
    SignalSettings,
    TimeSettings,
    UsersSettings,
)
from leopnt.studies.bound_statistics import BoundStatistics
from leopnt.studies.case_columns import case_columns
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    Column,
    CommonSettings,
    Prepared,
    Quantity,
)
from leopnt.studies.nine_d_link import LinkTable, downlink_of, link_problems
from leopnt.studies.nine_d_tables import (
    DEFAULT_SLOT_LENGTH_S,
    ArrayTable,
    LimitsTable,
    NineDSignalTable,
    PriorTable,
    UnknownsTable,
    antennas_of,
    known_of,
    mean_square_time_s2_of,
    nine_d_problems,
    nuisances_of,
    prior_rows_of,
    prior_sigma_of,
    snr_linear_of,
)

DEFAULT_SATELLITES = 4
FIELD_OF = {
    "position_bound": "rx_pos_m",
    "horizontal_bound": "rx_pos_m",
    "vertical_bound": "rx_pos_m",
    "weakest_position": "rx_pos_m",
    "orientation_bound": "rotation_rad",
    "heading_bound": "rotation_rad",
    "velocity_bound": "rx_vel_mps",
}
"""The field that each bound is about."""

_UNOBSERVABLE = int(np.asarray(Status.unobservable._value))
_PHASE_LIMIT_RAD = math.pi / 4

Velocity = Annotated[list[float], Field(min_length=3, max_length=3)]


class GeometryTable(SettingsTable):
    """`[geometry]`: which satellites in view are used, and over which slots."""

    choose: Literal["spread", "highest", "all"] = Field(
        default="spread",
        description="'spread' (the highest, then each time the one farthest in angle), 'highest' "
        "or 'all'",
    )
    satellites: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="the satellites that are used, 1 to 200; default 4, and none with 'all'",
    )
    slots: int = Field(default=3, ge=1, le=200, description="the time slots, 1 to 200")
    slot_spacing_s: float = Field(
        default=1.0, ge=0, le=1e4, description="the seconds between slots, 0 to 1e4"
    )


class ReceiverTable(SettingsTable):
    """`[receiver]`: how it is held over the ground (axes forward, right, down), how it moves."""

    attitude: Literal["fixed", "random"] = Field(
        default="fixed",
        description="'fixed' (as the angles say) or 'random' (drawn in every trial: any heading, "
        "pitch and roll within tilt_deg)",
    )
    heading_deg: float = Field(
        default=0.0, ge=-360, le=360, description="degrees from north over east, -360 to 360"
    )
    pitch_deg: float = Field(
        default=0.0, ge=-90, le=90, description="degrees, nose up positive, -90 to 90"
    )
    roll_deg: float = Field(
        default=0.0, ge=-180, le=180, description="degrees, right side down positive, -180 to 180"
    )
    tilt_deg: float = Field(
        default=0.0,
        ge=0,
        le=90,
        description="with attitude 'random': pitch and roll are uniform within plus or minus this "
        "many degrees, 0 to 90",
    )
    velocity_enu_mps: Velocity = Field(
        default=[0.0, 0.0, 0.0], description="[east, north, up] in m/s, for users who stand"
    )


class NineDSettings(CommonSettings):
    """The whole file of a study of 9D bounds below a constellation."""

    constellation: ConstellationSettings = Field(description="a table with file, preset or walker")
    time: TimeSettings = Field(default=TimeSettings(), description="a table")
    users: UsersSettings = Field(description="a table with places, cities, grid, random or track")
    antenna: AntennaSettings = Field(default=AntennaSettings(), description="a table")
    geometry: GeometryTable = Field(default=GeometryTable(), description="a table")
    receiver: ReceiverTable = Field(default=ReceiverTable(), description="a table")
    array: ArrayTable = Field(default=ArrayTable(), description="a table")
    signal: NineDSignalTable = Field(default=NineDSignalTable(), description="a table")
    link: LinkTable | None = Field(default=None, description="a table with eirp_dbw")
    method: UnknownsTable = Field(default=UnknownsTable(), description="a table")
    priors: PriorTable = Field(default=PriorTable(), description="a table")
    limits: LimitsTable = Field(default=LimitsTable(), description="a table")

    @property
    def scene(self) -> SceneSettings:
        """The tables of the scene as one."""
        return SceneSettings(
            constellation=self.constellation,
            time=self.time,
            users=self.users,
            antenna=self.antenna,
            signal=SignalSettings(carrier_hz=self.signal.carrier_hz),
        )


class Layout(NamedTuple):
    """What a compiled kernel is made for."""

    nuisances: tuple[AbstractNuisance, ...]
    known: tuple[str, ...]


class Cases(NamedTuple):
    """What differs between cases; `strength` is the SNR into an antenna of 0 dBi, 0 if blocked."""

    sat_index: Int[Array, "*case sat"]
    time_s: Float[Array, "*case"]
    strength: Float[Array, "*case sat slot"]
    rx_pos_m: Float[Array, "*case 3"]
    rx_vel_mps: Float[Array, "*case 3"]
    enu_axes: Float[Array, "*case 3 3"]
    nearest_m: Float[Array, "*case"]
    location_rows: Float[Array, "*case row 9"]


class Signal(NamedTuple):
    """Numbers of the signal, the same for all links."""

    carrier_hz: Float[Array, ""]
    bandwidth_hz: Float[Array, ""]
    correlation: Float[Array, ""]
    mean_square_time_s2: Float[Array, ""]
    doppler_weight: Float[Array, ""]


class Shared(NamedTuple):
    """What every trial of a point shares; states come from the ephemeris, to save memory."""

    key: jax.Array
    trials: jax.Array
    cases: Cases
    ephemeris: Ephemeris
    slot_time_s: Float[Array, " slot"]
    antennas_body_m: Float[Array, "ant 3"]
    signal: Signal
    downlink: Downlink | None
    angles_rad: Float[Array, "3"]
    spread_rad: Float[Array, "3"]
    nuisance_sigma: dict[str, Float[Array, ""]]
    position_share: Float[Array, ""]
    limits: Float[Array, "2"]
    is_unknown: Array


def scene_of(case: Cases, shared: Shared, heading_pitch_roll_rad: Float[Array, "3"]) -> NineDScene:
    """The 9D scene of one case with the receiver held like this; ECEF, where it does not turn."""
    rotation = body_rotation(case.enu_axes, *heading_pitch_roll_rad)
    num_ant = shared.antennas_body_m.shape[0]
    num_sat, num_slot = case.strength.shape
    sat_pos_m, sat_vel_mps = states_at(
        shared.ephemeris, case.sat_index, case.time_s, shared.slot_time_s
    )
    gain = jnp.ones((num_sat, num_slot, num_ant))
    if shared.downlink is not None:
        moved = shared.slot_time_s[:, None] * case.rx_vel_mps[None, :]
        towards = sat_pos_m - (case.rx_pos_m[None, :] + moved)[None]
        gain = antenna_gain(shared.downlink, num_ant, rotation, towards)
    per_slot = jnp.ones((num_sat, num_slot))
    signal = shared.signal
    return NineDScene(
        sat_pos_m=sat_pos_m,
        sat_vel_mps=sat_vel_mps,
        slot_time_s=shared.slot_time_s,
        rx_pos_m=case.rx_pos_m,
        rx_vel_mps=case.rx_vel_mps,
        rotation=rotation,
        antennas_body_m=shared.antennas_body_m,
        carrier_hz=signal.carrier_hz,
        bandwidth_hz=signal.bandwidth_hz * per_slot,
        correlation=signal.correlation * per_slot,
        snr=case.strength[..., None] * gain,
        mean_square_time_s2=signal.mean_square_time_s2 * per_slot,
        freq_offset_hz=jnp.zeros(num_sat),
        doppler_weight=signal.doppler_weight,
    )


@functools.lru_cache(maxsize=64)
def trial_kernel(layout: Layout):
    """The kernel of a trial with this layout; the same object for the same layout."""

    def nine_d_trial(index, shared: Shared) -> dict[str, Any]:
        number, trial = index // shared.trials, index % shared.trials
        case = jax.tree.map(lambda x: x[number], shared.cases)
        key = jax.random.fold_in(jax.random.fold_in(shared.key, number), trial)
        drawn = jax.random.uniform(key, (3,), minval=-1.0, maxval=1.0)
        scene = scene_of(case, shared, shared.angles_rad + drawn * shared.spread_rad)
        knowledge = Knowledge(case.location_rows, shared.nuisance_sigma)
        found = location_covariance(
            scene, layout.nuisances, known=layout.known, knowledge=knowledge
        )
        return _outcome(found, case, shared)

    return nine_d_trial


def _outcome(found: LocationCovariance, case: Cases, shared: Shared) -> dict[str, Any]:
    sigmas = jnp.sqrt(jnp.stack([jnp.trace(one) for one in found]))
    limits = jnp.concatenate([(shared.position_share * case.nearest_m)[None], shared.limits])
    told = jnp.isfinite(sigmas) | ~shared.is_unknown
    useful = (sigmas < limits) | ~shared.is_unknown
    position, rotation = (case.enu_axes @ one @ case.enu_axes.T for one in found[:2])
    largest = largest_eigenvalue(position)
    return {
        "status": jnp.where(jnp.all(told), 0, _UNOBSERVABLE).astype(jnp.int8),
        "position_bound": sigmas[0],
        "horizontal_bound": jnp.sqrt(position[0, 0] + position[1, 1]),
        "vertical_bound": jnp.sqrt(position[2, 2]),
        "weakest_position": jnp.sqrt(largest),
        "weakest_enu": eigenvector(position, largest),
        "orientation_bound": sigmas[1],
        "heading_bound": jnp.sqrt(rotation[2, 2]),
        "velocity_bound": sigmas[2],
        "practical": jnp.all(useful).astype(jnp.int8),
    }


def largest_eigenvalue(matrix: Float[Array, "3 3"]) -> Float[Array, ""]:
    """Largest eigenvalue of a covariance, in closed form: no library call, safe in threads.

    Source: Smith, Comm. ACM 4 (1961) 168.
    """
    scale = jnp.trace(matrix) / 3.0
    off = matrix / scale - jnp.eye(3)
    size = jnp.sqrt(jnp.sum(off * off) / 6.0)
    a, b, c = off / jnp.where(size > 0, size, 1.0)
    cosine = jnp.clip(0.5 * jnp.sum(a * jnp.cross(b, c)), -1.0, 1.0)
    return scale * (1.0 + 2.0 * size * jnp.cos(jnp.arccos(cosine) / 3.0))


def eigenvector(matrix: Float[Array, "3 3"], eigenvalue: Float[Array, ""]) -> Float[Array, "3"]:
    """Unit vector of a simple eigenvalue, its last component not negative; NaN of a multiple one.

    It is normal to the rows of matrix - eigenvalue, so along their longest cross product.
    """
    a, b, c = matrix / eigenvalue - jnp.eye(3)
    normals = jnp.stack([jnp.cross(a, b), jnp.cross(b, c), jnp.cross(c, a)])
    squares = jnp.sum(normals * normals, axis=1)
    longest = normals[jnp.argmax(squares)] / jnp.sqrt(jnp.max(squares))
    return jnp.where(longest[2] < 0.0, -longest, longest)


class NineDStudy(AbstractStudyMethod):
    """9D bounds below a constellation."""

    name = "nine_d"
    summary = "bounds of position, orientation, velocity below a constellation"
    settings = NineDSettings
    tile = 50
    chunk_trials = 4000
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        "position_bound": Quantity((), "m", "position bound"),
        "horizontal_bound": Quantity((), "m", "horizontal position bound"),
        "vertical_bound": Quantity((), "m", "vertical position bound"),
        "weakest_position": Quantity((), "m", "position bound along the weakest direction"),
        "weakest_enu": Quantity(("enu",), "1", "weakest direction east, north, up"),
        "orientation_bound": Quantity((), "rad", "orientation bound"),
        "heading_bound": Quantity((), "rad", "heading bound"),
        "velocity_bound": Quantity((), "m/s", "velocity bound"),
        "practical": Quantity((), "1", "1 where all bounds are within the limits of use"),
    }
    evidence = (
        "scenes.nine_d_scene",
        "scenes.downlink",
        "methods.nine_d.covariance",
        "methods.nine_d.closed_form",
    )
    headline = ("position_bound_median", "orientation_bound_median", "velocity_bound_median")
    plots = (
        {
            "kind": "map",
            "name": "map",
            "title": "Position bound by place",
            "y": "case_position_bound",
            "combine": "median",
            "missing": "no bound (too few satellites)",
        },
        {
            "kind": "map",
            "name": "map_orientation",
            "title": "Orientation bound by place",
            "y": "case_orientation_bound",
            "combine": "median",
            "missing": "no bound (too few satellites)",
        },
        {
            "kind": "map",
            "name": "map_velocity",
            "title": "Velocity bound by place",
            "y": "case_velocity_bound",
            "combine": "median",
            "missing": "no bound (too few satellites)",
        },
        {
            "kind": "sweep",
            "name": "position",
            "title": "Position bound, median of places, times and attitudes",
            "y": ["position_bound_median", "horizontal_bound_median", "vertical_bound_median"],
            "y_label": "Position bound [m]",
            "log_y": True,
            "caption": "Cases without a bound count as infinitely large.",
        },
        {
            "kind": "sweep",
            "name": "useful",
            "title": "Cases that tell all, and whose bounds are of use",
            "y": ["identifiable", "practical"],
            "y_label": "Share of cases",
            "caption": "Beyond the limits of the study file a bound means nothing.",
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the position bound",
            "y": ["position_bound_quantile"],
            "caption": "The share of cases whose bound is at most the one below.",
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
        {
            "kind": "time",
            "name": "time",
            "title": "Position bound over time",
            "y": ["case_position_bound"],
            "log_y": True,
        },
    )
    template_name = "nine_d.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from scene_problems(raw, folder)
        yield from nine_d_problems(raw)
        yield from _own_problems(raw)
        if isinstance(raw.get("link"), dict):
            tables = (table_of(raw, name) for name in ("link", "signal", "antenna"))
            yield from link_problems(*tables)

    def files(self, settings: NineDSettings, folder: Path) -> list[Path]:
        file = settings.constellation.file
        return [folder / file] if file else []

    def prepare(self, settings: NineDSettings, folder: Path) -> Prepared:
        geometry = settings.geometry
        slot_time_s = geometry.slot_spacing_s * np.arange(geometry.slots)
        scene = build_scene(settings.scene, folder, beyond_s=float(slot_time_s[-1]))
        velocity = _velocity(settings.receiver, scene)
        received = _received(settings, scene, slot_time_s, velocity)
        values = {
            "case_num_satellites": _case(received.num_used, "satellites that are used"),
            "case_num_in_view": _case(scene.num_visible, "satellites above the mask"),
        }
        layout = Layout(nuisances_of(settings.method), known_of(settings.method))
        shared = _shared(settings, scene, received, slot_time_s, velocity)
        ended = received.ended.sentences()
        warnings = (*scene.warnings, *ended, *_warnings(settings))
        return Prepared(
            scene.num_cases, trial_kernel(layout), shared, case_columns(scene), values, warnings
        )

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        is_unknown: dict[str, bool] = dict(
            zip(LOCATION, np.asarray(point.shared.is_unknown).tolist(), strict=True)
        )
        asked = {name: self.outcomes[name] for name, one in FIELD_OF.items() if is_unknown[one]}
        return BoundStatistics(asked, point.num_cases, trials_per_case)


METHOD = NineDStudy()


def choice_of(geometry: GeometryTable) -> AbstractChoice:
    """Which of the satellites in view are used."""
    count = DEFAULT_SATELLITES if geometry.satellites is None else geometry.satellites
    choices = {"spread": Spread(count), "highest": Highest(count), "all": AllInView()}
    return choices[geometry.choose]


def _case(values: np.ndarray, long_name: str) -> Column:
    return Column(("case",), np.asarray(values), "1", long_name)


def _velocity(receiver: ReceiverTable, scene: StudyScene) -> Float[np.ndarray, "case 3"]:
    """Relative to the ground, ECEF axes: of the track, or as given."""
    given = np.einsum("i,cij->cj", np.asarray(receiver.velocity_enu_mps), scene.enu_axes)
    return scene.rx_vel_ecef_mps + given


class _Received(NamedTuple):
    """What is kept of the links of all cases."""

    sat_index: np.ndarray
    strength: np.ndarray
    nearest_m: np.ndarray
    num_used: np.ndarray
    ended: EndedLinks


def _received(
    settings: NineDSettings, scene: StudyScene, slot_time_s: np.ndarray, velocity: np.ndarray
) -> _Received:
    """Links of all cases, their states dropped part by part."""
    downlink = _downlink(settings)
    parts, ended = [], EndedLinks(0, 0, 0)
    choice = choice_of(settings.geometry)
    for cases, links in slot_links_in_parts(scene, slot_time_s, choice, velocity):
        strength = _strength(settings, scene.rx_pos_ecef_m[cases], links, downlink)
        nearest_m = np.min(np.where(links.link_up, links.range_m, np.inf), axis=(1, 2))
        parts.append((links.sat_index, strength, nearest_m, links.num_used))
        ended = ended + links.ended()
    sat_index, strength, nearest_m, num_used = map(np.concatenate, zip(*parts, strict=True))
    return _Received(sat_index, strength, nearest_m, num_used, ended)


def _downlink(settings: NineDSettings) -> Downlink | None:
    return None if settings.link is None else downlink_of(settings.link)


def _shared(
    settings: NineDSettings,
    scene: StudyScene,
    received: _Received,
    slot_time_s: np.ndarray,
    velocity: np.ndarray,
) -> Shared:
    receiver, signal, limits = settings.receiver, settings.signal, settings.limits
    downlink = _downlink(settings)
    sigmas = prior_sigma_of(settings.priors, signal.carrier_hz)
    is_random = receiver.attitude == "random"
    fixed_deg = (receiver.heading_deg, receiver.pitch_deg, receiver.roll_deg)
    spread_deg = (180.0, receiver.tilt_deg, receiver.tilt_deg)
    return Shared(
        jax.random.key(settings.study.seed),
        jnp.asarray(settings.study.trials),
        Cases(
            jnp.asarray(received.sat_index),
            jnp.asarray(scene.case_time_s),
            jnp.asarray(received.strength),
            jnp.asarray(scene.rx_pos_ecef_m),
            jnp.asarray(velocity),
            jnp.asarray(scene.enu_axes),
            jnp.asarray(received.nearest_m),
            jnp.asarray(_prior_rows(settings.priors, scene)),
        ),
        scene.ephemeris,
        jnp.asarray(slot_time_s),
        jnp.asarray(antennas_of(settings.array, signal.carrier_hz)),
        Signal(
            jnp.asarray(signal.carrier_hz),
            jnp.asarray(signal.bandwidth_hz),
            jnp.asarray(signal.correlation),
            jnp.asarray(mean_square_time_s2_of(signal)),
            jnp.asarray(signal.doppler_weight),
        ),
        None if downlink is None else jax.tree.map(jnp.asarray, downlink),
        jnp.radians(jnp.asarray((0.0, 0.0, 0.0) if is_random else fixed_deg)),
        jnp.radians(jnp.asarray(spread_deg if is_random else (0.0, 0.0, 0.0))),
        {name: jnp.asarray(sigma) for name, sigma in sigmas.items()},
        jnp.asarray(limits.position_share),
        jnp.asarray([limits.orientation_rad, limits.velocity_mps]),
        jnp.asarray([name not in known_of(settings.method) for name in LOCATION]),
    )


def _strength(
    settings: NineDSettings,
    rx_pos_ecef_m: Float[np.ndarray, "case 3"],
    links: SlotLinks,
    downlink: Downlink | None,
) -> Float[np.ndarray, "case sat slot"]:
    """SNR of every link into an antenna of 0 dBi, 0 where it is blocked."""
    signal = settings.signal
    if downlink is None:
        return np.where(links.link_up, snr_linear_of(signal), 0.0)
    cn0 = isotropic_cn0_dbhz(links, downlink, signal.carrier_hz, rx_pos_ecef_m)
    length_s = DEFAULT_SLOT_LENGTH_S if signal.slot_length_s is None else signal.slot_length_s
    return snr_of_cn0(cn0, length_s)


def _prior_rows(priors: PriorTable, scene: StudyScene) -> Float[np.ndarray, "case row 9"]:
    """Rows of what is known before, none where nothing is."""
    if not priors.model_dump(exclude_none=True):
        return np.zeros((scene.num_cases, 0, 9))
    return prior_rows_of(priors, scene.enu_axes[:, 2])


def _warnings(settings: NineDSettings) -> Iterator[str]:
    geometry, signal = settings.geometry, settings.signal
    length_s = math.sqrt(12.0 * mean_square_time_s2_of(signal))
    several = geometry.slots > 1
    if several and 0.0 < geometry.slot_spacing_s < length_s * (1 - 1e-12):
        yield (
            f"[signal] a slot of {length_s:g} s is longer than [geometry] slot_spacing_s = "
            f"{geometry.slot_spacing_s:g}: slots overlap."
        )
    if several and not geometry.slot_spacing_s:
        yield (
            "[geometry] slot_spacing_s = 0: further slots tell nothing about the velocity through "
            "delays."
        )
    if settings.method.phase == "antenna" or settings.link is not None:
        return
    phase_rad = 2.0 * math.pi / math.sqrt(snr_linear_of(signal))
    if phase_rad >= _PHASE_LIMIT_RAD:
        yield (
            f"[signal] at this SNR a carrier phase has a standard deviation of {phase_rad:.2g} "
            "rad, above pi/4: no receiver tracks it on a single link, and the bound is not "
            "attained."
        )


def _own_problems(raw: dict[str, Any]) -> Iterator[str]:
    geometry, receiver = table_of(raw, "geometry"), table_of(raw, "receiver")
    if geometry.get("choose") == "all" and "satellites" in geometry:
        yield (
            f"[geometry] satellites = {shown(geometry['satellites'])}: goes with 'spread' and "
            "'highest'; with choose = 'all' every satellite above the mask is used."
        )
    is_random = receiver.get("attitude") == "random"
    for name in ("heading_deg", "pitch_deg", "roll_deg") if is_random else ("tilt_deg",):
        if name in receiver:
            other = "fixed" if is_random else "random"
            yield f"[receiver] {name} = {shown(receiver[name])}: goes with attitude = '{other}'."
    if "velocity_enu_mps" in receiver and "track" in table_of(raw, "users"):
        yield "[receiver] velocity_enu_mps: the track of [users] says how the receiver moves."
    trials = table_of(raw, "study").get("trials")
    if not is_random and isinstance(trials, int) and trials > 1:
        yield (
            f"[study] trials = {shown(trials)}: nothing is random with [receiver] attitude = "
            "'fixed'; expected 1."
        )
