"""Antennas of satellites and stations on the way of a signal: offsets, variations, wind-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Float

from leopnt.channel.wind_up import wind_up_cycles
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.antex import Antex, AntexAntenna
from leopnt.methods.calibration.attitudes import Attitude, NadirAttitude
from leopnt.methods.calibration.constant_shapes import in_tiles
from leopnt.methods.calibration.link_path import LinkPath, Stage
from leopnt.observables.ionosphere_free import CarrierPair, ionosphere_free_weights

_wind_up = jax.jit(wind_up_cycles)


@dataclass(frozen=True)
class SatelliteOffsets:
    """Known ionosphere-free phase centers of satellites.

    Attributes:
        offset_body_m: by satellite, from the center of mass; NaN for those not named.
        attitude: turns body axes into ECEF.
    """

    offset_body_m: Mapping[str, Float[np.ndarray, "3"]]
    attitude: Attitude

    stage = Stage.SATELLITE

    def applied(self, path: LinkPath) -> LinkPath:
        """Move the transmitting antenna."""
        nowhere = np.full(3, np.nan)
        of_each = [self.offset_body_m.get(name, nowhere) for name in path.satellites.names]
        offset = np.array(of_each, float)[path.satellite]
        turned = np.einsum("lij,lj->li", self.attitude.axes(path), offset)
        return replace(path, antenna_m=path.antenna_m + turned)


@dataclass(frozen=True)
class StationOffsets:
    """From station coordinates to the ionosphere-free phase center of the receiving antenna.

    Attributes:
        offset_enu_m: by station, east, north, up; zero where not named.
    """

    offset_enu_m: Mapping[str, Float[np.ndarray, "3"]]

    stage = Stage.STATION

    def applied(self, path: LinkPath) -> LinkPath:
        """Move the receiving antenna."""
        offset = self.offset_enu_m.get(path.station)
        if offset is None:
            return path
        moved = path.rx_pos_ecef_m + (np.asarray(offset, float) @ path.station_axes)[None, :]
        return replace(path, rx_pos_ecef_m=moved)


@dataclass(frozen=True, eq=False)
class PhaseVariations:
    """Ionosphere-free variations of one antenna over direction.

    Attributes:
        zenith_rad: increasing.
        azimuth_rad: from north over east, 0 to 2 pi; empty for variations without azimuth.
        value_m: (azimuth, zenith); one row without azimuths.
    """

    zenith_rad: Float[np.ndarray, " zenith"]
    azimuth_rad: Float[np.ndarray, " azimuth"]
    value_m: Float[np.ndarray, "row zenith"]

    def at(self, local_unit: Float[np.ndarray, "link 3"]) -> Float[np.ndarray, " link"]:
        """Values in directions (east, north, up), linear between the nodes."""
        zenith = np.arccos(np.clip(local_unit[:, 2], -1.0, 1.0))
        column, across = _between(self.zenith_rad, zenith)
        if not len(self.azimuth_rad):
            rows = self.value_m[0]
            return (1.0 - across) * rows[column] + across * rows[column + 1]
        azimuth = np.mod(np.arctan2(local_unit[:, 0], local_unit[:, 1]), 2.0 * np.pi)
        row, along = _between(self.azimuth_rad, azimuth)
        low = (1.0 - across) * self.value_m[row, column] + across * self.value_m[row, column + 1]
        high = (1.0 - across) * self.value_m[row + 1, column]
        high += across * self.value_m[row + 1, column + 1]
        return (1.0 - along) * low + along * high


@dataclass(frozen=True)
class StationVariations:
    """Phase-center variations of receiving antennas, of code and phase alike, by station."""

    by_station: Mapping[str, PhaseVariations]

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the variation to the way; none where the station is not named."""
        variations = self.by_station.get(path.station)
        if variations is None:
            return path
        return replace(path, delay_m=path.delay_m + variations.at(path.local_unit))


@dataclass(frozen=True)
class WindUp:
    """Turns of the two antennas that the phase counts, continuous for each satellite."""

    attitude: Attitude

    stage = Stage.DELAY

    def applied(self, path: LinkPath) -> LinkPath:
        """Add the turns to the phase."""
        known = np.flatnonzero(np.isfinite(path.sat_pos_m[:, 0]))
        if not len(known):
            return path
        east, north, up = path.station_axes
        station = np.broadcast_to(np.stack([north, -east, up], axis=1), (len(known), 3, 3))
        axes = self.attitude.axes(path)[known]
        turns = in_tiles(_wind_up, path.sat_pos_m[known], axes, path.rx_pos_ecef_m[known], station)
        order = np.lexsort((path.tag_s[known], path.satellite[known]))
        total = np.full(len(path.satellite), np.nan)
        total[known[order]] = _continuous(turns[order], path.satellite[known[order]])
        return replace(path, wind_up_cycles=path.wind_up_cycles + total)


def satellite_offsets(
    antex: Antex, names: Iterable[str], epoch: Epoch, pair: CarrierPair, codes: tuple[str, str]
) -> dict[str, Float[np.ndarray, "3"]]:
    """Ionosphere-free offsets of satellites from an ANTEX file, of those that it holds.

    Args:
        antex: the file.
        names: satellites.
        epoch: instant at which the entry must be valid.
        pair: carriers.
        codes: their names in the file, ("C02", "C06").

    Raises:
        LeopntError: no entry of any of them, or one without a frequency.
    """
    found: dict[str, Float[np.ndarray, "3"]] = {}
    wanted = tuple(names)
    for name in wanted:
        try:
            antenna = antex.satellite(name, epoch)
        except LeopntError:
            continue
        found[name] = _combined(antenna, pair, codes, "pco_m")
    if not found:
        raise LeopntError(
            f"the ANTEX file holds no antenna of any of {', '.join(wanted)} at {epoch.to_iso()}."
        )
    return found


def receiver_antenna(
    antex: Antex, name: str, pair: CarrierPair, codes: tuple[str, str]
) -> tuple[Float[np.ndarray, "3"], PhaseVariations]:
    """Offset (east, north, up) and variations of a receiver antenna, ionosphere-free.

    Files have no frequencies of LEO satellites: take those of a system on the same carriers.

    Raises:
        LeopntError: no such antenna or frequency.
    """
    antenna = antex.receiver(name)
    north, east, up = _combined(antenna, pair, codes, "pco_m")
    kind = "pcv_az_m" if len(antenna.azimuth_rad) else "pcv_m"
    value = np.atleast_2d(_combined(antenna, pair, codes, kind))
    return np.array([east, north, up]), PhaseVariations(
        antenna.zenith_rad, antenna.azimuth_rad, value
    )


def nadir_offsets(offset_body_m: Mapping[str, Float[np.ndarray, "3"]]) -> SatelliteOffsets:
    """Known offsets of nadir-pointing satellites: a-priori offsets of LEO, say."""
    return SatelliteOffsets(offset_body_m, NadirAttitude())


def _combined(antenna: AntexAntenna, pair: CarrierPair, codes: tuple[str, str], what: str):
    a, b = ionosphere_free_weights(pair)
    first, second = (getattr(antenna.frequency(code), what) for code in codes)
    return a * first + b * second


def _between(nodes: np.ndarray, values: np.ndarray):
    """Node before each value and the share of the way to the next, within the nodes."""
    at = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return at, np.clip((values - nodes[at]) / (nodes[at + 1] - nodes[at]), 0.0, 1.0)


def _continuous(cycles: np.ndarray, satellite: np.ndarray) -> np.ndarray:
    """Without whole steps between neighbors of one satellite, links sorted by it and time."""
    steps = -np.round(np.diff(cycles, prepend=cycles[:1]))
    steps[np.flatnonzero(np.diff(satellite)) + 1] = 0.0
    steps[0] = 0.0
    return cycles + np.cumsum(steps)
