import numpy as np
import pytest

from leopnt.errors import FormatError
from leopnt.io.element_sets import CalendarTime, ElementSet, collect, designator

NOON = CalendarTime(2025, 12, 28, 12, 0, 0, 0.0)
GOOD = ElementSet(
    name="LEO 1",
    object_id="2026-001A",
    norad_cat_id=100_001,
    epoch_utc=NOON,
    mean_motion_rev_per_day=15.0,
    eccentricity=0.001,
    inclination_deg=90.0,
    raan_deg=180.0,
    arg_perigee_deg=45.0,
    mean_anomaly_deg=360.0,
    bstar_per_earth_radius=1e-4,
    mean_motion_dot_rev_per_day2=0.0,
    mean_motion_ddot_rev_per_day3=0.0,
    element_set_no=999,
    rev_at_epoch=1,
)
BAD = FormatError("sats.tle", 7, "a reason.")


def test_degrees_and_revolutions_become_radians_and_seconds(evidence):
    elements = collect([GOOD], "sats.tle", "records").require()
    pairs = (
        (elements.mean_motion_radps[0], 2 * np.pi / 5760.0),  # 15 a day: one in 5760 s
        (elements.inclination_rad[0], np.pi / 2),
        (elements.raan_rad[0], np.pi),
        (elements.arg_perigee_rad[0], np.pi / 4),
        (elements.mean_anomaly_rad[0], 2 * np.pi),
    )
    evidence(
        "io.element_sets",
        "Units of the element fields, relative",
        "worked out by hand",
        "closed form",
        achieved=max(abs(found / expected - 1) for found, expected in pairs),
        tolerance=1e-15,
    )


def test_bad_records_stand_beside_good_ones():
    scanned = collect([GOOD, BAD, GOOD], "sats.tle", "records")
    assert scanned.elements.name == ("LEO 1", "LEO 1")
    assert scanned.rejected == (BAD,)
    with pytest.raises(FormatError, match=r"^sats\.tle:7: a reason\.$"):
        scanned.require()


def test_a_file_without_records_says_what_was_expected():
    with pytest.raises(FormatError, match="holds no element set; expected records"):
        collect([], "sats.tle", "records").require()


@pytest.mark.parametrize(
    ("tle", "omm"),
    [("98067A  ", "1998-067A"), ("19074BCD", "2019-074BCD"), ("57001A", "1957-001A"), ("   ", "")],
)
def test_designators_are_written_as_in_omm(tle, omm):
    assert designator(tle) == omm
