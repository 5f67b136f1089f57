"""S3: who serves whom, and what the account of bands does to the rate."""

import jax.numpy as jnp
import numpy as np
import pytest
from pace_beam_cases import (
    NOISE_W,
    NUM_SUB,
    OWN_SUB,
    SPACING_HZ,
    channels,
    direction,
    links,
    loss_db,
    place,
    steering,
    users,
    watts,
)

from leopnt.methods.pace.bands import FullBand
from leopnt.methods.pace.strongest_satellite import (
    serving_satellite,
    strongest_satellite_rates,
)
from leopnt.methods.pace.wmmse import wmmse_batch

CAPABILITY = "methods.pace.strongest_satellite"


def test_serves_by_the_largest_gain(evidence):
    serving = serving_satellite(jnp.asarray(channels()))
    expected = np.argmax(links()[0], axis=0)
    assert len(set(expected.tolist())) == 1  # "all four users share one strongest satellite"
    evidence(
        CAPABILITY,
        "users whose strongest satellite is another",
        "largest |alpha sin(el)| in NumPy",
        "implementation",
        achieved=np.sum(np.asarray(serving) != expected),
        tolerance=0,
    )


def test_one_satellite_serves_all_on_its_own_band_as_it_would_alone():
    power_w = watts(50.0)
    true = jnp.asarray(channels())
    s3 = strongest_satellite_rates(true, power_w, NOISE_W, NUM_SUB, SPACING_HZ)
    star = int(s3.serving[0])
    alone = wmmse_batch(channels()[star][None], power_w / OWN_SUB, NOISE_W)
    expected = alone.sum_rate_bpshz[0] * OWN_SUB * SPACING_HZ
    np.testing.assert_allclose(s3.rate.total_bps, expected, rtol=1e-12)
    idle = np.delete(np.asarray(s3.beams.beams), star, axis=0)
    assert np.all(idle == 0)


def test_full_band_is_granted_all_subcarriers_at_a_share_of_the_power_each(evidence):
    power_w = watts(50.0)
    true = jnp.asarray(channels())
    own = strongest_satellite_rates(true, power_w, NOISE_W, NUM_SUB, SPACING_HZ)
    full = strongest_satellite_rates(true, power_w, NOISE_W, NUM_SUB, SPACING_HZ, FullBand())
    star = int(full.serving[0])
    alone = wmmse_batch(channels()[star][None], power_w / NUM_SUB, NOISE_W)
    expected = float(alone.sum_rate_bpshz[0]) * NUM_SUB * SPACING_HZ
    evidence(
        CAPABILITY,
        "rate on the full band",
        "K subcarriers at P / K each, one satellite",
        "closed form",
        achieved=abs(float(full.rate.total_bps) / expected - 1),
        tolerance=1e-12,
    )
    assert float(full.rate.total_bps) > float(own.rate.total_bps)


def test_users_of_different_satellites_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 4)) + 1j * rng.normal(size=(2, 4))
    channel = np.zeros((2, 2, 4), complex)
    channel[0] = [rows[0], 0.1 * rows[1]]
    channel[1] = [0.1 * rows[0], rows[1]]
    found = strongest_satellite_rates(jnp.asarray(channel), 2.0, 1.0, 2, 1.0)
    expected = np.log2(1 + 2.0 * np.sum(np.abs(rows) ** 2, axis=1))
    np.testing.assert_allclose(found.rate.user_rates_bps, expected, rtol=1e-10)
    assert found.serving.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("inclination_deg", "power_dbm", "printed"), [(0.3, 50.0, 11.4), (0.3, 80.0, 437.0)]
)
def test_users_below_satellites_of_their_own_get_the_printed_rate(
    inclination_deg, power_dbm, printed, evidence
):
    azimuth_deg = (0.0, 90.0, 180.0, 270.0)
    sat, vel = place((inclination_deg,) * 4, azimuth_deg, (1,) * 4)
    user = users((inclination_deg,) * 4, azimuth_deg)
    channel = np.zeros((4, 4, 64), complex)
    for s in range(4):
        for u in range(4):
            unit = direction(sat[s], vel[s], user[u])
            gain = 10 ** (-loss_db(sat[s], user[u]) / 20) * unit[2]
            channel[s, u] = gain * steering(unit, 8)
    found = strongest_satellite_rates(
        jnp.asarray(channel), watts(power_dbm), NOISE_W, 4 * OWN_SUB, SPACING_HZ
    )
    assert found.serving.tolist() == [0, 1, 2, 3]
    evidence(
        CAPABILITY,
        "rate of users below satellites of their own",
        f"printed {printed:g} Mbit/s, {power_dbm:g} dBm, three digits",
        "published",
        achieved=abs(float(found.rate.total_bps) / 1e6 / printed - 1),
        tolerance=0.005,
    )
