"""GRASP grids: components, exponents without E, and a sentence with its line for the rest."""

import numpy as np
import pytest
from pattern_files import grd_lines

from leopnt.errors import FormatError
from leopnt.io import read_grasp_grd
from leopnt.io.grasp_grd import first_component, second_component, total_power

SMALL = [
    "VERSION: TICRA-EM-FIELD-V0.1",
    "FREQUENCIES [GHz]:",
    "1.6",
    "++++",
    "           1",
    "           1           3           2           1",
    "           0           0",
    "  -0.3000000000E+00  -0.1500000000E+00   0.3000000000E+00   0.1500000000E+00",
    "           4           4           0",
    *[f" {3.0 * i:.10E} 0.0 0.0 {4.0 * i:.10E}" for i in range(16)],
]


def read(folder, lines, *args):
    path = folder / "pattern.grd"
    path.write_text("\n".join(lines) + "\n")
    return read_grasp_grd(path, *args)


def test_x_runs_fastest_and_power_is_that_of_both_components(tmp_path):
    found = read(tmp_path, SMALL)
    expected = (5.0 * np.arange(16).reshape(4, 4).T) ** 2
    np.testing.assert_allclose(10 ** (found.level_db[0] / 10), expected, atol=1e-12)
    np.testing.assert_allclose(found.u, [-0.3, -0.1, 0.1, 0.3])
    np.testing.assert_allclose(found.v, [-0.15, -0.05, 0.05, 0.15])
    assert found.beams == ("1",)


@pytest.mark.parametrize(
    ("component", "expected"),
    [(total_power, 25.0), (first_component, 9.0), (second_component, 16.0)],
)
def test_a_receiver_of_one_polarization_gets_one_component(tmp_path, component, expected):
    found = read(tmp_path, SMALL, component)
    np.testing.assert_allclose(10 ** (found.level_db[0, 1, 0] / 10), expected)


def test_sets_are_shifted_by_their_center(tmp_path):
    lines = SMALL.copy()
    lines[6] = "2 -1"
    found = read(tmp_path, lines)
    np.testing.assert_allclose(found.u, np.array([-0.3, -0.1, 0.1, 0.3]) + 0.4)
    np.testing.assert_allclose(found.v, np.array([-0.15, -0.05, 0.05, 0.15]) - 0.1)


def test_exponents_of_three_digits_have_no_letter(tmp_path):
    lines = SMALL.copy()
    lines[10] = "0.3000000000-103 0.0 0.0 0.4000000000-103"
    found = read(tmp_path, lines)
    np.testing.assert_allclose(found.level_db[0, 1, 0], 20 * np.log10(0.5e-103), rtol=1e-12)
    lines[10] = "0.3D+01 0 0 4"
    with pytest.raises(FormatError, match=r":11: expected finite numbers .* found '0.3D\+01'"):
        read(tmp_path, lines)


def with_line(number, text):
    return [text if i == number else line for i, line in enumerate(SMALL, 1)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (SMALL[:3] + SMALL[4:], r"no line '\+\+\+\+' ends the comment"),
        (with_line(5, "2"), ":5: KTYPE 2; expected 1"),
        (with_line(5, "1 1"), r":5: expected 1 values \(KTYPE\), found '1 1'"),
        (with_line(6, "0 3 2 1"), ":6: NSET 0; expected 1 or more"),
        (with_line(6, "1 9 2 1"), r":6: ICOMP 9 \(total power\); expected 1"),
        (with_line(6, "1 3 3 1"), ":6: NCOMP 3; expected 2 components, a far field"),
        (with_line(6, "1 3 2 5"), r":6: IGRID 5 \(elevation and azimuth\); expected 1 \(uv\) or 7"),
        (with_line(6, "1 3 2 77"), r":6: IGRID 77 \(unknown\); expected"),
        (with_line(6, "1 3 2 x"), r":6: expected integers \(NSET ICOMP NCOMP IGRID\), found 'x'"),
        (with_line(8, "0.3 -0.15 -0.3 0.15"), ":8: x from 0.3 to -0.3, y from .* rising axes"),
        (with_line(9, "4 4 1"), r":9: KLIMIT 1 \(part of a grid\); expected 0"),
        (with_line(9, "2 4 0"), ":9: NX 2, NY 4; expected 4 or more"),
        (with_line(12, "1 2 3"), r":12: expected 4 values \(Re F1"),
        (with_line(12, "1 2 3 nan"), ":12: expected finite numbers .* found 'nan'"),
        (with_line(12, "1 2 3 1_0"), ":12: expected finite numbers .* found '1_0'"),
        (SMALL[:-1], "the file ends where Re F1, Im F1, Re F2, Im F2 should be"),
        ([*SMALL, "1 2 3 4"], ":26: expected the end of the file, found '1 2 3 4'"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path, lines, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, lines)


def test_sets_on_different_grids_are_refused(tmp_path):
    lines = grd_lines("angles")
    (second,) = [i for i, line in enumerate(lines) if len(line.split()) == 4 and i > 7
                 and line == lines[6]]  # fmt: skip
    lines[second] = lines[second].replace("3.0000000000E+01", "2.8000000000E+01")
    with pytest.raises(FormatError, match="set 2 is on another grid than set 1"):
        read(tmp_path, lines)
