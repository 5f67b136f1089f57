"""Bounds of position, orientation and velocity over random geometries, as a study.

A trial is one geometry, drawn from its number: the same at every point of a sweep, so that curves
are smooth; up to 4, 8, 16... more satellites or slots are added to those that were there. Nothing
is estimated: what comes out are bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.channel.link import SNR_OF_ESN0_DB
from leopnt.methods.nine_d import LOCATION, Knowledge
from leopnt.studies.bound_statistics import BoundStatistics, bound_plots
from leopnt.studies.method import AbstractStatistics, AbstractStudyMethod, Prepared, Quantity
from leopnt.studies.nine_d_random_kernel import BOUNDS, MOTIONS, Layout, Shared, trial_kernel
from leopnt.studies.nine_d_random_settings import NineDRandomSettings, size_problems
from leopnt.studies.nine_d_tables import (
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

_UP = np.array([0.0, 0.0, 1.0])


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
        *bound_plots("geometries"),
    )
    template_name = "nine_d_random.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from nine_d_problems(raw)
        yield from size_problems(raw)

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
