"""A calibration in words: what was observed, how well it is known, how far it is off."""

import math

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.reading import column, number, strings, text

SMALL_S0, LARGE_S0 = 0.7, 1.2
"""Residuals outside this range of the assumed noise are told of."""


def calibration_sentences(result: xr.Dataset) -> list[str]:
    """The whole calibration in words, most important first; empty sentences left out."""
    sentences = [
        missing_sentence(result),
        observed_sentence(result),
        sigma_sentence(result),
        error_sentence(result),
        datum_sentence(result),
        noise_sentence(result),
        weights_sentence(result),
        variances_sentence(result),
        delay_sentence(result),
    ]
    return [sentence for sentence in sentences if sentence]


def needs_attention(result: xr.Dataset) -> bool:
    """Whether station-days are missing."""
    return not result.attrs.get("complete", 1)


def missing_sentence(result: xr.Dataset) -> str:
    """That station-days are missing; empty if none is."""
    if not needs_attention(result):
        return ""
    missing = sum(bool(one) for one in strings(result, "job_problem", "job"))
    return f"INCOMPLETE: {missing} of {result.sizes['job']} station-days are missing."


def observed_sentence(result: xr.Dataset) -> str:
    """Satellites, stations, days and observations."""
    of = [
        words.counted(result.sizes["satellite"], "satellite"),
        words.counted(result.sizes["station"], "station"),
        words.counted(int(number(result, "num_days")), "day"),
    ]
    count = int(number(result, "num_observations"))
    kind = "simulated " if result.attrs.get("simulated") else ""
    return f"{of[0]} seen by {of[1]} over {of[2]}: {count:,} {kind}codes and phases are used."


def sigma_sentence(result: xr.Dataset) -> str:
    """How well offsets and delays are known, RMS over satellites."""
    honest = text(result, "honest")
    kind = "honest" if honest else "formal"
    told = _four(result, f"offset_{kind}_sigma_m", f"delay_{kind}_sigma_m")
    if not honest:
        return f"Formal 1-sigma: {told}; orbits and clocks are taken as exact."
    formal = _four(result, "offset_formal_sigma_m", "delay_formal_sigma_m")
    return f"Honest 1-sigma: {told} ({honest}). With exact orbits it would be {formal}."


def error_sentence(result: xr.Dataset) -> str:
    """How far the estimates are off; empty without a truth."""
    if "rms_error_m" not in result:
        return ""
    error = column(result, "rms_error_m", "component")
    sentence = f"Error against the truth, RMS: {_listed(error)}"
    ratio = column(result, "error_over_honest", "component")
    if np.all(np.isfinite(ratio)):
        share = ", ".join(words.significant(float(value), 2) for value in ratio)
        sentence += f"; that is {share} times the honest sigma"
    return f"{sentence}."


def datum_sentence(result: xr.Dataset) -> str:
    """What delays and biases count from."""
    return (
        f"Datum: {text(result, 'datum')}. Delays mean nothing without it; offsets do not need it."
    )


def noise_sentence(result: xr.Dataset) -> str:
    """Residuals against the assumed noise."""
    s0 = number(result, "s0")
    if not math.isfinite(s0):
        return ""
    noise = "noise that they tell" if text(result, "variance_groups") else "assumed noise"
    sentence = f"Residuals are {words.significant(s0, 3)} times the {noise}"
    if s0 > LARGE_S0:
        return f"{sentence}: something is not modeled, and every sigma is too small."
    if s0 < SMALL_S0:
        return f"{sentence}: the sigmas of the file are too large."
    return f"{sentence}."


def weights_sentence(result: xr.Dataset) -> str:
    """Robust weights, and what they took out; empty without."""
    if not text(result, "robust"):
        return ""
    every = int(np.sum(column(result, "weighted_observed", "weighted")))
    reduced, out = (int(number(result, f"num_{name}")) for name in ("reduced", "left_out"))
    sentence = (
        f"Robust weights ({text(result, 'robust')}): {reduced:,} of {every:,} codes and phases "
        f"count less, {out:,} of them not at all."
    )
    alone = int(number(result, "num_alone")) if "num_alone" in result else 0
    if alone > 0:
        sentence += f" Alone in an arc, so not used either: {words.counted(alone, 'phase')}."
    return sentence


def variances_sentence(result: xr.Dataset) -> str:
    """Sigmas that the residuals tell; empty without."""
    if "group" not in result:
        return ""
    told = []
    sigma, factor = (column(result, f"group_{name}", "group") for name in ("sigma_m", "factor"))
    estimated = column(result, "group_estimated", "group") > 0
    for i, name in enumerate(strings(result, "group", "group")):
        if estimated[i]:
            times = words.significant(math.sqrt(factor[i]), 3)
            told.append(f"{group_words(name)} {words.length(sigma[i], 3)} ({times} times)")
    return f"Sigmas by the residuals, and over those of the file: {', '.join(told)}."


def group_words(name: str) -> str:
    """A group of observations as a reader calls it."""
    return {"phase": "reference phase", "leo_phase": "LEO phase"}.get(name, name)


def delay_sentence(result: xr.Dataset) -> str:
    """How well the delay of each epoch is known; empty where there are none."""
    if "delay_epochs" not in result:
        return ""
    count = int(np.sum(column(result, "delay_epochs", "satellite")))
    sigma = _rms(column(result, "delay_epoch_sigma_m", "satellite"))
    model = text(result, "delay_model").replace("_", " ")
    sentence = f"Delays of {count:,} epochs ({model}): 1-sigma {words.length(sigma)}"
    if "delay_epoch_error_m" in result:
        error = _rms(column(result, "delay_epoch_error_m", "satellite"))
        user = _rms(column(result, "delay_epoch_user_error_m", "satellite"))
        sentence += (
            f"; error {words.length(error)}, or {words.length(user)} where the error of the "
            "satellite clock counts as delay, as it does for users"
        )
    return f"{sentence}."


def _four(result: xr.Dataset, offset: str, delay: str) -> str:
    columns = [*result[offset].values.T, result[delay].values]
    return _listed(np.array([_rms(values) for values in columns]))


def _listed(values_m: np.ndarray) -> str:
    pairs = zip(("X", "Y", "Z", "delay"), values_m.tolist(), strict=True)
    shown = [f"{name} {words.significant(1e3 * m, 2)}" for name, m in pairs if math.isfinite(m)]
    return f"{', '.join(shown)} mm"


def _rms(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else math.nan
