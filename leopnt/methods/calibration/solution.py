"""Solve stacked normal equations under a datum."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.inference.blas_threads import one_blas_thread
from leopnt.inference.normal_equations import solve_constrained
from leopnt.methods.calibration.datum import Datum, IsbZeroSum
from leopnt.methods.calibration.defects import Components, code_components, station_components
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.reduction import ReducedNormals


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
    without code, are NaN with a warning; one pass alone barely separates offset and ambiguity and
    is warned of too. Nothing is regularized.

    Args:
        datum: default `IsbZeroSum()`; a constraint for each part of the network.

    Raises:
        LeopntError: an unknown that the observations do not determine, by name.
    """
    datum = IsbZeroSum() if datum is None else datum
    if not isinstance(datum, Datum):
        raise LeopntError(
            f"datum = {datum!r}: expected `IsbZeroSum()`, `IsbReference(...)`, `DelayZeroSum()` or "
            "an object with their methods."
        )
    layout = normals.layout
    matrix, vector, priors = _with_prior(normals)
    parts = _parts(normals)
    active = _active(normals)
    _warn(normals, parts)
    rows, values = _constraints(layout, parts, datum, active)

    def name_of(place: int) -> str:
        return layout.name_of(int(np.flatnonzero(active)[place]))

    with one_blas_thread():
        found = solve_constrained(
            matrix[np.ix_(active, active)], vector[active], rows, values, name_of
        )
    estimate = np.full(layout.size, np.nan)
    estimate[active] = found.estimate
    covariance = np.full((layout.size, layout.size), np.nan)
    covariance[np.ix_(active, active)] = found.covariance
    unknowns = int(np.sum(active)) - parts.parts + normals.num_eliminated
    redundancy = normals.num_observations + priors - unknowns
    squares = normals.square - float(vector[active] @ found.estimate)
    factor = squares / redundancy if redundancy > 0 else float("nan")
    return Calibration(
        layout,
        estimate,
        covariance,
        datum,
        parts,
        normals.local_defects,
        factor,
        redundancy,
        found.condition,
    )


def _parts(normals: ReducedNormals) -> Components:
    if normals.layout.has_delays:
        return code_components(normals.code_links > 0)
    return station_components(np.asarray(normals.shared_code), normals.layout.num_satellites)


def _with_prior(normals: ReducedNormals):
    """Matrix and vector with the priors of observed satellites, and how many they are."""
    layout = normals.layout
    seen = np.flatnonzero(np.any(normals.phase_links + normals.code_links > 0, axis=1))
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
    seen = np.any(normals.phase_links + normals.code_links > 0, axis=1)
    active[layout.columns[seen].ravel()] = True
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
    return rows[:, active], values


def _warn(normals: ReducedNormals, parts: Components) -> None:
    seen = np.any(normals.phase_links + normals.code_links > 0, axis=1)
    told = [
        ("satellites not observed, all their results are NaN", ~seen),
        (
            "satellites without code, their delays are NaN",
            seen & (parts.satellite < 0) & normals.layout.has_delays,
        ),
        ("satellites with one pass only, see their sigma", normals.single_pass),
    ]
    received = np.any(normals.phase_links > 0, axis=0)
    mute = received & ~np.any(normals.code_links > 0, axis=0)
    told.append(("stations without LEO code, their inter-system biases are NaN", mute))
    for what, mask in told:
        if np.any(mask):
            warnings.warn(
                f"{what}: {', '.join(map(str, np.flatnonzero(mask)))}.", LeopntWarning, stacklevel=3
            )
    if parts.parts > 1:
        warnings.warn(
            f"the network has {parts.parts} parts that share no code link"
            f"{'' if normals.layout.has_delays else ' in a pass'}; delays and biases of each have "
            "a level of their own.",
            LeopntWarning,
            stacklevel=3,
        )
