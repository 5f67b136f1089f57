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
from leopnt.observables.power import (
    SeenFromAntenna,
    received_amplitude,
    received_power_dbw,
    seen_from_antenna,
)
from leopnt.observables.pseudorange import pseudorange
from leopnt.observables.toa import toa

__all__ = [
    "SeenFromAntenna",
    "carrier_phase",
    "carrier_phase_relayed",
    "difference_matrix",
    "doppler_first_order",
    "doppler_instantaneous",
    "doppler_relativistic",
    "double_difference",
    "double_difference_covariance",
    "pseudorange",
    "received_amplitude",
    "received_power_dbw",
    "seen_from_antenna",
    "single_difference",
    "single_difference_covariance",
    "toa",
]
