"""Phase-center variations of LEO antennas, estimated beside the offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.orbit_models import (
    PATTERN_PREFIX,
    Columns,
    OrbitModel,
    Partials,
)
from leopnt.methods.calibration.solution import Calibration


@dataclass(frozen=True)
class PhasePattern:
    """Variations over nadir angle eta and azimuth alpha at the satellite.

        d rho = h . p + v(eta, alpha)
        v = sum_k tent_k(eta) (a_k0 + sum_m a_km cos(m alpha) + b_km sin(m alpha))

    Positive lengthens the range; alpha counts from body X to body Y. A constant is an ambiguity,
    and cos eta, sin eta cos alpha, sin eta sin alpha are offsets: the datum takes them out. With
    the weight w_k = sin eta_k (eta_(k+1) - eta_(k-1)) / 2, the solid angle of a node,

        sum_k w_k a_k0 = sum_k w_k cos(eta_k) a_k0 = 0
        sum_k w_k sin(eta_k) a_k1 = sum_k w_k sin(eta_k) b_k1 = 0        a_0m = b_0m = 0, m > 0

    so that the offset is the one that fits the whole pattern best. Offsets of another datum,
    another range of nodes say, are other numbers of the same antenna. Code has the same variations,
    which hardly matters: phase decides. The node at nadir needs passes through the zenith; without
    any the normal equations are singular there, and a prior or a wider first step helps.

    Attributes:
        nodes_rad: nadir angles of the nodes, from 0 to beyond the largest of any link.
        num_harmonics: of azimuth, 0 for none.
        sigma_m: prior of each coefficient about 0; infinity for none.
    """

    nodes_rad: tuple[float, ...] = tuple(np.radians(np.arange(0.0, 61.0, 10.0)).tolist())
    num_harmonics: int = 0
    sigma_m: float = float("inf")

    def __post_init__(self):
        nodes = np.asarray(self.nodes_rad, float)
        if len(nodes) < 4 or nodes[0] != 0.0 or not np.all(np.diff(nodes) > 0.0):
            raise LeopntError(
                f"nodes_rad = {self.nodes_rad}: expected four or more increasing angles from 0 on."
            )
        if nodes[-1] > np.pi / 2:
            raise LeopntError(f"nodes_rad goes to {nodes[-1]:g}; expected up to pi/2 (radians).")
        if self.num_harmonics < 0:
            raise LeopntError(f"num_harmonics = {self.num_harmonics}: expected 0 or more.")
        if not self.sigma_m > 0.0:
            raise LeopntError(f"sigma_m = {self.sigma_m!r}: expected a number above 0.")

    def node_matrix(self) -> Float[np.ndarray, "value column"]:
        """From coefficients to a_k0, then a_km and b_km of each m: all nodes of one after another.

        Its columns are orthonormal and span what the datum leaves.
        """
        blocks = [np.eye(1), _left_by(_conditions(self.nodes_rad, 0)[:, 1:])]
        for m in range(1, self.num_harmonics + 1):
            blocks += [_left_by(_conditions(self.nodes_rad, m))] * 2
        rows, columns = np.sum([block.shape for block in blocks], axis=0)
        matrix, at = np.zeros((rows, columns)), np.zeros(2, int)
        for block in blocks:
            stop = at + block.shape
            matrix[at[0] : stop[0], at[1] : stop[1]] = block
            at = stop
        return matrix

    def functions(
        self, nadir_rad: Float[np.ndarray, " link"], azimuth_rad: Float[np.ndarray, " link"]
    ) -> Float[np.ndarray, "value link"]:
        """Tents times 1, cos m alpha, sin m alpha, in the order of `node_matrix`.

        Raises:
            LeopntError: a nadir angle beyond the last node.
        """
        nodes = np.asarray(self.nodes_rad)
        if len(nadir_rad) and np.max(nadir_rad) > nodes[-1] + 1e-9:
            raise LeopntError(
                f"a link has a nadir angle of {np.max(nadir_rad):.4f} rad, beyond the last node of "
                f"the pattern, {nodes[-1]:.4f} rad; expected nodes up to all links."
            )
        tents = np.array([np.interp(nadir_rad, nodes, one) for one in np.eye(len(nodes))])
        parts = [tents]
        for m in range(1, self.num_harmonics + 1):
            parts += [tents * np.cos(m * azimuth_rad), tents * np.sin(m * azimuth_rad)]
        return np.concatenate(parts)

    def names(self) -> tuple[str, ...]:
        """Names of the coefficients; the first is the value at nadir."""
        more = range(1, self.node_matrix().shape[1])
        return (
            f"{PATTERN_PREFIX}at nadir",
            *(f"{PATTERN_PREFIX}coefficient {i}" for i in more),
        )


@dataclass(frozen=True)
class WithPattern:
    """An orbit model, and phase-center variations of each satellite beside it.

    Attributes:
        orbit: what is estimated of orbit and clock.
        pattern: what is estimated of the antenna.
    """

    orbit: OrbitModel
    pattern: PhasePattern

    def names(self) -> tuple[str, ...]:
        """Names of the columns of one satellite, those of the pattern last."""
        return self.orbit.names() + self.pattern.names()

    def columns(self, partials: Partials, angle_rad: Float[np.ndarray, " link"]) -> Columns:
        """Columns of the orbit model, then of the pattern."""
        values = self.pattern.functions(*directions(partials))
        own = self.pattern.node_matrix().T @ values
        return np.concatenate([self.orbit.columns(partials, angle_rad), own])

    def prior_sigma_m(self) -> Float[np.ndarray, " column"]:
        """Priors of the orbit model and of the pattern."""
        own = np.full(len(self.pattern.names()), self.pattern.sigma_m)
        return np.concatenate([self.orbit.prior_sigma_m(), own])


def directions(
    partials: Partials,
) -> tuple[Float[np.ndarray, " link"], Float[np.ndarray, " link"]]:
    """Nadir angle and azimuth of the station as the satellite sees it, -h in body axes."""
    x, y, z = -partials.T
    return np.arccos(np.clip(z, -1.0, 1.0)), np.arctan2(y, x)


class PatternEstimate(NamedTuple):
    """Values at the nodes of each satellite: a_k0, then a_km and b_km of each harmonic."""

    value_m: Float[np.ndarray, "sat function node"]
    sigma_m: Float[np.ndarray, "sat function node"]


def pattern_estimates(of: Calibration, pattern: PhasePattern) -> PatternEstimate:
    """Patterns of a calibration whose orbit model was `WithPattern(..., pattern)`.

    Raises:
        LeopntError: a calibration without this pattern.
    """
    names = pattern.names()
    if of.layout.column_names[-len(names) :] != names:
        raise LeopntError(
            f"the calibration ends with columns {of.layout.column_names[-3:]}; expected the "
            f"{len(names)} coefficients of this pattern, as `WithPattern` adds them."
        )
    matrix, places = pattern.node_matrix(), of.layout.columns[:, -len(names) :]
    shape = len(places), -1, len(pattern.nodes_rad)
    value = of.estimate[places] @ matrix.T
    blocks = of.covariance[places[:, :, None], places[:, None, :]]
    variance = np.einsum("vi,sij,vj->sv", matrix, blocks, matrix)
    return PatternEstimate(value.reshape(shape), np.sqrt(variance).reshape(shape))


def _conditions(nodes_rad, harmonic: int) -> Float[np.ndarray, "condition node"]:
    nodes = np.asarray(nodes_rad)
    ends = np.concatenate([nodes[:1], nodes, nodes[-1:]])
    weight = np.sin(nodes) * 0.5 * (ends[2:] - ends[:-2])
    at_nadir = np.eye(len(nodes))[0]
    if harmonic == 0:
        return np.stack([weight, weight * np.cos(nodes)])
    if harmonic == 1:
        return np.stack([at_nadir, weight * np.sin(nodes)])
    return at_nadir[None]


def _left_by(conditions: Float[np.ndarray, "condition node"]) -> Float[np.ndarray, "node column"]:
    """Orthonormal basis of what fulfills the conditions."""
    _, _, rows = np.linalg.svd(conditions)
    return rows[len(conditions) :].T
