"""Figures of numbers against scikit-learn's, and how long a training stood still."""

import numpy as np
import pytest
from sklearn import metrics

from metrics.regression import number_metrics, plateau, r2


def test_figures_are_scikit_learns():
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 100, 200)
    given = true + rng.normal(1, 5, 200)
    bands = np.minimum(true // 20, 3).astype(int)
    found = number_metrics(true, given, bands, 5)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(true, given))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, given))
    assert found["r2"] == pytest.approx(metrics.r2_score(true, given))
    assert found["bias"] == pytest.approx(np.mean(given - true))
    assert found["per_band"]["support"] == [*np.bincount(bands, minlength=5)]
    assert found["per_band"]["mae"][4] is None
    shares = np.array(found["per_band"]["support"][:4]) / 200
    assert np.dot(shares, found["per_band"]["mae"][:4]) == pytest.approx(found["mae"])


def test_equal_numbers_have_nothing_to_explain():
    assert r2(np.full(3, 2.0), np.full(3, 2.0)) == 0


def test_the_plateau_is_what_a_constant_answer_costs():
    train, val = np.array([0.0, 0.2, 0.9]), np.array([0.0, 0.4])
    history = [{"val/mae": value} for value in (0.3, 0.2, 0.11, 0.09, 0.2)]
    assert plateau(train, val, history) == {
        "val/constant_mae": pytest.approx(0.2), "val/epochs_to_beat_constant": 3, "val/epochs_to_halve_constant": 4,
    }  # fmt: skip
    found = plateau(train, val, history[:2])
    assert (found["val/epochs_to_beat_constant"], found["val/epochs_to_halve_constant"]) == (None, None)
