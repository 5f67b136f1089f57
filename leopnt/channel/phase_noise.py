"""Thermal noise of a tracked carrier phase."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_finite, check_positive
from leopnt.antennas.decibels import from_db

Number = Float[Array, ""] | float


def carrier_phase_sigma_cycles(
    cn0_dbhz: Number, loop_bandwidth_hz: Number = 15.0, integration_s: Number = 0.02
) -> Float[Array, ""]:
    """Standard deviation, in cycles, of the phase of a Costas loop, thermal noise alone.

        sigma = sqrt(B / (C/N0) (1 + 1 / (2 T C/N0))) / (2 pi)

    The second term is the loss of squaring away the data. Trust it up to about 15 degrees, 0.04
    cycles: beyond, the loop slips.

    Args:
        cn0_dbhz: C/N0.
        loop_bandwidth_hz: B, of the loop's noise.
        integration_s: T before the discriminator; a GPS L1 C/A bit has 20 ms.

    Source: [kaplan-hegarty] sec. 8.9.
    """
    check_finite("dB-Hz", cn0_dbhz=cn0_dbhz)
    check_positive("Hz", loop_bandwidth_hz=loop_bandwidth_hz)
    check_positive("s", integration_s=integration_s)
    cn0_hz = from_db(cn0_dbhz)
    squaring = 1.0 + 1.0 / (2.0 * integration_s * cn0_hz)
    return jnp.sqrt(loop_bandwidth_hz / cn0_hz * squaring) / (2.0 * jnp.pi)


def carrier_phase_sigma_m(
    cn0_dbhz: Number,
    wavelength_m: Number,
    loop_bandwidth_hz: Number = 15.0,
    integration_s: Number = 0.02,
) -> Float[Array, ""]:
    """As `carrier_phase_sigma_cycles`, times the wavelength."""
    check_positive("m", wavelength_m=wavelength_m)
    return wavelength_m * carrier_phase_sigma_cycles(cn0_dbhz, loop_bandwidth_hz, integration_s)
