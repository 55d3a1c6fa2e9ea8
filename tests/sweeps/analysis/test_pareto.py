"""The front holds what nothing beats in both, whatever the order; each point is a mean over its repetitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.analysis.pareto import finalists, pareto, points
from sweeps.records.run_record import RecordError
from sweeps.report.svg import HEIGHT, MANY_ON_FRONT, WIDTH, draw_front
from sweeps.tables.exported_files import collect_files
from tests.sweeps.made import DEVICE, add_run

LEVELS = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=25))
def test_the_front_is_what_the_definition_says(pairs) -> None:
    cost, value = np.array(pairs).T
    on = pareto(cost, value)
    for place in range(len(pairs)):
        better = (cost <= cost[place]) & (value >= value[place]) & ((cost < cost[place]) | (value > value[place]))
        equal_before = ((cost == cost[place]) & (value == value[place]))[:place].any()
        assert on[place] == (not better.any() and not equal_before)


def test_a_point_without_a_latency_is_never_on_it() -> None:
    assert pareto(np.array([np.nan, 1.0]), np.array([0.9, 0.5])).tolist() == [False, True]


def test_points_are_means_over_seeds(tmp_path) -> None:
    for seed, accuracy in enumerate((0.7, 0.8)):
        add_run(tmp_path, accuracy, seed=seed)
        add_run(tmp_path, accuracy - 0.2, seed=seed, width=1.0)
    table = points(collect_files(tmp_path), ["width", "seed"])
    assert table[["width", "file", "runs"]].values.tolist() == [
        [0.5, "int8", 2], [0.5, "float32", 2], [1.0, "int8", 2], [1.0, "float32", 2],
    ]  # fmt: skip
    assert np.allclose(table["val/macro_f1"], [0.74, 0.75, 0.54, 0.55])
    assert table.front.tolist() == [True, True, False, False]
    assert set(table.device) == {DEVICE}


def test_finalists_are_the_ends_of_the_front_and_the_largest_gains(tmp_path) -> None:
    for width, accuracy in ((0.25, 0.5), (0.5, 0.7), (0.75, 0.71), (1.0, 0.8), (1.4, 0.6)):
        add_run(tmp_path, accuracy, width=width)
    files = collect_files(tmp_path)
    assert [words.split()[1] for words in finalists(files, 3)] == ["width=0.25", "width=0.5", "width=1.0"]
    assert finalists(files, 1) == ["backbone=mobilenet width=1.0 resolution=96"]
    assert len(finalists(files, 9)) == 4
    with pytest.raises(RecordError, match="no timed int8 file to choose finalists by"):
        finalists(collect_files(tmp_path / "nothing"), 3)


def test_every_point_is_drawn_inside_and_labels_of_the_front_do_not_collide(tmp_path) -> None:
    for width in (0.25, 0.5, 0.75, 1.0):
        for resolution in (96, 128):
            add_run(tmp_path, 0.6 + width / 10 + resolution / 2000, width=width, resolution=resolution)
    table = points(collect_files(tmp_path), ["width", "resolution"])
    labels = [f"{row.width} {row.resolution} {row.file}" for row in table.itertuples()]
    front = draw_front(table, labels, "val/macro_f1")
    assert len(front.marks) == 16
    assert all(0 < mark["x"] < WIDTH and 0 < mark["y"] < HEIGHT for mark in front.marks)
    assert table.front.sum() > MANY_ON_FRONT
    assert [mark["label"] for mark in front.marks] == [str(place) for place in range(1, 17)]
    short = table.assign(front=table.front & (table.front.cumsum() <= 3))
    expected = [
        label if row.front else str(place)
        for place, (row, label) in enumerate(zip(short.itertuples(), labels, strict=True), 1)
    ]
    front = draw_front(short, labels, "val/macro_f1")
    assert [mark["label"] for mark in front.marks] == expected
    few = short.head(12)
    assert [mark["label"] for mark in draw_front(few, labels[:12], "val/macro_f1").marks] == labels[:12]
    boxes = []
    for mark in front.marks:
        if mark["front"]:
            left = mark["lx"] - {"start": 0, "middle": 0.5, "end": 1}[mark["anchor"]] * 5.7 * len(mark["label"])
            boxes.append((left, mark["ly"], left + 5.7 * len(mark["label"])))
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            assert abs(one[1] - other[1]) >= 10 or one[2] < other[0] or other[2] < one[0]
