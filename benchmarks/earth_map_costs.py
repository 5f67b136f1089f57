"""What maps cost as they grow: cells, epochs, satellites in view and out of view.

    python -m benchmarks.earth_map_costs

Processor seconds of one thread, which other work on the machine disturbs least, for DOP of Walker
deltas at 550 km and 53 deg above a mask of 25 deg, from given states. A curve doubles one number
and keeps all others. Satellites out of view: a region of 100 cells at 55 to 65 deg north below 1584
satellites of 70 deg, and more and more that keep within 20 deg of the equator. Their orbits are
timed apart: `orbits_ns` for one satellite at one epoch.
"""

import datetime
import json
import math
import os

import numpy as np

from benchmarks.circumstances import circumstances
from benchmarks.earth_maps import REPEATS, RESULT, timed
from leopnt.methods.coverage import (
    SPHERE,
    MapChunk,
    Pseudorange,
    UserKnowledge,
    coverage_map,
    equal_angle_grid,
    link_weights,
    unknowns_of,
)
from leopnt.orbits.constellations import walker_delta
from leopnt.scenes.map_orbits import CircularOrbits

STEP_S = 60.0
PLANES = 36
CELL_STEPS_DEG = (4.0, 2.8125, 2.0)
EPOCHS = (30, 60, 120)
SATELLITES = (396, 1584, 3168, 6336)
OUT_OF_VIEW = (0, 1584, 3168, 6336, 12_672)


def states(satellites, epochs, inclination_deg=53.0):
    """Positions and velocities of a Walker delta."""
    inclination = math.radians(inclination_deg)
    pattern = walker_delta("W", satellites, PLANES, 1, inclination, 550e3)
    return CircularOrbits(pattern.elements()).states(STEP_S * np.arange(epochs))


def chunk_of(grid, found):
    """DOP at each cell of a grid."""
    weights = link_weights((Pseudorange(1.0),), found[0].shape[1])
    unknowns = unknowns_of(UserKnowledge(), weights)
    return MapChunk(grid, *found, math.radians(25.0), weights, unknowns)


def seconds(chunks):
    """Processor seconds of each chunk, and the cost relative to the first."""
    works = {name: (lambda one=one: coverage_map([one])) for name, one in enumerate(chunks)}
    taken = list(timed(works)[1].values())
    return {"processor_s": taken, "relative": [round(one / taken[0], 2) for one in taken]}


def mean_in_view(chunk):
    """Satellites that a cell sees, on average over cells and epochs."""
    found = coverage_map([chunk])
    return round(float(np.mean(found.total[0])) / chunk.num_epochs, 1)


def curves():
    """One column for each number that grows."""
    fine = equal_angle_grid(math.radians(CELL_STEPS_DEG[-1]), figure=SPHERE)
    grids = [equal_angle_grid(math.radians(one), figure=SPHERE) for one in CELL_STEPS_DEG]
    shell = states(1584, EPOCHS[-1])
    early = [one[:60] for one in shell]
    by_satellites = [chunk_of(fine, states(one, 60)) for one in SATELLITES]
    return {
        "cells": {"number": [one.num_cells for one in grids]}
        | seconds([chunk_of(one, early) for one in grids]),
        "epochs": {"number": list(EPOCHS)}
        | seconds([chunk_of(fine, [one[:number] for one in shell]) for number in EPOCHS]),
        "satellites": {"number": list(SATELLITES)}
        | seconds(by_satellites)
        | {"mean_in_view": [mean_in_view(one) for one in by_satellites]},
        "satellites_out_of_view": out_of_view(),
    }


def out_of_view():
    """The cost of a region as more and more satellites never come into its view."""
    region = equal_angle_grid(
        math.radians(1.0),
        figure=SPHERE,
        latitude_rad=(math.radians(55.0), math.radians(65.0)),
        longitude_rad=(0.0, math.radians(10.0)),
    )
    above = states(1584, 60, 70.0)
    chunks = [chunk_of(region, above)]
    for number in OUT_OF_VIEW[1:]:
        far = states(number, 60, 20.0)
        both = [np.concatenate(one, axis=1) for one in zip(above, far, strict=True)]
        chunks.append(chunk_of(region, both))
    seen = [mean_in_view(one) for one in chunks]
    return {"number": list(OUT_OF_VIEW)} | seconds(chunks) | {"mean_in_view": seen}


def orbit_ns():
    """Nanoseconds of the orbit of one satellite at one epoch."""
    taken = timed({"orbits": lambda: states(6336, 60)})[1]["orbits"]
    return round(1e9 * taken / (6336 * 60), 1)


def main():
    load_before = os.getloadavg()[0]
    found = curves()
    row = {
        "benchmark": "earth_map_costs",
        "what": "Processor seconds of maps as they grow: of 1584 satellites, 60 epochs and 16 200 "
        "cells one number at a time; satellites out of view of a region of 100 cells",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **found,
        "orbits_ns": orbit_ns(),
        "repeats": REPEATS,
        **circumstances(load_before, "jax", "numpy", "numba"),
    }
    RESULT.with_name("earth_map_costs.json").write_text(json.dumps(row, indent=1) + "\n")
    for name, one in found.items():
        print(f"cost of {one['number']} {name}: {one['relative']}, processor seconds "
              f"{one['processor_s']}")  # fmt: skip
    print(f"orbits: {row['orbits_ns']} ns for each satellite and epoch")
    return row


if __name__ == "__main__":
    main()
