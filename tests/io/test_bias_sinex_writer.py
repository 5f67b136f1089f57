from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sinex_columns import assert_same, blocks, columns, count_damaged_that_come_back

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.bias_sinex import BiasSinex, read_bias_sinex
from leopnt.io.bias_sinex_writer import write_bias_sinex

ROOT = Path(__file__).parents[2]
CODE = ROOT / "examples" / "data" / "calibration" / "COD_2021265_OSB.BIA"
PIECE = Path(__file__).parent / "data" / "COD_5_satellites.BIA"

# Bias-SINEX 1.00
TIME = "I4.4,1H:,I3.3,1H:,I5.5"
FIRST = f"A5,1X,F4.2,1X,A3,1X,{TIME},1X,A3,1X,{TIME},1X,{TIME},1X,A1,1X,I8.8"
SOME_DIGITS = {"sigma_s": 5e-7, "sigma_cycles": 5e-7, "bias_s": 5e-16}
KEYWORD = "1X,A39,1X,A39"
BIAS = f"1X,A4,1X,A4,1X,A3,1X,A9,1X,A4,1X,A4,1X,{TIME},1X,{TIME},1X,A4,1X,E21.15"


def biases(scale=TimeScale.GPST, num=60):
    """Random biases of all kinds and both units; some are open, some have no sigma."""
    rng = np.random.default_rng(0)
    number = np.arange(num)
    in_cycles = number % 3 == 1
    value, sigma = rng.normal(size=num), 10.0 ** rng.uniform(-4, 1, num)
    sigma[number % 5 == 4] = np.nan
    has_start, has_end = number % 4 != 3, number % 7 != 6
    start = Epoch.from_calendar(2016, 12, 31, 23, 59, 58, scale=scale) + number.astype(float)
    if scale is TimeScale.UTC:  # without the leap second
        start = start + 3.0
    far = Epoch.from_jd(2_400_000.5 + 51_544, 0.0, scale)
    days = 0.0 if scale is TimeScale.UTC else 1e6
    kinds = ("OSB", "DSB", "ISB")
    return BiasSinex(
        kind=tuple(kinds[i % 3] for i in number),
        sat_code=tuple(f"G{i:03d}" if i % 2 else "" for i in number),
        satellite=tuple(f"G{i:02d}" if i % 2 else "G" for i in number),
        station=tuple("" if i % 2 else "ABMF00GLP" for i in number),
        code=tuple("L1C" if one else "C1C" for one in in_cycles),
        second_code=tuple("C2W" if i % 3 else "" for i in number),
        start=_where(has_start, start, far + -86_400.0 * days),
        end=_where(has_end, start + 86_400.0, far + 86_400.0 * days),
        has_start=has_start,
        has_end=has_end,
        bias_s=np.where(in_cycles, np.nan, value * 1e-8),
        sigma_s=np.where(in_cycles, np.nan, sigma * 1e-9),
        bias_cycles=np.where(in_cycles, value, np.nan),
        sigma_cycles=np.where(in_cycles, sigma, np.nan),
        time_scale=scale,
        is_absolute=False,
        description=(
            ("OBSERVATION_SAMPLING", "30"),
            ("SATELLITE_CLOCK_REFERENCE_OBSERVABLES", "G  C1W  C2W"),
        ),
        references=(("DESCRIPTION", "Test"),),
        comments=("J\xe4ggi",),
        agency="TST",
        data_agency="IGS",
        created=Epoch.from_calendar(2024, 2, 29, scale=scale),
        data_start=Epoch.from_calendar(2016, 12, 31, scale=scale),
        data_end=None,
    )


def _where(is_there, epoch, other):
    rows = [epoch[i] if one else other for i, one in enumerate(is_there)]
    return Epoch(np.array([one.tai_s for one in rows]), np.array([one.fraction_s for one in rows]))


@pytest.mark.parametrize("path", [CODE, PIECE], ids=["calibration", "piece"])
def test_a_real_file_comes_back_to_the_last_bit(tmp_path, path):
    found = read_bias_sinex(path)
    assert write_bias_sinex(tmp_path / "out.bia", found) == tmp_path / "out.bia"
    assert_same(found, read_bias_sinex(tmp_path / "out.bia"))
    assert ("SATELLITE_CLOCK_REFERENCE_OBSERVABLES", "G  C1W  C2W") in found.description
    assert (found.agency, found.data_agency) == ("COD", "MGX")
    assert found.data_end == Epoch.from_calendar(2021, 9, 23, scale=TimeScale.GPST)


def test_every_line_of_a_real_file_is_written_as_it_was(tmp_path, evidence):
    write_bias_sinex(tmp_path / "out.bia", read_bias_sinex(CODE))
    ours = blocks((tmp_path / "out.bia").read_text(encoding="latin-1"))
    theirs = blocks(CODE.read_text(encoding="latin-1"))
    assert ours[""] == theirs[""]
    assert sorted(ours["BIAS/DESCRIPTION"]) == sorted(theirs["BIAS/DESCRIPTION"])
    pairs = zip(ours["BIAS/SOLUTION"], theirs["BIAS/SOLUTION"], strict=True)
    evidence(
        "io.bias_sinex_writer",
        "Lines of 136 biases that are written otherwise than their agency wrote them",
        "Bias-SINEX file of CODE",
        "implementation",
        achieved=sum(a != b for a, b in pairs),
        tolerance=0,
        unit="1",
    )
    write_bias_sinex(tmp_path / "piece.bia", read_bias_sinex(PIECE))
    ours = blocks((tmp_path / "piece.bia").read_text(encoding="latin-1"))
    theirs = blocks(PIECE.read_text(encoding="latin-1"))
    for name in ("", "FILE/REFERENCE", "FILE/COMMENT"):
        assert ours[name] == theirs[name]


def test_every_field_stands_in_the_columns_of_the_format(tmp_path, evidence):
    some = biases()
    write_bias_sinex(tmp_path / "out.bia", some)
    text = (tmp_path / "out.bia").read_text(encoding="latin-1")
    assert text.endswith("-BIAS/SOLUTION\n%=ENDBIA\n")
    found = blocks(text)
    first = columns(FIRST, found[""][0])
    assert [*first[:3], *first[-2:]] == ["%=BIA", "1.00", "TST", "R", "00000060"]
    keywords = [[x.rstrip() for x in columns(KEYWORD, x)] for x in found["BIAS/DESCRIPTION"]]
    assert ["BIAS_MODE", "RELATIVE"] in keywords
    assert ["TIME_SYSTEM", "G"] in keywords
    assert ["OBSERVATION_SAMPLING", f"{'30':>12}"] in keywords
    worst = 0.0
    for row, line in enumerate(found["BIAS/SOLUTION"]):
        has_sigma = not np.isnan([some.sigma_s[row], some.sigma_cycles[row]]).all()
        assert len(line) == (103 if has_sigma else 91)
        fields = columns(BIAS + (",1X,E11.6" if has_sigma else ""), line)
        names = [x.strip() for x in fields[:6]]
        expected = (some.kind, some.sat_code, some.satellite, some.station, some.code)
        assert names == [one[row] for one in (*expected, some.second_code)]
        assert fields[12] in ("ns  ", "cyc ")
        value = float(fields[13]) * (1e-9 if fields[12] == "ns  " else 1.0)
        worst = max(worst, abs(value / np.nansum([some.bias_s[row], some.bias_cycles[row]]) - 1))
        zeros = [int("".join(fields[6:9])) == 0, int("".join(fields[9:12])) == 0]
        assert zeros == [not some.has_start[row], not some.has_end[row]]
    evidence(
        "io.bias_sinex_writer",
        "60 biases in columns 71 to 91, relative",
        "FORTRAN formats of Bias-SINEX 1.00",
        "published",
        achieved=worst,
        tolerance=3e-16,
        unit="1",
    )


@pytest.mark.parametrize(
    "scale",
    [TimeScale.GPST, TimeScale.UTC, TimeScale.GST, TimeScale.BDT, TimeScale.TAI],
    ids=lambda one: one.name,
)
def test_any_content_comes_back(tmp_path, scale):
    """Standard deviations have 11 columns, 7 digits at least."""
    some = biases(scale)
    write_bias_sinex(tmp_path / "out.bia", some)
    again = read_bias_sinex(tmp_path / "out.bia")
    assert_same(some, again, **SOME_DIGITS)
    write_bias_sinex(tmp_path / "twice.bia", again)
    assert_same(again, read_bias_sinex(tmp_path / "twice.bia"))


def test_damaged_files_that_can_be_read_come_back_or_are_refused(tmp_path):
    count = count_damaged_that_come_back(
        read_bias_sinex, write_bias_sinex, tmp_path, PIECE.read_bytes(), 60
    )
    assert count > 10


@pytest.mark.parametrize("decimals", [4, 5, 9])
def test_numbers_of_few_decimals_come_back_to_the_last_bit(tmp_path, decimals):
    """Also nanoseconds, which are seconds here."""
    rng = np.random.default_rng(decimals)
    some = biases(num=600)
    units = rng.integers(-(10 ** (decimals + 3)), 10 ** (decimals + 3), 600)
    value = np.array([float(f"{x}e-{decimals}") for x in units.tolist()])
    sigma = np.array([float(f"{x}e-{decimals}") for x in (np.abs(units) // 1000).tolist()])
    in_cycles = np.isnan(some.bias_s)
    some = replace(
        some,
        sat_code=("",) * 600,
        satellite=("",) * 600,
        station=tuple(f"S{i:08d}" for i in range(600)),
        bias_s=np.where(in_cycles, np.nan, value * 1e-9),
        sigma_s=np.where(in_cycles, np.nan, sigma * 1e-9),
        bias_cycles=np.where(in_cycles, value, np.nan),
        sigma_cycles=np.where(in_cycles, sigma, np.nan),
    )
    write_bias_sinex(tmp_path / "out.bia", some)
    assert_same(some, read_bias_sinex(tmp_path / "out.bia"))


def test_what_is_not_known_is_dashes_and_zeros_in_the_first_line(tmp_path):
    bare = replace(
        biases(),
        description=(),
        references=(),
        comments=(),
        agency="",
        data_agency="",
        created=None,
        data_start=None,
        is_absolute=True,
    )
    write_bias_sinex(tmp_path / "out.bia", bare)
    text = (tmp_path / "out.bia").read_text(encoding="latin-1")
    zeros = "0000:000:00000"
    assert text.startswith(f"%=BIA 1.00 --- {zeros} --- {zeros} {zeros} A 00000060\n+BIAS/DESC")
    again = read_bias_sinex(tmp_path / "out.bia")
    assert_same(bare, again, **SOME_DIGITS)


SOME = biases()


def changed(name, row, value):
    """A column with another entry."""
    column = getattr(SOME, name)
    if isinstance(column, tuple):
        return {name: (*column[:row], value, *column[row + 1 :])}
    column = column.copy()
    column[row] = value
    return {name: column}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (changed("kind", 2, "DCB"), "row 2: kind 'DCB'; expected one of OSB, DSB, ISB"),
        (changed("satellite", 3, "G1"), "row 3: satellite 'G1'; expected a letter and two digits"),
        (changed("satellite", 3, "G001"), "row 3: satellite 'G001'; expected a letter"),
        (changed("satellite", 3, ""), "row 3: satellite '' and station ''; expected one of them"),
        (changed("station", 0, "ABMF00GLPX"), "station: 'ABMF00GLPX' does not fit"),
        (changed("sat_code", 0, "G0001"), "sat_code: 'G0001' does not fit; expected up to 4"),
        (changed("code", 0, ""), "row 0: code '' and second_code ''; expected observations"),
        (changed("code", 0, "C1C 5"), "row 0: code 'C1C 5'"),
        (changed("second_code", 0, "C2W"), "row 0: OSB with second_code 'C2W'; expected ''"),
        (changed("second_code", 1, ""), "row 1: DSB with second_code ''"),
        (changed("bias_s", 0, np.nan), "OSB G ABMF00GLP C1C: bias_s nan and bias_cycles nan"),
        (changed("bias_cycles", 0, 0.5), "and bias_cycles 0.5; expected a number in one of them"),
        (changed("bias_s", 0, np.inf), "bias_s of OSB G ABMF00GLP C1C: inf; expected a finite"),
        (changed("bias_s", 0, 1.2), "C1C: bias_s 1.2; expected up to 0.001 s either way: biases"),
        (changed("bias_s", 0, -1e6), "not in nanoseconds"),
        (changed("bias_cycles", 1, 1e17), "00000.0000 does not fit in 21 columns"),
        (changed("code", 3, "C9Z"), "row 3: code 'C9Z' of satellite 'G03': there is no such sig"),
        (changed("code", 3, "C2Q"), "its system: 1C/S/L/X/P/W/Y/M/N/R, 2C/D/S/L/X/P/W/Y/M/N/R, 5"),
        (changed("code", 3, "X1C"), "row 3: code 'X1C' and second_code ''; expected observations"),
        (changed("second_code", 1, "C3C"), "row 1: second_code 'C3C' of satellite 'G01'"),
        ({"start": SOME.end, "end": SOME.start}, "is before start 2017-01-01T23:59:58"),
        (changed("sigma_s", 0, 1e-3), "sigma_s of OSB G ABMF00GLP C1C: 1000000.0000 does not fit"),
        (changed("sigma_s", 0, -1e-9), "sigma_s -1e-09 and sigma_cycles nan; expected no negative"),
        (changed("sigma_cycles", 0, 1.0), "and sigma_cycles 1; expected no negative number"),
        ({"kind": SOME.kind[:2]}, "found 2 in kind, sat_code 60, satellite 60"),
        ({"time_scale": TimeScale.TT}, "time_scale TT has no name in Bias-SINEX; expected one of"),
        ({"agency": "CODE"}, "agency: 'CODE' does not fit; expected up to 3"),
        ({"description": (("BIAS_MODE", "ABSOLUTE"),)}, "'BIAS_MODE', which is written from is_"),
        ({"description": (("X", "y" * 40),)}, "does not fit; expected up to 39"),
        ({"references": (("X", "y" * 61),)}, "does not fit; expected up to 60"),
        ({"comments": ("",)}, "comments: '' is empty"),
        ({"start": SOME.start + 0.5}, "write_bias_sinex: start: epoch 2016-12-31T23:59:58.500"),
    ],
)
def test_bad_contents_are_refused_and_leave_the_old_file(tmp_path, changes, message):
    path = tmp_path / "out.bia"
    path.write_text("old")
    with pytest.raises(LeopntError) as caught:
        write_bias_sinex(path, replace(SOME, **changes))
    assert message in str(caught.value)
    assert str(caught.value).startswith("write_bias_sinex: ")
    assert [one.name for one in tmp_path.iterdir()] == ["out.bia"]
    assert path.read_text() == "old"


def test_two_biases_of_one_observation_that_begin_together_are_refused(tmp_path):
    twice = read_bias_sinex(PIECE)
    row = {
        name: (getattr(twice, name)[1], *getattr(twice, name)[1:])
        for name in ("kind", "sat_code", "satellite", "station", "code", "second_code")
    }
    with pytest.raises(LeopntError, match=r"OSB G063 G01 \w+ is there twice from 2021:265:00000"):
        write_bias_sinex(tmp_path / "out.bia", replace(twice, **row))
    assert not list(tmp_path.iterdir())


def test_a_leap_second_is_refused(tmp_path):
    some = biases(TimeScale.UTC)
    with pytest.raises(LeopntError, match=r"epoch 2016-12-31T23:59:60\.000Z is a leap second"):
        write_bias_sinex(tmp_path / "out.bia", replace(some, start=some.start + -1.0))


def test_no_bias_is_refused(tmp_path):
    none = replace(
        SOME,
        **{
            name: getattr(SOME, name)[:0]
            for name in (
                *("kind", "sat_code", "satellite", "station", "code", "second_code"),
                *("start", "end", "has_start", "has_end"),
                *("bias_s", "sigma_s", "bias_cycles", "sigma_cycles"),
            )
        },
    )
    with pytest.raises(LeopntError, match="found 0 in kind, as in all else"):
        write_bias_sinex(tmp_path / "out.bia", none)


OTHER_TYPES = [
    ("time_scale", "GPS", "time_scale is 'GPS'; expected a TimeScale, as TimeScale.GPST."),
    ("bias_s", [1e-9], "bias_s is [1e-09] (list); expected a NumPy array."),
    ("has_start", (True,), "has_start is (True,) (tuple); expected a NumPy array."),
    ("start", SOME.start[0], "expected an array of epochs, as Epoch.from_iso("),
    ("code", "C1C", "code is 'C1C'; expected a tuple of texts."),
    ("sigma_s", np.zeros((60, 1)), "sigma_s has shape (60, 1); expected (60,), one of each bias."),
]


@pytest.mark.parametrize(("name", "value", "message"), OTHER_TYPES)
def test_fields_of_other_types_and_shapes_get_their_sentence(tmp_path, name, value, message):
    some = replace(SOME)
    object.__setattr__(some, name, value)  # past the checks of types that only tests make
    with pytest.raises(LeopntError) as caught:
        write_bias_sinex(tmp_path / "out.bia", some)
    assert str(caught.value).startswith("write_bias_sinex: ")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())
