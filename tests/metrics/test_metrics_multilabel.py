"""Figures of sets of labels against scikit-learn's, and thresholds against every other one."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from lightning_modules.multilabel import MeanAveragePrecision, average_precision
from metrics.multilabel import MultilabelMetrics, always_baseline, best_thresholds, label_metrics


def drawn(count=60, labels=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random((count, labels)) < [0.5, 0.2, 0.05, 0.8]
    chances = np.clip(0.5 * truth + rng.normal(0.25, 0.25, truth.shape), 0.001, 0.999).round(2)  # with equal ones
    return truth, chances


def test_figures_are_scikit_learns():
    truth, chances = drawn()
    found = label_metrics(truth, chances, [0.5, 0.4, 0.3, 0.6])
    given = chances > [0.5, 0.4, 0.3, 0.6]
    assert found["mean_average_precision"] == pytest.approx(average_precision_score(truth, chances, average="macro"))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, given, average="macro"))
    assert found["micro_f1"] == pytest.approx(f1_score(truth, given, average="micro"))
    assert found["subset_accuracy"] == pytest.approx((truth == given).all(axis=1).mean())


def test_a_label_that_never_occurs_has_no_figure_and_takes_none_from_the_others():
    truth, chances = drawn()
    truth[:, 1] = False
    found = label_metrics(truth, chances, [0.5] * 4)
    assert found["per_label"]["average_precision"][1] is None
    others = [0, 2, 3]
    wanted = average_precision_score(truth[:, others], chances[:, others], average="macro")
    assert found["mean_average_precision"] == pytest.approx(wanted)


def test_while_training_the_same_is_found_batch_by_batch():
    truth, chances = drawn()
    metric = MeanAveragePrecision()
    for at in range(0, 60, 25):
        metric.update(torch.from_numpy(chances[at : at + 25]), torch.from_numpy(truth[at : at + 25]).long())
    assert float(metric.compute()) == pytest.approx(average_precision_score(truth, chances, average="macro"), rel=1e-5)
    one = average_precision(torch.tensor([True, False, True]), torch.tensor([0.5, 0.5, 0.1]))
    assert float(one) == pytest.approx(average_precision_score([1, 0, 1], [0.5, 0.5, 0.1]))


def test_no_other_threshold_has_a_better_f1():
    truth, chances = drawn()
    for at, threshold in enumerate(best_thresholds(truth, chances)):
        own = f1_score(truth[:, at], chances[:, at] > threshold)
        assert all(own >= f1_score(truth[:, at], chances[:, at] > other) for other in np.linspace(0, 1, 201))


def test_the_baseline_is_what_always_the_same_answer_comes_to():
    truth, _ = drawn()
    found = always_baseline(truth)
    same = np.full(truth.shape, 0.5)
    wanted = label_metrics(truth, same, [0.4] * 4)
    assert {name: found[name] for name in found} == pytest.approx({name: wanted[name] for name in found})


def test_kept_answers_give_the_figures_again():
    import pandas as pd

    truth, chances = drawn()
    thresholds = best_thresholds(truth, chances)
    given = chances > thresholds
    frame = pd.DataFrame(
        {"labels": truth.astype(int).tolist(), "probabilities": list(chances), "given": list(given.astype(int))}
    )
    metrics, wanted = MultilabelMetrics(), label_metrics(truth, chances, thresholds)
    arrays = metrics.truth_and_answers(frame)
    for name, figure in metrics.figures.items():
        assert figure(*arrays) == pytest.approx(wanted[name])
    assert metrics.worth(frame).mean() == pytest.approx(wanted["label_accuracy"])
    assert metrics.mistake_text({"labels": [0, 2], "given": []}, ["a", "b", "c", "d"]) == "a, c taken for nothing"
