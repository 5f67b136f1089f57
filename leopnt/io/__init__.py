"""Readers of the field's formats; they return plain arrays and compute nothing."""

from leopnt.io.contours import BeamContours, Contour, ContourPattern
from leopnt.io.element_sets import ScannedElements
from leopnt.io.grasp_grd import read_grasp_grd
from leopnt.io.gxt import read_gxt
from leopnt.io.omm import parse_omm, read_omm, scan_omm
from leopnt.io.pattern_csv import read_pattern_csv
from leopnt.io.pattern_mat import read_pattern_mat
from leopnt.io.patterns import AnglePattern, CosinePattern
from leopnt.io.sp3 import Sp3, read_sp3
from leopnt.io.tle import parse_tle, read_tle, scan_tle

__all__ = [
    "AnglePattern",
    "BeamContours",
    "Contour",
    "ContourPattern",
    "CosinePattern",
    "ScannedElements",
    "Sp3",
    "parse_omm",
    "parse_tle",
    "read_grasp_grd",
    "read_gxt",
    "read_omm",
    "read_pattern_csv",
    "read_pattern_mat",
    "read_sp3",
    "read_tle",
    "scan_omm",
    "scan_tle",
]
