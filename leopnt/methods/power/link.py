"""Power received from every beam of one satellite, and its noise."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from leopnt.antennas._inputs import check_finite, check_positive
from leopnt.antennas.beams import DB_PER_NEPER, AbstractBeams
from leopnt.antennas.decibels import from_db, to_db
from leopnt.channel.path_loss import free_space_loss_db, wavelength
from leopnt.constants import BOLTZMANN_JPK
from leopnt.methods.power.geometry import Number, Numbers, Shell
from leopnt.noise.base import AbstractNoise
from leopnt.noise.folded import FoldedAmplitude
from leopnt.noise.rician import Rician


class PowerScene(eqx.Module):
    """One satellite with its beams, the receiver's gain and noise. Build it with `power_scene`.

    Attributes:
        antenna: EIRP of every beam.
        shell: radii of Earth and orbit.
        carrier_hz: carrier.
        rx_gain_dbi: G of the user's antenna, the same in all directions.
        noise_w: N after integration, k T B_n.
    """

    antenna: AbstractBeams
    shell: Shell
    carrier_hz: Number
    rx_gain_dbi: Number
    noise_w: Number


def power_scene(
    antenna: AbstractBeams,
    *,
    shell: Shell | None = None,
    carrier_hz: float = 1.6e9,
    temperature_k: float = 290.0,
    noise_bandwidth_hz: float = 1000.0,
    rx_gain_dbi: float = 0.0,
) -> PowerScene:
    """Check and assemble what is known.

    Args:
        shell: default 6371 km and 1200 km.
        noise_bandwidth_hz: B_n = 1/T_p, one over the time of integration of each beam.

    Raises:
        LeopntError: a carrier, temperature or bandwidth that is not above zero.
    """
    check_positive("Hz", carrier_hz=carrier_hz, noise_bandwidth_hz=noise_bandwidth_hz)
    check_positive("K", temperature_k=temperature_k)
    check_finite("dBi", rx_gain_dbi=rx_gain_dbi)
    noise_w = BOLTZMANN_JPK * temperature_k * noise_bandwidth_hz
    # Arrays throughout, so that other values do not compile anew.
    given = PowerScene(antenna, shell or Shell(), carrier_hz, rx_gain_dbi, noise_w)
    return jax.tree.map(_as_array, given)


def _as_array(value) -> Array:
    """A float64 array; complex weights and masks of an antenna stay what they are."""
    found = jnp.asarray(value)
    is_other = jnp.iscomplexobj(found) or found.dtype == bool
    return found if is_other else found.astype(float)


class Coherent(AbstractNoise):
    """A receiver that knows the carrier's phase: one quadrature is noisy. Of A / sqrt(N).

        A_hat = |A / sqrt(N) + n|,  n ~ N(0, 1)

    Drawn and fitted as `FoldedAmplitude(1.0)`. Its information is taken as 1 throughout, that of
    the amplitude with its sign, as the bound is defined; what the lost sign costs
    beams near the noise is in `FoldedAmplitude(1.0).whiten`.
    """

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        return FoldedAmplitude(1.0).sample(key, prediction)

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return FoldedAmplitude(1.0).nll(observation, prediction)

    def score(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, " obs"]:
        return FoldedAmplitude(1.0).score(observation, prediction)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        return rows


class NonCoherent(AbstractNoise):
    """A receiver that does not know the phase: both quadratures are noisy. Of A / sqrt(N).

        A_hat = |A / sqrt(N) + n_I + j n_Q|,   P_hat = A_hat^2 N / 2,   E P_hat = P + N

    `Rician(1.0)` with its exact information, which falls to (A^2/N) below the noise.
    """

    def sample(self, key: PRNGKeyArray, prediction: Float[Array, "..."]) -> Float[Array, "..."]:
        return Rician(1.0).sample(key, prediction)

    def nll(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, ""]:
        return Rician(1.0).nll(observation, prediction)

    def score(
        self, observation: Float[Array, "..."], prediction: Float[Array, "..."]
    ) -> Float[Array, " obs"]:
        return Rician(1.0).score(observation, prediction)

    def whiten(
        self, rows: Float[Array, "obs *cols"], prediction: Float[Array, "..."]
    ) -> Float[Array, "obs *cols"]:
        return Rician(1.0).whiten(rows, prediction)


class Cosines(NamedTuple):
    """Direction cosines in the antenna's plane."""

    u: Float[Array, "*batch"]
    v: Float[Array, "*batch"]


def cosines(gamma_rad: Numbers, beta_rad: Numbers) -> Cosines:
    """Direction cosines u = sin(gamma) cos(beta), v = sin(gamma) sin(beta)."""
    sine = jnp.sin(gamma_rad)
    return Cosines(sine * jnp.cos(beta_rad), sine * jnp.sin(beta_rad))


class EirpOfAngles(NamedTuple):
    """EIRP [dBW] of every beam, and J = dE/d(gamma, beta) [dB/rad]."""

    eirp_dbw: Float[Array, " beam"]
    jacobian_db: Float[Array, "beam 2"]


def eirp_of_angles(antenna: AbstractBeams, gamma_rad: Number, beta_rad: Number) -> EirpOfAngles:
    """EIRP and its derivatives by the angles.

    du/dgamma = cos(gamma) cos(beta), du/dbeta = -v, dv/dgamma = cos(gamma) sin(beta), dv/dbeta = u
    """
    at, cosine = cosines(gamma_rad, beta_rad), jnp.cos(gamma_rad)
    found = antenna.eirp_w_gradient(at.u, at.v)
    per_watt = DB_PER_NEPER / found.eirp_w
    by_u, by_v = per_watt * found.by_u, per_watt * found.by_v
    by_gamma = cosine * (by_u * jnp.cos(beta_rad) + by_v * jnp.sin(beta_rad))
    return EirpOfAngles(to_db(found.eirp_w), jnp.stack([by_gamma, by_v * at.u - by_u * at.v], -1))


def received_power_dbw(
    scene: PowerScene, gamma_rad: Number, beta_rad: Number, range_m: Number
) -> Float[Array, " beam"]:
    """P_k = E_k(gamma, beta) - L(d) + G [dBW], L = 20 log10(4 pi d / lambda)."""
    eirp_dbw = scene.antenna.eirp_dbw(*cosines(gamma_rad, beta_rad))
    return eirp_dbw - free_space_loss_db(range_m, scene.carrier_hz) + scene.rx_gain_dbi


class Amplitudes(NamedTuple):
    """Carrier amplitudes over the noise, A_k / sqrt(N), and derivatives by (u, v, ln d)."""

    amplitude: Float[Array, " beam"]
    by_u: Float[Array, " beam"]
    by_v: Float[Array, " beam"]
    by_log_range: Float[Array, " beam"]


def amplitudes(scene: PowerScene, u: Number, v: Number, log_range: Number) -> Amplitudes:
    """A_k / sqrt(N) with A_k = sqrt(2 P_k[W]); no decibels on the way.

    dA = A dE_w / (2 E_w),    dA/d(ln d) = -A
    """
    found = scene.antenna.eirp_w_gradient(u, v)
    spread = wavelength(scene.carrier_hz) / (4.0 * jnp.pi) * jnp.exp(-jnp.asarray(log_range))
    per_eirp = 2.0 * from_db(scene.rx_gain_dbi) / scene.noise_w * spread**2
    amplitude = jnp.sqrt(per_eirp * found.eirp_w)
    slope = 0.5 * per_eirp / amplitude
    return Amplitudes(amplitude, slope * found.by_u, slope * found.by_v, -amplitude)


def amplitude_of_power(scene: PowerScene, power_dbw: Float[Array, "*shape"]):
    """sqrt(2 P / N)."""
    return jnp.sqrt(2.0 * from_db(power_dbw) / scene.noise_w)


def power_of_amplitude(scene: PowerScene, amplitude: Float[Array, "*shape"]):
    """P [dBW] of A / sqrt(N): 10 log10(A^2 N / 2)."""
    return to_db(0.5 * scene.noise_w * amplitude**2)


def measure(
    scene: PowerScene,
    key: PRNGKeyArray,
    power_dbw: Float[Array, " beam"],
    noise: AbstractNoise | None = None,
) -> Float[Array, " beam"]:
    """Draw measured powers [dBW] of one epoch.

        P_hat = A_hat^2 / 2,   A_hat = A + n,  n ~ N(0, N)

    Args:
        key: makes the noise.
        power_dbw: true ones.
        noise: of A / sqrt(N); default `Coherent()`. `NonCoherent()` is a receiver that does not
            know the phase: its powers are higher by N on average, coherent ones by N/2.
    """
    noise = Coherent() if noise is None else noise
    drawn = noise.sample(key, amplitude_of_power(scene, power_dbw))
    return power_of_amplitude(scene, drawn)


def power_sigma_db(scene: PowerScene, power_dbw: Float[Array, "*shape"]):
    """Standard deviation of a coherent power [dB] in small noise: (20/ln 10) sqrt(N / (2 P)).

    Below about 10 dB over N errors are neither Gaussian nor unbiased.
    """
    return 2.0 * DB_PER_NEPER / amplitude_of_power(scene, power_dbw)


def heard(
    power_dbw: Float[Array, "*shape"], sensitivity_dbw: Number, transmitted: Bool[Array, "*shape"]
) -> Bool[Array, "*shape"]:
    """Which beams a receiver of this sensitivity uses: by the MEASURED power, P_hat >= S."""
    return transmitted & (power_dbw >= sensitivity_dbw)
