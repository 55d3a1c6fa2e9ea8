"""Pictures that a person would call the same one: copies of another size or compression, frames of a burst, and copies that were
turned, mirrored, cropped or recoloured.

Kept on one side of every split, because a network that has seen one knows the other.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datamodules.base.pixels import Image, resize
from datamodules.images.local_features import LocalFeatures, copies, local_features

MOST_BITS = 6
"""Two pictures may differ in so many of the hash's 64 bits."""
LEAST_CORRELATION = 0.9
"""So alike must their thumbnails be as well: a picture with little in it has a hash that means little."""
SIDE, HASHED = 16, 64
"""Pixels of a side: of a thumbnail, and of the picture that is hashed."""
AT_ONCE = 1 << 20
"""Pairs that are compared at once."""
AUGMENTED = re.compile(r"(.+)\.rf\.[0-9a-f]{8,}$")
"""Names, less their suffix, that an augmenting service gives to copies of one picture: `IMG_1_jpg.rf.<hash>.jpg`."""


@dataclass(frozen=True)
class Look:
    """What a picture is compared by."""

    hashes: npt.NDArray[np.uint64]
    """`(8,)`, see `perceptual_hashes`."""
    thumbnail: npt.NDArray[np.float32]
    """See `thumbnail`."""
    local: LocalFeatures


def look_of(picture: Image) -> Look:
    """Of `(H, W, 3)`."""
    return Look(perceptual_hashes(picture), thumbnail(picture), local_features(picture))


def orientations(picture: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Four quarter turns of `(H, W, ...)`, the picture itself first, then those of its mirror image."""
    return [np.ascontiguousarray(np.rot90(one, turns)) for one in (picture, picture[:, ::-1]) for turns in range(4)]


def perceptual_hashes(picture: Image) -> npt.NDArray[np.uint64]:
    """The 64 signs of the low frequencies of `(H, W, 3)`: pHash, Zauner 2010, section 3.2.1.

    Returns:
        `(8,)`, in the order of `orientations`. One transform serves them all: turning a picture turns its frequencies over
        their diagonal, or negates every second row or column of them.

    """
    low = cv2.dct(cv2.cvtColor(resize(picture, (HASHED, HASHED)), cv2.COLOR_RGB2GRAY).astype(np.float32))[:8, :8]
    odd = np.where(np.arange(8) % 2, np.float32(-1), np.float32(1))
    turns = [low, low.T * odd[:, None], low * odd[:, None] * odd, low.T * odd]
    mirrors = [low * odd, low.T, low * odd[:, None], low.T * odd[:, None] * odd]
    every = np.stack([*turns, *mirrors]).reshape(8, 64)
    return np.packbits(every > np.median(every, axis=1, keepdims=True), axis=1).view(np.uint64)[:, 0]


def thumbnail(picture: Image) -> npt.NDArray[np.float32]:
    """Brightness and colour of `(H, W, 3)`, centred, with length 1, `(SIDE, SIDE, 3)`; zeros where nothing varies."""
    small = resize(picture, (SIDE, SIDE)).astype(np.float32)
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 1 else np.zeros_like(small)


def duplicate_groups(looks: Sequence[Look], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """A number per picture, `(N,)`, equal for those that are copies of each other, by way of others too.

    Args:
        looks: of N pictures.
        names: their paths, whose last part may say of which picture one is a copy (AUGMENTED).

    """
    pairs = np.concatenate(
        [
            _alike(looks),
            np.array(list(copies([one.local for one in looks])), np.int64).reshape(-1, 2),
            _same_name(names),
        ]
    )
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(looks), len(looks)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _same_name(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Each copy with the first one of the same class folder and original name."""
    first: dict[tuple[str, str], int] = {}
    pairs = []
    for at, name in enumerate(names):
        path = PurePosixPath(name)
        if found := AUGMENTED.match(path.stem):
            pairs.append((first.setdefault((path.parent.name, found[1]), at), at))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _alike(looks: Sequence[Look]) -> npt.NDArray[np.int64]:
    """Pairs `(P, 2)` of the same picture as a whole, however it was turned or mirrored.

    Pictures in which nothing varies are alike when their hashes are equal.
    """
    if not looks:
        return np.empty((0, 2), np.int64)
    first: dict[bytes, int] = {}
    equal = np.array(
        [first.setdefault(one.thumbnail.tobytes() + one.hashes.tobytes(), at) for at, one in enumerate(looks)]
    )
    different = np.flatnonzero(equal == np.arange(len(looks)))
    hashes = np.stack([looks[at].hashes for at in different])
    thumbnails = np.stack([looks[at].thumbnail for at in different])
    varies = np.asarray(thumbnails.any(axis=(1, 2, 3)))
    found = [np.column_stack([np.arange(len(looks)), equal])[equal != np.arange(len(looks))]]
    for pairs in _close(hashes[:, 0], hashes.ravel()):
        one, (second, orientation) = pairs[:, 0], np.divmod(pairs[:, 1], hashes.shape[1])
        flat = ~(varies[one] | varies[second])
        kept = (one != second) & (flat | (_correlation(thumbnails, one, second, orientation) >= LEAST_CORRELATION))
        found.append(different[np.column_stack([one[kept], second[kept]])])
    return np.asarray(np.unique(np.concatenate(found), axis=0), np.int64)


def _correlation(
    thumbnails: npt.NDArray[np.float32], one: npt.NDArray[np.int64], other: npt.NDArray[np.int64],
    orientation: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:  # fmt: skip
    """Of `(N, SIDE, SIDE, 3)`, pair by pair, `(P,)`; the other one turned."""
    found = np.zeros(len(one), np.float32)
    for number in np.unique(orientation):
        here = orientation == number
        turned = thumbnails[other[here]].transpose(1, 2, 3, 0)
        found[here] = np.einsum("nhwc,hwcn->n", thumbnails[one[here]], orientations(turned)[number])
    return found


def _close(some: npt.NDArray[np.uint64], every: npt.NDArray[np.uint64]) -> Iterator[npt.NDArray[np.int64]]:
    """Places `(P, 2)` in the two arrays of hashes that differ in at most MOST_BITS; a pair may come more than once.

    Cut into MOST_BITS + 1 bands, two such hashes share at least one band whole, so only those are compared.
    """
    yield np.empty((0, 2), np.int64)
    for band in np.array_split(np.arange(64), MOST_BITS + 1):
        mask = np.uint64(sum(1 << int(bit) for bit in band))
        order = np.argsort(every & mask, kind="stable")
        values = (every & mask)[order]
        first, last = (np.searchsorted(values, some & mask, side) for side in ("left", "right"))
        ends = np.cumsum(last - first)
        for part in np.split(np.arange(len(some)), np.searchsorted(ends, np.arange(AT_ONCE, ends[-1], AT_ONCE))):
            count = (last - first)[part]
            one = np.repeat(part, count)
            place = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first[part], count)
            other = order[place]
            near = np.bitwise_count(some[one] ^ every[other]) <= MOST_BITS
            yield np.column_stack([one[near], other[near]])
