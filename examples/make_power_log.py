"""Make `power_log.csv`: beam powers that a receiver in Munich could measure of one satellite.

Synthetic. IRIDIUM 116 (element set of 28 December 2025, `data/tle_2025`) is given antenna B52 and a
carrier of 1.6 GHz. Its 52 beams take turns, 100 ms each, for 62.4 s: each is measured twelve times.
Every power is the coherent sum over 1 ms in noise of 290 K, drawn with a fixed seed. The true EIRP
of each beam is off its nominal one by 0.3 dB (one sigma), by the same amount all the time. Run:

    python examples/make_power_log.py [power_log.csv]
"""

import sys
from pathlib import Path

import jax
import numpy as np

from leopnt.antennas.beams import b52
from leopnt.epochs import Epoch
from leopnt.io.results import write_text
from leopnt.io.tle import read_tle
from leopnt.methods.power import beams_in_turn, simulate_log
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.sky_scene import Place

HERE = Path(__file__).parent
START = Epoch.from_iso("2025-12-28T18:42:10Z")
NAME = "IRIDIUM 116"
MUNICH = Place(48.14, 11.58, 520.0)
DWELL_S, SWEEPS = 0.1, 12
SEED = 2026
SIGMA_EIRP_DB = 0.3
COMMENTS = f"""\
# SYNTHETIC: no receiver measured this. Made by examples/make_power_log.py, seed {SEED}.
# {NAME} with antenna B52 at 1.6 GHz, seen from 48.14 N, 11.58 E, 520 m; T_p = 1 ms, T = 290 K.
"""


def simulated():
    """The log, times counted from its first row."""
    antenna = b52()
    elements = read_tle(HERE / "data" / "tle_2025" / "iridium.tle")
    ephemeris = Ephemeris.from_sgp4(elements, START, 120.0)
    schedule = beams_in_turn(antenna, 30.0, DWELL_S * SWEEPS * antenna.num_beams, DWELL_S)
    bias_db = SIGMA_EIRP_DB * np.random.default_rng(SEED).normal(size=antenna.num_beams)
    return simulate_log(
        ephemeris,
        elements.name.index(NAME),
        antenna,
        schedule,
        np.asarray(MUNICH.pos_ecef_m),
        jax.random.key(SEED),
        beam_bias_db=bias_db,
        name=NAME,
    )


def main():
    """Write the log as CSV."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "power_log.csv"
    log = simulated()
    times = (START + log.time_s).to_iso(digits=3)
    rows = zip(times, log.beam.tolist(), log.power_dbw.tolist(), strict=True)
    lines = [f"{time},{NAME},{beam},{power:.3f}\n" for time, beam, power in rows]
    write_text(COMMENTS + "time_utc,satellite,beam,power_dbw\n" + "".join(lines), path)
    print(f"{len(lines)} powers in {path}")


if __name__ == "__main__":
    main()
