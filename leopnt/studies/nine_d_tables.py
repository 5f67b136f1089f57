"""Tables that the studies of 9D bounds share: signal, antennas, unknowns, priors, limits.

The tables check and hold; the functions below make arrays and objects of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from leopnt.antennas.arrays import line_array, planar_array, polygon_array, single_antenna
from leopnt.channel.link import SNR_OF_ESN0_DB
from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.methods.nine_d.nuisances import (
    AbstractNuisance,
    ClockDrift,
    CommonClockDrift,
    CommonFrequencyOffset,
    CommonTimeOffset,
    DopplerRate,
    FrequencyOffset,
    PhaseOfAntenna,
    PhaseOfSlot,
    PhaseOfTrack,
    TimeOffset,
)
from leopnt.scenes.fix_settings import CARRIER, Carrier
from leopnt.scenes.settings import SettingsTable, shown, table_of

FIELDS = {"position": "rx_pos_m", "orientation": "rotation_rad", "velocity": "rx_vel_mps"}
"""What study files call the fields of `methods.nine_d.LOCATION`."""

DEFAULT_SNR_DB = 20.0
DEFAULT_SLOT_LENGTH_S = 10e-3
MAX_ANTENNAS = 64
_PHASE_LIMIT_RAD = math.pi / 4

Location = Literal["position", "orientation", "velocity"]
Shape = Literal["square", "triangle", "line", "pair", "single"]
Place = Annotated[list[float], Field(min_length=3, max_length=3)]

_SIGMA = "the standard deviation of what is known before"


def _decibels(what: str, default: str) -> Any:
    text = f"{what} in dB, -200 to 200{default}"
    return Field(default=None, ge=-200, le=200, description=text)


def _sigma(what: str, unit: str) -> Any:
    return Field(default=None, gt=0, description=f"{_SIGMA} of {what} in {unit}, above 0")


class NineDSignalTable(SettingsTable):
    """`[signal]`: what every satellite sends, and how strong it is received."""

    carrier_hz: Carrier = Field(default=1e9, description=CARRIER)
    bandwidth_hz: float = Field(
        default=100e6, ge=0, le=1e11, description="the effective (RMS) bandwidth in Hz, 0 to 1e11"
    )
    correlation: float = Field(
        default=0.0, ge=-1, le=1, description="the correlation of baseband and carrier, -1 to 1"
    )
    slot_length_s: float | None = Field(
        default=None, ge=0, le=1e4, description="the length of a slot in seconds; default 0.01"
    )
    mean_square_time_s2: float | None = Field(
        default=None,
        ge=0,
        le=1e8,
        description="the mean square time about the middle of a slot in s^2, instead of a length",
    )
    doppler_weight: float = Field(
        default=1.0, gt=0, le=1, description="1, or 0.5 as the paper prints it"
    )
    snr_db: float | None = _decibels("8 pi^2 E/N0 of each link and slot", "; default 20")
    esn0_db: float | None = _decibels("E/N0 of each link and slot", ", instead of snr_db")


class SlotsTable(SettingsTable):
    """What every `[geometry]` says about time slots."""

    slots: int = Field(default=3, ge=1, le=200, description="the time slots, 1 to 200")
    slot_spacing_s: float = Field(
        default=1.0, ge=0, le=1e4, description="the seconds between slots, 0 to 1e4"
    )


class ArrayTable(SettingsTable):
    """`[array]`: the receiver's antennas, in body axes."""

    shape: Shape | None = Field(
        default=None,
        description="'square' (of 4, the default), 'triangle', 'line', 'pair' or 'single'",
    )
    antennas: int | None = Field(
        default=None,
        ge=2,
        le=MAX_ANTENNAS,
        description=f"the number of antennas of a line, 2 to {MAX_ANTENNAS}; default 4",
    )
    spacing_wavelengths: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="the distance of neighbors in carrier wavelengths, above 0; default 0.5",
    )
    antennas_m: Annotated[list[Place], Field(min_length=1, max_length=MAX_ANTENNAS)] | None = Field(
        default=None,
        description="a list of [x, y, z] in metres, body axes, instead of a shape; they count from "
        "their mean",
    )


class UnknownsTable(SettingsTable):
    """`[method]`: what is unknown beside position, orientation and velocity, and what is known."""

    offsets: Literal["both", "time", "frequency", "none"] = Field(
        default="both", description="'both', 'time', 'frequency' or 'none': the unknown offsets"
    )
    clocks: Literal["satellite", "common"] = Field(
        default="satellite",
        description="'satellite' (offsets of each) or 'common' (one set, of the receiver)",
    )
    drift: Literal["free", "tied"] = Field(
        default="free",
        description="'free' (frequency offsets change no delay) or 'tied' (one oscillator: the "
        "time offset grows with the frequency offset)",
    )
    doppler_rate: bool = Field(
        default=False, description="true or false: an unknown Doppler rate of each satellite"
    )
    phase: Literal["coherent", "track", "slot", "antenna"] = Field(
        default="coherent",
        description="'coherent' (no unknown carrier phase), or one unknown for each 'track' "
        "(satellite), 'slot' or 'antenna'",
    )
    known: list[Location] = Field(
        default=[], description="a list of names out of 'position', 'orientation', 'velocity'"
    )


class PriorTable(SettingsTable):
    """`[priors]`: what is known before, as standard deviations; nothing is the default."""

    position_m: float | None = _sigma("each component of the position", "metres")
    height_m: float | None = _sigma("the height", "metres")
    orientation_rad: float | None = _sigma("the orientation about each axis", "rad")
    velocity_mps: float | None = _sigma("each component of the velocity", "m/s")
    time_offset_s: float | None = _sigma("the time offsets", "seconds")
    frequency_offset_hz: float | None = _sigma("the frequency offsets", "Hz")


class LimitsTable(SettingsTable):
    """`[limits]`: bounds beyond these are of no use; the linearization is void there."""

    position_share: float = Field(
        default=0.1, gt=0, description="the largest useful position bound over the smallest range"
    )
    orientation_rad: float = Field(
        default=1.0, gt=0, description="the largest useful orientation bound in rad, above 0"
    )
    velocity_mps: float = Field(
        default=1000.0, gt=0, description="the largest useful velocity bound in m/s, above 0"
    )


def snr_linear_of(signal: NineDSignalTable) -> float:
    """8 pi^2 E/N0 of each link."""
    decibels = DEFAULT_SNR_DB if signal.snr_db is None else signal.snr_db
    if signal.esn0_db is not None:
        decibels = signal.esn0_db + SNR_OF_ESN0_DB
    return 10.0 ** (decibels / 10.0)


def mean_square_time_s2_of(signal: NineDSignalTable) -> float:
    """Mean square time about the middle of a slot, T^2/12 of one of length T."""
    if signal.mean_square_time_s2 is not None:
        return signal.mean_square_time_s2
    length_s = DEFAULT_SLOT_LENGTH_S if signal.slot_length_s is None else signal.slot_length_s
    return length_s**2 / 12.0


def antennas_of(array: ArrayTable, carrier_hz: float) -> Float[np.ndarray, "ant 3"]:
    """Antennas from their centroid [m], body axes."""
    if array.antennas_m is not None:
        given = np.asarray(array.antennas_m, float)
        return given - given.mean(axis=0)
    wavelengths = 0.5 if array.spacing_wavelengths is None else array.spacing_wavelengths
    spacing_m = wavelengths * SPEED_OF_LIGHT_MPS / carrier_hz
    shapes = {
        "square": lambda: planar_array(2, 2, spacing_m),
        "triangle": lambda: polygon_array(3, spacing_m),
        "line": lambda: line_array(array.antennas or 4, spacing_m),
        "pair": lambda: line_array(2, spacing_m),
        "single": single_antenna,
    }
    return np.asarray(shapes[array.shape or "square"]())


def nuisances_of(unknowns: UnknownsTable) -> tuple[AbstractNuisance, ...]:
    """What is unknown beside position, orientation and velocity."""
    common = unknowns.clocks == "common"
    found: list[AbstractNuisance] = []
    if unknowns.offsets in ("both", "time"):
        found.append(CommonTimeOffset() if common else TimeOffset())
    if unknowns.offsets in ("both", "frequency"):
        free = CommonFrequencyOffset() if common else FrequencyOffset()
        tied = CommonClockDrift() if common else ClockDrift()
        found.append(tied if unknowns.drift == "tied" else free)
    if unknowns.doppler_rate:
        found.append(DopplerRate())
    phases = {"track": PhaseOfTrack, "slot": PhaseOfSlot, "antenna": PhaseOfAntenna}
    if unknowns.phase in phases:
        found.append(phases[unknowns.phase]())
    return tuple(found)


def known_of(unknowns: UnknownsTable) -> tuple[str, ...]:
    """Names of the fields that are known, in the order of `methods.nine_d.LOCATION`."""
    return tuple(field for name, field in FIELDS.items() if name in unknowns.known)


def prior_rows_of(
    priors: PriorTable, up: Float[np.ndarray, "3"] | Float[np.ndarray, "case 3"]
) -> Float[np.ndarray, "*case 10 9"]:
    """Rows of what is known before about position, rotation vector and velocity, zero for nothing.

    Args:
        up: unit vectors of the height.
    """
    rows = np.zeros((*np.shape(up)[:-1], 10, 9))
    parts = (priors.position_m, priors.orientation_rad, priors.velocity_mps)
    for place, sigma in zip((0, 3, 6), parts, strict=True):
        own = slice(place, place + 3)
        rows[..., own, own] = _share(sigma) * np.eye(3)
    rows[..., 9, :3] = _share(priors.height_m) * np.asarray(up)
    return rows


def prior_sigma_of(priors: PriorTable, carrier_hz: float) -> dict[str, float]:
    """Standard deviation of what is known before by the name of the nuisance, inf for nothing."""
    time_s, frequency_hz = (
        math.inf if sigma is None else sigma
        for sigma in (priors.time_offset_s, priors.frequency_offset_hz)
    )
    return {
        "time_offset_s": time_s,
        "common_time_offset_s": time_s,
        "freq_offset_hz": frequency_hz,
        "common_freq_offset_hz": frequency_hz,
        "clock_drift": frequency_hz / carrier_hz,
        "common_clock_drift": frequency_hz / carrier_hz,
    }


def _share(sigma: float | None) -> float:
    return 0.0 if sigma is None else 1.0 / sigma


def slot_warnings(slots: SlotsTable, signal: NineDSignalTable) -> Iterator[str]:
    """Sentences on slots that overlap or stand still."""
    length_s, spacing_s = math.sqrt(12.0 * mean_square_time_s2_of(signal)), slots.slot_spacing_s
    if slots.slots > 1 and 0.0 < spacing_s < length_s * (1 - 1e-12):
        yield (
            f"[signal] a slot of {length_s:g} s is longer than [geometry] slot_spacing_s = "
            f"{spacing_s:g}: slots overlap."
        )
    if slots.slots > 1 and not spacing_s:
        yield (
            "[geometry] slot_spacing_s = 0: further slots tell nothing about the velocity through "
            "delays."
        )


def phase_warnings(unknowns: UnknownsTable, snr_linear: float) -> Iterator[str]:
    """A sentence where the carrier phase of a link is too noisy to be followed."""
    phase_rad = 2.0 * math.pi / math.sqrt(snr_linear)
    if unknowns.phase != "antenna" and phase_rad >= _PHASE_LIMIT_RAD:
        yield (
            f"[signal] at this SNR a carrier phase has a standard deviation of {phase_rad:.2g} "
            "rad, above pi/4: no receiver tracks it on a single link, and the bound is not "
            "attained."
        )


def nine_d_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Sentences on tables of this file that contradict themselves or each other."""
    yield from _signal_problems(table_of(raw, "signal"))
    yield from _array_problems(table_of(raw, "array"))
    yield from _unknowns_problems(table_of(raw, "method"))
    yield from _prior_problems(table_of(raw, "priors"), table_of(raw, "method"))


def _signal_problems(signal: dict[str, Any]) -> Iterator[str]:
    for one, other in (("snr_db", "esn0_db"), ("slot_length_s", "mean_square_time_s2")):
        if one in signal and other in signal:
            yield (
                f"[signal] {one} = {shown(signal[one])}, {other} = {shown(signal[other])}: give "
                "one of them."
            )


def _array_problems(array: dict[str, Any]) -> Iterator[str]:
    shape = array.get("shape", "square")
    if "antennas_m" in array:
        for name in ("shape", "antennas", "spacing_wavelengths"):
            if name in array:
                value = shown(array[name])
                yield f"[array] {name} = {value}: antennas_m gives it already; drop one."
        return
    if "antennas" in array and shape != "line":
        yield (
            f"[array] antennas = {shown(array['antennas'])}: goes with shape = 'line' only, not "
            f"with {shown(shape)}."
        )
    if "spacing_wavelengths" in array and shape == "single":
        value = shown(array["spacing_wavelengths"])
        yield f"[array] spacing_wavelengths = {value}: a single antenna has no neighbor."


def _unknowns_problems(method: dict[str, Any]) -> Iterator[str]:
    offsets = method.get("offsets", "both")
    known = method.get("known", [])
    known = known if isinstance(known, list) else []
    for name in FIELDS:
        if known.count(name) > 1:
            yield f"[method] known: {name!r} is there twice."
    if set(FIELDS) <= {one for one in known if isinstance(one, str)}:
        yield "[method] known: all three are known; leave out what is asked for."
    if offsets == "none" and "clocks" in method:
        yield (
            f"[method] clocks = {shown(method['clocks'])}: there are no offsets with "
            "offsets = 'none'."
        )
    if offsets in ("none", "time") and method.get("drift") == "tied":
        yield (
            f"[method] drift = 'tied': offsets = {shown(offsets)} has no unknown frequency offset; "
            "expected 'both' or 'frequency'."
        )


def _prior_problems(priors: dict[str, Any], method: dict[str, Any]) -> Iterator[str]:
    offsets = method.get("offsets", "both")
    for name, without in (
        ("time_offset_s", ("frequency", "none")),
        ("frequency_offset_hz", ("time", "none")),
    ):
        if name in priors and offsets in without:
            yield (
                f"[priors] {name} = {shown(priors[name])}: is known exactly with [method] "
                f"offsets = {shown(offsets)}."
            )
    known = method.get("known", [])
    known = known if isinstance(known, list) else []
    for name, field in (
        ("position_m", "position"),
        ("height_m", "position"),
        ("orientation_rad", "orientation"),
        ("velocity_mps", "velocity"),
    ):
        if name in priors and field in known:
            value = shown(priors[name])
            yield f"[priors] {name} = {value}: [method] known has the {field} already."
