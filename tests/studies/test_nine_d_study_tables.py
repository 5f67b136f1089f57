"""Tables of 9D studies: what they make of settings; a sentence for every contradiction."""

import numpy as np
import pytest

from leopnt.methods import nine_d
from leopnt.studies.nine_d_tables import (
    ArrayTable,
    NineDSignalTable,
    PriorTable,
    UnknownsTable,
    antennas_of,
    known_of,
    mean_square_time_s2_of,
    nine_d_problems,
    nuisances_of,
    prior_rows_of,
    prior_sigma_of,
    snr_linear_of,
)

UP = np.array([0.0, 0.0, 1.0])


def test_the_defaults_are_those_of_the_paper():
    signal = NineDSignalTable()
    assert (signal.carrier_hz, signal.bandwidth_hz, signal.correlation) == (1e9, 100e6, 0.0)
    assert snr_linear_of(signal) == pytest.approx(100.0)
    assert mean_square_time_s2_of(signal) == pytest.approx(1e-4 / 12)
    assert nuisances_of(UnknownsTable()) == nine_d.BOTH_OFFSETS
    assert known_of(UnknownsTable()) == ()
    square = nine_d.half_wavelength_square(1e9)
    np.testing.assert_allclose(antennas_of(ArrayTable(), 1e9), square, rtol=1e-15)


def test_the_snr_contains_eight_pi_squared(evidence):
    # 10 log10(8 pi^2) = 18.97 dB
    both = [snr_linear_of(NineDSignalTable(esn0_db=x)) for x in (0.0, 10.0)]
    evidence(
        "studies.nine_d_tables",
        "SNR of E/N0 = 0 dB and 10 dB over 8 pi^2 E/N0, below and above 1",
        "definition",
        "closed form",
        achieved=np.max(np.abs(np.array(both) / (8 * np.pi**2 * np.array([1.0, 10.0])) - 1.0)),
        tolerance=1e-12,
    )


def test_a_mean_square_time_takes_the_place_of_a_length():
    assert mean_square_time_s2_of(NineDSignalTable(mean_square_time_s2=2e-5)) == 2e-5
    assert mean_square_time_s2_of(NineDSignalTable(slot_length_s=0.12)) == pytest.approx(0.0012)


@pytest.mark.parametrize(
    ("table", "count", "rank"),
    [
        ({"shape": "single"}, 1, 0),
        ({"shape": "pair", "spacing_wavelengths": 2.0}, 2, 1),
        ({"shape": "line"}, 4, 1),
        ({"shape": "line", "antennas": 7}, 7, 1),
        ({"shape": "triangle"}, 3, 2),
        ({"shape": "square"}, 4, 2),
        (
            {"antennas_m": [[1.0, 2.0, 3.0], [2.0, 2.0, 3.0], [1.0, 5.0, 3.0], [0.0] * 3]},
            4,
            3,
        ),
    ],
)
def test_arrays_have_their_antennas_dimension_and_spacing(table, count, rank):
    array = ArrayTable.model_validate(table)
    antennas = antennas_of(array, 2e9)
    assert antennas.shape == (count, 3)
    assert np.linalg.matrix_rank(antennas, tol=1e-9) == rank
    np.testing.assert_allclose(antennas.mean(axis=0), 0.0, atol=1e-15)
    if "shape" in table and count > 1:
        apart = np.linalg.norm(antennas[:, None] - antennas[None], axis=-1)
        wavelengths = np.min(apart[apart > 0]) / (299792458.0 / 2e9)
        assert wavelengths == pytest.approx(table.get("spacing_wavelengths", 0.5))


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ({"offsets": "none"}, []),
        ({"offsets": "time"}, ["time_offset_s"]),
        ({"offsets": "frequency"}, ["freq_offset_hz"]),
        ({"clocks": "common"}, ["common_time_offset_s", "common_freq_offset_hz"]),
        ({"drift": "tied"}, ["time_offset_s", "clock_drift"]),
        ({"drift": "tied", "clocks": "common"}, ["common_time_offset_s", "common_clock_drift"]),
        ({"doppler_rate": True, "offsets": "none"}, ["doppler_rate_hzps"]),
        ({"offsets": "none", "phase": "track"}, ["phase_of_track_rad"]),
        ({"offsets": "none", "phase": "slot"}, ["phase_of_slot_rad"]),
        ({"offsets": "none", "phase": "antenna"}, ["phase_of_antenna_rad"]),
    ],
)
def test_what_is_unknown_is_named(table, names):
    assert [one.name for one in nuisances_of(UnknownsTable.model_validate(table))] == names


def test_known_fields_are_those_of_the_method():
    table = UnknownsTable(known=["velocity", "position"])
    assert known_of(table) == ("rx_pos_m", "rx_vel_mps")


def test_priors_are_information_of_one_over_sigma_squared():
    table = PriorTable(position_m=10.0, height_m=5.0, orientation_rad=0.1, velocity_mps=2.0)
    rows = prior_rows_of(table, UP)
    expected = [0.01, 0.01, 0.01 + 0.04, 100.0, 100.0, 100.0, 0.25, 0.25, 0.25]
    np.testing.assert_allclose(rows.T @ rows, np.diag(expected), rtol=1e-12, atol=1e-15)
    assert not np.any(prior_rows_of(PriorTable(), np.stack([UP, UP])))
    tilted = np.array([0.6, 0.0, 0.8])
    rows = prior_rows_of(PriorTable(height_m=2.0), tilted)
    np.testing.assert_allclose((rows.T @ rows)[:3, :3], np.outer(tilted, tilted) / 4.0)


def test_priors_of_offsets_hold_for_any_clock_model():
    sigma = prior_sigma_of(PriorTable(time_offset_s=1e-6, frequency_offset_hz=20.0), 1e9)
    assert sigma["time_offset_s"] == sigma["common_time_offset_s"] == 1e-6
    assert sigma["freq_offset_hz"] == sigma["common_freq_offset_hz"] == 20.0
    assert sigma["clock_drift"] == sigma["common_clock_drift"] == pytest.approx(2e-8)
    assert set(prior_sigma_of(PriorTable(), 1e9).values()) == {np.inf}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (
            {"signal": {"snr_db": 20.0, "esn0_db": 1.0}},
            "[signal] snr_db = 20.0, esn0_db = 1.0: give one of them.",
        ),
        (
            {"signal": {"slot_length_s": 0.1, "mean_square_time_s2": 1e-5}},
            "[signal] slot_length_s = 0.1, mean_square_time_s2 = 1e-05: give one of them.",
        ),
        (
            {"array": {"shape": "line", "antennas_m": [[0.0, 0.0, 0.0]]}},
            "[array] shape = 'line': antennas_m gives it already; drop one.",
        ),
        (
            {"array": {"antennas": 3}},
            "[array] antennas = 3: goes with shape = 'line' only, not with 'square'.",
        ),
        (
            {"array": {"shape": "single", "spacing_wavelengths": 1.0}},
            "[array] spacing_wavelengths = 1.0: a single antenna has no neighbor.",
        ),
        ({"method": {"known": ["position", "position"]}}, "known: 'position' is there twice."),
        (
            {"method": {"known": ["position", "velocity", "orientation"]}},
            "[method] known: all three are known; leave out what is asked for.",
        ),
        (
            {"method": {"offsets": "none", "clocks": "common"}},
            "[method] clocks = 'common': there are no offsets with offsets = 'none'.",
        ),
        (
            {"method": {"offsets": "time", "drift": "tied"}},
            "[method] drift = 'tied': offsets = 'time' has no unknown frequency offset; expected "
            "'both' or 'frequency'.",
        ),
        (
            {"method": {"offsets": "frequency"}, "priors": {"time_offset_s": 1e-6}},
            "[priors] time_offset_s = 1e-06: is known exactly with [method] offsets = 'frequency'.",
        ),
        (
            {"method": {"known": ["position"]}, "priors": {"height_m": 3.0}},
            "[priors] height_m = 3.0: [method] known has the position already.",
        ),
    ],
)
def test_a_contradiction_gets_its_sentence(raw, sentence):
    (found,) = nine_d_problems(raw)
    assert sentence in found


def test_settings_without_contradiction_get_no_sentence():
    assert list(nine_d_problems({})) == []
    assert list(nine_d_problems({"array": 3, "method": {"known": 3}, "signal": []})) == []
    line = {"array": {"shape": "line", "antennas": 3, "spacing_wavelengths": 1.0}}
    assert list(nine_d_problems({**line, "priors": {"time_offset_s": 1e-6}})) == []
