"""Predictions of one link: time of arrival, pseudorange, Doppler, received power."""

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
    "doppler_first_order",
    "doppler_instantaneous",
    "doppler_relativistic",
    "pseudorange",
    "received_amplitude",
    "received_power_dbw",
    "seen_from_antenna",
    "toa",
]
