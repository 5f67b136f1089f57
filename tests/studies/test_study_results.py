"""From chunks to one result: what it holds, what it says is missing, every trial in one file."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from tiny_study import DIVERGED, METHOD, NUM_CASES

from leopnt.io.results import read_netcdf
from leopnt.studies import Threads, run_study, runner
from leopnt.studies.results import consolidate
from leopnt.studies.runner import Outcome
from leopnt.studies.statistics import status_sentences
from leopnt.studies.store import open_run

SWEEP = '[noise]\ndiverge_every = 5\nnan_every = 8\n[sweep.values]\n"noise.sigma_m" = [1.0, 3.0]\n'
TRIALS = 700
TOTAL = NUM_CASES * TRIALS


@pytest.fixture
def study(tiny):
    return tiny(TRIALS, extra=SWEEP)


def computed(study, path, leave_out=()):
    """A folder with the chunks of a study but for some, and how that run ended."""
    chunks = runner.all_chunks(study)
    failures = {chunk: f"no {i}" for i, chunk in enumerate(chunks) if i in leave_out}
    with open_run(path, study.fingerprint) as folder:
        for chunk in chunks:
            if chunk not in failures:
                folder.write(chunk, runner.compute_chunk(study, chunk))
    return folder, Outcome(len(chunks) - len(failures), len(chunks), failures)


def every_trial(study, point):
    chunks = [c for c in runner.all_chunks(study) if c.point == point]
    parts = [runner.compute_chunk(study, c) for c in chunks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_statistics_of_a_study_are_those_of_its_solved_trials(study, tmp_path, evidence):
    result = consolidate(study, *computed(study, tmp_path), None)
    worst = 0.0
    for point in range(2):
        trials, one = every_trial(study, point), result.isel(point=point)
        index = np.arange(TOTAL)
        diverged, lost = index % 5 == 0, ((index + 1) % 8 == 0) & (index % 5 != 0)
        ok = ~(diverged | lost)
        assert one["count"].values[DIVERGED] == diverged.sum()
        assert one["count"].values[-1] == one["not_finite"] == lost.sum()
        assert one["count"].values[0] == one["solved"] == ok.sum()
        assert one["not_solved"] == TOTAL - ok.sum()
        assert (one["trials"], one["missing"]) == (TOTAL, 0)
        rms_m = np.sqrt(np.mean(np.sum(trials["error_enu_m"][ok] ** 2, axis=1)))
        worst = max(worst, abs(float(one["rmse_3d"]) / rms_m - 1))
        sigma_m = [1.0, 3.0][point]
        worst = max(worst, abs(float(one["bound_3d"]) / (sigma_m * np.sqrt(3)) - 1))
    evidence(
        "studies.results",
        "RMS error and bound of a study with lost trials, relative",
        "NumPy over the solved trials",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )


def test_the_result_holds_what_a_report_needs(study, tmp_path):
    result = consolidate(study, *computed(study, tmp_path), None)
    attrs = result.attrs
    assert (attrs["kind"], attrs["title"], attrs["method"]) == ("study", "T", "tiny")
    assert (attrs["complete"], attrs["converged"]) == (1, 1)
    assert (attrs["seed"], attrs["trials_per_case"]) == (1, TRIALS)
    assert attrs["input_text"] == study.path.read_text()
    assert attrs["input_file"] == "tiny.toml"
    assert json.loads(attrs["swept"]) == ["noise.sigma_m"]
    assert attrs["sweep_kind"] == "grid"
    assert json.loads(attrs["warnings"]) == []
    assert json.loads(attrs["evidence"]) == list(METHOD.evidence)
    provenance = json.loads(attrs["provenance"])
    assert provenance["fingerprint"] == study.fingerprint
    assert {"leopnt", "jax", "numpy", "python"} <= provenance.keys()
    assert result["noise.sigma_m"].values.tolist() == [1.0, 3.0]
    assert result["noise.sigma_m"].attrs["units"] == "m"
    assert result["status"].values.tolist() == status_sentences()
    assert result["user"].values.tolist() == ["A", "B"]
    for name, variable in result.variables.items():
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name
        assert set(variable.dims) <= {"point", "case", "status", "quantile", "enu", "enu_2"}


def test_a_study_without_sweep_has_one_point(tiny, tmp_path):
    study = tiny(100)
    result = consolidate(study, *computed(study, tmp_path / "out"), None)
    assert result.sizes["point"] == 1
    assert json.loads(result.attrs["swept"]) == []
    assert result.attrs["sweep_kind"] == "none"


def test_what_is_missing_is_said_and_not_averaged(study, tmp_path):
    folder, outcome = computed(study, tmp_path, leave_out=(1, 6))  # the second of both points...
    result = consolidate(study, folder, outcome, tmp_path / "trials.nc")
    per_point = -(-TOTAL // METHOD.chunk_trials)
    points = [1 // per_point, 6 // per_point]
    expected = [METHOD.chunk_trials * points.count(p) for p in range(2)]
    assert result["missing"].values.tolist() == expected
    assert (result.attrs["complete"], result.attrs["converged"]) == (0, 0)
    warnings = json.loads(result.attrs["warnings"])
    assert warnings[0].startswith(f"Incomplete: 2 of {2 * per_point} chunks are missing; run")
    assert warnings[1:] == [
        f"{chunk.name} failed: {reason}" for chunk, reason in outcome.failures.items()
    ]
    whole = every_trial(study, 0)
    there = np.ones(TOTAL, bool)
    for chunk in outcome.failures:
        if chunk.point == 0:
            there[chunk.index] = False
    ok = there & (whole["status"] == 0) & np.isfinite(whole["error_enu_m"]).all(axis=1)
    rms_m = np.sqrt(np.mean(np.sum(whole["error_enu_m"][ok] ** 2, axis=1)))
    np.testing.assert_allclose(result["rmse_3d"].values[0], rms_m, rtol=1e-12)


def test_points_where_nothing_was_solved_are_named_in_a_warning(tiny, tmp_path):
    study = tiny(100, extra='[sweep.values]\n"noise.diverge_every" = [0, 1, 2]\n')
    result = consolidate(study, *computed(study, tmp_path), None)
    assert result["solved"].values.tolist() == [200, 0, 100]
    assert json.loads(result.attrs["warnings"]) == [
        "No trial was solved at 1 of 3 points of the sweep."
    ]


def test_a_run_that_stopped_says_why_once(study, tmp_path):
    folder, _ = computed(study, tmp_path, leave_out=range(14))
    chunk = runner.all_chunks(study)[0]
    outcome = Outcome(0, 14, {chunk: "disk full."}, "disk full.")
    result = consolidate(study, folder, outcome, None)
    assert json.loads(result.attrs["warnings"]) == [
        "Incomplete: 14 of 14 chunks are missing; run the study again to compute them.",
        "The run stopped early: disk full.",
    ]
    assert np.isnan(result["rmse_3d"].values).all()
    assert (result["missing"] == TOTAL).all()


def test_every_trial_is_in_one_file(study, tmp_path):
    folder, outcome = computed(study, tmp_path, leave_out=(2,))
    consolidate(study, folder, outcome, tmp_path / "trials.nc")
    file = xr.load_dataset(tmp_path / "trials.nc", engine="h5netcdf", decode_cf=False)
    assert file.attrs["kind"] == "trials"
    assert file.attrs["fingerprint"] == study.fingerprint
    assert dict(file.sizes) == {"point": 2, "trial": TOTAL, "enu": 3}
    (gone,) = outcome.failures
    for point in range(2):
        whole = every_trial(study, point)
        for name, quantity in METHOD.outcomes.items():
            stored = file[name].values[point]
            assert file[name].attrs["units"] == quantity.units
            there = np.ones(TOTAL, bool)
            if gone.point == point:
                there[gone.index] = False
            assert stored.dtype == whole[name].dtype
            assert stored[there].tobytes() == whole[name][there].tobytes()
            if name == "status":
                assert (stored[~there] == -1).all()
            else:
                assert np.isnan(stored[~there]).all()


def test_without_any_chunk_the_trials_file_is_there_and_empty(study, tmp_path):
    folder, outcome = computed(study, tmp_path, leave_out=range(14))
    consolidate(study, folder, outcome, tmp_path / "trials.nc")
    file = read_netcdf(tmp_path / "trials.nc")
    assert list(file.data_vars) == []


def test_the_result_survives_the_disk(study, tmp_path):
    result = run_study(study, tmp_path / "out", workers=Threads(1))
    stored = read_netcdf(tmp_path / "out" / "study.nc")
    assert stored.attrs == result.attrs
    xr.testing.assert_equal(stored, result)


def test_trials_are_not_kept_where_the_file_says_so(tiny, tmp_path):
    study = tiny(100, extra="[output]\nkeep_trials = false")
    run_study(study, tmp_path / "out", workers=Threads(1))
    assert {file.name for file in (tmp_path / "out").iterdir()} >= {"study.nc", "run.json"}
    assert not (tmp_path / "out" / "trials.nc").exists()
    run_study(tiny(100), tmp_path / "out", workers=Threads(1))  # now it shall be kept
    assert (tmp_path / "out" / "trials.nc").exists()


@pytest.mark.parametrize(
    ("path", "values", "units", "label"),
    [
        ("noise.sigma_m", [1.0, 2.0], "m", "sigma"),
        ("antenna.mask_deg", [5, 10], "deg", "mask"),
        ("method.weights", ["equal", "modelled"], "1", "weights"),
        ("method.is_fixed", [True, False], "1", "is fixed"),
        ("errors.elevation_exponent", [0.0, 1.0], "1", "elevation exponent"),
    ],
)
def test_swept_parameters_have_their_values_units_and_words(
    study, tmp_path, path, values, units, label
):
    points = tuple(
        dataclasses.replace(point, values={path: value})
        for point, value in zip(study.points, values, strict=True)
    )
    swept = dataclasses.replace(study, points=points)
    result = consolidate(swept, *computed(study, tmp_path), None)
    found = result[path]
    is_number = not isinstance(values[0], str | bool)
    assert found.values.tolist() == [float(v) if is_number else str(v) for v in values]
    assert (found.attrs["units"], found.attrs["long_name"]) == (units, label)


def test_a_column_that_only_some_points_have_is_nan_at_the_others(study, tmp_path, monkeypatch):
    prepare = type(METHOD).prepare

    def some(self, settings, folder):
        found = prepare(self, settings, folder)
        if settings.noise.sigma_m < 2:
            return found
        extra = dataclasses.replace(found.values["case_bound"], values=np.ones((NUM_CASES, 3, 3)))
        return dataclasses.replace(found, values={**found.values, "case_extra": extra})

    runner._prepared.cache_clear()
    monkeypatch.setattr(type(METHOD), "prepare", some)
    result = consolidate(study, *computed(study, tmp_path), None)
    runner._prepared.cache_clear()
    assert np.isnan(result["case_extra"].values[0]).all()
    assert (result["case_extra"].values[1] == 1.0).all()
