"""Whom to ask, with a promise: thresholds against a search by hand, coverage on drawn phones, refusals."""

import numpy as np
import pandas as pd
import pytest

from metrics.conformal import Answers, PromiseError, asks, leave_one_out, needed_sources, promise


def drawn(rng, phones, cells=15, damaged=0.3):
    """Phones that differ in how well their damage is seen; of some everything is undamaged."""
    labels = (rng.random((phones, cells)) < damaged * rng.integers(0, 2, (phones, 1))).astype(np.int64)
    seen = rng.normal(size=(phones, 1)) + rng.normal(size=(phones, cells)) + np.where(labels, -1.0, 2.0)
    shares = 1 / (1 + np.exp(-seen))
    grades = (shares < 0.5).astype(np.int64)
    names = np.repeat([f"phone{at}" for at in range(phones)], cells)
    return Answers(labels.ravel(), grades.ravel(), np.where(grades == 0, shares, 0).ravel(), names)


def by_hand(answers, alpha):
    """The least threshold, phone by phone and score by score."""
    phones = [answers.source_ids == name for name in set(answers.source_ids[answers.labels > 0])]
    for threshold in sorted({0.0, *answers.scores[answers.labels > 0]}):
        rates = []
        for own in phones:
            damaged = own & (answers.labels > 0)
            rates.append(np.mean(answers.scores[damaged] > threshold))
        if len(rates) / (len(rates) + 1) * np.mean(rates) + 1 / (len(rates) + 1) <= alpha + 1e-12:
            return threshold
    raise AssertionError


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.5, 0.9])
def test_the_threshold_is_the_least_that_keeps_the_bound(alpha):
    answers = drawn(np.random.default_rng(3), 60)
    threshold = answers.threshold(alpha)
    assert threshold == by_hand(answers, alpha)
    count = len(answers.damaged_sources)
    assert (count * answers.missed(threshold)[0] + 1) / (count + 1) <= alpha
    kept = np.mean((answers.grades == 0) & (answers.scores <= threshold))
    assert answers.asked(threshold)[0] == pytest.approx(kept)


@pytest.mark.parametrize(("alpha", "phones"), [(0.05, 19), (0.1, 9), (0.15, 6), (0.2, 4), (0.3, 3), (0.5, 1)])
def test_a_promise_needs_damaged_phones(alpha, phones):
    """1 / (n + 1) is the least that n phones can promise; others do not count."""
    assert needed_sources(alpha) == phones

    def of(count):
        names = np.array([f"p{at}" for at in range(count)] + ["whole"] * 50)
        labels = np.array([1] * count + [0] * 50)
        return Answers(labels, np.zeros_like(labels), np.full(len(labels), 0.9), names)

    assert of(phones).threshold(alpha) == 0.9
    with pytest.raises(PromiseError, match=f"{100 * alpha:g} % needs {phones} damaged sources, there"):
        of(phones - 1).threshold(alpha)
    assert "refused" in promise(of(phones - 1), alpha, "split")


def test_new_phones_pass_no_more_damage_than_promised():
    """Over many draws of 30 phones for the threshold and one new phone each: the mean is at most alpha, and not far below it."""
    rng, passed = np.random.default_rng(0), []
    for _ in range(400):
        answers = drawn(rng, 61)
        first = np.isin(answers.source_ids, [f"phone{at}" for at in range(30)])
        threshold = answers.among(first).threshold(0.2)
        rest = answers.among(~first)
        passed.append(rest.missed(threshold)[0])
    assert np.mean(passed) <= 0.2 + 3 * np.std(passed) / np.sqrt(len(passed))
    assert np.mean(passed) > 0.12


def test_each_phone_is_judged_by_the_others():
    answers = drawn(np.random.default_rng(5), 40)
    found = leave_one_out(answers, 0.2)
    assert list(found.source_ids) == list(answers.damaged_sources)
    own = answers.source_ids == found.source_ids[0]
    threshold = answers.among(~own).threshold(0.2)
    damaged = own & (answers.labels > 0)
    assert found.missed[0] == pytest.approx(np.mean(answers.scores[damaged] > threshold))
    low, high = found.interval()
    assert low < found.missed.mean() < high
    with pytest.raises(PromiseError):
        leave_one_out(answers, 0.02)


def test_only_undamaged_answers_are_asked_about():
    grades, shares = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    assert list(asks({"threshold": 0.6}, grades, shares)) == [False, True, False]
    assert not asks({"refused": "x"}, grades, shares).any()
    assert not asks(None, grades, shares).any()
    frame = pd.DataFrame(
        {"label": [1, 0, 2], "grade": grades, "probabilities": list(shares), "source_id": ["a", "a", "b"]}
    )
    answers = Answers.of(frame)
    assert list(answers.scores) == [0.9, 0.6, 0.0]
    assert answers.missed([0, 0.9]).tolist() == [0.5, 0.0]
