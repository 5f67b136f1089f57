"""Tables: what they list, and how they print in a terminal and outside one."""

import io

import numpy as np
import pytest
from rich.console import Console

from leopnt.errors import LeopntError
from leopnt.report import content
from leopnt.report.tables import fix_summary, plain_text, sky_summary


def cells(table):
    return {row[0]: row[1:] for row in table.rows}


def test_facts_hold_position_sigma_bound_error_and_verdict(fix):
    facts = {name: value for name, (value,) in cells(content.fix_facts(fix)).items()}
    assert facts["Position"] == "22.30408 N, 114.18094 E"
    assert facts["Height"] == "83.4 m above the WGS 84 ellipsoid"
    assert facts["Predicted 1-sigma"] == "78 m east, 48 m north, 53 m up"
    assert facts["Cramer-Rao bound"] == "76 m east, 47 m north, 52 m up"
    assert facts["Error (fix minus truth)"] == "+84 m east, -57 m north, +22 m up"
    assert facts["Error, total"].startswith("102 m horizontal, 104 m in 3D")
    assert facts["Residual rms"] == "5.37 Hz"
    assert facts["Dilution of precision"] == "HDOP 2.31, VDOP 3.02, PDOP 3.80"
    assert "long axis at azimuth 118 deg" in facts["95 % ellipse"]


def test_dop_shows_its_unit(fix):
    changed = fix.copy(deep=True)
    changed["hdop"].attrs["units"] = "m/Hz"
    facts = cells(content.fix_facts(changed))
    assert facts["Dilution of precision"][0].startswith("HDOP 2.31 m/Hz, VDOP 3.02")


def test_estimates_end_at_the_second_digit_of_their_sigma(fix):
    rows = cells(content.unknowns(fix))
    assert rows["frequency offset"] == ("12.40", "0.46", "Hz")
    assert rows["x"][2] == "m"
    assert "." not in rows["x"][0]


def test_satellites_count_used_and_rejected(fix):
    rows = cells(content.satellites(fix, 99))
    assert rows["Iridium 54"][:3] == ("55", "53", "2")
    assert rows["Iridium 25"][:3] == ("1", "1", "0")
    total = sum(int(row[2]) for row in rows.values())
    assert total == int((~fix["used"]).sum())


def test_satellite_offsets_appear_when_they_were_estimated(fix):
    offsets = ("satellite", np.arange(7.0), {"units": "Hz"})
    table = content.satellites(fix.assign(sat_offset=offsets), 99)
    assert table.columns[-1] == "Offset"
    assert table.rows[3][-1] == "3.00 Hz"


def test_rejected_measurements_come_with_their_reason(fix):
    table = content.rejected(fix, 99)
    assert len(table.rows) == 4
    assert {row[1] for row in table.rows} == {"Iridium 19", "Iridium 54", "Iridium 59"}
    assert table.rows[1][2:] == (
        "-212 Hz",
        "more than 20 sigma from every other measurement of this satellite",
    )


def test_long_lists_are_cut_and_say_so(fix):
    table = content.rejected(fix, 1)
    assert len(table.rows) == 1
    assert table.note == "3 more rows are in the NetCDF and JSON files."


def test_candidates_start_with_the_solution_then_by_rms(fix):
    table = content.candidates(fix.isel(candidate=[2, 1, 0]), 99)
    assert [row[2] for row in table.rows] == ["5.40 Hz", "1843 Hz", "2710 Hz"]
    assert table.rows[0][3] == "the solution"


def test_passes_list_highest_first_with_their_times(sky):
    table = content.passes(sky, 99)
    visible = sky["visible"].values
    assert len(table.rows) == visible.any(axis=1).sum()
    heights = [int(row[2]) for row in table.rows]
    assert heights == sorted(heights, reverse=True)
    first = int(np.flatnonzero(sky["satellite"].values == table.rows[0][0])[0])
    epochs = sky["epoch_utc"].values[visible[first]]
    assert table.rows[0][4] == epochs[0][11:19]
    assert table.rows[0][6] == epochs[-1][11:19]


def test_plain_text_is_ascii_lines_without_color(fix):
    text = plain_text(fix_summary(fix), 100)
    assert text.isascii()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    for title in ("Result", "Estimated unknowns", "Satellites", "Rejected measurements",
                  "Candidate positions", "Warning: The element sets"):  # fmt: skip
        assert title in text


def test_terminal_gets_color(fix):
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="standard", width=100).print(
        fix_summary(fix)
    )
    assert "\x1b[" in stream.getvalue()


def test_brackets_and_emoji_codes_in_names_are_printed_as_they_are(fix):
    name = "[bold]SAT[/bold] :smile:"
    renamed = fix.assign_attrs(title=name).assign_coords(
        satellite=("satellite", np.array([name, *fix["satellite"].values[1:]]))
    )
    text = plain_text(fix_summary(renamed), 120)
    assert text.count(name) == 2


def test_unsolved_fix_prints_its_reason_and_no_position(unsolved_fix):
    text = plain_text(fix_summary(unsolved_fix))
    assert "Not converged: fewer usable satellites than unknowns." in text
    assert " N, " not in text
    assert "Rejected measurements" not in text


def test_sky_summary_names_satellites_and_dop(sky):
    text = plain_text(sky_summary(sky))
    assert "Satellites above the mask (UTC)" in text
    assert "7 more rows are in the NetCDF and JSON files." in text
    assert "PDOP" in text


@pytest.mark.parametrize(("summary", "kind"), [(fix_summary, "fix"), (sky_summary, "sky")])
def test_result_of_another_kind_is_refused(summary, kind, fix):
    with pytest.raises(LeopntError, match=f"kind 'map'; expected a result of kind '{kind}'"):
        summary(fix.assign_attrs(kind="map"))
