"""What old element sets do to a Doppler fix, and what each remedy buys.

Iridium satellites, six arcs of 1 to 10 minutes at 1 Hz, 5 Hz noise. The satellites really fly where
the elements say; the receiver uses states that are off along the orbit, outward and sideways by
random amounts of the size that elements of the given age have (`EphemerisAgeing`). Run:

    python examples/aged_elements.py [number of places]
"""

import sys
from pathlib import Path

import jax
import numpy as np

from leopnt.epochs import Epoch
from leopnt.frames import geodetic_to_ecef
from leopnt.io.tle import read_tle
from leopnt.methods.doppler_fix import EphemerisAgeing, FixOptions, GivenSigma, fix, simulate

DATA = Path(__file__).parent / "data" / "tle_2025"
START = Epoch.from_iso("2025-12-28T18:00:00")
AGEING = EphemerisAgeing()
TIME = ("rx_pos_ecef_m", "freq_offset_hz", "sat_time_offset_s")
ORBIT = (*TIME, "sat_orbit_offset_m")
REMEDIES = {
    "ephemeris taken as exact": FixOptions(weights=GivenSigma(), snooping_sigmas=None),
    "ephemeris considered": FixOptions(weights=GivenSigma(), snooping_sigmas=None, ageing=AGEING),
    "time offsets estimated": FixOptions(
        unknowns=TIME, weights=GivenSigma(), snooping_sigmas=None, ageing=AGEING
    ),
    "orbits estimated": FixOptions(
        unknowns=ORBIT, weights=GivenSigma(), snooping_sigmas=None, ageing=AGEING
    ),
}


def simulated_logs(num_places, age_days, seed=1):
    """Logs as a user with elements of that age sees them, and the true places."""
    elements, rng = read_tle(DATA / "iridium.tle"), np.random.default_rng(seed)
    sine = rng.uniform(-0.95, 0.95, num_places)
    lon = rng.uniform(-np.pi, np.pi, num_places)
    places = np.asarray(jax.vmap(geodetic_to_ecef, (0, 0, None))(np.arcsin(sine), lon, 0.0))
    plan = simulate.ArcPlan(window_s=7200.0)
    coarse_s = np.arange(0.0, 7201.0, 30.0)
    up = simulate.elevations(elements, START, coarse_s, places)
    for place, elevation in zip(places, up, strict=True):
        arcs = simulate.choose_arcs(elevation, coarse_s, plan, rng)
        log = simulate.log_of_arcs(elements, START, arcs, place, 1.626e9)
        log = simulate.measure(log, place, 5.0, rng, clock=simulate.ReceiverClock(80.0))
        age_s = np.full(len(arcs), age_days * 86400.0)
        along_m = AGEING.along_track_m(age_s)
        draws = rng.normal(size=(3, len(arcs))) * along_m
        cross = AGEING.cross_share * draws[1:]
        yield simulate.aged(log, draws[0], *cross, age_s), place


def compare(logs):
    """Median 3D error, median predicted sigma [m], mean NEES and share not solved, by remedy.

    NEES is the squared error over the predicted covariance; 3 components make an honest mean of 3.
    A single fix that is wrong beyond its sigma spoils the mean: that is what it is for.
    """
    rows = {name: [] for name in REMEDIES}
    for log, place in logs:
        for name, options in REMEDIES.items():
            result = fix(log, options)
            if not result.converged:
                rows[name].append((np.nan, np.nan, np.nan))
                continue
            error, covariance = result.error_enu_m(place), result.covariance_enu_m2
            nees = error @ np.linalg.solve(covariance, error)
            rows[name].append((np.sqrt(error @ error), np.sqrt(np.trace(covariance)), nees))
    return {name: _summary(np.array(values)) for name, values in rows.items()}


def _summary(rows):
    solved = rows[np.isfinite(rows[:, 0])]
    if not len(solved):
        return np.nan, np.nan, np.nan, 1.0
    error_m, sigma_m = np.median(solved[:, :2], axis=0)
    return float(error_m), float(sigma_m), float(solved[:, 2].mean()), 1 - len(solved) / len(rows)


def main():
    """Print the table of all ages and remedies."""
    num_places = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"{num_places} places, Iridium, six arcs, 5 Hz noise; honest NEES is 3")
    columns = "median error [m]  median sigma [m]  mean NEES  not solved"
    print(f"age [d]  {'remedy':26s}  {columns}")
    for age_days in (0.25, 1.0, 7.0):
        for name, (error, sigma, nees, lost) in compare(
            simulated_logs(num_places, age_days)
        ).items():
            row = f"{age_days:7.2f}  {name:26s}  {error:16.0f}  {sigma:16.0f}  {nees:9.1f}"
            print(f"{row}  {lost:10.0%}", flush=True)


if __name__ == "__main__":
    main()
