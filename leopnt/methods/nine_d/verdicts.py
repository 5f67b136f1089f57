"""Can it be identified: formally, structurally, in practice; and if not, what is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from leopnt.errors import LeopntError, did_you_mean
from leopnt.inference.identifiability import (
    Direction,
    ExactInformation,
    ExactVerdict,
    Verdict,
    in_words,
)
from leopnt.methods.nine_d.bounds import LOCATION
from leopnt.methods.nine_d.exact import array_shape, formal_information, structural_information
from leopnt.methods.nine_d.nuisances import BOTH_OFFSETS, AbstractNuisance
from leopnt.methods.nine_d.scene import NineDScene
from leopnt.methods.nine_d.weak_directions import null_space_in_words, offsets_m, words_of

_UNITS: dict[str, str] = dict(zip(LOCATION, ("m", "rad", "m/s"), strict=True))


@dataclasses.dataclass(frozen=True)
class PracticalLimits:
    """Largest useful standard deviations (root sum of squares of 3 components).

    Beyond the defaults the linearization, and with it the bound, means nothing.

    Attributes:
        position_share: of the distance to the nearest satellite.
        rotation_rad: about any axes.
        velocity_mps: of the receiver.
    """

    position_share: float = 0.1
    rotation_rad: float = 1.0
    velocity_mps: float = 1000.0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise LeopntError(f"{field.name} = {value!r}: expected a number above 0.")

    def of(self, scene: NineDScene) -> dict[str, float]:
        """Limits by name of the unknown, SI."""
        limits = (self.position_share * _nearest_m(scene), self.rotation_rad, self.velocity_mps)
        return dict(zip(LOCATION, limits, strict=True))


@dataclasses.dataclass(frozen=True)
class PracticalVerdict:
    """Whether standard deviations are of any use.

    Attributes:
        sigma: by name of the unknown, root sum of squares, SI; inf where not determined.
        limit: largest useful one.
    """

    sigma: dict[str, float]
    limit: dict[str, float]

    @property
    def is_identifiable(self) -> bool:
        """True if all are below their limits."""
        return not self.too_large

    @property
    def too_large(self) -> tuple[str, ...]:
        """Unknowns whose sigma is beyond its limit."""
        return tuple(name for name in self.sigma if not self.sigma[name] < self.limit[name])


@dataclasses.dataclass(frozen=True, eq=False)
class Identifiability:
    """Answer to: can these unknowns be identified?

    Attributes:
        unknown: names, the rest of the location being known.
        formal: exact rank with spherical waves.
        structural: without what only the curvature of the wave over the array tells.
        practical: standard deviations against limits.
        condition: condition number of the rows with unit columns; inf if formally unidentifiable.
        weakest: a direction that shows nothing (if unidentifiable), or least.
        weakest_in_words: the same, such as "rotation about the array axis".
        reasons: sentences on what is missing or special.
    """

    unknown: tuple[str, ...]
    formal: ExactVerdict
    structural: ExactVerdict
    practical: PracticalVerdict
    condition: float
    weakest: Direction
    weakest_in_words: str
    reasons: tuple[str, ...]


def identifiability(
    scene: NineDScene,
    unknown: str | Sequence[str] = LOCATION,
    nuisances: Sequence[AbstractNuisance] = BOTH_OFFSETS,
    limits: PracticalLimits | None = None,
) -> Identifiability:
    """Judge whether position, rotation and velocity can be told from what is observed.

    Weak geometry is an answer, not an error: satellites at one place, antennas on a line or one
    alone, blocked satellites. Rotation is a small vector in global axes, so that a pitch of 90
    degrees is as good as any.

    Args:
        scene: of `nine_d_scene`.
        unknown: any of `LOCATION`; the others are taken as known.
        nuisances: what else is unknown; () for a synchronized, coherent system.
        limits: of the practical verdict.

    Raises:
        LeopntError: `unknown` names something else.
    """
    unknown, nuisances = _checked(unknown), tuple(nuisances)
    known = tuple(name for name in LOCATION if name not in unknown)
    drop = [one.name for one in nuisances]
    spherical, level = (
        exact(scene, nuisances).eliminated(drop).known(known)
        for exact in (formal_information, structural_information)
    )
    formal, structural, words = spherical.verdict(), level.verdict(), words_of(scene)
    practical = _practical(scene, spherical, limits or PracticalLimits())
    found = spherical.conditioning()
    if formal.null_space:
        said = null_space_in_words(formal.null_space, words)
    else:
        said = in_words(found.weakest, words)
    reasons = tuple(_reasons(scene, formal, structural, practical))
    return Identifiability(
        unknown, formal, structural, practical, found.number, found.weakest, said, reasons
    )


def _checked(unknown: str | Sequence[str]) -> tuple[str, ...]:
    names = (unknown,) if isinstance(unknown, str) else tuple(unknown)
    for name in names:
        if name not in LOCATION:
            raise LeopntError(
                f"unknown: {name!r} is none of {list(LOCATION)}." + did_you_mean(name, LOCATION)
            )
    if not names:
        raise LeopntError(f"unknown: name at least one of {list(LOCATION)}.")
    return tuple(name for name in LOCATION if name in names)


def _practical(
    scene: NineDScene, spherical: ExactInformation, limits: PracticalLimits
) -> PracticalVerdict:
    limit, names = limits.of(scene), spherical.unknowns.names
    sigma = {name: spherical.sigma(name) for name in names}
    return PracticalVerdict(sigma, {name: limit[name] for name in names})


def _nearest_m(scene: NineDScene) -> float:
    return float(np.min(np.linalg.norm(offsets_m(scene), axis=-1)))


def _reasons(
    scene: NineDScene, formal: ExactVerdict, structural: ExactVerdict, practical: PracticalVerdict
) -> Iterator[str]:
    yield from _satellite_reasons(scene)
    if "rotation_rad" in practical.sigma:
        yield from _array_reasons(scene)
    if "rx_vel_mps" in practical.sigma and not np.any(np.asarray(scene.slot_time_s)):
        yield "all slots are at one instant: the velocity shows in the Doppler alone."
    words = words_of(scene)
    if Verdict.UNDECIDED in (formal.verdict, structural.verdict):
        yield f"{Verdict.UNDECIDED.value}."
    if formal.null_space:
        yield f"nothing tells: {null_space_in_words(formal.null_space, words)}."
    elif structural.null_space:
        missing = null_space_in_words(structural.null_space, words)
        yield f"only the curvature of the wave over the array tells: {missing}."
    if not formal.null_space:
        for name in practical.too_large:
            unit = _UNITS[name]
            yield (
                f"the sigma of {name}, {practical.sigma[name]:.2g} {unit}, is beyond its limit of "
                f"{practical.limit[name]:.2g} {unit}."
            )


def _satellite_reasons(scene: NineDScene) -> Iterator[str]:
    has_link = np.any(np.asarray(scene.snr) > 0, axis=(1, 2))
    count = len(has_link)
    for b in np.flatnonzero(~has_link):
        yield f"satellite {b + 1} of {count} has no link and tells nothing."
    place, speed = np.asarray(scene.sat_pos_m), np.asarray(scene.sat_vel_mps)
    for a in np.flatnonzero(has_link):
        for b in np.flatnonzero(has_link[:a]):
            if np.array_equal(place[a], place[b]) and np.array_equal(speed[a], speed[b]):
                yield f"satellites {b + 1} and {a + 1} of {count} are at the same place."


def _array_reasons(scene: NineDScene) -> Iterator[str]:
    shape = array_shape(scene)
    if np.any(shape.center_body_m):
        return
    if shape.dimension == 0:
        yield "the antennas are at one point, which has no orientation."
    if shape.dimension == 1:
        yield "the antennas are on one line, and a rotation about it moves none of them."
