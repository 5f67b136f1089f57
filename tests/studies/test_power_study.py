"""Studies of power positioning: trials are direct fixes, published verdicts, settings."""

import jax
import numpy as np
import pytest
from study_sizes import study_size
from study_texts import load_text

from leopnt.antennas.beams import b52
from leopnt.errors import LeopntError
from leopnt.inference.batch import batch_map
from leopnt.methods.power import (
    measure,
    power_scene,
    received_power_dbw,
    seed_fix,
    seed_search,
    seed_tables,
)
from leopnt.studies import Threads, catalog, catalog_study, run_study
from leopnt.studies.power_kernel import trial_keys
from leopnt.studies.power_settings import antenna_of, scene_of
from leopnt.studies.published import unexplained
from leopnt.studies.variants import with_variant

HEAD = '[study]\nmethod = "power"\ntrials = 10\nseed = 3\n'
SEED = '[method]\nestimator = "seed"\n'
INDEX = np.arange(0, 12_000, 6)
"""Trials all over the default grid; their shapes are those of table 2, which shares kernels."""


def prepared(folder, text):
    study = load_text(folder, HEAD + text)
    return study.method.prepare(study.points[0].settings, folder)


def trials_of(point):
    return batch_map(point.kernel, INDEX, shared=point.shared, tile=250, threads=1)


def refused(folder, text, head=HEAD):
    with pytest.raises(LeopntError) as caught:
        load_text(folder, head + text)
    return str(caught.value)


def triangles():
    """Places of the trials' users in plain NumPy: gamma, beta, slant range, horizontal distance."""
    user = INDEX // 10
    alpha, beta = np.radians(10.5 + 2.0 * (user // 30)), np.radians(3.7 + 12.0 * (user % 30))
    gamma = np.arcsin(6371.0 / 7571.0 * np.cos(alpha))
    range_m = np.sqrt(7571e3**2 - (6371e3 * np.cos(alpha)) ** 2) - 6371e3 * np.sin(alpha)
    return gamma, beta, range_m, 6371e3 * np.tan(np.pi / 2 - alpha - gamma)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Scene and measured powers, of keys that a study derives from its seed and trial numbers."""
    point = prepared(tmp_path_factory.mktemp("drawn"), '[method]\nestimator = "nearest"\n')
    scene = power_scene(b52())

    def one(index, *place):
        noise, _, _ = trial_keys(index, point.shared)
        return measure(scene, noise, received_power_dbw(scene, *place))

    return scene, np.asarray(jax.jit(jax.vmap(one))(INDEX, *triangles()[:3]))


def test_trials_are_published_fixes_of_the_powers_of_their_users(drawn, tmp_path, evidence):
    point = prepared(tmp_path, SEED)
    gamma, beta, range_m, x_m = triangles()
    scene, power_dbw = drawn
    fix = seed_fix(scene, power_dbw, seed_search(seed_tables(scene), power_dbw, beta))
    found, worst = trials_of(point), 0.0
    for name, expected in (
        ("gamma_error", fix.gamma_rad - gamma),
        ("height_error", fix.height_m / 1e6),
        ("distance_error", (fix.distance_m - x_m) / 1e6),
        ("range_error", (fix.range_m - range_m) / 1e6),
    ):
        scale = 1.0 if name == "gamma_error" else 1e-6
        np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(expected))
        worst = max(worst, np.nanmax(np.abs(scale * found[name] - expected)))
    evidence(
        "studies.power_kernel",
        "errors of the published method in 2000 trials, rad and 1000 km",
        "the fix of the same powers, and triangles in NumPy",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )
    if not study_size(0, 1):
        return
    exact = trials_of(prepared(tmp_path, SEED.replace('"seed"', '"seed-exact-triangle"')))
    np.testing.assert_allclose(exact["gamma_error"], found["gamma_error"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(exact["height_error"], fix.height_exact_m, rtol=1e-6, atol=1e-3)


def test_the_start_alone_is_the_nearest_entry_on_the_sphere(drawn, tmp_path):
    point = prepared(tmp_path, '[method]\nestimator = "nearest"\nstart = "bin"\n')
    gamma, beta, _, _ = triangles()
    scene, power_dbw = drawn
    expected, found = seed_search(seed_tables(scene), power_dbw, beta), trials_of(point)
    np.testing.assert_allclose(found["gamma_error"], expected.gamma_rad - gamma, atol=1e-12)
    np.testing.assert_array_equal(found["gamma_error"], found["start_gamma_error"])
    np.testing.assert_allclose(found["height_error"], 0.0, atol=1e-6)
    # Entries are on whole degrees of elevation, bins five degrees wide around 2.5, 7.5, ...
    assert np.max(np.abs(found["start_beta_error"])) <= np.radians(2.5)


def test_a_start_is_as_far_off_as_asked(tmp_path):
    text = 'start = "truth"\nstart_gamma_deg = 2.0\nstart_beta_deg = -1.0\n'
    found = trials_of(prepared(tmp_path, '[method]\nestimator = "nearest"\n' + text))
    np.testing.assert_allclose(found["start_gamma_error"], np.radians(2.0), rtol=1e-12)
    np.testing.assert_allclose(found["beta_error"], np.radians(-1.0), rtol=1e-12)


def test_errors_of_the_eirp_are_a_user_s_or_a_satellite_s(tmp_path):
    calibration = "[calibration]\nsigma_db = 1.0\n"
    method = '[method]\nestimator = "nearest"\nstart = "truth"\n'
    for draw, distinct in (("user", 1200), ("satellite", 1)):
        point = prepared(tmp_path, f'{calibration}draw = "{draw}"\n{method}')
        keys = jax.vmap(lambda index, shared=point.shared: trial_keys(index, shared)[2])
        found = jax.random.key_data(keys(INDEX))
        assert len(np.unique(found, axis=0)) == distinct


OTHERS = [one.name for one in catalog() if one.method == "power" and one.name != "power/table-2"]


@pytest.mark.study
@pytest.mark.skipif(study_size(0, 1) == 0, reason="all of the catalogue at full study size only")
@pytest.mark.parametrize("name", OTHERS)
def test_published_numbers_differ_for_known_reasons_only(name, tmp_path):
    found = run_study(catalog_study(name), tmp_path / "out", workers=Threads(1))
    assert unexplained(found) == []
    rows = zip(found["verdict"].values, found["published_source"].values, strict=True)
    assert all(verdict == "held" for verdict, source in rows if source.startswith("independent"))


def test_published_numbers_of_table_2_have_their_verdicts(tmp_path, evidence):
    found = run_study(catalog_study("power/table-2"), tmp_path / "out", workers=Threads(1))
    rows = list(zip(found["verdict"].values, found["published_source"].values, strict=True))
    own = [verdict for verdict, source in rows if source.startswith("independent")]
    evidence(
        "studies.power_study",
        "numbers of table 2 outside of their bands",
        "independent implementation, ranges over noise seeds",
        "implementation",
        achieved=sum(verdict != "held" for verdict in own),
        tolerance=0,
    )
    assert len(own) == 14
    verdicts = [verdict for verdict, _ in rows]
    names = ("held", "fitted", "differs", "not reproducible")
    assert [verdicts.count(x) for x in names] == [14, 10, 17, 0]
    spread = np.char.find(found["published_quantity"].values.astype(str), "_std") >= 0
    reasons = found["verdict_reason"].values[spread & (found["verdict"].values == "differs")]
    assert len(reasons) == 11
    assert all("another way" in reason for reason in reasons)
    assert unexplained(found) == []


# Settings


def test_the_default_antenna_is_b52(tmp_path):
    settings = load_text(tmp_path, HEAD).settings
    ours, b = antenna_of(settings.antenna), b52()
    for u, v in ((0.0, 0.0), (0.3, -0.5), (-0.7, 0.2)):
        np.testing.assert_allclose(ours.eirp_dbw(u, v), b.eirp_dbw(u, v), rtol=1e-14)
    scene = scene_of(settings)
    np.testing.assert_allclose(10 * np.log10(float(scene.noise_w)), -173.9752, atol=1e-4)


def test_fewer_elements_have_wider_beams_and_rings_can_be_alike(tmp_path):
    text = "[antenna]\nelements = 5\nring_contrast = 0.0\neirp_offset_db = 2.0\nfloor_db = -200.0\n"
    antenna = antenna_of(
        load_text(tmp_path, HEAD + text + "element_exponent = 0\n").settings.antenna
    )
    # D(x) of five elements by hand, beam 0 at (0.14, 45 deg): mean of rings 33 dBW, 2 dB more.
    u = v = 0.14 * np.sqrt(0.5) + 0.1
    factor = (1.0 + 2.0 * np.cos(0.1 * np.pi) + 2.0 * np.cos(0.2 * np.pi)) / 5.0
    expected = 35.0 + 40.0 * np.log10(factor)
    np.testing.assert_allclose(antenna.eirp_dbw(u, v)[0], expected, rtol=1e-12)


def test_a_variant_changes_its_keys_only(tmp_path, evidence):
    variants = (
        'variant = "b"\n[variants]\n"b" = { antenna.elements = 6, method.estimator = "gls" }\n'
    )
    text = "[antenna]\nfloor_db = -30.0\n"
    found = with_variant(load_text(tmp_path, variants + HEAD + text).settings)
    plain = load_text(
        tmp_path, HEAD + text + 'elements = 6\n[method]\nestimator = "gls"\n'
    ).settings
    same = {name: getattr(found, name) == getattr(plain, name) for name in ("antenna", "method")}
    evidence(
        "studies.power_settings",
        "tables of a variant that differ from a file with its keys",
        "the file",
        "invariance",
        achieved=sum(not one for one in same.values()),
        tolerance=0,
    )
    assert found.grid == plain.grid


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[grid]\nelevation_deg = [10.0, 5.0, 1.0]\n",
         "elevation_deg = [10.0, 5.0, 1.0]: expected [first, last, step] with the last not below"),
        ("[grid]\nazimuth_deg = [10.0, 20.0, 0.0]\n", "and a step above 0"),
        ("[grid]\nelevation_shift_deg = 10.0\n", "an elevation of 98.5 degrees"),
        ("[grid]\nelevation_shift_deg = -10.5\n", "an elevation of 0 degrees"),
        ("[grid]\nazimuth_deg = [0.0, 300.0, 0.001]\n", "users; expected at most 100000"),
        ("[method]\nstart_beta_deg = 2.0\n", "start_beta_deg = 2.0: goes with start = 'truth'"),
        ('[method]\nreference = "first-visible"\n',
         "reference = 'first-visible': goes with estimator = 'seed' or 'seed-exact-triangle'"),
        ('[method]\nestimator = "gls"\ndistance = "mean"\n', "distance = 'mean': goes with"),
        ("[calibration]\nmodelled_db = 0.3\n",
         "modelled_db = 0.3: goes with [method] estimator = 'gls', not with 'ml'"),
        ("[variants]\nx = { grid.azimuth_shift_deg = 1.0 }\n",
         "[variants] 'x': cannot change 'grid'. Accepted: orbit, antenna,"),
        ("[antenna]\nring_dbw = [1.0, 2.0]\n", "expected the EIRP of a beam of each of the four"),
    ],
)  # fmt: skip
def test_contradictions_get_their_sentence(tmp_path, text, message):
    assert message in refused(tmp_path, text)


def test_a_variant_that_is_not_there_or_wrong_gets_its_sentence(tmp_path):
    text = 'variant = "shrap"\n[variants]\nsharp = { antenna.elements = 12 }\n'
    message = refused(tmp_path, "", text + HEAD)
    assert "variant = 'shrap': is not in [variants]. Did you mean 'sharp'? Known: sharp." in message
    text = 'variant = "x"\n[variants]\nx = { antenna.elements = 1 }\n'
    message = refused(tmp_path, "", text + HEAD)
    assert "variant 'x': [antenna] elements = 1: expected the elements of each side" in message
    text = 'variant = "x"\n[variants]\nx = { receiver.sensitivty_dbw = -150.0 }\n'
    assert "Did you mean 'sensitivity_dbw'?" in refused(tmp_path, "", text + HEAD)


def test_a_height_known_to_a_thousand_kilometres_is_no_prior(tmp_path):
    shared = prepared(tmp_path, "[height]\nprior_sigma_m = 1e9\n").shared
    assert np.isinf(float(shared.estimator.prior.sigma_m))


@pytest.mark.parametrize("text", ["x = 3", "x = { antenna = 3 }", 'x = { antenna.elements = "a" }'])
def test_a_variant_of_another_shape_is_refused(tmp_path, text):
    message = refused(tmp_path, "", f'variant = "x"\n[variants]\n{text}\n' + HEAD)
    assert "expected" in message
