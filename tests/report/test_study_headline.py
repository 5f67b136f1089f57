"""Studies of bounds in the report: their headline instead of errors, captions of their own."""

import json

import numpy as np
import pytest
import xarray as xr

from leopnt.report.study_content import points
from leopnt.report.study_drawing import study_figures
from leopnt.report.study_layout import study_plots
from leopnt.report.study_words import error_sentence

SLOTS = [2.0, 3.0, 4.0]
PLOT = {"kind": "sweep", "name": "p", "title": "P", "y": ["bound_median"], "log_y": True}


def bounds_study(values=(np.nan, 60.0, 8.0), **entry):
    """Three numbers of slots; the first tells nothing."""
    solved = np.where(np.isfinite(values), 40, 0)
    count = np.stack([solved, 40 - solved], axis=1)
    return xr.Dataset(
        {
            "geometry.slots": ("point", SLOTS, {"units": "1", "long_name": "slots"}),
            "bound_median": (
                "point",
                np.array(values),
                {"units": "m", "long_name": "median of the bound"},
            ),
            "trials": ("point", [40, 40, 40]),
            "solved": ("point", solved),
            "not_solved": ("point", 40 - solved),
            "count": (("point", "status"), count),
            "status": ("status", ["solved", "not told"]),
        },
        attrs={
            "kind": "study",
            "swept": json.dumps(["geometry.slots"]),
            "headline": json.dumps(["bound_median", "not_there"]),
            "plots": json.dumps([PLOT | entry]),
        },
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            (np.nan, 60.0, 8.0),
            "Median of the bound: best 8.00 m at slots 4, worst 60.0 m at slots 3.",
        ),
        ((np.nan, np.nan, 7.0), "Median of the bound: 7.00 m."),
        ((np.nan, np.nan, np.nan), "Median of the bound: at no point is it finite."),
    ],
)
def test_the_headline_is_said_instead_of_errors(values, sentence):
    assert error_sentence(bounds_study(values)) == sentence


def test_the_headline_is_in_the_table_of_points():
    table = points(bounds_study(), 10)
    assert table.columns == ("Slots", "Trials", "Solved", "Median of the bound [m]")
    assert [row[-1] for row in table.rows] == ["-", "60.00", "8.000"]


def test_a_plot_has_the_caption_and_label_that_it_asks_for():
    (plot,) = study_plots(bounds_study(caption="Of all geometries.", y_label="Bound [m]"))
    assert plot.caption == "Of all geometries."
    assert plot.y.label == "Bound [m]"
    (usual,) = study_plots(bounds_study())
    assert usual.caption.endswith("Statistics of solved trials only.")
    assert usual.y.label == "Median of the bound [m]"


def test_counts_have_no_ticks_between_them():
    (figure,) = study_figures(bounds_study()).values()
    figure.canvas.draw()
    ticks = np.asarray(figure.axes[0].get_xticks())
    np.testing.assert_array_equal(ticks % 1, 0.0)
