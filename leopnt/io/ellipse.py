"""The horizontal error ellipse of a position, in metres and on the map."""

import math

import erfa
import numpy as np
from jaxtyping import Float

MAX_ELLIPSE_M = 1_000_000.0
"""Above this semi-major axis a flat ellipse says nothing about the round Earth: none is drawn."""


def error_ellipse(
    covariance_enu_m2: Float[np.ndarray, "enu enu_2"], probability: float
) -> tuple[float, float, float]:
    """Semi-major axis [m], semi-minor axis [m] and azimuth [rad, from north, clockwise].

    The ellipse around the fix that holds the true horizontal position with this probability if
    the errors are Gaussian with this covariance: axes scale with sqrt(-2 ln(1 - probability)),
    2.448 for 95 %. NaN if the covariance is not finite.
    """
    horizontal = covariance_enu_m2[:2, :2]
    if not np.all(np.isfinite(horizontal)):
        return math.nan, math.nan, math.nan
    variances, directions = np.linalg.eigh((horizontal + horizontal.T) / 2)
    scale = math.sqrt(-2.0 * math.log1p(-probability))
    semi_minor_m, semi_major_m = (scale * np.sqrt(np.maximum(variances, 0.0))).tolist()
    east, north = directions[:, 1].tolist()
    return semi_major_m, semi_minor_m, math.atan2(east, north) % math.pi


def error_ellipse_enu_m(
    covariance_enu_m2: Float[np.ndarray, "enu enu_2"], probability: float
) -> Float[np.ndarray, "point 2"]:
    """East and north [m] of 73 points around the ellipse, counterclockwise, first equals last."""
    semi_major_m, semi_minor_m, az_rad = error_ellipse(covariance_enu_m2, probability)
    angle = np.linspace(0.0, 2 * np.pi, 73)
    along, across = semi_major_m * np.cos(angle), semi_minor_m * np.sin(angle)
    sin_az, cos_az = math.sin(az_rad), math.cos(az_rad)
    ring = np.stack([sin_az * along - cos_az * across, cos_az * along + sin_az * across], axis=-1)
    ring[-1] = ring[0]
    return ring


def error_ellipse_rings_deg(
    covariance_enu_m2: Float[np.ndarray, "enu enu_2"],
    lat_deg: float,
    lon_deg: float,
    probability: float,
) -> list[list[list[float]]]:
    """Closed counterclockwise rings of [longitude, latitude] on the WGS 84 ellipsoid.

    One ring, or two split at the antimeridian; none if the position or the covariance is not
    finite, or the semi-major axis exceeds `MAX_ELLIPSE_M`. The ellipse lies in the plane tangent
    at the position and is projected along the ellipsoid normal: azimuths are exact, distances
    short by 1e-4 of themselves at 100 km.
    """
    semi_major_m = error_ellipse(covariance_enu_m2, probability)[0]
    if not (math.isfinite(lat_deg + lon_deg) and 0.0 < semi_major_m <= MAX_ELLIPSE_M):
        return []
    ring_enu_m = error_ellipse_enu_m(covariance_enu_m2, probability)
    ring_deg = _on_the_ellipsoid(ring_enu_m, lat_deg, lon_deg)
    return [_closed(part) for part in _split_at_antimeridian(ring_deg)]


def _on_the_ellipsoid(
    ring_enu_m: Float[np.ndarray, "point 2"], lat_deg: float, lon_deg: float
) -> Float[np.ndarray, "corner 2"]:
    """Longitude and latitude [deg] of points of the tangent plane, longitudes continuous."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    north = np.array(
        [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)]
    )
    center_ecef_m = erfa.gd2gc(1, lon, lat, 0.0)
    pos_ecef_m = center_ecef_m + ring_enu_m[:, :1] * east + ring_enu_m[:, 1:] * north
    lon_rad, lat_rad, _ = erfa.gc2gd(1, pos_ecef_m)
    ring_deg = np.degrees(np.stack([np.unwrap(lon_rad), lat_rad], axis=-1))
    turn_deg = ring_deg[-1, 0] - ring_deg[0, 0]
    if abs(turn_deg) > 180.0:  # the ellipse holds a pole: close it over the map's edge
        pole_deg = math.copysign(90.0, lat_deg)
        corners = [[ring_deg[-1, 0], pole_deg], [ring_deg[0, 0], pole_deg]]
        ring_deg = np.concatenate([ring_deg, corners])
    return ring_deg


def _split_at_antimeridian(ring_deg: Float[np.ndarray, "point 2"]) -> list[np.ndarray]:
    """Parts of the ring in [-180, 180], as RFC 7946 section 3.1.9 asks."""
    parts = []
    for turn_deg in (-360.0, 0.0, 360.0):
        part = ring_deg + np.array([turn_deg, 0.0])
        part = _clipped(_clipped(part, 180.0, 1.0), -180.0, -1.0)
        if len(part) > 2 and np.ptp(part[:, 0]) > 0.0:
            parts.append(part)
    return parts


def _clipped(ring_deg: np.ndarray, edge_deg: float, sign: float) -> np.ndarray:
    """The part of a polygon with sign * longitude <= sign * edge (Sutherland-Hodgman)."""
    inside = sign * ring_deg[:, 0] <= sign * edge_deg
    if inside.all() or not inside.any():
        return ring_deg[inside]
    points = []
    for i in range(len(ring_deg)):
        before, here = ring_deg[i - 1], ring_deg[i]
        if inside[i - 1] != inside[i]:
            share = (edge_deg - before[0]) / (here[0] - before[0])
            points.append(np.array([edge_deg, before[1] + share * (here[1] - before[1])]))
        if inside[i]:
            points.append(here)
    return np.array(points)


def _closed(ring_deg: np.ndarray) -> list[list[float]]:
    """Counterclockwise list of [lon, lat] to 1e-9 deg (0.1 mm), first equals last."""
    x, y = ring_deg[:, 0], ring_deg[:, 1]
    if np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) < 0.0:
        ring_deg = ring_deg[::-1]
    ring = [[round(lon, 9), round(lat, 9)] for lon, lat in ring_deg.tolist()]
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]
