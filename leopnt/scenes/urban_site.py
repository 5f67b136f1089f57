"""Places in a city: buildings, panels on their facades, and ways to walk, in local axes.

Axes are east, north and up of a place on the street. Azimuths count from north over east.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from leopnt.errors import LeopntError
from leopnt.frames.geodetic import enu_basis
from leopnt.geometry.buildings import Buildings, Prism, box, buildings_of
from leopnt.geometry.panels import Panel, reflecting_panel, stack_panels, transmitting_panel
from leopnt.scenes.sky_scene import Place

WALL_M = 0.2
"""Thickness of the walls of a room."""

HAND_HEIGHT_M = 1.5
"""Height of a receiver that is held in the hand."""


@dataclasses.dataclass(frozen=True)
class UrbanSite:
    """A piece of a city.

    Attributes:
        place: origin of the local axes, on the street.
        prisms: what blocks signals.
        panels: what relays them; at least one.
    """

    place: Place
    prisms: tuple[Prism, ...]
    panels: tuple[Panel, ...]

    def __post_init__(self):
        if not self.panels:
            raise LeopntError("panels: there is none; expected one or more.")

    @property
    def buildings(self) -> Buildings:
        """The prisms as arrays."""
        return buildings_of(self.prisms)

    @property
    def panel_stack(self) -> Panel:
        """The panels with a leading axis."""
        return stack_panels(self.panels)

    @property
    def enu_axes(self) -> Float[np.ndarray, "3 3"]:
        """Rows east, north and up in ECEF."""
        place = self.place
        return np.asarray(enu_basis(*np.radians([place.latitude_deg, place.longitude_deg])))

    def to_ecef(self, pos_enu_m: Float[ArrayLike, "*#batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """ECEF positions of places in the local axes."""
        return self.place.pos_ecef_m + np.asarray(pos_enu_m, float) @ self.enu_axes

    def to_enu(self, pos_ecef_m: Float[ArrayLike, "*#batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Places in the local axes of ECEF positions."""
        return (np.asarray(pos_ecef_m, float) - self.place.pos_ecef_m) @ self.enu_axes.T

    def is_open(self, pos_enu_m: Float[ArrayLike, "*batch 3"]) -> Bool[np.ndarray, "*batch"]:
        """Where there is no building."""
        faces, pos = self.buildings, np.asarray(pos_enu_m, float)
        height = np.einsum("...x,pfx->...pf", pos, faces.normal)
        return ~np.any(np.all(height < faces.offset_m, axis=-1), axis=-1)


@dataclasses.dataclass(frozen=True)
class FacadePanel:
    """Where a panel hangs in a street.

    Attributes:
        along_m: from the middle of the street, forward positive.
        right: on the right side, looking forward; else on the left.
        height_m: of its middle.
    """

    along_m: float
    right: bool
    height_m: float


def street_canyon(
    place: Place,
    panels: Sequence[FacadePanel],
    *,
    width_m: float = 20.0,
    height_m: float = 40.0,
    length_m: float = 200.0,
    azimuth_rad: float = 0.0,
    depth_m: float = 20.0,
    size_m: float = 5.0,
    reach_m: float = 150.0,
) -> UrbanSite:
    """A straight street between two rows of houses, with reflecting panels on the facades.

    Args:
        panels: where they hang.
        width_m: from facade to facade.
        height_m, length_m, depth_m: of each row.
        azimuth_rad: of the street, forward.
        size_m: width and height of each panel.
        reach_m: of each panel.

    Raises:
        LeopntError: no panel, one that is not on its facade, or sizes that are not above zero.
    """
    for name, value in {"width_m": width_m, "length_m": length_m, "depth_m": depth_m}.items():
        if not value > 0.0:
            raise LeopntError(f"{name} = {value:g}: expected a number above 0.")
    ahead = np.array([np.sin(azimuth_rad), np.cos(azimuth_rad), 0.0])
    right = np.array([ahead[1], -ahead[0], 0.0])
    rows = tuple(
        box(side * 0.5 * (width_m + depth_m) * right[:2], (length_m, depth_m), height_m,
            azimuth_rad=azimuth_rad)
        for side in (-1.0, 1.0)
    )  # fmt: skip
    found = []
    for one in panels:
        _check_on_facade(one, length_m, height_m, size_m)
        inward = -right if one.right else right
        center = one.along_m * ahead - inward * (0.5 * width_m - 0.1)
        center = center + np.array([0.0, 0.0, one.height_m])
        found.append(reflecting_panel(center, inward, size_m, size_m, reach_m=reach_m))
    return UrbanSite(place, rows, tuple(found))


def facade_room(
    place: Place,
    *,
    width_m: float = 12.0,
    depth_m: float = 15.0,
    height_m: float = 6.0,
    floor_m: float = 12.0,
    azimuth_rad: float = 0.0,
    size_m: float = 5.0,
    around: Sequence[Prism] = (),
) -> UrbanSite:
    """A closed room whose facade holds one transmitting panel, as a large window.

    The origin is on the street below the middle of the facade. Walls, floor and ceiling let nothing
    through; the panel fills its part of the facade.

    Args:
        width_m, depth_m, height_m: inside.
        floor_m: height of the floor.
        azimuth_rad: direction into which the facade looks.
        size_m: width and height of the panel.
        around: other buildings, such as those across the street.

    Raises:
        LeopntError: a panel that is larger than the facade.
    """
    if not 0.0 < size_m <= min(width_m, height_m):
        raise LeopntError(
            f"size_m = {size_m:g}: expected a panel that fits the facade of {width_m:g} m by "
            f"{height_m:g} m."
        )
    out = np.array([np.sin(azimuth_rad), np.cos(azimuth_rad)])
    right = np.array([out[1], -out[0]])
    w, top = WALL_M, floor_m + height_m

    def slab(inward_m, sideward_m, size, low_m, high_m):
        center = -inward_m * out + sideward_m * right
        return box(center, size, high_m - low_m, base_m=low_m, azimuth_rad=azimuth_rad)

    whole, middle, side_m = (depth_m + 2 * w, width_m + 2 * w), 0.5 * depth_m + w, width_m + w
    walls = (
        slab(middle, 0.0, whole, floor_m - w, floor_m),
        slab(middle, 0.0, whole, top, top + w),
        slab(0.5 * w, 0.0, (w, whole[1]), floor_m, top),
        slab(depth_m + 1.5 * w, 0.0, (w, whole[1]), floor_m, top),
        slab(middle, -0.5 * side_m, (depth_m, w), floor_m, top),
        slab(middle, 0.5 * side_m, (depth_m, w), floor_m, top),
    )
    center = np.array([*(-0.5 * w * out), floor_m + 0.5 * height_m])
    # A little thicker than the wall, so that signals start and end clear of it.
    panel = transmitting_panel(center, np.array([*out, 0.0]), size_m, size_m, thickness_m=1.5 * w)
    return UrbanSite(place, (*walls, *around), (panel,))


def city_block(
    place: Place,
    panels: Sequence[Panel],
    height_m: Float[ArrayLike, "north east"],
    *,
    building_m: tuple[float, float] = (60.0, 40.0),
    street_m: float = 20.0,
) -> UrbanSite:
    """Buildings on a grid with streets between them; the origin is the middle of the grid.

    Args:
        panels: in the local axes, such as `reflecting_panel` at a facade.
        height_m: of the buildings, rows from south to north.
        building_m: size of each, east and north.
        street_m: width of all streets.
    """
    heights = np.asarray(height_m, float)
    if heights.ndim != 2:
        raise LeopntError(f"height_m has shape {heights.shape}; expected (north, east).")
    east_m, north_m = building_m
    prisms = []
    for (north, east), height in np.ndenumerate(heights):
        at_east = (east - 0.5 * (heights.shape[1] - 1)) * (east_m + street_m)
        at_north = (north - 0.5 * (heights.shape[0] - 1)) * (north_m + street_m)
        prisms.append(box(np.array([at_east, at_north]), (north_m, east_m), float(height)))
    return UrbanSite(place, tuple(prisms), tuple(panels))


def walk(
    corners_enu_m: Float[ArrayLike, "corner 3"], speed_mps: float = 1.4, step_s: float = 1.0
) -> tuple[Float[np.ndarray, " epoch"], Float[np.ndarray, "epoch 3"]]:
    """Times since the start, and places, of somebody who walks from corner to corner.

    Raises:
        LeopntError: fewer than two corners, two that are the same, speed or step not above zero.
    """
    corners = np.asarray(corners_enu_m, float)
    legs = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    if len(corners) < 2 or not np.all(legs > 0.0):
        raise LeopntError("corners_enu_m: expected two or more, each apart from the one before.")
    for name, value in {"speed_mps": speed_mps, "step_s": step_s}.items():
        if not value > 0.0:
            raise LeopntError(f"{name} = {value:g}: expected a number above 0.")
    gone_m = np.concatenate([[0.0], np.cumsum(legs)])
    time_s = step_s * np.arange(int(gone_m[-1] / (speed_mps * step_s) + 1e-9) + 1)
    places = [np.interp(speed_mps * time_s, gone_m, corners[:, k]) for k in range(3)]
    return time_s, np.stack(places, axis=1)


def street_grid(
    site: UrbanSite,
    half_east_m: float,
    half_north_m: float,
    step_m: float,
    height_m: float = HAND_HEIGHT_M,
) -> tuple[Float[np.ndarray, "north east 3"], Bool[np.ndarray, "north east"]]:
    """Middles of square cells around the origin, and which of them are outdoors."""
    if not 0.0 < step_m <= 2.0 * min(half_east_m, half_north_m):
        raise LeopntError(f"step_m = {step_m:g}: expected above 0, and cells that fit.")
    east, north = (
        step_m * (np.arange(count) - 0.5 * (count - 1))
        for count in (int(2.0 * half / step_m + 1e-9) for half in (half_east_m, half_north_m))
    )
    e, n = np.meshgrid(east, north)
    places = np.stack([e, n, np.full(e.shape, height_m)], axis=-1)
    return places, site.is_open(places)


def _check_on_facade(one: FacadePanel, length_m: float, height_m: float, size_m: float) -> None:
    half = 0.5 * size_m
    if abs(one.along_m) + half > 0.5 * length_m or not half <= one.height_m <= height_m - half:
        raise LeopntError(
            f"panels: {one} of {size_m:g} m is not on a facade {length_m:g} m long and "
            f"{height_m:g} m high."
        )
