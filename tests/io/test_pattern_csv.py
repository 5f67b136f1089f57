"""Patterns in CSV: dialects, and a sentence with line and column for whatever is wrong."""

import numpy as np
import pytest

from leopnt.errors import FormatError
from leopnt.io import AnglePattern, CosinePattern, read_pattern_csv

NODES = [(x, y) for x in (-0.2, -0.1, 0.0, 0.1) for y in (0.1, 0.2, 0.3, 0.4)]
HEADER = "beam,u,v,eirp_dbw"
ROWS = [f"{beam},{x},{y},{10 * x + y}" for beam in ("A", "B") for x, y in NODES]


def read(folder, rows, header=HEADER):
    path = folder / "pattern.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return read_pattern_csv(path)


def test_rows_may_come_in_any_order_and_columns_too(tmp_path):
    plain = read(tmp_path, ROWS)
    shuffled = [ROWS[i] for i in np.random.default_rng(1).permutation(32)]
    turned = [";".join(reversed(row.split(","))) for row in shuffled]
    other = read(tmp_path, turned, "eirp_dbw;v;u;beam")
    assert set(other.beams) == {"A", "B"}
    np.testing.assert_array_equal(other.level_db, plain.level_db)
    np.testing.assert_allclose(plain.level_db[0, 1], 10 * -0.1 + np.array([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_allclose(plain.u, [-0.2, -0.1, 0.0, 0.1], atol=1e-15)


def test_coordinates_may_be_rounded(tmp_path):
    thirds = [f"A,{x / 300:.5f},{y},0" for x in range(4) for y in (0.1, 0.2, 0.3, 0.4)]
    found = read(tmp_path, thirds)
    np.testing.assert_allclose(np.diff(found.u), 1 / 300, rtol=1e-12)


def test_columns_tell_what_the_levels_and_coordinates_are(tmp_path):
    gain = read(tmp_path, ROWS, "beam,u,v,gain_dbi")
    assert isinstance(gain, CosinePattern)
    assert gain.quantity == "gain_dbi"
    angles = [f"A,{x},{y},-3" for x in (0, 10, 20, 30) for y in (0, 90, 180, 270)]
    found = read(tmp_path, angles, "beam,theta_deg,phi_deg,relative_db")
    assert isinstance(found, AnglePattern)
    assert found.quantity == "relative_db"
    np.testing.assert_allclose(found.theta_rad, np.radians([0, 10, 20, 30]))


def changed(row, text):
    return [text if i == row else one for i, one in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (ROWS, "beam,u,v,eirp_dbm",
         r":1: unknown column 'eirp_dbm'; accepted: beam, .* 'eirp_dbw'\?"),
        (ROWS, "beam,u,u,eirp_dbw", ":1: column 'u' occurs twice"),
        (ROWS, "beam,u,phi_deg,eirp_dbw",
         ":1: columns beam, u, phi_deg, eirp_dbw: expected either u"),
        ([row + ",1" for row in ROWS], HEADER + ",gain_dbi",
         ":1: columns .*: expected one of eirp_dbw"),
        (ROWS, "u,v,eirp_dbw", ":1: .*beam"),
        (changed(4, "A,-0.1,0.1,nan"), HEADER, ":6: column 'eirp_dbw': expected a finite number"),
        (changed(4, "A,-0.1,0.1,"), HEADER, ":6: column 'eirp_dbw' is empty"),
        (changed(4, "A,-0.13,0.1,1"), HEADER,
         ":6: column 'u': -0.13 is no node of a grid in equal steps"),
        (changed(4, "A,-57,0.1,1"), HEADER,
         ":6: column 'u': -57; expected -1 to 1. A direction cosine has no unit: are these"),
        (changed(4, "A,-0.2,0.4,1"), HEADER,
         r":6: beam 'A' at u = -0.2, v = 0.4 occurs twice \(row 4 of the data"),
        (ROWS[:9] + ROWS[10:], HEADER,
         "beam 'A' at u = 0, v = 0.2 is missing: expected every beam at every node of the 4 x 4"),
        (ROWS[:2], HEADER, "column 'u' holds 1 different values; expected a grid of 4 or more"),
        ([row + "0" for row in ROWS], "beam,u,v,relative_db",
         "column 'relative_db': 0.1; expected -inf to 0"),
        ([], HEADER, "no measurement"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path, rows, header, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, rows, header)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "pattern.csv"
    path.write_text("# nothing\n")
    with pytest.raises(FormatError, match="the file is empty; expected a line of column names"):
        read_pattern_csv(path)


@pytest.mark.parametrize(
    ("angle", "message"),
    [("-5,0", "column 'theta_deg': -5; expected 0 to 180"),
     ("5,900", "column 'phi_deg': 900; expected -360 to 720")],
)  # fmt: skip
def test_angles_beyond_the_sphere_are_refused(tmp_path, angle, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, [f"A,{angle},0"], "beam,theta_deg,phi_deg,eirp_dbw")
