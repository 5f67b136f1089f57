import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.alpha5 import to_alpha5
from sgp4.api import Satrec

from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError
from leopnt.io.tle import parse_tle, read_tle, scan_tle

DATA = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
STARLINK = """\
STARLINK-1008
1 44714U 19074B   25362.64741190 -.00000015  00000+0  17863-4 0  9996
2 44714  53.0566 145.5400 0001314  91.1935 268.9204 15.06397360338042
"""
LINE_1, LINE_2 = STARLINK.splitlines()[1:]


def signed(line):
    """The line with the checksum that belongs to its first 68 columns."""
    total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68])
    return f"{line[:68]}{total % 10}"


def changed(line, first_column, text):
    at = first_column - 1
    return signed(line[:at] + text + line[at + len(text) :])


def message_of(text):
    with pytest.raises(FormatError) as caught:
        parse_tle(text, "sats.tle").require()
    return str(caught.value)


def test_all_fields_of_3115_satellites_agree_with_the_sgp4_package(evidence):
    path = DATA / "starlink.tle"
    elements = read_tle(path)
    lines = path.read_text().splitlines()
    assert elements.name == tuple(line.strip() for line in lines[::3])
    theirs = [Satrec.twoline2rv(*lines[i + 1 : i + 3]) for i in range(0, len(lines), 3)]

    def deviation(ours, attribute, factor=1.0):
        values = np.array([getattr(sat, attribute) for sat in theirs])
        return np.max(np.abs(ours * factor - values) / np.maximum(np.abs(values), 1e-30))

    worst = max(
        deviation(elements.norad_cat_id, "satnum"),
        deviation(elements.mean_motion_radps, "no_kozai", 60.0),
        deviation(elements.eccentricity, "ecco"),
        deviation(elements.inclination_rad, "inclo"),
        deviation(elements.raan_rad, "nodeo"),
        deviation(elements.arg_perigee_rad, "argpo"),
        deviation(elements.mean_anomaly_rad, "mo"),
        deviation(elements.bstar_per_earth_radius, "bstar"),
        deviation(elements.mean_motion_dot_radps2, "ndot", 3600.0),
        deviation(elements.element_set_no, "elnum"),
        deviation(elements.rev_at_epoch, "revnum"),
    )
    evidence(
        "io.tle",
        "All element fields of 3115 Starlink sets, relative",
        "sgp4 package reader",
        "implementation",
        achieved=worst,
        tolerance=1e-15,
    )


def test_epoch_is_exact_to_a_nanosecond(evidence):
    # 0.64741190 day is 55936.38816 s = 15:32:16.38816 of 28 December, day 362.
    expected = Epoch.from_iso("2025-12-28T15:32:16.388160Z")
    error_s = abs(parse_tle(STARLINK).require().epoch[0].since(expected))
    evidence(
        "io.tle",
        "Epoch of a TLE",
        "day fraction worked out by hand",
        "closed form",
        achieved=error_s,
        tolerance=1e-12,
        unit="s",
    )


def test_name_line_is_optional_and_its_leading_zero_is_dropped():
    bare = parse_tle("\n".join((LINE_1, LINE_2))).require()
    numbered = parse_tle(f"0 STARLINK-1008\n{LINE_1}\n{LINE_2}").require()
    assert bare.name == ("",)
    assert numbered.name == ("STARLINK-1008",)
    assert numbered.object_id == ("2019-074B",)


@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: ("\n\n" + text.replace("\n", "   \n\n")).encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: gzip.compress(text.encode()),
    ],
    ids=["CRLF", "CR", "BOM", "UTF-16", "blank lines", "no final newline", "gzip"],
)
def test_files_as_editors_leave_them_read_the_same(tmp_path, disguise):
    path = tmp_path / "sats.tle"
    path.write_bytes(disguise(STARLINK))
    elements = read_tle(path)
    assert elements.name == ("STARLINK-1008",)
    assert elements.mean_motion_radps == parse_tle(STARLINK).require().mean_motion_radps


@pytest.mark.parametrize("number", [5, 99_999, 100_000, 182_345, 339_999])
def test_alpha5_numbers_agree_with_the_sgp4_package(number):
    code = to_alpha5(number)
    text = "\n".join((changed(LINE_1, 3, code), changed(LINE_2, 3, code)))
    assert parse_tle(text).require().norad_cat_id[0] == number


def test_letters_i_and_o_are_not_alpha5():
    assert "expected five digits, or Alpha-5" in message_of(
        f"{changed(LINE_1, 3, 'I0001')}\n{LINE_2}"
    )


@pytest.mark.parametrize(
    ("line_1", "line_2", "message"),
    [
        (LINE_1[:60], LINE_2, "sats.tle:1: 60 columns, expected 69"),
        (LINE_1[:68], LINE_2, "sats.tle:1: 68 columns, expected 69: the checksum is missing"),
        (
            LINE_1,
            LINE_2[:-1] + "3",
            "sats.tle:2: the checksum in column 69 is 3, but the line adds",
        ),
        (LINE_1, LINE_2.replace("15.06", "15.07"), "a character was changed or lost"),
        (
            changed(LINE_1, 55, "1x863-4"),
            LINE_2,
            "columns 54-61 (B*): expected an assumed decimal",
        ),
        (changed(LINE_1, 21, "400.64741190"), LINE_2, "'400.64741190' is not a day of its year"),
        (changed(LINE_1, 21, "366.64741190"), LINE_2, "'366.64741190' is not a day of its year"),
        (changed(LINE_1, 19, "65"), LINE_2, "epoch in 1965; UTC with leap seconds begins in 1972"),
        (
            changed(LINE_1, 63, "4"),
            LINE_2,
            "ephemeris type 4 (SGP4-XP) is not an SGP4 element set",
        ),
        (
            LINE_1,
            changed(LINE_2, 53, "17.60000000"),
            "mean motion 17.6 rev/day; expected up to 17.1",
        ),
        (LINE_1, changed(LINE_2, 53, " 0.00000000"), "mean motion 0.0 rev/day"),
        (LINE_1, changed(LINE_2, 9, "190.0000"), "inclination 190.0 deg; expected 0 to 180"),
        (LINE_1, changed(LINE_2, 18, "370.0000"), "raan 370.0 deg; expected 0 to 360"),
        (
            LINE_1,
            changed(LINE_2, 3, "44715"),
            "line 2 is of object '44715', but line 1 of '44714'",
        ),
        (LINE_1, changed(LINE_2, 18, "1 5.5400"), "RAAN: '1 5.5400' is not a number"),
        (
            changed(LINE_1, 3, "00000"),
            changed(LINE_2, 3, "00000"),
            "catalog number 0; expected 1",
        ),
    ],
)
def test_a_bad_record_is_named_with_line_and_reason(line_1, line_2, message):
    assert message in message_of(f"{line_1}\n{line_2}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no element set; expected TLE lines of 69 columns"),
        ("No GP data found\n", "sats.tle:1: no element lines follow 'No GP data found'"),
        (f"{LINE_1}\n", "sats.tle:1: the file ends after line 1"),
        (f"{LINE_1}\n{LINE_1}\n{LINE_2}\n", "sats.tle:1: line 1 of an element set has no line 2"),
        (f"{LINE_2}\n", "sats.tle:1: line 2 of an element set has no line 1"),
        (f"A\nB\n{LINE_1}\n{LINE_2}\n", "sats.tle:1: no element lines follow 'A'"),
    ],
)
def test_lines_that_do_not_belong_together_are_named(text, message):
    assert message in message_of(text)


def test_one_bad_record_among_many_costs_only_itself():
    good = DATA.joinpath("orbcomm.tle").read_text().splitlines()
    lines = [*good[:6], "DAMAGED", LINE_1.replace("25362", "25x62"), LINE_2, *good[6:]]
    scanned = parse_tle("\n".join(lines), "sats.tle")
    assert len(scanned.elements) == 15
    assert len(scanned.rejected) == 1
    assert scanned.rejected[0].line_number == 8
    with pytest.raises(FormatError, match=r"^sats\.tle:8: columns 21-32"):
        scanned.require()


def test_the_error_says_how_many_more_records_are_bad():
    text = "\n".join([LINE_1, LINE_2[:-1] + "0", LINE_1[:-1] + "0", LINE_2, LINE_1, LINE_2])
    message = message_of(text)
    assert message.startswith("sats.tle:2: the checksum")
    assert (
        "(1 more bad records follow; the scan_ function of this format keeps the 1 good" in message
    )


def test_missing_files_and_folders_are_named_with_a_neighbor(tmp_path):
    (tmp_path / "starlink.tle").write_text(STARLINK)
    with pytest.raises(LeopntError, match=r"no such file\. Did you mean 'starlink\.tle'\?"):
        read_tle(tmp_path / "starlnk.tle")
    with pytest.raises(LeopntError, match="is a folder"):
        read_tle(tmp_path)


@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")  # years beyond the leap table
@given(
    st.lists(
        st.tuples(st.integers(0, len(STARLINK) - 1), st.characters(codec="utf-8")), max_size=6
    ),
    st.integers(0, len(STARLINK)),
)
@settings(max_examples=200, deadline=None)
def test_damaged_files_give_elements_or_format_errors_only(edits, length):
    characters = list(STARLINK)
    for at, character in edits:
        characters[at] = character
    scanned = parse_tle("".join(characters)[:length])
    assert len(scanned.elements) <= 1
    assert all(isinstance(error, FormatError) for error in scanned.rejected)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_give_format_errors_only(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "any.tle"
    path.write_bytes(data)
    try:
        scanned = scan_tle(path)
    except FormatError:
        return
    assert len(scanned.elements) == 0
    assert scanned.rejected
