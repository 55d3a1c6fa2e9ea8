"""MNIST's files: whether their headers say what is in them. Torchvision takes much of what is wrong for something else."""

import struct
from pathlib import Path

import numpy as np

from datamodules.base.errors import DataError

PARTS = ("train", "t10k")
IMAGES, LABELS = 0x0803, 0x0801
"""Magic numbers: bytes in three dimensions, and in one."""
NAMES = {IMAGES: "images-idx3-ubyte", LABELS: "labels-idx1-ubyte"}
CLASSES = 10


def check_idx(folder: Path) -> None:
    """Raises DataError, one line with the file, for one that is cut, of another kind, or does not go with the other of its part."""
    for part in PARTS:
        counts = {magic: _count(folder / f"{part}-{name}", magic) for magic, name in NAMES.items()}
        images, labels = counts.values()
        if images != labels:
            raise DataError(
                f"{folder / f'{part}-{NAMES[LABELS]}'}: {labels} labels, {part}-{NAMES[IMAGES]} has {images} pictures; want one for each"
            )


def _count(path: Path, magic: int) -> int:
    """Of the pictures or labels in a file."""
    data = path.read_bytes()
    head = 4 * (1 + magic % 256)
    if len(data) < head:
        raise DataError(f"{path}: {len(data)} bytes; want a header of {head} and what it says")
    found, *shape = struct.unpack(f">{head // 4}I", data[:head])
    if found != magic:
        raise DataError(f"{path}: begins with the magic number {found}; want {magic}, as MNIST's {NAMES[magic]} do")
    wanted = head + int(np.prod(shape, dtype=object))
    if len(data) != wanted:
        raise DataError(f"{path}: {len(data)} bytes, its header says {wanted}; want a whole file")
    if magic == LABELS and (odd := max(data[head:], default=0)) >= CLASSES:
        raise DataError(f"{path}: holds the label {odd}; want 0 to {CLASSES - 1}")
    return int(shape[0])
