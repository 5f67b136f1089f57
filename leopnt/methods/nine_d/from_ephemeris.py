"""Scenes of the 9D bounds from real or planned satellites over a place."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.frames.geodetic import enu_basis
from leopnt.methods.nine_d.scene import NineDScene, Numbers, nine_d_scene
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.downlink import Downlink, antenna_gain, isotropic_cn0_dbhz, snr_of_cn0
from leopnt.scenes.nine_d_scene import SlotLinks, slot_links
from leopnt.scenes.receiver_pose import body_rotation
from leopnt.scenes.satellite_choice import AbstractChoice, AllInView
from leopnt.scenes.sky_scene import Place
from leopnt.scenes.study_scene import StudyScene
from leopnt.scenes.visible import find_visible


def nine_d_scene_from_ephemeris(
    ephemeris: Ephemeris,
    place: Place,
    *,
    time_s: float,
    antennas_body_m: Numbers,
    slots: int = 3,
    slot_spacing_s: float = 1.0,
    mask_rad: float = np.pi / 18.0,
    choice: AbstractChoice | None = None,
    heading_pitch_roll_rad: Numbers = (0.0, 0.0, 0.0),
    rx_vel_enu_mps: Numbers = (0.0, 0.0, 0.0),
    snr_linear: Numbers | None = None,
    snr_db: Numbers | None = None,
    downlink: Downlink | None = None,
    carrier_hz: float = 1e9,
    slot_length_s: float = 10e-3,
    bandwidth_hz: Numbers = 100e6,
    correlation: Numbers = 0.0,
    freq_offset_hz: Numbers = 0.0,
) -> NineDScene:
    """One place at one time: the satellites in view in the first slot, over all slots.

    Positions and velocities are ECEF, in which the receiver's axes do not turn. A satellite that
    sinks below the mask in a later slot is blocked there. Satellites are in the order of `choice`,
    from the highest down.

    Args:
        ephemeris: its span holds all slots and one second before.
        place: of the centroid of the antennas in the first slot.
        time_s: middle of the first slot, since `ephemeris.reference`.
        antennas_body_m: (ant, 3), axes forward, right, down; their mean must be zero.
        mask_rad: lowest elevation.
        choice: of satellites; default all in view.
        heading_pitch_roll_rad: heading from north over east, pitch nose up, roll right side down.
        rx_vel_enu_mps: relative to the ground, constant.
        snr_linear, snr_db, downlink: one of them: scalar, (sat,), (sat, slot) or (sat, slot, ant),
            or a link budget of the satellites' energy in `slot_length_s`.
        carrier_hz, slot_length_s, bandwidth_hz, correlation, freq_offset_hz: as `nine_d_scene`.

    Raises:
        LeopntError: no satellite in view, times outside the ephemeris, or as `nine_d_scene`.
    """
    if sum(one is not None for one in (snr_linear, snr_db, downlink)) != 1:
        raise LeopntError("give one of snr_linear, snr_db and downlink.")
    if slots < 1:
        raise LeopntError(f"slots = {slots}: expected 1 or more.")
    slot_time_s = slot_spacing_s * np.arange(slots)
    velocity = _three("rx_vel_enu_mps", rx_vel_enu_mps)
    angles = _three("heading_pitch_roll_rad", heading_pitch_roll_rad)
    over = _over_place(ephemeris, place, float(time_s), velocity, mask_rad)
    links = _links(over, slot_time_s, choice or AllInView(), place)
    count = int(links.num_used[0])
    rotation = np.asarray(body_rotation(over.enu_axes[0], *angles))
    antennas = np.atleast_2d(np.asarray(antennas_body_m, float))
    if downlink is None:
        snr = _explicit(snr_linear, snr_db, (count, slots, len(antennas)))
    else:
        cn0 = isotropic_cn0_dbhz(links, downlink, carrier_hz, over.rx_pos_ecef_m)[0, :count]
        towards = _towards(over, links, slot_time_s)
        gain = antenna_gain(downlink, len(antennas), rotation, towards)
        snr = snr_of_cn0(cn0, slot_length_s)[:, :, None] * np.asarray(gain)
    return nine_d_scene(
        sat_pos_m=links.sat_pos_ecef_m[0, :count],
        sat_vel_mps=links.sat_vel_ecef_mps[0, :count],
        slot_spacing_s=slot_spacing_s,
        rx_pos_m=over.rx_pos_ecef_m[0],
        rx_vel_mps=over.rx_vel_ecef_mps[0],
        antennas_body_m=antennas,
        snr_linear=snr * links.link_up[0, :count, :, None],
        rotation=rotation,
        carrier_hz=carrier_hz,
        slot_length_s=slot_length_s,
        bandwidth_hz=bandwidth_hz,
        correlation=correlation,
        freq_offset_hz=freq_offset_hz,
    )


def _links(
    over: StudyScene, slot_time_s: np.ndarray, choice: AbstractChoice, place: Place
) -> SlotLinks:
    """Satellites of the first slot followed over all; refuses none, and warns of those that set."""
    links = slot_links(over, slot_time_s, choice)
    if not links.num_used[0]:
        raise LeopntError(
            f"no satellite is above the mask of {np.degrees(over.mask_rad):g} degrees at {place}."
        )
    for sentence in links.ended().sentences():
        warnings.warn(sentence, LeopntWarning, stacklevel=3)
    return links


def _towards(
    over: StudyScene, links: SlotLinks, slot_time_s: np.ndarray
) -> Float[np.ndarray, "sat slot 3"]:
    """From the receiver, which moves, to every satellite that is used [m]."""
    moved = np.multiply.outer(slot_time_s, over.rx_vel_ecef_mps[0])
    return links.sat_pos_ecef_m[0, : int(links.num_used[0])] - (over.rx_pos_ecef_m[0] + moved)


def _three(name: str, value: Numbers) -> Float[np.ndarray, "3"]:
    found = np.asarray(value, float)
    if found.shape != (3,) or not np.all(np.isfinite(found)):
        raise LeopntError(f"{name} = {value!r}: expected three finite numbers.")
    return found


def _explicit(linear, decibels, shape: tuple[int, ...]) -> Float[np.ndarray, "sat slot ant"]:
    """One of the two in full shape; `nine_d_scene` judges the values."""
    name = "snr_linear" if decibels is None else "snr_db"
    found = np.asarray(linear if decibels is None else decibels, float)
    if found.shape != shape[: found.ndim]:
        raise LeopntError(f"{name} has shape {found.shape}; accepted: {shape}.")
    if np.any(np.isnan(found)) or np.any(found == np.inf):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    wide = np.broadcast_to(found.reshape(found.shape + (1,) * (3 - found.ndim)), shape)
    return wide if decibels is None else 10.0 ** (wide / 10.0)


def _over_place(
    ephemeris: Ephemeris, place: Place, time_s: float, vel_enu_mps: np.ndarray, mask_rad: float
) -> StudyScene:
    """A scene of one user at one epoch."""
    pos = np.asarray(place.pos_ecef_m)[None]
    axes = np.asarray(enu_basis(*np.radians([place.latitude_deg, place.longitude_deg])))[None]
    times = np.array([time_s])
    seen = find_visible(ephemeris, times, pos[:, None], axes[:, None], mask_rad)
    return StudyScene(
        satellites=tuple(str(i) for i in range(ephemeris.pos_ecef_m.shape[0])),
        ephemeris=ephemeris,
        users=("place",),
        reference=ephemeris.reference,
        time_s=times,
        latitude_deg=np.array([place.latitude_deg]),
        longitude_deg=np.array([place.longitude_deg]),
        height_m=np.array([place.height_m]),
        rx_pos_ecef_m=pos,
        rx_vel_ecef_mps=(vel_enu_mps @ axes[0])[None],
        enu_axes=axes,
        **seen._asdict(),
        mask_rad=mask_rad,
        carrier_hz=1e9,
    )
