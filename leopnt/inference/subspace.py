"""Directions by subspaces: MUSIC for uniform linear and rectangular arrays.

In NumPy, on the host: its eigenvalue problems are too large to write out and must not run in
several threads of JAX, see `lapack_guard`. Data come as one problem or a batch of any shape.

Source: Schmidt, IEEE Trans. Antennas Propag. 34 (1986) 276.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from leopnt.errors import LeopntError
from leopnt.inference.uniform_arrays import LineArray, PlaneArray

GRID_PER_BEAM = 8
"""Grid points per 1 / (M d), the distance from the beam to its first null."""

_NEWTON_STEPS = 30
_FOUND_RAD = 1e-10
"""A Newton step of the electrical angle below this is the last one."""

_SETTLED_RAD = 1e-6
"""An angle whose next step would be longer did not come to rest."""


class MusicStatus(eqx.Enumeration):
    """How a search of directions ended; empty means that all were found."""

    converged = ""
    unresolved = "the spectrum has fewer peaks than there are sources"
    not_converged = "a peak could not be refined: it lies at the edge of what the array can scan"
    not_finite = "the data are not finite"
    no_signal = "the data are zero"


class LineAngles(eqx.Module):
    """Angles from broadside [rad], ascending; NaN where a direction was not found."""

    theta_rad: Float[np.ndarray, "*batch source"]
    status: MusicStatus


class PlaneDirection(eqx.Module):
    """Direction cosines along the axes of the array; NaN where not found.

    Noise may place a direction near the plane of the array at u_x^2 + u_y^2 above 1: it is returned
    as it is.
    """

    cosine_x: Float[np.ndarray, "*batch"]
    cosine_y: Float[np.ndarray, "*batch"]
    status: MusicStatus


def sample_covariance(
    snapshots: Complex[Array | np.ndarray, "*batch ant snap"],
) -> Complex[np.ndarray, "*batch ant ant"]:
    """X X^H / n of n snapshots, one column each."""
    data = np.asarray(snapshots)
    return data @ np.conj(np.swapaxes(data, -1, -2)) / data.shape[-1]


def noise_subspace(
    covariance: Complex[Array | np.ndarray, "*batch ant ant"], num_sources: int
) -> Complex[np.ndarray, "*batch ant noise"]:
    """Orthonormal eigenvectors of the smallest eigenvalues, all but `num_sources` of them.

    Raises:
        LeopntError: no source, or as many sources as elements.
    """
    cov = np.asarray(covariance)
    _check_sources(num_sources, cov.shape[-1])
    return np.linalg.eigh(cov)[1][..., : cov.shape[-1] - num_sources]


def music_line(
    array: LineArray,
    snapshots: Complex[Array | np.ndarray, "*batch ant snap"],
    num_sources: int = 1,
) -> LineAngles:
    """Angles of several sources: grid in sin(theta), then Newton steps on each peak.

        minimize f(psi) = a^H E E^H a = c_0 + 2 Re sum_l c_l exp(i l psi),  psi = 2 pi d sin(theta)

    with the noise subspace E and the sums c_l along the diagonals of E E^H.

    `converged` says that Newton's steps ended on minima, and nothing of whether sources are there:
    noise alone, fewer sources than `num_sources`, and fully correlated ones (echoes of one signal)
    give angles that are not those of any source, with the same status. Compare the eigenvalues of
    `sample_covariance` first; correlated sources need several positions of the array.

    Raises:
        LeopntError: data of another array, no source or as many as elements, fewer snapshots than
            sources.

    Warns:
        LeopntWarning: elements more than half a wavelength apart, with the limit of the scan.
    """
    _check_sources(num_sources, array.num)
    cov, status = _covariance(snapshots, array.num, num_sources)
    noise = noise_subspace(cov, num_sources)
    projector = noise @ np.conj(np.swapaxes(noise, -1, -2))
    sums = [np.trace(projector, k, axis1=-2, axis2=-1) for k in range(array.num)]
    sums = np.stack(sums, axis=-1)[..., None, :]
    scan = _Scan.of(array.num, array.spacing_wavelengths)
    start, enough = _deepest(_series(sums, scan.grid)[0], scan, num_sources)
    turn, settled = _refined_line(sums, start, scan)
    cosine = np.sort(turn / (2.0 * np.pi * array.spacing_wavelengths), axis=-1)
    status = _worst(status, unresolved=~enough, not_converged=~settled.all(-1))
    found = (status == _code("converged"))[..., None]
    theta_rad = np.where(found, np.arcsin(np.clip(cosine, -1.0, 1.0)), np.nan)
    return LineAngles(theta_rad, _statuses(status))


def music_plane(
    array: PlaneArray, snapshots: Complex[Array | np.ndarray, "*batch ant snap"]
) -> PlaneDirection:
    """Direction of one source: grid over both cosines, then Newton steps.

    With one source E E^H = I - v v^H, so the peak of MUSIC is that of |v^H a|^2, v being the
    eigenvector of the largest eigenvalue.

    Raises:
        LeopntError: data of another array, an array of one row.

    Warns:
        LeopntWarning: elements more than half a wavelength apart, with the limit of the scan.
    """
    if min(array.num_x, array.num_y) < 2:
        raise LeopntError(
            f"array: got {array.num_x} x {array.num_y} elements; accepted: 2 or more along each "
            "axis, else the array is a line."
        )
    num, spacing = array.num_x * array.num_y, array.spacing_wavelengths
    cov, status = _covariance(snapshots, num, 1)
    vector = np.conj(np.linalg.eigh(cov)[1][..., -1])
    weights = vector.reshape(*status.shape, array.num_y, array.num_x)
    x, y, settled = _refined_plane(
        weights, _Scan.of(array.num_x, spacing), _Scan.of(array.num_y, spacing)
    )
    status = _worst(status, not_converged=~settled)
    found, turn = status == _code("converged"), 2.0 * np.pi * spacing
    cosine_x, cosine_y = np.where(found, x / turn, np.nan), np.where(found, y / turn, np.nan)
    return PlaneDirection(cosine_x, cosine_y, _statuses(status))


def _covariance(snapshots, num: int, num_sources: int):
    """Sample covariances, the identity standing in for unusable ones, and codes of the status."""
    data = np.asarray(snapshots)
    if data.ndim < 2 or data.shape[-2] != num:
        raise LeopntError(
            f"snapshots: got shape {data.shape}; accepted: (..., {num}, snapshots) for the "
            f"{num} elements of the array."
        )
    if data.shape[-1] < num_sources:
        raise LeopntError(
            f"snapshots: got {data.shape[-1]} for {num_sources} sources; accepted: as many as "
            "sources or more."
        )
    finite = np.isfinite(data).all(axis=(-2, -1))
    power = np.where(finite, np.max(np.abs(data), axis=(-2, -1)), 1.0)
    usable = finite & (power > 0.0)
    scaled = (
        np.where(usable[..., None, None], data, 0.0) / np.where(usable, power, 1.0)[..., None, None]
    )
    cov = np.where(usable[..., None, None], sample_covariance(scaled), np.eye(num))
    status = np.full(usable.shape, _code("converged"))
    status = np.where(finite & ~usable, _code("no_signal"), status)
    return cov, np.where(finite, status, _code("not_finite"))


class _Scan(NamedTuple):
    """Grid of electrical angles over all that can be told apart; it closes where d >= 1/2."""

    grid: Float[np.ndarray, " grid"]
    closed: bool

    @classmethod
    def of(cls, num: int, spacing: float) -> _Scan:
        edge, closed = 2.0 * np.pi * min(spacing, 0.5), spacing >= 0.5
        count = int(np.ceil(2.0 * min(spacing, 0.5) * num * GRID_PER_BEAM)) + 2
        return cls(np.linspace(-edge, edge, count, endpoint=not closed), closed)

    def advance(self, turn, step):
        """Angles after steps of at most half a grid step, within a scan that does not close."""
        reach = 0.5 * (self.grid[1] - self.grid[0])
        moved = turn + np.clip(step, -reach, reach)
        return moved if self.closed else np.clip(moved, self.grid[0], self.grid[-1])

    def within(self, turn):
        """The same directions, within the grid."""
        return (turn + np.pi) % (2.0 * np.pi) - np.pi if self.closed else turn


def _series(sums: Complex[np.ndarray, "*batch 1 ant"], turn: Float[np.ndarray, "..."]):
    """Values of f and its first and second derivatives at the electrical angles."""
    order = np.arange(sums.shape[-1])
    terms = sums * np.exp(1j * turn[..., None] * order) * np.where(order, 2.0, 1.0)
    return (
        np.sum(terms.real, axis=-1),
        -np.sum(order * terms.imag, axis=-1),
        -np.sum(order**2 * terms.real, axis=-1),
    )


def _deepest(values: Float[np.ndarray, "*batch grid"], scan: _Scan, count: int):
    """Grid angles of the `count` deepest minima, and whether there are as many."""
    wall = np.full((*values.shape[:-1], 1), np.inf)
    before, after = (values[..., -1:], values[..., :1]) if scan.closed else (wall, wall)
    around = np.concatenate([before, values, after], axis=-1)
    lowest = (values <= around[..., :-2]) & (values < around[..., 2:])
    at = np.argsort(np.where(lowest, values, np.inf), axis=-1)[..., :count]
    return scan.grid[at], np.asarray(np.sum(lowest, axis=-1) >= count)


def _refined_line(sums, turn: Float[np.ndarray, "*batch source"], scan: _Scan):
    """Newton steps, downhill; angles and whether they came to rest at a minimum."""
    for _ in range(_NEWTON_STEPS):
        moved = scan.advance(turn, _line_step(sums, turn)[0])
        largest, turn = np.max(np.abs(moved - turn)), moved
        if largest < _FOUND_RAD:
            break
    step, curved = _line_step(sums, turn)
    return scan.within(turn), curved & (np.abs(step) < _SETTLED_RAD)


def _line_step(sums, turn):
    """Newton step towards a minimum, and whether f is curved as one there."""
    _, slope, bend = _series(sums, turn)
    curved = bend > 0.0
    return np.where(curved, -slope / np.where(curved, bend, 1.0), -np.sign(slope)), curved


def _refined_plane(weights: Complex[np.ndarray, "*batch y x"], scan_x: _Scan, scan_y: _Scan):
    """Electrical angles of the largest |sum w exp(i (m_x psi_x + m_y psi_y))|^2."""
    order_y, order_x = np.arange(weights.shape[-2]), np.arange(weights.shape[-1])
    wave_x = np.exp(1j * order_x[:, None] * scan_x.grid[None, :])
    wave_y = np.exp(1j * scan_y.grid[:, None] * order_y[None, :])
    beam = np.abs(wave_y @ weights @ wave_x)
    best = np.argmax(beam.reshape(*beam.shape[:-2], -1), axis=-1)
    x, y = scan_x.grid[best % len(scan_x.grid)], scan_y.grid[best // len(scan_x.grid)]
    for _ in range(_NEWTON_STEPS):
        step_x, step_y, _ = _plane_step(weights, x, y)
        new_x, new_y = scan_x.advance(x, step_x), scan_y.advance(y, step_y)
        largest = max(np.max(np.abs(new_x - x)), np.max(np.abs(new_y - y)))
        x, y = new_x, new_y
        if largest < _FOUND_RAD:
            break
    step_x, step_y, curved = _plane_step(weights, x, y)
    settled = curved & (np.hypot(step_x, step_y) < _SETTLED_RAD)
    return scan_x.within(x), scan_y.within(y), settled


def _plane_step(weights, x, y):
    """Newton step towards the top of |s|^2, and whether it is curved as a top there."""
    order_y, order_x = np.arange(weights.shape[-2]), np.arange(weights.shape[-1])
    wave_x, wave_y = np.exp(1j * x[..., None] * order_x), np.exp(1j * y[..., None] * order_y)

    def moment(power_y: int, power_x: int):
        along_x = np.einsum("...yx,...x->...y", weights, wave_x * (1j * order_x) ** power_x)
        return np.einsum("...y,...y->...", along_x, wave_y * (1j * order_y) ** power_y)

    s, s_x, s_y = moment(0, 0), moment(0, 1), moment(1, 0)
    of_x, of_y = (np.conj(s) * s_x).real, (np.conj(s) * s_y).real
    xx = _power(s_x) + (np.conj(s) * moment(0, 2)).real
    yy = _power(s_y) + (np.conj(s) * moment(2, 0)).real
    xy = (np.conj(s_x) * s_y + np.conj(s) * moment(1, 1)).real
    determinant = xx * yy - xy * xy
    curved = (xx < 0.0) & (determinant > 0.0)
    safe = np.where(curved, determinant, 1.0)
    step_x = np.where(curved, (xy * of_y - yy * of_x) / safe, np.sign(of_x))
    step_y = np.where(curved, (xy * of_x - xx * of_y) / safe, np.sign(of_y))
    return step_x, step_y, curved


def _power(z):
    return z.real**2 + z.imag**2


def _code(name: str) -> int:
    return int(getattr(MusicStatus, name)._value)


def _worst(codes, **reasons):
    """Codes with the reasons put in where nothing was wrong so far, the first reason first."""
    for name, holds in reasons.items():
        codes = np.where((codes == _code("converged")) & holds, _code(name), codes)
    return codes


def _statuses(codes) -> MusicStatus:
    return eqx.tree_at(lambda item: item._value, MusicStatus.converged, jnp.asarray(codes))


def _check_sources(num_sources: int, num: int) -> None:
    if not 1 <= num_sources < num:
        raise LeopntError(
            f"num_sources: got {num_sources} for {num} elements; accepted: from 1 to {num - 1}."
        )
