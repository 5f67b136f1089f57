"""Small dense systems against NumPy, SciPy and exact rational arithmetic."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.inference import small_linear
from leopnt.inference.small_linear import COLUMN_FLOOR, UNROLL_LIMIT

# Compiled whole: the written-out entries are many small operations one by one.
eliminate_columns = jax.jit(small_linear.eliminate_columns, static_argnums=1)
equilibrate = jax.jit(small_linear.equilibrate)
factor = jax.jit(small_linear.factor)
gram = jax.jit(small_linear.gram)
inverse_of_root = jax.jit(small_linear.inverse_of_root)
inverse_spd = jax.jit(small_linear.inverse_spd)
solve_lower = jax.jit(small_linear.solve_lower)
solve_spd = jax.jit(small_linear.solve_spd)
solve_upper = jax.jit(small_linear.solve_upper)
triangular_root = jax.jit(small_linear.triangular_root)

EPS = np.finfo(float).eps
SIZES = (1, 4, 8, UNROLL_LIMIT + 1)


def random_spd(size, seed, spread=0.0):
    """Well-conditioned up to the scale of its unknowns, 10^+-spread."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(3 * size, size)) * 10.0 ** rng.uniform(-spread, spread, size)
    return rows.T @ rows


def exact_pivots(rows):
    """Squared diagonal of R of the exact QR factorization: LDL^T of the Gram in rationals."""
    a = [[Fraction(float(x)) for x in row] for row in rows]
    size = len(a[0])
    g = [[sum(r[i] * r[j] for r in a) for j in range(size)] for i in range(size)]
    for k in range(size):
        for i in range(k + 1, size):
            ratio = g[i][k] / g[k][k]
            g[i] = [g[i][j] - ratio * g[k][j] for j in range(size)]
    return [g[k][k] for k in range(size)]


@pytest.mark.parametrize("size", SIZES)
def test_solve_and_inverse_agree_with_numpy(size, evidence):
    matrix, rhs = random_spd(size, size), np.random.default_rng(1).normal(size=(size, 2))
    x, regular = solve_spd(jnp.asarray(matrix), jnp.asarray(rhs))
    inverse, also = inverse_spd(jnp.asarray(matrix))
    assert regular
    assert also
    truth = np.linalg.solve(matrix, rhs)
    worst = max(
        np.max(np.abs(x - truth)) / np.max(np.abs(truth)),
        np.max(np.abs(inverse - np.linalg.inv(matrix))) / np.max(np.abs(np.linalg.inv(matrix))),
    )
    evidence(
        "inference.small_linear",
        f"solution and inverse, {size} unknowns",
        "numpy.linalg",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )


@pytest.mark.parametrize("size", [5, 14])
def test_solve_does_not_care_about_the_units_of_the_unknowns(size):
    # Powers of two change no digit, so the answers agree to the rounding of the square root.
    matrix, rhs = random_spd(size, 3), np.random.default_rng(2).normal(size=size)
    unit = 2.0 ** np.random.default_rng(4).integers(-30, 31, size)
    x, _ = solve_spd(jnp.asarray(matrix), jnp.asarray(rhs))
    scaled = unit[:, None] * matrix * unit[None, :]
    y, regular = solve_spd(jnp.asarray(scaled), jnp.asarray(unit * rhs))
    assert np.linalg.cond(scaled) > 1e15
    assert regular
    np.testing.assert_allclose(unit * np.asarray(y), x, rtol=1e-13, atol=0)


@pytest.mark.parametrize("size", [4, 12])
def test_factor_agrees_with_scipy_and_substitution_undoes_it(size):
    matrix, _ = equilibrate(jnp.asarray(random_spd(size, 7, spread=3.0)))
    low, regular = factor(matrix)
    assert regular
    np.testing.assert_allclose(low, np.linalg.cholesky(np.asarray(matrix)), atol=1e-14)
    rhs = jnp.asarray(np.random.default_rng(3).normal(size=(size, 3)))
    np.testing.assert_allclose(low @ solve_lower(low, rhs), rhs, atol=1e-13)
    np.testing.assert_allclose(low.T @ solve_upper(low, rhs), rhs, atol=1e-13)


@pytest.mark.parametrize("size", [4, 12])
def test_singular_matrices_are_flagged_and_their_inverse_is_nan(size):
    rows = np.random.default_rng(5).normal(size=(20, size))
    rows[:, -1] = rows[:, 0] - 2 * rows[:, 1]
    matrix = jnp.asarray(rows.T @ rows)
    x, regular = solve_spd(matrix, jnp.ones(size))
    inverse, also = inverse_spd(matrix)
    assert not regular
    assert not also
    assert np.all(np.isfinite(x)) or size > UNROLL_LIMIT
    assert np.all(np.isnan(inverse))


@pytest.mark.parametrize("size", [3, 12])
def test_an_unknown_that_no_measurement_sees_is_singular(size):
    matrix = np.diag(np.arange(size, dtype=float))
    assert not inverse_spd(jnp.asarray(matrix))[1]


@pytest.mark.parametrize("size", [3, 12])
def test_matrices_with_nan_are_not_regular(size):
    matrix = np.eye(size)
    matrix[0, 1] = matrix[1, 0] = np.nan
    assert not solve_spd(jnp.asarray(matrix), jnp.ones(size))[1]


@pytest.mark.parametrize("shape", [(30, 4), (7, 7), (40, 12)])
def test_triangular_root_agrees_with_lapack(shape, evidence):
    rows = np.random.default_rng(6).normal(size=shape)
    root = np.asarray(triangular_root(jnp.asarray(rows)))
    lapack = np.linalg.qr(rows, mode="r")
    lapack = lapack * np.sign(np.diag(lapack))[:, None]
    assert np.all(np.tril(root, -1) == 0)
    evidence(
        "inference.small_linear",
        f"triangular root of {shape[0]} x {shape[1]} rows",
        "LAPACK QR (numpy)",
        "implementation",
        achieved=np.max(np.abs(root - lapack)),
        tolerance=1e-13,
    )


@pytest.mark.parametrize("offset", [1e-3, 1e-6, 1e-9, 1e-12])
def test_triangular_root_resolves_nearly_dependent_columns(offset, evidence):
    # The last pivot is the distance of the last column from the span of the others; J^T J would
    # lose it below 1e-8. Reference: rational arithmetic.
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(10, 4))
    rows[:, 3] = rows[:, :3] @ [1.0, -2.0, 0.5] + offset * rng.normal(size=10)
    pivot = float(exact_pivots(rows)[3]) ** 0.5
    root = np.asarray(triangular_root(jnp.asarray(rows)))
    evidence(
        "inference.small_linear",
        f"last pivot of columns dependent up to {offset:g}",
        "exact rational arithmetic",
        "closed form",
        achieved=abs(root[3, 3] - pivot) / np.linalg.norm(rows[:, 3]),
        tolerance=10 * EPS,
    )


def test_triangular_root_of_columns_of_unlike_scale_is_accurate_to_rounding():
    rows = np.random.default_rng(9).normal(size=(12, 5))
    scale = 10.0 ** np.array([0.0, -15.0, 8.0, 3.0, -7.0])
    root = np.asarray(triangular_root(jnp.asarray(rows * scale)))
    exact = [float(p) ** 0.5 for p in exact_pivots(rows * scale)]
    np.testing.assert_allclose(np.diag(root), exact, rtol=50 * EPS)
    assert np.linalg.cond(rows * scale) > 1e15


def test_a_dependent_column_leaves_a_zero_pivot_and_the_gram_survives():
    rows = np.random.default_rng(10).normal(size=(15, 5))
    rows[:, 2] = 3 * rows[:, 0] + rows[:, 1] * (1 + 1e-15)
    root = np.asarray(triangular_root(jnp.asarray(rows)))
    assert root[2, 2] == 0.0
    assert np.all(np.diag(root)[[0, 1, 3, 4]] > 0.1)
    np.testing.assert_allclose(root.T @ root, rows.T @ rows, atol=1e-13)
    inverse, regular = inverse_of_root(jnp.asarray(root))
    assert not regular
    assert np.all(np.isnan(inverse))


def test_zero_columns_and_zero_rows_are_harmless():
    rows = np.zeros((4, 3))
    rows[:, 1] = 1.0
    root = np.asarray(triangular_root(jnp.asarray(rows)))
    np.testing.assert_allclose(root.T @ root, np.diag([0.0, 4.0, 0.0]), atol=1e-15)
    np.testing.assert_array_equal(np.diag(root) > 0, [False, True, False])
    assert not np.any(triangular_root(jnp.zeros((0, 2))))


def test_root_of_fewer_rows_than_columns_reproduces_the_gram():
    rows = np.random.default_rng(11).normal(size=(3, 6))
    root = np.asarray(triangular_root(jnp.asarray(rows)))
    np.testing.assert_allclose(root.T @ root, rows.T @ rows, atol=1e-13)


@pytest.mark.parametrize("size", [4, 12])
def test_inverse_of_root_agrees_with_numpy(size):
    rows = np.random.default_rng(12).normal(size=(30, size))
    inverse, regular = inverse_of_root(triangular_root(jnp.asarray(rows)))
    assert regular
    np.testing.assert_allclose(inverse, np.linalg.inv(rows.T @ rows), rtol=1e-11, atol=1e-14)


def schur_by_projection(rows, count):
    """rest^T (I - N N^+) rest with NumPy's pseudo-inverse."""
    nuisance, rest = rows[:, :count], rows[:, count:]
    left = rest - nuisance @ (np.linalg.pinv(nuisance, rcond=1e-12) @ rest)
    return left.T @ left


@pytest.mark.parametrize(
    ("shape", "count", "rank"),
    [((20, 7), 4, 4), ((20, 7), 4, 2), ((20, 7), 3, 1), ((3, 6), 2, 2), ((3, 6), 4, 4)],
)
def test_elimination_is_the_generalized_schur_complement(shape, count, rank, evidence):
    rng = np.random.default_rng(13)
    rows = rng.normal(size=shape)
    if rank < count:
        rows[:, :count] = rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, count))
    out = np.asarray(eliminate_columns(jnp.asarray(rows), count))
    assert out.shape == shape
    assert not np.any(out[:, :count])
    assert not np.any(out[: min(rank, shape[0])])
    evidence(
        "inference.small_linear",
        f"{count} eliminated columns of rank {rank} in {shape[0]} x {shape[1]} rows",
        "projection with numpy pinv",
        "implementation",
        achieved=np.max(
            np.abs(gram(jnp.asarray(out[:, count:])) - schur_by_projection(rows, count))
        ),
        tolerance=1e-12,
    )


@pytest.mark.parametrize("offset", [1e-3, 1e-7, 1e-11])
def test_elimination_of_nearly_dependent_nuisances_agrees_with_rationals(offset):
    # The direction that the weak nuisance adds is known to eps/offset: so is what it takes away.
    rng = np.random.default_rng(14)
    rows = rng.normal(size=(9, 4))
    rows[:, 1] = rows[:, 0] + offset * rng.normal(size=9)
    out = np.asarray(eliminate_columns(jnp.asarray(rows), 3))[:, 3]
    exact = float(exact_pivots(rows)[3])
    assert abs(out @ out - exact) <= 20 * EPS / offset * exact


def test_nothing_to_eliminate_returns_the_rows():
    rows = np.random.default_rng(15).normal(size=(4, 3))
    np.testing.assert_array_equal(eliminate_columns(jnp.asarray(rows), 0), rows)


def test_a_nuisance_of_rounding_size_takes_nothing_away():
    rows = np.random.default_rng(16).normal(size=(8, 3))
    rows[:, 1] = 7.0 * rows[:, 0] * (1.0 + COLUMN_FLOOR / 100)
    out = np.asarray(eliminate_columns(jnp.asarray(rows), 2))[:, 2]
    assert out @ out == pytest.approx(schur_by_projection(rows, 2)[0, 0], rel=1e-12)


def test_batched_answers_equal_single_ones():
    rows = jnp.asarray(np.random.default_rng(17).normal(size=(6, 9, 4)))
    batch = jax.vmap(triangular_root)(rows)
    single = jnp.stack([triangular_root(r) for r in rows])
    np.testing.assert_allclose(batch, single, atol=1e-14)
