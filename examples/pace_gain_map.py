"""When does a position help to estimate a channel? PACE against an unstructured estimate.

Three maps over the number of antennas and the error of the position, for three powers of the users:
the bound on the channel vector without a position over that with one (RMS over 32 links of the
default cluster and 8 horizontal directions of the error), in decibels. Above 0 dB the position
helps. Run:

    python examples/pace_gain_map.py [file.png]
"""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from leopnt.antennas import UniformPlanarArray
from leopnt.methods import pace

SIDES = (2, 3, 4, 6, 8, 12, 16, 24, 32)
ERRORS_M = np.geomspace(100.0, 100e3, 31)
POWERS_DBM = (15.0, 30.0, 45.0)
ANGLES_RAD = np.arange(8) * np.pi / 4.0


def gain_db(side, power_dbm):
    """Bound of the unstructured vector over the aided one [dB] at each of `ERRORS_M`.

    Users whose wrong direction lies behind an array or in a null of it count as they are: NaN.
    """
    scene = pace.default_scene(user_power_w=10 ** ((power_dbm - 30.0) / 10.0))
    array = UniformPlanarArray(side, side)
    system = eqx.tree_at(lambda s: s.array, pace.PaceSystem(), array)
    level = np.stack([np.cos(ANGLES_RAD), np.sin(ANGLES_RAD), 0.0 * ANGLES_RAD], axis=-1)
    offset_m = ERRORS_M[:, None, None] * level[None]  # the users are near the z axis
    taken_m = scene.user_pos_m[None, None] + offset_m[:, :, None]
    over_errors = jax.vmap(jax.vmap(lambda taken: pace.uplink_kernel(scene, taken, system)))
    bounds = jax.jit(over_errors)(jnp.asarray(taken_m))
    # Each in units of its channel, so that no link outweighs the others.
    length = side * jnp.abs(bounds.channel_gain)
    aided, unaided = (
        jnp.mean((one.lb_vector / length) ** 2, axis=(1, 2, 3)) for one in (bounds.pace, bounds.uce)
    )
    return 10.0 * np.log10(np.asarray(unaided / aided))


def draw(maps, path):
    """Contours of the maps, one panel for each power."""
    from matplotlib.figure import Figure

    from leopnt.report import style

    with style.look():
        figure = Figure(figsize=(8.8, 3.9), layout="constrained")
        draw_panels(figure, figure.subplots(1, len(maps), sharey=True), maps)
        Path(path).write_bytes(style.png_bytes(figure, 120))


def draw_panels(figure, axes, maps):
    """One panel for each power, in the same colors."""
    from matplotlib.ticker import NullLocator

    levels, num_ant = np.arange(-30.0, 31.0, 5.0), np.square(SIDES)
    for panel, (power_dbm, values) in zip(axes, maps.items(), strict=True):
        filled = panel.contourf(
            num_ant, ERRORS_M / 1e3, values, levels, cmap="PuOr_r", vmin=-30, vmax=30, extend="both"
        )
        even = panel.contour(num_ant, ERRORS_M / 1e3, values, [0.0], colors="black")
        panel.set(xscale="log", yscale="log", xlabel="Antennas", xticks=[4, 16, 64, 256, 1024])
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter("{x:g}")
        if np.any(values < 0.0):
            middle = float(np.sqrt(num_ant[-2] * num_ant[-4]))
            panel.clabel(even, fmt="no gain", fontsize=9, manual=[(middle, 20.0)])
        panel.set_title(f"User sends {power_dbm:.0f} dBm")
        panel.grid(visible=False)
    axes[0].set_ylabel("Error of the position [km]")
    figure.colorbar(filled, ax=axes, label="What the position gains [dB]")


def main():
    """Print the gain at 8 x 8 antennas, and draw the maps if a file is named."""
    maps = {power: np.stack([gain_db(n, power) for n in SIDES], axis=1) for power in POWERS_DBM}
    column = SIDES.index(8)
    rows = [int(np.argmin(np.abs(ERRORS_M - error))) for error in (100, 1e3, 1e4, 1e5)]
    print("gain by the position at 8 x 8 antennas [dB]")
    print("power [dBm]" + "".join(f"{ERRORS_M[row]:10.0f} m" for row in rows))
    for power, values in maps.items():
        print(f"{power:11.0f}" + "".join(f"{values[row, column]:12.1f}" for row in rows))
    if len(sys.argv) > 1:
        draw(maps, sys.argv[1])


if __name__ == "__main__":
    main()
