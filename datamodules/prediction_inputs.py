"""Images of a folder as a trained network is given them."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from datamodules.base.errors import DataError
from datamodules.base.pixels import Image, resize
from datamodules.images.decoding import SUFFIXES, centre_square, decode
from datamodules.screens.grid import Grid, cut_cells
from datamodules.screens.outline import OutlineError
from datamodules.screens.photo_folder import cell_name, checked_corners, listed_photos, read_photo_folder
from datamodules.whole_photos import KINDS, Find, cut_whole, kinds_of

Sample = tuple[dict[str, Any], Image]
"""Columns that say which it is, and pixels `(H, W, 3)`."""


class InputSpec(Protocol):
    """What has to be known of a network to cut pictures for it."""

    @property
    def labels(self) -> list[str]:
        """Names of the classes."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""

    @property
    def preprocessing(self) -> dict[str, Any]:
        """As `Samples.preprocessing` has it."""


def read_samples(
    root: Path,
    grader: InputSpec,
    key: str = "input",
    *,
    find: Find | None = None,
    pictures: str = "auto",
    graded: bool = True,
) -> Iterator[Sample]:
    """Columns and pixels `(S, S, 3)` of every cell; unreadable loose images are named on stderr and left out.

    Args:
        root: the folder.
        grader: what the cells are for.
        key: of the command, for messages.
        find: an outline in a photo; None takes every loose picture as one cell.
        graded: whether the network's labels are those of cells.csv, which is read then.
        pictures: what loose pictures are to a network that grades cells: `cells`, `phones`, or `auto` by their looks.

    Raises DataError where there is nothing to read.

    """
    if not root.is_dir():
        raise DataError(f"{key}={root}: no such folder")
    if (root / "photos.csv").exists() and grader.preprocessing["grid"]:
        yield from _phone_cells(root, grader, graded=graded)
        return
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"{key}={root}: no images in it; want photos.csv with photos/, or {', '.join(sorted(SUFFIXES))}"
        )
    yield from _loose(root, files, grader, key, find, pictures)


def _loose(
    root: Path, files: list[Path], grader: InputSpec, key: str, find: Find | None, pictures: str
) -> Iterator[Sample]:
    grid = Grid(**grader.preprocessing["grid"]) if grader.preprocessing["grid"] else None
    if pictures not in KINDS:
        raise DataError(f"pictures={pictures}: want {', '.join(KINDS)}")
    if grid is None or find is None:
        kinds = dict.fromkeys(files, "cell")
    elif pictures == "auto":
        kinds = kinds_of(files, find, key)
    else:
        kinds = dict.fromkeys(files, pictures.removesuffix("s"))
    wrong: list[str] = []
    any_cut = False
    for path in kinds:
        try:
            picture = decode(path)
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        name = path.relative_to(root).as_posix()
        if grid is not None and find is not None and kinds[path] == "phone":
            try:
                for columns, pixels in cut_whole(name, picture, grid, find):
                    yield columns, preprocess(pixels, grader)
                any_cut = True
            except OutlineError as error:
                wrong.append(f"{path}: {error}")
                print(f"left out: {wrong[-1]}", file=sys.stderr)
            continue
        any_cut = True
        columns = {"file": name}
        if root in path.parent.parents:  # a folder per class says what is right
            folder = path.parent.name
            columns["label"] = grader.labels.index(folder) if folder in grader.labels else ""
        yield columns, preprocess(picture, grader)
    if wrong and not any_cut:
        raise DataError(
            f"{key}={root}: no phone whose outline can be trusted in any of its {len(wrong)} photos, the first: {wrong[0]}; want "
            "photos.csv with the corners (make annotate), or pictures=cells where each picture is one cell"
        )


def _phone_cells(root: Path, grader: InputSpec, *, graded: bool) -> Iterator[Sample]:
    grid = Grid(**grader.preprocessing["grid"])
    read = partial(read_photo_folder, num_classes=len(grader.labels), labelled=False) if graded else listed_photos
    folder = read(root, grid)
    for number, photo in enumerate(folder.photos):
        if folder.ready_cut:
            cells = [decode(path) for path in folder.files[number * grid.cells : (number + 1) * grid.cells]]
        else:
            path = folder.files[number]
            picture = decode(path)
            corners = checked_corners(photo, picture.shape[1], picture.shape[0], path)
            cells = list(cut_cells(picture, corners, grid))
        for cell, (pixels, label) in enumerate(zip(cells, folder.labels[number], strict=True)):
            row, col = divmod(cell, grid.columns)
            place = {"file": photo.name, "cell": cell_name(photo.name, row, col), "row": row, "col": col}
            yield place | {"label": int(label) if label >= 0 else ""}, preprocess(pixels, grader)


def preprocess(picture: Image, grader: InputSpec) -> Image:
    """A picture `(H, W, 3)` at the network's size: its largest centred square where it was trained on such, else all of it.

    Of sheets, whose shape is kept, the middle; a shorter one is filled up with its border.
    """
    height, width = grader.size
    if "picture" in grader.preprocessing:
        share = min(height, width) / min(picture.shape[:2])
        small = resize(picture, (round(picture.shape[1] * share), round(picture.shape[0] * share)))
        top, left = (max(0, have - want) // 2 for have, want in zip(small.shape[:2], (height, width), strict=True))
        middle = small[top : top + height, left : left + width]
        missing = [(0, want - have) for want, have in zip((height, width), middle.shape[:2], strict=True)]
        return np.pad(middle, (*missing, (0, 0)), mode="edge")
    return (
        centre_square(picture, height) if grader.preprocessing["crop"] == "centre" else resize(picture, (width, height))
    )
