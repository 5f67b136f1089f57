"""PACE: positions from the downlink of several satellites, and what they do for the uplink.

A scene (`pace_scene`, `default_scene`) holds satellites and users, a `PaceSystem` what all links
share. `position_bound` and `uplink_bounds` answer for one scene, `position_errors` and
`uplink_bounds_of_scenes` for many. `wmmse_beams` designs beams from what was estimated;
`network_rate` says what they carry. `simulate_frame` runs estimators, beams and rates in turn.
"""

from leopnt.methods.pace.bands import AbstractBands, FullBand, OwnBand, OwnBandWithRemainder
from leopnt.methods.pace.baselines import (
    equal_gain_beams,
    mmse_beams,
    mrt_beams,
    zero_forcing_beams,
)
from leopnt.methods.pace.batch import (
    PositionErrors,
    position_errors,
    position_problems,
    problem_of_user,
    scene_position_bounds,
)
from leopnt.methods.pace.beams import AbstractPilotBeam, UserBeams, VerticalBeam
from leopnt.methods.pace.cluster import cluster_satellites, cluster_users, default_scene
from leopnt.methods.pace.csi import pace_channels, unstructured_channels
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
from leopnt.methods.pace.downlink_estimator import (
    DownlinkEstimate,
    PilotBlocks,
    PilotSums,
    draw_pilot_sums,
    estimate_downlink,
    pilot_sums,
)
from leopnt.methods.pace.frame import (
    ChannelErrors,
    DownlinkPart,
    Frame,
    FramePlan,
    FrameRates,
    UplinkPart,
    estimate_and_send,
    fix_positions,
    simulate_frame,
    simulate_frames,
)
from leopnt.methods.pace.from_ephemeris import SceneOverPlaces, pace_scene_from_ephemeris
from leopnt.methods.pace.links import Links, departure_angles, doppler_rates_hzps, links_of
from leopnt.methods.pace.motion import SceneMotion, circular_arcs
from leopnt.methods.pace.peak_search import Peak, find_peak
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
from leopnt.methods.pace.rates import NetworkRate, network_rate, sinr, user_rates_bpshz
from leopnt.methods.pace.scene import PaceScene, pace_scene, with_random_phases
from leopnt.methods.pace.strongest_satellite import (
    StrongestSatellite,
    serving_satellite,
    strongest_satellite_rates,
)
from leopnt.methods.pace.subcarrier_beams import AbstractDesign, CommonBeams, SubcarrierSpecific
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
from leopnt.methods.pace.uplink_estimator import (
    PaceEstimate,
    UceEstimate,
    correlate_uplink,
    draw_uplink,
    estimate_pace,
    estimate_uce,
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
from leopnt.methods.pace.weighted_mse import WeightedMseBeams, weighted_mse_beams
from leopnt.methods.pace.wmmse import (
    MultiStart,
    Stop,
    Wmmse,
    random_starts,
    wmmse_batch,
    wmmse_beams,
    wmmse_best_of,
    wmmse_best_of_batch,
    wmmse_history,
)

__all__ = [
    "CHANNEL",
    "GAIN_MODEL",
    "POSITION_MODEL",
    "UNKNOWNS",
    "VECTOR_MODEL",
    "AbstractBands",
    "AbstractDesign",
    "AbstractPilotBeam",
    "ChannelEfim",
    "ChannelErrors",
    "CommonBeams",
    "DownlinkEstimate",
    "DownlinkPart",
    "Frame",
    "FramePlan",
    "FrameRates",
    "FullBand",
    "GainTheta",
    "Links",
    "MultiStart",
    "NetworkRate",
    "OwnBand",
    "OwnBandWithRemainder",
    "PaceEstimate",
    "PaceScene",
    "PaceSystem",
    "PaceUplink",
    "Peak",
    "PilotBlocks",
    "PilotSums",
    "PositionBound",
    "PositionErrors",
    "PositionFit",
    "PositionLink",
    "PositionProblem",
    "PositionShared",
    "PositionTheta",
    "SceneMotion",
    "SceneOverPlaces",
    "Stop",
    "StrongestSatellite",
    "SubcarrierSpecific",
    "UceEstimate",
    "UceUplink",
    "UplinkBounds",
    "UplinkPart",
    "UplinkProblem",
    "UplinkShared",
    "UplinkSymbol",
    "UserBeams",
    "VectorTheta",
    "VerticalBeam",
    "WeightedMseBeams",
    "Wmmse",
    "channel_efim",
    "channel_fim",
    "circular_arcs",
    "cluster_satellites",
    "cluster_users",
    "condition_number",
    "correlate_uplink",
    "default_scene",
    "departure_angles",
    "doppler_rates_hzps",
    "draw_pilot_sums",
    "draw_uplink",
    "efim_closed_form",
    "efim_of_links",
    "equal_gain_beams",
    "estimate_and_send",
    "estimate_downlink",
    "estimate_pace",
    "estimate_uce",
    "fim_of_links",
    "find_peak",
    "fit_position",
    "fix_positions",
    "links_of",
    "links_of_problem",
    "mmse_beams",
    "mrt_beams",
    "network_rate",
    "noise_power_w",
    "offset_response",
    "pace_channels",
    "pace_scene",
    "pace_scene_from_ephemeris",
    "pace_uplink",
    "pilot_sums",
    "position_bound",
    "position_bound_kernel",
    "position_bound_numeric",
    "position_errors",
    "position_problems",
    "problem_of_information",
    "problem_of_user",
    "random_starts",
    "scene_position_bounds",
    "serving_satellite",
    "simulate_frame",
    "simulate_frames",
    "sinr",
    "snr",
    "strongest_satellite_rates",
    "true_mean",
    "uce_uplink",
    "unstructured_channels",
    "uplink_bound_numeric",
    "uplink_bounds",
    "uplink_bounds_of_scenes",
    "uplink_kernel",
    "uplink_problem",
    "user_rates_bpshz",
    "weighted_for_offsets",
    "weighted_mse_beams",
    "with_random_phases",
    "wmmse_batch",
    "wmmse_beams",
    "wmmse_best_of",
    "wmmse_best_of_batch",
    "wmmse_history",
    "zero_forcing_beams",
]
