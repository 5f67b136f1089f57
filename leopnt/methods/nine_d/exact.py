"""Rows of a 9D scene in 200-digit arithmetic, for verdicts on what can be identified at all.

The numbers of the scene are taken as exact. Only the antennas are not: an array that is flat or
straight to 1e-9 of its size is made exactly so, or its rounding would pass for a third dimension.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.identifiability import EXACT, ExactInformation, exact_information
from leopnt.methods.nine_d.bounds import known_rows, unknowns_of
from leopnt.methods.nine_d.closed_form import Weights, observed, weights
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS, AbstractNuisance, Columns
from leopnt.methods.nine_d.scene import NineDScene

FLAT_SHARE = 1e-9
"""An extent of the array below this share of its largest is rounding."""

POINT_SIZE_M = 1e-9
"""An array smaller than this is one point."""

_exact = np.vectorize(EXACT.mpf, otypes=[object])
_root = np.vectorize(EXACT.sqrt, otypes=[object])


@dataclasses.dataclass(frozen=True, eq=False)
class ArrayShape:
    """Extent of the antennas that have a link.

    Attributes:
        dimension: 0 point, 1 line, 2 plane, 3 volume.
        axes_body: (dimension, 3) unit vectors that span it, longest extent first.
        center_body_m: (3,) their mean; exactly zero where the axes pass through the centroid of
            all antennas, as they do unless some have no link.
    """

    dimension: int
    axes_body: Float[np.ndarray, "dimension 3"]
    center_body_m: Float[np.ndarray, "3"]

    @property
    def name(self) -> str:
        """Point, line, plane or volume."""
        return ("point", "line", "plane", "volume")[self.dimension]


def array_shape(scene: NineDScene) -> ArrayShape:
    """Point, line, plane or volume, by the antennas with at least one link."""
    active = np.any(np.asarray(scene.snr) > 0, axis=(0, 1))
    antennas = np.asarray(scene.antennas_body_m)[active]
    if not len(antennas):
        return ArrayShape(0, np.zeros((0, 3)), np.zeros(3))
    center = antennas.mean(axis=0)
    _, extent, axes = np.linalg.svd(antennas - center[None, :], full_matrices=False)
    rounding = max(POINT_SIZE_M, FLAT_SHARE * extent[0])
    axes = axes[: int(np.sum(extent > rounding))]
    beside = center - (center @ axes.T) @ axes
    return ArrayShape(len(axes), axes, center if np.linalg.norm(beside) > rounding else 0 * center)


def formal_information(
    scene: NineDScene, nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS
) -> ExactInformation:
    """Exact information about location and nuisances with spherical waves.

    It holds what only the curvature of the wave over the array tells, 1e-7 of the delays: formally
    information. Ask it `.eliminated(nuisances).known(...).verdict()`.
    """
    geometry = _geometry(scene)
    return _information(scene, geometry, geometry.to_antenna, tuple(nuisances))


def structural_information(
    scene: NineDScene, nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS
) -> ExactInformation:
    """As `formal_information`, where all antennas have the derivatives of their centroid by
    position and velocity.
    """
    geometry = _geometry(scene)
    centroid = np.broadcast_to(geometry.to_centroid[:, :, None, :], geometry.to_antenna.shape)
    return _information(scene, geometry, centroid, tuple(nuisances))


class _Geometry(NamedTuple):
    """Object arrays: unit vectors satellite to antenna (sat, slot, ant, 3) and to centroid (sat,
    slot, 3); distance to it (sat, slot, 1); antennas, global axes (ant, 3); slot times.
    """

    to_antenna: np.ndarray
    to_centroid: np.ndarray
    distance: np.ndarray
    antennas: np.ndarray
    time: np.ndarray


def _geometry(scene: NineDScene) -> _Geometry:
    time = _exact(np.asarray(scene.slot_time_s))
    receiver = _exact(np.asarray(scene.rx_pos_m)) + np.multiply.outer(
        time, _exact(np.asarray(scene.rx_vel_mps))
    )
    offset = receiver[None] - _exact(np.asarray(scene.sat_pos_m))
    antennas = _antennas(scene)
    to_antenna = offset[:, :, None, :] + antennas[None, None]
    distance = _length(offset)
    return _Geometry(to_antenna / _length(to_antenna), offset / distance, distance, antennas, time)


def _antennas(scene: NineDScene) -> np.ndarray:
    """Antennas in global axes, exactly on their line or plane (those without link too)."""
    shape = array_shape(scene)
    if shape.dimension == 3:
        body = _exact(np.asarray(scene.antennas_body_m))
    else:
        along = (np.asarray(scene.antennas_body_m) - shape.center_body_m) @ shape.axes_body.T
        body = _exact(shape.center_body_m)[None] + _dot(along, shape.axes_body)
    if not np.any(shape.center_body_m):
        body = body - np.sum(body, axis=0) / len(body)
    return _dot(body, np.asarray(scene.rotation).T)


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Exact product of matrices."""
    if not left.shape[1]:
        return _exact(np.zeros((left.shape[0], right.shape[1])))
    return np.dot(_exact(left), _exact(right))


def _length(vector: np.ndarray) -> np.ndarray:
    return _root(np.sum(vector * vector, axis=-1))[..., None]


class _Signal(NamedTuple):
    """What is taken from the scene in 64 bit: weights, mean of the received spectrum, nuisances and
    rows of what is known about them.
    """

    weight: Weights
    middle_hz: Any
    columns: tuple[Columns, ...]
    known: Any


@eqx.filter_jit
def _signal(scene: NineDScene, nuisances: tuple[AbstractNuisance, ...]) -> _Signal:
    middle_hz = observed(scene).observed_hz + scene.bandwidth_hz * scene.correlation
    columns = tuple(one.columns(scene) for one in nuisances)
    return _Signal(weights(scene), middle_hz, columns, known_rows(scene, nuisances))


def _information(scene, geometry: _Geometry, by_position, nuisances) -> ExactInformation:
    signal = _signal(scene, nuisances)
    columns = signal.columns
    delay = np.concatenate(
        [_delay_rows(geometry, by_position), *(_exact_of(one.delay) for one in columns)], axis=-1
    )
    doppler = np.concatenate(
        [_doppler_rows(scene, geometry), *(_exact_of(one.doppler) for one in columns)], axis=-1
    )
    rows = _weighted(doppler, signal.weight.doppler)
    if any(one.phase_rad is not None for one in columns):
        rows += _code_and_phase(scene, delay, signal)
    else:
        rows += _weighted(delay, signal.weight.delay)
    rows += list(_exact_of(signal.known))
    return exact_information(rows, unknowns_of(scene, nuisances))


def _exact_of(array: Any) -> np.ndarray:
    found = np.asarray(array)
    return _exact(found) if found.size else found.astype(object)


def _weighted(rows: np.ndarray, weight: Any) -> list[np.ndarray]:
    """Rows times the root of their weight, those without any left out."""
    weight = np.asarray(weight)
    return [
        EXACT.sqrt(EXACT.mpf(weight[i])) * rows[i] for i in np.ndindex(weight.shape) if weight[i]
    ]


def _code_and_phase(scene: NineDScene, delay: np.ndarray, signal: _Signal) -> list[np.ndarray]:
    """Code and carrier apart; see `bounds.whitened_rows`."""
    alpha, rho, snr = (np.asarray(x) for x in (scene.bandwidth_hz, scene.correlation, scene.snr))
    phase = [
        np.zeros(np.shape(one.delay)) if one.phase_rad is None else np.asarray(one.phase_rad)
        for one in signal.columns
    ]
    location = np.zeros((*snr.shape, 9))
    cycles = _exact(np.concatenate([location, *phase], axis=-1)) / (2 * EXACT.pi)
    carrier = _exact(np.asarray(signal.middle_hz))[..., None, None] * delay - cycles
    code = _weighted(delay, snr * (alpha**2 * (1.0 - rho**2))[..., None])
    return code + _weighted(carrier, snr)


def _delay_rows(geometry: _Geometry, by_position: np.ndarray) -> np.ndarray:
    s, u = np.broadcast_to(geometry.antennas, by_position.shape), geometry.to_antenna
    turned = np.stack(
        [s[..., i] * u[..., j] - s[..., j] * u[..., i] for i, j in ((1, 2), (2, 0), (0, 1))],
        axis=-1,
    )
    moved = geometry.time[None, :, None, None] * by_position
    return np.concatenate([by_position, turned, moved], axis=-1) / _exact(SPEED_OF_LIGHT_MPS)


def _doppler_rows(scene: NineDScene, geometry: _Geometry) -> np.ndarray:
    unit = geometry.to_centroid
    relative = _exact(np.asarray(scene.rx_vel_mps))[None, None] - _exact(
        np.asarray(scene.sat_vel_mps)
    )
    across = relative - np.sum(unit * relative, axis=-1)[..., None] * unit
    g = across / geometry.distance
    by_velocity = unit + geometry.time[None, :, None] * g
    return np.concatenate([g, 0 * g, by_velocity], axis=-1) / _exact(SPEED_OF_LIGHT_MPS)
