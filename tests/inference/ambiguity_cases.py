"""Double-difference ambiguities to test on, and a search written from the definition."""

import numpy as np

WAVELENGTH_M = 299792458.0 / 1575.42e6
PHASE_M, CODE_M = 0.003, 0.3


def half_sky(rng, num_problems, num_sat):
    """Unit vectors to satellites, uniform in solid angle in half the sky above 10 degrees."""
    sine = rng.uniform(np.sin(np.radians(10.0)), 1.0, (num_problems, num_sat))
    azimuth = rng.uniform(0.0, np.pi, (num_problems, num_sat))
    cosine = np.sqrt(1.0 - sine**2)
    return np.stack([cosine * np.sin(azimuth), cosine * np.cos(azimuth), sine], axis=-1)


def double_differences(los, code_m=CODE_M, phase_m=PHASE_M):
    """Covariances of one epoch of code and phase: ambiguities, baseline, baseline with ambiguities.

    Code alone finds the baseline b; the ambiguities are (phase - G b) / wavelength.
    """
    num = los.shape[-2] - 1
    difference = np.concatenate([-np.ones((num, 1)), np.eye(num)], axis=1)
    noise = 2.0 * difference @ difference.T
    geometry = -difference @ los
    weighted = np.linalg.solve(noise, geometry)
    baseline = np.linalg.inv(np.swapaxes(geometry, -1, -2) @ weighted) * code_m**2
    cross = -baseline @ np.swapaxes(geometry, -1, -2) / WAVELENGTH_M
    ambiguities = (noise * phase_m**2 - geometry @ cross * WAVELENGTH_M) / WAVELENGTH_M**2
    return 0.5 * (ambiguities + np.swapaxes(ambiguities, -1, -2)), baseline, cross


def draw(rng, covariance):
    """One zero-mean Gaussian vector of every covariance."""
    noise = rng.normal(size=covariance.shape[:-1])
    return np.einsum("...ij,...j->...i", np.linalg.cholesky(covariance), noise)


def squared_norm(vector, covariance):
    return float(vector @ np.linalg.solve(covariance, vector))


def two_best_by_definition(floats, covariance):
    """All integer vectors within a sphere that holds at least two, by recursion; the two best.

    Written from |R (a - z)|^2 with R^T R = Q^-1: neither decorrelation, nor a shrinking bound.
    """
    root = np.linalg.cholesky(np.linalg.inv(covariance)).T
    size = len(floats)
    rounded = np.rint(floats)
    starts = [rounded] + [rounded + sign * e for e in np.eye(size) for sign in (1, -1)]
    bound = sorted(np.sum((root @ (floats - z)) ** 2) for z in starts)[1] * (1.0 + 1e-9)
    inside = set()

    def extend(tail, spent):
        k = size - 1 - len(tail)
        if k < 0:
            inside.add((spent, tuple(int(z) for z in tail)))
            return
        ahead = root[k, k + 1 :] @ (floats[k + 1 :] - np.array(tail))
        center = floats[k] + ahead / root[k, k]
        reach = np.sqrt(max(bound - spent, 0.0)) / root[k, k]
        for z in range(int(np.ceil(center - reach)), int(np.floor(center + reach)) + 1):
            extend([z, *tail], spent + (root[k, k] * (z - center)) ** 2)

    extend([], 0.0)
    best = sorted(inside)[:2]
    return np.array([z for _, z in best]), np.array([norm for norm, _ in best])


def random_unimodular(rng, size, steps=30):
    matrix = np.eye(size, dtype=np.int64)
    for _ in range(steps):
        i, j = rng.choice(size, 2, replace=False)
        matrix[:, i] += rng.integers(-1, 2) * matrix[:, j]
    return matrix[:, rng.permutation(size)]
