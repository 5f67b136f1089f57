"""Position through a reconfigurable surface that relays the satellites' carrier phases."""

from leopnt.methods.astars.budget import (
    beam_aod_sigma_rad,
    beam_radius_m,
    beam_width_rad,
    disc_beam_error_m,
    linear_array_aoa_variance_rad2,
    phase_error_m,
    planar_array_aoa_variance,
    quantized_angle_sigma_m,
    quantized_phase_sigma_m,
    random_source_factor,
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
from leopnt.methods.astars.receiver_fix import (
    ReceiverFix,
    receiver_fix,
    receiver_fix_one,
    receiver_fix_with_offset,
    receiver_polar,
)
from leopnt.methods.astars.status import AstarsStatus
from leopnt.methods.astars.surface_fix import SurfaceFix, surface_fix, surface_fix_one
