"""Studies in a street: cases against a street built by hand, mistakes, published numbers."""

import numpy as np
import pytest
from study_texts import URBAN, load_text

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.methods.astars.urban import UrbanSigmas, urban_bound
from leopnt.orbits import Ephemeris
from leopnt.orbits.constellations import GPS
from leopnt.scenes import FacadePanel, city, street_canyon, urban_links, urban_sky
from leopnt.studies import Threads, catalog_study, run_study

WALKS = URBAN.replace("[street]", "[time]\nduration_s = 120.0\nstep_s = 40.0\n[street]")
WALKS = WALKS.replace("Quito", "London").replace("from_m = -10.0", "from_m = -10.0\nto_m = 50.0")


@pytest.fixture(scope="module")
def point(tmp_path_factory):
    folder = tmp_path_factory.mktemp("urban")
    study = load_text(folder, WALKS)
    return study, study.method.prepare(study.points[0].settings, folder)


def test_a_case_is_a_street_built_by_hand(point, evidence):
    study, found = point
    start = Epoch.from_iso("2000-01-01T12:00:00Z")
    orbits = Ephemeris.from_kepler(GPS.elements(), start, 300.0)
    panels = [FacadePanel(0.0, True, 8.0)]
    site = street_canyon(city("London"), panels, width_m=40.0, height_m=12.0, azimuth_rad=np.pi / 2)
    time_s = np.array([40.0, 80.0, 120.0])
    sky = urban_sky(site, orbits, time_s, np.radians(study.settings.antenna.mask_deg))
    # 1.4 m/s eastward from -10 m to 50 m and anew, 5 m left of the middle, which is north.
    along = -10.0 + np.mod(1.4 * time_s, 60.0)
    places = np.stack([along, np.full(3, 5.0), np.full(3, 1.5)], axis=1)
    links = urban_links(site, sky, places[:, None])
    bound = urban_bound(site, links, UrbanSigmas())[:, 0]
    assert found.cases["user"].values.tolist() == ["Paris"] * 4 + ["London"] * 4
    assert found.values["case_num_relayed"].values[5:].tolist() == links.num_relayed[:, 0].tolist()
    assert np.all(links.num_relayed > 0)
    evidence(
        "studies.urban_study",
        "bounds of three cases of a walk, relative",
        "the street, the walk and the sky put together by hand",
        "implementation",
        achieved=np.max(np.abs(found.values["case_bound"].values[5:] / bound - 1.0)),
        tolerance=1e-6,
    )


def test_what_is_within_the_limit_is_counted(point):
    study, found = point
    statistics = study.method.statistics(found, 20)
    error = np.zeros((4, 3))
    error[:, 0] = [0.5, 0.9, 1.1, 0.0]
    error[3, 2] = 30.0  # only the horizontal error counts
    trials = {"status": np.array([0, 3, 0, 0]), "error_enu_m": error, "nees": np.ones(4)}
    statistics.add(np.arange(4), trials)
    columns = statistics.columns()
    assert columns["available"].values == 0.5
    within = found.values["case_bound_horizontal"].values <= 1.0
    assert columns["bound_available"].values == np.mean(within)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count = 1", "count = 6", "6 panels reach 122.5 m from the middle of a street of"),
        ("height_m = 8.0", "height_m = 11.0", "panels of 5 m are not on facades of 12 m"),
        ("from_m = -10.0", "aside_m = 20.0", "less than half the street's width_m = 40"),
    ],
)
def test_a_street_that_does_not_hold_its_panels_is_refused(old, new, message, tmp_path):
    with pytest.raises(LeopntError, match=message):
        load_text(tmp_path, URBAN.replace(old, new))


@pytest.mark.study
def test_fixes_in_a_street_are_as_good_as_they_say(tmp_path):
    found = run_study(catalog_study("urban/street"), tmp_path / "out", workers=Threads(1))
    assert found["verdict"].values.tolist() == ["held"] * 3
    assert np.all(np.diff(found["available"].values) > 0.0)
