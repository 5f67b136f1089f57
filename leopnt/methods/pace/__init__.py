"""PACE: positions from the downlink of several satellites, and what they do for the uplink.

A scene (`pace_scene`, `default_scene`) holds satellites and users, a `PaceSystem` what all links
share. `position_bound` and `uplink_bounds` answer for one scene, `position_errors` and
`uplink_bounds_of_scenes` for many.
"""

from leopnt.methods.pace.batch import (
    PositionErrors,
    position_errors,
    position_problems,
    problem_of_user,
    scene_position_bounds,
)
from leopnt.methods.pace.beams import AbstractPilotBeam, UserBeams, VerticalBeam
from leopnt.methods.pace.cluster import cluster_satellites, cluster_users, default_scene
from leopnt.methods.pace.downlink import (
    CHANNEL,
    ChannelEfim,
    channel_efim,
    channel_fim,
    efim_closed_form,
    efim_of_links,
    fim_of_links,
    snr,
)
from leopnt.methods.pace.links import Links, departure_angles, doppler_rates_hzps, links_of
from leopnt.methods.pace.position_model import (
    POSITION_MODEL,
    PositionLink,
    PositionShared,
    PositionTheta,
    links_of_problem,
    position_bound_numeric,
)
from leopnt.methods.pace.position_problem import (
    UNKNOWNS,
    PositionProblem,
    problem_of_information,
    weighted_for_offsets,
)
from leopnt.methods.pace.position_search import PositionFit, fit_position, true_mean
from leopnt.methods.pace.positioning import (
    PositionBound,
    condition_number,
    offset_response,
    position_bound,
    position_bound_kernel,
)
from leopnt.methods.pace.scene import PaceScene, pace_scene, with_random_phases
from leopnt.methods.pace.system import PaceSystem, noise_power_w
from leopnt.methods.pace.uplink import (
    PaceUplink,
    UceUplink,
    UplinkBounds,
    pace_uplink,
    uce_uplink,
    uplink_bounds,
    uplink_bounds_of_scenes,
    uplink_kernel,
)
from leopnt.methods.pace.uplink_model import (
    GAIN_MODEL,
    VECTOR_MODEL,
    GainTheta,
    UplinkProblem,
    UplinkShared,
    UplinkSymbol,
    VectorTheta,
    uplink_bound_numeric,
    uplink_problem,
)

__all__ = [
    "CHANNEL",
    "GAIN_MODEL",
    "POSITION_MODEL",
    "UNKNOWNS",
    "VECTOR_MODEL",
    "AbstractPilotBeam",
    "ChannelEfim",
    "GainTheta",
    "Links",
    "PaceScene",
    "PaceSystem",
    "PaceUplink",
    "PositionBound",
    "PositionErrors",
    "PositionFit",
    "PositionLink",
    "PositionProblem",
    "PositionShared",
    "PositionTheta",
    "UceUplink",
    "UplinkBounds",
    "UplinkProblem",
    "UplinkShared",
    "UplinkSymbol",
    "UserBeams",
    "VectorTheta",
    "VerticalBeam",
    "channel_efim",
    "channel_fim",
    "cluster_satellites",
    "cluster_users",
    "condition_number",
    "default_scene",
    "departure_angles",
    "doppler_rates_hzps",
    "efim_closed_form",
    "efim_of_links",
    "fim_of_links",
    "fit_position",
    "links_of",
    "links_of_problem",
    "noise_power_w",
    "offset_response",
    "pace_scene",
    "pace_uplink",
    "position_bound",
    "position_bound_kernel",
    "position_bound_numeric",
    "position_errors",
    "position_problems",
    "problem_of_information",
    "problem_of_user",
    "scene_position_bounds",
    "snr",
    "true_mean",
    "uce_uplink",
    "uplink_bound_numeric",
    "uplink_bounds",
    "uplink_bounds_of_scenes",
    "uplink_kernel",
    "uplink_problem",
    "weighted_for_offsets",
    "with_random_phases",
]
