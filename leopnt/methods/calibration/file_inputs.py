"""Files and models of a calibration that runs from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.bias_sinex import BiasSinex
from leopnt.io.sinex import read_sinex
from leopnt.methods.calibration.antenna_corrections import WindUp
from leopnt.methods.calibration.attitudes import Attitude, NadirAttitude, NavigationAttitude
from leopnt.methods.calibration.link_path import Correction, PathModel
from leopnt.methods.calibration.path_corrections import (
    EarthRotation,
    LightTime,
    PeriodicRelativity,
    ReceiverClock,
    Shapiro,
    SolidTides,
    ZenithDelays,
)
from leopnt.methods.calibration.signals import BEIDOU_SIGNALS, LEO_SIGNALS, SignalPair
from leopnt.methods.calibration.slip_detection import LostLock, SlipDetector, WideLaneJumps
from leopnt.observables.ionosphere_free import ionosphere_free_weights


def standard_model(*more: Correction, troposphere: Correction | None = None) -> PathModel:
    """Corrections that every run needs: clocks, light time, relativity, tides, wind-up, air.

    Antennas and code biases come from files: add `SatelliteOffsets` and `SatelliteBiases` of the
    reference system, `StationOffsets` and `StationVariations`.

    Args:
        more: further corrections of the reference system.
        troposphere: a priori; default 2.3 m in the zenith.
    """
    air = ZenithDelays() if troposphere is None else troposphere
    both = (ReceiverClock(), EarthRotation(), SolidTides(), LightTime(), Shapiro(), air)
    reference = (*both, PeriodicRelativity(), WindUp(NavigationAttitude()), *more)
    return PathModel(reference, (*both, WindUp(NadirAttitude())))


@dataclass(frozen=True, eq=False)
class FileInputs:
    """What `station_days_from_files` reads, and how.

    Attributes:
        observations: RINEX files, one for each station and day.
        reference_sp3, leo_sp3: orbits, with clocks unless CLK files have them.
        station_pos_ecef_m: coordinates by station name, as the files' MARKER NAME has it.
        reference_clk, leo_clk: clocks.
        reference, leo: signals.
        model: corrections.
        leo_attitude: turns the offsets that are estimated.
        mask_rad: links below are left out.
        slip_detectors: whatever any of them finds ends an arc.
        largest_step_m: phases of the reference system that step by more, against the median of
            all, end an arc as well; infinity for no such test.
        least_leo_slip_m: phases of a LEO satellite that step by more against a fit of its offset
            end an arc as well, see `leo_slips_of`; infinity for no such test.
        largest_residual_m: a station-day whose reference code, less its clock, is off by more, in
            the median, is refused: wrong time scale, frame, coordinates or products.
        largest_offset_m: a station whose reference code puts it further off its coordinates is
            refused, see `place_offset`.
        sampling_s: interval between epochs, for gaps; None for the median of each file.
        start: times count from here; None for midnight (GPST) of the first observation.
    """

    observations: tuple[Path | str, ...]
    reference_sp3: tuple[Path | str, ...]
    leo_sp3: tuple[Path | str, ...]
    station_pos_ecef_m: Mapping[str, Float[np.ndarray, "3"]]
    reference_clk: tuple[Path | str, ...] = ()
    leo_clk: tuple[Path | str, ...] = ()
    reference: SignalPair = BEIDOU_SIGNALS
    leo: SignalPair = LEO_SIGNALS
    model: PathModel = field(default_factory=standard_model)
    leo_attitude: Attitude = field(default_factory=NadirAttitude)
    mask_rad: float = float(np.radians(10.0))
    slip_detectors: tuple[SlipDetector, ...] = (LostLock(), WideLaneJumps())
    largest_step_m: float = 0.1
    least_leo_slip_m: float = 0.05
    largest_residual_m: float = 20.0
    largest_offset_m: float = 5.0
    sampling_s: float | None = None
    start: Epoch | None = None

    def __post_init__(self):
        if not self.observations:
            raise LeopntError("observations is empty; expected one or more RINEX files.")
        if not 0.0 <= self.mask_rad < np.pi / 2:
            raise LeopntError(f"mask_rad = {self.mask_rad!r}: expected 0 to below pi/2 (radians).")
        if self.reference.letter == self.leo.letter:
            raise LeopntError(
                f"reference and leo both have the letter {self.leo.letter!r}; expected two systems."
            )
        for name in (
            "largest_step_m",
            "least_leo_slip_m",
            "largest_residual_m",
            "largest_offset_m",
        ):
            if not getattr(self, name) > 0.0:
                raise LeopntError(f"{name} = {getattr(self, name)!r}: expected above 0 m.")
        if self.sampling_s is not None and not self.sampling_s > 0.0:
            raise LeopntError(f"sampling_s = {self.sampling_s!r}: expected above 0 s, or None.")

    def files(self) -> tuple[Path, ...]:
        """All files that are read."""
        return tuple(
            Path(one)
            for group in (
                self.observations, self.reference_sp3, self.reference_clk, self.leo_sp3,
                self.leo_clk,
            )
            for one in group
        )  # fmt: skip


def station_coordinates(
    sinex: Path | str, names: Sequence[str], epoch: Epoch
) -> dict[str, Float[np.ndarray, "3"]]:
    """Coordinates of stations from a SINEX file, moved by their velocities where it has them.

    Args:
        sinex: file.
        names: sites of it.
        epoch: instant to which they are moved.

    Raises:
        LeopntError: a site that is missing, or has several solutions.
    """
    found = read_sinex(sinex)
    rows = {name: found.row(name) for name in names}
    at = {}
    for name, row in rows.items():
        since = float(epoch.since(found.epoch[row]))
        moved = np.nan_to_num(found.vel_ecef_mps[row]) * since
        at[name] = found.pos_ecef_m[row] + moved
    return at


def satellite_biases(
    biases: BiasSinex, names: Sequence[str], signals: SignalPair, epoch: Epoch
) -> dict[str, float]:
    """Ionosphere-free code biases [m] of satellites; those without both biases are left out.

    Args:
        biases: of a Bias-SINEX file; absolute (OSB), for the observed signals.
        names: satellites.
        signals: whose codes are meant.
        epoch: instant at which they hold.
    """
    a, b = ionosphere_free_weights(signals.pair)
    found = {}
    for name in names:
        first, second = (biases.satellite_osb_s(name, code, epoch) for code in signals.code)
        total = SPEED_OF_LIGHT_MPS * (a * first + b * second)
        if np.isfinite(total):
            found[name] = total
    return found


def midnight_before(epoch: Epoch) -> Epoch:
    """Start of the day in GPS time."""
    week, second, _ = epoch.to_week(TimeScale.GPST)
    return Epoch.from_week(int(week), int(second) // 86_400 * 86_400, TimeScale.GPST)
