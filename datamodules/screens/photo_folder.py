"""Reads and checks a data set of screens on disk: `photos.csv`, `cells.csv`, and the photos or ready-cut `cells/`.

The photos lie in `photos/`, or beside photos.csv where there is no such folder.

Nothing here needs torch: bad data is answered before it is imported.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.base.tables import WHOLE, Table, hint_of, number, on_disk, same_name, whole
from datamodules.screens.grid import Grid, check_corners
from storage.inside import leads_out

CORNER_COLUMNS = ("x_tl", "y_tl", "x_tr", "y_tr", "x_br", "y_br", "x_bl", "y_bl")
TRUE_WORDS = {"1", "true", "yes"}
FALSE_WORDS = {"0", "false", "no"}
PIXELS, SIDE = number("a number of pixels"), whole(1, 10**6)
NO_LABEL = "NA"
"""In cells.csv: a cell that nobody could grade, or not yet."""
MISSING = -2
"""While cells.csv is read: no line has said anything of this cell."""


@dataclass(frozen=True)
class Photo:
    """One line of `photos.csv`."""

    name: str
    source_id: str
    """The device: the unit of every split."""
    kind: str
    """What the photo was taken to show, or which camera; results are reported per kind. Empty where not given."""
    corners: npt.NDArray[np.float64] | None
    """`(4, 2)` pixels, or None for ready-cut cells."""
    size: tuple[int, int] | None
    """Width and height that the corners refer to, where given."""


@dataclass(frozen=True)
class PhotoFolder:
    """A checked data set: photos in the order of `photos.csv`."""

    root: Path
    grid: Grid
    photos: list[Photo]
    labels: npt.NDArray[np.int64]
    """`(photos, rows · columns)`; -1 where cells.csv says NA: the cell takes part in nothing."""
    votes: npt.NDArray[np.int64] | None
    """`(photos, rows · columns, K)`: how many said each grade, where cells.csv has a column of votes."""
    unlabelled: list[str]
    """Photos that are left out because none of their cells has a label yet."""
    ready_cut: bool
    files: list[Path] = field(repr=False)
    """The image files that the pixels come from: one per photo, or one per cell."""


def read_photo_folder(root: Path, grid: Grid, num_classes: int, *, labelled: bool = True) -> PhotoFolder:
    """Reads the folder form of the design.

    Photos marked `unusable` are left out with their cells, and those without any label. A cell whose label is NA has
    none on purpose. Where `labelled` is false cells.csv may be missing; the labels are then all -1. Raises DataError on
    the first thing that is wrong.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder (datamodule.root): want photos.csv, cells.csv and photos/ or cells/")
    ready_cut = not (root / "photos").is_dir() and (root / "cells").is_dir()
    photos, unusable = _read_photos(root / "photos.csv", ready_cut)
    votes, without = None, []
    if labelled or (root / "cells.csv").exists():
        labels, votes = _read_labels(root / "cells.csv", photos, unusable, grid, num_classes)
    else:
        labels = np.full((len(photos), grid.cells), -1, np.int64)
    if labelled:
        known: npt.NDArray[np.bool_] = np.asarray((labels >= 0).any(axis=1))
        without = [photo.name for photo, has in zip(photos, known, strict=True) if not has]
        photos = [photo for photo, has in zip(photos, known, strict=True) if has]
        labels, votes = labels[known], votes if votes is None else votes[known]
        if not photos:
            raise DataError(f"{root / 'cells.csv'}: none of the {len(without)} photos has a label")
    files = _image_files(root, photos, grid, ready_cut)
    return PhotoFolder(root, grid, photos, labels, votes, without, ready_cut, files)


def listed_photos(root: Path, grid: Grid) -> PhotoFolder:
    """The photos of photos.csv whatever cells.csv says, which is not read; `unlabelled` names those marked `unusable`.

    Raises DataError on the first thing that is wrong.
    """
    ready_cut = not (root / "photos").is_dir() and (root / "cells").is_dir()
    photos, unusable = _read_photos(root / "photos.csv", ready_cut)
    labels = np.full((len(photos), grid.cells), -1, np.int64)
    return PhotoFolder(
        root, grid, photos, labels, None, sorted(unusable), ready_cut, _image_files(root, photos, grid, ready_cut)
    )


def _read_photos(path: Path, ready_cut: bool) -> tuple[list[Photo], set[str]]:
    wanted = ("photo", "source_id") if ready_cut else ("photo", "source_id", *CORNER_COLUMNS)
    photos: list[Photo] = []
    unusable: set[str] = set()
    seen: set[str] = set()
    for line, row in Table(path, wanted):
        name = same_name(row["photo"])
        if name in seen:
            raise DataError(f"{path}, line {line}: photo {name} is listed twice")
        seen.add(name)
        flag = row.get("unusable", "").strip().lower()
        if flag not in ("", *TRUE_WORDS, *FALSE_WORDS):
            raise DataError(f"{path}, line {line}: unusable={row['unusable']!r:.60}: want 1, or nothing")
        if flag in TRUE_WORDS:
            unusable.add(name)
            continue
        if not row["source_id"].strip():
            raise DataError(f"{path}, line {line}: photo {name} has no source_id")
        where = f"{path}, line {line}, photo {name}"
        corners = None if ready_cut else _corners(row, where)
        photos.append(Photo(name, row["source_id"].strip(), row.get("kind") or "", corners, _size(row, where)))
    if not photos:
        raise DataError(f"{path}: no usable photo in it")
    return photos, unusable


def _corners(row: dict[str, str], where: str) -> npt.NDArray[np.float64]:
    return np.array([PIXELS.read(row, name, where) for name in CORNER_COLUMNS]).reshape(4, 2)


def _size(row: dict[str, str], where: str) -> tuple[int, int] | None:
    if not (row.get("width") and row.get("height")):
        return None
    return SIDE.read(row, "width", where), SIDE.read(row, "height", where)


def _read_labels(
    path: Path, photos: list[Photo], unusable: set[str], grid: Grid, num_classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    index = {photo.name: number for number, photo in enumerate(photos)}
    labels = np.full((len(photos), grid.cells), MISSING, np.int64)
    votes = np.zeros((len(photos), grid.cells, num_classes), np.int64)
    voted = False
    in_rows, in_columns, grade = whole(0, grid.rows - 1), whole(0, grid.columns - 1), whole(0, num_classes - 1)
    for line, row in Table(path, ("photo", "row", "col", "label")):
        where = f"{path}, line {line}"
        name = same_name(row["photo"])
        if name in unusable:
            continue
        if name not in index:
            raise DataError(f"{where}: photo {name} is not in photos.csv")
        cell_row, cell_col = in_rows.read(row, "row", where), in_columns.read(row, "col", where)
        cell = index[name], cell_row * grid.columns + cell_col
        if labels[cell] != MISSING:
            raise DataError(f"{where}: cell ({cell_row}, {cell_col}) of {name} is labelled twice")
        labels[cell] = -1 if row["label"] == NO_LABEL else grade.read(row, "label", where)
        if row.get("votes"):
            votes[cell] = _votes(row["votes"], num_classes, where)
            voted = True
    gaps = np.argwhere(labels == MISSING)
    if len(gaps):
        photo, cell = gaps[0]
        more = f" ({len(gaps)} cells are missing in all)" if len(gaps) > 1 else ""
        spot = divmod(int(cell), grid.columns)
        raise DataError(f"{path}: photo {photos[photo].name} has no label for cell {spot}{more}")
    return labels, votes if voted else None


def _votes(text: str, num_classes: int, where: str) -> list[int]:
    counts = text.split()
    if len(counts) != num_classes or not all(WHOLE.fullmatch(count) and 0 <= int(count) < 10**9 for count in counts):
        raise DataError(
            f"{where}: votes={text!r:.60}: want {num_classes} counts, one for each label, such as 0 2 1 0 0{hint_of(text)}"
        )
    return [int(count) for count in counts]


def cell_name(photo: str, row: int, col: int) -> str:
    """Name of a cell everywhere: `<photo stem>_r<row>_c<col>`; of a photo in a subfolder, with the folder's name."""
    return f"{photo_stem(photo)}_r{row}_c{col}"


def photo_stem(photo: str) -> str:
    """What the names of a photo's cells begin with."""
    return Path(photo).with_suffix("").as_posix().replace("/", "__")


def photo_file(root: Path, name: str) -> Path:
    """Where a photo of a data set lies: in `photos/`, or beside photos.csv where there is no such folder."""
    return (root / "photos" if (root / "photos").is_dir() else root) / name


def _image_files(root: Path, photos: list[Photo], grid: Grid, ready_cut: bool) -> list[Path]:
    if ready_cut:
        files = [
            root / "cells" / f"{cell_name(photo.name, row, col)}.png"
            for photo in photos
            for row in range(grid.rows)
            for col in range(grid.columns)
        ]
    else:
        if away := next((photo.name for photo in photos if leads_out(photo.name)), None):
            raise DataError(f"{root / 'photos.csv'}: photo={away}: leads out of the folder; want a path within it")
        files = [on_disk(photo_file(root, ""), photo.name) for photo in photos]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise DataError(f"{missing}: no such file, though photos.csv lists it")
    stems = Counter(photo_stem(photo.name) for photo in photos)
    stem, count = stems.most_common(1)[0]
    if count > 1:
        raise DataError(f"{root / 'photos.csv'}: {count} photos are called {stem}; their cells would share a name")
    return files


def checked_corners(photo: Photo, width: int, height: int, path: Path) -> npt.NDArray[np.float64]:
    """The corners of a photo, checked against the picture's real size. Raises DataError."""
    assert photo.corners is not None
    if photo.size is not None and photo.size != (width, height):
        raise DataError(f"{path}: is {width} x {height} pixels, photos.csv says {photo.size[0]} x {photo.size[1]}")
    try:
        check_corners(photo.corners, width, height)
    except ValueError as error:
        root = next((parent for parent in path.parents if (parent / "photos.csv").exists()), path.parent)
        raise DataError(f"{root / 'photos.csv'}, photo {photo.name}: {error}") from None
    return photo.corners
