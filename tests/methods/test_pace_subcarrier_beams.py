"""Beams for each subcarrier: nothing to gain in phase, much to gain with beam squint."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.methods.pace.rates import user_rates_bpshz
from leopnt.methods.pace.subcarrier_beams import CommonBeams, SubcarrierSpecific
from leopnt.methods.pace.wmmse import Stop

CAPABILITY = "methods.pace.subcarrier_beams"
TIGHT = Stop(1e-13, 20_000)


def squinted(relative_bandwidth, num_ant=64, num_sub=16, sines=(0.5,)):
    """Half-wave line array at the carrier; phases grow with frequency."""
    ratio = 1 + relative_bandwidth * (np.arange(num_sub) / num_sub - 0.5)
    phase = np.pi * np.asarray(sines)[:, None] * np.arange(num_ant)[None, :]
    return jnp.asarray(np.exp(-1j * ratio[:, None, None] * phase[None]))


def mean_rate(design, channel, stop=TIGHT):
    beams = design.beams(channel, 0.5, 1.0, stop)
    return float(jnp.mean(jnp.sum(user_rates_bpshz(channel, beams, 1.0), axis=1)))


def test_one_user_follows_the_array_factor_of_a_squinted_beam(evidence):
    # Common beams lose |sin(N psi / 2) / (N sin(psi / 2))|^2, psi the phase step left over.
    channel = squinted(0.1)
    left = np.pi * 0.5 * 0.1 * (np.arange(16) / 16 - 0.5)
    safe = np.where(left == 0, 1.0, left)
    factor = np.where(left == 0, 1.0, np.sin(32 * safe) / (64 * np.sin(safe / 2)))
    common = np.mean(np.log2(1 + 0.5 * 64 * factor**2))
    specific = np.log2(1 + 0.5 * 64)
    for name, design, expected in (
        ("common", CommonBeams(), common),
        ("specific", SubcarrierSpecific(), specific),
    ):
        evidence(
            CAPABILITY,
            f"mean rate of {name} beams under beam squint",
            "array factor",
            "closed form",
            achieved=abs(mean_rate(design, channel) / expected - 1),
            tolerance=1e-9,
        )
    assert specific > 1.2 * common


def test_without_squint_there_is_nothing_to_gain():
    steady = squinted(0.0, sines=(0.5, 0.45))
    turn = np.exp(2j * np.pi * np.outer(np.arange(16), [0.1, 0.37]))
    channel = steady * jnp.asarray(turn)[:, :, None]
    specific = mean_rate(SubcarrierSpecific(), channel)
    np.testing.assert_allclose(specific, mean_rate(CommonBeams(3), channel), rtol=1e-9)


@pytest.mark.usefixtures("untyped")
def test_refuses_what_it_cannot_use_in_words():
    channel = squinted(0.1, num_ant=4)
    with pytest.raises(LeopntError, match="reference = 16: expected 0 to 15"):
        CommonBeams(16).beams(channel, 1.0, 1.0)
    with pytest.raises(LeopntError, match=r"channels: got shape \(1, 4\); accepted: \(sub, user"):
        SubcarrierSpecific().beams(channel[0], 1.0, 1.0)
