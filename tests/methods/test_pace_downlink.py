"""Downlink information against the worked case, sums over all samples, and the closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.antennas import SineElement, UniformPlanarArray
from leopnt.errors import LeopntError
from leopnt.methods import pace
from leopnt.methods.pace.downlink import check_identifiable
from leopnt.signals import (
    OfdmGrid,
    dft_pilots,
    isotropic_moments,
    pilot_moments,
    random_pilots,
)

SCENE, SYSTEM = pace.default_scene(), pace.PaceSystem()
BEAMS = [pace.UserBeams(), pace.VerticalBeam()]

FIM_DIAGONAL = [
    1.02326752e4,
    2.22784443e22,
    5.48838658e5,
    1.16850515e7,
    8.51070541e21,
    8.51070541e21,
]
EFIM_DIAGONAL = [2557.785101, 5.56145645e21]


def relative(found, expected):
    """Largest deviation relative to sqrt(J_ii J_jj)."""
    size = np.sqrt(np.diag(expected))
    return np.max(np.abs(np.asarray(found) - expected) / np.outer(size, size))


def test_information_of_the_worked_case(evidence):
    fim = pace.fim_of_links(SCENE, SYSTEM, pace.UserBeams())[0, 0]
    evidence(
        "methods.pace.downlink",
        "diagonal of the 6 x 6 information of the worked case, relative",
        "independent implementation, printed to 9 digits",
        "implementation",
        achieved=np.max(np.abs(np.diag(fim) / FIM_DIAGONAL - 1)),
        tolerance=1e-8,
    )
    efim = pace.channel_efim(fim)
    evidence(
        "methods.pace.downlink",
        "EFIM of Doppler and delay of the worked case, relative",
        "independent implementation, printed to 9 digits",
        "implementation",
        achieved=np.max(np.abs(np.diag(efim.matrix) / EFIM_DIAGONAL - 1)),
        tolerance=1e-8,
    )
    assert bool(efim.angles_identifiable)


@pytest.mark.parametrize("beam", BEAMS)
def test_closed_form_is_the_schur_complement(beam, evidence):
    links = pace.links_of(SCENE, SYSTEM)
    closed = np.asarray(pace.efim_of_links(links, SCENE, SYSTEM, beam))
    fim = pace.fim_of_links(SCENE, SYSTEM, beam)
    worst = 0.0
    for s in range(8):
        for u in range(4):
            worst = max(worst, relative(pace.channel_efim(fim[s, u]).matrix, np.diag(closed[s, u])))
    evidence(
        "methods.pace.downlink",
        f"EFIM of all default links in closed form, {type(beam).__name__}, relative",
        "Schur complement of the 6 x 6 information",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )


def test_a_single_beam_tells_no_angles():
    fim = pace.fim_of_links(SCENE, SYSTEM, pace.VerticalBeam())[0, 0]
    found = pace.channel_efim(fim)
    assert int(found.rank) == 2
    assert not bool(found.angles_identifiable)


def test_scaled_information_is_well_conditioned_as_printed():
    fim = np.asarray(pace.fim_of_links(SCENE, SYSTEM, pace.UserBeams()))
    conditions = []
    for one in fim.reshape(-1, 6, 6):
        size = np.sqrt(np.diag(one))
        conditions.append(np.linalg.cond(one / np.outer(size, size)))
    np.testing.assert_allclose((min(conditions), max(conditions)), (89, 677), rtol=6e-3)
    np.testing.assert_allclose(conditions[0], 103, rtol=6e-3)


SMALL = {
    "array": UniformPlanarArray(3, 2),
    "element": SineElement(1.0),
    "grid": OfdmGrid(6, 120e3, 5),
    "gain": 0.3 - 0.2j,
    "az": 0.4,
    "el": 1.3,
    "noise_w": 0.01,
}


def sampled_information(pilots, beamformer):
    """2/sigma^2 Re(J^H J) of all samples by automatic differentiation of the mean."""
    array, element, grid = SMALL["array"], SMALL["element"], SMALL["grid"]
    symbol, k = np.meshgrid(np.arange(1, 6.0), np.arange(1, 7.0), indexing="ij")

    def mean(eta):
        nu, tau, az, el, real, imag = eta
        gain = (real + 1j * imag) * element.amplitude(el)
        phase = 2 * jnp.pi * (symbol / grid.spacing_hz * nu - k * grid.spacing_hz * tau)
        beam = jnp.einsum("s,lks->lk", beamformer.T @ array.steering(az, el), pilots)
        value = (gain * jnp.exp(1j * phase) * beam).ravel()
        return jnp.concatenate([value.real, value.imag])

    at = jnp.array([900.0, 3e-7, SMALL["az"], SMALL["el"], 0.3, -0.2])
    rows = np.asarray(jax.jacfwd(mean)(at))
    return 2 / SMALL["noise_w"] * rows.T @ rows


def small_information(moments, beamformer):
    return pace.channel_fim(
        az_rad=SMALL["az"],
        el_rad=SMALL["el"],
        gain=SMALL["gain"],
        beamformer=beamformer,
        moments=jnp.asarray(moments),
        array=SMALL["array"],
        element=SMALL["element"],
        spacing_hz=SMALL["grid"].spacing_hz,
        noise_w=SMALL["noise_w"],
    )


def test_explicit_pilots_give_the_information_of_all_samples(evidence):
    beamformer = pace.UserBeams().matrix(
        SMALL["array"], jnp.array([0.4, 2.0, -1.0]), jnp.array([1.3, 1.1, 1.5]), 2.0
    )
    np.testing.assert_allclose(np.sum(np.abs(beamformer) ** 2), 2.0, rtol=1e-14)
    worst = 0.0
    for key in range(3):
        pilots = random_pilots(jax.random.key(key), SMALL["grid"], 3)
        expected = sampled_information(pilots, beamformer)
        found = small_information(pilot_moments(pilots), beamformer)
        worst = max(worst, relative(found, expected))
    evidence(
        "methods.pace.downlink",
        "6 x 6 information of explicit pilots, relative to sqrt(J_ii J_jj)",
        "automatic differentiation of every sample",
        "implementation",
        achieved=worst,
        tolerance=1e-12,
    )


def test_isotropic_information_is_the_mean_over_random_pilots():
    beamformer = pace.UserBeams().matrix(
        SMALL["array"], jnp.array([0.4, 2.0]), jnp.array([1.3, 1.1]), 2.0
    )
    keys = jax.random.split(jax.random.key(5), 1000)
    every = np.asarray(jax.vmap(lambda key: random_pilots(key, SMALL["grid"], 2))(keys))
    draws = np.mean([pilot_moments(one) for one in every], axis=0)
    expected = np.asarray(small_information(isotropic_moments(SMALL["grid"], 2), beamformer))
    # 30 samples and 1000 draws: cross terms scatter by 1/sqrt(30000) of the diagonal.
    assert relative(small_information(draws, beamformer), expected) < 0.03


def test_what_other_pilots_change_is_as_large_as_printed():
    grid = OfdmGrid(128, 120e3, 100)
    system = eqx.tree_at(lambda s: s.downlink, SYSTEM, grid)
    beam = pace.UserBeams()
    plain = efims(pace.fim_of_links(SCENE, system, beam))
    ones = pilot_moments(np.ones((100, 128, 4)))
    same = efims(pace.fim_of_links(SCENE, system, beam, ones)) / plain
    # "A factor 1.58 in one link": beams that carry the same pilot add coherently.
    assert np.min(np.abs(same - 1.58)) < 5e-3
    random = pilot_moments(random_pilots(jax.random.key(0), grid, 4))
    off = np.abs(efims(pace.fim_of_links(SCENE, system, beam, random)) / plain - 1)
    assert np.max(off) < 0.03
    orthogonal = pilot_moments(dft_pilots(grid, 4))
    off = np.abs(efims(pace.fim_of_links(SCENE, system, beam, orthogonal)) / plain - 1)
    assert np.max(off) < 1e-3


def efims(fim):
    flat = [np.diag(pace.channel_efim(one).matrix) for one in fim.reshape(-1, 6, 6)]
    return np.array(flat)


@pytest.mark.parametrize("beam", BEAMS)
def test_power_towards_a_user_is_that_of_the_beamformer(beam, evidence):
    array, links = SYSTEM.array, pace.links_of(SCENE, SYSTEM)
    worst = 0.0
    for az, el in zip(links.az_rad, links.el_rad, strict=True):
        former = beam.matrix(array, az, el, 0.1)
        towards = jax.vmap(array.steering)(az, el) @ former
        expected = np.sum(np.abs(towards) ** 2, axis=1)
        worst = max(worst, np.max(np.abs(beam.power_towards(array, az, el, 0.1) / expected - 1)))
        np.testing.assert_allclose(np.sum(np.abs(former) ** 2), 0.1, rtol=1e-13)
    evidence(
        "methods.pace.beams",
        "power towards the users by Dirichlet kernels, relative",
        "norm of F^T a",
        "implementation",
        achieved=worst,
        tolerance=1e-11,
    )


def test_a_user_at_nadir_keeps_its_doppler_and_delay():
    scene = pace.pace_scene(
        sat_pos_m=[[0.0, 0.0, 6.9e6]],
        sat_vel_mps=[[7600.0, 0, 0]],
        user_pos_m=[[0, 0, 6.4e6], [2e5, 1e5, 6.396e6]],
    )
    fim = pace.fim_of_links(scene, SYSTEM, pace.UserBeams())[0, 0]
    assert np.all(np.asarray(fim[2]) == 0.0)
    found = pace.channel_efim(fim)
    assert not bool(found.angles_identifiable)
    closed = pace.efim_of_links(pace.links_of(scene, SYSTEM), scene, SYSTEM, pace.UserBeams())
    np.testing.assert_allclose(np.diag(found.matrix), closed[0, 0], rtol=1e-12)


def test_where_symbols_and_subcarriers_are_counted_from_does_not_matter_to_the_efim():
    grid = SMALL["grid"]
    beamformer = pace.UserBeams().matrix(
        SMALL["array"], jnp.array([0.4, 2.0]), jnp.array([1.3, 1.1]), 2.0
    )
    shift = np.array([[1, 0, 0], [-3, 1, 0], [-3.5, 0, 1]])
    sums = shift @ grid.sums @ shift.T
    moved = sums[:, :, None, None] * np.eye(2, dtype=complex)[None, None]
    there = small_information(isotropic_moments(grid, 2), beamformer)
    here = small_information(moved, beamformer)
    assert abs(there[0, 0] / here[0, 0] - 1) > 1.0
    np.testing.assert_allclose(
        np.diag(pace.channel_efim(there).matrix),
        np.diag(pace.channel_efim(here).matrix),
        rtol=1e-11,
    )


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (OfdmGrid(4, 1.0, 1), "num_symbol = 1: Doppler is not identifiable"),
        (OfdmGrid(1, 1.0, 4), "num_sub = 1: delay is not identifiable"),
    ],
)
def test_a_grid_that_cannot_tell_is_refused(grid, words):
    with pytest.raises(LeopntError, match=words):
        check_identifiable(grid)
    system = eqx.tree_at(lambda s: s.downlink, SYSTEM, grid)
    with pytest.raises(LeopntError, match=words):
        pace.position_problems(SCENE, system)


def test_moments_of_other_streams_are_refused():
    with pytest.raises(LeopntError, match="accepted for this beam: "):
        pace.fim_of_links(SCENE, SYSTEM, pace.VerticalBeam(), isotropic_moments(SYSTEM.downlink, 4))
