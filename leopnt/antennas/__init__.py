"""Antennas: where the elements of an array sit, how they are steered, and gain off boresight."""

from leopnt.antennas.array_beams import ArrayBeams, steered_beams
from leopnt.antennas.arrays import (
    centered_array,
    line_array,
    num_antennas,
    planar_array,
    polygon_array,
    single_antenna,
)
from leopnt.antennas.beams import (
    B52_RINGS,
    AbstractBeams,
    BeamRing,
    EirpGradient,
    GriddedBeams,
    SeparableBeams,
    b52,
    ring_beams,
    sampled_beams,
)
from leopnt.antennas.elements import SineElement
from leopnt.antennas.orientation import array_angles, array_frame
from leopnt.antennas.patterns import (
    AbstractPattern,
    CircularAperture,
    CosinePower,
    HemisphericalPatch,
    Isotropic,
    ParabolicBeam,
    angle_off_boresight,
)
from leopnt.antennas.polar_beams import PolarBeams
from leopnt.antennas.steering import (
    Steering,
    UniformPlanarArray,
    correlation,
    dirichlet,
    dirichlet_power,
)

__all__ = [
    "B52_RINGS",
    "AbstractBeams",
    "AbstractPattern",
    "ArrayBeams",
    "BeamRing",
    "CircularAperture",
    "CosinePower",
    "EirpGradient",
    "GriddedBeams",
    "HemisphericalPatch",
    "Isotropic",
    "ParabolicBeam",
    "PolarBeams",
    "SeparableBeams",
    "SineElement",
    "Steering",
    "UniformPlanarArray",
    "angle_off_boresight",
    "array_angles",
    "array_frame",
    "b52",
    "centered_array",
    "correlation",
    "dirichlet",
    "dirichlet_power",
    "line_array",
    "num_antennas",
    "planar_array",
    "polygon_array",
    "ring_beams",
    "sampled_beams",
    "single_antenna",
    "steered_beams",
]
