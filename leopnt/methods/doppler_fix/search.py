"""A start that needs no guess: the whole Earth is searched, and mirror solutions are found."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.constants import WGS84_FLATTENING, WGS84_SEMI_MAJOR_M
from leopnt.frames.geodetic import geodetic_to_ecef
from leopnt.inference.model import Data, Model
from leopnt.methods.doppler_fix.model import DopplerTheta
from leopnt.methods.doppler_fix.options import FixOptions
from leopnt.methods.doppler_fix.padding import bucket, padded

GRID_POINTS = 6000
"""Points of the coarse grid: 290 km apart, well inside the basin of a LEO pass (about 1000 km)."""

SEARCH_LINKS = 300
"""Measurements used in the search, spread over each satellite's arc."""

_HORIZON_SINE = -0.05
"""A link 3 degrees below the horizon cannot have been received."""

_SIGHT_SHARE = 0.8
"""Share of the measurements that a candidate must see; the rest may be outliers."""

_LOWEST_M, _HIGHEST_M = -1e3, 5e4
"""Heights between which receivers are, deep mines and space aside."""


def fibonacci_sphere(num_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes [rad] of nearly equal-area points.

    Source: Gonzalez, Math. Geosci. 42 (2010) 49, eq. 1.
    """
    k = np.arange(num_points)
    lat_rad = np.arcsin((2 * k + 1) / num_points - 1)
    lon_rad = np.mod(k * np.pi * (3 - np.sqrt(5.0)) + np.pi, 2 * np.pi) - np.pi
    return lat_rad, lon_rad


def spread_links(sat_index: np.ndarray, usable: np.ndarray, limit: int) -> np.ndarray:
    """Indices of at most `limit` usable links, shared out among satellites, even along each arc."""
    satellites = np.unique(sat_index[usable])
    share = max(limit // max(len(satellites), 1), 4)
    chosen = []
    for satellite in satellites:
        of_sat = np.flatnonzero(usable & (sat_index == satellite))
        picks = np.linspace(0, len(of_sat) - 1, min(share, len(of_sat)))
        chosen.append(of_sat[np.unique(np.round(picks).astype(int))])
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, int)


def nuisance_basis(free: tuple[str, ...], data: Data) -> np.ndarray:
    """Orthonormal basis (link, k) of what frequency unknowns can add to the whitened residuals."""
    links, shared = data.links, data.shared
    ratio = np.asarray(links.carrier_hz) / float(shared.reference_carrier_hz)
    sat_index = np.asarray(links.sat_index)
    columns = []
    if "freq_offset_hz" in free:
        columns.append(ratio)
    if "freq_drift_hzps" in free:
        columns.append(ratio * (np.asarray(links.time_s) - float(shared.reference_s)))
    if "sat_freq_offset_hz" in free:
        columns += [(sat_index == s).astype(float) for s in np.unique(sat_index)]
    if not columns:
        return np.zeros((len(ratio), 0))
    rows = np.stack(columns, axis=1) / np.asarray(links.sigma_hz)[:, None]
    length = np.linalg.norm(rows, axis=0)
    u, s, _ = np.linalg.svd(rows / np.where(length > 0, length, 1.0), full_matrices=False)
    return u[:, s > 1e-10 * s[0]]


def lowest_sine(height_m):
    """Sine of the lowest elevation at which a receiver of that height still sees a satellite."""
    dip = jnp.sqrt(2.0 * jnp.maximum(height_m, 0.0) / WGS84_SEMI_MAJOR_M)
    return _HORIZON_SINE - jnp.minimum(dip, 1.0)


def highest_of(options: FixOptions) -> float:
    """Largest height of a plausible solution: 50 km, any where the user states one."""
    return _HIGHEST_M if options.height is None else np.inf


def is_plausible(
    position_m: Float[np.ndarray, "3"],
    covariance_m2: Float[np.ndarray, "3 3"],
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"],
    highest_m: float,
) -> bool:
    """True if a receiver can be there: satellites in sight, and its height, give or take 5 sigma,
    neither underground nor above `highest_m`.
    """
    if not (np.all(np.isfinite(position_m)) and np.all(np.isfinite(covariance_m2))):
        return False
    stretch = np.array([1.0, 1.0, 1.0 / (1.0 - WGS84_FLATTENING)])
    radius_m = float(np.linalg.norm(stretch * position_m))
    up = position_m / max(float(np.linalg.norm(position_m)), 1.0)
    height_m = radius_m - WGS84_SEMI_MAJOR_M
    margin_m = 5.0 * np.sqrt(up @ covariance_m2 @ up)
    if height_m + margin_m < _LOWEST_M or height_m - margin_m > highest_m:
        return False
    offset_m = sat_pos_ecef_m - position_m
    sine = offset_m @ up / np.linalg.norm(offset_m, axis=1)
    return bool(np.mean(sine > float(lowest_sine(height_m))) >= _SIGHT_SHARE)


@jax.jit
def _scan(model: Model, theta: DopplerTheta, data: Data, basis, height_m):
    """Grid points, their mean squared whitened residual after projecting out `basis`, and the
    share of links in sight of each.
    """
    lat_rad, lon_rad = fibonacci_sphere(GRID_POINTS)
    positions_m = jax.vmap(geodetic_to_ecef, in_axes=(0, 0, None))(lat_rad, lon_rad, height_m)

    def one(position_m):
        at = eqx.tree_at(lambda t: t.rx_pos_ecef_m, theta, position_m)
        predicted = jax.vmap(lambda link: model.predict_link(at, data.shared, link))(data.links)
        z = (data.observations - predicted) / data.links.sigma_hz
        z = jnp.where(data.mask, z, 0.0)
        z = z - basis @ (basis.T @ z)
        offset = data.links.sat_pos_ecef_m - position_m[None, :]
        sine = (offset @ position_m) / (
            jnp.linalg.norm(offset, axis=1) * jnp.linalg.norm(position_m)
        )
        count = jnp.sum(data.mask)
        in_sight = data.mask & (sine > lowest_sine(height_m))
        return jnp.sum(jnp.clip(z * z, 0.0, 1e12)) / count, jnp.sum(in_sight) / count

    return positions_m, *jax.lax.map(one, positions_m, batch_size=500)


def search_globe(
    model: Model,
    theta: DopplerTheta,
    data: Data,
    free: tuple[str, ...],
    *,
    num_candidates: int = 12,
    separation_m: float = 400e3,
    height_m: float = 0.0,
) -> Float[np.ndarray, "candidate 3"]:
    """Positions on the globe from which a local solver finds every solution, best first.

    The cost of 6000 grid points is computed with the frequency unknowns eliminated in closed form;
    points that could not have seen the satellites are dropped; of the rest, the best that lie at
    least `separation_m` apart are returned.

    Args:
        theta: values of the other fields (velocity, offsets) during the search.
        data: links and Doppler [Hz]; at most `SEARCH_LINKS` of them are used.
        free: names of the unknowns of the fix.
        num_candidates: how many to return at the most.
        height_m: ellipsoidal height of the grid.
    """
    sat_index = np.asarray(data.links.sat_index)
    chosen = spread_links(sat_index, np.asarray(data.mask), SEARCH_LINKS)
    piece = jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], (data.links, data.observations))
    links, observed = piece
    basis = nuisance_basis(free, Data(links, observed, None, data.shared))
    length = bucket(len(chosen), SEARCH_LINKS)
    small = padded(Data(links, observed, None, data.shared), length)
    basis = np.concatenate([basis, np.zeros((length - len(chosen), basis.shape[1]))])
    grid, cost, sight = _scan(model, theta, small, basis, float(height_m))
    return pick_separated(
        np.asarray(grid), np.asarray(cost), np.asarray(sight), num_candidates, separation_m
    )


def pick_separated(
    positions_m: Float[np.ndarray, "point 3"],
    cost: Float[np.ndarray, " point"],
    sight: Float[np.ndarray, " point"],
    num_candidates: int,
    separation_m: float,
) -> Float[np.ndarray, "candidate 3"]:
    """Best points in order of cost, none closer than `separation_m` to a better one."""
    seen = sight >= _SIGHT_SHARE
    if not np.any(seen):  # contradictory data: keep those that see most
        seen = sight >= sight.max()
    order = np.flatnonzero(seen)[np.argsort(cost[seen], kind="stable")]
    chosen: list[int] = []
    for point in order:
        gaps = np.linalg.norm(positions_m[chosen] - positions_m[point], axis=-1)
        if np.all(gaps > separation_m):
            chosen.append(int(point))
        if len(chosen) == num_candidates:
            break
    return positions_m[chosen]
