"""Maps of regions, of undated satellites, and of bounds that are not always known."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from leopnt.methods.coverage import DOP_QUANTITIES, CompiledEngine, coverage_map
from leopnt.methods.coverage.dataset import map_dataset
from leopnt.methods.coverage.from_scene import chunks_of, grid_of
from leopnt.report.globe import globe_data
from leopnt.report.map_report import map_figures
from leopnt.report.map_words import map_table
from leopnt.scenes.map_scene import load_map

TWELVE = "['" + "', '".join(f"GPS {plane}{slot}" for plane in "ABCDEF" for slot in (1, 3)) + "']"


def result_of(tmp_path, region, time="duration_s = 172800\nstep_s = 7200", more=""):
    """Scene and result of a map of GPS."""
    path = tmp_path / "map.toml"
    path.write_text(
        f"[constellation]\npreset = 'gps'\n{more}\n[time]\n{time}\n[map]\nstep_deg = 10\n{region}\n"
    )
    scene = load_map(path)
    found = coverage_map([make() for make in chunks_of(scene)], engine=CompiledEngine())
    return scene, map_dataset(scene, found)


ROW = "latitude_deg = [0, 10]\nlongitude_deg = [170, 230]"
COLUMN = "latitude_deg = [-40, 35]\nlongitude_deg = [5, 12]"


@pytest.mark.parametrize(
    ("region", "edges", "sides"),
    [(ROW, (170, 230, 0, 10), (10, 10)), (COLUMN, (5, 12, -40, 35), (75 / 8, 7))],
    ids=["row", "column"],
)
def test_a_row_and_a_column_of_cells_are_drawn_where_they_are(region, edges, sides, tmp_path):
    _, result = result_of(tmp_path, region, "duration_s = 600\nstep_s = 600")
    data = globe_data(result)
    np.testing.assert_allclose(data["step"], sides, rtol=1e-12)
    np.testing.assert_allclose((data["west"], data["south"]), edges[::2], atol=1e-9)
    for name in ("pdop_95", "available"):
        axes = map_figures(result)[name].axes[0]
        (mesh,) = (one for one in axes.collections if isinstance(one, QuadMesh))
        corners = np.asarray(mesh.get_coordinates()).reshape(-1, 2)
        drawn = [f(corners[:, i]) for i in (0, 1) for f in (np.min, np.max)]
        np.testing.assert_allclose(drawn, edges, atol=1e-9)
        shown = np.array([axes.get_xlim(), axes.get_ylim()])
        assert np.all(shown[:, 0] - 1e-9 <= edges[::2])
        assert np.all(shown[:, 1] + 1e-9 >= edges[1::2])
        high, wide = (np.ptp(limits) for limits in (axes.get_ylim(), axes.get_xlim()))
        assert max(high / wide, wide / high) < 4.0


def labels_of(result):
    return [one["label"] for one in globe_data(result)["groups"][1]["layers"]]


def test_pictures_of_an_undated_map_say_how_long_after_the_start_they_are(tmp_path):
    scene, result = result_of(tmp_path, ROW)
    labels = labels_of(result)
    assert labels[0] == "00:00 after the start"
    assert labels[1] == "02:00 after the start"
    assert labels[-1] == "2 d 00:00 after the start"
    assert len(set(labels)) == len(labels) == 24
    shown_s = []
    for label in labels:
        days, clock = label.split(" d ") if " d " in label else ("0", label)
        hours, minutes = clock.split(" ")[0].split(":")
        shown_s.append(86_400 * int(days) + 3600 * int(hours) + 60 * int(minutes))
    np.testing.assert_array_equal(shown_s, scene.time_s[result["frame_index"].values])


def test_pictures_a_few_seconds_apart_have_labels_of_their_own(tmp_path):
    time = "duration_s = 60\nstep_s = 20"
    _, result = result_of(tmp_path, ROW, time)
    assert labels_of(result) == [
        f"00:0{t} after the start" for t in ("0:00", "0:20", "0:40", "1:00")
    ]
    _, dated = result_of(tmp_path, ROW, time + "\nstart = '2026-01-02T03:04:00Z'")
    assert labels_of(dated)[1:] == [f"2026-01-02 03:0{t} UTC" for t in ("4:20", "4:40", "5:00")]
    _, hourly = result_of(tmp_path, ROW, "duration_s = 3600\nstep_s = 3600\nstart = '2026-01-02'")
    assert labels_of(hourly) == ["2026-01-02 00:00 UTC", "2026-01-02 01:00 UTC"]


def test_means_over_area_and_time_weigh_what_is_known(tmp_path, evidence):
    scene, result = result_of(tmp_path, "", "duration_s = 43200\nstep_s = 3600",
                              f"satellites = {TWELVE}")  # fmt: skip
    values = CompiledEngine().values(chunks_of(scene)[0]())
    weight = np.broadcast_to(grid_of(scene).area_weight, values[:, 0].shape)
    worst = 0.0
    for row, name in enumerate(DOP_QUANTITIES):
        known = np.isfinite(values[:, row])
        expected = np.average(values[:, row][known], weights=weight[known])
        worst = max(worst, abs(float(result[f"{name}_overall_mean"]) / expected - 1.0))
    evidence(
        "methods.coverage.dataset",
        "mean of DOP over area and time where it is known, relative",
        "weighted average of all values",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )
    share = np.isfinite(values[:, 2]).mean(axis=1)
    assert 0.0 < share.min() < 0.9 * share.max()
    by_epoch = np.nanmean(result["pdop_area_mean"])
    assert abs(by_epoch / float(result["pdop_overall_mean"]) - 1.0) > 1e-4
    rows = dict(row for row in map_table(result).rows)
    assert rows["PDOP, mean"] == f"{float(result['pdop_overall_mean']):.3g}"
