"""Solve stacked normal equations under a datum."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import chi2

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.normal_equations import solve_constrained
from leopnt.methods.calibration.datum import Datum, IsbZeroSum
from leopnt.methods.calibration.defects import Components, code_components, station_components
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.reduction import ReducedNormals
from leopnt.methods.calibration.undetermined import Sums, eliminated, owner_of, weak_satellites


@dataclass(frozen=True)
class Calibration:
    """Estimated offsets, delays and biases; NaN where nothing was observed.

    Attributes:
        layout: order of the unknowns.
        estimate: all global unknowns [m]; covariance: theirs, formal [m^2].
        datum: what fixes the level of delays and biases.
        components: parts of the network, each with a level of its own.
        local_defects: ambiguities that were held at 0, see `ReducedNormals`.
        variance_factor: s0^2 = (q - v^T x) / (n - u + defect); NaN without redundancy.
        redundancy: n - u + defect.
        condition: of the bordered matrix, scaled to unit diagonal.
        left_out: places of unknowns that nothing determines, one of each satellite or station that
            was left out for it; see `undetermined` for their names.
    """

    layout: Layout
    estimate: Float[np.ndarray, " param"]
    covariance: Float[np.ndarray, "param param"]
    datum: Datum
    components: Components
    local_defects: int
    variance_factor: float
    redundancy: int
    condition: float
    left_out: tuple[int, ...] = ()

    @property
    def undetermined(self) -> tuple[str, ...]:
        """What nothing determines: names of the unknowns in `left_out`."""
        return tuple(self.layout.name_of(place) for place in self.left_out)

    @property
    def is_contradicted(self) -> bool:
        """Residuals are far larger than the sigmas say.

        s0^2 is above what chance reaches once in a million, and above 2: orbit and clock errors of
        centimetres, which many solutions take as absent, lift it to less than that.
        """
        if self.redundancy <= 0:
            return False
        chance = float(chi2.isf(1e-6, self.redundancy)) / self.redundancy
        return self.variance_factor > max(2.0, chance)

    @property
    def offset_m(self) -> Float[np.ndarray, "sat 3"]:
        """Phase-center offsets in body axes."""
        return self.estimate[self.layout.offsets]

    @property
    def delay_m(self) -> Float[np.ndarray, " sat"]:
        """Delays, in the datum."""
        return self.estimate[self.layout.delays]

    @property
    def isb_m(self) -> Float[np.ndarray, " station"]:
        """Inter-system biases, in the datum."""
        return self.estimate[self.layout.biases]

    @property
    def sigma_m(self) -> Float[np.ndarray, " param"]:
        """Formal standard deviations of all global unknowns."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))  # of what a datum holds: 0

    @property
    def offset_sigma_m(self) -> Float[np.ndarray, "sat 3"]:
        """Formal standard deviations of the offsets."""
        return self.sigma_m[self.layout.offsets]

    @property
    def delay_sigma_m(self) -> Float[np.ndarray, " sat"]:
        """Formal standard deviations of the delays, in the datum."""
        return self.sigma_m[self.layout.delays]

    @property
    def isb_sigma_m(self) -> Float[np.ndarray, " station"]:
        """Formal standard deviations of the biases, in the datum."""
        return self.sigma_m[self.layout.biases]


def solve_calibration(
    normals: ReducedNormals,
    datum: Datum | None = None,
) -> Calibration:
    """Offsets, delays and biases from stacked normal equations.

    The priors of the layout are added. Satellites that were not observed, and delays or biases
    without code, are NaN with a warning; so are satellites and stations whose observations leave an
    unknown open, and the others are solved as if they were not there. One pass alone barely
    separates offset and ambiguity and is warned of too, as are residuals that the sigmas do not
    explain. Nothing is regularized.

    Args:
        datum: default `IsbZeroSum()`; a constraint for each part of the network.

    Raises:
        LeopntError: unknowns that the observations do not determine, by name, where no satellite
            is left without them; a datum that leaves the level of a part open.
    """
    datum = IsbZeroSum() if datum is None else datum
    if isinstance(datum, type) or not isinstance(datum, Datum):
        raise LeopntError(
            f"datum = {datum!r}: expected `IsbZeroSum()`, `IsbReference(...)`, `DelayZeroSum()` or "
            "an object with their methods."
        )
    layout = normals.layout
    with one_blas_thread():
        kept, sums, priors, found, open_places = _determined(normals, datum)
    active, parts = _active(kept), _parts(kept)
    estimate = np.full(layout.size, np.nan)
    estimate[active] = found.estimate
    covariance = np.full((layout.size, layout.size), np.nan)
    covariance[np.ix_(active, active)] = found.covariance
    unknowns = int(np.sum(active)) - parts.parts + normals.num_eliminated + sums.num_gone
    redundancy = normals.num_observations + priors - unknowns
    squares = sums.square - float(sums.vector[active] @ found.estimate)
    result = Calibration(
        layout,
        estimate,
        covariance,
        datum,
        parts,
        normals.local_defects,
        squares / redundancy if redundancy > 0 else float("nan"),
        redundancy,
        found.condition,
        tuple(open_places),
    )
    _warn(normals, kept, result)
    return result


def _determined(normals: ReducedNormals, datum: Datum):
    """What is left when undetermined satellites and stations are taken out, and its solution.

    First satellites that are open even with all biases known; then, one after the other, what the
    factor of all unknowns stops at.
    """
    layout = normals.layout
    matrix, vector, priors = _with_prior(normals)
    whole = Sums(matrix, vector, normals.square, 0)
    places: list[int] = []
    while True:
        kept = _without(normals, places)
        active = _active(kept)
        if places and not np.any(active[layout.offsets]):
            raise LeopntError(
                f"the normal equations are singular at {layout.name_of(places[0])}: the "
                "observations determine no satellite; expected more of them, or a constraint."
            )
        sums = eliminated(whole, np.flatnonzero(_active(normals) & ~active))
        rows, values = _constraints(layout, _parts(kept), datum, active)
        stopped: list[int] = []

        def name_of(place: int, numbers=np.flatnonzero(active), stopped=stopped) -> str:
            stopped.append(int(numbers[place]))
            return layout.name_of(stopped[-1])

        try:
            found = solve_constrained(
                sums.matrix[np.ix_(active, active)], sums.vector[active], rows, values, name_of
            )
            return kept, sums, priors, found, places
        except LeopntError:
            if not stopped:
                raise
        weak = [] if places else weak_satellites(layout, matrix, _seen(normals))
        places = places + (weak or stopped[:1])


def _without(normals: ReducedNormals, places: list[int]) -> ReducedNormals:
    """Links of satellites and stations that an unknown of `places` belongs to do not count."""
    counts = {n: getattr(normals, n).copy() for n in ("code_links", "phase_links", "num_arcs")}
    shared = np.array(normals.shared_code)
    for place in places:
        sat, station = owner_of(normals.layout, place)
        if sat is not None:
            for table in counts.values():
                table[sat] = 0
        if station is not None:
            counts["code_links"][:, station] = 0
            shared[station] = shared[:, station] = 0
    return replace(normals, **counts, shared_code=shared)


def _seen(normals: ReducedNormals) -> Bool[np.ndarray, " sat"]:
    return np.any(normals.phase_links + normals.code_links > 0, axis=1)


def _parts(normals: ReducedNormals) -> Components:
    if normals.layout.has_delays:
        return code_components(normals.code_links > 0)
    return station_components(np.asarray(normals.shared_code), normals.layout.num_satellites)


def _with_prior(normals: ReducedNormals):
    """Matrix and vector with the priors of observed satellites, and how many they are."""
    layout = normals.layout
    seen = np.flatnonzero(_seen(normals))
    information = np.zeros(layout.size)
    information[layout.columns[seen]] = layout.prior_weight[None, :]
    told = int(np.count_nonzero(information))
    return normals.matrix + np.diag(information), normals.vector, told


def in_datum(of: Calibration, datum: Datum) -> Calibration:
    """The same solution in another datum, by the S-transform d += k, b -= k of each part.

        x' = S x      Q' = S Q S^T      S = I - e (c^T e)^-1 c^T

    e is the direction that code does not tell (+1 for delays, -1 for biases) and c^T x = 0 the
    condition of the new datum.
    """
    active = np.isfinite(of.estimate)
    estimate, covariance = of.estimate.copy(), of.covariance.copy()
    rows, values = _constraints(of.layout, of.components, datum, active)
    x, q = estimate[active], covariance[np.ix_(active, active)]
    for part, (row, value) in enumerate(zip(rows, values, strict=True)):
        way = _untold(of.layout, of.components, part)[active]
        step = way / (row @ way)
        x = x - step * (row @ x - value)
        moved = q - np.outer(step, row @ q)
        q = moved - np.outer(moved @ row, step)
    estimate[active] = x
    covariance[np.ix_(active, active)] = 0.5 * (q + q.T)
    return replace(of, estimate=estimate, covariance=covariance, datum=datum)


def truth_in_datum(
    of: Calibration, delay_m: Float[np.ndarray, " sat"], isb_m: Float[np.ndarray, " station"]
) -> tuple[Float[np.ndarray, " sat"], Float[np.ndarray, " station"]]:
    """True delays and biases moved to the datum of a solution, to compare with it."""
    layout = of.layout
    every = np.zeros(layout.size)
    every[layout.delays], every[layout.biases] = delay_m, isb_m
    active = np.isfinite(of.estimate)
    rows, values = _constraints(layout, of.components, of.datum, active)
    for part, (row, value) in enumerate(zip(rows, values, strict=True)):
        way = _untold(layout, of.components, part)
        every = every - way * (row @ every[active] - value) / (row @ way[active])
    return every[layout.delays], every[layout.biases]


def _untold(layout: Layout, parts: Components, part: int) -> Float[np.ndarray, " param"]:
    way = np.zeros(layout.size)
    way[layout.delays[parts.satellite == part]] = 1.0
    way[layout.biases[parts.station == part]] = -1.0
    return way


def _active(normals: ReducedNormals):
    layout = normals.layout
    active = np.zeros(layout.size, bool)
    active[layout.columns[_seen(normals)].ravel()] = True
    if layout.has_delays:
        active[layout.delays[np.any(normals.code_links > 0, axis=1)]] = True
    active[layout.biases[np.any(normals.code_links > 0, axis=0)]] = True
    return active


def _constraints(layout: Layout, parts: Components, datum: Datum, active):
    rows, values = np.zeros((parts.parts, layout.size)), np.zeros(parts.parts)
    for part in range(parts.parts):
        sats = np.flatnonzero(parts.satellite == part)
        stations = np.flatnonzero(parts.station == part)
        of_delays, of_biases, values[part] = datum.condition(sats, stations)
        rows[part, layout.delays[sats]] = of_delays
        rows[part, layout.biases[stations]] = of_biases
        if not np.any(rows[part]):
            raise LeopntError(
                f"datum = {datum!r} holds no unknown of stations {stations.tolist()}: delays are "
                "not estimated beside a free clock per epoch; expected `IsbZeroSum()` or "
                "`IsbReference(...)`."
            )
        way = rows[part] * _untold(layout, parts, part)
        if not abs(np.sum(way)) > 1e-9 * np.sum(np.abs(way)):
            raise LeopntError(
                f"datum = {datum!r} leaves the level of delays and biases of stations "
                f"{stations.tolist()} open; expected a condition that a common shift changes."
            )
    return rows[:, active], values


def _warn(normals: ReducedNormals, kept: ReducedNormals, found: Calibration) -> None:
    for sentence in _sentences(normals, kept, found):
        warnings.warn(sentence, LeopntWarning, stacklevel=3)


def _sentences(normals: ReducedNormals, kept: ReducedNormals, found: Calibration) -> Iterator[str]:
    parts, seen = found.components, _seen(kept)
    has_delays = normals.layout.has_delays
    received = np.any(normals.phase_links > 0, axis=0)
    coded = np.any(normals.code_links > 0, axis=0)
    told = [
        ("satellites not observed, all their results are NaN", ~_seen(normals)),
        (
            "satellites without code, their delays are NaN",
            seen & (parts.satellite < 0) & has_delays,
        ),
        ("satellites with one pass only, see their sigma", seen & normals.single_pass),
        ("stations without LEO code, their inter-system biases are NaN", received & ~coded),
        (
            "stations with code of satellites that are left out only, their inter-system biases "
            "are NaN",
            coded & ~np.any(kept.code_links > 0, axis=0),
        ),
    ]
    for what, mask in told:
        if np.any(mask):
            yield f"{what}: {', '.join(map(str, np.flatnonzero(mask)))}."
    if found.undetermined:
        yield (
            "satellites or stations are left out, all their results are NaN; the observations do "
            f"not determine: {', '.join(found.undetermined)}."
        )
    if parts.parts > 1:
        yield (
            f"the network has {parts.parts} parts that share no code link"
            f"{'' if has_delays else ' in a pass'}; delays and biases of each have a level of "
            "their own."
        )
    if found.is_contradicted:
        yield contradiction(found)


def contradiction(of: Calibration) -> str:
    """Say that residuals contradict the sigmas."""
    return (
        f"s0^2 = {of.variance_factor:.3g} with {of.redundancy} degrees of freedom, expected about "
        f"1: residuals are {of.variance_factor**0.5:.2g} times what the sigmas say, and errors may "
        "be more; look for cycle slips, wrong products or sigmas that are too small."
    )
