"""What a COCO file (Lin et al. 2014) draws on whole photos, as grades of cells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from annotation.coco_categories import Category, Steps, meanings
from annotation.coco_file import CocoFile, CocoImage, read_coco
from annotation.coco_frames import frame_of
from annotation.coco_shapes import Drawing, drawing_of, mask_of
from annotation.import_export import checked
from annotation.imported import Imported, LeftOut
from annotation.log import Statement
from annotation.photos import upright
from annotation.placing import placed
from annotation.state import IMPORTED
from annotation.store import Book
from datamodules.screens.grid import rectify, split_cells

MARGIN = 0.02
"""Share of a cell at each side that overlap is not counted in: what is drawn for a neighbour reaches over by a pixel."""
Corners = npt.NDArray[np.float64]
Grades = npt.NDArray[np.int64]


def from_coco(
    book: Book,
    path: Path,
    categories: Mapping[str, Category],
    outline: Callable[[str], Corners | None],
    *,
    empty_undamaged: bool = False,
) -> Imported:
    """Polygons or run-length masks on whole photos: a cell gets the highest class that covers enough of it.

    Args:
        book: of the folder that is annotated.
        path: of the file.
        categories: by the file's names; a category named as one of our classes needs none.
        outline: corners of a photo `(4, 2)`, None where it has none: it is left out.
        empty_undamaged: whether a photo on which nothing is drawn has no damage; else nothing is said of it.

    Returns:
        what is said of every cell of the photos that could be placed; entries, drawings and parts of them that could not be.

    Raises AnnotationError for a file that is none as a whole, and for a category without a meaning.

    """
    whole = read_coco(path)
    found = Imported(left=whole.left)
    steps = meanings(book.class_names, path, whole, categories, found.notes)
    empty = []
    for photo, entries in placed(book.photos.files, whole.images, lambda image: image.name, found.left).items():
        drawn = [one for image in entries for one in whole.drawn.get(image.id, [])]
        if not drawn and (not empty_undamaged or any(image.id in whole.broken for image in entries)):
            empty += [photo] * all(image.id not in whole.broken for image in entries)
            continue
        corners = outline(photo)
        if corners is None:
            found.left.append(LeftOut(entries[0].name, "", "no outline, set it first"))
            continue
        grades = [_grades(book, image, whole, photo, corners, steps, found) for image in entries]
        known = [one for one in grades if one is not None]
        if not known:
            continue
        if book.state[photo].corners is None:
            value = " ".join(f"{value:.1f}" for value in corners.ravel())
            found.said.append(Statement(IMPORTED, 0, photo, "corners", value))
        if len(known) > 1:
            found.notes.append(f"{photo}: {len(known)} entries of the file, merged: each cell has the highest grade")
        found.said += [
            Statement(IMPORTED, 0, photo, "label", str(grade), cell)
            for grade, cell in zip(np.max(known, axis=0), book.cells, strict=True)
        ]
    if empty:
        found.notes.append(
            f"{len(empty)} photos have no annotation in the file and were left as they are, the first: {empty[0]}; "
            "--empty no-damage takes them as without damage"
        )
    for one_said in found.said:
        checked(book, one_said, str(path))
    return found


@dataclass
class _Drawn:
    id: str | None
    steps: Steps
    drawing: Drawing = field(default_factory=Drawing)


def _grades(
    book: Book,
    image: CocoImage,
    whole: CocoFile,
    photo: str,
    corners: Corners,
    steps: Mapping[str, Steps],
    found: Imported,
) -> Grades | None:
    """Of every cell `(cells,)`; None where the image is of another size, or none of what is drawn on it could be placed."""
    file = book.photos[photo]
    drawn = [_Drawn(one.id, steps[one.category_id], drawing_of(one)) for one in whole.drawn.get(image.id, [])]
    for one in drawn:
        found.left += [LeftOut(image.name, one.id or "", problem) for problem in one.drawing.problems]
    shares = [one.id or "" for one in drawn if one.drawing.shares]
    if shares:
        found.notes.append(
            f"{image.name}: annotation {shares[0]}{f' and {len(shares) - 1} more' if len(shares) > 1 else ''}: all coordinates "
            "lie within 0 and 1, taken as shares of the sides"
        )
    try:
        frame = frame_of(image, file, [one.drawing for one in drawn], found.notes)
    except ValueError as error:
        found.left.append(LeftOut(image.name, "", str(error)))
        return None
    grades: Grades = np.zeros(len(book.cells), np.int64)
    count = 0
    for one in drawn:
        if not (one.drawing.polygons or one.drawing.runs):
            continue
        try:
            mask = mask_of(one.drawing, frame)
            covered = _shares(
                book, mask if frame == (file.height, file.width) else upright(mask, file.orientation), corners
            )
            if not covered.any():
                raise ValueError("covers no cell of the phone")
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            found.left.append(LeftOut(image.name, one.id or "", " ".join(str(error).split())))
            continue
        count += 1
        for grade, least in one.steps:
            grades = np.where(covered >= least, np.maximum(grades, grade), grades)
    return grades if count or not drawn else None


def _shares(book: Book, mask: npt.NDArray[np.uint8], corners: Corners) -> npt.NDArray[np.float64]:
    """Share of every cell, without its margin, that a mask `(H, W)` covers, `(cells,)`."""
    flat = rectify((255 * mask)[:, :, None], corners, book.grid)
    cells = split_cells(flat.reshape(*flat.shape[:2], 1), book.grid)
    edge = max(1, round(MARGIN * book.grid.cell_px))
    return np.asarray(cells[:, edge:-edge, edge:-edge].mean(axis=(1, 2, 3)) / 255)
