"""Masks of several classes as one array, a bit per class, and at smaller sizes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.masks.run_lengths import Mask

MOST_CLASSES = 8
"""Classes of one image, a bit each in the cache."""


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of 1 to MOST_CLASSES classes. Raises DataError for anything else."""
    if isinstance(names, str) or not 1 <= len(names) <= MOST_CLASSES:
        raise DataError(
            f"datamodule.class_names={names}: want a list of 1 to {MOST_CLASSES} names, such as [crack,dent]"
        )
    return tuple(map(str, names))


def packed(masks: Mask) -> npt.NDArray[np.uint8]:
    """Masks `(K, H, W)` → a bit per class, `(H, W)`."""
    bits = (1 << np.arange(len(masks), dtype=np.uint8))[:, None, None]
    return np.asarray((masks * bits).sum(axis=0), dtype=np.uint8)


def unpacked(bits: npt.NDArray[np.uint8], classes: int) -> Mask:
    """A bit per class `(N, H, W)` → masks `(N, K, H, W)`."""
    return np.asarray((bits[:, None] >> np.arange(classes, dtype=np.uint8)[:, None, None]) & 1, np.bool_)


def shrunk(masks: Mask, height: int, width: int) -> Mask:
    """Masks `(K, H, W)` → `(K, height, width)`: what at least half of the area says."""
    if masks.shape[1:] == (height, width):
        return masks
    return np.stack([resize(np.asarray(255 * mask, np.uint8)[..., None], (width, height)).reshape(height, width) > 127
                     for mask in masks])  # fmt: skip
