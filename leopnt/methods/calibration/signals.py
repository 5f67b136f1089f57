"""Which observations of a file are used, on which carriers."""

from __future__ import annotations

from dataclasses import dataclass

from leopnt.observables.ionosphere_free import (
    BEIDOU_B1C_B2A,
    BEIDOU_B1I_B3I,
    GALILEO_E1_E5A,
    GPS_L1_L2,
    CarrierPair,
)


@dataclass(frozen=True)
class SignalPair:
    """Code and phase of one system on two carriers.

    Attributes:
        letter: of the satellites in files, "C".
        name: of the system.
        pair: carriers.
        code: RINEX codes of the pseudoranges on the two carriers.
        phase: RINEX codes of the carrier phases.
        antex_codes: of the carriers in ANTEX files.
    """

    letter: str
    name: str
    pair: CarrierPair
    code: tuple[str, str]
    phase: tuple[str, str]
    antex_codes: tuple[str, str]


BEIDOU_SIGNALS = SignalPair(
    "C", "BeiDou", BEIDOU_B1I_B3I, ("C2I", "C6I"), ("L2I", "L6I"), ("C02", "C06")
)
"""B1I and B3I, the signals of the reference clock products."""

GPS_SIGNALS = SignalPair("G", "GPS", GPS_L1_L2, ("C1C", "C2W"), ("L1C", "L2W"), ("G01", "G02"))
"""L1 C/A and L2 P(Y)."""

GALILEO_SIGNALS = SignalPair(
    "E", "Galileo", GALILEO_E1_E5A, ("C1C", "C5Q"), ("L1C", "L5Q"), ("E01", "E05")
)
"""E1 and E5a pilots."""

GALILEO_X_SIGNALS = SignalPair(
    "E", "Galileo", GALILEO_E1_E5A, ("C1X", "C5X"), ("L1X", "L5X"), ("E01", "E05")
)
"""E1 and E5a, data and pilot together, as some receivers track them."""

LEO_SIGNALS = SignalPair("L", "LEO", BEIDOU_B1C_B2A, ("C1C", "C5Q"), ("L1C", "L5Q"), ("G01", "G05"))
"""1575.42 and 1176.45 MHz. RINEX defines no letter for LEO satellites: `L` of SP3 is private."""
