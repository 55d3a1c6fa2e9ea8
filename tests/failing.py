"""Augmentations that break: in one of several processes, or the process itself."""

import os
import signal
from typing import Any

from torch import distributed

from datamodules.augmentation import Augmentation


class FailsOnRank1(Augmentation):
    """Changes nothing; in the second epoch rank 1 cannot go on."""

    def __init__(self) -> None:
        super().__init__([])

    @property
    def changes(self) -> bool:
        return True

    def on_batch(self, images: Any, places: Any, count: int, seed: int, epoch: int) -> None:
        if epoch == 1 and distributed.get_rank() == 1:
            raise OSError("the disk of rank 1 is gone")


class EndsItsProcess(Augmentation):
    """Changes nothing; in the second epoch its process is gone, as where the system takes it for its memory."""

    def __init__(self) -> None:
        super().__init__([])

    @property
    def changes(self) -> bool:
        return True

    def on_batch(self, images: Any, places: Any, count: int, seed: int, epoch: int) -> None:
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
