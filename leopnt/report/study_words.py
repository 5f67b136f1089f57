"""A study in words: how many trials, what became of them, how large the errors are."""

import math

import numpy as np
import xarray as xr

from leopnt.report import words
from leopnt.report.reading import column, json_attribute, strings, text, unit
from leopnt.report.study_points import (
    long_name,
    num_points,
    point_phrase,
    swept_parameters,
)
from leopnt.report.verdict_words import counted_verdicts

_KINDS = {
    "": ("published number", ""),
    "paper": ("published number", ""),
    "reading": ("reading", " of what a paper says in words"),
    "check": ("check", " against theory or another implementation"),
}
"""What each kind of comparison is called; results of older versions do not tell it."""

FEW_TRIALS = 30
"""Statistics of fewer solved trials get a warning in words."""


def study_sentences(study: xr.Dataset) -> list[str]:
    """The whole study in words, most important first; empty sentences left out."""
    attention = filter(None, (missing_sentence(study), not_finite_sentence(study)))
    sentences = [
        " ".join(attention),
        trials_sentence(study),
        not_solved_sentence(study),
        error_sentence(study),
        few_trials_sentence(study),
        verdict_sentence(study),
    ]
    return [sentence for sentence in sentences if sentence]


def total(study: xr.Dataset, name: str) -> int:
    """A count over all points; 0 if the study does not have it."""
    return int(np.nansum(column(study, name, "point")))


def is_complete(study: xr.Dataset) -> bool:
    """Whether no trial is missing."""
    return bool(study.attrs.get("complete", 1)) and not total(study, "missing")


def needs_attention(study: xr.Dataset) -> bool:
    """Whether something is missing, not finite, or nothing at all was solved."""
    return not is_complete(study) or total(study, "not_finite") > 0 or total(study, "solved") == 0


def missing_sentence(study: xr.Dataset) -> str:
    """That the run is incomplete, and by how much; empty if it is not."""
    if is_complete(study):
        return ""
    missing, trials = column(study, "missing", "point"), total(study, "trials")
    sentence = f"INCOMPLETE: {total(study, 'missing'):,} of {_trials(trials)} are missing"
    num_affected = int(np.sum(missing > 0))
    if num_points(study) > 1 and num_affected:
        sentence += f", at {num_affected} of {num_points(study)} points"
    return f"{sentence}; run the study again to resume it."


def not_finite_sentence(study: xr.Dataset) -> str:
    """That trials gave numbers that are not finite; empty if none did."""
    count = total(study, "not_finite")
    if not count:
        return ""
    gave = "trial gave numbers" if count == 1 else "trials gave numbers"
    return f"NOT FINITE: {count:,} {gave} that are not finite; no average contains them."


def _trials(count: int) -> str:
    return f"{count:,} {'trial' if count == 1 else 'trials'}"


def trials_sentence(study: xr.Dataset) -> str:
    """How many trials over how many points and cases, and how many of them were solved."""
    trials, solved = total(study, "trials"), total(study, "solved")
    sentence = _trials(trials)
    method = text(study, "method").replace("_", " ")
    sentence += f" of {method}" if method else ""
    if swept_parameters(study):
        sentence += f" at {words.counted(num_points(study), 'point')} of the sweep"
    cases = study.sizes.get("case", 0)
    if cases:
        users = len(set(strings(study, "user", "case")))
        epochs = len(set(column(study, "time_s", "case").tolist()))
        sentence += f", over {words.counted(cases, 'case')}"
        sentence += f" ({words.counted(users, 'user')}, {words.counted(epochs, 'epoch')})"
    if solved == trials:
        return f"{sentence}: all solved."
    return f"{sentence}: {solved:,} solved ({share(solved, trials)})."


def share(part: int, whole: int) -> str:
    """A share in per cent that says 100 or 0 only of all or nothing."""
    percent = 100.0 * part / whole if whole else 0.0
    digits = 1
    while digits < 6 and 0 < part < whole and float(f"{percent:.{digits}f}") in (0.0, 100.0):
        digits += 1
    return f"{percent:.{digits}f} %"


def not_solved_sentence(study: xr.Dataset) -> str:
    """How many trials were not solved, with each reason, most frequent first."""
    count = total(study, "not_solved")
    if not count:
        return ""
    reasons = failures(study)
    if len(reasons) == 1 and reasons[0][1] == count:
        return f"Not solved: {count:,} ({reasons[0][0]})."
    parts = "".join(f", {number:,} ({reason})" for reason, number in reasons)
    return f"Not solved: {count:,}{parts.replace(', ', '; of these ', 1)}."


def failures(study: xr.Dataset) -> list[tuple[str, int]]:
    """Each outcome but the first (solved) that occurred, and how often, most frequent first."""
    if "count" not in study:
        return []
    counts = np.nansum(study["count"].transpose("point", "status").values, axis=0).astype(int)
    named = list(zip(strings(study, "status", "status"), counts.tolist(), strict=True))[1:]
    return sorted(((n, c) for n, c in named if c), key=lambda pair: -pair[1])


def headline(study: xr.Dataset) -> list[str]:
    """Columns that stand for the study instead of positioning errors, most important first."""
    named = json_attribute(study, "headline", [])
    named = named if isinstance(named, list) else [named]
    return [str(name) for name in named if name in study and study[name].dims == ("point",)]


def error_sentence(study: xr.Dataset) -> str:
    """Smallest and largest 3D error, and how they compare with the bound; or the headline."""
    if json_attribute(study, "headline", []):
        return " ".join(_headline_sentence(study, name) for name in headline(study))
    rmse = column(study, "rmse_3d", "point")
    solved = np.flatnonzero(np.isfinite(rmse))
    if not len(solved):
        return "There is no error statistic: no point has a solved trial."
    best, worst = (int(solved[f(rmse[solved])]) for f in (np.argmin, np.argmax))
    if best == worst or num_points(study) == 1:
        return f"3D error (RMSE): {_error_at(study, best)}{_ratio_at(study, best)}."
    sentence = f"3D error (RMSE): best {_error_at(study, best)}, worst {_error_at(study, worst)}"
    return f"{sentence}.{_ratio_range(study)}"


def _headline_sentence(study: xr.Dataset, name: str) -> str:
    values, label = column(study, name, "point"), long_name(study, name)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return f"{label}: at no point is it finite."
    best, worst = (int(known[f(values[known])]) for f in (np.argmin, np.argmax))
    texts = [words.quantity(float(values[i]), unit(study, name)) for i in (best, worst)]
    if texts[0] == texts[1]:
        return f"{label}: {texts[0]}."
    places = [point_phrase(swept_parameters(study), i) for i in (best, worst)]
    return f"{label}: best {texts[0]} {places[0]}, worst {texts[1]} {places[1]}."


def _error_at(study: xr.Dataset, point: int) -> str:
    rmse = words.quantity(float(column(study, "rmse_3d", "point")[point]), unit(study, "rmse_3d"))
    where = point_phrase(swept_parameters(study), point)
    return f"{rmse} {where}".rstrip()


def ratio_and_sigma(ratio: float, sigma: float) -> tuple[str, str]:
    """RMSE over bound and its standard error, to two digits of the latter; empty if unknown."""
    if not math.isfinite(ratio):
        return "", ""
    if not (math.isfinite(sigma) and sigma > 0.0):
        return words.significant(ratio, 4), ""
    decimals = min(6, max(0, 1 - math.floor(math.log10(sigma))))
    return f"{ratio:.{decimals}f}", f"{sigma:.{decimals}f}"


def _ratio_text(study: xr.Dataset, point: int) -> str:
    names = ("rmse_over_bound", "rmse_over_bound_sigma")
    ratio, sigma = (float(column(study, name, "point")[point]) for name in names)
    return " ± ".join(filter(None, ratio_and_sigma(ratio, sigma)))


def _ratio_at(study: xr.Dataset, point: int) -> str:
    ratio = _ratio_text(study, point)
    bound = float(column(study, "bound_3d", "point")[point])
    if not ratio or not math.isfinite(bound):
        return ""
    limit = words.quantity(bound, unit(study, "bound_3d"))
    return f", {ratio} times the Cramer-Rao bound of {limit}"


def _ratio_range(study: xr.Dataset) -> str:
    ratio = column(study, "rmse_over_bound", "point")
    known = np.flatnonzero(np.isfinite(ratio))
    if not len(known):
        return ""
    low, high = (int(known[f(ratio[known])]) for f in (np.argmin, np.argmax))
    if low == high:
        return f" That is {_ratio_text(study, low)} times the Cramer-Rao bound."
    texts = dict.fromkeys(_ratio_text(study, point) for point in (low, high))
    return f" That is {' to '.join(texts)} times the Cramer-Rao bound."


def few_trials_sentence(study: xr.Dataset) -> str:
    """That statistics rest on few solved trials; empty if they do not."""
    solved = column(study, "solved", "point")
    few = int(np.sum((solved > 0) & (solved < FEW_TRIALS)))
    if not few:
        return ""
    fewest = int(np.min(solved[solved > 0]))
    if num_points(study) == 1:
        return f"The statistics rest on only {words.counted(fewest, 'solved trial')}."
    return (
        f"The statistics of {words.counted(few, 'point')} rest on fewer than {FEW_TRIALS} solved "
        f"trials (the fewest: {fewest})."
    )


def verdict_sentence(study: xr.Dataset) -> str:
    """How many published numbers held, and how many checks; empty without a comparison."""
    verdicts, kinds = (strings(study, name, "published") for name in ("verdict", "published_kind"))
    told = []
    for kind, (noun, more) in _KINDS.items():
        found = [one for one, of in zip(verdicts, kinds, strict=True) if of == kind]
        if found:
            told.append(f"Of {words.counted(len(found), noun)}{more}: {counted_verdicts(found)}.")
    return " ".join(told)
