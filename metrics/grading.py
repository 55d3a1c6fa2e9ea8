"""Figures of merit from plain arrays: N samples, K classes. The one place where final figures are computed."""

from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.figures import is_share, main_figure

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
        accuracy, off_by_one (thesis, equation 4.5; for grades alone), macro_f1 (mean over the classes that occur among labels or
        grades, equation 4.6), macro_precision and macro_recall (means over all classes), f_measure (their harmonic mean: seed
        003, section 2.3.4, which is not macro F1), calibration_error, each from 0 to 1; per_class lists of precision, recall, f1 and
        support; confusion `[true][given]`.

    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support  # seconds that a table can spare

    classes = list(range(probabilities.shape[1]))
    precision, recall, f1, support = precision_recall_fscore_support(labels, grades, labels=classes, zero_division=0.0)
    return {
        "accuracy": float(np.mean(labels == grades)),
        **({"off_by_one": float(np.mean(np.abs(labels - grades) <= 1))} if ordered else {}),
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


def bootstrap_interval(
    labels: Grades,
    grades: Grades,
    source_ids: npt.NDArray[np.str_],
    figures: dict[str, Any],
    *,
    repeats: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals over resampled sources: cells of one device are not independent.

    Where every draw of a share is 1, or 0, there is nothing to resample: the interval is then the exact binomial one (Clopper and
    Pearson 1934) of as many right, or wrong, answers as there are sources.

    `figures` maps names to functions of (labels, grades).
    """
    rng = np.random.default_rng(seed)
    _, source = np.unique(source_ids, return_inverse=True)
    members = [np.flatnonzero(source == number) for number in range(source.max() + 1)]
    draws: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(repeats):
        chosen = np.concatenate([members[number] for number in rng.integers(len(members), size=len(members))])
        for name, figure in figures.items():
            draws[name].append(figure(labels[chosen], grades[chosen]))
    return {name: _percentiles(values, len(members), share=is_share(name)) for name, values in draws.items()}


def _percentiles(values: list[float], sources: int, *, share: bool) -> tuple[float, float]:
    least = 0.025 ** (1 / sources)
    if share and min(values) == 1:
        return least, 1.0
    if share and max(values) == 0:
        return 0.0, 1 - least
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def epoch_metrics(history: list[dict[str, float]]) -> dict[str, float]:
    """Figures that come from the course of a training.

    `val/accuracy_top10_mean` is the thesis's accuracy: the mean of the ten best epochs (section 4.2); `val/loss` is
    of the epoch with the best val accuracy, the first such; `val/best_epoch` counts from 0. Of masks it is Dice.
    """
    main = main_figure(history[0])
    values = [row[main] for row in history]
    best = values.index(max(values))
    return {
        "val/best_epoch": best,
        "val/loss": history[best]["val/loss"],
        "val/last/loss": history[-1]["val/loss"],
        f"{main}_top10_mean": float(np.mean(sorted(values)[-10:])),
        **{name: value for name, value in history[-1].items() if name.startswith("train/")},
    }
