"""Bounds and rates of PACE over drawn offsets, phases and channel estimates, as a study.

A trial is one draw for the default cluster of eight satellites and four users: offsets of clocks
and carriers where they are drawn, the direction of the users' position errors, and for rates the
phases of the gains and the errors of the channel estimates. It is the same at every point.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from leopnt.inference.status import Status
from leopnt.methods.pace import (
    PaceScene,
    PaceSystem,
    UserBeams,
    VerticalBeam,
    departure_angles,
    equal_gain_beams,
    links_of,
    pace_channels,
    scene_position_bounds,
    serving_satellite,
    unstructured_channels,
    uplink_kernel,
    user_rates_bpshz,
    with_random_phases,
    wmmse_beams,
)
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    Prepared,
    Quantity,
)
from leopnt.studies.pace_settings import (
    PaceSettings,
    bands_of,
    pace_problems,
    scene_of,
    system_of,
)
from leopnt.studies.pace_statistics import DrawStatistics
from leopnt.studies.statistics import scalar

DIRECTIONS = 8
"""Of position errors, evenly around; trial after trial."""

BOUNDS = {
    "pab_crb": Quantity((), "m", "position CRB, beams to users"),
    "pab_lb": Quantity((), "m", "position LB, beams to users"),
    "vdb_crb": Quantity((), "m", "position CRB, vertical beam"),
    "vdb_lb": Quantity((), "m", "position LB, vertical beam"),
    "first_user_lb": Quantity((), "m", "position LB, first user"),
    "gain_lb": Quantity((), "1", "gain LB over modulus"),
    "gain_mcrb": Quantity((), "1", "gain MCRB over modulus"),
    "vector_lb": Quantity((), "1", "vector LB over length, PACE"),
    "perfect_vector_lb": Quantity((), "1", "vector LB over length, Perfect-PACE"),
    "uce_vector_lb": Quantity((), "1", "vector CRB over length, UCE"),
    "uce_over_pace": Quantity((), "1", "vector CRB of UCE over LB of PACE"),
    "toa_lb": Quantity((), "s", "delay LB, PACE"),
    "toa_bias": Quantity((), "s", "largest bias of the delay"),
    "uce_toa_lb": Quantity((), "s", "delay CRB, UCE"),
}
RATES = {
    "perfect_rate": Quantity((), "bit/s", "sum rate with the true channel"),
    "pace_rate": Quantity((), "bit/s", "sum rate with channels of PACE"),
    "uce_rate": Quantity((), "bit/s", "sum rate with channels of UCE"),
    "pab_rate": Quantity((), "bit/s", "sum rate of equal-gain beams to the positions"),
    "s3_rate": Quantity((), "bit/s", "sum rate of strongest satellites alone"),
    "pace_over_pab": Quantity((), "1", "rate of PACE over that of PAB"),
    "pab_over_s3": Quantity((), "1", "rate of PAB over that of S3"),
}


class Shared(NamedTuple):
    """What every trial of a point shares.

    clock_bias_s, freq_offset_hz: [lowest, width] of what is drawn; is_drawn: whether they are.
    sub_count, s3_count: subcarriers of a satellite, by the account of each; is_there: which
    antennas of `system` exist: for rates it has room for more, to share compiled kernels.
    """

    key: jax.Array
    scene: PaceScene
    system: PaceSystem
    clock_bias_s: Float[Array, "2"]
    freq_offset_hz: Float[Array, "2"]
    is_drawn: Array
    error_m: Float[Array, ""]
    sub_count: Float[Array, ""]
    s3_count: Float[Array, ""]
    is_there: Bool[Array, " ant"]


def pace_bound_trial(index, shared: Shared) -> dict[str, Any]:
    """Bounds of positions, gains, delays and channel vectors."""
    key = jax.random.fold_in(shared.key, index)
    scene = _with_offsets(key, shared)
    system = shared.system
    pab = scene_position_bounds(scene, system, UserBeams())
    vdb = scene_position_bounds(scene, system, VerticalBeam())
    up = uplink_kernel(scene, _taken(index, shared), system)
    size = jnp.sqrt(up.channel_gain.real**2 + up.channel_gain.imag**2)
    length = size * system.array.num_ant**0.5
    pace_vector, uce_vector = _rms(up.pace.lb_vector / length), _rms(up.uce.lb_vector / length)
    is_local = jnp.all(pab.is_local & vdb.is_local)
    found = {
        "pab_crb": _rms(pab.crb_m),
        "pab_lb": _rms(pab.lb_m),
        "vdb_crb": _rms(vdb.crb_m),
        "vdb_lb": _rms(vdb.lb_m),
        "first_user_lb": pab.lb_m[0],
        "gain_lb": _rms(up.pace.lb_gain / size),
        "gain_mcrb": _rms(jnp.sqrt(up.pace.gain_variance) / size),
        "vector_lb": pace_vector,
        "perfect_vector_lb": _rms(up.perfect.lb_vector / length),
        "uce_vector_lb": uce_vector,
        "uce_over_pace": uce_vector / pace_vector,
        "toa_lb": _rms(up.pace.lb_toa_s),
        "toa_bias": jnp.max(jnp.abs(up.pace.toa_bias_s)),
        "uce_toa_lb": _rms(up.uce.lb_toa_s),
    }
    return _outcome(found, is_local & jnp.isfinite(found["toa_lb"]))


def pace_rate_trial(index, shared: Shared) -> dict[str, Any]:
    """Rates on the true channel of beams that come from drawn channel estimates."""
    phases, of_pace, of_uce = jax.random.split(jax.random.fold_in(shared.key, index), 3)
    scene, system = with_random_phases(phases, shared.scene), shared.system
    links = links_of(scene, system)
    true = links.channel_gain[..., None] * _steering(shared, links.az_rad, links.el_rad)
    taken = _steering(shared, *departure_angles(scene, _taken(index, shared)))
    num_ant = jnp.sum(shared.is_there)
    rho = jnp.sum(jnp.conj(taken) * true, axis=-1) / (num_ant * links.channel_gain)
    unit = system.noise_w / (scene.user_power_w * system.uplink.num_symbol)
    num_sub = system.uplink.num_sub
    # A gain averages over the antennas that exist, not over the room for them.
    unit_of_gain = unit * system.array.num_ant / num_ant
    pace = pace_channels(of_pace, links.channel_gain, rho, taken, unit_of_gain, num_sub)
    uce = unstructured_channels(of_uce, true, unit, num_sub)
    uce = jnp.where(shared.is_there[None, None, :], uce, 0.0)
    own = serving_satellite(true)[None, :] == jnp.arange(true.shape[0])[:, None]
    served = jnp.where(own[:, :, None], true, 0.0)
    power_w, s3_power_w = (scene.sat_power_w / n for n in (shared.sub_count, shared.s3_count))
    designs = jnp.stack([true, pace, uce, served])
    powers_w = jnp.stack([power_w, power_w, power_w, s3_power_w])
    beams = jax.vmap(
        lambda channels, power: jax.vmap(lambda one: wmmse_beams(one, power, system.noise_w).beams)(
            channels
        )
    )(designs, powers_w)
    equal = jax.vmap(lambda one: equal_gain_beams(one, power_w))(taken)

    def rate(channels, beams, count) -> Float[Array, ""]:
        total = jnp.sum(user_rates_bpshz(channels, beams, system.noise_w))
        return system.downlink.spacing_hz * count * total

    rates = [rate(true, one, shared.sub_count) for one in (*beams[:3], equal)]
    rates.append(rate(served, beams[3], shared.s3_count))
    found = dict(zip(list(RATES)[:5], rates, strict=True))
    found["pace_over_pab"] = found["pace_rate"] / found["pab_rate"]
    found["pab_over_s3"] = found["pab_rate"] / found["s3_rate"]
    return _outcome(found, jnp.all(jnp.isfinite(jnp.stack(rates))))


KERNELS = {"bounds": (pace_bound_trial, BOUNDS), "rates": (pace_rate_trial, RATES)}


def _outcome(found: dict[str, Any], is_good) -> dict[str, Any]:
    """Every outcome of the method: NaN where it was not asked for."""
    nothing = dict.fromkeys([*BOUNDS, *RATES], jnp.asarray(jnp.nan))
    status = Status.where(is_good, Status.converged, Status.stalled)
    return {"status": status._value.astype(jnp.int8), **nothing, **found}


def _with_offsets(key, shared: Shared) -> PaceScene:
    """The scene with offsets drawn for each satellite, the same for all users."""
    shape = (shared.scene.clock_bias_s.shape[0], 1)
    drawn = []
    fixed = (shared.scene.clock_bias_s, shared.scene.freq_offset_hz)
    for one, span, old in zip(
        jax.random.split(key), (shared.clock_bias_s, shared.freq_offset_hz), fixed, strict=True
    ):
        value = span[0] + span[1] * jax.random.uniform(one, shape)
        drawn.append(jnp.where(shared.is_drawn, jnp.broadcast_to(value, old.shape), old))
    return eqx.tree_at(lambda s: [s.clock_bias_s, s.freq_offset_hz], shared.scene, drawn)


def _taken(index, shared: Shared) -> Float[Array, "user 3"]:
    """Positions that the satellites take: off by `error_m` along the ground."""
    angle = 2.0 * jnp.pi / DIRECTIONS * (index % DIRECTIONS)

    def one(pos):
        up = pos / jnp.sqrt(pos @ pos)
        first = jnp.array([1.0, 0.0, 0.0]) - up[0] * up
        first = first / jnp.sqrt(first @ first)
        return pos + shared.error_m * (
            jnp.cos(angle) * first + jnp.sin(angle) * jnp.cross(up, first)
        )

    return jax.vmap(one)(shared.scene.user_pos_m)


def _steering(shared: Shared, az_rad, el_rad) -> Complex[Array, "sat user ant"]:
    found = jax.vmap(jax.vmap(shared.system.array.steering))(az_rad, el_rad)
    return jnp.where(shared.is_there[None, None, :], found, 0.0)


def _rms(values: Float[Array, "..."]) -> Float[Array, ""]:
    return jnp.sqrt(jnp.mean(values * values))


class PaceStudy(AbstractStudyMethod):
    """Bounds and rates of PACE."""

    name = "pace"
    summary = "positioning-aided channel estimation: bounds and rates of a cluster"
    settings = PaceSettings
    tile = 20
    chunk_trials = 480
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        **BOUNDS,
        **RATES,
    }
    evidence = (
        "methods.pace.positioning",
        "methods.pace.uplink",
        "methods.pace.wmmse",
        "methods.pace.rates",
    )
    headline = ("pab_lb_rms", "vector_lb_rms", "pace_rate_mean", "uce_rate_mean")
    plots = (
        {
            "kind": "sweep",
            "name": "position",
            "title": "Bounds of the position, with and without mismatch",
            "y": ["pab_crb_rms", "pab_lb_rms", "vdb_crb_rms", "vdb_lb_rms"],
            "y_label": "Position bound [m]",
            "log_y": True,
            "caption": "RMS over users and draws. LB: with the mismatch of clocks and carriers.",
        },
        {
            "kind": "sweep",
            "name": "vector",
            "title": "Bounds of the channel vector over its length",
            "y": ["vector_lb_rms", "perfect_vector_lb_rms", "uce_vector_lb_rms"],
            "y_label": "Error over length",
            "log_y": True,
            "caption": "RMS over links and directions of the position error, phase at k = 0.",
        },
        {
            "kind": "sweep",
            "name": "delay",
            "title": "Bounds of the delay",
            "y": ["toa_lb_rms", "uce_toa_lb_rms"],
            "y_label": "Delay bound [s]",
            "log_y": True,
            "caption": "RMS over links; a wrong direction costs power and makes no bias.",
        },
        {
            "kind": "sweep",
            "name": "rates",
            "title": "Sum rates on the true channel",
            "y": [
                "perfect_rate_mean",
                "pace_rate_mean",
                "uce_rate_mean",
                "pab_rate_mean",
                "s3_rate_mean",
            ],
            "y_label": "Sum rate [bit/s]",
            "caption": "Means over draws of phases and channel estimates.",
        },
    )
    template_name = "pace.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from pace_problems(raw, folder)

    def files(self, settings: PaceSettings, folder: Path) -> list[Path]:
        file = settings.constellation.file if settings.constellation else None
        return [folder / file] if file else []

    def prepare(self, settings: PaceSettings, folder: Path) -> Prepared:
        kernel, _ = KERNELS[settings.method.compute]
        shared = _shared(settings, folder)
        system = shared.system
        noise_dbm = 10.0 * np.log10(float(system.noise_w)) + 30.0
        values = {
            "antennas": scalar(settings.array.side**2, "1", "antennas of a satellite"),
            "noise": scalar(noise_dbm, "dBm", "noise of a sample and antenna"),
        }
        return Prepared(1, kernel, shared, {}, values)

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        asked = next(names for kernel, names in KERNELS.values() if kernel is point.kernel)
        return DrawStatistics(asked, trials_per_case * point.num_cases)


METHOD = PaceStudy()


def _shared(settings: PaceSettings, folder: Path) -> Shared:
    side = settings.array.side
    room = side if settings.method.compute == "bounds" else _room(side)
    system, scene, offsets = system_of(settings, room), scene_of(settings, folder), settings.offsets
    is_there = np.arange(room) < side
    num_sub, num_sat = system.downlink.num_sub, scene.sat_pos_m.shape[0]
    clock_s = [1e-9 * offsets.clock_scale * x for x in offsets.clock_bias_ns]
    freq_hz = [offsets.freq_scale * x for x in offsets.freq_offset_hz]
    return Shared(
        key=jax.random.key(settings.study.seed),
        scene=scene,
        system=system,
        clock_bias_s=_span(clock_s),
        freq_offset_hz=_span(freq_hz),
        is_drawn=jnp.asarray(offsets.kind == "drawn"),
        error_m=jnp.asarray(settings.believed.error_m),
        sub_count=jnp.asarray(num_sub / num_sat),
        s3_count=jnp.asarray(float(bands_of(settings).counts(num_sub, num_sat)[0])),
        is_there=jnp.asarray(np.outer(is_there, is_there).ravel()),
    )


def _span(limits: list[float]) -> Float[Array, "2"]:
    low, high = limits
    return jnp.asarray([low, high - low])


def _room(side: int) -> int:
    """8, 16, 32...: arrays up to these share a compiled kernel."""
    return max(8, 1 << (side - 1).bit_length())
