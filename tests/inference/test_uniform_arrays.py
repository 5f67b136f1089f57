"""Uniform arrays: phases from element positions, and limits of their scan."""

import numpy as np
import pytest

from leopnt.errors import LeopntError, LeopntWarning
from leopnt.inference.subspace import music_line
from leopnt.inference.uniform_arrays import LineArray, PlaneArray


def test_phases_are_those_of_a_plane_wave_at_the_element_positions(evidence):
    array, wavelength_m = PlaneArray(4, 3, 0.4), 0.19
    places = [(0.4 * x, 0.4 * y, 0.0) for y in range(3) for x in range(4)]
    towards = np.array([0.3, -0.5, np.sqrt(1.0 - 0.34)])
    phase = 2.0 * np.pi / wavelength_m * (np.array(places) * wavelength_m) @ towards
    evidence(
        "inference.uniform_arrays",
        "steering vector of a rectangular array",
        "phase 2 pi p.u / wavelength of each element",
        "closed form",
        achieved=np.max(np.abs(array.steering(0.3, -0.5) - np.exp(1j * phase))),
        tolerance=1e-12,
    )
    np.testing.assert_allclose(LineArray(4, 0.4).steering(0.3), np.exp(1j * phase[:4]), rtol=1e-12)


def test_wide_spacings_warn_with_the_limit_of_the_scan_and_stay_within():
    with pytest.warns(LeopntWarning, match=r"within 30\.0 deg of broadside"):
        array = LineArray(8, 1.0)
    # sin = 0.8 looks the same as 0.8 - 1 / d = -0.2
    data = array.steering(0.8)[:, None] * np.array([[1.0, 1j]])
    np.testing.assert_allclose(np.sin(music_line(array, data).theta_rad), [-0.2], atol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LineArray(0), "num: got 0; accepted: 1 element or more"),
        (lambda: PlaneArray(2, 0), "num_y: got 0"),
        (lambda: LineArray(4, 0.0), "spacing_wavelengths: got 0.0; accepted: above 0"),
        (lambda: LineArray(4, float("nan")), "spacing_wavelengths: got nan"),
    ],
)
def test_arrays_that_cannot_be_built_are_refused(build, message):
    with pytest.raises(LeopntError, match=message):
        build()
