"""Hands cells to Lightning: batches of raw uint8 pixels, plain labels and weights."""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.augmentation import Augmentation
from datamodules.batched import BatchedAugmentation
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
        augmentation: Augmentation | BatchedAugmentation | None = None,
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
        if self.augmentation is not None and self.augmentation.changes:
            self.augmentation.on_batch(images, indices, len(self.arrays.labels), self.seed, keys[0][0])
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


class Ahead:
    """A loader that prepares its next batches on one thread while the present one is trained on.

    A thread and no process: OpenCV works outside Python's lock, nothing is copied, and forking a process in which
    torch and OpenCV already run threads hangs now and then. What a batch holds depends on its samples alone.

    Args:
        loader: over a map-style dataset.
        batches: how many are held ready.
    """

    def __init__(self, loader: DataLoader[CellBatch], batches: int = 2) -> None:
        self.loader, self.batches = loader, batches
        self.sampler = loader.sampler  # where Lightning sets the epoch

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[CellBatch]:
        loader = iter(self.loader)
        with ThreadPoolExecutor(1) as thread:
            waiting = deque(thread.submit(next, loader, None) for _ in range(self.batches))
            while (batch := waiting.popleft().result()) is not None:
                waiting.append(thread.submit(next, loader, None))
                yield batch


class Resident:
    """A loader whose cells lie where the network is: a batch is a selection there, augmented there, nothing is copied.

    Args:
        images: all cells `(N, S, S, 3)` uint8, on the device.
        dataset: their labels and weights; its augmentation is none or batched.
        keys: yields (epoch, index).

    """

    def __init__(self, images: Tensor, dataset: CellDataset, keys: Any, batch_size: int) -> None:
        self.images, self.cells, self.keys, self.batch_size = images, dataset, keys, batch_size
        if isinstance(keys, EpochSampler):
            self.sampler = keys  # where Lightning sets the epoch
        self.labels = torch.from_numpy(np.array(dataset.arrays.labels)).to(images.device)  # pandas gives read-only ones
        self.weights = torch.from_numpy(dataset.weights).to(images.device)

    def __len__(self) -> int:
        return math.ceil(len(self.keys) / self.batch_size)

    def __iter__(self) -> Iterator[CellBatch]:
        keys = list(self.keys)
        indices = np.array([index for _, index in keys], np.int64)
        for at in range(0, len(indices), self.batch_size):
            places = indices[at : at + self.batch_size]
            here = torch.from_numpy(places).to(self.images.device, non_blocking=True)
            images = self.images[here].permute(0, 3, 1, 2)
            augmentation = self.cells.augmentation
            if isinstance(augmentation, BatchedAugmentation):
                draws = augmentation.draw(len(self.labels), (self.cells.seed, keys[0][0]))
                images = augmentation.on_tensors(images, draws, places)
            yield CellBatch(images, self.labels[here], self.weights[here])


class CellDataModule(pl.LightningDataModule):
    """Loaders over the parts of a data set.

    Args:
        batch_size: training samples per step.
        ahead: batches that are augmented beside the training; 0 does it between the steps.
        resident: whether all cells lie on the network's device; None: where that is no CPU, they take less than half of
            its free memory, and the augmentation is none or batched.

    """

    def __init__(
        self,
        arrays: CellArrays,
        *,
        augmentation: Augmentation | BatchedAugmentation,
        imbalance: Unbalanced,
        batch_size: int,
        seed: int,
        ahead: int,
        resident: bool | None = None,
    ) -> None:
        super().__init__()
        self.resident = resident
        self._cells: Tensor | None = None
        self.arrays, self.augmentation, self.imbalance = arrays, augmentation, imbalance
        self.batch_size, self.seed, self.ahead = batch_size, seed, ahead
        counts = np.bincount(arrays.labels[arrays.parts == "train"], minlength=arrays.num_classes)
        self.class_weights = imbalance.class_weights(counts)

    def train_dataloader(self) -> DataLoader[CellBatch] | Ahead | Resident:
        """The train part, balanced as asked, shuffled and augmented by (seed, epoch, sample)."""
        members = np.flatnonzero(self.arrays.parts == "train")
        shown = self.imbalance.epoch_indices(self.arrays.labels[members], self.arrays.num_classes)
        dataset = CellDataset(self.arrays, self.class_weights, self.augmentation, self.seed)
        sampler = EpochSampler(members[shown], self.batch_size, self.seed)
        cells = self._on_device()
        if cells is not None:
            return Resident(cells, dataset, sampler, self.batch_size)
        loader = self._loader(dataset, sampler, self.batch_size)
        return Ahead(loader, self.ahead) if self.ahead and self.augmentation.changes else loader

    def val_dataloader(self) -> DataLoader[CellBatch] | Resident:
        """The val part in order."""
        return self.part_dataloader("val")

    def part_dataloader(self, part: str) -> DataLoader[CellBatch] | Resident:
        """Any part in order, as it is, every weight 1."""
        members = [(0, int(index)) for index in np.flatnonzero(self.arrays.parts == part)]
        dataset = CellDataset(self.arrays, np.ones(self.arrays.num_classes))
        cells = self._on_device()
        if cells is not None:
            return Resident(cells, dataset, members, 2 * self.batch_size)
        return self._loader(dataset, members, 2 * self.batch_size)

    def _on_device(self) -> Tensor | None:
        """All cells where the network is, or None where they stay in main memory."""
        if self.resident is False or (self.augmentation.changes and isinstance(self.augmentation, Augmentation)):
            return None
        trainer = getattr(self, "trainer", None)
        device = trainer.strategy.root_device if trainer is not None else torch.device("cpu")
        if self._cells is not None and self._cells.device == device:
            return self._cells
        if self.resident is None:
            free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
            if device.type == "cpu" or (device.type == "cuda" and 2 * self.arrays.images.nbytes > free):
                return None
        self._cells = torch.from_numpy(np.array(self.arrays.images)).to(device)  # a copy: mapped files are read-only
        return self._cells

    def _loader(self, dataset: CellDataset, sampler: Any, batch_size: int) -> DataLoader[CellBatch]:
        return DataLoader(dataset, batch_size=batch_size, sampler=sampler, collate_fn=_identity)


def _identity(batch: Any) -> Any:
    """The dataset gives whole batches."""
    return batch
