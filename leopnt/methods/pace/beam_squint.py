"""Beam squint: an array's phases grow with frequency, those of phase shifters do not."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Complex, Float

from leopnt.antennas.steering import UniformPlanarArray, dirichlet_power
from leopnt.errors import LeopntError
from leopnt.methods.pace._beam_inputs import check_above_zero, check_finite_values
from leopnt.methods.pace.links import Links
from leopnt.methods.pace.system import PaceSystem
from leopnt.signals.ofdm import OfdmGrid


def subcarrier_offsets_hz(grid: OfdmGrid) -> Float[Array, " sub"]:
    """Frequency of each subcarrier over the carrier, which is the middle of the band."""
    place = jnp.arange(1.0, grid.num_sub + 1.0) - 0.5 * (grid.num_sub + 1)
    return grid.spacing_hz * place


def array_at(array: UniformPlanarArray, ratio: Float[Array, ""] | float) -> UniformPlanarArray:
    """The same array at `ratio` times the carrier: elements lie farther apart in wavelengths."""
    spacing = array.spacing_wavelengths * ratio
    return eqx.tree_at(lambda a: a.spacing_wavelengths, array, spacing)


def squinted_channels(
    links: Links, system: PaceSystem, offset_hz: Float[Array | np.ndarray, " sub"]
) -> Complex[Array, "sub sat user ant"]:
    """Channels of every subcarrier with the array's true phase at its frequency.

        h(f) = alpha G exp(-2 pi i f tau) a(az, el; (f_c + f) / f_c)

    where a has the element distance in wavelengths of f_c + f. Gain and loss are those of the
    carrier. `CommonBeams` and `SubcarrierSpecific` take one satellite of it, `[:, s]`.

    Args:
        links: `links_of` a scene.
        offset_hz: f of each subcarrier, such as `subcarrier_offsets_hz`, or a thinned set of it.

    Raises:
        LeopntError: offsets that are not finite, or down to -f_c.
    """
    _check_offsets(offset_hz, system.carrier_hz)
    return _squinted_channels(links, system, jnp.asarray(offset_hz))


@jax.jit
def _squinted_channels(links: Links, system: PaceSystem, offset_hz):
    def at(offset):
        array = array_at(system.array, 1.0 + offset / system.carrier_hz)
        turns = offset * links.delay_s
        phase = -2.0 * jnp.pi * (turns - jnp.round(turns))
        gain = links.channel_gain * (jnp.cos(phase) + 1j * jnp.sin(phase))
        return gain[..., None] * jax.vmap(jax.vmap(array.steering))(links.az_rad, links.el_rad)

    return jax.vmap(at)(offset_hz)


def squint_power(
    array: UniformPlanarArray,
    az_rad: Float[Array, "*direction"] | float,
    el_rad: Float[Array, "*direction"] | float,
    relative_offset: Float[Array, "*direction"] | float,
) -> Float[Array, "*direction"]:
    """Power that a matched beam of the carrier keeps at (1 + relative_offset) times the carrier.

        |D(Nh, x psi_h)|^2 |D(Nv, x psi_v)|^2,   D(N, p) = mean of exp(i n p) over n = 0..N-1

    with psi the phase steps of the array and x the offset.
    """
    turn_h, turn_v = array.turns(az_rad, el_rad)
    kernel = dirichlet_power(array.num_h, relative_offset * turn_h)
    return kernel * dirichlet_power(array.num_v, relative_offset * turn_v)


def _check_offsets(offset_hz, carrier_hz) -> None:
    check_finite_values(offset_hz=offset_hz)
    check_above_zero(carrier_hz=carrier_hz)
    if jnp.ndim(offset_hz) != 1:
        raise LeopntError(f"offset_hz: got shape {jnp.shape(offset_hz)}; accepted: (sub,).")
    if isinstance(offset_hz, Tracer) or isinstance(carrier_hz, Tracer):
        return
    least = float(np.min(np.asarray(offset_hz), initial=np.inf))
    if not least > -float(carrier_hz):
        raise LeopntError(
            f"offset_hz = {least:g}: expected above minus the carrier, {-float(carrier_hz):g} Hz."
        )
