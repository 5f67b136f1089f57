"""Four unlike measurements behind one interface, each estimator held against its bound.

A Doppler fix, OFDM samples, beam powers without a sign, and array phases under an unknown rotation.
Run: python examples/four_models.py [number of trials]
"""

import functools
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from leopnt import inference
from leopnt.frames import retract, rotation_from_vector, vector_from_rotation
from leopnt.inference import Data, Model, Unknowns, parameter
from leopnt.noise import ComplexGaussian, FoldedAmplitude, Gaussian
from leopnt.observables import doppler_first_order


class DopplerTheta(eqx.Module):
    """Receiver position and one frequency offset."""

    rx_pos_ecef_m: jax.Array = parameter(scale=1e3, unit="m")
    offset_hz: jax.Array = parameter(unit="Hz")


def doppler(theta, shared, link):
    """Doppler [Hz] of one instant; link: satellite position and velocity, ECEF."""
    rx_pos_m, carrier_hz = theta.rx_pos_ecef_m, 1.626e9
    return doppler_first_order(*link, rx_pos_m, jnp.zeros(3), carrier_hz) + theta.offset_hz


def doppler_case():
    """Two passes at 780 km, 26 instants each, 1 Hz noise; the start is 37 km off."""
    u, zero = np.linspace(-0.26, 0.26, 26), np.zeros(26)
    tilts = np.array([[1.5, 0.1, 0.0], [1.0, -0.15, 0.0]])
    turns = np.asarray(jax.vmap(rotation_from_vector)(tilts))
    pos = np.concatenate([np.c_[np.cos(u), np.sin(u), zero] @ turn.T for turn in turns])
    vel = np.concatenate([np.c_[-np.sin(u), np.cos(u), zero] @ turn.T for turn in turns])
    truth = DopplerTheta(jnp.array([6.371e6, 0.0, 0.0]), jnp.asarray(12.0))
    start = DopplerTheta(jnp.array([6.401e6, -2e4, 1e4]), jnp.asarray(0.0))
    return Model(doppler, Gaussian(1.0)), truth, start, (7.15e6 * pos, 7.46e3 * vel), None


class OfdmTheta(eqx.Module):
    """Delay and a complex gain, the gain as two real fields."""

    delay_s: jax.Array = parameter(scale=1e-9, unit="s")
    gain_re: jax.Array = parameter()
    gain_im: jax.Array = parameter()


def ofdm(theta, shared, link):
    """Complex samples of 8 subcarriers; link: their frequencies [Hz] and pilots."""
    gain = theta.gain_re + 1j * theta.gain_im
    return gain * link[1] * jnp.exp(-2j * jnp.pi * link[0] * theta.delay_s)


def ofdm_case():
    """64 subcarriers of 120 kHz in 8 links, 20 ns delay, E|n|^2 = 0.01 per sample."""
    sub_hz = (np.arange(64.0) - 32.0).reshape(8, 8) * 120e3
    pilots = np.exp(0.5j * np.pi * np.random.default_rng(0).integers(0, 4, (8, 8)))
    truth, start = OfdmTheta(20e-9, 0.6, -0.7), OfdmTheta(15e-9, 1.0, 0.0)
    return Model(ofdm, ComplexGaussian(0.1)), truth, start, (sub_hz, pilots), None


class BeamTheta(eqx.Module):
    """Direction of the source in two angles, and its amplitude."""

    angle_rad: jax.Array = parameter(scale=1e-2, unit="rad")
    amplitude: jax.Array = parameter()


def beam(theta, shared, link):
    """Signed amplitude behind one beam, of which only the size is seen; link: beam center."""
    off = (theta.angle_rad - link) / 0.15
    return theta.amplitude * jnp.cos(2.0 * off[0]) * jnp.exp(-off @ off)


def beam_case():
    """81 beams on a grid of 0.6 rad, amplitude 3, sigma 0.15 before the sign is lost."""
    links = np.stack(np.meshgrid(*2 * [np.linspace(-0.3, 0.3, 9)]), axis=-1).reshape(-1, 2)
    truth, start = (jnp.array([0.03, -0.05]), 3.0), (jnp.array([0.05, -0.02]), 2.5)
    return Model(beam, FoldedAmplitude(0.15)), BeamTheta(*truth), BeamTheta(*start), links, None


def turn_between(base, rotation):
    """Rotation vector that leads from `base` to `rotation`: the inverse of `retract`."""
    return vector_from_rotation(rotation @ base.T)


class ArrayTheta(eqx.Module):
    """Rotation from the body to the axes of the directions, and a common phase."""

    rotation: jax.Array = parameter(
        scale=1e-2, unit="rad", retract=retract, local=turn_between, tangent_size=3
    )
    phase_rad: jax.Array = parameter(unit="rad")


def phases(theta, ant_pos_body_m, link):
    """Unwrapped phases [rad] of one source at all antennas; link: its direction."""
    path_m = ant_pos_body_m @ (theta.rotation.T @ link)
    return 2.0 * jnp.pi / 0.19 * path_m + theta.phase_rad


def array_case():
    """Four antennas, six directions, 0.05 rad noise; the start is 0.37 rad off."""
    ant_pos_body_m, links = np.split(np.random.default_rng(0).normal(size=(10, 3)), [4])
    links = links / np.linalg.norm(links, axis=1, keepdims=True)
    truth = ArrayTheta(rotation_from_vector(jnp.array([1.0, 0.5, -2.0])), 0.3)
    start = ArrayTheta(retract(truth.rotation, jnp.array([0.3, -0.2, 0.1])), 0.0)
    return Model(phases, Gaussian(0.05)), truth, start, links, ant_pos_body_m


def one_trial(model, unknowns, key, scene):
    """Error (tangent, SI) of one estimate of all unknowns, and how it ended."""
    truth, start, links, shared = scene
    data = Data(links, inference.simulate(model, truth, links, key, shared), shared=shared)
    end = inference.solve(model, start, data, unknowns.names)
    return unknowns.difference(truth, end.theta), end.status


def compare(model, truth, start, links, shared, trials, seed=1):
    """RMS error and Cramer-Rao bound of the first field of theta, SI; how the fits ended."""
    unknowns = Unknowns.of(truth, tuple(vars(truth)))
    trial = functools.partial(one_trial, model, unknowns)
    keys, scene = jax.random.split(jax.random.key(seed), trials), (truth, start, links, shared)
    errors, status = inference.batch_map(trial, keys, shared=scene)
    fim = inference.fisher_information(model, truth, links, unknowns.names, shared=shared)
    errors, crb = errors[:, : unknowns.sizes[0]], fim.crb(unknowns.names[0])
    rmse, bound = np.sqrt(np.mean(np.sum(errors**2, axis=1))), np.sqrt(np.trace(crb))
    return float(rmse), float(bound), inference.count_statuses(status)


def main(trials=2000):
    """Print the table; return its rows by model."""
    print("| model | RMSE | CRB | RMSE/CRB | converged |\n|---|---|---|---|---|")
    cases = {"Doppler": doppler_case, "OFDM": ofdm_case, "beams": beam_case, "array": array_case}
    rows = {name: compare(*make(), trials) for name, make in cases.items()}
    for name, (rmse, bound, ended) in rows.items():
        print(f"| {name} | {rmse:.4g} | {bound:.4g} | {rmse / bound:.3f} | {ended['converged']} |")
    return rows


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
