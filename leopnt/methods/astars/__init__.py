"""Position through a reconfigurable surface that relays the satellites' carrier phases.

`joint_fix` is the default; `published_chain` the method as published, `polar_chain` the same in
closed form.
"""

from leopnt.methods.astars.budget import (
    beam_aod_sigma_rad,
    beam_radius_m,
    beam_width_rad,
    disc_beam_error_m,
    phase_error_m,
    quantized_angle_sigma_m,
    quantized_phase_sigma_m,
    seed_beam_error_m,
    seed_gamma_s,
    seed_total_error_m,
    sync_error_m,
    sync_gamma_s,
)
from leopnt.methods.astars.chain import (
    Chain,
    PolarChain,
    chain_one,
    polar_chain,
    polar_chain_one,
    published_chain,
)
from leopnt.methods.astars.correction import (
    angle_cosine,
    arrival_directions,
    check_reflecting,
    check_transmitting,
    corrected_range,
    elos_distance,
    plane_wave_range,
    reflection_cosine,
    seed_reflection_cosine,
    seed_transmission_cosine,
    transmission_cosine,
)
from leopnt.methods.astars.covariance import TwoStepCovariance, two_step_covariance
from leopnt.methods.astars.dop import local_axes, seed_ecef_axes, surface_dop
from leopnt.methods.astars.inputs import ranges_of_phases
from leopnt.methods.astars.joint import (
    JointFix,
    joint_bound,
    joint_fix,
    joint_fix_one,
    joint_ranges,
)
from leopnt.methods.astars.joint_model import (
    DIRECT,
    RELAYED_PHASES,
    AstarsTheta,
    Knowledge,
    RelayedPhases,
    RelayLink,
    knowledge,
    relayed_phases,
)
from leopnt.methods.astars.receiver_fix import (
    ReceiverFix,
    receiver_fix,
    receiver_fix_one,
    receiver_fix_with_offset,
    receiver_polar,
)
from leopnt.methods.astars.status import AstarsStatus
from leopnt.methods.astars.surface_fix import SurfaceFix, surface_fix, surface_fix_one

__all__ = [
    "DIRECT",
    "RELAYED_PHASES",
    "AstarsStatus",
    "AstarsTheta",
    "Chain",
    "JointFix",
    "Knowledge",
    "PolarChain",
    "ReceiverFix",
    "RelayLink",
    "RelayedPhases",
    "SurfaceFix",
    "TwoStepCovariance",
    "angle_cosine",
    "arrival_directions",
    "beam_aod_sigma_rad",
    "beam_radius_m",
    "beam_width_rad",
    "chain_one",
    "check_reflecting",
    "check_transmitting",
    "corrected_range",
    "disc_beam_error_m",
    "elos_distance",
    "joint_bound",
    "joint_fix",
    "joint_fix_one",
    "joint_ranges",
    "knowledge",
    "local_axes",
    "phase_error_m",
    "plane_wave_range",
    "polar_chain",
    "polar_chain_one",
    "published_chain",
    "quantized_angle_sigma_m",
    "quantized_phase_sigma_m",
    "ranges_of_phases",
    "receiver_fix",
    "receiver_fix_one",
    "receiver_fix_with_offset",
    "receiver_polar",
    "reflection_cosine",
    "relayed_phases",
    "seed_beam_error_m",
    "seed_ecef_axes",
    "seed_gamma_s",
    "seed_reflection_cosine",
    "seed_total_error_m",
    "seed_transmission_cosine",
    "surface_dop",
    "surface_fix",
    "surface_fix_one",
    "sync_error_m",
    "sync_gamma_s",
    "transmission_cosine",
    "two_step_covariance",
]
