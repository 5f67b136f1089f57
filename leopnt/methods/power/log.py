"""A power log: received beam powers, each with the satellite state that belongs to it.

One row per beam and dwell: beams that take turns have their own times, satellite positions and
integration times. A beam that is not in the log was not transmitted; one below the noise is.
"""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jaxtyping import Float, Int

from leopnt.antennas.beams import AbstractBeams
from leopnt.constants import BOLTZMANN_JPK
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.frames.attitude import orbit_frame, rotation_from_quaternion
from leopnt.scenes.doppler_checks import check_log as check_doppler_log
from leopnt.scenes.doppler_log import DopplerLog

_NEAREST_M, _FARTHEST_M = 6.3e6, 1e8
_ORTHONORMAL = 1e-6
_LOUDEST_DBW = -60.0


@dataclasses.dataclass(frozen=True)
class PowerLog:
    """Powers of the beams of one or more satellites at one receiver at rest.

    Attributes:
        time_s: (obs,) reception time, seconds from `reference_epoch` or from any origin.
        satellites: names, in the order of `sat_index`.
        sat_index: (obs,) satellite of each row.
        beam: (obs,) 0-based number of the antenna's beam.
        power_dbw: (obs,) measured.
        sat_pos_ecef_m, sat_vel_ecef_mps: (obs, 3) satellite at transmission, ECEF.
        axes_ecef: (obs, 3, 3) axes of the antenna as COLUMNS e_x, e_y, e_z (boresight), in ECEF:
            `orbit_axes` (x along-track, z nadir) or `quaternion_axes`.
        carrier_hz: (obs,) carrier.
        noise_w: (obs,) noise power after integration, k T / T_p; see `noise_of_integration`.
        doppler: Doppler measured by the same receiver, with sigmas, or None.
        reference_epoch: instant of time_s = 0, or None.
        source_line: (obs,) line in the file that each row came from, or None.
        source: name of the file, for messages.
    """

    time_s: Float[np.ndarray, " obs"]
    satellites: tuple[str, ...]
    sat_index: Int[np.ndarray, " obs"]
    beam: Int[np.ndarray, " obs"]
    power_dbw: Float[np.ndarray, " obs"]
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "obs 3"]
    axes_ecef: Float[np.ndarray, "obs 3 3"]
    carrier_hz: Float[np.ndarray, " obs"]
    noise_w: Float[np.ndarray, " obs"]
    doppler: DopplerLog | None = None
    reference_epoch: Epoch | None = None
    source_line: Int[np.ndarray, " obs"] | None = None
    source: str = ""

    @property
    def num_rows(self) -> int:
        """Number of powers."""
        return len(self.time_s)

    def where(self, row: int) -> str:
        """How to name a row in a message."""
        if self.source_line is None:
            return f"row {row}"
        return f"{self.source}:{self.source_line[row]}"

    def rows(self, chosen: np.ndarray) -> PowerLog:
        """The log with some of its rows, by mask or by number; Doppler stays."""
        cut = {name: getattr(self, name)[chosen] for name in _SHAPES}
        if self.source_line is not None:
            cut["source_line"] = self.source_line[chosen]
        return dataclasses.replace(self, **cut)


_SHAPES = {
    "time_s": (),
    "sat_index": (),
    "beam": (),
    "power_dbw": (),
    "sat_pos_ecef_m": (3,),
    "sat_vel_ecef_mps": (3,),
    "axes_ecef": (3, 3),
    "carrier_hz": (),
    "noise_w": (),
}
"""Fields with a row axis, and the shape of one row."""

_INTEGERS = ("sat_index", "beam")


def orbit_axes(
    sat_pos_ecef_m: Float[np.ndarray, "obs 3"],
    sat_vel_inertial_ecef_mps: Float[np.ndarray, "obs 3"],
) -> Float[np.ndarray, "obs 3 3"]:
    """Antenna axes as columns, along the orbit: x along-track, y = z cross x, z nadir.

    Args:
        sat_vel_inertial_ecef_mps: inertial velocity in ECEF axes, as `SatelliteState` and
            `orbits.inertial_velocity` give it; the ECEF velocity would turn x by up to 4 degrees.
    """
    return np.asarray(_orbit_axes(sat_pos_ecef_m, sat_vel_inertial_ecef_mps))


_orbit_axes = jax.jit(jax.vmap(orbit_frame))


def quaternion_axes(quaternion: Float[np.ndarray, "obs 4"]) -> Float[np.ndarray, "obs 3 3"]:
    """Antenna axes as columns, from quaternions (w, x, y, z) that turn antenna axes into ECEF."""
    return np.asarray(_quaternion_axes(quaternion))


_quaternion_axes = jax.jit(jax.vmap(rotation_from_quaternion))


def noise_of_integration(
    integration_s: Float[np.ndarray, "*shape"] | float, temperature_k: float = 290.0
) -> Float[np.ndarray, "*shape"]:
    """Noise power [W] after integration: N = k T / T_p.

    Raises:
        LeopntError: a time or temperature that is not above zero.
    """
    time = np.asarray(integration_s, float)
    for name, value, unit in (("integration_s", time, "s"), ("temperature_k", temperature_k, "K")):
        bad = ~(np.asarray(value) > 0.0) | ~np.isfinite(value)
        if np.any(bad):
            worst = np.asarray(value)[bad].flat[0]
            raise LeopntError(f"{name} = {worst:g} {unit}: expected a number above 0.")
    return np.asarray(BOLTZMANN_JPK * temperature_k / time)


def check_power_log(log: PowerLog, antenna: AbstractBeams) -> None:
    """Refuse a log that cannot be right, before anything is computed from it.

    Raises:
        LeopntError: no arrays, no rows, shapes, NaN, beams that the antenna has not, a beam twice
            at one time, powers that no receiver reports, noise or carriers that are not above zero,
            positions that are no satellite's in m, axes that are not orthonormal; Doppler without
            sigmas or as `scenes.doppler_checks.check_log`.
    """
    _check_kinds(log)
    _check_shapes(log)
    _check_finite(log)
    _check_beams(log, antenna)
    _check_level(log)
    _check_physics(log)
    _check_axes(log)
    if log.doppler is not None:
        check_doppler_log(log.doppler)
        if log.doppler.sigma_hz is None:
            raise LeopntError("doppler: its sigma_hz is None; beside powers it needs its sigmas.")


def _check_kinds(log: PowerLog) -> None:
    for name in _SHAPES:
        value, wanted = getattr(log, name), "iu" if name in _INTEGERS else "fiu"
        if not hasattr(value, "dtype") or value.dtype.kind not in wanted:
            found = getattr(value, "dtype", type(value).__name__)
            raise LeopntError(
                f"{name} is {found}; expected a NumPy array of "
                f"{'integers' if name in _INTEGERS else 'real numbers'}."
            )


def _check_shapes(log: PowerLog) -> None:
    count = np.size(log.time_s)
    if not count:
        raise LeopntError(f"{log.source or 'log'}: it holds no power; `doppler_fix` needs none.")
    for name, shape in _SHAPES.items():
        found = np.shape(getattr(log, name))
        if found != (count, *shape):
            raise LeopntError(f"{name} has shape {found}; accepted: {(count, *shape)}.")
    index = np.asarray(log.sat_index)
    if index.min() < 0 or index.max() >= len(log.satellites):
        raise LeopntError(
            f"sat_index runs from {index.min()} to {index.max()}; accepted: 0 to "
            f"{len(log.satellites) - 1}, the places in `satellites`."
        )


def _check_finite(log: PowerLog) -> None:
    for name in _SHAPES:
        value = np.asarray(getattr(log, name))
        bad = ~np.isfinite(value).reshape(len(value), -1).all(axis=1)
        if np.any(bad):
            row = int(np.argmax(bad))
            raise LeopntError(
                f"{log.where(row)}: {name} of beam {log.beam[row]} is {value[row]}; expected "
                "finite numbers; leave out rows of beams that were not transmitted."
            )


def _check_beams(log: PowerLog, antenna: AbstractBeams) -> None:
    bad = (log.beam < 0) | (log.beam >= antenna.num_beams)
    if np.any(bad):
        row = int(np.argmax(bad))
        raise LeopntError(
            f"{log.where(row)}: beam = {log.beam[row]}: expected 0 to {antenna.num_beams - 1}, as "
            "the antenna has."
        )
    key = np.stack([log.sat_index, log.beam, log.time_s], axis=1)
    _, first, count = np.unique(key, axis=0, return_index=True, return_counts=True)
    if np.any(count > 1):
        row = int(first[np.argmax(count)])
        raise LeopntError(
            f"{log.where(row)}: beam {log.beam[row]} of {log.satellites[log.sat_index[row]]} "
            f"occurs twice at time_s = {log.time_s[row]:g}; expected one power per beam and time."
        )


def _check_level(log: PowerLog) -> None:
    for limit, meant in (
        (0.0, "a received power, below -60 dBW; a loss with a positive sign?"),
        (_LOUDEST_DBW, "less than -60 dBW; dBm (subtract 30), or gain over a reference?"),
    ):
        bad = log.power_dbw > limit
        if np.any(bad):
            row = int(np.argmax(bad))
            raise LeopntError(
                f"{log.where(row)}: power_dbw = {log.power_dbw[row]:g} dBW of beam "
                f"{log.beam[row]}: expected {meant}"
            )


def _check_physics(log: PowerLog) -> None:
    for name, unit in (("noise_w", "W"), ("carrier_hz", "Hz")):
        value = getattr(log, name)
        if not np.all(value > 0.0):
            row = int(np.argmax(~(value > 0.0)))
            raise LeopntError(
                f"{log.where(row)}: {name} = {value[row]:g} {unit}: expected a number above 0."
            )
    radius = np.linalg.norm(log.sat_pos_ecef_m, axis=1)
    bad = (radius < _NEAREST_M) | (radius > _FARTHEST_M)
    if np.any(bad):
        row = int(np.argmax(bad))
        raise LeopntError(
            f"{log.where(row)}: sat_pos_ecef_m is {radius[row]:g} m from the Earth's center; "
            f"accepted: {_NEAREST_M:g} to {_FARTHEST_M:g} m (metres, not kilometres)."
        )


def _check_axes(log: PowerLog) -> None:
    product = np.einsum("rki,rkj->rij", log.axes_ecef, log.axes_ecef)
    off = np.max(np.abs(product - np.eye(3)[None]), axis=(1, 2))
    handed = np.linalg.det(log.axes_ecef)
    bad = (off > _ORTHONORMAL) | (handed < 0.0)
    if np.any(bad):
        row = int(np.argmax(bad))
        raise LeopntError(
            f"{log.where(row)}: axes_ecef are {log.axes_ecef[row].tolist()}; expected a "
            "right-handed orthonormal set, one axis per column."
        )
