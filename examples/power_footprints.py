"""Where the 52 beams of antenna B52 fall: in its plane of direction cosines, and on the Earth.

The satellite is 1200 km above Hong Kong, on its way to the northeast; its antenna points to the
Earth's center, x axis along the orbit. Run:

    python examples/power_footprints.py [picture.png]

The second picture, on the Earth, is written beside the first: picture_earth.png.
"""

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from leopnt.antennas import b52
from leopnt.frames import enu_to_ecef, geodetic_to_ecef, orbit_frame
from leopnt.methods.power import Shell, earth_footprints, plane_footprints

LAT_RAD, LON_RAD, HEIGHT_M = np.radians(22.3), np.radians(114.2), 1200e3
HEADING_RAD = np.radians(40.0)


def footprints(count=241):
    """Both views of the antenna."""
    sat_pos_ecef_m = geodetic_to_ecef(LAT_RAD, LON_RAD, HEIGHT_M)
    level = jnp.array([np.sin(HEADING_RAD), np.cos(HEADING_RAD), 0.0])
    axes = orbit_frame(sat_pos_ecef_m, 7256.0 * enu_to_ecef(level, LAT_RAD, LON_RAD))
    plane = plane_footprints(b52(), float(Shell().limb_rad()), count)
    return plane, earth_footprints(b52(), sat_pos_ecef_m, axes, count)


def main(path="power_footprints.png"):
    """Write both pictures."""
    from leopnt.report.footprints import earth_figure, plane_figure
    from leopnt.report.style import png_bytes

    plane, earth = footprints()
    second = Path(path).with_name(f"{Path(path).stem}_earth.png")
    Path(path).write_bytes(png_bytes(plane_figure(plane), 150))
    second.write_bytes(png_bytes(earth_figure(earth), 150))
    print(f"{path}, {second}: {len(plane.peak_dbw)} beams")


if __name__ == "__main__":
    main(*sys.argv[1:2])
