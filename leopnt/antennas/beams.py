"""Antennas with many fixed beams: EIRP of every beam towards a direction, with derivatives.

Directions are cosines (u, v) in the plane of the array: with the angle gamma off its normal and the
azimuth beta from +x to +y, u = sin(gamma) cos(beta), v = sin(gamma) sin(beta).
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from leopnt.antennas._eirp import check_floor_db, element_power, floored, floored_gradient
from leopnt.antennas._inputs import check_between, check_count, check_finite, check_positive
from leopnt.antennas._splines import checked_samples, cubic_weights, fit_matrix, regular_axis
from leopnt.antennas.decibels import from_db, to_db
from leopnt.errors import LeopntError

DB_PER_NEPER = 10.0 / np.log(10.0)
"""Decibels of a power ratio of e."""

Cosine = Float[Array, ""] | float
"""A direction cosine."""

Beam = Int[Array | np.ndarray, ""] | int
"""0-based number of a beam."""


class EirpGradient(NamedTuple):
    """EIRP [W] of every beam and its derivatives by u and v."""

    eirp_w: Float[Array, " beam"]
    by_u: Float[Array, " beam"]
    by_v: Float[Array, " beam"]


class AbstractBeams(eqx.Module):
    """EIRP of every beam of one antenna. A new antenna defines the three below, for one direction.

    Values are NaN outside of what the antenna knows: nothing is extrapolated.
    """

    @property
    @abc.abstractmethod
    def num_beams(self) -> int:
        """How many beams."""

    @abc.abstractmethod
    def eirp_w(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        """EIRP [W] of every beam."""

    @abc.abstractmethod
    def eirp_w_gradient(self, u: Cosine, v: Cosine) -> EirpGradient:
        """EIRP [W] and its derivatives, in closed form."""

    def eirp_w_of_beam(self, beam: Beam, u: Cosine, v: Cosine) -> Float[Array, ""]:
        """EIRP [W] of one beam; where the others are not known it has derivatives all the same."""
        return self.eirp_w(u, v)[beam]

    def eirp_dbw(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        """EIRP [dBW] of every beam."""
        return to_db(self.eirp_w(u, v))

    def eirp_dbw_gradient(self, u: Cosine, v: Cosine) -> Float[Array, "beam 2"]:
        """Derivatives of the EIRP [dB] by (u, v)."""
        found = self.eirp_w_gradient(u, v)
        rows = jnp.stack([found.by_u, found.by_v], axis=-1)
        return DB_PER_NEPER * rows / found.eirp_w[:, None]


class SeparableBeams(AbstractBeams):
    """A rectangular array whose element weights are a product of two symmetric tapers.

        D(x) = sum_n a_n cos(n x) / sum_n a_n,   n = -(N-1)/2 ... (N-1)/2
        F_k = D_x(2 pi s (u - u_k)) D_y(2 pi s (v - v_k))
        E_k = W_k cos(gamma)^q (F_k^2 + f0)

    f0 is the average side-lobe floor of a real array; it keeps E and its derivatives finite in the
    nulls. Behind the array EIRP is NaN.

    Attributes:
        taper_x, taper_y: element weights a_n along the two axes, equal from both ends.
        beam_u, beam_v: where each beam points.
        peak_dbw: W_k.
        element_exponent: q of the power pattern of one element.
        floor_db: 10 log10 f0; -infinity for none.
        spacing_wavelengths: s between elements.
    """

    taper_x: Float[Array | np.ndarray, " ant_x"]
    taper_y: Float[Array | np.ndarray, " ant_y"]
    beam_u: Float[Array | np.ndarray, " beam"]
    beam_v: Float[Array | np.ndarray, " beam"]
    peak_dbw: Float[Array | np.ndarray, " beam"]
    element_exponent: Float[Array, ""] | float = 1.2
    floor_db: Float[Array, ""] | float = -35.0
    spacing_wavelengths: Float[Array, ""] | float = 0.5

    def __check_init__(self):
        _check_taper(taper_x=self.taper_x, taper_y=self.taper_y)
        _check_vectors(beam_u=self.beam_u, beam_v=self.beam_v, peak_dbw=self.peak_dbw)
        check_between(0.0, np.inf, "", element_exponent=self.element_exponent)
        check_floor_db(self.floor_db)
        check_positive("", spacing_wavelengths=self.spacing_wavelengths)

    @property
    def num_beams(self) -> int:
        return self.beam_u.shape[0]

    def eirp_w(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        x, _ = self._axis(self.taper_x, u, self.beam_u)
        y, _ = self._axis(self.taper_y, v, self.beam_v)
        element, _ = element_power(self.element_exponent, u, v)
        return (
            from_db(jnp.asarray(self.peak_dbw)) * element * ((x * y) ** 2 + from_db(self.floor_db))
        )

    def eirp_w_of_beam(self, beam: Beam, u: Cosine, v: Cosine) -> Float[Array, ""]:
        def of_beams(own):
            return own.beam_u, own.beam_v, own.peak_dbw

        alone = [jnp.asarray(every)[beam][None] for every in of_beams(self)]
        return eqx.tree_at(of_beams, self, alone).eirp_w(u, v)[0]

    def eirp_w_gradient(self, u: Cosine, v: Cosine) -> EirpGradient:
        x, by_x = self._axis(self.taper_x, u, self.beam_u)
        y, by_y = self._axis(self.taper_y, v, self.beam_v)
        element, by_square = element_power(self.element_exponent, u, v)
        scale = from_db(jnp.asarray(self.peak_dbw)) * element
        eirp = scale * ((x * y) ** 2 + from_db(self.floor_db))
        return EirpGradient(
            eirp,
            2.0 * scale * x * by_x * y * y + eirp * (2.0 * u * by_square),
            2.0 * scale * y * by_y * x * x + eirp * (2.0 * v * by_square),
        )

    def _axis(self, taper, cosine, of_beam):
        """D of one axis for every beam, and its derivative by the direction cosine."""
        by_cosine = 2.0 * jnp.pi * self.spacing_wavelengths
        # Half of the phase by the rule for differences: two sines per axis, not two per beam.
        a, b = 0.5 * by_cosine * jnp.asarray(cosine), 0.5 * by_cosine * jnp.asarray(of_beam)
        cos_half = jnp.cos(a) * jnp.cos(b) + jnp.sin(a) * jnp.sin(b)
        sin_half = jnp.sin(a) * jnp.cos(b) - jnp.cos(a) * jnp.sin(b)
        value, slope = _array_factor(taper, cos_half, sin_half)
        return value, by_cosine * slope


def _array_factor(taper, cos_half, sin_half):
    """D = sum a_n cos(n x) / sum a_n and its derivative by x, from cos(x/2) and sin(x/2).

    cos((n+1) x) = 2 cos(x) cos(n x) - cos((n-1) x),   and so for the sine
    """
    num, total = taper.shape[0], jnp.sum(jnp.asarray(taper))
    twice = 2.0 * (cos_half * cos_half - sin_half * sin_half)
    if num % 2:
        n, before = 0.0, (0.5 * twice, -2.0 * sin_half * cos_half)
        now = (jnp.ones_like(twice), jnp.zeros_like(twice))
    else:
        n, before, now = 0.5, (cos_half, -sin_half), (cos_half, sin_half)
    value, slope = jnp.zeros_like(twice), jnp.zeros_like(twice)
    for place in range(num // 2, num):
        pair = taper[place] * (2.0 if n else 1.0) / total
        value, slope = value + pair * now[0], slope - pair * n * now[1]
        now, before = (twice * now[0] - before[0], twice * now[1] - before[1]), now
        n += 1.0
    return value, slope


@dataclasses.dataclass(frozen=True)
class BeamRing:
    """Beams at equal steps of azimuth.

    Attributes:
        count: beams on the ring.
        rho: sine of their angle off the array's normal, below 1.
        first_azimuth_rad: of the first; the others follow counter-clockwise.
        peak_dbw: EIRP of each in its own direction, without the element factor.
    """

    count: int
    rho: float
    first_azimuth_rad: float
    peak_dbw: float

    def __post_init__(self):
        check_count(1, count=self.count)
        check_between(0.0, np.nextafter(1.0, 0.0), "", rho=self.rho)
        check_finite("rad", first_azimuth_rad=self.first_azimuth_rad)
        check_finite("dBW", peak_dbw=self.peak_dbw)

    @property
    def azimuth_rad(self) -> Float[np.ndarray, " beam"]:
        """Azimuth of every beam."""
        return self.first_azimuth_rad + 2.0 * np.pi * np.arange(self.count) / self.count


B52_RINGS = (
    BeamRing(4, 0.14, np.pi / 4, 26.0),
    BeamRing(10, 0.35, 0.0, 28.0),
    BeamRing(16, 0.57, 0.0, 31.0),
    BeamRing(22, 0.78, 0.0, 38.0),
)
"""The 52 beams of antenna B52; EIRP rises outwards as the loss does."""


def ring_beams(
    rings: Sequence[BeamRing],
    num_x: int,
    num_y: int,
    *,
    element_exponent: float = 1.2,
    floor_db: float = -35.0,
    spacing_wavelengths: float = 0.5,
) -> SeparableBeams:
    """Uniform num_x by num_y array with rings of beams, numbered ring by ring from 0.

    Raises:
        LeopntError: no ring, fewer than one element along an axis.
    """
    if not rings:
        raise LeopntError("rings: give at least one BeamRing.")
    check_count(1, num_x=num_x, num_y=num_y)
    rho = np.concatenate([np.full(ring.count, ring.rho) for ring in rings])
    azimuth = np.concatenate([ring.azimuth_rad for ring in rings])
    return SeparableBeams(
        np.ones(num_x),
        np.ones(num_y),
        rho * np.cos(azimuth),
        rho * np.sin(azimuth),
        np.concatenate([np.full(ring.count, float(ring.peak_dbw)) for ring in rings]),
        element_exponent,
        floor_db,
        spacing_wavelengths,
    )


def b52() -> SeparableBeams:
    """Antenna B52: 8 x 8 half-wave elements, 52 beams on four rings, meant for 1.6 GHz.

    A stand-in: the paper on power positioning with 52 beams tells no antenna.
    """
    return ring_beams(B52_RINGS, 8, 8)


class GriddedBeams(AbstractBeams):
    """Beams known on a regular grid of (u, v): bicubic splines through the linear power.

    Power is smooth where decibels have the nulls. Each spline has continuous second derivatives
    and, next to the border, third ones (not-a-knot). Outside the grid EIRP is NaN. Build it with
    `of_samples` or `sampled_beams`.

    Attributes:
        coefficients_w: (beam, nu + 2, nv + 2) of uniform cubic B-splines.
        first_u, first_v: corner of the grid.
        step_u, step_v: of the grid.
        floor_w: EIRP below which a spline is cut off.
        element_exponent: q of a factor cos(gamma)^q that the samples are without.
        is_known: (beam, nu - 1, nv - 1) cells in which a beam is known; None for all.
    """

    coefficients_w: Float[Array | np.ndarray, "beam nodes_u nodes_v"]
    first_u: Float[Array, ""] | float
    first_v: Float[Array, ""] | float
    step_u: Float[Array, ""] | float
    step_v: Float[Array, ""] | float
    floor_w: Float[Array, ""] | float
    element_exponent: Float[Array, ""] | float = 0.0
    is_known: Bool[Array | np.ndarray, "beam cells_u cells_v"] | None = None

    @staticmethod
    def of_samples(
        u: Float[np.ndarray, " nu"],
        v: Float[np.ndarray, " nv"],
        eirp_w: Float[np.ndarray, "beam nu nv"],
        *,
        floor_w: float = 1e-6,
        element_exponent: float = 0.0,
        is_known: Bool[np.ndarray, "beam nu nv"] | None = None,
    ) -> GriddedBeams:
        """Fit splines through samples of linear power [W].

        Args:
            u, v: axes of the grid, rising in equal steps, at least 4 values each.
            eirp_w: samples, without the factor of `element_exponent`.
            floor_w: EIRP at which a spline is cut off; above zero.
            element_exponent: q of cos(gamma)^q that multiplies the spline.
            is_known: False for samples that only fill the grid; EIRP is NaN in the cells that they
                border, and the nearer a cell is to one, the more a spline depends on the filling.

        Raises:
            LeopntError: irregular axes, a shape that does not fit, negative power, NaN.
        """
        axes = [regular_axis("u", u), regular_axis("v", v)]
        shape = tuple(len(axis) for axis in axes)
        samples = checked_samples("eirp_w", eirp_w, shape)
        check_positive("W", floor_w=floor_w)
        fit_u, fit_v = (fit_matrix(len(axis)) for axis in axes)
        coefficients = np.einsum("au,kuv,bv->kab", fit_u, samples, fit_v, optimize=True)
        first_u, first_v = (float(axis[0]) for axis in axes)
        step_u, step_v = (float(axis[-1] - axis[0]) / (len(axis) - 1) for axis in axes)
        cells = None if is_known is None else _cells(is_known, samples.shape)
        return GriddedBeams(
            coefficients, first_u, first_v, step_u, step_v, floor_w, element_exponent, cells
        )

    @property
    def num_beams(self) -> int:
        return self.coefficients_w.shape[0]

    def eirp_w(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        return self._eirp_w(u, v, 0, self.num_beams)

    def eirp_w_of_beam(self, beam: Beam, u: Cosine, v: Cosine) -> Float[Array, ""]:
        return self._eirp_w(u, v, beam, 1)[0]

    def _eirp_w(self, u, v, first, count: int):
        """EIRP of some beams, from the first on."""
        patch, (weight_u, _), (weight_v, _), known = self._around(u, v, first, count)
        power = jnp.einsum("kab,a,b->k", patch, weight_u, weight_v)
        eirp = floored(power, self.floor_w, self.element_exponent, u, v)
        # Last, so that unknown beams leave the derivatives of known ones finite.
        return jnp.where(known, eirp, jnp.nan)

    def eirp_w_gradient(self, u: Cosine, v: Cosine) -> EirpGradient:
        around = self._around(u, v, 0, self.num_beams)
        patch, (weight_u, slope_u), (weight_v, slope_v), known = around
        power = jnp.einsum("kab,a,b->k", patch, weight_u, weight_v)
        by_u = jnp.einsum("kab,a,b->k", patch, slope_u, weight_v) / self.step_u
        by_v = jnp.einsum("kab,a,b->k", patch, weight_u, slope_v) / self.step_v
        cut = (self.floor_w, self.element_exponent, u, v)
        found = floored_gradient(power, by_u, by_v, *cut)
        return EirpGradient(*(jnp.where(known, one, jnp.nan) for one in found))

    def _around(self, u, v, first, count: int):
        """Of some beams: the 4 x 4 coefficients around a direction, and which are known there.

        Between them the splines' weights on both axes.
        """
        _, nodes_u, nodes_v = self.coefficients_w.shape
        at_u, of_u = cubic_weights((jnp.asarray(u) - self.first_u) / self.step_u, nodes_u - 3)
        at_v, of_v = cubic_weights((jnp.asarray(v) - self.first_v) / self.step_v, nodes_v - 3)
        whole = jnp.asarray(self.coefficients_w)
        corner = (jnp.asarray(first, at_u.dtype), at_u, at_v)
        patch = jax.lax.dynamic_slice(whole, corner, (count, 4, 4))
        if self.is_known is None:
            return patch, of_u, of_v, jnp.ones(count, bool)
        known = jax.lax.dynamic_slice(jnp.asarray(self.is_known), corner, (count, 1, 1))
        return patch, of_u, of_v, known[:, 0, 0]


def sampled_beams(
    antenna: SeparableBeams, u: Float[np.ndarray, " nu"], v: Float[np.ndarray, " nv"]
) -> GriddedBeams:
    """A separable array sampled on a grid, its element factor kept in closed form."""
    bare = eqx.tree_at(lambda own: own.element_exponent, antenna, 0.0)
    x, _ = jax.vmap(lambda at: bare._axis(bare.taper_x, at, bare.beam_u))(jnp.asarray(u))
    y, _ = jax.vmap(lambda at: bare._axis(bare.taper_y, at, bare.beam_v))(jnp.asarray(v))
    field = np.asarray(x).T[:, :, None] * np.asarray(y).T[:, None, :]
    peak = np.asarray(from_db(jnp.asarray(antenna.peak_dbw)))[:, None, None]
    power = peak * (field**2 + np.asarray(from_db(antenna.floor_db)))
    exponent = float(antenna.element_exponent)
    return GriddedBeams.of_samples(u, v, power, element_exponent=exponent)


def _cells(is_known, shape) -> Bool[np.ndarray, "beam cells_u cells_v"]:
    """Cells whose four corners are known."""
    nodes = np.asarray(is_known)
    if nodes.dtype != bool or nodes.shape != shape:
        raise LeopntError(
            f"is_known has type {nodes.dtype} and shape {nodes.shape}; accepted: bool, {shape}."
        )
    rows = nodes[:, :-1] & nodes[:, 1:]
    return rows[:, :, :-1] & rows[:, :, 1:]


def _check_taper(**named) -> None:
    for name, value in named.items():
        _check_vectors(**{name: value})
        taper = np.asarray(value)
        if not np.allclose(taper, taper[::-1], rtol=1e-9) or not np.sum(taper) > 0.0:
            raise LeopntError(
                f"{name} must be symmetric with a positive sum, got {taper.tolist()}."
            )


def _check_vectors(**named) -> None:
    """Refuse what is not finite, has not one axis, or another length than the first."""
    shape = None
    for name, value in named.items():
        if isinstance(value, Tracer) or not hasattr(value, "shape"):
            return
        array = np.asarray(value)
        shape = array.shape if shape is None else shape
        if array.ndim != 1 or array.shape != shape or not array.size:
            wanted = "(number,)" if len(shape) != 1 else str(shape)
            raise LeopntError(f"{name} has shape {array.shape}; accepted: {wanted}.")
        if not np.all(np.isfinite(array)):
            raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
