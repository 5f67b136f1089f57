"""The five verdicts on published numbers in plain words: how many of each, what each means."""

from collections.abc import Sequence

VERDICTS = {
    "held": "held",
    "fitted": "fitted",
    "undecided": "undecided",
    "differs": "differ",
    "not reproducible": "not reproducible",
}
"""What each verdict is called in a sentence about several numbers."""

MEANINGS = {
    "held": "ours is within the tolerance, and nothing was chosen to make it so.",
    "fitted": "ours is within the tolerance, but something that the paper leaves open was chosen "
    "with its numbers in view.",
    "undecided": "too few trials to tell whether ours is within the tolerance.",
    "differs": "ours is beyond the tolerance; where the study knows a reason, it tells it.",
    "not reproducible": "no number of ours can be compared: the paper leaves out too much, or "
    "contradicts itself.",
}
"""What each verdict says of our number."""


def counted_verdicts(verdicts: Sequence[str]) -> str:
    """How many of each, those that occur: "2 held, 1 differs"; "none" without any."""
    found = [(verdict, verdicts.count(verdict)) for verdict in VERDICTS]
    named = [(verdict if count == 1 else VERDICTS[verdict], count) for verdict, count in found]
    return ", ".join(f"{count} {label}" for label, count in named if count) or "none"


def legend(verdicts: Sequence[str]) -> list[str]:
    """A sentence on what each verdict means, for those that occur, in the order of `VERDICTS`."""
    return [f"{verdict}: {MEANINGS[verdict]}" for verdict in VERDICTS if verdict in verdicts]
