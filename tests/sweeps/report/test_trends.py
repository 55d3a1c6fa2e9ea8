"""A figure over an axis of numbers, as the report draws it."""

from itertools import pairwise

import pandas as pd
import pytest

from sweeps.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from sweeps.report.trends import trends


def table(**columns):
    rows = pd.DataFrame(columns)
    return rows.assign(
        runs=3, backbone="mobilenet", **{f"mae_{end}": rows.mae * by for end, by in (("low", 0.8), ("high", 1.2))}
    )


def test_a_power_law_is_a_straight_line():
    sizes = [75, 150, 300, 600]
    points = table(**{"datamodule.most_train": [str(size) for size in sizes], "mae": [8 / size for size in sizes]})
    (drawn,) = trends(points, ["backbone", "datamodule.most_train", "seed"], ["mae"])
    assert (drawn["axis"], drawn["figure"]) == ("most train", "mae")
    marks = drawn["front"].marks
    steps = [(b["x"] - a["x"], b["y"] - a["y"]) for a, b in pairwise(marks)]
    for step in steps:
        assert step == pytest.approx(steps[0])
    assert steps[0][0] > 0
    assert steps[0][1] > 0  # downwards
    for mark in marks:
        assert LEFT <= mark["x"] <= WIDTH - RIGHT
        assert TOP <= mark["high"] < mark["y"] < mark["low"] <= HEIGHT - BOTTOM
    ((_, line),) = drawn["front"].lines
    assert len(line.split()) == 4


def test_points_of_another_axis_have_a_line_of_their_own():
    points = table(resolution=[64, 96, 128] * 2, width=[0.5] * 3 + [1.0] * 3, mae=[0.3, 0.2, 0.1, 0.2, 0.1, 0.05])
    (drawn,) = trends(points, ["resolution", "width"], ["mae"])
    assert drawn["axis"] == "resolution"
    assert [name for name, _ in drawn["front"].legend] == ["×0.5", "×1"]
    assert len(drawn["front"].lines) == 2


@pytest.mark.parametrize(
    "axis",
    [{"resolution": [64, 64, 128]}, {"encoding": ["l1", "mse", "huber"]}, {"seed": [1, 2, 3]}, {"share": [0, 1, 2]}],
)
def test_what_is_no_trend_is_not_drawn(axis):
    assert trends(table(mae=[0.3, 0.2, 0.1], **axis), list(axis), ["mae"]) == []


def test_shares_are_drawn_from_their_least_to_their_most():
    points = table(resolution=[64, 96, 128], mae=[1, 1, 1]).assign(
        accuracy=[0.7, 0.8, 0.9], accuracy_low=[0.6, 0.7, 0.8], accuracy_high=[0.8, 0.9, 1.3]
    )
    (drawn,) = trends(points, ["resolution"], ["accuracy"])
    heights = [mark["y"] for mark in drawn["front"].marks]
    assert heights == sorted(heights, reverse=True)
    assert trends(points, ["resolution"], []) == []
