"""Two shells of 120 satellites, designed by gradient for the smallest position bound over a map.

Inclination, altitude and phasing of both shells, and the nodes of the second: seven parameters.
The criterion is the mean logarithm of the position bound between 70 degrees south and north, over
12 epochs, with a smooth edge of the mask. Its gradient goes through the ephemeris. The transmitted
power is fixed, so ranging is the worse the higher the satellites are; more of them are in view,
though.

1. Downhill from two careless starts.
2. Random search with three values of the criterion for each value with gradient.
3. Both judged by what receivers have: a hard mask, other places, other times of the day.

Run (two minutes):

    python examples/design_constellation.py [picture.png]
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from leopnt.constants import EARTH_EQUATORIAL_RADIUS_M
from leopnt.methods.constellation_design import (
    HardEdge,
    Ranging,
    SmoothEdge,
    improve,
    mean_log_bound,
    position_bound_m,
    service_at,
    service_between,
)
from leopnt.orbits.constellations import walker_elements
from leopnt.report import style
from leopnt.report.maps import draw_coast

DEG = np.pi / 180.0
NUM_SATELLITES, NUM_PLANES = 120, 8  # of each shell
SOUTH_RAD, NORTH_RAD = -70.0 * DEG, 70.0 * DEG
SOFT, HARD = Ranging(SmoothEdge(1.5 * DEG)), Ranging(HardEdge())
DAY_S = np.linspace(100.0, 86_400.0, 24, endpoint=False)

SHELL_LOW, SHELL_HIGH = (30.0 * DEG, 500e3, 0.0), (100.0 * DEG, 1500e3, NUM_PLANES)
LOW = (*SHELL_LOW, *SHELL_LOW, 0.0)
HIGH = (*SHELL_HIGH, *SHELL_HIGH, 2.0 * np.pi / NUM_PLANES)
# One phasing more or less in turn is the same pattern: leave gradients room on either side.
SLACK = np.array([0.0, 0.0, NUM_PLANES, 0.0, 0.0, NUM_PLANES, 0.0])
STARTS = (
    (85.0 * DEG, 1100e3, 0.5, 85.0 * DEG, 1100e3, 4.5, 22.0 * DEG),
    (80.0 * DEG, 1200e3, 2.0, 45.0 * DEG, 1200e3, 2.0, 11.0 * DEG),
)
UNITS = np.array([DEG, 1e3, 1.0, DEG, 1e3, 1.0, DEG])


def orbits(design):
    """Both shells of a design."""
    shells = [
        walker_elements(
            NUM_SATELLITES,
            NUM_PLANES,
            design[i + 2],
            design[i],
            EARTH_EQUATORIAL_RADIUS_M + design[i + 1],
            2.0 * np.pi,
            first_node_rad,
        )
        for i, first_node_rad in ((0, 0.0), (3, design[6]))
    ]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *shells)


def criterion_of(service):
    """Criterion of a design over a service."""
    return lambda design: mean_log_bound(orbits(design), service, SOFT)


def random_search(criterion, number, seed=0):
    """Best design of so many random ones, and the best value after each."""
    value_of = jax.jit(criterion)
    designs = np.random.default_rng(seed).uniform(LOW, HIGH, (number, len(LOW)))
    values = np.array([float(value_of(jnp.asarray(one))) for one in designs])
    return designs[np.argmin(values)], np.minimum.accumulate(values)


def judge(design):
    """What receivers have: bounds [m] over a day, hard mask, 1000 other places."""
    service = service_between(SOUTH_RAD, NORTH_RAD, 1000, DAY_S)
    return np.asarray(jax.jit(position_bound_m)(orbits(jnp.asarray(design)), service, HARD))


def bound_map(design, step_deg=3.0):
    """Geometric mean of the bound over the day [m] on a grid; latitudes and longitudes [deg]."""
    lat = np.arange(-90.0 + step_deg / 2, 90.0, step_deg)
    lon = np.arange(-180.0 + step_deg / 2, 180.0, step_deg)
    places = [one.ravel() * DEG for one in np.meshgrid(lat, lon, indexing="ij")]
    service = service_at(*places, np.ones(places[0].size), DAY_S)
    bound = jax.jit(position_bound_m)(orbits(jnp.asarray(design)), service, HARD)
    return lat, lon, np.exp(np.log(bound).mean(axis=0)).reshape(len(lat), len(lon))


def told(name, design, criterion, service):
    """A line about a design."""
    bound = judge(design)
    soft = float(criterion(jnp.asarray(design)))
    hard = float(mean_log_bound(orbits(jnp.asarray(design)), service, HARD))
    print(f"{name}: " + ", ".join(f"{one:.2f}" for one in np.asarray(design) / UNITS))
    print(f"  criterion exp: {np.exp(soft):.2f} m smooth edge, {np.exp(hard):.2f} m hard edge")
    print(
        f"  a day, hard edge: mean {np.exp(np.log(bound).mean()):.2f} m, "
        f"95 % {np.quantile(bound, 0.95):.2f} m, below 5 m {100 * (bound < 5).mean():.1f} %"
    )


def draw(before, after, runs, searched, path):
    """Maps before and after, and the way there beside random search."""
    with style.look():
        figure = Figure(figsize=(8.4, 7.2), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.08)
        grid = figure.add_gridspec(2, 1, height_ratios=[1.0, 0.95])
        draw_maps(figure.add_subfigure(grid[0]), [bound_map(one) for one in (before, after)])
        draw_search(figure.add_subfigure(grid[1]).subplots(), runs, searched)
        Path(path).write_bytes(style.png_bytes(figure, dpi=120))


def draw_maps(figure, maps):
    """Both maps in the same colors, with the edges of the service."""
    panels = figure.subplots(1, 2, sharey=True)
    top = float(np.quantile(maps[0][2], 0.97))
    for axes, title, (lat, lon, bound) in zip(panels, ("before", "after"), maps, strict=True):
        drawn = axes.pcolormesh(
            lon, lat, bound, cmap="viridis_r", vmin=2.0, vmax=top, rasterized=True
        )
        axes.set(title=f"Position bound, {title}", xlim=(-180, 180), ylim=(-90, 90),
                 xlabel="Longitude [deg]", xticks=range(-120, 121, 60),
                 yticks=range(-90, 91, 30))  # fmt: skip
        axes.grid(visible=False)
        draw_coast(axes)
        for edge_rad in (SOUTH_RAD, NORTH_RAD):
            axes.axhline(edge_rad / DEG, color=style.INK, linestyle=":", linewidth=1.2)
    panels[0].set_ylabel("Latitude [deg]")
    figure.colorbar(drawn, ax=list(panels), label="Mean over a day [m]", extend="both")


def draw_search(axes, runs, searched):
    """The criterion over its cost: two descents and random search."""
    cost = 1 + np.arange(len(searched))
    axes.plot(cost, np.exp(searched), color=style.GRAY, label="random search, best so far")
    for i, (run, color) in enumerate(zip(runs, (style.BLUE, style.VERMILION), strict=True)):
        ends = np.linspace(3, 3 * run.evaluations, len(run.history))
        axes.plot(ends, np.exp(run.history), marker="os"[i], markersize=3.5, color=color,
                  label=f"by gradient, start {i + 1}")  # fmt: skip
    axes.set(title="The way there", ylabel="Bound, geometric mean [m]")
    axes.set_xlabel("Cost in values of the criterion; one with gradient counts as three")
    axes.legend()


def main(path=None):
    """Design, search, judge; draw if there is a path."""
    epochs_s = np.linspace(0.0, 86_400.0, 12, endpoint=False)
    service = service_between(SOUTH_RAD, NORTH_RAD, 240, epochs_s)
    criterion = criterion_of(service)
    low, high = np.asarray(LOW) - SLACK, np.asarray(HIGH) + SLACK
    runs = [improve(criterion, start, low, high, steps=30) for start in STARTS]
    best = min(runs, key=lambda run: run.value)
    cost = 3 * sum(run.evaluations for run in runs)
    found, searched = random_search(criterion, cost)
    print("inclination [deg], altitude [km], phasing; the same of shell 2; its first node [deg]")
    told("start 1", STARTS[0], criterion, service)
    for i, run in enumerate(runs):
        print(f"by gradient from start {i + 1}: {np.exp(run.value):.2f} m")
    told("best by gradient", best.design, criterion, service)
    told(f"best of {cost} random designs", found, criterion, service)
    if path:
        draw(STARTS[0], best.design, runs, searched, path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
