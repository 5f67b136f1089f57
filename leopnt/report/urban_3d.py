"""Pictures of a piece of a city: buildings, panels, and the rays from satellites to a receiver."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from leopnt.geometry.buildings import Prism
from leopnt.geometry.panels import Panel
from leopnt.report import style
from leopnt.scenes.urban_site import UrbanSite
from leopnt.scenes.urban_view import UrbanLinks

RAY_M = 45.0
"""Rays toward satellites are drawn this long."""

_WIDE_IN, _TALL_IN = 7.4, 5.6
_WALL, _EDGE = "#c9d1da", "#8b96a3"
_DIRECT, _RELAYED, _LAST = style.BLUE, style.VERMILION, style.VERMILION
_PANEL, _RESTING = style.ORANGE, "#f3dcae"


def city_figure(
    site: UrbanSite,
    links: UrbanLinks,
    walk_enu_m: Float[np.ndarray, "epoch 3"],
    epoch: int,
    title: str,
    subtitle: str = "",
    *,
    elevation_deg: float = 32.0,
    azimuth_deg: float = -60.0,
    zoom: float = 0.9,
    ray_m: float = RAY_M,
) -> Figure:
    """A walk, and all rays of one of its epochs: direct ones, and those that panels relay.

    Args:
        links: with one place for each epoch.
        epoch: which one.
        elevation_deg, azimuth_deg: from where to look, azimuth from east over north.
        zoom: larger where the picture has empty corners.
        ray_m: length of the rays toward satellites.
    """
    with style.look():
        figure = style.new_figure(_TALL_IN, _WIDE_IN)
        # A square as wide as the figure, around its middle: 3D axes clip at their own square.
        tall = _WIDE_IN / _TALL_IN
        square = (0.0, 0.5 * (1.0 - tall) + 0.02, 1.0, tall)
        axes: Any = figure.add_axes(square, projection="3d", computed_zorder=False)
        for prism in site.prisms:
            _draw_prism(axes, prism)
        active = _active(links, epoch, len(site.panels))
        for number, panel in enumerate(site.panels):
            _draw_panel(axes, panel, bool(active[number]))
        ends = _draw_rays(axes, site, links, epoch, ray_m)
        axes.plot(*walk_enu_m.T, color=style.INK, linewidth=1.4, zorder=5)
        axes.plot(*links.rx_enu_m[epoch].T, "o", color=style.INK, markersize=6, zorder=9)
        roofs = [np.c_[p.plan_m, np.full(len(p.plan_m), p.top_m)] for p in site.prisms]
        _frame(axes, np.concatenate([*roofs, walk_enu_m, ends]), zoom)
        axes.view_init(elevation_deg, azimuth_deg)
        figure.text(0.03, 0.955, title, fontsize=12.5, fontweight="bold", color=style.INK)
        figure.text(0.03, 0.915, subtitle, fontsize=10.0, color=style.GRAY)
        has_direct = bool(links.num_direct[epoch, 0])
        figure.legend(handles=_keys(active, has_direct), loc="lower center", ncols=3, fontsize=9.5)
    return figure


def _active(links: UrbanLinks, epoch: int, num_panels: int) -> np.ndarray:
    of = links.surface[epoch, 0][:, None] == np.arange(num_panels)
    return np.any(of & links.used[epoch, 0][:, None], axis=0)


def _draw_rays(axes: Axes3D, site: UrbanSite, links: UrbanLinks, epoch: int, ray_m: float):
    """Rays of all links; returns where they leave the picture."""
    rx = links.rx_enu_m[epoch, 0]
    used = links.used[epoch, 0]
    surface, sat = links.surface[epoch, 0][used], links.sat_pos_ecef_m[epoch, 0][used]
    ends = [rx]
    for number, where in zip(surface, site.to_enu(sat), strict=True):
        foot = rx if number < 0 else np.asarray(site.panels[number].center_m)
        color = _DIRECT if number < 0 else _RELAYED
        ahead = (where - foot) / np.linalg.norm(where - foot)
        ends.append(foot + ray_m * ahead)
        line = np.stack([foot, ends[-1]])
        axes.plot(*line.T, color=color, linewidth=1.0, alpha=0.8, zorder=7)
        axes.plot(*line[1:].T, marker="^", color=color, markersize=4.5, zorder=7)
    for number in np.unique(surface[surface >= 0]):
        line = np.stack([np.asarray(site.panels[number].center_m), rx])
        axes.plot(*line.T, color=_LAST, linewidth=2.4, linestyle=(0, (3, 1)), zorder=8)
    return np.stack(ends)


def _draw_prism(axes: Axes3D, prism: Prism) -> None:
    low, high = (
        np.c_[prism.plan_m, np.full(len(prism.plan_m), z)] for z in (prism.base_m, prism.top_m)
    )
    sides = [np.stack([low[i], low[i - 1], high[i - 1], high[i]]) for i in range(len(prism.plan_m))]
    faces = Poly3DCollection(
        [*sides, high], facecolors=_WALL, edgecolors=_EDGE, linewidths=0.7, alpha=0.30, zorder=2
    )
    axes.add_collection3d(faces)


def _draw_panel(axes: Axes3D, panel: Panel, is_active: bool) -> None:
    center, normal = np.asarray(panel.center_m), np.asarray(panel.normal)
    across = np.cross([0.0, 0.0, 1.0], normal)
    across = across / np.linalg.norm(across) if np.any(across) else np.array([1.0, 0.0, 0.0])
    up = np.cross(normal, across)
    a, b = 0.5 * float(panel.width_m) * across, 0.5 * float(panel.height_m) * up
    square = np.stack([center + a + b, center - a + b, center - a - b, center + a - b])
    color = _PANEL if is_active else _RESTING
    axes.add_collection3d(
        Poly3DCollection([square], facecolors=color, edgecolors=style.INK, linewidths=0.8, zorder=6)
    )


def _frame(axes: Any, points: np.ndarray, zoom: float) -> None:
    """One scale on all axes, from the street up."""
    least, most = points.min(axis=0), points.max(axis=0)
    least[2] = 0.0
    axes.set_xlim(least[0], most[0])
    axes.set_ylim(least[1], most[1])
    axes.set_zlim(least[2], most[2])
    axes.set_box_aspect(most - least, zoom=zoom)
    axes.set_xlabel("East [m]", labelpad=16)
    axes.set_ylabel("North [m]", labelpad=8)
    axes.set_zlabel("Up [m]", labelpad=2)
    axes.tick_params(labelsize=8.5, pad=1)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.pane.set_facecolor("white")
        axis.pane.set_edgecolor(style.PALE)
    axes.locator_params(nbins=5)


def _keys(active: np.ndarray, has_direct: bool) -> list[Any]:
    """For the legend: what is in the picture."""
    keys: list[Any] = []
    if has_direct:
        keys.append(
            Line2D([], [], color=_DIRECT, marker="^", linewidth=1.0, label="direct satellite")
        )
    if np.any(active):
        keys += [
            Line2D([], [], color=_RELAYED, marker="^", linewidth=1.0, label="satellite of a panel"),
            Line2D([], [], color=_LAST, linewidth=2.4, linestyle=(0, (3, 1)), label="last leg"),
            Patch(facecolor=_PANEL, edgecolor=style.INK, label="panel in use"),
        ]
    if not np.all(active):
        keys.append(Patch(facecolor=_RESTING, edgecolor=style.INK, label="panel not in use"))
    walk = Line2D([], [], color=style.INK, linewidth=1.4, marker="o", label="receiver on its walk")
    return [*keys, walk]
