"""The ionosphere-free combination against its purpose and printed noise factors."""

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.observables import (
    BEIDOU_B1C_B2A,
    BEIDOU_B1I_B3I,
    GALILEO_E1_E5A,
    GPS_L1_L2,
    CarrierPair,
    ionosphere_free,
    ionosphere_free_noise_factor,
    ionosphere_free_weights,
    ionosphere_free_wind_up_m,
    narrow_lane_m,
)

C = 299_792_458.0
PAIRS = [BEIDOU_B1I_B3I, BEIDOU_B1C_B2A, GPS_L1_L2, GALILEO_E1_E5A]


@pytest.mark.parametrize(
    ("pair", "factor"),
    [(BEIDOU_B1I_B3I, 3.53), (BEIDOU_B1C_B2A, 2.59), (GPS_L1_L2, 2.98)],
)
def test_noise_grows_by_the_printed_factor(pair, factor, evidence):
    evidence(
        "observables.ionosphere_free",
        f"noise factor at {pair.first_hz / 1e6:.3f} and {pair.second_hz / 1e6:.3f} MHz",
        "independent implementation (BeiDou), Teunissen and Montenbruck (2017), ch. 20",
        "published",
        achieved=abs(ionosphere_free_noise_factor(pair) - factor),
        tolerance=0.005,
    )


@pytest.mark.parametrize("pair", PAIRS)
def test_the_ionosphere_falls_out_and_the_geometry_stays(pair):
    geometry, electrons = np.array([2.1e7, 1.2e6]), np.array([3e18, 2e17])
    delay = [40.3 * electrons / f**2 for f in pair]
    code = ionosphere_free(geometry + delay[0], geometry + delay[1], pair)
    phase = ionosphere_free(geometry - delay[0], geometry - delay[1], pair)
    np.testing.assert_allclose(code, geometry, atol=2e-8)
    np.testing.assert_allclose(phase, geometry, atol=2e-8)
    assert sum(ionosphere_free_weights(pair)) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("pair", PAIRS)
def test_one_cycle_on_both_carriers_is_the_narrow_lane(pair):
    a_cycle = float(ionosphere_free(C / pair.first_hz, C / pair.second_hz, pair))
    assert narrow_lane_m(pair) == pytest.approx(a_cycle, rel=1e-14)
    found = ionosphere_free_wind_up_m(np.array([0.5, -1.0]), pair)
    np.testing.assert_allclose(found, [0.5 * a_cycle, -a_cycle], rtol=1e-14)


def test_a_cycle_of_beidou_is_106_mm():
    assert narrow_lane_m(BEIDOU_B1I_B3I) == pytest.approx(0.106, abs=5e-4)


def test_carriers_that_cannot_be_combined_are_refused():
    with pytest.raises(LeopntError, match=r"second_hz = 0 Hz: expected a finite number above 0"):
        ionosphere_free_weights(CarrierPair(1.5e9, 0.0))
    with pytest.raises(LeopntError, match=r"both 1\.5e\+09 Hz; expected two different carriers"):
        narrow_lane_m(CarrierPair(1.5e9, 1.5e9))
    with pytest.raises(LeopntError, match="first_hz = nan Hz"):
        ionosphere_free_noise_factor(CarrierPair(np.nan, 1.2e9))
