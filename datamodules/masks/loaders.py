"""Hands images with masks to Lightning: batches of raw uint8 pixels, masks and weights."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.base.prefetch import Prefetching
from datamodules.base.samplers import Batches, EpochSampler, Shares
from datamodules.imbalance import Unbalanced
from datamodules.mask_augmentation import MaskAugmentation
from datamodules.masks.bits import unpacked


class MaskBatch(NamedTuple):
    """B images."""

    images: Tensor
    """Raw RGB, uint8 `(B, 3, H, W)`, channels last in memory."""
    masks: Tensor
    """Which classes every pixel belongs to, bool `(B, K, H, W)`."""
    weights: Tensor
    """Weight in the loss, float32 `(B,)`."""


@dataclass(frozen=True)
class MaskArrays:
    """Images in memory or mapped, with what a loader needs of them."""

    images: npt.NDArray[np.uint8]
    """`(N, H, W, 3)`."""
    bits: npt.NDArray[np.uint8]
    """`(N, H, W)`, see `mask_samples.packed`."""
    labels: npt.NDArray[np.int64]
    """`(N,)`: type of each image, see `MaskSamples.types`."""
    parts: npt.NDArray[np.str_]
    """`(N,)`: train, val or test."""
    num_classes: int


class MaskDataset(Dataset[MaskBatch]):
    """Images by (epoch, index); the epoch only moves the augmentation's draw."""

    def __init__(self, arrays: MaskArrays, augmentation: MaskAugmentation | None = None, seed: int = 0) -> None:
        self.arrays, self.augmentation, self.seed = arrays, augmentation, seed
        counts = np.bincount(arrays.labels[arrays.parts == "train"], minlength=int(arrays.labels.max(initial=0)) + 1)
        self.counts = counts
        self.weights: npt.NDArray[np.float64] = np.ones(len(counts))

    def __getitem__(self, key: tuple[int, int]) -> MaskBatch:
        return self.__getitems__([key])

    def __getitems__(self, keys: list[tuple[int, int]]) -> MaskBatch:
        """A whole batch at once."""
        indices = np.array([index for _, index in keys], np.intp)
        images, bits = self.arrays.images[indices], self.arrays.bits[indices]
        if keys and self.augmentation is not None and self.augmentation.changes:
            changed = [
                self.augmentation.on_pair(images[at], bits[at], (self.seed, epoch, index))
                for at, (epoch, index) in enumerate(keys)
            ]
            images, bits = (np.stack(many) for many in zip(*changed, strict=True))
        elif width := getattr(self.augmentation, "crop_width", 0):  # this process has no row of the batch
            images, bits = images[:, :, :width], bits[:, :, :width]
        weights = self.weights[self.arrays.labels[indices]].astype(np.float32)
        masks = unpacked(bits, self.arrays.num_classes)
        return MaskBatch(
            torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(masks), torch.from_numpy(weights)
        )


class MaskDataModule(pl.LightningDataModule):
    """Loaders over the parts of a data set.

    Args:
        imbalance: balances the types of images.
        batch_size: training samples per step.
        prefetch: batches that are augmented beside the training; 0 does it between the steps.

    """

    def __init__(
        self,
        arrays: MaskArrays,
        *,
        augmentation: MaskAugmentation,
        imbalance: Unbalanced,
        batch_size: int,
        seed: int,
        prefetch: int,
    ) -> None:
        super().__init__()
        self.arrays, self.augmentation, self.imbalance = arrays, augmentation, imbalance
        self.batch_size, self.seed, self.prefetch = batch_size, seed, prefetch

    def train_dataloader(self) -> Any:
        """The training set, balanced as asked, shuffled and augmented by (seed, epoch, sample)."""
        members = np.flatnonzero(self.arrays.parts == "train")
        dataset = MaskDataset(self.arrays, self.augmentation, self.seed)
        dataset.weights = self.imbalance.class_weights(dataset.counts)
        shown = self.imbalance.epoch_indices(self.arrays.labels[members], len(dataset.counts))
        rank, world = self._processes()
        batches = Shares(EpochSampler(members[shown], self.batch_size, self.seed), self.batch_size, rank, world)
        loader = self._loader(dataset, batches)
        return Prefetching(loader, self.prefetch) if self.prefetch and self.augmentation.changes else loader

    def val_dataloader(self) -> DataLoader[MaskBatch]:
        """The validation set in order; of several processes each has some of its batches, an empty one where there are none."""
        rank, world = self._processes()
        return self._loader(MaskDataset(self.arrays), self._batches("val")[rank::world] or [[]])

    def part_dataloader(self, part: str) -> DataLoader[MaskBatch]:
        """Any part in order, as it is, every weight 1."""
        return self._loader(MaskDataset(self.arrays), self._batches(part))

    def _batches(self, part: str) -> list[list[tuple[int, int]]]:
        keys = [(0, int(index)) for index in np.flatnonzero(self.arrays.parts == part)]
        return [keys[at : at + self.batch_size] for at in range(0, len(keys), self.batch_size)]

    def _processes(self) -> tuple[int, int]:
        trainer = getattr(self, "trainer", None)
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    def _loader(self, dataset: MaskDataset, batches: Batches) -> DataLoader[MaskBatch]:
        return DataLoader(dataset, batch_sampler=batches, collate_fn=_identity)


def _identity(batch: Any) -> Any:
    """The dataset gives whole batches."""
    return batch
