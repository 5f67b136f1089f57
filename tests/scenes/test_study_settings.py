"""Tables of a scene: what they hold, and sentences about single fields."""

import math
from pathlib import Path

import pytest
from pydantic import Field

from leopnt.errors import LeopntError
from leopnt.scenes.settings import SettingsTable, field_problems, read_toml
from leopnt.scenes.study_settings import ConstellationSettings, SceneSettings

GOOD = {
    "constellation": {"preset": "gps"},
    "users": {"cities": ["Quito"]},
}


def problems(**tables):
    return list(field_problems(SceneSettings, {**GOOD, **tables}))


def test_settings_come_back_with_their_defaults():
    settings = SceneSettings.model_validate(GOOD)
    assert settings.antenna.mask_deg == 10.0
    assert settings.signal.carrier_hz == 1.57542e9
    assert settings.constellation.max_age_days == 3.5
    assert (settings.time.start, settings.time.duration_s) == (None, 0.0)


def test_whole_numbers_are_accepted_where_numbers_are():
    raw = {"users": {"grid": {"latitude_deg": [0, 1, 1], "longitude_deg": [0, 1, 1]}}}
    assert not problems(**raw, antenna={"mask_deg": 5})


WALKER = {
    "pattern": "delta", "satellites": 6, "planes": 3, "inclination_deg": 50, "altitude_km": 600,
}  # fmt: skip
PLACE = {"name": "A", "latitude_deg": 1.0, "longitude_deg": 2.0}


def constellation(**keys):
    return {"constellation": keys}


def users(**keys):
    return {"users": keys}


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (constellation(presett="gps"), "[constellation] presett: unknown key. Did you mean 'prese"),
        (constellation(preset="gpss"), "[constellation] preset = 'gpss': expected one of 'iridium"),
        (constellation(preset="gpss"), "Did you mean 'gps'?"),
        (constellation(file=""), "[constellation] file = '': expected a TLE, OMM or SP3 file."),
        (constellation(preset="gps", satellites=[]), "satellites = []: expected a list of names"),
        (constellation(preset="gps", satellites=[""]), "satellites[0] = '': expected a list of na"),
        (constellation(file="a", max_age_days=0), "max_age_days = 0: expected the oldest element"),
        (constellation(walker=3), "[constellation] walker = 3: expected a table with pattern, sat"),
        (constellation(walker={**WALKER, "pattern": "rosette"}), "[constellation.walker] pattern "),
        (constellation(walker={**WALKER, "satellites": 0}), "expected the number of satellites, a"),
        (constellation(walker={**WALKER, "planes": 0}), "expected the number of orbit planes, 1 o"),
        (constellation(walker={**WALKER, "planes": 2.5}), "planes = 2.5: expected the number of o"),
        (constellation(walker={**WALKER, "phasing": "1"}), "phasing = '1': expected the phasing"),
        (constellation(walker={**WALKER, "inclination_deg": 181}), "expected degrees, 0 to 180."),
        (constellation(walker={**WALKER, "altitude_km": 550e3}), "altitude_km = 550000.0: expect"),
        (constellation(walker={**WALKER, "node_spread_deg": 0}), "node_spread_deg = 0: expected w"),
        ({"time": {"start": 2025}}, "[time] start = 2025: expected a UTC time, as '2025-12-28T"),
        ({"time": {"duration_s": -1.0}}, "[time] duration_s = -1.0: expected seconds, 0 to"),
        ({"time": {"step_s": 0}}, "[time] step_s = 0: expected seconds between epochs, above 0."),
        ({"time": {"stop": 0}}, "[time] stop: unknown key. Did you mean 'step_s'? Accepted: start"),
        (users(places=[]), "[users] places = []: expected tables with name, latitude_deg and lon"),
        (users(places=[PLACE, {**PLACE, "latitude_deg": 91}]),
         "[users] places[1].latitude_deg = 91: expected degrees north, -90 to 90."),
        (users(places=[PLACE, {**PLACE, "latitude_dg": 9}]),
         "[users] places[1].latitude_dg: unknown key. Did you mean 'latitude_deg'? Accepted: name"),
        (users(places=[PLACE, {"name": "B"}]),
         "[users] places[1].longitude_deg: missing; expected degrees east, -180 to 360."),
        (users(places=[{**PLACE, "height_m": -2e3}]), "places[0].height_m = -2000.0: expected met"),
        (users(places=[{**PLACE, "name": ""}]), "[users] places[0].name = '': expected text."),
        (users(places=["Quito"]), "[users] places[0] = 'Quito': expected tables with name, latitu"),
        (users(cities="Quito"), "[users] cities = 'Quito': expected a list of city names."),
        (users(grid={"latitude_deg": [0, 1], "longitude_deg": [0, 1, 1]}),
         "[users.grid] latitude_deg = [0, 1]: expected [from, to, step] in degrees north"),
        (users(grid={"latitude_deg": [0, 1, "1"], "longitude_deg": [0, 1, 1]}),
         "[users.grid] latitude_deg[2] = '1': expected [from, to, step] in degrees north"),
        (users(random={"count": 0}), "[users.random] count = 0: expected the number of places, 1 "),
        (users(random={"count": 9, "latitude_deg": [0, 100]}), "latitude_deg[1] = 100: expected ["),
        (users(random={"count": 9, "seed": -1}), "seed = -1: expected a whole number, 0 or more."),
        (users(track={"waypoints": [{"time_s": 0, "latitude_deg": 0, "longitude_deg": 0}]}),
         "[users.track] waypoints = [{'time_s': 0, 'latitude_deg': 0, 'longitude_deg': 0}]: expec"),
        (users(track={"waypoints": [{}, {}]}), "[users.track] waypoints[1].time_s: missing; exp"),
        ({"antenna": {"mask_deg": 90}}, "[antenna] mask_deg = 90: expected the lowest elevation i"),
        ({"antenna": {"mask_deg": math.nan}}, "[antenna] mask_deg = nan: expected the lowest elev"),
        ({"signal": {"carrier_hz": 1575.42}}, "[signal] carrier_hz = 1575.42: expected the transm"),
        ({"users": 3}, "users = 3: expected a table with places, cities, grid, random or track."),
    ],
)  # fmt: skip
def test_a_wrong_field_gets_its_sentence(tables, sentence):
    assert any(sentence in one for one in problems(**tables)), problems(**tables)


def test_every_planted_mistake_is_named_with_its_place(evidence):
    planted = {
        "[constellation] preset": {"constellation": {"preset": "GPS"}},
        "[time] duration_s": {"time": {"duration_s": "1 h"}},
        "[users] places[0].latitude_deg": users(places=[{**PLACE, "latitude_deg": "1 N"}]),
        "[antenna] mask_deg": {"antenna": {"mask_deg": -1}},
        "[signal] carrier": {"signal": {"carrier": 1e9}},
    }
    whole = {name: table for tables in planted.values() for name, table in tables.items()}
    found = problems(**whole)
    missed = [place for place in planted if not any(one.startswith(place) for one in found)]
    evidence(
        "scenes.study_settings",
        "mistakes of fields that are not named, or named without a mistake",
        "five mistakes planted by hand",
        "closed form",
        achieved=len(missed) + len(found) - len(planted),
        tolerance=0,
    )


def test_every_field_says_what_it_accepts():
    def tables(model):
        yield model
        for field in model.model_fields.values():
            for one in _classes(field.annotation):
                yield from tables(one)

    def _classes(annotation):
        if isinstance(annotation, type) and issubclass(annotation, SettingsTable):
            yield annotation
        for one in getattr(annotation, "__args__", ()):
            yield from _classes(one)

    found = set(tables(SceneSettings))
    assert len(found) == 12
    for model in found:
        assert not [name for name, field in model.model_fields.items() if not field.description]


# Paths of errors


class Inner(SettingsTable):
    size: float = Field(gt=0, description="a size above 0")


class Outer(SettingsTable):
    rows: list[Inner] | None = Field(default=None, description="a list of tables")
    named: dict[str, Inner] = Field(default={}, description="tables by name")
    values: list[float | str] = Field(default=[], description="numbers or texts")


@pytest.mark.parametrize(
    ("raw", "sentences"),
    [
        ({"rows": [{"size": 1}, {"size": 0}]}, ["rows[1].size = 0: expected a size above 0. <0>"]),
        ({"rows": [{}]}, ["rows[0].size: missing; expected a size above 0."]),
        ({"rows": [{"size": 1, "sizes": 1}]},
         ["rows[0].sizes: unknown key. Did you mean 'size'? Accepted: size."]),
        ({"named": {"rows": {"size": 0}}}, ["[named.rows] size = 0: expected a size above 0. <0>"]),
        ({"values": [1.0, "x", True]}, ["values[2] = True: expected numbers or texts."]),
        ({"rows": [{"size": -(10**400)}]},
         [f"rows[0].size = {hex(-(10**400))[:57]}...: expected a size above 0. <-inf>"]),
    ],
)  # fmt: skip
def test_a_mistake_inside_lists_and_mappings_is_found_by_its_place(raw, sentences):
    assert list(field_problems(Outer, raw, lambda name, value: f" <{value:g}>")) == sentences


def test_an_integer_of_thousands_of_digits_is_no_toml(tmp_path):
    (tmp_path / "a.toml").write_text("size = " + "9" * 5000)
    with pytest.raises(LeopntError, match=r"a.toml: is not a settings file \(TOML\): "):
        read_toml(tmp_path / "a.toml")


def test_every_key_of_a_constellation_is_in_the_table_of_the_guide():
    guide = Path(__file__).parents[2] / "docs" / "guides" / "studies.md"
    row = next(x for x in guide.read_text().splitlines() if x.startswith("| `[constellation]` |"))
    assert [name for name in ConstellationSettings.model_fields if f"`{name}`" not in row] == []
