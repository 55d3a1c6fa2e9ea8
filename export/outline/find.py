"""Finds the phone in a photo: mask by the file beside this one, corners by `datamodules.screens.outline`."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datamodules.base.pixels import resize
from datamodules.screens.outline import Outline, OutlineError, agreed, find_outline
from export.interpreter import interpreter_of
from export.outline.network_file import FILE, SIDE

FLIPS = tuple((slice(None, None, down), slice(None, None, across)) for down in (1, -1) for across in (1, -1))
"""The picture as it is, mirrored, upside down, and both."""


@cache
def _interpreter(threads: int) -> object:
    if not FILE.exists():
        raise OutlineError("no outline.tflite in export/outline: train it (python -m export.outline), or give corners=")
    return interpreter_of(FILE.read_bytes(), threads)


def mask_of(photo: npt.NDArray[np.uint8], threads: int = 2) -> npt.NDArray[np.float32]:
    """Photo `(H, W, 3)` → probabilities `(80, 80)` that a place belongs to the phone, the mean of four views."""
    runner = _interpreter(threads).get_signature_runner()  # type: ignore[attr-defined]
    squeezed = resize(photo, (SIDE, SIDE)).astype(np.float32)
    masks = []
    for flip in FLIPS:
        seen = runner(image=np.ascontiguousarray(squeezed[flip])[None])["mask"][0]
        masks.append(seen[flip])
    return agreed(np.array(masks, np.float32))


def find(photo: npt.NDArray[np.uint8], threads: int = 2) -> Outline:
    """The phone's corners in a photo `(H, W, 3)`, RGB. Raises OutlineError where they cannot be trusted."""
    return find_outline(mask_of(photo, threads), photo.shape[1], photo.shape[0])


def where() -> Path:
    """The file, for who serves it."""
    return FILE
