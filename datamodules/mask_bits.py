"""Masks of several classes as one array, a bit per class, and at smaller sizes."""

import numpy as np
import numpy.typing as npt

from datamodules.run_lengths import Mask
from datamodules.screen_grid import resize


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
