"""Specific attenuation against the validation examples of ITU-R and another implementation."""

import jax
import numpy as np
import pytest

from leopnt.channel import (
    AirState,
    attenuation_dbpm,
    oxygen_attenuation_dbpm,
    water_vapor_attenuation_dbpm,
)
from leopnt.channel.specific_attenuation import lines
from leopnt.errors import LeopntError

GROUND = AirState(101_325.0, 288.15, 7.5e-3)

# GHz: oxygen, water vapor [dB/km]. ITU-R Study Group 3 validation workbook CG-3M3J-13-ValEx, sheet
# "P.676-13 SpAtt": 1013.25 hPa of dry air, 288.15 K, 7.5 g/m3.
ITU_EXAMPLES = {
    12.0: (0.00869826406877357, 0.00953538822024593),
    20.0: (0.0118835504778076, 0.0970473048151117),
    60.0: (14.6234747964861, 0.154841840636247),
    90.0: (0.0388697110724235, 0.341973394422181),
    130.0: (0.0415090835995228, 0.751844703646129),
}

# GHz, hPa (dry), g/m3, K: oxygen, water vapor [dB/km] of itur 0.4.0, its ITU-R P.676-12.
ITUR = {
    (1.575, 1013.25, 7.5, 288.15): (0.006387901554898994, 0.00012650764698781308),
    (12.7, 1013.25, 7.5, 288.15): (0.008889038132118304, 0.011200672252938039),
    (22.2, 950.0, 15.0, 300.0): (0.010519767351360294, 0.36376564816900486),
    (60.5, 500.0, 2.0, 260.0): (10.574518813062548, 0.027067005442994875),
    (118.75, 20.0, 0.01, 220.0): (2.404515217557226, 3.238072413939084e-05),
    (183.3, 700.0, 3.0, 275.0): (0.007331669959908023, 16.90663575570747),
    (350.0, 1013.25, 7.5, 288.15): (0.03680562705045716, 10.122673139512628),
}


@pytest.mark.parametrize("gigahertz", ITU_EXAMPLES)
def test_the_validation_examples_of_itu_come_out(gigahertz, evidence):
    oxygen, vapor = ITU_EXAMPLES[gigahertz]
    errors = (
        1e3 * oxygen_attenuation_dbpm(1e9 * gigahertz, GROUND) / oxygen - 1,
        1e3 * water_vapor_attenuation_dbpm(1e9 * gigahertz, GROUND) / vapor - 1,
    )
    evidence(
        "channel.specific_attenuation",
        f"oxygen and water vapor at {gigahertz:g} GHz, relative",
        "ITU-R validation examples (P.676-13)",
        "published",
        achieved=np.max(np.abs(errors)),
        tolerance=1e-9,
    )


def test_other_air_and_carriers_agree_with_itur(evidence):
    worst = 0.0
    for (gigahertz, pressure, vapor, temperature), expected in ITUR.items():
        air = AirState(100 * pressure, temperature, 1e-3 * vapor)
        got = (
            1e3 * oxygen_attenuation_dbpm(1e9 * gigahertz, air),
            1e3 * water_vapor_attenuation_dbpm(1e9 * gigahertz, air),
        )
        worst = max(worst, np.max(np.abs(np.array(got) / expected - 1)))
    evidence(
        "channel.specific_attenuation",
        "oxygen and water vapor, 1.5 to 350 GHz, ground to stratosphere, relative",
        "itur 0.4.0 (ITU-R P.676-12)",
        "implementation",
        achieved=worst,
        tolerance=1e-11,
    )


def test_the_tables_have_the_lines_of_the_recommendation():
    oxygen, vapor = lines("oxygen_lines.csv"), lines("water_vapor_lines.csv")
    assert [column.shape for column in oxygen] == [(44,)] * 7
    assert [column.shape for column in vapor] == [(35,)] * 7
    for table in (oxygen, vapor):
        assert np.all(np.diff(table[0]) > 0)


def test_without_air_or_vapor_nothing_is_lost():
    assert oxygen_attenuation_dbpm(60e9, AirState(0.0, 288.15, 0.0)) == 0.0
    assert water_vapor_attenuation_dbpm(22e9, AirState(101_325.0, 288.15, 0.0)) == 0.0


def test_the_derivative_by_the_carrier_is_that_of_differences():
    for gigahertz in (1.6, 22.0, 60.3, 183.0):
        carrier, step = 1e9 * gigahertz, 1e4
        slope = jax.jit(jax.grad(lambda f: attenuation_dbpm(f, GROUND)))(carrier)
        low, high = (attenuation_dbpm(carrier + s, GROUND) for s in (-step, step))
        np.testing.assert_allclose(slope, (high - low) / (2 * step), rtol=1e-4)


@pytest.mark.parametrize("carrier_hz", [-12e9, 0.0, 137e6, 2e12])
def test_carriers_outside_the_tables_are_refused_or_unknown(carrier_hz):
    for function in (oxygen_attenuation_dbpm, water_vapor_attenuation_dbpm):
        with pytest.raises(LeopntError, match=r"carrier_hz = .* Hz: expected 1e\+09 to 1e\+12"):
            function(carrier_hz, GROUND)
        assert np.isnan(jax.jit(function)(carrier_hz, GROUND))
