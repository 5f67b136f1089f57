"""One panel for many satellites: what each of them gets."""

import numpy as np
import pytest
from surface_cases import L1_M, along, panel

from leopnt.antennas import (
    block_sub_arrays,
    centered_phases,
    composite_phase_cycles,
    cross_power_ratio,
    element_amplitudes,
    interleaved_sub_arrays,
    relay_power_ratio,
    shared_phases,
)
from leopnt.errors import LeopntError

PANEL = panel(num_rows=16, num_columns=24)
RX = along(PANEL, -0.2, -0.3, 56.0)
PLACES = [(0.0, 0.1), (0.4, 0.3), (-0.5, 0.5), (0.7, 0.2), (-0.2, 0.8), (0.1, 0.6)]
SATS = np.array([along(PANEL, x, y, 2.2e7) for x, y in PLACES])


@pytest.fixture(scope="module")
def profiles():
    return centered_phases(PANEL, SATS, RX, L1_M)


def decibels(ratio):
    return 10 * np.log10(np.asarray(ratio))


@pytest.mark.parametrize("share", [block_sub_arrays, interleaved_sub_arrays])
def test_every_satellite_has_its_share_of_the_elements(share):
    assert np.bincount(share(PANEL, 6)).tolist() == [64] * 6
    assert np.bincount(share(panel(num_rows=3, num_columns=5), 4)).sum() == 15


def test_blocks_are_strips_and_interleaved_elements_take_turns():
    strips = block_sub_arrays(PANEL, 6).reshape(16, 24)
    assert np.all(strips == np.repeat(np.arange(6), 4)[None, :])
    upright = block_sub_arrays(panel(num_rows=5, num_columns=2), 2).reshape(5, 2)
    assert upright[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert interleaved_sub_arrays(PANEL, 7)[:9].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]


@pytest.mark.parametrize("share", [block_sub_arrays, interleaved_sub_arrays])
def test_a_sub_array_passes_on_its_share_squared(share, profiles, evidence):
    owner = share(PANEL, 6)
    phases = shared_phases(profiles, owner)
    fields = np.asarray(element_amplitudes(PANEL, phases, SATS, RX, L1_M))
    own = np.array([abs(fields[i, owner == i].sum()) ** 2 for i in range(6)])
    full = relay_power_ratio(PANEL, profiles, SATS, RX, L1_M)
    evidence(
        "antennas.surface_sharing",
        f"power of one of six sub-arrays over that of the panel, {share.__name__}",
        "20 log10 6 = 15.56 dB",
        "closed form",
        achieved=np.max(np.abs(decibels(full) - decibels(own) - 15.563)),
        tolerance=0.06,  # strips at the ends are farther by up to 0.5 %
        unit="dB",
    )


def test_a_profile_focuses_its_own_satellite_only(profiles):
    table = decibels(cross_power_ratio(PANEL, profiles, SATS, RX, L1_M))
    assert table.shape == (6, 6)
    alone = decibels(relay_power_ratio(PANEL, profiles[2], SATS[4], RX, L1_M))
    np.testing.assert_allclose(table[2, 4], alone, atol=1e-6)
    # Side lobes of a rectangle: 13 dB down where only one direction cosine differs by little.
    others = table[~np.eye(6, dtype=bool)].reshape(6, 5)
    assert np.all(np.diag(table)[:, None] > others + 13.0)


def test_the_other_sub_arrays_disturb_the_carrier_phase(profiles):
    # Each satellite leaks through five profiles that are not its own; that is no constant.
    phases = shared_phases(profiles, block_sub_arrays(PANEL, 6))
    left = np.asarray(composite_phase_cycles(PANEL, phases, SATS, RX, L1_M))
    assert 1e-3 < np.std(left) < 0.1
    whole = np.asarray(composite_phase_cycles(PANEL, profiles, SATS, RX, L1_M))
    np.testing.assert_allclose(whole, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: block_sub_arrays(PANEL, 25), "num_sub_arrays = 25: expected at most 24"),
        (lambda: block_sub_arrays(PANEL, 0), "num_sub_arrays = 0: expected an integer of 1"),
        (lambda: interleaved_sub_arrays(PANEL, 400), "num_sub_arrays = 400: expected at most 384"),
        (
            lambda: shared_phases(np.zeros((2, 384)), np.full(384, 2)),
            "owner holds int64 from 2 to 2; expected integers, rows of profiles_rad, 0 to 1",
        ),
        (
            lambda: shared_phases(np.zeros((2, 384)), np.zeros(100, int)),
            r"profiles_rad and owner have shapes \(2, 384\) and \(100,\)",
        ),
        (
            lambda: cross_power_ratio(PANEL, np.zeros(384), SATS, RX, L1_M),
            r"profiles_rad and sat_pos_ecef_m have shapes \(384,\) and \(6, 3\)",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()
