"""Words, tables, figures and the page of a calibration."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from leopnt.errors import LeopntError
from leopnt.report import (
    calibration_figures,
    calibration_summary,
    plain_text,
    write_calibration_report,
)
from leopnt.report import calibration_tables as tables
from leopnt.report.calibration_html import captions
from leopnt.report.calibration_words import calibration_sentences, error_sentence, noise_sentence
from leopnt.report.style import png_bytes
from leopnt.studies import Threads
from leopnt.studies.calibration_run import run_calibration
from leopnt.studies.calibration_settings import load_calibration

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))

from calibration_texts import written


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    more = '[delays]\nmodel = "shared_level"\n'
    study = load_calibration(written(folder, more=more))
    return run_calibration(study, folder / "out", workers=Threads(1))


@pytest.fixture(scope="module")
def figures(result):
    return calibration_figures(result)


def without_truth(result):
    names = [name for name in result if "error" in name or "true" in name or name == "row_clock_m"]
    kept = result.drop_vars(names)
    nothing = {f"{of}_error_m": result[f"{of}_change_m"] * np.nan for of in ("days", "stations")}
    return kept.assign(nothing).assign_attrs(simulated=0)


def with_many_satellites(result, times=40):
    """The same satellites over and over, under other names."""
    over = result.drop_vars([n for n in result.variables if "unknown" in result[n].dims])
    many = xr.concat([over] * times, "satellite", data_vars="minimal", coords="minimal",
                     compat="override", join="override")  # fmt: skip
    names = [f"L{i + 1:03d}" for i in range(many.sizes["satellite"])]
    return many.assign_coords(satellite=("satellite", names))


# Words


def test_words_say_what_was_seen_and_how_well_it_is_known(result):
    told = calibration_sentences(result)
    count = int(result["num_observations"])
    assert told[0] == (
        "4 satellites seen by 2 stations over 2 days: "
        f"{count:,} simulated codes and phases are used."
    )
    honest = 1e3 * np.sqrt(np.mean(result["offset_honest_sigma_m"].values ** 2, axis=0))
    assert told[1].startswith(f"Honest 1-sigma: X {honest[0]:.1f}, Y {honest[1]:.0f}, Z")
    assert "With exact orbits it would be X" in told[1]
    assert "Delays mean nothing without it" in " ".join(told)


def test_words_without_truth_or_honest_sigmas_claim_nothing(result):
    assert error_sentence(without_truth(result)) == ""
    known = result.assign_attrs(honest="")
    assert "Formal 1-sigma: X" in calibration_sentences(known)[1]
    assert "orbits and clocks are taken as exact" in calibration_sentences(known)[1]


@pytest.mark.parametrize(
    ("s0", "words"),
    [(1.0, "times the assumed noise."), (1.5, "something is not modeled"), (0.5, "are too large")],
)
def test_words_about_noise_follow_the_residuals(result, s0, words):
    assert words in noise_sentence(result.assign(s0=s0))
    assert noise_sentence(result.assign(s0=np.nan)) == ""


# Tables


def test_tables_hold_the_numbers_of_the_result(result):
    offsets = tables.offsets(result, 100)
    assert offsets.columns == ("Satellite", *("X", "formal", "honest"), *("Y", "formal", "honest"),
                               *("Z", "formal", "honest"))  # fmt: skip
    assert offsets.rows[2][0] == "L03"
    assert float(offsets.rows[2][7]) == pytest.approx(
        1e3 * float(result["offset_m"][2, 2]), abs=0.06
    )
    delays = tables.delays(result, 100)
    # 1 ns = 0.299792458 m
    ns = float(result["delay_m"][1]) / 0.299792458
    assert float(delays.rows[1][1]) == pytest.approx(ns, abs=6e-4)
    assert "inter-system biases add up to zero" in delays.title
    assert tables.missing(result, 100).rows == ()
    failed = result.assign(job_problem=("job", np.array(["", "no file", "", ""])))
    assert tables.missing(failed, 100).rows == (("HKSL", "0", "no file"),)


def test_tables_leave_out_what_is_not_known(result):
    known = result.assign(
        offset_honest_sigma_m=result["offset_honest_sigma_m"] * np.nan,
        delay_honest_sigma_m=result["delay_honest_sigma_m"] * np.nan,
    )
    assert "honest" not in tables.offsets(known, 100).columns
    assert "honest" not in tables.delays(known, 100).columns
    assert tables.errors(without_truth(result), 100).rows == ()
    assert tables.epoch_delays(result.drop_vars("delay_epochs"), 9).rows == ()
    holes = result.assign(offset_m=result["offset_m"].where(result["satellite"] != "L02"))
    assert tables.offsets(holes, 100).rows[1][1] == "-"


def test_the_summary_fits_a_terminal_and_refuses_other_results(result):
    text = plain_text(calibration_summary(result))
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    with pytest.raises(LeopntError, match="kind 'calibration'"):
        calibration_summary(result.assign_attrs(kind="fix"))


# Figures


def test_there_is_a_figure_for_all_that_is_known(figures):
    names = ["errors", "delays", "residuals", "trends", "arc_correlations", "correlations"]
    assert list(figures) == names


def test_errors_are_drawn_with_both_sigmas(result, figures):
    panels = figures["errors"].axes
    assert [axes.get_ylabel() for axes in panels] == ["X [mm]", "Y [mm]", "Z [mm]", "Delay [mm]"]
    dots = panels[1].lines[0].get_ydata()
    np.testing.assert_allclose(dots, 1e3 * result["offset_error_m"].values[:, 1])
    labels = panels[0].get_legend_handles_labels()[1]
    assert sorted(labels) == ["error", "formal", "honest"]
    honest, formal = (c.lines[2][0].get_segments() for c in panels[1].containers)
    widths = [np.ptp(one[:, 1]) for one in honest]
    np.testing.assert_allclose(widths, 2e3 * result["offset_honest_sigma_m"].values[:, 1])
    assert all(np.ptp(f[:, 1]) < np.ptp(h[:, 1]) for f, h in zip(formal, honest, strict=True))
    assert [t.get_text() for t in panels[3].get_xticklabels()] == ["L01", "L02", "L03", "L04"]


def test_without_a_truth_sigmas_are_drawn(result):
    figures = calibration_figures(without_truth(result))
    assert "sigmas" in figures
    assert "errors" not in figures
    honest = figures["sigmas"].axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(honest, 1e3 * result["offset_honest_sigma_m"].values[:, 0])
    assert len(figures["trends"].axes[0].lines) == 4  # sigmas alone


def test_trends_are_those_of_the_result(result, figures):
    days, stations = figures["trends"].axes
    np.testing.assert_allclose(days.lines[0].get_ydata(), 1e3 * result["days_error_m"].values[:, 0])
    np.testing.assert_allclose(
        days.lines[1].get_ydata(), 1e3 * result["days_honest_sigma_m"].values[:, 0]
    )
    assert [t.get_text() for t in stations.get_xticklabels()] == ["SHAO", "+ HKSL"]
    one = result.isel(days_step=[0], stations_step=[0])
    assert "trends" not in calibration_figures(one)


def test_residuals_stand_beside_what_was_assumed(result, figures):
    code, phase = figures["residuals"].axes
    np.testing.assert_allclose(code.lines[0].get_ydata(), result["residual_rms_m"].values[0])
    np.testing.assert_allclose(code.lines[1].get_ydata(), result["residual_sigma_m"].values[0])
    np.testing.assert_allclose(phase.lines[2].get_ydata(), 1e3 * result["residual_rms_m"].values[3])
    high = result["elevation_deg"].values > 30.0
    np.testing.assert_allclose(result["residual_sigma_m"].values[2][high], 0.3, rtol=1e-6)


def test_correlations_are_ordered_by_quantity(result, figures):
    image = figures["correlations"].axes[0].images[0].get_array()
    table = result["correlation"].values
    assert image.shape == table.shape == (18, 18)
    np.testing.assert_allclose(image[0, 1], table[0, 4])  # X of the first two satellites
    np.testing.assert_allclose(image[8, 12], table[2, 3])  # Z and delay of the first
    arcs = figures["arc_correlations"].axes[0]
    numbers = [one.get_text() for one in arcs.texts if "." in one.get_text()]
    assert numbers[0] == "1.00"
    assert len(numbers) == 49


def test_delays_of_epochs_are_drawn_about_the_constant_one(result, figures):
    first = figures["delays"].axes[0]
    rows = np.flatnonzero(result["row_satellite"].values == 0)
    blue = next(line for line in first.lines if line.get_label() == "estimate").get_ydata()
    expected = 100.0 * (result["row_delay_m"].values[rows] - float(result["delay_m"][0]))
    np.testing.assert_allclose(blue, expected[: len(blue)])
    assert {line.get_label() for line in first.lines} >= {"truth", "truth + clock error"}


def test_many_satellites_still_make_figures(result):
    many = with_many_satellites(result)
    figures = calibration_figures(many)
    assert len(figures["errors"].axes[0].lines[0].get_ydata()) == 160
    assert figures["errors"].axes[3].get_xlabel() == "Satellite, in order (L001 to L160)"
    assert png_bytes(figures["errors"], 40)[:4] == b"\x89PNG"
    assert "145 more rows" in tables.offsets(many, 15).note


# The page


def test_the_page_holds_every_figure_and_table(result, figures, tmp_path):
    page = write_calibration_report(result, tmp_path / "report.html", figures).read_text()
    assert page.count("data:image/svg+xml") == len(figures)
    assert set(figures) <= set(captions(result))
    for words in (
        "Phase-center offsets",
        "Equipment delays",
        "Datum",
        "Provenance",
        "[simulation]",
    ):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "Missing station-days" not in page
