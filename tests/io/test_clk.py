from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntError
from leopnt.io.clk import ClockTable, RinexClk, read_clk, write_clk

CODE = Path(__file__).parent / "data" / "COD_2_epochs.CLK"


def row(text, label, column=66):
    return f"{text:{column - 1}}{label}\n"


SMALL = (
    row("3.04                 C                    M", "RINEX VERSION / TYPE")
    + row("   GPS", "TIME SYSTEM ID")
    + row("    18", "LEAP SECONDS GNSS")
    + row("COM  CODE MGEX", "ANALYSIS CENTER")
    + row("     1    IGb14", "# OF SOLN STA / TRF")
    + row(
        "WAB200CHE 14014M002            4327318171   566956021  4636425977", "SOLN STA NAME / NUM"
    )
    + row("", "END OF HEADER")
    + "AR WAB200CHE 2021 04 28 19 30  0.000000  1   -0.250000000000E-06\n"
    + "AS G01       2021 04 28 19 30  0.000000  2    0.703963460000E-03  0.200000000000E-10\n"
    + "AS L07       2021 04 28 19 30  0.000000  4   -.100000000000D-08  0.300000000000E-10\n"
    + " 0.100000000000E-11 0.200000000000E-13\n"
    + "DR WAB200CHE 2021 04 28 19 30 15.000000  1    0.100000000000E-08\n"
    + "AS G01       2021 04 28 19 30 30.500000  2    0.703963470000E-03  0.200000000000E-10\n"
)


def write(folder, text):
    path = folder / "day.clk"
    path.write_text(text)
    return path


def naive(path):
    found = {}
    for line in path.read_text().split("END OF HEADER")[1].splitlines():
        if line[:3] in ("AS ", "AR "):
            words = line.split()
            found[words[0], words[1], " ".join(words[2:8])] = [float(x) for x in words[9:]]
    return found


def check_against_naive(clk, found):
    worst = 0.0
    epochs = list(dict.fromkeys(key[2] for key in found))
    for (kind, name, epoch), values in found.items():
        table = clk.satellites if kind == "AS" else clk.stations
        at = table.names.index(name), epochs.index(epoch)
        worst = max(worst, abs(table.bias_s[at] - values[0]))
        assert table.bias_sigma_s[at] == values[1] if len(values) > 1 else True
    both = [clk.satellites.bias_s, clk.stations.bias_s]
    assert len(found) == sum(np.sum(~np.isnan(one)) for one in both)
    return worst


def test_every_clock_of_a_real_file_is_read_exactly(evidence):
    clk, found = read_clk(CODE), naive(CODE)
    worst = check_against_naive(clk, found)
    assert clk.satellites.bias_s.shape[1] == len(clk.epoch) == 2
    assert (clk.agency, clk.frame, clk.leap_seconds) == ("COM", "IGb14", 18)
    assert len(clk.station_pos_ecef_m) == 135
    np.testing.assert_array_equal(
        clk.station_pos_ecef_m["AMU200ATA"], [58.227, -201.923, -6359569.063]
    )
    evidence(
        "io.clk",
        f"{len(found)} clocks of a RINEX CLK 3.04 file",
        "line by line float() of the words",
        "implementation",
        achieved=worst,
        tolerance=0.0,
        unit="s",
    )


def test_small_file_gives_all_quantities(tmp_path):
    clk = read_clk(write(tmp_path, SMALL))
    assert clk.satellites.names == ("G01", "L07")
    np.testing.assert_array_equal(
        clk.satellites.bias_s, [[0.70396346e-3, 0.70396347e-3], [-1e-9, np.nan]]
    )
    np.testing.assert_array_equal(clk.satellites.bias_sigma_s, [[2e-11, 2e-11], [3e-11, np.nan]])
    assert clk.satellites.rate[1, 0] == 1e-12
    assert clk.satellites.rate_sigma[1, 0] == 2e-14
    assert np.all(np.isnan(clk.satellites.acceleration_per_s))
    np.testing.assert_array_equal(clk.stations.bias_s, [[-2.5e-7, np.nan]])
    assert np.all(np.isnan(clk.stations.bias_sigma_s))
    assert len(clk.others) == 1
    assert clk.epoch[1].since(clk.epoch[0]) == 30.5


def test_older_versions_have_names_of_four_characters(tmp_path):
    lines = []
    for line in SMALL.splitlines():
        if line[:3] in ("AS ", "AR ", "DR "):
            line = line[:7] + line[12:]
        elif len(line) > 66:
            line = line[:60] + line[65:]
        lines.append(line)
    text = "\n".join(lines).replace("3.04 ", "3.00 ") + "\n"
    text = text.replace("WAB200CHE 14014M002            432", "WAB2 14014M002            432")
    expected = read_clk(write(tmp_path, SMALL))
    old = read_clk(write(tmp_path, text))
    assert old.stations.names == ("WAB2",)
    np.testing.assert_array_equal(old.satellites.columns(), expected.satellites.columns())


@pytest.mark.parametrize("source", ["small", "real"])
def test_what_is_written_comes_back(tmp_path, source):
    clk = read_clk(write(tmp_path, SMALL) if source == "small" else CODE)
    back = read_clk(write_clk(tmp_path / "copy.clk", clk))
    assert back.epoch == clk.epoch
    for one, other in ((clk.satellites, back.satellites), (clk.stations, back.stations)):
        assert one.names == other.names
        np.testing.assert_array_equal(one.columns(), other.columns())
    assert list(back.station_pos_ecef_m) == list(clk.station_pos_ecef_m)
    assert (back.frame, back.agency, back.leap_seconds) == (clk.frame, clk.agency, clk.leap_seconds)
    assert back.comments == clk.comments


def table(names, bias_s):
    return ClockTable.of_biases(names, np.array(bias_s))


def test_what_does_not_fit_is_not_written(tmp_path):
    epoch = Epoch.from_calendar(2024, 1, [1, 2], scale=TimeScale.GPST)
    none = table((), np.zeros((0, 2)))

    def clk(names=("L01",), bias_s=((0.0, 1.0),), epoch=epoch, scale=TimeScale.GPST):
        return RinexClk(epoch, scale, table(names, bias_s), none)

    path = tmp_path / "bad.clk"
    for bad, message in (
        (clk(names=("TOOLONGNAME",)), "name 'TOOLONGNAME'; expected 1 to 9 ASCII characters"),
        (clk(bias_s=((0.0, np.inf),)), "a clock is infinite"),
        (clk(epoch=epoch + 1e-7), "more than 6 decimals"),
        (clk(scale=TimeScale.TT), "time scale TT has no name in RINEX"),
    ):
        with pytest.raises(LeopntError, match=message):
            write_clk(path, bad)
    assert not path.exists()
    assert read_clk(write_clk(path, clk())).satellites.bias_s.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("                 C ", "                 N ", "day.clk:1: expected a first line with 'C'"),
        ("3.04", "x.04", "day.clk:1: columns 1-9 (version)"),
        ("3.04", "4.04", "day.clk:1: columns 1-9 (version): expected 2.00 to 3.99"),
        ("   GPS", "   XXX", "day.clk:2: columns 1-6 (time system): expected one of GPS"),
        ("ANALYSIS CENTER", "", "day.clk:4: columns 66-85 (label): expected a header label"),
        ("4327318171", "43273x8171", "day.clk:6: columns 31-41 (station coordinate, mm)"),
        ("END OF HEADER", "COMMENT", "day.clk:8: columns 66-85 (label): expected a header label"),
        (
            "0.000000  1",
            "0.000000  7",
            "day.clk:8: columns 40-42 (number of values): expected 1 to",
        ),
        ("-0.2500000", "-0.25000x0", "day.clk:8: columns 46-64 (clock bias, s): expected a number"),
        ("0.703963460000E-03", "0.703963460000E+999", "day.clk:9: columns 85 and on: exp"),
        (
            "  0.703963460000E-03",
            " 0.703963460000E+999",
            "day.clk:9: columns 46-64 (clock bias, s)",
        ),
        ("  0.200000000000E-10", "  0.2000 0000000E-10", "day.clk:9: columns 66-84 (sigma of the"),
        ("-10\nAS L", "-10 5\nAS L", "day.clk:9: columns 86 and on: expected nothing"),
        ("04 28 19 30 30.5", "04 31 19 30 30.5", "day.clk:13: 2021-04-31 is not a date"),
        ("04 28 19 30 30.5", "04 28 1x 30 30.5", "day.clk:13: columns 24-26 (hour): expected an"),
        ("30 30.5", "30 30,5", "day.clk:13: columns 34-39 (decimals of the second)"),
        ("AS L07", "AS    ", "day.clk:10: columns 4-12 (name): expected a satellite or station"),
        ("AS L07", "AS G01", "day.clk:10: a second record of G01 at one epoch"),
        ("AS L07", "XS L07", "day.clk:10: expected a record that begins with AS, AR"),
        (" 0.100000000000E-11 0.2", "AS 0.100000000000E-11 0.2", "day.clk:11: columns 40-42"),
        (" 0.100000000000E-11 ", " ", "day.clk:11: expected 2 values, found 1"),
        (" 0.100000000000E-11 ", " 0.1000000E-11x ", "day.clk:11: columns 1-14 (clock rate"),
        (" 0.100000000000E-11 0.200000000000E-13\n", "", "day.clk:10: promises 4 values, but none"),
        ("E-10\n", "E-10", "day.clk"),
    ],
)
def test_malformed_files_are_named_by_line_and_column(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(FormatError) as caught:
        read_clk(write(tmp_path, SMALL.replace(old, new, 1)))
    assert message in str(caught.value)


def test_cut_and_empty_files_are_refused(tmp_path):
    assert len(read_clk(write(tmp_path, SMALL[:-1])).epoch) == 2  # only the line end is missing
    for end in range(2, 40):
        with pytest.raises(FormatError, match=r"13: .* (cut|found)"):
            read_clk(write(tmp_path, SMALL[:-end]))
    with pytest.raises(FormatError, match="is empty"):
        read_clk(write(tmp_path, ""))


def test_names_that_never_come_twice_are_refused(tmp_path):
    lines = [
        f"AS X{i:05d}    2021 04 28 {i // 3600:2d} {i // 60 % 60:2d} {i % 60:2d}.000000  1"
        "    0.100000000000E-08"
        for i in range(3000)
    ]
    text = SMALL[: SMALL.index("AR WAB")] + "\n".join(lines) + "\n"
    with pytest.raises(FormatError, match="3000 names at 3000 epochs in 3000 records: hardly any"):
        read_clk(write(tmp_path, text))
