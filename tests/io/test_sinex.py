import re
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.io.sinex import read_sinex

IGS = Path(__file__).parent / "data" / "igs10P1565_6_stations.snx"
SMALL = """\
%=SNX 2.00 TST 10:020:68995 TST 10:002:00000 10:011:00000 P 00006 2 S V
*-------------------------------------------------------------------------------
+SITE/ID
 POLE  A 12345M001 P S\xe3o Pole               0  0  0.0  90  0  0.0     0.0
-SITE/ID
+SITE/ECCENTRICITY
 POLE  A ---- P 95:001:00000 00:000:00000 UNE   0.0083  -0.0010   0.0000
-SITE/ECCENTRICITY
+SITE/ANTENNA
 POLE  A ---- P 95:001:00000 10:010:86370 TRM55971.00     NONE 12345
-SITE/ANTENNA
+SOLUTION/ESTIMATE
*Index _Type_ Code Pt Soln _Ref_Epoch__ Unit S __Estimated Value____ _Std_Dev___
     1 STAX   POLE  A    1 10:006:43185 m    2 -.2148744238594986E+7 .1634910E-2
     2 STAY   POLE  A    1 10:006:43185 m    2 0.442664124699664E+07 .2706730E-2
     3 STAZ   POLE  A    1 10:006:43185 m    2 .40446558933145100E+7 .2376070E-2
     4 VELX   POLE  A    1 10:006:43185 m/y  2 -.3155760000000000E-1 .1000000E-3
     5 VELY   POLE  A    1 10:006:43185 m/y  2 0.315576000000000E-01 .1000000E-3
     6 VELZ   POLE  A    1 10:006:43185 m/y  2 0.000000000000000E+00 .1000000E-3
-SOLUTION/ESTIMATE
%ENDSNX
"""


def write(folder, text):
    path = folder / "week.snx"
    path.write_bytes(text.encode("latin-1"))
    return path


def test_coordinates_of_a_real_file_are_those_in_its_lines(evidence):
    sinex = read_sinex(IGS)
    pattern = re.compile(r" +\d+ STA([XYZ]) +(\w{4}) .* m +2 (\S+) (\S+)")
    worst, num = 0.0, 0
    for line in IGS.read_text(encoding="latin-1").splitlines():
        match = pattern.fullmatch(line)
        if match:
            at = sinex.row(match[2]), "XYZ".index(match[1])
            worst = max(worst, abs(sinex.pos_ecef_m[at] - float(match[3])))
            assert sinex.pos_sigma_m[at] == float(match[4])
            num += 1
    assert num == sinex.pos_ecef_m.size == 18
    evidence(
        "io.sinex",
        "Coordinates of six stations",
        "float() of the words of each line",
        "implementation",
        achieved=worst,
        tolerance=0.0,
        unit="m",
    )


def test_a_known_station_is_where_it_is(evidence):
    sinex = read_sinex(IGS)
    row = sinex.row("BJFS")
    off_m = sinex.pos_ecef_m[row] - [-2148744.2386, 4426641.2470, 4044655.8933]
    evidence(
        "io.sinex",
        "Position of BJFS in the IGS solution of week 1565",
        "README of the data set",
        "published",
        achieved=np.max(np.abs(off_m)),
        tolerance=5.1e-5,
        unit="m",
    )
    assert sinex.epoch[row].since(Epoch.from_calendar(2010, 1, 7, 1, 42, 40)) == 0.0
    assert sinex.agency == "NRC"
    assert [one.code for one in sinex.sites] == ["BJFS", "CHAN", "KUNM", "LHAZ", "SHAO", "WUHN"]
    antenna = next(one for one in sinex.antennas if one.code == "BJFS")
    assert antenna.name == "ASH700936B_M    SNOW"
    assert antenna.valid_until is None
    assert antenna.valid_from == Epoch.from_calendar(1995, 9, 20)
    assert len(sinex.receivers) == len(sinex.eccentricities) == 6
    up = next(one for one in sinex.eccentricities if one.code == "BJFS")
    assert (up.system, up.offset_m.tolist()) == ("UNE", [0.046, 0.0, 0.0])


def test_small_file_gives_velocities_and_spans(tmp_path):
    sinex = read_sinex(write(tmp_path, SMALL))
    np.testing.assert_allclose(sinex.vel_ecef_mps, [[-1e-9, 1e-9, 0.0]], rtol=1e-15)
    assert sinex.pos_ecef_m[0, 0] == -2148744.238594986
    assert (sinex.sites[0].domes, sinex.sites[0].description) == ("12345M001", "S\xe3o Pole")
    assert sinex.eccentricities[0].offset_m.tolist() == [0.0083, -0.001, 0.0]
    end = sinex.antennas[0].valid_until
    assert end == Epoch.from_calendar(2010, 1, 10, 23, 59, 30)


def test_sites_are_found_by_code(tmp_path):
    sinex = read_sinex(write(tmp_path, SMALL))
    with pytest.raises(LeopntError, match=r"site 'POLO', found none\. Did you mean 'POLE'\?"):
        sinex.row("POLO")


def test_another_number_of_estimates_warns(tmp_path):
    with pytest.warns(LeopntWarning, match="promises 9 estimates, the file holds 6"):
        read_sinex(write(tmp_path, SMALL.replace("P 00006", "P 00009")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("%=SNX", "%=BIA", "week.snx:1: expected a first line '%=SNX'"),
        ("%ENDSNX\n", "", "week.snx:20: the last line is not '%ENDSNX': the file is cut"),
        ("-SITE/ID\n", "", "week.snx:5: '+SITE/ECCENTRICITY' within block SITE/ID"),
        ("-SOLUTION/ESTIMATE\n", "", "week.snx:12: block SOLUTION/ESTIMATE is not closed"),
        ("+SITE/ID\n", "", "week.snx:3: ' POLE  A 12345M001 P S\xe3o Pole"),
        ("SOLUTION/ESTIMATE", "SOLUTION/OTHER", "is not expected"),
        ("     3 STAZ", "     3 STAX", "week.snx:16: a second STAX of POLE A 1"),
        ("     3 STAZ", "     3 XXXX", "week.snx:14: site POLE A 1 has 2 of three coordinates"),
        ("     6 VELZ", "     6 XXXX", "week.snx:14: site POLE A 1 has 2 of three velocities"),
        ("-.2148744", "-.2148x44", "week.snx:14: columns 48-68 (STAX): expected a number"),
        ("E+7 .163", "E+7 .x63", "week.snx:14: columns 70-80 (standard deviation of STAX)"),
        ("43185 m  ", "43185 km ", "week.snx:14: columns 41-44 (unit of STAX): expected 'm'"),
        (
            "10:006:43185",
            "10:406:43185",
            "week.snx:14: columns 28-39 (reference epoch): expected a",
        ),
        (
            "10:006:43185",
            "10:00x:43185",
            "week.snx:14: columns 28-39 (reference epoch): expected a",
        ),
        (
            "10:006:43185",
            "00:000:00000",
            "week.snx:14: columns 28-39 (reference epoch): expected an",
        ),
        ("STAY   POLE  A    1 10:006", "STAY   POLE  A    1 10:007", "expected that of line 14"),
        ("1 STAX   POLE", "1 STAX       ", "week.snx:14: columns 15-18 (site)"),
        ("UNE   0", "ABC   0", "week.snx:7: columns 43-45 (axes): expected 'UNE' or 'XYZ'"),
        ("0.0083", "0.00x3", "week.snx:7: columns 47-54 (eccentricity, m)"),
        ("95:001:00000 10", "95:366:00000 10", "week.snx:10: columns 17-28 (start)"),
    ],
)
def test_malformed_files_are_named_by_line_and_column(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(FormatError) as caught:
        read_sinex(write(tmp_path, SMALL.replace(old, new, 1)))
    assert message in str(caught.value)


def test_files_without_coordinates_are_refused(tmp_path):
    bare = SMALL[: SMALL.index("+SOLUTION")] + "%ENDSNX\n"
    with pytest.raises(FormatError, match="has no block SOLUTION/ESTIMATE; there are SITE/ID"):
        read_sinex(write(tmp_path, bare))
    none = SMALL.replace(" STA", " ABC").replace(" VEL", " ABC")
    with pytest.raises(FormatError, match="holds no station coordinates"):
        read_sinex(write(tmp_path, none))
