"""Made-up results in the form that the report consumes: a Doppler fix in Hong Kong, a sky.

Round Earth, circular orbits, Gaussian noise, fixed seed: believable to look at, exact nowhere.
"""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import xarray as xr

EARTH_RADIUS_M = 6_371_000.0
ORBIT_RADIUS_M = EARTH_RADIUS_M + 780_000.0
RATE_RADPS = 2 * np.pi / 6028.0
WAVELENGTH_M = 299_792_458.0 / 1_626_270_833.0
SIGMA_HZ = 5.5
TRUTH_DEG = (22.3045966, 114.180121)
INPUT_TEXT = """# A fix from Iridium bursts
[measurement]
type = "doppler"
log = "bursts & <spaces>.csv"
carrier_hz = 1626270833.0
"""

# latitude and longitude [deg] at mid pass, heading [deg], first and last second, measurements
PASSES = {
    "Iridium 19": (29.0, 103.5, 186.0, 378.0, 411.5, 62),
    "Iridium 25": (28.4, 106.8, 186.0, 377.4, 377.4, 1),
    "Iridium 35": (38.5, 104.2, 187.0, 383.4, 402.3, 48),
    "Iridium 54": (12.2, 124.6, 352.0, 384.0, 412.8, 55),
    "Iridium 55": (5.5, 108.9, 183.0, 390.2, 409.0, 6),
    "Iridium 57": (31.0, 131.5, 353.0, 381.0, 398.8, 9),
    "Iridium 59": (16.4, 112.4, 184.0, 379.4, 412.2, 37),
}


def unit_vector(lat_deg, lon_deg):
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def enu_rows(lat_deg, lon_deg):
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    return np.stack([east, north, unit_vector(lat_deg, lon_deg)])


def satellite_position(lat_deg, lon_deg, heading_deg, since_mid_s):
    axes = enu_rows(lat_deg, lon_deg)
    heading = np.radians(heading_deg)
    along = np.sin(heading) * axes[0] + np.cos(heading) * axes[1]
    turn = (RATE_RADPS * np.asarray(since_mid_s, float))[..., None]
    return ORBIT_RADIUS_M * (np.cos(turn) * axes[2] + np.sin(turn) * along)


def look_angles(pos_m, place_m, axes):
    enu = (pos_m - place_m) @ axes.T
    azimuth_deg = np.degrees(np.arctan2(enu[..., 0], enu[..., 1])) % 360
    elevation_deg = np.degrees(np.arctan2(enu[..., 2], np.hypot(enu[..., 0], enu[..., 1])))
    return azimuth_deg, elevation_deg, np.linalg.norm(enu, axis=-1)


def doppler(places_m, lat_deg, lon_deg, heading_deg, since_mid_s):
    def distance(shift_s):
        sat_m = satellite_position(lat_deg, lon_deg, heading_deg, since_mid_s + shift_s)
        return np.linalg.norm(sat_m - places_m, axis=-1)

    return -(distance(0.01) - distance(-0.01)) / 0.02 / WAVELENGTH_M


def measurements(rng):
    place_m = EARTH_RADIUS_M * unit_vector(*TRUTH_DEG)
    axes = enu_rows(*TRUTH_DEG)
    columns = {name: [] for name in ("time", "id", "az", "el", "lat", "lon", "doppler", "rows")}
    for name, (lat, lon, heading, first_s, last_s, count) in PASSES.items():
        time_s = np.sort(rng.uniform(first_s, last_s, count))
        since_mid_s = time_s - 395.0
        pos_m = satellite_position(lat, lon, heading, since_mid_s)
        azimuth_deg, elevation_deg, _ = look_angles(pos_m, place_m, axes)
        value = doppler(place_m, lat, lon, heading, since_mid_s)
        moved = [doppler(place_m + 10 * a, lat, lon, heading, since_mid_s) for a in axes]
        columns["time"].append(time_s)
        columns["id"].append(np.full(count, name))
        columns["az"].append(azimuth_deg)
        columns["el"].append(elevation_deg)
        columns["lat"].append(np.degrees(np.arcsin(pos_m[:, 2] / ORBIT_RADIUS_M)))
        columns["lon"].append(np.degrees(np.arctan2(pos_m[:, 1], pos_m[:, 0])))
        columns["doppler"].append(value)
        columns["rows"].append(np.stack([*[(m - value) / 10 for m in moved], np.ones(count)], 1))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.argsort(joined["time"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def described(dims, values, units, long_name):
    return dims, np.asarray(values), {"units": units, "long_name": long_name}


def make_fix(seed=3):
    """A converged fix: 218 measurements of 7 satellites, 4 rejected, one mirror candidate."""
    rng = np.random.default_rng(seed)
    m = measurements(rng)
    residual = rng.normal(0.0, SIGMA_HZ, len(m["time"]))
    rejected = {30: 41.0, 77: -212.0, 150: 27.5, 199: -33.0}
    residual[list(rejected)] = list(rejected.values())
    used = np.ones(len(residual), bool)
    used[list(rejected)] = False
    reason = np.where(used, "", "normalized residual above 3.9, found by data snooping")
    reason = reason.astype("<U80")
    reason[77] = "more than 20 sigma from every other measurement of this satellite"
    rows = m["rows"][used] / SIGMA_HZ
    covariance = np.linalg.inv(rows.T @ rows)
    error_enu_m = np.array([84.0, -57.0, 22.0])
    error_deg = error_enu_m[[1, 0]] / 111_195.0 / [1.0, np.cos(np.radians(TRUTH_DEG[0]))]
    lat_deg, lon_deg = np.array(TRUTH_DEG) + error_deg
    variables = measurement_variables(m, residual, used, reason)
    variables |= position_variables(lat_deg, lon_deg, covariance)
    variables |= truth_variables(error_enu_m) | candidate_variables(lat_deg, lon_deg)
    variables |= satellite_variables(m["id"], residual, used) | quality_variables(residual[used])
    return xr.Dataset(variables, attrs=fix_attributes())


def measurement_variables(m, residual, used, reason):
    def column(values, units, long_name):
        return described("measurement", values, units, long_name)

    return {
        "time_s": column(m["time"], "s", "time since the reference epoch"),
        "satellite_id": column(m["id"], "1", "satellite"),
        "observed": column(m["doppler"] + residual, "Hz", "measured Doppler"),
        "predicted": column(m["doppler"], "Hz", "Doppler predicted at the solution"),
        "residual": column(residual, "Hz", "observed minus predicted"),
        "sigma": column(np.full(len(residual), SIGMA_HZ), "Hz", "assumed standard deviation"),
        "normalized_residual": column(residual / SIGMA_HZ, "1", "residual over sigma"),
        "used": column(used, "1", "used in the solution"),
        "rejection_reason": column(reason, "1", "why it was not used"),
        "elevation_deg": column(m["el"], "deg", "elevation of the satellite"),
        "azimuth_deg": column(m["az"], "deg", "azimuth of the satellite, clockwise from north"),
        "satellite_latitude_deg": column(m["lat"], "deg", "latitude below the satellite"),
        "satellite_longitude_deg": column(m["lon"], "deg", "longitude below the satellite"),
    }


def position_variables(lat_deg, lon_deg, covariance):
    enu_m2 = covariance[:3, :3]
    sigma_enu_m = np.sqrt(np.diag(enu_m2))
    ecef_m = (EARTH_RADIUS_M + 83.0) * unit_vector(lat_deg, lon_deg)
    sigma = [*sigma_enu_m, np.sqrt(covariance[3, 3])]
    return {
        "position_ecef_m": described("axis", ecef_m, "m", "position, ECEF"),
        "latitude_deg": described((), lat_deg, "deg", "geodetic latitude"),
        "longitude_deg": described((), lon_deg, "deg", "longitude"),
        "height_m": described((), 83.4, "m", "height above the WGS 84 ellipsoid"),
        "covariance_enu_m2": described(("enu", "enu_2"), enu_m2, "m2", "position covariance"),
        "sigma_enu_m": described("enu", sigma_enu_m, "m", "predicted standard deviation"),
        "crb_enu_m": described("enu", 0.97 * sigma_enu_m, "m", "Cramer-Rao bound"),
        "axis": described("axis", ["x", "y", "z"], "1", "ECEF axis"),
        "enu": described("enu", ["east", "north", "up"], "1", "local axis"),
        "unknown": described("unknown", ["x", "y", "z", "frequency offset"], "1", "unknown"),
        "estimate": described("unknown", [*ecef_m, 12.4], "1", "estimate"),
        "sigma_unknown": described("unknown", sigma, "1", "standard deviation of the estimate"),
        "unit_unknown": described("unknown", ["m", "m", "m", "Hz"], "1", "unit of the estimate"),
    }


def truth_variables(error_enu_m):
    return {
        "truth_latitude_deg": described((), TRUTH_DEG[0], "deg", "surveyed latitude"),
        "truth_longitude_deg": described((), TRUTH_DEG[1], "deg", "surveyed longitude"),
        "truth_height_m": described((), 61.384, "m", "surveyed height above the ellipsoid"),
        "error_enu_m": described("enu", error_enu_m, "m", "fix minus truth"),
        "error_horizontal_m": described(
            (), np.hypot(*error_enu_m[:2]), "m", "horizontal distance to the truth"
        ),
        "error_3d_m": described((), np.linalg.norm(error_enu_m), "m", "distance to the truth"),
    }


def candidate_variables(lat_deg, lon_deg):
    def column(values, units, long_name):
        return described("candidate", values, units, long_name)

    return {
        "candidate_latitude_deg": column([lat_deg, 19.81, 31.6], "deg", "candidate latitude"),
        "candidate_longitude_deg": column([lon_deg, 130.42, 99.2], "deg", "candidate longitude"),
        "candidate_rms": column([5.4, 1843.0, 2710.0], "Hz", "residual rms of the candidate"),
        "candidate_is_solution": column([True, False, False], "1", "is the solution"),
        "candidate_note": column(
            ["", "mirror across the ground track of Iridium 19", "local minimum"], "1", "note"
        ),
    }


def satellite_variables(ids, residual, used):
    names = list(PASSES)
    masks = [(ids == name) & used for name in names]
    rms = [np.sqrt(np.mean(residual[mask] ** 2)) for mask in masks]

    def column(values, units, long_name):
        return described("satellite", values, units, long_name)

    return {
        "satellite": column(names, "1", "satellite"),
        "sat_count": column([np.sum(ids == name) for name in names], "1", "measurements"),
        "sat_used": column([np.sum(mask) for mask in masks], "1", "measurements used"),
        "sat_residual_rms": column(rms, "Hz", "rms of the residuals used"),
        "sat_sigma": column(np.full(7, SIGMA_HZ), "Hz", "assumed standard deviation"),
    }


def quality_variables(residual):
    dof = len(residual) - 4
    chi2 = float(np.sum((residual / SIGMA_HZ) ** 2))
    scalars = {
        "hdop": (2.31, "1", "horizontal dilution of precision"),
        "vdop": (3.02, "1", "vertical dilution of precision"),
        "pdop": (3.80, "1", "position dilution of precision"),
        "chi2": (chi2, "1", "weighted sum of squared residuals"),
        "chi2_dof": (dof, "1", "degrees of freedom"),
        "chi2_p_value": (0.412, "1", "probability of a larger chi-square"),
        "residual_rms": (np.sqrt(np.mean(residual**2)), "Hz", "rms of the residuals used"),
        "iterations": (6, "1", "iterations"),
    }
    return {name: described((), *entry) for name, entry in scalars.items()}


def fix_attributes():
    return {
        "kind": "fix",
        "title": "Iridium bursts, Hong Kong <roof> & co",
        "status": "",
        "converged": 1,
        "measurement_type": "doppler",
        "measurement_unit": "Hz",
        "reference_epoch": "",
        "leopnt_version": "0.1.0",
        "created": "2026-01-15T09:30:00Z",
        "input_file": "iridium_hong_kong.toml",
        "input_text": INPUT_TEXT,
        "warnings": json.dumps(["The element sets are 4.2 days old; expect 5 km along track."]),
        "provenance": json.dumps({"leopnt": "0.1.0", "numpy": "2.4", "command": "leopnt fix"}),
    }


def make_unsolved_fix():
    """A fix that did not converge: no position, no covariance, nothing used."""
    fix = make_fix().drop_dims("candidate")
    for name in ("latitude_deg", "longitude_deg", "height_m", "covariance_enu_m2", "sigma_enu_m",
                 "crb_enu_m", "position_ecef_m", "hdop", "vdop", "pdop", "chi2", "chi2_p_value",
                 "residual", "predicted", "normalized_residual", "estimate", "sigma_unknown",
                 "elevation_deg", "azimuth_deg", "error_enu_m", "error_horizontal_m",
                 "error_3d_m", "residual_rms", "sat_residual_rms"):  # fmt: skip
        fix[name] = fix[name].astype(float) * np.nan
    fix["used"], fix["sat_used"] = xr.zeros_like(fix["used"]), xr.zeros_like(fix["sat_used"])
    fix["rejection_reason"] = xr.full_like(fix["rejection_reason"], "")
    return fix.assign_attrs(converged=0, status="fewer usable satellites than unknowns")


def make_sky(num_planes=12, num_slots=20, minutes=30):
    """The sky over Hong Kong for half an hour: a near-polar constellation at 780 km."""
    place_m, axes = EARTH_RADIUS_M * unit_vector(*TRUTH_DEG), enu_rows(*TRUTH_DEG)
    time_s = np.arange(0.0, 60.0 * minutes + 1, 30.0)
    plane, slot = np.divmod(np.arange(num_planes * num_slots), num_slots)
    phase_s = 6028.0 * (slot + 0.5 * (plane % 2)) / num_slots
    pos_m = np.stack(
        [
            satellite_position(0.0, 190.0 / num_planes * p + 20.0, 3.6, time_s + shift_s)
            for p, shift_s in zip(plane, phase_s, strict=True)
        ]
    )
    turn = 7.292e-5 * time_s
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    pos_m[..., :2] = np.einsum("ijt,stj->sti", spin, pos_m[..., :2])
    azimuth_deg, elevation_deg, range_m = look_angles(pos_m, place_m, axes)
    range_rate_mps = np.gradient(range_m, time_s, axis=1)
    visible = elevation_deg >= 10.0
    return xr.Dataset(
        sky_variables(time_s, azimuth_deg, elevation_deg, range_m, range_rate_mps, visible),
        attrs=sky_attributes(),
    )


def sky_variables(time_s, azimuth_deg, elevation_deg, range_m, range_rate_mps, visible):
    count, start = len(visible), datetime(2025, 12, 5, 12, tzinfo=UTC)
    num_visible = visible.sum(axis=0)
    gdop = np.where(num_visible >= 4, 14.0 / np.maximum(num_visible, 1) ** 1.1, np.nan)
    epochs = [(start + timedelta(seconds=t)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for t in time_s]
    both = ("satellite", "epoch")
    names = [f"IRIDIUM {100 + i}" for i in range(count)]
    return {
        "satellite": described("satellite", names, "1", "satellite"),
        "norad_cat_id": described("satellite", 41917 + np.arange(count), "1", "catalogue number"),
        "epoch_utc": described("epoch", epochs, "1", "epoch, UTC"),
        "elevation_deg": described(both, elevation_deg, "deg", "elevation"),
        "azimuth_deg": described(both, azimuth_deg, "deg", "azimuth, clockwise from north"),
        "range_km": described(both, range_m / 1e3, "km", "distance"),
        "range_rate_mps": described(both, range_rate_mps, "m/s", "range rate, positive receding"),
        "visible": described(both, visible, "1", "above the mask"),
        "num_visible": described("epoch", num_visible, "1", "satellites above the mask"),
        "gdop": described("epoch", gdop, "1", "geometric dilution of precision"),
        "pdop": described("epoch", 0.9 * gdop, "1", "position dilution of precision"),
        "hdop": described("epoch", 0.55 * gdop, "1", "horizontal dilution of precision"),
        "vdop": described("epoch", 0.71 * gdop, "1", "vertical dilution of precision"),
    }


def sky_attributes():
    return {
        "kind": "sky",
        "title": "Iridium over Hong Kong",
        "latitude_deg": TRUTH_DEG[0],
        "longitude_deg": TRUTH_DEG[1],
        "height_m": 61.4,
        "mask_deg": 10.0,
        "reference_epoch": "2025-12-05T12:00:00Z",
        "leopnt_version": "0.1.0",
        "created": "2026-01-15T09:30:00Z",
    }
