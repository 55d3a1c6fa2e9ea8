"""A figure over an axis of numbers: what more images, pixels or width give."""

from typing import Any

import pandas as pd

from metrics.figures import is_share
from metrics.lookup import all_metrics
from sweeps.report.svg import BOTTOM, COLOURS, HEIGHT, TOP, Front, log_scale, place_labels, share_scale
from sweeps.tables.naming import called

LEAST = 3
"""Values of an axis, below which a table says as much."""
NO_TREND = {"seed", "fold", "batch_size"}


def trends(repeats: pd.DataFrame, axes: list[str], figures: list[str]) -> list[dict[str, Any]]:
    """A drawing for each axis with three or more positive numbers: `axis`, `figure` and `front`, both axes logarithmic for an
    error; points that differ in that axis alone are joined.

    Args:
        repeats: as `repeats.repeated` gives them.
        axes: columns that tell points apart.
        figures: columns with `_low` and `_high`.

    """
    errors = [name for name in figures if any(name in one.own_unit for one in all_metrics())]
    figure = next(iter(errors), next((name for name in figures if is_share(name)), ""))
    found = []
    for axis in (name for name in axes if figure and name in repeats and name not in NO_TREND):
        numbers = pd.to_numeric(repeats[axis], errors="coerce")
        if numbers.notna().all() and (numbers > 0).all() and numbers.nunique() >= LEAST:
            others = [name for name in axes if name != axis and name in repeats and repeats[name].nunique() > 1]
            drawn = draw_trend(repeats.assign(**{axis: numbers}), axis, others, figure)
            found.append({"axis": axis.rpartition(".")[2].replace("_", " "), "figure": figure, "front": drawn})
    return found


def draw_trend(points: pd.DataFrame, axis: str, others: list[str], figure: str) -> Front:
    """The figure's means over `axis`, with their intervals; a line per value of the `others`, at most one per colour."""
    x_ticks, x_of = log_scale(points[axis].to_numpy(float))
    ends = pd.concat([points[f"{figure}_low"], points[f"{figure}_high"]]).to_numpy(float)
    values = points[figure].to_numpy(float)
    if is_share(figure):
        y_ticks, y_of = share_scale(values, ends)
    else:
        y_ticks, y_of = log_scale(values, (HEIGHT - BOTTOM, TOP))
    drawn = Front(x_ticks=x_ticks, y_ticks=y_ticks)
    groups = list(points.groupby(others, dropna=False, sort=False)) if others else [((), points)]
    if len(groups) > len(COLOURS):  # of more lines than there are colours the highest ones that have several points
        longest = [pair for pair in groups if len(pair[1]) > 1] or groups
        groups = sorted(longest, key=lambda pair: -float(pair[1][figure].mean()))[: len(COLOURS)]
    for at, (_, group) in enumerate(groups):
        colour = COLOURS[at % len(COLOURS)]
        line = group.sort_values(axis)
        name = called(line.iloc[0], others) if others else ""
        drawn.legend += [(name, colour)] if others else []
        for _, point in line.iterrows():
            value, low, high = point[figure], point[f"{figure}_low"], point[f"{figure}_high"]
            tip = (
                f"{name}\n{axis} {point[axis]:g}: {figure} {value:.4g} [{low:.4g}, {high:.4g}], {int(point.runs)} runs"
            )
            drawn.marks.append(
                {"x": x_of(point[axis]), "y": y_of(value), "low": y_of(low), "high": y_of(high), "colour": colour,
                 "front": False, "tip": tip.strip(), "label": "" if others else f"{value:.3g}", "hollow": False}
            )  # fmt: skip
        drawn.lines.append((colour, " ".join(f"{m['x']:.1f},{m['y']:.1f}" for m in drawn.marks[-len(line) :])))
    place_labels(drawn.marks, [])
    return drawn
