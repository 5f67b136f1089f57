import dataclasses
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.tle import read_tle
from leopnt.orbits.elements import concatenate

DATA = Path(__file__).parents[2] / "examples" / "data"
IRIDIUM = read_tle(DATA / "tle_2025" / "iridium.tle")
ORBCOMM = read_tle(DATA / "tle_2025" / "orbcomm.tle")
HISTORY = read_tle(DATA / "tle_history_sentinel6a" / "Sentinel-6A.tle")


def test_slices_masks_and_indices_choose_the_same_satellites():
    mask = np.zeros(len(IRIDIUM), dtype=bool)
    mask[2:5] = True
    by_slice, by_mask, by_index = IRIDIUM[2:5], IRIDIUM[mask], IRIDIUM[np.array([2, 3, 4])]
    assert by_slice.name == by_mask.name == by_index.name == IRIDIUM.name[2:5]
    np.testing.assert_array_equal(by_slice.raan_rad, by_mask.raan_rad)
    assert by_slice.epoch == by_index.epoch
    assert len(IRIDIUM[-1]) == 1


def test_selection_by_name_and_number_keeps_the_order_asked_for():
    names = [IRIDIUM.name[7], IRIDIUM.name[3]]
    assert list(IRIDIUM.named(names).name) == names
    numbers = IRIDIUM.norad_cat_id[[9, 1]]
    np.testing.assert_array_equal(IRIDIUM.numbered(numbers).norad_cat_id, numbers)


def test_unknown_names_and_numbers_get_a_suggestion():
    with pytest.raises(LeopntError, match=r"'IRIDIUM 16' among 80.*Did you mean 'IRIDIUM 1"):
        IRIDIUM.named(["IRIDIUM 16"])
    with pytest.raises(LeopntError, match="no satellite numbered 1 among 80 satellites"):
        IRIDIUM.numbered([1])


def test_concatenation_keeps_all_satellites_in_order():
    both = concatenate([IRIDIUM, ORBCOMM])
    assert both.name == IRIDIUM.name + ORBCOMM.name
    assert both[80:].epoch == ORBCOMM.epoch
    with pytest.raises(LeopntError, match="at least one"):
        concatenate([])


def test_nearest_picks_one_set_per_satellite_by_epoch(evidence):
    wanted = Epoch.from_iso("2022-03-09T03:00:00Z")
    chosen = concatenate([HISTORY, ORBCOMM]).nearest(wanted)
    assert len(chosen) == 1 + len(ORBCOMM)
    smallest = min(abs(float(epoch.since(wanted))) for epoch in HISTORY.epoch)
    evidence(
        "orbits.elements",
        "Distance of the chosen set's epoch, Sentinel-6A history",
        "search over all 99 sets",
        "closed form",
        achieved=abs(abs(chosen.epoch[0].since(wanted)) - smallest),
        tolerance=0.0,
        unit="s",
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("eccentricity", 1.0, r"eccentricity of IRIDIUM .* is 1\.0; expected 0 to 1"),
        ("mean_motion_radps", 14.34, r"mean_motion_radps of IRIDIUM .* is 14\.34"),
        ("inclination_rad", 86.4, r"inclination_rad of .* is 86\.4; expected 0 to 3\.14159"),
        ("raan_rad", np.nan, "raan_rad of .* is nan"),
    ],
)
def test_values_out_of_range_name_the_satellite(field, value, message):
    one = IRIDIUM[0]
    with pytest.raises(LeopntError, match=message):
        dataclasses.replace(one, **{field: np.array([value])})


def test_columns_of_unequal_length_are_refused():
    with pytest.raises((LeopntError, TypeError), match="eccentricity"):
        dataclasses.replace(IRIDIUM, eccentricity=np.zeros(3))
