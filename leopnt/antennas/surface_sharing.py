"""One surface for many satellites: its elements shared out among them, or its time."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from leopnt.antennas._inputs import check_count
from leopnt.antennas._surface_inputs import check_phases, check_points, is_known, numbers
from leopnt.antennas.surface_relay import relay_power_ratio
from leopnt.antennas.surfaces import ActiveSurface
from leopnt.errors import LeopntError

Number = Float[Array, ""] | float


def block_sub_arrays(surface: ActiveSurface, num_sub_arrays: int) -> Int[np.ndarray, " ant"]:
    """To which sub-array each element belongs: adjacent strips of whole columns or rows.

    Strips run across the longer side; a strip has the full focal spot along it, and one that is
    wider by the number of strips across. Where the lines do not divide evenly the first strips
    have one more.

    Raises:
        LeopntError: more sub-arrays than lines of elements.
    """
    check_count(1, num_sub_arrays=num_sub_arrays)
    along_row = surface.num_columns >= surface.num_rows
    num_lines = surface.num_columns if along_row else surface.num_rows
    if num_sub_arrays > num_lines:
        raise LeopntError(
            f"num_sub_arrays = {num_sub_arrays}: expected at most {num_lines}, one line of "
            "elements each."
        )
    sizes = [len(part) for part in np.array_split(np.arange(num_lines), num_sub_arrays)]
    owner = np.repeat(np.arange(num_sub_arrays), sizes)
    if along_row:
        return np.tile(owner, surface.num_rows)
    return np.repeat(owner, surface.num_columns)


def interleaved_sub_arrays(surface: ActiveSurface, num_sub_arrays: int) -> Int[np.ndarray, " ant"]:
    """To which sub-array each element belongs: by turns along rows, shifted from row to row.

    Every sub-array spans the panel and keeps its focal spot; being sparse, it has grating lobes.

    Raises:
        LeopntError: more sub-arrays than elements.
    """
    check_count(1, num_sub_arrays=num_sub_arrays)
    if num_sub_arrays > surface.num_elements:
        raise LeopntError(
            f"num_sub_arrays = {num_sub_arrays}: expected at most {surface.num_elements}, one "
            "element each."
        )
    return np.arange(surface.num_elements) % num_sub_arrays


def shared_phases(
    profiles_rad: Float[ArrayLike, "sat ant"], owner: Int[ArrayLike, " ant"]
) -> Float[Array, " ant"]:
    """One profile of the panel: every element has the phase for its sub-array's satellite.

    Args:
        profiles_rad: as for the whole panel, one row per satellite.
        owner: row of each element, of `block_sub_arrays` or `interleaved_sub_arrays`.

    Raises:
        LeopntError: shapes that do not fit, an owner that is no row.
    """
    profiles, index = numbers("profiles_rad", profiles_rad), jnp.asarray(owner)
    if profiles.ndim != 2 or index.shape != profiles.shape[1:]:
        raise LeopntError(
            f"profiles_rad and owner have shapes {profiles.shape} and {index.shape}; accepted: "
            "(sat, ant) and (ant,)."
        )
    if is_known(index):
        _check_rows(np.asarray(index), len(profiles))
    return jnp.take_along_axis(profiles, index[None, :], axis=0)[0]


def cross_power_ratio(
    surface: ActiveSurface,
    profiles_rad: Float[ArrayLike, "profile ant"],
    sat_pos_ecef_m: Float[ArrayLike, "sat 3"],
    rx_pos_ecef_m: Float[ArrayLike, "3"],
    wavelength_m: Number,
) -> Float[Array, "profile sat"]:
    """Relayed over direct power of every satellite under every profile.

    Profiles that focus one satellite each have the diagonal high and side lobes beside it. Of
    time-shared panels, the row is the slot.
    """
    profiles = check_phases(surface, profiles_rad)
    satellites = check_points("sat_pos_ecef_m", sat_pos_ecef_m)
    if profiles.ndim != 2 or satellites.ndim != 2:
        raise LeopntError(
            f"profiles_rad and sat_pos_ecef_m have shapes {profiles.shape} and "
            f"{satellites.shape}; accepted: (profile, ant) and (sat, 3)."
        )
    return relay_power_ratio(
        surface, profiles[:, None, :], satellites[None], rx_pos_ecef_m, wavelength_m
    )


def _check_rows(owner: np.ndarray, num_rows: int) -> None:
    if owner.dtype.kind not in "iu" or owner.min() < 0 or owner.max() >= num_rows:
        raise LeopntError(
            f"owner holds {owner.dtype} from {owner.min()} to {owner.max()}; expected integers, "
            f"rows of profiles_rad, 0 to {num_rows - 1}."
        )
