"""Labels beside points, placed where they cover neither data nor each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

CHARACTER_WIDTH = 0.60
CAPITAL_WIDTH = 0.70
"""Mean width of a character over the font size, for the bundled DejaVu Sans."""

DIRECTIONS = np.array(
    [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=float
)
GAPS_PT = {8.5: 0.0, 15.0: 10.0, 25.0: 30.0}
"""Distances from the point to the label [pt], with what each costs against covered points."""

OVERLAP_COST = 1000.0


def place_labels(
    axes: Axes,
    anchors: Sequence[np.ndarray],
    texts: Sequence[str],
    colors: Sequence[str],
    obstacles: np.ndarray,
    size_pt: float = 10.0,
) -> None:
    """Write one label beside one of its anchors, clear of the obstacles (data coordinates).

    Each label has its own list of anchors, (point, 2). Greedy: each label in turn takes, of eight
    directions at three distances from each anchor, the place that covers least; a label that
    finds no place clear of the others is left out. Axis limits and aspect must be final, for
    places are compared on the page.
    """
    axes.apply_aspect()
    to_pt = 72.0 / axes.figure.dpi
    avoid_pt = axes.transData.transform(obstacles) * to_pt
    frame_pt = np.array(axes.bbox.extents) * to_pt
    taken: list[np.ndarray] = []
    for choices, words, color in zip(anchors, texts, colors, strict=True):
        choices_pt = axes.transData.transform(choices) * to_pt
        width = sum(CAPITAL_WIDTH if c.isupper() else CHARACTER_WIDTH for c in words)
        half = np.array([width * size_pt, 1.25 * size_pt]) / 2
        centers, costs = _places(choices_pt, half)
        boxes = np.concatenate([centers - half, centers + half], axis=1)
        costs = costs + _covered(boxes, avoid_pt) + _outside(boxes, frame_pt)
        for other in taken:
            costs = costs + OVERLAP_COST * _overlap(boxes, other)
        best = int(np.argmin(costs))
        if costs[best] < OVERLAP_COST:
            taken.append(boxes[best])
            _write(axes, axes.transData.inverted().transform(centers[best] / to_pt), words, color,
                   size_pt)  # fmt: skip


def _places(choices_pt: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centers of all possible labels and what each costs by itself; ties go to the first."""
    centers, costs = [], []
    for rank, anchor_pt in enumerate(choices_pt):
        for gap_pt, cost in GAPS_PT.items():
            centers.append(anchor_pt + DIRECTIONS * (half + gap_pt))
            costs.append(cost + 0.1 * rank + 0.01 * np.arange(len(DIRECTIONS)))
    return np.concatenate(centers), np.concatenate(costs)


def _covered(boxes: np.ndarray, avoid_pt: np.ndarray) -> np.ndarray:
    """Points under each box, grown by 2 pt."""
    above = np.all(avoid_pt > boxes[:, None, :2] - 2.0, axis=-1)
    below = np.all(avoid_pt < boxes[:, None, 2:] + 2.0, axis=-1)
    return np.sum(above & below, axis=1).astype(float)


def _outside(boxes: np.ndarray, frame_pt: np.ndarray) -> np.ndarray:
    low = np.maximum(frame_pt[:2] - boxes[:, :2], 0.0)
    return 2.0 * np.sum(low + np.maximum(boxes[:, 2:] - frame_pt[2:], 0.0), axis=1)


def _overlap(boxes: np.ndarray, other: np.ndarray) -> np.ndarray:
    shared = np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])
    return np.all(shared > 0.0, axis=1)


def _write(axes: Axes, center: np.ndarray, words: str, color: str, size_pt: float) -> None:
    axes.text(
        float(center[0]),
        float(center[1]),
        words,
        ha="center",
        va="center",
        color=color,
        fontsize=size_pt,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        clip_on=False,
        zorder=6,
    )
