"""Relativistic terms against orbit theory and an integral along the ray."""

import numpy as np
import pytest
from scipy.integrate import quad

from leopnt.channel import periodic_clock_s, shapiro_delay_m
from leopnt.errors import LeopntError

C, GM = 299_792_458.0, 3.986004418e14
SAT = np.array([-2.5e6, 5.2e6, 4.4e6])
SITE = np.array([-2_831_733.0, 4_675_666.0, 3_275_369.0])


def kepler_state(a, e, anomaly):
    """Perifocal position and velocity at eccentric anomalies, the textbook way."""
    root = np.sqrt(1.0 - e * e)
    pos = a * np.stack([np.cos(anomaly) - e, root * np.sin(anomaly), 0 * anomaly], -1)
    rate = np.sqrt(GM / a**3) / (1.0 - e * np.cos(anomaly))
    vel = a * np.stack([-np.sin(anomaly), root * np.cos(anomaly), 0 * anomaly], -1)
    return pos, vel * rate[:, None]


@pytest.mark.parametrize(("a", "e"), [(26_560e3, 0.02), (7_378e3, 0.001)])
def test_the_periodic_clock_is_f_e_root_a_sin_e(a, e, evidence):
    # F of the interface documents, GPS and BeiDou: -4.442807633e-10 and -4.442807309e-10 s/m^0.5.
    anomaly = np.linspace(0.0, 2 * np.pi, 25)
    found = np.asarray(periodic_clock_s(*kepler_state(a, e, anomaly)))
    expected = -4.442807309e-10 * e * np.sqrt(a) * np.sin(anomaly)
    evidence(
        "channel.relativity",
        f"periodic clock over an orbit of e = {e}",
        "BeiDou ICD B1I 3.0, F e sqrt(A) sin E",
        "published",
        achieved=np.max(np.abs(found - expected)),
        tolerance=1e-16,
        unit="s",
    )
    assert np.max(np.abs(found)) == pytest.approx(4.4428e-10 * e * np.sqrt(a), rel=1e-3)


def test_the_rotation_of_the_earth_does_not_change_the_periodic_clock():
    vel = np.array([1800.0, -4700.0, 6577.27])
    relative = vel - np.cross([0.0, 0.0, 7.292115e-5], SAT)
    assert float(periodic_clock_s(SAT, relative)) == pytest.approx(
        float(periodic_clock_s(SAT, vel)), rel=1e-9
    )


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_shapiro_delay_is_the_integral_of_the_potential_along_the_ray(scale, evidence):
    way = scale * SAT - SITE
    integral, _ = quad(
        lambda u: np.linalg.norm(way) / np.linalg.norm(SITE + u * way), 0, 1, epsabs=0, epsrel=1e-13
    )
    expected = 2 * GM / C**2 * integral
    found = float(shapiro_delay_m(scale * SAT, SITE))
    evidence(
        "channel.relativity",
        f"Shapiro delay over {np.linalg.norm(way) / 1e3:.0f} km",
        "quadrature of 2 GM / (c^2 r)",
        "closed form",
        achieved=abs(found / expected - 1.0),
        tolerance=1e-12,
    )
    assert 1e-3 < found < 0.02


def test_leading_axes_broadcast():
    found = shapiro_delay_m(SAT * np.ones((4, 1, 3)), SITE * np.ones((2, 3)))
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found, float(shapiro_delay_m(SAT, SITE)), rtol=1e-14)


def test_bad_vectors_are_refused(untyped):
    with pytest.raises(LeopntError, match=r"rx_pos_ecef_m: got shape \(2,\); accepted: \(..., 3\)"):
        shapiro_delay_m(SAT, np.zeros(2))
    with pytest.raises(LeopntError, match="sat_pos_ecef_m: got float32; accepted: float64"):
        shapiro_delay_m(SAT.astype(np.float32), SITE)
    with pytest.raises(LeopntError, match="sat_vel_ecef_mps holds NaN or infinity"):
        periodic_clock_s(SAT, SITE * np.nan)
    with pytest.raises(LeopntError, match=r"leading axes do not fit: sat_pos_ecef_m \(2,\)"):
        shapiro_delay_m(np.ones((2, 3)), np.ones((5, 3)))
    with pytest.raises(LeopntError, match="sat_pos_ecef_m = 'here': expected numbers"):
        shapiro_delay_m("here", SITE)
