"""Covariance and log determinant of rows, with derivatives: against NumPy and differences."""

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.inference.design import covariance_of_rows, log_det_of_rows


def rows_at(x):
    """Twelve rows, six columns of very different size, the fourth zero."""
    rng = np.random.default_rng(4)
    base, slope = rng.normal(size=(2, 12, 6)) * np.array([1.0, 1e6, 1e-8, 0.0, 1e3, 1.0])
    return jnp.asarray(base) + x * jnp.asarray(slope)


def inverse(x):
    rows = np.delete(np.asarray(rows_at(x)), 3, axis=1)
    size = np.linalg.norm(rows, axis=0)
    unit = np.linalg.inv((rows / size).T @ (rows / size))
    return unit / np.outer(size, size), np.linalg.slogdet((rows / size).T @ (rows / size))[1] + (
        2 * np.log(size).sum()
    )


def test_values_and_derivatives_of_rows(evidence):
    keep = np.delete(np.arange(6), 3)
    step = 1e-3
    weights = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
    for name, function, place in (
        ("covariance", lambda x: covariance_of_rows(rows_at(x))[keep[:, None], keep[None, :]], 0),
        ("log determinant", lambda x: log_det_of_rows(rows_at(x)), 1),
    ):
        found, slope = jax.jvp(function, (0.0,), (1.0,))
        expected = inverse(0.0)[place]
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected))) if place == 0 else 1.0
        differences = sum(w * inverse(k * step)[place] for k, w in weights) / step
        evidence(
            "inference.design",
            f"{name} of rows with a zero column, and its derivative",
            "NumPy inverse and differences of order 4",
            "implementation",
            achieved=max(
                np.max(np.abs(found - expected) / scale),
                np.max(np.abs(slope - differences) / scale),
            ),
            tolerance=1e-8,
        )
    backward = jax.grad(lambda x: log_det_of_rows(rows_at(x)))(0.0)
    np.testing.assert_allclose(backward, slope, rtol=1e-10)


def test_singular_rows_have_no_covariance():
    rows = np.ones((5, 2))
    assert np.all(np.isnan(covariance_of_rows(jnp.asarray(rows))))
    assert np.isnan(log_det_of_rows(jnp.asarray(rows)))
