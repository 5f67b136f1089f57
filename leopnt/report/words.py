"""Numbers and verdicts of a result in words: sensible digits, units, whole sentences."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from leopnt.io.ellipse import error_ellipse
from leopnt.report.reading import column, flags, has_position, number, strings, text, unit, vector

UNKNOWN = "unknown"
SUSPICIOUS_P = 0.001
"""Chi-square probabilities below this, or above one minus this, get a warning in words."""


def significant(value: float, digits: int) -> str:
    """Fixed-point text with this many significant digits; digits before the point all stay."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0.0:
        return "0"
    if abs(value) >= 1e9 or abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def quantity(value: float, unit_name: str, digits: int = 3) -> str:
    """A number with its unit, `unknown` if it is not finite."""
    if not math.isfinite(value):
        return UNKNOWN
    return f"{significant(value, digits)} {unit_name}".rstrip()


def length(value_m: float, digits: int = 2) -> str:
    """A length in mm, m or km: 0.034 -> 34 mm, 61.3 -> 61 m, 12345 -> 12.3 km."""
    if abs(value_m) >= 10_000.0:
        return quantity(value_m / 1000.0, "km", 3)
    if 0.0 < abs(value_m) < 0.1:
        return quantity(value_m * 1000.0, "mm", digits)
    return quantity(value_m, "m", digits)


def signed_length(value_m: float, digits: int = 2) -> str:
    """A length with its sign written out."""
    return f"+{length(value_m, digits)}" if value_m > 0.0 else length(value_m, digits)


def latitude(lat_deg: float, digits: int = 5) -> str:
    """A latitude as 22.30460 N."""
    return f"{abs(lat_deg):.{digits}f} {'N' if lat_deg >= 0.0 else 'S'}"


def longitude(lon_deg: float, digits: int = 5) -> str:
    """A longitude as 114.18012 E, from any turn of the circle."""
    wrapped_deg = (lon_deg + 180.0) % 360.0 - 180.0
    return f"{abs(wrapped_deg):.{digits}f} {'E' if wrapped_deg >= 0.0 else 'W'}"


def place(lat_deg: float, lon_deg: float, sigma_m: float = math.nan) -> str:
    """A position whose last digit is well below its standard deviation (5 digits: 1 m)."""
    if not math.isfinite(lat_deg + lon_deg):
        return UNKNOWN
    digits = 5
    if 0.0 < sigma_m < math.inf:
        digits = min(9, max(2, 5 + math.ceil(1.0 - math.log10(sigma_m))))
    return f"{latitude(lat_deg, digits)}, {longitude(lon_deg, digits)}"


def fix_place(fix: xr.Dataset) -> str:
    """Latitude and longitude of a fix."""
    sigma_m = float(np.min(vector(fix, "sigma_enu_m", 3)[:2]))
    return place(number(fix, "latitude_deg"), number(fix, "longitude_deg"), sigma_m)


def east_north_up(values_m: np.ndarray, form=length) -> str:
    """Three lengths as `61 m east, 47 m north, 88 m up`."""
    if not np.any(np.isfinite(values_m)):
        return UNKNOWN
    parts = zip(values_m.tolist(), ("east", "north", "up"), strict=True)
    return ", ".join(f"{form(value)} {axis}" for value, axis in parts)


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 satellite, 7 satellites."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# Sentences about a fix


def status_sentence(fix: xr.Dataset) -> str:
    """Whether the solver converged, and what it says."""
    status = text(fix, "status").rstrip(".")
    if not fix.attrs.get("converged", not status):
        return f"Not converged: {status or 'the solver gave no reason'}."
    iterations = number(fix, "iterations")
    sentence = "Converged"
    if math.isfinite(iterations):
        sentence += f" in {counted(int(iterations), 'iteration')}"
    return f"{sentence}; {status}." if status else f"{sentence}."


def position_sentence(fix: xr.Dataset) -> str:
    """The position and how well it should be known."""
    if not has_position(fix):
        return "There is no position."
    sentence = fix_place(fix)
    if math.isfinite(number(fix, "height_m")):
        sentence += f", height {length(number(fix, 'height_m'))} above the WGS 84 ellipsoid"
    sigma = east_north_up(vector(fix, "sigma_enu_m", 3))
    if sigma == UNKNOWN:
        return f"{sentence}; its uncertainty is unknown."
    return f"{sentence}; predicted 1-sigma {sigma}."


def error_sentence(fix: xr.Dataset) -> str:
    """The error against the surveyed truth; empty if there is no truth."""
    horizontal_m, total_m = number(fix, "error_horizontal_m"), number(fix, "error_3d_m")
    if not math.isfinite(horizontal_m):
        return ""
    sentence = f"Error against the surveyed truth: {length(horizontal_m, 3)} horizontal"
    if math.isfinite(total_m):
        sentence += f", {length(total_m, 3)} in 3D"
    inside = truth_in_ellipse(fix)
    if inside:
        sentence += f"; the truth lies {inside} the 95 % ellipse"
    return f"{sentence}."


def truth_in_ellipse(fix: xr.Dataset) -> str:
    """`inside`, `outside`, or empty if either the error or the covariance is unknown."""
    error_m = vector(fix, "error_enu_m", 3)[:2]
    if "covariance_enu_m2" not in fix or not np.all(np.isfinite(error_m)):
        return ""
    semi_major_m, semi_minor_m, az_rad = error_ellipse(fix["covariance_enu_m2"].values, 0.95)
    if not semi_minor_m > 0.0:
        return ""
    along = error_m @ [math.sin(az_rad), math.cos(az_rad)] / semi_major_m
    across = error_m @ [-math.cos(az_rad), math.sin(az_rad)] / semi_minor_m
    return "inside" if math.hypot(along, across) <= 1.0 else "outside"


def measurement_noun(fix: xr.Dataset) -> str:
    """`Doppler measurement`, or what else was measured."""
    kind = text(fix, "measurement_type").replace("_", " ")
    return f"{'Doppler' if kind == 'doppler' else kind} measurement".strip()


def use_sentence(fix: xr.Dataset) -> str:
    """How many measurements of how many satellites, used and rejected."""
    used = flags(fix, "used", "measurement")
    num_satellites = len(set(strings(fix, "satellite_id", "measurement")))
    return (
        f"{counted(len(used), measurement_noun(fix))} of {counted(num_satellites, 'satellite')}: "
        f"{int(used.sum())} used, {int((~used).sum())} rejected."
    )


def chi_square_sentence(fix: xr.Dataset) -> str:
    """Whether the residuals agree with the noise that was assumed."""
    chi2, dof = number(fix, "chi2"), number(fix, "chi2_dof")
    p_value = number(fix, "chi2_p_value")
    if not math.isfinite(chi2) or not dof > 0.0:
        return "No chi-square test: nothing is left over to test with."
    numbers = f"chi-square {significant(chi2, 4)} for {int(dof)} degrees of freedom"
    if not math.isfinite(p_value):
        return (
            f"No chi-square test: sigma was taken from these residuals ({numbers} by construction)."
        )
    numbers += f", p = {significant(p_value, 2)}"
    ratio = significant(math.sqrt(chi2 / dof), 3)
    if p_value < SUSPICIOUS_P:
        return (
            f"The residuals are {ratio} times the assumed noise ({numbers}): the model or the "
            "noise is wrong, and the predicted sigma is too small."
        )
    if p_value > 1.0 - SUSPICIOUS_P:
        return (
            f"The residuals are only {ratio} times the assumed noise ({numbers}): the predicted "
            "sigma is too large."
        )
    return f"The residuals agree with the assumed noise ({numbers})."


def distance_between(
    lat_1_deg: float, lon_1_deg: float, lat_2_deg: float, lon_2_deg: float
) -> float:
    """Great-circle distance [m] on a sphere, within 0.6 % of the ellipsoid: for captions only."""
    lat_1, lon_1, lat_2, lon_2 = np.radians([lat_1_deg, lon_1_deg, lat_2_deg, lon_2_deg])
    half = np.sin((lat_2 - lat_1) / 2) ** 2
    half += np.cos(lat_1) * np.cos(lat_2) * np.sin((lon_2 - lon_1) / 2) ** 2
    return float(2.0 * 6_371_000.0 * np.arcsin(np.sqrt(min(half, 1.0))))


def other_candidates(fix: xr.Dataset) -> np.ndarray:
    """Indices of the candidates that are not the solution, best first."""
    misfit = column(fix, misfit_name(fix), "candidate")
    order = np.argsort(np.where(np.isfinite(misfit), misfit, np.inf), kind="stable")
    return order[~flags(fix, "candidate_is_solution", "candidate")[order]]


def misfit_name(fix: xr.Dataset) -> str:
    """The variable that ranks candidates: their residual rms, or how much worse they fit."""
    return "candidate_cost" if "candidate_cost" in fix else "candidate_rms"


def candidate_misfit(fix: xr.Dataset, index: int) -> str:
    """How well a candidate fits: `rms 5.5 Hz`, or `chi-square +120`."""
    name = misfit_name(fix)
    value = quantity(float(column(fix, name, "candidate")[index]), unit(fix, name))
    return f"chi-square +{value}" if name == "candidate_cost" else f"rms {value}"


def candidate_distance_m(fix: xr.Dataset, index: int) -> float:
    """Distance [m] of a candidate from the solution."""
    return distance_between(
        number(fix, "latitude_deg"),
        number(fix, "longitude_deg"),
        float(column(fix, "candidate_latitude_deg", "candidate")[index]),
        float(column(fix, "candidate_longitude_deg", "candidate")[index]),
    )


def ambiguity_sentence(fix: xr.Dataset) -> str:
    """What other positions would explain the measurements, and how much worse."""
    if not fix.sizes.get("candidate"):
        return "No search for other positions was made."
    others = other_candidates(fix)
    if not len(others):
        return "The search found no other position."
    best = int(others[0])
    sentence = f"The search found {counted(len(others), 'other position')}; the best"
    if has_position(fix):
        sentence += f" lies {length(candidate_distance_m(fix, best))} away and"
    name = misfit_name(fix)
    misfit = quantity(float(column(fix, name, "candidate")[best]), unit(fix, name))
    if name == "candidate_cost":
        sentence += f" has a chi-square {misfit} higher"
    else:
        sentence += f" has a residual rms of {misfit}"
    note = strings(fix, "candidate_note", "candidate")[best]
    return f"{sentence} ({note})." if note else f"{sentence}."


def fix_sentences(fix: xr.Dataset) -> list[str]:
    """The whole fix in words, most important first; empty sentences left out."""
    sentences = [
        position_sentence(fix),
        error_sentence(fix),
        status_sentence(fix),
        use_sentence(fix),
        chi_square_sentence(fix),
        ambiguity_sentence(fix),
    ]
    if not fix.attrs.get("converged", 1):
        sentences = [status_sentence(fix), position_sentence(fix), use_sentence(fix)]
    return [sentence for sentence in sentences if sentence]


# Sentences about a sky


def sky_sentences(sky: xr.Dataset) -> list[str]:
    """What is up, where and when, in words."""
    where = place(number(sky, "latitude_deg"), number(sky, "longitude_deg"))
    epochs = strings(sky, "epoch_utc", "epoch")
    ever = int(sky["visible"].any("epoch").sum()) if "visible" in sky else 0
    in_file = int(sky.attrs.get("num_satellites", sky.sizes.get("satellite", 0)))
    total = counted(in_file, "satellite")
    sentences = [
        f"Over {where}, {time_span(epochs)}: {ever} of {total} above "
        f"{significant(number(sky, 'mask_deg'), 2)} deg at some time."
    ]
    num_visible = column(sky, "num_visible", "epoch")
    if len(num_visible):
        sentences.append(
            f"At once: {spread(num_visible, 0)}. PDOP: {spread(column(sky, 'pdop', 'epoch'), 1)}."
        )
    return sentences


def spread(values: np.ndarray, decimals: int) -> str:
    """Smallest, median and largest finite value, and how often there is none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "never defined"
    low, middle, high = (
        f"{v:.{decimals}f}" for v in (finite.min(), np.median(finite), finite.max())
    )
    missing = len(values) - len(finite)
    words = f"{low} to {high}, median {middle}"
    return f"{words}, undefined at {missing} of {len(values)} epochs" if missing else words


def time_span(epochs_utc: Sequence[str]) -> str:
    """First and last instant; the date once if it is the same."""
    if not epochs_utc:
        return "no epoch"
    first, last = clock(epochs_utc[0]), clock(epochs_utc[-1])
    if first == last:
        return f"{first} UTC"
    same_day = first.split(" ")[0] == last.split(" ")[0]
    return f"{first} to {last.split(' ')[-1] if same_day else last} UTC"


def clock(epoch_utc: str) -> str:
    """An ISO instant to the second, with a space instead of T: 2025-12-05 12:00:00."""
    return epoch_utc.removesuffix("+00:00").rstrip("Z").replace("T", " ").split(".")[0]
