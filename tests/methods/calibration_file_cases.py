"""A calibration from files, simulated over real BeiDou orbits and real station coordinates."""

from dataclasses import dataclass, replace

import numpy as np
from study_sizes import study_size

from leopnt.epochs import Epoch, TimeScale
from leopnt.methods.calibration import (
    CalibrationSettings,
    KnownOrbit,
    draw_truth,
    layout_of,
    polar_star,
    reduce_all,
    solve_calibration,
    truth_in_datum,
)
from leopnt.methods.calibration.antenna_corrections import SatelliteOffsets
from leopnt.methods.calibration.attitudes import NavigationAttitude
from leopnt.methods.calibration.file_inputs import FileInputs, standard_model, station_coordinates
from leopnt.methods.calibration.file_simulation import FileScene, write_simulated_files
from leopnt.methods.calibration.from_files import station_days_from_files
from leopnt.methods.calibration.link_path import Stage
from leopnt.methods.calibration.path_corrections import SolidTides
from leopnt.methods.calibration.products import read_satellites
from leopnt.methods.calibration.signals import BEIDOU_SIGNALS

SP3 = "examples/data/calibration/COD_2021265_BDS.SP3"
SINEX = "tests/io/data/igs10P1565_6_stations.snx"
START = Epoch.from_iso("2021-09-22", TimeScale.GPST)
SETTINGS = CalibrationSettings(leo_phase_sigma_m=0.003, ztd_spacing_s=1800.0, orbit=KnownOrbit())
SEED = 3
# Well seen in the first six hours from the first three stations.
SOME = np.array([0, 1, 2, 3, 20, 21, 22, 23])


@dataclass(frozen=True)
class StandInTide:
    """15 cm up and down in 12.4 h, all stations alike."""

    stage = Stage.STATION

    def applied(self, path):
        height = 0.15 * np.cos(2 * np.pi * path.received_s / (12.4 * 3600.0))
        rise = height[:, None] * path.station_axes[2][None, :]
        return replace(path, rx_pos_ecef_m=path.rx_pos_ecef_m + rise)


def scene(noise, model=None):
    """24 satellites, 6 stations and a day in full; 8, 3 and 6 h reduced."""
    names = ["BJFS", "CHAN", "KUNM", "LHAZ", "SHAO", "WUHN"][: study_size(3, 6)]
    places = station_coordinates(SINEX, names, Epoch.from_iso("2010-01-07"))
    known = read_satellites("C", BEIDOU_SIGNALS.pair, (SP3,), (), START)
    orbits = polar_star(24, 6, 1000e3).subset(study_size(SOME, np.arange(24)))
    day_s = study_size(21_600.0, 86_400.0)
    return FileScene(orbits, known, places, model or file_model(), noise=noise, day_s=day_s)


def file_model():
    """All corrections; 1.3 m along nadir for BeiDou, the stand-in for tides."""
    known = read_satellites("C", BEIDOU_SIGNALS.pair, (SP3,), (), START)
    offsets = {name: np.array([0.0, 0.0, 1.3]) for name in known.names}
    model = standard_model(SatelliteOffsets(offsets, NavigationAttitude()))
    return model.without(SolidTides).with_both(StandInTide())


def write(of, folder, seed=SEED):
    truth = draw_truth(seed, of.leo.num_satellites, len(of.station_pos_ecef_m))
    return write_simulated_files(of, truth, folder, seed)


def inputs_of(files, of):
    return FileInputs(
        files.observations, (SP3,), (files.leo_sp3,), of.station_pos_ecef_m, model=of.model
    )


def calibrated(inputs):
    network = station_days_from_files(inputs)
    layout = layout_of(SETTINGS, len(network.satellites), len(network.stations))
    jobs = (job.load for job in network.jobs)
    return solve_calibration(reduce_all(jobs, layout, SETTINGS, threads=1))


def errors(found, truth):
    """Offsets and delay of each satellite, less the truth."""
    delay, _ = truth_in_datum(found, truth.delay_m, truth.isb_m)
    return np.column_stack([found.offset_m - truth.offset_m, found.delay_m - delay])


def sigmas(found):
    return np.column_stack([found.offset_sigma_m, found.delay_sigma_m])


def rms_mm(values):
    return 1e3 * np.sqrt(np.mean(values**2, axis=0))
