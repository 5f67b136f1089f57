"""`[estimate.robust]` and `[estimate.variance_components]`: what is weighted anew, in rounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from leopnt.inference.losses import AbstractLoss, Huber
from leopnt.methods.calibration import IggThree, VarianceComponents
from leopnt.scenes.settings import SettingsTable, shown, table_of

GROUPS = VarianceComponents._fields
"""Kinds of observations that have a sigma of their own: code, reference phase, LEO phase."""

_FULL = {"igg3": IggThree.full, "huber": float(Huber().threshold)}
_ROBUST, _VARIANCES = "[estimate.robust]", "[estimate.variance_components]"


class RobustTable(SettingsTable):
    """`[estimate.robust]`: weights that fall with the residual."""

    loss: Literal["igg3", "huber"] = Field(
        default="igg3",
        description="'igg3' (gross errors lose all their weight) or 'huber' (they keep some)",
    )
    full_sigmas: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="sigmas up to which an observation counts in full, above 0 to 100; default: "
        "2.5 with 'igg3', 1.345 with 'huber'",
    )
    none_sigmas: float = Field(
        default=IggThree.none,
        gt=0,
        le=1000,
        description="sigmas from which an observation does not count, above full_sigmas to 1000",
    )
    least_redundancy: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="the redundancy number up to which a residual tells nothing, 0 to below 1",
    )
    max_rounds: int = Field(default=8, ge=1, le=50, description="rounds at most, 1 to 50")

    def chosen(self) -> AbstractLoss:
        """As `reweighted` takes it."""
        full = _FULL[self.loss] if self.full_sigmas is None else self.full_sigmas
        return Huber(full) if self.loss == "huber" else IggThree(full, self.none_sigmas)

    def sentence(self) -> str:
        """Which weights, for results."""
        full = _FULL[self.loss] if self.full_sigmas is None else self.full_sigmas
        if self.loss == "huber":
            return f"Huber, full weight to {full:g} sigma"
        return f"IGG III, full weight to {full:g} sigma, none from {self.none_sigmas:g}"


class VarianceTable(SettingsTable):
    """`[estimate.variance_components]`: sigmas as the residuals tell them."""

    groups: Annotated[list[Literal["code", "phase", "leo_phase"]], Field(min_length=1)] = Field(
        default=["code", "phase", "leo_phase"],
        description="a list of 'code', 'phase' (of the reference system) and 'leo_phase': whose "
        "sigma is estimated",
    )
    max_rounds: int = Field(default=8, ge=1, le=50, description="rounds at most, 1 to 50")


@dataclass(frozen=True)
class Refinement:
    """What the rounds of a calibration do.

    Attributes:
        loss, least_redundancy: of weights that fall with the residual, see `reweighted`; None for
            full weights.
        groups: kinds whose sigma is estimated; none of them: the sigmas are kept.
        max_rounds: rounds at most, the larger number of the two tables.
        sentence: the weights in words.
    """

    loss: AbstractLoss | None
    least_redundancy: float
    groups: tuple[str, ...]
    max_rounds: int
    sentence: str = ""

    @property
    def passes(self) -> int:
        """How often a station-day is loaded in each round."""
        return 2 if self.groups else 1


def refinement_of(robust: RobustTable | None, variances: VarianceTable | None) -> Refinement | None:
    """What the two tables ask for; None where neither is there."""
    if robust is None and variances is None:
        return None
    rounds = [table.max_rounds for table in (robust, variances) if table is not None]
    groups = () if variances is None else tuple(g for g in GROUPS if g in variances.groups)
    if robust is None:
        return Refinement(None, 0.0, groups, max(rounds))
    least, words = robust.least_redundancy, robust.sentence()
    return Refinement(robust.chosen(), least, groups, max(rounds), words)


def refinement_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Mistakes of the two tables in `[estimate]` that no single key shows."""
    there = [name for name in ("robust", "variance_components") if name in raw]
    robust, variances = (table_of(raw, name) for name in ("robust", "variance_components"))
    loss = robust.get("loss", "igg3")
    clock = raw.get("leo_clock", "known")
    if clock != "known":
        for name in there:
            yield (
                f"[estimate.{name}]: contradicts leo_clock = {shown(clock)}, which ties the "
                "stations of a day together; expected leo_clock = 'known'."
            )
    if loss == "huber" and "none_sigmas" in robust:
        yield f"{_ROBUST} none_sigmas: is not used with loss = 'huber'; leave it out."
    elif loss == "igg3":
        yield from _order_problems(robust)
    if loss == "huber" and len(there) == 2:
        yield (
            f"{_ROBUST} loss = 'huber': contradicts {_VARIANCES}, whose sums gross errors would "
            "stay in; expected 'igg3', which takes them out, or one of the two tables."
        )
    if len(there) == 2 and _most_rounds(robust, variances) == 1:
        yield (
            f"{_ROBUST} max_rounds = 1, {_VARIANCES} max_rounds = 1: the first round has robust "
            "weights alone, so that no sigma would be estimated; expected 2 or more in one of them."
        )
    groups = variances.get("groups", [])
    for i, name in enumerate(groups if isinstance(groups, list) else ()):
        if name in groups[:i]:
            yield f"{_VARIANCES} groups[{i}]: {shown(name)} is there twice; expected it once."


def _most_rounds(*tables: dict[str, Any]) -> Any:
    """The larger number; None where one is no number."""
    rounds = [table.get("max_rounds", 8) for table in tables]
    return max(rounds) if all(isinstance(one, int) for one in rounds) else None


def _order_problems(robust: dict[str, Any]) -> Iterator[str]:
    full = robust.get("full_sigmas", IggThree.full)
    none = robust.get("none_sigmas", IggThree.none)
    numbers = all(isinstance(x, int | float) and x > 0 for x in (full, none))
    if numbers and full >= none:
        name = "none_sigmas" if "none_sigmas" in robust else "full_sigmas"
        found = robust[name]
        words = f"more than full_sigmas = {shown(full)}"
        if name == "full_sigmas":
            words = f"less than none_sigmas = {shown(none)}"
        yield f"{_ROBUST} {name} = {shown(found)}: expected {words}."
