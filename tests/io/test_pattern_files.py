"""Patterns from every reader against the array that they describe, and how they are used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pattern_files import (
    AXIS,
    PHI_DEG,
    THETA_DEG,
    antenna,
    level_angles,
    level_cosines,
    write_csv,
    write_grd,
    write_mat,
)

from leopnt.antennas import GriddedBeams
from leopnt.errors import LeopntError
from leopnt.io import (
    AnglePattern,
    CosinePattern,
    read_grasp_grd,
    read_pattern_csv,
    read_pattern_mat,
)


def directions(count=200, reach=0.45):
    rng = np.random.default_rng(4)
    rho, beta = reach * np.sqrt(rng.uniform(size=count)), rng.uniform(-np.pi, np.pi, count)
    return jnp.asarray(rho * np.cos(beta)), jnp.asarray(rho * np.sin(beta))


def largest_error_db(found):
    u, v = directions()
    ours = jax.jit(jax.vmap(found.eirp_w))(u, v)
    true = jax.jit(jax.vmap(antenna().eirp_w))(u, v)
    # Far down, near nulls, decibels of a coarse grid mean little.
    near = np.asarray(true) > 1e-3 * np.max(true, axis=0, keepdims=True)
    return np.max(np.abs(10 * np.log10(np.asarray(ours) / np.asarray(true)))[near])


@pytest.mark.parametrize("kind", ["cosines", "angles"])
@pytest.mark.parametrize("form", ["csv", "grd", "mat"])
def test_an_antenna_comes_back_through_a_file(tmp_path, form, kind, evidence):
    write, read, name = {
        "csv": (write_csv, read_pattern_csv, "pattern.csv"),
        "grd": (write_grd, read_grasp_grd, "pattern.grd"),
        "mat": (write_mat, read_pattern_mat, "pattern.mat"),
    }[form]
    path = tmp_path / name
    write(path, kind)
    pattern = read(path)
    assert isinstance(pattern, CosinePattern if kind == "cosines" else AnglePattern)
    assert len(pattern.beams) == 2
    offset = 20.0 if form == "grd" else None
    module = {"csv": "pattern_csv", "grd": "grasp_grd", "mat": "pattern_mat"}[form]
    evidence(
        f"io.{module}",
        f"EIRP through a file of {kind}, steps of 0.025 or 2 deg, down to 30 dB below the peak",
        "the array that wrote it, closed form",
        "closed form",
        achieved=largest_error_db(pattern.antenna(offset)),
        tolerance=0.02,
        unit="dB",
    )


def test_levels_are_those_of_the_file(tmp_path, evidence):
    worst = 0.0
    for kind, expected in (("cosines", level_cosines()), ("angles", level_angles())):
        write_csv(tmp_path / "a.csv", kind)
        write_grd(tmp_path / "a.grd", kind)
        write_mat(tmp_path / "a.mat", kind)
        for found, offset in (
            (read_pattern_csv(tmp_path / "a.csv"), 0.0),
            (read_grasp_grd(tmp_path / "a.grd"), 20.0),
            (read_pattern_mat(tmp_path / "a.mat"), 0.0),
        ):
            assert found.quantity == ("gain_dbi" if offset else "eirp_dbw")
            worst = max(worst, np.max(np.abs(found.level_db + offset - expected)))
            if kind == "cosines":
                axes, exact = (found.u, found.v), (AXIS, AXIS)
            else:
                axes, exact = (
                    (found.theta_rad, found.phi_rad),
                    np.radians(THETA_DEG),
                )
                exact = (np.radians(THETA_DEG), np.radians(PHI_DEG))
            for axis, true in zip(axes, exact, strict=True):
                np.testing.assert_allclose(axis, true, atol=1e-12)
    evidence(
        "io.patterns",
        "levels of six files of three formats",
        "what was written, 9 digits",
        "closed form",
        achieved=worst,
        tolerance=1e-5,
        unit="dB",
    )


def pattern(level_db, quantity="eirp_dbw", is_known=None):
    axis = np.linspace(-0.3, 0.3, level_db.shape[1])
    known = np.ones(level_db.shape, bool) if is_known is None else is_known
    return CosinePattern("x.csv", ("A",), axis, axis, level_db, quantity, known)


def test_gain_and_relative_levels_need_what_makes_them_eirp():
    level = np.full((1, 7, 7), 3.0)
    with pytest.raises(LeopntError, match=r"x.csv holds gain \[dBi\], no EIRP: give offset_db"):
        pattern(level, "gain_dbi").antenna()
    found = pattern(level, "gain_dbi").antenna(10.0).eirp_dbw(0.1, 0.0)
    np.testing.assert_allclose(found, 13.0, atol=1e-9)
    with pytest.raises(LeopntError, match=r"offset_db has shape \(2,\); accepted: a number or"):
        pattern(level).antenna([1.0, 2.0])
    with pytest.raises(LeopntError, match="offset_db holds NaN"):
        pattern(level).antenna(np.nan)


def test_a_pattern_without_power_is_refused():
    with pytest.raises(LeopntError, match="no power in any direction"):
        pattern(np.full((1, 7, 7), -np.inf)).antenna()


def test_nothing_is_extrapolated():
    found = pattern(np.zeros((1, 7, 7))).antenna()
    assert np.isnan(found.eirp_dbw(0.31, 0.0))
    known = np.ones((1, 7, 7), bool)
    known[0, 5:] = False
    level = np.where(known, 0.0, np.nan)
    part = pattern(level, is_known=known).antenna()
    np.testing.assert_allclose(part.eirp_dbw(0.05, 0.0), 0.0, atol=1e-9)
    assert np.isnan(part.eirp_dbw(0.15, 0.0))


def test_dividing_the_elements_out_keeps_the_power_and_the_horizon_calm():
    axis = np.linspace(-1.0, 1.0, 81)
    square = 1 - axis[:, None] ** 2 - axis[None, :] ** 2
    with np.errstate(divide="ignore"):
        level = 12.0 * np.log10(np.sqrt(np.maximum(square, 0.0)))[None]
    whole = CosinePattern("x", ("A",), axis, axis, level, "eirp_dbw", np.ones((1, 81, 81), bool))
    found = whole.antenna(element_exponent=1.2)
    assert isinstance(found, GriddedBeams)
    for rho in (0.0, 0.5, 0.9, 0.98):
        expected = 6.0 * np.log10(1 - rho**2)
        np.testing.assert_allclose(found.eirp_dbw(0.6 * rho, 0.8 * rho), expected, atol=1e-6)
    theta = np.radians(np.arange(0.0, 91.0, 2.0))
    with np.errstate(divide="ignore"):
        fall = np.broadcast_to(12.0 * np.log10(np.cos(theta))[:, None], (46, 36))[None]
    phi = np.radians(np.arange(0.0, 360.0, 10.0))
    polar = AnglePattern("x", ("A",), theta, phi, fall, "eirp_dbw").antenna(element_exponent=1.2)
    np.testing.assert_allclose(polar.eirp_dbw(0.0, 0.98), 6.0 * np.log10(1 - 0.98**2), atol=1e-6)
