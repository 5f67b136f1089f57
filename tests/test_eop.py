"""Earth orientation against astropy's reading and interpolation of the same files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from astropy.utils.iers import IERS_A, IERS_A_FILE, IERS_B, IERS_B_FILE

from leopnt import eop
from leopnt.eop import ARCSEC_RAD, EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.leap_seconds import LeapSeconds

BUNDLED = EopTable.bundled()
FINALS_LINES = Path(IERS_A_FILE).read_text(encoding="ascii").splitlines()


def days(first, last):
    return Epoch.from_iso(first) + 86_400.0 * np.arange(
        0.31, (np.datetime64(last) - np.datetime64(first)).astype(int), 7.37
    )


def largest(difference):
    return float(np.max(np.abs(difference)))


@pytest.fixture(scope="module")
def oracle():
    """Astropy's UT1-UTC [s] and pole [rad] from 1973 on, at the days of the epochs."""
    table = IERS_A.open(IERS_A_FILE)
    epoch = days("1973-01-02", "2026-10-20")
    utc = Time(*epoch.to_jd(TimeScale.UTC), format="jd", scale="utc")
    x, y = table.pm_xy(utc)
    dx, dy = table.dcip_xy(utc)
    angles = [angle.to_value(u.rad) for angle in (x, y, dx, dy)]
    return epoch, table.ut1_utc(utc).to_value(u.s), angles


def test_ut1_agrees_with_astropy(oracle, evidence):
    epoch, ut1_minus_utc_s, _ = oracle
    mjd, _ = LeapSeconds.bundled().utc(epoch.tai_s)
    row = np.searchsorted(BUNDLED.leap_seconds.mjd_utc, mjd, side="right") - 1
    tai_minus_utc_s = BUNDLED.leap_seconds.tai_minus_utc_s[row]
    evidence(
        "eop",
        "UT1 - UTC interpolated in finals2000A, 1973 on",
        "astropy 8.0",
        "implementation",
        achieved=largest(BUNDLED.at(epoch).ut1_minus_tai_s + tai_minus_utc_s - ut1_minus_utc_s),
        tolerance=1e-9,
        unit="s",
    )


def test_pole_and_celestial_offsets_agree_with_astropy(oracle, evidence):
    epoch, _, angles = oracle
    ours = BUNDLED.at(epoch)
    pairs = zip(
        (ours.x_pole_rad, ours.y_pole_rad, ours.dx_cip_rad, ours.dy_cip_rad), angles, strict=True
    )
    evidence(
        "eop",
        "pole coordinates and dX, dY interpolated in finals2000A, 1973 on",
        "astropy 8.0",
        "implementation",
        achieved=max(largest(a - b) for a, b in pairs),
        tolerance=1e-15,
        unit="rad",
    )


def test_the_c04_series_agrees_with_astropy(evidence):
    table = EopTable.from_file(IERS_B_FILE)
    oracle = IERS_B.open(IERS_B_FILE)
    rows = oracle[oracle["MJD"].value >= 41_317.0]
    np.testing.assert_array_equal(table.mjd_utc, rows["MJD"].value)
    leaps = table.leap_seconds
    row = np.searchsorted(leaps.mjd_utc, table.mjd_utc, side="right") - 1
    ut1_minus_utc_s = table.ut1_minus_tai_s + leaps.tai_minus_utc_s[row]
    evidence(
        "eop",
        "UT1 - UTC of every row of EOP C04",
        "astropy 8.0",
        "implementation",
        achieved=largest(ut1_minus_utc_s - rows["UT1_UTC"].to_value(u.s)),
        tolerance=1e-13,
        unit="s",
    )
    for ours, name in (
        (table.x_pole_rad, "PM_x"),
        (table.y_pole_rad, "PM_y"),
        (table.dx_cip_rad, "dX_2000A"),
        (table.dy_cip_rad, "dY_2000A"),
    ):
        np.testing.assert_allclose(ours, rows[name].to_value(u.rad), rtol=1e-14, atol=1e-20)


def test_two_iers_products_agree_to_their_uncertainty(evidence):
    epoch = days("2000-01-01", "2026-09-01")
    c04, finals = EopTable.from_file(IERS_B_FILE).at(epoch), BUNDLED.at(epoch)
    evidence(
        "eop",
        "UT1 of the finals2000A reader, 2000-2026",
        "EOP C04 series",
        "real data",
        achieved=largest(c04.ut1_minus_tai_s - finals.ut1_minus_tai_s),
        tolerance=2e-4,
        unit="s",
    )
    assert largest(c04.x_pole_rad - finals.x_pole_rad) < 1e-3 * ARCSEC_RAD
    assert largest(c04.dx_cip_rad - finals.dx_cip_rad) < 1.5e-3 * ARCSEC_RAD


def test_the_rate_is_the_slope_of_ut1():
    epoch = Epoch.from_iso("1990-01-01T01:00") + 86_400.0 * np.arange(0.0, 13_000.0, 10.0)
    step_s = 600.0
    change = BUNDLED.at(epoch + step_s).ut1_minus_tai_s - BUNDLED.at(epoch).ut1_minus_tai_s
    # The excess length of day stays under 4.4 ms; 1e-12 is the rounding of the difference.
    np.testing.assert_allclose(BUNDLED.at(epoch).ut1_rate, change / step_s, atol=1e-12)
    assert largest(BUNDLED.at(epoch).ut1_rate) < 4.4e-3 / 86_400


def test_the_last_row_belongs_to_the_table():
    table = EopTable.from_file(IERS_B_FILE)
    end = Epoch.from_jd(2_400_000.5, table.mjd_utc[-1], TimeScale.UTC)
    assert table.at(end).ut1_minus_tai_s == table.ut1_minus_tai_s[-1]
    with pytest.raises(
        LeopntError, match=r"is not known at 20.*: eopc04\.1962-now spans 1972-01-01"
    ):
        table.at(end + 1e-9)


def test_a_constant_table_is_the_same_everywhere():
    table = EopTable.constant(0.125, 1e-6, -2e-6)
    epoch = Epoch.from_iso(["1972-01-01", "1998-12-31T23:59:59", "1999-01-01", "2026-05-01"])
    earth = table.at(epoch)
    np.testing.assert_array_equal(earth.ut1_minus_tai_s, 0.125 - np.array([10, 31, 32, 37]))
    np.testing.assert_array_equal(earth.x_pole_rad, 1e-6)
    np.testing.assert_array_equal(earth.y_pole_rad, -2e-6)
    np.testing.assert_array_equal(earth.ut1_rate, 0.0)
    assert table.at(epoch[0]).dx_cip_rad.shape == ()


def test_predictions_far_beyond_the_last_measured_day_warn_once(monkeypatch):
    monkeypatch.setattr(eop, "_warned", set())
    last = Epoch.from_jd(2_400_000.5 + BUNDLED.last_measured_mjd_utc, 0.0, TimeScale.UTC)
    BUNDLED.at(last + 20 * 86_400.0)  # silent: warnings are errors here
    with pytest.warns(LeopntWarning, match=r"last measured day of finals2000A.all is .* 50 days"):
        BUNDLED.at(last + 50 * 86_400.0)
    BUNDLED.at(last + 60 * 86_400.0)


def test_the_bundled_table_is_read_once():
    assert EopTable.bundled() is BUNDLED


def test_a_shortened_finals_file_gives_the_same_rows(tmp_path):
    path = tmp_path / "finals2000A.daily"
    path.write_text("\r\n".join(line.rstrip() for line in FINALS_LINES[19_000:19_100]) + "\r\n")
    table = EopTable.from_file(path)
    np.testing.assert_array_equal(table.ut1_minus_tai_s, BUNDLED.ut1_minus_tai_s[19_000:19_100])
    assert table.source == "finals2000A.daily"


def test_the_2014_layout_of_c04_is_read(tmp_path):
    path = tmp_path / "eopc04_IAU2000.62-now"
    path.write_text(
        "                EARTH ORIENTATION PARAMETER (EOP) PRODUCT CENTER\n\n"
        "      Date      MJD      x          y        UT1-UTC       LOD         dX        dY\n"
        "2014   1   1  56658   0.038975   0.326042  -0.1012960   0.0009460   0.000010  -0.000090"
        "   0.000035   0.000034  0.0000043  0.0000090    0.000040    0.000044\n"
        "2014   1   2  56659   0.037450   0.326900  -0.1022430   0.0009470   0.000012  -0.000088"
        "   0.000035   0.000034  0.0000043  0.0000090    0.000040    0.000044\n"
    )
    table = EopTable.from_file(path)
    np.testing.assert_allclose(table.ut1_minus_tai_s, [-35.101296, -35.102243], rtol=1e-15)
    np.testing.assert_allclose(table.x_pole_rad / ARCSEC_RAD, [0.038975, 0.037450], rtol=1e-15)
    np.testing.assert_allclose(table.dy_cip_rad / ARCSEC_RAD, [-9e-5, -8.8e-5], rtol=1e-15)


def corrupted(line_number, columns, word):
    lines = FINALS_LINES[15_000:15_010]
    line = lines[line_number - 1]
    lines[line_number - 1] = line[: columns.start] + word + line[columns.stop :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a text file\n", "not an IERS finals2000A or EOP C04 file"),
        (corrupted(4, slice(58, 68), " 0.12x4567"), r"eop.txt:4: columns 59-68 .* '  ?0.12x4567'"),
        (corrupted(2, slice(165, 175), "  -110.123"), "dX reaches 110 mas, .* the IAU 1980 file"),
        ("# EOP C04\n2014 1 1 56658 0.0 0.3\n", "21 or 16 columns, the first one here has 6"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "eop.txt"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        EopTable.from_file(path)


def test_a_wrong_row_of_c04_is_refused_with_its_line(tmp_path):
    lines = Path(IERS_B_FILE).read_text(encoding="ascii").splitlines()[:20]
    lines[12] = lines[12].replace("0.0", "0,0", 3)
    path = tmp_path / "eopc04"
    path.write_text("\n".join(lines))
    with pytest.raises(FormatError, match=r"eopc04:13: a row of EOP C04 cannot be read"):
        EopTable.from_file(path)


def test_a_table_needs_ordered_days_without_gaps():
    with pytest.raises(LeopntError, match="at least two days in increasing order"):
        dataclasses.replace(BUNDLED, mjd_utc=BUNDLED.mjd_utc[::-1])
    with pytest.raises(LeopntError, match="has gaps in UT1"):
        dataclasses.replace(BUNDLED, x_pole_rad=np.full_like(BUNDLED.mjd_utc, np.nan))
