"""Orbits: SGP4, Kepler with J2, tables, planned constellations; states for kernels.

Element sets load without JAX; the rest is imported on first use.
"""

import importlib
from typing import TYPE_CHECKING

from leopnt.orbits.elements import MeanElements, concatenate

if TYPE_CHECKING:
    from leopnt.orbits import constellations, kepler
    from leopnt.orbits.earth_spin import earth_rotation_vector, greenwich_angle, inertial_velocity
    from leopnt.orbits.ephemeris import Ephemeris
    from leopnt.orbits.even_steps import EvenSteps
    from leopnt.orbits.inertial_tables import InertialTable, inertial_table
    from leopnt.orbits.kepler import KeplerElements, advance
    from leopnt.orbits.linear_clocks import LinearClocks
    from leopnt.orbits.sgp4 import (
        AgeGate,
        AnyAge,
        DropOlderThan,
        Propagation,
        RefuseOlderThan,
        propagate,
        propagate_chunks,
    )
    from leopnt.orbits.tabulated import (
        InterpolatedStates,
        TabulatedOrbits,
        interpolate,
        interpolate_velocity_records,
        leave_one_out,
    )

_HOMES = {
    "AgeGate": "sgp4",
    "AnyAge": "sgp4",
    "DropOlderThan": "sgp4",
    "Propagation": "sgp4",
    "RefuseOlderThan": "sgp4",
    "propagate": "sgp4",
    "propagate_chunks": "sgp4",
    "Ephemeris": "ephemeris",
    "KeplerElements": "kepler",
    "advance": "kepler",
    "InterpolatedStates": "tabulated",
    "TabulatedOrbits": "tabulated",
    "interpolate": "tabulated",
    "interpolate_velocity_records": "tabulated",
    "leave_one_out": "tabulated",
    "EvenSteps": "even_steps",
    "InertialTable": "inertial_tables",
    "inertial_table": "inertial_tables",
    "LinearClocks": "linear_clocks",
    "earth_rotation_vector": "earth_spin",
    "greenwich_angle": "earth_spin",
    "inertial_velocity": "earth_spin",
}
_MODULES = ("constellations", "kepler")

__all__ = [
    "AgeGate",
    "AnyAge",
    "DropOlderThan",
    "Ephemeris",
    "EvenSteps",
    "InertialTable",
    "InterpolatedStates",
    "KeplerElements",
    "LinearClocks",
    "MeanElements",
    "Propagation",
    "RefuseOlderThan",
    "TabulatedOrbits",
    "advance",
    "concatenate",
    "constellations",
    "earth_rotation_vector",
    "greenwich_angle",
    "inertial_table",
    "inertial_velocity",
    "interpolate",
    "interpolate_velocity_records",
    "kepler",
    "leave_one_out",
    "propagate",
    "propagate_chunks",
]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
