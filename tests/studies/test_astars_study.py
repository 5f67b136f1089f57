"""Studies of positions through a surface: trials against NumPy, statistics, verdicts, settings."""

import jax
import numpy as np
import pytest
from study_sizes import study_size
from study_texts import load_text

from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.methods.astars import two_step_covariance
from leopnt.studies import Threads, catalog, catalog_study, run_study
from leopnt.studies import astars_kernel as kernel
from leopnt.studies.astars_settings import axes_of, last_leg_of, wavelength_m_of
from leopnt.studies.astars_statistics import PositionErrors, SurfaceErrors
from leopnt.studies.published import unexplained

HEAD = '[study]\nmethod = "astars"\ntrials = 4000\nseed = 3\n'
C_MPS = 299792458.0
INDEX = np.arange(250)
SURFACE_M = np.array([-2604348.533, 4743312.217, 3364998.513])
OUTDOOR_M = np.array([-2604298.533, 4743297.217, 3364978.513])


def prepared(folder, text):
    study = load_text(folder, HEAD + text)
    return study.method.prepare(study.points[0].settings, folder)


def trials_of(point, index=INDEX):
    return batch_map(point.kernel, index, shared=point.shared, tile=250, threads=1)


@jax.jit
def measured(index, shared):
    sky_key, *keys = kernel.trial_keys(index, shared)
    return kernel.measure(keys, *kernel.sky_of(sky_key, shared), shared)


def drawn_of(point):
    """What the trials measure: satellites, ranges, network time, directions."""
    found = jax.vmap(measured, in_axes=(0, None))(INDEX, point.shared._replace(estimator=None))
    return jax.tree.map(np.asarray, found)


def refused(folder, text):
    with pytest.raises(LeopntError) as caught:
        load_text(folder, HEAD + text)
    return str(caught.value)


@pytest.fixture(scope="module")
def default(tmp_path_factory):
    """The default study with six satellites and a fixed 10 ns: point, measurements, trials."""
    folder = tmp_path_factory.mktemp("default")
    point = prepared(folder, '[sky]\nsatellites = 6\n[errors]\nsync_law = "fixed"\n')
    return point, drawn_of(point), trials_of(point)


def ls1(satellites_m, range_m):
    """Surface and lumped clock by Gauss-Newton from the true surface, in NumPy."""
    position, clock_m = SURFACE_M.copy(), 0.0
    for _ in range(8):
        offset = position - satellites_m
        away_m = np.linalg.norm(offset, axis=1)
        rows = np.c_[offset / away_m[:, None], -np.ones(len(range_m))]
        move = np.linalg.lstsq(rows, range_m - away_m + clock_m, rcond=None)[0]
        position, clock_m = position + move[:3], clock_m + move[3]
    return position, clock_m


def test_trials_are_least_squares_fixes_of_their_measurements(default, evidence):
    point, drawn, found = default
    axes = np.asarray(point.shared.leg.axes)
    worst = 0.0
    for i in range(0, 250, 10):
        use = drawn.visible[i]
        assert use.sum() == 6
        surface_m, clock_m = ls1(drawn.sat_pos_m[i][use], drawn.range_m[i][use])
        elos_m = -C_MPS * drawn.clock_bias_s[i] - clock_m
        receiver_m = surface_m + elos_m * drawn.departure[i][0]
        worst = max(worst, np.abs(axes @ (receiver_m - OUTDOOR_M) - found["error_enu"][i]).max())
        off_m = axes @ (surface_m - SURFACE_M) - found["surface_error_enu"][i]
        worst = max(worst, np.abs(off_m).max())
    evidence(
        "studies.astars_kernel",
        "errors of surface and receiver in 25 trials",
        "least squares in NumPy",
        "implementation",
        achieved=worst,
        tolerance=1e-5,
        unit="m",
    )


def test_measurements_have_the_errors_of_the_file(default):
    _, drawn, _ = default
    away_m = np.linalg.norm(drawn.sat_pos_m - SURFACE_M, axis=-1)
    leg_m = np.linalg.norm(OUTDOOR_M - SURFACE_M)
    noise_m = (drawn.range_m - away_m - leg_m)[drawn.visible]
    np.testing.assert_allclose(np.std(noise_m), 0.2, rtol=4.0 / np.sqrt(2 * noise_m.size))
    np.testing.assert_allclose(drawn.clock_bias_s, -10e-9, rtol=1e-12)  # the last leg too long
    u = (OUTDOOR_M - SURFACE_M) / leg_m
    sine = np.linalg.norm(np.cross(drawn.departure[:, 0], u), axis=1)
    tangent = sine / np.sqrt(1.0 - sine**2)
    largest = C_MPS / 1575.42e6 / (40 * 0.125)
    # Uniform in [0, lambda / (e d)]: Kolmogorov-Smirnov at 1e-4.
    steps = np.abs(np.sort(np.tan(sine) / np.tan(largest)) - (np.arange(250) + 0.5) / 250)
    assert steps.max() < 2.23 / np.sqrt(250)
    assert tangent.max() <= np.tan(largest) * (1 + 1e-9)
    np.testing.assert_array_equal(drawn.departure[:, 0], drawn.departure[:, 5])


def test_skies_are_uniform_in_solid_angle_within_their_sector(default):
    point, drawn, _ = default
    offset_m = (drawn.sat_pos_m - SURFACE_M) @ np.asarray(point.shared.leg.axes).T
    unit = (offset_m / np.linalg.norm(offset_m, axis=-1, keepdims=True)).reshape(-1, 3)
    sine, azimuth_deg = unit[:, 2], np.degrees(np.arctan2(unit[:, 0], unit[:, 1])) % 360
    low = np.sin(np.radians(10.0))
    assert low <= sine.min()
    assert azimuth_deg.min() >= 180.0  # the western half
    for share in ((sine - low) / (1 - low), (azimuth_deg - 180.0) / 180.0):
        steps = np.abs(np.sort(share) - (np.arange(share.size) + 0.5) / share.size)
        assert steps.max() < 2.23 / np.sqrt(share.size)
    np.testing.assert_allclose(np.linalg.norm(drawn.sat_pos_m, axis=-1), 26559.7e3, rtol=1e-12)


def test_more_satellites_and_other_errors_keep_the_draws(default, tmp_path):
    _, drawn, _ = default
    text = '[sky]\nsatellites = 9\n[errors]\nsync_ns = 5.0\nsync_law = "uniform"\n'
    other = drawn_of(prepared(tmp_path, text))
    np.testing.assert_array_equal(other.sat_pos_m[:, :6], drawn.sat_pos_m[:, :6])
    np.testing.assert_array_equal(other.range_m[:, :6], drawn.range_m[:, :6])
    np.testing.assert_array_equal(other.departure, drawn.departure)
    assert np.all(np.abs(other.clock_bias_s) <= 5e-9)
    assert np.ptp(other.clock_bias_s) > 9e-9
    gauss = drawn_of(prepared(tmp_path, '[errors]\nsync_ns = 5.0\naod_draw = "satellite"\n'
                              '[method]\nestimator = "chain"\n'))  # fmt: skip
    np.testing.assert_allclose(np.std(gauss.clock_bias_s), 5e-9, rtol=4.0 / np.sqrt(500))
    assert len(np.unique(gauss.departure[0, :, 0])) == 16


def test_dop_and_the_parts_of_the_error_are_those_of_numpy(tmp_path, evidence):
    errors = "[errors]\nrange_sigma_m = 0.3\nphase_sigma_rad = 1.0\nsync_ns = 4.0\n"
    dop = prepared(tmp_path, errors + '[method]\ncompute = "dop"\n')
    budget = prepared(tmp_path, errors + '[method]\ncompute = "budget"\n')
    assert dop.shared.sky.number.size == 16
    drawn, dops, parts = drawn_of(dop), trials_of(dop), trials_of(budget)
    axes, u = np.asarray(dop.shared.leg.axes), (OUTDOOR_M - SURFACE_M)
    elos_m = np.linalg.norm(u)
    wavelength_m = C_MPS / 1575.42e6
    sigma_m = np.hypot(0.3, wavelength_m / (2 * np.pi))
    worst = 0.0
    for i in range(0, 250, 25):
        offset = drawn.sat_pos_m[i][drawn.visible[i]] - SURFACE_M
        unit = offset / np.linalg.norm(offset, axis=1, keepdims=True)
        q = np.linalg.inv(np.c_[unit, np.ones(8)].T @ np.c_[unit, np.ones(8)])
        enu = axes @ q[:3, :3] @ axes.T
        beam = wavelength_m / (40 * 0.125)
        found = two_step_covariance(q, u / elos_m, elos_m, sigma_m, 4e-9, np.tan(beam) / 6**0.5)
        pdop = np.sqrt(np.trace(enu))
        total_m = wavelength_m / (2 * np.pi) + elos_m * np.tan(beam) + C_MPS * 4e-9
        expected = {
            "pdop": pdop,
            "hdop": np.sqrt(enu[0, 0] + enu[1, 1]),
            "vdop": np.sqrt(enu[2, 2]),
            "tdop": np.sqrt(q[3, 3]),
            "seed_hdop": np.sqrt(q[0, 0] + q[1, 1]),
            "seed_vdop": np.sqrt(q[2, 2]),
            "predicted": np.sqrt(np.trace(found.total_m2)),
            "ranges_part": np.sqrt(np.trace(found.ranges_m2)),
            "sync_part": np.sqrt(np.trace(found.sync_m2)),
            "aod_part": np.sqrt(np.trace(found.aod_m2)),
            "seed_total": total_m + sigma_m * pdop**2,
        }
        for name, value in expected.items():
            ours = (parts if np.isnan(dops[name][i]) else dops)[name][i]
            worst = max(worst, abs(ours / value - 1.0))
    evidence(
        "studies.astars_kernel",
        "DOP in both axes, parts of the error and published sum of ten skies, relative",
        "numpy.linalg.inv and the covariance of the two-step chain",
        "implementation",
        achieved=worst,
        tolerance=1e-8,
    )


WORKED_CASE = [
    [-3425510.573, 26324709.273, -832600.209],
    [10630663.277, 23715495.153, 5475577.779],
    [-2288207.341, 21206731.448, 15825811.592],
    [6081736.952, 13426558.416, 22094290.413],
    [-8130714.861, 17641901.821, 18112770.083],
]
"""Of an independent implementation."""


def test_a_given_sky_is_the_same_in_every_trial(tmp_path):
    text = f'[sky]\nsatellites_ecef_m = {WORKED_CASE}\n[method]\ncompute = "dop"\n'
    found = trials_of(prepared(tmp_path, text), INDEX[:3])
    for name, value in (("hdop", 4.0961796), ("vdop", 5.1103627), ("tdop", 5.3159457)):
        np.testing.assert_allclose(found[name], value, atol=3e-6)  # at S_hat there, 0.1 m off


# Statistics


def added(statistics, error_enu, status=None):
    count = len(error_enu)
    trials = {
        "status": np.zeros(count, np.int8) if status is None else status,
        "error_enu": error_enu,
        "surface_error_enu": error_enu,
        "predicted": np.full(count, 2.0),
        "pdop": np.arange(count, dtype=float),
    }
    half = count // 2
    for part in (slice(0, half), slice(half, count)):
        index = np.arange(count)[part]
        statistics.add(index, {name: values[part] for name, values in trials.items()})
    return {name: column.values for name, column in statistics.columns().items()}


def test_means_are_those_of_the_best_trials(evidence):
    error = np.zeros((200, 3))
    error[:, 1] = np.arange(1.0, 201.0)[::-1]
    found = added(PositionErrors(0.99, 200), error)
    expected = np.sqrt(198 * 199 * 397 / 6 / 198)  # RMS of 1 to 198
    evidence(
        "studies.astars_statistics",
        "RMS of the best 99 % of 1 to 200 m",
        "sum of squares",
        "closed form",
        achieved=abs(float(found["error_rms_best"]) - expected),
        tolerance=1e-9,
        unit="m",
    )
    assert found["error_mean_best"] == 99.5
    assert found["error_median"] == 100.5
    assert found["error_north_median"] == 100.5
    assert found["error_east_p99"] == 0.0
    np.testing.assert_allclose(found["error_over_predicted"], np.sqrt(201 * 401 / 6) / 2.0)
    assert found["pdop_median"] == 99.5


def test_a_trial_without_a_solution_is_infinitely_far_off():
    error, status = np.ones((200, 3)), np.zeros(200, np.int8)
    status[:2] = 3
    error[2] = np.nan
    found = added(PositionErrors(0.99, 200), error, status)
    assert np.isnan(found["error_mean_best"])  # three of 200 are more than 1 %
    assert found["not_finite"] == 1
    assert found["not_solved"] == 3
    np.testing.assert_allclose(found["error_median"], np.sqrt(3.0))
    assert np.isnan(found["error_p99"])
    assert found["error_rms_best"].shape == ()
    enough = added(PositionErrors(0.98, 200), error, status)
    np.testing.assert_allclose(enough["error_mean_best"], np.sqrt(3.0))


def test_errors_along_ecef_axes_are_turned_local_ones(tmp_path):
    axes = axes_of(load_text(tmp_path, HEAD).settings.surface)
    error = np.tile([0.0, 0.0, 1.0], (100, 1))
    found = added(SurfaceErrors(axes, 0.99, 100), error)
    # Up at the paper's site is (-0.41, 0.74, 0.53): ECEF y is 74 % up.
    up = [found[f"surface_{axis}_median"] for axis in "xyz"]
    np.testing.assert_allclose(up, [0.41, 0.74, 0.53], atol=0.006)
    assert found["surface_up_p95"] == 1.0


# Published numbers

FORMULAS = ["astars/figure-6", "astars/figure-6-distance", "astars/figure-7"]
OTHERS = [one.name for one in catalog() if one.method == "astars" and one.name not in FORMULAS]


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_give_the_numbers_of_the_table(name, tmp_path, evidence):
    found = run_study(catalog_study(name), tmp_path / "out", workers=Threads(1))
    rows = list(zip(found["verdict"].values, found["published_source"].values, strict=True))
    own = [verdict for verdict, source in rows if not source.startswith("[zhang-astars]")]
    evidence(
        "studies.astars_study",
        f"numbers by formula outside of their bands, {name}",
        "table of an independent implementation",
        "implementation",
        achieved=sum(verdict != "held" for verdict in own),
        tolerance=0,
    )
    assert unexplained(found) == []
    if name == "astars/figure-6":
        assert [verdict for verdict, _ in rows].count("differs") == 3  # both ends, and the spread


@pytest.mark.study
@pytest.mark.skipif(study_size(0, 1) == 0, reason="all of the catalogue at full study size only")
@pytest.mark.parametrize("name", OTHERS)
def test_published_numbers_differ_for_known_reasons_only(name, tmp_path):
    found = run_study(catalog_study(name), tmp_path / "out", workers=Threads(1))
    assert unexplained(found) == []
    rows = zip(found["verdict"].values, found["published_source"].values, strict=True)
    own = [verdict for verdict, source in rows if not source.startswith("[zhang-astars]")]
    assert own.count("held") == len(own)


@pytest.mark.study
@pytest.mark.skipif(study_size(0, 1) == 0, reason="compiles three estimators")
def test_estimators_agree_on_the_same_draws_without_a_survey(tmp_path):
    text = '[errors]\naod_law = "gauss"\naod_sigma_rad = 1e-3\n[method]\nestimator = "{}"\n'
    found = {}
    for name in ("polar", "chain", "chain-offset", "joint"):
        found[name] = trials_of(prepared(tmp_path, text.format(name)), np.arange(2000))["error_enu"]
        off_m = np.abs(found[name] - found["polar"]).max(axis=1)
        # Exactly the chain; the joint estimator to second order of its errors in weak skies.
        assert np.quantile(off_m, 0.99) < (1e-3 if name == "joint" else 1e-6)


# Settings


@pytest.mark.parametrize(
    ("text", "distance_m"),
    [
        ("", 55.9017),
        ('[receiver]\nplace = "indoor"\n', 70.4840),
        ('[receiver]\nplace = "room"\n', np.sqrt(250.0)),
        ("[receiver]\noffset_enu_m = [3.0, 4.0, 12.0]\n", 13.0),
        ("[receiver]\ndistance_m = 33.3\n", 33.3),
    ],
)
def test_receivers_are_where_the_file_puts_them(tmp_path, text, distance_m, evidence):
    settings = load_text(tmp_path, HEAD + text).settings
    leg_m = last_leg_of(settings)
    evidence(
        "studies.astars_settings",
        f"length of the last leg, {text.strip()[11:] or 'default'}",
        "an independent implementation, or Pythagoras",
        "closed form",
        achieved=abs(np.linalg.norm(leg_m) - distance_m),
        tolerance=5e-5,
        unit="m",
    )
    local = axes_of(settings.surface) @ leg_m
    if "offset" in text:
        np.testing.assert_allclose(local, [3.0, 4.0, 12.0], atol=1e-9)
    if "indoor" in text:  # offsets along ECEF axes, taken for local ones
        np.testing.assert_allclose(local[2], 65.6, atol=0.1)


def test_a_carrier_stands_for_a_band(tmp_path):
    one = load_text(tmp_path, HEAD + '[signal]\nband = "L5"\n').settings
    other = load_text(tmp_path, HEAD + "[signal]\ncarrier_hz = 1176450000.0\n").settings
    assert wavelength_m_of(one.signal) == wavelength_m_of(other.signal) == C_MPS / 1176.45e6


FOUR = "[[2e7, 0, 1e7], [2e7, 1e7, 0], [2e7, 5e6, 5e6], {}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sky]\nsatellites = 3\n", "[sky] satellites = 3: expected their number, 4 to 64"),
        ('[receiver]\nplace = "room"\noffset_enu_m = [1.0, 0.0, 0.0]\n',
         "[receiver] place = 'room': offset_enu_m tells the place already"),
        ("[receiver]\noffset_enu_m = [0.0, 0.0, 0.0]\n", "expected a receiver above 0"),
        ("[surface]\nposition_ecef_m = [1.0, 2.0, 3.0]\n", "expected a place on the Earth"),
        ('[signal]\nband = "L1"\ncarrier_hz = 1.6e9\n', "carrier_hz = 1600000000.0: give one of"),
        (f"[sky]\nsatellites_ecef_m = {FOUR.format('[1e6, 0, 0]')}\n",
         "[sky] satellites_ecef_m[3] = [1000000.0, 0, 0]: expected 6.4e6 to 6e7 m"),
        (f"[sky]\nmask_deg = 5.0\nsatellites_ecef_m = {FOUR.format('[2e7, 1e6, 1e6]')}\n",
         "[sky] mask_deg = 5.0: satellites_ecef_m tells the sky already"),
        ("[errors]\naod_sigma_rad = 1e-3\n", "aod_sigma_rad = 0.001: goes with aod_law = 'gauss'"),
        ('[errors]\naod_draw = "satellite"\n',
         "goes with [method] estimator = 'chain' or 'chain-offset', not with 'polar'"),
        ('[errors]\nrange_sigma_m = 0.0\n[method]\nestimator = "joint"\n',
         "[errors] range_sigma_m = 0.0: expected above 0 with [method] estimator = 'joint'"),
        ("[method]\nsurvey_sigma_m = 0.1\n", "goes with estimator = 'joint-survey'"),
        ("[method]\npdop_limit = 20.0\n", "pdop_limit = 20.0: goes with compute = 'dop'"),
        ('[method]\nestimator = "polr"\n', "Did you mean 'polar'?"),
    ],
)  # fmt: skip
def test_contradictions_get_their_sentence(tmp_path, text, message):
    assert message in refused(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    ["[surface]\nposition_ecef_m = [true, 2.0, 3.0]\n", "[sky]\nsatellites_ecef_m = 3\n",
     f"[receiver]\noffset_enu_m = [{10**400}, 0.0, 0.0]\n"],
)  # fmt: skip
def test_what_is_no_place_is_refused(tmp_path, text):
    assert "expected" in refused(tmp_path, text)
