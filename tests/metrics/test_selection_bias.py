"""What a figure loses for having been the best of many."""

import numpy as np

from metrics.grading import macro_f1
from metrics.selection_bias import optimism

SOURCES = np.repeat(np.arange(40), 15).astype(str)
FIGURES = {"macro_f1": macro_f1, "accuracy": lambda labels, grades: float(np.mean(labels == grades))}


def test_one_method_was_not_chosen() -> None:
    labels = np.arange(600) % 3
    assert optimism(labels, [labels], 0, SOURCES, macro_f1, FIGURES) == {"macro_f1": 0.0, "accuracy": 0.0}


def test_the_best_of_many_that_guess_is_as_good_as_a_guess() -> None:
    """30 methods that answer by chance; what the best one seems to gain is found by the correction, on average."""
    apparent, corrected = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 3, 600)
        answers = [rng.integers(0, 3, 600) for _ in range(30)]
        accuracies = [FIGURES["accuracy"](labels, one) for one in answers]
        chosen = int(np.argmax(accuracies))
        off = optimism(labels, answers, chosen, SOURCES, FIGURES["accuracy"], FIGURES)
        apparent.append(accuracies[chosen])
        corrected.append(accuracies[chosen] - off["accuracy"])
    assert np.mean(apparent) > 1 / 3 + 0.03
    assert abs(np.mean(corrected) - 1 / 3) < 0.015


def test_a_clear_winner_loses_nothing() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    answers = [np.where(rng.random(600) < share, labels, (labels + 1) % 3) for share in (0.9, 0.5, 0.4)]
    off = optimism(labels, answers, 0, SOURCES, macro_f1, FIGURES)
    assert abs(off["macro_f1"]) < 0.001
