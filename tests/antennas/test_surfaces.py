"""Panels of elements: where they hang, and what they refuse."""

import numpy as np
import pytest
from surface_cases import SITE, WEST_RAD, panel

from leopnt.antennas import ActiveSurface, facade_surface
from leopnt.errors import LeopntError
from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis

X, Y, Z = np.eye(3)


def make(**settings):
    return ActiveSurface(**{"centroid_ecef_m": SITE, "normal": X, "row_axis": Y, **settings})


def test_forty_elements_at_an_eighth_of_a_meter_are_five_meters():
    surface = make()
    assert surface.num_elements == 1600
    np.testing.assert_allclose(surface.size_m, (5.0, 5.0))
    np.testing.assert_allclose(surface.area_m2, 25.0)
    np.testing.assert_allclose(surface.element_area_m2, 0.125**2)


def test_elements_are_a_grid_about_the_centroid(evidence):
    surface = make(num_rows=3, num_columns=4, spacing_m=0.2)
    expected = [
        SITE + (c - 1.5) * 0.2 * Y + (r - 1.0) * 0.2 * Z for r in range(3) for c in range(4)
    ]
    evidence(
        "antennas.surfaces",
        "elements of 3 rows and 4 columns, columns fastest",
        "row and column times axis",
        "closed form",
        achieved=np.max(np.abs(np.asarray(surface.positions_ecef_m()) - expected)),
        tolerance=2e-9,  # float64 at Earth radius
        unit="m",
    )


@pytest.mark.parametrize("az", [0.0, WEST_RAD, 2.0])
def test_a_facade_stands_upright_and_faces_its_azimuth(az):
    surface = facade_surface(SITE, az, num_rows=2)
    enu = np.asarray(enu_basis(*ecef_to_geodetic(SITE)[:2]))
    np.testing.assert_allclose(enu @ surface.normal, [np.sin(az), np.cos(az), 0], atol=1e-12)
    np.testing.assert_allclose(enu @ surface.column_axis, [0, 0, 1], atol=1e-12)
    # Who looks at the wall, against its normal, has the row axis to the right.
    right = np.cross(-(enu @ surface.normal), [0, 0, 1])
    np.testing.assert_allclose(enu @ surface.row_axis, right, atol=1e-12)


def test_gains_may_add_up_to_the_amplification():
    assert panel(amplification=10.0, reflect_gain=4.0, transmit_gain=6.0).transmit_gain == 6.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"amplification": 10.0, "reflect_gain": 8.0, "transmit_gain": 3.0},
            "reflect_gain \\+ transmit_gain = 11: expected at most amplification = 10",
        ),
        ({"reflect_gain": 2.0}, "= 2: expected at most amplification = 1"),
        ({"reflect_gain": -0.1}, "reflect_gain = -0.1: expected 0 or more"),
        ({"amplification": 0.0}, "amplification = 0: expected a number above 0"),
        ({"spacing_m": -0.1}, "spacing_m = -0.1 m: expected a number above 0"),
        ({"num_rows": 0}, "num_rows = 0: expected an integer of 1 or more"),
        ({"phase_bits": 0}, "phase_bits = 0: expected an integer of 1 or more"),
        ({"normal": 1.1 * X}, "normal: a length is off 1 by 0.1; expected unit vectors"),
        ({"row_axis": (X + Y) / np.sqrt(2)}, "row_axis: its cosine with the normal is 0.707"),
        ({"centroid_ecef_m": SITE * np.nan}, "centroid_ecef_m holds NaN or infinity"),
        ({"centroid_ecef_m": np.zeros((2, 3))}, r"centroid_ecef_m has shape \(2, 3\); accepted: "),
        ({"normal": X.astype(np.float32)}, "normal: got float32; accepted: float64"),
    ],
)
def test_what_is_no_panel_is_refused(untyped, settings, message):
    with pytest.raises(LeopntError, match=message):
        make(**settings)
