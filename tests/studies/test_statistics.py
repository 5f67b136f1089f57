"""Statistics against plain NumPy over all trials at once; only solved trials count."""

import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.inference.status import Status
from leopnt.studies.statistics import NOT_FINITE, PositionStatistics, nees_of, status_sentences

TRIALS_PER_CASE = 400
NUM_CASES = 4
RNG = np.random.default_rng(11)
FACTOR = RNG.normal(size=(NUM_CASES, 3, 3)) + 3 * np.eye(3)
BOUND_M2 = FACTOR @ np.swapaxes(FACTOR, 1, 2)
DIVERGED = int(np.asarray(Status.diverged._value))
SCALARS = (
    "rmse_3d",
    "rmse_horizontal",
    "rmse_vertical",
    "mean_nees",
    "bias_east",
    "bias_north",
    "bias_up",
    "error_3d_median",
    "error_horizontal_median",
    "bound_3d",
    "bound_horizontal",
    "bound_vertical",
    "rmse_over_bound",
    "rmse_over_bound_sigma",
    "normalized_rmse",
    "normalized_rmse_sigma",
)


def drawn(rng=RNG):
    """Trials of all cases: solved, diverged with wild errors, and solved with NaN."""
    index = np.arange(NUM_CASES * TRIALS_PER_CASE)
    case = index // TRIALS_PER_CASE
    error_m = np.einsum("tij,tj->ti", FACTOR[case], rng.normal(size=(len(index), 3)))
    error_m += np.array([1.0, 2.0, -1.0])
    status = np.zeros(len(index), np.int8)
    status[case == 1] = rng.choice([0, DIVERGED, 3], TRIALS_PER_CASE)
    error_m[status != 0] = rng.choice([1e8, np.nan, np.inf], size=(np.sum(status != 0), 3))
    error_m[5::50, 1] = np.nan
    error_m[6::90, 0] = -np.inf
    nees = rng.chisquare(3, len(index))
    nees[7::100] = np.nan
    return index, {"status": status, "error_enu_m": error_m, "nees": nees}


def statistics_of(index, trials, bound_m2=BOUND_M2, pieces=1):
    found = PositionStatistics(bound_m2, TRIALS_PER_CASE)
    for part in np.array_split(np.arange(len(index)), pieces):
        found.add(index[part], {name: values[part] for name, values in trials.items()})
    return {name: column.values for name, column in found.columns().items()}


def by_hand(index, trials, bound_m2=BOUND_M2):
    """Every scalar from its definition, over the solved trials as they are."""
    case = index // TRIALS_PER_CASE
    finite = np.all(np.isfinite(trials["error_enu_m"]), axis=1)
    ok = (trials["status"] == 0) & finite
    error, case = trials["error_enu_m"][ok], case[ok]
    east, north, up = error.T
    size, flat = np.linalg.norm(error, axis=1), np.hypot(east, north)
    nees = trials["nees"][ok]
    has = np.isfinite(bound_m2[case]).all(axis=(1, 2))
    bound = bound_m2[case[has]]
    square = size[has] ** 2
    diagonal = np.diagonal(bound, axis1=1, axis2=2)
    ratio = np.sqrt(square.mean() / diagonal.sum(axis=1).mean())
    own = np.einsum("ti,tij,tj->t", error[has], np.linalg.inv(bound), error[has])
    root = np.sqrt(own.mean() / 3)

    def sigma(value, squares):  # of the root of a mean, by its derivative
        return 0.5 * value * squares.std(ddof=1) / np.sqrt(len(squares)) / squares.mean()

    return {
        "rmse_3d": np.sqrt(np.mean(size**2)),
        "rmse_horizontal": np.sqrt(np.mean(flat**2)),
        "rmse_vertical": np.sqrt(np.mean(up**2)),
        "mean_nees": np.nanmean(nees),
        "bias_east": east.mean(),
        "bias_north": north.mean(),
        "bias_up": up.mean(),
        "error_3d_median": np.median(size),
        "error_horizontal_median": np.median(flat),
        "bound_3d": np.sqrt(diagonal.sum(axis=1).mean()),
        "bound_horizontal": np.sqrt(diagonal[:, :2].sum(axis=1).mean()),
        "bound_vertical": np.sqrt(diagonal[:, 2].mean()),
        "rmse_over_bound": ratio,
        "rmse_over_bound_sigma": sigma(ratio, square),
        "normalized_rmse": root,
        "normalized_rmse_sigma": sigma(root, own),
    }


@pytest.mark.parametrize("unbounded", [[], [2], [0, 3]])
def test_every_statistic_is_that_of_the_solved_trials(unbounded, evidence):
    bound_m2 = BOUND_M2.copy()
    bound_m2[unbounded] = np.nan
    index, trials = drawn()
    found, expected = statistics_of(index, trials, bound_m2, 7), by_hand(index, trials, bound_m2)
    worst = max(abs(found[name] / expected[name] - 1) for name in SCALARS)
    evidence(
        "studies.statistics",
        "statistics of solved trials, relative",
        "NumPy over all trials at once",
        "implementation",
        achieved=worst,
        tolerance=1e-10,  # rounding of 1600 terms
    )


def test_quantiles_are_those_of_the_solved_trials():
    index, trials = drawn()
    ok = (trials["status"] == 0) & np.isfinite(trials["error_enu_m"]).all(axis=1)
    error = trials["error_enu_m"][ok]
    found = statistics_of(index, trials, pieces=5)
    size = np.sort(np.linalg.norm(error, axis=1))
    for level in (1, 50, 99):
        place = level / 100 * (len(size) - 1)
        low = size[int(place)]
        by_hand = low + (place - int(place)) * (size[int(place) + 1] - low)
        np.testing.assert_allclose(found["error_3d_quantile"][level - 1], by_hand, rtol=1e-12)
    flat = np.hypot(error[:, 0], error[:, 1])
    share = np.mean(flat[:, None] <= found["error_horizontal_quantile"], axis=0)
    np.testing.assert_allclose(share, np.arange(1, 100) / 100, atol=1 / len(flat))


def test_every_trial_is_counted_once_by_how_it_ended():
    index, trials = drawn()
    keep = np.r_[0:700, 900:1600]  # 200 were never run
    found = statistics_of(index[keep], {k: v[keep] for k, v in trials.items()}, pieces=3)
    status, error = trials["status"][keep], trials["error_enu_m"][keep]
    lost = (status == 0) & ~np.isfinite(error).all(axis=1)
    sentences = status_sentences()
    for number, sentence in enumerate(sentences[:-1]):
        assert found["count"][number] == np.sum((status == number) & ~lost), sentence
    assert sentences[-1] == NOT_FINITE
    assert found["count"][-1] == found["not_finite"] == lost.sum() > 0
    assert found["trials"] == 1600
    assert found["missing"] == 200
    assert found["solved"] == np.sum((status == 0) & ~lost)
    assert found["solved"] + found["not_solved"] + found["missing"] == found["trials"]


def test_cases_have_their_own_error_and_share():
    index, trials = drawn()
    found = statistics_of(index, trials)
    ok = (trials["status"] == 0) & np.isfinite(trials["error_enu_m"]).all(axis=1)
    for case in range(NUM_CASES):
        mine = index // TRIALS_PER_CASE == case
        np.testing.assert_allclose(found["case_solved"][case], ok[mine].mean(), rtol=1e-14)
        rms = np.sqrt(np.mean(np.sum(trials["error_enu_m"][mine & ok] ** 2, axis=1)))
        np.testing.assert_allclose(found["case_rmse_3d"][case], rms, rtol=1e-12)


def test_what_did_not_solve_changes_no_average():
    index, trials = drawn()
    bad = (trials["status"] != 0) | ~np.isfinite(trials["error_enu_m"]).all(axis=1)
    wild = {**trials, "error_enu_m": trials["error_enu_m"].copy(), "nees": trials["nees"].copy()}
    wild["error_enu_m"][trials["status"] != 0] = 7e5
    wild["nees"][bad] = 1e30
    one, other = statistics_of(index, trials), statistics_of(index, wild)
    for name in SCALARS:
        assert one[name] == other[name], name


def test_a_case_without_solved_trials_leaves_the_bounds_alone():
    index, trials = drawn()
    trials["status"][index // TRIALS_PER_CASE == 2] = DIVERGED
    found, expected = statistics_of(index, trials), by_hand(index, trials)
    np.testing.assert_allclose(found["bound_3d"], expected["bound_3d"], rtol=1e-12)
    assert np.isnan(found["case_rmse_3d"][2])
    assert found["case_solved"][2] == 0


@pytest.mark.parametrize("how", ["nothing run", "all diverged", "all NaN"])
def test_without_solved_trials_every_statistic_is_nan(how):
    index, trials = drawn()
    if how == "nothing run":
        index, trials = index[:0], {name: values[:0] for name, values in trials.items()}
    elif how == "all diverged":
        trials["status"][:] = DIVERGED
    else:
        trials["status"][:], trials["error_enu_m"][:] = 0, np.nan
    found = statistics_of(index, trials)
    assert all(np.isnan(found[name]) for name in SCALARS)
    assert np.isnan(found["error_3d_quantile"]).all()
    assert np.isnan(found["case_rmse_3d"]).all()
    assert found["solved"] == 0
    assert found["missing"] == 1600 - len(index)
    share = found["case_solved"]
    assert np.isnan(share).all() if how == "nothing run" else np.all(share == 0)


def test_nothing_added_at_all_is_as_nothing_run():
    columns = PositionStatistics(BOUND_M2, TRIALS_PER_CASE).columns()
    assert all(np.isnan(columns[name].values) for name in SCALARS)
    assert columns["missing"].values == 1600


def test_one_trial_has_an_error_and_no_standard_error():
    trials = {
        "status": np.zeros(1, np.int8),
        "error_enu_m": np.array([[3.0, 4.0, 12.0]]),
        "nees": np.array([2.5]),
    }
    found = statistics_of(np.array([401]), trials)
    assert found["rmse_3d"] == 13.0
    assert found["rmse_horizontal"] == 5.0
    assert found["bias_up"] == 12.0
    assert found["mean_nees"] == 2.5
    np.testing.assert_array_equal(found["error_3d_quantile"], 13.0)
    np.testing.assert_allclose(found["bound_3d"], np.sqrt(np.trace(BOUND_M2[1])), rtol=1e-15)
    assert np.isnan(found["rmse_over_bound_sigma"])
    assert np.isnan(found["normalized_rmse_sigma"])


def test_without_any_bound_errors_are_told_and_ratios_are_nan():
    index, trials = drawn()
    found = statistics_of(index, trials, np.full_like(BOUND_M2, np.nan))
    assert np.isfinite(found["rmse_3d"])
    assert all(np.isnan(found[name]) for name in SCALARS if "bound" in name or "norm" in name)


def test_a_bound_that_rounding_made_no_covariance_counts_as_none():
    spoiled, without = BOUND_M2.copy(), BOUND_M2.copy()
    spoiled[1], without[1] = np.diag([1e18, 1.0, -3.0]), np.nan
    index, trials = drawn()
    one, other = statistics_of(index, trials, spoiled), statistics_of(index, trials, without)
    assert all(one[name] == other[name] for name in SCALARS)


def test_the_standard_error_is_the_scatter_of_the_ratio():
    rng, ratios, sigmas = np.random.default_rng(2), [], []
    index = np.arange(TRIALS_PER_CASE)
    for _ in range(400):
        error = np.einsum("ij,tj->ti", FACTOR[0], rng.normal(size=(len(index), 3)))
        trials = {"status": np.zeros(400, np.int8), "error_enu_m": error, "nees": np.ones(400)}
        found = statistics_of(index, trials, BOUND_M2[:1])
        ratios.append(found["rmse_over_bound"])
        sigmas.append(found["rmse_over_bound_sigma"])
    # 400 repetitions know a standard deviation to 3.5 %; 15 % is four of those
    np.testing.assert_allclose(np.mean(sigmas), np.std(ratios), rtol=0.15)
    np.testing.assert_allclose(np.mean(ratios), 1.0, atol=0.01)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_nees_is_the_squared_error_over_the_covariance(scale):
    error, covariance = np.array([1.0, -2.0, 0.5]), BOUND_M2[0] * scale**2
    expected = (scale * error) @ np.linalg.solve(covariance, scale * error)
    found = nees_of(jnp.asarray(scale * error), jnp.asarray(covariance))
    np.testing.assert_allclose(float(found), expected, rtol=1e-12)


def test_sentences_say_how_a_trial_ended():
    sentences = status_sentences()
    assert sentences[0] == "solved"
    assert len(set(sentences)) == len(sentences) == len(Status._name_to_item) + 1
    assert all(sentences)
