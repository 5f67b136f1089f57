"""Errors of the given LEO orbits and clocks, as the published simulations have them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from leopnt.errors import LeopntError


@dataclass(frozen=True)
class ProductErrors:
    """A cos(2 pi t / T + phase) of orbit axes and clock, and white clock noise.

        d rho = -h_Z R + h_X T - h_Y N + C

    Phases are independent per satellite and axis. The white part has one value per satellite and
    epoch, common to all stations and to code and phase.

    Attributes:
        radial_m, along_m, normal_m, clock_m: amplitudes A.
        clock_white_m: standard deviation of the white part.
        period_s: T of orbit and clock; infinity for once per revolution of each satellite.
    """

    radial_m: float = 0.02
    along_m: float = 0.02
    normal_m: float = 0.02
    clock_m: float = 0.01
    clock_white_m: float = 0.01
    period_s: float = 10800.0

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value >= 0.0 or (name == "period_s" and value == 0.0):
                raise LeopntError(f"{name} = {value!r}: expected a number of 0 or more.")


BASELINE_ERRORS = ProductErrors()
"""2 cm on each axis, clock 1 cm periodic and 1 cm white, 3 h: tuned to the published results."""

ERROR_SCHEMES = {
    1: BASELINE_ERRORS,
    2: replace(BASELINE_ERRORS, radial_m=0.04),
    3: replace(BASELINE_ERRORS, along_m=0.04),
    4: replace(BASELINE_ERRORS, normal_m=0.04),
    5: replace(BASELINE_ERRORS, clock_m=0.02),
    6: replace(BASELINE_ERRORS, clock_white_m=0.02),
}
"""The six published schemes: the baseline, plus one change each."""

ONCE_PER_REVOLUTION_ERRORS = replace(BASELINE_ERRORS, period_s=np.inf)
"""The baseline's amplitudes, once per revolution: physically the usual case."""

NO_ERRORS = ProductErrors(0.0, 0.0, 0.0, 0.0, 0.0)
"""Exact orbits and clocks."""


def error_phases(seed: int, num_satellites: int) -> Float[np.ndarray, "sat 4"]:
    """Phases of R, T, N and clock of each satellite, the same whatever their number."""
    draws = [np.random.default_rng([seed, 11, s]).uniform(size=4) for s in range(num_satellites)]
    return 2.0 * np.pi * np.stack(draws)


def range_errors(
    errors: ProductErrors,
    phases_rad: Float[np.ndarray, "sat 4"],
    satellite: Int[np.ndarray, " link"],
    t_s: Float[np.ndarray, " link"],
    orbit_angle_rad: Float[np.ndarray, " link"],
    partials: Float[np.ndarray, "link 3"],
) -> Float[np.ndarray, " link"]:
    """Periodic errors of orbit and clock in the range."""
    turn = _turn(errors, t_s, orbit_angle_rad)
    waves = np.cos(turn[:, None] + phases_rad[satellite])
    ways = np.stack([-partials[:, 2], partials[:, 0], -partials[:, 1]], axis=1)
    sizes = np.array([errors.radial_m, errors.along_m, errors.normal_m])
    return np.sum(ways * waves[:, :3] * sizes[None, :], axis=1) + errors.clock_m * waves[:, 3]


def clock_errors(
    errors: ProductErrors,
    phases_rad: Float[np.ndarray, "sat 4"],
    satellite: int,
    t_s: Float[np.ndarray, " epoch"],
    orbit_angle_rad: Float[np.ndarray, " epoch"],
    white_m: Float[np.ndarray, " epoch"],
) -> Float[np.ndarray, " epoch"]:
    """Clock error of one satellite as links contain it: periodic plus white."""
    turn = _turn(errors, t_s, orbit_angle_rad)
    return errors.clock_m * np.cos(turn + phases_rad[satellite, 3]) + white_m


def white_clock(
    errors: ProductErrors, seed: int, day: int, satellite: int, num_epochs: int
) -> Float[np.ndarray, " epoch"]:
    """White clock noise of a satellite and day, the same for all stations."""
    if errors.clock_white_m == 0.0:
        return np.zeros(num_epochs)
    rng = np.random.default_rng([seed, 12, day, satellite])
    return errors.clock_white_m * rng.standard_normal(num_epochs)


def _turn(errors: ProductErrors, t_s, orbit_angle_rad):
    return orbit_angle_rad if np.isinf(errors.period_s) else 2.0 * np.pi / errors.period_s * t_s
