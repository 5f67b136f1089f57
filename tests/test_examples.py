"""The examples of the model interface run, and say what their pages say."""

import ast
import importlib.util
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference import misspecified_bound, predict

ROOT = Path(__file__).parent.parent
OWN = (ROOT / "examples" / "own_measurement.py").read_text()


def example(name):
    """Import an example by its file, without its `main`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_lines(source):
    """Lines that are neither blank, nor a comment, nor part of a docstring."""
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        owner = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if owner and ast.get_docstring(node):
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = [(i, line.strip()) for i, line in enumerate(source.splitlines(), 1)]
    return [line for i, line in lines if line and line[0] != "#" and i not in docstrings]


def test_the_tutorial_shows_the_example_verbatim():
    page = (ROOT / "docs" / "tutorial-own-measurement.md").read_text()
    assert page.count("```python\n") == 1
    assert page.split("```python\n")[1].split("```\n")[0] == OWN


def test_an_own_measurement_takes_under_40_lines_of_code():
    assert len(code_lines(OWN)) < 40


@pytest.mark.study
def test_fixes_from_range_differences_reach_both_bounds(evidence):
    # 300 trials of 3 components: the RMS scatters by at most 1/sqrt(2*300) = 4 %.
    ratios = example("own_measurement").main(study_size(300, 2000))
    for ratio, bound in zip(ratios, ("CRB", "misspecified bound"), strict=True):
        evidence(
            "inference.model",
            "RMS error of fixes from range differences, relative deviation",
            f"{bound} of the same model",
            "monte carlo",
            achieved=abs(ratio - 1.0),
            tolerance=0.1,
        )


@pytest.mark.study
def test_four_unlike_models_reach_their_bounds(evidence):
    trials = study_size(500, 2000)
    for name, (rmse, bound, ended) in example("four_models").main(trials).items():
        assert ended["converged"] >= 0.99 * trials
        evidence(
            "inference.model",
            f"RMS error of the model {name!r}, relative deviation",
            "CRB of the same model",
            "monte carlo",
            achieved=abs(rmse / bound - 1.0),
            tolerance=0.1,
        )


def test_the_gaussian_misspecified_bound_refuses_folded_amplitudes():
    model, truth, _, links, _ = example("four_models").beam_case()
    mean, covariance = predict(model, truth, links), jnp.ones((81, 1, 1))
    with pytest.raises(LeopntError, match="misspecified_bound_from_draws"):
        misspecified_bound(model, truth, links, mean, covariance, ("angle_rad", "amplitude"))


def test_a_good_position_gains_nearly_the_number_of_antennas(evidence):
    num_ant, num_sub = 64, 1024
    lever = 1.5 * (num_sub + 1) / (num_sub - 1)
    gain_db = example("pace_gain_map").gain_db(8, 30.0)
    evidence(
        "methods.pace.uplink",
        "gain of a position 100 m off over 8 x 8 antennas",
        "(N + q) / (1 + q) in closed form",
        "closed form",
        achieved=abs(gain_db[0] - 10 * np.log10((num_ant + lever) / (1 + lever))),
        tolerance=1e-3,
        unit="dB",
    )
    assert np.all(np.diff(gain_db) < 0)
