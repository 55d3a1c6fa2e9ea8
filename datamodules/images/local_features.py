"""Pictures that show the same, in part: copies that were turned, mirrored, cropped, zoomed or recoloured.

ORB (Rublee et al. 2011) by OpenCV describes some corners of each picture. Pictures that share descriptors are candidates, looked up by
locality-sensitive hashing (Indyk and Motwani 1998); a candidate is a copy when one similarity transform maps the corners of one onto the
other's, and the pictures, laid over each other by it, are alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from datamodules.base.array_cache import threaded_map
from datamodules.base.pixels import Image

SIDE = 192
"""Longer side of the picture whose corners are described, pixels."""
OVERLAY = 96
"""Longer side of the picture that is laid over another."""
MOST_ENLARGED = 2.0
"""An edge that is blown up has corners that say nothing."""
CORNERS = 100
TABLES, BYTES = 16, 4
"""Hash tables, and bytes of the 32 that each looks at."""
FEWEST_VOTES, MOST_CANDIDATES = 3, 8
"""A candidate shares so many buckets; of each picture's candidates so many are looked at, those with most votes."""
FULLEST_BUCKET = 30
"""What more descriptors have in common tells no picture."""
MOST_DISTANCE = 64
"""Bits in which two descriptors of the same corner may differ."""
FEWEST_INLIERS, LEAST_AGREEMENT = 8, 0.6
"""Of the matching corners so many, and such a share, must agree on the transform."""
LEAST_CORRELATION, LEAST_OVERLAP = 0.9, 0.5
"""Of the pictures, laid over each other; as a share of the smaller one."""

Corners = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
"""Places `(n, 2)` and descriptors `(n, 32)`."""


@dataclass(frozen=True)
class LocalFeatures:
    """Corners of a picture, and of its mirror image: ORB knows turns, not mirrors."""

    corners: Corners
    mirrored: Corners
    small: npt.NDArray[np.uint8]
    """Grey, the longer side OVERLAY."""
    scale: float
    """From places to pixels of `small`."""


def local_features(picture: Image) -> LocalFeatures:
    """Of `(H, W, 3)`."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    described, small = _sized(grey, SIDE), _sized(grey, OVERLAY)
    return LocalFeatures(
        _corners(described), _corners(described[:, ::-1]), small, max(small.shape) / max(described.shape)
    )


def _sized(grey: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    scale = min(side / max(grey.shape), MOST_ENLARGED)
    size = [max(1, round(length * scale)) for length in grey.shape[::-1]]
    found = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(found, np.uint8)


def _corners(grey: npt.NDArray[np.uint8]) -> Corners:
    # one for each call: several threads look at pictures
    orb = cv2.ORB_create(nfeatures=CORNERS, fastThreshold=8, scaleFactor=1.25, nlevels=6)  # type: ignore[attr-defined]
    points, descriptors = orb.detectAndCompute(np.ascontiguousarray(grey), None)
    places = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
    return places, np.zeros((0, 32), np.uint8) if descriptors is None else descriptors


def copies(features: Sequence[LocalFeatures]) -> Iterator[tuple[int, int]]:
    """Pairs of places of pictures of which one is a copy of the other, or of a part of it; not every pair of a group."""
    leader = np.arange(len(features))

    def group(at: int) -> int:
        while leader[at] != at:
            leader[at] = at = leader[leader[at]]
        return int(at)

    for one, other, mirrored in _candidates(features):
        # threads are no faster here: calls of 0.1 ms between which they wait for the interpreter
        if group(one) != group(other) and _is_copy(features[one], features[other], mirrored):
            leader[group(other)] = group(one)
            yield one, other


def _candidates(features: Sequence[LocalFeatures]) -> list[tuple[int, int, bool]]:
    """Those with most votes first."""
    described = [one.corners[1] for one in features] + [one.mirrored[1] for one in features]
    descriptors = np.concatenate([np.zeros((0, 32), np.uint8), *described])
    owners = np.repeat(np.arange(len(described)), [len(one) for one in described])
    rng = np.random.default_rng(0)
    bytes_of = [rng.choice(32, BYTES, replace=False) for _ in range(TABLES)]
    shape = (len(features), len(features))
    same, flipped = csr_array(shape, dtype=np.int32), csr_array(shape, dtype=np.int32)
    for plain, mirrored in threaded_map(
        lambda at: _table(descriptors[:, bytes_of[at]], owners, shape[0]), range(TABLES), 2
    ):
        same += plain @ plain.T
        flipped += plain @ mirrored.T
    found: list[tuple[int, int, int, bool]] = []
    for votes, is_mirrored in ((same, False), (flipped, True)):
        table = votes.tocoo()
        near = (table.row < table.col) & (table.data >= FEWEST_VOTES)
        triples = zip(table.data[near].tolist(), table.row[near].tolist(), table.col[near].tolist(), strict=True)
        found += [(count, one, other, is_mirrored) for count, one, other in triples]
    found.sort(key=lambda one: (-one[0], one[1:]))
    looked = np.zeros(len(features), int)
    chosen = []
    for _, one, other, is_mirrored in found:
        if min(looked[one], looked[other]) < MOST_CANDIDATES:
            looked[[one, other]] += 1
            chosen.append((one, other, is_mirrored))
    return chosen


def _table(keys: npt.NDArray[np.uint8], owners: npt.NDArray[np.int64], pictures: int) -> tuple[csr_array, csr_array]:
    """Pictures x buckets that tell, 1 where a picture has a descriptor in it; and the same of the mirror images.

    Args:
        keys: `(D, BYTES)`: descriptors with the same ones share a bucket.
        owners: of D descriptors, increasing, the place of its picture, for a mirror image plus `pictures`.
        pictures: how many there are.

    """
    both = np.sort(
        np.ascontiguousarray(keys).view(np.uint32)[:, 0].astype(np.uint64) << np.uint64(32) | owners.astype(np.uint64)
    )
    key, owner = both >> np.uint64(32), (both & np.uint64(0xFFFFFFFF)).astype(np.int64)
    begins = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    count = np.diff(np.append(begins, len(key)))
    tells = (count > 1) & (count <= FULLEST_BUCKET)
    kept = np.repeat(tells, count)
    kept[1:] &= both[1:] != both[:-1]
    bucket, owner = np.repeat(np.cumsum(tells) - 1, count)[kept], owner[kept]
    is_mirror = owner >= pictures
    found = [
        csr_array(
            (np.ones(here.sum(), np.int32), (owner[here] % pictures, bucket[here])), shape=(pictures, int(tells.sum()))
        )
        for here in (~is_mirror, is_mirror)
    ]
    return found[0], found[1]


def _is_copy(one: LocalFeatures, other: LocalFeatures, mirrored: bool) -> bool:
    """Whether one transform lays two pictures, or one and the other's mirror image, over each other so that they are alike."""
    places, descriptors = one.corners
    other_places, other_descriptors = other.mirrored if mirrored else other.corners
    if min(len(places), len(other_places)) < FEWEST_INLIERS:
        return False
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors, other_descriptors)
    near = [(match.queryIdx, match.trainIdx) for match in matches if match.distance <= MOST_DISTANCE]
    if len(near) < FEWEST_INLIERS:
        return False
    here, there = np.array(near).T
    transform, inliers = cv2.estimateAffinePartial2D(
        places[here] * one.scale, other_places[there] * other.scale, method=cv2.RANSAC,
        ransacReprojThreshold=4 * one.scale, maxIters=300,
    )  # fmt: skip
    agree = inliers[:, 0] > 0 if transform is not None else np.zeros(len(here), bool)
    if agree.sum() < FEWEST_INLIERS or agree.mean() < LEAST_AGREEMENT:
        return False
    target = np.ascontiguousarray(other.small[:, ::-1]) if mirrored else other.small
    size = target.shape[1::-1]
    laid = cv2.warpAffine(one.small, transform, size)
    covered = cv2.warpAffine(np.full_like(one.small, 255), transform, size) > 200
    area = abs(float(np.linalg.det(transform[:, :2]))) * one.small.size
    overlap = covered.sum() / max(1.0, min(area, float(target.size)))
    if covered.sum() < OVERLAY or overlap < LEAST_OVERLAP:
        return False
    pair = [cv2.GaussianBlur(picture, (0, 0), 1)[covered].astype(np.float64) for picture in (laid, target)]
    spreads = [values.std() for values in pair]
    return min(spreads) > 1 and float(np.corrcoef(pair[0], pair[1])[0, 1]) >= LEAST_CORRELATION
