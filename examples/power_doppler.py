"""One satellite, one minute: what beam powers tell, what Doppler tells, and what both do.

An Iridium satellite of December 2025 carries antenna B52 over Munich. Its beams are measured all at
once, 1 ms each, every 10 s; its Doppler every second with 5 Hz noise and an unknown offset of the
receiver. The height is known to 1 km, EIRP to 0.3 dB. Run:

    python examples/power_doppler.py [number of draws]
"""

import dataclasses
import sys
from pathlib import Path

import jax
import numpy as np

from leopnt.antennas.beams import b52
from leopnt.epochs import Epoch
from leopnt.io.tle import read_tle
from leopnt.methods import doppler_fix
from leopnt.methods.power import (
    DopplerPlan,
    HeightPrior,
    PowerLogOptions,
    all_beams,
    fix_log,
    log_bound,
    power_trials,
    simulate_log,
)
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.orbits.sgp4 import AnyAge
from leopnt.scenes.sky_scene import Place

DATA = Path(__file__).parent / "data" / "tle_2025"
START = Epoch.from_iso("2025-12-28T18:42:10Z")
SATELLITE = 32
MUNICH = Place(48.14, 11.58, 520.0)
MINUTE_S = 60.0
SIGMA_CAL_DB = 0.3
HEIGHT = HeightPrior(520.0, 1000.0)
POWER = PowerLogOptions(height=HEIGHT, sigma_cal_db=SIGMA_CAL_DB)
WITH_DOPPLER = dataclasses.replace(POWER, unknowns=("rx_pos_ecef_m", "freq_offset_hz"))


def minute():
    """The log of one minute, powers and Doppler, and where the receiver is."""
    ephemeris = Ephemeris.from_sgp4(read_tle(DATA / "iridium.tle"), START, 120.0, age_gate=AnyAge())
    place = np.asarray(MUNICH.pos_ecef_m)
    doppler = DopplerPlan(30.0 + np.arange(0.0, MINUTE_S + 1.0), 5.0, freq_offset_hz=120.0)
    epochs = all_beams(b52(), 30.0 + np.arange(0.0, MINUTE_S + 1.0, 10.0))
    drawn = simulate_log(
        ephemeris,
        SATELLITE,
        b52(),
        epochs,
        place,
        jax.random.key(0),
        doppler=doppler,
        beam_bias_db=SIGMA_CAL_DB * np.random.default_rng(0).normal(size=52),
    )
    return drawn, place


def cases(log):
    """Log, options and the powers that count, of every line of the table."""
    middle = log.time_s == log.time_s[len(log.time_s) // 2]
    powers = dataclasses.replace(log, doppler=None)
    return {
        "power, one epoch": (powers.rows(middle), POWER, None),
        "power, one minute": (powers, POWER, None),
        "Doppler, one minute": (log, WITH_DOPPLER, np.zeros(log.num_rows, bool)),
        "both, one minute": (log, WITH_DOPPLER, None),
    }


def bounds(log, place):
    """Bound of every line of the table."""
    return {
        name: log_bound(one, b52(), place, options, used=used)
        for name, (one, options, used) in cases(log).items()
    }


def doppler_sides(log):
    """Positions [m] that fit the Doppler about as well, and their costs above the best."""
    given = doppler_fix.FixOptions(
        weights=doppler_fix.GivenSigma(),
        height=doppler_fix.Height(float(HEIGHT.mean_m), float(HEIGHT.sigma_m)),
    )
    found = doppler_fix.fix(log.doppler, given)
    return [(a.position_ecef_m, a.cost_above) for a in found.alternatives if a.cost_above < 9.0]


def draws(log, place, count):
    """RMS of many fixes over the bound, by line of the table (without Doppler alone)."""
    return {
        name: power_trials(one, b52(), place, options, count, jax.random.key(7))
        for name, (one, options, used) in cases(log).items()
        if used is None
    }


def main():
    """Print the table, the two sides of Doppler, and the Monte Carlo."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    log, place = minute()
    print(f"EIRP known to {SIGMA_CAL_DB} dB per beam, height to {HEIGHT.sigma_m:.0f} m")
    print(f"{'sigma [m]':22s}{'east':>8s}{'north':>8s}{'up':>8s}{'timing [us]':>13s}")
    for name, bound in bounds(log, place).items():
        numbers = "".join(f"{sigma:8.0f}" for sigma in bound.sigma_enu_m)
        print(f"{name:22s}{numbers}{1e6 * np.mean(bound.timing_s):13.2f}")
    sides = doppler_sides(log)
    print(f"\nDoppler alone: {len(sides)} positions fit")
    for position, above in sides:
        off = np.linalg.norm(position - place) / 1e3
        print(f"  {off:8.1f} km from the truth, chi-square {above:.1f} above the best")
    for name, (one, options, used) in cases(log).items():
        if used is None:
            fix = fix_log(one, b52(), options)
            error = ", ".join(f"{x:.0f}" for x in fix.error_enu_m(place))
            print(f"{name}: error ({error}) m, next position at chi-square {fix.second_cost:.0f}")
    print(f"\nRMS over bound of {count} draws")
    for name, trials in draws(log, place, count).items():
        print(f"  {name:22s}{trials.ratio:6.2f}")


if __name__ == "__main__":
    main()
