"""The Doppler measurement model: unknowns, one link, its noise."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from leopnt.constants import EARTH_ROTATION_RADPS, WGS84_FLATTENING
from leopnt.frames.geodetic import ecef_to_geodetic
from leopnt.inference.model import Model
from leopnt.inference.parameters import parameter
from leopnt.noise.gaussian import Gaussian
from leopnt.observables.doppler import doppler_first_order, doppler_relativistic
from leopnt.orbits.kepler import advance


def _chord(base: Float[Array, "3"], value: Float[Array, "3"]) -> Float[Array, "3"]:
    return value - base


def along_ellipsoid(
    pos_ecef_m: Float[Array, "3"], delta_ecef_m: Float[Array, "3"]
) -> Float[Array, "3"]:
    """Move a position by a tangent, horizontally along the ellipsoid and vertically in height.

    The horizontal part is taken in the tangent plane and pulled back to |S p| = |S p_0|, S being
    the stretch along z that makes the ellipsoid a sphere; the vertical part follows the normal of
    that surface. To first order pos + delta, exactly. Long steps follow the ground, so knowledge
    of the height stays linear: a quarter of the Earth changes it by 0.3 % of itself. Within
    1000 km of the Earth's centre, where no normal makes sense, pos + delta.
    """
    stretch = jnp.array([1.0, 1.0, 1.0 / (1.0 - WGS84_FLATTENING)])
    size_m = _length(stretch * pos_ecef_m)
    deep = size_m < 1e6
    base_m = jnp.where(deep, jnp.full(3, 1e6), pos_ecef_m)
    normal = _normal(base_m, stretch)
    up_m = normal @ delta_ecef_m
    level_m = base_m + (delta_ecef_m - up_m * normal)
    level_m = level_m * (_length(stretch * base_m) / _length(stretch * level_m))
    moved_m = level_m + up_m * _normal(level_m, stretch)
    return jnp.where(deep, pos_ecef_m + delta_ecef_m, moved_m)


def _normal(pos_m: Float[Array, "3"], stretch: Float[Array, "3"]) -> Float[Array, "3"]:
    gradient = stretch * stretch * pos_m
    return gradient / _length(gradient)


def _length(vector: Float[Array, "3"]) -> Float[Array, ""]:
    return jnp.sqrt(vector @ vector)


class DopplerTheta(eqx.Module):
    """Unknowns of a Doppler fix; choose the free ones by name.

    Attributes:
        rx_pos_ecef_m: receiver antenna at `DopplerShared.reference_s`, ECEF.
        rx_vel_ecef_mps: receiver velocity, ECEF, constant over the log.
        freq_offset_hz: receiver frequency offset at the reference time and reference carrier;
            positive raises the measured Doppler. Scales with each link's carrier.
        freq_drift_hzps: its rate [Hz/s], also at the reference carrier.
        sat_freq_offset_hz: (sat,) offset of each satellite's transmitter [Hz].
        sat_time_offset_s: (sat,) the satellite is this much ahead of its ephemeris along its orbit:
            its true state at t is the predicted state at t + offset. 1 s is 7.5 km in LEO. None
            with `sat_orbit_offset_m` None: the ephemeris is exact (and predictions are cheaper).
        sat_orbit_offset_m: (sat, 2) displacement outward (radial) and along the orbit normal.
    """

    rx_pos_ecef_m: Float[Array, "*batch 3"] = parameter(
        scale=1e3, unit="m", retract=along_ellipsoid, local=_chord, tangent_size=3
    )
    rx_vel_ecef_mps: Float[Array, "*batch 3"] = parameter(scale=1.0, unit="m/s")
    freq_offset_hz: Float[Array, "*batch"] = parameter(scale=10.0, unit="Hz")
    freq_drift_hzps: Float[Array, "*batch"] = parameter(scale=0.1, unit="Hz/s")
    sat_freq_offset_hz: Float[Array, "*batch sat"] = parameter(scale=10.0, unit="Hz")
    sat_time_offset_s: Float[Array, "*batch sat"] | None = parameter(scale=0.1, unit="s")
    sat_orbit_offset_m: Float[Array, "*batch sat 2"] | None = parameter(scale=1e3, unit="m")

    @classmethod
    def at(cls, rx_pos_ecef_m: Float[ArrayLike, "3"], num_sat: int) -> DopplerTheta:
        """A receiver at rest, no frequency offsets, exact ephemeris."""
        return cls(
            jnp.asarray(rx_pos_ecef_m),
            jnp.zeros(3),
            jnp.zeros(()),
            jnp.zeros(()),
            jnp.zeros(num_sat),
            None,
            None,
        )

    def with_orbit_errors(self) -> DopplerTheta:
        """The same with orbit errors of zero, so that they can be estimated or considered."""
        num_sat = self.sat_freq_offset_hz.shape[-1]
        return dataclasses.replace(
            self, sat_time_offset_s=jnp.zeros(num_sat), sat_orbit_offset_m=jnp.zeros((num_sat, 2))
        )


class DopplerLink(eqx.Module):
    """One Doppler measurement's known side.

    Attributes:
        time_s: reception time, seconds from any common origin.
        sat_index: number of the satellite on the `sat` axis of theta.
        sat_pos_ecef_m, sat_vel_ecef_mps: satellite at TRANSMISSION, ECEF axes of that epoch.
        carrier_hz: transmitted carrier.
        sigma_hz: standard deviation of the measurement.
    """

    time_s: Float[Array | np.ndarray, "*link"]
    sat_index: Int[Array | np.ndarray, "*link"]
    sat_pos_ecef_m: Float[Array | np.ndarray, "*link 3"]
    sat_vel_ecef_mps: Float[Array | np.ndarray, "*link 3"]
    carrier_hz: Float[Array | np.ndarray, "*link"]
    sigma_hz: Float[Array | np.ndarray, "*link"]


class DopplerShared(eqx.Module):
    """Known to all links.

    Attributes:
        reference_s: time of `freq_offset_hz` and of `rx_pos_ecef_m`.
        reference_carrier_hz: carrier to which the receiver's offset and drift refer.
    """

    reference_s: Float[Array, "*batch"]
    reference_carrier_hz: Float[Array, "*batch"]


def predict_first_order(
    theta: DopplerTheta, shared: DopplerShared, link: DopplerLink
) -> Float[Array, ""]:
    """Doppler [Hz] of one link to first order in v/c, positive approaching.

    f = f_D(satellite moved by its offsets, receiver moved by its velocity)
        + (offset + drift (t - t_ref)) f_c / f_ref + offset_sat
    """
    return _predict(doppler_first_order, theta, shared, link)


def predict_relativistic(
    theta: DopplerTheta, shared: DopplerShared, link: DopplerLink
) -> Float[Array, ""]:
    """As `predict_first_order` with special and general relativity; differs by up to 1 Hz at L."""
    return _predict(doppler_relativistic, theta, shared, link)


def link_noise(shared: DopplerShared, link: DopplerLink) -> Gaussian:
    """Independent Gaussian noise with the link's own sigma."""
    return Gaussian(jnp.asarray(link.sigma_hz))


FIRST_ORDER = Model(predict_first_order, link_noise)
"""Doppler to first order in v/c, Earth rotation in flight included."""

RELATIVISTIC = Model(predict_relativistic, link_noise)
"""Doppler with the terms of special and general relativity."""


def height_m(theta: DopplerTheta) -> Float[Array, ""]:
    """Ellipsoidal height of the receiver [m], for priors on it."""
    return ecef_to_geodetic(theta.rx_pos_ecef_m)[2]


def _predict(doppler, theta: DopplerTheta, shared: DopplerShared, link: DopplerLink):
    elapsed_s = link.time_s - shared.reference_s
    rx_pos_m = theta.rx_pos_ecef_m + elapsed_s * theta.rx_vel_ecef_mps
    sat_pos_m, sat_vel_mps = _true_orbit(theta, link)
    shift_hz = doppler(sat_pos_m, sat_vel_mps, rx_pos_m, theta.rx_vel_ecef_mps, link.carrier_hz)
    clock_hz = theta.freq_offset_hz + theta.freq_drift_hzps * elapsed_s
    scaled_hz = clock_hz * link.carrier_hz / shared.reference_carrier_hz
    return shift_hz + scaled_hz + theta.sat_freq_offset_hz[link.sat_index]


def _true_orbit(theta: DopplerTheta, link: DopplerLink):
    """Satellite state after its along-track time offset and its radial and normal displacement."""
    if theta.sat_time_offset_s is None or theta.sat_orbit_offset_m is None:
        return link.sat_pos_ecef_m, link.sat_vel_ecef_mps
    spin = jnp.array([0.0, 0.0, EARTH_ROTATION_RADPS])
    pos_m = jnp.asarray(link.sat_pos_ecef_m)
    inertial_mps = link.sat_vel_ecef_mps + jnp.cross(spin, pos_m)
    pos_m, vel_mps = advance(pos_m, inertial_mps, theta.sat_time_offset_s[link.sat_index])
    up = pos_m / jnp.linalg.norm(pos_m)
    normal = jnp.cross(pos_m, vel_mps)
    normal = normal / jnp.linalg.norm(normal)
    offset_m = theta.sat_orbit_offset_m[link.sat_index]
    pos_m = pos_m + offset_m[0] * up + offset_m[1] * normal
    return pos_m, vel_mps - jnp.cross(spin, pos_m)
