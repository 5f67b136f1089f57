"""Bounds and fixes in a city against NumPy's bound, drawn errors, and the closed form of a room."""

import numpy as np
import pytest

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.errors import LeopntError
from leopnt.geometry import reflecting_panel
from leopnt.methods.astars import AstarsStatus
from leopnt.methods.astars.urban import (
    UrbanSigmas,
    availability,
    bound_m,
    horizontal_bound_m,
    urban_bound,
    urban_fix,
    urban_knowledge,
)
from leopnt.scenes import UrbanSite, UrbanSky, city, facade_room, urban_links

PLACE = city("Hong Kong")
SIGMAS = UrbanSigmas(range_m=0.3, sync_s=5e-9, survey_m=0.02)
EPOCHS = 400
SOUTH = np.array([0.0, -1.0, 0.0])


def sky_of(site, az_deg, el_deg, num_epochs=1):
    """Satellites 20 000 km away, the same at every epoch."""
    az, el = np.radians(az_deg), np.radians(el_deg)
    d = np.stack([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)], axis=1)
    pos = np.repeat(site.to_ecef(2e7 * d)[None], num_epochs, axis=0)
    zero = np.zeros(pos.shape[:2])
    index = np.tile(np.arange(len(d)), (num_epochs, 1))
    return UrbanSky(np.arange(num_epochs, dtype=float), index, index >= 0, pos, zero, zero)


OPEN = UrbanSite(PLACE, (), (reflecting_panel(np.array([5.0, 20.0, 10.0]), SOUTH),))
AZ = np.array([20.0, 80.0, 130.0, 170.0, 280.0])
EL = np.array([30.0, 60.0, 25.0, 45.0, 35.0])
RX = np.array([1.0, 2.0, 1.5])


@pytest.fixture(scope="module")
def links():
    sky = sky_of(OPEN, AZ, EL, EPOCHS)
    return urban_links(OPEN, sky, np.broadcast_to(RX, (EPOCHS, 1, 3)))


@pytest.fixture(scope="module")
def bounds(links):
    few = links._replace(used=links.used & (links.sat < 2))
    return [urban_bound(OPEN, x, SIGMAS)[0, 0] for x in (links, links.without_panels(), few)]


def numpy_bound(with_panel):
    """Covariance of (U, b, S) in local axes by derivatives in closed form."""
    surface = np.asarray(OPEN.panels[0].center_m)
    sats = OPEN.to_enu(sky_of(OPEN, AZ, EL).sat_pos_ecef_m)[0]
    offset = RX - surface
    u = offset / np.linalg.norm(offset)
    rows = []
    for sat in sats:
        toward = (RX - sat) / np.linalg.norm(RX - sat)
        rows.append(np.concatenate([toward, [1.0], np.zeros(3)]) / SIGMAS.range_m)
        incoming = (surface - sat) / np.linalg.norm(surface - sat)
        is_before = (sat - surface) @ SOUTH / np.linalg.norm(sat - surface) > np.cos(1.309)
        if with_panel and is_before:
            rows.append(np.concatenate([u, [1.0], incoming - u]) / SIGMAS.range_m)
    side = np.linalg.svd(u[None])[2][1:] / (np.linalg.norm(offset) * SIGMAS.aod_rad(OPEN)[0])
    if with_panel:
        rows += [np.concatenate([s, [0.0], -s]) for s in side]
    rows.append(np.array([0, 0, 0, 1.0, 0, 0, 0]) / (SPEED_OF_LIGHT_MPS * SIGMAS.sync_s))
    rows += [np.append(np.zeros(4), e) / SIGMAS.survey_m for e in np.eye(3)]
    a = np.stack(rows)
    return np.linalg.inv(a.T @ a)[:3, :3]


def test_bounds_are_those_of_numpy(bounds, evidence):
    for found, with_panel in zip(bounds, (True, False), strict=False):
        expected = numpy_bound(with_panel)
        evidence(
            "methods.astars.urban",
            f"bound in a street, {'one panel' if with_panel else 'no panel'}, relative",
            "derivatives in closed form, NumPy",
            "implementation",
            achieved=np.max(np.abs(found - expected)) / np.max(expected),
            tolerance=1e-5,
        )


def test_panels_never_make_a_bound_worse(bounds):
    full, direct, few = bounds
    assert bound_m(full) < bound_m(direct)
    assert horizontal_bound_m(full) < bound_m(full)
    assert bound_m(full) < bound_m(few)


def test_the_aod_sigma_is_that_of_the_beam():
    sigma = UrbanSigmas().aod_rad(OPEN)
    np.testing.assert_allclose(sigma, 299792458 / 1575.42e6 / 5.0 / np.sqrt(6.0), rtol=1e-12)


def test_two_satellites_and_no_panel_tell_no_position(links):
    few = links.without_panels()
    few = few._replace(used=few.used & (few.sat < 2))
    bound = urban_bound(OPEN, few, SIGMAS)[0, 0]
    assert np.isinf(bound_m(bound))
    assert availability(bound_m(bound)[None], 1e9) == 0.0


@pytest.fixture(scope="module")
def fixes(links):
    start = np.array([20.0, -15.0, 1.5])
    rng = np.random.default_rng(12)
    return urban_fix(OPEN, links, start, rng, SIGMAS, clock_bias_s=2e-8)


def test_fixes_scatter_as_the_bound_says(fixes, bounds, links, evidence):
    assert np.all(fixes.status == AstarsStatus.ok)
    np.testing.assert_allclose(
        bound_m(fixes.covariance_enu_m2), bound_m(bounds[0]), rtol=0.05, atol=0.0
    )
    # RMS of 400 fixes: scatters by 1 / sqrt(2 * 400) = 3.5 % where one axis prevails.
    rms = np.sqrt(np.mean(fixes.error_m**2))
    evidence(
        "methods.astars.urban",
        "RMS error of 400 fixes, relative deviation",
        "bound",
        "monte carlo",
        achieved=abs(rms / bound_m(bounds[0]) - 1.0),
        tolerance=0.11,
    )
    np.testing.assert_allclose(fixes.horizontal_m, np.hypot(*fixes.error_enu_m[..., :2].T).T)
    # Direct + relayed + sync + 2 of the direction - 4; the survey tells the panel.
    assert np.all(fixes.dof == links.num_direct + links.num_relayed + 3 - 4)


def test_in_a_room_the_network_time_sets_the_error_along_the_last_leg(evidence):
    site = facade_room(PLACE)
    where = np.array([[0.0, -9.0, 15.0]])
    links = urban_links(site, sky_of(site, AZ[:2], EL[:2]), where[None])
    assert links.num_direct[0, 0] == 0
    sigmas = UrbanSigmas(range_m=1e-4, survey_m=1e-4, sync_s=1e-8)
    found = urban_bound(site, links, sigmas)[0, 0]
    evidence(
        "methods.astars.urban",
        "bound along the last leg in a room",
        "c times the sigma of the network time",
        "closed form",
        achieved=abs(np.sqrt(found[1, 1]) - 2.99792458),
        tolerance=1e-3,
        unit="m",
    )
    across = 8.9 * sigmas.aod_rad(site)[0]  # the panel's middle is 0.1 m behind the facade
    np.testing.assert_allclose(np.sqrt(found[[0, 2], [0, 2]]), across, rtol=1e-3)


def test_directions_of_panels_that_do_not_serve_are_unknown(links):
    known = urban_knowledge(OPEN, links.without_panels(), SIGMAS)
    assert np.all(np.isinf(known.sigma_aod_rad))
    assert np.all(np.isfinite(urban_knowledge(OPEN, links, SIGMAS).sigma_aod_rad))


def test_availability_counts_what_is_within_the_limit():
    error = np.array([[0.5, 3.0, np.nan], [1.0, np.inf, 0.1]])
    assert availability(error, 1.0).tolist() == [1.0, 0.0, 0.5]
    with pytest.raises(LeopntError, match="limit_m = 0"):
        availability(error, 0.0)


def test_sigmas_are_above_zero():
    with pytest.raises(LeopntError, match="sync_s = 0"):
        UrbanSigmas(sync_s=0.0)
