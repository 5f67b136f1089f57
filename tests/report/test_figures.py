"""Figures: they show the numbers of the result, nothing is cut off, no global state is left."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from synthetic_results import make_fix, make_sky

from leopnt.errors import LeopntError
from leopnt.report import style
from leopnt.report.figures import fix_figures, sky_figures
from leopnt.report.labels import place_labels
from leopnt.report.residuals import residual_figure
from leopnt.report.sky import fix_sky_figure, satellites_and_dop_figure, sky_figure


def many_satellites():
    fix = make_fix().drop_dims("satellite")
    names = np.array([f"STARLINK-{1000 + i % 60}" for i in range(fix.sizes["measurement"])])
    return fix.assign(satellite_id=("measurement", names))


def unequal_weights():
    fix = make_fix().assign_attrs(reference_epoch="2025-12-05T12:00:00Z")
    factor = 0.4 + 0.3 * (np.arange(fix.sizes["measurement"]) % 5)
    return fix.assign(sigma=fix["sigma"] * factor, residual=fix["residual"] * factor)


def no_truth_no_candidates():
    fix = make_fix().drop_dims("candidate")
    known = [n for n in fix.variables if str(n).startswith(("truth", "error", "satellite_l"))]
    return fix.drop_vars(known)


def one_satellite():
    fix = make_fix().drop_dims("satellite")
    return fix.isel(measurement=fix["satellite_id"].values == fix["satellite_id"].values[0])


def powers_and_doppler():
    """Powers by beam, and Doppler of the same receiver."""
    fix = make_fix()
    doppler = {
        f"doppler_{name}": ("doppler", fix[name].values, fix[name].attrs)
        for name in ("time_s", "satellite_id", "residual", "sigma")
    }
    beams = np.array([str(i % 52) for i in range(fix.sizes["measurement"])])
    level = np.linspace(-165.0, -125.0, fix.sizes["measurement"])
    fix = fix.assign(doppler_residual_rms=fix["residual_rms"], **doppler)
    fix = fix.assign(beam_id=("measurement", beams), predicted=("measurement", level))
    return fix.assign_attrs(measurement_type="power")


FIXES = {
    "usual": make_fix,
    "one satellite": one_satellite,
    "powers and Doppler": powers_and_doppler,
    "many satellites": many_satellites,
    "unequal weights": unequal_weights,
    "no truth, no candidates": no_truth_no_candidates,
    "one measurement": lambda: make_fix().isel(measurement=[0]),
    "all rejected": lambda: make_fix().assign(used=make_fix()["used"] & False),
    "millimetres": lambda: make_fix().assign(
        covariance_enu_m2=make_fix()["covariance_enu_m2"] * 1e-10
    ),
    "kilometres": lambda: make_fix().assign(
        covariance_enu_m2=make_fix()["covariance_enu_m2"] * 1e6
    ),
}
SKIES = {
    "usual": make_sky,
    "crowded": lambda: make_sky(60, 60, 20),
    "one epoch": lambda: make_sky().isel(epoch=[3]),
    "no DOP": lambda: make_sky().assign(
        {name: make_sky()[name] * np.nan for name in ("gdop", "pdop", "hdop", "vdop")}
    ),
}


def texts_outside(figure):
    """Texts that reach over the edge of the figure by more than a pixel."""
    canvas = FigureCanvasAgg(figure)
    with style.look():
        canvas.draw()
    frame = figure.bbox
    bare = [axes for axes in figure.axes if not axes.axison]
    not_drawn = {t for a in bare for s in (a.xaxis, a.yaxis) for t in s.findobj(mpl.text.Text)}
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        not_drawn.update(tick.label1 for tick in ticks)
    for text in set(figure.findobj(mpl.text.Text)) - not_drawn:
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(canvas.get_renderer())
            if (
                box.x0 < -1.0
                or box.y0 < -1.0
                or box.x1 > frame.width + 1.0
                or box.y1 > frame.height + 1.0
            ):
                yield text.get_text()


@pytest.mark.parametrize("name", FIXES)
def test_no_text_of_a_fix_figure_is_cut_off(name):
    for title, figure in fix_figures(FIXES[name]()).items():
        assert list(texts_outside(figure)) == [], title


@pytest.mark.parametrize("name", SKIES)
def test_no_text_of_a_sky_figure_is_cut_off(name):
    for title, figure in sky_figures(SKIES[name]()).items():
        assert list(texts_outside(figure)) == [], title


def test_axes_name_their_units(fix, sky):
    figures = fix_figures(fix)
    assert figures["residuals"].axes[0].get_xlabel() == "Time [s]"
    assert figures["residuals"].axes[0].get_ylabel().endswith("[Hz]")
    assert figures["position"].axes[0].get_xlabel() == "East of the fix [m]"
    assert sky_figures(sky)["satellites_and_dop"].axes[1].get_xlabel().startswith("Time, UTC")


def test_time_axis_names_the_reference_epoch():
    label = residual_figure(unequal_weights()).axes[0].get_xlabel()
    assert label == "Time since 2025-12-05 12:00:00 UTC [s]"


def test_band_is_three_sigma_and_every_measurement_is_drawn(fix):
    axes = residual_figure(fix).axes[0]
    bands = [c.get_paths()[0].get_extents() for c in axes.collections if c.get_paths()]
    heights = [band.height for band in bands if band.height > 0.0]
    np.testing.assert_allclose(heights, 2 * 3 * 5.5)
    assert len(heights) == 7
    used = [line for line in axes.lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in used) == 214
    rejected = [line for line in axes.lines if line.get_marker() in ("x", "^", "v")]
    assert sum(len(line.get_xdata()) for line in rejected) == 4
    assert all(line.get_color() == style.REJECTED_COLOR for line in rejected)


def test_off_scale_rejected_measurement_carries_its_value(fix):
    texts = [text.get_text() for text in residual_figure(fix).axes[0].texts]
    assert "−212 Hz" in texts
    assert "+41.0 Hz" in texts


def test_sky_plot_has_north_up_and_east_right(fix):
    one = fix.isel(measurement=[0]).assign(
        azimuth_deg=("measurement", np.array([90.0])),
        elevation_deg=("measurement", np.array([30.0])),
    )
    (dot,) = (li for li in fix_sky_figure(one).axes[0].lines if li.get_marker() == "o")
    np.testing.assert_allclose([dot.get_xdata()[0], dot.get_ydata()[0]], [60.0, 0.0], atol=1e-9)
    letters = {t.get_text(): t.get_position() for t in fix_sky_figure(one).axes[0].texts}
    assert letters["N"][1] > 90.0
    assert letters["E"][0] > 90.0
    assert {"0°", "30°", "60°"} <= set(letters)


def test_two_passes_of_a_satellite_are_not_joined(fix):
    late = fix["time_s"].values + 6000.0 * (np.arange(218) >= 109)
    lines = fix_sky_figure(fix.assign(time_s=("measurement", late))).axes[0].lines
    assert any(np.isnan(line.get_xdata().astype(float)).sum() == 1 for line in lines)


def test_crowded_sky_shows_its_middle_epoch_only():
    title = sky_figure(make_sky(60, 60, 20)).axes[0].texts[0].get_text()
    assert "12:10:00 to 12:11:30" in title


def test_sky_without_satellites_has_no_sky_plot(sky):
    empty = sky.assign(visible=sky["visible"] & False, num_visible=sky["num_visible"] * 0)
    assert "sky" not in sky_figures(empty)


def test_leap_second_can_be_drawn(sky):
    epochs = sky["epoch_utc"].values.copy()
    epochs[:3] = ["2016-12-31T23:59:59.000Z", "2016-12-31T23:59:60.500Z", "2017-01-01T00:00:00Z"]
    assert satellites_and_dop_figure(sky.assign(epoch_utc=("epoch", epochs))) is not None


def test_fix_without_a_solution_has_no_figures(unsolved_fix):
    assert fix_figures(unsolved_fix) == {}


def test_labels_do_not_cover_each_other_and_the_hopeless_is_left_out():
    figure = Figure(figsize=(4, 4))
    axes = figure.add_axes((0, 0, 1, 1))
    points = np.tile([0.5, 0.5], (60, 1)) + 0.001 * np.arange(60)[:, None]
    place_labels(axes, list(points[:, None, :]), ["SATELLITE"] * 60, ["k"] * 60, points)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]
    assert 5 < len(boxes) < 60
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_same_result_gives_the_same_bytes(fix):
    once, again = (style.svg_bytes(residual_figure(fix)) for _ in range(2))
    assert once == again


def test_settings_of_the_caller_come_back(fix):
    before = dict(mpl.rcParams)
    style.png_bytes(residual_figure(fix))
    assert dict(mpl.rcParams) == before


def test_pictures_are_written_at_readable_width(fix, tmp_path):
    (path,) = style.write_png({"residuals": residual_figure(fix)}, tmp_path, dpi=style.DPI)
    data = path.read_bytes()
    assert path.name == "residuals.png"
    assert int.from_bytes(data[16:20], "big") == pytest.approx(792, abs=1)
    with pytest.raises(LeopntError, match="does not exist"):
        style.write_png({"residuals": residual_figure(fix)}, tmp_path / "missing")


def test_tables_load_no_matplotlib_and_figures_no_pyplot():
    code = (
        "import sys, leopnt.report as r; r.fix_summary; assert 'matplotlib' not in sys.modules;"
        "r.fix_figures; r.write_fix_report; assert 'matplotlib.pyplot' not in sys.modules;"
        "assert 'jax' not in sys.modules; assert r.html.write_fix_report is r.write_fix_report"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_unknown_name_in_the_room_is_an_attribute_error():
    import leopnt.report

    with pytest.raises(AttributeError, match="no attribute 'plot'"):
        leopnt.report.plot  # noqa: B018
    assert "figures" in dir(leopnt.report)


def test_a_hundred_thousand_measurements_stay_a_small_picture(fix):
    rng = np.random.default_rng(5)
    long = fix.isel(measurement=np.sort(rng.integers(0, 218, 100_000)))
    residual = rng.normal(0.0, 5.5, 100_000)
    long = long.assign(
        time_s=("measurement", np.linspace(377.0, 412.0, 100_000)),
        residual=("measurement", residual),
        used=("measurement", np.abs(residual) < 20.0),
    )
    sizes = {name: len(style.svg_bytes(figure)) for name, figure in fix_figures(long).items()}
    assert max(sizes.values()) < 600_000, sizes


def test_doppler_beside_powers_has_a_figure_of_its_own():
    figures = fix_figures(powers_and_doppler())
    assert "doppler" not in fix_figures(make_fix())
    assert figures["doppler"].axes[0].get_ylabel() == "Residual (observed minus predicted) [Hz]"
    assert figures["residuals"].axes[1].get_xlabel() == "Predicted power [dBW]"
