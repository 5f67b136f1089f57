"""The plots of a study: the numbers are those of the result, and nothing is drawn without data."""

import dataclasses
import json

import numpy as np
import pytest
from synthetic_studies import (
    CITIES,
    MASKS_DEG,
    QUANTILES,
    SIGMAS_M,
    UNLIKELY,
    make_grid_study,
    make_incomplete_study,
    make_random_study,
    make_single_study,
    make_study,
)

from leopnt.report.plot_parts import MAX_DRAWN, is_geometric, readable
from leopnt.report.plots import color_limits, map_cells, map_points_deg
from leopnt.report.study_layout import MAX_CDF_LINES, study_plots
from leopnt.report.study_points import evenly_chosen, lower_first


@pytest.fixture(scope="module")
def study():
    return make_study()


def plots_of(study, *described):
    if described:
        study = study.assign_attrs(plots=json.dumps(described))
    return {plot.name: plot for plot in study_plots(study)}


def test_plots_come_in_the_order_of_the_study(study):
    assert list(plots_of(study)) == ["error", "distribution", "outcomes", "map", "time"]


def test_sweep_has_a_line_per_variable_and_value_of_the_second_parameter(study):
    plot = plots_of(study)["error"]
    assert len(plot.series) == 2 * len(MASKS_DEG)
    bounds = {one.name: one.y for one in plot.series if one.name.startswith("3D Cramer-Rao")}
    for mask_deg in MASKS_DEG:
        expected = 2.5 * np.array(SIGMAS_M) * (1 + mask_deg / 30)
        np.testing.assert_allclose(bounds[f"3D Cramer-Rao bound, {mask_deg:g}"], expected)
    assert plot.x.label == "Code noise [m]"
    assert plot.legend_title == "Elevation mask [deg]"
    assert [key.name for key in plot.keys] == ["5", "15", "25", "3D RMSE", "3D Cramer-Rao bound"]
    assert "3D Cramer-Rao bound from 1.46 m to 91.7 m" in plot.alternative


def test_no_two_series_look_alike(study):
    for plot in [*study_plots(study), *study_plots(make_random_study())]:
        looks = [(one.look.color, one.look.line, one.look.marker) for one in plot.series]
        assert len(set(looks)) == len(looks)


def test_colors_never_tell_series_apart_alone(study):
    for plot in study_plots(study):
        told = [(one.look.line, one.look.marker) for one in plot.series[:3]]
        assert len(set(told)) == len(told) or plot.name in ("error", "time")
        by_color = {key.look.color: key.look.marker for key in plot.keys if key.look.color >= 0}
        if plot.name in ("error", "time"):
            assert len(set(by_color.values())) == len(by_color)


@pytest.mark.parametrize(
    ("label", "largest", "expected"),
    [
        ("Delay bound [s]", 3.5e-10, ("Delay bound [ps]", 1e12)),
        ("Time [s]", 2e-6, ("Time [us]", 1e6)),
        ("Time [s]", 120.0, ("Time [s]", 1.0)),
        ("Sum rate [bit/s]", 1.7e7, ("Sum rate [Mbit/s]", 1e-6)),
        ("Orientation bound [rad]", 8e-4, ("Orientation bound [urad]", 1e6)),
        ("Doppler [Hz]", 0.5, ("Doppler [Hz]", 1.0)),
        ("Error [m]", 1e-9, ("Error [m]", 1.0)),
        ("Time [s]", 0.0, ("Time [s]", 1.0)),
    ],
)
def test_units_take_the_prefix_that_their_values_need(label, largest, expected):
    assert readable(label, [np.array([np.nan, 0.5 * largest]), np.array([-largest])]) == expected


def test_sweep_is_sorted_by_its_parameter(study):
    shuffled = study.isel(point=np.random.default_rng(1).permutation(study.sizes["point"]))
    for plot in (plots_of(study)["error"], plots_of(shuffled)["error"]):
        for one in plot.series:
            np.testing.assert_array_equal(one.x, SIGMAS_M)
            assert np.all(np.diff(one.y) > 0.0)


def test_parameters_that_are_texts_get_named_places(study):
    few = study.isel(point=[0, 3, 6])
    texts = ("point", np.array(["gps", "iridium", "<oneweb>"]), {"long_name": "constellation"})
    named = few.drop_vars("errors.code_sigma_m").assign({"errors.code_sigma_m": texts})
    plot = plots_of(named)["error"]
    assert plot.x.ticks == ("gps", "iridium", "<oneweb>")
    assert plot.x.label == "Constellation"
    np.testing.assert_array_equal(plot.series[0].x, [0.0, 1.0, 2.0])


def test_list_of_points_without_shared_values_is_one_line(study):
    diagonal = study.isel(point=[0, 4, 8]).assign_attrs(sweep_kind="list")
    plot = plots_of(diagonal)["error"]
    assert [one.name for one in plot.series] == ["3D RMSE", "3D Cramer-Rao bound"]


def test_random_sweep_is_drawn_as_points():
    plot = plots_of(make_random_study())["error"]
    assert all(one.look.line == "none" and one.look.marker is not None for one in plot.series)
    assert plot.x.log


def test_bound_of_a_wrong_model_is_drawn_where_there_is_one(study):
    wrong = study.assign(mismatched_bound_3d=2.0 * study["bound_3d"])
    plot = plots_of(wrong)["error"]
    assert len(plot.series) == 3 * len(MASKS_DEG)
    assert len({one.look.line for one in plot.series}) == 3


def test_logarithmic_axis_needs_positive_values(study):
    assert plots_of(study)["error"].y.log
    assert not plots_of(study.assign(rmse_3d=0.0 * study["rmse_3d"]))["error"].y.log


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 10, 100], True), ([1, 50, 100], False), ([0, 10, 100], False), ([1, 2, 4, 8], False),
     ([1, 100], True), ([5], False), ([np.nan, 1, 10, 100], True)],
)  # fmt: skip
def test_sweeps_over_powers_are_geometric(values, expected):
    assert is_geometric(np.array(values, float)) is expected


def test_distribution_has_at_most_eight_lines_of_quantiles(study):
    plot = plots_of(study)["distribution"]
    assert len(plot.series) == MAX_CDF_LINES
    for one in plot.series:
        np.testing.assert_array_equal(one.y, QUANTILES)
    np.testing.assert_array_equal(plot.series[0].x, study["error_3d_quantile"].values[0])
    np.testing.assert_array_equal(plot.series[-1].x, study["error_3d_quantile"].values[-1])
    assert plot.series[-1].name == "20 m, 25 deg"
    assert "8 of 18 points are drawn" in plot.caption


def test_shares_of_all_outcomes_and_the_missing_add_up():
    plot = plots_of(make_incomplete_study())["outcomes"]
    assert [bar.name for bar in plot.bars] == [
        "solved", "fewer usable measurements than unknowns", UNLIKELY,
        "missing: not run, or its chunk failed"]  # fmt: skip
    np.testing.assert_allclose(sum(bar.shares for bar in plot.bars), 100.0)
    np.testing.assert_allclose(plot.bars[-1].shares, [0.0, 99.5, 100.0])


def test_rare_failures_are_drawn_without_the_solved(study):
    plot = plots_of(study)["outcomes"]
    assert plot.bars[0].name == "fewer usable measurements than unknowns"
    np.testing.assert_allclose(plot.bars[0].shares[:3], [0.25, 0.75, 1.25])
    assert "not drawn here were solved" in plot.caption


def test_map_takes_the_epochs_of_a_place_together(study):
    places = plots_of(study)["map"].places
    assert set(places.names) == set(CITIES)
    error_m = study["case_rmse_3d"].isel(point=0)
    for name, value, lat_deg in zip(places.names, places.values, places.lat_deg, strict=True):
        mine = error_m.values[study["user"].values == name]
        assert value == pytest.approx(np.sqrt(np.mean(mine**2)), rel=1e-12)
        assert lat_deg == CITIES[name][0]


def test_map_of_another_point_says_so(study):
    entry = {"kind": "map", "name": "map", "y": "case_pdop", "point": 17}
    plot = plots_of(study, entry)["map"]
    assert "at code noise 20 m, elevation mask 25 deg" in plot.caption
    assert plot.places.label == "PDOP"


def test_map_needs_three_places(study):
    two = study.isel(case=np.flatnonzero(np.isin(study["user"].values, ["Lima", "Suva"])))
    assert "map" not in plots_of(two)


def test_places_beside_the_antimeridian_stay_together():
    islands = {"Suva": (-18.1, 178.4), "Apia": (-13.8, -171.8), "Funafuti": (-8.5, 179.2)}
    plot = plots_of(make_study((1.0,), (5.0,), islands, 2))["map"]
    lon_deg = map_points_deg(plot.places)[:, 0]
    assert np.ptp(lon_deg) == pytest.approx(9.8)


def test_places_that_fill_a_grid_are_cells_of_its_steps(evidence):
    study = make_grid_study(10.0)
    plot = plots_of(study)["map"]
    cells = map_cells(plot.places)
    assert plot.places.cell_deg == (10.0, 10.0)
    assert plot.places.subtitle == "A grid"
    assert cells.values.shape == (18, 36)
    np.testing.assert_allclose(cells.lon_edges_deg[[0, 1, -1]], [-180.0, -170.0, 180.0])
    np.testing.assert_allclose(cells.lat_edges_deg[[0, 1, -1]], [-90.0, -80.0, 90.0])
    expected = 10.0 ** (np.abs(cells.lat_deg) / 20.0)
    known = np.abs(cells.lat_deg) < 65.0
    assert np.all(np.isnan(cells.values[~known]))
    assert np.array_equal(
        cells.values[known], np.broadcast_to(expected[known, None], (known.sum(), 36))
    )
    assert "Hatched: no bound." in plot.caption
    assert "Median of all epochs" in plot.caption


def test_a_grid_is_not_thinned_and_poles_fill_their_row():
    places = {"south": (-90.0, 0.0), "north": (90.0, 0.0)}
    places |= {
        f"{lat} {lon}": (lat, lon)
        for lat in np.arange(-88.0, 89.0, 2.0)
        for lon in np.arange(-180.0, 180.0, 5.0)
    }
    plot = plots_of(make_study((1.0,), (5.0,), places, 1))["map"]
    assert len(plot.places.values) == len(places) > MAX_DRAWN
    cells = map_cells(plot.places)
    assert cells.values.shape == (91, 72)
    assert len(np.unique(cells.values[-1])) == 1
    assert np.all(np.isfinite(cells.values))
    assert cells.lat_edges_deg[[0, -1]].tolist() == [-90.0, 90.0]


def test_scattered_places_and_small_grids_stay_points():
    rng = np.random.default_rng(1)
    drawn = rng.uniform(-80.0, 80.0, (200, 2)).tolist()
    scattered = {str(i): (lat, lon) for i, (lat, lon) in enumerate(drawn)}
    small = {f"{lat} {lon}": (lat, lon) for lat in (0.0, 1.0, 2.0) for lon in (0.0, 1.0, 2.0)}
    for places in (scattered, small):
        assert plots_of(make_study((1.0,), (5.0,), places, 1))["map"].places.cell_deg is None


def test_a_median_over_epochs_counts_missing_values_as_infinite():
    study = make_grid_study()
    values = study["case_bound_3d"].values.copy()
    values[0, :6] = [1.0, 9.0, 4.0, 2.0, np.nan, np.nan]  # two places of three epochs
    study["case_bound_3d"] = (("point", "case"), values, study["case_bound_3d"].attrs)
    places = plots_of(study)["map"].places
    first, second = (places.names.index(study["user"].values[i]) for i in (0, 3))
    assert places.values[first] == 4.0
    assert np.isnan(places.values[second])


def test_the_color_scale_of_many_cells_leaves_out_the_outermost():
    plot = plots_of(make_grid_study(5.0, 95.0))["map"]
    values = plot.places.values.copy()
    values[0] = 1e12
    low, high = color_limits(dataclasses.replace(plot.places, values=values))
    assert low >= values.min()
    assert high < 1e5
    level = dataclasses.replace(plot.places, values=np.full(len(values), 3.0))
    assert color_limits(level) == (3.0, 3.0)


def test_time_has_a_line_per_user_and_variable(study):
    plot = plots_of(study)["time"]
    assert len(plot.series) == 2 * 6
    assert "6 of 8 users are drawn" in plot.caption
    first = plot.series[0]
    assert first.name == "3D RMSE, Hong Kong"
    np.testing.assert_array_equal(first.x, 300.0 * np.arange(25))
    np.testing.assert_array_equal(first.y, study["case_rmse_3d"].values[0, :25])


def test_one_point_one_place_one_epoch_leaves_distribution_and_outcomes():
    assert list(plots_of(make_single_study())) == ["distribution", "outcomes"]


def test_plots_of_nothing_or_of_unknown_kinds_are_left_out(study):
    empty = {"kind": "cdf", "y": ["no_such_variable"]}
    nans = study.assign(rmse_3d=np.nan * study["rmse_3d"])
    assert plots_of(study, empty, {"kind": "hologram"}, "text") == {}
    assert plots_of(nans, {"kind": "sweep", "y": ["rmse_3d"]}) == {}
    assert study_plots(study.assign_attrs(plots="")) == []


def test_names_are_fit_for_files(study):
    assert list(plots_of(study, {"kind": "outcomes", "name": "../a b"})) == ["___a_b"]


def test_long_series_are_thinned_to_what_can_be_seen():
    plot = plots_of(make_study((1.0,), (5.0,), {"Suva": (-18.1, 178.4)}, 3 * MAX_DRAWN))["time"]
    assert {len(one.x) for one in plot.series} == {MAX_DRAWN}
    assert plot.series[0].x[-1] == 300.0 * (3 * MAX_DRAWN - 1)


def test_evenly_chosen_keeps_first_and_last():
    assert evenly_chosen(3, 8) == [0, 1, 2]
    assert evenly_chosen(9, 3) == [0, 4, 8]


def test_names_keep_their_capitals_inside_sentences():
    assert [lower_first(n) for n in ("Code noise", "PDOP", "3D error")] == [
        "code noise", "PDOP", "3D error"]  # fmt: skip


def test_bars_with_long_names_are_numbered():
    study = make_study((1.0, 2.0), (5.0,))
    assert plots_of(study)["outcomes"].x.ticks == ("1 m, 5 deg", "2 m, 5 deg")
    study["errors.code_sigma_m"].attrs["units"] = "metres along the line of sight"
    assert plots_of(study)["outcomes"].x.ticks == ()
