"""Position and clock from pseudoranges: the first proof of one model, four uses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.frames.geodetic import ecef_to_geodetic, enu_basis
from leopnt.inference import dilution, fisher_information, misspecified_bound, predict, simulate
from leopnt.inference.status import Status
from leopnt.methods import pvt

TRIALS = 20_000
LIGHT = 299_792_458.0
SPIN = 7.292115e-5
# A LEO sky: azimuth, elevation [deg] and range [m] of eight satellites over Darmstadt.
SKY = np.array(
    [
        [10, 72, 620e3],
        [55, 35, 950e3],
        [100, 20, 1400e3],
        [150, 48, 760e3],
        [205, 15, 1650e3],
        [250, 60, 660e3],
        [300, 28, 1150e3],
        [345, 41, 850e3],
    ]
)
RX = np.array([4063000.0, 613000.0, 4863000.0])
CLOCK_M = -8123.0


def sky_positions():
    lat, lon, _ = ecef_to_geodetic(jnp.asarray(RX))
    axes = np.asarray(enu_basis(lat, lon))
    az, el = np.radians(SKY[:, 0]), np.radians(SKY[:, 1])
    los = np.stack([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)], axis=1)
    return RX + (SKY[:, 2:] * los) @ axes


def links(sigma_m=1.0, sat_clock_m=0.0):
    ones = np.ones(len(SKY))
    return pvt.PvtLink(sky_positions(), sat_clock_m * ones, sigma_m * ones)


def truth():
    return pvt.PvtTheta(RX, np.asarray(CLOCK_M))


def draw(key, sigma_m):
    return simulate(pvt.MODEL, truth(), links(sigma_m), key)


def stacked(one, count):
    return jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], count, axis=0), one)


def independent_ranges():
    """Ranges by fixed point in an inertial frame, in plain NumPy."""
    out = []
    for sat in sky_positions():
        tau = np.linalg.norm(sat - RX) / LIGHT
        for _ in range(6):
            c, s = np.cos(SPIN * tau), np.sin(SPIN * tau)
            turned = np.array([c * sat[0] + s * sat[1], c * sat[1] - s * sat[0], sat[2]])
            tau = np.linalg.norm(turned - RX) / LIGHT
        out.append(tau * LIGHT)
    return np.array(out)


def test_noise_free_pseudoranges_give_the_place_back_without_a_start(evidence):
    found = pvt.fix(links(), independent_ranges() + CLOCK_M)
    assert found.converged
    evidence(
        "methods.pvt",
        "position from noise-free pseudoranges computed independently, no start given",
        "plain NumPy ranges in inertial axes",
        "implementation",
        achieved=np.linalg.norm(np.asarray(found.theta.rx_pos_ecef_m) - RX),
        tolerance=1e-6,
        unit="m",
    )
    np.testing.assert_allclose(found.theta.clock_bias_m, CLOCK_M, atol=1e-6)


def test_bound_is_pdop_times_sigma_of_the_textbook_matrix(evidence):
    los = (sky_positions() - RX) / SKY[:, 2:]
    g = np.column_stack([-los, np.ones(len(SKY))])
    pdop = np.sqrt(np.trace(np.linalg.inv(g.T @ g)[:3, :3]))
    information = fisher_information(pvt.MODEL, truth(), links(2.5), pvt.FREE)
    peb = np.sqrt(np.trace(np.asarray(information.crb("rx_pos_ecef_m"))))
    # The Sagnac term bends the line of sight by omega r / c = 2e-6.
    evidence(
        "methods.pvt",
        "position error bound, relative",
        "PDOP times sigma of the textbook geometry matrix",
        "closed form",
        achieved=abs(peb / (2.5 * pdop) - 1),
        tolerance=1e-5,
    )
    lat, lon, _ = ecef_to_geodetic(jnp.asarray(RX))
    dop = dilution(information, enu_basis(lat, lon), 2.5)
    np.testing.assert_allclose(dop.pdop, pdop, rtol=1e-5)


def test_twenty_thousand_fixes_scatter_as_the_bound_says(evidence):
    keys = jax.random.split(jax.random.key(7), TRIALS)
    measured = np.asarray(jax.vmap(lambda k: draw(k, 3.0))(keys))
    found = pvt.fix_batch(stacked(links(3.0), TRIALS), measured)
    assert np.all(found.status == Status.converged)
    error = found.theta.rx_pos_ecef_m - RX
    bound = fisher_information(pvt.MODEL, truth(), links(3.0), pvt.FREE).crb("rx_pos_ecef_m")
    rms = np.sqrt(np.mean(np.sum(error**2, axis=1)))
    evidence(
        "methods.pvt",
        "RMSE over CRB minus 1, 20 000 trials, 8 LEO satellites",
        "Cramer-Rao bound",
        "monte carlo",
        achieved=abs(rms / np.sqrt(np.trace(np.asarray(bound))) - 1),
        tolerance=0.02,
    )
    nees = np.einsum("bi,bij,bj->b", error, np.linalg.inv(found.covariance[:, :3, :3]), error)
    assert abs(nees.mean() / 3 - 1) < 0.02


def test_an_estimator_that_ignores_satellite_clocks_errs_as_its_misspecified_bound_says(evidence):
    # True satellite clocks of metres and unequal noise; the estimator knows neither.
    rng = np.random.default_rng(11)
    sat_clock_m, true_sigma_m = rng.normal(0, 4, len(SKY)), rng.uniform(1, 6, len(SKY))
    true_links = pvt.PvtLink(sky_positions(), sat_clock_m, true_sigma_m)
    mean = predict(pvt.MODEL, truth(), true_links)
    covariance = (true_sigma_m**2)[:, None, None]
    assumed = links(2.0)
    bound = misspecified_bound(pvt.MODEL, truth(), assumed, mean, jnp.asarray(covariance), pvt.FREE)
    measured = np.asarray(mean) + rng.normal(size=(TRIALS, len(SKY))) * true_sigma_m
    found = pvt.fix_batch(stacked(assumed, TRIALS), measured)
    error = np.column_stack([found.theta.rx_pos_ecef_m - RX, found.theta.clock_bias_m - CLOCK_M])
    bias = np.append(np.asarray(bound.theta.rx_pos_ecef_m) - RX, bound.theta.clock_bias_m - CLOCK_M)
    lower = np.asarray(bound.lower_bound(jnp.asarray(bias)))
    rms = np.sqrt(np.mean(np.sum(error[:, :3] ** 2, axis=1)))
    evidence(
        "methods.pvt",
        "mismatched RMSE over misspecified bound minus 1, 20 000 trials",
        "misspecified Cramer-Rao bound plus bias",
        "monte carlo",
        achieved=abs(rms / np.sqrt(np.trace(lower[:3, :3])) - 1),
        tolerance=0.02,
    )
    scatter = np.cov(error.T)
    np.testing.assert_allclose(
        np.sqrt(np.diag(scatter)), np.sqrt(np.diag(np.asarray(bound.mcrb))), rtol=0.02
    )
    believed = fisher_information(pvt.MODEL, truth(), assumed, pvt.FREE).crb()
    assert np.trace(lower[:3, :3]) > 2 * np.trace(np.asarray(believed)[:3, :3])


def test_padded_satellites_change_nothing():
    measured = np.asarray(draw(jax.random.key(1), 1.0))
    plain = pvt.fix(links(), measured)
    wide = jax.tree.map(lambda x: np.concatenate([x, x[:2] * 1.1]), links())
    visible = np.arange(10) < 8
    padded = pvt.fix(wide, np.append(measured, [5.0, 6.0]), visible=visible)
    np.testing.assert_allclose(padded.theta.rx_pos_ecef_m, plain.theta.rx_pos_ecef_m, atol=1e-6)


def test_three_satellites_are_too_few_and_say_so():
    measured = np.asarray(draw(jax.random.key(1), 1.0))
    three = jax.tree.map(lambda x: x[:3], links())
    found = pvt.fix(three, measured[:3], truth())
    assert found.status == Status.too_few_measurements
    assert np.all(np.isnan(found.covariance))


def test_a_known_clock_needs_three_satellites_only():
    three = jax.tree.map(lambda x: x[:3], links())
    start = pvt.PvtTheta(RX + 1e4, np.asarray(CLOCK_M))
    found = pvt.fix(three, independent_ranges()[:3] + CLOCK_M, start, free=("rx_pos_ecef_m",))
    np.testing.assert_allclose(found.theta.rx_pos_ecef_m, RX, atol=1e-5)


@pytest.mark.timeout(120)
def test_batches_from_several_threads_at_once_end_and_agree():
    # Batched library QR called from two Python threads has blocked for good on two cores.
    from concurrent.futures import ThreadPoolExecutor

    measured = np.stack([np.asarray(draw(jax.random.key(i), 1.0)) for i in range(8)])
    batch = stacked(links(), 2000), np.tile(measured, (250, 1))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: pvt.fix_batch(*batch, threads=2), range(8)))
    first = found[0].theta.rx_pos_ecef_m
    assert all(np.array_equal(first, f.theta.rx_pos_ecef_m) for f in found)


def test_threads_and_batch_sizes_give_the_same_bits_at_one_tile():
    measured = np.tile(np.asarray(draw(jax.random.key(3), 1.0)), (1300, 1))
    measured += np.arange(1300)[:, None] * 1e-3
    batch = stacked(links(), 1300)
    one = pvt.fix_batch(batch, measured, threads=1)
    two = pvt.fix_batch(batch, measured, threads=2)
    part = pvt.fix_batch(jax.tree.map(lambda x: x[:501], batch), measured[:501], threads=2)
    assert np.array_equal(one.theta.rx_pos_ecef_m, two.theta.rx_pos_ecef_m)
    assert np.array_equal(one.theta.rx_pos_ecef_m[:501], part.theta.rx_pos_ecef_m)
