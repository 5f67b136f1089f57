"""How strong links are: budgets of many satellites into antennas of a body that may be turned."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas.patterns import angle_off_boresight
from leopnt.channel.atmosphere import AbstractGases, NoGases
from leopnt.channel.link import SNR_OF_ESN0_DB, Receiver, Transmitter, link_budget
from leopnt.errors import LeopntError
from leopnt.scenes.nine_d_scene import SlotLinks
from leopnt.scenes.receiver_pose import BODY_UP

_TILE = 8192


class Downlink(eqx.Module):
    """Both ends of all links of a receiver, and what lies between.

    Attributes:
        transmitter: of every satellite. Its pattern counts from the direction to the center of the
            Earth; an isotropic one stands for a beam that follows the user.
        receiver: noise temperature, and the pattern of one antenna.
        boresight_body: where each antenna looks, in body axes; default up while the body is level.
        gases: of the atmosphere.
        other_loss_db: polarization, pointing, rain..., 0 or more.
    """

    transmitter: Transmitter
    receiver: Receiver
    boresight_body: Float[Array, "ant 3"] | None = None
    gases: AbstractGases = NoGases()
    other_loss_db: float = 0.0

    def boresights(self, num_ant: int) -> Float[Array, "ant 3"]:
        """Of all antennas."""
        if self.boresight_body is not None:
            return self.boresight_body
        return jnp.broadcast_to(jnp.asarray(BODY_UP), (num_ant, 3))


def isotropic_cn0_dbhz(
    links: SlotLinks,
    downlink: Downlink,
    carrier_hz: float,
    rx_pos_ecef_m: Float[np.ndarray, "case 3"],
) -> Float[np.ndarray, "case sat slot"]:
    """C/N0 of every link into an antenna of 0 dBi by `channel.link_budget`; -inf where blocked.

    `antenna_gain` is missing in it, because that depends on how the receiver is held.

    Args:
        links: satellites and slots.
        downlink: both ends.
        carrier_hz: carrier.
        rx_pos_ecef_m: at the first slot; for the angle at the satellite.

    Raises:
        LeopntError: an elevation or carrier that the gases do not cover.
    """
    up = np.nonzero(links.link_up)
    towards = rx_pos_ecef_m[up[0]] - links.sat_pos_ecef_m[up]
    columns = [links.range_m[up], links.el_rad[up], links.sat_pos_ecef_m[up], towards]
    flat = Receiver(downlink.receiver.noise_temperature_k)
    level = eqx.tree_at(lambda one: one.receiver, downlink, flat)
    out = np.empty(len(up[0]))
    for first in range(0, len(out), _TILE):
        part = [column[first : first + _TILE] for column in columns]
        count = len(part[0])
        part = [np.concatenate([r, np.repeat(r[-1:], _TILE - count, axis=0)]) for r in part]
        tile = np.asarray(_cn0_kernel(level, jnp.asarray(carrier_hz), *part))
        out[first : first + count] = tile[:count]
    _check_covered(out, links.el_rad[up], downlink.gases)
    found = np.full(links.range_m.shape, -np.inf)
    found[up] = out
    return found


def _check_covered(cn0_dbhz, el_rad, gases: AbstractGases) -> None:
    lost = np.isnan(cn0_dbhz)
    if lost.any():
        raise LeopntError(
            f"gases: {type(gases).__name__} covers neither every link down to "
            f"{np.degrees(el_rad[lost].min()):.1f} degrees of elevation nor every carrier; raise "
            "the mask, or take SlantPathGases (1 GHz to 1 THz) or NoGases."
        )


@jax.jit
def _cn0_kernel(downlink: Downlink, carrier_hz, range_m, el_rad, sat_pos, towards):
    def one(distance, elevation, pos, direction) -> Float[Array, ""]:
        return link_budget(
            downlink.transmitter,
            downlink.receiver,
            range_m=distance,
            carrier_hz=carrier_hz,
            el_rad=elevation,
            gases=downlink.gases,
            tx_angle_rad=angle_off_boresight(direction, -pos),
            other_loss_db=downlink.other_loss_db,
        ).cn0_dbhz

    return jax.vmap(one)(range_m, el_rad, sat_pos, towards)


def antenna_gain(
    downlink: Downlink,
    num_ant: int,
    rotation: Float[Array | np.ndarray, "3 3"],
    to_satellite: Float[Array | np.ndarray, "sat slot 3"],
) -> Float[Array, "sat slot ant"]:
    """Gain (power ratio) of every antenna of a body towards every satellite.

    Args:
        downlink: pattern and boresights.
        num_ant: antennas.
        rotation: body to global axes.
        to_satellite: from the receiver, global axes, any length.
    """
    boresight = downlink.boresights(num_ant) @ rotation.T

    def one(direction, axis):
        return downlink.receiver.pattern.gain(angle_off_boresight(direction, axis))

    over_antennas = jax.vmap(one, (None, 0))
    over_slots = jax.vmap(over_antennas, (0, None))
    return jax.vmap(over_slots, (0, None))(to_satellite, boresight)


def snr_of_cn0(
    cn0_dbhz: Float[np.ndarray, "*link"], slot_length_s: float
) -> Float[np.ndarray, "*link"]:
    """The SNR that the 9D bounds take, 8 pi^2 E/N0, with E the energy of a slot: 0 if blocked."""
    return 10.0 ** ((cn0_dbhz + SNR_OF_ESN0_DB) / 10.0) * slot_length_s
