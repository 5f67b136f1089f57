"""Epochs against ERFA, astropy and definitions; round trips to a picosecond."""

import datetime
from fractions import Fraction

import astropy_iers_data
import erfa
import numpy as np
import pytest
from astropy.time import Time
from astropy_offline import bundled_iers_table
from hypothesis import given
from hypothesis import strategies as st

from leopnt import leap_seconds
from leopnt.eop import EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError, LeopntWarning

pytestmark = pytest.mark.filterwarnings("ignore:.*knows leap seconds up to.*")

PS = 1e-12
UNIFORM = [scale for scale in TimeScale if scale is not TimeScale.UTC]
S_1980, S_2026 = -631_195_200, 844_000_000  # TAI seconds of 1980-01-01 and of September 2026
EPOCHS = st.builds(
    lambda s, f: Epoch(np.asarray(s), np.asarray(f)),
    st.integers(S_1980, S_2026),
    st.floats(0.0, 1.0, exclude_max=True),
)
LEAP_DAYS = np.array(
    [
        (int(y), int(m), int(d))
        for y, m, d in (
            str(np.datetime64(int(mjd) - 40_588, "D")).split("-")
            for mjd in leap_seconds.LeapSeconds.bundled().mjd_utc[1:]
        )
    ]
)


def random_epochs(num, first="1980-01-01", last="2030-01-01", seed=0):
    span_s = (np.datetime64(last) - np.datetime64(first)).astype("m8[s]").astype(int)
    rng = np.random.default_rng(seed)
    start = Epoch.from_iso(first, TimeScale.TAI)
    whole = start.tai_s + rng.integers(0, span_s, num)
    return Epoch(whole, rng.uniform(0, 1, num))


def jd_difference_s(jd, reference):
    """Difference of two-part Julian dates in exact arithmetic [s]."""
    parts = zip(*(np.ravel(p) for p in (*jd, *reference)), strict=True)
    days = (
        Fraction(float(a)) + Fraction(float(b)) - Fraction(float(c)) - Fraction(float(d))
        for a, b, c, d in parts
    )
    return np.array([float(day * 86_400) for day in days])


def apart_s(epoch, other):
    return float(np.max(np.abs(epoch.since(other)), initial=0.0))


# Against definitions and other implementations


@pytest.mark.parametrize(
    ("scale", "text", "utc"),
    [
        (TimeScale.GPST, "1980-01-06T00:00:00", "1980-01-06T00:00:00Z"),
        (TimeScale.GST, "1999-08-22T00:00:00", "1999-08-21T23:59:47Z"),
        (TimeScale.BDT, "2006-01-01T00:00:00", "2006-01-01T00:00:00Z"),
        (TimeScale.TAI, "2017-01-01T00:00:37", "2017-01-01T00:00:00Z"),
        (TimeScale.TT, "1977-01-01T00:00:32.184", "1976-12-31T23:59:45Z"),
        (TimeScale.GPST, "2025-05-05T00:00:18", "2025-05-05T00:00:00Z"),
        (TimeScale.BDT, "2025-05-05T00:00:04", "2025-05-05T00:00:00Z"),
    ],
)
def test_scales_meet_at_their_defining_instants(scale, text, utc, evidence):
    apart = apart_s(Epoch.from_iso(text, scale), Epoch.from_iso(utc))
    evidence(
        "epochs",
        "instants that define GPST, GST, BDT, TAI and TT, read in UTC",
        "IS-GPS-200, Galileo OS SIS ICD, BDS-SIS-ICD, IAU 1991",
        "published",
        achieved=apart,
        tolerance=PS,
        unit="s",
    )


def test_week_zero_begins_where_the_interface_documents_say():
    assert Epoch.from_week(0, 0, TimeScale.GPST) == Epoch.from_iso("1980-01-06")
    assert Epoch.from_week(1024, 0, TimeScale.GPST) == Epoch.from_week(0, 0, TimeScale.GST)
    assert Epoch.from_week(1356, 14, TimeScale.GPST) == Epoch.from_week(0, 0, TimeScale.BDT)


@pytest.mark.filterwarnings("ignore:ERFA function:erfa.ErfaWarning")
def test_utc_calendar_dates_agree_with_erfa_from_1980_to_2030(evidence):
    epoch = random_epochs(2000)
    year, month, day, hour, minute, second, fraction = epoch.to_calendar(TimeScale.UTC)
    utc = erfa.dtf2d("UTC", year, month, day, hour, minute, second + fraction)
    evidence(
        "epochs",
        "UTC to TAI of random dates, 1980-2030",
        "ERFA 2.0 (dtf2d, utctai)",
        "implementation",
        achieved=np.max(np.abs(jd_difference_s(epoch.to_jd(TimeScale.TAI), erfa.utctai(*utc)))),
        tolerance=1e-9,
        unit="s",
    )
    back = Epoch.from_calendar(
        year, month, day, hour, minute, second, TimeScale.UTC, fraction_s=fraction
    )
    assert apart_s(back, epoch) <= PS


@pytest.mark.filterwarnings("ignore:ERFA function:erfa.ErfaWarning")
def test_utc_julian_dates_agree_with_erfa_from_1980_to_2030(evidence):
    epoch = random_epochs(2000, seed=1)
    tai = erfa.utctai(*epoch.to_jd(TimeScale.UTC))
    back = Epoch.from_jd(*erfa.taiutc(*epoch.to_jd(TimeScale.TAI)), TimeScale.UTC)
    apart = max(
        np.max(np.abs(jd_difference_s(tai, epoch.to_jd(TimeScale.TAI)))), apart_s(back, epoch)
    )
    evidence(
        "epochs",
        "UTC quasi-Julian dates both ways, 1980-2030",
        "ERFA 2.0 (utctai, taiutc)",
        "implementation",
        achieved=apart,
        tolerance=1e-9,
        unit="s",
    )


def test_leap_seconds_agree_with_erfa_to_the_last_instant(evidence):
    y, m, d = LEAP_DAYS[np.repeat(np.arange(len(LEAP_DAYS)), 5)].T
    second = np.tile([59.0, 59.999999, 60.0, 60.5, 60.999999], len(LEAP_DAYS))
    epoch = Epoch.from_calendar(y, m, d, 23, 59, second, TimeScale.UTC)
    utc = erfa.dtf2d("UTC", y, m, d, 23, 59, second)
    apart = np.abs(jd_difference_s(epoch.to_jd(TimeScale.TAI), erfa.utctai(*utc)))
    apart_jd = np.abs(jd_difference_s(epoch.to_jd(TimeScale.UTC), utc))
    evidence(
        "epochs",
        "seconds 59 and 60 of every leap second since 1972",
        "ERFA 2.0 (dtf2d, utctai)",
        "implementation",
        achieved=max(apart.max(), apart_jd.max()),
        tolerance=1e-9,
        unit="s",
    )


@pytest.mark.filterwarnings("ignore:ERFA function:erfa.ErfaWarning")
def test_tt_agrees_with_astropy_from_1980_to_2030(evidence):
    epoch = random_epochs(1000, seed=2)
    oracle = Time(*epoch.to_jd(TimeScale.UTC), format="jd", scale="utc").tt
    apart = jd_difference_s(epoch.to_jd(TimeScale.TT), (oracle.jd1, oracle.jd2))
    evidence(
        "epochs",
        "UTC to TT, 1980-2030",
        "astropy 8.0",
        "implementation",
        achieved=np.max(np.abs(apart)),
        tolerance=1e-9,
        unit="s",
    )


def test_ut1_agrees_with_astropy_and_the_same_table(evidence):
    epoch = random_epochs(2000, "1980-01-01", "2026-10-01", seed=3)
    with bundled_iers_table():
        oracle = Time(*epoch.to_jd(TimeScale.UTC), format="jd", scale="utc").ut1
    apart = jd_difference_s(epoch.to_jd(TimeScale.UT1), (oracle.jd1, oracle.jd2))
    evidence(
        "epochs",
        "UTC to UT1, 1980 to the end of the measured table",
        "astropy 8.0 with the same IERS table",
        "implementation",
        achieved=np.max(np.abs(apart)),
        tolerance=1e-9,
        unit="s",
    )


def test_ut1_runs_on_through_a_leap_second():
    epoch = Epoch.from_iso("2016-12-31T23:59:58") + np.arange(0.0, 4.0, 0.25)
    count, fraction = epoch.to_seconds(TimeScale.UT1)
    steps_s = np.diff(count) + np.diff(fraction)
    np.testing.assert_allclose(steps_s, 0.25, rtol=1e-7)  # excess length of day is 1e-8


# Round trips


@given(EPOCHS, st.sampled_from(UNIFORM))
def test_a_count_of_seconds_round_trips(epoch, scale):
    assert apart_s(Epoch.from_seconds(*epoch.to_seconds(scale), scale), epoch) <= PS


@given(EPOCHS, st.sampled_from(list(TimeScale)))
def test_a_calendar_date_round_trips(epoch, scale):
    *date, fraction = epoch.to_calendar(scale)
    assert apart_s(Epoch.from_calendar(*date, scale, fraction_s=fraction), epoch) <= PS


@given(EPOCHS, st.sampled_from(list(TimeScale)))
def test_a_julian_date_round_trips(epoch, scale):
    assert apart_s(Epoch.from_jd(*epoch.to_jd(scale), scale), epoch) <= PS


@given(EPOCHS, st.sampled_from([TimeScale.GPST, TimeScale.GST, TimeScale.BDT]))
def test_a_week_number_round_trips(epoch, scale):
    week, second, fraction = epoch.to_week(scale)
    assert 0 <= second < 604_800
    assert apart_s(Epoch.from_week(week, second, scale, fraction_s=fraction), epoch) <= PS


@given(EPOCHS, st.sampled_from(list(TimeScale)))
def test_iso_text_round_trips_to_its_last_digit(epoch, scale):
    assert apart_s(Epoch.from_iso(epoch.to_iso(scale, 12), scale), epoch) <= 0.51 * PS


@given(EPOCHS, st.integers(0, 12))
def test_rounded_text_is_within_half_a_digit(epoch, digits):
    text = epoch.to_iso(TimeScale.UTC, digits)
    assert apart_s(Epoch.from_iso(text), epoch) <= 0.5 * 10.0**-digits + 1e-15


@given(EPOCHS)
def test_a_datetime_round_trips_to_its_microsecond(epoch):
    assert apart_s(Epoch.from_datetime(epoch.to_datetime()), epoch) <= 0.51e-6
    assert apart_s(Epoch.from_datetime64(epoch.to_datetime64()), epoch) <= 0.51e-9


@given(EPOCHS, st.floats(-3e9, 3e9))
def test_adding_seconds_is_undone_by_subtracting_them(epoch, seconds):
    moved = epoch + seconds
    assert moved.since(epoch) == pytest.approx(seconds, rel=1e-15, abs=2e-16)
    assert apart_s(moved - seconds, epoch) <= 2e-16


@given(EPOCHS, EPOCHS)
def test_differences_are_exact_to_the_last_bit(one, other):
    exact = Fraction(int(one.tai_s)) + Fraction(float(one.fraction_s))
    exact -= Fraction(int(other.tai_s)) + Fraction(float(other.fraction_s))
    assert float(one.since(other)) == pytest.approx(float(exact), rel=2.3e-16, abs=2.3e-16)
    assert bool(one < other) == (exact < 0)
    assert bool(one >= other) == (exact >= 0)


@pytest.mark.parametrize("scale", list(TimeScale))
def test_every_scale_round_trips_to_a_picosecond(scale, evidence):
    epoch = random_epochs(5000, "1980-01-01", "2026-10-01", seed=4)
    *date, fraction = epoch.to_calendar(scale)
    trips = [
        Epoch.from_calendar(*date, scale, fraction_s=fraction),
        Epoch.from_jd(*epoch.to_jd(scale), scale),
    ]
    if scale is not TimeScale.UTC:
        trips.append(Epoch.from_seconds(*epoch.to_seconds(scale), scale))
    evidence(
        "epochs",
        f"round trips of calendar, Julian date and seconds in {scale.value}",
        "itself",
        "own",
        achieved=max(apart_s(trip, epoch) for trip in trips),
        tolerance=PS,
        unit="s",
    )


# Leap seconds


def test_the_middle_of_a_leap_second_reads_as_second_60():
    epoch = Epoch.from_calendar(2016, 12, 31, 23, 59, 60.5, TimeScale.UTC)
    assert epoch.to_iso() == "2016-12-31T23:59:60.500Z"
    assert epoch.to_iso(TimeScale.TAI) == "2017-01-01T00:00:36.500"
    assert Epoch.from_iso("2017-01-01").since(epoch) == 0.5
    assert Epoch.from_iso("2016-12-31T23:59:59").since(epoch) == -1.5


def test_rounding_up_passes_through_the_leap_second():
    almost = Epoch.from_iso("2016-12-31T23:59:59.9996")
    assert almost.to_iso(digits=3) == "2016-12-31T23:59:60.000Z"
    assert (almost + 1.0).to_iso(digits=3) == "2017-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["2015-12-31T23:59:60", "2016-12-31T22:59:60", "2016-12-31T23:59:61"]
)
def test_a_leap_second_that_never_was_is_refused(text):
    with pytest.raises(LeopntError, match="is not a time of 201"):
        Epoch.from_iso(text)


def test_only_utc_has_leap_seconds():
    with pytest.raises(LeopntError, match="GPST has no leap seconds"):
        Epoch.from_iso("2016-12-31T23:59:60", TimeScale.GPST)


def test_a_datetime_cannot_hold_a_leap_second():
    epoch = Epoch.from_iso("2016-12-31T23:59:60.25Z")
    with pytest.raises(LeopntError, match="cannot hold the leap second"):
        epoch.to_datetime()
    with pytest.raises(LeopntError, match="cannot hold the leap second"):
        epoch.to_datetime64()


def test_utc_after_the_leap_second_table_warns_once(monkeypatch):
    monkeypatch.setattr(leap_seconds, "_warned", set())
    table = leap_seconds.LeapSeconds.bundled()
    late = Epoch.from_iso("2035-01-01", TimeScale.TAI)
    with pytest.warns(LeopntWarning, match="assumes no further one"):
        text = late.to_iso()
    assert text == f"2034-12-31T23:59:{60 - table.tai_minus_utc_s[-1]}.000Z"
    late.to_iso()  # silent: warnings are errors here


# Texts and dates


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2025-125T12:00", "2025-05-05T12:00:00Z"),
        ("2025-05-05 12:00:00,5", "2025-05-05T12:00:00.5+00:00"),
        (" 2025-05-05 ", "2025-05-05T00:00:00.000000000000Z"),
        ("2024-366T00:00:00", "2024-12-31"),
    ],
)
def test_iso_variants_name_the_same_instant(text, same):
    assert Epoch.from_iso(text) == Epoch.from_iso(same)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("05/05/2025", "is not an ISO 8601 time"),
        ("2025-05-05T12:00:00+02:00", "is not an ISO 8601 time"),
        ("2025-02-29", "2025-02-29 is not a date"),
        ("2025-13-01", "2025-13-01 is not a date"),
        ("2025-366T00:00", "year 2025 has no day 366"),
        ("2025-000T00:00", "year 2025 has no day 000"),
        ("2025-05-05T24:00:00", "24:00:0 UTC is not a time of 2025-05-05"),
        ("2025-05-05T12:60:00", "12:60:0 UTC is not a time of 2025-05-05"),
        ("1971-12-31T23:59:59", "UTC is defined here from 1972-01-01"),
    ],
)
def test_a_wrong_text_is_refused_with_its_reason(text, message):
    with pytest.raises(LeopntError, match=message):
        Epoch.from_iso(text)


def test_an_epoch_before_1972_has_no_utc_but_other_scales():
    epoch = Epoch.from_iso("1969-07-20T20:17:40", TimeScale.TAI)
    assert epoch.to_iso(TimeScale.TT) == "1969-07-20T20:18:12.184"
    with pytest.raises(LeopntError, match="UTC is defined here from 1972-01-01"):
        epoch.to_iso()


def test_ut1_outside_the_table_names_its_span_and_the_remedy():
    with pytest.raises(LeopntError, match=r"spans 1973-01-02 to .*EopTable\.from_file"):
        Epoch.from_iso("1972-06-01").to_jd(TimeScale.UT1)
    with pytest.raises(LeopntError, match=r"known at 2060-01-01: .*EopTable\.constant"):
        Epoch.from_iso("2060-01-01", TimeScale.UT1)


def test_a_table_of_ones_own_gives_ut1_anywhere():
    table = EopTable.constant(ut1_minus_utc_s=0.25)
    epoch = Epoch.from_iso("2060-01-01")
    assert epoch.to_iso(TimeScale.UT1, eop=table) == "2060-01-01T00:00:00.250"
    assert apart_s(Epoch.from_iso("2060-01-01T00:00:00.25", TimeScale.UT1, table), epoch) <= PS


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Epoch.from_seconds(0, 0.0, TimeScale.UTC), "UTC has no uniform count"),
        (lambda: Epoch.from_iso("2025-01-01").to_seconds(TimeScale.UTC), "UTC has no uniform"),
        (lambda: Epoch.from_seconds(0.5, 0.0, TimeScale.TAI), "seconds must be whole numbers"),
        (lambda: Epoch.from_seconds(0, np.nan, TimeScale.TAI), "seconds must be finite"),
        (lambda: Epoch.from_calendar(2025.5, 1, 1), "year must be whole numbers, got 2025.5"),
        (lambda: Epoch.from_iso("2025-01-01Z", TimeScale.GPST), "ends in Z, which is UTC"),
        (
            lambda: Epoch.from_week(1, 0, TimeScale.UTC),
            "UTC has no week numbers; .* GPST",
        ),
        (lambda: Epoch.from_datetime(datetime.datetime(2025, 1, 1)), "has no time zone"),
        (lambda: Epoch.from_datetime64(np.datetime64("NaT")), "NaT"),
        (
            lambda: Epoch.from_iso(["2025-01-01"]).to_datetime(),
            r"one epoch, this has shape \(1,\)",
        ),
        (
            lambda: Epoch.from_iso("2025-01-01").to_iso(digits=13),
            "digits must lie in 0..12, got 13",
        ),
        (lambda: Epoch(np.array(0), np.array(1.0)), r"fraction_s must lie in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_arguments_are_named(build, message):
    with pytest.raises(LeopntError, match=message):
        build()


def test_a_datetime_of_another_zone_becomes_utc():
    hong_kong = datetime.timezone(datetime.timedelta(hours=8))
    epoch = Epoch.from_datetime(datetime.datetime(2025, 5, 5, 20, 0, 0, 250_000, hong_kong))
    assert epoch.to_iso() == "2025-05-05T12:00:00.250Z"
    assert epoch.to_datetime() == datetime.datetime(2025, 5, 5, 12, 0, 0, 250_000, datetime.UTC)


# Arrays


def test_epochs_of_any_shape_convert_like_single_ones():
    epoch = random_epochs(12, "1980-01-01", "2026-10-01", seed=5)
    grid = Epoch(epoch.tai_s.reshape(3, 4), epoch.fraction_s.reshape(3, 4))
    assert grid.shape == (3, 4)
    assert len(grid) == 3
    texts = grid.to_iso(TimeScale.UT1, 12)
    for row in range(3):
        for column in range(4):
            assert texts[row, column] == grid[row, column].to_iso(TimeScale.UT1, 12)
    assert Epoch.from_iso(grid.to_iso(digits=12)).shape == (3, 4)
    assert [one.shape for one in grid] == [(4,)] * 3
    assert Epoch.from_iso([]).shape == (0,)


def test_epochs_broadcast_and_concatenate():
    start = Epoch.from_iso("2025-01-01")
    grid = start + np.arange(4.0)
    np.testing.assert_array_equal(grid[:, None].since(grid), np.subtract.outer(*2 * [np.arange(4)]))
    np.testing.assert_array_equal(grid <= grid[2], [True, True, True, False])
    np.testing.assert_array_equal(grid > grid[2], [False, False, False, True])
    assert Epoch.concatenate([start, grid[1:]]) == grid


def test_equal_epochs_have_equal_hashes():
    one, same = Epoch.from_iso("2025-01-01"), Epoch.from_iso("2025-01-01T00:00:18", TimeScale.GPST)
    assert one == same
    assert hash(one) == hash(same)
    assert one != one + 1e-15
    assert one != "2025-01-01"


def test_the_representation_is_readable_in_tai():
    epoch = Epoch.from_iso("2025-01-01")
    assert repr(epoch) == "Epoch(2025-01-01T00:00:37.000000000000 TAI)"
    assert "shape=(2,), 2025-01-01T00:00:37.000000 .. 2025-01-01T00:00:38" in repr(
        epoch + np.arange(2.0)
    )
    assert repr(Epoch.from_iso([])) == "Epoch(shape=(0,))"


def test_importing_epochs_loads_neither_jax_nor_astropy():
    import subprocess
    import sys

    code = "import sys, leopnt.epochs; print({'jax', 'astropy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
    assert astropy_iers_data.__name__ == "astropy_iers_data"
