"""Antennas: where the elements of an array sit, and gain off boresight."""

from leopnt.antennas.arrays import (
    centered_array,
    line_array,
    num_antennas,
    planar_array,
    polygon_array,
    single_antenna,
)
from leopnt.antennas.patterns import (
    AbstractPattern,
    CircularAperture,
    CosinePower,
    HemisphericalPatch,
    Isotropic,
    ParabolicBeam,
    angle_off_boresight,
)

__all__ = [
    "AbstractPattern",
    "CircularAperture",
    "CosinePower",
    "HemisphericalPatch",
    "Isotropic",
    "ParabolicBeam",
    "angle_off_boresight",
    "centered_array",
    "line_array",
    "num_antennas",
    "planar_array",
    "polygon_array",
    "single_antenna",
]
