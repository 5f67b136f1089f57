"""Readers of the field's formats; they return plain arrays and compute nothing."""

from leopnt.io.element_sets import ScannedElements
from leopnt.io.omm import parse_omm, read_omm, scan_omm
from leopnt.io.sp3 import Sp3, read_sp3
from leopnt.io.tle import parse_tle, read_tle, scan_tle

__all__ = [
    "ScannedElements",
    "Sp3",
    "parse_omm",
    "parse_tle",
    "read_omm",
    "read_sp3",
    "read_tle",
    "scan_omm",
    "scan_tle",
]
