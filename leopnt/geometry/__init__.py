"""Pure geometry of one link: range, range rate, light time, visibility, DOP."""

from leopnt.geometry.buildings import Buildings, Prism, box, buildings_of, is_blocked, sees
from leopnt.geometry.dop import Dop, dop_from_cofactor, dop_pseudorange
from leopnt.geometry.light_time import flight_time, rotate_earth, transmission_time_offset
from leopnt.geometry.panels import (
    Panel,
    panel_sees,
    panel_serves,
    reflecting_panel,
    stack_panels,
    transmitting_panel,
)
from leopnt.geometry.range import (
    line_of_sight,
    range_in_flight,
    range_instantaneous,
    range_rate_in_flight,
    range_rate_instantaneous,
)
from leopnt.geometry.visibility import elevation_spherical, pad_visible, visible_above

__all__ = [
    "Buildings",
    "Dop",
    "Panel",
    "Prism",
    "box",
    "buildings_of",
    "dop_from_cofactor",
    "dop_pseudorange",
    "elevation_spherical",
    "flight_time",
    "is_blocked",
    "line_of_sight",
    "pad_visible",
    "panel_sees",
    "panel_serves",
    "range_in_flight",
    "range_instantaneous",
    "range_rate_in_flight",
    "range_rate_instantaneous",
    "reflecting_panel",
    "rotate_earth",
    "sees",
    "stack_panels",
    "transmission_time_offset",
    "transmitting_panel",
    "visible_above",
]
