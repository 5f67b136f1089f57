"""Scintillation against the printed table."""

import jax
import numpy as np
import pytest

from leopnt.channel import scintillation_db
from leopnt.errors import LeopntError

TABLE = {10: 1.08, 20: 0.48, 30: 0.30, 40: 0.22, 50: 0.17, 60: 0.13, 70: 0.12, 80: 0.12, 90: 0.12}


def test_the_table_is_met_and_lines_join_it(evidence):
    elevations = np.linspace(1.0, 90.0, 357)
    found = jax.vmap(scintillation_db)(np.radians(elevations))
    expected = np.interp(elevations, list(TABLE), list(TABLE.values()))
    evidence(
        "channel.scintillation",
        "scintillation at 1 to 90 degrees [dB]",
        "3GPP TR 38.811 table 6.6.6.2.1-1, numpy.interp between",
        "published",
        achieved=np.max(np.abs(found - expected)),
        tolerance=1e-12,
        unit="dB",
    )


@pytest.mark.parametrize("el", [0.0, -0.2, 1.7])
def test_no_value_below_the_horizon_or_beyond_the_zenith(el):
    with pytest.raises(LeopntError, match="expected above 0 and at most pi/2"):
        scintillation_db(el)
    assert np.isnan(jax.jit(scintillation_db)(el))
