"""A fix from powers from files: the same as from arrays, its dataset, its files, its exit codes."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from power_log_cases import ANTENNA, CARRIER_HZ, ELEMENTS, MUNICH_M, START, measured, rows

from leopnt.cli import main
from leopnt.errors import LeopntError
from leopnt.io.fix_dataset import geodetic_of
from leopnt.io.results import as_geojson, as_json, read_netcdf, write_netcdf
from leopnt.methods.power import HeightPrior, PowerLogOptions, PowerStatus, fix_log
from leopnt.methods.power.dataset import to_dataset
from leopnt.methods.power.from_file import fix_power_scene, power_log, power_options
from leopnt.scenes.power_fix_settings import PowerFixSettings
from leopnt.scenes.power_scene import load_power_scene

NAME = "IRIDIUM 116"
BIAS_DB = 0.3 * np.random.default_rng(3).normal(size=52)
OPTIONS = PowerLogOptions(height=HeightPrior(520.0, 1000.0), sigma_cal_db=0.3)
SETTINGS = f"""
[measurement]
type = "power"
file = "log.csv"
carrier_hz = {CARRIER_HZ}
integration_s = 1e-3
reference_epoch = "{START.to_iso()}"
[satellites]
file = '{ELEMENTS}'
[antenna]
model = "B52"
[estimate]
height_m = 520.0
eirp_sigma_db = 0.3
[truth]
ecef_m = {MUNICH_M.tolist()}
"""


def write_log(folder, log, kept=slice(None)):
    """A log and its settings as files, powers with all their digits."""
    cells = zip(log.time_s.tolist(), log.beam.tolist(), log.power_dbw.tolist(), strict=True)
    lines = [f"{t!r},{NAME},{beam},{power!r}\n" for t, beam, power in list(cells)[kept]]
    (folder / "log.csv").write_text("time_s,satellite,beam,power_dbw\n" + "".join(lines))
    (folder / "fix.toml").write_text(SETTINGS)
    return folder / "fix.toml"


@pytest.fixture(scope="module")
def log():
    return measured(rows(), beam_bias_db=BIAS_DB)


@pytest.fixture(scope="module")
def scene(log, tmp_path_factory):
    return load_power_scene(write_log(tmp_path_factory.mktemp("power"), log))


@pytest.fixture(scope="module")
def solved(scene):
    return fix_power_scene(scene)


@pytest.fixture(scope="module")
def dataset(scene, solved):
    return to_dataset(
        solved, truth_ecef_m=scene.truth_ecef_m, beam_names=scene.beams.names, title="Test"
    )


def test_a_log_from_files_is_the_log_of_the_arrays(scene, log, evidence):
    found = power_log(scene, MUNICH_M)
    np.testing.assert_array_equal(found.beam, log.beam)
    np.testing.assert_array_equal(found.power_dbw, log.power_dbw)
    np.testing.assert_allclose(found.noise_w, log.noise_w, rtol=1e-12)
    np.testing.assert_allclose(found.axes_ecef, log.axes_ecef, atol=1e-6)
    assert found.where(0).endswith("log.csv:2")
    evidence(
        "methods.power.from_file",
        "satellite position of a power log from files",
        "log of the same powers from the interpolated ephemeris",
        "implementation",
        achieved=np.abs(found.sat_pos_ecef_m - log.sat_pos_ecef_m).max(),
        tolerance=0.05,
        unit="m",
    )


def test_a_fix_from_files_is_the_fix_of_the_arrays(solved, log, evidence):
    direct = fix_log(log, ANTENNA, OPTIONS)
    assert solved.status == direct.status == PowerStatus.ok
    evidence(
        "methods.power.from_file",
        "position of a fix from files, over its sigma",
        "fix of the same powers from arrays",
        "implementation",
        achieved=np.linalg.norm(solved.position_ecef_m - direct.position_ecef_m)
        / np.linalg.norm(direct.sigma_enu_m),
        tolerance=1e-3,
    )
    np.testing.assert_allclose(solved.sigma_enu_m, direct.sigma_enu_m, rtol=1e-3)


def test_words_become_options():
    def options(**estimate):
        tables = {
            "measurement": {"type": "power", "file": "log.csv"},
            "antenna": {"model": "B52"},
            "estimate": estimate,
        }
        return power_options(PowerFixSettings.model_validate(tables))

    plain = options()
    assert plain.unknowns == ("rx_pos_ecef_m",)
    assert (plain.height.mean_m, plain.height.sigma_m) == (0.0, 1000.0)
    assert (plain.sigma_cal_db, plain.level_sigma_db) == (0.0, np.inf)
    assert plain.start_ecef_m is None
    words = ["position", "level", "frequency_offset"]
    rich = options(
        unknowns=words,
        level_sigma_db=2.0,
        receiver_gain_dbi=3.0,
        start={"latitude_deg": 0.0, "longitude_deg": 90.0},
    )
    assert rich.unknowns == ("rx_pos_ecef_m", "level_db", "freq_offset_hz")
    assert (rich.level_sigma_db, rich.rx_gain_dbi) == (2.0, 3.0)
    np.testing.assert_allclose(rich.start_ecef_m, [0.0, 6378137.0, 0.0], atol=1e-6)


# The dataset


def test_every_number_of_the_dataset_has_a_name_and_a_unit(dataset):
    numbers = [v for v in dataset.data_vars.values() if v.dtype.kind == "f"]
    assert len(numbers) > 30
    bare = {v.name for v in numbers if not (v.attrs["long_name"] and v.attrs["units"])}
    assert bare == {"estimate", "sigma_unknown"}  # their units stand in `unit_unknown`
    assert dataset["unit_unknown"].values.tolist() == ["m", "m", "m"]
    assert dataset.attrs["measurement_type"] == "power"
    assert (dataset.attrs["status"], dataset.attrs["converged"]) == ("", 1)
    assert json.loads(dataset.attrs["provenance"])["eirp_sigma_db"] == 0.3
    assert json.loads(dataset.attrs["warnings"]) == []


def test_the_dataset_says_what_the_solution_says(dataset, solved, evidence):
    assert float(dataset["latitude_deg"]) == pytest.approx(np.degrees(solved.lat_rad))
    np.testing.assert_array_equal(dataset["sigma_enu_m"], solved.sigma_enu_m)
    np.testing.assert_allclose(dataset["crb_enu_m"], solved.bound.sigma_enu_m)
    np.testing.assert_array_equal(dataset["beam_bias_db"], solved.beam_bias_db)
    error = np.asarray(dataset["position_ecef_m"]) - MUNICH_M
    assert dataset["unknown"].values.tolist() == [f"rx_pos_ecef_m[{i}]" for i in range(3)]
    assert dataset["beam_id"].values[3] == "3"
    evidence(
        "methods.power.dataset",
        "error in three dimensions",
        "distance of two ECEF positions",
        "closed form",
        achieved=abs(float(dataset["error_3d_m"]) - np.linalg.norm(error)),
        tolerance=1e-6,
        unit="m",
    )


def test_residuals_in_decibels_scatter_as_their_sigmas_say(dataset):
    ratio = (dataset["residual"] / dataset["sigma"]).values
    told = np.isfinite(ratio)
    assert told.sum() > 30
    # Far above the noise, decibels over their sigma are amplitudes over theirs.
    loud = told & (dataset["sigma"].values < 0.3)
    whitened = dataset["normalized_residual"].values
    np.testing.assert_allclose(ratio[loud], whitened[loud], atol=0.1)


def test_rows_too_weak_for_decibels_have_no_residual_in_them(solved, dataset):
    predicted = dataset["predicted"].values
    above_noise_db = predicted - 10.0 * np.log10(solved.log.noise_w)
    weak = above_noise_db < 10.0 * np.log10(4.5)  # A = 3 sqrt(N): P = A^2 / 2
    np.testing.assert_array_equal(np.isnan(dataset["residual"]), weak)
    assert np.all(np.isfinite(dataset["normalized_residual"]))


def test_exact_eirp_gets_a_warning(solved):
    exact = dataclasses.replace(solved, options=PowerLogOptions())
    (warning,) = json.loads(to_dataset(exact).attrs["warnings"])
    assert "an error of 1 dB moves the range by 12 %" in warning


def test_geodetic_coordinates_of_a_place_are_those_of_the_settings(evidence):
    place = geodetic_of(MUNICH_M)
    evidence(
        "io.fix_dataset",
        "geodetic latitude of Munich",
        "48.14 degrees, of which its ECEF position was made",
        "closed form",
        achieved=abs(np.degrees(place.lat_rad) - 48.14),
        tolerance=1e-9,
        unit="deg",
    )
    assert place.height_m == pytest.approx(520.0, abs=1e-6)


def test_the_result_survives_its_files(dataset, tmp_path):
    back = read_netcdf(write_netcdf(dataset, tmp_path / "fix.nc"))
    xr.testing.assert_allclose(back["residual"], dataset["residual"])
    tree = as_json(dataset)
    assert len(tree["beam"]) == len(tree["measurement"]) == 52
    assert tree["beam"][1]["beam"] == "1"
    roles = [one["properties"]["role"] for one in as_geojson(dataset)["features"]]
    assert roles[:3] == ["fix", "ellipse", "truth"]
    others = as_geojson(dataset)["features"][3:]
    assert all("cost" in one["properties"] for one in others)


# The command


def run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_the_command_prints_the_fix_and_writes_its_files(scene, capsys, tmp_path):
    code, out, err = run(capsys, "fix", scene.file.path, "--out", tmp_path)
    assert (code, err) == (0, "")
    for sentence in (
        "Power fix of log.csv",
        "52 power measurements of 1 satellite: 52 used, 0 rejected.",
        "Error against the surveyed truth: ",
        "Cramer-Rao bound",
        "Time of flight",
    ):
        assert sentence in out
    assert "Hz" not in out
    assert "Doppler" not in out
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == [
        "earth.png", "position.png", "residuals.png", "sky.png",
    ]  # fmt: skip
    assert "Doppler" not in (tmp_path / "report.html").read_text()


def test_a_fix_that_is_not_solved_exits_with_1(log, capsys, tmp_path):
    path = write_log(tmp_path, log, kept=slice(2))
    path.write_text(SETTINGS + '[output]\nformats = ["json"]\n')
    code, out, err = run(capsys, "fix", path, "--out", tmp_path / "out")
    assert code == 1
    assert "There is no position." in out or "predicted 1-sigma" in out
    assert err.startswith("not solved: ")
    assert (tmp_path / "out" / "fix.json").exists()


def test_a_loss_with_a_positive_sign_is_bad_input(log, capsys, tmp_path):
    path = write_log(tmp_path, log)
    text = (tmp_path / "log.csv").read_text().splitlines()
    first = text[1].split(",")
    text[1] = ",".join([*first[:3], "150.0"])
    (tmp_path / "log.csv").write_text("\n".join(text))
    code, out, err = run(capsys, "fix", path)
    assert (code, out) == (2, "")
    assert "log.csv:2: power_dbw = 150 dBW of beam 0: expected a received power" in err


def test_a_beam_twice_at_one_time_is_named_with_its_line(log, tmp_path):
    path = write_log(tmp_path, log)
    text = (tmp_path / "log.csv").read_text()
    (tmp_path / "log.csv").write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(LeopntError, match=r"log\.csv:\d+: beam 0 of IRIDIUM 116 occurs twice"):
        fix_power_scene(load_power_scene(path))


# Report


def test_the_figures_and_words_hold_for_powers(dataset):
    from leopnt.report import words
    from leopnt.report.content import beams, candidates
    from leopnt.report.power_residuals import power_residual_figure

    figure = power_residual_figure(dataset)
    assert [axes.get_ylabel() for axes in figure.axes] == ["Residual over sigma", "Residual [dB]"]
    drawn = [max(len(line.get_xdata()) for line in axes.lines) for axes in figure.axes]
    told = int(np.isfinite(figure.axes[1].lines[-1].get_xdata()).sum())
    assert drawn[0] == 52
    assert told == int(np.isfinite(dataset["residual"]).sum())
    table = beams(dataset, 60)
    assert len(table.rows) == 52
    assert table.columns == ("Beam", "Measured", "Residual rms", "Sigma", "Bias", "1-sigma")
    assert candidates(dataset, 9).columns[2] == "Chi-square above"
    assert words.measurement_noun(dataset) == "power measurement"
    assert power_residual_figure(dataset.assign(normalized_residual=dataset["sigma"] * np.nan)) is (
        None
    )
