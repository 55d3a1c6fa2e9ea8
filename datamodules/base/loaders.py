"""Hands cells to Lightning: batches of raw uint8 pixels, plain labels and weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.base.augmentations import CellAugmentation, TensorAugmentation
from datamodules.base.prefetch import Prefetching
from datamodules.base.samplers import Batches, EpochSampler, Shares
from datamodules.imbalance import Unbalanced


class CellBatch(NamedTuple):
    """B cells."""

    images: Tensor
    """Raw RGB, uint8 `(B, 3, S, S)`, channels last in memory."""
    labels: Tensor
    """Grades, int64 `(B,)`, votes, float32 `(B, K)`, candidates, bool `(B, K)`, or values, float32 `(B, V)`."""
    weights: Tensor
    """Weight in the loss, float32 `(B,)`."""
    teacher_logits: Tensor | None = None
    """What M teachers of O outputs say of them, float32 `(B, M · O)`, in training under distillation."""


@dataclass(frozen=True)
class CellArrays:
    """Cells in memory or mapped, with what a loader needs of them."""

    images: npt.NDArray[np.uint8]
    """`(N, S, S, 3)`."""
    labels: npt.NDArray[np.int64]
    """`(N,)`; -1 where there is none."""
    parts: npt.NDArray[np.str_]
    """`(N,)`: train, val, test, or empty without a label."""
    num_classes: int
    votes: npt.NDArray[np.int64] | npt.NDArray[np.float32] | npt.NDArray[np.bool_] | None = None
    """`(N, K)`: trained on instead of the labels; of type bool the grades that it may be."""
    values: npt.NDArray[np.float32] | None = None
    """`(N, V)`: what every part is asked for instead of the labels, by which it is still divided and balanced: a number, or 0 and 1 for
    each label of a set.
    """
    teacher_logits: npt.NDArray[np.float32] | None = None
    """`(N, M · O)`: what teachers say; the labels then stand beside it, -1 where several grades are possible."""


class CellDataset(Dataset[CellBatch]):
    """Cells by (epoch, index); the epoch only moves the augmentation's draw. Without one, for scoring, votes are not used."""

    def __init__(
        self,
        arrays: CellArrays,
        class_weights: npt.NDArray[np.float64],
        augmentation: CellAugmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.arrays, self.augmentation, self.seed = arrays, augmentation, seed
        training = augmentation is not None
        votes = arrays.votes if training and arrays.teacher_logits is None else None
        self.teacher_logits = arrays.teacher_logits if training else None
        targets = arrays.values if arrays.values is not None else votes
        if targets is not None and targets.dtype != np.bool_:
            targets = targets.astype(np.float32)
        labels = _certain(arrays) if self.teacher_logits is not None else arrays.labels
        self.targets = labels if targets is None else targets
        # what has no label weighs like a sample of a class of mean size
        self.weights = np.where(arrays.labels >= 0, class_weights[arrays.labels], 1.0).astype(np.float32)

    def __getitem__(self, key: tuple[int, int]) -> CellBatch:
        return self.__getitems__([key])

    def __getitems__(self, keys: list[tuple[int, int]]) -> CellBatch:
        """A whole batch at once: one gather, no collating sample by sample."""
        indices = np.array([index for _, index in keys], np.intp)
        images = self.arrays.images[indices]
        if keys and self.augmentation is not None and self.augmentation.changes:
            count = len(self.arrays.labels)
            if len({epoch for epoch, _ in keys}) == 1:
                self.augmentation.on_batch(images, indices, count, self.seed, keys[0][0])
            else:
                for epoch, here in same_epoch(keys):
                    some = images[here]
                    self.augmentation.on_batch(some, indices[here], count, self.seed, epoch)
                    images[here] = some
        return CellBatch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(self.targets[indices]),
            torch.from_numpy(self.weights[indices]),
            None if self.teacher_logits is None else torch.from_numpy(self.teacher_logits[indices]),
        )


def _certain(arrays: CellArrays) -> npt.NDArray[np.int64]:
    """The labels `(N,)`, -1 where a sample may be of several grades."""
    if arrays.votes is None or arrays.votes.dtype != np.bool_:
        return arrays.labels
    return np.where(arrays.votes.sum(axis=1) > 1, -1, arrays.labels)


def same_epoch(keys: list[tuple[int, int]]) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """The places of a batch's keys, by their epoch: one alone unless samples come several times in it."""
    epochs = np.array([epoch for epoch, _ in keys], np.int64)
    for epoch in np.unique(epochs):
        yield int(epoch), np.flatnonzero(epochs == epoch)


class Resident:
    """A loader whose cells lie where the network is: a batch is a selection there, augmented there, nothing is copied.

    Args:
        images: all cells `(N, S, S, 3)` uint8, on the device.
        dataset: their labels and weights; its augmentation is none or batched.
        batches: lists of (epoch, index).

    """

    def __init__(self, images: Tensor, dataset: CellDataset, batches: Batches) -> None:
        self.images, self.cells = images, dataset
        self.batch_sampler = batches  # where Lightning sets the epoch
        self.labels = torch.from_numpy(np.array(dataset.targets)).to(images.device)  # pandas gives read-only ones
        self.weights = torch.from_numpy(dataset.weights).to(images.device)
        taught = dataset.teacher_logits
        self.teacher_logits = None if taught is None else torch.from_numpy(taught).to(images.device)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[CellBatch]:
        for keys in self.batch_sampler:
            places = np.array([index for _, index in keys], np.int64)
            here = torch.from_numpy(places).to(self.images.device, non_blocking=True)
            images = self.images[here].permute(0, 3, 1, 2)
            augmentation = self.cells.augmentation
            if keys and isinstance(augmentation, TensorAugmentation):
                changed = torch.empty_like(images, dtype=torch.float32)
                for epoch, some in same_epoch(keys):
                    draws = augmentation.draw(len(self.labels), (self.cells.seed, epoch))
                    changed[some] = augmentation.on_tensors(images[some], draws, places[some])
                images = changed
            taught = None if self.teacher_logits is None else self.teacher_logits[here]
            yield CellBatch(images, self.labels[here], self.weights[here], taught)


class CellDataModule(pl.LightningDataModule):
    """Loaders over the parts of a data set.

    Args:
        batch_size: training samples per step.
        prefetch: batches that are augmented beside the training; 0 does it between the steps.
        cache_on_device: whether all cells lie on the network's device; None: where that is no CPU, they take less than half of
            its free memory, and the augmentation is none or batched.

    """

    keeps_teacher_logits = True
    """Training batches carry what teachers say, where `arrays` have it."""

    def __init__(
        self,
        arrays: CellArrays,
        *,
        augmentation: CellAugmentation,
        imbalance: Unbalanced,
        batch_size: int,
        seed: int,
        prefetch: int,
        cache_on_device: bool | None = None,
    ) -> None:
        super().__init__()
        self.cache_on_device = cache_on_device
        self._cells: Tensor | None = None
        self.arrays, self.augmentation, self.imbalance = arrays, augmentation, imbalance
        self.batch_size, self.seed, self.prefetch = batch_size, seed, prefetch
        self.learned: dict[str, Any] = {}
        """What a record says of pictures that were learned from beside the data set."""
        self.told = ""
        """The same in a line for the terminal."""
        counts = np.bincount(arrays.labels[arrays.parts == "train"], minlength=arrays.num_classes)
        self.class_weights = imbalance.class_weights(counts)

    def train_dataloader(self) -> DataLoader[CellBatch] | Prefetching[CellBatch] | Resident:
        """The training set, balanced as asked, shuffled and augmented by (seed, epoch, sample)."""
        members = np.flatnonzero(self.arrays.parts == "train")
        known = members[self.arrays.labels[members] >= 0]
        shown = known[self.imbalance.epoch_indices(self.arrays.labels[known], self.arrays.num_classes)]
        shown = np.concatenate([shown, members[self.arrays.labels[members] < 0]])
        dataset = CellDataset(self.arrays, self.class_weights, self.augmentation, self.seed)
        rank, world = self._processes()
        batches = Shares(EpochSampler(shown, self.batch_size, self.seed), self.batch_size, rank, world)
        cells = self._on_device()
        if cells is not None:
            return Resident(cells, dataset, batches)
        loader = self._loader(dataset, batches)
        return Prefetching(loader, self.prefetch) if self.prefetch and self.augmentation.changes else loader

    def val_dataloader(self) -> DataLoader[CellBatch] | Resident:
        """The validation set in order; of several processes each has some of its batches, an empty one where there are none."""
        rank, world = self._processes()
        return self._loader_of(self._batches("val")[rank::world] or [[]])

    def part_dataloader(self, part: str) -> DataLoader[CellBatch] | Resident:
        """Any part in order, as it is, every weight 1."""
        return self._loader_of(self._batches(part))

    def _batches(self, part: str) -> list[list[tuple[int, int]]]:
        keys = [(0, int(index)) for index in np.flatnonzero(self.arrays.parts == part)]
        return [keys[at : at + 2 * self.batch_size] for at in range(0, len(keys), 2 * self.batch_size)]

    def _loader_of(self, batches: list[list[tuple[int, int]]]) -> DataLoader[CellBatch] | Resident:
        dataset = CellDataset(self.arrays, np.ones(self.arrays.num_classes))
        cells = self._on_device()
        return self._loader(dataset, batches) if cells is None else Resident(cells, dataset, batches)

    def _processes(self) -> tuple[int, int]:
        """Which process of how many this is."""
        trainer = getattr(self, "trainer", None)
        return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)

    def _on_device(self) -> Tensor | None:
        """All cells where the network is, or None where they stay in main memory."""
        if self.cache_on_device is False or (
            self.augmentation.changes and not isinstance(self.augmentation, TensorAugmentation)
        ):
            return None
        trainer = getattr(self, "trainer", None)
        device = trainer.strategy.root_device if trainer is not None else torch.device("cpu")
        if self._cells is not None and self._cells.device == device:
            return self._cells
        if self.cache_on_device is None:
            free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
            if device.type == "cpu" or (device.type == "cuda" and 2 * self.arrays.images.nbytes > free):
                return None
        self._cells = torch.from_numpy(np.array(self.arrays.images)).to(device)  # a copy: mapped files are read-only
        return self._cells

    def _loader(self, dataset: CellDataset, batches: Batches) -> DataLoader[CellBatch]:
        return DataLoader(dataset, batch_sampler=batches, collate_fn=_identity)


def _identity(batch: Any) -> Any:
    """The dataset gives whole batches."""
    return batch
