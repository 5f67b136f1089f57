"""What of a LEO satellite is estimated: offset, and errors of its orbit and clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError

Partials = Float[np.ndarray, "link 3"]
Columns = Float[np.ndarray, "column link"]


@runtime_checkable
class OrbitModel(Protocol):
    """Columns that code and phase of a link share, the first three those of the offset."""

    def names(self) -> tuple[str, ...]:
        """Names of the columns of one satellite."""
        ...

    def columns(self, partials: Partials, angle_rad: Float[np.ndarray, " link"]) -> Columns:
        """Derivatives of the range, one row per column."""
        ...

    def prior_sigma_m(self) -> Float[np.ndarray, " column"]:
        """Prior standard deviations about 0; infinity where there is none."""
        ...


OFFSET_NAMES = ("offset X", "offset Y", "offset Z")
CLOCK_NAMES = ("clock cos", "clock sin")
PATTERN_PREFIX = "pattern "


@dataclass(frozen=True)
class KnownOrbit:
    """Orbit and clock products are taken as exact; only the offset is estimated."""

    def names(self) -> tuple[str, ...]:
        """Names of the columns of one satellite."""
        return OFFSET_NAMES

    def columns(self, partials: Partials, angle_rad: Float[np.ndarray, " link"]) -> Columns:
        """h, derivatives by the offset in body axes."""
        del angle_rad
        return np.ascontiguousarray(partials.T)

    def prior_sigma_m(self) -> Float[np.ndarray, " column"]:
        """No prior."""
        return np.full(3, np.inf)


@dataclass(frozen=True)
class OncePerRevolution:
    """Errors of orbit and clock that repeat every revolution are estimated as well.

        d rho = -h_Z R + h_X T - h_Y N + C,     R = R_c cos a + R_s sin a,   T, N, C alike

    R is radial (-Z), T along-track (X), N normal (-Y), C the satellite clock; a is the orbit angle
    of a link. The prior of each coefficient is A^2 / 2 for an amplitude A.

    Attributes:
        radial_m, along_m, normal_m, clock_m: amplitudes A.
    """

    radial_m: float = 0.02
    along_m: float = 0.02
    normal_m: float = 0.02
    clock_m: float = 0.02

    def __post_init__(self):
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0.0):
                raise LeopntError(f"{name} = {value!r}: expected an amplitude above 0 m.")

    def names(self) -> tuple[str, ...]:
        """Names of the columns of one satellite."""
        parts = ("radial", "along-track", "normal", "clock")
        return OFFSET_NAMES + tuple(f"{p} {f}" for p in parts for f in ("cos", "sin"))

    def columns(self, partials: Partials, angle_rad: Float[np.ndarray, " link"]) -> Columns:
        """h, then cos and sin of each of the four errors."""
        x, y, z = partials.T
        cos, sin = np.cos(angle_rad), np.sin(angle_rad)
        rows = [x, y, z]
        for way in (-z, x, -y, np.ones_like(x)):
            rows += [way * cos, way * sin]
        return np.stack(rows)

    def prior_sigma_m(self) -> Float[np.ndarray, " column"]:
        """None for the offset, A / sqrt(2) for the rest."""
        amplitude = np.repeat([self.radial_m, self.along_m, self.normal_m, self.clock_m], 2)
        return np.concatenate([np.full(3, np.inf), amplitude / np.sqrt(2.0)])
