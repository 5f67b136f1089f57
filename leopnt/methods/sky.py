"""What is up over a place: directions, ranges and DOP of all satellites of a file over time."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

import leopnt
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import azel
from leopnt.frames.state import SatelliteState
from leopnt.geometry.dop import dop_pseudorange
from leopnt.geometry.range import range_instantaneous, range_rate_instantaneous
from leopnt.geometry.visibility import pad_visible
from leopnt.orbits.sgp4 import DAY_S
from leopnt.scenes.sky_scene import SkyScene

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

_TILE = 65_536
_DOP_TILE = 256


class LookAngles(NamedTuple):
    """Directions and ranges; all arrays share one shape.

    az_rad from north, clockwise, in [0, 2 pi); el_rad over the geodetic horizon; range_m;
    range_rate_mps positive receding. Geometry of one instant: no light time, no refraction.
    """

    az_rad: Float[np.ndarray, "*batch"]
    el_rad: Float[np.ndarray, "*batch"]
    range_m: Float[np.ndarray, "*batch"]
    range_rate_mps: Float[np.ndarray, "*batch"]


class DopHistory(NamedTuple):
    """Dilutions of precision of pseudoranges over time; NaN where they are not defined."""

    gdop: Float[np.ndarray, " epoch"]
    pdop: Float[np.ndarray, " epoch"]
    hdop: Float[np.ndarray, " epoch"]
    vdop: Float[np.ndarray, " epoch"]


@dataclasses.dataclass(frozen=True)
class SkyView:
    """Satellites that rise above the mask at some epoch.

    Attributes:
        scene: what was looked at.
        names, norad_cat_id: (sat,) of those satellites, in file order; number 0 where unknown.
        look: arrays over (sat, epoch), NaN where a satellite has no state.
        visible: (sat, epoch) at or above the mask.
        dop: over the visible satellites.
        num_satellites: in the file.
        warnings: sentences that the user should read.
    """

    scene: SkyScene
    names: tuple[str, ...]
    norad_cat_id: Int[np.ndarray, " sat"]
    look: LookAngles
    visible: Bool[np.ndarray, "sat epoch"]
    dop: DopHistory
    num_satellites: int
    warnings: tuple[str, ...]

    def to_dataset(self) -> xr.Dataset:
        """The sky as an `xarray.Dataset` with units, for files and reports."""
        return _dataset(self)


def sky(scene: SkyScene, progress: Callable[[int, int], None] | None = None) -> SkyView:
    """Look at all satellites of a scene, keeping those that rise above the mask.

    Satellites are taken in blocks: beyond the result, memory does not grow with their number.

    Args:
        scene: satellites, place, epochs and mask.
        progress: called with satellites done and in all.

    Raises:
        LeopntError: no satellite has a state at any epoch (elements too old, or outside the table).
    """
    rx_pos_m, num_satellites = scene.place.pos_ecef_m, len(scene.satellites.names)
    kept: list[np.ndarray] = []
    looks: list[LookAngles] = []
    num_without = 0
    for block in scene.satellites.blocks(scene.epoch, scene.max_age_s):
        look = look_angles(block.state, rx_pos_m)
        rises = np.any(look.el_rad >= scene.mask_rad, axis=1)  # NaN is not
        kept.append(block.sat_index[rises])
        looks.append(LookAngles(*(column[rises] for column in look)))
        num_without += int(np.sum(~np.any(block.is_valid, axis=1)))
        if progress:
            progress(int(block.sat_index[-1]) + 1, num_satellites)
    if num_without == num_satellites:
        raise LeopntError(_nothing_there(scene))
    index = np.concatenate(kept)
    look = LookAngles(*(np.concatenate(columns) for columns in zip(*looks, strict=True)))
    visible = look.el_rad >= scene.mask_rad
    return SkyView(
        scene=scene,
        names=tuple(scene.satellites.names[i] for i in index),
        norad_cat_id=scene.satellites.norad_cat_id[index],
        look=look,
        visible=visible,
        dop=dop_history(look.az_rad, look.el_rad, visible),
        num_satellites=num_satellites,
        warnings=_left_out(scene, num_without, num_satellites),
    )


def look_angles(state: SatelliteState, rx_pos_ecef_m: Float[np.ndarray, "3"]) -> LookAngles:
    """Azimuth, elevation, range and range rate of states of any batch shape, in tiles."""
    shape = np.shape(state.pos_ecef_m)[:-1]
    pos_m = np.reshape(state.pos_ecef_m, (-1, 3))
    vel_mps = np.reshape(state.vel_ecef_mps, (-1, 3))
    out = np.empty((4, len(pos_m)))
    for first in range(0, len(pos_m), _TILE):
        part = slice(first, first + _TILE)
        count = len(pos_m[part])
        tile = _look_kernel(_filled(pos_m[part]), _filled(vel_mps[part]), rx_pos_ecef_m)
        out[:, part] = np.stack(tile)[:, :count]
    return LookAngles(*(column.reshape(shape) for column in out))


def dop_history(
    az_rad: Float[np.ndarray, "sat epoch"],
    el_rad: Float[np.ndarray, "sat epoch"],
    visible: Bool[np.ndarray, "sat epoch"],
) -> DopHistory:
    """DOP of the visible satellites at every epoch."""
    num_epochs = visible.shape[1]
    out = np.full((4, num_epochs), np.nan)
    most = int(visible.sum(axis=0).max(initial=0))
    if most < 4:
        return DopHistory(*out)
    num_slots = 8 * 2 ** max(0, int(np.ceil(np.log2(most / 8))))  # few shapes to compile
    for first in range(0, num_epochs, _DOP_TILE):
        part = slice(first, first + _DOP_TILE)
        at = np.arange(num_epochs)[part]
        slot, filled = pad_visible(visible[:, part].T, min(num_slots, len(visible)))
        az, el = (column[slot, at[:, None]] for column in (az_rad, el_rad))
        grow = ((0, _DOP_TILE - len(at)), (0, num_slots - slot.shape[1]))
        found = _dop_kernel(
            np.pad(np.where(filled, az, 0.0), grow),
            np.pad(np.where(filled, el, 0.0), grow),
            np.pad(filled, grow),
        )
        out[:, part] = np.stack(found[:4])[:, : len(at)]
    return DopHistory(*out)


@jax.jit
def _look_kernel(pos_m, vel_mps, rx_pos_m):
    def one(pos, vel):
        az, el = azel(pos, rx_pos_m)
        at_rest = jax.numpy.zeros(3)
        rate = range_rate_instantaneous(pos, vel, rx_pos_m, at_rest)
        return az, el, range_instantaneous(pos, rx_pos_m), rate

    return jax.vmap(one)(pos_m, vel_mps)


_dop_kernel = jax.jit(jax.vmap(dop_pseudorange))


def _filled(part: np.ndarray) -> np.ndarray:
    """A tile of fixed size; what is added is computed and thrown away."""
    return np.concatenate([part, np.full((_TILE - len(part), 3), 1e7)])


def _left_out(scene: SkyScene, num_without: int, num_satellites: int) -> tuple[str, ...]:
    if not num_without:
        return ()
    return (
        f"{num_without} of {num_satellites} satellites were left out: no state within "
        f"{scene.max_age_s / DAY_S:g} days of their elements, or decayed, or not in the table.",
    )


def _nothing_there(scene: SkyScene) -> str:
    file, first = scene.satellites, scene.epoch[0]
    days = float(first.since(file.epoch)) / DAY_S
    return (
        f"none of the {len(file.names)} satellites has a state between "
        f"{first.to_iso(digits=0)} and {scene.epoch[-1].to_iso(digits=0)}: the file is of "
        f"{file.epoch.to_iso(digits=0)}, {abs(days):.1f} days {'earlier' if days > 0 else 'later'},"
        f" and elements may be {scene.max_age_s / DAY_S:g} days old. Choose a start near that "
        "date, take elements of the date, or raise max_age_days."
    )


def _dataset(view: SkyView) -> xr.Dataset:
    import xarray as xr

    both, place = ("satellite", "epoch"), view.scene.place
    variables = {
        "satellite": ("satellite", np.array(view.names, dtype=str), "satellite", ""),
        "epoch_utc": ("epoch", view.scene.epoch.to_iso(), "epoch, UTC", ""),
        "elevation_deg": (both, np.degrees(view.look.el_rad), "elevation", "deg"),
        "azimuth_deg": (both, np.degrees(view.look.az_rad), "azimuth from north", "deg"),
        "range_km": (both, view.look.range_m / 1e3, "range", "km"),
        "range_rate_mps": (both, view.look.range_rate_mps, "range rate, receding", "m/s"),
        "visible": (both, view.visible, "at or above the mask", ""),
        "num_visible": ("epoch", view.visible.sum(axis=0), "satellites above the mask", "1"),
    }
    for name, text in (
        ("gdop", "geometric"),
        ("pdop", "position"),
        ("hdop", "horizontal"),
        ("vdop", "vertical"),
    ):
        values = getattr(view.dop, name)
        variables[name] = ("epoch", values, f"{text} dilution of precision", "1")
    if np.any(view.norad_cat_id):
        variables["norad_cat_id"] = ("satellite", view.norad_cat_id, "catalogue number", "")
    described = {
        name: (dims, values, {"long_name": text, "units": unit})
        for name, (dims, values, text, unit) in variables.items()
    }
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    attributes = {
        "kind": "sky",
        "title": view.scene.title,
        "latitude_deg": place.latitude_deg,
        "longitude_deg": place.longitude_deg,
        "height_m": place.height_m,
        "mask_deg": float(np.degrees(view.scene.mask_rad)),
        "reference_epoch": str(view.scene.epoch[0].to_iso()),
        "num_satellites": view.num_satellites,
        "warnings": json.dumps(list(view.warnings)),
        "leopnt_version": leopnt.__version__,
        "created": now.isoformat(),
        "input_file": str(getattr(view.scene.satellites, "source", "")),
    }
    return xr.Dataset(described, attrs=attributes)
