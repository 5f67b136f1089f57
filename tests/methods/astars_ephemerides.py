"""Ephemerides over the worked case's surface: plans over a day, real satellites for ten minutes."""

import functools
from pathlib import Path

import numpy as np
from astars_worked_case import SURFACE_ECEF_M

from leopnt.epochs import Epoch
from leopnt.io.tle import read_tle
from leopnt.methods.astars import panel_facing
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.orbits.sgp4 import AnyAge

DATA = Path(__file__).parents[2] / "examples" / "data"
START = Epoch.from_iso("2025-12-28T12:00:00Z")
SPAN_S = 600.0
READING = START + 300.0
WEST = panel_facing(SURFACE_ECEF_M, np.radians(270.0))


@functools.cache
def real(name, span_s=SPAN_S):
    """Element sets of December 2025."""
    elements = read_tle(DATA / "tle_2025" / f"{name}.tle")
    return Ephemeris.from_sgp4(elements, START, span_s, age_gate=AnyAge())


def planned(constellation, span_s=86400.0):
    """A constellation as designed; what it spans is one day."""
    return Ephemeris.from_kepler(constellation.elements(), START, span_s, step_s=120.0)
