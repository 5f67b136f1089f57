"""Attitudes in ORBEX, from text written after the description of the format."""

import numpy as np
import pytest

from leopnt.antennas.phase_center import quaternions_of
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError
from leopnt.io.orbex import read_orbex
from leopnt.methods.calibration import NadirAttitude, Satellites, link_path, polar_star
from leopnt.methods.calibration.measured_attitude import QuaternionAttitude
from leopnt.observables import BEIDOU_B1C_B2A

ORIGIN = Epoch.from_iso("2021-09-22", TimeScale.GPST)
STATION = np.array([-2_148_744.0, 4_426_641.0, 4_044_656.0])
HEAD = """%=ORBEX  0.09
%%
+FILE/DESCRIPTION
 DESCRIPTION         Satellite attitude
 TIME_SYSTEM         GPS
 FRAME_TYPE          ECEF
 LIST_OF_REC_TYPES   ATT
-FILE/DESCRIPTION
+EPHEMERIS/DATA
*ATT RECORDS: TRANSFORMATION FROM TERRESTRIAL FRAME COORDINATES (T) TO SAT. BODY FRAME ONES (B)
"""
TAIL = "-EPHEMERIS/DATA\n%END_ORBEX\n"


class Still:
    def at(self, satellite, t_s):
        return np.zeros(len(t_s))


def path_at(t):
    orbits = polar_star(2, 1, 1000e3)
    known = Satellites(("L01", "L02"), orbits, Still(), ORIGIN, BEIDOU_B1C_B2A)
    sat = np.arange(len(t)) % 2
    return link_path(known, "BJFS", STATION, sat, t, np.zeros(len(t)), ())


def text_of(t):
    body = []
    for second in t:
        both = path_at(np.array([second, second]))
        to_body = np.swapaxes(NadirAttitude().axes(both), 1, 2)
        body.append(f"## 2021 09 22 00 {int(second) // 60:02d} {second % 60:015.12f}  2")
        for name, q in zip(("L01", "L02"), quaternions_of(to_body), strict=True):
            body.append(f" ATT {name}              4 " + " ".join(f"{x:19.16f}" for x in q))
    return HEAD + "\n".join(body) + "\n" + TAIL


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "leo.obx"
    path.write_text(text_of(np.arange(0.0, 300.0, 10.0)))
    return path


def test_quaternions_give_back_the_attitude_that_they_were_made_of(file, evidence):
    found = read_orbex(file)
    assert found.satellites == ("L01", "L02")
    assert found.epoch[3] == ORIGIN + 30.0
    for t, tolerance, what in (
        (np.arange(0.0, 290.0, 10.0), 1e-12, "at the epochs of the file"),
        (np.arange(5.0, 290.0, 7.0), 3e-5, "between epochs 10 s apart"),
    ):
        path = path_at(t)
        evidence(
            "methods.calibration.measured_attitude",
            f"axes of LEO satellites {what}",
            "axes that were written as quaternions",
            "closed form",
            achieved=np.max(np.abs(QuaternionAttitude(found).axes(path)
                                   - NadirAttitude().axes(path))),
            tolerance=tolerance,
        )  # fmt: skip
    evidence(
        "io.orbex",
        "length of quaternions read, off 1",
        "1",
        "closed form",
        achieved=np.max(np.abs(np.linalg.norm(found.quaternion, axis=2) - 1.0)),
        tolerance=1e-14,
    )


def test_what_a_file_does_not_reach_has_no_axes(tmp_path):
    path = tmp_path / "gap.obx"
    path.write_text(text_of(np.array([0.0, 10.0, 20.0, 60.0, 70.0, 80.0])))
    axes = QuaternionAttitude(read_orbex(path)).axes(path_at(np.array([5.0, 40.0, 80.5, 90.0])))
    np.testing.assert_array_equal(np.isfinite(axes[:, 0, 0]), [True, False, True, False])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("%=ORBEX", "%=SNX", r":1: expected a first line '%=ORBEX', found '%=SNX  0.09'"),
        ("%END_ORBEX\n", "", "the last line is not '%END_ORBEX'"),
        ("GPS\n", "XYZ\n", r":5: time system 'XYZ'"),
        ("ECEF\n", "ECI\n", r":6: frame 'ECI'; expected 'ECEF'"),
        ("ATT L01              4", "ATT L01              3", ":12: expected ' ATT G01 4' and four"),
        ("ATT L02", "ATT L01", ":13: a second attitude of L01"),
        ("00 00 10.", "00 00 00.", ":14: this epoch is not after the one before"),
        ("## 2021 09", "## 2021 13", ":11: "),
        ("## 2021 09", "## 21 09", r":11: expected '## 2019 01 01"),
        ("## ", "*# ", "a record before the first epoch"),
        (" ATT ", "*ATT ", "holds no attitude"),
    ],
)
def test_files_that_do_not_follow_the_format_are_refused_by_line(file, old, new, message):
    once = old not in ("## ", " ATT ")
    text = file.read_text()
    file.write_text(text.replace(old, new, 1) if once else text.replace(old, new))
    with pytest.raises(FormatError, match=message):
        read_orbex(file)
