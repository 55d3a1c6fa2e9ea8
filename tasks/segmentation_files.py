"""Segmenters: what torch marks on the evaluated images, and how a file is held against it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.base.samples import Samples
from datamodules.masks.bits import packed, unpacked
from datamodules.masks.masked import Masked
from export.comparison import FileComparison, evaluated, in_batches, some
from export.runtime import FileModel
from metrics.base import TaskMetrics
from metrics.segmentation import PixelCounts, mask_metrics

if TYPE_CHECKING:
    from torch import Tensor

    from lightning_modules.base import TaskModule


class MaskModel(FileModel):
    """A file that marks pixels."""

    outputs = ("probabilities",)
    axes = 4

    @staticmethod
    @override
    def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
        """Difference over sum of two sets of probabilities: 1 less the Dice of what is neither yes nor no.

        A mean over all pixels would see little but the background.
        """
        return float(np.abs(after - before).sum() / max(float((after + before).sum()), 1e-12))


def mask_answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
    """Logits `(B, K, H, W)` → `probabilities` `(B, H, W, K)`: a pixel is of a class where that is above the threshold."""
    return {"probabilities": head.probabilities(logits).permute(0, 2, 3, 1)}


@dataclass(frozen=True)
class MaskComparison(FileComparison):
    """Images in which pixels are marked, a bit per class."""

    outputs = "probabilities: float32, 1 x height x width x labels; a pixel is of a class above its threshold"
    model = MaskModel

    given: npt.NDArray[np.uint8]
    """By torch, `(N, H, W)`."""
    true: npt.NDArray[np.uint8]
    classes: int
    """K."""
    probabilities: npt.NDArray[np.float64]
    """Of the few, `(n, H, W, K)`."""
    threshold: float
    """A pixel whose probability is above belongs to the class."""

    @staticmethod
    @override
    def answer(head: Any, logits: "Tensor") -> "dict[str, Tensor]":
        return mask_answer(head, logits)

    @classmethod
    @override
    def by(cls, module: "TaskModule", samples: Samples, resolution: int) -> "MaskComparison":
        import torch

        from lightning_modules.inference import predict_masks

        assert isinstance(samples, Masked)
        table, chosen, images = evaluated(samples, resolution)
        given = np.concatenate([packed_batch(masks) for masks, _ in predict_masks(module, in_batches(images, 16))])
        sure = [chances for _, chances in predict_masks(module, in_batches(images[some(len(images))], 16))]
        probabilities = torch.cat(sure).permute(0, 2, 3, 1).double().numpy()
        columns = table[["sample", "source_id", "group", "part"]]
        threshold = float(module.head.threshold)  # type: ignore[arg-type]
        return cls(
            columns,
            images,
            given,
            samples.masks(resolution)[chosen],
            len(samples.class_names),
            probabilities,
            threshold,
        )

    @property
    @override
    def cuts(self) -> list[float]:
        return [self.threshold]

    @property
    @override
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        return some(len(self.images)), self.probabilities

    @cached_property
    def before(self) -> dict[str, dict[str, Any]]:
        """Torch's figures, per part."""
        return self._figures(self._counts(self.given))

    @override
    def judge(self, model: MaskModel, metrics: TaskMetrics, *, most_lost: float) -> tuple[dict[str, Any], pd.DataFrame]:
        """Of the answers, counts of pixels per class: both, true, given, and pixels.

        Agreement is by pixels; differences of probabilities are over `few`.
        """
        places = {int(at): place for place, at in enumerate(self.few[0])}
        masks, change = [], []
        for at, (chances,) in enumerate(model.answers(self.images)):
            masks.append(packed((chances > np.float32(self.threshold)).transpose(2, 0, 1)))
            if at in places:
                change.append(np.abs(chances - self.probabilities[places[at]]))
        given = np.stack(masks)
        counts = self._counts(given)
        figures = {
            "agreement": float(np.mean(given == self.given)),
            "max_probability_difference": float(np.max(change)),
            "mean_probability_difference": float(np.mean(change)),
        } | self.compare(self._figures(counts), self.before, metrics, most_lost)
        pixels = {name: list(getattr(counts, name)) for name in ("both", "true", "given")}
        return figures, self.columns.assign(**pixels, pixels=counts.pixels)

    def _counts(self, given: npt.NDArray[np.uint8]) -> PixelCounts:
        parts = [
            PixelCounts.of(unpacked(self.true[at : at + 64], self.classes), unpacked(given[at : at + 64], self.classes))
            for at in range(0, len(given), 64)
        ]
        return PixelCounts.joined(parts)

    def _figures(self, counts: PixelCounts) -> dict[str, dict[str, Any]]:
        return self.by_part(
            lambda here: mask_metrics(
                PixelCounts(counts.both[here], counts.true[here], counts.given[here], counts.pixels)
            )
        )


def packed_batch(masks: "Tensor") -> npt.NDArray[np.uint8]:
    """`(B, K, H, W)` bool → a bit per class `(B, H, W)`."""
    return np.stack([packed(one) for one in masks.numpy()])
