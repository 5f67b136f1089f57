"""Calendar arithmetic against the standard library."""

import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leopnt.civil import date_of_mjd, format_iso, mjd_of_date, parse_iso

MJD_0 = datetime.date(1858, 11, 17).toordinal()


def test_dates_agree_with_the_standard_library(evidence):
    mjd = np.arange(-300_000, 400_000, 37)
    dates = [datetime.date.fromordinal(int(day) + MJD_0) for day in mjd]
    expected = np.array([(d.year, d.month, d.day) for d in dates]).T
    there = np.array(date_of_mjd(mjd))
    back = mjd_of_date(*expected)
    evidence(
        "civil",
        "Gregorian date of a Modified Julian Date and back, years 1037 to 2953",
        "Python datetime",
        "implementation",
        achieved=max(np.abs(there - expected).max(), np.abs(back - mjd).max()),
        tolerance=0.0,
        unit="d",
    )


@given(st.datetimes(min_value=datetime.datetime(1000, 1, 1)))
def test_texts_agree_with_the_standard_library(moment):
    fields = parse_iso(moment.isoformat())
    clock = (moment.hour, moment.minute, moment.second)
    assert fields[:6] == (moment.year, moment.month, moment.day, *clock)
    assert round(fields.fraction_s * 1e6) == moment.microsecond
    mjd = moment.toordinal() - MJD_0
    second = clock[0] * 3600 + clock[1] * 60 + clock[2]
    text = format_iso(mjd, second, moment.microsecond, 6, "")
    assert text == moment.isoformat(timespec="microseconds")
    assert parse_iso(moment.strftime("%Y-%jT%H:%M")).day == moment.day
