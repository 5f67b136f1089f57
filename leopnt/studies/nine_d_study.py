"""Bounds of position, orientation and velocity below real or planned satellites, as a study.

A trial is one receiver at one place and time, held as the settings say or at random. Nothing is
estimated: what comes out are bounds, in east, north and up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.methods.nine_d import LOCATION
from leopnt.scenes.downlink import Downlink, isotropic_cn0_dbhz, snr_of_cn0
from leopnt.scenes.nine_d_scene import EndedLinks, SlotLinks, slot_links_in_parts
from leopnt.scenes.settings import table_of
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.study_scene import StudyScene, build_scene
from leopnt.studies.bound_statistics import BoundStatistics, bound_plots
from leopnt.studies.case_columns import case_columns
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    Column,
    Prepared,
    Quantity,
)
from leopnt.studies.nine_d_kernel import Cases, Layout, Shared, Signal, trial_kernel
from leopnt.studies.nine_d_link import downlink_of, link_problems
from leopnt.studies.nine_d_settings import (
    NineDSettings,
    ReceiverTable,
    choice_of,
    own_problems,
)
from leopnt.studies.nine_d_tables import (
    DEFAULT_SLOT_LENGTH_S,
    PriorTable,
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
        *bound_plots("cases"),
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
        yield from own_problems(raw)
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
        warnings = (
            *scene.warnings,
            *ended,
            *slot_warnings(geometry, settings.signal),
            *_phase_warnings(settings),
        )
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


def _phase_warnings(settings: NineDSettings) -> Iterator[str]:
    if settings.link is None:
        yield from phase_warnings(settings.method, snr_linear_of(settings.signal))
