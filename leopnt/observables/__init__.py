"""Predictions of one link: time of arrival, code and carrier phase, Doppler, received power."""

from leopnt.observables.carrier_phase import carrier_phase, carrier_phase_relayed
from leopnt.observables.combinations import (
    difference_matrix,
    double_difference,
    double_difference_covariance,
    single_difference,
    single_difference_covariance,
)
from leopnt.observables.doppler import (
    doppler_first_order,
    doppler_instantaneous,
    doppler_relativistic,
)
from leopnt.observables.ionosphere_free import (
    BEIDOU_B1C_B2A,
    BEIDOU_B1I_B3I,
    GALILEO_E1_E5A,
    GPS_L1_L2,
    CarrierPair,
    ionosphere_free,
    ionosphere_free_noise_factor,
    ionosphere_free_weights,
    ionosphere_free_wind_up_m,
    narrow_lane_m,
)
from leopnt.observables.power import (
    SeenFromAntenna,
    received_amplitude,
    received_power_dbw,
    seen_from_antenna,
)
from leopnt.observables.pseudorange import pseudorange
from leopnt.observables.toa import toa

__all__ = [
    "BEIDOU_B1C_B2A",
    "BEIDOU_B1I_B3I",
    "GALILEO_E1_E5A",
    "GPS_L1_L2",
    "CarrierPair",
    "SeenFromAntenna",
    "carrier_phase",
    "carrier_phase_relayed",
    "difference_matrix",
    "doppler_first_order",
    "doppler_instantaneous",
    "doppler_relativistic",
    "double_difference",
    "double_difference_covariance",
    "ionosphere_free",
    "ionosphere_free_noise_factor",
    "ionosphere_free_weights",
    "ionosphere_free_wind_up_m",
    "narrow_lane_m",
    "pseudorange",
    "received_amplitude",
    "received_power_dbw",
    "seen_from_antenna",
    "single_difference",
    "single_difference_covariance",
    "toa",
]
