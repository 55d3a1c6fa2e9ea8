import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score
from torch import tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from metrics.epochs import epoch_metrics
from metrics.grading import GradingMetrics, calibration_error, grade_metrics, macro_f1, majority_baseline, missed_damage
from metrics.intervals import bootstrap_interval

LABELS = np.array([0, 0, 1, 2, 3, 4, 4, 2])
GRADES = np.array([0, 1, 1, 4, 3, 4, 3, 2])


def one_hot(grades, classes=5):
    return np.eye(classes)[grades]


def test_figures_of_a_small_case_by_hand():
    figures = grade_metrics(LABELS, GRADES, one_hot(GRADES))
    assert figures["accuracy"] == 5 / 8
    assert figures["off_by_one"] == 7 / 8
    assert figures["per_class"]["recall"] == [0.5, 1, 0.5, 1, 0.5]
    assert figures["per_class"]["precision"] == [1, 0.5, 1, 0.5, 0.5]
    assert figures["per_class"]["support"] == [2, 1, 2, 1, 2]
    assert figures["confusion"][2] == [0, 0, 1, 0, 1]
    assert figures["macro_f1"] == pytest.approx(np.mean([2 / 3, 2 / 3, 2 / 3, 2 / 3, 0.5]))


def test_missed_damage_is_what_is_called_undamaged_of_what_is_not():
    labels, grades = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 3, 0, 2, 0, 1])
    found = grade_metrics(labels, grades, one_hot(grades))
    assert found["missed_damage"] == 2 / 4
    assert GradingMetrics().direction_of("val/missed_damage") == "min"
    assert "missed_damage" not in grade_metrics(labels, grades, one_hot(grades), ordered=False)
    assert "missed_damage" not in grade_metrics(labels[:2], grades[:2], one_hot(grades[:2])), "nothing to miss"
    assert majority_baseline(np.zeros(4, int), labels, 5, ordered=True)["missed_damage"] == 1


def test_draws_without_damage_leave_the_interval_of_missed_damage_alone():
    labels, grades = np.array([0, 0, 0, 2]), np.array([0, 0, 0, 0])
    figure = {"missed_damage": missed_damage}
    low, high = bootstrap_interval(labels, grades, np.array(["a", "b", "c", "d"]), figure)["missed_damage"]
    assert 0 <= low <= high == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_macro_f1_is_scikit_learns(pairs):
    labels, grades = np.array(pairs).T
    assert macro_f1(labels, grades) == pytest.approx(f1_score(labels, grades, average="macro", zero_division=0))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_calibration_error_is_torchmetrics(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(5), 60)
    labels = rng.integers(0, 5, 60)
    theirs = multiclass_calibration_error(tensor(probabilities), tensor(labels), num_classes=5, n_bins=15, norm="l1")
    assert calibration_error(labels, probabilities) == pytest.approx(float(theirs), abs=1e-6)


def test_intervals_cover_the_value_and_widen_with_fewer_sources():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    grades = np.where(rng.random(400) < 0.8, labels, 1 - labels)
    figure = {"accuracy": lambda labels, grades: float(np.mean(labels == grades))}

    def width(sources):
        ids = np.array([f"s{number % sources}" for number in range(400)])
        low, high = bootstrap_interval(labels, grades, ids, figure)["accuracy"]
        assert low < np.mean(labels == grades) < high
        return high - low

    assert width(400) < 0.1
    blocks = np.array([f"s{number // 100}" for number in range(400)])
    clustered = np.where(np.arange(400) < 200, labels, 1 - labels)
    low, high = bootstrap_interval(labels, clustered, blocks, figure)["accuracy"]
    assert high - low > 0.5


def test_all_right_is_no_certainty():
    figure = {"accuracy": lambda labels, grades: np.mean(labels == grades)}
    labels, ids = np.ones(66, int), np.arange(66).astype(str)
    low, high = bootstrap_interval(labels, labels, ids, figure)["accuracy"]
    assert (low, high) == (pytest.approx(binomtest(66, 66).proportion_ci(method="exact").low), 1)
    low, high = bootstrap_interval(labels, 1 - labels, np.repeat(["a", "b", "c"], 22), figure)["accuracy"]
    assert (low, high) == (0, pytest.approx(binomtest(0, 3).proportion_ci(method="exact").high))


def test_the_theses_accuracy_is_the_mean_of_the_ten_best_epochs():
    history = [
        {"epoch": e, "val/accuracy": a, "val/macro_f1": a, "val/loss": 1 - a, "train/loss": 1.0, "train/accuracy": 0.5}
        for e, a in enumerate([0.1, *[0.5] * 5, 0.9, *[0.7] * 5])
    ]
    figures = epoch_metrics(history, GradingMetrics(), "val/accuracy", "best")
    assert figures["val/accuracy_top10_mean"] == pytest.approx((0.9 + 5 * 0.7 + 4 * 0.5) / 10)
    assert figures["val/best_epoch"] == 6
    assert figures["val/loss"] == pytest.approx(0.1)
