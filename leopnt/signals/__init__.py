"""Signals: grids of subcarriers and symbols, pilots and what their sums say about phase slopes."""

from leopnt.signals.ofdm import OfdmGrid
from leopnt.signals.pilots import (
    dft_pilots,
    isotropic_moments,
    pilot_moments,
    pilot_moments_of_blocks,
    random_pilots,
)

__all__ = [
    "OfdmGrid",
    "dft_pilots",
    "isotropic_moments",
    "pilot_moments",
    "pilot_moments_of_blocks",
    "random_pilots",
]
