"""A reconfigurable surface: a panel of elements that relay, with phases to command.

Its front sees the satellites. A receiver in front is served by reflection, one behind by
transmission; every element divides its amplification between the two.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from leopnt.antennas._inputs import check_between, check_count, check_positive, known_number
from leopnt.antennas._surface_inputs import check_axes, check_point
from leopnt.antennas.arrays import planar_array
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic, enu_to_ecef

Vector = Float[Array | np.ndarray, "3"]
Number = Float[Array, ""] | float


class ActiveSurface(eqx.Module):
    """A rectangular panel of elements that amplify, reflect and transmit.

        beta_E + beta_R <= H

    Elements fill their cell, spacing^2, and do not couple. The column
    axis is normal x row axis; elements are ordered with the column fastest, from the negative
    ends of both axes.

    Attributes:
        centroid_ecef_m: S.
        normal: unit vector out of the front, to the satellites' side.
        row_axis: unit vector in the plane, along which the columns follow each other.
        num_rows, num_columns: elements along the column axis and along the row axis.
        spacing_m: between neighbors, along both axes.
        amplification: H, largest power gain of an element, both sides together; 1 is passive.
        reflect_gain: beta_R, power gain towards the front.
        transmit_gain: beta_E, power gain towards the back; 0 and a receiver behind is refused.
        phase_bits: phases are commanded in 2^bits steps of a turn; None: exactly.

    Raises:
        LeopntError: no unit vectors, axes not perpendicular, fewer than one element, a spacing or
            amplification not above zero, gains that are negative or add up to more than H.

    Source: [zhang-astars] eq. 1-3, with H as a power gain.
    """

    centroid_ecef_m: Vector
    normal: Vector
    row_axis: Vector
    num_rows: int = eqx.field(static=True, default=40)
    num_columns: int = eqx.field(static=True, default=40)
    spacing_m: Number = 0.125
    amplification: Number = 1.0
    reflect_gain: Number = 1.0
    transmit_gain: Number = 0.0
    phase_bits: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_point(centroid_ecef_m=self.centroid_ecef_m)
        check_axes(self.normal, self.row_axis)
        check_count(1, num_rows=self.num_rows, num_columns=self.num_columns)
        check_positive("m", spacing_m=self.spacing_m)
        check_positive("", amplification=self.amplification)
        gains = {"reflect_gain": self.reflect_gain, "transmit_gain": self.transmit_gain}
        check_between(0.0, np.inf, "", **gains)
        _check_split(self.amplification, **gains)
        if self.phase_bits is not None:
            check_count(1, phase_bits=self.phase_bits)

    @property
    def num_elements(self) -> int:
        """Rows times columns."""
        return self.num_rows * self.num_columns

    @property
    def column_axis(self) -> Float[Array, "3"]:
        """Unit vector in the plane, along which the rows follow each other."""
        return jnp.cross(jnp.asarray(self.normal), jnp.asarray(self.row_axis))

    @property
    def element_area_m2(self) -> Number:
        """Area of one cell."""
        return self.spacing_m**2

    @property
    def area_m2(self) -> Number:
        """A, that of all cells."""
        return self.num_elements * self.spacing_m**2

    @property
    def size_m(self) -> tuple[Number, Number]:
        """Sides along the row axis and along the column axis."""
        return self.num_columns * self.spacing_m, self.num_rows * self.spacing_m

    def offsets_m(self) -> Float[Array, "ant 3"]:
        """Elements from the centroid, ECEF axes."""
        grid = planar_array(self.num_columns, self.num_rows, self.spacing_m)
        axes = jnp.stack([jnp.asarray(self.row_axis), self.column_axis])
        return grid[:, :2] @ axes

    def positions_ecef_m(self) -> Float[Array, "ant 3"]:
        """p_k."""
        return jnp.asarray(self.centroid_ecef_m)[None, :] + self.offsets_m()


def facade_surface(centroid_ecef_m: Vector, facing_az_rad: Number, **settings) -> ActiveSurface:
    """A surface on an upright wall: rows level, its front towards an azimuth.

    Seen from the front the row axis points to the right and the column axis up.

    Args:
        centroid_ecef_m: S, near the Earth.
        facing_az_rad: of the normal, from north over east.
        settings: every other field of `ActiveSurface`.
    """
    check_point(centroid_ecef_m=centroid_ecef_m)
    known_number("facing_az_rad", facing_az_rad)
    centroid = jnp.asarray(centroid_ecef_m, float)
    lat_rad, lon_rad, _ = ecef_to_geodetic(centroid)
    sine, cosine = jnp.sin(facing_az_rad), jnp.cos(facing_az_rad)
    normal = enu_to_ecef(jnp.stack([sine, cosine, jnp.zeros(())]), lat_rad, lon_rad)
    row_axis = enu_to_ecef(jnp.stack([-cosine, sine, jnp.zeros(())]), lat_rad, lon_rad)
    return ActiveSurface(centroid, normal, row_axis, **settings)


def _check_split(amplification, reflect_gain, transmit_gain) -> None:
    if any(isinstance(one, Tracer) for one in (amplification, reflect_gain, transmit_gain)):
        return
    total = float(reflect_gain) + float(transmit_gain)
    if total > float(amplification) * (1.0 + 1e-12):
        raise LeopntError(
            f"reflect_gain + transmit_gain = {total:g}: expected at most amplification = "
            f"{float(amplification):g}."
        )
