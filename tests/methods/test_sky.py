"""What is up: directions against Skyfield, DOP against the textbook, and what is left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from skyfield.api import EarthSatellite, load, wgs84

from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.frames.state import SatelliteState
from leopnt.io.results import as_json
from leopnt.methods.sky import dop_history, look_angles, sky
from leopnt.scenes.sky_scene import Place, load_sky_scene

DATA = Path(__file__).parents[2] / "examples" / "data"
ELEMENTS = DATA / "tle_2025"
NOON = Epoch.from_iso("2025-12-28T12:00:00Z")
PLACE = Place(22.3045966, 114.180121, 61.384)
MINUTES = 40


@pytest.fixture(scope="module")
def orbcomm():
    return sky(
        load_sky_scene(
            ELEMENTS / "orbcomm.tle", PLACE, start=NOON, duration_s=60.0 * MINUTES, step_s=60.0
        )
    )


@pytest.fixture(scope="module")
def reference(orbcomm):
    """Azimuth, elevation [deg], range [m] and range rate [m/s] of Skyfield, with polar motion."""
    scale = load.timescale(builtin=True)
    table = EopTable.bundled()
    arcsec = np.degrees(1) * 3600
    install_polar_motion(scale, table, arcsec)
    times = scale.utc(2025, 12, 28, 12, np.arange(MINUTES + 1))
    place = wgs84.latlon(PLACE.latitude_deg, PLACE.longitude_deg, PLACE.height_m)
    lines = (ELEMENTS / "orbcomm.tle").read_text().splitlines()
    found = []
    for name in orbcomm.names:
        at = [line.strip() for line in lines].index(name)
        satellite = EarthSatellite(lines[at + 1], lines[at + 2], ts=scale)
        el, az, distance, _, _, rate = (satellite - place).at(times).frame_latlon_and_rates(place)
        found.append([az.degrees, el.degrees, distance.m, rate.m_per_s])
    return np.moveaxis(np.array(found), 1, 0)


def install_polar_motion(scale, table, arcsec):
    mjd = table.mjd_utc[-800:]
    tt_jd = mjd + 2400000.5 + 69.184 / 86400
    scale.polar_motion_table = (
        tt_jd,
        table.x_pole_rad[-800:] * arcsec,
        table.y_pole_rad[-800:] * arcsec,
    )


def test_directions_agree_with_skyfield(orbcomm, reference, evidence):
    az_deg, el_deg = np.degrees(orbcomm.look.az_rad), np.degrees(orbcomm.look.el_rad)
    away_az = (az_deg - reference[0] + 180) % 360 - 180
    angle_deg = np.hypot(away_az * np.cos(np.radians(el_deg)), el_deg - reference[1])
    evidence(
        "methods.sky",
        "direction of Orbcomm satellites over Hong Kong, 40 min",
        "skyfield 1.55",
        "implementation",
        achieved=np.max(angle_deg),
        tolerance=1e-4,
        unit="deg",
    )


def test_ranges_and_their_rates_agree_with_skyfield(orbcomm, reference, evidence):
    evidence(
        "methods.sky",
        "range of Orbcomm satellites over Hong Kong, 40 min",
        "skyfield 1.55",
        "implementation",
        achieved=np.max(np.abs(orbcomm.look.range_m - reference[2])),
        tolerance=1.0,
        unit="m",
    )
    evidence(
        "methods.sky",
        "range rate of Orbcomm satellites over Hong Kong, 40 min",
        "skyfield 1.55",
        "implementation",
        achieved=np.max(np.abs(orbcomm.look.range_rate_mps - reference[3])),
        tolerance=1e-2,
        unit="m/s",
    )


def test_only_satellites_that_rise_above_the_mask_are_kept(orbcomm):
    assert 0 < len(orbcomm.names) < orbcomm.num_satellites == 15
    assert orbcomm.visible.any(axis=1).all()
    assert np.array_equal(orbcomm.visible, orbcomm.look.el_rad >= np.radians(10))
    assert orbcomm.norad_cat_id.min() > 20000


def test_dop_is_that_of_the_geometry_matrix():
    view = sky(load_sky_scene(ELEMENTS / "gps.tle", PLACE, start=NOON, duration_s=0.0))
    up = view.visible[:, 0]
    az, el = view.look.az_rad[up, 0], view.look.el_rad[up, 0]
    g = np.c_[-np.cos(el) * np.sin(az), -np.cos(el) * np.cos(az), -np.sin(el), np.ones(up.sum())]
    q = np.diag(np.linalg.inv(g.T @ g))
    expected = np.sqrt([q.sum(), q[:3].sum(), q[:2].sum(), q[2]])
    np.testing.assert_allclose([column[0] for column in view.dop], expected, rtol=1e-9)
    assert 6 < up.sum() < 20


def test_dop_over_many_epochs_equals_that_of_each_alone():
    rng = np.random.default_rng(1)
    az, el = rng.uniform(0, 2 * np.pi, (30, 700)), rng.uniform(-1.5, 1.5, (30, 700))
    whole = dop_history(az, el, el > 0.2)
    for i in (0, 255, 256, 699):
        alone = dop_history(az[:, [i]], el[:, [i]], el[:, [i]] > 0.2)
        np.testing.assert_allclose([c[i] for c in whole], [c[0] for c in alone], rtol=1e-9)


def test_dop_of_three_satellites_is_not_defined():
    az = np.array([[0.0], [2.0], [4.0], [5.0]])
    visible = np.array([[True], [True], [True], [False]])
    assert np.isnan(dop_history(az, np.full((4, 1), 0.5), visible)).all()


def test_a_satellite_in_the_zenith_recedes_with_its_radial_velocity():
    zenith = PLACE.pos_ecef_m + 5e5 * np.array(
        [np.cos(lat := np.radians(PLACE.latitude_deg)) * np.cos(lon := np.radians(114.180121)),
         np.cos(lat) * np.sin(lon), np.sin(lat)]
    )  # fmt: skip
    up = (zenith - PLACE.pos_ecef_m) / 5e5
    state = SatelliteState(zenith[None], 7.0 * up[None], 7.0 * up[None])
    look = look_angles(state, PLACE.pos_ecef_m)
    assert look.el_rad[0] == pytest.approx(np.pi / 2, abs=1e-6)
    assert look.range_m[0] == pytest.approx(5e5)
    assert look.range_rate_mps[0] == pytest.approx(7.0)


def test_old_elements_are_left_out_and_counted():
    scene = load_sky_scene(
        ELEMENTS / "gps.tle", PLACE, start=NOON, duration_s=0.0, max_age_days=0.6
    )
    view = sky(scene)
    assert view.warnings
    assert (
        "satellites were left out: no state within 0.6 days of their elements" in view.warnings[0]
    )


def test_no_satellite_at_all_is_an_error_that_names_the_date():
    late = Epoch.from_iso("2026-03-01T00:00:00Z")
    with pytest.raises(LeopntError) as caught:
        sky(load_sky_scene(ELEMENTS / "gps.tle", PLACE, start=late))
    assert "none of the 39 satellites has a state between 2026-03-01T00:00:00Z" in str(caught.value)
    assert "days earlier, and elements may be 7 days old." in str(caught.value)


def test_an_empty_sky_is_a_result(tmp_path):
    lines = (ELEMENTS / "orbcomm.tle").read_text().splitlines()[:3]
    (tmp_path / "one.tle").write_text("\n".join(lines))
    scene = load_sky_scene(tmp_path / "one.tle", PLACE, start=NOON, duration_s=0.0, mask_deg=89.9)
    dataset = sky(scene).to_dataset()
    assert dataset.sizes["satellite"] == 0
    assert dataset["num_visible"].values.tolist() == [0]
    assert as_json(dataset)["num_visible" if "num_visible" in as_json(dataset) else "epoch"]


def test_an_orbit_table_is_seen_without_catalogue_numbers():
    path = DATA / "sp3" / "nsgf_stella_20231208_0000.sp3"
    dataset = sky(load_sky_scene(path, PLACE, duration_s=86_400.0, step_s=60.0)).to_dataset()
    assert dataset["satellite"].values.tolist() == ["L56"]
    assert "norad_cat_id" not in dataset


def test_the_dataset_carries_units_and_says_where_and_when(orbcomm):
    dataset = orbcomm.to_dataset()
    assert dataset.attrs["kind"] == "sky"
    assert dataset.attrs["reference_epoch"] == "2025-12-28T12:00:00.000Z"
    assert dataset.attrs["latitude_deg"] == 22.3045966
    assert json.loads(dataset.attrs["warnings"]) == []
    assert dataset["range_km"].attrs["units"] == "km"
    assert dataset["elevation_deg"].dims == ("satellite", "epoch")
    assert str(dataset["epoch_utc"].values[1]) == "2025-12-28T12:01:00.000Z"
    assert all("long_name" in dataset[name].attrs for name in dataset.variables)
    np.testing.assert_array_equal(dataset["num_visible"], orbcomm.visible.sum(axis=0))


def test_progress_runs_to_the_end():
    calls = []
    scene = load_sky_scene(ELEMENTS / "gps.tle", PLACE, start=NOON, duration_s=0.0)
    sky(scene, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (39, 39)
