"""A measurement of your own, put to four uses: the difference of two satellites' ranges."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from leopnt import inference
from leopnt.inference import Data, Model, parameter
from leopnt.noise import Gaussian


class Theta(eqx.Module):
    """What is unknown."""

    rx_pos_ecef_m: jax.Array = parameter(scale=1e3, unit="m")


class Link(eqx.Module):
    """What is known about one measurement: two satellites at the same instant."""

    sat_pos_ecef_m: jax.Array
    other_pos_ecef_m: jax.Array


def range_difference(theta, shared, link):
    """Range to one satellite minus range to the other [m]; the receiver clock cancels."""
    one_m = jnp.linalg.norm(link.sat_pos_ecef_m - theta.rx_pos_ecef_m)
    return one_m - jnp.linalg.norm(link.other_pos_ecef_m - theta.rx_pos_ecef_m)


MODEL = Model(range_difference, Gaussian(3.0))
TRUTH = Theta(jnp.array([6.371e6, 0.0, 0.0]))
START = Theta(TRUTH.rx_pos_ecef_m + jnp.array([1e4, -2e4, 3e4]))


def fix(key, links):
    """Simulate with the first set of links, estimate with the second."""
    measured_m = inference.simulate(MODEL, TRUTH, links[0], key)
    return inference.solve(MODEL, START, Data(links[1], measured_m), "rx_pos_ecef_m")


def main(trials=2000):
    """RMS position error of many fixes over its bound: links right, links wrong."""
    east_north_m = np.random.default_rng(1).uniform(-1.2e6, 1.2e6, (2, 12, 2))
    sats_m = np.concatenate([np.full((2, 12, 1), 7.171e6), east_north_m], axis=2)
    links, true_links = Link(*sats_m), Link(sats_m[0] + np.array([0.0, 10.0, 0.0]), sats_m[1])
    keys = jax.random.split(jax.random.key(1), trials)
    crb = inference.fisher_information(MODEL, TRUTH, links, "rx_pos_ecef_m").crb()
    mean_m, cov_m2 = inference.predict(MODEL, TRUTH, true_links), jnp.full((12, 1, 1), 3.0**2)
    wrong = inference.misspecified_bound(MODEL, TRUTH, links, mean_m, cov_m2, "rx_pos_ecef_m")
    ratios, mse_m2 = [], wrong.lower_bound(wrong.bias_from(TRUTH))
    for flown, bound in ((links, crb), (true_links, mse_m2)):
        found = inference.batch_map(fix, keys, shared=(flown, links))
        error_m = found.theta.rx_pos_ecef_m - np.asarray(TRUTH.rx_pos_ecef_m)[None]
        rmse_m, bound_m = np.sqrt(np.mean(np.sum(error_m**2, 1))), np.sqrt(np.trace(bound))
        print(f"RMS error {rmse_m:.2f} m, bound {bound_m:.2f} m, ratio {rmse_m / bound_m:.3f}")
        ratios.append(float(rmse_m / bound_m))
    return ratios


if __name__ == "__main__":
    main()
