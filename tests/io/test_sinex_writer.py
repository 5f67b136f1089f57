from dataclasses import replace
from pathlib import Path

import erfa
import numpy as np
import pytest
from sinex_columns import assert_same, blocks, columns, count_damaged_that_come_back

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.sinex import (
    Sinex,
    SinexEccentricity,
    SinexEquipment,
    SinexSite,
    SinexSpan,
    read_sinex,
)
from leopnt.io.sinex_writer import write_sinex

IGS = Path(__file__).parent / "data" / "igs10P1565_6_stations.snx"
YEAR_S = 365.25 * 86_400.0

# SINEX 2.02, appendix I
TIME = "I2.2,1H:,I3.3,1H:,I5.5"
SITE = "1X,A4,1X,A2,1X,A4,1X,A1"
FIRST = f"A5,1X,F4.2,1X,A3,1X,{TIME},1X,A3,1X,{TIME},1X,{TIME},1X,A1,1X,I5.5,1X,A1,1X,A1"
FORMATS = {
    "FILE/REFERENCE": "1X,A18,1X,A60",
    "FILE/COMMENT": "1X,A79",
    "SITE/ID": "1X,A4,1X,A2,1X,A9,1X,A1,1X,A22,1X,I3,1X,I2,1X,F4.1,1X,I3,1X,I2,1X,F4.1,1X,F7.1",
    "SITE/RECEIVER": f"{SITE},1X,{TIME},1X,{TIME},1X,A20,1X,A5,1X,A11",
    "SITE/ANTENNA": f"{SITE},1X,{TIME},1X,{TIME},1X,A20,1X,A5",
    "SITE/ECCENTRICITY": f"{SITE},1X,{TIME},1X,{TIME},1X,A3,1X,F8.4,1X,F8.4,1X,F8.4",
    "SOLUTION/EPOCHS": f"{SITE},1X,{TIME},1X,{TIME},1X,{TIME}",
    "SOLUTION/ESTIMATE": f"1X,I5,1X,A6,1X,A4,1X,A2,1X,A4,1X,{TIME},1X,A4,1X,A1,1X,E21.15,1X,E11.6",
}


def network(num=40, seed=0):
    """Stations anywhere with everything that a file can hold; every other one has a velocity."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(num, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    epoch = Epoch.from_calendar(1999, 12, 31, 23, 59, 59) + rng.integers(0, 8 * 10**8, num).astype(
        float
    )
    moving = np.where(np.arange(num)[:, None] % 2, np.nan, 1.0)
    code = tuple(f"S{i:03d}" for i in range(num))
    start, end = Epoch.from_calendar(1972, 1, 1), Epoch.from_calendar(2026, 12, 31, 23, 59, 59)
    equipment = ("TYPE 12345 6789  NONE", "12A45")
    return Sinex(
        code=code,
        point=("A", "B", "AB", "")[:4] * (num // 4),
        solution=("1", "12", "1234", "")[:4] * (num // 4),
        epoch=epoch,
        pos_ecef_m=6_371_000.0 * direction,
        pos_sigma_m=10.0 ** rng.uniform(-5, 1, (num, 3)),
        vel_ecef_mps=rng.normal(size=(num, 3)) * 1e-9 * moving,
        vel_sigma_mps=10.0 ** rng.uniform(-14, -10, (num, 3)) * moving,
        sites=tuple(
            SinexSite(
                one, ("A", "B", "AB", "")[i % 4], f"{i:05d}M001", "S\xe3o Pole of 22 letters", "R"
            )
            for i, one in enumerate(code)
        ),
        antennas=(
            SinexEquipment("S000", "A", equipment[0][:20], equipment[1], start, end),
            SinexEquipment("S001", "B", "", "", None, None, "", "1", "D"),
        ),
        receivers=(
            SinexEquipment("S000", "A", "TYPE", "", None, end, "1.2 Jan,1"),
            SinexEquipment("S001", "B", "", "", start, None, "", "2", ""),
        ),
        eccentricities=(
            SinexEccentricity("S000", "A", "UNE", np.array([0.0083, -99.9999, 0.0]), start, None),
            SinexEccentricity("S001", "B", "XYZ", np.array([999.9999, -0.0, 1.0]), None, end, "3"),
        ),
        agency="TST",
        constraint=("0", "1", "2", "")[:4] * (num // 4),
        spans=(
            SinexSpan("S000", "A", "1", start, end, None),
            SinexSpan("S001", "", "", None, None, None),
        ),
        references=(("DESCRIPTION", "A network"), ("OUTPUT", "")),
        comments=("one", "  another, farther to the right"),
        data_agency="XYZ",
        created=Epoch.from_calendar(2024, 2, 29, 12),
        data_start=start,
        data_end=end,
        technique="C",
        file_constraint="2",
    )


def test_a_real_file_comes_back_to_the_last_bit(tmp_path, evidence):
    sinex = read_sinex(IGS)
    assert write_sinex(tmp_path / "out.snx", sinex) == tmp_path / "out.snx"
    again = read_sinex(tmp_path / "out.snx")
    assert_same(sinex, again)
    assert again.receivers[3].firmware == "2.6.1 Jan,1"
    assert again.constraint == ("2",) * 6
    assert (again.data_agency, again.technique, again.file_constraint) == ("NRC", "P", "2")
    assert again.spans[0].mean == Epoch.from_calendar(2010, 1, 6, 12)
    assert again.created == Epoch.from_calendar(2010, 1, 20, 19, 9, 55)
    evidence(
        "io.sinex_writer",
        "Coordinates of six stations, written and read back",
        "the IGS file that they come from",
        "implementation",
        achieved=np.max(np.abs(again.pos_ecef_m - sinex.pos_ecef_m)),
        tolerance=0.0,
        unit="m",
    )


def test_every_line_of_a_real_file_is_written_as_it_was_but_for_trailing_zeros(tmp_path):
    """SITE/ID differs: there the agency gave places that are up to 3 arc seconds off."""
    write_sinex(tmp_path / "out.snx", read_sinex(IGS))
    ours = blocks((tmp_path / "out.snx").read_text(encoding="latin-1"))
    theirs = blocks(IGS.read_text(encoding="latin-1"))
    for name in ("SITE/RECEIVER", "SITE/ANTENNA", "SITE/ECCENTRICITY", "SOLUTION/EPOCHS"):
        assert ours[name] == theirs[name]
    assert [x[:44] for x in ours["SITE/ID"]] == [x[:44] for x in theirs["SITE/ID"]]
    assert ours[""][0][5:68].replace("2.02", "2.00") == theirs[""][0][5:68]
    for a, b in zip(ours["SOLUTION/ESTIMATE"], theirs["SOLUTION/ESTIMATE"], strict=True):
        assert a[6:46] == b[6:46]
        assert [float(x) for x in a.split()[-2:]] == [float(x) for x in b.split()[-2:]]


def test_every_field_stands_in_the_columns_of_the_format(tmp_path, evidence):
    sinex = network()
    write_sinex(tmp_path / "out.snx", sinex)
    found = blocks((tmp_path / "out.snx").read_text(encoding="latin-1"))
    assert set(found) == {"", *FORMATS}
    first = columns(FIRST, found[""][0])
    assert [*first[:3], first[-4], first[-3]] == ["%=SNX", "2.02", "TST", "C", "00180"]
    rows = {name: [columns(form, x) for x in found[name]] for name, form in FORMATS.items()}
    assert all(len(line) <= 80 for some in found.values() for line in some)
    assert rows["SITE/ID"][1][:5] == ["S001", " B", "00001M001", "R", "S\xe3o Pole of 22 letters"]
    assert rows["SITE/RECEIVER"][1][:4] == ["S001", " B", "   2", "-"]
    assert rows["SITE/RECEIVER"][1][-3:] == ["-" * 20, "-" * 5, "-" * 11]
    assert rows["SITE/ECCENTRICITY"][0][-4:] == ["UNE", "  0.0083", "-99.9999", "  0.0000"]
    estimates = rows["SOLUTION/ESTIMATE"]
    assert [int(x[0]) for x in estimates] == list(range(1, 181))
    worst = 0.0
    for _, kind, code, _, _, _, _, _, unit, _, value, sigma in estimates:
        row, axis = int(code[1:]), "XYZ".index(kind[3])
        assert (kind[:3], unit) in (("STA", "m   "), ("VEL", "m/y "))
        if kind[:3] == "STA":
            worst = max(worst, abs(float(value) - sinex.pos_ecef_m[row, axis]))
            assert float(sigma) == pytest.approx(sinex.pos_sigma_m[row, axis], rel=1e-6)
        else:
            expected = sinex.vel_ecef_mps[row, axis] * YEAR_S
            assert float(value) == pytest.approx(expected, rel=1e-14)
    evidence(
        "io.sinex_writer",
        "Coordinates of 40 stations in columns 48 to 68",
        "FORTRAN formats of SINEX 2.02, appendix I",
        "published",
        achieved=worst,
        tolerance=0.0,
        unit="m",
    )


def test_any_content_comes_back(tmp_path):
    """Standard deviations have 11 columns: 6 digits at least; velocities 15 and the unit."""
    sinex = network()
    write_sinex(tmp_path / "out.snx", sinex)
    again = read_sinex(tmp_path / "out.snx")
    assert_same(sinex, again, pos_sigma_m=5e-7, vel_sigma_mps=5e-7, vel_ecef_mps=1e-15)
    assert np.max(np.abs(again.pos_ecef_m - sinex.pos_ecef_m)) == 0.0
    write_sinex(tmp_path / "twice.snx", again)
    assert_same(again, read_sinex(tmp_path / "twice.snx"))


def test_damaged_files_that_can_be_read_come_back_or_are_refused(tmp_path):
    data = IGS.read_bytes()
    count = count_damaged_that_come_back(
        read_sinex, write_sinex, tmp_path, data, 60, pos_sigma_m=5e-6
    )
    assert count > 5


def test_numbers_of_the_digits_of_the_format_come_back_to_the_last_bit(tmp_path):
    """Also velocities, which are m/y in the file and m/s here."""
    rng = np.random.default_rng(3)
    sinex = network(400)
    digits = np.rint(1e8 * sinex.pos_ecef_m).astype(np.int64)  # 15 of them, places on Earth
    sigmas = rng.integers(1, 10**6, (400, 3))
    sinex = replace(
        sinex,
        pos_ecef_m=np.vectorize(lambda x: float(f"{x}e-8"))(digits),
        pos_sigma_m=np.vectorize(lambda x: float(f"{x}e-8"))(sigmas),
        vel_ecef_mps=np.vectorize(lambda x: float(f"{x}e-16"))(digits) / YEAR_S,
        vel_sigma_mps=np.vectorize(lambda x: float(f"{x}e-9"))(sigmas) / YEAR_S,
    )
    write_sinex(tmp_path / "out.snx", sinex)
    assert_same(sinex, read_sinex(tmp_path / "out.snx"))


def test_places_of_sites_are_those_of_their_coordinates(tmp_path, evidence):
    sinex = network()
    lat_rad, lon_rad = np.radians([-0.5, 89.99999, -33.7]), np.radians([-1e-9, 180.0, -70.25])
    pos_m = erfa.gd2gc(1, lon_rad, lat_rad, np.array([-28.0, 4321.0, 0.04]))
    sinex.pos_ecef_m[:3] = pos_m
    write_sinex(tmp_path / "out.snx", sinex)
    found = blocks((tmp_path / "out.snx").read_text(encoding="latin-1"))["SITE/ID"]
    rows = [[x.strip() for x in columns(FORMATS["SITE/ID"], line)[5:]] for line in found]
    assert rows[0] == ["0", "0", "0.0", "-0", "30", "0.0", "-28.0"]
    assert rows[2] == ["289", "45", "0.0", "-33", "42", "0.0", "0.0"]
    worst = 0.0
    for row, (d, m, s, *lat, height) in enumerate(rows):
        lon = np.radians(int(d) + int(m) / 60 + float(s) / 3600)
        size = np.radians(abs(int(lat[0])) + int(lat[1]) / 60 + float(lat[2]) / 3600)
        place = erfa.gd2gc(1, lon, -size if lat[0][0] == "-" else size, float(height))
        worst = max(worst, np.linalg.norm(place - sinex.pos_ecef_m[row]))
    evidence(
        "io.sinex_writer",
        "Places of 40 sites from longitude, latitude and height, to 0.1 arc seconds",
        "ERFA gd2gc",
        "implementation",
        achieved=worst,
        tolerance=2.3,
        unit="m",
    )


def test_what_is_not_known_is_zeros_and_dashes(tmp_path):
    bare = replace(
        network(4),
        sites=tuple(
            replace(one, domes="", description="", technique="") for one in network(4).sites
        ),
        antennas=(),
        receivers=(),
        eccentricities=(),
        agency="",
        constraint=(),
        spans=(),
        references=(),
        comments=(),
        data_agency="",
        created=None,
        data_start=None,
        data_end=None,
        technique="",
        file_constraint="",
    )
    write_sinex(tmp_path / "out.snx", bare)
    text = (tmp_path / "out.snx").read_text(encoding="latin-1")
    zeros = "00:000:00000"
    assert text.startswith(f"%=SNX 2.02 --- {zeros} --- {zeros} {zeros} - 00018 - S\n")
    assert f"\n S003 -- {'-' * 9} - {'-' * 22} " in text
    assert "SITE/RECEIVER" not in text
    assert "+SOLUTION/EPOCHS\n*CODE PT SOLN T _DATA_START_ __DATA_END__ _MEAN_EPOCH_\n-SOL" in text
    again = read_sinex(tmp_path / "out.snx")
    assert_same(replace(bare, constraint=("",) * 4), again, **SOME_DIGITS)


SOME_DIGITS = {"pos_sigma_m": 5e-7, "vel_sigma_mps": 5e-7, "vel_ecef_mps": 1e-15}
START = Epoch.from_calendar(2020, 1, 1)


def changed(name, row, value):
    """A table with another number in its first column."""
    table = getattr(network(4), name).copy()
    table[row, 0] = value
    return {name: table}


@pytest.mark.filterwarnings("ignore:Leap_Second.dat")  # of years in which nobody knows UTC
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": ("ABC", "S001", "S002", "S003")}, "code 'ABC'; expected four characters"),
        ({"code": ("ABCDE", "S001", "S002", "S003")}, "code 'ABCDE'; expected four characters"),
        ({"code": ("A CD", "S001", "S002", "S003")}, "code 'A CD'; expected four characters"),
        ({"code": ("S000", "S001", "S002")}, "at least one; found 3 codes, point 4, solution 4"),
        (
            {"code": ("S000",) * 4, "point": ("A",) * 4, "solution": ("1",) * 4},
            "code, point, solution: 'S000 A 1' is there twice",
        ),
        ({"sites": network(4).sites[:1] * 2}, "sites: 'S000 A' is there twice"),
        ({"point": ("ABC",) * 4}, "point: 'ABC' does not fit; expected up to 2 Latin-1"),
        ({"solution": ("12345",) * 4}, "solution: '12345' does not fit; expected up to 4"),
        ({"solution": ("--",) * 4}, "solution: '--' would mean 'not known'"),
        ({"agency": "TOOL"}, "agency: 'TOOL' does not fit; expected up to 3"),
        ({"technique": "PP"}, "technique 'PP'; expected 'P' GNSS"),
        ({"technique": "X"}, "technique 'X'; expected 'P' GNSS, 'R' VLBI"),
        ({"constraint": ("9",) * 4}, "constraint '9'; expected '0' fixed or tight, '1'"),
        ({"file_constraint": "3"}, "file_constraint '3'; expected '0' fixed"),
        ({"sites": ()}, "sites: none of code 'S000', point 'A', which has an estimate; expected"),
        (
            {"sites": (*network(4).sites, SinexSite("BERN", "A", "", ""))},
            "sites: code 'BERN', point 'A' has no estimate; expected sites of stations alone",
        ),
        ({"constraint": ("2",)}, "constraint 1."),
        ({"references": (("X" * 19, ""),)}, "does not fit; expected up to 18"),
        ({"comments": ("",)}, "comments: '' is empty; expected lines of 1 to 79 characters"),
        ({"comments": ("a\nb",)}, r"comments: 'a\nb' does not fit; expected up to 79"),
        (
            {"sites": (SinexSite("S000", "A", "", "\u0141\xf3d\u017a"), *network(4).sites[1:])},
            "expected up to 22 Latin-1",
        ),
        (
            {"sites": (SinexSite("S000", "A", "", " x"), *network(4).sites[1:])},
            "description: ' x' does not fit",
        ),
        (changed("pos_ecef_m", 1, np.nan), "pos_ecef_m of 'S001' is [nan, "),
        (changed("pos_ecef_m", 1, np.inf), "pos_ecef_m of 'S001' is [inf, "),
        (changed("pos_ecef_m", 1, 1e9), "pos_ecef_m of 'S001': its height of"),
        (changed("pos_sigma_m", 1, np.nan), "pos_sigma_m of 'S001': nan; expected a finite"),
        (
            changed("pos_sigma_m", 1, 1e-120),
            "pos_sigma_m of 'S001': .100000E-119 does not fit in 11",
        ),
        (changed("pos_sigma_m", 1, -0.5), "pos_sigma_m -0.5; expected no negative number"),
        (changed("vel_ecef_mps", 0, np.nan), "of 'S000' hold 1 NaN; expected six numbers"),
        (changed("vel_sigma_mps", 2, -1.0), "vel_sigma_mps -1; expected no negative number"),
        (changed("vel_sigma_mps", 2, 1e305), "vel_sigma_mps of 'S002': 1e+305; expected a finite"),
        ({"epoch": START + np.arange(4) / 4}, "has more than 0 decimals of a second"),
        ({"epoch": START + np.arange(4) * 1e9}, "year 2051 does not fit in two digits"),
        (
            {"created": Epoch.from_calendar(2016, 12, 31, 23, 59, 60)},
            "created: epoch 2016-12-31T23:59:60.000Z is a leap second",
        ),
        (
            {"antennas": (SinexEquipment("S000", "A", "", "123456", None, None),)},
            "serial of antennas: '123456' does not fit; expected up to 5",
        ),
        (
            {"antennas": (SinexEquipment("S000", "A", "", "", None, None, "1.0"),)},
            "antennas: firmware '1.0' of 'S000'; expected ''",
        ),
        (
            {"receivers": (SinexEquipment("S000", "A", "", "", START + 0.5, None),)},
            "valid_from of receivers: epoch 2020-01-01T00:00:00.500",
        ),
        (
            {"eccentricities": (SinexEccentricity("S000", "A", "ENU", np.zeros(3), None, None),)},
            "system 'ENU' of 'S000'; expected 'UNE' or 'XYZ'",
        ),
        (
            {
                "eccentricities": (
                    SinexEccentricity("S000", "A", "UNE", np.full(3, -100.0), None, None),
                )
            },
            "offset_m of 'S000': -100.0000 does not fit in 8 columns",
        ),
        (
            {
                "eccentricities": (
                    SinexEccentricity("S000", "A", "UNE", np.full(3, np.nan), None, None),
                )
            },
            "offset_m of 'S000': nan; expected a finite number",
        ),
    ],
)
def test_bad_contents_are_refused_and_leave_the_old_file(tmp_path, changes, message):
    path = tmp_path / "out.snx"
    path.write_text("old")
    with pytest.raises(LeopntError) as caught:
        write_sinex(path, replace(network(4), **changes))
    assert message in str(caught.value)
    assert str(caught.value).startswith("write_sinex: ")
    assert [one.name for one in tmp_path.iterdir()] == ["out.snx"]
    assert path.read_text() == "old"


def test_no_station_and_too_many_are_refused(tmp_path):
    none = replace(
        network(4),
        **dict.fromkeys(("code", "point", "solution", "constraint", "sites"), ()),
        epoch=START + np.zeros(0),
        **dict.fromkeys(
            ("pos_ecef_m", "pos_sigma_m", "vel_ecef_mps", "vel_sigma_mps"), np.zeros((0, 3))
        ),
    )
    with pytest.raises(LeopntError, match="at least one; found 0 codes, as all else"):
        write_sinex(tmp_path / "out.snx", none)
    some, num = network(4), 33_336
    repeated = {
        name: np.tile(getattr(some, name), (num // 4, 1))
        for name in ("pos_ecef_m", "pos_sigma_m", "vel_ecef_mps", "vel_sigma_mps")
    }
    many = replace(
        some,
        code=tuple(f"{i:04x}" for i in range(num)),
        **dict.fromkeys(("point", "solution", "constraint"), ("",) * num),
        epoch=START + np.zeros(num),
        **repeated,
    )
    with pytest.raises(LeopntError, match="150012 estimates; at most 99999 fit"):
        write_sinex(tmp_path / "out.snx", many)
    assert not list(tmp_path.iterdir())


def test_a_header_without_times_is_read(tmp_path):
    lines = IGS.read_text(encoding="latin-1").split("\n")
    lines[0] = "%=SNX 2.00 NRC soon"
    path = tmp_path / "in.snx"
    path.write_text("\n".join(lines), encoding="latin-1")
    sinex = read_sinex(path)
    assert (sinex.created, sinex.data_start, sinex.data_end) == (None, None, None)
    assert sinex.agency == "NRC"
    assert sinex.epoch[0].to_iso(TimeScale.UTC, 0) == "2010-01-07T01:42:40Z"


OTHER_TYPES = [
    ("pos_ecef_m", [[4e6, 6e5, 4e6]], "pos_ecef_m is [[4000000.0, 600000.0, 4000000.0]] (list); "),
    ("pos_ecef_m", np.zeros(3), "pos_ecef_m has shape (3,) and type float64; expected numbers of"),
    ("epoch", START, "expected an array of epochs, as Epoch.from_iso(['2025-01-01T00:00:00Z'])."),
    ("epoch", "2025-01-01", "epoch is '2025-01-01'; expected an array of epochs"),
    ("code", "ZUER", "code is 'ZUER'; expected a tuple of texts."),
]


@pytest.mark.parametrize(("name", "value", "message"), OTHER_TYPES)
def test_fields_of_other_types_and_shapes_get_their_sentence(tmp_path, name, value, message):
    sinex = network(4)
    object.__setattr__(sinex, name, value)  # past the checks of types that only tests make
    with pytest.raises(LeopntError) as caught:
        write_sinex(tmp_path / "out.snx", sinex)
    assert str(caught.value).startswith("write_sinex: ")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())
