"""Made-up results of studies: closed-form numbers, so that a test knows every one of them.

RMSE = ratio * bound, bound = 2.5 * sigma * (1 + mask / 30), per case scaled by the latitude and
the time; quantiles are those of a Rayleigh distribution.
"""

import json

import numpy as np
import xarray as xr
from synthetic_results import described

SIGMAS_M = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
MASKS_DEG = (5.0, 15.0, 25.0)
UNLIKELY = "no receiver can be there: underground, in space, or with the satellites not up"
STATUSES = ("solved", "fewer usable measurements than unknowns", UNLIKELY)
QUANTILES = np.round(np.arange(0.01, 0.995, 0.01), 2)
CITIES = {
    "Hong Kong": (22.3, 114.2),
    "Reykjavik": (64.1, -21.9),
    "Nairobi": (-1.3, 36.8),
    "Lima": (-12.0, -77.0),
    "Suva": (-18.1, 178.4),
    "Ushuaia": (-54.8, -68.3),
    "Longyearbyen": (78.2, 15.6),
    "Honolulu": (21.3, -157.9),
}
TRIALS = 4000
STUDY_TEXT = """title = "Code noise and elevation mask"
[method]
name = "pvt"
[sweep.grid]
"errors.code_sigma_m" = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]  # <metres> & more
"antenna.mask_deg" = [5.0, 15.0, 25.0]
"""
PLOTS = [
    {"kind": "sweep", "name": "error", "title": "Error against code noise",
     "y": ["rmse_3d", "bound_3d", "mismatched_bound_3d"], "log_y": True},
    {"kind": "cdf", "name": "distribution", "title": "Distribution of the 3D error",
     "y": ["error_3d_quantile"]},
    {"kind": "outcomes", "name": "outcomes", "title": "How the trials ended"},
    {"kind": "map", "name": "map", "title": "3D error by place", "y": "case_rmse_3d"},
    {"kind": "time", "name": "time", "title": "Error over time",
     "y": ["case_rmse_3d", "case_bound_3d"]},
]  # fmt: skip


def make_study(sigmas_m=SIGMAS_M, masks_deg=MASKS_DEG, places=None, epochs=25):
    """A finished grid over code noise and elevation mask, at some cities over two hours."""
    sigma_m, mask_deg = (a.ravel() for a in np.meshgrid(sigmas_m, masks_deg, indexing="ij"))
    bound_m = 2.5 * sigma_m * (1 + mask_deg / 30)
    names = {"errors.code_sigma_m": described("point", sigma_m, "m", "code noise"),
             "antenna.mask_deg": described("point", mask_deg, "deg", "elevation mask")}  # fmt: skip
    data = names | outcome_variables(mask_deg) | error_variables(bound_m)
    data |= case_variables(places or CITIES, epochs, bound_m)
    return xr.Dataset(data, attrs=study_attributes([*names], "grid"))


def make_single_study():
    """One point, one place, one epoch, no sweep: the smallest result."""
    study = make_study((2.0,), (10.0,), {"Hong Kong": CITIES["Hong Kong"]}, 1)
    study = study.drop_vars(["errors.code_sigma_m", "antenna.mask_deg"])
    return study.assign_attrs(swept="[]", sweep_kind="none", title="One place")


def make_incomplete_study():
    """Stopped on the way: one point without a trial, one with few, some numbers not finite."""
    study = make_study((1.0, 2.0, 5.0), (10.0,)).copy(deep=True)
    for name in ("rmse_3d", "rmse_horizontal", "rmse_vertical", "rmse_over_bound",
                 "rmse_over_bound_sigma", "mean_nees"):  # fmt: skip
        study[name][2] = np.nan
    study["error_3d_quantile"][2] = np.nan
    study["case_rmse_3d"][2] = np.nan
    study["solved"][:] = [3980, 12, 0]
    study["not_solved"][:] = [20, 8, 0]
    study["missing"][:] = [0, 3980, 4000]
    study["not_finite"][:] = [3, 0, 0]
    study["count"][:] = [[3980, 15, 5], [12, 8, 0], [0, 0, 0]]
    return study.assign_attrs(complete=0, converged=0)


def make_reproduced_study():
    """A study beside published numbers: one held, one not, one that cannot be checked."""

    def column(values, units, long_name):
        return described("published", values, units, long_name)

    return make_study((1.0, 10.0), (5.0,)).assign(
        published_quantity=column(["3D error, 95 %"] * 3, "1", "quantity"),
        published_at=column(["code noise 1 m", "code noise 10 m", "Fig. 8"], "1", "at"),
        published_units=column(["m"] * 3, "1", "unit"),
        published_value=column([4.9, 30.0, 1.0], "m", "published value"),
        published_tolerance=column([0.5, 1.0, 0.1], "m", "tolerance"),
        ours=column([4.8, 48.2, np.nan], "m", "our value"),
        verdict=column(["held", "differs", "not reproducible"], "1", "verdict"),
        verdict_reason=column(["", "other geometry", "orbits not given"], "1", "why"),
        published_source=column(["[a-paper] Table 1"] * 3, "1", "source"),
    )


def make_checked_study(num_checks=12):
    """The same after checks of theory, which hold, as a file may list them."""
    study = make_reproduced_study()
    rows = np.array([0] * num_checks + [0, 1, 2])
    study = study.isel(published=rows)
    study["published_kind"] = described(
        "published", ["check"] * num_checks + ["paper"] * 3, "1", "kind"
    )
    return study


def outcome_variables(mask_deg):
    few = np.round(2 * mask_deg).astype(int)
    grew = (mask_deg > 20).astype(int) * 7
    count = np.stack([TRIALS - few - grew, few, grew], axis=1)

    def column(values, long_name):
        return described("point", values.copy(), "1", long_name)

    none = np.zeros(len(mask_deg), int)
    return {
        "status": described("status", list(STATUSES), "1", "outcome"),
        "count": described(("point", "status"), count, "1", "trials with this outcome"),
        "trials": column(none + TRIALS, "trials"),
        "solved": column(count[:, 0], "solved trials"),
        "not_solved": column(few + grew, "trials not solved"),
        "missing": column(none, "trials missing"),
        "not_finite": column(none, "trials with numbers that are not finite"),
    }


def error_variables(bound_m):
    ratio = 1.0 + 0.01 * np.arange(1, len(bound_m) + 1)
    rmse_m = ratio * bound_m

    def column(values, units, long_name):
        return described("point", values, units, long_name)

    rayleigh = np.sqrt(-2 * np.log(1 - QUANTILES)) / np.sqrt(2)
    both = ("point", "quantile")
    return {
        "rmse_3d": column(rmse_m, "m", "3D RMSE"),
        "rmse_horizontal": column(0.6 * rmse_m, "m", "horizontal RMSE"),
        "rmse_vertical": column(0.8 * rmse_m, "m", "vertical RMSE"),
        "bound_3d": column(bound_m, "m", "3D Cramer-Rao bound"),
        "bound_horizontal": column(0.6 * bound_m, "m", "horizontal Cramer-Rao bound"),
        "bound_vertical": column(0.8 * bound_m, "m", "vertical Cramer-Rao bound"),
        "rmse_over_bound": column(ratio, "1", "3D RMSE over bound"),
        "rmse_over_bound_sigma": column(0 * ratio + 0.012, "1", "standard error of the ratio"),
        "mean_nees": column(3.0 * ratio**2, "1", "mean NEES"),
        "bias_east": column(0 * ratio + 0.02, "m", "mean error east"),
        "bias_north": column(0 * ratio - 0.01, "m", "mean error north"),
        "bias_up": column(0 * ratio + 0.05, "m", "mean error up"),
        "quantile": described("quantile", QUANTILES, "1", "probability"),
        "error_3d_quantile": described(both, rmse_m[:, None] * rayleigh, "m", "3D error"),
        "error_horizontal_quantile": described(
            both, 0.6 * rmse_m[:, None] * rayleigh, "m", "horizontal error"
        ),
    }


def case_variables(places, epochs, bound_m):
    names = np.repeat(list(places), epochs)
    lat_deg, lon_deg = np.repeat(np.array(list(places.values())), epochs, axis=0).T
    time_s = np.tile(300.0 * np.arange(epochs), len(places))
    shape = 1 + 0.5 * np.cos(2 * np.radians(lat_deg)) + 0.2 * np.sin(time_s / 1000 + lon_deg)

    def column(values, units, long_name):
        return described("case", values, units, long_name)

    def over_points(values, units, long_name):
        return described(("point", "case"), values, units, long_name)

    case_bound_m = bound_m[:, None] * shape
    return {
        "user": column(names, "1", "user"),
        "latitude_deg": column(lat_deg, "deg", "latitude"),
        "longitude_deg": column(lon_deg, "deg", "longitude"),
        "height_m": column(0 * lat_deg, "m", "height above the ellipsoid"),
        "time_s": column(time_s, "s", "time since the start"),
        "case_num_satellites": over_points(
            np.round(8 / shape) + 0 * case_bound_m, "1", "satellites"
        ),
        "case_pdop": over_points(2.5 * shape + 0 * case_bound_m, "1", "PDOP"),
        "case_bound_3d": over_points(case_bound_m, "m", "3D Cramer-Rao bound"),
        "case_rmse_3d": over_points(1.05 * case_bound_m, "m", "3D RMSE"),
        "case_solved": over_points(0 * case_bound_m + 0.99, "1", "share of solved trials"),
    }


def study_attributes(swept, sweep_kind):
    return {
        "kind": "study",
        "title": "Code noise and elevation mask",
        "method": "pvt",
        "complete": 1,
        "converged": 1,
        "created": "2026-01-15T09:30:00Z",
        "leopnt_version": "0.1.0",
        "seed": 7,
        "input_file": "noise_and_mask.toml",
        "input_text": STUDY_TEXT,
        "warnings": json.dumps(["The element sets are 4.2 days old."]),
        "provenance": json.dumps({"leopnt": "0.1.0", "numpy": "2.4", "command": "leopnt run"}),
        "swept": json.dumps(swept),
        "sweep_kind": sweep_kind,
        "plots": json.dumps(PLOTS),
        "evidence": json.dumps(["methods.pvt", "observables.pseudorange"]),
    }


def make_random_study(count=60):
    """A random sweep of two parameters, one user on a track, errors over three decades."""
    turn = np.arange(count) * 0.618034 % 1.0
    study = make_study(0.5 * 10 ** (2 * turn), (10.0,), {"Ship": (20.0, 150.0)}, 40)
    time_s = study["time_s"].values
    latitude_deg = ("case", 20 + 0.004 * time_s, study["latitude_deg"].attrs)
    longitude_deg = ("case", 150 + 0.006 * time_s, study["longitude_deg"].attrs)
    mask_deg = ("point", 5 + 20 * (turn * 7 % 1), study["antenna.mask_deg"].attrs)
    rmse_m = study["case_rmse_3d"].values * np.where(time_s == 3000, np.nan, np.exp(time_s / 3000))
    return study.assign(
        {"latitude_deg": latitude_deg, "longitude_deg": longitude_deg,
         "antenna.mask_deg": mask_deg,
         "case_rmse_3d": (("point", "case"), rmse_m, study["case_rmse_3d"].attrs)}
    ).assign_attrs(sweep_kind="random", title="A ship, random noise and mask")  # fmt: skip


def make_long_study(count=1200):
    """A random sweep of many points, every seventh with failures."""
    study = make_study(np.linspace(1.0, 9.0, count), (10.0,), {"Ship": (20.0, 150.0)}, 1)
    failed = np.where(np.arange(count) % 7 == 0, 2000, 20)
    counts = np.stack([TRIALS - failed, failed // 2, failed - failed // 2], axis=1)
    return study.assign(
        count=(("point", "status"), counts, study["count"].attrs),
        solved=("point", TRIALS - failed, study["solved"].attrs),
        not_solved=("point", failed, study["not_solved"].attrs),
    ).assign_attrs(sweep_kind="random", title="Many points")


def make_grid_study(step_deg=20.0, missing_above_deg=65.0):
    """A map: one value for each place of a grid over the Earth, none beyond a latitude."""
    lat_deg = np.arange(-90.0 + step_deg / 2, 90.0, step_deg)
    lon_deg = np.arange(-180.0 + step_deg / 2, 180.0, step_deg)
    places = {f"{lat:g} {lon:g}": (lat, lon) for lat in lat_deg for lon in lon_deg}
    study = make_study((1.0,), (5.0,), places, 3)
    lat = study["latitude_deg"].values
    bound = np.where(np.abs(lat) < missing_above_deg, 10.0 ** (np.abs(lat) / 20.0), np.nan)
    study["case_bound_3d"] = (("point", "case"), bound[None], study["case_bound_3d"].attrs)
    entry = {"kind": "map", "name": "map", "title": "Bound by place", "y": "case_bound_3d",
             "combine": "median", "missing": "no bound"}  # fmt: skip
    return study.assign_attrs(plots=json.dumps([entry]), title="A grid")
