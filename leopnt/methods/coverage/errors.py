"""What receivers measure and how well: weights of the links to each satellite."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError

Sigma = float | Float[np.ndarray, " sat"]
"""One standard deviation for all satellites, or one for each."""


@dataclasses.dataclass(frozen=True, eq=False)
class Pseudorange:
    """Code ranges; `sigma_m` is the user equivalent range error without the ephemeris."""

    sigma_m: Sigma


@dataclasses.dataclass(frozen=True, eq=False)
class Carrier:
    """Carrier-phase ranges whose ambiguities are known (a fixed solution)."""

    sigma_m: Sigma


@dataclasses.dataclass(frozen=True, eq=False)
class Doppler:
    """Doppler shifts: sigma_mps = c sigma_hz / carrier_hz."""

    sigma_hz: Sigma
    carrier_hz: float


@dataclasses.dataclass(frozen=True, eq=False)
class RangeRate:
    """Range rates, as Doppler in metres per second."""

    sigma_mps: Sigma


@dataclasses.dataclass(frozen=True, eq=False)
class CarrierDifference:
    """Carrier phase with unknown ambiguities, differenced over an interval.

    Taken as a mean range rate with sigma_mps = sqrt(2) sigma_m / interval_s: good while the line
    of sight turns little in the interval.
    """

    sigma_m: Sigma
    interval_s: float


Observable = Pseudorange | Carrier | Doppler | RangeRate | CarrierDifference


class LinkWeights(NamedTuple):
    """Information of one link; 0 where it is not measured.

    range_per_m2 of ranges, 1 / m^2; rate_per_m2ps2 of range rates, 1 / (m/s)^2.
    """

    range_per_m2: Float[np.ndarray, " sat"]
    rate_per_m2ps2: Float[np.ndarray, " sat"]


@dataclasses.dataclass(frozen=True, eq=False)
class EphemerisError:
    """Errors of the satellites' positions and velocities along the line of sight.

    They act on all ranges (rates) of a satellite alike, so that more observables do not help, and
    differ from satellite to satellite, so that more satellites do.
    """

    range_sigma_m: Sigma = 0.0
    rate_sigma_mps: Sigma = 0.0


def link_weights(
    observables: Sequence[Observable],
    num_satellites: int,
    ephemeris: EphemerisError = EphemerisError(),
) -> LinkWeights:
    """Information of the observables of a link about its range and range rate.

        1 / weight = 1 / sum_k sigma_k^-2 + sigma_ephemeris^2

    Raises:
        LeopntError: nothing measured; a sigma that is not positive (of the ephemeris: negative).
    """
    if not observables:
        raise LeopntError("observables is empty; expected one or more, as (Pseudorange(1.0),).")
    noise = np.zeros((2, num_satellites))
    for one in observables:
        kind, sigma = _sigma_of(one, num_satellites)
        noise[kind] += sigma**-2
    ephemeris_sigmas = [
        _each(f"EphemerisError.{name}", getattr(ephemeris, name), num_satellites, allow_zero=True)
        for name in ("range_sigma_m", "rate_sigma_mps")
    ]
    total = [w / (1.0 + w * s**2) for w, s in zip(noise, ephemeris_sigmas, strict=True)]
    return LinkWeights(*total)


def _sigma_of(one: Observable, num_satellites: int) -> tuple[int, np.ndarray]:
    """0 for a range, 1 for a rate, and its sigma."""
    name = type(one).__name__
    if isinstance(one, Pseudorange | Carrier):
        return 0, _each(f"{name}.sigma_m", one.sigma_m, num_satellites)
    if isinstance(one, RangeRate):
        return 1, _each(f"{name}.sigma_mps", one.sigma_mps, num_satellites)
    if isinstance(one, Doppler):
        _require_positive("Doppler.carrier_hz", one.carrier_hz)
        scale = SPEED_OF_LIGHT_MPS / one.carrier_hz
        return 1, scale * _each(f"{name}.sigma_hz", one.sigma_hz, num_satellites)
    _require_positive("CarrierDifference.interval_s", one.interval_s)
    scale = math.sqrt(2.0) / one.interval_s
    return 1, scale * _each(f"{name}.sigma_m", one.sigma_m, num_satellites)


def _require_positive(name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise LeopntError(f"{name} = {value!r}: expected a number above 0.")


def _each(name: str, sigma: Sigma, num_satellites: int, *, allow_zero: bool = False) -> np.ndarray:
    values = np.asarray(sigma, float)
    if values.shape not in ((), (num_satellites,)):
        raise LeopntError(
            f"{name} has shape {values.shape}; expected one number, or one for each of "
            f"{num_satellites} satellites."
        )
    good = np.isfinite(values) & ((values >= 0.0) if allow_zero else (values > 0.0))
    if not np.all(good):
        worst = values if values.ndim == 0 else values[~good][0]
        expected = "0 or more" if allow_zero else "above 0"
        raise LeopntError(f"{name} = {float(worst)!r}: expected numbers {expected}.")
    return np.broadcast_to(values, num_satellites)
