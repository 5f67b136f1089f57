"""The two published tables of minimal numbers of satellites and slots, from exact verdicts."""

import importlib.util
import itertools
from pathlib import Path

import pytest
from study_sizes import study_size

from leopnt.inference.identifiability import Verdict

PATH = Path(__file__).parents[2] / "examples" / "nine_d_identifiability.py"
SPEC = importlib.util.spec_from_file_location("nine_d_identifiability", PATH)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)

SETS = ("p", "Phi", "v", "p+Phi", "p+v", "Phi+v", "9D")

FORMAL = """
1           | none | 1x2 2x1 | -       | 1x2 3x1 | -       | 1x3 2x2 3x1 | -       | -
1           | time | 1x2 3x1 | -       | 1x2 3x1 | -       | 1x4 2x2     | -       | -
1           | freq | 1x2 3x1 | -       | 1x3 2x2 | -       | 1x4 2x2     | -       | -
1           | both | 1x3 2x2 | -       | 1x3 2x2 | -       | 1x4 2x3 3x2 | -       | -
2           | none | 1x1     | -       | 1x2 3x1 | -       | 1x2 3x1     | -       | -
2           | time | 1x2 2x1 | -       | 1x2 3x1 | -       | 1x3 2x2 3x1 | -       | -
2           | freq | 1x2 2x1 | -       | 1x2     | -       | 1x3 2x2     | -       | -
2           | both | 1x2 3x1 | -       | 1x2     | -       | 1x3 2x2     | -       | -
4 collinear | none | 1x1     | -       | 1x2 3x1 | -       | 1x2 3x1     | -       | -
4 collinear | time | 1x1     | -       | 1x2 3x1 | -       | 1x2 3x1     | -       | -
4 collinear | freq | 1x2 2x1 | -       | 1x2     | -       | 1x3 2x2     | -       | -
4 collinear | both | 1x2 2x1 | -       | 1x2     | -       | 1x3 2x2     | -       | -
3 triangle  | none | 1x1     | 1x2 2x1 | 1x2 3x1 | 1x2 2x1 | 1x2 3x1     | 1x2 3x1 | 1x3 2x2 3x1
3 triangle  | time | 1x1     | 1x2 2x1 | 1x2 3x1 | 1x2 2x1 | 1x2 3x1     | 1x2 3x1 | 1x3 2x2 3x1
3 triangle  | freq | 1x1     | 1x2 2x1 | 1x2     | 1x2 3x1 | 1x2         | 1x2     | 1x3 2x2
3 triangle  | both | 1x2 2x1 | 1x2 2x1 | 1x2     | 1x2 3x1 | 1x2         | 1x2     | 1x3 2x2
4 square    | none | 1x1     | 1x2 2x1 | 1x2 3x1 | 1x2 2x1 | 1x2 3x1     | 1x2 3x1 | 1x3 2x2 3x1
4 square    | time | 1x1     | 1x2 2x1 | 1x2 3x1 | 1x2 2x1 | 1x2 3x1     | 1x2 3x1 | 1x3 2x2 3x1
4 square    | freq | 1x1     | 1x2 2x1 | 1x2     | 1x2 3x1 | 1x2         | 1x2     | 1x3 2x2
4 square    | both | 1x1     | 1x2 2x1 | 1x2     | 1x2 3x1 | 1x2         | 1x2     | 1x3 2x2
"""

# Of planar arrays; p, v and p+v are the same with any, rotation is never told by a point or line.
STRUCTURAL = """
none | 1x2 2x1 | 1x2 2x1 | 1x2 3x1 | 1x2 2x1 | 1x3 2x2 3x1 | 1x2 3x1 | 1x3 2x2 3x1
time | 1x2 3x1 | 1x2 2x1 | 1x2 3x1 | 1x2 3x1 | 1x4 2x2     | 1x2 3x1 | 1x4 2x2
freq | 1x2 3x1 | 1x2 2x1 | 1x3 2x2 | 1x2 3x1 | 1x4 2x2     | 1x3 2x2 | 1x4 2x2
both | 1x3 2x2 | 1x2 2x1 | 1x3 2x2 | 1x3 2x2 | 1x4 2x3 3x2 | 1x3 2x2 | 1x4 2x3 3x2
"""
NOT_PLANAR = ("1", "2", "4 collinear")


def rows_of(text):
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def published(model):
    """Cells by (array, offsets, unknowns)."""
    if model == "formal":
        return {
            (array, offset, name): cell
            for array, offset, *row in rows_of(FORMAL)
            for name, cell in zip(SETS, row, strict=True)
        }
    return {
        (array, offset, name): "-" if has_rotation(name) and array in NOT_PLANAR else cell
        for offset, *row in rows_of(STRUCTURAL)
        for array in example.ARRAYS
        for name, cell in zip(SETS, row, strict=True)
    }


def has_rotation(name):
    return "Phi" in name or name == "9D"


def study_arrays(motion):
    """All arrays in the full study; two or, for motions of the paper, one in the reduced one."""
    every = tuple(example.ARRAYS)
    return every[-study_size(2 if motion == "orbit" else 1, 5) :]


def is_enough(pairs, size):
    """Whether as many satellites and slots as some minimal pair are there."""
    if pairs == "-":
        return False
    least = [tuple(map(int, pair.split("x"))) for pair in pairs.split()]
    return any(size[0] >= b and size[1] >= k for b, k in least)


@pytest.mark.study
@pytest.mark.parametrize("model", ["formal", "structural"])
@pytest.mark.parametrize("motion", ["orbit", "integrated", "seed"])
def test_all_verdicts_are_the_published_ones(model, motion, evidence):
    arrays = study_arrays(motion)
    cells, wrong, count = published(model), 0, 0
    for array in arrays:
        found = example.verdicts(example.largest_scene(array, motion), model)
        for (offset, name, size), verdict in found.items():
            expected = is_enough(cells[array, offset, name], size)
            wrong += (verdict is Verdict.IDENTIFIABLE) != expected or verdict is Verdict.UNDECIDED
            count += 1
        for offset, name in itertools.product(example.OFFSETS, SETS):
            printed = example.minimal_pairs(found, offset, name)
            assert printed == cells[array, offset, name], (array, offset, name)
    assert count == 560 * len(arrays)
    evidence(
        "methods.nine_d.verdicts",
        f"wrong {model} verdicts, 1 to 4 satellites x 1 to 5 slots, {motion} motion",
        "published tables",
        "published",
        achieved=wrong,
        tolerance=0,
    )


def test_tables_print_one_line_per_array_and_offsets(capsys):
    example.show(published("formal"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 20
    assert lines[0].split() == ["antennas", "offsets", *SETS]
    assert lines[-1].split() == [
        *("4", "square", "both", "1x1", "1x2", "2x1", "1x2", "1x2"),
        *("3x1", "1x2", "1x2", "1x3", "2x2"),
    ]


def test_pairs_that_nothing_decides_are_not_printed():
    found = {("none", "p", size): Verdict.UNDECIDED for size in example.GRID}
    assert example.minimal_pairs(found, "none", "p") == "undecided"
