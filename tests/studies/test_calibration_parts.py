"""Parts of a calibration study: its file, its simulated network, residuals, delays, exports."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibration_texts import calibration_text, written

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.io.antex import Antex, AntexAntenna, AntexFrequency, read_antex, write_antex
from leopnt.methods.calibration import (
    BASELINE_ERRORS,
    BEIDOU_SIGNALS,
    ERROR_SCHEMES,
    QUIET_FILES,
    SEED_SETTINGS,
    STATIONS_ECEF_M,
    CalibrationSettings,
    FileScene,
    IsbReference,
    KnownOrbit,
    OncePerRevolution,
    SatelliteOffsets,
    SharedLevel,
    StationOffsets,
    StationVariations,
    WhiteDelay,
    WindUp,
    draw_truth,
    layout_of,
    polar_star,
    read_satellites,
    reduce_all,
    solve_calibration,
    standard_model,
    write_simulated_files,
)
from leopnt.studies import Threads
from leopnt.studies.calibration_delays import delays_of
from leopnt.studies.calibration_export import antex_of, csv_of
from leopnt.studies.calibration_files import FilesTable, input_files, network_of_files
from leopnt.studies.calibration_network import source_of
from leopnt.studies.calibration_review import (
    Review,
    consecutive,
    links_of_satellites,
    load_review,
    review_job,
    save_review,
)
from leopnt.studies.calibration_run import run_calibration
from leopnt.studies.calibration_settings import (
    CalibrationFile,
    SimulationTable,
    load_calibration,
)

QUIET = """
scheme = "none"

[simulation.noise]
code_m = 0.0
phase_m = 0.0
zenith_walk_m_per_sqrt_h = 0.0
clock_walk_m = 0.0

[estimate]
orbit = "known"
"""


def quiet_text():
    return calibration_text(days=1).replace('period_s = "revolution"\n', QUIET)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A network without any error, its settings and its solution."""
    path = tmp_path_factory.mktemp("quiet") / "quiet.toml"
    path.write_text(quiet_text())
    study = load_calibration(path)
    source = source_of(study)
    settings = study.settings.estimate.calibration()
    layout = layout_of(settings, 4, 2)
    normals = reduce_all([job.load for job in source.network.jobs], layout, settings)
    return source, settings, solve_calibration(normals)


# The file


def test_the_settings_of_a_file_are_those_of_the_library(evidence):
    default = CalibrationFile.model_validate({}).estimate.calibration()
    seed = {"estimate": {"settings": "seed", "orbit": "known"}}
    published = CalibrationFile.model_validate(seed).estimate.calibration()
    evidence(
        "studies.calibration_settings",
        "settings of a file that differ from the library's honest and published ones",
        "`CalibrationSettings()` and `SEED_SETTINGS`",
        "invariance",
        achieved=(default != CalibrationSettings()) + (published != SEED_SETTINGS),
        tolerance=0,
    )


def test_every_key_of_estimate_reaches_the_reduction():
    table = {
        "code_sigma_m": 0.5,
        "phase_sigma_m": 0.004,
        "leo_phase_sigma_m": 0.02,
        "ztd_nodes_min": 60.0,
        "mask_deg": 15.0,
        "full_weight_deg": 40.0,
        "amplitudes": {"radial_m": 0.01, "along_m": 0.03, "normal_m": 0.04, "clock_m": 0.05},
    }
    found = CalibrationFile.model_validate({"estimate": table}).estimate.calibration()
    expected = CalibrationSettings(
        0.5, 0.004, 0.02, np.radians(40.0), np.radians(15.0), 3600.0,
        OncePerRevolution(0.01, 0.03, 0.04, 0.05),
    )  # fmt: skip
    assert found == expected
    seed = CalibrationFile.model_validate({"estimate": {"settings": "seed"}}).estimate
    assert seed.orbit_model == "considered"  # the published estimates, with honest sigmas
    assert isinstance(seed.calibration().orbit, OncePerRevolution)
    assert CalibrationFile.model_validate({}).estimate.orbit_model == "once_per_revolution"
    assert SEED_SETTINGS.orbit == KnownOrbit()


def test_errors_datum_and_delay_models_are_those_that_are_named():
    raw = {"satellites": 4, "altitude_km": 800.0}
    assert SimulationTable.model_validate(raw).errors.errors() == BASELINE_ERRORS
    errors = {"scheme": 6, "radial_m": 0.0, "period_s": "revolution"}
    found = SimulationTable.model_validate(raw | {"errors": errors}).errors.errors()
    assert found == replace(ERROR_SCHEMES[6], radial_m=0.0, period_s=np.inf)
    datum = {"hold": "isb_reference", "isb_m": {"B": 2.0}}
    table = CalibrationFile.model_validate({"datum": datum}).datum
    assert table.datum(("A", "B")) == IsbReference({1: 2.0})
    delays = CalibrationFile.model_validate({"delays": {"model": "white", "sigma_m": 0.1}}).delays
    assert delays.delay_model() == WhiteDelay(0.1)
    assert CalibrationFile.model_validate({}).delays.delay_model() is None


def test_satellites_are_named_with_as_many_digits_as_they_need():
    few = SimulationTable.model_validate({"satellites": 4, "altitude_km": 800.0})
    many = SimulationTable.model_validate({"constellation": "B"})
    assert few.satellite_names == ("L01", "L02", "L03", "L04")
    assert many.satellite_names[::143] == ("L001", "L144")
    assert many.size == (144, 6, 1000e3)


def test_the_fingerprint_is_of_what_is_reduced(tmp_path):
    def mark(more="", **changes):
        return load_calibration(written(tmp_path, more=more, **changes)).fingerprint

    plain = mark()
    assert mark('[datum]\nhold = "delay_zero_sum"\n') == plain
    assert mark('[delays]\nmodel = "white"\n[output]\nresiduals = false\n') == plain
    assert mark('[estimate]\norbit = "considered"\n') == plain  # the same columns are reduced
    assert mark("[estimate]\nztd_nodes_min = 60.0\n") != plain
    assert mark(days=1) != plain


MISTAKES = """
[simulation]
constellation = "F"
satellites = 5
planes = 2
stations = ["SHAO", "URMU", "SHAO"]
start = "noon"
positions_ecef_m = { KIRU = [1.0, 2.0, 3.0] }

[files]
observations = ["x/*.rnx"]
leo_orbits = ["leo.sp3"]
reference_orbits = []

[estimate]
orbit = "known"
[estimate.amplitudes]
radial_m = -1.0

[datum]
hold = "isb_sum"
isb_m = { SHA = 1.0 }

[delays]
modle = "white"
sigma_m = 1.0
"""

SENTENCES = """\
[simulation] constellation = 'F': expected 'A', 'B', 'C', 'D' or 'E', a published constellation.
[files] reference_orbits = []: expected a list of SP3 files of the reference system.
[estimate.amplitudes] radial_m = -1.0: expected metres, above 0 to 100.
[datum] hold = 'isb_sum': expected 'isb_zero_sum', 'isb_reference' (with isb_m) or \
'delay_zero_sum'. Did you mean 'isb_zero_sum'?
[delays] modle: unknown key. Did you mean 'model'? Accepted: model, sigma_m, rate_m2ps.
[simulation], [files]: both are there; expected one of them, where observations come from.
[simulation] constellation: contradicts satellites, planes; expected a published constellation or \
one of your own.
[simulation] planes = 2: expected a divisor of satellites = 5.
[simulation] stations[1]: no station 'URMU'. Did you mean 'URUM'? Known: SHAO, URUM, CHAN, LHAZ, \
BJFS, HKSL, KIRU; others by [simulation.positions_ecef_m].
[simulation] stations[2]: 'SHAO' is there twice; expected it once.
[simulation.positions_ecef_m] KIRU: is not in stations; expected the place of a station that is.
[simulation] start = 'noon': 'noon' is not an ISO 8601 time; expected YYYY-MM-DDThh:mm:ss.fff or \
YYYY-DDDThh:mm:ss.fff, optionally with a final Z.
[files] observations[0] = 'x/*.rnx': there is no such file.
[files] leo_orbits[0] = 'leo.sp3': there is no such file.
[files] sinex, positions_ecef_m: missing; expected one of them, where stations are.
[datum] isb_m: is for hold = 'isb_reference' only; leave it out.
[estimate] amplitudes: contradicts orbit = 'known'; leave one of them out.
[delays] sigma_m: is not used with model = 'off'; leave it out.
"""


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(MISTAKES)
    with pytest.raises(LeopntError) as caught:
        load_calibration(path)
    first, *others = str(caught.value).splitlines()
    assert first == f"{path}: {len(others)} mistakes."
    assert [line.strip() for line in others] == SENTENCES.splitlines()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title = 'x'\n", "neither is there; expected one of them"),
        ("[simulation]\nplanes = 2\n", "satellites, altitude_km: missing; expected"),
        ('[simulation]\nconstellation = "B"\n[datum]\nhold = "isb_reference"\n', "isb_m: missing"),
        (
            '[simulation]\nconstellation = "B"\n[datum]\nhold = "isb_reference"\n'
            "isb_m = { SHAOO = 1.0 }\n",
            "no station 'SHAOO' in this study. Did you mean 'SHAO'?",
        ),
    ],
)
def test_what_is_missing_or_unknown_is_told(tmp_path, text, sentence):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(LeopntError, match=r"wrong\.toml") as caught:
        load_calibration(path)
    assert sentence in str(caught.value)


# Files


def test_patterns_find_files_in_order_each_once(tmp_path, evidence):
    folder = tmp_path / "obs"
    folder.mkdir()
    names = [f"{station}_{day}.rnx" for station in "BAC" for day in range(3)]
    for name in [*names, "leo.sp3", "bds.sp3"]:
        (folder / name).touch()
    table = FilesTable(
        observations=["obs/*.rnx", "obs/A_0.rnx"],
        leo_orbits=["obs/leo.sp3"],
        reference_orbits=["obs/bds.sp3"],
    )
    found = input_files(table, tmp_path)
    expected = [*sorted(folder.glob("*.rnx")), folder / "leo.sp3", folder / "bds.sp3"]
    wrong = sum(one != other for one, other in zip(found, expected, strict=True))
    evidence(
        "studies.calibration_files",
        "files of a pattern that are missing, twice or out of order",
        "pathlib",
        "implementation",
        achieved=wrong,
        tolerance=0,
    )


SP3 = Path(__file__).parents[2] / "examples" / "data" / "calibration" / "COD_2021265_BDS.SP3"

FROM_FILES = """
[files]
observations = ["obs/*.rnx"]
leo_orbits = ["obs/leo.sp3"]
leo_clocks = ["obs/leo.clk"]
reference_orbits = ["{sp3}"]
{more}

[files.positions_ecef_m]
SHAO = [-2831733.0, 4675666.0, 3275369.0]
HKSL = [-2393382.0, 5393861.0, 2412592.0]

[estimate]
orbit = "known"
{estimate}
"""


@pytest.fixture(scope="module")
def simulated_files(tmp_path_factory):
    """RINEX, SP3 and CLK files of two stations and six hours, without noise, and their truth."""
    folder = tmp_path_factory.mktemp("files")
    start = Epoch.from_iso("2021-09-22", TimeScale.GPST)
    known = read_satellites("C", BEIDOU_SIGNALS.pair, (str(SP3),), (), start)
    places = {name: np.array(STATIONS_ECEF_M[name]) for name in ("SHAO", "HKSL")}
    orbits = polar_star(24, 6, 1000e3).subset(np.array([0, 1, 20, 21]))
    scene = FileScene(
        orbits, known, places, standard_model(), noise=QUIET_FILES, day_s=21_600.0, sampling_s=60.0
    )
    truth = draw_truth(1, 4, 2)
    write_simulated_files(scene, truth, folder / "obs", 1)
    return folder, truth


def test_files_named_in_a_study_give_the_truth_back(simulated_files, evidence):
    folder, truth = simulated_files
    path = folder / "files.toml"
    path.write_text(FROM_FILES.format(sp3=SP3, more="", estimate=""))
    study = load_calibration(path)
    found = run_calibration(study, folder / "out", workers=Threads(1))
    assert found["satellite"].values.tolist() == ["L01", "L02", "L03", "L04"]
    assert found["station"].values.tolist() == ["HKSL", "SHAO"]  # as files are sorted
    assert found.attrs["simulated"] == 0
    assert "offset_error_m" not in found
    assert found.attrs["start"].startswith("2021-09-21T23:59:42")  # midnight of GPS time
    assert "COD_2021265_BDS.SP3" in found.attrs["provenance"]
    delay = truth.delay_m + np.mean(truth.isb_m)
    miss = np.column_stack([found["offset_m"].values - truth.offset_m, found["delay_m"] - delay])
    evidence(
        "studies.calibration_files",
        "offsets and delays from RINEX, SP3 and CLK files that a study names, RMS",
        "simulated truth; RINEX rounds to 1 mm and 0.001 cycles",
        "closed form",
        achieved=np.sqrt(np.mean(miss**2)),
        tolerance=1e-3,
        unit="m",
    )


def test_a_file_that_changes_makes_another_study(simulated_files):
    folder, _ = simulated_files
    path = folder / "changed.toml"
    path.write_text(FROM_FILES.format(sp3=SP3, more="", estimate=""))
    before = load_calibration(path).fingerprint
    clock = folder / "obs" / "leo.clk"
    content = clock.read_bytes()
    clock.write_bytes(content + b"\n")
    assert load_calibration(path).fingerprint != before
    clock.write_bytes(content)
    assert load_calibration(path).fingerprint == before


def test_codes_of_other_carriers_are_refused(simulated_files):
    folder, _ = simulated_files
    path = folder / "codes.toml"
    more = 'reference_codes = ["C2I", "C7I"]\nleo_codes = ["C1X", "C5X"]'
    path.write_text(FROM_FILES.format(sp3=SP3, more=more, estimate=""))
    with pytest.raises(LeopntError) as caught:
        load_calibration(path)
    assert str(caught.value).endswith(
        "[files] reference_codes = ['C2I', 'C7I']: expected codes of the bands 2 and 6, as "
        "['C2I', 'C6I']."
    )


def test_coordinates_antennas_and_biases_come_from_their_files(tmp_path):
    # A real Galileo station-day excerpt beside real products; a made-up ANTEX entry for each.
    data = SP3.parent
    table = FilesTable(
        observations=[str(data / "3034_2021265.rnx")],
        leo_orbits=[str(SP3)],
        reference_orbits=[str(data / "COD_2021265_GPS_GAL.SP3")],
        reference_system="E",
        reference_codes=["C1X", "C5X"],
        leo_system="C",
        positions_ecef_m={"3034": [-3959400.631, 3385704.533, 3667523.111]},
        biases=str(data / "COD_2021265_OSB.BIA"),
    )
    network = network_of_files(table, tmp_path, 10.0)
    assert network.stations == ("3034",)
    assert set(network.satellites) >= {"C19", "C20"}
    assert data / "COD_2021265_OSB.BIA" in network.inputs
    inputs = network.jobs[0].load.args[0]
    kinds = [type(one).__name__ for one in inputs.model.reference]
    assert "SatelliteBiases" in kinds
    assert "SatelliteOffsets" not in kinds
    assert inputs.reference.phase == ("L1X", "L5X")
    with pytest.raises(LeopntError, match="no coordinates of station '3034'"):
        network_of_files(table.model_copy(update={"positions_ecef_m": {}}), tmp_path)


def test_antennas_and_coordinates_are_read_from_antex_and_sinex(simulated_files, tmp_path):
    folder, _ = simulated_files
    flat = np.zeros(2)
    zenith = np.radians([0.0, 90.0])
    both = {
        code: AntexFrequency(np.array([0.1, 0.2, 1.3]), flat, np.zeros((0, 2)))
        for code in ("C02", "C06")
    }
    antenna = AntexAntenna("BEIDOU-3M", "C19", zenith, np.zeros(0), both, sat_code="C201")
    write_antex(tmp_path / "bds.atx", Antex((antenna,)))
    table = FilesTable(
        observations=[str(folder / "obs" / "*.rnx")],
        leo_orbits=[str(folder / "obs" / "leo.sp3")],
        reference_orbits=[str(SP3)],
        sinex=str(Path(__file__).parents[1] / "io" / "data" / "igs10P1565_6_stations.snx"),
        positions_ecef_m={"HKSL": [-2393382.0, 5393861.0, 2412592.0]},
        antex=str(tmp_path / "bds.atx"),
    )
    inputs = network_of_files(table, tmp_path).jobs[0].load.args[0]
    # Equal offsets of both carriers are those of the ionosphere-free combination.
    offsets = next(x for x in inputs.model.reference if isinstance(x, SatelliteOffsets))
    np.testing.assert_allclose(offsets.offset_body_m["C19"], [0.1, 0.2, 1.3], atol=1e-9)
    places = inputs.station_pos_ecef_m
    np.testing.assert_array_equal(places["HKSL"], [-2393382.0, 5393861.0, 2412592.0])
    # The approximate place of the publication is within a kilometre of the surveyed one.
    assert 0.0 < np.linalg.norm(places["SHAO"] - np.array(STATIONS_ECEF_M["SHAO"])) < 1e3


def test_station_antennas_and_attitudes_come_from_their_files(simulated_files, tmp_path):
    folder, _ = simulated_files
    for path in (folder / "obs").glob("*.rnx"):
        lines = path.read_text().splitlines(keepends=True)
        lines = [line for line in lines if "ANT # / TYPE" not in line]
        lines.insert(2, f"{'1234':20s}{'AOAD/M_T        NONE':40s}ANT # / TYPE\n")
        (tmp_path / path.name).write_text("".join(lines))
    zenith = np.radians([0.0, 90.0])
    up = {"C02": 0.05, "C06": 0.05, "G01": 0.06, "G05": 0.06}
    rings = np.array([0.0, 0.002])
    both = {
        code: AntexFrequency(np.array([0.001, 0.0, high]), rings, np.zeros((0, 2)))
        for code, high in up.items()
    }
    antenna = AntexAntenna("AOAD/M_T        NONE", "", zenith, np.zeros(0), both)
    write_antex(tmp_path / "stations.atx", Antex((antenna,)))
    (tmp_path / "leo.obx").write_text(ORBEX)
    table = FilesTable(
        observations=[str(tmp_path / "*.rnx")],
        leo_orbits=[str(folder / "obs" / "leo.sp3")],
        reference_orbits=[str(SP3)],
        positions_ecef_m={
            "SHAO": [-2831733.0, 4675666.0, 3275369.0],
            "HKSL": [-2393382.0, 5393861.0, 2412592.0],
        },
        receiver_antex="stations.atx",
        attitude="leo.obx",
    )
    inputs = network_of_files(table, tmp_path).jobs[0].load.args[0]
    for corrections, height in ((inputs.model.reference, 0.05), (inputs.model.leo, 0.06)):
        offsets = next(x for x in corrections if isinstance(x, StationOffsets))
        np.testing.assert_allclose(offsets.offset_enu_m["SHAO"], [0.0, 0.001, height], atol=1e-9)
        rows = next(x for x in corrections if isinstance(x, StationVariations)).by_station["HKSL"]
        np.testing.assert_allclose(rows.at(np.array([[1.0, 0.0, 0.0]])), 0.002, atol=1e-9)
    turned = next(x for x in inputs.model.leo if isinstance(x, WindUp))
    assert turned.attitude is inputs.leo_attitude
    assert inputs.leo_attitude.orbex.satellites == ("L01",)
    plain = table.model_copy(update={"observations": [str(folder / "obs" / "*.rnx")]})
    with pytest.raises(LeopntError, match="station 'HKSL' has the antennas '' and ''"):
        network_of_files(plain, tmp_path)


ORBEX = """%=ORBEX  0.09
+FILE/DESCRIPTION
 TIME_SYSTEM         GPS
 FRAME_TYPE          ECEF
 LIST_OF_REC_TYPES   ATT
-FILE/DESCRIPTION
+EPHEMERIS/DATA
## 2021 09 22 00 00 00.000000000000  1
 ATT L01              4 1.0 0.0 0.0 0.0
## 2021 09 22 00 00 30.000000000000  1
 ATT L01              4 1.0 0.0 0.0 0.0
-EPHEMERIS/DATA
%END_ORBEX
"""


# The simulated network


def test_clock_errors_are_those_in_the_simulated_observations(tmp_path, evidence):
    # Orbit errors off: what a product error adds to a link is the clock error alone.
    text = calibration_text(days=2).replace(
        'period_s = "revolution"\n',
        'period_s = "revolution"\nradial_m = 0.0\nalong_m = 0.0\nnormal_m = 0.0\n',
    )
    (tmp_path / "with.toml").write_text(text)
    (tmp_path / "without.toml").write_text(text.replace("[simulation.errors]", NO_CLOCK))
    with_errors = source_of(load_calibration(tmp_path / "with.toml"))
    without = source_of(load_calibration(tmp_path / "without.toml"))
    assert with_errors.clock_errors is not None
    worst = 0.0
    for k in (0, 3):  # both days
        one, other = with_errors.network.jobs[k].load(), without.network.jobs[k].load()
        for sat in range(4):
            here = one.leo.satellite == sat
            added = (one.leo.phase_m - other.leo.phase_m)[here]
            told = with_errors.clock_errors(sat, one.epoch_s[one.leo.epoch[here]])
            worst = max(worst, np.max(np.abs(added - told)))
    evidence(
        "studies.calibration_network",
        "clock errors that delays of epochs are compared with",
        "difference of phases simulated with and without them",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
        unit="m",
    )


NO_CLOCK = "[simulation.errors]\nclock_m = 0.0\nclock_white_m = 0.0"


def test_jobs_are_ordered_by_day_and_travel_by_pickle(tmp_path, evidence):
    import pickle

    source = source_of(load_calibration(written(tmp_path)))
    keys = [(job.day, job.station) for job in source.network.jobs]
    assert keys == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert source.network.stations == ("SHAO", "HKSL")
    again = pickle.loads(pickle.dumps(source.network.jobs[2]))
    here, there = source.network.jobs[2].load().leo, again.load().leo
    evidence(
        "methods.calibration.network",
        "codes and phases of a job that was sent elsewhere, largest difference",
        "the job that stayed",
        "invariance",
        achieved=max(
            np.max(np.abs(there.code_m - here.code_m)), np.max(np.abs(there.phase_m - here.phase_m))
        ),
        tolerance=0.0,
        unit="m",
    )


def test_networks_that_cannot_be_are_refused(tmp_path):
    network = source_of(load_calibration(written(tmp_path))).network
    with pytest.raises(LeopntError, match="stations is empty; expected one or more"):
        replace(network, stations=())
    with pytest.raises(LeopntError, match="jobs holds station SHAO, day 0 twice"):
        replace(network, jobs=(network.jobs[0], network.jobs[0]))
    with pytest.raises(LeopntError, match="jobs holds station 2, day 0; expected stations 0 to 1"):
        replace(network, jobs=(replace(network.jobs[0], station=2),))


# The second look


def test_residuals_of_white_noise_have_its_size(tmp_path, evidence):
    # 0.3 m of code noise at all elevations; 8700 codes of a day take away few parameters.
    text = written(tmp_path, days=1).read_text()
    study = load_calibration(written(tmp_path, days=1))
    source, settings = source_of(study), study.settings.estimate.calibration()
    assert "noise" not in text
    jobs = source.network.jobs
    normals = reduce_all([job.load for job in jobs], layout_of(settings, 4, 2), settings)
    review = review_job(jobs[0], solve_calibration(normals), settings, Review(False, False))
    code = np.sqrt(review.squares[2].sum() / review.number[2].sum())
    evidence(
        "studies.calibration_review",
        "RMS of code residuals of the reference system over the simulated noise",
        "1; one sigma of the RMS of so many codes is 0.8 %",
        "monte carlo",
        achieved=abs(code / 0.3 - 1.0),
        tolerance=0.03,
    )
    day = jobs[0].load()
    assert review.number[0].sum() == len(day.leo.epoch) == np.sum(day.leo.has_code)
    assert review.number[:, :2].sum() == 0  # nothing below the mask of 10 degrees
    assert 3.0 < review.largest[2] < 6.0


def test_a_review_is_read_back_only_under_its_mark(quiet, tmp_path):
    source, settings, solution = quiet
    review = review_job(source.network.jobs[1], solution, settings, Review(True, True))
    assert review.num_arcs > 3
    np.testing.assert_allclose(np.diag(review.correlation), review.num_arcs, rtol=1e-12)
    path = tmp_path / "review.npz"
    save_review(path, review, "a")
    found = load_review(path, "a")
    assert found is not None
    assert found.num_arcs == review.num_arcs
    np.testing.assert_array_equal(found.links.phase_m, review.links.phase_m)
    np.testing.assert_array_equal(found.satellite, review.satellite)
    assert load_review(path, "b") is None
    assert load_review(tmp_path / "none.npz", "a") is None


def test_delays_of_epochs_without_any_error_are_the_true_ones(quiet, evidence):
    source, settings, solution = quiet
    reviews = [review_job(j, solution, settings, Review(False, True)) for j in source.network.jobs]
    delays = delays_of(reviews, solution, SharedLevel())
    assert source.truth is not None
    true = source.truth.delay_m + np.mean(source.truth.isb_m)
    evidence(
        "studies.calibration_delays",
        "delays of epochs of an error-free simulation",
        "simulated delay plus mean bias; the prior of ambiguities, 100 m, pulls by up to 0.1 mm",
        "closed form",
        achieved=np.max(np.abs(delays.delay_m - true[delays.satellite])),
        tolerance=2e-4,
        unit="m",
    )
    assert sorted(set(delays.satellite.tolist())) == [0, 1, 2, 3]
    assert all(np.all(np.diff(delays.t_s[delays.satellite == s]) > 0) for s in range(4))


def test_estimated_orbit_errors_are_taken_off_before_delays(tmp_path):
    # Orbit errors alone, known to the estimator's model: the delays must not follow them.
    text = calibration_text(days=1).replace(
        'period_s = "revolution"\n',
        'period_s = "revolution"\nradial_m = 0.1\nalong_m = 0.1\nnormal_m = 0.1\nclock_m = 0.0\n'
        "clock_white_m = 0.0\n[simulation.noise]\ncode_m = 0.003\nphase_m = 1e-5\n"
        "zenith_walk_m_per_sqrt_h = 0.0\n",
    )
    path = tmp_path / "orbit.toml"
    path.write_text(text + "[estimate]\nleo_phase_sigma_m = 1e-5\nphase_sigma_m = 1e-5\n"
                    "code_sigma_m = 0.003\n[estimate.amplitudes]\nradial_m = 0.2\nalong_m = 0.2\n"
                    "normal_m = 0.2\n")  # fmt: skip
    study = load_calibration(path)
    source, settings = source_of(study), study.settings.estimate.calibration()
    normals = reduce_all(
        [job.load for job in source.network.jobs], layout_of(settings, 4, 2), settings
    )
    solution = solve_calibration(normals)
    reviews = [review_job(j, solution, settings, Review(False, True)) for j in source.network.jobs]
    delays = delays_of(reviews, solution, SharedLevel(0.2))
    assert source.truth is not None
    true = source.truth.delay_m + np.mean(source.truth.isb_m)
    assert np.sqrt(np.mean((delays.delay_m - true[delays.satellite]) ** 2)) < 0.01


def test_satellites_without_links_have_no_delays(quiet):
    source, settings, solution = quiet
    review = review_job(source.network.jobs[0], solution, settings, Review(False, True))
    links = links_of_satellites([review], range(6))
    assert links[4] is None
    assert links[5] is None
    assert links[0] is not None


def test_groups_follow_each_other_and_hold_everything():
    assert consecutive([3, 5, 8], 10) == [[3], [5], [8]]
    groups = consecutive(list(range(25)), 10)
    assert len(groups) == 10
    assert [x for one in groups for x in one] == list(range(25))
    assert {len(one) for one in groups} == {2, 3}


# Exports


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    study = load_calibration(written(folder, days=1))
    return run_calibration(study, folder / "out", workers=Threads(1))


def test_antex_gives_the_offsets_back(result, tmp_path, evidence):
    antennas, left_out = antex_of(result)
    found = read_antex(write_antex(tmp_path / "leo.atx", antennas))
    assert left_out == ()
    start = antennas.antennas[0].valid_from
    read = [found.satellite(str(n), start).frequency("G05") for n in result["satellite"].values]
    evidence(
        "studies.calibration_export",
        "offsets of an ANTEX file, written and read",
        "the result; the format holds 0.01 mm",
        "invariance",
        achieved=np.max(np.abs(np.array([one.pco_m for one in read]) - result["offset_m"].values)),
        tolerance=5.001e-6,
        unit="m",
    )
    sigma = found.satellite("L02", start).frequency_sigmas["G01"].pco_m
    np.testing.assert_allclose(sigma, result["offset_honest_sigma_m"].values[1], atol=5.001e-6)


def test_antex_of_nothing_is_refused(result):
    nothing = result.assign(offset_m=result["offset_m"] * np.nan)
    with pytest.raises(LeopntError, match="holds no offset at all"):
        antex_of(nothing)


def test_the_table_of_text_holds_every_sigma_and_both_units(result):
    rows = list(csv.DictReader(io.StringIO(csv_of(result))))
    assert [row["satellite"] for row in rows] == ["L01", "L02", "L03", "L04"]
    first = rows[0]
    assert float(first["offset_z_honest_sigma_m"]) == pytest.approx(
        float(result["offset_honest_sigma_m"][0, 2]), abs=1e-7
    )
    # 1 ns = 0.299792458 m
    assert float(first["delay_m"]) == pytest.approx(
        0.299792458 * float(first["delay_ns"]), abs=1e-6
    )
    assert first["datum"] == "inter-system biases add up to zero"
    assert csv_of(result.assign(delay_m=result["delay_m"] * np.nan)).splitlines()[1].count(",,") > 0
