"""Positions from Doppler: the real Iridium set, a second solver, starts, mirrors, outliers."""

import dataclasses

import gauss_newton
import numpy as np
import pytest
from doppler_logs import (
    DRIFT,
    HONG_KONG_M,
    OFFSET,
    PLACE_M,
    POSITION,
    ecef,
    iridium,
    noise_free,
    noisy,
    pass_over,
    six_passes,
)
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.inference.status import Status
from leopnt.methods.doppler_fix import (
    EphemerisAgeing,
    FixOptions,
    GivenSigma,
    Height,
    PerSatelliteSigma,
    fix,
)

KNOWN_HEIGHT = Height(61.384)


def error_m(result, truth_m=HONG_KONG_M):
    return np.linalg.norm(result.position_ecef_m - truth_m)


@pytest.mark.parametrize(
    ("label", "options", "expected_m"),
    [
        ("position", FixOptions(unknowns=POSITION), 167.7),
        ("position and offset", FixOptions(unknowns=OFFSET), 165.1),
        ("position and offset, height known", FixOptions(height=KNOWN_HEIGHT), 101.0),
    ],
)
def test_iridium_gives_the_published_errors(label, options, expected_m, evidence):
    result = fix(iridium(), options)
    assert result.converged
    assert result.used.all()
    evidence(
        "methods.doppler_fix.solve",
        f"3D error of real Iridium bursts, {label}: {expected_m} m",
        "Gauss-Newton of the data's readme, Earth rotation in flight",
        "real data",
        achieved=abs(error_m(result) - expected_m),
        tolerance=0.1,
        unit="m",
    )
    assert abs(result.residual_rms_hz - 5.5) < 0.05
    # The error is what the covariance predicts (chi-square of 3 below its 99 % quantile).
    miss, covariance = result.error_enu_m(HONG_KONG_M), result.covariance_enu_m2
    assert miss @ np.linalg.solve(covariance, miss) < 11.3


def of_height(mean, sigma):
    return lambda x: (gauss_newton.height(x["rx_pos_ecef_m"]) - mean) / sigma


def of_field(name, sigma):
    return lambda x: x[name] / sigma


def cases():
    """Log, options, and what the second solver needs: start values and priors."""
    trusted = {"weights": GivenSigma(), "snooping_sigmas": None}
    bursts = dataclasses.replace(iridium(), sigma_hz=np.full(218, 5.0))
    num = len(bursts.satellites)
    near = {"rx_pos_ecef_m": HONG_KONG_M + 3e4}
    offset = {**near, "freq_offset_hz": 0.0}
    yield "position", bursts, FixOptions(unknowns=POSITION, **trusted), near, ()
    yield "+ offset", bursts, FixOptions(**trusted), offset, ()
    height = FixOptions(height=Height(61.384, 30.0), **trusted)
    yield "+ offset, height within 30 m", bursts, height, offset, (of_height(61.384, 30.0),)
    both = FixOptions(unknowns=(*OFFSET, "sat_freq_offset_hz"), sat_freq_sigma_hz=4.0, **trusted)
    start = {**offset, "sat_freq_offset_hz": np.zeros(num)}
    yield "+ satellite offsets", bursts, both, start, (of_field("sat_freq_offset_hz", 4.0),)

    aged = dataclasses.replace(bursts, ephemeris_age_s=np.linspace(0.1, 0.7, num) * 86400)
    ageing = EphemerisAgeing()
    days = aged.ephemeris_age_s / 86400
    along_m = ageing.initial_m + ageing.per_day_m * days + ageing.per_day2_m * days**2
    radius = np.linalg.norm(aged.sat_pos_ecef_m, axis=1)
    speed = [np.sqrt(gauss_newton.GM / radius[aged.sat_index == s].mean()) for s in range(num)]
    times = FixOptions(unknowns=(*OFFSET, "sat_time_offset_s"), ageing=ageing, **trusted)
    start = {**offset, "sat_time_offset_s": np.zeros(num)}
    prior = of_field("sat_time_offset_s", along_m / speed)
    yield "+ satellite time offsets", aged, times, start, (prior,)

    rng = np.random.default_rng(1)
    drifting = noisy(six_passes(), 3.0, rng, offset_hz=80.0, drift_hzps=0.3, state=True)
    start = {"rx_pos_ecef_m": PLACE_M + 1e4, "freq_offset_hz": 0.0, "freq_drift_hzps": 0.0}
    yield "+ drift", drifting, FixOptions(unknowns=DRIFT, **trusted), start, ()
    velocity = np.array([60.0, -190.0, 40.0])
    flying = noisy(six_passes(velocity_mps=velocity), 3.0, rng, offset_hz=80.0, state=True)
    start = {
        "rx_pos_ecef_m": PLACE_M + 1e4,
        "freq_offset_hz": 0.0,
        "rx_vel_ecef_mps": np.zeros(3),
    }
    moving = FixOptions(unknowns=(*OFFSET, "rx_vel_ecef_mps"), **trusted)
    yield "+ velocity", flying, moving, start, ()


@pytest.mark.parametrize(
    ("label", "log", "options", "start", "priors"), [pytest.param(*c, id=c[0]) for c in cases()]
)
def test_another_solver_finds_the_same_solution(label, log, options, start, priors, evidence):
    result = fix(log, options)
    assert result.status == Status.converged
    x, covariance = gauss_newton.solve(log, start, log.sigma_hz, priors)
    evidence(
        "methods.doppler_fix.solve",
        f"position, {label}",
        "Gauss-Newton in NumPy, numeric derivatives",
        "implementation",
        achieved=np.linalg.norm(result.position_ecef_m - x["rx_pos_ecef_m"]),
        tolerance=1e-3,
        unit="m",
    )
    theta, unknowns = result.estimate.theta, result.estimate.unknowns
    order, at = [], 0
    for name, value in x.items():
        places = np.arange(at, at + np.size(value))
        at += np.size(value)
        sigma = np.sqrt(np.diag(covariance))[places]
        difference = np.ravel(getattr(theta, name)) - np.ravel(value)
        assert np.all(np.abs(difference) < 1e-4 * sigma), name
        order.append((unknowns.slice(name).start, places))
    order = np.concatenate([places for _, places in sorted(order, key=lambda o: o[0])])
    ours = np.asarray(result.estimate.covariance)
    theirs = covariance[np.ix_(order, order)]
    unit = np.sqrt(np.diag(theirs))
    evidence(
        "methods.doppler_fix.solve",
        f"covariance, {label}",
        "Gauss-Newton in NumPy, numeric derivatives",
        "implementation",
        achieved=np.abs((ours - theirs) / np.outer(unit, unit)).max(),
        tolerance=1e-5,
    )
    axes = result.enu_axes
    formal = axes @ ours[:3, :3] @ axes.T
    np.testing.assert_allclose(result.crb_enu_m2, formal, rtol=1e-6, atol=1e-6)
    if options.ageing is None:
        np.testing.assert_allclose(formal, result.covariance_enu_m2, rtol=1e-9)
    else:  # radial and normal errors are not estimated here, but considered
        assert np.all(np.linalg.eigvalsh(result.covariance_enu_m2 - formal) > -1e-6)


def uniform_places(count, seed=0):
    v = np.random.default_rng(seed).normal(size=(count, 3))
    return 6371e3 * v / np.linalg.norm(v, axis=1, keepdims=True)


@pytest.mark.study
def test_any_start_on_earth_leads_to_the_same_solution(evidence):
    log, best = iridium(), fix(iridium()).position_ecef_m
    starts = [-HONG_KONG_M, np.zeros(3), np.array([0.0, 0.0, 6356752.0]), 5 * HONG_KONG_M]
    starts += list(uniform_places(study_size(25, 1000)))
    found = [fix(log, FixOptions(start_ecef_m=start)) for start in starts]
    assert all(result.converged for result in found)
    evidence(
        "methods.doppler_fix.solve",
        "largest change of the Iridium fix from starts over the whole Earth, antipode, centre",
        "the fix without a start",
        "invariance",
        achieved=max(np.linalg.norm(result.position_ecef_m - best) for result in found),
        tolerance=1e-3,
        unit="m",
    )


def test_plain_gauss_newton_fails_where_the_search_does_not():
    log, rng = iridium(), np.random.default_rng(3)
    hits = 0
    for _ in range(30):
        tangent = np.cross(HONG_KONG_M, rng.normal(size=3))
        away = 4000e3 / 6371e3
        start = np.cos(away) * HONG_KONG_M + np.sin(away) * tangent / np.linalg.norm(tangent) * (
            np.linalg.norm(HONG_KONG_M)
        )
        with np.errstate(all="ignore"):
            try:
                x, _ = gauss_newton.solve(log, {"rx_pos_ecef_m": start}, 1.0)
            except np.linalg.LinAlgError:
                continue
        hits += np.linalg.norm(x["rx_pos_ecef_m"] - HONG_KONG_M) < 1e3
    assert hits < 8


# Invariances


def test_names_and_order_of_satellites_and_the_origin_of_time_do_not_matter():
    log = iridium()
    base = fix(log)
    num = len(log.satellites)
    other = dataclasses.replace(
        log,
        satellites=tuple(reversed(log.satellites)),
        sat_index=num - 1 - log.sat_index,
        time_s=log.time_s + 1.4e9,
    )
    np.testing.assert_allclose(fix(other).position_ecef_m, base.position_ecef_m, atol=1e-3)


def test_turning_satellites_about_the_axis_turns_the_solution():
    log, base, angle = iridium(), fix(iridium()), 1.1
    turned = dataclasses.replace(
        log,
        sat_pos_ecef_m=gauss_newton.turned(log.sat_pos_ecef_m, angle),
        sat_vel_ecef_mps=gauss_newton.turned(log.sat_vel_ecef_mps, angle),
    )
    expected = gauss_newton.turned(base.position_ecef_m[None], angle)[0]
    np.testing.assert_allclose(fix(turned).position_ecef_m, expected, atol=1e-3)


def test_a_common_frequency_shift_moves_only_the_offset():
    log, base = iridium(), fix(iridium())
    shifted = fix(dataclasses.replace(log, doppler_hz=log.doppler_hz + 5e4))
    np.testing.assert_allclose(shifted.position_ecef_m, base.position_ecef_m, atol=1e-3)
    moved = shifted.estimate.theta.freq_offset_hz - base.estimate.theta.freq_offset_hz
    assert abs(moved - 5e4) < 1e-4


def test_a_receiver_with_two_carriers_is_found_despite_a_large_offset():
    rng, log = np.random.default_rng(4), six_passes()
    carrier = np.where(log.sat_index < 3, 1.6e9, 11.3e9)
    ratio = carrier / 1.6e9
    log = dataclasses.replace(log, carrier_hz=carrier, doppler_hz=log.doppler_hz * ratio)
    # 20 ppm: 32 kHz at one carrier, 226 kHz at the other
    log = dataclasses.replace(log, doppler_hz=log.doppler_hz + 2e-5 * carrier)
    result = fix(noisy(log, 3.0 * ratio[[np.argmax(log.sat_index == s) for s in range(6)]], rng))
    assert result.converged
    assert error_m(result, PLACE_M) < 5 * np.sqrt(np.trace(result.covariance_enu_m2))


# Mirrors


def single_pass(lat, lon, aside_deg, ascending=True, altitude_m=780e3):
    orbit = pass_over(lat, lon, altitude_m, aside_deg=aside_deg, ascending=ascending)
    place = ecef(lat, lon, 50.0)
    times = np.linspace(-300, 300, 241)
    return noise_free([orbit], times, place, mask_deg=5.0), place


PASSES = [
    (lat, lon, aside / np.cos(np.radians(lat)), up)
    for lat, lon in [(5.0, 20.0), (48.0, -100.0), (-35.0, 179.9)]
    for aside, up in [(-9.0, True), (3.0, False), (0.8, True), (14.0, True)]
]


@pytest.mark.parametrize("unknowns", [POSITION, OFFSET])
def test_both_sides_of_a_single_pass_are_found_and_weak_noise_tells_them_apart(unknowns):
    height = Height(50.0, 1.0)
    for number, arc in enumerate(PASSES):
        log, place = single_pass(*arc)
        result = fix(
            noisy(log, 0.05, np.random.default_rng(number)),
            FixOptions(unknowns=unknowns, height=height),
        )
        assert result.converged
        assert error_m(result, place) < 6 * np.sqrt(np.trace(result.covariance_enu_m2))
        assert any(not a.is_solution for a in result.alternatives)


@pytest.mark.parametrize("sigma_hz", [5.0, 60.0])
def test_a_single_pass_in_strong_noise_is_ambiguous_or_right(sigma_hz):
    statuses = []
    for number, arc in enumerate(PASSES):
        log, place = single_pass(*arc)
        log = noisy(log, sigma_hz, np.random.default_rng(100 + number), offset_hz=200.0)
        result = fix(log, FixOptions(height=Height(50.0, 1.0)))
        statuses.append(Status[result.status])
        far = error_m(result, place) > 6 * np.sqrt(np.trace(result.covariance_enu_m2))
        assert not (result.converged and far)
        if result.status == Status.ambiguous:
            sides = [a.position_ecef_m for a in result.alternatives if a.is_solution or a.is_rival]
            sigma_m = np.sqrt(np.trace(result.covariance_enu_m2))
            assert min(np.linalg.norm(side - place) for side in sides) < 6 * sigma_m
            assert any("Another position fits nearly as well" in w for w in result.warnings)
        assert any("Only one satellite" in w for w in result.warnings)
    if sigma_hz > 50:
        assert statuses.count(Status[Status.ambiguous]) > 3


def test_a_pass_so_short_that_it_tells_little_is_not_passed_off_as_a_fix():
    log, place = single_pass(48.0, 11.0, 6.0)
    short = noise_free([pass_over(48.0, 11.0, 780e3, aside_deg=6.0)], np.arange(0, 24, 0.1), place)
    assert len(short.time_s) == 240
    result = fix(noisy(short, 5.0, np.random.default_rng(0)))
    assert not result.converged
    assert np.all(np.isnan(result.position_ecef_m))
    assert len(log.time_s) > 0


# Outliers


def planted(log, rng, share, size_hz, clustered):
    count = round(share * len(log.time_s))
    pool = np.arange(len(log.time_s))
    if clustered:
        pool = np.flatnonzero(log.sat_index == np.argmax(np.bincount(log.sat_index)))
    bad = np.zeros(len(log.time_s), bool)
    bad[rng.choice(pool, count, replace=False)] = True
    gross = rng.choice([-1, 1], len(bad)) * rng.uniform(0.5, 1.0, len(bad)) * size_hz
    return dataclasses.replace(log, doppler_hz=log.doppler_hz + np.where(bad, gross, 0.0)), bad


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("size_hz", [300.0, 3e3, 3e4])
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_planted_gross_errors_are_rejected_and_no_others(share, size_hz, clustered, evidence):
    rng = np.random.default_rng(8)
    log, bad = planted(iridium(), rng, share, size_hz, clustered)
    result = fix(log)
    assert result.converged
    np.testing.assert_array_equal(result.used, ~bad)
    assert all((reason != "") == out for reason, out in zip(result.rejection, bad, strict=True))
    assert all("sigma, limit 4." in r for r in np.array(result.rejection)[bad])
    if share > 0.15:
        assert any("20% of the measurements were rejected" in w for w in result.warnings)
    clean = {
        name: getattr(log, name)[~bad]
        for name in ("time_s", "sat_index", "doppler_hz", "sat_pos_ecef_m", "carrier_hz")
    }
    rest = dataclasses.replace(log, sat_vel_ecef_mps=log.sat_vel_ecef_mps[~bad], **clean)
    start = {"rx_pos_ecef_m": HONG_KONG_M, "freq_offset_hz": 0.0}
    x, _ = gauss_newton.solve(rest, start, 1.0)
    evidence(
        "methods.doppler_fix.candidates",
        "position despite gross errors of 0.3 to 30 kHz in 10 and 20 % of the Iridium set",
        "Gauss-Newton on the good measurements alone",
        "implementation",
        achieved=np.linalg.norm(result.position_ecef_m - x["rx_pos_ecef_m"]),
        tolerance=1e-3,
        unit="m",
    )


def test_one_wrong_satellite_is_thrown_out_as_a_whole():
    # Its Doppler belongs to another orbit, as after a mix-up of names.
    log = iridium()
    bad = log.sat_index == log.satellites.index("19")
    doppler = np.where(bad, -log.doppler_hz + 500.0, log.doppler_hz)
    result = fix(dataclasses.replace(log, doppler_hz=doppler))
    np.testing.assert_array_equal(result.used, ~bad)


# What cannot be solved


def test_noise_in_place_of_doppler_is_no_fix():
    log, rng = iridium(), np.random.default_rng(0)
    for _ in range(3):
        noise = dataclasses.replace(log, doppler_hz=rng.uniform(-3e4, 3e4, len(log.time_s)))
        result = fix(noise)
        assert not result.converged or any(
            "too large for Doppler noise" in w for w in result.warnings
        )


def test_satellites_below_the_horizon_give_no_position():
    orbits = [pass_over(47 + k, 8.5, 780e3, aside_deg=60 + 9 * k) for k in range(5)]
    log = noise_free(orbits, np.arange(-300.0, 300.0, 13.0), PLACE_M, mask_deg=-90)
    result = fix(noisy(log, 3.0, np.random.default_rng(0)))
    assert not result.has_position
    assert np.isnan(result.lat_rad)
    assert np.all(np.isnan(result.error_enu_m(PLACE_M)))


def test_a_mask_that_leaves_too_few_measurements_says_so():
    log = noisy(six_passes(), 3.0, np.random.default_rng(0))
    result = fix(log, FixOptions(mask_rad=np.radians(89.0)))
    assert result.status == Status.too_few_measurements
    assert np.all(np.isnan(result.position_ecef_m))
    assert all("below the mask of 89.0 deg" in reason for reason in result.rejection)
    assert not result.used.any()


def test_a_mask_leaves_out_exactly_the_low_satellites():
    log = noisy(six_passes(mask_deg=5.0), 3.0, np.random.default_rng(0))
    result = fix(log, FixOptions(mask_rad=np.radians(20.0)))
    np.testing.assert_array_equal(result.used, result.el_rad >= np.radians(20.0))
    low = ~result.used
    assert low.sum() > 20
    assert all("below the mask" in reason for reason in np.array(result.rejection)[low])


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (1, FixOptions(), "1 measurements and 0 priors cannot determine 4 unknowns"),
        (3, FixOptions(unknowns=POSITION), None),
        (3, FixOptions(), "cannot determine 4 unknowns (rx_pos_ecef_m, freq_offset_hz)"),
        (
            9,
            FixOptions(unknowns=(*DRIFT, "rx_vel_ecef_mps"), height=Height(0.0)),
            None,
        ),
        (
            6,
            FixOptions(unknowns=(*DRIFT, "rx_vel_ecef_mps"), height=Height(0.0)),
            "6 measurements and 1 priors cannot determine 8 unknowns",
        ),
    ],
)
def test_fewer_equations_than_unknowns_are_refused(count, options, message):
    log = six_passes()
    pick = np.linspace(0, len(log.time_s) - 1, count).astype(int)
    fields = ("time_s", "sat_index", "doppler_hz", "sat_pos_ecef_m", "sat_vel_ecef_mps")
    few = {name: getattr(log, name)[pick] for name in (*fields, "carrier_hz")}
    few = dataclasses.replace(log, **few)
    if message is None:
        assert fix(few, options).status != Status.too_few_measurements
        return
    with pytest.raises(LeopntError) as caught:
        fix(few, options)
    assert message in str(caught.value)
    assert "at least" in str(caught.value)


def test_trusted_sigmas_must_be_in_the_log():
    with pytest.raises(LeopntError, match=r"GivenSigma takes the log's sigma_hz, but the log has"):
        fix(iridium(), FixOptions(weights=GivenSigma()))


def test_weights_by_satellite_do_no_harm_to_the_iridium_fix():
    # 101.0 m by equal weights; sigmas by satellite change it by less than its own sigma.
    equal = fix(iridium(), FixOptions(height=KNOWN_HEIGHT))
    weighed = fix(iridium(), FixOptions(height=KNOWN_HEIGHT, weights=PerSatelliteSigma()))
    moved = weighed.error_enu_m(equal.position_ecef_m)
    assert np.linalg.norm(moved) < 0.3 * np.sqrt(np.trace(equal.covariance_enu_m2))


def test_eight_satellites_at_one_instant_give_a_fix():
    orbits = [
        pass_over(47, 8.5, 700e3 + 30e3 * k, aside_deg=a, when_s=w, ascending=a > 0)
        for k, (a, w) in enumerate(
            [(-9, 10), (5, -60), (12, 40), (-3, 150), (8, -200), (-14, 60), (2, 220), (-6, -150)]
        )
    ]
    log = noise_free(orbits, np.array([0.0]), PLACE_M)
    assert len(log.time_s) == 8
    result = fix(noisy(log, 0.05, np.random.default_rng(2), offset_hz=-900.0))
    assert result.has_position
    assert error_m(result, PLACE_M) < 15 * np.sqrt(np.trace(result.covariance_enu_m2))
    assert any("4 redundant measurements" in w for w in result.warnings)
