"""Reading orbit products, element sets and Earth orientation; turning states into Earth axes.

    python -m benchmarks.tables_and_frames

Each beside a second size or a plain line-by-line reader in the same run: a reader whose cost grows
faster than its file shows.
"""

import json
import os
import statistics
import time
from pathlib import Path

import astropy_iers_data
import numpy as np

from benchmarks.circumstances import circumstances
from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.frames.earth import teme_to_ecef
from leopnt.io.omm import parse_omm
from leopnt.io.sp3 import read_sp3

RESULT = Path(__file__).parent / "results" / "tables_and_frames.json"
REPEATS = 5
SP3 = Path("examples/data/sp3/COD0MGXFIN_20211180000_01D_05M_ORB.SP3")
RECORD = {
    "OBJECT_NAME": "LEO 1",
    "OBJECT_ID": "2026-101A",
    "CENTER_NAME": "EARTH",
    "REF_FRAME": "TEME",
    "TIME_SYSTEM": "UTC",
    "MEAN_ELEMENT_THEORY": "SGP4",
    "EPOCH": "2025-12-28T12:16:30.296064",
    "MEAN_MOTION": "14.34217293",
    "ECCENTRICITY": ".0002343",
    "INCLINATION": "86.4",
    "RA_OF_ASC_NODE": "159.8694",
    "ARG_OF_PERICENTER": "92.7768",
    "MEAN_ANOMALY": "267.3696",
    "EPHEMERIS_TYPE": "0",
    "CLASSIFICATION_TYPE": "U",
    "NORAD_CAT_ID": "45001",
    "ELEMENT_SET_NO": "999",
    "REV_AT_EPOCH": "1",
    "BSTAR": "0.0001",
    "MEAN_MOTION_DOT": "0",
    "MEAN_MOTION_DDOT": "0",
}


def plain_positions(path):
    """Positions of an SP3 file, line by line."""
    with open(path, encoding="latin-1") as file:
        lines = [line for line in file if line.startswith("P")]
    return np.array([[float(line[4 + 14 * k : 18 + 14 * k]) for k in range(3)] for line in lines])


def plain_eop(path):
    """UT1 - UTC of a finals table, line by line."""
    with open(path, encoding="ascii") as file:
        return np.array([float(line[58:68]) for line in file if line[58:68].strip()])


def seconds_of(function):
    """Median time of a call."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def main():
    load_before = os.getloadavg()[0]
    few, many = (json.dumps([RECORD] * n, indent=1) for n in (300, 3000))
    epoch = Epoch.from_iso("2025-05-05") + 60.0 * np.arange(1440)
    pos_m = np.random.default_rng(0).normal(size=(150, 1440, 3))
    assert len(parse_omm(many).require()) == 3000
    found = {
        "sp3_half_a_megabyte_s": seconds_of(lambda: read_sp3(SP3)),
        "sp3_positions_line_by_line_s": seconds_of(lambda: plain_positions(SP3)),
        "eop_table_s": seconds_of(lambda: EopTable.from_file(astropy_iers_data.IERS_A_FILE)),
        "eop_line_by_line_s": seconds_of(lambda: plain_eop(astropy_iers_data.IERS_A_FILE)),
        "omm_300_records_s": seconds_of(lambda: parse_omm(few)),
        "omm_3000_records_s": seconds_of(lambda: parse_omm(many)),
        "teme_to_ecef_per_state_s": seconds_of(lambda: teme_to_ecef(pos_m, pos_m, epoch))
        / (150 * 1440),
    }
    row = {
        "benchmark": "tables_and_frames",
        "date": time.strftime("%Y-%m-%d"),
        "seconds": {name: float(f"{value:.3g}") for name, value in found.items()},
        "omm_ratio_3000_to_300": round(found["omm_3000_records_s"] / found["omm_300_records_s"], 1),
        **circumstances(load_before),
    }
    print(json.dumps(row, indent=1))
    RESULT.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
