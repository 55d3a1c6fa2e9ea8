"""Batches that are ready before they are asked for."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch.utils.data import DataLoader


class Prefetching[Batch]:
    """A loader that prepares its next batches on one thread while the present one is trained on.

    A thread and no process: OpenCV works outside Python's lock, nothing is copied, and forking a process in which
    torch and OpenCV already run threads hangs now and then. What a batch holds depends on its samples alone.

    Args:
        loader: over a map-style dataset.
        batches: how many are held ready.
    """

    def __init__(self, loader: DataLoader[Batch], batches: int = 2) -> None:
        self.loader, self.batches = loader, batches
        self.batch_sampler = loader.batch_sampler  # where Lightning sets the epoch

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        loader: Iterator[Any] = iter(self.loader)
        with ThreadPoolExecutor(1) as thread:
            waiting = deque(thread.submit(next, loader, None) for _ in range(self.batches))
            while (batch := waiting.popleft().result()) is not None:
                waiting.append(thread.submit(next, loader, None))
                yield batch
