"""Maps of one value, of none, and of a few: the same scale, words that name what is missing."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh

from leopnt.cli import main
from leopnt.report.globe import globe_data
from leopnt.report.map_report import map_figures, write_map_report
from leopnt.report.map_words import map_sentences

FILE = """
[constellation]
preset = "gps"
[time]
duration_s = 1800
step_s = 900
[map]
step_deg = 60
quantity = "num_visible"
"""
BRIGHTEST, DARKEST = (0.993248, 0.906157, 0.143936, 1.0), (0.267004, 0.004874, 0.329415, 1.0)
"""Ends of viridis, as its authors give them."""


@pytest.fixture
def mapped(tmp_path, capsys):
    """A function that maps a text: the result, and what the terminal says."""

    def run(text, code=0):
        (tmp_path / "map.toml").write_text(text)
        words = ["map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out"), "--restart"]
        with pytest.raises(SystemExit) as done:
            main([*words, "--format", "globe"])
        said = capsys.readouterr()
        assert done.value.code == code, said.err
        if code:
            return None, " ".join(said.err.split())
        with xr.open_dataset(tmp_path / "out" / "map.nc", engine="h5netcdf") as opened:
            return opened.load(), " ".join((said.out + said.err).split())

    return run


def colors_of(figure):
    (mesh,) = (one for one in figure.axes[0].collections if isinstance(one, QuadMesh))
    return mesh.to_rgba(np.asarray(mesh.get_array())).reshape(-1, 4)


def bar_of(figure):
    axes = figure.axes[-1]
    return [one.get_text() for one in axes.get_xticklabels()], axes.get_xlabel()


@pytest.mark.parametrize(
    ("limit", "share", "color", "gap"),
    [(1, 100.0, BRIGHTEST, "0"), (24, 0.0, DARKEST, "45")],
    ids=["all", "nothing"],
)
def test_shares_are_drawn_from_0_to_100_percent_whatever_they_are(limit, share, color, gap, mapped):
    result, _ = mapped(f"{FILE}limit = {limit}\n")
    np.testing.assert_array_equal(result["available_percent"], share)
    figures = map_figures(result)
    drawn = colors_of(figures["available"])
    np.testing.assert_allclose(drawn, np.tile(color, (len(drawn), 1)), atol=1e-6)
    ticks, _ = bar_of(figures["available"])
    assert (ticks[0], ticks[-1]) == ("0", "100")
    assert figures["over_time"].axes[0].get_ylim() == (0.0, 100.0)
    ticks, label = bar_of(figures["longest_gap"])
    assert ticks == [gap]
    assert label == "Longest time [min]: the same everywhere"
    if gap == "0":
        np.testing.assert_allclose(colors_of(figures["longest_gap"])[0], BRIGHTEST, atol=1e-6)
    groups = {one["name"]: one["layers"][0] for one in globe_data(result)["groups"]}
    shares = groups[f"Share of the time with {limit} or more satellites"]
    assert [shares[one] for one in ("from", "to", "low", "high", "note")] == [0, 100, 0, 100, ""]
    gaps = groups[f"Longest time without {limit} or more satellites"]
    assert gaps["note"] == "the same everywhere"
    assert gaps["low"] == float(gap)


def test_a_map_without_a_satellite_says_why_it_is_blank(mapped):
    text = FILE.replace("num_visible", "pdop") + "[antenna]\nmask_deg = 89.9\n"
    result, said = mapped(text)
    assert "No satellite of gps (24 in all) is ever above the mask of 89.9 degrees" in said
    _, label = bar_of(map_figures(result)["pdop_95"])
    assert label == "PDOP: no value anywhere"
    assert globe_data(result)["groups"][0]["layers"][0]["note"] == "no value anywhere"


def test_a_map_of_too_few_satellites_says_that_nothing_is_determined(mapped):
    text = FILE.replace("num_visible", "pdop").replace('"gps"', '"gps"\nsatellites = ["GPS A1"]')
    _, said = mapped(text)
    assert "pdop has no value anywhere: satellites of gps above the mask of 10 degrees" in said


def test_words_name_what_a_place_is_without(mapped, tmp_path):
    result, said = mapped(FILE.replace("num_visible", "pdop"))
    lead, gaps = map_sentences(result)[:2]
    assert lead == "A solved position: 100.0 % of area and time."
    assert gaps == "No place is ever without a solved position."
    assert lead in said
    html = write_map_report(result, tmp_path / "report.html").read_text()
    assert "Gray: solved for less than 95 % of the time." in html
    assert "longer without" not in html
    result, _ = mapped(f"{FILE}limit = 8\n")
    assert (
        " of the area is never without 8 or more satellites; the longest gap is "
        in (map_sentences(result)[1])
    )


def test_the_size_of_cells_is_told_as_it_is(mapped):
    region = "latitude_deg = [45, 50]\nlongitude_deg = [5, 12]\n"
    _, said = mapped(FILE.replace("60", "3") + region)
    assert "2 by 3 cells of 2.5 by 2.333 degrees" in said


def test_the_carrier_of_doppler_shifts_is_told(mapped):
    text = FILE.replace("num_visible", "position_m") + "[measurements]\ndoppler_hz = 1\n"
    _, said = mapped(text)
    assert "Doppler shifts are at 1.57542 GHz; [signal] carrier_hz is not given." in said
    _, said = mapped(f"{text}[signal]\ncarrier_hz = 11.325e9\n")
    assert "Doppler shifts are at 11.325 GHz." in said


def test_users_above_the_satellites_are_refused(mapped):
    text = FILE.replace('"gps"', '"iridium"') + "height_m = 2000000\n"
    _, said = mapped(text, 2)
    assert "[map] height_m = 2000000: users are above all satellites, the highest of which" in said
    assert "is at 781 km; expected less than 781000." in said
    mapped(text.replace("2000000", "500000"))


def test_a_new_file_maps_and_is_not_written_over(tmp_path, capsys, mapped):
    file = tmp_path / "mine.toml"
    for code, said in ((0, f"Run it with: leopnt map {file}"), (2, "is there already")):
        with pytest.raises(SystemExit) as done:
            main(["map", str(file), "--new"])
        assert done.value.code == code
        assert said in "".join(capsys.readouterr())
    text = file.read_text()
    tiny = text.replace("step_deg = 10 ", "step_deg = 60 ").replace(
        "step_s = 900", "step_s = 43200"
    )
    _, said = mapped(tiny)
    assert "24 satellites, mask 10 degrees, 2 epochs every 43200 s; 3 by 6 cells" in said
