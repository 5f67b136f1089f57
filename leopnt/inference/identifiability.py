"""Which unknowns can be told apart at all: exact rank of the information, weakest direction.

No rule in 64 bit decides a rank: genuine information may be 1e-14 of a column, and rounding looks
the same. So the verdict is taken from rows in 200-digit arithmetic; 64 bit only tells how weak the
weakest direction is.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.inference.fisher import Information
from leopnt.inference.parameters import Unknowns

EXACT: Any = mpmath.mp.clone()
"""Arithmetic of the verdicts, 200 digits: `EXACT.mpf(x)`, `EXACT.sqrt(x)`. mpmath's own default
precision stays as it is."""
EXACT.dps = 200

ZERO_PIVOT = EXACT.mpf("1e-120")
"""Pivots of the unit-diagonal Gram matrix below this are zero."""

GENUINE_PIVOT = EXACT.mpf("1e-80")
"""Pivots above this are information; between the two nothing is decided."""

_ZERO_ENTRY = 1e-60
_COLUMN_FLOOR = 1e-13
_WORTH_NAMING = 0.05


class Verdict(enum.Enum):
    """Answer about a set of unknowns; the value is what the user reads."""

    IDENTIFIABLE = "identifiable"
    UNIDENTIFIABLE = "not identifiable"
    UNDECIDED = "undecided: a pivot lies between zero and information even at 200 digits"


@dataclasses.dataclass(frozen=True, eq=False)
class Direction:
    """A direction in the space of unknowns.

    Attributes:
        unknowns: names and places.
        unit_free: (param,) of length 1; an entry counts how much its component alone would change
            what is observed.
        si: (param,) the same displacement in SI units, up to a common factor.
    """

    unknowns: Unknowns
    unit_free: Float[np.ndarray, " param"]
    si: Float[np.ndarray, " param"]

    def share(self, name: str) -> float:
        """Part of the squared unit-free length in one field, 0 to 1."""
        return float(np.sum(self.unit_free[self.unknowns.slice(name)] ** 2))

    def of(self, name: str) -> Float[np.ndarray, " size"]:
        """Components of one field, SI, divided by their length where that is not zero."""
        part = self.si[self.unknowns.slice(name)]
        length = np.linalg.norm(part)
        return part / length if length > 0 else part


Words = Mapping[str, Callable[[np.ndarray], str]]
"""For each field: what to call a unit vector of its components."""


def in_words(direction: Direction, words: Words) -> str:
    """Describe a direction, largest field first; fields below 5 % are left out.

    Args:
        direction: which one.
        words: name of a field -> function of `direction.of(name)`; other fields go by their name.
    """
    shares = {name: direction.share(name) for name in direction.unknowns.names}
    largest = sorted((n for n in shares if shares[n] >= _WORTH_NAMING), key=lambda n: -shares[n])
    parts = [words[n](direction.of(n)) if n in words else n for n in largest]
    return " together with ".join(parts)


@dataclasses.dataclass(frozen=True, eq=False)
class ExactVerdict:
    """Exact answer about a set of unknowns.

    Attributes:
        verdict: of the whole set.
        rank: how many independent combinations are determined, of `unknowns.size`.
        smallest_pivot: of those that count, squared share of a column that the others leave.
        null_space: directions that change nothing; empty if identifiable.
        unknowns: the set.
    """

    verdict: Verdict
    rank: int
    smallest_pivot: float
    null_space: tuple[Direction, ...]
    unknowns: Unknowns

    @property
    def is_identifiable(self) -> bool:
        """True if every unknown of the set is determined."""
        return self.verdict is Verdict.IDENTIFIABLE

    @property
    def determined(self) -> tuple[str, ...]:
        """Fields that are determined, even if others are not."""
        return tuple(
            name
            for name in self.unknowns.names
            if all(not np.any(one.unit_free[self.unknowns.slice(name)]) for one in self.null_space)
        )


@dataclasses.dataclass(frozen=True, eq=False)
class ExactInformation:
    """Gram matrix of whitened rows in `EXACT` arithmetic, columns scaled to unit length once.

    The scale is that before any elimination: else the rounding of an eliminated column would be
    scaled up to information, at any number of digits. Make it with `exact_information`.

    Attributes:
        gram: object array (param, param).
        length: object array (param,), lengths of the SI columns.
        unknowns: names and places.
        is_decided: False once a pivot was met between zero and information.
    """

    gram: np.ndarray
    length: np.ndarray
    unknowns: Unknowns
    is_decided: bool = True

    def known(self, names: str | Sequence[str]) -> ExactInformation:
        """Information if these fields were known."""
        return self._kept(self.gram, self._others(names), self.is_decided)

    def eliminated(self, names: str | Sequence[str]) -> ExactInformation:
        """Information about the other fields if these are unknown: the Schur complement."""
        swept = _sweep(self.gram, self.unknowns.indices(names))
        return self._kept(swept.matrix, self._others(names), self.is_decided and swept.is_decided)

    def verdict(self) -> ExactVerdict:
        """Rank, verdict and null space of all fields that are left."""
        size = self.unknowns.size
        swept = _sweep(self.gram, np.arange(size))
        verdict = Verdict.IDENTIFIABLE if len(swept.used) == size else Verdict.UNIDENTIFIABLE
        if not (self.is_decided and swept.is_decided):
            verdict = Verdict.UNDECIDED
        smallest = float(min(swept.pivots)) if swept.pivots else 0.0
        null = tuple(self._null_vectors(swept))
        return ExactVerdict(verdict, len(swept.used), smallest, null, self.unknowns)

    def covariance(self, name: str) -> Float[np.ndarray, "size size"]:
        """Cramer-Rao bound of one field, SI; inf if not determined.

        All other fields are nuisances, determined or not (generalized Schur complement).
        """
        own = self.eliminated(self._others(name))
        size = own.unknowns.size
        swept = _sweep(_bordered(own.gram), np.arange(size))
        if len(swept.used) < size:
            return np.full((size, size), np.inf)
        unit = np.multiply.outer(own.length, own.length)
        return (-swept.matrix[size:, size:] / unit).astype(float)

    def sigma(self, name: str) -> float:
        """Root sum of squares of the standard deviations of one field, SI."""
        return float(np.sqrt(np.trace(self.covariance(name))))

    def conditioning(self) -> Conditioning:
        """Condition number and weakest direction of all fields that are left.

        Columns are scaled to unit length as they are now, after elimination. Where some direction
        shows nothing at all the number is inf and the first such direction the weakest.
        """
        found = self.verdict()
        if found.null_space:
            return Conditioning(float("inf"), found.null_space[0])
        remains = [EXACT.sqrt(self.gram[i, i]) for i in range(self.unknowns.size)]
        unit = self.gram / np.multiply.outer(np.array(remains), np.array(remains))
        value, vector = EXACT.eigsy(EXACT.matrix(unit.tolist()))
        order = sorted(range(len(value)), key=lambda i: value[i])
        weakest = list(vector[:, order[0]])
        largest = max(weakest, key=abs)
        weakest = [-x if largest < 0 else x for x in weakest]
        length = [a * b for a, b in zip(remains, self.length, strict=True)]
        si = [x / d for x, d in zip(weakest, length, strict=True)]
        number = EXACT.sqrt(value[order[-1]] / value[order[0]])
        return Conditioning(float(number), _direction(self.unknowns, weakest, si))

    def _null_vectors(self, swept: _Swept) -> Iterator[Direction]:
        """For each dependent column, the combination of those used that cancels it."""
        size, used = self.unknowns.size, list(swept.used)
        dependent = [j for j in range(size) if j not in used]
        combination = _combination(swept, dependent)
        safe = [length if length > 0 else EXACT.one for length in self.length]
        for place, j in enumerate(dependent):
            scaled = np.full(size, EXACT.zero, dtype=object)
            scaled[used] = -combination[:, place]
            scaled[j] = EXACT.one
            largest = max(abs(x) for x in scaled)
            scaled = [x if abs(x) > _ZERO_ENTRY * largest else EXACT.zero for x in scaled]
            si = [x / d for x, d in zip(scaled, safe, strict=True)]
            yield _direction(self.unknowns, scaled, si)

    def _others(self, names: str | Sequence[str]) -> tuple[str, ...]:
        self.unknowns.indices(names)
        names = (names,) if isinstance(names, str) else tuple(names)
        return tuple(name for name in self.unknowns.names if name not in names)

    def _kept(self, gram: np.ndarray, names: tuple[str, ...], is_decided: bool):
        keep = self.unknowns.indices(names)
        unknowns = _subset(self.unknowns, names)
        return ExactInformation(gram[np.ix_(keep, keep)], self.length[keep], unknowns, is_decided)


def exact_information(
    rows: Sequence[Sequence[Any] | np.ndarray], unknowns: Unknowns
) -> ExactInformation:
    """Exact information from whitened rows in SI units, A^T A = FIM.

    Args:
        rows: one per observation, columns in the order of `unknowns`; numbers that mpmath converts,
            computed with `EXACT` so that they are good to 200 digits.
        unknowns: names and sizes of the columns, nuisances among them.

    Raises:
        LeopntError: a row of another length than the unknowns.
    """
    wrong = {len(row) for row in rows} - {unknowns.size}
    if wrong:
        raise LeopntError(
            f"rows: one has {wrong.pop()} entries; the unknowns {list(unknowns.names)} have "
            f"{unknowns.size}."
        )
    columns = [[EXACT.convert(row[i]) for row in rows] for i in range(unknowns.size)]
    length = [EXACT.sqrt(EXACT.fdot(column, column)) for column in columns]
    safe = [x if x > 0 else EXACT.one for x in length]
    gram = np.full((unknowns.size, unknowns.size), EXACT.zero, dtype=object)
    for i, left in enumerate(columns):
        nonzero = [(k, x) for k, x in enumerate(left) if x]
        for j in range(i, unknowns.size):
            dot = EXACT.fdot([(x, columns[j][k]) for k, x in nonzero])
            gram[i, j] = gram[j, i] = dot / (safe[i] * safe[j])
    return ExactInformation(gram, np.array(length, dtype=object), unknowns)


@dataclasses.dataclass(frozen=True, eq=False)
class _Swept:
    """A Gram matrix after elimination: which columns served as pivots, and what is left.

    Rows and columns that were not used hold the Schur complement. A row that was used holds, in
    the columns used after it and in those not used, its row of a unit upper triangular system.
    """

    matrix: np.ndarray
    used: tuple[int, ...]
    pivots: tuple[Any, ...]
    is_decided: bool


def _sweep(gram: np.ndarray, candidates: np.ndarray) -> _Swept:
    """Gauss elimination with the largest pivot first: the pivots of pivoted Cholesky."""
    matrix, left, rest = gram.copy(), [int(j) for j in candidates], list(range(len(gram)))
    used, pivots, is_decided = [], [], True
    while left:
        j = max(left, key=lambda i: matrix[i, i])
        pivot = matrix[j, j]
        if pivot < GENUINE_PIVOT:
            is_decided = bool(pivot < ZERO_PIVOT)
            break
        left.remove(j)
        rest.remove(j)
        # Most unknowns share few observations: many entries are exactly zero.
        below = [i for i in rest if matrix[i, j]]
        across = [i for i in rest if matrix[j, i]]
        matrix[j, across] /= pivot
        matrix[np.ix_(below, across)] -= np.outer(matrix[below, j], matrix[j, across])
        used.append(j)
        pivots.append(pivot)
    return _Swept(matrix, tuple(used), tuple(pivots), is_decided)


def _combination(swept: _Swept, columns: list[int]) -> np.ndarray:
    """G_uu^-1 G_uc of the columns used and those given, by back substitution."""
    used = list(swept.used)
    x = swept.matrix[np.ix_(used, columns)]
    for place in reversed(range(len(used))):
        x[:place] -= np.outer(swept.matrix[used[:place], used[place]], x[place])
    return x


def _bordered(gram: np.ndarray) -> np.ndarray:
    """[[G, I], [I, 0]]: eliminating the first columns leaves -G^-1 in the lower right."""
    size = len(gram)
    border = np.full((2 * size, 2 * size), EXACT.zero, dtype=object)
    border[:size, :size] = gram
    for i in range(size):
        border[i, size + i] = border[size + i, i] = EXACT.one
    return border


def _subset(unknowns: Unknowns, names: tuple[str, ...]) -> Unknowns:
    places = [unknowns.names.index(name) for name in names]
    return Unknowns(
        names,
        tuple(unknowns.sizes[i] for i in places),
        tuple(float(x) for x in unknowns.scale_vector[unknowns.indices(names)]),
        tuple(unknowns.units[i] for i in places),
    )


def _direction(unknowns: Unknowns, unit_free: Sequence[Any], si: Sequence[Any]) -> Direction:
    length = EXACT.sqrt(EXACT.fdot(unit_free, unit_free))
    return Direction(
        unknowns,
        np.array([float(x / length) for x in unit_free]),
        np.array([float(x / length) for x in si]),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Conditioning:
    """How well unknowns can be told apart.

    Attributes:
        number: condition number of the rows with unit columns; inf where one is gone.
        weakest: the direction that shows least.
    """

    number: float
    weakest: Direction


def conditioning(
    information: Information, unknown: str | Sequence[str], known: Sequence[str] = ()
) -> Conditioning:
    """Condition number and weakest direction of the named fields in 64 bit, others nuisances.

    The rows are reduced by Householder elimination, a column below 1e-13 of its length is zero,
    the others are scaled to length 1; then the singular vectors tell. In the range of 1e13 and
    above it says "very weak", not "impossible": for that take `exact_information`.

    Args:
        information: in square-root form.
        unknown: fields to judge.
        known: fields taken as known instead of nuisances.
    """
    names = (unknown,) if isinstance(unknown, str) else tuple(unknown)
    rows = np.asarray(information.efim_rows(names, known))
    length = np.linalg.norm(rows, axis=0)
    safe = np.where(length > 0, length, 1.0)
    _, singular, right = np.linalg.svd(rows / safe[None, :], full_matrices=True)
    full = np.zeros(len(length))
    full[: len(singular)] = singular
    vector = _signed(right[-1])
    lost = full[-1] <= _COLUMN_FLOOR * full[0]
    number = float("inf") if lost else float(full[0] / full[-1])
    unknowns = _subset(information.unknowns, names)
    # A column that is gone has no length; its scale stands in.
    si = vector / np.where(length > 0, length, 1.0 / unknowns.scale_vector)
    return Conditioning(number, Direction(unknowns, vector, si))


def _signed(vector: np.ndarray) -> np.ndarray:
    """The same direction with its largest entry positive."""
    return -vector if vector[np.argmax(np.abs(vector))] < 0 else vector
