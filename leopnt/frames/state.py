"""What a satellite's motion is to the rest of the library."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float


class SatelliteState(eqx.Module):
    """Positions and velocities of satellites in ECEF axes (ITRF), NumPy or JAX arrays.

    The two velocities differ by the Earth's rotation, `omega x r`, about 0.5 km/s in LEO. Use the
    ECEF velocity for Doppler and range rate, the inertial one for orbit frames and attitude.

    Attributes:
        pos_ecef_m: position of the centre of mass.
        vel_ecef_mps: velocity relative to the rotating Earth, d(pos_ecef_m)/dt.
        vel_inertial_ecef_mps: velocity relative to inertial space, resolved in ECEF axes.
    """

    pos_ecef_m: Float[Array | np.ndarray, "*batch 3"]
    vel_ecef_mps: Float[Array | np.ndarray, "*batch 3"]
    vel_inertial_ecef_mps: Float[Array | np.ndarray, "*batch 3"]

    def __getitem__(self, index: Any) -> "SatelliteState":
        """Part of a batch, indexed over the leading axes."""
        return SatelliteState(
            self.pos_ecef_m[index], self.vel_ecef_mps[index], self.vel_inertial_ecef_mps[index]
        )
