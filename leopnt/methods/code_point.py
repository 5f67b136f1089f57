"""Clock and position of a station from code, with every delay that counts: the a-priori clock.

Receivers tag their measurements by their own clock, which may be off by a millisecond, 7 m of a
LEO's way. Here the satellite is known at the TAG, and the model finds when the signal really came
and left:

    P = |r(t_s) - x(t_r)| + b - b_sat + Shapiro + troposphere

with r when it sent and x when it came, see `channel.tagged_path`. The same least-squares engine as
everywhere estimates the clock alone (`clocks`, of a known station) or the position too (`fix`).
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from leopnt.channel import (
    AbstractMapping,
    ReferenceMapping,
    Weather,
    ZenithDelay,
    niell_mapping,
    periodic_clock_s,
    saastamoinen,
    shapiro_delay_m,
    slant_delay_m,
    standard_weather,
    tagged_path,
)
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.frames import azel, ecef_to_geodetic
from leopnt.inference.batch import DEFAULT_TILE, batch_map
from leopnt.inference.least_squares import AbstractSolver, Estimate, GaussNewton, solve
from leopnt.inference.model import Data, Model
from leopnt.inference.parameters import parameter
from leopnt.noise.gaussian import Gaussian
from leopnt.orbits.tabulated import InterpolatedStates

_GEODETIC_HIGHEST_M = 15e3


class StationTheta(eqx.Module):
    """Station and its clock.

    Attributes:
        rx_pos_ecef_m: antenna, tides included.
        clock_bias_m: c times (receiver clock minus system time); positive reads late.
    """

    rx_pos_ecef_m: Float[Array | np.ndarray, "*batch 3"] = parameter(scale=1e3, unit="m")
    clock_bias_m: Float[Array | np.ndarray, "*batch"] = parameter(scale=1e3, unit="m")


class CodeLink(eqx.Module):
    """One satellite as seen by the code; see `code_links`.

    Attributes:
        sat_pos_ecef_m: at the tag (not at transmission), phase center, ECEF axes of the tag.
        sat_vel_inertial_ecef_mps: inertial velocity in the same axes.
        sat_clock_bias_m: c times (satellite clock minus system time), periodic relativity included
            (`periodic_clock_s`).
        sigma_m: standard deviation of the pseudorange.
    """

    sat_pos_ecef_m: Float[Array | np.ndarray, "*link 3"]
    sat_vel_inertial_ecef_mps: Float[Array | np.ndarray, "*link 3"]
    sat_clock_bias_m: Float[Array | np.ndarray, "*link"]
    sigma_m: Float[Array | np.ndarray, "*link"]


class StationSky(eqx.Module):
    """Troposphere over a station, for all its links. See `standard_sky`.

    Attributes:
        zenith: delays straight up.
        mapping: to the elevation of a link.
    """

    zenith: ZenithDelay
    mapping: AbstractMapping


def standard_sky(
    rx_pos_ecef_m: Float[Array | np.ndarray, "3"], mjd: float, weather: Weather | None = None
) -> StationSky:
    """Troposphere by Saastamoinen and Niell; heights above the ellipsoid stand for sea level.

    Args:
        rx_pos_ecef_m: station, to some kilometers.
        mjd: modified Julian date.
        weather: at the station; None for the standard atmosphere, half saturated.

    Raises:
        LeopntError: a station below -500 m or above 15 km.
    """
    lat_rad, lon_rad, height_m = ecef_to_geodetic(jnp.asarray(rx_pos_ecef_m, float))
    del lon_rad
    if not -500.0 <= float(height_m) <= _GEODETIC_HIGHEST_M:
        raise LeopntError(
            f"rx_pos_ecef_m lies {float(height_m):.0f} m above the ellipsoid: expected a station "
            f"between -500 and {_GEODETIC_HIGHEST_M:.0f} m."
        )
    weather = standard_weather(height_m) if weather is None else weather
    return StationSky(
        saastamoinen(weather, lat_rad, height_m), niell_mapping(lat_rad, height_m, mjd)
    )


def no_sky() -> StationSky:
    """No troposphere."""
    return StationSky(ZenithDelay(jnp.zeros(()), jnp.zeros(())), ReferenceMapping())


def code_links(
    known: InterpolatedStates, sigma_m: Float[np.ndarray, "sat epoch"] | float = 1.0
) -> CodeLink:
    """Links (epoch, sat, ...) from satellites interpolated AT THE TAGS of the receiver.

    Adds the periodic relativity that GNSS clock products leave out, and leaves clocks that are not
    known as NaN: mask such links. Antenna offsets of satellites are not applied.

    Args:
        known: states and clocks at the tags.
        sigma_m: standard deviation of the pseudoranges.
    """
    pos, vel = known.state.pos_ecef_m, known.state.vel_inertial_ecef_mps
    is_known = np.isfinite(pos).all(axis=-1, keepdims=True)
    periodic_s = np.asarray(
        periodic_clock_s(np.where(is_known, pos, 0.0), np.where(is_known, vel, 0.0))
    )
    clock_m = SPEED_OF_LIGHT_MPS * (known.clock_s + periodic_s)
    spread = np.broadcast_to(np.asarray(sigma_m, float), clock_m.shape)
    return CodeLink(*(np.swapaxes(one, 0, 1) for one in (pos, vel, clock_m, spread)))


def predict_link(theta: StationTheta, shared: StationSky, link: CodeLink) -> Float[Array, ""]:
    """Pseudorange [m] of one link at its tag."""
    bias_m = jnp.asarray(theta.clock_bias_m)
    path = tagged_path(
        jnp.asarray(link.sat_pos_ecef_m),
        jnp.asarray(link.sat_vel_inertial_ecef_mps),
        jnp.asarray(theta.rx_pos_ecef_m),
        bias_m / SPEED_OF_LIGHT_MPS,
    )
    delays_m = shapiro_delay_m(path.sat_pos_m, path.rx_pos_m)
    delays_m += _troposphere_m(shared, path.sat_pos_m, path.rx_pos_m)
    return path.range_m + bias_m - jnp.asarray(link.sat_clock_bias_m) + delays_m


def _troposphere_m(sky: StationSky, sat_m, rx_m):
    _, el_rad = azel(sat_m, rx_m)
    return slant_delay_m(sky.zenith, sky.mapping, el_rad)


def link_noise(shared: StationSky, link: CodeLink) -> Gaussian:
    """Independent Gaussian noise with the link's own sigma."""
    return Gaussian(jnp.asarray(link.sigma_m))


MODEL = Model(predict_link, link_noise)
"""Code with light time, relativity and troposphere: simulate, estimate and bound with it."""

FREE = ("rx_pos_ecef_m", "clock_bias_m")


def fix(
    links: CodeLink,
    pseudoranges_m: Float[Array | np.ndarray, " sat"],
    start: StationTheta,
    sky: StationSky | None = None,
    *,
    visible: Bool[Array | np.ndarray, " sat"] | None = None,
    free: Sequence[str] = FREE,
    solver: AbstractSolver | None = None,
) -> Estimate:
    """Position and clock at one epoch.

    Args:
        links: arrays (sat, ...), satellites at the tag.
        pseudoranges_m: measured, ionosphere-free.
        start: starting values, within 100 km (elevations of the troposphere follow it).
        sky: troposphere; None: none.
        visible: False marks empty slots (finite numbers there) and satellites that are down.
        free: fields to estimate; the others stay as in `start`.
        solver: default `GaussNewton()`.
    """
    data = Data(links, pseudoranges_m, visible, no_sky() if sky is None else sky)
    return solve(MODEL, start, data, free, solver=solver or GaussNewton())


def clocks(
    links: CodeLink,
    pseudoranges_m: Float[Array | np.ndarray, "epoch sat"],
    rx_pos_ecef_m: Float[Array | np.ndarray, "3"],
    sky: StationSky | None = None,
    *,
    visible: Bool[Array | np.ndarray, "epoch sat"] | None = None,
    solver: AbstractSolver | None = None,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> Estimate:
    """Receiver clock of a station with known coordinates, epoch by epoch.

    Args:
        links: arrays (epoch, sat, ...), satellites at the tags, see `code_links`.
        pseudoranges_m: measured, ionosphere-free; what is not visible may be NaN.
        rx_pos_ecef_m: antenna.
        sky: troposphere of the station; None: none.
        visible: False marks what was not observed; default the finite pseudoranges.
        solver: default `GaussNewton()`.

    Returns:
        an `Estimate` over epochs (NumPy): `theta.clock_bias_m`, `covariance`, `status`.

    Raises:
        LeopntError: shapes that do not fit, a visible link with an unknown orbit, clock or range.
    """
    ranges = np.asarray(pseudoranges_m, float)
    seen = np.isfinite(ranges) if visible is None else np.asarray(visible, bool)
    _check(links, ranges, seen)
    station = np.asarray(rx_pos_ecef_m, float)
    links, ranges = _filled(links, seen, station), np.where(seen, ranges, 0.0)
    start = StationTheta(np.broadcast_to(station, (len(ranges), 3)), np.zeros(len(ranges)))
    shared = (no_sky() if sky is None else sky, solver or GaussNewton())
    return batch_map(
        _clock_one, start, links, ranges, seen, shared=shared, tile=tile, threads=threads
    )


def _clock_one(start: StationTheta, links: CodeLink, ranges_m, seen, shared) -> Estimate:
    sky, solver = shared
    data = Data(links, ranges_m, seen, sky)
    return solve(MODEL, start, data, ("clock_bias_m",), solver=solver)


def _check(links: CodeLink, ranges, seen) -> None:
    if ranges.ndim != 2 or seen.shape != ranges.shape:
        raise LeopntError(
            f"pseudoranges_m and visible have shapes {ranges.shape} and {seen.shape}; accepted: "
            "(epoch, sat) both."
        )
    clock = np.asarray(links.sat_clock_bias_m)
    if clock.shape != ranges.shape:
        raise LeopntError(
            f"links have shape {clock.shape} for pseudoranges of shape {ranges.shape}; accepted: "
            "(epoch, sat) both."
        )
    leaves = [np.asarray(one).reshape((*ranges.shape, -1)) for one in jax.tree.leaves(links)]
    is_known = np.isfinite(np.concatenate([*leaves, ranges[..., None]], axis=-1)).all(axis=-1)
    if np.any(seen & ~is_known):
        epoch, sat = np.argwhere(seen & ~is_known)[0]
        raise LeopntError(
            f"the link at epoch {epoch} to satellite {sat} is visible, but its orbit, clock, sigma "
            f"or pseudorange is not finite ({np.sum(seen & ~is_known)} such links); expected "
            "finite numbers, or visible = False there."
        )


def _filled(links: CodeLink, seen, rx_pos_m) -> CodeLink:
    """A satellite at rest in the zenith where none is visible: finite in every term."""
    zenith = CodeLink(4.0 * rx_pos_m, np.zeros(3), np.zeros(()), np.ones(()))

    def fill(leaf, filler):
        leaf = np.asarray(leaf)
        return np.where(seen.reshape(seen.shape + (1,) * (leaf.ndim - 2)), leaf, filler)

    return jax.tree.map(fill, links, zenith)


__all__ = [
    "FREE",
    "MODEL",
    "CodeLink",
    "StationSky",
    "StationTheta",
    "clocks",
    "code_links",
    "fix",
    "link_noise",
    "no_sky",
    "predict_link",
    "standard_sky",
]
