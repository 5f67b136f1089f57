"""Beams known on a grid of angles: splines in (theta, phi), smooth through the boresight."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.antennas._eirp import floored, floored_gradient
from leopnt.antennas._inputs import check_positive
from leopnt.antennas._splines import (
    checked_samples,
    cubic_weights,
    fit_matrix,
    periodic_fit_matrix,
    regular_axis,
)
from leopnt.antennas.beams import AbstractBeams, Cosine, EirpGradient
from leopnt.errors import LeopntError


class PolarBeams(AbstractBeams):
    """Beams known at angles theta off the boresight and azimuths phi: bicubic splines of power.

        u = sin(theta) cos(phi),   v = sin(theta) sin(phi)

    Splines are through the linear power, periodic in phi, and go on beyond the boresight on the
    opposite side, P(-theta, phi) = P(theta, phi + pi): no direction is special. Beyond the last
    theta, and behind the antenna, EIRP is NaN. Build it with `of_samples`.

    Attributes:
        coefficients_w: (beam, ntheta + 2, nphi + 3) of uniform cubic B-splines.
        first_phi_rad: of the grid, whose first theta is 0.
        step_theta_rad, step_phi_rad: of the grid.
        floor_w: EIRP below which a spline is cut off.
        element_exponent: q of a factor cos(theta)^q that the samples are without.
    """

    coefficients_w: Float[Array | np.ndarray, "beam nodes_theta nodes_phi"]
    first_phi_rad: Float[Array, ""] | float
    step_theta_rad: Float[Array, ""] | float
    step_phi_rad: Float[Array, ""] | float
    floor_w: Float[Array, ""] | float
    element_exponent: Float[Array, ""] | float = 0.0

    @staticmethod
    def of_samples(
        theta_rad: Float[np.ndarray, " ntheta"],
        phi_rad: Float[np.ndarray, " nphi"],
        eirp_w: Float[np.ndarray, "beam ntheta nphi"],
        *,
        floor_w: float = 1e-6,
        element_exponent: float = 0.0,
    ) -> PolarBeams:
        """Fit splines through samples of linear power [W].

        Args:
            theta_rad: off the boresight, from 0 in equal steps, at least 4 values.
            phi_rad: azimuths in equal steps over the whole circle, an even number; the last may be
                the first one again.
            eirp_w: samples, without the factor of `element_exponent`; those at theta = 0 equal.
            floor_w: EIRP at which a spline is cut off; above zero.
            element_exponent: q of cos(theta)^q that multiplies the spline.

        Raises:
            LeopntError: irregular axes, part of a circle, a shape that does not fit, negative
                power, NaN, samples of one direction that differ.
        """
        theta, phi = regular_axis("theta_rad", theta_rad), regular_axis("phi_rad", phi_rad)
        samples = checked_samples("eirp_w", eirp_w, (len(theta), len(phi)))
        check_positive("W", floor_w=floor_w)
        step_theta = float(theta[-1]) / (len(theta) - 1)
        if not (abs(theta[0]) <= 1e-9 * step_theta and theta[-1] <= np.pi * (1.0 + 1e-9)):
            raise LeopntError(
                f"theta_rad is {theta[0]:g} to {theta[-1]:g}: expected to begin at 0 and to end "
                "at pi or before."
            )
        phi, samples = _one_turn(phi, samples)
        _check_boresight(samples)
        # Half of the even continuation: from the opposite side to this one.
        opposite = np.roll(samples[:, :0:-1], len(phi) // 2, axis=2)
        both = np.concatenate([opposite, samples], axis=1)
        fit_theta = fit_matrix(both.shape[1])[len(theta) - 1 :]
        fit_phi = periodic_fit_matrix(len(phi))
        coefficients = np.einsum("at,ktp,bp->kab", fit_theta, both, fit_phi, optimize=True)
        step_phi = 2.0 * np.pi / len(phi)
        return PolarBeams(
            coefficients, float(phi[0]), step_theta, step_phi, floor_w, element_exponent
        )

    @property
    def num_beams(self) -> int:
        return self.coefficients_w.shape[0]

    def eirp_w(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        power, by_u, by_v, is_boresight = self._power(u, v)
        # There azimuth has no derivative: let the plane that touches the pattern stand in.
        plane = jax.lax.stop_gradient(by_u) * u + jax.lax.stop_gradient(by_v) * v
        touching = jax.lax.stop_gradient(power) + plane
        power = jnp.where(is_boresight, touching, power)
        return floored(power, self.floor_w, self.element_exponent, u, v)

    def eirp_w_gradient(self, u: Cosine, v: Cosine) -> EirpGradient:
        power, by_u, by_v, _ = self._power(u, v)
        cut = (self.floor_w, self.element_exponent, u, v)
        return EirpGradient(*floored_gradient(power, by_u, by_v, *cut))

    def _power(self, u, v):
        """Splined power with derivatives by u and v, and whether this is the boresight."""
        u, v = jnp.asarray(u, float), jnp.asarray(v, float)
        square = u * u + v * v
        is_boresight = square == 0.0
        # Along x the derivative is that by u; a quarter of a turn on, that by v.
        safe_u, safe_square = jnp.where(is_boresight, 1.0, u), jnp.where(is_boresight, 1.0, square)
        rho = jnp.where(is_boresight, 0.0, jnp.sqrt(safe_square))
        cosine = jnp.sqrt(jnp.where(square < 1.0, 1.0 - square, jnp.nan))
        theta, phi = jnp.arctan2(rho, cosine), jnp.arctan2(v, safe_u)
        power, by_theta, by_phi = self._spline(theta, phi)
        divisor = jnp.where(is_boresight, 1.0, rho)
        cos_phi, sin_phi = safe_u / divisor, v / divisor
        radial, across = by_theta / cosine, by_phi / divisor
        by_u, by_v = radial * cos_phi - across * sin_phi, radial * sin_phi + across * cos_phi
        upwards = self._spline(theta, phi + 0.5 * jnp.pi)[1]
        return (
            power,
            jnp.where(is_boresight, by_theta, by_u),
            jnp.where(is_boresight, upwards, by_v),
            is_boresight,
        )

    def _spline(self, theta, phi):
        """Power and its derivatives by theta and phi."""
        _, nodes_theta, nodes_phi = self.coefficients_w.shape
        turn = jnp.mod(phi - self.first_phi_rad, 2.0 * jnp.pi)
        at, (of_theta, slope_theta) = cubic_weights(theta / self.step_theta_rad, nodes_theta - 3)
        to = jnp.minimum(turn / self.step_phi_rad, nodes_phi - 3)
        to, (of_phi, slope_phi) = cubic_weights(to, nodes_phi - 3)
        whole = jnp.asarray(self.coefficients_w)
        patch = jax.lax.dynamic_slice(whole, (0, at, to), (self.num_beams, 4, 4))
        return (
            jnp.einsum("kab,a,b->k", patch, of_theta, of_phi),
            jnp.einsum("kab,a,b->k", patch, slope_theta, of_phi) / self.step_theta_rad,
            jnp.einsum("kab,a,b->k", patch, of_theta, slope_phi) / self.step_phi_rad,
        )


def _one_turn(phi, samples):
    """Azimuths of exactly one turn, without the first one again at its end."""
    step = (phi[-1] - phi[0]) / (len(phi) - 1)
    if abs(phi[-1] - phi[0] - 2.0 * np.pi) < 1e-6 * step:
        first, last = samples[:, :, 0], samples[:, :, -1]
        _check_equal(first, last, samples, "at the first phi and one turn later")
        phi, samples = phi[:-1], samples[:, :, :-1]
    if abs(step * len(phi) - 2.0 * np.pi) > 1e-6 * step:
        raise LeopntError(
            f"phi_rad is {phi[0]:g} to {phi[-1]:g} in steps of {step:g}: expected one whole turn, "
            "2 pi; nothing is extrapolated."
        )
    if len(phi) % 2:
        raise LeopntError(f"phi_rad has {len(phi)} steps in a turn; expected an even number.")
    return phi, samples


def _check_boresight(samples) -> None:
    """All azimuths at theta = 0 are one direction."""
    _check_equal(
        samples[:, 0].min(axis=1), samples[:, 0].max(axis=1), samples, "at theta = 0, at any phi"
    )


def _check_equal(one, other, samples, where: str) -> None:
    scale = samples.max(axis=(1, 2)).reshape((-1,) + (1,) * (one.ndim - 1))
    off = np.abs(one - other) > 1e-3 * scale
    if np.any(off):
        beam = int(np.argwhere(off)[0][0])
        raise LeopntError(
            f"eirp_w of beam {beam} differs {where}, by {np.abs(one - other)[beam].max():g} W: "
            "expected one value, being of one direction."
        )
