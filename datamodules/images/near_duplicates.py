"""Pictures that are almost the same one: copies, other sizes, other compressions, frames of one burst.

Kept on one side of every split, because a network that has seen one knows the other.
"""

from collections.abc import Iterator

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datamodules.base.pixels import Image, resize

MOST_BITS = 6
"""Two pictures may differ in so many of the hash's 64 bits."""
LEAST_CORRELATION = 0.9
"""So alike must their thumbnails be as well: a picture with little in it has a hash that means little."""
SIDE = 16
"""Pixels of a thumbnail's side."""


def perceptual_hash(picture: Image) -> np.uint64:
    """The 64 signs of the low frequencies of `(H, W, 3)`: Zauner 2010, section 3.2.1, by imagehash."""
    signs = imagehash.phash(PillowImage.fromarray(picture)).hash
    return np.uint64(np.packbits(signs.ravel()).view(np.uint64)[0])


def thumbnail(picture: Image) -> npt.NDArray[np.float32]:
    """Brightness and colour of `(H, W, 3)`, centred, with length 1, `(3 · SIDE²,)`; zeros where nothing varies."""
    small = resize(picture, (SIDE, SIDE)).astype(np.float32).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 1 else np.zeros_like(small)


def duplicate_groups(
    hashes: npt.NDArray[np.uint64], thumbnails: npt.NDArray[np.float32]
) -> npt.NDArray[np.int64]:  # fmt: skip
    """A number per picture, `(N,)`, equal for those that are almost the same, by way of others too.

    Pictures in which nothing varies are alike when their hashes are equal.

    Args:
        hashes: `(N,)` of `perceptual_hash`.
        thumbnails: `(N, 3 · SIDE²)` of `thumbnail`.

    """
    pairs = np.unique(np.concatenate(list(_close(hashes))), axis=0)
    flat = np.linalg.norm(thumbnails, axis=1) == 0
    correlation = np.einsum("nd,nd->n", thumbnails[pairs[:, 0]], thumbnails[pairs[:, 1]])
    alike = (correlation >= LEAST_CORRELATION) | (flat[pairs[:, 0]] & flat[pairs[:, 1]])
    first, second = pairs[alike].T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(hashes), len(hashes)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


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
