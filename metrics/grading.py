"""Figures of merit from plain arrays: N samples, K classes. The one place where final figures are computed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt

from metrics.base import Figure, TaskMetrics
from metrics.resampling import CountedFigure, Numbers

if TYPE_CHECKING:
    import pandas as pd


Grades = npt.NDArray[np.int64]


def grade_metrics(
    labels: Grades, grades: Grades, probabilities: npt.NDArray[np.float64], *, ordered: bool = True
) -> dict[str, Any]:
    """Everything that a record says of one part.

    Args:
        labels, grades: `(N,)`, true and given.
        probabilities: `(N, K)`.
        ordered: whether the classes are grades; others have no neighbours to be off by one.

    Returns:
        accuracy, off_by_one (thesis, equation 4.5; for grades alone), missed_damage (for grades alone), macro_f1 (mean over the classes that occur among labels or
        grades, equation 4.6), macro_precision and macro_recall (means over all classes), f_measure (their harmonic mean: seed
        003, section 2.3.4, which is not macro F1), calibration_error, each from 0 to 1; per_class lists of precision, recall, f1 and
        support; confusion `[true][given]`.

    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support  # seconds that a table can spare

    classes = list(range(probabilities.shape[1]))
    precision, recall, f1, support = precision_recall_fscore_support(labels, grades, labels=classes, zero_division=0.0)
    return {
        "accuracy": float(np.mean(labels == grades)),
        **_of_grades(labels, grades, ordered=ordered),
        "macro_f1": macro_f1(labels, grades),
        "macro_precision": float(precision.mean()),
        "macro_recall": float(recall.mean()),
        "f_measure": _harmonic(float(precision.mean()), float(recall.mean())),
        "calibration_error": calibration_error(labels, probabilities),
        "per_class": {
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
            "support": support.tolist(),
        },
        "confusion": confusion_matrix(labels, grades, labels=classes).tolist(),
    }


def _of_grades(labels: Grades, grades: Grades, *, ordered: bool) -> dict[str, float]:
    """What is asked of ordered classes alone."""
    if not ordered:
        return {}
    missed = {"missed_damage": missed_damage(labels, grades)} if (labels > 0).any() else {}
    return {"off_by_one": float(np.mean(np.abs(labels - grades) <= 1))} | missed


def missed_damage(labels: Grades, grades: Grades) -> float:
    """The share of the samples that are not of the best class, 0, and are given it: a damaged cell called undamaged.

    NaN where every sample is of the best class.
    """
    damaged = labels > 0
    return float(np.mean(grades[damaged] == 0)) if damaged.any() else float("nan")


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0


def macro_f1(labels: Grades, grades: Grades) -> float:
    """Mean F1 over the classes that occur among labels or grades; a class in neither has no F1."""
    size = int(max(labels.max(), grades.max())) + 1
    right = np.bincount(labels[labels == grades], minlength=size)
    named = np.bincount(labels, minlength=size) + np.bincount(grades, minlength=size)
    return float(np.mean(2 * right[named > 0] / named[named > 0]))


def calibration_error(labels: Grades, probabilities: npt.NDArray[np.float64], bins: int = 15) -> float:
    """Expected calibration error of the most probable class: Guo et al. 2017, equation 3, equal-width bins."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def majority_baseline(train: Grades, labels: Grades, classes: int, *, ordered: bool) -> dict[str, float]:
    """Accuracy, macro F1, off by one and missed damage of the majority baseline: always the most common class of the training set.

    Args:
        train, labels: of the training set and of the one that is judged, `(N,)` and `(M,)`.

    """
    answer = int(np.bincount(train, minlength=classes).argmax())
    given = np.full_like(labels, answer)
    found = {"accuracy": float(np.mean(labels == given)), "macro_f1": macro_f1(labels, given)}
    return found | _of_grades(labels, given, ordered=ordered)


def _accuracies(matrices: Numbers) -> Numbers:
    found: Numbers = np.trace(matrices, axis1=1, axis2=2) / matrices.sum(axis=(1, 2))
    return found


def _off_by_ones(matrices: Numbers) -> Numbers:
    near = np.abs(np.subtract.outer(*[np.arange(matrices.shape[1])] * 2)) <= 1
    found: Numbers = (matrices * near).sum(axis=(1, 2)) / matrices.sum(axis=(1, 2))
    return found


def _macro_f1s(matrices: Numbers) -> Numbers:
    named = matrices.sum(axis=1) + matrices.sum(axis=2)
    right = np.diagonal(matrices, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        found: Numbers = np.nanmean(2 * right / named, axis=1)
    return found


def _missed_damages(matrices: Numbers) -> Numbers:
    damaged = matrices[:, 1:]
    with np.errstate(invalid="ignore"):
        found: Numbers = damaged[:, :, 0].sum(axis=1) / damaged.sum(axis=(1, 2))
    return found


class GradingMetrics(TaskMetrics):
    """Each sample gets one class."""

    main = "macro_f1"
    asks = True
    unread = frozenset({"probabilities"})
    titles: ClassVar[Mapping[str, str]] = {"macro_f1": "macro F1", "off_by_one": "off by one", "f_measure": "F-measure"}
    columns: ClassVar[tuple[str, ...]] = (
        "val/macro_f1",
        "val/accuracy",
        "val/off_by_one",
        "val/missed_damage",
        "test/macro_f1",
        "test/accuracy",
        "test/missed_damage",
    )
    headlines: ClassVar[tuple[str, ...]] = ("macro_f1", "accuracy")
    file_columns: ClassVar[tuple[str, ...]] = ("macro_f1", "accuracy", "missed_damage")
    compared: ClassVar[tuple[str, ...]] = ("val/macro_f1", "val/accuracy")
    repeated = ("accuracy", "macro_precision", "macro_recall", "f_measure")
    crossed = ("accuracy", "macro_f1")
    errors = frozenset({"missed_damage"})
    epoch_figures = ("loss", "accuracy", "off_by_one", "macro_f1")
    curve = "accuracy"
    answers = "grades"
    constant_answer = "majority baseline"
    beyond_baseline: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    drop_figure = "accuracy"
    drop_unit = "points of accuracy lost"
    figures: ClassVar[Mapping[str, Figure]] = {
        "accuracy": CountedFigure(lambda labels, grades: float(np.mean(labels == grades)), _accuracies),
        "off_by_one": CountedFigure(lambda labels, grades: float(np.mean(np.abs(labels - grades) <= 1)), _off_by_ones),
        "macro_f1": CountedFigure(macro_f1, _macro_f1s),
        "missed_damage": CountedFigure(missed_damage, _missed_damages),
    }
    pooled_files: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "missed_damage")

    @override
    def truth_and_answers(self, frame: "pd.DataFrame") -> tuple[Any, Any]:
        return frame.label.to_numpy(), frame.grade.to_numpy()

    @override
    def with_constant(self, frame: "pd.DataFrame", value: Any) -> "pd.DataFrame":
        return frame.assign(grade=int(value))

    @override
    def worth(self, frame: "pd.DataFrame") -> npt.NDArray[np.float64]:
        return np.asarray(frame.label == frame.grade, np.float64)

    @override
    def same(self, frame: "pd.DataFrame") -> npt.NDArray[np.bool_]:
        return np.asarray(frame.grade == frame.torch_grade)

    @override
    def mistake_text(self, mistake: Mapping[str, Any], class_names: Sequence[str]) -> str:
        return f"{class_names[mistake['label']]} taken for {class_names[mistake['grade']]}"

    @override
    def table_columns(self, ordered: bool) -> dict[str, Figure]:
        return {
            name: figure
            for name, figure in self.figures.items()
            if ordered or name not in ("off_by_one", "missed_damage")
        }
