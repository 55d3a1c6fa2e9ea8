"""What a COCO file (Lin et al. 2014) draws on whole photos, as grades of cells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from annotation.coco_categories import Category, Steps, meanings
from annotation.coco_file import CocoFile, CocoImage, read_coco
from annotation.coco_shapes import Drawing, Frame, drawing_of, mask_of
from annotation.import_export import checked
from annotation.imported import Imported, LeftOut, grouped
from annotation.log import Statement
from annotation.photo_names import find_photos, spellings
from annotation.photos import PhotoFile, upright
from annotation.state import IMPORTED
from annotation.store import Book
from datamodules.images.decoding import SIDEWAYS
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
    for photo, entries in _placed(book, whole, found).items():
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


def _placed(book: Book, whole: CocoFile, found: Imported) -> dict[str, list[CocoImage]]:
    """The file's images by our photos; those that fit none, several, or one that others fit better are left out."""
    fitting: dict[str, list[tuple[int, CocoImage]]] = {}
    for image in whole.images:
        photos, common = find_photos(image.name, book.photos.files)
        if len(photos) == 1:
            fitting.setdefault(photos[0], []).append((common, image))
        else:
            several = f"fits {len(photos)} photos alike: {', '.join(photos[:3])}" if photos else "no such photo"
            found.left.append(LeftOut(image.name, "", several))
    placed: dict[str, list[CocoImage]] = {}
    for photo, entries in fitting.items():
        most = max(common for common, _ in entries)
        best = [image for common, image in entries if common == most]
        found.left += [
            LeftOut(image.name, "", f"no such photo; {photo} is {best[0].name}")
            for common, image in entries
            if common < most
        ]
        names = grouped(best, lambda image: spellings(image.name)[0])
        if len(names) > 1 and most < len(photo.split("/")):
            found.left += [
                LeftOut(image.name, "", f"{photo} fits it, and {len(best) - 1} other names") for image in best
            ]
        else:
            placed[photo] = best
    return placed


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
        frame = _frame(image, file, [one.drawing for one in drawn], found)
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


def _frame(image: CocoImage, file: PhotoFile, drawings: list[Drawing], found: Imported) -> Frame:
    """The picture that was drawn on: as the file says, turned or not by its EXIF. Raises ValueError for another picture."""
    here, there = (file.width, file.height), image.size
    points = [polygon for one in drawings if not one.shares for polygon in one.polygons]
    reach = [max((max(polygon[axis::2]) for polygon in points), default=0.0) for axis in (0, 1)]
    if there is None:
        if reach[0] > here[0] + 1 or reach[1] > here[1] + 1:
            raise ValueError(f"no width and height, and drawings beyond the photo's own {here[0]} x {here[1]} pixels")
        found.notes.append(f"{image.name}: no width and height, taken as the photo's own {here[0]} x {here[1]} pixels")
    elif there != here:
        if file.orientation not in SIDEWAYS or there != here[::-1]:
            raise ValueError(f"{there[0]} x {there[1]} pixels there, here {here[0]} x {here[1]}")
        beyond = any(most > side + 1 for most, side in zip(reach, here, strict=True))
        runs = {run.size for one in drawings for run in one.runs}
        if here in runs or (beyond and all(most <= side + 1 for most, side in zip(reach, there, strict=True))):
            found.notes.append(f"{image.name}: drawn on the picture before its EXIF turn, turned with it")
            return there[1], there[0]
        found.notes.append(
            f"{image.name}: {there[0]} x {there[1]} is its size before its EXIF turn; drawings taken as of the upright picture"
        )
    return file.height, file.width


def _shares(book: Book, mask: npt.NDArray[np.uint8], corners: Corners) -> npt.NDArray[np.float64]:
    """Share of every cell, without its margin, that a mask `(H, W)` covers, `(cells,)`."""
    flat = rectify((255 * mask)[:, :, None], corners, book.grid)
    cells = split_cells(flat.reshape(*flat.shape[:2], 1), book.grid)
    edge = max(1, round(MARGIN * book.grid.cell_px))
    return np.asarray(cells[:, edge:-edge, edge:-edge].mean(axis=(1, 2, 3)) / 255)
