"""Whether a network is better than the answer that looks at no picture."""

import numpy as np
import pandas as pd
import pytest

from metrics.against_baseline import BETTER, CANNOT_BE_TOLD, NOT_BETTER, by_part, doubt, table_columns, telling
from metrics.grading import GradingMetrics
from metrics.multilabel import MultilabelMetrics
from metrics.regression import RegressionMetrics
from metrics.segmentation import SegmentationMetrics

METRICS = GradingMetrics()
NEW = {"answer": "always like new", "value": 0}


def graded(right: float, *, sources: int = 30, worn: float = 0.3, part: str = "val") -> pd.DataFrame:
    """Ten cells of each source, a share of them worn, a share of all of them answered rightly."""
    rng = np.random.default_rng(0)
    size = 10 * sources
    labels = (rng.random(size) < worn).astype(int)
    grades = np.where(rng.random(size) < right, labels, 1 - labels)
    names = [f"{at // 10:03}" for at in range(size)]
    return pd.DataFrame({"source_id": names, "part": part, "label": labels, "grade": grades})


@pytest.mark.parametrize(
    ("right", "sources", "verdict"),
    [(0.95, 30, BETTER), (0.7, 30, NOT_BETTER), (0.4, 30, NOT_BETTER), (0.95, 9, CANNOT_BE_TOLD), (0.95, 10, BETTER)],
)
def test_verdicts(right, sources, verdict) -> None:
    found = by_part(graded(right, sources=sources), NEW, METRICS)["val"]
    assert found["verdict"] == verdict
    assert found["sources"] == sources
    gain = found["figures"]["accuracy"]
    assert gain["gain"] == pytest.approx(gain["value"] - gain["baseline"])
    assert gain["low"] <= gain["gain"] <= gain["high"]


def test_a_better_macro_f1_alone_is_no_network() -> None:
    """Of a set that is nearly all new, a network that grades at random wins in macro F1 and loses in accuracy."""
    answers = graded(0.8, sources=60, worn=0.05)
    found = by_part(answers, NEW, METRICS)["val"]
    assert found["figures"]["macro_f1"]["low"] > 0 > found["figures"]["accuracy"]["high"]
    words = doubt(found, METRICS)
    assert words.startswith("not better than its baseline over 60 sources (always like new): accuracy 0.")
    assert "macro F1" not in words  # in that it is


def test_the_test_set_tells_where_there_is_one() -> None:
    answers = pd.concat([graded(0.95), graded(0.4, part="test")])
    assert telling(by_part(answers, NEW, METRICS))["verdict"] == NOT_BETTER
    assert table_columns(by_part(answers, NEW, METRICS), METRICS)["beats_baseline"] == "no"


def test_without_a_known_constant_answer_nothing_is_said() -> None:
    """As records have it that are older than this."""
    assert by_part(graded(0.9), {"answer": "always like new"}, METRICS) == {}
    assert doubt(None, METRICS) == ""
    assert set(table_columns(None, None).values()) == {""}


def test_errors_are_better_small() -> None:
    rng = np.random.default_rng(1)
    true = rng.random(300)
    frame = pd.DataFrame({"source_id": np.arange(300).astype(str), "part": "val", "number": true})
    metrics, baseline = RegressionMetrics(), {"answer": "always 0.5", "value": 0.5}
    near = by_part(frame.assign(given_number=true + 0.1), baseline, metrics)["val"]
    far = by_part(frame.assign(given_number=1 - true), baseline, metrics)["val"]
    assert (near["verdict"], far["verdict"]) == (BETTER, NOT_BETTER)
    assert "MAE" in doubt(far, metrics)


def test_masks_that_mark_nothing_are_not_better() -> None:
    counts = [np.array([40, 0]), np.array([0, 10])] * 10
    empty = pd.Series([np.zeros(2, int)] * 20)
    frame = pd.DataFrame({"source_id": np.arange(20).astype(str), "part": "val", "true": counts, "pixels": 100})
    metrics, nothing = SegmentationMetrics(), {"answer": "always nothing", "value": None}
    assert by_part(frame.assign(both=empty, given=empty), nothing, metrics)["val"]["verdict"] == NOT_BETTER
    right = by_part(frame.assign(both=counts, given=counts), nothing, metrics)["val"]
    assert right["verdict"] == BETTER
    assert right["figures"]["dice"]["baseline"] == 0.5  # Kaggle's rule: the class that is not there counts as found


def test_labels_ranked_at_random_are_not_better() -> None:
    rng = np.random.default_rng(2)
    labels = rng.random((200, 3)) < 0.3
    frame = pd.DataFrame({"source_id": np.arange(200).astype(str), "part": "val", "labels": list(labels.astype(int))})
    metrics, every = MultilabelMetrics(), {"answer": "every label, always", "value": None}

    def verdict(chances: np.ndarray) -> str:
        answers = frame.assign(probabilities=list(chances), given=list((chances > 0.5).astype(int)))
        return by_part(answers, every, metrics)["val"]["verdict"]

    assert verdict(rng.random((200, 3))) == NOT_BETTER
    assert verdict(labels * 0.6 + rng.random((200, 3)) * 0.4) == BETTER
