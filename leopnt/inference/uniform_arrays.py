"""Uniform arrays and the phases of a plane wave across them.

Elements count from one end; a wave along the direction cosine u of an axis has the phase
2 pi d m u at element m, with the spacing d in wavelengths. u > 0 is the end of the larger m.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Complex, Float

from leopnt.errors import LeopntError, LeopntWarning


@dataclass(frozen=True)
class LineArray:
    """Uniform linear array of `num` elements, `spacing_wavelengths` apart."""

    num: int
    spacing_wavelengths: float = 0.5

    def __post_init__(self):
        _check_array(self.spacing_wavelengths, num=self.num)

    def steering(
        self, cosine: Float[Array | np.ndarray, "*batch"] | float
    ) -> Complex[np.ndarray, "*batch ant"]:
        """exp(2 pi i d m u) for u = sin(theta), theta from broadside."""
        turn = 2.0 * np.pi * self.spacing_wavelengths * np.asarray(cosine, float)
        return np.exp(1j * turn[..., None] * np.arange(self.num))


@dataclass(frozen=True)
class PlaneArray:
    """Uniform rectangular array, x fastest, the same spacing along both axes."""

    num_x: int
    num_y: int
    spacing_wavelengths: float = 0.5

    def __post_init__(self):
        _check_array(self.spacing_wavelengths, num_x=self.num_x, num_y=self.num_y)

    def steering(
        self,
        cosine_x: Float[Array | np.ndarray, "*batch"] | float,
        cosine_y: Float[Array | np.ndarray, "*batch"] | float,
    ) -> Complex[np.ndarray, "*batch ant"]:
        """exp(2 pi i d (m_x u_x + m_y u_y))."""
        along_x = LineArray(self.num_x, self.spacing_wavelengths).steering(cosine_x)
        along_y = LineArray(self.num_y, self.spacing_wavelengths).steering(cosine_y)
        both = along_y[..., :, None] * along_x[..., None, :]
        return both.reshape(*both.shape[:-2], -1)


def _check_array(spacing: float, **counts: int) -> None:
    for name, num in counts.items():
        if num < 1:
            raise LeopntError(f"{name}: got {num}; accepted: 1 element or more.")
    if not 0.0 < spacing < np.inf:
        raise LeopntError(f"spacing_wavelengths: got {spacing}; accepted: above 0 and finite.")
    if spacing > 0.5:
        limit = np.degrees(np.arcsin(0.5 / spacing))
        warnings.warn(
            f"spacing_wavelengths: {spacing:g} is more than 0.5, so directions repeat; only those "
            f"within {limit:.1f} deg of broadside along the axis are looked for.",
            LeopntWarning,
            stacklevel=4,
        )
