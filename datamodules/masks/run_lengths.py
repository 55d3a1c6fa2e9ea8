"""Masks as run lengths: the text form of the Severstal competition (Kaggle 2019), decoded and encoded to the pixel.

Pairs of start and length; pixels are numbered from 1, down the columns, from the left one to the right.
"""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

LARGE = 10**15
"""Numbers above may have been cut while they were read."""


class RunLengthError(ValueError):
    """A text that is no mask of that size; one line that says what is wrong."""


def decode(text: str, height: int, width: int) -> Mask:
    """Runs → mask `(height, width)`; an empty text is an empty mask.

    Raises RunLengthError for words that are no numbers, an odd count of them, runs without length, that overlap or that
    leave the image.
    """
    starts, ends = _runs(text)
    pixels = height * width
    if len(ends) and (starts.min() < 0 or ends.max() > pixels):
        wrong = int(np.flatnonzero((starts < 0) | (ends > pixels))[0])
        raise RunLengthError(
            f"run {starts[wrong] + 1} {ends[wrong] - starts[wrong]} leaves the {pixels} pixels of {width} x {height}"
        )
    edges = np.empty(2 * len(starts) + 1, np.int64)
    edges[:-1:2], edges[1::2], edges[-1] = starts, ends, pixels
    inside = np.zeros(len(edges), np.bool_)
    inside[1::2] = True
    return np.repeat(inside, np.diff(edges, prepend=0)).reshape(width, height).T


def encode(mask: Mask) -> str:
    """Mask `(height, width)` → its runs, in order, none touching the next; empty for an empty mask."""
    flat = np.asarray(mask, np.bool_).T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8), prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    return " ".join(map(str, np.stack([starts + 1, ends - starts], axis=1).ravel().tolist()))


def _numbers(text: str) -> npt.NDArray[np.int64]:
    if text.isascii() and text.replace(" ", "").isdecimal():
        numbers = np.fromstring(text, np.int64, sep=" ")  # an eighth of the time of int() word by word
        if numbers.max() < LARGE:
            return numbers
    words = text.split()
    try:
        return np.array(list(map(int, words)), np.int64)
    except (ValueError, OverflowError):
        wrong = next((word for word in words if not word.removeprefix("-").isdecimal() or len(word) > 18), words[0])
        raise RunLengthError(f"{wrong!r} is no number of pixels") from None


def _runs(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First pixel of each run, from 0, and the pixel after its last, in order."""
    numbers = _numbers(text)
    if len(numbers) % 2:
        raise RunLengthError(f"{len(numbers)} numbers: want pairs of start and length")
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    if (lengths < 1).any():
        raise RunLengthError(f"run {starts[lengths < 1][0] + 1} {lengths[lengths < 1][0]} has no length")
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], (starts + lengths)[order]
    over = np.flatnonzero(starts[1:] < ends[:-1])
    if len(over):
        first, second = (f"{starts[at] + 1} {ends[at] - starts[at]}" for at in (over[0], over[0] + 1))
        raise RunLengthError(f"runs {first} and {second} overlap")
    return starts, ends
