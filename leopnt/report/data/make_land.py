"""Make `land.npz` from the TopoJSON file `land-110m.json` (see README.md in this folder).

    python leopnt/report/data/make_land.py path/to/land-110m.json

Longitudes are made continuous along each ring (a ring that crosses the antimeridian runs past
180 degrees instead of jumping), and the ring that goes around the South Pole is closed over it.
"""

import json
import sys
from pathlib import Path

import numpy as np

OUTPUT = Path(__file__).with_name("land.npz")


def decoded_arcs(topology: dict) -> list[np.ndarray]:
    """Longitude and latitude [deg] of each arc; TopoJSON stores quantized differences."""
    scale, origin = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    return [np.cumsum(np.array(arc), axis=0) * scale + origin for arc in topology["arcs"]]


def joined(arcs: list[np.ndarray], indices: list[int]) -> np.ndarray:
    """One ring; a negative index ~i means arc i backwards, and joints are shared points."""
    parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def continuous(ring_deg: np.ndarray) -> np.ndarray:
    """The ring with continuous longitudes, closed over the South Pole if it encloses it."""
    ring_deg = ring_deg.copy()
    ring_deg[:, 0] = np.unwrap(ring_deg[:, 0], period=360.0)
    if abs(ring_deg[-1, 0] - ring_deg[0, 0]) > 180.0:
        pole = [[ring_deg[-1, 0], -90.0], [ring_deg[0, 0], -90.0], ring_deg[0]]
        ring_deg = np.concatenate([ring_deg, pole])
    return ring_deg


def main() -> None:
    """Write the rings as thousandths of a degree, differenced: small integers compress well."""
    topology = json.loads(Path(sys.argv[1]).read_text())
    arcs = decoded_arcs(topology)
    (land,) = topology["objects"]["land"]["geometries"]
    rings = [continuous(joined(arcs, ring)) for polygon in land["arcs"] for ring in polygon]
    mdeg = [np.round(ring * 1000.0).astype(np.int32) for ring in rings]
    differences = [np.diff(ring, axis=0, prepend=np.zeros((1, 2), np.int32)) for ring in mdeg]
    np.savez_compressed(
        OUTPUT,
        difference_mdeg=np.concatenate(differences),
        num_points=np.array([len(ring) for ring in rings], np.int32),
    )
    print(f"{OUTPUT.name}: {len(rings)} rings, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
