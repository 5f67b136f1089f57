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


@pytest.mark.study
def test_the_9d_position_bound_falls_with_the_spacing_of_slots(evidence):
    # Medians of 200 random geometries of an independent implementation, bands of the same; a
    # median of a heavy-tailed spread moves by some 10 % from one set of geometries to another.
    figure = example("nine_d_figure_2")
    expected = {
        "seed_motion": ((0.025, 825.0), (0.1, 233.0), (1.0, 23.6), 0.25, -1.0, 0.05),
        "integrated_motion": ((0.025, 1340.0), (0.1, 452.0), (1.0, 46.1), 0.25, -1.0, 0.05),
        "orbit_motion": ((0.025, 1.48e6), (0.1, 3.9e5), (1.0, 6.3e3), 0.40, -2.0, 0.15),
    }
    for motion in figure.MOTIONS.values():
        *points, band, slope, slope_band = expected[motion.__name__]
        found = {s: figure.median_bound_m(motion, s) for s in (0.025, 0.1, 0.3, 1.0)}
        evidence(
            "methods.nine_d.kinematics",
            f"median 9D position bound over random scenes, {motion.__name__}, relative",
            "independent implementation, 200 geometries",
            "implementation",
            achieved=max(abs(found[s] / value - 1) for s, value in points),
            tolerance=band,
        )
        ours = np.log(found[1.0] / found[0.3]) / np.log(1.0 / 0.3)
        assert abs(ours - slope) < slope_band
