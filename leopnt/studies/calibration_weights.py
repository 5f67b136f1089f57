"""What rounds did to weights and sigmas, as columns and sentences of a result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from leopnt.methods.calibration import CalibrationSettings
from leopnt.studies.calibration_refinement import GROUPS, Refinement
from leopnt.studies.calibration_review import KINDS
from leopnt.studies.calibration_rounds import Counts, Key, Refined

MANY = 0.1
"""Above this share of observations that do not count, errors are not gross ones."""


FAR_FACTOR = 3.0
"""Above this factor on a sigma of the file, gross errors are more likely than such noise."""

FAR_SIGMAS = 7.0
"""Noise has no residual beyond, with 1 in 4e11 observations."""

_KIND_OF = {"code": (0, 2), "phase": (3,), "leo_phase": (1,)}
"""Places in `KINDS` of the observations of each group."""


def weight_columns(
    how: Refinement, found: Refined, assumed: CalibrationSettings, units: Sequence[Key]
) -> dict[str, xr.Variable]:
    """Rounds; observations that count less, by kind and station-day; sigmas of each group.

    Args:
        assumed: the settings of the file. units: every station-day, those without a result too.
    """
    columns = _rounds(how, found)
    if how.loss is not None:
        columns |= _weights(found, units)
    if how.groups:
        columns |= _sigmas(how, found, assumed)
    return columns


def weight_attributes(how: Refinement | None, found: Refined | None) -> dict[str, Any]:
    """Which weights were used, and if the rounds settled; without rounds they have."""
    if how is None or found is None:
        return {"robust": "", "variance_groups": "", "num_rounds": 0, "settled": 1}
    return {
        "robust": how.sentence,
        "variance_groups": ", ".join(how.groups),
        "num_rounds": len(found.rounds),
        "settled": int(found.is_settled),
    }


def weight_warnings(
    how: Refinement,
    found: Refined,
    assumed: CalibrationSettings,
    largest: Sequence[float] | None = None,
) -> Iterator[str]:
    """What a reader of the estimates must know about the rounds.

    Args:
        assumed: the settings of the file.
        largest: residual over its sigma, by `KINDS`; None where residuals are not known.
    """
    last = found.rounds[-1]
    if not found.is_settled:
        sentence = (
            f"Weights did not settle in {_counted(len(found.rounds), 'round')}: the last one moved "
            f"an offset or delay by {last.moved_sigmas:.2g} of its sigma"
        )
        accepted = "0.05"
        if last.components is not None:
            change = max(abs(part.factor**0.5 - 1.0) for part in last.components)
            sentence += f", and changed a sigma of observations by {100.0 * change:.2g} %"
            accepted += " (and 0.1 %)"
        yield f"{sentence}; expected less than {accepted}; raise max_rounds."
    yield from sigma_warnings(how, found, assumed, largest)
    observed, left_out = np.sum(last.counts.observed), np.sum(last.counts.left_out)
    if left_out > MANY * observed:
        yield (
            f"{100.0 * left_out / observed:.0f} % of the codes and phases do not count: errors of "
            "so many are no gross ones; look at the sigmas and at what is not modeled."
        )


def sigma_warnings(
    how: Refinement,
    found: Refined,
    assumed: CalibrationSettings,
    largest: Sequence[float] | None = None,
) -> Iterator[str]:
    """That gross errors, or what is not modeled, are in sigmas by the residuals.

    Args: see `weight_warnings`.
    """
    pairs = zip(sigmas_of(assumed), sigmas_of(found.settings), strict=True)
    signs: list[str] = []
    for name, (before, after) in zip(GROUPS, pairs, strict=True):
        if name not in how.groups:
            continue
        words = {"phase": "reference phase", "leo_phase": "LEO phase"}.get(name, name)
        worst = max((largest[i] for i in _KIND_OF[name]), default=0.0) if largest else 0.0
        if before > 0.0 and after > FAR_FACTOR * before:
            signs.append(f"that of {words} is {after / before:.3g} times that of the file")
        elif how.loss is None and worst > FAR_SIGMAS:
            signs.append(f"a residual of {words} is {worst:.2g} times its sigma")
    if not signs:
        return
    if how.loss is None:
        advice = "Gross errors may be in them; [estimate.robust] beside takes these out."
    else:
        advice = "Look at the sigmas of the file and at what is not modeled."
    yield f"Sigmas by the residuals are doubtful: {', '.join(signs)}. {advice}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _number(dims: str | tuple[str, ...], values: Any, long_name: str) -> xr.Variable:
    return xr.Variable(dims, np.asarray(values), {"units": "1", "long_name": long_name})


def _length(dims: str | tuple[str, ...], values: Any, long_name: str) -> xr.Variable:
    return xr.Variable(dims, np.asarray(values, float), {"units": "m", "long_name": long_name})


def _text(dim: str, values: Sequence[str], long_name: str) -> xr.Variable:
    return xr.Variable((dim,), np.asarray(list(values), str), {"long_name": long_name})


def _rounds(how: Refinement, found: Refined) -> dict[str, xr.Variable]:
    rounds = found.rounds
    every = {
        "round": _number("round", np.arange(1, len(rounds) + 1), "round"),
        "round_moved_sigmas": _number(
            "round", [one.moved_sigmas for one in rounds], "largest move of an offset or delay"
        ),
    }
    if how.loss is not None:
        for name, words in (("reduced", "that count less"), ("left_out", "that do not count")):
            counts = [int(np.sum(getattr(one.counts, name))) for one in rounds]
            every[f"round_{name}"] = _number("round", counts, f"codes and phases {words}")
    if how.groups:
        sigmas = [sigmas_of(one.settings) for one in rounds]
        every["round_sigma_m"] = _length(("round", "group"), sigmas, "1-sigma that was used")
    return every


def _weights(found: Refined, units: Sequence[Key]) -> dict[str, xr.Variable]:
    last = found.rounds[-1].counts
    nothing = np.zeros(4, int)
    none = Counts(nothing, nothing, nothing, 0)
    of_days = [found.counts.get(key, none) for key in units]
    words = "codes and phases that {}, those that do not count among them"
    return {
        "weighted": _text("weighted", KINDS, "kind of observation"),
        "weighted_observed": _number("weighted", last.observed, "observations"),
        "weighted_reduced": _number("weighted", last.reduced, "that count less, or not at all"),
        "weighted_left_out": _number("weighted", last.left_out, "that do not count"),
        "num_reduced": _number((), int(np.sum(last.reduced)), words.format("count less")),
        "num_left_out": _number((), int(np.sum(last.left_out)), "that do not count"),
        "num_untested": _number((), last.untested, "whose residual tells too little, in full"),
        "job_reduced": _number(
            "job", [int(np.sum(one.reduced)) for one in of_days], words.format("count less")
        ),
        "job_left_out": _number(
            "job", [int(np.sum(one.left_out)) for one in of_days], "that do not count"
        ),
    }


def _sigmas(
    how: Refinement, found: Refined, assumed: CalibrationSettings
) -> dict[str, xr.Variable]:
    told = [one.components for one in found.rounds if one.components is not None]
    redundancy = [part.redundancy for part in told[-1]] if told else [np.nan] * len(GROUPS)
    before, after = np.array(sigmas_of(assumed)), np.array(sigmas_of(found.settings))
    of = [name in how.groups for name in GROUPS]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(of, np.sqrt(0.5 / np.array(redundancy)), 0.0)
    return {
        "group": _text("group", GROUPS, "kind of observation"),
        "group_estimated": _number("group", np.array(of, int), "1 where the sigma is estimated"),
        "group_assumed_m": _length("group", before, "1-sigma of the file"),
        "group_sigma_m": _length("group", after, "1-sigma that was used"),
        "group_sigma_sigma_m": _length("group", share * after, "1-sigma of it"),
        "group_factor": _number("group", (after / before) ** 2, "variance over that of the file"),
        "group_redundancy": _number("group", redundancy, "what the sigma rests on"),
    }


def sigmas_of(settings: CalibrationSettings) -> list[float]:
    """Sigmas of the groups [m]."""
    return [float(getattr(settings, f"{name}_sigma_m")) for name in GROUPS]
