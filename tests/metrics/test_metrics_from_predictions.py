"""What an answer is worth, and figures over many, whatever the task."""

import numpy as np
import pandas as pd
import pytest

from metrics.grading import GradingMetrics
from metrics.lookup import all_metrics, metrics_by_names, metrics_of
from metrics.segmentation import PixelCounts, SegmentationMetrics, mask_metrics

MASKS, GRADES = SegmentationMetrics(), GradingMetrics()


def masks_frame(count=12, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 50, (count, classes)) * rng.integers(0, 2, (count, classes))
    given = rng.integers(0, 50, (count, classes)) * rng.integers(0, 2, (count, classes))
    both = np.minimum(true, given) // 2
    counts = PixelCounts(both, true, given, 1000)
    frame = pd.DataFrame({"both": list(both), "true": list(true), "given": list(given), "pixels": 1000})
    return frame, counts


def test_figures_of_masks_are_those_of_the_record():
    frame, counts = masks_frame()
    wanted = mask_metrics(counts)
    truth, answers = MASKS.truth_and_answers(frame)
    for name, figure in MASKS.figures.items():
        assert figure(truth, answers) == pytest.approx(wanted[name])
    assert MASKS.worth(frame).mean() == pytest.approx(wanted["dice"])
    assert MASKS.worth(frame).shape == (12,)


def test_some_rows_alone_can_be_drawn():
    frame, counts = masks_frame()
    truth, answers = MASKS.truth_and_answers(frame)
    chosen = np.array([3, 3, 7])
    few = PixelCounts(*(one[chosen] for one in (counts.both, counts.true, counts.given)), 1000)
    assert MASKS.figures["dice_pooled"](truth[chosen], answers[chosen]) == pytest.approx(
        mask_metrics(few)["dice_pooled"]
    )


def test_grades_are_worth_1_or_0():
    frame = pd.DataFrame({"label": [0, 1, 2, 2], "grade": [0, 2, 2, 2]})
    assert GRADES.worth(frame).tolist() == [1, 0, 1, 1]
    assert GRADES.figures[GRADES.drop_figure](*GRADES.truth_and_answers(frame)) == GRADES.worth(frame).mean() == 0.75


def test_a_task_is_known_by_its_main_figure():
    for metrics in all_metrics():
        assert type(metrics_by_names([f"val/{metrics.main}", "val/loss"])) is type(metrics)
    assert metrics_by_names([]) is metrics_of("grading")


@pytest.mark.parametrize("metrics", all_metrics(), ids=lambda one: type(one).__name__)
def test_every_tables_figure_has_a_meaning(metrics):
    assert f"val/{metrics.main}" in metrics.columns
    assert set(metrics.headlines) <= {name.rpartition("/")[2] for name in metrics.columns}
    assert set(metrics.pooled_files) <= set(metrics.figures)
    assert metrics.main in metrics.figures
    assert metrics.template.is_file()


@pytest.mark.parametrize("metrics", all_metrics(), ids=lambda one: type(one).__name__)
def test_a_task_is_known_by_all_its_figures_though_another_has_some_of_them(metrics):
    assert type(metrics_by_names(metrics.columns)) is type(metrics)
