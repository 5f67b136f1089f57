"""Settings and files to all that a study's kernels need: the one step from NumPy to JAX."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.constellation import load_satellites, start_of
from leopnt.scenes.settings import listed
from leopnt.scenes.study_checks import count_epochs, scene_problems
from leopnt.scenes.study_settings import SceneSettings, TimeSettings
from leopnt.scenes.users import place_users
from leopnt.scenes.visible import VisibleSatellites, find_visible, slot_bucket, with_slots


@dataclasses.dataclass(frozen=True, eq=False)
class StudyScene:
    """Users, epochs, and the satellites that each user sees at each epoch.

    A case is a user at an epoch, in the order (user 0, epoch 0), (user 0, epoch 1), ... Satellites
    of a case are sorted from the highest down and padded to one width, a multiple of 4; slots that
    are not `visible` hold some harmless state.

    Attributes:
        satellites: names, in the order of `ephemeris`.
        ephemeris: t_s counts from `reference`.
        users: names.
        reference: the epoch of time_s = 0.
        time_s: of the epochs.
        latitude_deg, longitude_deg, height_m: of the user in each case.
        rx_pos_ecef_m, rx_vel_ecef_mps: receiver; relative to the Earth.
        enu_axes: rows east, north and up in ECEF.
        sat_index: which satellite.
        visible: whether the slot is filled.
        sat_pos_ecef_m, sat_vel_ecef_mps: at TRANSMISSION, in ECEF axes of that instant, as
            `observables.pseudorange` takes them.
        az_rad, el_rad: direction from which the signal arrives, no refraction.
        mask_rad: lowest elevation.
        carrier_hz: transmitted.
        warnings: sentences that the user should read.
    """

    satellites: tuple[str, ...]
    ephemeris: Ephemeris
    users: tuple[str, ...]
    reference: Epoch
    time_s: Float[np.ndarray, " epoch"]
    latitude_deg: Float[np.ndarray, " case"]
    longitude_deg: Float[np.ndarray, " case"]
    height_m: Float[np.ndarray, " case"]
    rx_pos_ecef_m: Float[np.ndarray, "case 3"]
    rx_vel_ecef_mps: Float[np.ndarray, "case 3"]
    enu_axes: Float[np.ndarray, "case 3 3"]
    sat_index: Int[np.ndarray, "case slot"]
    visible: Bool[np.ndarray, "case slot"]
    sat_pos_ecef_m: Float[np.ndarray, "case slot 3"]
    sat_vel_ecef_mps: Float[np.ndarray, "case slot 3"]
    az_rad: Float[np.ndarray, "case slot"]
    el_rad: Float[np.ndarray, "case slot"]
    mask_rad: float
    carrier_hz: float
    warnings: tuple[str, ...] = ()

    @property
    def num_cases(self) -> int:
        """Users times epochs."""
        return len(self.users) * len(self.time_s)

    @property
    def user_index(self) -> Int[np.ndarray, " case"]:
        """Which user each case is about."""
        return np.repeat(np.arange(len(self.users)), len(self.time_s))

    @property
    def case_time_s(self) -> Float[np.ndarray, " case"]:
        """Time of each case since `reference`."""
        return np.tile(self.time_s, len(self.users))

    @property
    def num_visible(self) -> Int[np.ndarray, " case"]:
        """Satellites above the mask in each case."""
        return np.sum(self.visible, axis=1)

    def above(self, mask_deg: float) -> StudyScene:
        """The same scene under a higher mask, without a new search.

        Raises:
            LeopntError: the mask is lower than that of this scene, or 90 degrees and more.
        """
        mask_rad = math.radians(mask_deg)
        if not self.mask_rad <= mask_rad < 0.5 * math.pi:
            raise LeopntError(
                f"mask_deg = {mask_deg!r}: expected {math.degrees(self.mask_rad):g}, the mask that "
                "the scene was built with, to below 90."
            )
        kept = self.visible & (self.el_rad >= mask_rad)
        higher = dataclasses.replace(self, visible=kept, mask_rad=mask_rad)
        return higher.with_slots(slot_bucket(int(np.max(higher.num_visible))))

    def with_slots(self, num_slots: int) -> StudyScene:
        """The same scene with a wider or narrower satellite axis, for kernels of one shape.

        Raises:
            LeopntError: some case has more satellites than slots.
        """
        needed = max(int(np.max(self.num_visible)), 1)
        if num_slots < needed:
            raise LeopntError(
                f"num_slots = {num_slots}: expected {needed} or more, the most satellites that a "
                "case has."
            )
        columns = {name: getattr(self, name) for name in VisibleSatellites._fields}
        resized = {name: with_slots(values, num_slots) for name, values in columns.items()}
        return dataclasses.replace(self, **resized)


def build_scene(
    settings: SceneSettings, folder: str | Path, *, beyond_s: float = 0.0
) -> StudyScene:
    """Read what the settings name and find who sees what.

    Costs 70 bytes for each slot of each case. The satellites of the last few constellations and
    spans are kept: another mask, other users cost only the search; see also `StudyScene.above`.

    Args:
        settings: checked here, too.
        folder: what files are relative to.
        beyond_s: how far behind the last epoch the ephemeris must still reach.

    Raises:
        LeopntError: settings that do not fit together; satellites without states over the span;
            more cases than fit in memory.
    """
    folder = Path(folder)
    problems = list(scene_problems(settings.model_dump(exclude_unset=True), folder))
    if problems:
        raise LeopntError(listed("scene", problems))
    time_s = epochs_s(settings.time)
    span = settings.time.model_copy(update={"duration_s": settings.time.duration_s + beyond_s})
    satellites = load_satellites(settings.constellation, span, folder)
    users = place_users(settings.users, time_s)
    mask_rad = math.radians(settings.antenna.mask_deg)
    rx_pos_m, axes = users.pos_ecef_m, users.enu_axes
    visible = find_visible(satellites.ephemeris, time_s, rx_pos_m, axes, mask_rad)
    return StudyScene(
        satellites=satellites.names,
        ephemeris=satellites.ephemeris,
        users=users.names,
        reference=start_of(settings.time),
        time_s=time_s,
        latitude_deg=users.latitude_deg.ravel(),
        longitude_deg=users.longitude_deg.ravel(),
        height_m=users.height_m.ravel(),
        rx_pos_ecef_m=rx_pos_m.reshape(-1, 3),
        rx_vel_ecef_mps=users.vel_ecef_mps.reshape(-1, 3),
        enu_axes=axes.reshape(-1, 3, 3),
        **visible._asdict(),
        mask_rad=mask_rad,
        carrier_hz=settings.signal.carrier_hz,
        warnings=satellites.warnings,
    )


def epochs_s(time: TimeSettings) -> Float[np.ndarray, " epoch"]:
    """Seconds since the start of all epochs within the duration."""
    seconds = time.step_s * np.arange(count_epochs(time))
    return np.minimum(seconds, time.duration_s)  # 3 * 0.1 is more than 0.3
