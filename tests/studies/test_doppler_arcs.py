"""Arcs over places: above the mask, of different satellites, with the links of a simulated log."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from study_texts import DOPPLER, load_text

from leopnt.epochs import Epoch
from leopnt.inference.batch import batch_map
from leopnt.io.tle import read_tle
from leopnt.methods.doppler_fix.simulate import log_of_arcs
from leopnt.scenes.constellation import load_satellites
from leopnt.scenes.users import place_users
from leopnt.studies.doppler_arcs import links_of, observed_arcs
from leopnt.studies.doppler_study import plan_of

TLE = Path(__file__).parents[2] / "examples" / "data" / "tle_2025" / "iridium.tle"
START = "2025-12-28T12:00:00Z"
DATED = DOPPLER.replace('preset = "iridium"', 'file = "iridium.tle"').replace(
    "duration_s", f'start = "{START}"\nduration_s'
)


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    """Settings, satellites, users and arcs of two places under real element sets."""
    folder = tmp_path_factory.mktemp("arcs")
    shutil.copy(TLE, folder)
    settings = load_text(folder, DATED).settings
    satellites = load_satellites(settings.constellation, settings.time, folder)
    users = place_users(settings.users, np.zeros(1))
    arcs = observed_arcs(plan_of(settings), satellites.ephemeris, users, settings.study.seed)
    return settings, satellites, users, arcs


def elevations_deg(pos_ecef_m, latitude_deg, longitude_deg, rx_ecef_m):
    """Elevation above the ellipsoid's horizon, from the textbook normal."""
    phi, lam = np.radians([latitude_deg, longitude_deg])
    up = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    offset = pos_ecef_m - rx_ecef_m
    return np.degrees(np.arcsin(offset @ up / np.linalg.norm(offset, axis=-1)))


def test_arcs_are_as_many_as_asked_of_different_satellites_within_the_plan(observed):
    settings, _, _, arcs = observed
    plan = plan_of(settings)
    assert [len(one) for one in arcs] == [6, 6]
    for one in arcs:
        assert len({arc.sat for arc in one}) == 6
        for arc in one:
            assert plan.shortest_s <= arc.length_s <= plan.longest_s
            assert arc.start_s >= 0
            assert arc.start_s + arc.length_s <= plan.window_s


def test_arcs_stay_above_the_mask(observed, evidence):
    settings, satellites, users, arcs = observed
    lowest_deg = 90.0
    for user, one in enumerate(arcs):
        for arc in one:
            time_s = arc.start_s + np.arange(0.0, arc.length_s + 0.5)
            pos_m = np.array(
                [satellites.ephemeris.state(arc.sat, t).pos_ecef_m for t in time_s[::10]]
            )
            place = users.latitude_deg[user, 0], users.longitude_deg[user, 0]
            el_deg = elevations_deg(pos_m, *place, users.pos_ecef_m[user, 0])
            lowest_deg = min(lowest_deg, el_deg.min())
    # an elevation rises and falls once a pass: between two times above the mask it is above, too
    evidence(
        "studies.doppler_arcs",
        "how far an arc dips below the mask",
        "geometry",
        "closed form",
        achieved=max(settings.antenna.mask_deg - lowest_deg, 0.0),
        tolerance=1e-9,
        unit="deg",
    )


def test_links_are_those_of_a_log_simulated_from_the_elements(observed, evidence):
    settings, satellites, users, arcs = observed
    links = links_of(arcs, settings.time.step_s, satellites.ephemeris, users.pos_ecef_m[:, 0])
    elements = read_tle(TLE).named(satellites.names)
    worst = np.zeros(3)
    for user, one in enumerate(arcs):
        log = log_of_arcs(
            elements,
            Epoch.from_iso(START),
            one,
            users.pos_ecef_m[user, 0],
            settings.signal.carrier_hz,
            settings.time.step_s,
        )
        seen = links.visible[user]
        order = np.argsort(links.received_s[user][seen], kind="stable")
        assert len(log.time_s) == seen.sum()
        assert np.array_equal(links.arc_index[user][seen][order], log.sat_index)
        found = (links.sat_pos_ecef_m, links.sat_vel_ecef_mps, links.received_s)
        expected = (log.sat_pos_ecef_m, log.sat_vel_ecef_mps, log.time_s)
        worst = np.maximum(
            worst,
            [np.abs(a[user][seen][order] - b).max() for a, b in zip(found, expected, strict=True)],
        )
        assert links.middle_s[user] == pytest.approx(log.time_s.mean(), abs=1e-6)
    rows = (("position", 1e-3, "m"), ("velocity", 1e-4, "m/s"), ("time of reception", 1e-9, "s"))
    for (what, tolerance, unit), achieved in zip(rows, worst, strict=True):
        evidence(
            "studies.doppler_arcs",
            f"{what} of the links of arcs",
            "SGP4 at every measurement (leopnt.methods.doppler_fix.simulate)",
            "implementation",
            achieved=achieved,
            tolerance=tolerance,
            unit=unit,
        )


def test_arcs_depend_on_the_seed_and_on_the_place(observed):
    settings, satellites, users, arcs = observed

    def drawn(seed, rows):
        some = dataclasses.replace(
            users,
            **{
                one.name: getattr(users, one.name)[rows]
                for one in dataclasses.fields(users)
                if one.name != "names"
            },
        )
        return observed_arcs(plan_of(settings), satellites.ephemeris, some, seed)

    def told(lists):
        return [[(arc.sat, arc.start_s, arc.length_s) for arc in one] for one in lists]

    assert told(drawn(settings.study.seed, slice(None))) == told(arcs)
    assert told(drawn(settings.study.seed, slice(0, 1))) == told(arcs[:1])
    assert told(drawn(settings.study.seed + 1, slice(None))) != told(arcs)


def test_at_one_epoch_each_satellite_gives_one_measurement(tmp_path):
    text = DOPPLER.replace("7200.0", "0.0") + "[method]\nsatellites = 3\n"
    study = load_text(tmp_path, text.replace("iridium", "starlink-shell-1"))
    settings = study.settings
    satellites = load_satellites(settings.constellation, settings.time, tmp_path)
    users = place_users(settings.users, np.zeros(1))
    arcs = observed_arcs(plan_of(settings), satellites.ephemeris, users, 0)
    links = links_of(arcs, settings.time.step_s, satellites.ephemeris, users.pos_ecef_m[:, 0])
    assert [len({arc.sat for arc in one}) for one in arcs] == [3, 3]
    assert np.array_equal(links.visible.sum(axis=1), [3, 3])
    range_m = np.linalg.norm(links.sat_pos_ecef_m - users.pos_ecef_m, axis=-1)[links.visible]
    flight_s = links.received_s[links.visible]  # sent at 0; the Earth turns 35 m at most meanwhile
    np.testing.assert_allclose(flight_s, range_m / 299_792_458.0, atol=40.0 / 299_792_458.0)


def test_places_that_see_too_few_satellites_count_as_not_solved(tmp_path):
    places = (
        '[[users.places]]\nname = "pole"\nlatitude_deg = 90.0\nlongitude_deg = 0.0\n'
        '[[users.places]]\nname = "equator"\nlatitude_deg = 0.0\nlongitude_deg = 20.0\n'
    )
    walker = (
        'walker = { pattern = "delta", satellites = 60, planes = 6, phasing = 1, '
        "inclination_deg = 40.0, altitude_km = 780.0 }"
    )
    text = DOPPLER.replace('[users]\ncities = ["Paris", "Quito"]', places)
    study = load_text(tmp_path, text.replace('preset = "iridium"', walker))
    point = study.method.prepare(study.settings, tmp_path)
    assert point.warnings == (
        "1 of 2 places never see 6 satellites as asked for; their trials count as not solved.",
    )
    assert point.values["case_num_satellites"].values.tolist() == [0, 6]
    assert np.isnan(point.values["case_bound_3d"].values).tolist() == [True, False]
    index = np.arange(40)
    trials = batch_map(point.kernel, index, shared=point.shared, tile=study.method.tile, threads=1)
    statistics = study.method.statistics(point, 20)
    statistics.add(index, trials)
    columns = statistics.columns()
    assert (columns["solved"].values, columns["not_solved"].values) == (20, 20)
    assert columns["case_solved"].values.tolist() == [0.0, 1.0]
    assert np.isfinite(columns["rmse_3d"].values)
