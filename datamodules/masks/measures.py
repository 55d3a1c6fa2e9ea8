"""How large and how long what a mask marks is."""

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.bool_]
STRAIGHT, DIAGONAL = 0.948, 1.340
"""Length of a step from a pixel of a skeleton to the next, for lines of every direction (Proffitt and Rosen 1979)."""


class Extent(NamedTuple):
    """Of one class in one picture."""

    share: float
    """Marked pixels by all pixels."""
    length_px: float
    """Of its skeleton, pixels."""
    length: float
    """The same by the picture's diagonal."""

    @property
    def lengths(self) -> dict[str, float]:
        """Both lengths by their names."""
        return {"length_px": self.length_px, "length": self.length}


def skeleton(mask: Plane) -> Plane:
    """Middle lines of a mask `(H, W)`, a pixel wide and as connected as it is (Guo and Hall 1989)."""
    found = np.pad(mask, 1).astype(np.uint8)
    while True:
        before = int(found.sum())
        for first in (True, False):
            found[1:-1, 1:-1][_peeled(found, first=first)] = 0
        if int(found.sum()) == before:
            return np.asarray(found[1:-1, 1:-1] > 0)


def _peeled(padded: npt.NDArray[np.uint8], *, first: bool) -> Plane:
    """Border pixels that one of the two passes takes away, `(H, W)` of the padded `(H + 2, W + 2)`."""
    high, wide = padded.shape
    around = [  # from above, clockwise
        padded[1 + dy : high - 1 + dy, 1 + dx : wide - 1 + dx]
        for dy, dx in ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    ]
    p2, p3, p4, p5, p6, p7, p8, p9 = (one > 0 for one in around)  # as the paper calls them
    joins = sum((~a & (b | c)).astype(np.uint8) for a, b, c in ((p2, p3, p4), (p4, p5, p6), (p6, p7, p8), (p8, p9, p2)))
    one, other = (
        sum((a | b).astype(np.uint8) for a, b in pairs)
        for pairs in (((p9, p2), (p3, p4), (p5, p6), (p7, p8)), ((p2, p3), (p4, p5), (p6, p7), (p8, p9)))
    )
    fewest = np.minimum(one, other)
    kept = (p6 | p7 | ~p9) & p8 if first else (p2 | p3 | ~p5) & p4
    return np.asarray((padded[1:-1, 1:-1] == 1) & (joins == 1) & (fewest >= 2) & (fewest <= 3) & ~kept)


def length_of(mask: Plane, wide: float = 1.0, high: float = 1.0) -> float:
    """Along the skeleton of a mask `(H, W)` of pixels so wide and high; every piece of it counts for a pixel more than its steps."""
    if not mask.any():
        return 0.0
    line = skeleton(mask)
    straight = int((line[1:] & line[:-1]).sum()) * high + int((line[:, 1:] & line[:, :-1]).sum()) * wide
    one, other, across, back = line[:-1, :-1], line[1:, 1:], line[:-1, 1:], line[1:, :-1]
    diagonal = int((one & other & ~across & ~back).sum() + (across & back & ~one & ~other).sum())
    pieces = cv2.connectedComponents(line.astype(np.uint8), connectivity=8)[0] - 1
    return (
        STRAIGHT * straight + DIAGONAL * diagonal * math.hypot(wide, high) / math.sqrt(2) + pieces * (wide + high) / 2
    )


def extent(mask: Plane) -> Extent:
    """Of a mask `(H, W)`."""
    length = length_of(mask)
    return Extent(round(float(mask.mean()), 6), round(length, 2), round(length / math.hypot(*mask.shape), 5))
