"""A Doppler fix from a settings file: options from its words, flight times settled."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scenes"))
from simulated_log import CARRIER_HZ, IRIDIUM, OFFSET_HZ, RX_POS_ECEF_M, START, csv_text, simulated

from leopnt.methods.doppler_fix import (
    FIRST_ORDER,
    RELATIVISTIC,
    CommonSigma,
    EphemerisAgeing,
    GivenSigma,
    Height,
    PerSatelliteSigma,
)
from leopnt.methods.doppler_fix.from_file import fix_options, fix_scene, receiver_track
from leopnt.scenes.doppler_scene import load_doppler_scene
from leopnt.scenes.fix_settings import FixSettings

HONG_KONG = Path(__file__).parents[2] / "examples" / "iridium_hong_kong.toml"


def options(measurement=None, **tables):
    base = {"type": "doppler", "file": "log.csv", "carrier_hz": 1.6e9}
    return fix_options(FixSettings(measurement=base | (measurement or {}), **tables))


def test_a_noise_free_log_with_a_tle_gives_the_place_back(tmp_path, evidence):
    truth = simulated()
    times = (START + truth["received_s"]).to_iso(digits=12)
    log = {"time": times, "satellite": truth["number"], "doppler_hz": truth["doppler_hz"]}
    (tmp_path / "log.csv").write_text(csv_text(log))
    (tmp_path / "fix.toml").write_text(
        f"""[measurement]
type = "doppler"
file = "log.csv"
carrier_hz = {CARRIER_HZ}
[measurement.columns]
time_utc = "time"
[satellites]
file = '{IRIDIUM}'
"""
    )
    scene = load_doppler_scene(tmp_path / "fix.toml")
    found = fix_scene(scene)
    assert found.converged
    assert float(found.estimate.theta.freq_offset_hz) == pytest.approx(OFFSET_HZ, abs=1e-3)
    evidence(
        "methods.doppler_fix.from_file",
        "position from noise-free Doppler and a TLE file, flight times unknown",
        "place of the simulation (SGP4 at transmission, Doppler worked out in the test)",
        "closed form",
        achieved=np.linalg.norm(found.position_ecef_m - RX_POS_ECEF_M),
        tolerance=0.05,
        unit="m",
    )
    np.testing.assert_allclose(
        receiver_track(found), np.tile(found.position_ecef_m, (len(truth["number"]), 1))
    )


def test_the_hong_kong_settings_give_the_published_error(evidence):
    scene = load_doppler_scene(HONG_KONG)
    found = fix_scene(scene)
    assert found.converged
    error_m = np.linalg.norm(found.position_ecef_m - scene.truth_ecef_m)
    evidence(
        "methods.doppler_fix.from_file",
        "3D error of the Hong Kong example less 165.1 m",
        "independent Gauss-Newton script, position and frequency offset",
        "real data",
        achieved=abs(error_m - 165.1),
        tolerance=1.0,
        unit="m",
    )


def test_words_become_objects():
    plain = options()
    assert plain.unknowns == ("rx_pos_ecef_m", "freq_offset_hz")
    assert plain.weights == CommonSigma()
    assert plain.model is FIRST_ORDER
    assert plain.height is plain.start_ecef_m is plain.ageing is plain.mask_rad is None
    assert plain.snooping_sigmas == 4.0
    assert options({"sigma_hz": 5.0}).weights == GivenSigma()
    assert options({"columns": {"sigma_hz": "s"}}).weights == GivenSigma()
    assert options({"weights": "per-satellite"}).weights == PerSatelliteSigma()
    assert options({"sigma_hz": 5.0, "weights": "common"}).weights == CommonSigma()
    assert options({"correction": "relativistic"}).model is RELATIVISTIC


def test_what_is_known_goes_into_the_options():
    chosen = options(
        estimate={
            "unknowns": ["position", "velocity", "frequency_offset", "frequency_drift",
                         "satellite_frequency_offset", "satellite_time_offset"],
            "height_m": 60,
            "height_sigma_m": 2.0,
            "start": {"latitude_deg": 0.0, "longitude_deg": 90.0},
            "mask_deg": 30.0,
            "reject_outliers": False,
            "ageing": {"per_day_m": 1000.0},
            "satellite_frequency_sigma_hz": 7.0,
        }
    )  # fmt: skip
    assert chosen.unknowns == (
        "rx_pos_ecef_m",
        "rx_vel_ecef_mps",
        "freq_offset_hz",
        "freq_drift_hzps",
        "sat_freq_offset_hz",
        "sat_time_offset_s",
    )
    assert chosen.height == Height(60.0, 2.0)
    np.testing.assert_allclose(chosen.start_ecef_m, [0, 6378137.0, 0], atol=1e-8)
    assert chosen.mask_rad == pytest.approx(np.pi / 6)
    assert chosen.snooping_sigmas is None
    assert chosen.ageing == EphemerisAgeing(per_day_m=1000.0)
    assert chosen.sat_freq_sigma_hz == 7.0
