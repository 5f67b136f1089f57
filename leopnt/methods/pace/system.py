"""What all links of PACE have in common: carrier, noise, signals, array, losses."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_positive
from leopnt.antennas.elements import SineElement
from leopnt.antennas.steering import UniformPlanarArray
from leopnt.channel.satellite_loss import SatelliteLoss
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.signals.ofdm import OfdmGrid

NOISE_DBM_PER_HZ = -173.855
"""kT at 298.15 K: it does not contain the noise figure."""

NOISE_FIGURE_DB = 10.0
SPACING_HZ = 120e3


def noise_power_w(
    spacing_hz: float = SPACING_HZ,
    *,
    density_dbm_per_hz: float = NOISE_DBM_PER_HZ,
    noise_figure_db: float = NOISE_FIGURE_DB,
) -> float:
    """Noise variance [W] per sample and antenna: density times noise figure times spacing."""
    return 10.0 ** ((density_dbm_per_hz + noise_figure_db - 30.0) / 10.0) * spacing_hz


class PaceSystem(eqx.Module):
    """Carrier, noise, grids, array and losses; the defaults are those of the paper.

    Attributes:
        carrier_hz: carrier.
        noise_w: sigma^2, noise variance per sample and antenna (`noise_power_w`).
        downlink: grid of the positioning pilots.
        uplink: grid of the channel-estimation pilots.
        array: of every satellite.
        element: amplitude gain of its elements.
        losses: between satellite and user.

    Source: [zhang-pace] table I, corrected: amplitudes from powers, noise figure counted once.
    """

    carrier_hz: Float[Array, "..."] | float = 12.7e9
    noise_w: Float[Array, "..."] | float = noise_power_w()
    downlink: OfdmGrid = OfdmGrid(1024, SPACING_HZ, 10_000)
    uplink: OfdmGrid = OfdmGrid(1024, SPACING_HZ, 1000)
    array: UniformPlanarArray = UniformPlanarArray(8, 8)
    element: SineElement = SineElement()
    losses: SatelliteLoss = SatelliteLoss()

    def __check_init__(self):
        check_positive("Hz", carrier_hz=self.carrier_hz)
        check_positive("W", noise_w=self.noise_w)

    @property
    def wavelength_m(self) -> Float[Array, ""] | float:
        """C / f_c."""
        return SPEED_OF_LIGHT_MPS / self.carrier_hz
