"""White noise of on-board clocks: three ways to treat it, errors against formal sigmas.

The full size is 24 satellites, 7 days, 30 s; the quick run has 12 satellites, one day, 60 s.
"""

import calibration_cases as cases
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.methods.calibration.day_reduction import reduce_day
from leopnt.methods.calibration.leo_clocks import FreeClock, KnownClock, WhiteClock
from leopnt.methods.calibration.orbit_models import OncePerRevolution
from leopnt.methods.calibration.product_errors import ONCE_PER_REVOLUTION_ERRORS
from leopnt.methods.calibration.reduction import stacked
from leopnt.methods.calibration.settings import CalibrationSettings
from leopnt.methods.calibration.simulation import draw_truth, simulate_station_day
from leopnt.methods.calibration.solution import solve_calibration

pytestmark = pytest.mark.study

SATS, DAYS = study_size(12, 24), study_size(1, 7)
FULL = study_size(False, True)
SCENE = cases.scene(SATS, 6, study_size(60.0, 30.0))
ORBIT = OncePerRevolution(0.02, 0.02, 0.02, 0.01)
WAYS = (
    CalibrationSettings(leo_phase_sigma_m=0.003, orbit=ORBIT, leo_clock=KnownClock()),
    CalibrationSettings(orbit=ORBIT),
    CalibrationSettings(leo_phase_sigma_m=0.003, orbit=ORBIT, leo_clock=WhiteClock(0.01)),
    CalibrationSettings(leo_phase_sigma_m=0.003, orbit=ORBIT, leo_clock=FreeClock()),
)


def test_a_white_clock_per_epoch_is_honest_and_better_than_raised_sigmas(evidence):
    """Orbits and clocks off once per revolution, estimated; 1 cm of white clock noise beside."""
    truth, totals = draw_truth(20, SATS, 6), [[] for _ in WAYS]
    for day in range(DAYS):
        days = [
            simulate_station_day(SCENE, truth, r, day, 20, ONCE_PER_REVOLUTION_ERRORS)
            for r in range(6)
        ]
        for settings, total in zip(WAYS, totals, strict=True):
            total.append(reduce_day(days, cases.layout_of(settings, SATS, 6), settings))
    errors, formal = [], []
    for total in totals:
        found = solve_calibration(stacked(total))
        errors.append(1e3 * np.sqrt(np.mean((found.offset_m - truth.offset_m) ** 2, axis=0)))
        formal.append(1e3 * np.sqrt(np.mean(found.offset_sigma_m**2, axis=0)))
    ignored, raised, white, free = errors
    assert formal[2][1] < 0.6 * formal[1][1]  # phase need not be weighed down
    assert np.all(formal[3] > formal[2])  # a free clock tells less
    if FULL:
        assert ignored[2] > 1.5 * white[2]  # ignored noise goes into the nadir offset
        assert white[1] < raised[1]
        assert free[2] < ignored[2]
    evidence(
        "methods.calibration.day_reduction",
        "errors of X, Y, Z over formal sigma, white clock of 1 cm, largest logarithm",
        "1, truth of the simulation",
        "monte carlo",
        achieved=np.max(np.abs(np.log(white / formal[2]))),
        tolerance=study_size(0.6, 0.4),
    )
