"""Figures of two files side by side."""

import numpy as np
import pandas as pd
import pytest

from export.foreign.paired import compared, worse


def rows(old, new, *, labels=(0, 1, 2, 1, 0, 2), sources=None):
    count = len(labels)
    return pd.DataFrame(
        {"sample": range(count), "source_id": sources or [f"s{at}" for at in range(count)], "part": "val",
         "label": labels, "old": old, "new": new}
    )  # fmt: skip


def test_the_same_answers_differ_by_nothing():
    found = compared(rows((0, 1, 2, 1, 0, 0), (0, 1, 2, 1, 0, 0)), ordered=True)
    assert {one.figure for one in found} == {"accuracy", "off_by_one", "macro_f1", "missed_damage"}
    assert all((one.old, one.low, one.high) == (one.new, 0.0, 0.0) for one in found)
    assert worse(found, 0.0) == []


def test_the_interval_is_paired_and_over_sources():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    old = np.where(rng.random(300) < 0.3, (labels + 1) % 3, labels)
    new = np.where(np.arange(300) % 30 == 0, (labels + 1) % 3, old)
    found = {
        one.figure: one
        for one in compared(rows(old, new, labels=labels, sources=[f"s{at // 3}" for at in range(300)]), ordered=False)
    }
    accuracy = found["accuracy"]
    assert accuracy.new - accuracy.old == pytest.approx(np.mean(labels == new) - np.mean(labels == old))
    assert accuracy.low <= accuracy.new - accuracy.old <= accuracy.high
    assert accuracy.high - accuracy.low < 0.06  # unpaired ones would be 0.14 wide
    assert "missed_damage" not in found


def test_more_missed_damage_and_more_loss_are_named():
    found = compared(rows((0, 1, 2, 1, 0, 2), (0, 0, 2, 1, 0, 2)), ordered=True)
    said = worse(found, 0.5)
    assert said == ["misses more damage on val (0.000 to 0.250)"]
    assert worse(found, 0.1)[:2] == ["loses 0.167 of accuracy on val, more than max_loss=0.1", *worse(found, 0.1)[1:2]]
    better = compared(rows((0, 0, 2, 1, 0, 2), (0, 1, 2, 1, 0, 2)), ordered=True)
    assert worse(better, 0.0) == []
