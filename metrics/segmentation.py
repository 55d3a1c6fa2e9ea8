"""Figures of merit of masks, from counts of pixels alone: N images, K classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt

from metrics.base import Figure, TaskMetrics

if TYPE_CHECKING:
    import pandas as pd

Counts = npt.NDArray[np.int64]
LEAST_SHARE = 200 / (128 * 800)
"""Of an image's pixels, above which it counts as having a class (seed 002, chapter 6: 200 of 102,400)."""


@dataclass(frozen=True)
class PixelCounts:
    """What all figures come from, each `(N, K)`."""

    both: Counts
    """Pixels that are in the true and the given mask."""
    true: Counts
    given: Counts
    pixels: int
    """Pixels of one image, H × W."""

    @classmethod
    def of(cls, true: npt.NDArray[np.bool_], given: npt.NDArray[np.bool_]) -> "PixelCounts":
        """Counts of masks `(N, K, H, W)`."""
        axes = (2, 3)
        return cls((true & given).sum(axes), true.sum(axes), given.sum(axes), true.shape[2] * true.shape[3])

    @classmethod
    def joined(cls, parts: "Sequence[PixelCounts]") -> "PixelCounts":
        """Those of several batches of images of one size."""
        both, true, given = (
            np.concatenate([getattr(one, name) for one in parts]) for name in ("both", "true", "given")
        )
        return cls(both, true, given, parts[0].pixels)


def mask_metrics(counts: PixelCounts, least_share: float = LEAST_SHARE) -> dict[str, Any]:
    """Everything that a record says of one part.

    Returns:
        dice: the mean over all images and classes, 1 where a class is in neither mask (Kaggle's rule for Severstal);
        dice_pooled: over all pixels of all images and classes at once, which is how Keras code counts a batch (the
        published figures); iou: intersection over union by Kaggle's rule for empty masks; subset_accuracy: images whose labels
        are all right; label_accuracy: labels that are right; per_class lists of dice (Kaggle's), dice_pooled, dice_present
        (mean over the images that truly have it), iou, images (that have it); label_confusion: per class [[true
        negatives, false positives], [false negatives, true positives]]. A label is more than `least_share` of the pixels; a
        true one is any pixel at all.

    """
    dice = _ratio(2 * counts.both, counts.true + counts.given)
    iou = _ratio(counts.both, counts.true + counts.given - counts.both)
    has, said = counts.true > 0, counts.given > least_share * counts.pixels
    pooled = _pooled(counts)
    return {
        "dice": float(dice.mean()),
        "dice_pooled": _pooled_all(counts),
        "iou": float(iou.mean()),
        "subset_accuracy": float((has == said).all(axis=1).mean()),
        "label_accuracy": float((has == said).mean()),
        "per_class": {
            "dice": dice.mean(axis=0).tolist(),
            "dice_pooled": pooled.tolist(),
            "dice_present": [
                float(dice[has[:, at], at].mean()) if has[:, at].any() else None for at in range(has.shape[1])
            ],
            "iou": iou.mean(axis=0).tolist(),
            "images": has.sum(axis=0).tolist(),
        },
        "label_confusion": [_confusion(has[:, at], said[:, at]) for at in range(has.shape[1])],
    }


def mean_dice(counts: PixelCounts) -> npt.NDArray[np.float64]:
    """Of each image, by Kaggle's rule, the mean over classes: `(N,)`; the mean of all is `dice`."""
    return np.asarray(_ratio(2 * counts.both, counts.true + counts.given).mean(axis=1))


def _ratio(above: Counts, below: Counts) -> npt.NDArray[np.float64]:
    """1 where there is nothing to find and nothing was found."""
    return np.where(below == 0, 1.0, above / np.maximum(below, 1))


def _pooled(counts: PixelCounts) -> npt.NDArray[np.float64]:
    return _ratio(2 * counts.both.sum(axis=0), (counts.true + counts.given).sum(axis=0))


def _pooled_all(counts: PixelCounts) -> float:
    return float(_ratio(np.array([2 * counts.both.sum()]), np.array([(counts.true + counts.given).sum()]))[0])


def _confusion(has: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_]) -> list[list[int]]:
    return [[int((~has & ~said).sum()), int((~has & said).sum())], [int((has & ~said).sum()), int((has & said).sum())]]


def empty_baseline(counts: PixelCounts) -> dict[str, float]:
    """Dice and its like of masks with nothing in them."""
    nothing = np.zeros_like(counts.true)
    found = mask_metrics(PixelCounts(nothing, counts.true, nothing, counts.pixels))
    return {name: value for name, value in found.items() if isinstance(value, float)}


def _arrays(frame: "pd.DataFrame") -> tuple[Any, Any]:
    """True pixels `(N, K)`; common and given ones, and of the image, `(N, 2 K + 1)`."""
    true, both, given = (np.stack(frame[name].tolist()) for name in ("true", "both", "given"))
    return true, np.concatenate([both, given, frame.pixels.to_numpy()[:, None]], axis=1)


def _counts(true: Any, answers: Any) -> PixelCounts:
    classes = true.shape[1]
    return PixelCounts(answers[:, :classes], true, answers[:, classes : 2 * classes], int(answers[0, -1]))


def _figure(name: str) -> Figure:
    return lambda true, answers: float(mask_metrics(_counts(true, answers))[name])


class SegmentationMetrics(TaskMetrics):
    """Each pixel gets a yes or no for each class."""

    main = "dice_pooled"
    titles: ClassVar[Mapping[str, str]] = {"dice": "Dice", "dice_pooled": "pooled Dice", "iou": "IoU"}
    columns = ("val/dice_pooled", "val/dice", "val/iou", "val/subset_accuracy", "val/label_accuracy", "test/dice_pooled",
               "test/dice", "test/subset_accuracy")  # fmt: skip
    headlines = ("dice_pooled", "dice")
    file_columns = ("dice_pooled", "dice", "iou")
    compared = ("val/dice_pooled", "val/dice")
    repeated = ("dice", "dice_pooled", "iou")
    crossed = ("dice", "dice_pooled")
    epoch_figures = ("loss", "dice", "dice_pooled")
    curve = "dice_pooled"
    answers = "pixels"
    constant_answer = "always nothing"
    beyond_baseline = ("dice_pooled", "dice")
    drop_figure = "dice"
    drop_unit = "points of dice lost"
    figures: ClassVar[Mapping[str, Figure]] = {
        name: _figure(name) for name in ("dice", "dice_pooled", "subset_accuracy", "label_accuracy")
    }
    pooled_files = ("dice", "dice_pooled", "subset_accuracy")

    @override
    def truth_and_answers(self, frame: "pd.DataFrame") -> tuple[Any, Any]:
        return _arrays(frame)

    @override
    def with_constant(self, frame: "pd.DataFrame", value: Any) -> "pd.DataFrame":
        import pandas as pd

        nothing = pd.Series([np.zeros_like(true) for true in frame.true], index=frame.index)
        return frame.assign(both=nothing, given=nothing)

    @override
    def worth(self, frame: "pd.DataFrame") -> npt.NDArray[np.float64]:
        return mean_dice(_counts(*_arrays(frame)))

    @override
    def same(self, frame: "pd.DataFrame") -> None:
        return None

    @override
    def mistake_text(self, mistake: Mapping[str, Any], class_names: Sequence[str]) -> str:
        return f"{mistake['sample']}: Dice {mistake['dice']:.2f}"
