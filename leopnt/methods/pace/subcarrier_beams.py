"""Beams over a band on which the channel changes: one set for all subcarriers, or one each.

In a line-of-sight channel with one steering vector for the band nothing is gained by a set for
each subcarrier. It pays with beam squint (large arrays, wide bands) and with multipath.
"""

from __future__ import annotations

import abc
import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from leopnt.errors import LeopntError
from leopnt.methods.pace._beam_inputs import check_channel
from leopnt.methods.pace.wmmse import Stop, wmmse_batch, wmmse_beams


class AbstractDesign(abc.ABC):
    """How the beams of one satellite follow its channel over the subcarriers."""

    @abc.abstractmethod
    def beams(
        self,
        channels: Complex[Array, "sub user ant"],
        power_w: Float[Array, ""] | float,
        noise_w: Float[Array, ""] | float,
        stop: Stop = Stop(),
    ) -> Complex[Array, "sub ant user"]:
        """Beams [sqrt(W)] of each subcarrier.

        Args:
            channels: of every subcarrier of the satellite.
            power_w: allowed on one subcarrier, the same on each.
            noise_w: of one subcarrier.
            stop: of WMMSE.
        """


@dataclasses.dataclass(frozen=True)
class CommonBeams(AbstractDesign):
    """WMMSE on one subcarrier, the middle one by default, used on all."""

    reference: int | None = None

    def beams(self, channels, power_w, noise_w, stop=Stop()):
        _check_band(channels)
        count = channels.shape[0]
        index = count // 2 if self.reference is None else self.reference
        if not 0 <= index < count:
            raise LeopntError(f"reference = {index}: expected 0 to {count - 1}.")
        found = wmmse_beams(channels[index], power_w, noise_w, stop)
        return jnp.broadcast_to(found.beams[None], (count, *found.beams.shape))


@dataclasses.dataclass(frozen=True)
class SubcarrierSpecific(AbstractDesign):
    """WMMSE on each subcarrier for itself."""

    def beams(self, channels, power_w, noise_w, stop=Stop()):
        _check_band(channels)
        return jnp.asarray(wmmse_batch(channels, power_w, noise_w, stop).beams)


def _check_band(channels) -> None:
    check_channel(channels=channels)
    if channels.ndim != 3:
        raise LeopntError(f"channels: got shape {channels.shape}; accepted: (sub, user, ant).")
