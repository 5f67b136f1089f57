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
from leopnt.antennas.near_field import NearFieldBound, near_field_bound
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
from leopnt.antennas.surface_limits import (
    focal_spot_m,
    largest_spacing_m,
    near_field_distance_m,
    scan_limit_rad,
    warn_of_grating_lobes,
)
from leopnt.antennas.surface_phases import (
    centered_phases,
    far_field_phases,
    near_field_phases,
    quantization_loss_db,
    quantized,
)
from leopnt.antennas.surface_relay import (
    coherent_gain,
    composite_phase_cycles,
    element_amplitudes,
    path_excess_m,
    relay_amplitude,
    relay_power_ratio,
)
from leopnt.antennas.surface_sharing import (
    block_sub_arrays,
    cross_power_ratio,
    interleaved_sub_arrays,
    shared_phases,
)
from leopnt.antennas.surfaces import ActiveSurface, facade_surface

__all__ = [
    "B52_RINGS",
    "AbstractBeams",
    "AbstractPattern",
    "ActiveSurface",
    "ArrayBeams",
    "BeamRing",
    "CircularAperture",
    "CosinePower",
    "EirpGradient",
    "GriddedBeams",
    "HemisphericalPatch",
    "Isotropic",
    "NearFieldBound",
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
    "block_sub_arrays",
    "centered_array",
    "centered_phases",
    "coherent_gain",
    "composite_phase_cycles",
    "correlation",
    "cross_power_ratio",
    "dirichlet",
    "dirichlet_power",
    "element_amplitudes",
    "facade_surface",
    "far_field_phases",
    "focal_spot_m",
    "interleaved_sub_arrays",
    "largest_spacing_m",
    "line_array",
    "near_field_bound",
    "near_field_distance_m",
    "near_field_phases",
    "num_antennas",
    "path_excess_m",
    "planar_array",
    "polygon_array",
    "quantization_loss_db",
    "quantized",
    "relay_amplitude",
    "relay_power_ratio",
    "ring_beams",
    "sampled_beams",
    "scan_limit_rad",
    "shared_phases",
    "single_antenna",
    "steered_beams",
    "warn_of_grating_lobes",
]
