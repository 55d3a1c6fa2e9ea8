"""Drawings of the report as plain SVG: positions are worked out here, the template only writes them down."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metrics.figures import figure_words, is_share

WIDTH, HEIGHT = 980, 520
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 20, 48
COLOURS = ["#0b5fff", "#d9480f", "#2b8a3e", "#862e9c", "#0c8599", "#a61e4d", "#5c940d", "#495057"]
MANY, MANY_ON_FRONT = 12, 6
"""With more points than this, those off the front are labelled by their number in the list below the drawing; those on it as well
where there are more of them."""


@dataclass
class Front:
    """Accuracy over latency, ready to be written down."""

    marks: list[dict[str, Any]] = field(default_factory=list)
    """x, y, low, high (pixels), colour, front, tip, label and where the label stands."""
    line: str = ""
    """The front as SVG points."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Colour and SVG points of what is joined otherwise."""
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)
    """Kind of file and its colour."""
    mixed: bool = False
    """Whether some points start at random and some do not; those at random are hollow."""


def draw_front(points: pd.DataFrame, labels: list[str], figure: str) -> Front:
    """Points of `front.points` on one device; latency on a logarithmic scale.

    Args:
        labels: what each point is called.
        figure: the column on the y axis, at most 1.

    """
    latency, value = points.latency_ms.to_numpy(float), points[figure].to_numpy(float)
    x_ticks, x_of = log_scale(latency)
    ends = np.concatenate([points[f"{figure}_low"], points[f"{figure}_high"]])
    y_ticks, y_of = share_scale(value, ends, *((0.0, 1.0) if is_share(figure) else (-np.inf, np.inf)))
    kinds = sorted(points.file.unique())
    colour = {kind: COLOURS[place % len(COLOURS)] for place, kind in enumerate(kinds)}
    random = points.initial_weights.eq("random").tolist() if "initial_weights" in points else [False] * len(points)
    mixed = any(random) and not all(random)
    front = Front(x_ticks=x_ticks, y_ticks=y_ticks, legend=[(kind, colour[kind]) for kind in kinds], mixed=mixed)
    for number, ((_, point), label, at_random) in enumerate(zip(points.iterrows(), labels, random, strict=True), 1):
        low, high = point[f"{figure}_low"], point[f"{figure}_high"]
        interval = f" [{low:.3f}, {high:.3f}]" if np.isfinite(low) else ""
        tip = (
            f"{label}{', random start' if mixed and at_random else ''}\n{figure_words(figure)} {point[figure]:.3f}{interval}, {int(point.runs)} run(s)\n"
            f"{point.latency_ms:.2f} ms{f' ({point.setting})' if point.setting else ''}, {point.size_bytes / 1000:,.0f} kB"
            f"{f', answers as torch {point.same:.1%}' if np.isfinite(point.same) else ''}"
        )
        bars = {"low": y_of(low), "high": y_of(high)} if np.isfinite(low) else {"low": None, "high": None}
        place = {"x": x_of(point.latency_ms), "y": y_of(point[figure])}
        named = points.front.sum() <= MANY_ON_FRONT if point.front else len(points) <= MANY
        shown = label if named else str(number)
        front.marks.append(
            {**place, **bars, "colour": colour[point.file], "front": bool(point.front), "tip": tip}
            | {"label": shown, "hollow": mixed and at_random}
        )
    on = sorted((mark["x"], mark["y"]) for mark in front.marks if mark["front"])
    steps = [
        pair
        for (x, y), after in zip(on, [*on[1:], (WIDTH - RIGHT, None)], strict=True)
        for pair in ((x, y), (after[0], y))
    ]
    front.line = " ".join(f"{x:.1f},{y:.1f}" for x, y in steps)
    place_labels(front.marks, steps)
    return front


def draw_sizes(repeats: pd.DataFrame, labels: list[str], kinds: list[str], figure: str) -> Front | None:
    """A figure over the number of weights, logarithmic, of `repeats.repeated`; None where there are no two sizes.

    Args:
        labels, kinds: what each point is called, and what it is a kind of.

    """
    known = repeats[repeats.weights.notna() & repeats[figure].notna()]
    if known.weights.nunique() < 2:
        return None
    x_ticks, x_of = log_scale(known.weights.to_numpy(float))
    ends = np.concatenate([known[f"{figure}_low"], known[f"{figure}_high"]])
    y_ticks, y_of = share_scale(known[figure].to_numpy(float), ends)
    colour = {kind: COLOURS[place % len(COLOURS)] for place, kind in enumerate(sorted(set(kinds)))}
    drawn = Front(x_ticks=x_ticks, y_ticks=y_ticks, legend=list(colour.items()))
    for place, point in known.iterrows():
        label, kind = labels[int(str(place))], kinds[int(str(place))]
        value, low, high = point[figure], point[f"{figure}_low"], point[f"{figure}_high"]
        tip = f"{label}\n{100 * value:.2f} % [{100 * low:.2f}, {100 * high:.2f}], {int(point.runs)} runs\n{point.weights:,.0f} weights"
        drawn.marks.append(
            {"x": x_of(point.weights), "y": y_of(value), "low": y_of(low), "high": y_of(high), "colour": colour[kind],
             "front": False, "tip": tip, "label": label if len(known) <= MANY else "", "hollow": False}
        )  # fmt: skip
    place_labels(drawn.marks, [])
    return drawn


def log_scale(
    values: Any, ends: tuple[float, float] = (LEFT, WIDTH - RIGHT)
) -> tuple[list[tuple[float, str]], Callable[[float], float]]:
    """Ticks and places in pixels between two ends of the drawing, logarithmic; what lies beyond the values stays inside."""
    low, high = math.log(np.nanmin(values) / 1.25), math.log(np.nanmax(values) * 1.6)

    def place(value: float) -> float:
        share = (math.log(max(value, 1e-12)) - low) / (high - low)
        return ends[0] + min(max(share, 0.0), 1.0) * (ends[1] - ends[0])

    steps = ((1, 2, 5), range(1, 10))
    nice = ([step * 10.0**power for power in range(-3, 9) for step in some] for some in steps)
    shown = [[tick for tick in ticks if low <= math.log(tick) <= high] for ticks in nice]
    return [(place(tick), f"{tick:,g}") for tick in (shown[0] if len(shown[0]) > 2 else shown[1])], place


def share_scale(
    values: Any, ends: Any, least: float = 0.0, most: float = 1.0
) -> tuple[list[tuple[float, str]], Callable[[float], float]]:
    """Ticks and places in pixels. Room for the values and for all of their intervals, so that what is noise does not look like a gap."""
    known = np.concatenate([values, np.clip(ends[np.isfinite(ends)], least, most)])
    spread = max(float(known.max() - known.min()), 0.05)
    low, high = max(least, known.min() - 0.08 * spread), min(most, known.max() + 0.08 * spread)
    if high - low < 0.05:  # equal files differ in nothing that could be seen
        low = max(least, high - 0.05)
    steps = (step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5))
    step = next(step for step in steps if step >= 0.002 and (high - low) / step <= 9)

    def place(value: float) -> float:
        inside = min(max(value, low), high)  # an interval of few repetitions leaves 0 to 1
        return float(TOP + (high - inside) / (high - low) * (HEIGHT - TOP - BOTTOM))

    ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return [(place(tick), f"{tick:.3f}".rstrip("0").ljust(4, "0")) for tick in ticks], place


def place_labels(marks: list[dict[str, Any]], line: list[tuple[float, float]]) -> None:
    """Puts each label where it covers no mark, no other label and not the front's line; gives up on none."""
    taken = [(mark["x"] - 6, mark["y"] - 6, mark["x"] + 6, mark["y"] + 6) for mark in marks]
    taken += [
        (min(x, u) - 1, min(y, v) - 1, max(x, u) + 1, max(y, v) + 1) for (x, y), (u, v) in itertools.pairwise(line)
    ]
    for mark in sorted((mark for mark in marks if mark["label"]), key=lambda mark: not mark["front"]):
        width = 5.7 * len(mark["label"])
        best: tuple[float, Any] | None = None
        for distance in (0, 13, 26, 39):
            for dx, dy, anchor in ((9, 4, "start"), (-9, 4, "end"), (0, -10, "middle"), (0, 18, "middle")):
                x, y = mark["x"] + dx, mark["y"] + dy + math.copysign(distance, dy - 5)
                left = x - {"start": 0.0, "end": width, "middle": width / 2}[anchor]
                box = (left, y - 9, left + width, y + 3)
                outside = max(0.0, LEFT - box[0]) + max(0.0, box[2] - WIDTH) + max(0.0, 10 - box[1])
                cost = sum(_overlap(box, other) for other in taken) + 40 * outside + distance
                if best is None or cost < best[0]:
                    best = cost, (x, y, anchor, box)
        assert best is not None
        mark["lx"], mark["ly"], mark["anchor"], box = best[1]
        mark["far"] = abs(mark["ly"] - mark["y"]) > 24
        taken.append(box)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def curve(values: list[float | None], width: float, height: float, low: float, high: float) -> str:
    """A series as SVG points in a box; missing values are passed over."""
    count = max(len(values) - 1, 1)
    spread = (high - low) or 1.0
    return " ".join(
        f"{place / count * width:.1f},{(high - value) / spread * height:.1f}"
        for place, value in enumerate(values)
        if value is not None and np.isfinite(value)
    )
