"""How satellites are turned: body axes at each link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float

from leopnt.antennas.phase_center import body_axes
from leopnt.channel.nominal_attitude import yaw_steering_axes
from leopnt.methods.calibration.constant_shapes import in_tiles
from leopnt.methods.calibration.link_path import LinkPath
from leopnt.methods.calibration.sky_tables import sun_table

_GEO_COS_TILT, _GEO_RADIUS_M = np.cos(np.radians(15.0)), 4.0e7
_yaw_steering = jax.jit(yaw_steering_axes)


@runtime_checkable
class Attitude(Protocol):
    """Body axes of satellites."""

    def axes(self, path: LinkPath) -> Float[np.ndarray, "link 3 3"]:
        """Axes X, Y, Z as columns, in ECEF; NaN where the satellite is not known."""
        ...


@dataclass(frozen=True)
class NadirAttitude:
    """Z to the Earth's center, X along the flight: three-axis-stabilized LEO satellites."""

    def axes(self, path: LinkPath) -> Float[np.ndarray, "link 3 3"]:
        """From the inertial velocity."""
        return nadir_axes(path.sat_pos_m, path.sat_vel_inertial_mps)


@dataclass(frozen=True)
class NavigationAttitude:
    """Nominal yaw steering; orbit-normal for what flies like a GEO (tilt below 15 degrees).

    BeiDou-2 IGSO and MEO turn to orbit-normal for a low Sun, and turns at noon and midnight take
    time: neither is modeled.
    """

    def axes(self, path: LinkPath) -> Float[np.ndarray, "link 3 3"]:
        """From position, velocity and the Sun."""
        pos, vel = path.sat_pos_m, path.sat_vel_inertial_mps
        normal = np.cross(pos, vel)
        with np.errstate(invalid="ignore"):
            tilt = normal[:, 2] / np.sqrt(np.sum(normal**2, axis=1))
            is_geo = (tilt > _GEO_COS_TILT) & (np.sum(pos**2, axis=1) > _GEO_RADIUS_M**2)
        found = np.full((len(pos), 3, 3), np.nan)
        steered = ~is_geo & np.isfinite(pos[:, 0])
        if np.any(steered):
            sun = sun_table(path.satellites.origin, path.received_s[steered])
            found[steered] = in_tiles(_yaw_steering, pos[steered], sun)
        found[is_geo] = nadir_axes(pos[is_geo], vel[is_geo])
        return found


def nadir_axes(
    pos_m: Float[np.ndarray, "link 3"], vel_inertial_mps: Float[np.ndarray, "link 3"]
) -> Float[np.ndarray, "link 3 3"]:
    """`body_axes` of links whose satellite is known, NaN for the others."""
    known = np.isfinite(pos_m[:, 0])
    if np.all(known):
        return body_axes(pos_m, vel_inertial_mps)
    found = np.full((len(pos_m), 3, 3), np.nan)
    found[known] = body_axes(pos_m[known], vel_inertial_mps[known])
    return found
