"""What photos.csv and cells.csv say that lay in a folder before it was annotated here."""

from collections.abc import Callable

import numpy as np

from annotation.log import AnnotationError, Statement, table_of
from annotation.photos import Photos
from annotation.state import IMPORTED, PHOTO_FIELDS
from datamodules.base.errors import DataError
from datamodules.base.tables import same_name, whole
from datamodules.screens.grid import check_corners
from datamodules.screens.photo_folder import CORNER_COLUMNS, FALSE_WORDS, NO_LABEL, PIXELS, SIDE, TRUE_WORDS

KNOWN = ("photo", *PHOTO_FIELDS, "width", "height", *CORNER_COLUMNS)
PLACE = whole(0, 999)
RESERVED = ("row", "col", "label", "settled", "votes", "proposed", "corners", "turned")
"""What statements are about: no further column of photos.csv may be called so."""
Check = Callable[[Statement], None]


def earlier_statements(photos: Photos, extra: list[str], check: Check, check_cell: Check) -> list[Statement]:
    """Both tables as statements of nobody's. Raises AnnotationError naming file and line.

    Args:
        photos: of the folder; what the tables list and is not there is added to those left out.
        extra: further columns of photos.csv are added to it, and kept.
        check, check_cell: raise AnnotationError for a statement, and for one of a cell whose photo is gone.

    """
    said: list[Statement] = []
    for name, wanted, written in (
        ("photos.csv", ("photo",), lambda row, where: _photo(photos, extra, row, where)),
        ("cells.csv", ("photo", "row", "col", "label"), _cell),
    ):  # fmt: skip
        path = photos.root / name
        if path.exists():
            for where, row in table_of(path, wanted):
                try:
                    found = written(row | {"photo": same_name(row["photo"])}, where)
                except DataError as error:
                    raise AnnotationError(str(error)) from None
                _check_all(found, where, photos, check, check_cell)
                said += found
    return said


def _photo(photos: Photos, extra: list[str], row: dict[str, str], where: str) -> list[Statement]:
    name = row["photo"]
    file = photos.files.get(name)
    if file is None:
        photos.left_out.append(f"{name or '(no name)'}: {where} lists it, and there is no such readable photo")
    extra += [key for key in row if key and key not in (*KNOWN, *RESERVED, *extra)]
    said = []
    if all(row.get(key) for key in CORNER_COLUMNS):
        for key in CORNER_COLUMNS:
            PIXELS.read(row, key, where)
        said.append(Statement(IMPORTED, 0, name, "corners", " ".join(row[key] for key in CORNER_COLUMNS)))
    if row.get("width") and row.get("height"):
        width, height = SIDE.read(row, "width", where), SIDE.read(row, "height", where)
        if said and file is not None and (width, height) != (file.width, file.height):
            raise AnnotationError(
                f"{where}: width={width}, height={height}: {name} has {file.width} x {file.height} pixels, to which its "
                "corners have to refer"
            )
    for key in (*PHOTO_FIELDS, *extra):
        value = row.get(key, "")
        if key == "unusable" and value.strip().lower() in (*TRUE_WORDS, *FALSE_WORDS):
            value = "1" if value.strip().lower() in TRUE_WORDS else ""
        if value:
            said.append(Statement(IMPORTED, 0, name, key, value))
    return said


def _cell(row: dict[str, str], where: str) -> list[Statement]:
    cell = PLACE.read(row, "row", where), PLACE.read(row, "col", where)
    given = {"label": "" if row["label"] == NO_LABEL else row["label"], "votes": row.get("votes", "")}
    return [Statement(IMPORTED, 0, row["photo"], field, value, cell) for field, value in given.items() if value]


def _check_all(said: list[Statement], where: str, photos: Photos, check: Check, check_cell: Check) -> None:
    """Of photos that are gone, what can be kept is kept: they may come back."""
    try:
        for one in said:
            if one.photo in photos.files:
                check(one)
            elif one.field == "corners":
                check_outline(one.value, 10**6, 10**6)
            elif one.cell is not None:
                check_cell(one)
    except AnnotationError as error:
        raise AnnotationError(f"{where}: {error}") from None


def check_outline(text: str, width: int, height: int) -> None:
    """Raises AnnotationError for corners that are no outline within a photo of so many pixels."""
    try:
        corners = np.array(text.split(), float).reshape(4, 2)
        check_corners(corners, width, height)
    except ValueError as error:
        raise AnnotationError(f"corners: {error}") from None
