"""A frame of PACE from end to end, on two time scales.

Once per frame the users measure Doppler and delay of every satellite's positioning pilots and fix
their positions. Subframe by subframe, while satellites move on, the satellites estimate gain and
delay of every user with the direction taken from the fix, draw beams from these estimates, and
send; rates are those of the true channel.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Key

from leopnt.antennas._inputs import check_count
from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods.pace.bands import AbstractBands, OwnBand
from leopnt.methods.pace.baselines import equal_gain_beams
from leopnt.methods.pace.batch import position_problems
from leopnt.methods.pace.beams import AbstractPilotBeam, UserBeams
from leopnt.methods.pace.downlink import efim_of_links
from leopnt.methods.pace.downlink_estimator import (
    PilotBlocks,
    draw_pilot_sums,
    estimate_downlink,
)
from leopnt.methods.pace.links import departure_angles, links_of
from leopnt.methods.pace.motion import SceneMotion, circular_arcs
from leopnt.methods.pace.position_problem import PositionProblem, weighted_for_offsets
from leopnt.methods.pace.position_search import fit_position
from leopnt.methods.pace.positioning import PositionBound, check_geometry, position_bound_kernel
from leopnt.methods.pace.rates import network_rate
from leopnt.methods.pace.scene import PaceScene, numbers
from leopnt.methods.pace.strongest_satellite import strongest_satellite_rates
from leopnt.methods.pace.system import PaceSystem
from leopnt.methods.pace.uplink import uplink_kernel
from leopnt.methods.pace.uplink_estimator import draw_uplink, estimate_pace, estimate_uce
from leopnt.methods.pace.wmmse import wmmse_batch


@dataclasses.dataclass(frozen=True)
class FramePlan:
    """What users and satellites do in a frame.

    Attributes:
        num_subframe: uplink estimates per frame.
        subframe_s: from one to the next; the first comes with the fix.
        blocks: of the downlink's pilots, see `PilotBlocks`.
        beam: of the positioning pilots, steered to where users are believed.
        freq_offset_std_hz, clock_bias_std_s: spread of offsets that the fix assumes; 0 as printed.
        bands: which subcarriers a satellite sends on.
        motion: of the satellites.
    """

    num_subframe: int = 10
    subframe_s: float = 1.0
    blocks: PilotBlocks = dataclasses.field(default_factory=PilotBlocks)
    beam: AbstractPilotBeam = dataclasses.field(default_factory=UserBeams)
    freq_offset_std_hz: float = 0.0
    clock_bias_std_s: float = 0.0
    bands: AbstractBands = dataclasses.field(default_factory=OwnBand)
    motion: SceneMotion = circular_arcs

    def __post_init__(self):
        check_count(1, num_subframe=self.num_subframe)
        for name in ("subframe_s", "freq_offset_std_hz", "clock_bias_std_s"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0.0):
                raise LeopntError(f"{name} = {value!r}: expected a finite number of 0 or more.")


class DownlinkPart(NamedTuple):
    """The fix of a frame. Links have axes (sat, user); bounds hold for beams on the true position.

    position_m: of the fix; error_m: its distance from the truth; lb_m, crb_m: bounds with and
    without the offsets' mismatch; bias_m: distance of the pseudo-true point.
    doppler_error_hz, delay_error_s: of each link; doppler_crb_hz, delay_crb_s.
    link_status, status: of link estimates and of the fix.
    """

    position_m: Float[Array, "*frame user 3"]
    error_m: Float[Array, "*frame user"]
    lb_m: Float[Array, "*frame user"]
    crb_m: Float[Array, "*frame user"]
    bias_m: Float[Array, "*frame user"]
    doppler_error_hz: Float[Array, "*frame sat user"]
    delay_error_s: Float[Array, "*frame sat user"]
    doppler_crb_hz: Float[Array, "*frame sat user"]
    delay_crb_s: Float[Array, "*frame sat user"]
    link_status: Status
    status: Status


class ChannelErrors(NamedTuple):
    """Estimates of one kind: |error| of each link beside its bound at the fix.

    vector_error, vector_lb: over the length of the channel vector, at the band's middle.
    """

    vector_error: Float[Array, "*time sat user"]
    vector_lb: Float[Array, "*time sat user"]
    toa_error_s: Float[Array, "*time sat user"]
    toa_lb_s: Float[Array, "*time sat user"]
    converged: Bool[Array, "*time sat user"]


class FrameRates(NamedTuple):
    """Sum rates [bit/s] on the true channel.

    perfect: WMMSE on the true channel; pace, perfect_pace, uce: WMMSE on estimates; equal_gain:
    beams towards the fix (PAB); strongest: S3 with perfect channels.
    """

    perfect_bps: Float[Array, "*time"]
    pace_bps: Float[Array, "*time"]
    perfect_pace_bps: Float[Array, "*time"]
    uce_bps: Float[Array, "*time"]
    equal_gain_bps: Float[Array, "*time"]
    strongest_bps: Float[Array, "*time"]


class UplinkPart(NamedTuple):
    """One subframe, or a time line of them: errors of three estimators, and rates."""

    pace: ChannelErrors
    perfect_pace: ChannelErrors
    uce: ChannelErrors
    rates: FrameRates


class Frame(NamedTuple):
    """`downlink`: once; `uplink`: leading axis of the times `time_s`, since the first fix."""

    time_s: Float[Array, "*frame subframe"]
    downlink: DownlinkPart
    uplink: UplinkPart


def simulate_frame(
    key: Key[Array, ""],
    scene: PaceScene,
    system: PaceSystem,
    believed_pos_m: Float[Array, "user 3"],
    plan: FramePlan = FramePlan(),
    *,
    start_s: float = 0.0,
) -> Frame:
    """Fix positions, then estimate and send, subframe by subframe.

    The users know where satellites are, and remove the Doppler (and its drift) and delay of the
    position that they believe before; Doppler is constant in what is left.

    Args:
        scene: at time 0.
        believed_pos_m: (user, 3), where the users were believed before the frame; what it leaves
            of Doppler and delay must fit `PilotBlocks`.
        start_s: of the frame, since the scene.

    Raises:
        LeopntError: a shape, a geometry without a fix, subcarriers that the satellites cannot
            share.
    """
    believed = numbers("believed_pos_m", believed_pos_m)
    if believed.shape != scene.user_pos_m.shape:
        raise LeopntError(
            f"believed_pos_m has shape {believed.shape}; accepted, as user_pos_m: "
            f"{scene.user_pos_m.shape}."
        )
    of_downlink, of_uplink = jax.random.split(key)
    now = plan.motion(scene, start_s)
    downlink = fix_positions(of_downlink, now, system, jnp.asarray(believed), plan)
    time_s = start_s + plan.subframe_s * np.arange(plan.num_subframe)
    parts = [
        estimate_and_send(
            one, plan.motion(scene, float(t)), system, downlink.position_m, plan.bands
        )
        for one, t in zip(jax.random.split(of_uplink, len(time_s)), time_s, strict=True)
    ]
    return Frame(jnp.asarray(time_s), downlink, _stacked(parts))


def simulate_frames(
    key: Key[Array, ""],
    scene: PaceScene,
    system: PaceSystem,
    believed_pos_m: Float[Array, "user 3"],
    num_frame: int,
    plan: FramePlan = FramePlan(),
) -> Frame:
    """Frame after frame, each starting from the fix of the one before; leading axis frame."""
    check_count(1, num_frame=num_frame)
    found: list[Frame] = []
    for i, one in enumerate(jax.random.split(key, num_frame)):
        start_s = i * plan.num_subframe * plan.subframe_s
        found.append(simulate_frame(one, scene, system, believed_pos_m, plan, start_s=start_s))
        believed_pos_m = found[-1].downlink.position_m
    return _stacked(found)


def fix_positions(
    key: Key[Array, ""],
    scene: PaceScene,
    system: PaceSystem,
    believed_pos_m: Float[Array, "user 3"],
    plan: FramePlan = FramePlan(),
) -> DownlinkPart:
    """Doppler and delay of every link by `estimate_downlink`, then a weighted fix for each user.

    Beams and weights are those of the position believed before.
    """
    believed = eqx.tree_at(lambda s: s.user_pos_m, scene, believed_pos_m)
    assumed = _problems(believed, system, plan)
    check_geometry(jax.tree.map(lambda leaf: leaf[0], assumed))
    truth, expected = links_of(scene, system), links_of(believed, system)
    power_w = scene.sat_power_w / system.downlink.num_sub
    formers = jax.vmap(lambda az, el: plan.beam.matrix(system.array, az, el, power_w))(
        expected.az_rad, expected.el_rad
    )
    steering = _steering(system, truth.az_rad, truth.el_rad)
    seen = jnp.einsum("sna,sun->sua", formers, steering) * truth.channel_gain[:, :, None]
    left_hz = truth.doppler_hz + scene.freq_offset_hz - expected.doppler_hz
    left_s = truth.delay_s + scene.clock_bias_s - expected.delay_s
    keys = jax.random.split(key, left_hz.shape)
    found = _estimates(keys, seen, left_hz, left_s, system, plan.blocks)
    measured = jnp.stack(
        [expected.doppler_hz + found.doppler_hz, expected.delay_s + found.delay_s], axis=-1
    )
    fits = jax.vmap(fit_position)(assumed, jnp.swapaxes(measured, 0, 1))
    position = fits.solution[:, :3]
    bound = _bounds(_problems(scene, system, plan))
    information = efim_of_links(truth, scene, system, plan.beam)
    return DownlinkPart(
        position_m=position,
        error_m=jnp.linalg.norm(position - scene.user_pos_m, axis=1),
        lb_m=bound.lb_m,
        crb_m=bound.crb_m,
        bias_m=jnp.linalg.norm(bound.bias[:, :3], axis=1),
        doppler_error_hz=jnp.abs(found.doppler_hz - left_hz),
        delay_error_s=jnp.abs(found.delay_s - left_s),
        doppler_crb_hz=1.0 / jnp.sqrt(information[..., 0]),
        delay_crb_s=1.0 / jnp.sqrt(information[..., 1]),
        link_status=found.status,
        status=fits.status,
    )


def estimate_and_send(
    key: Key[Array, ""],
    scene: PaceScene,
    system: PaceSystem,
    fix_pos_m: Float[Array, "user 3"],
    bands: AbstractBands = OwnBand(),
) -> UplinkPart:
    """One subframe: channel estimates at the fix, beams from them, rates on the true channel."""
    (truth, taken, vectors), errors = _uplink(key, scene, system, fix_pos_m)
    num_sat = truth.shape[0]
    grid = system.downlink
    power_w = np.asarray(scene.sat_power_w) / bands.counts(grid.num_sub, num_sat)

    def rate(beams: Complex[Array, "sat ant user"]) -> Float[Array, ""]:
        found = network_rate(
            truth, beams, system.noise_w, grid.num_sub, float(grid.spacing_hz), bands
        )
        return found.total_bps

    designs = np.stack([np.asarray(one) for one in (truth, *vectors)])
    beams = wmmse_batch(designs, power_w[None], system.noise_w).beams
    perfect, pace, perfect_pace, uce = (rate(jnp.asarray(one)) for one in beams)
    strongest = strongest_satellite_rates(
        truth, scene.sat_power_w, system.noise_w, grid.num_sub, float(grid.spacing_hz), bands
    )
    equal = jnp.stack([equal_gain_beams(taken[s], power_w[s]) for s in range(num_sat)])
    rates = FrameRates(perfect, pace, perfect_pace, uce, rate(equal), strongest.rate.total_bps)
    return UplinkPart(errors[0], errors[1], errors[2], rates)


@eqx.filter_jit
def _estimates(keys, amplitudes, doppler_hz, delay_s, system: PaceSystem, blocks: PilotBlocks):
    """Estimates of all links, one after the other: their sums are large."""

    def one(link):
        key, amplitude, doppler_hz, delay_s = link
        sums = draw_pilot_sums(
            key, amplitude, doppler_hz, delay_s, system.downlink, system.noise_w, blocks
        )
        return estimate_downlink(sums)

    lead = doppler_hz.shape
    flat = jax.tree.map(
        lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (keys, amplitudes, doppler_hz, delay_s)
    )
    return jax.tree.map(lambda leaf: leaf.reshape(lead), jax.lax.map(one, flat))


@jax.jit
def _uplink(key, scene: PaceScene, system: PaceSystem, fix_pos_m):
    """(true vectors, steering at the fix, estimates of three kinds), and their errors."""
    links = links_of(scene, system)
    true_steering = _steering(system, links.az_rad, links.el_rad)
    taken = _steering(system, *departure_angles(scene, fix_pos_m))
    truth = links.channel_gain[..., None] * true_steering
    toa_s = links.delay_s + scene.clock_bias_s
    believed = eqx.tree_at(lambda s: s.user_pos_m, scene, fix_pos_m)
    expected_s = links_of(believed, system).delay_s
    middle = 0.5 * (system.uplink.num_sub + 1)
    grid = system.uplink

    def one(link):
        key, vector, own, taken, toa_s, near_s = link
        seen = draw_uplink(key, vector, toa_s, grid, scene.user_power_w, system.noise_w, middle)
        pace, perfect = (estimate_pace(seen, a, grid, near_s, middle) for a in (taken, own))
        return pace[1:], perfect[1:], estimate_uce(seen, grid, near_s, middle)

    lead = toa_s.shape
    keys = jax.random.split(key, lead)
    links_flat = jax.tree.map(
        lambda leaf: leaf.reshape(-1, *leaf.shape[2:]),
        (keys, truth, true_steering, taken, toa_s, expected_s),
    )
    found = jax.tree.map(
        lambda leaf: leaf.reshape(*lead, *leaf.shape[1:]), jax.lax.map(one, links_flat)
    )
    bounds = uplink_kernel(scene, fix_pos_m, system, middle)[:3]
    length = jnp.sqrt(jnp.sum(truth.real**2 + truth.imag**2, axis=-1))
    errors = []
    for (vector, estimated_s, status), bound in zip(found, bounds, strict=True):
        off = vector - truth
        errors.append(
            ChannelErrors(
                vector_error=jnp.sqrt(jnp.sum(off.real**2 + off.imag**2, axis=-1)) / length,
                vector_lb=bound.lb_vector / length,
                toa_error_s=jnp.abs(estimated_s - toa_s),
                toa_lb_s=bound.lb_toa_s,
                converged=status == Status.converged,
            )
        )
    return (truth, taken, [one[0] for one in found]), errors


def _problems(scene: PaceScene, system: PaceSystem, plan: FramePlan) -> PositionProblem:
    """Problems of all users, weighted as the fix weights them."""
    problems = position_problems(scene, system, plan.beam)
    return jax.vmap(
        lambda one: weighted_for_offsets(one, plan.freq_offset_std_hz, plan.clock_bias_std_s)
    )(problems)


@jax.jit
def _bounds(problems: PositionProblem) -> PositionBound:
    return jax.vmap(position_bound_kernel)(problems)


def _steering(system: PaceSystem, az_rad, el_rad) -> Complex[Array, "sat user ant"]:
    return jax.vmap(jax.vmap(system.array.steering))(az_rad, el_rad)


def _stacked(parts: list):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
