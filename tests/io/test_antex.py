from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError
from leopnt.io.antex import Antex, AntexAntenna, AntexFrequency, read_antex, write_antex

IGS = Path(__file__).parent / "data" / "subset_4_antennas.atx"


def row(text, label):
    return f"{text:60}{label}\n"


SMALL = (
    row("     1.4            M", "ANTEX VERSION / SYST")
    + row("A", "PCV TYPE / REFANT")
    + row("a comment", "COMMENT")
    + row("", "END OF HEADER")
    + row("", "START OF ANTENNA")
    + row("LEO-SAT             L07                 L107      2024-001A", "TYPE / SERIAL NO")
    + row("                    LAB                      3    01-JAN-24", "METH / BY / # / DATE")
    + row("   180.0", "DAZI")
    + row("     0.0  60.0  30.0", "ZEN1 / ZEN2 / DZEN")
    + row("     1", "# OF FREQUENCIES")
    + row("  2024     1     1     0     0    0.0000000", "VALID FROM")
    + row("  2024     6    30    23    59   59.9999999", "VALID UNTIL")
    + row("LEO_0001", "SINEX CODE")
    + row("   L01", "START OF FREQUENCY")
    + row("    100.00     -2.50    500.25", "NORTH / EAST / UP")
    + "   NOAZI    0.00   -1.25    2.50\n"
    + "     0.0    0.00   -1.00    2.00\n"
    + "   180.0    0.00   -1.50    3.00\n"
    + "   360.0    0.00   -1.00    2.00\n"
    + row("   L01", "END OF FREQUENCY")
    + row("   L01", "START OF FREQ RMS")
    + row("      0.10      0.20      0.30", "NORTH / EAST / UP")
    + "   NOAZI    0.01    0.02    0.03\n"
    + row("   L01", "END OF FREQ RMS")
    + row("", "END OF ANTENNA")
)


def write(folder, text):
    path = folder / "one.atx"
    path.write_text(text)
    return path


def naive(path):
    """{(number of the antenna, frequency): (pco, [rows of numbers])} in mm, by splitting words."""
    found, antenna, rows = {}, -1, []
    for line in path.read_text().splitlines():
        label = line[60:].strip()
        if label == "START OF ANTENNA":
            antenna += 1
        elif label == "START OF FREQUENCY":
            pco, rows = None, []
        elif label == "NORTH / EAST / UP":
            pco = [float(word) for word in line[:30].split()]
        elif label == "END OF FREQUENCY":
            found[antenna, line[3:6]] = pco, rows
        elif antenna >= 0 and len(line) > 30 and not line[60:80].strip(" -.0123456789"):
            rows.append([float(word) for word in line.split()[1:]])
    return found


def test_every_number_of_a_real_file_is_read_exactly(evidence):
    antex = read_antex(IGS)
    found = naive(IGS)
    assert len(found) == sum(len(one.frequencies) for one in antex.antennas) == 2 + 5 + 4 + 4
    worst, num = 0.0, 0
    for (antenna, code), (pco_mm, rows_mm) in found.items():
        ours = antex.antennas[antenna].frequencies[code]
        table = np.concatenate([ours.pcv_m[None], ours.pcv_az_m])
        assert table.shape == np.array(rows_mm).shape
        worst = max(worst, np.max(np.abs(table - np.array(rows_mm) / 1e3)))
        worst = max(worst, np.max(np.abs(ours.pco_m - np.array(pco_mm) / 1e3)))
        num += table.size + 3
    evidence(
        "io.antex",
        f"{num} lengths of four antennas of igs14.atx",
        "line by line float() of the words",
        "implementation",
        achieved=worst,
        tolerance=0.0,
        unit="m",
    )


def test_antennas_of_a_real_file_are_found_by_name():
    antex = read_antex(IGS)
    assert [one.serial for one in antex.antennas] == ["G01", "C22", "J02", ""]
    beidou = antex.satellite("C22", Epoch.from_calendar(2021, 9, 22, scale=TimeScale.GPST))
    assert (beidou.name, beidou.sat_code, beidou.cospar_id) == (
        "BEIDOU-3M-CAST",
        "C205",
        "2018-018A",
    )
    assert len(beidou.azimuth_rad) == 0
    np.testing.assert_allclose(np.degrees(beidou.zenith_rad), np.arange(16.0), atol=1e-12)
    np.testing.assert_array_equal(beidou.frequency("C02").pco_m, [-0.2, 0.0, 1.46])
    receiver = antex.receiver("TRM59800.80 NONE")
    assert (len(receiver.azimuth_rad), len(receiver.zenith_rad)) == (73, 19)
    assert receiver.num_calibrated == 28
    assert receiver.valid_from is None
    with pytest.raises(LeopntError, match="no frequency 'C09'; there are C01, C02, C05, C06, C07"):
        beidou.frequency("C09")
    with pytest.raises(LeopntError, match="'C23' at no epoch"):
        antex.satellite("C23", Epoch.from_calendar(2021, 9, 22))
    with pytest.raises(LeopntError, match="'C22' not at 2010-01-01"):
        antex.satellite("C22", Epoch.from_calendar(2010, 1, 1))
    with pytest.raises(LeopntError, match=r"no receiver antenna 'TRM59800.80 SCIS'"):
        antex.receiver("TRM59800.80 SCIS")


def test_small_file_gives_units_and_validity(tmp_path):
    (one,) = read_antex(write(tmp_path, SMALL)).antennas
    frequency = one.frequencies["L01"]
    np.testing.assert_allclose(frequency.pco_m, [0.1, -0.0025, 0.50025], rtol=1e-15)
    np.testing.assert_allclose(frequency.pcv_m, [0.0, -0.00125, 0.0025], rtol=1e-15)
    np.testing.assert_allclose(frequency.pcv_az_m[1], [0.0, -0.0015, 0.003], rtol=1e-15)
    np.testing.assert_allclose(one.azimuth_rad, [0, np.pi, 2 * np.pi])
    np.testing.assert_allclose(one.zenith_rad, [0, np.pi / 6, np.pi / 3])
    np.testing.assert_allclose(one.frequency_sigmas["L01"].pco_m, [1e-4, 2e-4, 3e-4])
    assert one.is_valid_at(Epoch.from_calendar(2024, 3, 1, scale=TimeScale.GPST))
    assert not one.is_valid_at(Epoch.from_calendar(2024, 7, 1, scale=TimeScale.GPST))
    assert not one.is_valid_at(Epoch.from_calendar(2023, 12, 31, scale=TimeScale.GPST))


def assert_same(one: AntexAntenna, other: AntexAntenna):
    for name in AntexAntenna.__dataclass_fields__:
        if name.startswith("frequenc"):
            assert list(getattr(one, name)) == list(getattr(other, name))
            for code, mine in getattr(one, name).items():
                for field in AntexFrequency.__dataclass_fields__:
                    theirs = getattr(getattr(other, name)[code], field)
                    np.testing.assert_array_equal(getattr(mine, field), theirs)
        elif name.endswith("_rad"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-15)
        else:
            assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("source", ["small", "real"])
def test_what_is_written_comes_back(tmp_path, source):
    antex = read_antex(write(tmp_path, SMALL) if source == "small" else IGS)
    back = read_antex(write_antex(tmp_path / "copy.atx", antex))
    assert (back.comments, back.pcv_type) == (antex.comments, antex.pcv_type)
    for one, other in zip(antex.antennas, back.antennas, strict=True):
        assert_same(one, other)


def test_a_small_file_is_written_as_it_was(tmp_path):
    antex = read_antex(write(tmp_path, SMALL))
    ours = write_antex(tmp_path / "copy.atx", antex).read_text()
    assert ours == "".join(line.rstrip() + "\n" for line in SMALL.splitlines())


def test_what_does_not_fit_is_not_written(tmp_path):
    antex = read_antex(write(tmp_path, SMALL))
    (one,) = antex.antennas
    far = replace(one.frequencies["L01"], pco_m=np.array([0.0, 0.0, 1e6]))
    short = replace(one.frequencies["L01"], pcv_m=np.zeros(2), pcv_az_m=np.zeros((3, 2)))
    lost = replace(one.frequencies["L01"], pcv_m=np.array([0.0, np.nan, 0.0]))
    path = tmp_path / "bad.atx"
    for bad, message in (
        (replace(one, name="A" * 21), "expected up to 20 Latin-1 characters"),
        (replace(one, serial="L\n1"), "does not fit; expected up to 20"),
        (replace(one, frequencies={"L01": far}), "1000000000.00 mm does not fit in 10 columns"),
        (replace(one, frequencies={"L01": lost}), "nan mm does not fit"),
        (replace(one, frequencies={"L01": short}), "do not fit 3 zenith angles and 3 azimuths"),
        (replace(one, zenith_rad=np.array([0.0, 0.1, 0.3])), "expected angles with one step"),
    ):
        with pytest.raises(LeopntError, match=message):
            write_antex(path, Antex((bad,)))
    assert not path.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ANTEX VERSION / SYST", "RINEX", "one.atx:1: columns 61-80 (label): expected 'ANTEX"),
        ("     1.4", "     2.4", "one.atx:1: columns 1-8 (version): expected 1.3 or 1.4"),
        ("A" + " " * 59 + "PCV", "X" + " " * 59 + "PCV", "one.atx:2: columns 1-1 (type of"),
        ("END OF HEADER", "COMMENT", "one.atx: the file ends within the header: it is cut"),
        ("START OF ANTENNA", "COMMENT", "one.atx:6: expected START OF ANTENNA in column 61"),
        ("   180.0  ", "   18x.0  ", "one.atx:8: columns 3-8 (step of azimuth, deg)"),
        ("   180.0  ", "   170.0  ", "one.atx:8: columns 3-8 (angles, deg): expected first, last"),
        ("60.0  30.0", "60.0  25.0", "one.atx:9: columns 3-20 (angles, deg): expected first, last"),
        ("60.0  30.0", "60.0   0.0", "one.atx:9: columns 3-20 (angles, deg)"),
        ("     1  ", "     2  ", "one.atx:25: this antenna promises 2 frequencies and has 1"),
        ("  2024     1     1", "  2024    13     1", "one.atx:11: 2024-13-01 is not a date"),
        ("  2024     1     1", "  2024     x     1", "one.atx:11: columns 7-12 (date and time)"),
        ("   L01", "    01", "one.atx:14: columns 4-6 (frequency): expected a system letter"),
        ("    100.00 ", "    1x0.00 ", "one.atx:15: columns 1-10 (phase center, mm)"),
        ("   NOAZI    0", "   NOAZI    x", "one.atx:16: columns 9-16 (variation, mm): expected a"),
        ("   NOAZI    0", "   XOAZI    0", "one.atx:16: columns 1-8: expected 'NOAZI'"),
        ("   -1.25    2.50\n", "   -1.25\n", "one.atx:16: columns 25-32 (variation, mm)"),
        ("    2.50\n", "    2.50    1.00\n", "one.atx:16: columns 37 and on: expected nothing"),
        (
            "   180.0    0.00",
            "   190.0    0.00",
            "one.atx:18: columns 1-8 (azimuth, deg): expected",
        ),
        ("   180.0    0.00   -1.50    3.00\n", "", "one.atx:19: this section has 3 lines of"),
        ("END OF FREQUENCY", "END OF FREQ RMS", "one.atx:25: expected END OF FREQUENCY before"),
        ("   L01" + " " * 54 + "END", "   L02" + " " * 54 + "END", "one.atx:20: columns 4-6 (freq"),
        ("NORTH / EAST / UP", "COMMENT", "one.atx:20: this section has no NORTH / EAST / UP"),
        ("TYPE / SERIAL NO", "COMMENT", "one.atx:25: this antenna has no line TYPE / SERIAL NO"),
        ("ZEN1 / ZEN2 / DZEN", "COMMENT", "one.atx:14: no line ZEN1 / ZEN2 / DZEN before this"),
        ("END OF ANTENNA\n", "COMMENT\n", "one.atx: the file ends within an antenna: it is cut"),
        ("RMS\n      0.10", "RMS\n      0.1x", "one.atx:22: columns 1-10 (phase center, mm)"),
    ],
)
def test_malformed_files_are_named_by_line_and_column(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(FormatError) as caught:
        read_antex(write(tmp_path, SMALL.replace(old, new, 1)))
    assert message in str(caught.value)
