"""Loose pictures for a network that grades cells: which of them are cells already, and which show a whole phone."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image
from datamodules.images.decoding import decode, size_of
from datamodules.screens.grid import Grid, check_corners, cut_cells
from datamodules.screens.outline import OutlineError, from_upper_side
from datamodules.screens.photo_folder import cell_name

Corners = npt.NDArray[np.float64]
Find = Callable[[Image], Corners]
"""A photo `(H, W, 3)` → corners `(4, 2)`, from the upper short side on; raises OutlineError."""
KINDS = ("auto", "cells", "phones")
CELL = re.compile(r".+_r[0-9]+_c[0-9]+")
SQUARE = 0.9
"""Short side over long side from which on a picture can be a cell."""
MOST_ASKED = 20
"""Square pictures in which a phone is looked for, to know what all of them are."""


def kinds_of(files: Sequence[Path], find: Find, key: str = "") -> dict[Path, str]:
    """`cell` or `phone` for each file that can be read.

    Cells are square, photos are not; square pictures are photos where a phone is found in most of a sample of them, and
    cells where they are named as cells. With a `key`, for its messages, says on stderr what was taken for what.
    """
    found: dict[Path, str] = {}
    square = []
    for path in files:
        try:
            sides = size_of(path)
        except DataError as error:
            if key:
                print(f"left out: {error}", file=sys.stderr)
            continue
        found[path] = "cell" if CELL.fullmatch(path.stem) or min(sides) >= SQUARE * max(sides) else "phone"
        if found[path] == "cell" and not CELL.fullmatch(path.stem):
            square.append(path)
    asked = square[:: max(1, len(square) // MOST_ASKED)][:MOST_ASKED]
    phones = [path for path in asked if _shows_a_phone(path, find)]
    if 2 * len(phones) > len(asked):
        found |= dict.fromkeys(square, "phone")
    count = sum(kind == "phone" for kind in found.values())
    if count and key:
        cells = f", {len(found) - count} as cells that are cut already" if len(found) > count else ""
        print(
            f"note: {count} pictures are taken as photos of whole phones{cells}; {key}: pictures=cells or pictures=phones "
            "says otherwise", file=sys.stderr,
        )  # fmt: skip
    return found


def _shows_a_phone(path: Path, find: Find) -> bool:
    try:
        find(decode(path))
    except (OutlineError, DataError):
        return False
    return True


def cut_whole(name: str, picture: Image, grid: Grid, find: Find) -> Iterator[tuple[dict[str, Any], Image]]:
    """Columns and pixels `(cell_px, cell_px, 3)` of each cell of a photo. Raises OutlineError where there is no clear phone."""
    corners = trusted_corners(picture, grid, find)
    for at, cell in enumerate(cut_cells(picture, corners, grid)):
        row, col = divmod(at, grid.columns)
        yield {"file": name, "cell": cell_name(name, row, col), "row": row, "col": col}, cell


def trusted_corners(picture: Image, grid: Grid, find: Find) -> Corners:
    """Corners `(4, 2)` of the phone in a photo, from its upper side on. Raises OutlineError where there is no clear phone."""
    corners = from_upper_side(find(picture), short=grid.columns <= grid.rows)
    height, width = picture.shape[:2]
    corners = np.clip(corners, 0, [width, height])
    try:
        check_corners(corners, width, height)
    except ValueError as error:
        raise OutlineError(str(error)) from None
    return corners
