"""A map in words: how much of the Earth is served, how well, and for how long not."""

import math

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.content import Table
from leopnt.report.reading import text

NAMES = {
    "num_visible": "satellites in view",
    "gdop": "GDOP",
    "pdop": "PDOP",
    "hdop": "HDOP",
    "vdop": "VDOP",
    "tdop": "TDOP",
    "position_m": "position bound",
    "horizontal_m": "horizontal bound",
    "vertical_m": "vertical bound",
    "clock_s": "clock bound",
    "velocity_mps": "velocity bound",
    "drift": "drift bound",
}


SCALES = {"clock_s": (1e9, "ns"), "drift": (1e9, "ns/s")}
"""Factor and unit in which quantities are shown that are tiny in SI units."""


_ANYTHING = {
    "num_visible": "a satellite in view",
    **dict.fromkeys(("gdop", "pdop", "hdop", "vdop", "tdop"), "a solved position"),
}
"""What a cell must have where no limit is given; of bounds a finite one."""


def _fact(result: xr.Dataset, name: str) -> float:
    return float(result.attrs[name])


def scale_of(result: xr.Dataset, quantity: str) -> tuple[float, str]:
    """Factor and unit in which a quantity is shown; no unit for plain numbers."""
    if quantity in SCALES:
        return SCALES[quantity]
    unit = str(result[f"{quantity}_mean"].attrs.get("units", ""))
    return 1.0, "" if unit == "1" else unit


def cell_sides_deg(result: xr.Dataset) -> list[float]:
    """Sides of a cell along the meridian and along the parallel."""
    return [_fact(result, f"cell_{side}_deg") for side in ("latitude", "longitude")]


def sameness(values: np.ndarray) -> str:
    """What is said of a layer that has one value only, or none; empty of all others."""
    known = values[np.isfinite(values)]
    if not known.size:
        return "no value anywhere"
    if known.min() < known.max():
        return ""
    return "the same everywhere" if known.size == values.size else "the same wherever it is known"


def shade_of(value: float) -> float:
    """Where on the scale of colors a layer of one value stands: at the start 0, else midway."""
    return 0.0 if value == 0.0 else 0.5


def percent_label(percent: float, quantity: str) -> str:
    """What a percentile says: of satellites the number that is reached, of errors not exceeded."""
    if quantity == "num_visible":
        return f"reached {percent:g} % of the time"
    return f"not exceeded {percent:g} % of the time"


def quantity_title(quantity: str) -> str:
    """Name of a quantity, the first letter a capital."""
    name = NAMES[quantity]
    return name[:1].upper() + name[1:]


def layer_names(result: xr.Dataset) -> dict[str, str]:
    """Headings of the layers of a map."""
    quantity = text(result, "quantity")
    title = quantity_title(quantity)
    return {
        "percentile": f"{title} over the time",
        "at": f"{title} at one time",
        "available": f"Share of the time with {condition(result)}",
        "gap": f"Longest time without {condition(result)}",
        "visible": "Satellites in view, mean",
    }


def condition(result: xr.Dataset) -> str:
    """What a cell must have to be available."""
    quantity = text(result, "quantity")
    name, (scale, unit) = NAMES[quantity], scale_of(result, quantity)
    limit = scale * _fact(result, "limit")
    if not math.isfinite(limit):
        return _ANYTHING.get(quantity, f"a finite {name}")
    if quantity == "num_visible":
        return f"{limit:g} or more satellites"
    return f"{name} up to {limit:g} {unit}".rstrip()


def map_sentences(result: xr.Dataset) -> list[str]:
    """The result in words, the most important first."""
    share = _fact(result, "available_percent")
    gap_s = result["longest_gap_s"].values
    lead = (
        f"{condition(result)[:1].upper()}{condition(result)[1:]}: {share:.1f} % of area and time."
    )
    worst = float(np.max(gap_s))
    if worst == 0.0:
        gaps = f"No place is ever without {condition(result)}."
    else:
        always = 100.0 * float(np.sum(result["area_weight"].values[gap_s == 0.0]))
        span_s = _fact(result, "num_epochs") * _fact(result, "step_s")
        at = np.unravel_index(int(np.argmax(gap_s)), gap_s.shape)
        lat, lon = float(result["latitude"].values[at[0]]), float(result["longitude"].values[at[1]])
        longest = (
            "the whole time" if worst >= span_s - 1e-6 else f"{words.quantity(worst / 60.0, 'min')}"
        )
        gaps = (
            f"{always:.1f} % of the area is never without {condition(result)}; the longest gap is "
            f"{longest}, as at {words.latitude(lat, 1)}, {words.longitude(lon, 1)}."
        )
    return [lead, gaps, _scene_sentence(result), *_carrier_sentences(result)]


def _carrier_sentences(result: xr.Dataset) -> list[str]:
    """At which carrier Doppler shifts are, if any are measured."""
    if "doppler_carrier_hz" not in result.attrs:
        return []
    default = "; [signal] carrier_hz is not given" if result.attrs["is_default_carrier"] else ""
    return [f"Doppler shifts are at {_fact(result, 'doppler_carrier_hz') / 1e9:.9g} GHz{default}."]


def _scene_sentence(result: xr.Dataset) -> str:
    epochs = int(_fact(result, "num_epochs"))
    start = f" from {text(result, 'reference_epoch')}" if result.attrs.get("is_dated") else ""
    height, width = cell_sides_deg(result)
    return (
        f"{words.counted(int(_fact(result, 'num_satellites')), 'satellite')}, mask "
        f"{_fact(result, 'mask_deg'):g} degrees, {words.counted(epochs, 'epoch')} every "
        f"{_fact(result, 'step_s'):g} s{start}; {result['latitude'].size} by "
        f"{result['longitude'].size} cells of {height:.4g} by {width:.4g} degrees on the "
        f"{text(result, 'figure')}. On average "
        f"{_fact(result, 'num_visible_mean'):.1f} satellites are in view."
    )


def map_table(result: xr.Dataset) -> Table:
    """Percentiles over area and time, and means of all quantities."""
    quantity = text(result, "quantity")
    scale, unit = scale_of(result, quantity)
    name = NAMES[quantity][:1].upper() + NAMES[quantity][1:]
    share = "at least" if quantity == "num_visible" else "at most"
    rows = [
        (f"{name}, {percent:g} % {share}",
         words.quantity(scale * float(value), unit))
        for percent, value in zip(
            result["percent"].values, result[f"{quantity}_area_percentile"].values, strict=True
        )
    ]  # fmt: skip
    for one, label in NAMES.items():
        if f"{one}_overall_mean" not in result or one == "num_visible":
            continue
        mean = float(result[f"{one}_overall_mean"])
        if mean > 0.0:  # not NaN either
            factor, of_one = scale_of(result, one)
            shown = words.quantity(factor * mean, of_one)
            rows.append((f"{label[:1].upper()}{label[1:]}, mean", shown))
    return Table(
        "Over area and solved time",
        ("Quantity", "Value"),
        tuple(rows),
        (False, False),
    )
