"""Drawn channel estimates have the spread that the uplink bounds allow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pace_beam_cases import NOISE_W, NUM_SUB, links, watts

from leopnt.errors import LeopntError
from leopnt.methods.pace.csi import pace_channels, unstructured_channels

CAPABILITY = "methods.pace.csi"
UNIT = NOISE_W / (watts(30.0) * 1000)
DRAWS = 20_000


def link(error_m=0.0):
    gain, true, displaced = links(8, error_m)
    vartheta = jnp.asarray(gain[0, :1] + 0j)
    rho = np.sum(displaced[0, :1].conj() * true[0, :1], axis=-1) / 64
    return vartheta, jnp.asarray(rho), jnp.asarray(true[0, :1]), jnp.asarray(displaced[0, :1])


def spread(found, true):
    return np.sqrt(np.mean(np.sum(np.abs(np.asarray(found) - np.asarray(true)) ** 2, axis=-1)))


@pytest.mark.parametrize(("error_m", "printed"), [(0.0, 3.51613221e-9), (1e4, 5.29350549e-9)])
def test_error_of_aided_channels_is_the_printed_bound(error_m, printed, evidence):
    # rho a~ is the projection of a on a~: the phase of rho belongs to the pseudo-true gain.
    gain, rho, true, assumed = link(error_m)
    keys = jax.random.split(jax.random.key(1), DRAWS)
    draw = jax.jit(jax.vmap(lambda k: pace_channels(k, gain, rho, assumed, UNIT, NUM_SUB)))
    error = spread(draw(keys), gain[:, None] * true)
    evidence(
        CAPABILITY,
        f"RMS error of PACE channels, position error {error_m:g} m",
        "printed vector bound",
        "monte carlo",
        achieved=abs(error / printed - 1),
        tolerance=0.03,
    )


def test_error_of_unstructured_channels_is_the_printed_bound(evidence):
    gain, _, true, _ = link()
    channel = gain[:, None] * true
    keys = jax.random.split(jax.random.key(2), DRAWS)
    draw = jax.jit(jax.vmap(lambda k: unstructured_channels(k, channel, UNIT, NUM_SUB)))
    error = spread(draw(keys), channel)
    evidence(
        CAPABILITY,
        "RMS error of UCE channels",
        "printed bound 1.79875078e-8",
        "monte carlo",
        achieved=abs(error / 1.79875078e-8 - 1),
        tolerance=0.01,
    )


def test_at_the_band_centre_the_delay_adds_no_phase(evidence):
    gain, rho, true, _ = link()
    center = (NUM_SUB + 1) / 2
    keys = jax.random.split(jax.random.key(3), DRAWS)
    aided = jax.vmap(lambda k: pace_channels(k, gain, rho, true, UNIT, NUM_SUB, center))(keys)
    free = jax.vmap(
        lambda k: unstructured_channels(k, gain[:, None] * true, UNIT, NUM_SUB, center)
    )(keys)
    for name, found, expected in (("PACE", aided, UNIT), ("UCE", free, 64 * UNIT)):
        evidence(
            CAPABILITY,
            f"error variance of {name} at the band centre",
            "unit, and N unit",
            "closed form",
            achieved=abs(spread(found, gain[:, None] * true) ** 2 / expected - 1),
            tolerance=0.03,
        )


def test_a_link_without_gain_stays_finite():
    gain, rho, true, _ = link()
    found = pace_channels(jax.random.key(0), 0.0 * gain, rho, true, UNIT, NUM_SUB)
    assert np.all(np.isfinite(np.asarray(found)))


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": 0.0}, "unit = 0: expected a number above 0"),
        ({"num_sub": 1}, "num_sub = 1: expected an integer of 2 or more"),
        ({"rho": jnp.ones(2, complex)}, r"shapes disagree: gain \(1,\), rho \(2,\)"),
        ({"gain": jnp.ones(1) * jnp.nan}, "gain holds NaN or infinity"),
        (
            {"gain": jnp.ones(2, complex), "rho": jnp.ones(2, complex)},
            r"gain: got shape \(2,\); accepted: \(1,\), one for each link of steering",
        ),
    ],
)
def test_refuses_what_it_cannot_use_in_words(change, message):
    gain, rho, true, _ = link()
    accepted = {"gain": gain, "rho": rho, "steering": true, "unit": UNIT, "num_sub": NUM_SUB}
    with pytest.raises(LeopntError, match=message):
        pace_channels(jax.random.key(0), **(accepted | change))
