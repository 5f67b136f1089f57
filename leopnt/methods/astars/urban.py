"""The joint estimator in a city: fixes with drawn errors, bounds, availability."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.inference.batch import DEFAULT_TILE
from leopnt.inference.fisher import fisher_information
from leopnt.methods.astars.batches import over_batch
from leopnt.methods.astars.budget import beam_aod_sigma_rad
from leopnt.methods.astars.inputs import check_above_zero
from leopnt.methods.astars.joint import FREE, joint_fix
from leopnt.methods.astars.joint_model import (
    RELAYED_PHASES,
    AstarsTheta,
    Knowledge,
    RelayedPhases,
    RelayLink,
    transverse_axes,
)
from leopnt.methods.astars.status import AstarsStatus
from leopnt.scenes.urban_site import UrbanSite
from leopnt.scenes.urban_view import UrbanLinks

UNKNOWN_M = 1e4
"""A bound above this is no bound: rounding of a geometry that does not tell the position."""

Found = Float[np.ndarray | np.floating, "*place"]


@dataclasses.dataclass(frozen=True)
class UrbanSigmas:
    """Standard deviations in a city.

    Attributes:
        range_m: of each phase as a range, ambiguity fixed, direct or relayed.
        sync_s: of the network time.
        survey_m: of each component of a panel's position.
        wavelength_m: sets the width of a panel's beam, hence the error of the angle of departure.

    Raises:
        LeopntError: not above zero.
    """

    range_m: float = 0.2
    sync_s: float = 10e-9
    survey_m: float = 0.01
    wavelength_m: float = SPEED_OF_LIGHT_MPS / 1575.42e6

    def __post_init__(self):
        for field in dataclasses.fields(self):
            check_above_zero(field.name, getattr(self, field.name))

    def aod_rad(self, site: UrbanSite) -> Float[np.ndarray, " panel"]:
        """Of the direction from each panel on each of two axes; see `beam_aod_sigma_rad`.

        The wider side and the narrower side of a panel count as their geometric mean.
        """
        panels = site.panel_stack
        side_m = np.sqrt(np.asarray(panels.width_m) * np.asarray(panels.height_m))
        return np.asarray(beam_aod_sigma_rad(self.wavelength_m, 1, side_m))


@dataclasses.dataclass(frozen=True)
class UrbanFix:
    """Fixes in a city, NaN where there is none.

    Attributes:
        error_enu_m: fix minus truth.
        covariance_enu_m2: as the fix sees it.
        dof: equations minus unknowns.
        status: `AstarsStatus[status[i]]` is the sentence.
    """

    error_enu_m: Float[np.ndarray, "epoch place 3"]
    covariance_enu_m2: Float[np.ndarray, "epoch place 3 3"]
    dof: np.ndarray
    status: AstarsStatus

    @property
    def error_m(self) -> Float[np.ndarray, "epoch place"]:
        """Distance from fix to truth."""
        return np.linalg.norm(self.error_enu_m, axis=-1)

    @property
    def horizontal_m(self) -> Float[np.ndarray, "epoch place"]:
        """Horizontal distance from fix to truth."""
        return np.linalg.norm(self.error_enu_m[..., :2], axis=-1)


def urban_bound(
    site: UrbanSite,
    links: UrbanLinks,
    sigmas: UrbanSigmas | None = None,
    *,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> Float[np.ndarray, "epoch place 3 3"]:
    """Cramer-Rao bound of the receiver in east, north and up [m^2], see `joint_bound`.

    Panels, receiver and clock are unknown; surveys, network time and the angles of departure of
    panels that serve the place are known to their sigmas. Infinite on the diagonal, and NaN off it,
    where all this does not tell the position.
    """
    sigmas = sigmas or UrbanSigmas()
    shape = links.used.shape[:2]
    range_sigma_m = np.full(links.used.shape, sigmas.range_m)
    known = urban_knowledge(site, links, sigmas)
    enu = over_batch(
        _bound_one, shape, links.sat_pos_ecef_m, _via(site, links), range_sigma_m, links.used,
        site.to_ecef(links.rx_enu_m), np.broadcast_to(site.enu_axes, (*shape, 3, 3)),
        *jax.tree.leaves(known), tile=tile, threads=threads,
    )  # fmt: skip
    diagonal = np.diagonal(enu, axis1=-2, axis2=-1)
    is_told = np.all((diagonal >= 0.0) & (diagonal < UNKNOWN_M**2), axis=-1)
    nothing = np.where(np.eye(3, dtype=bool), np.inf, np.nan)
    return np.where(is_told[..., None, None], enu, nothing)


def urban_fix(
    site: UrbanSite,
    links: UrbanLinks,
    start_enu_m: Float[ArrayLike, "*#batch 3"],
    rng: np.random.Generator,
    sigmas: UrbanSigmas | None = None,
    *,
    clock_bias_s: float = 0.0,
    tile: int = DEFAULT_TILE,
    threads: int | None = None,
) -> UrbanFix:
    """Simulate all that is measured, each with a drawn error, and solve with `joint_fix`.

    Args:
        start_enu_m: where the search starts: the street.
        rng: draws errors of ranges, directions, network time and surveys, anew for each place and
            epoch.
        clock_bias_s: of the receiver, positive reads late.
    """
    sigmas = sigmas or UrbanSigmas()
    via, rx = _via(site, links), site.to_ecef(links.rx_enu_m)
    panel_ecef = site.to_ecef(site.panel_stack.center_m)
    range_sigma = np.where(links.used, sigmas.range_m, np.inf)
    truth = _ranges(links, via, panel_ecef, rx) + SPEED_OF_LIGHT_MPS * clock_bias_s
    drawn = truth + sigmas.range_m * _range_draws(links, rng)
    phases = RelayedPhases(RelayLink(links.sat_pos_ecef_m, via, range_sigma), drawn)
    known = _drawn(urban_knowledge(site, links, sigmas), clock_bias_s, rng)
    start = np.broadcast_to(site.to_ecef(start_enu_m), rx.shape)
    found = joint_fix(phases, known, start, tile=tile, threads=threads)
    turn = site.enu_axes
    error = (np.asarray(found.rx_pos_ecef_m) - rx) @ turn.T
    covariance = turn @ np.asarray(found.covariance_m2) @ turn.T
    return UrbanFix(error, covariance, np.asarray(found.dof), found.status)


def urban_knowledge(site: UrbanSite, links: UrbanLinks, sigmas: UrbanSigmas) -> Knowledge:
    """What is known in a city besides phases, at its true value; one entry per epoch and place."""
    shape, panels = links.used.shape[:2], site.panel_stack
    each = (*shape, len(site.panels))
    numbers = np.arange(each[-1])
    serves = np.any((links.surface[..., None] == numbers) & links.used[..., None], axis=-2)
    offset = links.rx_enu_m[..., None, :] - panels.center_m
    unit = offset / np.linalg.norm(offset, axis=-1, keepdims=True)
    return Knowledge(
        np.array(np.broadcast_to(site.to_ecef(panels.center_m), (*each, 3))),
        np.full(each, sigmas.survey_m),
        unit @ site.enu_axes,
        np.where(serves, sigmas.aod_rad(site), np.inf),
        np.zeros(shape),
        np.full(shape, sigmas.sync_s),
    )


def availability(error_m: Float[np.ndarray, "epoch *place"], limit_m: float) -> Found:
    """Fraction of the epochs in which an error (or a bound) is at most the limit; NaN is not."""
    if not limit_m > 0.0:
        raise LeopntError(f"limit_m = {limit_m:g}: expected a number above 0.")
    return np.mean(np.asarray(error_m) <= limit_m, axis=0)


def bound_m(covariance_enu_m2: Float[np.ndarray, "*place 3 3"]) -> Found:
    """RMS error of the position, sqrt(trace)."""
    return np.sqrt(np.trace(covariance_enu_m2, axis1=-2, axis2=-1))


def horizontal_bound_m(
    covariance_enu_m2: Float[np.ndarray, "*place 3 3"],
) -> Found:
    """RMS horizontal error, sqrt(east^2 + north^2)."""
    return np.sqrt(covariance_enu_m2[..., 0, 0] + covariance_enu_m2[..., 1, 1])


def relay_links(
    site: UrbanSite, links: UrbanLinks, sigma_m: Float[ArrayLike, "epoch place link"] | float
) -> RelayLink:
    """Links as the measurement model takes them (epoch, place, link); `used` is their mask."""
    sigma = np.array(np.broadcast_to(sigma_m, links.used.shape), float)
    return RelayLink(links.sat_pos_ecef_m, _via(site, links), sigma)


def _via(site: UrbanSite, links: UrbanLinks) -> Float[np.ndarray, "epoch place link panel"]:
    return (links.surface[..., None] == np.arange(len(site.panels))).astype(float)


def _ranges(links: UrbanLinks, via, panel_ecef, rx) -> Float[np.ndarray, "epoch place link"]:
    is_direct = links.surface < 0
    first = np.where(is_direct[..., None], rx[..., None, :], via @ panel_ecef)
    away = np.linalg.norm(links.sat_pos_ecef_m - first, axis=-1)
    return away + np.linalg.norm(rx[..., None, :] - first, axis=-1)


def _range_draws(links: UrbanLinks, rng: np.random.Generator):
    """Standard normal, the same for a satellite and a panel whichever other links there are."""
    shape = links.served.shape[2] + 1, links.direct.shape[2]
    draws = rng.normal(size=(*links.used.shape[:2], *shape))
    epoch, place = np.indices(links.used.shape)[:2]
    return np.where(links.used, draws[epoch, place, links.surface + 1, links.sat], 0.0)


def _drawn(known: Knowledge, clock_bias_s: float, rng: np.random.Generator) -> Knowledge:
    """Each known quantity with an error of its own sigma."""
    survey = known.surface_pos_ecef_m
    survey = survey + known.sigma_survey_m[..., None] * rng.normal(size=survey.shape)
    across = np.asarray(_across(known.departure.reshape(-1, 3)))
    across = across.reshape(*known.departure.shape[:-1], 2, 3)
    sigma = np.where(np.isfinite(known.sigma_aod_rad), known.sigma_aod_rad, 0.0)
    tilt = sigma[..., None] * rng.normal(size=(*sigma.shape, 2))
    departure = known.departure + np.einsum("...a,...ax->...x", tilt, across)
    departure /= np.linalg.norm(departure, axis=-1, keepdims=True)
    clock = clock_bias_s + known.sigma_sync_s * rng.normal(size=known.sigma_sync_s.shape)
    return Knowledge(
        survey, known.sigma_survey_m, departure, known.sigma_aod_rad, clock, known.sigma_sync_s
    )


_across = jax.jit(jax.vmap(transverse_axes))


def _bound_one(sat, via, sigma, used, rx, axes, *about) -> Float[jax.Array, "3 3"]:
    known = Knowledge(*about)
    theta = AstarsTheta(jnp.asarray(known.surface_pos_ecef_m), rx, jnp.asarray(0.0))
    links = RelayLink(sat, via, sigma)
    found = fisher_information(RELAYED_PHASES, theta, links, FREE, visible=used, priors=(known,))
    return axes @ found.crb("rx_pos_ecef_m") @ axes.T
