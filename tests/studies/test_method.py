"""What a method brings so that it can be studied: one test for all of the table."""

import inspect
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from study_texts import (
    ASTARS,
    CALIBRATION,
    DOPPLER,
    NINE_D,
    NINE_D_RANDOM,
    PACE,
    POWER,
    PVT,
    URBAN,
    load_text,
)

from leopnt.errors import LeopntError
from leopnt.studies import AbstractStudyMethod, method_of
from leopnt.studies.method import MODULES, CommonSettings, HostTrial
from leopnt.studies.runner import outcomes_of

TEXTS = {
    "pvt": PVT,
    "doppler_fix": DOPPLER,
    "nine_d": NINE_D,
    "nine_d_random": NINE_D_RANDOM,
    "pace": PACE,
    "power": POWER,
    "astars": ASTARS,
    "urban": URBAN,
    "calibration": CALIBRATION,
}
ON_HOST = ("calibration",)
DELAYS = '[delays]\nmodel = "white"\n'
FIXES = ["pvt", "doppler_fix"]
VALUE = dict.fromkeys(FIXES, "error_enu_m") | {
    "nine_d": "orientation_bound",
    "nine_d_random": "position_bound",
    "pace": "pab_lb",
    "power": "position_error",
    "astars": "error_enu",
    "urban": "error_enu_m",
    "calibration": "error_x",
}
"""What differs from trial to trial."""
ALONE = ("nine_d_random", "pace", "astars", "calibration")
"""Methods without users."""
NUM_TRIALS = 20
"""Of each case in these files."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """For each method: the method, its settings, the prepared point, and all of its trials."""
    found = {}
    for name, text in TEXTS.items():
        folder = tmp_path_factory.mktemp(name)
        study = load_text(folder, text)
        point = study.method.prepare(study.settings, folder)
        index = np.arange(point.num_cases * NUM_TRIALS)
        trials = outcomes_of(point, index, study.method.tile)
        found[name] = (study, point, trials)
    return found


methods = pytest.mark.parametrize("name", list(MODULES))
fixes = pytest.mark.parametrize("name", FIXES)


def test_every_method_of_the_table_is_tested_here():
    assert TEXTS.keys() == MODULES.keys()


@methods
def test_a_method_says_what_it_is(name):
    method = method_of(name)
    assert isinstance(method, AbstractStudyMethod)
    assert method is method_of(name)
    assert method.name == name
    assert 10 < len(method.summary) < 80
    assert issubclass(method.settings, CommonSettings)
    if name in ON_HOST:
        assert method.chunk_trials == method.tile == 1
    else:
        assert method.chunk_trials % (8 * method.tile) == 0
    assert f'method = "{name}"' in method.template


@methods
def test_every_key_says_what_it_accepts(name):
    def keys(model):
        for field in model.model_fields.values():
            yield field
            inside = [field.annotation, *getattr(field.annotation, "__args__", ())]
            for one in inside:
                if hasattr(one, "model_fields"):
                    yield from keys(one)

    for field in keys(method_of(name).settings):
        assert field.description or any(hasattr(one, "description") for one in field.metadata)


@methods
def test_the_evidence_of_a_method_names_modules(name):
    root = Path(__file__).parents[2] / "leopnt"
    for one in method_of(name).evidence:
        path = root.joinpath(*one.split("."))
        is_test = one == "methods.doppler_fix.monte_carlo"
        assert is_test or path.with_suffix(".py").exists() or path.is_dir(), one


@methods
def test_what_a_trial_returns_is_what_the_method_declares(name, prepared):
    study, point, trials = prepared[name]
    declared = study.method.outcomes
    assert trials.keys() == declared.keys()
    for key, quantity in declared.items():
        assert trials[key].shape == (point.num_cases * NUM_TRIALS, *(3 for _ in quantity.dims))
        assert quantity.units
        assert quantity.long_name
    assert point.num_cases == (1 if name in ALONE else 2)


@methods
def test_trials_are_all_solved_and_all_different(name, prepared):
    _, _, trials = prepared[name]
    assert np.all(trials["status"] == 0)
    values = trials[VALUE[name]]
    assert len(np.unique(values.round(9), axis=0)) == len(values)


@methods
def test_a_trial_depends_on_its_number_only(name, prepared, evidence):
    study, point, trials = prepared[name]
    index = np.array([7, 11, 3])
    alone = outcomes_of(point, index, study.method.tile)
    worst_m = np.abs(alone[VALUE[name]] - trials[VALUE[name]][index]).max()
    evidence(
        "studies.method",
        f"{name}: the same trial in another batch",
        "the whole run",
        "invariance",
        achieved=worst_m,
        tolerance=0.0,
        unit="m",
    )


@methods
def test_another_seed_draws_other_errors(name, prepared, tmp_path):
    _, _, trials = prepared[name]
    other = load_text(tmp_path, TEXTS[name].replace("seed = 3", "seed = 4"))
    point = other.method.prepare(other.settings, tmp_path)
    found = outcomes_of(point, np.arange(8), other.method.tile)
    assert not np.any(found[VALUE[name]] == trials[VALUE[name]][:8])


@fixes
def test_the_cases_of_a_point_are_told_apart(name, prepared):
    _, point, _ = prepared[name]
    assert point.cases["user"].values.tolist() == ["Paris", "Quito"]
    for key in ("latitude_deg", "longitude_deg", "height_m", "time_s"):
        assert point.cases[key].values.shape == (2,)
    np.testing.assert_allclose(point.cases["latitude_deg"].values, [48.85, -0.2], atol=0.1)
    assert np.all(point.values["case_num_satellites"].values >= 4)
    bound_m2 = point.values["case_bound"].values
    np.testing.assert_allclose(
        point.values["case_bound_3d"].values, [np.sqrt(np.trace(one)) for one in bound_m2]
    )


@methods
def test_statistics_have_the_same_names_with_and_without_trials(name, prepared, tmp_path):
    study, point, trials = prepared[name]
    empty, full = (study.method.statistics(point, NUM_TRIALS) for _ in range(2))
    full.add(np.arange(point.num_cases * NUM_TRIALS), trials)
    assert empty.columns().keys() == full.columns().keys()
    assert full.columns()["solved"].values == point.num_cases * NUM_TRIALS
    known = set(full.columns())
    if name == "pace":  # rates or bounds, as the file asks
        known |= {f"{one}_{kind}" for one in study.method.outcomes for kind in ("rms", "mean")}
    for compute in ("surface", "dop", "budget", "beam", "sync") if name == "astars" else ():
        other = load_text(tmp_path, f'{ASTARS}[method]\ncompute = "{compute}"\n')
        there = other.method.prepare(other.settings, tmp_path)
        known |= set(other.method.statistics(there, NUM_TRIALS).columns())
    if name == "calibration":  # correlations and delays per epoch, where they are asked for
        other = load_text(tmp_path, f"{CALIBRATION}[estimate]\ncorrelations = true\n{DELAYS}")
        there = other.method.prepare(other.settings, tmp_path)
        known |= set(other.method.statistics(there, NUM_TRIALS).columns())
    for one in study.method.plots:
        names = {"rmse_3d", "bound_3d"} if name in FIXES else set(one.get("y", ()))
        assert names <= known or one["kind"] != "sweep"
    assert set(study.method.headline) <= known
    json.dumps([dict(one) for one in study.method.plots])


@methods
def test_the_kernel_is_a_function_of_module_level_or_kept(name, prepared):
    study, point, _ = prepared[name]
    again = study.method.prepare(study.settings, study.folder)
    assert again.kernel is point.kernel
    assert isinstance(point.kernel, HostTrial) == (name in ON_HOST)
    assert inspect.isfunction(point.kernel.function if name in ON_HOST else point.kernel)
    assert jax.tree.structure(again.shared) == jax.tree.structure(point.shared)


@methods
def test_files_of_a_study_are_those_that_it_names(name, tmp_path):
    study = load_text(tmp_path, TEXTS[name])
    assert study.method.files(study.settings, tmp_path) == []


def test_an_unknown_method_gets_its_sentence():
    for wrong in ("ptv", "", 3, None, ["pvt"], "__import__", 16**5000):
        with pytest.raises(LeopntError, match=r"\[study\] method = .*expected one of 'pvt', 'dopp"):
            method_of(wrong)
    with pytest.raises(LeopntError, match=r"Did you mean 'pvt'\?"):
        method_of("ptv")
