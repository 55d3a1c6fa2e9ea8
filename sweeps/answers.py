"""Kept predictions, whatever their task: what a sample's answer is worth, and figures over many of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sweeps.mask_metrics import PixelCounts, mask_metrics, mean_dice
from sweeps.metrics import macro_f1

Figure = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Kind:
    """How the rows of one task's predictions.parquet are read."""

    main: str
    """The figure that is a mean over samples."""
    figures: dict[str, Figure]
    """By name: functions of truth and answers, as `arrays` gives them, to a share."""
    arrays: Callable[[pd.DataFrame], tuple[Any, Any]]
    """Truth and answers, a row per sample."""
    worth: Callable[[pd.DataFrame], npt.NDArray[np.float64]]
    """What each sample's answer is worth, 0 to 1; its mean is `main`."""


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


def kind_of(frame: pd.DataFrame) -> Kind:
    """Grades or masks, as the columns say."""
    return MASKS if "both" in frame else GRADES
