"""Labels as COCO files have them (Lin et al. 2014): what is drawn on whole photos becomes cells, and the other way round."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from annotation.import_export import checked
from annotation.log import AnnotationError, Statement
from annotation.state import IMPORTED, UNUSABLE
from annotation.store import Book
from datamodules.screens.grid import rectify, split_cells
from storage.whole_file import write_whole

MARGIN = 0.02
"""Share of a cell at each side that overlap is not counted in: what is drawn for a neighbour reaches over by a pixel."""
LEAST_SHARE = 0.002
"""Of a cell, covered by a polygon, for the cell to take its class."""
Corners = npt.NDArray[np.float64]
_Id = int | str
_Number = Annotated[float, Field(allow_inf_nan=False)]


class _RunLengths(BaseModel):
    size: tuple[int, int]
    counts: Annotated[str, Field(pattern=r"^[0-o]+$")] | list[Annotated[int, Field(ge=0, lt=2**31)]]


class _Drawn(BaseModel):
    image_id: _Id
    category_id: _Id
    segmentation: _RunLengths | list[list[_Number]] | None = None
    bbox: tuple[_Number, _Number, _Number, _Number] | None = None


class _Image(BaseModel):
    id: _Id
    file_name: str
    width: int
    height: int


class _Named(BaseModel):
    id: _Id
    name: str


class _Coco(BaseModel):
    """What is read of a COCO file; other keys are free."""

    images: list[_Image]
    annotations: list[_Drawn]
    categories: list[_Named]


@dataclass(frozen=True)
class Category:
    """What a category of a COCO file means here."""

    steps: tuple[tuple[int, float], ...]
    """Grade, and the share of a cell from which on it is that grade; the last one that is reached counts."""


def category(text: str) -> Category:
    """`3`, or `1,2@0.05`: grade 1, from 5 % of a cell on grade 2. Raises AnnotationError."""
    try:
        steps = [step.partition("@") for step in text.split(",")]
        return Category(tuple((int(grade), float(share or LEAST_SHARE)) for grade, _, share in steps))
    except ValueError:
        raise AnnotationError(
            f"category {text}: want a grade, or grades with shares of a cell such as 1,2@0.05"
        ) from None


def from_coco(
    book: Book, path: Path, categories: Mapping[str, Category], outline: Callable[[str], Corners | None]
) -> tuple[list[Statement], list[str]]:
    """Polygons or run-length masks on whole photos: a cell gets the highest class that covers enough of it.

    Args:
        categories: by the file's names; a category named as one of our classes needs none.
        outline: corners of a photo, None where it has none: it is left out.

    Returns:
        what is said of every cell of every photo in the file, and a line for each image that could not be placed.

    """
    whole = _read(path)
    meaning = {str(name): Category(((grade, LEAST_SHARE),)) for grade, name in enumerate(book.class_names)} | dict(
        categories
    )
    names = {one.id: one.name for one in whole.categories}
    unknown = sorted({names.get(one.category_id, "?") for one in whole.annotations} - meaning.keys())
    if unknown:
        raise AnnotationError(f"{path}: category {unknown[0]}: say what it means with --category {unknown[0]}=<grade>")
    drawn: dict[_Id, list[_Drawn]] = {}
    for one in whole.annotations:
        drawn.setdefault(one.image_id, []).append(one)
    said, left = [], []
    for image in whole.images:
        photo = _photo_of(book, image.file_name)
        corners = None if photo is None else outline(photo)
        if photo is None or corners is None:
            left.append(f"{image.file_name}: {'no such photo' if photo is None else 'no outline, set it first'}")
            continue
        file = book.photos[photo]
        if (image.height, image.width) != (file.height, file.width):
            left.append(
                f"{image.file_name}: {image.width} x {image.height} pixels there, here {file.width} x {file.height}"
            )
            continue
        grades: npt.NDArray[np.int64] = np.zeros(len(book.cells), np.int64)
        for one in drawn.get(image.id, []):
            try:
                mask = _mask(one, file.height, file.width)
            except (ValueError, TypeError, LookupError, OverflowError) as error:
                raise AnnotationError(f"{path}: an annotation of {image.file_name}: {error}") from None
            shares = _shares(book, mask, corners)
            for grade, least in meaning[names[one.category_id]].steps:
                grades = np.where(shares >= least, np.maximum(grades, grade), grades)
        if book.state[photo].corners is None:
            said.append(Statement(IMPORTED, 0, photo, "corners", " ".join(f"{value:.1f}" for value in corners.ravel())))
        said += [
            Statement(IMPORTED, 0, photo, "label", str(grade), cell)
            for grade, cell in zip(grades, book.cells, strict=True)
        ]
    for one_said in said:
        checked(book, one_said, str(path))
    return said, left


def to_coco(book: Book, path: Path) -> int:
    """Writes a COCO file: every cell with damage is a polygon on its photo, of its grade; returns the polygons."""
    import cv2

    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories = [{"id": grade, "name": name} for grade, name in enumerate(book.class_names)]
    rows, columns = book.grid.rows, book.grid.columns
    for number, (name, file) in enumerate(book.photos.files.items(), 1):
        one = book.state[name]
        labels = {cell: one.label(cell) for cell in book.cells}
        if one.corners is None or one.left_out or not any(labels.values()):
            continue
        images.append({"id": number, "file_name": name, "width": file.width, "height": file.height})
        flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
        back = cv2.getPerspectiveTransform(flat, np.array(one.corners, np.float32).reshape(4, 2))
        for (row, col), label in labels.items():
            if label in ("", UNUSABLE, "0"):
                continue
            square = np.array([[[col, row], [col + 1, row], [col + 1, row + 1], [col, row + 1]]], np.float64)
            quad = cv2.perspectiveTransform(square, back)[0]
            (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
            area = 0.5 * abs(np.sum(quad[:, 0] * np.roll(quad[:, 1], -1) - np.roll(quad[:, 0], -1) * quad[:, 1]))
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": int(label), "iscrowd": 0,
                "segmentation": [[round(float(value), 2) for value in quad.ravel()]], "area": round(float(area), 1),
                "bbox": [round(float(value), 2) for value in (left, top, right - left, bottom - top)],
            })  # fmt: skip
    write_whole(path, json.dumps({"images": images, "annotations": annotations, "categories": categories}, indent=1))
    return len(annotations)


def _mask(one: _Drawn, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Polygons, a box, or run lengths in numbers or letters, → `(height, width)` of 0 and 1.

    Raises ValueError for one that does not fit the picture: pycocotools, which is C, believes what it is given.
    """
    from pycocotools.mask import decode, frPyObjects, merge

    shape = one.segmentation or _box(one.bbox)
    if isinstance(shape, _RunLengths):
        if shape.size != (height, width):
            raise ValueError(f"size {list(shape.size)}: want that of the image, [{height}, {width}]")
        counts = _unpacked(shape.counts) if isinstance(shape.counts, str) else shape.counts
        if sum(counts) != height * width or min(counts) < 0:  # of fewer, decode gives what the memory held before
            raise ValueError(f"counts of {sum(counts)} pixels; want {height * width}, none below 0")
        encoded = frPyObjects({"size": [height, width], "counts": counts}, height, width)
    else:
        far = max(height, width)
        for polygon in shape:
            if len(polygon) < 6 or len(polygon) % 2:
                raise ValueError(f"a polygon of {len(polygon)} numbers; want x and y of three points or more")
            if min(polygon) < -far or max(polygon) > 2 * far:
                raise ValueError(f"a polygon from {min(polygon):g} to {max(polygon):g}: far outside of the image")
        encoded = frPyObjects(shape, height, width)
    with warnings.catch_warnings():  # pycocotools 2.0.11 hands NumPy 2 arrays in the way of NumPy 1
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        return np.array(decode(merge(encoded) if isinstance(encoded, list) else encoded), np.uint8)


def _unpacked(text: str) -> list[int]:
    """Run lengths of COCO's letters: five bits each, the sixth says that more follow; from the fourth run on, the change."""
    counts: list[int] = []
    value = bits = 0
    for letter in text:
        given = ord(letter) - 48
        value |= (given & 31) << bits
        bits += 5
        if bits > 35:
            break
        if not given & 32:
            value -= (given & 16) << (bits - 4)
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = bits = 0
    if bits:
        raise ValueError("counts: letters that are no run lengths")
    return counts


def _shares(book: Book, mask: npt.NDArray[np.uint8], corners: Corners) -> npt.NDArray[np.float64]:
    """Share of every cell, without its margin, that a mask `(H, W)` covers, `(cells,)`."""
    flat = rectify((255 * mask)[:, :, None], corners, book.grid)
    cells = split_cells(flat.reshape(*flat.shape[:2], 1), book.grid)
    edge = max(1, round(MARGIN * book.grid.cell_px))
    return np.asarray(cells[:, edge:-edge, edge:-edge].mean(axis=(1, 2, 3)) / 255)


def _box(box: tuple[float, float, float, float] | None) -> list[list[float]]:
    if box is None:
        raise ValueError("neither segmentation nor bbox; want one of them")
    x, y, width, height = box
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def _read(path: Path) -> _Coco:
    """Raises AnnotationError naming the file and the first key that is wrong."""
    try:
        return _Coco.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise AnnotationError(
            f"{path}: not a COCO file: {where}: {first['msg']}; want images, annotations and categories"
        ) from None


def _photo_of(book: Book, file_name: str) -> str | None:
    """By the whole name, else by the last part of it where that is one photo's alone."""
    if file_name in book.photos.files:
        return file_name
    found = [name for name in book.photos.files if Path(name).name == Path(file_name).name]
    return found[0] if len(found) == 1 else None
