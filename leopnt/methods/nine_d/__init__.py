"""Position, velocity and orientation from unsynchronized satellites: bounds, and what attains them.

A scene (`nine_d_scene`) holds satellites over slots, the receiver's pose, its antennas and its
signals. `information` answers questions by name; `location_bounds` does many scenes at once, and
`location_covariance` does so with any nuisances and prior knowledge.
"""

from leopnt.methods.nine_d.batch import (
    LocationBound,
    location_bound,
    location_bounds,
    location_rows,
)
from leopnt.methods.nine_d.bounds import LOCATION, efim, euler_matrix, information, unknowns_of
from leopnt.methods.nine_d.channel_fim import (
    ChannelFim,
    GainOfAntenna,
    GainOfSatellite,
    GainOfSlot,
    Losses,
    channel_fim,
    location_jacobian,
    losses,
)
from leopnt.methods.nine_d.closed_form import (
    Derivatives,
    Observed,
    Weights,
    decoupled_derivatives,
    derivatives,
    observed,
    weights,
)
from leopnt.methods.nine_d.covariance import (
    NOTHING,
    Knowledge,
    LocationCovariance,
    equivalent_rows,
    location_covariance,
)
from leopnt.methods.nine_d.exact import (
    ArrayShape,
    array_shape,
    formal_information,
    structural_information,
)
from leopnt.methods.nine_d.from_ephemeris import nine_d_scene_from_ephemeris
from leopnt.methods.nine_d.kinematics import (
    Motion,
    half_wavelength_square,
    integrated_motion,
    orbit_motion,
    random_scene,
    seed_motion,
    uniform_directions,
)
from leopnt.methods.nine_d.model import (
    MODEL,
    NineDLink,
    NineDShared,
    NineDTheta,
    problem_of,
)
from leopnt.methods.nine_d.nuisances import (
    BOTH_OFFSETS,
    AbstractNuisance,
    ClockDrift,
    Columns,
    CommonClockDrift,
    CommonFrequencyOffset,
    CommonTimeOffset,
    DopplerRate,
    FrequencyOffset,
    PhaseOfAntenna,
    PhaseOfSlot,
    PhaseOfTrack,
    TimeOffset,
)
from leopnt.methods.nine_d.scene import NineDScene, nine_d_scene
from leopnt.methods.nine_d.verdicts import (
    Identifiability,
    PracticalLimits,
    PracticalVerdict,
    identifiability,
)
from leopnt.methods.nine_d.weak_directions import null_space_in_words, words_of

__all__ = [
    "BOTH_OFFSETS",
    "LOCATION",
    "MODEL",
    "NOTHING",
    "AbstractNuisance",
    "ArrayShape",
    "ChannelFim",
    "ClockDrift",
    "Columns",
    "CommonClockDrift",
    "CommonFrequencyOffset",
    "CommonTimeOffset",
    "Derivatives",
    "DopplerRate",
    "FrequencyOffset",
    "GainOfAntenna",
    "GainOfSatellite",
    "GainOfSlot",
    "Identifiability",
    "Knowledge",
    "LocationBound",
    "LocationCovariance",
    "Losses",
    "Motion",
    "NineDLink",
    "NineDScene",
    "NineDShared",
    "NineDTheta",
    "Observed",
    "PhaseOfAntenna",
    "PhaseOfSlot",
    "PhaseOfTrack",
    "PracticalLimits",
    "PracticalVerdict",
    "TimeOffset",
    "Weights",
    "array_shape",
    "channel_fim",
    "decoupled_derivatives",
    "derivatives",
    "efim",
    "equivalent_rows",
    "euler_matrix",
    "formal_information",
    "half_wavelength_square",
    "identifiability",
    "information",
    "integrated_motion",
    "location_bound",
    "location_bounds",
    "location_covariance",
    "location_jacobian",
    "location_rows",
    "losses",
    "nine_d_scene",
    "nine_d_scene_from_ephemeris",
    "null_space_in_words",
    "observed",
    "orbit_motion",
    "problem_of",
    "random_scene",
    "seed_motion",
    "structural_information",
    "uniform_directions",
    "unknowns_of",
    "weights",
    "words_of",
]
