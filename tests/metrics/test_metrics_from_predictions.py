"""What an answer is worth, and figures over many, whatever the task."""

import numpy as np
import pandas as pd
import pytest

from metrics.from_predictions import GRADES, MASKS, kind_of
from metrics.segmentation import PixelCounts, mask_metrics


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
    assert kind_of(frame) is MASKS
    wanted = mask_metrics(counts)
    truth, answers = MASKS.arrays(frame)
    for name, figure in MASKS.figures.items():
        assert figure(truth, answers) == pytest.approx(wanted[name])
    assert MASKS.worth(frame).mean() == pytest.approx(wanted["dice"])
    assert MASKS.worth(frame).shape == (12,)


def test_some_rows_alone_can_be_drawn():
    frame, counts = masks_frame()
    truth, answers = MASKS.arrays(frame)
    chosen = np.array([3, 3, 7])
    few = PixelCounts(*(one[chosen] for one in (counts.both, counts.true, counts.given)), 1000)
    assert MASKS.figures["dice_pooled"](truth[chosen], answers[chosen]) == pytest.approx(
        mask_metrics(few)["dice_pooled"]
    )


def test_grades_are_worth_1_or_0():
    frame = pd.DataFrame({"label": [0, 1, 2, 2], "grade": [0, 2, 2, 2]})
    assert kind_of(frame) is GRADES
    assert GRADES.worth(frame).tolist() == [1, 0, 1, 1]
    assert GRADES.figures[GRADES.main](*GRADES.arrays(frame)) == GRADES.worth(frame).mean() == 0.75
