import gzip
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from naive_rinex import check_against_naive, naive_obs, real

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.io.rinex_obs import RinexEvent, RinexObs, SystemObs, parse_rinex_obs, read_rinex_obs
from leopnt.io.rinex_obs_header import PhaseShift, RinexObsHeader
from leopnt.io.rinex_obs_writer import write_rinex_obs

REAL = [
    ("TWTF_20230906_short.rnx", 2, 45),
    ("3034265G_4_epochs.21O", 4, 18),
    ("SEPT265G_4_epochs.21O", 4, 19),
]
CUT = pytest.mark.filterwarnings("ignore:.*promises observations until")


def row(text, label):
    return f"{text:60}{label}\n"


SMALL = (
    row(f"{3.04:9.2f}{'':11}OBSERVATION DATA    M", "RINEX VERSION / TYPE")
    + row("maker               me                  today", "PGM / RUN BY / DATE")
    + row("a comment", "COMMENT")
    + row("POLE", "MARKER NAME")
    + row("12345M001", "MARKER NUMBER")
    + row("r1                  RECEIVER            1.0", "REC # / TYPE / VERS")
    + row("a1                  ANTENNA         NONE", "ANT # / TYPE")
    + row(f"{-100.1234:14.4f}{200.5:14.4f}{6356752.3142:14.4f}", "APPROX POSITION XYZ")
    + row("        0.1000        0.0000       -0.0200", "ANTENNA: DELTA H/E/N")
    + row("G    3 C1C L1C D1C", "SYS / # / OBS TYPES")
    + row("L    2 C1C L1C", "SYS / # / OBS TYPES")
    + row("R    1 C1C", "SYS / # / OBS TYPES")
    + row("G L1C  0.25000  02 G05 G07", "SYS / PHASE SHIFT")
    + row("    30.000", "INTERVAL")
    + row("  2024     1     1     0     0    0.0000000     GPS", "TIME OF FIRST OBS")
    + row("  2024     1     1     0     1    0.5000000     GPS", "TIME OF LAST OBS")
    + row("  2 R01  1 R02 -4", "GLONASS SLOT / FRQ #")
    + row(" C1C  -71.940 C1P   71.940", "GLONASS COD/PHS/BIS")
    + row("    18", "LEAP SECONDS")
    + row("", "END OF HEADER")
    + "> 2024 01 01 00 00  0.0000000  0  3       0.000123456789\n"
    + "G05  20000000.001 7 105000000.12516     -1234.500\n"
    + "G 7          .465           -.839 1\n"
    + "L01   1234567.890                 8\n"
    + ">                              4  1\n"
    + row("antenna raised", "COMMENT")
    + "> 2024 01 01 00 01  0.5000000  1  1\n"
    + "R02         0.000 5\n"
)


def parse(text):
    return parse_rinex_obs(text.encode("latin-1"), "day.rnx")


def message_of(text):
    with pytest.raises(FormatError) as caught:
        parse(text)
    return str(caught.value)


def assert_same(a: RinexObs, b: RinexObs):
    assert a.epoch == b.epoch
    assert list(a.systems) == list(b.systems)
    assert a.events == b.events
    np.testing.assert_array_equal(a.clock_offset_s, b.clock_offset_s)
    np.testing.assert_array_equal(a.is_after_power_failure, b.is_after_power_failure)
    for letter, one in a.systems.items():
        other = b.systems[letter]
        assert (one.codes, one.satellites) == (other.codes, other.satellites)
        for name in ("sat", "epoch", "value", "lli", "ssi"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def day(num_epochs, num_sats, codes, seed=0, letter="L"):
    """Random numbers in legal columns, every record of all satellites."""
    rng = np.random.default_rng(seed)
    shape = (num_epochs * num_sats, len(codes))
    thousandths = rng.integers(-(10**12) + 1, 10**13, size=shape) // 10 ** rng.integers(
        13, size=shape
    )
    value = np.where(thousandths == 0, np.nan, thousandths / 1000.0)
    value[rng.random(shape) < 0.1] = np.nan
    one = SystemObs(
        codes=codes,
        satellites=tuple(f"{letter}{i + 1:02d}" for i in range(num_sats)),
        sat=np.tile(np.arange(num_sats), num_epochs),
        epoch=np.repeat(np.arange(num_epochs), num_sats),
        value=value,
        lli=rng.integers(0, 8, size=shape).astype(np.uint8),
        ssi=rng.integers(0, 10, size=shape).astype(np.uint8),
    )
    start = Epoch.from_calendar(2025, 5, 5, scale=TimeScale.GPST)
    return RinexObs(
        header=RinexObsHeader(codes={letter: codes}, interval_s=30.0),
        epoch=start + 30.0 * np.arange(num_epochs),
        clock_offset_s=np.full(num_epochs, np.nan),
        is_after_power_failure=np.zeros(num_epochs, dtype=bool),
        systems={letter: one},
    )


@CUT
@pytest.mark.parametrize(("name", "num_epochs", "num_sats"), REAL)
def test_every_value_and_flag_of_a_real_file_is_read_exactly(name, num_epochs, num_sats, evidence):
    obs = read_rinex_obs(real(name))
    num, worst = check_against_naive(obs, naive_obs(real(name)))
    assert num > 500
    assert len(obs.epoch) == num_epochs
    assert sum(len(one.satellites) for one in obs.systems.values()) >= num_sats
    evidence(
        "io.rinex_obs",
        f"Values of {name} ({num} in RINEX 3.04), flags compared too",
        "line by line float() of the columns",
        "implementation",
        achieved=worst,
        tolerance=0.0,
    )


@CUT
def test_the_header_of_a_real_station_is_understood(evidence):
    header = read_rinex_obs(real("TWTF_20230906_short.rnx")).header
    assert header.version == 3.04
    assert header.marker_name == "TWTF"
    assert header.marker_number == "23603S002"
    assert header.receiver == ("3008014", "SEPT POLARX4TR", "2.9.6")
    assert header.antenna == ("CR620012101", "ASH701945C_M    SCIS")
    # The position that the source of the file states beside it.
    off_m = header.approx_pos_ecef_m - np.array([-2994429.2553, 4951309.7911, 2674497.7430])
    assert [f"{k}{len(v)}" for k, v in header.codes.items()] == [
        "G18",
        "E12",
        "S4",
        "R16",
        "C8",
        "J12",
    ]
    assert header.codes["R"][-1] == "S3Q"
    assert (len(header.glonass_slots), header.glonass_slots["R10"]) == (23, -7)
    assert header.glonass_biases_m == {"C1C": 0.0, "C2C": 0.0, "C2P": 0.0}
    assert header.interval_s == 30.0
    assert header.signal_strength_unit == "DBHZ"
    assert len(header.phase_shifts) == 17
    assert header.time_scale is TimeScale.GPST
    assert header.first == Epoch.from_calendar(2023, 9, 6, scale=TimeScale.GPST)
    assert header.lines[0][0] == "RINEX VERSION / TYPE"
    evidence(
        "io.rinex_obs_header",
        "Approximate position of station TWTF",
        "README of the data set",
        "published",
        achieved=np.max(np.abs(off_m)),
        tolerance=0.0,
        unit="m",
    )


def test_small_file_gives_values_flags_events_and_header():
    obs = parse(SMALL)
    assert list(obs.systems) == ["G", "L", "R"]
    gps, leo, glonass = obs.systems.values()
    assert gps.satellites == ("G05", "G07")
    np.testing.assert_array_equal(gps.value[0], [20000000.001, 105000000.125, -1234.5])
    np.testing.assert_array_equal(gps.value[1], [0.465, -0.839, np.nan])
    np.testing.assert_array_equal(gps.lli, [[0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(gps.ssi, [[7, 6, 0], [0, 1, 0]])
    np.testing.assert_array_equal(leo.value, [[1234567.89, np.nan]])
    np.testing.assert_array_equal(leo.ssi, [[0, 8]])
    assert np.isnan(glonass.value[0, 0])  # 0.000 is missing
    assert glonass.ssi[0, 0] == 5
    np.testing.assert_array_equal(obs.clock_offset_s, [0.000123456789, np.nan])
    assert obs.is_after_power_failure.tolist() == [False, True]
    assert obs.epoch[1].since(obs.epoch[0]) == 60.5
    (event,) = obs.events
    assert (event.flag, event.epoch, event.before) == (4, None, 1)
    assert event.lines[0].startswith("antenna raised")
    header = obs.header
    np.testing.assert_array_equal(header.approx_pos_ecef_m, [-100.1234, 200.5, 6356752.3142])
    np.testing.assert_array_equal(header.antenna_height_east_north_m, [0.1, 0.0, -0.02])
    assert header.phase_shifts == (PhaseShift("G", "L1C", 0.25, ("G05", "G07")),)
    assert header.glonass_slots == {"R01": 1, "R02": -4}
    assert header.glonass_biases_m == {"C1C": -71.94, "C1P": 71.94}
    assert header.leap_seconds == 18
    np.testing.assert_array_equal(obs.values("G", "C1C"), [[20000000.001, np.nan], [0.465, np.nan]])
    assert obs.has_lost_lock("G", "L1C").tolist() == [[True, False], [False, False]]


def test_numbers_are_the_floats_nearest_to_their_decimals():
    obs = day(20, 10, ("C1C", "L1C", "C5Q"))
    value = obs.systems["L"].value
    for x in value[~np.isnan(value)].tolist():
        thousandths = round(x * 1000)
        assert x == float(Fraction(thousandths, 1000))


def test_what_is_written_comes_back_bit_by_bit(tmp_path, evidence):
    obs = day(500, 20, ("C1C", "L1C", "D1C", "S1C", "C5Q", "L5Q"))
    back = read_rinex_obs(write_rinex_obs(tmp_path / "leo.rnx", obs))
    assert_same(obs, back)
    num, worst = check_against_naive(back, naive_obs(tmp_path / "leo.rnx"))
    assert num > 50_000
    evidence(
        "io.rinex_obs_writer",
        "Random values of LEO satellites (system L), written and read by plain Python",
        "the values before writing",
        "implementation",
        achieved=worst,
        tolerance=0.0,
    )


def test_hundreds_of_codes_are_read_to_the_end_of_the_last_line(tmp_path):
    codes = tuple(
        f"{kind}{band}{mode}" for kind in "CLDS" for band in range(10) for mode in "ABCDEF"
    )
    obs = day(3, 2, codes)
    assert_same(read_rinex_obs(write_rinex_obs(tmp_path / "wide.rnx", obs)), obs)


@CUT
@pytest.mark.parametrize("name", [name for name, *_ in REAL])
def test_a_real_file_survives_writing(name, tmp_path):
    obs = read_rinex_obs(real(name))
    back = read_rinex_obs(write_rinex_obs(tmp_path / "copy.rnx", obs))
    assert_same(obs, back)
    for field in ("receiver", "antenna", "codes", "comments", "glonass_slots", "time_scale"):
        assert getattr(back.header, field) == getattr(obs.header, field)
    assert str(back.header.phase_shifts) == str(obs.header.phase_shifts)  # NaN is not NaN
    np.testing.assert_array_equal(back.header.approx_pos_ecef_m, obs.header.approx_pos_ecef_m)


def test_a_small_file_survives_writing(tmp_path):
    obs = parse(SMALL)
    back = read_rinex_obs(write_rinex_obs(tmp_path / "copy.rnx", obs))
    assert_same(obs, back)
    for field in ("program", "marker_name", "phase_shifts", "glonass_biases_m", "leap_seconds"):
        assert getattr(back.header, field) == getattr(obs.header, field)


def test_writing_fills_the_columns_of_the_format(tmp_path):
    text = write_rinex_obs(tmp_path / "copy.rnx", parse(SMALL)).read_text().splitlines()
    assert text[0] == SMALL.splitlines()[0]
    assert "G    3 C1C L1C D1C".ljust(60) + "SYS / # / OBS TYPES" in text
    assert "L    2 C1C L1C".ljust(60) + "SYS / # / OBS TYPES" in text
    assert "> 2024 01 01 00 00  0.0000000  0  3       0.000123456789" in text
    assert "G05  20000000.001 7 105000000.12516     -1234.500" in text
    assert "G07         0.465          -0.839 1" in text
    assert "L01   1234567.890                 8" in text
    assert text[-1] == "R02               5"
    assert all(len(line) <= 80 for line in text)


# Other versions


def version_2():
    """Fourteen satellites (two lines of ids), seven types (two lines each), events, a clock."""
    names = [f"G{i:2d}" for i in range(1, 11)] + [" 11", "R01", "E12", "S20"]
    text = row(f"{2.11:9.2f}{'':11}OBSERVATION DATA    M (MIXED)", "RINEX VERSION / TYPE")
    text += row("     7    C1    L1    L2    P2    D1    S1    S2", "# / TYPES OF OBSERV")
    text += row("  1999    12    31    23    59   59.0000000     GPS", "TIME OF FIRST OBS")
    text += row("", "END OF HEADER")
    head = " 99 12 31 23 59 59.0000000  0 14" + "".join(names[:12]) + "  .123456789"
    text += head + "\n" + " " * 32 + "".join(names[12:]) + "\n"
    for i in range(14):
        fields = [f"{2e7 + i + 0.001 * k:14.3f}{k}{i % 10}" for k in range(7)]
        if i == 3:
            fields[1] = " " * 16
        text += "".join(fields[:5]).rstrip() + "\n" + "".join(fields[5:]).rstrip() + "\n"
    text += f"{'':28}4  2\n" + row("hello", "COMMENT") + row("     1    C1", "# / TYPES OF OBSERV")
    text += "  0  1  1  0  0 29.0000000  1  1G01\n  20000000.123\n"
    return text


def test_version_2_is_read_with_its_lists_over_several_lines(tmp_path, evidence):
    text = version_2()
    obs = parse(text)
    assert obs.header.codes[""] == ("C1", "L1", "L2", "P2", "D1", "S1", "S2")
    assert {k: one.satellites[0] for k, one in obs.systems.items()} == {
        "G": "G01",
        "R": "R01",
        "E": "E12",
        "S": "S20",
    }
    assert obs.systems["G"].satellites[-1] == "G11"  # a blank system is GPS
    assert obs.epoch[0] == Epoch.from_calendar(1999, 12, 31, 23, 59, 59, TimeScale.GPST)
    assert obs.epoch[1] == Epoch.from_calendar(2000, 1, 1, 0, 0, 29, TimeScale.GPST)
    np.testing.assert_array_equal(obs.clock_offset_s, [0.123456789, np.nan])
    assert np.isnan(obs.systems["G"].value[3, 1])
    assert obs.systems["G"].value[-1, 0] == 20000000.123  # after the list of types changed
    assert [event.flag for event in obs.events] == [4]
    path = tmp_path / "old.99o"
    first = text[: text.index(f"{'':28}4  2\n")]
    path.write_text(first)
    num, worst = check_against_naive(parse(first), naive_obs(path))
    path = real("default_time_system2.10o")
    glonass = read_rinex_obs(path)
    more, worst_real = check_against_naive(glonass, naive_obs(path))
    assert glonass.header.time_scale is TimeScale.UTC  # a file of GLONASS that names no time
    evidence(
        "io.rinex_obs",
        f"{num + more} values in RINEX 2.11",
        "line by line float() of the columns",
        "implementation",
        achieved=max(worst, worst_real),
        tolerance=0.0,
    )


@pytest.mark.parametrize("version", [3.0, 3.02, 3.05, 4.0, 4.02])
def test_versions_3_and_4_are_read_alike(version):
    obs = parse(SMALL.replace("     3.04", f"{version:9.2f}", 1))
    assert obs.header.version == version
    assert obs.systems["G"].value[0, 0] == 20000000.001


def test_codes_may_change_within_a_file():
    event = ">                              4  1\n" + row("antenna raised", "COMMENT")
    change = ">                              4  1\n" + row("G    2 S5Q D1C", "SYS / # / OBS TYPES")
    more = "> 2024 01 01 00 02  0.0000000  0  1\nG05        45.500          77.000\n"
    obs = parse(SMALL.replace(event, change) + more)
    gps = obs.systems["G"]
    assert gps.codes == ("C1C", "L1C", "D1C", "S5Q")
    np.testing.assert_array_equal(gps.value[2], [np.nan, np.nan, 77.0, 45.5])


def test_scale_factors_divide_the_values():
    scaled = SMALL.replace(
        row("    30.000", "INTERVAL"), row("G  100   1 L1C", "SYS / SCALE FACTOR")
    )
    value = parse(scaled).systems["G"].value[0]
    np.testing.assert_array_equal(value, [20000000.001, 1050000.00125, -1234.5])


def test_event_lines_may_begin_like_epochs():
    text = SMALL.replace(row("antenna raised", "COMMENT"), row("> not an epoch", "COMMENT"))
    assert parse(text).events[0].lines[0].startswith("> not an epoch")


@pytest.mark.parametrize(
    ("name", "scale"),
    [("GPS", "GPST"), ("GLO", "UTC"), ("GAL", "GST"), ("BDT", "BDT"), ("QZS", "GPST")],
)
def test_time_systems_of_the_header_are_followed(name, scale):
    obs = parse(SMALL.replace("     GPS", f"     {name}"))
    assert obs.epoch[0] == Epoch.from_calendar(2024, 1, 1, scale=TimeScale(scale))


def test_disguised_files_read_the_same(tmp_path):
    expected = parse(SMALL)
    for data in (
        SMALL.replace("\n", "\r\n").encode(),
        SMALL.replace("\n", "\r").encode(),
        ("\ufeff" + SMALL).encode(),
        SMALL.encode("utf-16"),
        (SMALL + "\n \n").encode(),
        gzip.compress(SMALL.encode()),
        "".join(f"{line:90}\n" for line in SMALL.splitlines()).encode(),
    ):
        path = tmp_path / "disguised.rnx"
        path.write_bytes(data)
        assert_same(read_rinex_obs(path), expected)


# Files that are not whole


def test_a_file_that_ends_before_its_last_epoch_warns():
    short = SMALL[: SMALL.index("> 2024 01 01 00 01")]
    with pytest.warns(LeopntWarning, match=r"until 2024-01-01T00:01:00.500 GPST, the file ends at"):
        parse(short)
    with pytest.warns(LeopntWarning, match="the last line has no end"):
        parse(SMALL[:-1])


def test_every_cut_is_noticed(untyped):
    """Wherever the end is cut off, there is an error or a warning."""
    begin = SMALL.index("> 2024")
    for end in range(begin, len(SMALL) - 1):
        with pytest.warns(LeopntWarning) as said:  # noqa: PT031
            try:
                parse(SMALL[:end])
            except FormatError:
                continue
            finally:
                import warnings

                warnings.warn("satisfied", LeopntWarning, stacklevel=1)
        assert len(said) > 1, SMALL[:end][-80:]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("     3.04", "     5.00", "day.rnx:1: columns 1-9 (version): expected 2.00 to 4.99"),
        ("OBSERVATION DATA", "NAVIGATION DATA ", "columns 21-40 (file type): expected 'O'"),
        ("RINEX VERSION / TYPE", "SOMETHING ELSE", "expected 'RINEX VERSION / TYPE' in the first"),
        ("END OF HEADER", "", "day.rnx: the header has no line END OF HEADER"),
        ("COMMENT", "", "day.rnx:3: columns 61-80 (label): expected a header label"),
        ("6356752.3142", "6356752,3142", "day.rnx:8: columns 29-42 (approximate position, m)"),
        ("G    3 C1C", "G    x C1C", "day.rnx:10: columns 4-6 (number of observation codes)"),
        ("G    3 C1C", "G    9 C1C", "day.rnx:10: columns 19-22 (observation code): expected a"),
        (
            "G    3 C1C",
            "G   14 C1C",
            "day.rnx:11: columns 1-1 (satellite system): expected a blank",
        ),
        ("L1C D1C", "L1C L1C", "day.rnx:10: observation code L1C of system G is listed twice"),
        ("R    1", "G    1", "day.rnx:12: a second list of codes of system G"),
        ("     GPS", "     XYZ", "day.rnx:15: columns 49-51 (time system): expected one of GPS"),
        ("  2 R01", "  3 R01", "day.rnx:17: columns 19-21 (satellite): expected an id"),
        ("  2 R01", "  9 R01", "day.rnx:17: GLONASS SLOT / FRQ #: promises 9 satellites, but"),
        ("> 2024 01 01 00 00", "> 2024 13 01 00 00", "day.rnx:21: 2024-13-01 is not a date"),
        ("> 2024 01 01 00 00", "> 2024 01 01 25 00", "day.rnx:21: 25:00:0 GPST is not a time"),
        ("> 2024 01 01 00 00", "> 2024 01 01 xx 00", "day.rnx:21: columns 14-15 (hour)"),
        ("00  0.0000000", "00  0,0000000", "day.rnx:21: column 22: expected the point"),
        ("0000  0  3", "0000  0  x", "day.rnx:21: columns 33-35 (number of satellites or lines"),
        ("0000  0  3", "0000  9  3", "day.rnx:21: column 32 (epoch flag): expected a digit 0 to 6"),
        ("0000  0  3", "0000  0  4", "day.rnx:21: the epoch promises 4 satellites or lines, 4"),
        ("0000  0  3", "0000  0  2", "day.rnx:24: expected an epoch line that begins with >"),
        ("000  1  1\nR02", "000  1 99\nR02", "day.rnx:27: the epoch promises 99 satellites"),
        ("  3       0.00", "  3   12  0.00", "day.rnx:21: columns 36-41: expected blanks"),
        ("0.000123456789", "0.00012345678x", "day.rnx:21: columns 42-56 (receiver clock offset"),
        ("0.000123456789", "0.000123456789 12345", "day.rnx:21: columns 58 and on: expected noth"),
        (
            "> 2024 01 01 00 01  0.5",
            "> 2024 01 01 00 00  0.0",
            "day.rnx:27: this epoch is not after the one",
        ),
        ("G05  ", "X05  ", "day.rnx:22: a satellite of system 'X', of which the header lists no"),
        ("G05  ", "G0x  ", "day.rnx:22: columns 1-3 (satellite): expected an id such as"),
        ("G 7", "G05", "day.rnx:23: a second record of G05 at one epoch"),
        ("20000000.001", "2000000a.001", "day.rnx:22: columns 4-17 (C1C): expected a number with"),
        ("20000000.001", "200 0000.001", "day.rnx:22: columns 4-17 (C1C)"),
        ("20000000.001", "20000000.01 ", "day.rnx:22: columns 4-17 (C1C)"),
        ("20000000.001", "2000000.0010", "day.rnx:22: columns 4-17 (C1C)"),
        ("105000000.125", "--5000000.125", "day.rnx:22: columns 20-33 (L1C)"),
        ("105000000.125", "        nan  ", "day.rnx:22: columns 20-33 (L1C)"),
        ("-1234.500\nG", "-1234.5\nG", "day.rnx:22: columns 36-49 (D1C)"),
        (".001 7", ".001x7", "day.rnx:22: columns 18-19 (loss of lock and signal strength of C1C)"),
        ("-1234.500\n", "-1234.500  1.000\n", "day.rnx:22: columns 52 and on: expected nothing"),
    ],
)
def test_malformed_files_are_named_by_line_and_column(old, new, message):
    assert old in SMALL
    assert message in message_of(SMALL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  0 14G",
            "  0 15G",
            "column 29 (epoch flag): expected a digit 0 to 6, found ' '; the epoch of",
        ),
        ("  0 14G", "  0 13G", "day.rnx:33: the epoch promises 113 satellites"),
        ("  0 14G", "  0 99G", "the epoch promises 99 satellites or lines"),
        ("  0 14G", "  x 14G", "column 29 (epoch flag)"),
        ("     7    C1", "    20    C1", "promises 20 types, but the lines hold 9"),
        ("     7    C1", "     0    C1", "expected 1 or more"),
        ("  .123456789", "  .1234567 9", "columns 69-80 (receiver clock offset"),
        ("20000000.123", "20000000,123", "day.rnx:39: columns 1-14 (C1)"),
    ],
)
def test_malformed_files_of_version_2_are_named_by_line_and_column(old, new, message):
    assert old in version_2()
    assert message in message_of(version_2().replace(old, new, 1))


def test_plus_signs_are_read_though_nobody_writes_them():
    obs = parse(SMALL.replace(" 20000000.001", "+20000000.001"))
    assert obs.systems["G"].value[0, 0] == 20000000.001


def test_empty_and_missing_files_are_refused(tmp_path):
    assert "is empty" in message_of("")
    assert "END OF HEADER is the first line" in message_of(row("", "END OF HEADER"))
    with pytest.raises(LeopntError, match="no such file"):
        read_rinex_obs(tmp_path / "nothing.rnx")


def test_unknown_systems_and_codes_are_named():
    obs = parse(SMALL)
    with pytest.raises(LeopntError, match="no observations of system 'E'; there are G, L, R"):
        obs.values("E", "C1C")
    with pytest.raises(LeopntError, match="no observations 'L1X'; there are C1C, L1C, D1C"):
        obs.values("G", "L1X")


def test_a_file_without_epochs_holds_nothing():
    obs = parse(version_2()[: version_2().index(" 99 12 31")])
    assert len(obs.epoch) == 0
    assert obs.systems == {}


# What cannot be written


def changed(obs, **fields):
    """The same file with other fields of its system L."""
    one = obs.systems["L"]
    kept = {name: getattr(one, name) for name in SystemObs.__dataclass_fields__}
    return RinexObs(
        obs.header,
        obs.epoch,
        obs.clock_offset_s,
        obs.is_after_power_failure,
        {"L": SystemObs(**(kept | fields))},
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": np.full((4, 2), np.inf)}, "C1C of L01 is inf"),
        ({"value": np.full((4, 2), 1e10)}, "does not fit in 14 columns"),
        ({"value": np.full((4, 2), -1e9)}, "does not fit in 14 columns"),
        ({"satellites": ("L01", "L100")}, "satellite 'L100' of system 'L'"),
        ({"satellites": ("L01", "G02")}, "satellite 'G02' of system 'L'"),
        ({"codes": ("C1", "L1")}, "observation code 'C1'; expected three characters"),
        ({"lli": np.full((4, 2), 10, np.uint8)}, "lli and ssi of system 'L' must be 0 to 9"),
        ({"epoch": np.array([0, 0, 1, 2])}, "system 'L' names epochs that are not there"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, fields, message):
    path = tmp_path / "bad.rnx"
    with pytest.raises(LeopntError, match=message):
        write_rinex_obs(path, changed(day(2, 2, ("C1C", "L1C")), **fields))
    assert not path.exists()


def test_epochs_finer_than_the_format_are_not_written(tmp_path):
    obs = day(2, 2, ("C1C",))
    fine = RinexObs(
        obs.header,
        obs.epoch + 1e-8,
        obs.clock_offset_s,
        obs.is_after_power_failure,
        obs.systems,
    )
    with pytest.raises(LeopntError, match="more than 7 decimals of a second"):
        write_rinex_obs(tmp_path / "fine.rnx", fine)


def other(obs, **fields):
    """The same file with other fields."""
    names = ("header", "epoch", "clock_offset_s", "is_after_power_failure", "systems", "events")
    return RinexObs(**({name: getattr(obs, name) for name in names} | fields))


def test_what_no_file_holds_is_not_written(tmp_path):
    obs = day(3, 2, ("C1C",))
    header = obs.header
    crowd = day(1, 99, ("C1C",)).systems["L"]
    same = np.zeros(1001, dtype=np.int64)
    crowd = SystemObs(
        crowd.codes,
        crowd.satellites,
        same,
        same,
        *(np.zeros((1001, 1), kind) for kind in (np.float64, np.uint8, np.uint8)),
    )
    path = tmp_path / "bad.rnx"
    for bad, message in (
        (other(obs, epoch=obs.epoch[:0]), "obs holds no epoch"),
        (other(obs, epoch=obs.epoch[::-1]), "obs.epoch must increase"),
        (other(obs, header=RinexObsHeader(time_scale=TimeScale.TT)), "TT has no name in RINEX"),
        (other(obs, header=RinexObsHeader(marker_name="x" * 61)), "expected up to 60 Latin-1"),
        (other(obs, header=RinexObsHeader(observer="\u03b1")), "expected up to 20 Latin-1"),
        (other(obs, clock_offset_s=np.array([0.0, 100.0, 0.0])), "clock offset 100.0 s does not"),
        (other(obs, events=(RinexEvent(4, None, 4, ()),)), "an event is before epoch 4, of 3"),
        (other(obs, systems={"L": crowd}), "1001 records at one epoch; at most 999 fit"),
    ):
        with pytest.raises(LeopntError, match=message):
            write_rinex_obs(path, bad)
    assert not path.exists()
    assert header.codes == {"L": ("C1C",)}


def test_events_at_the_end_and_before_one_epoch_survive_writing(tmp_path):
    obs = day(3, 2, ("C1C",))
    lines = (row("moved", "COMMENT").rstrip(),)
    first = RinexEvent(2, obs.epoch[1], 1, ())
    events = (first, RinexEvent(3, obs.epoch[1], 1, lines), RinexEvent(5, obs.epoch[2], 3, lines))
    with_events = other(obs, events=events)
    assert_same(read_rinex_obs(write_rinex_obs(tmp_path / "day.rnx", with_events)), with_events)


def test_cycle_slip_records_are_events():
    slips = "> 2024 01 01 00 00 30.0000000  6  1\nG05         1.000\n"
    obs = parse(SMALL.replace(">                              4", slips + ">" + " " * 30 + "4"))
    assert [event.flag for event in obs.events] == [6, 4]
    assert obs.events[0].lines == ("G05         1.000",)
    assert len(obs.epoch) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (row("G  200   1 L1C", "SYS / SCALE FACTOR"), "columns 3-6 (scale factor): expected 1, 10"),
        (row("G L1C  0.25x00", "SYS / PHASE SHIFT"), "columns 7-14 (phase shift, cycles)"),
        (row("G L1C  0.25000  09 G05", "SYS / PHASE SHIFT"), "columns 23-26 (satellite)"),
        (row(" C1C  -71.9x0", "GLONASS COD/PHS/BIS"), "columns 6-13 (code-phase bias, m)"),
        (row("    1x", "LEAP SECONDS"), "columns 1-6 (leap seconds): expected an integer"),
        (row("     x", "RCV CLOCK OFFS APPL"), "columns 1-6 (receiver clock offset applied)"),
        (row("   3x.000", "INTERVAL"), "columns 1-10 (interval, s): expected a number"),
        (row("  2 R01  x R02 -4", "GLONASS SLOT / FRQ #"), "columns 9-10 (GLONASS frequency num"),
        (row("  2024    13     1     0     0    0.0000000", "TIME OF FIRST OBS"), "2024-13-01 is"),
    ],
)
def test_malformed_header_lines_are_named_by_line_and_column(line, message):
    text = SMALL.replace(row("    30.000", "INTERVAL"), line)
    if "TIME OF FIRST" in line:
        first = row("  2024     1     1     0     0    0.0000000     GPS", "TIME OF FIRST OBS")
        text = text.replace(first, "")
    said = message_of(text)
    assert message in said
    assert said.startswith("day.rnx:14: ")


# Memory


def test_a_day_is_read_in_little_memory(tmp_path, untyped):
    obs = day(720, 40, ("C1C", "L1C", "D1C", "S1C", "C5Q", "L5Q", "D5Q", "S5Q"))
    path = write_rinex_obs(tmp_path / "quarter.rnx", obs)
    size = path.stat().st_size
    tracemalloc.start()
    read_rinex_obs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * size


def test_a_system_may_be_missing_for_thousands_of_records(tmp_path):
    epochs, sats = 1200, 9
    sat, epoch = np.tile(np.arange(sats), epochs), np.repeat(np.arange(epochs), sats)
    flags = np.zeros((epochs * sats, 1), np.uint8)
    names = tuple(f"G{i + 1:02d}" for i in range(sats))
    value = 2e7 + np.arange(float(epochs * sats))[:, None]
    many = SystemObs(("C1C",), names, sat, epoch, value, flags, flags)
    few = SystemObs(
        ("C1C",), ("L01",), np.array([0]), np.array([epochs - 1]), np.array([[1e6]]),
        flags[:1], flags[:1],
    )  # fmt: skip
    start = Epoch.from_iso("2021-09-22", TimeScale.GPST)
    obs = RinexObs(
        RinexObsHeader(), start + 30.0 * np.arange(epochs), np.full(epochs, np.nan),
        np.zeros(epochs, bool), {"G": many, "L": few},
    )  # fmt: skip
    back = read_rinex_obs(write_rinex_obs(tmp_path / "long.rnx", obs))
    np.testing.assert_array_equal(back.system("L").epoch, [epochs - 1])
    np.testing.assert_array_equal(back.system("G").value, value)
