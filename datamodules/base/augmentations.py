"""What training asks of an augmentation of cells."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor


class CellAugmentation(Protocol):
    """Changes cells of training batches, each as (seed, epoch, sample) says, whatever the batch that it comes in."""

    @property
    def changes(self) -> bool:
        """Whether it does anything."""

    def on_batch(
        self, images: npt.NDArray[np.uint8], places: npt.NDArray[np.intp], count: int, seed: int, epoch: int
    ) -> None:
        """Changes `(B, S, S, 3)` in place; `places` are those of its cells among `count` samples."""


@runtime_checkable
class TensorAugmentation(Protocol):
    """An augmentation that also works where the network is."""

    def draw(self, count: int, entropy: tuple[int, int]) -> Any:
        """What an epoch does to each of so many samples."""

    def on_tensors(self, images: Tensor, draws: Any, places: npt.NDArray[np.intp]) -> Tensor:
        """Images `(B, 3, S, S)` → changed ones, float."""
