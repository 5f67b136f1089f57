"""Link budget of one link: from transmitter and receiver to C/N0 and E/N0."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_finite, check_positive
from leopnt.antennas.decibels import from_db, to_db
from leopnt.antennas.patterns import AbstractPattern, Isotropic
from leopnt.channel.atmosphere import AbstractGases, NoGases
from leopnt.channel.path_loss import free_space_loss_db
from leopnt.constants import BOLTZMANN_JPK

BOLTZMANN_DBWPKHZ = 10.0 * np.log10(BOLTZMANN_JPK)
"""Boltzmann constant, -228.599 dBW/(K Hz)."""

SNR_OF_ESN0_DB = 10.0 * np.log10(8.0 * np.pi**2)
"""The SNR of the 9D bounds over E/N0: 8 pi^2, 18.97 dB."""

REFERENCE_TEMPERATURE_K = 290.0
"""To which a noise figure refers."""


class Transmitter(eqx.Module):
    """Power into an antenna, and its pattern.

    Attributes:
        power_dbw: at the antenna, after all feeder losses.
        pattern: gain off boresight.
    """

    power_dbw: Float[Array, ""] | float
    pattern: AbstractPattern = Isotropic()

    def __check_init__(self):
        check_finite("dBW", power_dbw=self.power_dbw)

    @staticmethod
    def from_eirp(
        eirp_dbw: Float[Array, ""] | float, pattern: AbstractPattern | None = None
    ) -> Transmitter:
        """Of an EIRP at boresight; off boresight it falls as the pattern does."""
        check_finite("dBW", eirp_dbw=eirp_dbw)
        pattern = Isotropic() if pattern is None else pattern
        return Transmitter(eirp_dbw - pattern.gain_dbi(0.0), pattern)

    def eirp_dbw(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        """EIRP [dBW] at an angle off boresight."""
        return self.power_dbw + self.pattern.gain_dbi(angle_rad)


class Receiver(eqx.Module):
    """Antenna pattern and noise temperature, both at the same point.

    Attributes:
        noise_temperature_k: of the whole system, at the antenna terminals.
        pattern: gain off boresight.
    """

    noise_temperature_k: Float[Array, ""] | float
    pattern: AbstractPattern = Isotropic()

    def __check_init__(self):
        check_positive("K", noise_temperature_k=self.noise_temperature_k)

    @staticmethod
    def from_g_over_t(
        g_over_t_dbpk: Float[Array, ""] | float, pattern: AbstractPattern | None = None
    ) -> Receiver:
        """Of a G/T at boresight; off boresight it falls as the pattern does."""
        check_finite("dB/K", g_over_t_dbpk=g_over_t_dbpk)
        pattern = Isotropic() if pattern is None else pattern
        return Receiver(from_db(pattern.gain_dbi(0.0) - g_over_t_dbpk), pattern)

    @staticmethod
    def from_noise_figure(
        noise_figure_db: Float[Array, ""] | float,
        antenna_temperature_k: Float[Array, ""] | float,
        pattern: AbstractPattern | None = None,
    ) -> Receiver:
        """Of a receiver's noise figure: T = T_antenna + 290 K (F - 1).

        Args:
            noise_figure_db: of everything behind the antenna terminals, 0 or more.
            antenna_temperature_k: what the antenna takes up, above zero.
            pattern: default isotropic.
        """
        check_between(0.0, np.inf, "dB", noise_figure_db=noise_figure_db)
        check_positive("K", antenna_temperature_k=antenna_temperature_k)
        excess = REFERENCE_TEMPERATURE_K * (from_db(noise_figure_db) - 1.0)
        pattern = Isotropic() if pattern is None else pattern
        return Receiver(antenna_temperature_k + excess, pattern)

    def g_over_t_dbpk(self, angle_rad: Float[Array, ""] | float) -> Float[Array, ""]:
        """G/T [dB/K] at an angle off boresight."""
        return self.pattern.gain_dbi(angle_rad) - to_db(self.noise_temperature_k)


class LinkBudget(eqx.Module):
    """Every term of a link budget; losses are positive.

    Attributes:
        eirp_dbw: towards the receiver.
        free_space_loss_db, gas_loss_db, other_loss_db: on the way.
        g_over_t_dbpk: towards the transmitter.
    """

    eirp_dbw: Float[Array, ""]
    free_space_loss_db: Float[Array, ""]
    gas_loss_db: Float[Array, ""]
    other_loss_db: Float[Array, ""]
    g_over_t_dbpk: Float[Array, ""]

    @property
    def cn0_dbhz(self) -> Float[Array, ""]:
        """Carrier over noise density: EIRP - losses + G/T - k."""
        losses_db = self.free_space_loss_db + self.gas_loss_db + self.other_loss_db
        return self.eirp_dbw - losses_db + self.g_over_t_dbpk - BOLTZMANN_DBWPKHZ

    def cn_db(self, bandwidth_hz: Float[Array, ""] | float) -> Float[Array, ""]:
        """Carrier over noise in a (noise) bandwidth: C/N0 - 10 log10 B."""
        check_positive("Hz", bandwidth_hz=bandwidth_hz)
        return self.cn0_dbhz - to_db(bandwidth_hz)

    def esn0_db(self, slot_length_s: Float[Array, ""] | float) -> Float[Array, ""]:
        """Energy of a slot over noise density: C/N0 + 10 log10 T."""
        check_positive("s", slot_length_s=slot_length_s)
        return self.cn0_dbhz + to_db(slot_length_s)

    def snr_db(self, slot_length_s: Float[Array, ""] | float) -> Float[Array, ""]:
        """The SNR that the 9D bounds take: 8 pi^2 E/N0, 18.97 dB above `esn0_db`."""
        return self.esn0_db(slot_length_s) + SNR_OF_ESN0_DB


def link_budget(
    transmitter: Transmitter,
    receiver: Receiver,
    *,
    range_m: Float[Array, ""] | float,
    carrier_hz: Float[Array, ""] | float,
    el_rad: Float[Array, ""] | float,
    gases: AbstractGases | None = None,
    tx_angle_rad: Float[Array, ""] | float = 0.0,
    rx_angle_rad: Float[Array, ""] | float = 0.0,
    other_loss_db: Float[Array, ""] | float = 0.0,
) -> LinkBudget:
    """Budget of one link; `jax.vmap` for many.

    Inside compiled code nothing raises: outside the limits of a model (below the lowest elevation
    of the gases, for example) its term is NaN. Mask such links by their visibility.

    Args:
        transmitter, receiver: at the two ends.
        range_m: between their antennas.
        carrier_hz: carrier.
        el_rad: elevation of the satellite at the ground station.
        gases: of the atmosphere; default none.
        tx_angle_rad, rx_angle_rad: off the boresight of each antenna.
        other_loss_db: polarization, pointing, rain, body..., 0 or more.

    Raises:
        LeopntError: a range or carrier that is not above zero, an elevation or carrier that the
            gases do not cover, an angle outside -pi to pi, a negative loss.
    """
    check_between(0.0, np.inf, "dB", other_loss_db=other_loss_db)
    gases = NoGases() if gases is None else gases
    return LinkBudget(
        eirp_dbw=transmitter.eirp_dbw(tx_angle_rad),
        free_space_loss_db=free_space_loss_db(range_m, carrier_hz),
        gas_loss_db=gases.loss_db(carrier_hz, el_rad),
        other_loss_db=jnp.asarray(other_loss_db, float),
        g_over_t_dbpk=receiver.g_over_t_dbpk(rx_angle_rad),
    )
