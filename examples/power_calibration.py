"""Calibrate the beams of an antenna at four known places, then fix a power log with it.

The log is `power_log.csv`, in which the EIRP of each beam is off its nominal one by 0.3 dB (one
sigma). Four receivers at known places measure the same satellite in the same minute, which tells
the biases of most beams to some hundredths of a decibel. Run:

    python examples/power_calibration.py
"""

import dataclasses
from pathlib import Path

import jax
import numpy as np
from make_power_log import NAME, SEED, SIGMA_EIRP_DB, START

from leopnt.antennas.beams import b52
from leopnt.io.tle import read_tle
from leopnt.methods.power import KnownPlace, all_beams, calibrate_beams, fix_log, simulate_log
from leopnt.methods.power.from_file import power_log, power_options
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.power_scene import load_power_scene
from leopnt.scenes.sky_scene import Place

HERE = Path(__file__).parent
SITES = {
    "Berlin": Place(52.5, 13.4, 80.0),
    "Budapest": Place(47.5, 19.0, 150.0),
    "Rome": Place(41.9, 12.5, 70.0),
    "Warsaw": Place(52.2, 21.0, 150.0),
}
UNCALIBRATED_DB = 0.3


def known_places():
    """What the four receivers measured: all beams at once, every 2 s, the biases of the log."""
    antenna, elements = b52(), read_tle(HERE / "data" / "tle_2025" / "iridium.tle")
    ephemeris = Ephemeris.from_sgp4(elements, START, 120.0)
    bias_db = SIGMA_EIRP_DB * np.random.default_rng(SEED).normal(size=antenna.num_beams)
    schedule = all_beams(antenna, 30.0 + np.arange(0.0, 62.0, 2.0))
    places = []
    for number, site in enumerate(SITES.values()):
        place = np.asarray(site.pos_ecef_m)
        log = simulate_log(
            ephemeris,
            elements.name.index(NAME),
            antenna,
            schedule,
            place,
            jax.random.key(number),
            beam_bias_db=bias_db,
        )
        places.append(KnownPlace(log, place))
    return places, bias_db


def fixes(calibration):
    """The log's position with the nominal antenna and with the calibrated one."""
    scene = load_power_scene(HERE / "power_log.toml")
    log, antenna = power_log(scene, scene.truth_ecef_m), scene.beams.antenna
    options = power_options(scene.file.settings)
    remaining = calibration.remaining_sigma_db(UNCALIBRATED_DB)
    exact = dataclasses.replace(options, sigma_cal_db=0.0)
    after = dataclasses.replace(options, sigma_cal_db=remaining)
    return scene.truth_ecef_m, {
        "nominal, taken as exact": fix_log(log, antenna, exact),
        "nominal, 0.3 dB": fix_log(log, antenna, options),
        "calibrated": fix_log(log, calibration.apply(antenna), after),
    }


def main():
    """Print what the calibration tells, and three fixes of one log."""
    places, bias_db = known_places()
    found = calibrate_beams(places, b52())
    off = (found.total_db - bias_db)[found.calibrated]
    print(f"{int(found.calibrated.sum())} of 52 beams calibrated at {', '.join(SITES)}")
    print(f"sigma of a bias: median {np.nanmedian(found.total_sigma_db):.3f} dB")
    print(f"error of a bias: rms {np.sqrt(np.mean(off**2)):.3f} dB")
    print(f"common term: {found.common_db:+.3f} dB, sigma {found.common_sigma_db:.3f} dB")
    truth, solved = fixes(found)
    print(f"\n{'position [m]':26s}{'error east, north, up':>24s}{'sigma':>20s}")
    for name, one in solved.items():
        error = " ".join(f"{x:7.0f}" for x in one.error_enu_m(truth))
        sigma = " ".join(f"{x:6.0f}" for x in one.sigma_enu_m)
        print(f"{name:26s}{error:>24s}{sigma:>20s}   chi-square p {one.chi2.p_value:.2f}")


if __name__ == "__main__":
    main()
