"""Unlike models that the tests of the engine share, each with a truth, a start and links."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from leopnt.frames.attitude import retract, rotation_from_vector, vector_from_rotation
from leopnt.inference import LevenbergMarquardt, Model, parameter
from leopnt.inference.least_squares import AbstractSolver
from leopnt.noise import ComplexGaussian, FoldedAmplitude, Gaussian
from leopnt.observables import doppler_first_order


@dataclasses.dataclass(frozen=True)
class Case:
    """A model with everything that its four uses need."""

    name: str
    model: Model
    truth: Any
    start: Any
    links: Any
    shared: Any
    free: tuple[str, ...]
    interest: str
    solver: AbstractSolver | None = None


class LinearTheta(eqx.Module):
    x: Array = parameter(scale=(1.0, 10.0, 0.1))
    y: Array = parameter(scale=5.0, unit="m")
    fixed: Any = None


class LinearLink(eqx.Module):
    row: Array
    sigma: Array


def predict_linear(theta, shared, link):
    return link.row[:3] @ theta.x + link.row[3] * theta.y


def noise_linear(shared, link):
    return Gaussian(link.sigma)


LINEAR = Model(predict_linear, noise_linear)


def linear_case(num_links=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(num_links, 4)) * np.array([1.0, 0.1, 10.0, 0.2])
    links = LinearLink(jnp.asarray(rows), jnp.asarray(rng.uniform(0.5, 2.0, num_links)))
    truth = LinearTheta(jnp.asarray([1.0, -20.0, 0.3]), jnp.asarray(4.0))
    start = LinearTheta(jnp.zeros(3), jnp.asarray(0.0))
    return Case("linear", LINEAR, truth, start, links, None, ("x", "y"), "x")


class DopplerTheta(eqx.Module):
    rx_pos_ecef_m: Array = parameter(scale=1e3, unit="m")
    offset_hz: Array = parameter(unit="Hz")


class DopplerLink(eqx.Module):
    sat_pos_ecef_m: Array
    sat_vel_ecef_mps: Array


def predict_doppler(theta, shared, link):
    still, carrier_hz = jnp.zeros(3), jnp.asarray(1.626e9)
    shift_hz = doppler_first_order(
        link.sat_pos_ecef_m, link.sat_vel_ecef_mps, theta.rx_pos_ecef_m, still, carrier_hz
    )
    return shift_hz + theta.offset_hz


def _arc(raan_rad, inclination_rad, phase_rad, num):
    """Circular orbit at 780 km, one state every 20 s."""
    radius_m, rate = 7.158e6, 7.462e3 / 7.158e6
    u = phase_rad + rate * 20.0 * np.arange(num)
    along = np.stack([np.cos(u), np.sin(u), 0 * u])
    across = np.stack([-np.sin(u), np.cos(u), 0 * u])
    ci, si = np.cos(inclination_rad), np.sin(inclination_rad)
    cr, sr = np.cos(raan_rad), np.sin(raan_rad)
    turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, ci, -si], [0, si, ci]]
    )
    return (radius_m * turn @ along).T, (radius_m * rate * turn @ across).T


def doppler_case():
    first, second = _arc(0.1, 1.5, 0.60, 10), _arc(-0.15, 1.2, 0.75, 10)
    pos, vel = (np.concatenate([a, b]) for a, b in zip(first, second, strict=True))
    rx = 6.371e6 * np.array([np.cos(0.85) * np.cos(0.1), np.cos(0.85) * np.sin(0.1), np.sin(0.85)])
    return Case(
        "doppler",
        Model(predict_doppler, Gaussian(1.0)),
        DopplerTheta(jnp.asarray(rx), jnp.asarray(12.0)),
        DopplerTheta(jnp.asarray(rx + np.array([3e4, -2e4, 1e4])), jnp.asarray(0.0)),
        DopplerLink(jnp.asarray(pos), jnp.asarray(vel)),
        None,
        ("rx_pos_ecef_m", "offset_hz"),
        "rx_pos_ecef_m",
    )


class OfdmTheta(eqx.Module):
    delay_s: Array = parameter(scale=1e-9, unit="s")
    gain_re: Array = parameter()
    gain_im: Array = parameter()


class OfdmLink(eqx.Module):
    sub_hz: Array
    pilot: Array


def predict_ofdm(theta, shared, link):
    gain = theta.gain_re + 1j * theta.gain_im
    return gain * link.pilot * jnp.exp(-2j * jnp.pi * link.sub_hz * theta.delay_s)


def ofdm_case():
    """One link is one symbol of eight subcarriers: a complex vector."""
    rng = np.random.default_rng(2)
    sub_hz = (np.arange(32) - 16.0).reshape(4, 8) * 240e3
    pilot = np.exp(2j * np.pi * rng.integers(0, 4, (4, 8)) / 4)
    return Case(
        "ofdm",
        Model(predict_ofdm, ComplexGaussian(0.1)),
        OfdmTheta(jnp.asarray(20e-9), jnp.asarray(0.6), jnp.asarray(-0.7)),
        OfdmTheta(jnp.asarray(15e-9), jnp.asarray(1.0), jnp.asarray(0.0)),
        OfdmLink(jnp.asarray(sub_hz), jnp.asarray(pilot)),
        None,
        ("delay_s", "gain_re", "gain_im"),
        "delay_s",
    )


class BeamTheta(eqx.Module):
    angle_rad: Array = parameter(scale=1e-2, unit="rad")
    amplitude: Array = parameter()


class BeamLink(eqx.Module):
    beam_rad: Array


def predict_beam(theta, shared, link):
    offset = (theta.angle_rad - link.beam_rad) / 0.15
    return theta.amplitude * jnp.cos(2 * offset[0]) * jnp.exp(-offset @ offset)


def beam_case():
    """Magnitudes of beams that change sign between main lobe and side lobe."""
    axis = np.linspace(-0.3, 0.3, 9)
    beams = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return Case(
        "beam",
        Model(predict_beam, FoldedAmplitude(0.1)),
        BeamTheta(jnp.asarray([0.03, -0.05]), jnp.asarray(3.0)),
        BeamTheta(jnp.asarray([0.04, -0.04]), jnp.asarray(2.8)),
        BeamLink(jnp.asarray(beams)),
        None,
        ("angle_rad", "amplitude"),
        "angle_rad",
        LevenbergMarquardt(),  # one undamped Fisher scoring in 1000 oscillates here
    )


def rotation_tangent(base, rotation):
    return vector_from_rotation(rotation @ base.T)


class PhaseTheta(eqx.Module):
    rotation: Array = parameter(
        scale=1e-2, unit="rad", retract=retract, local=rotation_tangent, tangent_size=3
    )
    phase_rad: Array = parameter(unit="rad")


class PhaseLink(eqx.Module):
    los: Array


class PhaseShared(eqx.Module):
    ant_pos_body_m: Array


def predict_phase(theta, shared, link):
    """Phases [rad] of all antennas of a turned array, unwrapped."""
    path_m = shared.ant_pos_body_m @ theta.rotation.T @ link.los
    return 2 * jnp.pi / 0.19 * path_m + theta.phase_rad


def phase_case():
    rng = np.random.default_rng(4)
    los = rng.normal(size=(6, 3))
    rotation = rotation_from_vector(jnp.asarray([1.0, 0.5, -2.0]))
    return Case(
        "phase",
        Model(predict_phase, Gaussian(0.05)),
        PhaseTheta(rotation, jnp.asarray(0.3)),
        PhaseTheta(retract(rotation, jnp.asarray([0.3, -0.2, 0.1])), jnp.asarray(0.0)),
        PhaseLink(jnp.asarray(los / np.linalg.norm(los, axis=1, keepdims=True))),
        PhaseShared(jnp.asarray(rng.normal(size=(4, 3)))),
        ("rotation", "phase_rad"),
        "rotation",
    )


CASES = {c.name: c for c in (linear_case(), doppler_case(), ofdm_case(), beam_case(), phase_case())}
