"""Everything that a path from a satellite to the ground loses, term by term in decibels."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_finite, check_positive
from leopnt.channel.atmosphere import AbstractGases
from leopnt.channel.path_loss import free_space_loss_db
from leopnt.channel.scintillation import check_above_horizon, is_above_horizon, scintillation_db

Number = Float[Array, ""] | float


class ZenithGases(AbstractGases):
    """A known loss at the zenith, over sin(el); at all elevations above the horizon.

    Attributes:
        zenith_loss_db: 0 or more; 0.0637 dB is that of ITU-R P.676 at 12.7 GHz, 15 degrees C,
            1013.25 hPa and 7.5 g/m3.

    Source: 3GPP TR 38.811 eq. 6.6-8.
    """

    zenith_loss_db: Number = 0.0637

    def __check_init__(self):
        check_between(0.0, np.inf, "dB", zenith_loss_db=self.zenith_loss_db)

    def loss_db(self, carrier_hz: Number, el_rad: Number) -> Float[Array, ""]:
        check_positive("Hz", carrier_hz=carrier_hz)
        check_above_horizon(el_rad)
        el = jnp.asarray(el_rad, float)
        return self.zenith_loss_db / jnp.where(is_above_horizon(el), jnp.sin(el), jnp.nan)


class LossTerms(NamedTuple):
    """Terms of the loss [dB], positive."""

    free_space_db: Float[Array, ""]
    gases_db: Float[Array, ""]
    scintillation_db: Float[Array, ""]
    shadowing_db: Float[Array, ""]
    clutter_db: Float[Array, ""]

    @property
    def total_db(self) -> Float[Array, ""]:
        """Sum of all terms."""
        return sum(self[1:], self[0])


class SatelliteLoss(eqx.Module):
    """Path loss of a satellite link: free space, gases, scintillation, shadowing, clutter.

        loss = 20 log10(4 pi d f / c) + A_gas(el) + SC(el) + SF + CL

    Attributes:
        gases: any of `leopnt.channel`; default 0.0637 dB at the zenith.
        shadowing_db: SF, a draw of the log-normal fading of either sign; 0 in the open.
        clutter_db: CL, 0 or more; 0 in line of sight.

    Source: 3GPP TR 38.811 sec. 6.6.2; [zhang-pace] eq. 4.
    """

    gases: AbstractGases = ZenithGases()
    shadowing_db: Number = 0.0
    clutter_db: Number = 0.0

    def __check_init__(self):
        check_finite("dB", shadowing_db=self.shadowing_db)
        check_between(0.0, np.inf, "dB", clutter_db=self.clutter_db)

    def terms(self, range_m: Number, carrier_hz: Number, el_rad: Number) -> LossTerms:
        """Every term at a range, a carrier and an elevation [rad] at the ground."""
        return LossTerms(
            free_space_loss_db(range_m, carrier_hz),
            self.gases.loss_db(carrier_hz, el_rad),
            scintillation_db(el_rad),
            jnp.asarray(self.shadowing_db, float),
            jnp.asarray(self.clutter_db, float),
        )

    def loss_db(self, range_m: Number, carrier_hz: Number, el_rad: Number) -> Float[Array, ""]:
        """Total loss [dB]."""
        return self.terms(range_m, carrier_hz, el_rad).total_db
