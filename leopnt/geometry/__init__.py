"""Pure geometry of one link: range, range rate, light time, visibility, DOP."""

from leopnt.geometry.dop import Dop, dop_from_cofactor, dop_pseudorange
from leopnt.geometry.light_time import flight_time, rotate_earth, transmission_time_offset
from leopnt.geometry.range import (
    line_of_sight,
    range_in_flight,
    range_instantaneous,
    range_rate_in_flight,
    range_rate_instantaneous,
)
from leopnt.geometry.visibility import elevation_spherical, pad_visible, visible_above

__all__ = [
    "Dop",
    "dop_from_cofactor",
    "dop_pseudorange",
    "elevation_spherical",
    "flight_time",
    "line_of_sight",
    "pad_visible",
    "range_in_flight",
    "range_instantaneous",
    "range_rate_in_flight",
    "range_rate_instantaneous",
    "rotate_earth",
    "transmission_time_offset",
    "visible_above",
]
