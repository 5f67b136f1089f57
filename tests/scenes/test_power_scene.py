"""Power logs from files: states at transmission, units, beams by name, mistakes by line."""

import numpy as np
import pytest
from simulated_log import IRIDIUM, RX_POS_ECEF_M, turned

from leopnt.antennas.beams import B52_RINGS, b52
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.orbits.sgp4 import propagate
from leopnt.scenes.power_scene import load_power_scene

START = Epoch.from_iso("2025-12-28T18:42:40Z")
NAME, ROW = "IRIDIUM 116", 32
C_MPS, OMEGA_RADPS = 299_792_458.0, 7.292115e-5
SECONDS = np.arange(0.0, 20.0, 5.0)
TABLES = """
[satellites]
file = '{tle}'
[antenna]
model = "B52"
"""
SETTINGS = """
[measurement]
type = "power"
file = "log.csv"
carrier_hz = 1.6e9
integration_s = 1e-3
{more}
"""
DATED = 'reference_epoch = "2025-12-28T18:42:40Z"'
HEADER = "time_s,satellite,beam,power_dbw\n"
LOG = HEADER + "".join(f"{t},{NAME},{beam},-1{beam + 30}.5\n" for beam, t in enumerate(SECONDS))
STATES = """[measurement.columns]
sat_pos_ecef_m = ["x", "y", "z"]
sat_vel_ecef_mps = ["vx", "vy", "vz"]
"""


def scene_of(folder, log=LOG, more=DATED, tables=TABLES):
    (folder / "log.csv").write_text(log)
    path = folder / "fix.toml"
    path.write_text(SETTINGS.format(more=more) + tables.replace("{tle}", str(IRIDIUM)))
    return load_power_scene(path)


def complaint(folder, *given, **named):
    with pytest.raises(LeopntError) as caught:
        scene_of(folder, *given, **named)
    return str(caught.value)


def sent():
    """States at transmission by SGP4 at the times of transmission, found by iteration."""
    elements = read_tle(IRIDIUM)
    tau = np.zeros(len(SECONDS))
    for _ in range(5):
        found = propagate(elements, START + (SECONDS - tau)).state[ROW]
        pos, vel = found.pos_ecef_m, found.vel_ecef_mps
        offset = turned(pos, OMEGA_RADPS * tau) - RX_POS_ECEF_M
        tau = np.linalg.norm(offset, axis=1) / C_MPS
    return pos, vel, found.vel_inertial_ecef_mps


def test_states_hold_at_transmission_with_both_velocities(tmp_path, evidence):
    scene = scene_of(tmp_path)
    pos, vel, inertial = sent()
    found = scene.states(RX_POS_ECEF_M)
    np.testing.assert_allclose(found.vel_ecef_mps, vel, atol=1e-3)
    np.testing.assert_allclose(found.vel_inertial_ecef_mps, inertial, atol=5e-3)
    assert scene.at_reception
    assert np.linalg.norm(scene.states().pos_ecef_m - pos, axis=1).max() < 200.0
    for capability in ("scenes.power_scene", "scenes.log_rows"):
        evidence(
            capability,
            "satellite position at transmission of a power log",
            "SGP4 at the time of transmission, flight time by iteration",
            "implementation",
            achieved=np.linalg.norm(found.pos_ecef_m - pos, axis=1).max(),
            tolerance=1e-3,
            unit="m",
        )


def test_rows_keep_what_the_log_says(tmp_path):
    rows = scene_of(tmp_path).rows
    np.testing.assert_array_equal(rows.time_s, SECONDS)
    np.testing.assert_array_equal(rows.beam, [0, 1, 2, 3])
    np.testing.assert_array_equal(rows.power_dbw, [-130.5, -131.5, -132.5, -133.5])
    assert rows.satellites == (NAME,)
    assert rows.where(2).endswith("log.csv:4")
    assert (rows.carrier_hz[0], rows.integration_s[0]) == (1.6e9, 1e-3)
    assert rows.ephemeris_age_s == pytest.approx([12852.3], abs=30.0)


def test_dbm_are_30_above_dbw_and_integration_may_be_a_column(tmp_path):
    log = LOG.replace("power_dbw", "p,tp").replace(".5\n", ".5,2e-3\n")
    columns = '\ncolumns = { power_dbm = "p", integration_s = "tp" }'
    (tmp_path / "log.csv").write_text(log)
    text = SETTINGS.format(more=DATED + columns).replace("integration_s = 1e-3", "")
    (tmp_path / "fix.toml").write_text(text + TABLES.replace("{tle}", str(IRIDIUM)))
    rows = load_power_scene(tmp_path / "fix.toml").rows
    np.testing.assert_array_equal(rows.power_dbw, [-160.5, -161.5, -162.5, -163.5])
    np.testing.assert_array_equal(rows.integration_s, 2e-3)


def test_states_may_stand_in_the_log(tmp_path):
    pos, vel, _ = sent()
    lines = LOG.splitlines()
    log = lines[0] + ",x,y,z,vx,vy,vz\n"
    for line, p, v in zip(lines[1:], pos.tolist(), vel.tolist(), strict=True):
        log += ",".join([line, *map(repr, [*p, *v])]) + "\n"
    antenna = '[antenna]\nmodel = "B52"\n'
    scene = scene_of(tmp_path, log, STATES, antenna)
    assert not scene.at_reception
    assert scene.rows.reference_epoch is None
    np.testing.assert_array_equal(scene.states(RX_POS_ECEF_M).pos_ecef_m, pos)
    inertial = vel + np.cross([0.0, 0.0, OMEGA_RADPS], pos)
    log = lines[0] + ",x,y,z,vx,vy,vz\n"
    for line, p, v in zip(lines[1:], pos.tolist(), inertial.tolist(), strict=True):
        log += ",".join([line, *map(repr, [*p, *v])]) + "\n"
    assert "relative to inertial space" in complaint(tmp_path, log, STATES, antenna)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("power_dbw", "power", "log.csv:1: no column 'power_dbw'. Did you mean 'power'?"),
        ("-131.5", "-131,5", "log.csv:3: 5 values, but the header names 4 columns."),
        ("-131.5", "low", "log.csv:3: column 'power_dbw': expected a finite number, found 'low'."),
        (",2,-132", ",52,-132", "log.csv:4: column 'beam': antenna B52 has no beam '52'."),
        (",2,-132", ",2.0,-132", "Its 52 beams: 0, 1, 2, 3, 4, 5, ..."),
        ("116,3", "999,3", "log.csv:5: satellite 'IRIDIUM 999' is not in "),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path, old, new, sentence):
    assert sentence in complaint(tmp_path, LOG.replace(old, new, 1))


def test_an_integration_time_of_zero_is_named_with_its_line(tmp_path):
    log = HEADER.replace("\n", ",tp\n") + f"0,{NAME},0,-130,1e-3\n1,{NAME},1,-130,0\n"
    (tmp_path / "log.csv").write_text(log)
    text = SETTINGS.format(more=DATED + '\ncolumns = { integration_s = "tp" }')
    text = text.replace("integration_s = 1e-3", "")
    (tmp_path / "fix.toml").write_text(text + TABLES.replace("{tle}", str(IRIDIUM)))
    with pytest.raises(LeopntError, match=r"log.csv:3: column 'tp': 0; expected a number above 0"):
        load_power_scene(tmp_path / "fix.toml")


# The antenna


def eirp_dbw(antenna, u=0.2, v=-0.1):
    return np.asarray(antenna.eirp_dbw(u, v))


def test_the_plain_model_is_antenna_b52(tmp_path):
    beams = scene_of(tmp_path).beams
    np.testing.assert_array_equal(eirp_dbw(beams.antenna), eirp_dbw(b52()))
    assert (len(beams.names), beams.names[51]) == (52, "51")


@pytest.mark.parametrize("offset", [2.0, [1.0, 2.0, 3.0, 4.0]])
def test_an_offset_raises_every_ring_by_its_decibels(tmp_path, offset):
    tables = TABLES + f"eirp_offset_db = {offset}\n"
    found = scene_of(tmp_path, tables=tables).beams.antenna
    sizes = [ring.count for ring in B52_RINGS]
    raised = np.repeat(np.broadcast_to(offset, 4), sizes)
    np.testing.assert_allclose(eirp_dbw(found) - eirp_dbw(b52()), raised, atol=1e-9)


def test_numbers_of_the_model_reach_the_antenna(tmp_path):
    numbers = "elements = [4, 6]\nfloor_db = -20.0\nspacing_wavelengths = 0.6\n"
    antenna = scene_of(tmp_path, tables=TABLES + numbers + "element_exponent = 2.0").beams.antenna
    assert (len(antenna.taper_x), len(antenna.taper_y)) == (4, 6)
    assert (antenna.floor_db, antenna.spacing_wavelengths) == (-20.0, 0.6)
    assert antenna.element_exponent == 2.0


def pattern_csv(quantity="eirp_dbw"):
    """Two beams, left and right, whose level falls by 10 dB per unit of |u -+ 0.5|."""
    axis = np.linspace(-1.0, 1.0, 9).tolist()
    rows = [
        f"{beam},{u},{v},{20 - 10 * abs(u - at):g}"
        for beam, at in (("left", -0.5), ("right", 0.5))
        for u in axis
        for v in axis
    ]
    return "\n".join([f"beam,u,v,{quantity}", *rows]) + "\n"


PATTERN = TABLES.replace('model = "B52"', 'file = "p.csv"')
NAMED = HEADER + f"0,{NAME},right,-130\n1,{NAME},left,-131\n"


def test_beams_of_a_pattern_file_go_by_their_names(tmp_path):
    (tmp_path / "p.csv").write_text(pattern_csv())
    scene = scene_of(tmp_path, NAMED, tables=PATTERN)
    assert scene.beams.names == ("left", "right")
    np.testing.assert_array_equal(scene.rows.beam, [1, 0])
    np.testing.assert_allclose(eirp_dbw(scene.beams.antenna, 0.5, 0.25), [10.0, 20.0], atol=0.5)
    message = complaint(tmp_path, NAMED.replace("right", "rigth"), tables=PATTERN)
    assert "log.csv:2: column 'beam': " in message
    assert "p.csv has no beam 'rigth'. Did you mean 'right'? Its 2 beams: left, right." in message


def test_gain_needs_an_offset_and_one_per_beam(tmp_path):
    (tmp_path / "p.csv").write_text(pattern_csv("gain_dbi"))
    message = complaint(tmp_path, NAMED, tables=PATTERN)
    assert "[antenna] file, eirp_offset_db: " in message
    assert "holds gain [dBi], no EIRP" in message
    three = PATTERN + "eirp_offset_db = [1.0, 2.0, 3.0]\n"
    message = complaint(tmp_path, NAMED, tables=three)
    assert "eirp_offset_db: 3 numbers; expected one, or 2, one per beam of" in message
    two = PATTERN + "eirp_offset_db = [10.0, 20.0]\n"
    antenna = scene_of(tmp_path, NAMED, tables=two).beams.antenna
    np.testing.assert_allclose(eirp_dbw(antenna, 0.5, 0.25), [20.0, 40.0], atol=0.5)


# Doppler


def test_doppler_is_read_with_the_same_satellites(tmp_path):
    doppler = f"t,satellite,doppler_hz\n2025-12-28T18:42:41Z,{NAME},-15000\n"
    (tmp_path / "d.csv").write_text(doppler)
    more = '[doppler]\nfile = "d.csv"\nsigma_hz = 5.0\ncolumns = { time_utc = "t" }\n'
    scene = scene_of(tmp_path, tables=TABLES + more)
    log = scene.doppler.given
    assert (log.carrier_hz[0], log.sigma_hz[0], log.doppler_hz[0]) == (1.6e9, 5.0, -15000.0)
    state = propagate(read_tle(IRIDIUM), START + np.array([1.0])).state[ROW]
    np.testing.assert_allclose(log.sat_pos_ecef_m, state.pos_ecef_m, atol=1e-3)
    assert scene.doppler.at_reception
    assert "d.csv:2: " in complaint(tmp_path, tables=TABLES + more.replace('"t"', '"satellite"'))
