"""Which end of a phone is up, from photo to photo: an outline says where its short sides are, not which has the camera.

Two photos of one device are held against each other both ways; the way in which the phones' ends look more alike is taken.
"""

import base64
import binascii

import numpy as np
import numpy.typing as npt

from datamodules.base.pixels import Image, resize
from datamodules.screens.grid import Grid

CELL_PX = 6
"""Of a cell of the phone that is compared: camera, earpiece and key are seen, damage hardly is."""

Look = npt.NDArray[np.float32]


def look_of(phone: Image, grid: Grid) -> str:
    """A straightened phone `(rows · cell_px, columns · cell_px, 3)` at CELL_PX a cell, as base64 of its bytes."""
    small = resize(phone, (grid.columns * CELL_PX, grid.rows * CELL_PX))
    return base64.b64encode(small.tobytes()).decode()


def look_from(text: str, grid: Grid) -> Look:
    """What `look_of` wrote: colours as differences from their mean `(rows · CELL_PX, columns · CELL_PX, 3)`, 0 to 1. Raises ValueError."""
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), np.uint8).astype(np.float32) / 255
    except binascii.Error as error:
        raise ValueError(f"look: {error}") from None
    shaped = values.reshape(grid.rows * CELL_PX, grid.columns * CELL_PX, 3)
    return np.asarray(shaped - shaped.mean(axis=(0, 1)), np.float32)


def is_turned(look: Look, other: Look) -> bool:
    """Whether a phone is more like another photo of it when it is turned by half a circle."""
    end = max(1, len(look) // 8)
    rows = [*range(end), *range(len(look) - end, len(look))]
    mine, theirs = look[rows], other[rows]
    return float(np.abs(mine[::-1, ::-1] - theirs).mean()) < float(np.abs(mine - theirs).mean())
