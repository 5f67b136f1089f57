"""What is looked at: places, epochs, masks, and their sentences when they make no sense."""

import datetime
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.scenes import sky_scene
from leopnt.scenes.sky_scene import CITIES, Place, city, load_sky_scene

DATA = Path(__file__).parents[2] / "examples" / "data"
IRIDIUM = DATA / "tle_2025" / "iridium.tle"
STELLA = DATA / "sp3" / "nsgf_stella_20231208_0000.sp3"
NOON = Epoch.from_iso("2025-12-28T12:00:00Z")
PLACE = Place(22.3, 114.2)


def test_epochs_fill_the_duration_step_by_step(evidence):
    scene = load_sky_scene(IRIDIUM, PLACE, start=NOON, duration_s=0.3, step_s=0.1, mask_deg=30.0)
    evidence(
        "scenes.sky_scene",
        "epochs of 0.3 s in steps of 0.1 s",
        "0, 0.1, 0.2 and 0.3 s",
        "closed form",
        achieved=np.max(np.abs(scene.epoch.since(NOON) - [0.0, 0.1, 0.2, 0.3])),
        tolerance=1e-15,
        unit="s",
    )
    assert scene.mask_rad == pytest.approx(np.pi / 6)
    assert scene.max_age_s == 7 * 86_400
    assert scene.title == "Sky of iridium.tle"
    assert len(load_sky_scene(IRIDIUM, PLACE, start=NOON, duration_s=0.0).epoch) == 1


def test_a_start_that_is_not_given_is_now(monkeypatch):
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2025, 12, 29, 6, 0, 0, 5, tzinfo=tz)

    monkeypatch.setattr(sky_scene.datetime, "datetime", Clock)
    scene = load_sky_scene(IRIDIUM, PLACE)
    assert scene.epoch[0] == Epoch.from_iso("2025-12-29T06:00:00Z")


def test_elements_of_another_year_ask_for_a_start(monkeypatch):
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2027, 1, 1, tzinfo=tz)

    monkeypatch.setattr(sky_scene.datetime, "datetime", Clock)
    with pytest.raises(LeopntError) as caught:
        load_sky_scene(IRIDIUM, PLACE)
    assert "iridium.tle: the elements are of 2025-12-28T" in str(caught.value)
    assert "days before now; give a start near that date, or take new el" in str(caught.value)


def test_an_orbit_table_starts_at_its_own_start():
    assert load_sky_scene(STELLA, PLACE).epoch[0] == Epoch.from_iso("2023-12-08T00:00:00Z")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"duration_s": -1.0}, "duration_s = -1.0: expected 0 or more."),
        ({"duration_s": float("nan")}, "duration_s = nan: expected 0 or more."),
        ({"step_s": 0.0}, "step_s = 0.0: expected a number above 0."),
        ({"mask_deg": 90.0}, "mask_deg = 90.0: expected 0 to below 90."),
        ({"max_age_days": 0.0}, "max_age_days = 0.0: expected a number above 0."),
        ({"duration_s": 1e6, "step_s": 1.0}, "are 1000001 epochs; expected at most 200000."),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, sentence):
    with pytest.raises(LeopntError) as caught:
        load_sky_scene(IRIDIUM, PLACE, start=NOON, **setting)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ((91.0, 0.0), "latitude_deg = 91.0: expected a number from -90 to 90."),
        ((0.0, 361.0), "longitude_deg = 361.0: expected a number from -180 to 360."),
        ((0.0, float("nan")), "longitude_deg = nan: expected a number from -180 to 360."),
        ((0.0, 0.0, 3e7), "height_m = 30000000.0: expected a number from -1000 to 2e+06."),
    ],
)
def test_a_place_outside_the_earth_is_refused(place, sentence):
    with pytest.raises(LeopntError) as caught:
        Place(*place)
    assert str(caught.value) == sentence


def test_cities_are_found_and_hinted_at():
    assert city(" hong KONG ") is CITIES["Hong Kong"]
    with pytest.raises(LeopntError, match=r"no city 'hongkong'. Did you mean 'Hong Kong'\? Known"):
        city("hongkong")


def test_a_place_on_the_equator_is_on_the_ellipsoid():
    np.testing.assert_allclose(Place(0.0, 0.0, 1.0).pos_ecef_m, [6378138.0, 0, 0], atol=1e-8)
