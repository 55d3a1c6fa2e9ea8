"""Differences between choices are paired, averaged within repetitions, and called noise where they are."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metrics.intervals import t_interval
from sweeps.analysis.main_effects import main_effects, paired_effect


def runs(rows):
    return pd.DataFrame(rows, columns=["encoding", "width", "seed", "val/macro_f1"])


AXES = ["encoding", "width", "seed"]


def test_only_runs_that_differ_in_one_axis_are_compared() -> None:
    table = runs([("a", 0.5, 0, 0.5), ("b", 0.5, 0, 0.6), ("a", 1.0, 0, 0.9), ("b", 0.25, 0, 0.1)])
    effect = paired_effect(table, AXES, "encoding", "b", "a", "val/macro_f1")
    assert effect is not None
    assert (effect.pairs, effect.repetitions) == (1, 1)
    assert effect.mean == pytest.approx(0.1)
    assert effect.verdict == "one repetition: no interval"


def test_intervals_are_over_seeds_not_over_points() -> None:
    shift = {0: 0.02, 1: 0.04, 2: 0.03}
    rows = [(e, w, s, w / 2 + (e == "b") * d) for e in "ab" for w in (0.25, 0.5, 1.0) for s, d in shift.items()]
    effect = paired_effect(runs(rows), AXES, "encoding", "b", "a", "val/macro_f1")
    assert effect is not None
    assert (effect.pairs, effect.repetitions) == (9, 3)
    expected = stats.ttest_1samp(list(shift.values()), 0).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((expected.low, expected.high))
    assert effect.verdict == "higher"


def test_what_changes_its_sign_with_the_seed_is_noise() -> None:
    rows = [(e, 0.5, s, 0.5 + (e == "b") * d) for e in "ab" for s, d in enumerate((0.03, -0.02, 0.01))]
    effect = paired_effect(runs(rows), AXES, "encoding", "b", "a", "val/macro_f1")
    assert effect is not None
    assert effect.verdict == "within noise"
    assert effect.low < 0 < effect.high


def test_every_choice_is_held_against_the_most_frequent_one() -> None:
    rows = [("a", w, 0, w) for w in (0.25, 0.5, 1.0)] + [("b", 0.5, 0, 0.7)]
    effects = main_effects(runs(rows), AXES)
    assert [(one.axis, one.choice, one.against) for one in effects] == [
        ("encoding", "b", "a"), ("width", "0.25", "0.5"), ("width", "1.0", "0.5"),
    ]  # fmt: skip
    assert [round(one.mean, 3) for one in effects] == [0.2, -0.25, 0.5]


def test_one_value_has_no_interval() -> None:
    assert np.isnan(t_interval([0.5])).all()


def test_pretrained_is_not_held_against_random() -> None:
    rows = [
        {"backbone": backbone, "width": width, "seed": seed, "initial_weights": start, "val/macro_f1": accuracy}
        for backbone, start, accuracy in (("mobilenet", "imagenet", 0.9), ("mobilenetv2", "random", 0.6))
        for width in (0.5, 1.0)
        for seed in (0, 1)
    ]
    rows += [rows[0] | {"backbone": "lite0", "val/macro_f1": 0.8}, rows[1] | {"backbone": "lite0", "val/macro_f1": 0.8}]
    found = {one.choice: one for one in main_effects(pd.DataFrame(rows), ["backbone", "width"])}
    assert found["mobilenetv2"].verdict == "not compared: pretrained against random start"
    assert found["mobilenetv2"].pairs == 0
    assert found["lite0"].mean == pytest.approx(-0.1)
    assert found["1.0"].mean == pytest.approx(0)
    assert found["1.0"].pairs == 4
