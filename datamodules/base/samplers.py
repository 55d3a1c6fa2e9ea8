"""The order in which an epoch shows its samples, batch by batch, process by process."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

COPY = 1 << 20
"""Added to the epoch of a key for every time that its sample has come in the epoch before: copies are augmented anew."""


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) in an order drawn from (seed, epoch); Lightning sets the epoch.

    A sample that comes again in an epoch has COPY added to the key's epoch each time. A last batch of one sample is dropped:
    batch normalisation has no spread over one.
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
        copies: Counter[int] = Counter()
        for index in rng.permutation(self.indices)[: self.length].tolist():
            yield self.epoch + COPY * copies[index], index
            copies[index] += 1


class Shares(Sampler[list[tuple[int, int]]]):
    """Batches of keys; of several processes each gets its rows of every batch, in order, as even as it goes.

    A process may get none of a small last batch: all make the same number of steps.

    Args:
        sampler: yields the keys of an epoch.
        batch_size: of the whole batches.
        rank, world: this process among all.

    """

    def __init__(self, sampler: EpochSampler, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.sampler, self.batch_size, self.rank, self.world = sampler, batch_size, rank, world

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        keys = list(self.sampler)
        for at in range(0, len(keys), self.batch_size):
            batch = keys[at : at + self.batch_size]
            first, end = (len(batch) * rank // self.world for rank in (self.rank, self.rank + 1))
            yield batch[first:end]


Batches = Shares | list[list[tuple[int, int]]]
