"""An augmentation that breaks in one of several processes."""

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
