"""Readers of the field's formats; they return plain arrays and compute nothing."""

from leopnt.io.element_sets import ScannedElements
from leopnt.io.omm import parse_omm, read_omm, scan_omm
from leopnt.io.tle import parse_tle, read_tle, scan_tle

__all__ = [
    "ScannedElements",
    "parse_omm",
    "parse_tle",
    "read_omm",
    "read_tle",
    "scan_omm",
    "scan_tle",
]
