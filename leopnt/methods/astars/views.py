"""Which satellites of real or planned constellations a surface or a receiver sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.geometry import Dop
from leopnt.methods.astars.arrival import turned_to_arrival
from leopnt.methods.astars.dop import Axes, local_axes, surface_dop
from leopnt.methods.astars.joint_model import DIRECT
from leopnt.methods.astars.sector import Panel, Sector, panel_facing, whole_sky
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.visible import find_visible, slot_bucket

Ephemerides = Ephemeris | Sequence[Ephemeris]


class SatellitesInView(NamedTuple):
    """Satellites over a place, (epoch, slot), those in view first and of them the highest first.

    Attributes:
        ephemeris, sat_index: which ephemeris, and which satellite of it.
        visible: False marks padding, which holds a harmless satellite.
        sat_pos_ecef_m, sat_vel_ecef_mps: at transmission, in the axes of the epoch of arrival.
            Velocities are the ephemeris' own; those of SGP4 differ from the change of its positions
            by 2 to 20 mm/s, so Dopplers take theirs from `received`.
        az_rad, el_rad: azimuth from north over east, elevation without refraction.
        place_ecef_m: whose view it is.
    """

    ephemeris: Int[np.ndarray, "*epoch slot"]
    sat_index: Int[np.ndarray, "*epoch slot"]
    visible: Bool[np.ndarray, "*epoch slot"]
    sat_pos_ecef_m: Float[np.ndarray, "*epoch slot 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "*epoch slot 3"]
    az_rad: Float[np.ndarray, "*epoch slot"]
    el_rad: Float[np.ndarray, "*epoch slot"]
    place_ecef_m: Float[np.ndarray, "3"]

    @property
    def num_visible(self) -> Int[np.ndarray | np.integer, "*epoch"]:
        """Satellites in view at each epoch."""
        return np.sum(self.visible, axis=-1)

    def dop(self, axes: Axes = local_axes) -> Dop:
        """DOP at the place for each epoch, NaN with fewer than four satellites."""
        return surface_dop(self.sat_pos_ecef_m, self.place_ecef_m, axes, visible=self.visible)


class Routes(NamedTuple):
    """Which satellite, and which surface it comes by: (link,) each.

    ephemeris, sat_index: the satellite. surface: number of the surface, `DIRECT` for none.
    """

    ephemeris: Int[np.ndarray, " link"]
    sat_index: Int[np.ndarray, " link"]
    surface: Int[np.ndarray, " link"]


def panel_view(
    ephemerides: Ephemerides, panel: Panel, epoch: Epoch, sector: Sector | None = None
) -> SatellitesInView:
    """Satellites that a panel sees: in front of it, in the sector, above the mask.

    Args:
        ephemerides: one or more, their spans hold the epochs and the flight before.
        epoch: of arrival at the panel, one or (epoch,).
        sector: default all that is in front of the panel, 10 degrees and up.

    Raises:
        LeopntError: no ephemeris, an epoch outside of one.
    """
    sector = whole_sky() if sector is None else sector
    return _in_view(ephemerides, panel, epoch, sector, facing=panel.normal_ecef)


def open_view(
    ephemerides: Ephemerides,
    rx_pos_ecef_m: Float[ArrayLike, "3"],
    epoch: Epoch,
    sector: Sector | None = None,
) -> SatellitesInView:
    """Satellites that a receiver sees without any surface: `panel_view` without a panel.

    Args:
        sector: default all azimuths, 10 degrees and up.
    """
    place = panel_facing(rx_pos_ecef_m, 0.0, 0.5 * np.pi)
    sector = whole_sky() if sector is None else sector
    return _in_view(ephemerides, place, epoch, sector, facing=np.zeros(3))


def routes(views: Sequence[SatellitesInView], direct: SatellitesInView | None = None) -> Routes:
    """All satellites of one epoch: surface k relays those of view k, the last come directly.

    Raises:
        LeopntError: views of more than one epoch; no satellite at all.
    """
    parts = [(view, number) for number, view in enumerate(views)]
    parts += [] if direct is None else [(direct, DIRECT)]
    if any(view.visible.ndim != 1 for view, _ in parts):
        raise LeopntError("views: hold several epochs; expected views of one epoch.")
    seen = [(v.ephemeris[v.visible], v.sat_index[v.visible], number) for v, number in parts]
    if not sum(index.size for _, index, _ in seen):
        raise LeopntError("views: no satellite is in view.")
    return Routes(
        np.concatenate([source for source, _, _ in seen]),
        np.concatenate([index for _, index, _ in seen]),
        np.concatenate([np.full(index.size, number) for _, index, number in seen]),
    )


def as_sequence(ephemerides: Ephemerides) -> tuple[Ephemeris, ...]:
    """One or more ephemerides as a tuple."""
    every = (ephemerides,) if isinstance(ephemerides, Ephemeris) else tuple(ephemerides)
    if not every:
        raise LeopntError("ephemerides: none; expected one or more.")
    return every


def _in_view(
    ephemerides: Ephemerides, panel: Panel, epoch: Epoch, sector: Sector, facing: np.ndarray
) -> SatellitesInView:
    place, axes = np.asarray(panel.pos_ecef_m, float), panel.enu_axes
    count = int(np.prod(epoch.shape))
    columns = []
    for number, ephemeris in enumerate(as_sequence(ephemerides)):
        times = np.reshape(ephemeris.seconds(epoch), -1)
        seen = find_visible(
            ephemeris,
            times,
            np.broadcast_to(place, (1, count, 3)),
            np.broadcast_to(axes, (1, count, 3, 3)),
            sector.mask_rad,
        )
        flat = np.cos(seen.el_rad)
        enu = np.stack([flat * np.sin(seen.az_rad), flat * np.cos(seen.az_rad)], axis=-1)
        toward = np.concatenate([enu, np.sin(seen.el_rad)[..., None]], axis=-1) @ axes
        front = (toward @ facing > 0.0) | ~np.any(facing)
        visible = seen.visible & front & sector.contains(seen.az_rad, seen.el_rad)
        columns.append([np.full(visible.shape, number), seen.sat_index, visible, *seen[2:]])
    merged = [np.concatenate(parts, axis=1) for parts in zip(*columns, strict=True)]
    return _view(_sorted(merged), place, epoch.shape)


def _sorted(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Those in view to the front, the highest first, and slots that nobody fills cut off."""
    visible, el_rad = columns[2], columns[6]
    order = np.argsort(np.where(visible, -el_rad, np.inf), axis=1, kind="stable")
    order = order[:, : slot_bucket(int(np.sum(visible, axis=1).max(initial=0)))]
    rows = np.arange(len(order))[:, None]
    return [column[rows, order] for column in columns]


def _view(columns: list[np.ndarray], place: np.ndarray, batch: tuple[int, ...]):
    number, sat_index, visible, pos, vel, az_rad, el_rad = columns
    flat = (pos.reshape(-1, 3), vel.reshape(-1, 3))
    arrived = turned_to_arrival(*flat, np.broadcast_to(place, flat[0].shape))
    turned = [np.asarray(x).reshape(pos.shape) for x in arrived[:2]]
    shaped = [number, sat_index, visible, *turned, az_rad, el_rad]
    return SatellitesInView(*(x.reshape(*batch, *x.shape[1:]) for x in shaped), place_ecef_m=place)
