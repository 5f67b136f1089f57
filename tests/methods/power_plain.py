"""Antenna B52, link and likelihood in plain NumPy, written from the tables and formulas."""

import numpy as np


def plain_amplitudes(gamma, beta, d):
    """A / sqrt(N) of B52 in plain NumPy, from the table and formulas of the antenna."""
    rings = [(4, 0.14, 45, 26), (10, 0.35, 0, 28), (16, 0.57, 0, 31), (22, 0.78, 0, 38)]
    az = np.concatenate([np.radians(f) + 2 * np.pi * np.arange(n) / n for n, _, f, _ in rings])
    rho = np.concatenate([np.full(n, r) for n, r, _, _ in rings])
    peak = np.concatenate([np.full(n, w) for n, _, _, w in rings])
    u, v = np.sin(gamma) * np.cos(beta), np.sin(gamma) * np.sin(beta)

    def factor(x):
        return 0.25 * sum(np.cos(n * x) for n in (0.5, 1.5, 2.5, 3.5))

    field = factor(np.pi * (u - rho * np.cos(az))) * factor(np.pi * (v - rho * np.sin(az)))
    eirp = peak + 12 * np.log10(np.cos(gamma)) + 10 * np.log10(field**2 + 10**-3.5)
    loss = 20 * np.log10(4 * np.pi * d / (299792458.0 / 1.6e9))
    return np.sqrt(2 * 10 ** ((eirp - loss) / 10) / (1.380649e-23 * 290 * 1000))


def plain_cost(state, power_dbw, height_sigma_m=np.inf):
    """C of the folded amplitudes plus the height prior, at (u, v, ln d)."""
    u, v, log_range = state
    gamma, d = np.arcsin(np.hypot(u, v)), np.exp(log_range)
    a = plain_amplitudes(gamma, np.arctan2(v, u), d)
    y = np.sqrt(2 * 10 ** (power_dbw / 10) / (1.380649e-23 * 290 * 1000))
    height = np.hypot(d * np.sin(gamma), 7571e3 - d * np.cos(gamma)) - 6371e3
    folded = np.sum((y - a) ** 2 - 2 * np.log1p(np.exp(-2 * y * a)))
    return folded + (height / height_sigma_m) ** 2
