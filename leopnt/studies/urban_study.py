"""Fixes in a street with relaying panels as a study: errors, bounds, availability.

Every user is the middle of the same street somewhere else on the Earth; a receiver walks along it
as time passes. It measures phases as ranges of the satellites in view and of those that panels
relay, directions from panels, and the network's time, each with a drawn error; panels stand where
their survey says but for its error. The joint estimator starts from the middle of the street.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import ValidationError

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.inference.least_squares import LevenbergMarquardt, solve
from leopnt.inference.model import Data, predict
from leopnt.methods.astars.joint import FREE
from leopnt.methods.astars.joint_model import (
    RELAYED_PHASES,
    AstarsTheta,
    Knowledge,
    RelayLink,
    transverse_axes,
)
from leopnt.methods.astars.urban import (
    UrbanSigmas,
    bound_m,
    horizontal_bound_m,
    relay_links,
    urban_bound,
    urban_knowledge,
)
from leopnt.scenes.sky_scene import Place
from leopnt.scenes.study_checks import scene_problems
from leopnt.scenes.study_scene import StudyScene, build_scene
from leopnt.scenes.urban_site import HAND_HEIGHT_M, FacadePanel, UrbanSite, street_canyon
from leopnt.scenes.urban_view import UrbanLinks, UrbanSky, arriving_positions, urban_links
from leopnt.studies.case_columns import case_columns
from leopnt.studies.method import (
    AbstractStatistics,
    AbstractStudyMethod,
    Column,
    Prepared,
    Quantity,
)
from leopnt.studies.statistics import PositionStatistics, nees_of, scalar
from leopnt.studies.urban_settings import PanelTable, StreetTable, UrbanSettings, WalkTable


class Shared(NamedTuple):
    """What every trial of a point shares; arrays over the cases."""

    key: jax.Array
    trials: jax.Array
    links: RelayLink
    used: jax.Array
    known: Knowledge
    truth: AstarsTheta
    start_ecef_m: jax.Array
    enu_axes: jax.Array
    limit_m: jax.Array


def urban_trial(index, shared: Shared) -> dict[str, Any]:
    """One trial: all that is measured drawn from its number, the fix, its error."""
    case, number = index // shared.trials, index % shared.trials
    key = jax.random.fold_in(jax.random.fold_in(shared.key, case), number)
    links, used, known, truth, start, axes, _ = jax.tree.map(lambda x: x[case], shared[2:])
    of_ranges, of_known = jax.random.split(key)
    noise_m = jax.random.normal(of_ranges, used.shape) * links.sigma_m
    observed_m = predict(RELAYED_PHASES, truth, links) + noise_m
    drawn = _drawn(known, of_known)
    theta = AstarsTheta(
        jnp.asarray(drawn.surface_pos_ecef_m), start, SPEED_OF_LIGHT_MPS * drawn.clock_bias_s
    )
    data = Data(links, observed_m, used)
    solver = LevenbergMarquardt()
    found = solve(RELAYED_PHASES, theta, data, FREE, solver=solver, priors=(drawn,))
    error_m = found.theta.rx_pos_ecef_m - truth.rx_pos_ecef_m
    return {
        "status": found.status._value.astype(jnp.int8),
        "error_enu_m": axes @ error_m,
        "nees": nees_of(error_m, found.covariance_of("rx_pos_ecef_m")),
        "iterations": found.num_iterations.astype(jnp.int16),
    }


class UrbanStudy(AbstractStudyMethod):
    """Monte Carlo of a receiver that walks through a street."""

    name = "urban"
    summary = "position in a street whose facades relay satellites"
    settings = UrbanSettings
    tile = 500
    chunk_trials = 20_000
    outcomes: ClassVar = {
        "status": Quantity((), "1", "number of the status, -1 where the trial was not run"),
        "error_enu_m": Quantity(("enu",), "m", "position error east, north, up"),
        "nees": Quantity((), "1", "squared error over the stated covariance"),
        "iterations": Quantity((), "1", "iterations of the solver"),
    }
    evidence = ("methods.astars.joint", "methods.astars.urban", "scenes.urban_view")
    plots = (
        {
            "kind": "sweep",
            "name": "availability",
            "title": "Share within the limit",
            "y": ["available", "bound_available"],
        },
        {
            "kind": "sweep",
            "name": "error",
            "title": "Median error",
            "y": ["error_horizontal_median", "error_3d_median"],
            "log_y": True,
        },
        {
            "kind": "cdf",
            "name": "distribution",
            "title": "Distribution of the horizontal error",
            "y": ["error_horizontal_quantile"],
        },
        {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
        {
            "kind": "time",
            "name": "time",
            "title": "RMS error over the walk",
            "y": ["case_rmse_3d", "case_bound_3d"],
            "log_y": True,
        },
    )
    template_name = "urban.toml"

    def problems(self, raw: dict[str, Any], folder: Path) -> Iterator[str]:
        yield from scene_problems(raw, folder)
        tables = {name: raw[name] for name in ("street", "panels", "walk") if name in raw}
        yield from _street_problems(tables)

    def files(self, settings: UrbanSettings, folder: Path) -> list[Path]:
        file = settings.constellation.file
        return [folder / file] if file else []

    def prepare(self, settings: UrbanSettings, folder: Path) -> Prepared:
        scene = build_scene(settings.scene, folder)
        parts = [_of_user(settings, scene, user) for user in range(len(scene.users))]
        columns = {
            name: np.concatenate([part.columns[name] for part in parts])
            for name in parts[0].columns
        }
        values = {
            "case_bound": Column(("case", "enu", "enu_2"), columns["bound"], "m2", "bound"),
            "case_bound_3d": _case(bound_m(columns["bound"]), "m", "bound of the 3D error"),
            "case_bound_horizontal": _case(
                horizontal_bound_m(columns["bound"]), "m", "bound of the horizontal error"
            ),
            "case_num_direct": _case(columns["num_direct"], "1", "satellites in view"),
            "case_num_relayed": _case(columns["num_relayed"], "1", "satellites by way of panels"),
        }
        shared = _shared(settings, parts)
        return Prepared(
            len(columns["bound"]), urban_trial, shared, case_columns(scene), values, scene.warnings
        )

    def statistics(self, point: Prepared, trials_per_case: int) -> AbstractStatistics:
        return UrbanStatistics(point, trials_per_case)


class UrbanStatistics(AbstractStatistics):
    """Position errors, and how often they are within the limit."""

    def __init__(self, point: Prepared, trials_per_case: int):
        bound = point.values["case_bound"].values
        self.position = PositionStatistics(
            np.where(np.isfinite(bound), bound, np.nan), trials_per_case
        )
        self.bound_m = point.values["case_bound_horizontal"].values
        self.limit_m = float(point.shared.limit_m[0])
        self.run = self.within = 0

    def add(self, index, trials) -> None:
        self.position.add(index, trials)
        size_m = np.hypot(trials["error_enu_m"][:, 0], trials["error_enu_m"][:, 1])
        self.run += len(size_m)
        self.within += int(np.sum((trials["status"] == 0) & (size_m <= self.limit_m)))

    def columns(self) -> dict[str, Column]:
        share = self.within / self.run if self.run else np.nan
        bound = float(np.mean(self.bound_m <= self.limit_m))
        return self.position.columns() | {
            "available": scalar(share, "1", "share of trials within the limit"),
            "bound_available": scalar(bound, "1", "share of cases with a bound within the limit"),
        }


METHOD = UrbanStudy()


class _Part(NamedTuple):
    """The cases of one user."""

    site: UrbanSite
    links: UrbanLinks
    columns: dict[str, np.ndarray]


def _sigmas(settings: UrbanSettings) -> UrbanSigmas:
    errors = settings.errors
    return UrbanSigmas(
        range_m=errors.range_sigma_m,
        sync_s=1e-9 * errors.sync_ns,
        survey_m=errors.survey_sigma_m,
        wavelength_m=SPEED_OF_LIGHT_MPS / settings.signal.carrier_hz,
    )


def _street(settings: UrbanSettings, place: Place) -> UrbanSite:
    """The street at a place; at least one panel, for there is no site without."""
    street, panels = settings.street, settings.panels
    hung = [
        FacadePanel(
            panels.spacing_m * ((k + 1) // 2) * (1 if k % 2 else -1), k % 2 == 0, panels.height_m
        )
        for k in range(max(panels.count, 1))
    ]
    return street_canyon(
        place,
        hung,
        width_m=street.width_m,
        height_m=street.height_m,
        length_m=street.length_m,
        azimuth_rad=settings.azimuth_rad,
        size_m=panels.size_m,
        reach_m=panels.reach_m,
    )


def _street_problems(tables: dict[str, Any]) -> Iterator[str]:
    """What the tables of the street cannot see by themselves."""
    try:
        street = StreetTable.model_validate(tables.get("street", {}))
        panels = PanelTable.model_validate(tables.get("panels", {}))
        walk = WalkTable.model_validate(tables.get("walk", {}))
    except ValidationError:
        return  # each table tells its own mistakes
    half_m = 0.5 * panels.size_m
    last_m = panels.spacing_m * (panels.count // 2) + half_m
    if panels.count and last_m > 0.5 * street.length_m:
        yield (
            f"[panels] spacing_m: {panels.count} panels reach {last_m:g} m from the middle of a "
            f"street of length_m = {street.length_m:g}; expected at most half of it."
        )
    if panels.count and not half_m <= panels.height_m <= street.height_m - half_m:
        yield (
            f"[panels] height_m = {panels.height_m:g}: panels of {panels.size_m:g} m are not on "
            f"facades of {street.height_m:g} m."
        )
    if abs(walk.aside_m) >= 0.5 * street.width_m:
        yield (
            f"[walk] aside_m = {walk.aside_m:g}: expected less than half the street's width_m = "
            f"{street.width_m:g}, either way."
        )


def _walked(settings: UrbanSettings, time_s: np.ndarray) -> np.ndarray:
    """Places (epoch, 1, 3) of the receiver."""
    walk, azimuth = settings.walk, settings.azimuth_rad
    length_m = walk.to_m - walk.from_m
    gone_m = walk.speed_mps * time_s
    along = walk.from_m + np.sign(length_m) * np.mod(gone_m, max(abs(length_m), 1e-9))
    ahead = np.array([np.sin(azimuth), np.cos(azimuth), 0.0])
    right = np.array([ahead[1], -ahead[0], 0.0])
    up = np.array([0.0, 0.0, HAND_HEIGHT_M])
    return (along[:, None] * ahead + walk.aside_m * right + up)[:, None]


def _of_user(settings: UrbanSettings, scene: StudyScene, user: int) -> _Part:
    rows = np.flatnonzero(scene.user_index == user)
    first = rows[0]
    place = Place(
        float(scene.latitude_deg[first]),
        float(scene.longitude_deg[first]),
        float(scene.height_m[first]),
    )
    site = _street(settings, place)
    arriving = arriving_positions(scene.sat_pos_ecef_m[rows], site.place.pos_ecef_m)
    sky = UrbanSky(
        scene.case_time_s[rows], scene.sat_index[rows], scene.visible[rows], arriving,
        scene.az_rad[rows], scene.el_rad[rows],
    )  # fmt: skip
    places = _walked(settings, sky.time_s)
    links = urban_links(site, sky, places, max_per_panel=settings.panels.satellites)
    if settings.panels.count == 0:
        links = links.without_panels()
    bound = urban_bound(site, links, _sigmas(settings))[:, 0]
    columns = {
        "bound": bound,
        "num_direct": links.num_direct[:, 0],
        "num_relayed": links.num_relayed[:, 0],
    }
    return _Part(site, links, columns)


def _shared(settings: UrbanSettings, parts: list[_Part]) -> Shared:
    sigmas = _sigmas(settings)
    width = max(part.links.used.shape[-1] for part in parts)
    known = [urban_knowledge(part.site, part.links, sigmas) for part in parts]
    joined = jax.tree.map(lambda *leaf: jnp.asarray(np.concatenate(leaf)[:, 0]), *known)
    links = [_padded(relay_links(part.site, part.links, sigmas.range_m), width) for part in parts]
    used = [_wide(part.links.used, width) for part in parts]
    rx = np.concatenate([part.site.to_ecef(part.links.rx_enu_m)[:, 0] for part in parts])
    middle = np.array([0.0, 0.0, HAND_HEIGHT_M])
    count = [len(part.links.used) for part in parts]
    start = [
        np.repeat(p.site.to_ecef(middle)[None], n, 0) for p, n in zip(parts, count, strict=True)
    ]
    axes = [np.repeat(p.site.enu_axes[None], n, 0) for p, n in zip(parts, count, strict=True)]
    return Shared(
        jax.random.key(settings.study.seed),
        jnp.asarray(settings.study.trials),
        jax.tree.map(lambda *leaf: jnp.asarray(np.concatenate(leaf)[:, 0]), *links),
        jnp.asarray(np.concatenate(used)[:, 0]),
        joined,
        AstarsTheta(joined.surface_pos_ecef_m, jnp.asarray(rx), jnp.zeros(len(rx))),
        jnp.asarray(np.concatenate(start)),
        jnp.asarray(np.concatenate(axes)),
        jnp.full(len(rx), settings.method.limit_m),
    )


def _wide(values: np.ndarray, width: int) -> np.ndarray:
    """More slots on the axis of links, which repeat the last; of masks they are False."""
    extra = [(0, 0), (0, 0), (0, width - values.shape[2])] + [(0, 0)] * (values.ndim - 3)
    return np.pad(values, extra) if values.dtype == bool else np.pad(values, extra, mode="edge")


def _padded(links: RelayLink, width: int) -> RelayLink:
    return jax.tree.map(lambda leaf: _wide(np.asarray(leaf), width), links)


def _drawn(known: Knowledge, key) -> Knowledge:
    """Each known quantity with an error of its own sigma."""
    of_survey, of_aod, of_clock = jax.random.split(key, 3)
    survey = jnp.asarray(known.surface_pos_ecef_m)
    sigma_m = jnp.asarray(known.sigma_survey_m)[:, None]
    survey = survey + sigma_m * jax.random.normal(of_survey, survey.shape)
    aod = jnp.asarray(known.sigma_aod_rad)
    tilt = jnp.where(jnp.isfinite(aod), aod, 0.0)[:, None] * jax.random.normal(
        of_aod, (aod.shape[0], 2)
    )
    across = jax.vmap(transverse_axes)(jnp.asarray(known.departure))
    direction = known.departure + jnp.sum(tilt[:, :, None] * across, axis=1)
    direction = direction / jnp.sqrt(jnp.sum(direction**2, axis=1, keepdims=True))
    clock = known.clock_bias_s + known.sigma_sync_s * jax.random.normal(of_clock)
    return Knowledge(
        survey, known.sigma_survey_m, direction, known.sigma_aod_rad, clock, known.sigma_sync_s
    )


def _case(values: np.ndarray | np.floating, units: str, long_name: str) -> Column:
    return Column(("case",), np.asarray(values), units, long_name)
