"""Position, velocity and orientation from unsynchronized satellites: bounds, and what attains them.

A scene (`nine_d_scene`) holds satellites over slots, the receiver's pose, its antennas and its
signals. `information` answers questions by name; `location_bounds` does many scenes at once.
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
    CommonTimeOffset,
    DopplerRate,
    FrequencyOffset,
    PhaseOfAntenna,
    PhaseOfSlot,
    PhaseOfTrack,
    TimeOffset,
)
from leopnt.methods.nine_d.scene import NineDScene, nine_d_scene

__all__ = [
    "BOTH_OFFSETS",
    "LOCATION",
    "MODEL",
    "AbstractNuisance",
    "ChannelFim",
    "ClockDrift",
    "Columns",
    "CommonTimeOffset",
    "Derivatives",
    "DopplerRate",
    "FrequencyOffset",
    "GainOfAntenna",
    "GainOfSatellite",
    "GainOfSlot",
    "LocationBound",
    "Losses",
    "NineDLink",
    "NineDScene",
    "NineDShared",
    "NineDTheta",
    "Observed",
    "PhaseOfAntenna",
    "PhaseOfSlot",
    "PhaseOfTrack",
    "TimeOffset",
    "Weights",
    "channel_fim",
    "decoupled_derivatives",
    "derivatives",
    "efim",
    "euler_matrix",
    "information",
    "location_bound",
    "location_bounds",
    "location_jacobian",
    "location_rows",
    "losses",
    "nine_d_scene",
    "observed",
    "problem_of",
    "unknowns_of",
    "weights",
]
