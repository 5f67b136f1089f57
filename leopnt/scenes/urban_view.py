"""Which satellites a receiver in a city gets, directly or by way of panels."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.errors import LeopntError
from leopnt.geometry.buildings import Buildings, is_blocked
from leopnt.geometry.light_time import flight_time, rotate_earth
from leopnt.geometry.panels import Panel, panel_sees, panel_serves
from leopnt.geometry.visibility import pad_visible
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.urban_site import UrbanSite
from leopnt.scenes.visible import find_visible

MAX_PER_PANEL = 8
"""Satellites that share a panel by sub-arrays, by default."""


class UrbanSky(NamedTuple):
    """Satellites above the mask over the origin of a site, the highest first.

    time_s: of the epochs, since the ephemeris' reference; sat_index: of the ephemeris; up: False
    where a slot is empty; sat_pos_ecef_m: at transmission, in ECEF axes of reception; az_rad,
    el_rad: at the origin.
    """

    time_s: Float[np.ndarray, " epoch"]
    sat_index: Int[np.ndarray, "epoch sat"]
    up: Bool[np.ndarray, "epoch sat"]
    sat_pos_ecef_m: Float[np.ndarray, "epoch sat 3"]
    az_rad: Float[np.ndarray, "epoch sat"]
    el_rad: Float[np.ndarray, "epoch sat"]


class UrbanLinks(NamedTuple):
    """Links of places in a city at several epochs, padded to one number.

    sat: place in the `UrbanSky` of each link; surface: number of its panel, -1 for none; used:
    False where there is no link; sat_pos_ecef_m: of each link; rx_enu_m: of the receiver; direct:
    satellites in view without a panel; fed: satellites that each panel relays; served: panels that
    each place gets.
    """

    sat: Int[np.ndarray, "epoch place link"]
    surface: Int[np.ndarray, "epoch place link"]
    used: Bool[np.ndarray, "epoch place link"]
    sat_pos_ecef_m: Float[np.ndarray, "epoch place link 3"]
    rx_enu_m: Float[np.ndarray, "epoch place 3"]
    direct: Bool[np.ndarray, "epoch place sat"]
    fed: Bool[np.ndarray, "epoch panel sat"]
    served: Bool[np.ndarray, "epoch place panel"]

    @property
    def num_direct(self) -> Int[np.ndarray, "epoch place"]:
        """Satellites without a panel."""
        return np.sum(self.used & (self.surface < 0), axis=-1)

    @property
    def num_relayed(self) -> Int[np.ndarray, "epoch place"]:
        """Satellites by way of panels, once for each panel."""
        return np.sum(self.used & (self.surface >= 0), axis=-1)

    @property
    def num_surfaces(self) -> Int[np.ndarray, "epoch place"]:
        """Panels that relay at least one satellite to the place."""
        of = self.surface[..., None] == np.arange(self.fed.shape[1])
        return np.sum(np.any(of & self.used[..., None], axis=-2), axis=-1)

    def without_panels(self) -> UrbanLinks:
        """The same with direct satellites only."""
        return self._replace(used=self.used & (self.surface < 0))

    def of_panels(self, kept: Bool[np.ndarray, " panel"]) -> UrbanLinks:
        """The same with some of the panels."""
        own = np.append(np.asarray(kept, bool), True)  # the last one: number -1, no panel
        return self._replace(used=self.used & own[self.surface])


def urban_sky(
    site: UrbanSite, ephemeris: Ephemeris, time_s: Float[np.ndarray, " epoch"], mask_rad: float
) -> UrbanSky:
    """Satellites over a site, buildings aside.

    Directions differ over a site of a few hundred meters by less than 0.1 deg in LEO; `urban_links`
    counts them from each place itself.

    Args:
        time_s: of reception.
        mask_rad: lowest elevation at the origin of the site.

    Raises:
        LeopntError: times outside the ephemeris, or in its first second, where signals arrive that
            were sent before it.
    """
    times = np.asarray(time_s, float)
    first_s, last_s = float(ephemeris.start_s) + 1.0, float(ephemeris.end_s)
    if not np.all((times >= first_s) & (times <= last_s)):
        raise LeopntError(
            f"time_s: {np.min(times):g} s to {np.max(times):g} s; the ephemeris gives signals that "
            f"arrive from {first_s:g} s to {last_s:g} s."
        )
    origin, axes = site.place.pos_ecef_m, site.enu_axes
    places = np.broadcast_to(origin, (1, len(times), 3))
    turned = np.broadcast_to(axes, (1, len(times), 3, 3))
    seen = find_visible(ephemeris, times, places, turned, mask_rad)
    arriving = arriving_positions(seen.sat_pos_ecef_m, origin)
    return UrbanSky(times, seen.sat_index, seen.visible, arriving, seen.az_rad, seen.el_rad)


def arriving_positions(
    sat_pos_ecef_m: Float[np.ndarray, "epoch sat 3"], rx_pos_ecef_m: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "epoch sat 3"]:
    """Positions at transmission in ECEF axes of reception, from those in axes of transmission."""
    return np.asarray(_turned(jnp.asarray(sat_pos_ecef_m), jnp.asarray(rx_pos_ecef_m)))


def urban_links(
    site: UrbanSite,
    sky: UrbanSky,
    rx_enu_m: Float[np.ndarray, "epoch place 3"],
    *,
    max_per_panel: int = MAX_PER_PANEL,
) -> UrbanLinks:
    """Direct and relayed links of places at all epochs of a sky.

    Nothing bends around corners, and walls reflect nothing; a panel counts as its middle.

    Args:
        rx_enu_m: receivers in the axes of the site; one epoch stands for all.
        max_per_panel: a panel relays so many of the satellites it sees, from the highest down.

    Raises:
        LeopntError: another number of epochs; `max_per_panel` below 1.
    """
    num_epochs = len(sky.time_s)
    rx = np.asarray(rx_enu_m, float)
    if rx.ndim != 3 or rx.shape[2] != 3 or rx.shape[0] not in (1, num_epochs):
        raise LeopntError(
            f"rx_enu_m has shape {rx.shape}; expected ({num_epochs}, place, 3), or 1 epoch for all."
        )
    if max_per_panel < 1:
        raise LeopntError(f"max_per_panel = {max_per_panel}: expected 1 or more.")
    rx = np.array(np.broadcast_to(rx, (num_epochs, *rx.shape[1:])))
    sat_enu = site.to_enu(sky.sat_pos_ecef_m)
    direct, fed, served = _masks(site, sky, sat_enu, rx)
    fed = fed & (np.cumsum(fed, axis=-1) <= max_per_panel)
    relayed = served[..., None] & fed[:, None]
    every = np.concatenate([direct[:, :, None], relayed], axis=2)
    flat = every.reshape(*every.shape[:2], -1)
    index, used = pad_visible(flat, _bucket(int(flat.sum(axis=-1).max(initial=0))))
    sat, surface = index % every.shape[3], index // every.shape[3] - 1
    pos = sky.sat_pos_ecef_m[np.arange(num_epochs)[:, None, None], sat]
    return UrbanLinks(sat, surface, used, pos, rx, direct, fed, served)


def _bucket(count: int) -> int:
    """Width of the link axis: a multiple of 8, so that few kernels are compiled."""
    return max(8, -(-count // 8) * 8)


def _masks(site: UrbanSite, sky: UrbanSky, sat_enu, rx):
    """Direct (epoch, place, sat), fed (epoch, panel, sat), served (epoch, place, panel)."""
    buildings, panels = site.buildings, site.panel_stack
    rows = []
    for epoch in range(len(rx)):  # one after the other bounds the memory
        kernel = _masks_kernel(buildings, panels, sat_enu[epoch], rx[epoch])
        rows.append([np.asarray(one) for one in kernel])
    direct, fed, served = (np.stack(one) for one in zip(*rows, strict=True))
    return direct & sky.up[:, None], fed & sky.up[:, None], served


@jax.jit
def _masks_kernel(buildings: Buildings, panels: Panel, sat_enu, rx):
    def toward(start):
        offset = sat_enu - start[None, :]
        return offset / jnp.sqrt(jnp.sum(offset * offset, axis=1, keepdims=True))

    def from_place(place):
        over_sats = jax.vmap(lambda direction: ~is_blocked(buildings, place, direction))
        over_panels = jax.vmap(lambda panel: panel_serves(panel, buildings, place))
        return over_sats(toward(place)), over_panels(panels)

    def from_panel(panel):
        return jax.vmap(lambda d: panel_sees(panel, buildings, d))(toward(panel.center_m))

    direct, served = jax.vmap(from_place)(rx)
    return direct, jax.vmap(from_panel)(panels), served


@jax.jit
def _turned(sat_pos_ecef_m, rx_pos_ecef_m):
    def one(sat):
        return rotate_earth(sat, flight_time(sat, rx_pos_ecef_m))

    return jax.vmap(jax.vmap(one))(sat_pos_ecef_m)
