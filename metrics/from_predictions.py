"""Kept predictions, whatever their task: what a sample's answer is worth, and figures over many of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.grading import macro_f1
from metrics.regression import mae, r2, rmse
from metrics.segmentation import PixelCounts, mask_metrics, mean_dice

Figure = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Kind:
    """How the rows of one task's predictions.parquet are read."""

    main: str
    """The figure that it is judged by."""
    figures: dict[str, Figure]
    """By name: functions of truth and answers, as `arrays` gives them."""
    arrays: Callable[[pd.DataFrame], tuple[Any, Any]]
    """Truth and answers, a row per sample."""
    worth: Callable[[pd.DataFrame], npt.NDArray[np.float64]]
    """What each sample's answer is worth; the mean is `main` of grades and masks, of numbers it is the mean absolute error below
    0, as a share of their range.
    """


def _grades(frame: pd.DataFrame) -> tuple[Any, Any]:
    return frame.label.to_numpy(), frame.grade.to_numpy()


def _counts(frame: pd.DataFrame) -> tuple[Any, Any]:
    """True pixels `(N, K)`; common and given ones, and of the image, `(N, 2 K + 1)`."""
    true, both, given = (np.stack(frame[name].tolist()) for name in ("true", "both", "given"))
    return true, np.concatenate([both, given, frame.pixels.to_numpy()[:, None]], axis=1)


def _pixel_counts(true: Any, answers: Any) -> PixelCounts:
    classes = true.shape[1]
    return PixelCounts(answers[:, :classes], true, answers[:, classes : 2 * classes], int(answers[0, -1]))


def _of_masks(name: str) -> Figure:
    return lambda true, answers: float(mask_metrics(_pixel_counts(true, answers))[name])


GRADES = Kind(
    "accuracy",
    {
        "accuracy": lambda labels, grades: float(np.mean(labels == grades)),
        "off_by_one": lambda labels, grades: float(np.mean(np.abs(labels - grades) <= 1)),
        "macro_f1": macro_f1,
    },
    _grades,
    lambda frame: np.asarray(frame.label == frame.grade, np.float64),
)
MASKS = Kind(
    "dice",
    {name: _of_masks(name) for name in ("dice", "dice_pooled", "subset_accuracy", "label_accuracy")},
    _counts,
    lambda frame: mean_dice(_pixel_counts(*_counts(frame))),
)


def _numbers(frame: pd.DataFrame) -> tuple[Any, Any]:
    return frame.number.to_numpy(np.float64), frame.given_number.to_numpy(np.float64)


NUMBERS = Kind(
    "r2",
    {"mae": mae, "rmse": rmse, "r2": r2},
    _numbers,
    lambda frame: np.asarray(-np.abs(frame.given_number - frame.number) / frame.span, np.float64),
)


def kind_of(frame: pd.DataFrame) -> Kind:
    """Grades, masks or numbers, as the columns say."""
    return NUMBERS if "given_number" in frame else MASKS if "both" in frame else GRADES
