"""Figures of merit of sets of labels: N samples, K labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt

from metrics.base import Figure, TaskMetrics

if TYPE_CHECKING:
    import pandas as pd

Labels = npt.NDArray[np.bool_]
Chances = npt.NDArray[np.float64]


def label_metrics(labels: Labels, probabilities: Chances, thresholds: Sequence[float]) -> dict[str, Any]:
    """Everything that a record says of one part.

    Args:
        labels: true ones, `(N, K)`.
        probabilities: `(N, K)`.
        thresholds: a label whose probability is above its own is given, `(K,)`; chosen on the validation set.

    Returns:
        mean_average_precision (mean over the labels that occur), macro_f1 (the same mean of F1), micro_f1 (over all labels of all
        samples at once), subset_accuracy (samples whose labels are all right), label_accuracy (labels that are right), each from 0
        to 1; per_label lists of average_precision and f1 (None for a label that does not occur), precision, recall, threshold,
        support.

    """
    from sklearn.metrics import precision_recall_fscore_support

    given = probabilities > np.asarray(thresholds)
    precisions = average_precisions(labels, probabilities)
    precision, recall, f1, support = precision_recall_fscore_support(labels, given, zero_division=0.0)
    there = support > 0
    return {
        "mean_average_precision": float(np.nanmean(precisions)),
        "macro_f1": float(f1[there].mean()),
        "micro_f1": micro_f1(labels, given),
        "subset_accuracy": float((labels == given).all(axis=1).mean()),
        "label_accuracy": float((labels == given).mean()),
        "per_label": {
            "average_precision": [None if np.isnan(one) else float(one) for one in precisions],
            "f1": [float(one) if has else None for one, has in zip(f1, there, strict=True)],
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "threshold": [float(one) for one in thresholds],
            "support": support.tolist(),
        },
    }


def average_precisions(labels: Labels, probabilities: Chances) -> Chances:
    """Of each label: Σ (R_n - R_(n-1)) P_n over the ranking of all samples; NaN where it never occurs.

    As scikit-learn's average_precision_score, which takes 17 to 35 times as long over the 2,000 draws of an interval.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    ranked, hits = np.take_along_axis(probabilities, order, 0), np.take_along_axis(labels, order, 0)
    places = np.arange(len(labels))[:, None]
    ends = np.vstack([ranked[1:] != ranked[:-1], np.ones((1, labels.shape[1]), bool)])
    end = np.minimum.accumulate(np.where(ends, places, len(labels))[::-1], axis=0)[::-1]  # equal answers are one step
    precision = np.take_along_axis(hits.cumsum(axis=0) / (places + 1), end, 0)
    total = hits.sum(axis=0)
    found: Chances = np.where(total > 0, (hits * precision).sum(axis=0) / np.maximum(total, 1), np.nan)
    return found


def micro_f1(labels: Labels, given: Labels) -> float:
    """2 TP / (2 TP + FP + FN) over all labels of all samples; 1 where there is nothing to find and nothing was found."""
    named = int(labels.sum() + given.sum())
    return 2 * int((labels & given).sum()) / named if named else 1.0


def best_thresholds(labels: Labels, probabilities: Chances) -> list[float]:
    """For each label the threshold with the highest F1, half way between two answers; 0.5 for a label that does not occur.

    Of equal ones the one nearest to 0.5.
    """
    found = []
    for at in range(labels.shape[1]):
        values = np.unique(probabilities[:, at])
        cuts = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2])
        given = probabilities[:, at][None] > cuts[:, None]
        both, named = (given & labels[:, at]).sum(axis=1), given.sum(axis=1) + labels[:, at].sum()
        f1 = 2 * both / np.maximum(named, 1)
        best = np.flatnonzero(f1 == f1.max())
        nearest = best[np.abs(cuts[best] - 0.5).argmin()]
        found.append(float(cuts[nearest]) if labels[:, at].any() else 0.5)
    return found


def always_baseline(labels: Labels) -> dict[str, float]:
    """Of giving every label the same probability, and every label to every sample."""
    given = np.ones_like(labels)
    shares = labels.mean(axis=0)
    there = shares > 0
    return {
        "mean_average_precision": float(shares[there].mean()),
        "macro_f1": float((2 * shares / (1 + shares))[there].mean()),
        "micro_f1": micro_f1(labels, given),
        "subset_accuracy": float((labels == given).all(axis=1).mean()),
        "label_accuracy": float((labels == given).mean()),
    }


def _ranked(labels: Labels, answers: tuple[Chances, Labels] | Any) -> float:
    return float(np.nanmean(average_precisions(labels, _halves(answers)[0])))


def _macro(labels: Labels, answers: Any) -> float:
    given = _halves(answers)[1] > 0.5
    both, named = (labels & given).sum(axis=0), labels.sum(axis=0) + given.sum(axis=0)
    there = labels.any(axis=0)
    return float((2 * both / np.maximum(named, 1))[there].mean())


def _halves(answers: Any) -> tuple[Chances, Chances]:
    """Probabilities and given labels of `(N, 2 K)`."""
    classes = answers.shape[1] // 2
    return answers[:, :classes], answers[:, classes:]


class MultilabelMetrics(TaskMetrics):
    """Each sample gets any number of labels."""

    main = "mean_average_precision"
    chooses_thresholds = True
    titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro F1", "micro_f1": "micro F1"}
    columns = ("val/mean_average_precision", "val/macro_f1", "val/subset_accuracy", "val/label_accuracy",
               "test/mean_average_precision", "test/macro_f1", "test/subset_accuracy")  # fmt: skip
    headlines = ("mean_average_precision",)
    file_columns = ("mean_average_precision", "macro_f1")
    compared = ("val/mean_average_precision", "val/macro_f1")
    repeated = ("mean_average_precision", "macro_f1", "micro_f1")
    crossed = ("mean_average_precision", "macro_f1")
    epoch_figures = ("loss", "mean_average_precision", "label_accuracy", "macro_f1")
    curve = "label_accuracy"
    answers = "labels"
    constant_answer = "every label, always"
    beyond_baseline = ("mean_average_precision",)
    drop_figure = "mean_average_precision"
    drop_unit = "points of label accuracy lost"
    figures: ClassVar[Mapping[str, Figure]] = {
        "mean_average_precision": _ranked,
        "macro_f1": _macro,
        "subset_accuracy": lambda labels, answers: float((labels == (_halves(answers)[1] > 0.5)).all(axis=1).mean()),
    }
    pooled_files = ("mean_average_precision", "macro_f1", "subset_accuracy")

    @override
    def truth_and_answers(self, frame: "pd.DataFrame") -> tuple[Any, Any]:
        """Labels `(N, K)`; probabilities and given labels side by side, `(N, 2 K)`."""
        truth, chances, given = (np.array(frame[name].tolist()) for name in ("labels", "probabilities", "given"))
        return truth > 0, np.concatenate([chances, given.astype(np.float64)], axis=1)

    @override
    def with_constant(self, frame: "pd.DataFrame", value: Any) -> "pd.DataFrame":
        import pandas as pd

        always = pd.Series([[1.0] * len(labels) for labels in frame.labels], index=frame.index)
        return frame.assign(probabilities=always, given=always)

    @override
    def worth(self, frame: "pd.DataFrame") -> npt.NDArray[np.float64]:
        """The share of its labels that are right."""
        truth, given = (np.array(frame[name].tolist()) > 0 for name in ("labels", "given"))
        return np.asarray((truth == given).mean(axis=1))

    @override
    def same(self, frame: "pd.DataFrame") -> npt.NDArray[np.bool_]:
        one, other = (np.array(frame[name].tolist()) > 0 for name in ("given", "torch_given"))
        return np.asarray((one == other).all(axis=1))

    @override
    def mistake_text(self, mistake: Mapping[str, Any], class_names: Sequence[str]) -> str:
        return f"{words_of(mistake['labels'], class_names)} taken for {words_of(mistake['given'], class_names)}"


def words_of(places: Sequence[int], class_names: Sequence[str]) -> str:
    """Labels by their places, in words."""
    return ", ".join(class_names[at] for at in places) or "nothing"
