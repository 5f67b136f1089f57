"""A map as an Earth to turn in the browser: one HTML file, plain JavaScript on a canvas.

Nothing is fetched: values travel in the file, 16 bits each, with the land outline of `maps`.
"""

import base64
import json
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr

from leopnt.io.results import write_text
from leopnt.report.map_words import (
    cell_sides_deg,
    layer_names,
    map_sentences,
    map_table,
    percent_label,
    sameness,
    scale_of,
    shade_of,
)
from leopnt.report.maps import land_rings_deg
from leopnt.report.page import html_table, page
from leopnt.report.reading import require_kind, text

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Inline scripts, and nothing from anywhere."""

NO_VALUE = 65_535
_LEVELS = 65_534
_NUM_COLORS = 128

STYLE = """
#globe { max-width: 620px; }
#globe canvas { display: block; margin: .5rem auto; touch-action: none; cursor: grab; }
#globe canvas:active { cursor: grabbing; }
#globe canvas:focus-visible, #globe select:focus-visible { outline: 2px solid var(--accent); }
#globe select { font: inherit; max-width: 100%; padding: .3rem; }
#globe .globe-slider { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
#globe .globe-slider[hidden] { display: none; }
#globe input { flex: 1 1 10rem; min-width: 8rem; min-height: 2rem; accent-color: var(--accent); }
#globe .globe-step { min-width: 9rem; font-variant-numeric: tabular-nums; }
#globe .globe-scale { display: flex; gap: .6rem; align-items: center; font-size: .875rem; }
#globe .globe-bar { flex: 1; height: .9rem; border: 1px solid var(--line); }
#globe output { display: block; min-height: 1.5em; margin: .4rem 0; font-weight: 600; }
"""


def write_globe(result: xr.Dataset, path: str | Path) -> Path:
    """Write the Earth of a map alone, with its first sentences."""
    require_kind(result, "map")
    sections = [("On the globe", [globe_html(result), html_table(map_table(result))])]
    html = page(result, map_sentences(result), sections, POLICY, globe_script(), False)
    return write_text(html, path)


def globe_html(result: xr.Dataset) -> str:
    """The Earth and its controls, a part of a page; needs `globe_script` at the page's end."""
    label = f"Earth with the map {text(result, 'title')}; arrow keys turn it."
    content = json.dumps(globe_data(result), separators=(",", ":"), allow_nan=False)
    content = content.replace("<", "\\u003c")  # so that no text ends the script
    return f"""<style>{STYLE}</style>
<div id="globe">
<label>Show <select aria-label="What the globe shows"></select></label>
<div class="globe-slider"><input type="range" min="0" value="0" step="1" aria-label="Which one">
<span class="globe-step"></span></div>
<canvas tabindex="0" role="img" aria-label="{escape(label)}"></canvas>
<output></output>
<div class="globe-scale"><span class="globe-end"></span><span class="globe-bar"></span>
<span class="globe-end"></span><span class="globe-unit"></span></div>
<script type="application/json" id="globe-data">{content}</script>
</div>
"""


def globe_script() -> str:
    """The script that draws; once per page, after the globe."""
    source = (files("leopnt.report") / "data" / "globe.js").read_text(encoding="utf-8")
    return f"<script>\n{source}</script>\n"


def globe_data(result: xr.Dataset) -> dict[str, Any]:
    """What the script reads: grid, land, colors, and layers in groups."""
    latitude, longitude = result["latitude"].values, result["longitude"].values
    steps = cell_sides_deg(result)
    colors = mpl.colormaps["viridis"](np.linspace(0.0, 1.0, _NUM_COLORS))
    return {
        "rows": len(latitude),
        "columns": len(longitude),
        "south": float(latitude[0] - steps[0] / 2),
        "west": float(longitude[0] - steps[1] / 2),
        "step": steps,
        "middle": [
            float(np.mean(longitude)),
            min(max(float(np.mean(latitude)), -60.0), 60.0) + 15.0,
        ],
        "colors": mpl_hex(colors),
        "land": [np.round(ring, 2).ravel().tolist() for ring in land_rings_deg()],
        "groups": _groups(result),
    }


def mpl_hex(colors: np.ndarray) -> str:
    """Colors as one string of red, green and blue bytes."""
    return np.round(255 * colors[:, :3]).astype(np.uint8).tobytes().hex()


def _times(result: xr.Dataset) -> list[str]:
    """When the pictures of single epochs are: by the calendar, else hours since the start."""
    frames = result["frame_index"].values
    elapsed_s = np.round(frames * float(result.attrs["step_s"])).astype(int)
    if result.attrs.get("is_dated", 0):
        times = [str(one) for one in result["epoch_utc"].values[frames]]
        size = 16 if all(one[17:19] == "00" for one in times) else 19
        return [f"{one[:size].replace('T', ' ')} UTC" for one in times]
    has_seconds = bool(np.any(elapsed_s % 60))
    return [f"{elapsed(one, has_seconds)} after the start" for one in elapsed_s.tolist()]


def elapsed(time_s: int, has_seconds: bool) -> str:
    """Days, if there are any, hours and minutes: 1 d 02:30."""
    days, rest = divmod(time_s, 86_400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}"
    seconds = f":{rest % 60:02d}" if has_seconds else ""
    return (f"{days} d " if days else "") + clock + seconds


def _groups(result: xr.Dataset) -> list[dict[str, Any]]:
    """What can be chosen, each with the layers that the slider moves through."""
    quantity = text(result, "quantity")
    names = layer_names(result)
    less = quantity != "num_visible"
    percent = result["percent"].values
    scale, unit = scale_of(result, quantity)
    shown = [
        (names["percentile"], scale * result[f"{quantity}_percentile"].values,
         [percent_label(p, quantity) for p in percent], unit, less),
        (names["at"], scale * result[f"{quantity}_at"].values, _times(result), unit, less),
        (names["available"], result["available_percent"].values[None], ["whole time"], "%", False),
        (names["gap"], result["longest_gap_s"].values[None] / 60.0, ["whole time"], "min", True),
        (names["visible"], result["num_visible_mean"].values[None], ["whole time"], "", False),
    ]  # fmt: skip
    return [_group(*one) for one in shown]


def _group(name: str, values: np.ndarray, labels: list[str], unit: str, less: bool) -> dict:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    ends = [2, 90] if less else [2, 98]  # the worst may be worse than all others by far
    first, last = np.percentile(known, ends).tolist() if known.size else (0.0, 1.0)
    note = sameness(values)
    if unit == "%":
        low, high, first, last, note = 0.0, 100.0, 0.0, 100.0, ""  # of all maps alike
    is_log = bool(low > 0.0 and high / low > 20.0)
    common = {"unit": unit, "less": less, "log": is_log, "low": low,
              "high": high, "from": first, "to": last if last > first else high,
              "note": note, "shade": shade_of(low)}  # fmt: skip
    layers = [
        {"label": label, "data": packed(one, low, high, is_log), **common}
        for label, one in zip(labels, values, strict=True)
    ]
    return {"name": name, "layers": layers}


def packed(values: np.ndarray, low: float, high: float, is_log: bool) -> str:
    """Values as 16-bit numbers between the limits, little-endian, in base 64."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (
            np.log(values / low) / np.log(high / low) if is_log else (values - low) / (high - low)
        )
    level = np.where(np.isfinite(values), np.nan_to_num(share) * _LEVELS, NO_VALUE)
    return base64.b64encode(np.round(level).astype("<u2").tobytes()).decode("ascii")
