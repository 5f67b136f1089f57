"""Beams of any array: elements anywhere, weights of each beam as complex numbers."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from leopnt.antennas._eirp import check_floor_db, element_power
from leopnt.antennas._inputs import check_between
from leopnt.antennas.beams import AbstractBeams, Cosine, EirpGradient
from leopnt.antennas.decibels import from_db
from leopnt.errors import LeopntError


class ArrayBeams(AbstractBeams):
    """An array whose elements sit anywhere, every beam with its own complex weights.

        F_k = sum_n w_kn exp(2 pi j p_n . e) / sum_n |w_kn|,   e = (u, v, cos(gamma))
        E_k = W_k cos(gamma)^q (|F_k|^2 + f0)

    f0 is the average side-lobe floor of a real array. Behind the array EIRP is NaN. Elements do
    not couple and all have the same pattern.

    Attributes:
        positions_wavelengths: p_n in the antenna's axes, over the wavelength.
        weights: w_kn; only phases and ratios within a beam count.
        peak_dbw: W_k, EIRP where all elements of a beam add up in phase, element factor aside.
        element_exponent: q of the power pattern of one element.
        floor_db: 10 log10 f0; -infinity for none.
    """

    positions_wavelengths: Float[Array | np.ndarray, "ant 3"]
    weights: Complex[Array | np.ndarray, "beam ant"]
    peak_dbw: Float[Array | np.ndarray, " beam"]
    element_exponent: Float[Array, ""] | float = 1.2
    floor_db: Float[Array, ""] | float = -35.0

    def __check_init__(self):
        _check_arrays(self.positions_wavelengths, self.weights, self.peak_dbw)
        check_between(0.0, np.inf, "", element_exponent=self.element_exponent)
        check_floor_db(self.floor_db)

    @property
    def num_beams(self) -> int:
        return self.weights.shape[0]

    def eirp_w(self, u: Cosine, v: Cosine) -> Float[Array, " beam"]:
        field = self._weights() @ self._phases(u, v)
        element, _ = element_power(self.element_exponent, u, v)
        return self._scale(element) * (_square(field) + from_db(self.floor_db))

    def eirp_w_gradient(self, u: Cosine, v: Cosine) -> EirpGradient:
        x, y, z = 2.0 * jnp.pi * jnp.asarray(self.positions_wavelengths).T
        phases, weights = self._phases(u, v), self._weights()
        cosine = jnp.sqrt(_front(u, v))
        field = weights @ phases
        by_u = weights @ (1j * (x - z * (u / cosine)) * phases)
        by_v = weights @ (1j * (y - z * (v / cosine)) * phases)
        element, by_square = element_power(self.element_exponent, u, v)
        scale = self._scale(element)
        eirp = scale * (_square(field) + from_db(self.floor_db))
        return EirpGradient(
            eirp,
            2.0 * scale * _real_product(field, by_u) + eirp * (2.0 * u * by_square),
            2.0 * scale * _real_product(field, by_v) + eirp * (2.0 * v * by_square),
        )

    def _phases(self, u, v) -> Complex[Array, " ant"]:
        u, v = jnp.asarray(u, float), jnp.asarray(v, float)
        direction = jnp.stack([u, v, jnp.sqrt(_front(u, v))])
        turn = 2.0 * jnp.pi * (jnp.asarray(self.positions_wavelengths) @ direction)
        return jnp.cos(turn) + 1j * jnp.sin(turn)

    def _weights(self) -> Complex[Array, "beam ant"]:
        weights = jnp.asarray(self.weights)
        return weights / jnp.sum(jnp.abs(weights), axis=1, keepdims=True)

    def _scale(self, element) -> Float[Array, " beam"]:
        return from_db(jnp.asarray(self.peak_dbw)) * element


def steered_beams(
    positions_wavelengths: ArrayLike | Sequence,
    beam_u: ArrayLike | Sequence[float],
    beam_v: ArrayLike | Sequence[float],
    peak_dbw: ArrayLike | Sequence[float],
    *,
    taper: ArrayLike | Sequence[float] | None = None,
    element_exponent: float = 1.2,
    floor_db: float = -35.0,
) -> ArrayBeams:
    """An array with phases that let every beam peak in its own direction.

    w_kn = a_n exp(-2 pi j p_n . e_k)

    Args:
        positions_wavelengths: (ant, 3) p_n, as those of `planar_array` over the wavelength.
        beam_u, beam_v: (beam,) e_k.
        peak_dbw: (beam,) W_k.
        taper: (ant,) a_n; default equal.
        element_exponent, floor_db: as in `ArrayBeams`.

    Raises:
        LeopntError: shapes that do not fit, NaN, a beam behind the array.
    """
    positions = np.asarray(positions_wavelengths, float)
    u, v = np.asarray(beam_u, float), np.asarray(beam_v, float)
    if u.ndim != 1 or u.shape != v.shape:
        raise LeopntError(
            f"beam_u and beam_v have shapes {u.shape} and {v.shape}; accepted: (beam,), alike."
        )
    square = 1.0 - u * u - v * v
    if not np.all(square > 0.0):
        worst = int(np.argmin(np.where(np.isnan(square), -np.inf, square)))
        raise LeopntError(
            f"beam {worst} points to u = {u[worst]:g}, v = {v[worst]:g}; expected u^2 + v^2 < 1."
        )
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise LeopntError(f"positions_wavelengths has shape {positions.shape}; accepted: (ant, 3).")
    directions = np.stack([u, v, np.sqrt(square)], axis=1)
    amplitude = np.ones(len(positions)) if taper is None else np.asarray(taper, float)
    if amplitude.shape != (len(positions),):
        raise LeopntError(f"taper has shape {amplitude.shape}; accepted: ({len(positions)},).")
    weights = amplitude[None, :] * np.exp(-2j * np.pi * directions @ positions.T)
    return ArrayBeams(positions, weights, np.asarray(peak_dbw, float), element_exponent, floor_db)


def _front(u, v):
    """Square of cos(gamma); NaN behind the array."""
    square = 1.0 - u * u - v * v
    return jnp.where(square > 0.0, square, jnp.nan)


def _square(field) -> Float[Array, " beam"]:
    # real**2 + imag**2: abs(z)**2 has a zero second derivative at z = 0.
    return field.real**2 + field.imag**2


def _real_product(one, other) -> Float[Array, " beam"]:
    return one.real * other.real + one.imag * other.imag


def _check_arrays(positions, weights, peak_dbw) -> None:
    arrays = (positions, weights, peak_dbw)
    if any(isinstance(one, Tracer) or not hasattr(one, "shape") for one in arrays):
        return
    ants = positions.shape[0] if positions.ndim == 2 else 0
    if positions.ndim != 2 or positions.shape[1] != 3 or not ants:
        raise LeopntError(f"positions_wavelengths has shape {positions.shape}; accepted: (ant, 3).")
    if weights.ndim != 2 or weights.shape[1] != ants or not weights.shape[0]:
        raise LeopntError(f"weights has shape {weights.shape}; accepted: (beam, {ants}).")
    if peak_dbw.shape != weights.shape[:1]:
        raise LeopntError(
            f"peak_dbw has shape {peak_dbw.shape}; accepted: {weights.shape[:1]}, as beams."
        )
    names = ("positions_wavelengths", "weights", "peak_dbw")
    for name, one in zip(names, arrays, strict=True):
        if not np.all(np.isfinite(np.asarray(one))):
            raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    if not np.all(np.any(np.asarray(weights) != 0.0, axis=1)):
        beam = int(np.argmin(np.any(np.asarray(weights) != 0.0, axis=1)))
        raise LeopntError(f"weights of beam {beam} are all zero; expected at least one element.")
