"""Antennas whose beams are known near their lobes only: what is not logged does not matter."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from power_log_cases import ANTENNA, MUNICH_M, measured, rows

from leopnt.antennas import sampled_beams
from leopnt.errors import LeopntError
from leopnt.methods.power import (
    HeightPrior,
    PowerLogOptions,
    PowerStatus,
    Shell,
    amplitude_table,
    fix_log,
    log_bound,
    ml_fix,
    power_scene,
)

AXIS = np.linspace(-0.92, 0.92, 93)
MIDDLE = 0.5 * (AXIS[1:] + AXIS[:-1])
REACH = 0.15
OPTIONS = PowerLogOptions(height=HeightPrior(520.0, 1000.0))


def known_in(antenna, cells):
    return eqx.tree_at(lambda own: own.is_known, antenna, cells, is_leaf=lambda x: x is None)


@pytest.fixture(scope="module")
def full():
    everywhere = np.ones((52, len(MIDDLE), len(MIDDLE)), bool)
    return known_in(sampled_beams(ANTENNA, AXIS, AXIS), everywhere)


@pytest.fixture(scope="module")
def log():
    """The eight strongest beams over Munich at one epoch."""
    whole = measured(rows())
    return whole.rows(np.sort(np.argsort(-whole.power_dbw)[:8]))


@pytest.fixture(scope="module")
def part(full, log):
    """The logged beams are known everywhere, the others within 0.15 of their own directions."""
    off_u = MIDDLE[None, :, None] - np.asarray(ANTENNA.beam_u)[:, None, None]
    off_v = MIDDLE[None, None, :] - np.asarray(ANTENNA.beam_v)[:, None, None]
    known = np.hypot(off_u, off_v) < REACH
    known[log.beam] = True
    return known_in(full, known)


def test_no_direction_is_known_through_all_beams(part):
    with pytest.raises(LeopntError, match="known in no direction of the fingerprint grid"):
        amplitude_table(power_scene(part))


def test_fix_and_bound_are_those_of_the_whole_pattern(full, part, log, evidence):
    whole, given = fix_log(log, full, OPTIONS), fix_log(log, part, OPTIONS)
    assert given.status == whole.status == PowerStatus.ok
    evidence(
        "methods.power.fingerprints",
        "fix where unlogged beams are known near their lobes only",
        "fix with the whole pattern",
        "invariance",
        achieved=np.linalg.norm(given.position_ecef_m - whole.position_ecef_m),
        tolerance=1e-3,
        unit="m",
    )
    plain = log_bound(log, full, MUNICH_M, OPTIONS).covariance_ecef_m2
    bound = log_bound(log, part, MUNICH_M, OPTIONS).covariance_ecef_m2
    assert np.sqrt(np.trace(plain)) < 1e4
    np.testing.assert_allclose(bound, plain, rtol=1e-9)


def test_an_epoch_of_the_known_beams_has_the_fix_of_the_whole_pattern(full, part, log):
    sent = np.isin(np.arange(52), log.beam)
    power = np.full((1, 52), np.nan)
    power[0, log.beam] = log.power_dbw
    earth_m = float(np.linalg.norm(MUNICH_M)) - 520.0
    shell = Shell(earth_m, float(np.linalg.norm(log.sat_pos_ecef_m[0])) - earth_m)
    scenes = (power_scene(one, shell=shell) for one in (part, full))
    given, whole = (ml_fix(scene, power, transmitted=sent) for scene in scenes)
    assert bool(given.ok[0])
    np.testing.assert_allclose(given.range_m, whole.range_m, rtol=1e-9)
    np.testing.assert_allclose(given.bound.position_m, whole.bound.position_m, rtol=1e-9)


def test_one_beam_alone_is_that_beam_of_all(part):
    u, v = 0.31, -0.22
    for antenna in (ANTENNA, part):
        alone = jax.vmap(lambda beam, own=antenna: own.eirp_w_of_beam(beam, u, v))(np.arange(52))
        np.testing.assert_allclose(alone, antenna.eirp_w(u, v), rtol=1e-12)


def test_reverse_derivatives_of_a_known_beam_are_finite_beside_unknown_ones(part, log):
    beam = int(log.beam[0])
    assert np.isnan(part.eirp_w(0.31, -0.22)).any()
    slope = jax.grad(lambda uv: part.eirp_w(uv[0], uv[1])[beam])(jnp.array([0.31, -0.22]))
    found = part.eirp_w_gradient(0.31, -0.22)
    np.testing.assert_allclose(slope, [found.by_u[beam], found.by_v[beam]], rtol=1e-9)
