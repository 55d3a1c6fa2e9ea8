"""Hands cells to Lightning: batches of raw uint8 pixels, plain labels and weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.augmentation import Augmentation
from datamodules.imbalance import Unbalanced


class CellBatch(NamedTuple):
    """B cells."""

    images: Tensor
    """Raw RGB, uint8 `(B, 3, S, S)`, channels last in memory."""
    labels: Tensor
    """Grades, int64 `(B,)`."""
    weights: Tensor
    """Weight in the loss, float32 `(B,)`."""


@dataclass(frozen=True)
class CellArrays:
    """Cells in memory or mapped, with what a loader needs of them."""

    images: npt.NDArray[np.uint8]
    """`(N, S, S, 3)`."""
    labels: npt.NDArray[np.int64]
    """`(N,)`."""
    parts: npt.NDArray[np.str_]
    """`(N,)`: train, val or test."""
    num_classes: int


class CellDataset(Dataset[CellBatch]):
    """Cells by (epoch, index); the epoch only moves the augmentation's draw."""

    def __init__(
        self,
        arrays: CellArrays,
        class_weights: npt.NDArray[np.float64],
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.arrays, self.augmentation, self.seed = arrays, augmentation, seed
        self.weights = class_weights[arrays.labels].astype(np.float32)

    def __getitem__(self, key: tuple[int, int]) -> CellBatch:
        return self.__getitems__([key])

    def __getitems__(self, keys: list[tuple[int, int]]) -> CellBatch:
        """A whole batch at once: one gather, no collating sample by sample."""
        indices = np.array([index for _, index in keys])
        images = self.arrays.images[indices]
        if self.augmentation is not None and self.augmentation.sequence is not None:
            for place, (epoch, index) in enumerate(keys):
                images[place] = self.augmentation(images[place], (self.seed, epoch, index))
        return CellBatch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(self.arrays.labels[indices]),
            torch.from_numpy(self.weights[indices]),
        )


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) in an order drawn from (seed, epoch); Lightning sets the epoch.

    A last batch of one sample is dropped: batch normalisation has no spread over one.
    """

    def __init__(self, indices: npt.NDArray[np.intp], batch_size: int, seed: int) -> None:
        single = len(indices) % batch_size == 1 and len(indices) > 1
        self.indices, self.seed, self.epoch = indices, seed, 0
        self.length = len(indices) - single

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of each epoch, and after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        for index in rng.permutation(self.indices)[: self.length]:
            yield self.epoch, int(index)


class CellDataModule(pl.LightningDataModule):
    """Loaders over the parts of a data set.

    Args:
        batch_size: training samples per step.
        workers: processes that augment beside the training; 0 does it between steps.

    """

    def __init__(
        self,
        arrays: CellArrays,
        *,
        augmentation: Augmentation,
        imbalance: Unbalanced,
        batch_size: int,
        seed: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.arrays, self.augmentation, self.imbalance = arrays, augmentation, imbalance
        self.batch_size, self.seed, self.workers = batch_size, seed, workers
        counts = np.bincount(arrays.labels[arrays.parts == "train"], minlength=arrays.num_classes)
        self.class_weights = imbalance.class_weights(counts)

    def train_dataloader(self) -> DataLoader[CellBatch]:
        """The train part, balanced as asked, shuffled and augmented by (seed, epoch, sample)."""
        members = np.flatnonzero(self.arrays.parts == "train")
        shown = self.imbalance.epoch_indices(self.arrays.labels[members], self.arrays.num_classes)
        dataset = CellDataset(self.arrays, self.class_weights, self.augmentation, self.seed)
        sampler = EpochSampler(members[shown], self.batch_size, self.seed)
        workers = self.workers if self.augmentation.sequence is not None else 0
        return self._loader(dataset, sampler, self.batch_size, workers)

    def val_dataloader(self) -> DataLoader[CellBatch]:
        """The val part in order."""
        return self.part_dataloader("val")

    def part_dataloader(self, part: str) -> DataLoader[CellBatch]:
        """Any part in order, as it is, every weight 1."""
        members = [(0, int(index)) for index in np.flatnonzero(self.arrays.parts == part)]
        dataset = CellDataset(self.arrays, np.ones(self.arrays.num_classes))
        return self._loader(dataset, members, 2 * self.batch_size, 0)

    def _loader(self, dataset: CellDataset, sampler: Any, batch_size: int, workers: int) -> DataLoader[CellBatch]:
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            collate_fn=_identity,
            persistent_workers=workers > 0,
            worker_init_fn=_one_thread,
        )


def _identity(batch: CellBatch) -> CellBatch:
    return batch


def _one_thread(worker: int) -> None:
    """A worker that used every core would take them from the training."""
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
