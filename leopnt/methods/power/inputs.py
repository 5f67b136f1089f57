"""What fixes accept: powers in dBW, one row per user, one column per beam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from leopnt.antennas._inputs import check_finite
from leopnt.errors import LeopntError
from leopnt.methods.power.link import PowerScene

_LOUDEST_DBW = -60.0


class Powers(NamedTuple):
    """Checked powers; 0 W (-infinity) never, -999 dBW where a beam was not transmitted."""

    power_dbw: Float[np.ndarray, "user beam"]
    transmitted: Bool[np.ndarray, "user beam"]


def check_powers(
    scene: PowerScene, power_dbw: ArrayLike, transmitted: ArrayLike | None = None
) -> Powers:
    """Refuse powers that no receiver reports.

    Args:
        power_dbw: measured, (user, beam) [dBW].
        transmitted: False where a beam was not sent, (beam,) or (user, beam); its power does not
            count. A beam that was sent and is below the noise is no such beam.

    Raises:
        LeopntError: another number of beams than the antenna has, NaN or infinity (the beam is
            named), above 0 dBW or between -60 and 0 dBW.
    """
    found, beams = np.array(power_dbw, float), scene.antenna.num_beams
    if found.ndim != 2 or found.shape[1] != beams or not found.shape[0]:
        raise LeopntError(f"power_dbw has shape {found.shape}; accepted: (user, {beams}).")
    mask = _mask(transmitted, found.shape)
    bad = mask & ~np.isfinite(found)
    if np.any(bad):
        user, beam = np.argwhere(bad)[0]
        raise LeopntError(
            f"power_dbw of user {user}, beam {beam} is {found[user, beam]:g}; expected a finite "
            "number; mark beams that were not sent in `transmitted`."
        )
    found[~mask] = -999.0
    if np.any(found > 0.0):
        user, beam = np.argwhere(found > 0.0)[0]
        raise LeopntError(
            f"power_dbw = {found[user, beam]:g} dBW of user {user}, beam {beam}: expected a "
            "received power, below -60 dBW; a loss with a positive sign?"
        )
    if np.any(found > _LOUDEST_DBW):
        user, beam = np.argwhere(found > _LOUDEST_DBW)[0]
        raise LeopntError(
            f"power_dbw = {found[user, beam]:g} dBW of user {user}, beam {beam}: expected less "
            "than -60 dBW; dBm (subtract 30), or gain over a reference?"
        )
    return Powers(found, mask)


def powers_of_beams(scene: PowerScene, beam: Sequence[int], power_dbw: Sequence[float]) -> Powers:
    """One user's powers from a list of beams; the others count as not transmitted.

    Args:
        beam: 0-based numbers, each once.
        power_dbw: in the same order.

    Raises:
        LeopntError: unequal lengths, a beam that the antenna has not, a beam twice; as
            `check_powers`.
    """
    beams = scene.antenna.num_beams
    if len(beam) != len(power_dbw):
        raise LeopntError(f"beam has {len(beam)} entries, power_dbw {len(power_dbw)}.")
    row, mask = np.zeros((1, beams)), np.zeros((1, beams), bool)
    for number, power in zip(beam, power_dbw, strict=True):
        if not 0 <= number < beams:
            raise LeopntError(f"beam = {number}: expected 0 to {beams - 1}, as the antenna has.")
        if mask[0, number]:
            raise LeopntError(f"beam = {number} occurs twice; expected one power per beam.")
        row[0, number], mask[0, number] = power, True
    return check_powers(scene, row, mask)


def check_sensitivity(sensitivity_dbw: float) -> None:
    """Refuse a threshold that is no number."""
    check_finite("dBW", sensitivity_dbw=sensitivity_dbw)


def check_angles(users: int, **named: ArrayLike) -> list[np.ndarray]:
    """Angles [rad] as one finite number per user; the keyword is the argument's name."""
    out = []
    for name, value in named.items():
        found = np.asarray(value, float)
        if found.shape not in ((), (users,)):
            raise LeopntError(f"{name} has shape {found.shape}; accepted: ({users},), as users.")
        if not np.all(np.isfinite(found)):
            raise LeopntError(f"{name} holds NaN or infinity; expected angles in rad.")
        out.append(np.broadcast_to(found, (users,)).copy())
    return out


def _mask(transmitted: ArrayLike | None, shape: tuple[int, ...]) -> Bool[np.ndarray, "user beam"]:
    if transmitted is None:
        return np.ones(shape, bool)
    mask = np.asarray(transmitted)
    if mask.dtype != bool or mask.shape not in (shape, shape[1:]):
        raise LeopntError(
            f"transmitted has type {mask.dtype} and shape {mask.shape}; accepted: bool, {shape} or "
            f"{shape[1:]}."
        )
    return np.broadcast_to(mask, shape).copy()
