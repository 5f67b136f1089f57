"""Honest covariances: what orbit and clock errors do to estimates that ignore them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.datum import Datum
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.orbit_models import OFFSET_NAMES, PATTERN_PREFIX
from leopnt.methods.calibration.reduction import ReducedNormals
from leopnt.methods.calibration.solution import Calibration, solve_calibration


def offsets_only(normals: ReducedNormals) -> ReducedNormals:
    """The same observations with orbits and clocks taken as exact: those columns are dropped.

    Phase patterns (`WithPattern`) stay, as offsets do.
    """
    kept, _ = _split(normals.layout)
    layout = normals.layout
    own = _own_columns(layout)
    return replace(
        normals,
        layout=Layout(
            layout.num_satellites,
            layout.num_stations,
            tuple(layout.column_names[k] for k in own),
            tuple(layout.prior_sigma_m[k] for k in own if layout.prior_sigma_m),
            has_delays=layout.has_delays,
        ),
        matrix=normals.matrix[np.ix_(kept, kept)],
        vector=normals.vector[kept],
    )


def consider_orbits(
    normals: ReducedNormals, datum: Datum | None = None
) -> tuple[Calibration, Float[np.ndarray, "param param"]]:
    """Estimates that ignore orbit and clock errors, and a covariance that does not.

        P_c = Q + K Sigma K^T      K = Q N_xc

    x: offsets, delays, biases; c: the other columns of each satellite, of covariance Sigma.

    Args:
        normals: reduced with those columns, `OncePerRevolution` say; Sigma is their prior.

    Returns:
        the solution with its formal covariance, and P_c in the order of its estimates.

    Raises:
        LeopntError: normal equations without such columns.
    """
    kept, considered = _split(normals.layout)
    others = np.setdiff1d(np.arange(normals.layout.num_columns), _own_columns(normals.layout))
    prior = np.array(normals.layout.prior_sigma_m or (np.inf,) * normals.layout.num_columns)
    if not len(considered) or not np.all(np.isfinite(prior[others])):
        raise LeopntError(
            "normals have no columns with a prior beside the offset; expected those of an orbit "
            "model with errors, as `OncePerRevolution` has."
        )
    found = solve_calibration(offsets_only(normals), datum)
    sigma = np.tile(prior[others], normals.layout.num_satellites)
    covariance = np.nan_to_num(found.covariance)
    gain = covariance @ normals.matrix[np.ix_(kept, considered)] * sigma[None, :]
    return found, found.covariance + gain @ gain.T


def _split(layout: Layout):
    """Places of offsets, patterns, delays and biases, and of the other columns."""
    others = np.setdiff1d(np.arange(layout.num_columns), _own_columns(layout))
    considered = layout.columns[:, others].ravel()
    kept = np.setdiff1d(np.arange(layout.size), considered)
    return kept, considered


def _own_columns(layout: Layout) -> list[int]:
    """Columns of a satellite that are its antenna's."""
    names = enumerate(layout.column_names)
    return [k for k, name in names if name in OFFSET_NAMES or name.startswith(PATTERN_PREFIX)]
