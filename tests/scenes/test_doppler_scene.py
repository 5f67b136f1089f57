"""From settings and files to a Doppler log: times, units, satellites, states at transmission."""

import dataclasses

import numpy as np
import pytest
from simulated_log import CARRIER_HZ, IRIDIUM, RX_POS_ECEF_M, START, csv_text, simulated

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.orbits.sgp4 import propagate
from leopnt.scenes.doppler_log import DopplerLog
from leopnt.scenes.doppler_scene import (
    load_doppler_scene,
    require_ecef_velocity,
    states_at_transmission,
)
from leopnt.scenes.log_rows import place_ecef

STATES = """
sat_pos_ecef_m = ["x", "y", "z"]
sat_vel_ecef_mps = ["vx", "vy", "vz"]
"""


@pytest.fixture(scope="module")
def truth():
    return simulated()


def scene_of(folder, log, columns="", measurement=f"carrier_hz = {CARRIER_HZ}", rest=""):
    (folder / "log.csv").write_text(csv_text(log))
    path = folder / "fix.toml"
    path.write_text(
        f'[measurement]\ntype = "doppler"\nfile = "log.csv"\n{measurement}\n'
        f"[measurement.columns]\n{columns}\n{rest}"
    )
    return load_doppler_scene(path)


def with_elements(folder, log, columns="", rest="", path=IRIDIUM, **more):
    table = f"[satellites]\nfile = '{path}'\n{rest}"
    return scene_of(folder, log, columns, rest=table, **more)


def utc_log(truth, **changes):
    times = (START + truth["received_s"]).to_iso(digits=12)
    log = {"time_utc": times, "satellite": truth["name"], "doppler_hz": truth["doppler_hz"]}
    return log | changes


def state_log(truth, **changes):
    log = {"time_s": truth["sent_s"], "satellite": truth["number"]}
    log["doppler_hz"] = truth["doppler_hz"]
    log |= dict(zip("xyz", truth["pos_m"].T, strict=True))
    log |= dict(zip(("vx", "vy", "vz"), truth["vel_mps"].T, strict=True))
    return log | changes


def refused(build, *args, **more):
    with pytest.raises(LeopntError) as caught:
        build(*args, **more)
    return str(caught.value)


def test_states_of_a_tle_are_those_at_transmission(tmp_path, truth, evidence):
    scene = with_elements(tmp_path, utc_log(truth), 'time_utc = "time_utc"')
    log = scene.log(RX_POS_ECEF_M)
    evidence(
        "scenes.doppler_scene",
        "satellite positions of a log at transmission, receiver known",
        "SGP4 at the transmission times",
        "implementation",
        achieved=np.max(np.linalg.norm(log.sat_pos_ecef_m - truth["pos_m"], axis=1)),
        tolerance=1e-3,
        unit="m",
    )
    evidence(
        "scenes.doppler_scene",
        "satellite velocities of a log at transmission, receiver known",
        "SGP4 at the transmission times",
        "implementation",
        achieved=np.max(np.linalg.norm(log.sat_vel_ecef_mps - truth["vel_mps"], axis=1)),
        tolerance=3e-4,
        unit="m/s",
    )
    evidence(
        "scenes.doppler_scene",
        "satellite positions of a log at transmission, receiver unknown",
        "SGP4 at the transmission times",
        "implementation",
        achieved=np.max(np.linalg.norm(scene.log().sat_pos_ecef_m - truth["pos_m"], axis=1)),
        tolerance=75.0,
        unit="m",
    )


def test_a_log_keeps_what_the_file_says(tmp_path, truth, evidence):
    scene = with_elements(tmp_path, utc_log(truth), 'time_utc = "time_utc"')
    log = scene.log()
    assert log.satellites == tuple(dict.fromkeys(truth["name"]))
    assert [log.satellites[i] for i in log.sat_index] == truth["name"]
    assert log.where(0) == f"{tmp_path / 'log.csv'}:2"
    assert dataclasses.replace(log, source_line=None).where(0) == "measurement 0"
    assert np.all(log.carrier_hz == CARRIER_HZ)
    assert log.sigma_hz is None
    elements = read_tle(IRIDIUM).named(log.satellites)
    middle = START + 0.5 * (truth["received_s"][0] + truth["received_s"][-1])
    np.testing.assert_allclose(log.ephemeris_age_s, middle.since(elements.epoch), atol=1e-6)
    received = log.reference_epoch + log.time_s
    evidence(
        "scenes.doppler_log",
        "reception times through a file and back",
        "times written to the file",
        "invariance",
        achieved=np.max(np.abs(received.since(START) - truth["received_s"])),
        tolerance=1e-11,
        unit="s",
    )


def test_states_in_columns_are_passed_on_untouched(tmp_path, truth):
    scene = scene_of(tmp_path, state_log(truth), STATES)
    assert isinstance(scene.log(), DopplerLog)
    assert scene.log() is scene.log(RX_POS_ECEF_M)
    assert np.array_equal(scene.log().sat_pos_ecef_m, truth["pos_m"])
    assert np.array_equal(scene.log().time_s, truth["sent_s"])
    assert scene.log().reference_epoch is None
    assert scene.log().ephemeris_age_s is None


def test_states_at_reception_are_moved_to_transmission(tmp_path, truth):
    # SGP4 at the reception times of one satellite, against SGP4 at its transmission times.
    mine = np.array(truth["name"]) == truth["name"][0]
    element = read_tle(IRIDIUM).named([truth["name"][0]])
    state = propagate(element, START + truth["received_s"][mine]).state[0]
    part = {k: np.array(v)[mine] for k, v in truth.items()}
    part |= {"pos_m": state.pos_ecef_m, "vel_mps": state.vel_ecef_mps}
    log = state_log(part, time_s=part["received_s"])
    scene = scene_of(tmp_path, log, STATES, f'carrier_hz = {CARRIER_HZ}\nstates_at = "reception"')
    moved = scene.log(RX_POS_ECEF_M).sat_pos_ecef_m
    assert np.max(np.linalg.norm(moved - truth["pos_m"][mine], axis=1)) < 1e-3


def test_a_moving_receiver_gives_each_measurement_its_own_place(truth):
    pos_m, vel_mps = truth["pos_m"][:3], truth["vel_mps"][:3]
    track = RX_POS_ECEF_M + np.array([[0.0], [1e5], [2e5]])
    together = states_at_transmission(pos_m, vel_mps, track)[0]
    for i in range(3):
        alone = states_at_transmission(pos_m[i : i + 1], vel_mps[i : i + 1], track[i])[0]
        np.testing.assert_allclose(together[i], alone[0], atol=1e-9)


@pytest.mark.parametrize("kind", ["unix", "gpst", "reference"])
def test_times_may_be_written_in_several_ways(tmp_path, truth, kind):
    log, seconds = utc_log(truth), truth["received_s"]
    by_utc = with_elements(tmp_path, log, 'time_utc = "time_utc"').log(RX_POS_ECEF_M)
    if kind == "unix":  # 2025-12-28T12:00:00Z; leap seconds are not counted
        log["t"], columns, more = 1_766_923_200.0 + seconds, 'time_unix_s = "t"', ""
    elif kind == "gpst":
        iso = START.to_iso(TimeScale.GPST)
        log["t"], columns = seconds, 'time_s = "t"'
        more = f'reference_epoch = "{iso}"\ntime_scale = "GPST"'
    else:
        log["t"], columns, more = seconds, 'time_s = "t"', f'reference_epoch = "{START.to_iso()}"'
    measurement = f"carrier_hz = {CARRIER_HZ}\n{more}"
    scene = with_elements(tmp_path, log, columns, measurement=measurement)
    moved_m = scene.log(RX_POS_ECEF_M).sat_pos_ecef_m - by_utc.sat_pos_ecef_m
    assert np.max(np.abs(moved_m)) < 3e-3  # a float of Unix time resolves 0.24 us, 2 mm of orbit


def test_carriers_and_sigmas_come_from_settings_or_columns(tmp_path, truth):
    names = list(dict.fromkeys(truth["number"]))
    log = state_log(truth, f=np.full(len(truth["number"]), 1.6e9), s=truth["sent_s"] + 1)
    columns = STATES + 'carrier_hz = "f"\nsigma_hz = "s"'
    by_column = scene_of(tmp_path, log, columns, "").log()
    assert np.all(by_column.carrier_hz == 1.6e9)
    assert np.array_equal(by_column.sigma_hz, truth["sent_s"] + 1)
    measurement = (
        f"carrier_hz = 1.5e9\nsatellite_carrier_hz = {{ {names[1]} = 1.7e9 }}\nsigma_hz = 5"
    )
    by_name = scene_of(tmp_path, log, STATES, measurement).log()
    assert np.all(by_name.carrier_hz == np.where(truth["number"] == names[1], 1.7e9, 1.5e9))
    assert np.all(by_name.sigma_hz == 5.0)


def test_carriers_by_satellite_must_name_all_and_no_stranger(tmp_path, truth):
    name = truth["number"][0]
    message = refused(
        scene_of, tmp_path, state_log(truth), STATES, f"satellite_carrier_hz = {{ {name} = 1.7e9 }}"
    )
    assert "missing; give it, or a carrier_hz for all satellites that are not named." in message
    message = refused(
        scene_of, tmp_path, state_log(truth), STATES, "satellite_carrier_hz = { Z9 = 1.7e9 }"
    )
    assert "[measurement.satellite_carrier_hz] Z9: no such satellite in " in message


def test_the_truth_may_be_geodetic_or_ecef(tmp_path, truth):
    geodetic = "[truth]\nlatitude_deg = 22.3045966\nlongitude_deg = 114.180121\nheight_m = 61.384"
    ecef = f"[truth]\necef_m = {RX_POS_ECEF_M.tolist()}"
    found = [
        scene_of(tmp_path, state_log(truth), STATES, rest=rest).truth_ecef_m
        for rest in (geodetic, ecef, "")
    ]
    np.testing.assert_allclose(found[0], RX_POS_ECEF_M, atol=0.01)  # published for Hong Kong
    assert np.array_equal(found[1], RX_POS_ECEF_M)
    assert found[2] is None
    np.testing.assert_allclose(place_ecef(0.0, 90.0, 5.0), [0, 6378142.0, 0], atol=1e-8)


# What is refused


@pytest.mark.parametrize(
    ("column", "factor", "sentence"),
    [
        ("xyz", 1e-3, "|sat_pos_ecef_m| is 7"),
        ("xyz", 1e-3, "it looks like km"),
        ("v", 1e-3, "it looks like km/s"),
        ("doppler_hz", 1e-3, "it looks like kHz or MHz. Accepted: Hz."),
        ("doppler_hz", 1e3, "that is more than this carrier and satellite speed allow"),
        ("f", 1e-6, "it looks like MHz or GHz"),
        ("time_s", 1 / 60, "The times look like minutes."),
        ("time_s", 1e3, "The times look like milliseconds."),
    ],
)
def test_a_column_in_another_unit_is_refused_by_name(tmp_path, truth, column, factor, sentence):
    log = state_log(truth, f=np.full(len(truth["number"]), CARRIER_HZ))
    names = {"xyz": ("x", "y", "z"), "v": ("vx", "vy", "vz")}.get(column, (column,))
    log |= {name: np.asarray(log[name]) * factor for name in names}
    message = refused(scene_of, tmp_path, log, STATES + 'carrier_hz = "f"', "")
    assert sentence in message
    if "kHz" not in sentence:
        assert "log.csv:" in message


def test_inertial_velocities_are_refused(tmp_path, truth):
    spin = np.cross([0.0, 0.0, 7.292115e-5], truth["pos_m"])
    log = state_log(truth | {"vel_mps": truth["vel_mps"] + spin})
    message = refused(scene_of, tmp_path, log, STATES)
    assert "The velocities are relative to inertial space: subtract omega x r." in message
    assert message.endswith("ECEF velocity in m/s, Earth rotation included.")


def test_swapped_velocity_columns_are_refused(tmp_path, truth):
    log = state_log(truth | {"vel_mps": truth["vel_mps"][:, [1, 0, 2]]})
    assert "m/s, but its positions move by [" in refused(scene_of, tmp_path, log, STATES)


def test_a_log_without_neighbors_in_time_passes_the_velocity_check(tmp_path, truth):
    log = scene_of(tmp_path, state_log(truth), STATES).log()
    sparse = dataclasses.replace(
        log, time_s=log.time_s * 3e3, sat_vel_ecef_mps=log.sat_vel_ecef_mps * 0.5
    )
    require_ecef_velocity(sparse)
    with pytest.raises(LeopntError, match="but its positions move by"):
        require_ecef_velocity(dataclasses.replace(sparse, time_s=log.time_s))


def test_unsorted_and_duplicated_rows_are_refused_with_their_lines(tmp_path, truth):
    log = {name: list(column) for name, column in state_log(truth).items()}
    for column in log.values():
        column[4], column[9] = column[9], column[4]
    assert "accepted: measurements in order of time (sort the log)" in refused(
        scene_of, tmp_path, log, STATES
    )
    log = {name: [*column[:5], column[4], *column[5:]] for name, column in state_log(truth).items()}
    message = refused(scene_of, tmp_path, log, STATES)
    assert f"{tmp_path / 'log.csv'}:7: satellite" in message
    assert f"(the other: {tmp_path / 'log.csv'}:6)" in message


def test_elements_of_another_year_are_refused(tmp_path, truth):
    log = utc_log(truth, time_utc=[t.replace("2025", "2024") for t in utc_log(truth)["time_utc"]])
    message = refused(with_elements, tmp_path, log, 'time_utc = "time_utc"')
    assert "days before the elements of IRIDIUM" in message
    assert message.endswith("or raise max_age_days.")
    gate = "max_age_days = 0.01"
    message = refused(with_elements, tmp_path, utc_log(truth), 'time_utc = "time_utc"', gate)
    assert "at most 0.01 days are allowed" in message


def test_an_unknown_satellite_is_refused_with_its_line(tmp_path, truth):
    names = list(truth["name"])
    names[3] = "IRIDIUM 99999"
    message = refused(
        with_elements, tmp_path, utc_log(truth, satellite=names), 'time_utc = "time_utc"'
    )
    assert message.startswith(f"{tmp_path / 'log.csv'}:5: satellite 'IRIDIUM 99999' is not in ")
    assert "Did you mean 'IRIDIUM " in message


def test_one_object_under_two_names_is_refused(tmp_path, truth):
    names = [str(n) for n in truth["name"]]
    other = names.index(names[0], 1)
    names[other] = str(truth["number"][0])
    message = refused(
        with_elements, tmp_path, utc_log(truth, satellite=names), 'time_utc = "time_utc"'
    )
    assert f"are the same object, {names[0]}." in message


@pytest.mark.parametrize(
    ("unix_s", "sentence"),
    [(1.766e12, "It looks like milliseconds."), (12.0, "is no Unix time in seconds")],
)
def test_unix_times_must_be_seconds(tmp_path, truth, unix_s, sentence):
    log = utc_log(truth, t=np.full(len(truth["name"]), unix_s) + truth["received_s"])
    assert sentence in refused(with_elements, tmp_path, log, 'time_unix_s = "t"')


def test_a_reference_epoch_that_is_no_date_is_refused(tmp_path, truth):
    measurement = f'carrier_hz = {CARRIER_HZ}\nreference_epoch = "28 December"'
    message = refused(scene_of, tmp_path, state_log(truth), STATES, measurement)
    assert "[measurement] reference_epoch: '28 December' is not an ISO 8601 time" in message


def test_a_wrong_column_in_the_settings_lists_those_of_the_log(tmp_path, truth):
    columns = STATES.replace('"vz"', '"vzz"') + 'doppler_hz = "dopler"'
    message = refused(scene_of, tmp_path, state_log(truth), columns)
    assert "log.csv:1: no columns 'dopler', 'vzz'. Did you mean" in message
    assert "The columns there are: 'time_s', 'satellite', 'doppler_hz', 'x'" in message


def test_an_epoch_may_stand_in_the_middle_of_a_leap_second(tmp_path, truth):
    rows = slice(0, 2)
    log = {k: list(np.array(v)[rows]) for k, v in state_log(truth).items()}
    log["time_utc"] = ["2016-12-31T23:59:60.0Z", "2017-01-01T00:00:00.0Z"]
    log["satellite"] = ["A", "B"]
    scene = scene_of(tmp_path, log, STATES + 'time_utc = "time_utc"')
    assert scene.log().time_s.tolist() == [0.0, 1.0]
    assert scene.log().reference_epoch == Epoch.from_iso("2016-12-31T23:59:60Z")
