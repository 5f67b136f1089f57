"""Sun, and tides of a station, tabulated once and interpolated by splines.

Cubic splines through values every 5 minutes: the Sun's direction to 1e-8, tides to 0.1 um.
"""

from __future__ import annotations

import functools

import jax
import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from leopnt.channel.solid_tides import TideForcing, solid_tide_m, tide_forcing
from leopnt.channel.sun_moon import sun_position_ecef
from leopnt.epochs import Epoch

_STEP_S, _PIECE_S = 300.0, 86400.0
_NODES_S = _STEP_S * np.arange(-6, int(_PIECE_S / _STEP_S) + 7)
_tide = jax.jit(solid_tide_m)


def sun_table(origin: Epoch, t_s: Float[np.ndarray, " link"]) -> Float[np.ndarray, "link 3"]:
    """Sun [m], ECEF, at times from an origin."""
    return _by_piece(t_s, lambda piece: _sun(origin, piece))


def solid_tide_table(
    origin: Epoch, station_pos_ecef_m: Float[np.ndarray, "3"], t_s: Float[np.ndarray, " link"]
) -> Float[np.ndarray, "link 3"]:
    """Displacement [m] of a station by tides of the solid Earth, ECEF, at times from an origin."""
    place = tuple(float(x) for x in station_pos_ecef_m)
    return _by_piece(t_s, lambda piece: _solid_tide(origin, piece, place))


def _by_piece(t_s: np.ndarray, spline_of) -> np.ndarray:
    """Values of splines that hold for a day each."""
    found = np.empty((len(t_s), 3))
    number = np.floor(t_s / _PIECE_S).astype(np.int64)
    for piece in np.unique(number):
        those = number == piece
        found[those] = spline_of(int(piece))(t_s[those] - piece * _PIECE_S)
    return found


@functools.lru_cache(maxsize=8)
def _sun(origin: Epoch, piece: int) -> CubicSpline:
    return CubicSpline(_NODES_S, sun_position_ecef(origin + (piece * _PIECE_S + _NODES_S)))


@functools.lru_cache(maxsize=8)
def _forcing(origin: Epoch, piece: int) -> TideForcing:
    return tide_forcing(origin + (piece * _PIECE_S + _NODES_S))


@functools.lru_cache(maxsize=64)
def _solid_tide(origin: Epoch, piece: int, place: tuple[float, ...]) -> CubicSpline:
    station = np.broadcast_to(np.array(place), (len(_NODES_S), 3))
    return CubicSpline(_NODES_S, np.asarray(_tide(station, _forcing(origin, piece))))
