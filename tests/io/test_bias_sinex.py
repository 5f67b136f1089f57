from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError, LeopntWarning
from leopnt.io.bias_sinex import read_bias_sinex

CODE = Path(__file__).parent / "data" / "COD_5_satellites.BIA"
SMALL = """\
%=BIA 1.00 TST 2021:274:20048 TST 2021:265:00000 2021:266:00000 A 00000004
* J\xe4ggi
+BIAS/DESCRIPTION
 TIME_SYSTEM                             G
-BIAS/DESCRIPTION
+BIAS/SOLUTION
*BIAS SVN_ PRN STATION__ OBS1 OBS2 BIAS_START____ BIAS_END______ UNIT __ESTIMATED_VALUE____ _STD_DEV___
 OSB  L107 L07           C1C       2021:265:00000 2021:265:43200 ns                 -1.4777      0.0062
 OSB  L107 L07           C1C       2021:265:43200 0000:000:00000 ns                 -1.5777
 OSB  L107 L07           L1C       2021:265:00000 2021:266:00000 cyc                0.97302     0.00000
 DSB       G   ABMF00GLP C1C  C1W  2021:265:00000 2021:266:00000 ns                  2.5000      0.1000
-BIAS/SOLUTION
%=ENDBIA
"""  # noqa: E501


def write(folder, text):
    path = folder / "day.bia"
    path.write_bytes(text.encode("latin-1"))
    return path


def test_biases_of_a_real_file_are_those_in_its_lines(evidence):
    bias = read_bias_sinex(CODE)
    lines = [x for x in CODE.read_text(encoding="latin-1").splitlines() if x.startswith(" OSB ")]
    assert len(lines) == len(bias.kind)
    worst = 0.0
    for i, line in enumerate(lines):
        words = line.split()
        value, sigma = words[-2:]
        assert bias.code[i] == words[-6]
        assert (bias.satellite[i] or bias.station[i]) in words
        worst = max(worst, abs(bias.bias_s[i] - float(value) * 1e-9))
        assert bias.sigma_s[i] == float(sigma) * 1e-9
    evidence(
        "io.bias_sinex",
        f"{len(lines)} biases of satellites and a station",
        "float() of the words of each line",
        "implementation",
        achieved=worst,
        tolerance=0.0,
        unit="s",
    )
    assert bias.is_absolute
    assert bias.time_scale is TimeScale.GPST
    noon = Epoch.from_calendar(2021, 9, 22, 12, scale=TimeScale.GPST)
    assert bias.satellite_osb_s("G01", "C1C", noon) == pytest.approx(-1.4777e-9, rel=1e-15)
    assert np.isnan(bias.satellite_osb_s("G01", "C1C", noon + 86_400.0))
    assert np.isnan(bias.satellite_osb_s("G01", "C9X", noon))


def test_small_file_gives_units_spans_and_kinds(tmp_path):
    bias = read_bias_sinex(write(tmp_path, SMALL))
    assert bias.kind == ("OSB", "OSB", "OSB", "DSB")
    np.testing.assert_allclose(bias.bias_s, [-1.4777e-9, -1.5777e-9, np.nan, 2.5e-9], rtol=1e-15)
    np.testing.assert_array_equal(bias.bias_cycles, [np.nan, np.nan, 0.97302, np.nan])
    np.testing.assert_array_equal(bias.sigma_cycles, [np.nan, np.nan, 0.0, np.nan])
    assert np.isnan(bias.sigma_s[1])
    assert bias.has_end.tolist() == [True, False, True, True]
    assert (bias.station[3], bias.second_code[3]) == ("ABMF00GLP", "C1W")
    morning = Epoch.from_calendar(2021, 9, 22, 6, scale=TimeScale.GPST)
    assert bias.satellite_osb_s("L07", "C1C", morning) == pytest.approx(-1.4777e-9)
    assert bias.satellite_osb_s("L07", "C1C", morning + 86_400.0) == pytest.approx(-1.5777e-9)


def test_another_number_of_biases_warns(tmp_path):
    with pytest.warns(LeopntWarning, match="promises 9 biases, the file holds 4"):
        read_bias_sinex(write(tmp_path, SMALL.replace("00000004", "00000009")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("%=BIA", "%=SNX", "day.bia:1: expected a first line '%=BIA'"),
        ("%=ENDBIA", "", "day.bia:12: the last line is not '%=ENDBIA': the file is cut"),
        (
            "TIME_SYSTEM                             G",
            "TIME_SYSTEM                             Q",
            "",
        ),
        (" OSB  L107", " XSB  L107", "day.bia:8: columns 2-5 (kind of bias): expected one of OSB"),
        ("ns  ", "m   ", "day.bia:8: columns 66-69 (unit): expected 'ns' or 'cyc'"),
        ("-1.4777", "-1.47x7", "day.bia:8: columns 71-91 (bias): expected a number"),
        ("0.0062", "0.00x2", "day.bia:8: columns 93-103 (standard deviation)"),
        ("L07           C1C", "              C1C", "day.bia:8: columns 12-29 (satellite, station"),
        ("L07           C1C", "L07              ", "day.bia:8: columns 12-29 (satellite, station"),
        ("2021:265:00000 2021:265", "2021:365:99999 2021:265", "day.bia:8: columns 36-49 (start)"),
        ("0000:000:00000", "0000:000:00001", "day.bia:9: columns 51-64 (end)"),
        (
            "C1C       2021:265:43200",
            "C1C       2021:265:00000",
            "day.bia:9: a second bias OSB L107",
        ),
        ("+BIAS/SOLUTION", "*BIAS/SOLUTION", "day.bia:8: ' OSB  L107 L07"),
    ],
)
def test_malformed_files_are_named_by_line_and_column(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(FormatError) as caught:
        read_bias_sinex(write(tmp_path, SMALL.replace(old, new, 1)))
    assert message in str(caught.value)


def test_files_without_biases_are_refused(tmp_path):
    begin, end = SMALL.index("+BIAS/SOLUTION"), SMALL.index("%=ENDBIA")
    with pytest.raises(FormatError, match="has no block BIAS/SOLUTION; there are BIAS/DESCRIPTION"):
        read_bias_sinex(write(tmp_path, SMALL[:begin] + SMALL[end:]))
    empty = SMALL[:begin] + "+BIAS/SOLUTION\n-BIAS/SOLUTION\n" + SMALL[end:]
    with pytest.raises(FormatError, match="block BIAS/SOLUTION is empty"):
        read_bias_sinex(write(tmp_path, empty))
