"""Element gain against the cosine off boresight and finite differences."""

import jax
import numpy as np
import pytest

from leopnt.antennas import SineElement
from leopnt.errors import LeopntError


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_amplitude_is_the_cosine_off_boresight_to_a_power(exponent, evidence):
    element = SineElement(exponent)
    off = np.linspace(0.0, 1.5, 16)
    found = np.array([element.amplitude(np.pi / 2 - x) for x in off])
    evidence(
        "antennas.elements",
        "amplitude of an element against its angle off boresight",
        "cos^q",
        "closed form",
        achieved=np.max(np.abs(found - np.cos(off) ** exponent)),
        tolerance=1e-14,
    )
    for el in (0.1, 0.8, 1.5, np.pi / 2):
        np.testing.assert_allclose(
            element.slope(el), jax.grad(element.amplitude)(el), rtol=1e-12, atol=1e-15
        )


def test_nothing_is_radiated_behind_the_array():
    element = SineElement()
    assert element.amplitude(-0.3) == 0.0
    assert element.slope(-0.3) == 0.0


def test_a_negative_exponent_is_refused():
    with pytest.raises(LeopntError, match="exponent = -1: expected 0 or more"):
        SineElement(-1.0)
