"""An axis that decides is told from one that does nothing."""

import itertools

import numpy as np
import pandas as pd
import pytest

from sweeps.analysis.importance import FEWEST_RUNS, importance

AXES = ["backbone", "width", "encoding", "seed"]


def runs(noise=0.002):
    rng = np.random.default_rng(0)
    rows = [
        {"backbone": backbone, "width": width, "encoding": encoding, "seed": seed,
         "val/macro_f1": 0.5 + 0.2 * (backbone == "large") + 0.1 * width + rng.normal(0, noise)}
        for backbone, width, encoding, seed in itertools.product(("large", "small"), (0.25, 0.5, 1.0), ("one_hot", "ordinal"), (0, 1))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_what_decides_stands_first_and_what_does_nothing_last() -> None:
    found = importance(runs(), AXES, "val/macro_f1")
    shares = {name: share for name, share, _ in found.axes}
    assert [name for name, *_ in found.axes][:2] == ["backbone", "width"]
    assert shares["backbone"] > 0.6
    assert max(shares["encoding"], shares["seed"]) < 0.03
    assert sum(shares.values()) == pytest.approx(1)
    assert found.explained > 0.9
    assert found.runs == 24


def test_of_noise_nothing_is_explained() -> None:
    table = runs()
    table["val/macro_f1"] = np.random.default_rng(1).normal(size=len(table))
    assert importance(table, AXES, "val/macro_f1").explained < 0.1


def test_too_little_is_no_answer() -> None:
    assert importance(runs().head(FEWEST_RUNS - 1), AXES, "val/macro_f1") is None
    assert importance(runs(), ["backbone"], "val/macro_f1") is None
    assert importance(runs(), AXES, "val/nosuch") is None
    assert importance(runs().assign(**{"val/macro_f1": np.nan}), AXES, "val/macro_f1") is None
