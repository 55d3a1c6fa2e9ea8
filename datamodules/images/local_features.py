"""Pictures that show the same, in part: copies that were turned, mirrored, cropped, zoomed or recoloured.

ORB (Rublee et al. 2011) by OpenCV describes some corners of each picture. Pictures that share descriptors are candidates, looked up by
locality-sensitive hashing (Indyk and Motwani 1998); a candidate is a copy when one similarity transform maps the corners of one onto the
other's, and the pictures, laid over each other by it, are alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

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
AT_ONCE = 512
"""Candidates that threads look at before those that it settles are left out."""
TABLES, BITS = 16, 32
"""Hash tables, and bits of the 256 that each looks at."""
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

    candidates = _candidates(features)
    for first in range(0, len(candidates), AT_ONCE):
        left = [pair for pair in candidates[first : first + AT_ONCE] if group(pair[0]) != group(pair[1])]
        alike = threaded_map(partial(_is_copy, features, left), range(len(left)))
        for (one, other, _), found in zip(left, alike, strict=True):
            if found:
                leader[group(other)] = group(one)
                yield one, other


def _candidates(features: Sequence[LocalFeatures]) -> list[tuple[int, int, bool]]:
    """Those with most votes first."""
    plain, plain_of = _stacked([one.corners[1] for one in features])
    mirrored, mirrored_of = _stacked([one.mirrored[1] for one in features])
    found: list[tuple[int, int, int, bool]] = []
    if len(plain) < 2:
        return []
    shape, rng = len(features), np.random.default_rng(0)
    same, flipped = csr_array((shape, shape), dtype=np.int32), csr_array((shape, shape), dtype=np.int32)
    for _ in range(TABLES):
        bits = np.sort(rng.choice(256, BITS, replace=False))
        keys = np.concatenate([_keys(plain, bits), _keys(mirrored, bits)])
        _, bucket, count = np.unique(keys, return_inverse=True, return_counts=True)
        told = (count > 1) & (count <= FULLEST_BUCKET)
        number = np.cumsum(told) - 1
        tables = [
            _table(owners, own, told, number, shape)
            for owners, own in ((plain_of, bucket[: len(plain)]), (mirrored_of, bucket[len(plain) :]))
        ]
        same += tables[0] @ tables[0].T
        flipped += tables[0] @ tables[1].T
    for votes, is_mirrored in ((same, False), (flipped, True)):
        table = votes.tocoo()
        near = (table.row < table.col) & (table.data >= FEWEST_VOTES)
        triples = zip(table.data[near].tolist(), table.row[near].tolist(), table.col[near].tolist(), strict=True)
        found += [(count, one, other, is_mirrored) for count, one, other in triples]
    found.sort(key=lambda one: (-one[0], one[1:]))
    looked = np.zeros(shape, int)
    chosen = []
    for _, one, other, is_mirrored in found:
        if min(looked[one], looked[other]) < MOST_CANDIDATES:
            looked[[one, other]] += 1
            chosen.append((one, other, is_mirrored))
    return chosen


def _stacked(descriptors: list[npt.NDArray[np.uint8]]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """All descriptors, and the place of each one's picture."""
    owners = np.repeat(np.arange(len(descriptors)), [len(one) for one in descriptors])
    return (np.concatenate(descriptors) if descriptors else np.zeros((0, 32), np.uint8)), owners


def _keys(descriptors: npt.NDArray[np.uint8], bits: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    chosen = (descriptors[:, bits // 8] >> (7 - bits % 8).astype(np.uint8)) & 1
    return np.ascontiguousarray(np.packbits(chosen, axis=1)).view(np.uint32)[:, 0]


def _table(
    owners: npt.NDArray[np.int64], bucket: npt.NDArray[np.int64], told: npt.NDArray[np.bool_],
    number: npt.NDArray[np.int64], pictures: int,
) -> csr_array:  # fmt: skip
    """Pictures x buckets that tell: 1 where a picture has a descriptor in it."""
    kept = told[bucket]
    pairs = np.unique(np.stack([owners[kept], number[bucket[kept]]]), axis=1)
    return csr_array((np.ones(pairs.shape[1], np.int32), (pairs[0], pairs[1])), shape=(pictures, int(told.sum())))


def _is_copy(features: Sequence[LocalFeatures], candidates: Sequence[tuple[int, int, bool]], at: int) -> bool:
    """Whether one transform lays two pictures, or one and the other's mirror image, over each other so that they are alike."""
    first, second, mirrored = candidates[at]
    one, other = features[first], features[second]
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
