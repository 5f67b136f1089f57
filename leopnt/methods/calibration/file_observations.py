"""Ionosphere-free code and phase of one system in an observation file, one row per link."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError, LeopntWarning
from leopnt.io.rinex_obs import RinexObs
from leopnt.methods.calibration.signals import SignalPair
from leopnt.methods.calibration.station_day import epoch_steps
from leopnt.observables.ionosphere_free import CarrierPair, ionosphere_free_weights


@dataclass(frozen=True, eq=False)
class RawLinks:
    """Observations of one system, sorted by satellite and epoch.

    Attributes:
        satellite: number among the names asked for.
        epoch: index of the file's epochs.
        code_m, phase_m: on both carriers; NaN where missing.
        lost_lock: flagged by the receiver on either carrier, or by a power failure.
        pair: carriers.
        step: epoch in sampling intervals, with those that the file leaves out; None for `epoch`.
    """

    satellite: Int[np.ndarray, " link"]
    epoch: Int[np.ndarray, " link"]
    code_m: Float[np.ndarray, "link 2"]
    phase_m: Float[np.ndarray, "link 2"]
    lost_lock: Bool[np.ndarray, " link"]
    pair: CarrierPair
    step: Int[np.ndarray, " link"] | None = None

    def ionosphere_free_m(self) -> tuple[Float[np.ndarray, " link"], Float[np.ndarray, " link"]]:
        """Code and phase of the combination."""
        a, b = ionosphere_free_weights(self.pair)
        code, phase = self.code_m, self.phase_m
        return a * code[:, 0] + b * code[:, 1], a * phase[:, 0] + b * phase[:, 1]

    def kept(self, those: Bool[np.ndarray, " link"]) -> RawLinks:
        """Some of the links."""
        return RawLinks(
            self.satellite[those], self.epoch[those], self.code_m[those], self.phase_m[those],
            self.lost_lock[those], self.pair, None if self.step is None else self.step[those],
        )  # fmt: skip


def raw_links(
    obs: RinexObs,
    signals: SignalPair,
    names: tuple[str, ...],
    source: str,
    sampling_s: float | None = None,
) -> RawLinks:
    """Links of a file to satellites of a system; none if the file has none of it.

    Satellites that are not among the names are left out with a warning, and so are records without
    any of the signals, silently.

    Args:
        sampling_s: interval between epochs; None for the median of the file.

    Raises:
        LeopntError: the file has the system, but not the signals.
    """
    if signals.letter not in obs.systems:
        nothing = np.zeros(0, np.int64)
        none = np.zeros((0, 2))
        return RawLinks(nothing, nothing, none, none, np.zeros(0, bool), signals.pair)
    one = obs.systems[signals.letter]
    try:
        code, phase = ([one.column(c) for c in cs] for cs in (signals.code, signals.phase))
    except LeopntError as error:
        raise LeopntError(f"{source}: {signals.name}: {error}") from None
    number = {name: i for i, name in enumerate(names)}
    of_each = np.array([number.get(name, -1) for name in one.satellites])
    _warn_of_unknown(one.satellites, of_each, signals, source)
    satellite = of_each[one.sat]
    carriers = np.array(signals.pair)
    codes, phases = one.value[:, code], one.value[:, phase]
    told = ~np.any(np.isnan(codes), axis=1) | ~np.any(np.isnan(phases), axis=1)
    rows = np.flatnonzero((satellite >= 0) & told)
    rows = rows[np.lexsort((one.epoch[rows], satellite[rows]))]
    step = epoch_steps(obs.epoch.since(obs.epoch[0]), sampling_s)
    lost = np.any(one.lli[:, phase] & 1, axis=1) | obs.is_after_power_failure[one.epoch]
    return RawLinks(
        satellite[rows],
        one.epoch[rows],
        codes[rows],
        phases[rows] * (SPEED_OF_LIGHT_MPS / carriers)[None, :],
        lost[rows],
        signals.pair,
        step[one.epoch[rows]],
    )


def _warn_of_unknown(names: tuple[str, ...], number: np.ndarray, signals: SignalPair, source: str):
    unknown = [name for name, i in zip(names, number, strict=True) if i < 0]
    if unknown:
        warnings.warn(
            f"{source}: no {signals.name} product holds {', '.join(unknown)}; they are left out.",
            LeopntWarning,
            stacklevel=3,
        )
