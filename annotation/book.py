"""The annotations of a folder: the log, what it says, and the tables that training reads, kept together."""

import csv
import io
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import RLock

from annotation.log import AnnotationError, Log, Statement
from annotation.photos import Photos
from annotation.state import IMPORTED, PHOTO_FIELDS, UNUSABLE, Cell, PhotoState, State
from datamodules.photo_folder import CORNER_COLUMNS, NO_LABEL, TRUE_WORDS
from datamodules.screen_grid import Grid, check_corners

KNOWN = ("photo", *PHOTO_FIELDS, "width", "height", *CORNER_COLUMNS)


class Book:
    """Everything that is known of a folder of photos; safe to use from several threads and processes.

    Args:
        photos: of the folder; photos.csv, cells.csv and annotations.csv are written beside them.
        class_names: grades from best to worst.
        grid: how a phone is divided.

    Tables that were there before are taken into the log at the first start, and copies of them are kept.

    """

    def __init__(self, photos: Photos, class_names: Sequence[str], grid: Grid) -> None:
        self.photos, self.class_names, self.grid = photos, tuple(class_names), grid
        self.log, self.state = Log(photos.root), State()
        self.cells: list[Cell] = [(row, col) for row in range(grid.rows) for col in range(grid.columns)]
        self._thread = RLock()
        self._lines: dict[str, tuple[str, str]] = {}
        self._extra: list[str] = []
        try:
            with self._thread, self.log.held():
                if not self.log.path.exists():
                    self._import_tables()
                self._catch_up(derive=True)
        except OSError as error:
            raise AnnotationError(f"{photos.root}: cannot write here ({error.strerror})") from None

    def refresh(self) -> State:
        """What everybody has said up to now."""
        with self._thread:
            self._catch_up(derive=False)
            return self.state

    def say(self, statements: Iterable[Statement]) -> None:
        """Logs statements, all on the disk when this returns, and rewrites the tables.

        Raises AnnotationError for a photo, cell or value that does not exist; nothing is written then.
        """
        said = list(statements)
        for one in said:
            self.check(one)
        with self._thread, self.log.held():
            self.log.append(said)
            self._catch_up(derive=True)

    def check(self, said: Statement) -> None:
        """Raises AnnotationError for a statement that could not be trained on."""
        file = self.photos[said.photo]
        if said.field in ("label", "settled"):
            if said.cell not in self.cells:
                raise AnnotationError(f"cell {said.cell}: the grid has {self.grid.rows} rows of {self.grid.columns}")
            labels = [str(label) for label in range(len(self.class_names))]
            if said.value not in ("", UNUSABLE, *labels):
                raise AnnotationError(f"{said.field}={said.value}: want {', '.join(labels)} or {UNUSABLE}")
        elif said.field == "corners" and said.value:
            _check_outline(said.value, file.width, file.height)
        elif said.field not in ("corners", *PHOTO_FIELDS, *self._extra):
            raise AnnotationError(f"{said.field}: nothing that is said of photos; want {', '.join(PHOTO_FIELDS)}")

    def complete(self, photo: str) -> bool:
        """Whether training could read this photo: it has an outline and a device."""
        one = self.state[photo]
        return one.corners is not None and bool(one.columns.get("source_id"))

    def _catch_up(self, *, derive: bool) -> None:
        touched = self.state.apply(self.log.read())
        for name in touched & self.photos.files.keys():
            columns = self.state[name].columns
            self._extra += [key for key in columns if key not in KNOWN and key not in self._extra]
            self._lines.pop(name, None)
        if derive:
            self._write_tables()

    def _write_tables(self) -> None:
        rows = [self._lines_of(name) for name in self.photos.files if self.complete(name)]
        header = ",".join((*KNOWN, *self._extra))
        _replace(self.photos.root / "photos.csv", "".join([header + "\n", *(photo for photo, _ in rows)]))
        _replace(
            self.photos.root / "cells.csv", "".join(["photo,row,col,label,votes\n", *(cells for _, cells in rows)])
        )

    def _lines_of(self, name: str) -> tuple[str, str]:
        """A photo's line of photos.csv and its lines of cells.csv."""
        if name not in self._lines:
            one, file = self.state[name], self.photos[name]
            assert one.corners is not None
            known = {"photo": name, "width": file.width, "height": file.height, **one.columns}
            known |= dict(zip(CORNER_COLUMNS, (f"{number:g}" for number in one.corners), strict=True))
            photo = _csv([[known.get(key, "") for key in (*KNOWN, *self._extra)]])
            cells = [] if one.left_out else [[name, *cell, *self._label_and_votes(one, cell)] for cell in self.cells]
            self._lines[name] = photo, _csv(cells)
        return self._lines[name]

    def _label_and_votes(self, one: PhotoState, cell: Cell) -> tuple[str, str]:
        label = one.label(cell)
        given = list(one.votes_of(cell).values())
        counts = [given.count(str(grade)) for grade in range(len(self.class_names))]
        return NO_LABEL if label in ("", UNUSABLE) else label, " ".join(map(str, counts)) if any(counts) else ""

    def _import_tables(self) -> None:
        """What photos.csv and cells.csv say already, as the first statements of the log."""
        said = []
        for name, written in (("photos.csv", self._imported_photo), ("cells.csv", self._imported_cell)):
            path = self.photos.root / name
            if path.exists():
                shutil.copy2(path, path.with_name(f"{path.stem}.before{path.suffix}"))
                with path.open(newline="", encoding="utf-8-sig") as file:
                    for number, row in enumerate(csv.DictReader(file), 2):
                        said += written(row, f"{path}, line {number}")
        if said:
            self.log.append(said)

    def _imported_photo(self, row: dict[str, str], where: str) -> list[Statement]:
        name = row.get("photo") or ""
        if name not in self.photos.files:
            self.photos.left_out.append(f"{name or '(no name)'}: {where} lists it, and there is no such readable photo")
        self._extra += [key for key in row if key and key not in KNOWN and key not in self._extra]
        corners = [row.get(key) or "" for key in CORNER_COLUMNS]
        said = []
        if all(corners):
            said.append(Statement(IMPORTED, 0, name, "corners", " ".join(corners)))
        for key in (*PHOTO_FIELDS, *self._extra):
            value = row.get(key) or ""
            if key == "unusable":
                value = "1" if value.strip().lower() in TRUE_WORDS else ""
            if value:
                said.append(Statement(IMPORTED, 0, name, key, value))
        for one in said:
            self._check_import(one, where)
        return said

    def _imported_cell(self, row: dict[str, str], where: str) -> list[Statement]:
        try:
            cell = int(row["row"]), int(row["col"])
            label = row["label"].strip()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise AnnotationError(f"{where}: want photo,row,col,label with whole numbers") from None
        said = Statement(IMPORTED, 0, row["photo"], "label", "" if label == NO_LABEL else label, cell)
        self._check_import(said, where)
        return [said] if said.value else []

    def _check_import(self, said: Statement, where: str) -> None:
        if said.photo not in self.photos.files:
            return  # kept in the log all the same
        try:
            self.check(said)
        except AnnotationError as error:
            raise AnnotationError(f"{where}: {error}") from None


def _check_outline(text: str, width: int, height: int) -> None:
    import numpy as np

    try:
        corners = np.array(text.split(), float).reshape(4, 2)
        check_corners(corners, width, height)
    except ValueError as error:
        raise AnnotationError(f"corners: {error}") from None


def _csv(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Whole or not at all; a file that says so already is left alone."""
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
