"""The way of a signal from a satellite to a station, worked out step by step.

One prediction serves simulation and estimation:

    P = |r_s(t_s) + A_s p - x_r(t_r)| - c dt_s(t_s) + delays          t_r = tag - late

A correction is one object that adds its part, `applied(path) -> path`. A `PathModel` holds those of
the reference system and of the LEO satellites; leave one out and its effect shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.observables.ionosphere_free import CarrierPair, narrow_lane_m

LinkVectors = Float[np.ndarray, "link 3"]
LinkNumbers = Float[np.ndarray, " link"]


@runtime_checkable
class Orbits(Protocol):
    """Where satellites are: `CircularOrbits`, or an `InertialTable` of a product."""

    def states(
        self, satellite: Int[np.ndarray, " link"], t_s: LinkNumbers
    ) -> tuple[LinkVectors, LinkVectors]:
        """Position and inertial velocity, both in ECEF axes of the link's time."""
        ...


@runtime_checkable
class Clocks(Protocol):
    """Clocks of satellites: `LinearClocks` of a product, or a formula."""

    def at(self, satellite: Int[np.ndarray, " link"], t_s: LinkNumbers) -> LinkNumbers:
        """Satellite clock minus system time [s] at the link's time."""
        ...


@dataclass(frozen=True, eq=False)
class Satellites:
    """Satellites of one system as they are known.

    Attributes:
        names: "C19", "L01"; links count through them.
        orbits, clocks: of the centers of mass; times count from `origin`.
        origin: instant from which times count.
        pair: carriers of the ionosphere-free combination.
    """

    names: tuple[str, ...]
    orbits: Orbits
    clocks: Clocks
    origin: Epoch
    pair: CarrierPair


@dataclass(frozen=True, eq=False)
class LinkPath:
    """Links of one station to satellites of one system.

    Attributes:
        satellites: what is known of them.
        station: name of the station.
        satellite: number of each link.
        tag_s: time tags by the receiver's clock.
        late_s: receiver clock minus system time.
        received_s: when the signal came.
        flight_s: how long it took.
        turn_radps: rate at which ECEF axes turn during the flight.
        rx_pos_ecef_m: receiving antenna, ECEF at reception.
        sat_pos_m, sat_vel_inertial_mps: center of mass when it sent, in ECEF axes at reception.
        antenna_m: from the center of mass to the transmitting antenna, same axes.
        delay_m: of code and phase alike; code_m, phase_m: of one of them.
        wind_up_cycles: of both carriers.
    """

    satellites: Satellites
    station: str
    satellite: Int[np.ndarray, " link"]
    tag_s: LinkNumbers
    late_s: LinkNumbers
    received_s: LinkNumbers
    flight_s: LinkNumbers
    turn_radps: float
    rx_pos_ecef_m: LinkVectors
    sat_pos_m: LinkVectors
    sat_vel_inertial_mps: LinkVectors
    antenna_m: LinkVectors
    delay_m: LinkNumbers
    code_m: LinkNumbers
    phase_m: LinkNumbers
    wind_up_cycles: LinkNumbers

    @property
    def sent_s(self) -> LinkNumbers:
        """When the signal left."""
        return self.received_s - self.flight_s

    @property
    def away_m(self) -> LinkVectors:
        """From the receiving to the transmitting antenna."""
        return self.sat_pos_m + self.antenna_m - self.rx_pos_ecef_m

    @property
    def range_m(self) -> LinkNumbers:
        """Length of the way."""
        return _length(self.away_m)

    @property
    def unit(self) -> LinkVectors:
        """Unit vectors from the station to the satellite."""
        away = self.away_m
        return away / _length(away)[:, None]

    @property
    def local_unit(self) -> LinkVectors:
        """The same, east, north, up of the station."""
        return self.unit @ self.station_axes.T

    @property
    def elevation_rad(self) -> LinkNumbers:
        """Above the plane normal to the ellipsoid."""
        return np.arcsin(np.clip(self.local_unit[:, 2], -1.0, 1.0))

    @property
    def station_axes(self) -> Float[np.ndarray, "3 3"]:
        """Rows east, north, up."""
        if not len(self.rx_pos_ecef_m):
            return np.eye(3)
        lat, lon, _ = ecef_to_geodetic(self.rx_pos_ecef_m[0])
        return np.asarray(enu_basis(lat, lon))

    def kept(self, those: Bool[np.ndarray, " link"]) -> LinkPath:
        """Some of the links."""
        parts = {n: v[those] for n, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **parts)

    def common_m(self) -> LinkNumbers:
        """Prediction of code and phase without their own parts and the receiver clock."""
        clock_s = self.satellites.clocks.at(self.satellite, self.sent_s)
        return self.range_m + self.delay_m - SPEED_OF_LIGHT_MPS * clock_s

    def code_prediction_m(self) -> LinkNumbers:
        """Ionosphere-free code without the receiver clock; NaN where a product has a gap."""
        return self.common_m() + self.code_m

    def phase_prediction_m(self) -> LinkNumbers:
        """Ionosphere-free phase without receiver clock and ambiguity."""
        lane_m = narrow_lane_m(self.satellites.pair)
        return self.common_m() + self.phase_m + lane_m * self.wind_up_cycles


class Stage(IntEnum):
    """When a correction is applied; those of one stage in the order given."""

    TAG = 1
    STATION = 2
    FLIGHT = 3
    SATELLITE = 4
    DELAY = 5


@runtime_checkable
class Correction(Protocol):
    """One effect on the way of a signal."""

    @property
    def stage(self) -> Stage:
        """When it is applied."""
        ...

    def applied(self, path: LinkPath) -> LinkPath:
        """The path with this effect."""
        ...


@dataclass(frozen=True)
class PathModel:
    """Corrections of the links to the reference system and to LEO satellites."""

    reference: tuple[Correction, ...]
    leo: tuple[Correction, ...]

    def without(self, *kinds: type) -> PathModel:
        """The same model with corrections of these classes left out."""
        return PathModel(
            tuple(one for one in self.reference if not isinstance(one, kinds)),
            tuple(one for one in self.leo if not isinstance(one, kinds)),
        )

    def with_both(self, *more: Correction) -> PathModel:
        """The same model with corrections of all links added."""
        return PathModel((*self.reference, *more), (*self.leo, *more))


def link_path(
    satellites: Satellites,
    station: str,
    station_pos_ecef_m: Float[np.ndarray, "3"],
    satellite: Int[np.ndarray, " link"],
    tag_s: LinkNumbers,
    late_s: LinkNumbers,
    corrections: Iterable[Correction],
) -> LinkPath:
    """Work out the way of each link.

    Without any correction it is the geometric range at the tag. Where the orbit product has a gap
    all that follows is NaN.

    Args:
        satellites: their orbits and clocks.
        station, station_pos_ecef_m: name and place, to which corrections add.
        satellite, tag_s: of each link.
        late_s: receiver clock minus system time at each link, positive reads late.
        corrections: in any order.
    """
    count, zeros = len(satellite), np.zeros(len(satellite))
    nowhere = np.zeros((count, 3))
    place = np.repeat(np.asarray(station_pos_ecef_m, float)[None, :], count, axis=0)
    path = LinkPath(
        satellites, station, satellite, tag_s, late_s, tag_s, zeros, 0.0, place,
        nowhere, nowhere, nowhere, zeros, zeros, zeros, zeros,
    )  # fmt: skip
    ordered = sorted(corrections, key=lambda one: one.stage)
    for one in ordered:
        if one.stage < Stage.FLIGHT:
            path = one.applied(path)
    pos, vel = satellites.orbits.states(satellite, path.received_s)
    path = replace(path, sat_pos_m=pos, sat_vel_inertial_mps=vel)
    for one in ordered:
        if one.stage >= Stage.FLIGHT:
            path = one.applied(path)
    return path


def _length(vec: LinkVectors) -> LinkNumbers:
    return np.sqrt(np.einsum("ij,ij->i", vec, vec))
