"""A receiver position from logged Doppler: `fix(log, options)`."""

from leopnt.methods.doppler_fix import simulate
from leopnt.methods.doppler_fix.model import (
    FIRST_ORDER,
    RELATIVISTIC,
    DopplerLink,
    DopplerShared,
    DopplerTheta,
)
from leopnt.methods.doppler_fix.options import (
    FIELDS,
    CommonSigma,
    EphemerisAgeing,
    FixOptions,
    GivenSigma,
    Height,
    PerSatelliteSigma,
)
from leopnt.methods.doppler_fix.result import DopplerFix
from leopnt.methods.doppler_fix.search import search_globe
from leopnt.methods.doppler_fix.solve import fix, problem
from leopnt.methods.doppler_fix.verdict import Alternative

__all__ = [
    "FIELDS",
    "FIRST_ORDER",
    "RELATIVISTIC",
    "Alternative",
    "CommonSigma",
    "DopplerFix",
    "DopplerLink",
    "DopplerShared",
    "DopplerTheta",
    "EphemerisAgeing",
    "FixOptions",
    "GivenSigma",
    "Height",
    "PerSatelliteSigma",
    "fix",
    "problem",
    "search_globe",
]
