"""Range and direction from a curved wave: the bound against closed forms and an estimator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from study_sizes import study_size
from surface_cases import L1_M, SITE, along, panel

from leopnt.antennas import near_field_bound
from leopnt.errors import LeopntError

PANEL = panel(num_rows=8, num_columns=12, spacing_m=0.5)
SOURCE = along(PANEL, 0.35, -0.2, 12.0)


def test_on_the_normal_the_bound_is_that_of_moments_of_the_aperture(evidence):
    # var x^2 = d^2 (N^2 - 1) / 12 per axis; range by var(x^2 + y^2) = D^4 / 90 of a square.
    surface, snr, range_m = panel(num_rows=40, num_columns=40, spacing_m=0.125), 0.3, 263.0
    found = near_field_bound(surface, along(surface, 0, 0, range_m), L1_M, snr)
    aoa_rad = np.sqrt(6 / (snr * 1600 * (40**2 - 1))) / (2 * np.pi * 0.125 / L1_M)
    evidence(
        "antennas.near_field",
        "angle bound of 40 x 40 elements at 263 m",
        "6 / (snr n M_x M_y (M_x^2 - 1)) / (2 pi d)^2 of a plane wave",
        "closed form",
        achieved=np.max(np.abs(np.asarray(found.angle_sigma_rad) / aoa_rad - 1)),
        tolerance=2e-3,  # (D / r)^2
    )
    range_sigma_m = np.sqrt(45 / (snr * 1600)) * L1_M * range_m**2 / (np.pi * 25.0)
    evidence(
        "antennas.near_field",
        "range bound of 40 x 40 elements at 263 m",
        "45 / (snr K) (lambda r^2 / (pi D^2))^2 of a continuous square",
        "closed form",
        achieved=abs(float(found.range_sigma_m) / range_sigma_m - 1),
        tolerance=5e-3,  # 40 elements a side, (D / r)^2
    )


def test_information_is_that_of_automatic_differentiation_in_ecef(evidence):
    # Real and imaginary parts of A exp(j (theta - 2 pi |U - p| / lambda)), noise snr^-1 / 2 each.
    places = PANEL.positions_ecef_m()

    def field(params):
        path_m = jnp.sqrt(jnp.sum((params[None, :3] - places) ** 2, axis=1))
        angle = params[3] - 2 * jnp.pi * path_m / L1_M
        return params[4] * jnp.concatenate([jnp.cos(angle), jnp.sin(angle)])

    slopes = np.asarray(jax.jacfwd(field)(jnp.asarray([*SOURCE, 0.7, 1.0])))
    full = 2.0 * 5.0 * slopes.T @ slopes
    expected = np.linalg.inv(full)[:3, :3]
    found = near_field_bound(PANEL, SOURCE, L1_M, 5.0)
    evidence(
        "antennas.near_field",
        "position covariance, amplitude and phase unknown, off the normal",
        "information by automatic differentiation in ECEF, inverted by NumPy",
        "implementation",
        achieved=np.max(np.abs(found.position_covariance_m2 - expected)) / np.max(expected),
        tolerance=1e-6,
    )
    trace_m2 = found.range_sigma_m**2 + 12.0**2 * np.sum(np.asarray(found.angle_sigma_rad) ** 2)
    np.testing.assert_allclose(np.trace(found.position_covariance_m2), trace_m2, rtol=1e-9)
    identity = found.information @ found.covariance
    np.testing.assert_allclose(identity, np.eye(3), atol=1e-9)


def maximum_likelihood(received, places, start):
    """Gauss-Newton on position, with the complex amplitude solved for; (trial, 3)."""
    positions = np.tile(start, (len(received), 1))
    for _ in range(4):
        offset = positions[:, None] - places
        path_m = np.linalg.norm(offset, axis=2)
        wave = np.exp(-2j * np.pi * path_m / L1_M)
        amplitude = np.mean(received * wave.conj(), axis=1)[:, None]
        columns = (-2j * np.pi / L1_M * amplitude * wave)[..., None] * (offset / path_m[..., None])
        rows = np.concatenate([columns, wave[..., None], 1j * wave[..., None]], axis=2)
        rows = np.concatenate([rows.real, rows.imag], axis=1)
        misfit = received - amplitude * wave
        misfit = np.concatenate([misfit.real, misfit.imag], axis=1)[..., None]
        normal = np.swapaxes(rows, 1, 2)
        positions = positions + np.linalg.solve(normal @ rows, normal @ misfit)[:, :3, 0]
    return positions


def test_maximum_likelihood_reaches_the_bound(evidence):
    trials, snr, rng = study_size(600, 6000), 30.0, np.random.default_rng(4)
    places = np.asarray(PANEL.positions_ecef_m()) - SITE
    source = SOURCE - SITE
    clean = np.exp(2.1j - 2j * np.pi * np.linalg.norm(source - places, axis=1) / L1_M)
    noise = rng.normal(size=(2, trials, 96)) / np.sqrt(2 * snr)
    error = maximum_likelihood(clean + noise[0] + 1j * noise[1], places, source) - source
    bound = np.asarray(near_field_bound(PANEL, SOURCE, L1_M, snr).position_covariance_m2)
    squared = np.sum(error.T * np.linalg.solve(bound, error.T), axis=0)
    evidence(
        "antennas.near_field",
        "normalized squared error of maximum likelihood, 3 coordinates",
        "its mean, 3, if the bound is reached",
        "monte carlo",
        achieved=abs(np.mean(squared) - 3.0),
        tolerance=4.0 * np.sqrt(6.0 / trials),
    )


def test_many_sources_at_once_are_each_alone_and_the_range_fades_with_its_square():
    sources = np.array([along(PANEL, 0, 0, r) for r in (100.0, 200.0, 400.0)])
    found = near_field_bound(PANEL, sources, L1_M, 1.0)
    assert found.covariance.shape == (3, 3, 3)
    sigma_m = np.asarray(found.range_sigma_m)
    np.testing.assert_allclose(sigma_m[1:] / sigma_m[:-1], 4.0, rtol=3e-3)
    alone = near_field_bound(PANEL, sources[1], L1_M, 1.0)
    np.testing.assert_allclose(alone.information, found.information[1], rtol=1e-9)


def test_four_elements_seen_along_the_normal_tell_no_range():
    # All four are equally far: any range gives the same phases.
    four = panel(num_rows=2, num_columns=2, spacing_m=2.0)
    assert np.isnan(near_field_bound(four, along(four, 0, 0, 9.0), L1_M, 1.0).range_sigma_m)
    off = near_field_bound(four, along(four, 0.3, 0.4, 9.0), L1_M, 1.0)
    assert np.isfinite(off.range_sigma_m)


def test_a_single_row_is_refused():
    with pytest.raises(LeopntError, match="num_rows = 1: expected an integer of 2 or more"):
        near_field_bound(panel(num_rows=1), SOURCE, L1_M, 1.0)


def test_the_first_tangent_is_the_row_axis_seen_from_the_source():
    found = near_field_bound(PANEL, SOURCE, L1_M, 1.0)
    sight = (SOURCE - SITE) / 12.0
    np.testing.assert_allclose(found.tangents @ sight, 0.0, atol=1e-9)
    assert found.tangents[0] @ PANEL.row_axis > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SOURCE, L1_M, 0.0), "snr = 0: expected a number above 0"),
        ((SOURCE, -0.2, 1.0), "wavelength_m = -0.2 m: expected a number above 0"),
        ((SOURCE[:2], L1_M, 1.0), r"source_pos_ecef_m has shape \(2,\)"),
    ],
)
def test_what_is_no_source_is_refused(untyped, arguments, message):
    with pytest.raises(LeopntError, match=message):
        near_field_bound(PANEL, *arguments)
