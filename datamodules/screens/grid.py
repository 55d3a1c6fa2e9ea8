"""From the four corners of a phone to its graded cells. Pure functions on arrays.

Corners are `(4, 2)` pixel coordinates (x, y) in the order top left, top right, bottom right, bottom left of the phone
held upright, whatever way it lies in the photo. Thesis, section 2.2 and Figure 2.1.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from datamodules.base.pixels import Image, resize

Side = Annotated[int, Field(ge=1, le=100)]
"""Cells along a side of a phone."""
CellPx = Annotated[int, Field(ge=4, le=4000)]


@dataclass(frozen=True)
class Grid:
    """How a phone's outline is divided."""

    columns: int = 3
    """Cells across the upright phone."""
    rows: int = 5
    """Cells from its top to its bottom."""
    cell_px: int = 300
    """Side of a square cell, pixels."""

    @property
    def cells(self) -> int:
        """Cells of one phone."""
        return self.columns * self.rows


def check_corners(corners: npt.NDArray[np.float64], width: int, height: int, tolerance_px: float = 1.0) -> None:
    """Raises ValueError where the outline leaves the photo, crosses itself, is mirrored or has no area.

    A corner may lie `tolerance_px` outside: outlines drawn along the edge of a photo end there.
    """
    if not np.isfinite(corners).all():
        raise ValueError("a corner is not a number")
    low, high = -tolerance_px, np.array([width, height]) + tolerance_px
    for name, (x, y) in zip(("top left", "top right", "bottom right", "bottom left"), corners, strict=True):
        if not (low <= x <= high[0] and low <= y <= high[1]):
            raise ValueError(f"{name} corner ({x:g}, {y:g}) lies outside the photo of {width} x {height} pixels")
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    if not (turns > 1e-6).all():
        raise ValueError("the outline is crossed or mirrored: want top left, top right, bottom right, bottom left")


@dataclass(frozen=True)
class Straightening:
    """How a phone in a photo becomes the phone seen straight from above."""

    factor: int
    """It is warped so many times as large, and then averaged down."""
    size: tuple[int, int]
    """Width and height of what is warped, pixels."""
    transform: npt.NDArray[np.float64]
    """`(3, 3)`: the photo's pixels to those of what is warped; the centre of a pixel lies at whole numbers in both."""


def straightening(corners: npt.NDArray[np.float64], grid: Grid) -> Straightening:
    """Of a phone by its corners `(4, 2)`.

    One that is larger in the photo than the grid's cells are together is warped at the next whole multiple of their size: a
    bilinear warp alone would skip pixels, and with them hairline scratches.
    """
    width, height = grid.columns * grid.cell_px, grid.rows * grid.cell_px
    longest = float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).max())
    factor = max(1, math.ceil(longest / max(width, height) - 1e-6))
    size = (width * factor, height * factor)
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    # Pixel centres lie at whole numbers for OpenCV, while corners are edges of the picture plane: half a pixel apart.
    transform = cv2.getPerspectiveTransform((corners - 0.5).astype(np.float32), target - np.float32(0.5))
    return Straightening(factor, size, np.asarray(transform, np.float64))


def rectify(photo: Image, corners: npt.NDArray[np.float64], grid: Grid) -> Image:
    """The phone seen straight from above, upright: `(rows · cell_px, columns · cell_px, channels)`."""
    by = straightening(corners, grid)
    warped = cv2.warpPerspective(photo, by.transform, by.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return resize(np.asarray(warped, np.uint8), (grid.columns * grid.cell_px, grid.rows * grid.cell_px))


def cell_outlines(corners: npt.NDArray[np.float64], grid: Grid) -> npt.NDArray[np.float64]:
    """Corners of each cell in the photo, `(rows · columns, 4, 2)` pixels, row by row."""
    by = straightening(corners, grid)
    side = grid.cell_px * by.factor
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    places = np.array([[col, row] for row in range(grid.rows) for col in range(grid.columns)])
    points = (places[:, None] + corner) * side - 0.5  # centres of pixels lie at whole numbers
    back = np.linalg.inv(by.transform)
    found = cv2.perspectiveTransform(points.reshape(1, -1, 2).astype(np.float64), back)
    return np.asarray(found, np.float64).reshape(-1, 4, 2) + 0.5


def split_cells(rectified: Image, grid: Grid) -> Image:
    """`(rows · cell_px, columns · cell_px, C)` → `(rows · columns, cell_px, cell_px, C)`, row by row from the top."""
    side = grid.cell_px
    channels = rectified.shape[2]
    blocks = rectified.reshape(grid.rows, side, grid.columns, side, channels).swapaxes(1, 2)
    return np.ascontiguousarray(blocks.reshape(grid.cells, side, side, channels))


def cut_cells(photo: Image, corners: npt.NDArray[np.float64], grid: Grid) -> Image:
    """Photo `(H, W, 3)` and corners → its cells `(rows · columns, cell_px, cell_px, 3)`."""
    return split_cells(rectify(photo, corners, grid), grid)
