"""MATLAB files: names, a single beam, and what is refused."""

import numpy as np
import pytest
from pattern_files import level_cosines, write_mat
from scipy.io import savemat

from leopnt.errors import FormatError
from leopnt.io import read_pattern_mat

AXIS = np.linspace(-0.3, 0.3, 5)
GOOD = {"u": AXIS, "v": AXIS, "eirp_dbw": np.zeros((2, 5, 5))}


def read(folder, **variables):
    path = folder / "pattern.mat"
    savemat(path, variables)
    return read_pattern_mat(path)


def test_beams_may_have_names(tmp_path):
    write_mat(tmp_path / "a.mat", "cosines", beams=np.array(["north", "south"], object))
    found = read_pattern_mat(tmp_path / "a.mat")
    assert found.beams == ("north", "south")
    np.testing.assert_array_equal(found.level_db, level_cosines())
    assert read(tmp_path, **GOOD).beams == ("1", "2")


def test_a_single_beam_needs_no_third_size_and_may_have_no_power(tmp_path):
    level = np.zeros((5, 5))
    level[0, 0] = -np.inf
    found = read(tmp_path, u=AXIS, v=AXIS, gain_dbi=level)
    assert found.level_db.shape == (1, 5, 5)
    assert found.quantity == "gain_dbi"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"power": np.ones(3)}, "unknown variable 'power'; accepted: u, v, theta_deg"),
        ({"u": AXIS**2}, "variable 'u' must rise in equal steps"),
        ({"u": np.ones((5, 5))}, r"variable 'u' has size \(5, 5\); expected a vector"),
        ({"u": np.array(["a"], object)}, "variable 'u' holds object; expected numbers"),
        ({"eirp_dbw": np.zeros((2, 5, 4))},
         r"variable 'eirp_dbw' has size \(2, 5, 4\); expected \(beam, 5, 5\) or \(5, 5\)"),
        ({"eirp_dbw": np.full((2, 5, 5), np.nan)},
         r"variable 'eirp_dbw' is nan at \(1, 1, 1\); expected decibels"),
        ({"eirp_dbw": np.zeros((2, 5, 5)) + 1j}, "holds complex128; expected numbers"),
        ({"gain_dbi": np.zeros((2, 5, 5))}, "variables eirp_dbw, gain_dbi, u, v: expected u and v"),
        ({"theta_deg": AXIS}, "variables eirp_dbw, theta_deg, u, v: expected u and v"),
        ({"beams": np.array(["a", "a"], object)}, "variable 'beams' names .* expected 2 different"),
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(tmp_path, change, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, **{**GOOD, **change})


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(200))
    with pytest.raises(FormatError, match=r"a MATLAB 7.3 file \(HDF5\); save it again"):
        read_pattern_mat(path)
    for junk in (b"beam,u,v\n" * 60, b"", bytes(30)):
        path.write_bytes(junk)
        with pytest.raises(FormatError, match="not a MATLAB file"):
            read_pattern_mat(path)
