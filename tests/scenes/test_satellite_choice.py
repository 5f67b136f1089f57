"""Which satellites of those in view are used."""

import itertools

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.scenes.satellite_choice import AllInView, Highest, Spread


def sky(rng, cases=40, width=8):
    """Random skies, the highest first; as many visible as the number of the case allows."""
    el_rad = np.sort(rng.uniform(0.1, 1.5, (cases, width)), axis=1)[:, ::-1]
    az_rad = rng.uniform(0.0, 2 * np.pi, (cases, width))
    visible = np.arange(width)[None, :] < (np.arange(cases) % (width + 1))[:, None]
    return visible, az_rad, el_rad


def directions(az_rad, el_rad):
    level = np.cos(el_rad)
    return np.stack([level * np.sin(az_rad), level * np.cos(az_rad), np.sin(el_rad)], axis=-1)


def test_the_highest_come_first():
    visible, az_rad, el_rad = sky(np.random.default_rng(1))
    columns = Highest(3).columns(visible, az_rad, el_rad)
    np.testing.assert_array_equal(columns, np.tile([0, 1, 2], (40, 1)))


def test_all_in_view_are_all():
    visible, az_rad, el_rad = sky(np.random.default_rng(2))
    columns = AllInView().columns(visible, az_rad, el_rad)
    assert np.take_along_axis(visible, columns, axis=1).sum() == visible.sum()


def test_spread_takes_the_farthest_of_what_is_left_each_time(evidence):
    visible, az_rad, el_rad = sky(np.random.default_rng(3))
    columns = Spread(4).columns(visible, az_rad, el_rad)
    wrong = 0
    for case, taken in enumerate(columns):
        unit = directions(az_rad[case], el_rad[case])
        left, expected = list(np.flatnonzero(visible[case])), []
        while left and len(expected) < 4:
            gap = [min([np.arccos(unit[i] @ unit[j]) for j in expected], default=-i) for i in left]
            expected.append(left.pop(int(np.argmax(gap))))
        wrong += taken[: len(expected)].tolist() != expected
        assert not visible[case][taken[len(expected) :]].any()
    evidence(
        "scenes.satellite_choice",
        "greedy choice of satellites spread over the sky, wrong cases",
        "loop over all candidates",
        "implementation",
        achieved=wrong,
        tolerance=0,
    )


def test_two_spread_satellites_are_farther_apart_than_the_two_highest():
    visible, az_rad, el_rad = sky(np.random.default_rng(4))
    full = visible.all(axis=1)
    unit = directions(az_rad, el_rad)[full]
    first, second = Spread(2).columns(visible, az_rad, el_rad)[full].T
    case = np.arange(len(unit))
    cosine = np.sum(unit[case, first] * unit[case, second], axis=1)
    others = [np.sum(unit[:, 0] * unit[:, j], axis=1) for j in range(1, 8)]
    np.testing.assert_allclose(cosine, np.min(others, axis=0))


@pytest.mark.parametrize(("kind", "count"), list(itertools.product((Highest, Spread), (0, -2))))
def test_a_count_below_one_is_refused(kind, count):
    with pytest.raises(LeopntError, match=f"count = {count}: expected 1 or more satellites"):
        kind(count)


def test_more_satellites_than_there_are_give_them_all():
    visible, az_rad, el_rad = sky(np.random.default_rng(5))
    for choice in (Highest(30), Spread(30)):
        assert choice.columns(visible, az_rad, el_rad).shape == (40, 8)
