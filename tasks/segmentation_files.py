"""Segmenters: what torch marks on the evaluated images, and how a file is held against it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from datamodules.base.samples import Samples
from datamodules.masks.bits import packed, unpacked
from datamodules.masks.samples import MaskSamples
from export.deployable import Deployable, MaskDeployable
from export.runtime import MaskModel, TfliteModel
from export.scores import Scored, evaluated, in_batches, some
from lightning_modules.inference import mark_images
from metrics.segmentation import PixelCounts, mask_metrics

if TYPE_CHECKING:
    from lightning_modules.base import TrainedModule


@dataclass(frozen=True)
class MaskScores(Scored):
    """Images in which pixels are marked, a bit per class."""

    task: ClassVar[str] = "segmentation"
    figure: ClassVar[str] = "dice"
    outputs: ClassVar[str] = (
        "probabilities: float32, 1 x height x width x labels; mask: int32, 1 x height x width, bit k for label k"
    )
    shipped: ClassVar[type[Deployable]] = MaskDeployable
    model: ClassVar[type[TfliteModel]] = MaskModel

    given: npt.NDArray[np.uint8]
    """By torch, `(N, H, W)`."""
    true: npt.NDArray[np.uint8]
    classes: int
    """K."""
    probabilities: npt.NDArray[np.float64]
    """Of the few, `(n, H, W, K)`."""

    @classmethod
    def by(cls, module: "TrainedModule", samples: Samples, resolution: int) -> "MaskScores":
        """As the base class has it."""
        assert isinstance(samples, MaskSamples)
        table, chosen, images = evaluated(samples, resolution)
        given = np.concatenate([packed_batch(masks) for masks, _ in mark_images(module, in_batches(images, 16))])
        sure = [chances for _, chances in mark_images(module, in_batches(images[some(len(images))], 16))]
        probabilities = torch.cat(sure).permute(0, 2, 3, 1).double().numpy()
        columns = table[["sample", "source_id", "group", "part"]]
        return cls(columns, images, given, samples.masks(resolution)[chosen], len(samples.class_names), probabilities)

    @property
    def few(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """As the base class has it."""
        return some(len(self.images)), self.probabilities

    @cached_property
    def dice(self) -> dict[str, float]:
        """Torch's, per part."""
        return {part: metrics["dice"] for part, metrics in self._metrics(self._counts(self.given)).items()}

    def judge(self, model: TfliteModel, *, ordered: bool, most_lost: float) -> tuple[dict[str, Any], pd.DataFrame]:
        """As the base class has it; of the answers, counts of pixels per class: both, true, given, and pixels.

        Agreement is by pixels; differences of probabilities are over `few`.
        """
        places = {int(at): place for place, at in enumerate(self.few[0])}
        masks, change = [], []
        for at, (chances, mask) in enumerate(model.answers(self.images)):
            masks.append(mask.astype(np.uint8))
            if at in places:
                change.append(np.abs(chances - self.probabilities[places[at]]))
        given = np.stack(masks)
        counts = self._counts(given)
        figures = {
            "agreement": float(np.mean(given == self.given)),
            "max_probability_difference": float(np.max(change)),
            "mean_probability_difference": float(np.mean(change)),
        } | self.compare(self._metrics(counts), self.dice, most_lost)
        pixels = {name: list(getattr(counts, name)) for name in ("both", "true", "given")}
        return figures, self.columns.assign(**pixels, pixels=counts.pixels)

    def _counts(self, given: npt.NDArray[np.uint8]) -> PixelCounts:
        parts = [
            PixelCounts.of(unpacked(self.true[at : at + 64], self.classes), unpacked(given[at : at + 64], self.classes))
            for at in range(0, len(given), 64)
        ]
        both, true, said = (np.concatenate([getattr(one, name) for one in parts]) for name in ("both", "true", "given"))
        return PixelCounts(both, true, said, parts[0].pixels)

    def _metrics(self, counts: PixelCounts) -> dict[str, dict[str, Any]]:
        found = {}
        for part in self.columns.part.unique():
            here = (self.columns.part == part).to_numpy()
            found[part] = mask_metrics(
                PixelCounts(counts.both[here], counts.true[here], counts.given[here], counts.pixels)
            )
        return found


def packed_batch(masks: torch.Tensor) -> npt.NDArray[np.uint8]:
    """`(B, K, H, W)` bool → a bit per class `(B, H, W)`."""
    return np.stack([packed(one) for one in masks.numpy()])
