"""Augmentations that break: in one of several processes, or the process itself."""

import os
import signal
from typing import Any

from torch import distributed

from datamodules.augmentation import Augmentation


class ChangesNothing(Augmentation):
    """Is asked in every batch, and leaves it."""

    def __init__(self) -> None:
        super().__init__([])

    @property
    def changes(self) -> bool:
        return True


class FailsOnRank1(ChangesNothing):
    """In the second epoch rank 1 cannot go on."""

    def on_batch(self, images: Any, places: Any, count: int, seed: int, epoch: int) -> None:
        if epoch == 1 and distributed.get_rank() == 1:
            raise OSError("the disk of rank 1 is gone")


class EndsItsProcess(ChangesNothing):
    """In the second epoch its process is gone, as where the system takes it for its memory."""

    def on_batch(self, images: Any, places: Any, count: int, seed: int, epoch: int) -> None:
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
