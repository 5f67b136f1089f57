"""Panels and sectors: which directions they hold, and what they refuse."""

import astars_worked_case as case
import numpy as np
import pytest
from astars_skies import ENU

from leopnt.errors import LeopntError
from leopnt.methods.astars import Panel, Sector, half_sky, panel_facing, whole_sky

S = case.SURFACE_ECEF_M


def directions(rng, count):
    up = rng.uniform(-1.0, 1.0, count)
    az = rng.uniform(0.0, 2.0 * np.pi, count)
    flat = np.sqrt(1.0 - up**2)
    enu = np.stack([flat * np.sin(az), flat * np.cos(az), up], axis=1)
    return az, np.arcsin(up), enu @ ENU


def test_half_sky_of_a_wall_is_the_half_space_of_its_normal(evidence):
    az, el, ecef = directions(np.random.default_rng(1), 20000)
    wall = panel_facing(S, np.radians(250.0))
    sector = half_sky(wall, 0.0)
    same = sector.contains(az, el) == (wall.faces(ecef) & (el >= 0.0))
    evidence(
        "methods.astars.sector",
        "directions that half sky and half space judge differently, of 20 000",
        "scalar product with the normal of a wall",
        "closed form",
        achieved=np.sum(~same),
        tolerance=0.0,
    )
    assert np.isclose(wall.azimuth_rad, np.radians(250.0))


def test_a_sector_holds_its_share_of_solid_angle():
    az, el, _ = directions(np.random.default_rng(2), 200_000)
    share = np.mean(Sector(6.0, 1.2, np.radians(10.0)).contains(az, el))
    expected = 1.2 / (4.0 * np.pi) * (1.0 - np.sin(np.radians(10.0)))
    assert abs(share - expected) < 5.0 * np.sqrt(expected / 200_000)


def test_azimuths_wrap_and_edges_belong_to_the_sector():
    sector = Sector(0.0, np.pi)
    high = np.full(4, 0.5)
    az = np.array([-0.5 * np.pi, 1.5 * np.pi, 0.5 * np.pi, np.pi])
    np.testing.assert_array_equal(sector.contains(az, high), [True, True, True, False])
    assert whole_sky().contains(3.0, np.radians(10.0))
    assert not whole_sky().contains(3.0, np.radians(9.9))


def test_a_tilted_panel_looks_up():
    tilted = panel_facing(S, 1.0, np.radians(30.0))
    np.testing.assert_allclose(tilted.normal_ecef @ ENU[2], 0.5, atol=1e-12)
    assert np.isclose(tilted.azimuth_rad, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Sector(np.nan), "center_rad = nan: expected a finite number"),
        (lambda: Sector(0.0, 180.0), "width_rad = 180.0: expected above 0 to 2 pi; degrees"),
        (lambda: Sector(0.0, 0.0), "width_rad = 0.0"),
        (lambda: Sector(0.0, 1.0, 10.0), "mask_rad = 10.0: expected 0 to below pi / 2; degrees"),
        (lambda: Sector(0.0, 1.0, -0.1), "mask_rad = -0.1"),
        (lambda: Panel(S, np.array([0.0, 0.0, 2.0])), "normal_ecef: a length is off 1 by 1"),
        (lambda: Panel(S[None], np.eye(3)), r"shapes \(1, 3\) and \(3, 3\)"),
        (lambda: panel_facing(S / 1e3, 0.0), "pos_ecef_m is 6.* m from the Earth's center"),
        (lambda: panel_facing(S, np.inf), "azimuth_rad.* is inf"),
    ],
)
def test_bad_input_is_refused(call, message, untyped):
    with pytest.raises(LeopntError, match=message):
        call()
