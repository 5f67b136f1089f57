"""Estimates of a calibration in other formats: an ANTEX file, and a table of text."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import xarray as xr

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.io.antex import Antex, AntexAntenna, AntexFrequency

_NS_PER_M = 1e9 / SPEED_OF_LIGHT_MPS
_ZENITH_RAD = np.radians(np.arange(0.0, 91.0, 5.0))


def antex_of(result: xr.Dataset) -> tuple[Antex, tuple[str, ...]]:
    """Estimated offsets as satellite antennas, and the names of satellites that have none.

    Offsets are ionosphere-free. Both frequencies get the same value, so that any combination of
    them whose coefficients add up to 1 gives it back; that of one frequency alone is not known.
    Sigmas (FREQ RMS) are the honest ones where there are any, else the formal ones.

    Raises:
        LeopntError: a result without any offset.
    """
    names = [str(name) for name in result["satellite"].values]
    offset, sigma = result["offset_m"].values, best_sigma_m(result)[:, :3]
    known = np.all(np.isfinite(offset), axis=1)
    if not np.any(known):
        raise LeopntError("the result holds no offset at all; expected one for some satellite.")
    codes = json.loads(result.attrs["antex_frequencies"])
    start = Epoch.from_iso(str(result.attrs["start"]))
    days = int(result.attrs["num_days"])
    pattern = [_patterns(result, i) for i in range(len(names))]
    antennas = tuple(
        _antenna(name, offset[i], sigma[i], pattern[i], codes, start, days)
        for i, name in enumerate(names)
        if known[i]
    )
    comments = (
        "Phase-center offsets of LEO downlinks, ionosphere-free:",
        "the same value at every frequency.",
        _words(result),
        f"Made by leopnt {result.attrs['leopnt_version']}",
    )
    left_out = tuple(name for name, there in zip(names, known, strict=True) if not there)
    return Antex(antennas, "A", "", "M", comments), left_out


def _patterns(result: xr.Dataset, sat: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nadir angles, variations averaged over azimuth, and their sigmas."""
    if "pattern_m" not in result:
        flat = np.zeros(len(_ZENITH_RAD))
        return _ZENITH_RAD, flat, flat
    columns = (result[f"pattern{name}_m"].values[sat, 0] for name in ("", "_sigma"))
    return (np.radians(result["nadir_deg"].values), *columns)


def _words(result: xr.Dataset) -> str:
    return "Variations (PCV) by nadir angle." if "pattern_m" in result else "No variations (PCV)."


def _antenna(name, offset_m, sigma_m, pattern, codes, start: Epoch, days: int) -> AntexAntenna:
    nadir_rad, value_m, value_sigma_m = pattern

    def everywhere(values: np.ndarray, variations: np.ndarray) -> dict[str, AntexFrequency]:
        one = AntexFrequency(values, variations, np.zeros((0, len(variations))))
        return dict.fromkeys(codes, one)

    return AntexAntenna(
        "LEO DOWNLINK",
        name,
        nadir_rad,
        np.zeros(0),
        everywhere(offset_m, value_m),
        everywhere(sigma_m, value_sigma_m) if np.all(np.isfinite(sigma_m)) else {},
        sat_code=name[:10],
        valid_from=start,
        method="ESTIMATED",
        agency="leopnt",
        num_calibrated=1,
        comments=(f"estimated from {days} day{'s' if days > 1 else ''} of station data",),
    )


def best_sigma_m(result: xr.Dataset) -> np.ndarray:
    """Honest sigmas of offsets and delay (satellite, 4), formal ones where there are none."""
    columns = []
    for kind in ("honest", "formal"):
        names = (f"offset_{kind}_sigma_m", f"delay_{kind}_sigma_m")
        columns.append(np.column_stack([result[name].values for name in names]))
    honest, formal = columns
    return np.where(np.isfinite(honest), honest, formal)


def csv_of(result: xr.Dataset) -> str:
    """One line per satellite: offsets, delay, every sigma, errors where the truth is known."""
    columns: dict[str, list] = {"satellite": [str(n) for n in result["satellite"].values]}
    for ending in _endings(result):
        for i, axis in enumerate("xyz"):
            columns[f"offset_{axis}{ending}_m"] = _texts(result[f"offset{ending}_m"].values[:, i])
    for ending in _endings(result):
        values = result[f"delay{ending}_m"].values
        columns[f"delay{ending}_m"] = _texts(values)
        columns[f"delay{ending}_ns"] = _texts(_NS_PER_M * values)
    columns["datum"] = [str(result.attrs["datum"])] * len(columns["satellite"])
    for name in ("num_arcs", "num_code", "num_phase", "satellite_part"):
        columns[name] = result[name].values.tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _endings(result: xr.Dataset) -> list[str]:
    kinds = ("", "_formal_sigma", "_honest_sigma", "_bootstrap_sigma", "_true", "_error")
    return [ending for ending in kinds if f"offset{ending}_m" in result]


def _texts(values: np.ndarray) -> list[str]:
    """To 0.1 um; empty where there is none."""
    return [f"{value:.7f}" if np.isfinite(value) else "" for value in values.tolist()]
