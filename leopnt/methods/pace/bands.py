"""Which subcarriers a satellite may use: its own share of the band, or all of it."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from jaxtyping import Int

from leopnt.antennas._inputs import check_count
from leopnt.errors import LeopntError


class AbstractBands(abc.ABC):
    """How the subcarriers of the system are shared among satellites."""

    @abc.abstractmethod
    def counts(self, num_sub: int, num_sat: int) -> Int[np.ndarray, " sat"]:
        """Number of subcarriers Kbar of each satellite; its power is spread evenly over them."""


@dataclasses.dataclass(frozen=True)
class OwnBand(AbstractBands):
    """K / S consecutive subcarriers for each satellite; refuses a remainder."""

    def counts(self, num_sub: int, num_sat: int) -> Int[np.ndarray, " sat"]:
        check_count(1, num_sub=num_sub, num_sat=num_sat)
        if num_sub % num_sat:
            raise LeopntError(
                f"num_sub = {num_sub}: {num_sub} subcarriers do not divide among {num_sat} "
                "satellites; choose a multiple, or OwnBandWithRemainder()."
            )
        return np.full(num_sat, num_sub // num_sat)


@dataclasses.dataclass(frozen=True)
class OwnBandWithRemainder(AbstractBands):
    """As `OwnBand`; what does not divide goes to the first satellites, one subcarrier each."""

    def counts(self, num_sub: int, num_sat: int) -> Int[np.ndarray, " sat"]:
        check_count(1, num_sub=num_sub, num_sat=num_sat)
        if num_sub < num_sat:
            raise LeopntError(
                f"num_sub = {num_sub}: expected at least one subcarrier for each of {num_sat} "
                "satellites."
            )
        share, remainder = divmod(num_sub, num_sat)
        return share + (np.arange(num_sat) < remainder)


@dataclasses.dataclass(frozen=True)
class FullBand(AbstractBands):
    """All subcarriers for every satellite, as if none disturbed another's users.

    For satellites that serve different users far apart, and for generous accounts of S3: it can
    then beat the cooperative scheme at high SNR.
    """

    def counts(self, num_sub: int, num_sat: int) -> Int[np.ndarray, " sat"]:
        check_count(1, num_sub=num_sub, num_sat=num_sat)
        return np.full(num_sat, num_sub)
