"""Shares of the band: partitions, and what is refused."""

import pytest

from leopnt.errors import LeopntError
from leopnt.methods.pace.bands import FullBand, OwnBand, OwnBandWithRemainder


def test_bands_count_every_subcarrier_once_unless_told_otherwise(evidence):
    assert OwnBand().counts(1024, 8).tolist() == [128] * 8
    assert OwnBandWithRemainder().counts(10, 3).tolist() == [4, 3, 3]
    assert FullBand().counts(10, 3).tolist() == [10, 10, 10]
    left = [abs(OwnBandWithRemainder().counts(k, 7).sum() - k) for k in range(7, 200)]
    evidence(
        "methods.pace.bands",
        "subcarriers left over or used twice",
        "a partition of the band",
        "closed form",
        achieved=max(left),
        tolerance=0,
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OwnBand().counts(10, 3), "num_sub = 10: 10 subcarriers do not divide among 3"),
        (lambda: OwnBandWithRemainder().counts(2, 3), "num_sub = 2: expected at least one sub"),
        (lambda: FullBand().counts(0, 3), "num_sub = 0: expected an integer of 1 or more"),
        (lambda: FullBand().counts(8, 0), "num_sat = 0: expected an integer of 1 or more"),
    ],
)
def test_bands_refuse_what_cannot_be_shared(call, message):
    with pytest.raises(LeopntError, match=message):
        call()
