"""A picture of any shape before a network of one shape: shrunk as for training, then in tiles side by side."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from datamodules.base.pixels import Image, resize

AT_ONCE = 16
"""Tiles that the network is given together."""
Probabilities = npt.NDArray[np.float32]


def starts(length: int, window: int) -> list[int]:
    """Where windows begin that cover a length, as few as will do, spread evenly. `length` is at least `window`."""
    count = -(-length // window)
    return [place * (length - window) // max(1, count - 1) for place in range(count)]


def by_tiles(
    picture: Image, size: tuple[int, int], answer: Callable[[npt.NDArray[np.uint8]], Probabilities]
) -> Probabilities:
    """Probabilities of a picture's pixels.

    Its shorter side becomes the network's shorter side, as in training; what is then longer than the network's input is
    answered in tiles, whose probabilities are averaged where they overlap; what is shorter is filled up with its own
    border.

    Args:
        picture: RGB `(H, W, 3)`.
        size: height and width of the network's input.
        answer: images `(N, height, width, 3)` → probabilities `(N, height, width, K)`.

    Returns:
        `(H, W, K)`, at the picture's own size.

    """
    import cv2

    high, wide = picture.shape[:2]
    share = min(size) / min(high, wide)
    small = resize(picture, (int(wide * share + 0.5), int(high * share + 0.5)))  # as JavaScript rounds
    inner = small.shape[:2]
    missing = [max(0, wanted - have) for wanted, have in zip(size, inner, strict=True)]
    padded = np.pad(small, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    places = [(top, left) for top in starts(padded.shape[0], size[0]) for left in starts(padded.shape[1], size[1])]
    total: Probabilities = np.zeros(0, np.float32)
    count = np.zeros((*padded.shape[:2], 1), np.float32)
    for at in range(0, len(places), AT_ONCE):
        some = places[at : at + AT_ONCE]
        given = answer(np.stack([padded[top : top + size[0], left : left + size[1]] for top, left in some]))
        total = total if at else np.zeros((*padded.shape[:2], given.shape[-1]), np.float32)
        for (top, left), one in zip(some, given, strict=True):
            total[top : top + size[0], left : left + size[1]] += one
            count[top : top + size[0], left : left + size[1]] += 1
    whole = (total / count)[: inner[0], : inner[1]]
    grown = cv2.resize(whole, (wide, high), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown.reshape(high, wide, total.shape[-1]), np.float32)
