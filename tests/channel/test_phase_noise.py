"""Noise of a tracked phase against a simulated discriminator."""

import numpy as np
import pytest
from study_sizes import study_size

from leopnt.channel import carrier_phase_sigma_cycles, carrier_phase_sigma_m
from leopnt.errors import LeopntError


@pytest.mark.parametrize("cn0_dbhz", [28.0, 45.0])
def test_the_loop_averages_the_noise_of_its_discriminator(cn0_dbhz, evidence):
    # One integration: (I, Q) of a carrier of power C T in noise N0 / 2 each. The discriminator
    # I Q / C has slope 1; a loop of bandwidth B averages 1 / (2 B T) of them.
    num, span_s, bandwidth_hz = study_size(40_000, 400_000), 0.01, 10.0
    energy = 10 ** (0.1 * cn0_dbhz) * span_s
    rng = np.random.default_rng(8)
    i, q = np.sqrt(energy) + rng.normal(size=num) / np.sqrt(2), rng.normal(size=num) / np.sqrt(2)
    one_rad = np.std(i * q / energy)
    loop_cycles = one_rad * np.sqrt(2 * bandwidth_hz * span_s) / (2 * np.pi)
    found = float(carrier_phase_sigma_cycles(cn0_dbhz, bandwidth_hz, span_s))
    evidence(
        "channel.phase_noise",
        f"carrier phase noise of a Costas loop at {cn0_dbhz:g} dB-Hz",
        "simulated discriminator times the averages of the loop",
        "monte carlo",
        achieved=abs(loop_cycles / found - 1.0),
        tolerance=5.0 / np.sqrt(2 * num),
    )


def test_half_a_millimeter_at_45_decibel_hertz():
    # sqrt(15 / 31623) / (2 pi) = 3.466e-3 cycles = 0.66 mm at L1; squaring adds 0.04 %.
    np.testing.assert_allclose(carrier_phase_sigma_m(45.0, 0.1903), 0.66e-3, rtol=2e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.nan,), "cn0_dbhz = nan: expected a finite number"),
        ((40.0, 0.0), "loop_bandwidth_hz = 0 Hz: expected a number above 0"),
        ((40.0, 15.0, -1.0), "integration_s = -1 s: expected a number above 0"),
    ],
)
def test_what_is_no_loop_is_refused(arguments, message):
    with pytest.raises(LeopntError, match=message):
        carrier_phase_sigma_cycles(*arguments)
    with pytest.raises(LeopntError, match="wavelength_m = 0 m"):
        carrier_phase_sigma_m(40.0, 0.0)
