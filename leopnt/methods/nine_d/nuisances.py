"""What is unknown besides position, rotation and velocity: offsets, clocks, phases."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from leopnt.methods.nine_d.scene import NineDScene


class Columns(NamedTuple):
    """How nuisance parameters act on what is observed.

    delay: d(observed delay) by each parameter, in seconds per SI unit; doppler: of the normalized
    Doppler; phase_rad: of the carrier phase of each link that is not delay, or None.
    """

    delay: Float[Array, "sat slot ant param"]
    doppler: Float[Array, "sat slot param"]
    phase_rad: Float[Array, "sat slot ant param"] | None = None


class AbstractNuisance(abc.ABC):
    """Unknown parameters that nobody asks for.

    Attributes:
        is_common: whether all satellites share them; else each satellite has its own, which no
            other satellite's links depend on.
    """

    name: str
    unit: str
    scale: float
    is_common: ClassVar[bool] = False

    @abc.abstractmethod
    def columns(self, scene: NineDScene) -> Columns:
        """Their columns of the Jacobian."""


@dataclasses.dataclass(frozen=True)
class TimeOffset(AbstractNuisance):
    """One time offset delta for each satellite: observed delay tau - delta.

    delta is minus the receiver clock bias of the rest of the library.
    """

    name = "time_offset_s"
    unit = "s"
    scale = 1e-9

    def columns(self, scene: NineDScene) -> Columns:
        each = _per_satellite(scene)
        return Columns(-each[:, None, None, :] * _ones(scene), _no_doppler(scene, len(each)))


@dataclasses.dataclass(frozen=True)
class CommonTimeOffset(AbstractNuisance):
    """One time offset for all satellites, which are synchronized: the receiver's clock."""

    name = "common_time_offset_s"
    unit = "s"
    scale = 1e-9
    is_common = True

    def columns(self, scene: NineDScene) -> Columns:
        return Columns(-_ones(scene), _no_doppler(scene, 1))


@dataclasses.dataclass(frozen=True)
class FrequencyOffset(AbstractNuisance):
    """One frequency offset eps for each satellite: observed nu - eps / f_c."""

    name = "freq_offset_hz"
    unit = "Hz"
    scale = 1.0

    def columns(self, scene: NineDScene) -> Columns:
        each = _per_satellite(scene)
        slots = jnp.ones((1, scene.snr.shape[1], 1))
        doppler = -each[:, None, :] * slots / scene.carrier_hz
        return Columns(_no_delay(scene, len(each)), doppler)


@dataclasses.dataclass(frozen=True)
class CommonFrequencyOffset(AbstractNuisance):
    """One frequency offset for all satellites, which are synchronized: the receiver's."""

    name = "common_freq_offset_hz"
    unit = "Hz"
    scale = 1.0
    is_common = True

    def columns(self, scene: NineDScene) -> Columns:
        doppler = -jnp.ones((*scene.snr.shape[:2], 1)) / scene.carrier_hz
        return Columns(_no_delay(scene, 1), doppler)


@dataclasses.dataclass(frozen=True)
class ClockDrift(AbstractNuisance):
    """One clock rate y for each satellite: delta grows by y T, and the frequency by f_c y.

    In place of `FrequencyOffset` it ties delay and Doppler together, as one oscillator does.
    """

    name = "clock_drift"
    unit = "1"
    scale = 1e-9

    def columns(self, scene: NineDScene) -> Columns:
        each, time = _per_satellite(scene), scene.slot_time_s
        delay = -each[:, None, None, :] * time[None, :, None, None] * _ones(scene)
        doppler = -each[:, None, :] * jnp.ones((1, len(time), 1))
        return Columns(delay, doppler)


@dataclasses.dataclass(frozen=True)
class CommonClockDrift(AbstractNuisance):
    """One clock rate for all synchronized satellites: the receiver's, as in `ClockDrift`."""

    name = "common_clock_drift"
    unit = "1"
    scale = 1e-9
    is_common = True

    def columns(self, scene: NineDScene) -> Columns:
        delay = -scene.slot_time_s[None, :, None, None] * _ones(scene)
        return Columns(delay, -jnp.ones((*scene.snr.shape[:2], 1)))


@dataclasses.dataclass(frozen=True)
class DopplerRate(AbstractNuisance):
    """One drift of the frequency offset for each satellite: eps grows by rate T."""

    name = "doppler_rate_hzps"
    unit = "Hz/s"
    scale = 1.0

    def columns(self, scene: NineDScene) -> Columns:
        each, time = _per_satellite(scene), scene.slot_time_s
        doppler = -each[:, None, :] * time[None, :, None] / scene.carrier_hz
        return Columns(_no_delay(scene, len(each)), doppler)


class AbstractPhase(AbstractNuisance):
    """Unknown carrier phases, one for each group of links. Without any the phase is `coherent`."""

    unit = "rad"
    scale = 1.0

    @abc.abstractmethod
    def groups(self, scene: NineDScene) -> Float[Array, "sat slot ant"]:
        """Number of the group of each link."""

    @abc.abstractmethod
    def num_groups(self, scene: NineDScene) -> int:
        """How many there are."""

    def columns(self, scene: NineDScene) -> Columns:
        size = self.num_groups(scene)
        member = self.groups(scene)[..., None] == jnp.arange(size)[None, None, None, :]
        nothing = _no_delay(scene, size)
        return Columns(nothing, _no_doppler(scene, size), jnp.where(member, 1.0, 0.0))


@dataclasses.dataclass(frozen=True)
class PhaseOfTrack(AbstractPhase):
    """One phase for each satellite: continuous over slots and antennas."""

    name = "phase_of_track_rad"

    def groups(self, scene: NineDScene):
        return jnp.broadcast_to(jnp.arange(scene.snr.shape[0])[:, None, None], scene.snr.shape)

    def num_groups(self, scene: NineDScene) -> int:
        return scene.snr.shape[0]


@dataclasses.dataclass(frozen=True)
class PhaseOfSlot(AbstractPhase):
    """One phase for each satellite and slot, common to the antennas."""

    name = "phase_of_slot_rad"

    def groups(self, scene: NineDScene):
        num_sat, num_slot, _ = scene.snr.shape
        number = jnp.arange(num_sat * num_slot).reshape(num_sat, num_slot, 1)
        return jnp.broadcast_to(number, scene.snr.shape)

    def num_groups(self, scene: NineDScene) -> int:
        return scene.snr.shape[0] * scene.snr.shape[1]


@dataclasses.dataclass(frozen=True)
class PhaseOfAntenna(AbstractPhase):
    """One phase for each satellite, slot and antenna: only the code tells delays."""

    name = "phase_of_antenna_rad"

    def groups(self, scene: NineDScene):
        return jnp.arange(scene.snr.size).reshape(scene.snr.shape)

    def num_groups(self, scene: NineDScene) -> int:
        return scene.snr.size


BOTH_OFFSETS = (TimeOffset(), FrequencyOffset())
"""What the seed takes as unknown: every satellite's time and frequency offset."""


def _per_satellite(scene: NineDScene) -> Float[Array, "sat sat"]:
    return jnp.eye(scene.snr.shape[0])


def _ones(scene: NineDScene) -> Float[Array, "sat slot ant 1"]:
    return jnp.ones((*scene.snr.shape, 1))


def _no_delay(scene: NineDScene, count: int) -> Float[Array, "sat slot ant param"]:
    return jnp.zeros((*scene.snr.shape, count))


def _no_doppler(scene: NineDScene, count: int) -> Float[Array, "sat slot param"]:
    return jnp.zeros((*scene.snr.shape[:2], count))
