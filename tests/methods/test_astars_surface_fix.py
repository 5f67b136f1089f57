"""LS-1: planted surfaces, NumPy's least squares, and what it refuses."""

import astars_worked_case as case
import jax
import numpy as np
import pytest
from astars_skies import ENU, LEO_RADIUS_M, MEO_RADIUS_M, design, relayed_m, sky
from study_sizes import study_size

from leopnt.errors import LeopntError
from leopnt.frames import geodetic_to_ecef
from leopnt.inference.lapack_guard import calls_lapack
from leopnt.methods.astars import AstarsStatus, ranges_of_phases, surface_fix, surface_fix_one

TWO_PLACES, WEAK = AstarsStatus.two_places, AstarsStatus.weak_geometry
SIGMA_M = 0.29
TRIALS = 4000


PAD = 12
"""Batches share one kernel: twelve satellites, some of them not visible."""


def first_of(num_sats):
    return np.arange(PAD) < num_sats


@pytest.mark.parametrize("num_sats", [4, 12])
@pytest.mark.parametrize(("name", "radius_m"), [("MEO", MEO_RADIUS_M), ("LEO", LEO_RADIUS_M)])
def test_exact_ranges_give_the_planted_surface(num_sats, name, radius_m, evidence):
    rng = np.random.default_rng(num_sats)
    satellites = sky(rng, 1000, PAD, 360.0, radius_m)
    ranges = relayed_m(satellites, clock_bias_m=3e4)
    found = surface_fix(satellites, ranges, visible=first_of(num_sats))
    assert np.mean(found.status == AstarsStatus.ok) > 0.995
    off_m = np.linalg.norm(found.surface_pos_ecef_m - case.SURFACE_ECEF_M, axis=-1)
    good = np.linalg.cond(design(satellites[:, :num_sats])) < 100.0
    evidence(
        "methods.astars.surface_fix",
        f"surface from {num_sats} {name} satellites, no start given",
        "planted position",
        "invariance",
        achieved=np.max(off_m[good]),
        tolerance=1e-6,
        unit="m",
    )


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(5)
    satellites = sky(rng, TRIALS, PAD, 360.0)
    ranges = relayed_m(satellites) + SIGMA_M * rng.normal(size=satellites.shape[:2])
    weight = rng.uniform(0.3, 3.0, ranges.shape)
    return satellites, ranges, weight, surface_fix(satellites, ranges, weight=weight, threads=1)


def test_weighted_fix_is_that_of_numpy(noisy, evidence):
    satellites, ranges, weight, found = noisy
    worst_m = worst_condition = worst_cofactor = 0.0
    for i in range(40):
        x = np.append(case.SURFACE_ECEF_M, -56.0)
        root = np.sqrt(weight[i])[:, None]
        a = design(satellites[i])
        for _ in range(6):
            a = design(satellites[i], x[:3])
            misfit = ranges[i] - (np.linalg.norm(satellites[i] - x[:3], axis=1) - x[3])
            x = x + np.linalg.lstsq(root * a, root[:, 0] * misfit, rcond=None)[0]
        ours = np.append(found.surface_pos_ecef_m[i], found.lumped_clock_m[i])
        worst_m = max(worst_m, np.max(np.abs(ours - x)))
        worst_condition = max(
            worst_condition, abs(found.condition[i] / np.linalg.cond(root * a) - 1)
        )
        cofactor = np.linalg.inv((root * a).T @ (root * a))
        worst_cofactor = max(worst_cofactor, np.max(np.abs(found.cofactor[i] - cofactor)))
    evidence(
        "methods.astars.surface_fix",
        "weighted surface and lumped clock, 40 sets of twelve satellites",
        "Gauss-Newton on numpy.linalg.lstsq",
        "implementation",
        achieved=worst_m,
        tolerance=1e-6,
        unit="m",
    )
    assert worst_condition < 0.01
    assert worst_cofactor < 1e-6


def qr_fix(satellites, ranges):
    """Six passes of Gauss-Newton by NumPy's QR from the truth, and the condition of the last."""
    x = np.tile(np.append(case.SURFACE_ECEF_M, -56.0), (len(ranges), 1))
    a = design(satellites)
    for _ in range(6):
        a = design(satellites, x[:, None, :3])
        miss = ranges - np.linalg.norm(satellites - x[:, None, :3], axis=-1) + x[:, 3:]
        q, r = np.linalg.qr(a)
        x = x + np.linalg.solve(r, np.einsum("nij,ni->nj", q, miss)[..., None])[..., 0]
    return x, np.linalg.cond(a)


def test_five_satellites_in_half_the_sky_are_fixed_as_by_qr(evidence):
    rng = np.random.default_rng(1)
    satellites = sky(rng, study_size(4000, 20000), PAD)
    ranges = relayed_m(satellites) + 0.2 * rng.normal(size=satellites.shape[:2])
    found = surface_fix(satellites, ranges, visible=first_of(5))
    expected, condition = qr_fix(satellites[:, :5], ranges[:, :5])
    assert np.all(found.status == AstarsStatus.ok)
    ours = np.column_stack([found.surface_pos_ecef_m, found.lumped_clock_m])
    off_m = np.max(np.abs(ours - expected), axis=1)
    evidence(
        "methods.astars.surface_fix",
        f"surface from five satellites, {len(ranges)} half skies, condition to 300",
        "numpy.linalg.qr",
        "implementation",
        achieved=np.max(off_m[condition < 300.0]),
        tolerance=1e-6,
        unit="m",
    )
    # Beyond, the rounding of ranges (4e-9 m) is what is left, in both.
    assert np.all(off_m < 5e-9 * np.maximum(condition, 20.0))
    np.testing.assert_allclose(found.condition, condition, rtol=1e-4)


def test_the_iteration_ends_as_near_to_the_minimum_as_it_says(evidence):
    satellites = sky(np.random.default_rng(12), study_size(4000, 20000), PAD, 360.0)
    ranges = relayed_m(satellites)
    found = surface_fix(satellites, ranges, visible=first_of(4))
    good = np.asarray(found.status == AstarsStatus.ok)
    satellites, ranges = satellites[good, :4], ranges[good, :4]
    ours = np.column_stack([found.surface_pos_ecef_m, found.lumped_clock_m])[good]
    x = ours.astype(np.longdouble)
    for _ in range(3):
        offset = x[:, None, :3] - satellites
        away = np.sqrt(np.sum(offset**2, axis=-1))
        miss = (ranges - away + x[:, 3:]).astype(float)
        rows = design(satellites, x[:, None, :3]).astype(float)
        x = x + np.linalg.solve(rows, miss[..., None])[..., 0]
    trace = np.trace(found.cofactor[good], axis1=1, axis2=2)
    off_m = np.linalg.norm((ours - x).astype(float), axis=1)
    evidence(
        "methods.astars.ranging",
        "distance from the minimum over its bound, four MEO satellites, condition to 1e8",
        "Gauss-Newton with long double misclosures",
        "implementation",
        achieved=np.max(off_m / np.maximum(1e-6, 2e-8 * np.sqrt(trace))),
        tolerance=1.0,
    )


def test_padding_counts_for_nothing(evidence):
    satellites = np.repeat(case.SAT_POS_ECEF_M[:1], PAD, axis=0)
    satellites[:5] = case.SAT_POS_ECEF_M
    ranges = np.full(PAD, 2.5e7)
    ranges[:5] = ranges_of_phases(case.PHASE_CYCLES, case.WAVELENGTH_M)
    found = surface_fix(satellites[None], ranges[None], visible=first_of(5))
    evidence(
        "methods.astars.batches",
        "surface of the worked case among satellites that do not count",
        "worked case of an independent implementation",
        "implementation",
        achieved=np.max(np.abs(found.surface_pos_ecef_m[0] - case.FOUND_SURFACE_ECEF_M)),
        tolerance=1e-6,
        unit="m",
    )


def test_no_thread_waits_for_another(noisy, evidence):
    satellites, ranges, weight, found = noisy
    arguments = (satellites[0], ranges[0], weight[0], np.ones(PAD, bool))
    assert not calls_lapack(surface_fix_one, *arguments)
    twice = surface_fix(satellites, ranges, weight=weight, threads=2)
    evidence(
        "methods.astars.surface_fix",
        "surfaces, two threads against one",
        "bit-equal",
        "invariance",
        achieved=np.max(np.abs(twice.surface_pos_ecef_m - found.surface_pos_ecef_m)),
        tolerance=0,
        unit="m",
    )


def test_a_common_integer_moves_the_lumped_clock_and_not_the_surface(evidence):
    ranges = ranges_of_phases(case.PHASE_CYCLES, case.WAVELENGTH_M)
    more = ranges_of_phases(case.PHASE_CYCLES + 5, case.WAVELENGTH_M)
    a, b = surface_fix(case.SAT_POS_ECEF_M, ranges), surface_fix(case.SAT_POS_ECEF_M, more)
    clock_m = np.asarray(a.lumped_clock_m - b.lumped_clock_m)
    for module, what, off_m in (
        ("inputs", "surface", np.asarray(a.surface_pos_ecef_m - b.surface_pos_ecef_m)),
        ("ranging", "lumped clock beyond five wavelengths", clock_m - 5 * case.WAVELENGTH_M),
    ):
        evidence(
            f"methods.astars.{module}",
            f"{what}, moved by five cycles in all phases",
            "no change",
            "invariance",
            achieved=np.max(np.abs(off_m)),
            tolerance=1e-6,
            unit="m",
        )


def ended(satellites, visible=None):
    return surface_fix(satellites, relayed_m(satellites), visible=visible)


def test_satellites_on_one_cone_are_a_weak_geometry():
    az = np.linspace(0.3, 3.0, 6)
    e = np.stack([0.8 * np.sin(az), 0.8 * np.cos(az), 0.6 * np.ones(6)], axis=-1) @ ENU
    found = ended(case.SURFACE_ECEF_M + 2.1e7 * e)
    assert found.status == AstarsStatus.weak_geometry
    assert np.all(np.isnan(found.surface_pos_ecef_m))


NORTHERN_M = np.array(
    [
        [441128.0, -470705.0, 6890870.0],
        [-199994.0, -527892.0, 6897940.0],
        [2045934.0, -550130.0, 6588759.0],
        [1476212.0, -460827.0, 6746012.0],
    ]
)
"""Four satellites in LEO over 78 degrees north, where the equator's sphere is 20 km too high."""


def test_in_the_north_the_place_near_the_ellipsoid_is_taken(evidence):
    planted = np.asarray(geodetic_to_ecef(np.radians(78.0), np.radians(10.0), 100.0))
    found = surface_fix(NORTHERN_M, np.linalg.norm(NORTHERN_M - planted, axis=1) + 81.0)
    assert found.status == AstarsStatus.ok
    evidence(
        "methods.astars.surface_fix",
        "surface at 78 degrees north from four LEO satellites",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.surface_pos_ecef_m - planted),
        tolerance=1e-6,
        unit="m",
    )


def two_places(rng, count, first_m, second_m):
    """Two places, four satellites and ranges that fit both, those of the second b longer.

    The satellites are where half lines from the first meet one sheet of the hyperboloid
    |s - A| - |s - B| = b.
    """
    lat = rng.uniform(-1.4, 1.4, count) + np.array([[0.0], [0.05]])
    lon = rng.uniform(-3.1, 3.1, count) + np.array([[0.0], [0.02]])
    height = np.stack([rng.uniform(*first_m, count), rng.uniform(*second_m, count)])
    first, second = np.asarray(jax.vmap(jax.vmap(geodetic_to_ecef))(lat, lon, height))
    up = first / np.linalg.norm(first, axis=-1, keepdims=True)
    apart = second - first
    b = 0.2 * np.linalg.norm(apart, axis=-1) * rng.uniform(-1.0, 1.0, count)
    rays = rng.normal(size=(count, 400, 3))
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    # |t e - (B - A)| = t - b  =>  t = (|B - A|^2 - b^2) / 2 (e . (B - A) - b)
    along = np.einsum("nij,nj->ni", rays, apart) - b[:, None]
    away = (np.sum(apart**2, axis=-1) - b**2)[:, None] / (2.0 * along)
    seen = (np.einsum("nij,nj->ni", rays, up) > 0.3) & (away > 4e5) & (away < 4e6)
    chosen = np.argsort(~seen, axis=1, kind="stable")[:, :4]
    good = np.take_along_axis(seen, chosen, 1).all(axis=1)
    take = (np.arange(count)[:, None], chosen)
    satellites = first[:, None] + away[take][..., None] * rays[take]
    ranges = np.linalg.norm(satellites - first[:, None], axis=-1)
    return first[good], second[good], satellites[good], ranges[good] + 81.0


def padded(satellites, ranges):
    """Four satellites in twelve slots."""
    slots = np.minimum(np.arange(PAD), 3)
    return satellites[:, slots], ranges[:, slots]


def test_four_ranges_that_fit_two_places_on_the_ground_are_called_so():
    first, second, satellites, ranges = two_places(
        np.random.default_rng(3), 300, (0.0, 9e3), (0.0, 9e3)
    )
    assert len(first) > 100
    ours, theirs = (np.linalg.norm(satellites - x[:, None], axis=-1) for x in (first, second))
    np.testing.assert_allclose(np.ptp(theirs - ours, axis=1), 0.0, atol=1e-5)
    found = surface_fix(*padded(satellites, ranges), visible=first_of(4))
    told = np.isin(found.status._value, [s._value for s in (TWO_PLACES, WEAK)])
    assert np.all(told)
    assert np.mean(found.status == TWO_PLACES) > 0.95
    assert np.all(np.isnan(found.surface_pos_ecef_m))
    assert "two places" in AstarsStatus[TWO_PLACES]


def test_of_two_places_the_one_at_a_plausible_height_is_taken():
    heights = ((2.5e3, 9e3), (-2e3, -1.1e3))  # the wrong one is nearer to the ellipsoid
    first, _, satellites, ranges = two_places(np.random.default_rng(4), 300, *heights)
    found = surface_fix(*padded(satellites, ranges), visible=first_of(4))
    good = np.asarray(found.status == AstarsStatus.ok)
    assert np.mean(good) > 0.95
    off_m = np.linalg.norm(found.surface_pos_ecef_m - first, axis=1)[good]
    assert np.all(off_m < 1e-8 * found.condition[good])


def test_two_satellites_in_one_place_and_too_few_are_told(evidence):
    twice = np.vstack([case.SAT_POS_ECEF_M, case.SAT_POS_ECEF_M[:1]])
    assert ended(twice).status == AstarsStatus.duplicate_satellites
    few = ended(case.SAT_POS_ECEF_M, visible=np.arange(5) < 3)
    assert few.status == AstarsStatus.too_few_satellites
    assert AstarsStatus[few.status] == "fewer usable satellites than unknowns"
    evidence(
        "methods.astars.status",
        "coordinates given for three satellites",
        "four unknowns",
        "closed form",
        achieved=np.sum(np.isfinite(few.surface_pos_ecef_m)),
        tolerance=0,
    )


def test_satellites_that_share_x_and_the_sum_of_y_and_z_are_no_twins(evidence):
    satellites = np.array(
        [[2e7, 1e7, 5e6], [2e7, 5e6, 1e7], [2.2e7, -1e7, 8e6], [2.3e7, 3e6, -1e7], [2.5e7, 0, 0]]
    )
    planted = np.array([6378137.0, 0.0, 0.0])
    found = surface_fix(satellites, np.linalg.norm(satellites - planted, axis=1) + 56.0)
    assert found.status == AstarsStatus.ok
    evidence(
        "methods.astars.ranging",
        "surface from satellites mirrored in y = z",
        "planted position",
        "invariance",
        achieved=np.linalg.norm(found.surface_pos_ecef_m - planted),
        tolerance=1e-6,
        unit="m",
    )


GOOD = relayed_m(case.SAT_POS_ECEF_M)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((case.SAT_POS_ECEF_M[:3], GOOD[:3]), "holds 3 satellites; the unknowns need 4"),
        ((case.SAT_POS_ECEF_M[:, :2], GOOD), r"accepted: \(..., sat, 3\)"),
        (
            (case.SAT_POS_ECEF_M / 1e3, GOOD),
            "from the Earth's center; expected at least.*kilometers",
        ),
        ((np.full((5, 3), np.nan), GOOD), r"sat_pos_ecef_m\[0, 0\] is nan; expected finite"),
        ((case.SAT_POS_ECEF_M, GOOD[:4]), r"range_m has shape \(4,\) for 5 satellites"),
        ((case.SAT_POS_ECEF_M, GOOD * np.inf), "expected finite"),
        ((case.SAT_POS_ECEF_M.astype(np.float32), GOOD), "sat_pos_ecef_m: got float32; accepted"),
        ((case.SAT_POS_ECEF_M, GOOD + 1j), "range_m: got complex128; accepted: float64"),
        ((case.SAT_POS_ECEF_M, np.ma.masked_greater(GOOD, 2.2e7)), "range_m holds masked entries"),
        ((case.SAT_POS_ECEF_M, GOOD / 0.19), "expected 3e5 to 6e7 m; meters"),
        ((np.stack([case.SAT_POS_ECEF_M] * 2), np.stack([GOOD] * 3)), "batch axes do not fit"),
    ],
)
def test_bad_satellites_and_ranges_are_refused(arguments, message, untyped):
    with pytest.raises(LeopntError, match=message):
        surface_fix(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": np.zeros(5)}, "weight = 0: expected numbers above 0"),
        ({"weight": np.ones(4)}, r"weight has shape \(4,\); accepted: \(5,\)"),
        ({"visible": np.ones(5)}, "visible has type float64; accepted: bool"),
    ],
)
def test_bad_weights_and_masks_are_refused(options, message, untyped):
    with pytest.raises(LeopntError, match=message):
        surface_fix(case.SAT_POS_ECEF_M, GOOD, **options)


@pytest.mark.parametrize(
    ("phases", "wavelength_m", "message"),
    [
        (case.PHASE_CYCLES * 2 * np.pi, 0.19, "phase_cycles times wavelength_m.*phases in cycles"),
        (case.PHASE_CYCLES, 0.0, "wavelength_m = 0: expected numbers above 0"),
        ("many", 0.19, "phase_cycles = 'many': expected numbers"),
        (case.PHASE_CYCLES.astype(np.float32), 0.19, "phase_cycles: got float32; accepted"),
        (case.PHASE_CYCLES, [0.19, 0.19], r"wavelength_m has shape \(2,\); accepted: one number"),
    ],
)
def test_phases_that_are_no_cycles_are_refused(phases, wavelength_m, message, untyped):
    with pytest.raises(LeopntError, match=message):
        ranges_of_phases(phases, wavelength_m)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float64, list])
def test_whole_meters_of_any_type_are_ranges(kind, untyped):
    meters = np.rint(GOOD[:4]).astype(np.int64)
    given = meters.tolist() if kind is list else meters.astype(kind)
    np.testing.assert_array_equal(ranges_of_phases(given, 1), meters.astype(float))
