"""Files of one small array in every format, written independently of the readers."""

import functools

import numpy as np
from scipy.io import savemat

from leopnt.antennas import SeparableBeams

AXIS = np.linspace(-0.5, 0.5, 41)
THETA_DEG = np.arange(0.0, 31.0, 2.0)
PHI_DEG = np.arange(0.0, 360.0, 4.0)


@functools.cache
def antenna():
    """Two beams of 6 x 6 elements, element factor 1."""
    return SeparableBeams(
        np.ones(6), np.ones(6), np.array([0.1, -0.2]), np.array([0.2, 0.05]),
        np.array([26.0, 28.0]), 0.0, -30.0,
    )  # fmt: skip


def _power_w(u, v):
    """(beam, ...) in plain NumPy."""
    own = antenna()

    def one_axis(x):
        return sum(np.cos(n * np.pi * x) for n in (0.5, 1.5, 2.5)) / 3

    beams = zip(own.beam_u, own.beam_v, own.peak_dbw, strict=True)
    return np.stack(
        [
            10 ** (w / 10) * ((one_axis(u - bu) * one_axis(v - bv)) ** 2 + 10**-3.0)
            for bu, bv, w in beams
        ]
    )


@functools.cache
def level_cosines():
    return 10 * np.log10(_power_w(AXIS[:, None], AXIS[None, :]))


@functools.cache
def level_angles():
    sine, phi = np.sin(np.radians(THETA_DEG))[:, None], np.radians(PHI_DEG)[None, :]
    return 10 * np.log10(_power_w(sine * np.cos(phi), sine * np.sin(phi)))


def grid(kind):
    """Names, axes in the unit of the file, levels."""
    if kind == "cosines":
        return ("u", "v"), (AXIS, AXIS), level_cosines()
    return ("theta_deg", "phi_deg"), (THETA_DEG, PHI_DEG), level_angles()


def csv_lines(kind):
    names, (first, second), level = grid(kind)
    lines = [f"beam,{names[0]},{names[1]},eirp_dbw"]
    for beam, name in enumerate(("north", "south")):
        for i, x in enumerate(first):
            lines += [
                f"{name},{x:.9g},{y:.9g},{level[beam, i, j]:.9g}" for j, y in enumerate(second)
            ]
    return lines


def write_csv(path, kind):
    path.write_text("\n".join(csv_lines(kind)) + "\n")


def grd_lines(kind):
    """Gain of the same array at 20 dBW; its power spread over both components and phases."""
    _, (first, second), level = grid(kind)
    field = 10 ** ((level - 20.0) / 20)
    if kind == "cosines":
        x, y, number, field = first, second, 1, np.swapaxes(field, 1, 2)
    else:
        x, y, number = second, first, 7
    lines = ["made for a test", "++++", "1", f"2 3 2 {number}", "0 0", "0 0"]
    for one in field:
        lines += [f"{x[0]:.10E} {y[0]:.10E} {x[-1]:.10E} {y[-1]:.10E}", f"{len(x)} {len(y)} 0"]
        for value in one.ravel():
            parts = value * np.array([0.36, 0.48, -0.64, 0.48])
            lines.append(" ".join(f"{part:.9E}" for part in parts))
    return lines


def write_grd(path, kind):
    path.write_text("\n".join(grd_lines(kind)) + "\n")


def write_mat(path, kind, **more):
    names, (first, second), level = grid(kind)
    savemat(path, {names[0]: first, names[1]: second, "eirp_dbw": level, **more})
