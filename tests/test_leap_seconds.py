"""The leap second table against ERFA's own, and files of one's own."""

import erfa
import numpy as np
import pytest

from leopnt.eop import EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError
from leopnt.leap_seconds import LeapSeconds

ROWS = """\
#  File expires on 28 December 2099
    41317.0    1  1 1972       10
    41499.0    1  7 1972       11
    41683.0    1  1 1973       10
"""


def write(tmp_path, text):
    path = tmp_path / "Leap_Second.dat"
    path.write_text(text)
    return path


def test_the_bundled_table_is_the_one_in_erfa(evidence):
    table = LeapSeconds.bundled()
    theirs = erfa.leap_seconds.get()
    theirs = theirs[theirs["year"] >= 1972]
    same = len(theirs) == len(table.mjd_utc)
    assert same
    difference = np.abs(table.tai_minus_utc_s - theirs["tai_utc"]).max()
    evidence(
        "leap_seconds",
        "TAI - UTC of every row since 1972",
        "ERFA 2.0 built-in table",
        "implementation",
        achieved=difference,
        tolerance=0.0,
        unit="s",
    )
    _, days = erfa.cal2jd(theirs["year"], theirs["month"], 1)
    np.testing.assert_array_equal(table.mjd_utc, days)


def test_days_have_86401_seconds_where_they_end_with_a_leap_second():
    table = LeapSeconds.bundled()
    lengths = table.day_length_s(np.array([57_752, 57_753, 57_754]))
    np.testing.assert_array_equal(lengths, [86_400, 86_401, 86_400])


def test_utc_and_tai_are_inverse_over_every_second_of_a_leap_second_day():
    table = LeapSeconds.bundled()
    second = np.arange(86_401)
    tai_s = table.tai_s(np.full(86_401, 57_753), second)
    np.testing.assert_array_equal(np.diff(tai_s), 1)
    day, back = table.utc(tai_s)
    np.testing.assert_array_equal(day, 57_753)
    np.testing.assert_array_equal(back, second)


def test_a_file_of_ones_own_may_take_a_second_away(tmp_path):
    table = LeapSeconds.from_file(write(tmp_path, ROWS))
    assert table.expiry_mjd_utc == 88_065
    assert table.day_length_s(np.array(41_682)) == 86_399
    tai_s = table.tai_s(np.array([41_682, 41_683]), np.array([86_398, 0]))
    np.testing.assert_array_equal(np.diff(tai_s), 1)
    np.testing.assert_array_equal(table.utc(tai_s), [[41_682, 41_683], [86_398, 0]])


def test_epochs_use_the_leap_seconds_of_the_table_they_are_given(tmp_path):
    leaps = LeapSeconds.from_file(
        write(tmp_path, ROWS.replace("41683.0    1  1 1973       10", ""))
    )
    own = EopTable.constant(0.0, leap_seconds=leaps)
    epoch = Epoch.from_iso("2020-01-01", eop=own)
    assert epoch.to_iso(TimeScale.TAI) == "2020-01-01T00:00:11.000"
    assert epoch.to_iso(eop=own) == "2020-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("# nothing\n", FormatError, "no leap second rows"),
        ("41317.0 1 1 1972\n", FormatError, "Leap_Second.dat:1: expected MJD, day, month"),
        ("41317.0 1 1 1972 ten\n", FormatError, "Leap_Second.dat:1: expected MJD, day, month"),
        ("41318.0 1 1 1972 10\n", FormatError, "Leap_Second.dat:1: MJD and date differ"),
        ("41317.0 41 1 1972 10\n", FormatError, "Leap_Second.dat:1: expected MJD, day, month"),
        (ROWS.replace("  11", "  12"), LeopntError, "increasing days with steps of one second"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        LeapSeconds.from_file(write(tmp_path, text))
