"""Cubic splines through samples at equal steps, evaluated from four coefficients per axis."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError


def cubic_weights(place, num_cells: int):
    """Cell of a grid, and the four B-spline weights there with derivatives by the place.

    Weights are NaN outside of the grid.
    """
    cell = jnp.clip(jnp.floor(place), 0, num_cells - 1)
    t = place - cell
    t = jnp.where((place >= 0.0) & (place <= num_cells), t, jnp.nan)
    s = 1.0 - t
    inner = 4.0 - 6.0 * t * t + 3.0 * t**3
    outer = 4.0 - 6.0 * s * s + 3.0 * s**3
    weight = jnp.stack([s**3, inner, outer, t**3]) / 6.0
    slope = jnp.stack([-s * s, t * (3.0 * t - 4.0), -s * (3.0 * s - 4.0), t * t]) / 2.0
    return jnp.where(jnp.isnan(place), 0, cell).astype(int), (weight, slope)


def fit_matrix(count: int) -> Float[np.ndarray, "nodes count"]:
    """Samples -> coefficients of the not-a-knot cubic spline through them, two more."""
    system = np.zeros((count + 2, count + 2))
    for row in range(count):
        system[row, row : row + 3] = (1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0)
    fourth_difference = (1.0, -4.0, 6.0, -4.0, 1.0)
    system[count, :5] = fourth_difference
    system[count + 1, -5:] = fourth_difference
    return np.linalg.solve(system, np.eye(count + 2, count))


def periodic_fit_matrix(count: int) -> Float[np.ndarray, "nodes count"]:
    """Samples of one period -> coefficients of the periodic spline, three more by repetition."""
    one = np.eye(count)
    system = (np.roll(one, 1, axis=1) + 4.0 * one + np.roll(one, -1, axis=1)) / 6.0
    inverse = np.linalg.solve(system, one)
    return inverse[np.arange(-1, count + 2) % count]


def regular_axis(name: str, value) -> Float[np.ndarray, " count"]:
    """The values of an axis that rises in equal steps.

    Raises:
        LeopntError: fewer than 4 values, unequal or falling steps.
    """
    axis = np.asarray(value, float)
    if axis.ndim != 1 or len(axis) < 4:
        raise LeopntError(f"{name}: got {axis.size} values; expected 4 or more on one axis.")
    steps = np.diff(axis)
    mean = (axis[-1] - axis[0]) / (len(axis) - 1)
    if not (mean > 0.0 and np.all(np.abs(steps - mean) < 1e-6 * mean)):
        raise LeopntError(
            f"{name} must rise in equal steps; found steps of {steps.min():g} to {steps.max():g}."
        )
    return axis


def checked_samples(name: str, value, shape) -> Float[np.ndarray, "beam first second"]:
    """Samples of power on a grid: finite, not negative, (beam, *shape)."""
    samples = np.asarray(value, float)
    if samples.ndim != 3 or samples.shape[1:] != shape or not len(samples):
        raise LeopntError(
            f"{name} has shape {samples.shape}; accepted: (beam, {shape[0]}, {shape[1]})."
        )
    if not np.all(np.isfinite(samples)):
        raise LeopntError(f"{name} holds NaN or infinity; expected finite numbers.")
    if np.any(samples < 0.0):
        raise LeopntError(f"{name} = {samples.min():g} W: expected 0 or more (linear power).")
    return samples
