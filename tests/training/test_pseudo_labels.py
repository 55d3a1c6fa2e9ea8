"""The threshold from which on a teacher's answers are taken for labels."""

import numpy as np
import pytest

from training.pseudo_labels import PseudoLabels


def answers(*runs):
    """Confidences and how many of them are right, as probabilities of two classes and labels."""
    sure = np.concatenate([np.full(count, confidence) for confidence, count, _ in runs])
    right = np.concatenate([np.arange(count) < good for _, count, good in runs])
    return np.column_stack([sure, 1 - sure]), np.where(right, 0, 1)


def test_the_lowest_threshold_that_reaches_the_precision_is_taken():
    given = answers((0.99, 30, 30), (0.9, 30, 28), (0.8, 30, 27), (0.6, 30, 10))
    found = PseudoLabels("x", "chosen", 0.94).accepted(*given)
    assert (found.threshold, found.count, found.coverage) == (0.8, 90, 0.75)
    assert found.accuracy == pytest.approx(85 / 90)
    assert PseudoLabels("x", "chosen", 0.96).accepted(*given).threshold == 0.9
    assert PseudoLabels("x", "chosen", 0.99).accepted(*given).threshold == 0.99


def test_a_few_right_answers_choose_no_threshold():
    given = answers((0.99, 5, 5), (0.7, 40, 20))
    with pytest.raises(
        ValueError, match=r"method.precision=0.9: no threshold reaches it .* 0.556 of 45 samples; want a"
    ):
        PseudoLabels("x", "chosen", 0.9).accepted(*given)
    with pytest.raises(
        ValueError, match=r"method.threshold=chosen: the validation set has 5 samples; want 20 and more"
    ):
        PseudoLabels("x", "chosen", 0.9).accepted(*answers((0.99, 5, 5)))


def test_a_given_threshold_is_taken_and_measured():
    found = PseudoLabels("x", 0.75, 0.95).accepted(*answers((0.9, 10, 7), (0.6, 10, 10)))
    assert (found.threshold, found.count, found.accuracy) == (0.75, 10, 0.7)
    assert np.isnan(PseudoLabels("x", 0.95, 0.95).accepted(*answers((0.9, 10, 7))).accuracy)
