"""Every point of a sweep as a line across its axes, from its choices to what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.figures import figure_text, figure_words
from sweeps.tables.grouping import groups, mean
from sweeps.tables.naming import REPEATS, called

WIDTH, HEIGHT = 980, 330
LEFT, RIGHT, TOP, BOTTOM = 60, 70, 40, 20
BAND = 36
"""Height over which the lines of one choice are spread, pixels."""
MOST_LINES = 300
FEWEST_POINTS = 4
WORST, BEST = (173, 181, 189), (11, 95, 255)


@dataclass(frozen=True)
class Parallel:
    """A drawing, in pixels of WIDTH × HEIGHT."""

    axes: list[dict[str, Any]]
    """Place x, name, and ticks (y, words)."""
    lines: list[dict[str, Any]]
    """SVG points, colour, tip, and `best` for the first; the worst comes first, so that good ones lie above."""
    count: int
    """How many points there are, drawn or not."""


def parallel(done: pd.DataFrame, axes: list[str], figure: str, *, falling: bool = False) -> Parallel | None:
    """Parallel coordinates of the points of finished runs, means over seeds and folds; None where two axes do not differ.

    Args:
        done: a row per finished run.
        axes: that tell runs apart.
        figure: the last axis; `falling` where less is better.

    """
    keys = [axis for axis in axes if axis not in REPEATS and done[axis].astype(str).nunique() > 1]
    if len(keys) < 2 or figure not in done:
        return None
    rows = [values | {figure: mean(done[figure].to_numpy(float)[at])} for values, at in groups(done, keys)]
    points = pd.DataFrame(rows).dropna(subset=figure).sort_values(figure, ascending=not falling, kind="stable")
    if len(points) < FEWEST_POINTS:
        return None
    drawn = points.tail(MOST_LINES)
    xs = np.linspace(LEFT, WIDTH - RIGHT, len(keys) + 1)
    placed = [_choices(drawn[key], np.linspace(0.5, -0.5, len(drawn))) for key in keys] + [
        _figure(drawn[figure].to_numpy(float), figure)
    ]
    shown = [{"x": float(x), "name": name, "ticks": ticks}
             for x, name, (_, ticks) in zip(xs, [*(key.rpartition(".")[2] for key in keys), figure_words(figure)], placed, strict=True)]  # fmt: skip
    worth = drawn[figure].to_numpy(float)
    shares = (worth - worth.min()) / (float(np.ptp(worth)) or 1.0)
    shares = 1 - shares if falling else shares
    lines = []
    for at, (_, row) in enumerate(drawn.iterrows()):
        ys = [ys[at] for ys, _ in placed]
        colour = [round(low + (high - low) * shares[at]) for low, high in zip(WORST, BEST, strict=True)]
        lines.append({
            "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)),
            "colour": "#{:02x}{:02x}{:02x}".format(*colour), "best": at == len(drawn) - 1,
            "tip": f"{called(row, keys)}\n{figure_words(figure)} {figure_text(figure, row[figure])}",
        })  # fmt: skip
    return Parallel(shown, lines, len(points))


Placed = tuple[npt.NDArray[np.float64], list[tuple[float, str]]]
"""Where each line crosses, and the ticks."""


def _choices(values: pd.Series, ranks: npt.NDArray[Any]) -> Placed:
    """An equal step for each choice, numbers by size from below; lines of one choice lie side by side in the order of their ranks."""
    words = values.map(_word)
    names = sorted(words.unique(), key=_order)
    band = min(BAND, 0.6 * (HEIGHT - BOTTOM - TOP) / len(names))
    heights = np.linspace(HEIGHT - BOTTOM - band / 2, TOP + band / 2, len(names))
    place = dict(zip(names, heights, strict=True))
    step = max(1, -(-len(names) // 16))  # ticks that do not overlap
    return words.map(place).to_numpy(float) + band * ranks, [(float(place[name]), name) for name in names[::step]]


def _figure(values: npt.NDArray[np.float64], figure: str) -> Placed:
    low, high = float(values.min()), float(values.max())
    middle, half = (low + high) / 2, max(high - low, 0.02) / 2  # a spread that is none is not drawn as one
    ys = TOP + (middle + half - values) / (2 * half) * (HEIGHT - BOTTOM - TOP)
    ends: Sequence[float] = (middle - half, middle, middle + half)
    return ys, [
        (float(TOP + (middle + half - end) / (2 * half) * (HEIGHT - BOTTOM - TOP)), figure_text(figure, end))
        for end in ends
    ]


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _order(word: str) -> tuple[int, float, str]:
    try:
        return 0, float(word), ""
    except ValueError:
        return 1, 0.0, word
