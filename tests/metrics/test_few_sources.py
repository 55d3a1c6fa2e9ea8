"""Intervals of figures over fewer sources than can be resampled."""

import numpy as np
import pytest

from metrics.intervals import FEW_SOURCES, bootstrap_interval, drawn_interval, exact_interval


def accuracy(labels, grades):
    return float(np.mean(labels == grades))


def mae(labels, grades):
    return float(np.mean(np.abs(labels - grades)))


def shown(rights, of=10):
    """Labels, grades and sources of as many sources, each right in so many of its samples."""
    grades = np.concatenate([np.arange(of) < right for right in rights]).astype(int)
    return np.ones(len(grades), int), grades, np.repeat([f"s{at}" for at in range(len(rights))], of)


def test_two_sources_that_agree_say_little():
    labels, grades, sources = shown([6, 6])
    low, high = bootstrap_interval(labels, grades, sources, {"accuracy": accuracy})["accuracy"]
    assert low < 0.1
    assert high > 0.95


def test_one_source_says_nothing_of_others():
    labels, grades, sources = shown([6])
    found = bootstrap_interval(labels, grades, sources, {"accuracy": accuracy, "mae": mae})
    assert found["accuracy"][0] < 0.01
    assert found["accuracy"][1] > 0.99
    assert np.isnan(found["mae"]).all()


@pytest.mark.parametrize("sources", range(2, FEW_SOURCES))
def test_it_covers_what_it_says(sources):
    """Of devices whose own shares are drawn widely, the mean of all lies within 95 % of the intervals at least."""
    rng = np.random.default_rng(0)
    within = [
        low <= 0.6 <= high
        for rights in rng.binomial(1, 0.6, (400, sources)) * 10
        for low, high in [bootstrap_interval(*shown(rights), {"accuracy": accuracy})["accuracy"]]
    ]
    assert np.mean(within) >= 0.95


def test_a_figure_that_is_no_share_spreads_with_its_sources():
    labels, grades, sources = shown([2, 9, 5])
    low, high = bootstrap_interval(labels, grades, sources, {"mae": mae})["mae"]
    assert low < mae(labels, grades) < high
    assert high - low > 1


def test_the_exact_interval_is_the_binomial_one():
    from scipy.stats import binomtest

    wanted = binomtest(3, 8).proportion_ci(method="exact")
    assert exact_interval(3 / 8, 8) == pytest.approx((wanted.low, wanted.high))
    assert exact_interval(1, 4) == pytest.approx((0.025 ** (1 / 4), 1))
    assert exact_interval(0, 4) == pytest.approx((0, 1 - 0.025 ** (1 / 4)))


def test_a_difference_of_few_sources_is_students_and_no_larger_than_it_can_be():
    draws = np.array([0.1, 0.2, 0.3] * 100)
    low, _ = drawn_interval(draws, 0.2, 4)
    assert low == pytest.approx(0.2 - 3.182 * draws.std() * np.sqrt(4 / 3), abs=1e-3)
    assert drawn_interval(draws, 0.2, 2, most=1) == (pytest.approx(-1), pytest.approx(1))
    assert np.isnan(drawn_interval(draws, 0.2, 1, most=1)).all()
    assert drawn_interval(draws, 0.2, 6) == pytest.approx((0.1, 0.3))
