"""Readers of the field's formats; they return plain arrays and compute nothing."""

from leopnt.io.antex import Antex, AntexAntenna, AntexFrequency, read_antex, write_antex
from leopnt.io.bias_sinex import BiasSinex, read_bias_sinex
from leopnt.io.bias_sinex_writer import write_bias_sinex
from leopnt.io.clk import ClockTable, RinexClk, read_clk, write_clk
from leopnt.io.contours import BeamContours, Contour, ContourPattern
from leopnt.io.element_sets import ScannedElements
from leopnt.io.grasp_grd import read_grasp_grd
from leopnt.io.gxt import read_gxt
from leopnt.io.omm import parse_omm, read_omm, scan_omm
from leopnt.io.orbex import Orbex, read_orbex
from leopnt.io.pattern_csv import read_pattern_csv
from leopnt.io.pattern_mat import read_pattern_mat
from leopnt.io.patterns import AnglePattern, CosinePattern
from leopnt.io.rinex_obs import RinexEvent, RinexObs, SystemObs, parse_rinex_obs, read_rinex_obs
from leopnt.io.rinex_obs_header import PhaseShift, RinexObsHeader
from leopnt.io.rinex_obs_splice import splice_rinex_obs
from leopnt.io.rinex_obs_writer import write_rinex_obs
from leopnt.io.sinex import (
    Sinex,
    SinexEccentricity,
    SinexEquipment,
    SinexSite,
    SinexSpan,
    read_sinex,
)
from leopnt.io.sinex_writer import write_sinex
from leopnt.io.sp3 import Sp3, read_sp3
from leopnt.io.sp3_writer import write_sp3_c, write_sp3_d
from leopnt.io.tle import parse_tle, read_tle, scan_tle

__all__ = [
    "AnglePattern",
    "Antex",
    "AntexAntenna",
    "AntexFrequency",
    "BeamContours",
    "BiasSinex",
    "ClockTable",
    "Contour",
    "ContourPattern",
    "CosinePattern",
    "Orbex",
    "PhaseShift",
    "RinexClk",
    "RinexEvent",
    "RinexObs",
    "RinexObsHeader",
    "ScannedElements",
    "Sinex",
    "SinexEccentricity",
    "SinexEquipment",
    "SinexSite",
    "SinexSpan",
    "Sp3",
    "SystemObs",
    "parse_omm",
    "parse_rinex_obs",
    "parse_tle",
    "read_antex",
    "read_bias_sinex",
    "read_clk",
    "read_grasp_grd",
    "read_gxt",
    "read_omm",
    "read_orbex",
    "read_pattern_csv",
    "read_pattern_mat",
    "read_rinex_obs",
    "read_sinex",
    "read_sp3",
    "read_tle",
    "scan_omm",
    "scan_tle",
    "splice_rinex_obs",
    "write_antex",
    "write_bias_sinex",
    "write_clk",
    "write_rinex_obs",
    "write_sinex",
    "write_sp3_c",
    "write_sp3_d",
]
