"""Honest covariances: what orbit and clock errors do to estimates that ignore them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.calibration.datum import Datum
from leopnt.methods.calibration.layout import Layout
from leopnt.methods.calibration.orbit_models import OFFSET_NAMES
from leopnt.methods.calibration.reduction import ReducedNormals
from leopnt.methods.calibration.solution import Calibration, solve_calibration


def offsets_only(normals: ReducedNormals) -> ReducedNormals:
    """The same observations with orbits and clocks taken as exact: those columns are dropped."""
    kept, _ = _split(normals.layout)
    layout = normals.layout
    counts = layout.num_satellites, layout.num_stations
    return replace(
        normals,
        layout=Layout(*counts, OFFSET_NAMES, has_delays=layout.has_delays),
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
    if not len(considered) or not np.all(np.isfinite(normals.layout.prior_sigma_m[3:])):
        raise LeopntError(
            "normals have no columns with a prior beside the offset; expected those of an orbit "
            "model with errors, as `OncePerRevolution` has."
        )
    found = solve_calibration(offsets_only(normals), datum)
    sigma = np.tile(
        normals.layout.prior_sigma_m[len(OFFSET_NAMES) :], normals.layout.num_satellites
    )
    covariance = np.nan_to_num(found.covariance)
    gain = covariance @ normals.matrix[np.ix_(kept, considered)] * sigma[None, :]
    return found, found.covariance + gain @ gain.T


def _split(layout: Layout):
    """Places of offsets, delays and biases, and of the other columns."""
    considered = layout.columns[:, len(OFFSET_NAMES) :].ravel()
    kept = np.setdiff1d(np.arange(layout.size), considered)
    return kept, considered
