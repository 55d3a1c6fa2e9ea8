"""A line per point across the axes that differ."""

import pandas as pd
import pytest

from sweeps.report.parallel import HEIGHT, MOST_LINES, WIDTH, parallel

FIGURE = "val/macro_f1"


def done(count=12):
    return pd.DataFrame(
        [{"backbone": f"net{at % 3}", "width": 0.25 * (1 + at // 3), "seed": seed, "one": "same", FIGURE: 0.5 + at / 100 + seed / 10}
         for at in range(count) for seed in (0, 1)]
    )  # fmt: skip


def test_points_are_means_over_seeds_and_the_best_is_drawn_last() -> None:
    found = parallel(done(), ["backbone", "width", "one", "seed"], FIGURE)
    assert [axis["name"] for axis in found.axes] == ["backbone", "width", "validation macro F1"]
    assert found.count == len(found.lines) == 12
    assert [line["best"] for line in found.lines] == [False] * 11 + [True]
    assert found.lines[-1]["tip"] == "net2 ×1\nvalidation macro F1 0.660"
    for line in found.lines:
        xs, ys = zip(*(map(float, pair.split(",")) for pair in line["points"].split()), strict=True)
        assert list(xs) == sorted(xs)
        assert 0 < min(ys) <= max(ys) < HEIGHT
        assert max(xs) < WIDTH
    assert [words for _, words in found.axes[1]["ticks"]] == ["0.25", "0.5", "0.75", "1"]


def test_where_less_is_better_the_best_is_the_least() -> None:
    found = parallel(done(), ["backbone", "width"], FIGURE, falling=True)
    assert found.lines[-1]["tip"].startswith("net0 ×0.25\n")


def test_of_many_points_the_best_are_drawn() -> None:
    many = pd.DataFrame([{"width": at, "optimizer.lr": at % 7, FIGURE: at / 1000} for at in range(MOST_LINES + 50)])
    found = parallel(many, ["width", "optimizer.lr"], FIGURE)
    assert (found.count, len(found.lines)) == (MOST_LINES + 50, MOST_LINES)
    assert len(found.axes[0]["ticks"]) <= 16


@pytest.mark.parametrize("axes", [["backbone"], ["backbone", "one"], ["backbone", "seed"]])
def test_one_axis_is_no_drawing(axes) -> None:
    assert parallel(done(), axes, FIGURE) is None
    assert parallel(done(1), ["backbone", "width"], FIGURE) is None
