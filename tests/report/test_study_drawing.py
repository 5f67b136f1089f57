"""Figures of a study: what matplotlib draws, and that nothing is cut off."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from synthetic_studies import (
    SIGMAS_M,
    make_grid_study,
    make_incomplete_study,
    make_long_study,
    make_random_study,
    make_single_study,
    make_study,
)
from test_figures import texts_outside

from leopnt.errors import LeopntError
from leopnt.report.study_drawing import study_figures
from leopnt.report.style import svg_bytes, write_png

MAKERS = (
    make_study,
    make_random_study,
    make_incomplete_study,
    make_single_study,
    make_long_study,
    make_grid_study,
)


@pytest.fixture(scope="module")
def figures():
    return study_figures(make_study())


def test_lines_hold_the_numbers_of_the_study(figures):
    study = make_study()
    lines = figures["error"].axes[0].lines
    np.testing.assert_array_equal(lines[0].get_xdata(), SIGMAS_M)
    np.testing.assert_array_equal(lines[0].get_ydata(), study["rmse_3d"].values[::3])
    assert figures["error"].axes[0].get_xscale() == "log"
    assert figures["error"].axes[0].get_title(loc="left") == "Error against code noise"


@pytest.mark.parametrize("make", MAKERS)
def test_no_text_of_a_study_figure_is_cut_off(make):
    for title, figure in study_figures(make()).items():
        assert list(texts_outside(figure)) == [], title


def test_legends_stand_clear_of_the_labels(figures):
    for figure in figures.values():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer, axes = canvas.get_renderer(), figure.axes[0]
        if axes.get_legend():
            legend = axes.get_legend().get_window_extent(renderer)
            label = axes.xaxis.label.get_window_extent(renderer)
            assert legend.y1 <= label.y0


def test_map_colors_the_solved_and_crosses_the_others():
    figure = study_figures(make_random_study())["map"]
    solved, crossed = figure.axes[0].collections
    assert len(solved.get_offsets()) == 39
    assert len(crossed.get_offsets()) == 1


def test_same_study_gives_the_same_picture(figures):
    again = study_figures(make_study())
    assert svg_bytes(again["error"]) == svg_bytes(figures["error"])


def test_png_files_are_named_by_the_plots(figures, tmp_path):
    paths = write_png(figures, tmp_path, dpi=40)
    assert [path.name for path in paths] == [
        "error.png", "distribution.png", "outcomes.png", "map.png", "time.png"]  # fmt: skip


def test_figures_of_another_kind_are_refused(fix):
    with pytest.raises(LeopntError, match="kind 'fix'; expected a result of kind 'study'"):
        study_figures(fix)


def test_a_grid_is_drawn_as_cells_hatched_where_nothing_is_known_below_the_coast():
    figure = study_figures(make_grid_study())["map"]
    axes = figure.axes[0]
    (mesh,) = [one for one in axes.collections if isinstance(one, QuadMesh)]
    assert mesh.get_array().shape == (9, 18)
    assert np.ma.count_masked(mesh.get_array()) == 2 * 18
    assert mesh.norm.vmin == pytest.approx(1.0)
    coast = [one for one in axes.patches if one.get_zorder() > mesh.get_zorder()]
    assert len(coast) == 2
    assert any(one.get_hatch() for one in axes.patches)
    assert axes.get_legend().get_texts()[0].get_text() == "no bound"
    assert axes.get_xlim() == (-180.0, 180.0)
    assert axes.get_ylim() == (-90.0, 90.0)
    labels = [one.get_text() for one in axes.get_yticklabels()]
    assert labels[1:-1] == ["90°S", "60°S", "30°S", "0°", "30°N", "60°N", "90°N"]  # two outside


def test_without_gaps_a_grid_needs_no_legend():
    assert study_figures(make_grid_study(20.0, 95.0))["map"].axes[0].get_legend() is None
