"""Path loss of a satellite link, term by term."""

import numpy as np
import pytest

from leopnt.channel import CosecantGases, SatelliteLoss, ZenithGases
from leopnt.errors import LeopntError

PATH = (507028.6719152525, 12.7e9)


def test_terms_add_up_to_a_sum_by_hand(evidence):
    losses = SatelliteLoss(shadowing_db=-1.5, clutter_db=4.0)
    terms = losses.terms(*PATH, np.radians(30.0))
    by_hand = 20 * np.log10(4 * np.pi * PATH[0] * PATH[1] / 299792458.0) + 0.1274 + 0.3 - 1.5 + 4.0
    evidence(
        "channel.satellite_loss",
        "loss over 507 km at 12.7 GHz and 30 degrees [dB]",
        "sum by hand",
        "closed form",
        achieved=abs(float(terms.total_db) - by_hand),
        tolerance=1e-11,
        unit="dB",
    )
    assert float(losses.loss_db(*PATH, np.radians(30.0))) == float(terms.total_db)


def test_the_default_zenith_loss_is_that_of_the_recommendation():
    # The default was computed line by line at 12.7 GHz; equivalent heights agree to some percent.
    np.testing.assert_allclose(CosecantGases().zenith_loss_db(12.7e9), 0.0637, rtol=0.06)
    np.testing.assert_allclose(ZenithGases().loss_db(12.7e9, np.radians(30.0)), 0.1274, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ZenithGases(-0.1), "zenith_loss_db = -0.1 dB: expected 0 or more"),
        (lambda: SatelliteLoss(clutter_db=-1.0), "clutter_db = -1 dB: expected 0 or more"),
        (lambda: SatelliteLoss(shadowing_db=float("nan")), "shadowing_db = nan"),
        (lambda: ZenithGases().loss_db(1e9, 0.0), "el_rad = 0 rad: expected above 0"),
        (lambda: ZenithGases().loss_db(0.0, 1.0), "carrier_hz = 0 Hz"),
    ],
)
def test_losses_that_make_no_sense_are_refused(call, words):
    with pytest.raises(LeopntError, match=words):
        call()
