"""Predictions of one link: time of arrival, pseudorange, Doppler."""

from leopnt.observables.doppler import (
    doppler_first_order,
    doppler_instantaneous,
    doppler_relativistic,
)
from leopnt.observables.pseudorange import pseudorange
from leopnt.observables.toa import toa

__all__ = [
    "doppler_first_order",
    "doppler_instantaneous",
    "doppler_relativistic",
    "pseudorange",
    "toa",
]
