"""Pictures that a person would call the same one: copies of another size or compression, frames of a burst, and copies that were
turned, mirrored, cropped or recoloured.

Kept on one side of every split, because a network that has seen one knows the other.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datamodules.base.pixels import Image, resize
from datamodules.images.local_features import LocalFeatures, copies, local_features

MOST_BITS = 6
"""Two pictures may differ in so many of the hash's 64 bits."""
LEAST_CORRELATION = 0.9
"""So alike must their thumbnails be as well: a picture with little in it has a hash that means little."""
SIDE = 16
"""Pixels of a thumbnail's side."""
AUGMENTED = re.compile(r"(.+)\.rf\.[0-9a-f]{8,}$")
"""Names, less their suffix, that an augmenting service gives to copies of one picture: `IMG_1_jpg.rf.<hash>.jpg`."""


@dataclass(frozen=True)
class Look:
    """What a picture is compared by."""

    hashes: npt.NDArray[np.uint64]
    """`(8,)` of `perceptual_hash`, in the order of `orientations`."""
    thumbnail: npt.NDArray[np.float32]
    """See `thumbnail`."""
    local: LocalFeatures


def look_of(picture: Image) -> Look:
    """Of `(H, W, 3)`."""
    small = resize(picture, (64, 64))
    hashes = np.array([perceptual_hash(turned) for turned in orientations(small)], np.uint64)
    return Look(hashes, thumbnail(picture), local_features(picture))


def orientations(picture: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Four quarter turns of `(H, W, 3)`, the picture itself first, then those of its mirror image."""
    return [np.ascontiguousarray(np.rot90(one, turns)) for one in (picture, picture[:, ::-1]) for turns in range(4)]


def perceptual_hash(picture: Image) -> np.uint64:
    """The 64 signs of the low frequencies of `(H, W, 3)`: Zauner 2010, section 3.2.1, by imagehash."""
    signs = imagehash.phash(PillowImage.fromarray(picture)).hash
    return np.uint64(np.packbits(signs.ravel()).view(np.uint64)[0])


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
    turned = len(looks[0].hashes)
    pairs = np.unique(np.concatenate(list(_close(np.concatenate([one.hashes for one in looks])))), axis=0)
    pairs = pairs[(pairs % turned == 0).any(axis=1)]  # one as it is, the other in any orientation
    swap = pairs[:, 0] % turned != 0
    pairs[swap] = pairs[swap][:, ::-1]
    found = []
    for plain, other in pairs.tolist():
        one, second, orientation = plain // turned, other // turned, other % turned
        if one == second:
            continue
        thumbnails = looks[one].thumbnail, orientations(looks[second].thumbnail)[orientation]
        flat = not thumbnails[0].any() and not thumbnails[1].any()
        if flat or float((thumbnails[0] * thumbnails[1]).sum()) >= LEAST_CORRELATION:
            found.append((one, second))
    return np.array(found, np.int64).reshape(-1, 2)


def _close(hashes: npt.NDArray[np.uint64]) -> Iterator[npt.NDArray[np.int64]]:
    """Index pairs `(P, 2)` whose hashes differ in at most MOST_BITS; a pair may come more than once.

    Cut into MOST_BITS + 1 bands, two such hashes share at least one band whole, so only those are compared.
    """
    yield np.empty((0, 2), np.int64)
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
    for band in np.array_split(np.arange(64), MOST_BITS + 1):
        _, bucket = np.unique(bits[:, band], axis=0, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(bucket[order])) + 1):
            for place, one in enumerate(members[:-1]):
                others = members[place + 1 :]
                near = others[np.bitwise_count(hashes[others] ^ hashes[one]) <= MOST_BITS]
                yield np.column_stack([np.full(len(near), one), near])
