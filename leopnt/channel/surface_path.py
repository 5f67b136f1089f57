"""Link budget over a surface: from the direct level to C/N0 at the receiver."""

from __future__ import annotations

import warnings

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_count, check_finite, check_positive
from leopnt.antennas._surface_inputs import check_point, check_served, is_known
from leopnt.antennas.decibels import from_db, to_db
from leopnt.antennas.surface_phases import quantization_loss_db
from leopnt.antennas.surfaces import ActiveSurface
from leopnt.channel.fading import AbstractFading, RicianFading, focused_gain_db
from leopnt.channel.link import BOLTZMANN_DBWPKHZ, REFERENCE_TEMPERATURE_K, Receiver
from leopnt.channel.phase_noise import carrier_phase_sigma_cycles
from leopnt.constants import BOLTZMANN_JPK
from leopnt.errors import LeopntError, LeopntWarning

Number = Float[Array, ""] | float
Vector = Float[Array | np.ndarray, "3"]

GPS_L1_CA_DBW = -158.5
"""Specified least level of GPS L1 C/A at the ground [dBW]."""


class Amplifiers(eqx.Module):
    """What the elements of an active surface add to the signal.

    Attributes:
        noise_figure_db: F of one element, 0 or more, over 290 K at its input.
    """

    noise_figure_db: Number = 3.0

    def __check_init__(self):
        check_between(0.0, np.inf, "dB", noise_figure_db=self.noise_figure_db)

    @property
    def noise_density_wphz(self) -> Float[Array, ""]:
        """K T F of one element, before its gain."""
        return BOLTZMANN_JPK * REFERENCE_TEMPERATURE_K * from_db(self.noise_figure_db)


class SurfaceBudget(eqx.Module):
    """Every term of the budget over a surface; gains are positive, losses negative.

    Attributes:
        direct_dbw: without the surface, into an isotropic antenna.
        panel_db: relayed over direct power, focused, of `focused_power_ratio`.
        fading_db: of both hops, on average, with phases from the geometry alone.
        quantization_db: of the steps of the phases.
        antenna_dbi: of the receiver towards the surface.
        receiver_noise_dbwphz: of the receiver itself.
        surface_noise_dbwphz: of the surface's amplifiers, as received; -infinity where it has none.
    """

    direct_dbw: Float[Array, ""]
    panel_db: Float[Array, ""]
    fading_db: Float[Array, ""]
    quantization_db: Float[Array, ""]
    antenna_dbi: Float[Array, ""]
    receiver_noise_dbwphz: Float[Array, ""]
    surface_noise_dbwphz: Float[Array, ""]

    @property
    def relayed_over_direct_db(self) -> Float[Array, ""]:
        """Relayed over direct power at the same antenna, all but noise."""
        return self.panel_db + self.fading_db + self.quantization_db

    @property
    def carrier_dbw(self) -> Float[Array, ""]:
        """Relayed power at the antenna terminals."""
        return self.direct_dbw + self.relayed_over_direct_db + self.antenna_dbi

    @property
    def noise_dbwphz(self) -> Float[Array, ""]:
        """Density of all noise at the antenna terminals."""
        return to_db(from_db(self.receiver_noise_dbwphz) + from_db(self.surface_noise_dbwphz))

    @property
    def cn0_dbhz(self) -> Float[Array, ""]:
        """Carrier over noise density."""
        return self.carrier_dbw - self.noise_dbwphz

    def snr_db(self, integration_s: Number) -> Float[Array, ""]:
        """Carrier over noise in a bandwidth 1/T: C/N0 + 10 log10 T."""
        check_positive("s", integration_s=integration_s)
        return self.cn0_dbhz + to_db(integration_s)

    def phase_sigma_cycles(
        self, loop_bandwidth_hz: Number = 15.0, integration_s: Number = 0.02
    ) -> Float[Array, ""]:
        """Noise of the carrier phase, `carrier_phase_sigma_cycles`."""
        return carrier_phase_sigma_cycles(self.cn0_dbhz, loop_bandwidth_hz, integration_s)


def surface_budget(
    surface: ActiveSurface,
    sat_pos_ecef_m: Vector,
    rx_pos_ecef_m: Vector,
    wavelength_m: Number,
    receiver: Receiver,
    *,
    direct_dbw: Number = GPS_L1_CA_DBW,
    num_sub_arrays: int = 1,
    first_hop: AbstractFading | None = None,
    second_hop: AbstractFading | None = None,
    amplifiers: Amplifiers | None = None,
    rx_angle_rad: Number = 0.0,
) -> SurfaceBudget:
    """Budget of one satellite over a surface that is focused on the receiver; `jax.vmap` for many.

    The receiver's side sets the gain: `reflect_gain` in front, `transmit_gain` behind.

    Args:
        receiver: its noise and antenna.
        direct_dbw: what an isotropic antenna has from the satellite without the surface.
        num_sub_arrays: satellites that share the panel's elements evenly.
        first_hop, second_hop: fading to and from every element; default Rician, K = 10 dB.
        amplifiers: noise of the elements; a passive surface needs none.
        rx_angle_rad: of the surface off the boresight of the receiver's antenna.

    Raises:
        LeopntError: satellite behind the panel, receiver on a side that gets nothing (NaN where
            they are traced), a surface that amplifies without noise.

    Warns:
        LeopntWarning: the receiver is nearer than the panel's diagonal, see `focused_power_ratio`.

    Source: [zhang-astars] eq. 7, with the factors of antenna and wavelength and the noise that it
        leaves out.
    """
    check_point(sat_pos_ecef_m=sat_pos_ecef_m, rx_pos_ecef_m=rx_pos_ecef_m)
    check_served(surface, sat_pos_ecef_m, rx_pos_ecef_m)
    check_finite("dBW", direct_dbw=direct_dbw)
    _check_amplifiers(surface, amplifiers)
    cos_in, _ = _cosine_and_range(surface, sat_pos_ecef_m)
    cos_out, range_m = _cosine_and_range(surface, rx_pos_ecef_m)
    _warn_if_near(surface, range_m)
    gain = _power_gain(surface, cos_in, cos_out)
    ratio = focused_power_ratio(
        surface.area_m2,
        range_m,
        wavelength_m,
        power_gain=gain,
        cos_in=jnp.abs(cos_in),
        cos_out=jnp.abs(cos_out),
        num_sub_arrays=num_sub_arrays,
    )
    antenna = receiver.pattern.gain(rx_angle_rad)
    noise = surface_noise_density(surface.area_m2, range_m, gain, jnp.abs(cos_out), amplifiers)
    return SurfaceBudget(
        direct_dbw=jnp.asarray(direct_dbw, float),
        panel_db=to_db(ratio),
        fading_db=_fading_db(surface, num_sub_arrays, first_hop, second_hop),
        quantization_db=_quantization_db(surface),
        antenna_dbi=to_db(antenna),
        receiver_noise_dbwphz=BOLTZMANN_DBWPKHZ + to_db(receiver.noise_temperature_k),
        surface_noise_dbwphz=to_db(noise * antenna),
    )


def focused_power_ratio(
    area_m2: Number,
    range_m: Number,
    wavelength_m: Number,
    *,
    power_gain: Number = 1.0,
    cos_in: Number = 1.0,
    cos_out: Number = 1.0,
    num_sub_arrays: int = 1,
) -> Float[Array, ""]:
    """Power over a focused surface, over that of the direct path at the same antenna.

        P_rx / P_los = beta cos_in cos_out (A / (n lambda r))^2

    The panel collects A cos_in of the flux, and radiates beta times that with the gain of its
    aperture, 4 pi A cos_out / lambda^2, over r: the antenna at the end cancels. In the focus of
    distances well beyond the panel's size, where its elements are equally far; `relay_power_ratio`
    of `leopnt.antennas` adds them up at any distance. Above one when the aperture's gain makes up
    for the second hop.

    Args:
        area_m2: A, of the whole panel.
        range_m: r, surface to receiver.
        power_gain: beta (H times the split of the receiver's side).
        cos_in, cos_out: off the normal, 0 to 1.
        num_sub_arrays: n; each has A / n. A time slot has all of A.
    """
    check_positive("m2", area_m2=area_m2)
    check_positive("m", range_m=range_m, wavelength_m=wavelength_m)
    check_between(0.0, np.inf, "", power_gain=power_gain)
    check_between(0.0, 1.0, "", cos_in=cos_in, cos_out=cos_out)
    check_count(1, num_sub_arrays=num_sub_arrays)
    aperture = area_m2 / (num_sub_arrays * wavelength_m * jnp.asarray(range_m, float))
    return power_gain * cos_in * cos_out * aperture**2


def surface_noise_density(
    area_m2: Number,
    range_m: Number,
    power_gain: Number,
    cos_out: Number,
    amplifiers: Amplifiers | None,
) -> Float[Array, ""]:
    """Noise of all elements at an isotropic antenna [W/Hz], whatever their phases.

        N = k T F beta A cos_out / (4 pi r^2)

    Every element radiates k T F beta on its own, with the gain of its cell. It does not depend on
    the wavelength, and sub-arrays do not lessen it: all elements are on.
    """
    if amplifiers is None:
        return jnp.zeros(())
    check_positive("m2", area_m2=area_m2)
    check_positive("m", range_m=range_m)
    check_between(0.0, np.inf, "", power_gain=power_gain)
    check_between(0.0, 1.0, "", cos_out=cos_out)
    density = amplifiers.noise_density_wphz * power_gain
    return density * area_m2 * cos_out / (4.0 * jnp.pi * jnp.asarray(range_m, float) ** 2)


def sub_array_loss_db(num_sub_arrays: int) -> Float[Array, ""]:
    """What sharing the elements costs each of n satellites, 20 log10 n: less flux, wider beam."""
    check_count(1, num_sub_arrays=num_sub_arrays)
    return 2.0 * to_db(num_sub_arrays)


def time_share_loss_db(num_slots: int) -> Float[Array, ""]:
    """What sharing the time costs each of n satellites, 10 log10 n.

    For a receiver that knows the slots and adds up its own coherently. One that integrates through
    all of them, noise of the others included, loses the 20 log10 n of sub-arrays.
    """
    check_count(1, num_slots=num_slots)
    return to_db(num_slots)


def _cosine_and_range(surface, point):
    offset_m = jnp.asarray(point) - jnp.asarray(surface.centroid_ecef_m)
    range_m = jnp.sqrt(jnp.sum(offset_m**2))
    return jnp.sum(offset_m * jnp.asarray(surface.normal)) / range_m, range_m


def _power_gain(surface, cos_in, cos_out) -> Float[Array, ""]:
    """Gain of the receiver's side; NaN where nothing may be served."""
    gain = jnp.where(cos_out > 0.0, surface.reflect_gain, surface.transmit_gain)
    return jnp.where((cos_in > 0.0) & (cos_out != 0.0) & (gain > 0.0), gain, jnp.nan)


def _fading_db(surface, num_sub_arrays, first_hop, second_hop) -> Float[Array, ""]:
    if num_sub_arrays > surface.num_elements:
        raise LeopntError(
            f"num_sub_arrays = {num_sub_arrays}: expected at most {surface.num_elements}, one "
            "element each."
        )
    first = RicianFading() if first_hop is None else first_hop
    second = RicianFading() if second_hop is None else second_hop
    num = surface.num_elements // num_sub_arrays
    return focused_gain_db(num, first, second) - 2.0 * to_db(num)


def _quantization_db(surface) -> Float[Array, ""]:
    bits = surface.phase_bits
    return jnp.asarray(0.0 if bits is None else -quantization_loss_db(bits), float)


def _check_amplifiers(surface, amplifiers) -> None:
    gain = surface.amplification
    if amplifiers is None and is_known(gain) and float(gain) > 1.0:
        raise LeopntError(
            f"amplifiers: none for a surface with amplification = {float(gain):g}; what amplifies "
            "adds noise: give Amplifiers(noise_figure_db)."
        )


def _warn_if_near(surface, range_m) -> None:
    sides = surface.size_m
    if not is_known(range_m, *sides):
        return
    diagonal_m = float(np.hypot(float(sides[0]), float(sides[1])))
    if float(range_m) < diagonal_m:
        warnings.warn(
            f"rx_pos_ecef_m: the receiver is {float(range_m):.3g} m from a panel of "
            f"{diagonal_m:.3g} m diagonal, so the closed form is off by half a dB and more; use "
            "leopnt.antennas.relay_power_ratio.",
            LeopntWarning,
            stacklevel=3,
        )
