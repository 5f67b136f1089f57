"""Studies of calibration: what a trial is and tells, settings, the numbers of the catalogue."""

import functools
import tempfile

import numpy as np
import pytest
from study_sizes import study_size
from study_texts import CALIBRATION, load_text

from leopnt.errors import LeopntError
from leopnt.methods import calibration as cal
from leopnt.studies import Threads, catalog, catalog_study, run_study
from leopnt.studies.calibration_statistics import CalibrationStatistics
from leopnt.studies.calibration_study import METHOD, plan_of
from leopnt.studies.calibration_study_settings import VARIED, satellites_of
from leopnt.studies.calibration_study_trial import COMPONENTS, PLAIN, calibration_trial
from leopnt.studies.method import Quantity
from leopnt.studies.published import unexplained
from leopnt.studies.variants import with_variant

NAMES = [one.name for one in catalog() if one.method == "calibration"]
CONSIDERED = '[estimate]\norbit = "considered"\n'

# Errors of products are simulated that the sigmas do not know of.
pytestmark = pytest.mark.filterwarnings(r"ignore:s0\^2 = :leopnt.errors.LeopntWarning")


def settings_of(folder, text):
    return load_text(folder, CALIBRATION + text).points[0].settings


def trial_of(folder, text, index=0):
    return calibration_trial(index, plan_of(settings_of(folder, text)))


def refused(folder, text, head=CALIBRATION):
    with pytest.raises(LeopntError) as caught:
        load_text(folder, head + text)
    return str(caught.value)


@functools.cache
def by_hand(index):
    """The campaign of a trial, station-days in another order, solved in another datum."""
    seed = 3 * 10**9 + index
    leo = cal.polar_star(144, 6, 1000e3).subset(np.array([0, 72]))
    places = np.array(list(cal.STATIONS_ECEF_M.values()))[:2]
    scene = cal.Scene(leo, cal.bds3_orbits(), places, 300.0)
    truth, layout = cal.draw_truth(seed, 2, 2), cal.layout_of(cal.SEED_SETTINGS, 2, 2)
    days = [cal.simulate_station_day(scene, truth, r, 0, seed, cal.BASELINE_ERRORS) for r in (1, 0)]
    total = cal.stacked(cal.reduce_station_day(day, layout, cal.SEED_SETTINGS) for day in days)
    other = cal.solve_calibration(total, cal.DelayZeroSum())
    return cal.in_datum(other, cal.IsbZeroSum()), truth


def test_a_trial_is_a_simulated_campaign_compared_with_its_truth(tmp_path, evidence):
    outcome = trial_of(tmp_path, "", 5)
    found, truth = by_hand(5)
    squares = [sum((found.offset_m[s, i] - truth.offset_m[s, i]) ** 2 for s in range(2)) / 2
               for i in range(3)]  # fmt: skip
    delay = truth.delay_m + np.mean(truth.isb_m)  # biases add up to zero in the datum
    squares.append(np.mean((found.delay_m - delay) ** 2))
    ours = [outcome[f"error_{name}"] for name in COMPONENTS]
    evidence(
        "studies.calibration_study_trial",
        "RMS errors of a campaign",
        "stations the other way round, another datum, moved to this one",
        "invariance",
        achieved=np.max(np.abs(ours - np.sqrt(squares))),
        tolerance=1e-8,
        unit="m",
    )
    misses = np.abs(found.delay_m - delay)
    np.testing.assert_allclose(outcome["absolute_delay"], np.mean(misses), atol=1e-8)
    np.testing.assert_allclose(
        outcome["over_formal_delay"],
        np.sqrt(np.mean((misses / found.delay_sigma_m) ** 2)),
        rtol=1e-6,
    )
    assert outcome["estimated"] == 2
    assert np.isnan(outcome["series_error"])


def test_orbits_considered_or_known_have_the_same_errors_and_other_sigmas(tmp_path, evidence):
    known, considered = (trial_of(tmp_path, text) for text in ("", CONSIDERED))
    evidence(
        "studies.calibration_study",
        "errors with orbits considered, m",
        "orbits known",
        "invariance",
        achieved=max(abs(known[f"error_{c}"] - considered[f"error_{c}"]) for c in COMPONENTS),
        tolerance=1e-9,
        unit="m",
    )
    for c in COMPONENTS:
        np.testing.assert_allclose(known[f"formal_{c}"], considered[f"formal_{c}"], rtol=1e-6)
        assert known[f"honest_{c}"] == known[f"formal_{c}"]
    assert considered["honest_y"] > 1.5 * considered["formal_y"]


def test_points_of_a_sweep_share_offsets_and_noise(tmp_path):
    # Without product errors and with known orbits, a smaller sigma of LEO phase changes weights
    # only: errors of both hang together.
    text = '[errors]\nscheme = "none"\n[estimate]\nleo_phase_m = '
    near, far = (
        np.array([trial_of(tmp_path, f"{text}{sigma}", i)["mean_delay"] for i in range(6)])
        for sigma in (0.003, 0.004)
    )
    assert np.corrcoef(near, far)[0, 1] > 0.95
    assert not np.any(near == far)


def test_delays_per_epoch_with_a_firm_prior_are_the_constant_delays(tmp_path):
    text = '[delays]\nmodel = "white"\nsigma_m = 1e-7\n'
    outcome = trial_of(tmp_path, text)
    # Each epoch has the level of step 2; satellites with more epochs count more.
    assert 0.8 < outcome["series_error"] / outcome["error_delay"] < 1.25
    assert outcome["series_formal"] < 1.1e-7
    white = "[errors]\nclock_white_m = 1.0\n"
    loose = trial_of(tmp_path, text.replace("1e-7", "100.0") + white)
    # A meter of clock noise per epoch goes into the delay, where users need it.
    assert 0.7 < loose["series_error"] ** 2 - loose["series_user_error"] ** 2 < 1.4


def test_correlations_and_bootstrap_are_there_when_asked_for(tmp_path):
    head = CALIBRATION.replace("days = 1", "days = 3").replace("stations = 2", "stations = 1")
    study = load_text(tmp_path, head + "[estimate]\nbootstrap_draws = 4\ncorrelations = true\n")
    outcome = calibration_trial(0, plan_of(study.settings))
    for c in COMPONENTS:
        assert 0.0 < outcome[f"bootstrap_{c}"] < 1.0
    for name in ("y_z", "ambiguity_y", "ambiguity_z"):
        assert 0.0 < outcome[f"corr_{name}"] < 1.0
        # A week old finding: what satellites share is fixed by the reference system.
        assert abs(outcome[f"corr_{name}"] - outcome[f"alone_corr_{name}"]) < 1e-3


def test_statistics_are_root_mean_squares_in_millimeters(evidence):
    quantities = {"error": Quantity((), "m", "error"), "ratio": Quantity((), "1", "ratio")}
    statistics = CalibrationStatistics(quantities, 6)
    error = np.array([0.003, -0.004, np.nan, 0.0, 0.005])
    trials = {"status": np.zeros(5, np.int8), "error": error, "ratio": np.ones(5)}
    for part in (slice(0, 2), slice(2, 5)):
        statistics.add(np.arange(5)[part], {name: x[part] for name, x in trials.items()})
    found = {name: column.values for name, column in statistics.columns().items()}
    evidence(
        "studies.calibration_statistics",
        "RMS, smallest, median and largest of four errors, mm",
        "by hand: sqrt(50 / 4), -4, 1.5, 5",
        "closed form",
        achieved=max(
            abs(found["error"] - np.sqrt(12.5)),
            abs(found["error_low"] + 4.0),
            abs(found["error_median"] - 1.5),
            abs(found["error_high"] - 5.0),
        ),
        tolerance=1e-9,
    )
    assert found["ratio"] == 1.0
    counts = [found[name] for name in ("trials", "solved", "not_solved", "missing", "not_finite")]
    assert counts == [6, 4, 1, 1, 1]
    empty = CalibrationStatistics(quantities, 6).columns()
    assert empty.keys() == found.keys()
    assert np.isnan(empty["error"].values)


# Settings


def test_tables_mean_the_published_cases(tmp_path, evidence):
    plain = plan_of(settings_of(tmp_path, ""))
    wrong = [plain.settings != cal.SEED_SETTINGS, plain.errors != cal.BASELINE_ERRORS]
    for scheme, changed in (
        ("none", {}),
        ("radial-4-cm", {"radial_m": 0.04}),
        ("along-4-cm", {"along_m": 0.04}),
        ("normal-4-cm", {"normal_m": 0.04}),
        ("clock-2-cm", {"clock_m": 0.02}),
        ("white-clock-2-cm", {"clock_white_m": 0.02}),
        ("once-per-revolution", {"period_s": np.inf}),
    ):
        errors = plan_of(settings_of(tmp_path, f'[errors]\nscheme = "{scheme}"\n')).errors
        expected = dict.fromkeys(("radial_m", "along_m", "normal_m"), 0.02)
        expected |= {"clock_m": 0.01, "clock_white_m": 0.01, "period_s": 10800.0} | changed
        wrong.append(scheme != "none" and vars(errors) != expected)
    own = '[errors]\nradial_m = 0.5\nperiod_s = 60.0\n[estimate]\nsettings = "honest"\n'
    plan = plan_of(settings_of(tmp_path, own))
    wrong += [plan.errors.radial_m != 0.5, plan.errors.period_s != 60.0]
    wrong.append(plan.settings != cal.CalibrationSettings())
    evidence(
        "studies.calibration_study_settings",
        "tables that do not mean what the publication has",
        "sizes and settings by hand",
        "published",
        achieved=sum(wrong),
        tolerance=0,
    )


def test_a_variant_is_the_file_with_its_keys(tmp_path, evidence):
    own = (
        '[variants]\n"far" = { constellation.altitude_km = 1500.0, estimate.settings = "honest" }\n'
    )
    found = with_variant(load_text(tmp_path, f'variant = "far"\n{own}{CALIBRATION}').settings)
    head = CALIBRATION.replace("keep = 2", "keep = 2\naltitude_km = 1500.0")
    plain = load_text(tmp_path, head + '[estimate]\nsettings = "honest"\n').settings
    evidence(
        "studies.variants",
        "tables of a calibration's variant that differ from a file with its keys",
        "the file",
        "invariance",
        achieved=sum(getattr(found, name) != getattr(plain, name) for name in VARIED),
        tolerance=0,
    )
    text = f'variant = "fat"\n{own}'
    message = refused(tmp_path, "", text + CALIBRATION)
    assert "variant = 'fat': is not in [variants]. Did you mean 'far'? Known: far." in message
    text = 'variant = "x"\n[variants]\nx = { campaign.days = 1, delays.days = 3 }\n'
    message = refused(tmp_path, "", text + CALIBRATION)
    assert "[delays] days = 3: there are 1; expected at most" in message


def test_satellites_are_kept_evenly(tmp_path):
    head = CALIBRATION.replace("keep = 2", 'preset = "C"\nkeep = 5')
    table = load_text(tmp_path, head).settings.constellation
    whole = cal.polar_star(72, 12, 1500e3)
    np.testing.assert_array_equal(satellites_of(table).start, whole.start[[0, 14, 28, 43, 57]])
    assert satellites_of(table.model_copy(update={"keep": 0})).num_satellites == 72


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("keep = 2", 'preset = "B"\nplanes = 12',
         "[constellation] planes = 12: goes without preset, which has its own."),
        ("keep = 2", 'preset = "F"', "preset = 'F': expected one of the published 'A'"),
        ("keep = 2", "planes = 5",
         "[constellation] planes = 5: expected a divisor of satellites = 144."),
        ("keep = 2", "keep = 145", "[constellation] keep = 145: there are 144 satellites."),
        ("stations = 2", "stations = 7", "stations = 7: expected the first so many of SHAO, URUM"),
        ("days = 1", "days = 2\n[estimate]\nbootstrap_draws = 10",
         "bootstrap_draws = 10: expected 2 or more with [campaign] days = 3 or more, or 0; "),
        ("sampling_s = 300.0", '[delays]\nmodel = "white"\ndays = 2',
         "[delays] days = 2: there are 1; expected at most [campaign] days."),
        ("sampling_s = 300.0", '[errors]\nscheme = "radial-3-cm"',
         "scheme = 'radial-3-cm': expected one of 'none', 'baseline', 'radial-4-cm'"),
    ],
)  # fmt: skip
def test_contradictions_get_their_sentence(tmp_path, old, new, message):
    assert message in refused(tmp_path, "", CALIBRATION.replace(old, new))


# Catalogue


SMALLER = {
    "days": (
        ("trials = 4", "trials = 1"),
        ('"B"', '"B"\nkeep = 4'),
        ("stations = 3", "stations = 3\nsampling_s = 300.0"),
        ("[1, 3, 7]", "[1, 2, 3]"),
        ('"campaign.days" = 7 }', '"campaign.days" = 2 }'),
    ),
    "delays": (
        ("trials = 8", "trials = 1"),
        ("keep = 8", "keep = 4"),
        ("sampling_s = 5.0", "sampling_s = 300.0"),
    ),
}
"""What makes two studies of the catalogue quick."""


def smaller(name, folder):
    text = catalog_study(f"calibration/{name}").text
    for old, new in SMALLER[name]:
        assert old in text
        text = text.replace(old, new)
    return load_text(folder, text)


@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")
@pytest.mark.parametrize("name", SMALLER)
def test_a_smaller_run_of_a_catalogue_study_has_all_published_quantities(name, tmp_path):
    found = run_study(smaller(name, tmp_path), tmp_path / "out", workers=Threads(1))
    assert found.attrs["complete"] == 1
    assert np.all(np.isfinite(found["ours"].values))
    assert set(found["verdict"].values) <= {"held", "fitted", "differs"}


def test_rows_that_were_tuned_say_so():
    rows = [one for name in NAMES for one in catalog_study(name).settings.published]
    paper = [one for one in rows if "[leo-pco]" in one.source]
    ours = [one for one in rows if one.source.startswith("independent")]
    assert len(paper) > 20
    assert len(ours) > 40
    assert all(one.fitted for one in paper if "corr" not in one.quantity)
    assert not any(one.fitted for one in ours)


@functools.cache
def whole(name):
    with tempfile.TemporaryDirectory() as folder:
        return run_study(catalog_study(f"calibration/{name}"), folder, workers=Threads(2))


full_size = pytest.mark.skipif(study_size(1, 0) == 1, reason="minutes: full study size only")


@full_size
@pytest.mark.study
@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")
@pytest.mark.parametrize("name", NAMES)
def test_published_numbers_differ_for_known_reasons_only(name):
    found = whole(name.removeprefix("calibration/"))
    assert found.attrs["complete"] == 1
    assert unexplained(found) == []
    rows = zip(found["verdict"].values, found["published_source"].values, strict=True)
    assert all(verdict == "held" for verdict, source in rows if source.startswith("independent"))


@full_size
@pytest.mark.study
def test_trends_are_those_of_the_independent_implementation():
    altitude, stations, days, size = map(whole, ("altitude", "stations", "days", "size"))
    x, y, z = (altitude[f"error_{c}"].values for c in "xyz")
    assert x[0] > x[1] > x[2]
    assert y[0] == max(y)
    assert z[0] == max(z)
    for found, names in ((stations, "xz"), (days, "yz")):
        for c in names:
            assert np.all(np.diff(found[f"error_{c}"].values) < 0)
    formal = size["formal_y"].values
    assert np.all(np.diff(formal) < 0)
    assert formal[-1] > 0.98 * formal[0]
    schemes = whole("error-schemes")["error_z"].values
    assert abs(schemes[3] - schemes[0]) < 1.0


@full_size
@pytest.mark.study
@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")
def test_clock_noise_of_two_centimeters_adds_300_square_millimeters():
    found = whole("delay-models")
    names = found["variant"].values.tolist()
    error, formal = found["series_error"].values, found["series_formal"].values
    base, noisy = (error[names.index(one)] for one in ("white 3 cm", "white 3 cm, clock 2 cm"))
    assert 240.0 < noisy**2 - base**2 < 360.0
    shared = names.index("shared 3 cm, exact")
    assert 0.6 < formal[shared] / error[shared] < 1.6
    # A level that counts once per epoch promises four times too much.
    assert formal[names.index("white 3 cm")] < 0.4 * base


def test_outcomes_name_every_component():
    assert len(PLAIN) == 7 * 4 + 1
    assert METHOD.tile == METHOD.chunk_trials == 1
