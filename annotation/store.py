"""The annotations of a folder: the log, what it says, and the tables that training reads, kept together."""

import csv
import io
import math
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from annotation.earlier_tables import KNOWN, check_outline, earlier_statements
from annotation.log import AnnotationError, Log, Statement
from annotation.photos import Photos
from annotation.profile import Device, check_earlier, check_profile, is_of, write_profile
from annotation.state import IMPORTED, PHOTO_FIELDS, UNUSABLE, Cell, PhotoState, State, plain_number
from datamodules.base.tables import WHOLE
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import CORNER_COLUMNS, FALSE_WORDS, NO_LABEL, TRUE_WORDS
from datamodules.screens.profile import FILE as PROFILE
from storage.whole_file import write_whole

UNPRINTABLE = re.compile(r'[\x00-\x1f\x7f<>"]')
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
MOST_ROUNDS = 99


class Book:
    """Everything that is known of a folder of photos; safe to use from several threads and processes.

    Args:
        photos: of the folder; photos.csv, cells.csv and annotations.csv are written beside them.
        class_names: grades from best to worst.
        grid: how a phone is divided.
        device: what is photographed, and its rules; a new folder's profile.json keeps them.
        redefine: whether an older folder's does as well.
        writes: whether anything may be written; who only reads needs no folder that can be written.

    Tables that were there before are taken into the log at the first start, and copies of them are kept.

    """

    def __init__(
        self,
        photos: Photos,
        class_names: Sequence[str],
        grid: Grid,
        device: Device | None = None,
        *,
        redefine: bool = False,
        writes: bool = True,
    ) -> None:
        self.photos, self.class_names, self.grid = photos, tuple(class_names), grid
        self.log, self.state = Log(photos.root), State()
        self.cells: list[Cell] = [(row, col) for row in range(grid.rows) for col in range(grid.columns)]
        self._thread = RLock()
        self._lines: dict[str, tuple[str, str]] = {}
        self.extra: list[str] = []
        """Columns of an earlier photos.csv that are kept, though nothing here needs them."""
        there = check_profile(photos.root, self.class_names, grid)
        profiled, self.device = there is not None, device
        if not writes:
            if self.log.path.exists():
                self._take_in(self._checked_log(profiled))
            else:
                self._take_in(earlier_statements(self.photos, self.extra, self.check, self.check_cell))
            return
        try:
            with self._thread, self.log.held():
                if not self.log.path.exists():
                    self._import_tables()
                self._take_in(self._checked_log(profiled))
                self._write_tables()
                if there is not None and redefine and not is_of(there, device):
                    write_profile(photos.root, self.class_names, grid, device)
        except OSError as error:
            raise AnnotationError(f"{photos.root}: cannot write here ({error.strerror})") from None

    def _checked_log(self, profiled: bool) -> list[Statement]:
        said = self.log.read()
        if not profiled:
            check_earlier(self.log.path, self.photos.root / "cells.csv", said, len(self.class_names), self.grid)
        for one in said:
            try:
                self.check_logged(one)
            except AnnotationError as error:
                raise AnnotationError(f"{self.log.path}, line {one.line}: {one.photo}: {error}") from None
        return said

    @contextmanager
    def reading(self) -> Iterator[State]:
        """What everybody has said up to now; nothing changes meanwhile, so do nothing slow."""
        with self._thread:
            self._take_in(self.log.read())
            yield self.state

    def say(self, statements: Iterable[Statement], defaults: Iterable[Statement] = ()) -> None:
        """Logs statements, all on the disk when this returns, and rewrites the tables.

        Args:
            statements: in their order.
            defaults: of whole photos, said only where nobody has said anything else yet.

        Raises AnnotationError for a photo, cell or value that does not exist; nothing is written then.

        """
        said, assumed = list(statements), list(defaults)
        for one in (*said, *assumed):
            self.check(one)
        with self._thread, self.log.held():
            self._take_in(self.log.read())
            self.log.append([*(one for one in assumed if not self._is_known(one)), *said])
            self._take_in(self.log.read())
            self._derive()

    def turn(self, photo: str, annotator: str, number: int) -> None:
        """The phone is the other way up: its corners turn, and everybody's grades stay on their glass."""
        self.say([Statement(annotator, number, photo, "turned", f"{self.grid.rows}x{self.grid.columns}")])

    def check(self, said: Statement) -> None:
        """Raises AnnotationError for a statement that could not be trained on, or that no page would make."""
        file = self.photos[said.photo]
        if not said.annotator or UNPRINTABLE.search(said.annotator):
            raise AnnotationError(
                f"annotator={said.annotator!r}: want a name, without control characters, < > and quotes"
            )
        if not 0 <= said.round <= MOST_ROUNDS or (said.round == 0) != (said.annotator == IMPORTED):
            raise AnnotationError(f"round={said.round}: want 1 to {MOST_ROUNDS}; 0 is of {IMPORTED} alone")
        if CONTROL.search(said.value):
            raise AnnotationError(f"{said.field}={said.value!r}: want a text without control characters")
        if said.field == "unusable" and said.value.strip().lower() not in ("", *TRUE_WORDS, *FALSE_WORDS):
            raise AnnotationError(f"unusable={said.value}: want 1, or nothing")
        if said.field in ("label", "settled", "votes", "proposed"):
            self.check_cell(said)
        elif said.field == "corners" and said.value:
            check_outline(said.value, file.width, file.height)
        elif said.field not in ("corners", "turned", *PHOTO_FIELDS, *self.extra):
            raise AnnotationError(f"{said.field}: nothing that is said of photos; want {', '.join(PHOTO_FIELDS)}")

    def check_logged(self, said: Statement) -> None:
        """Raises AnnotationError for a line of the log that no page has written; photos may have gone and columns come since."""
        for name, text in (("annotator", said.annotator), ("photo", said.photo), (said.field, said.value)):
            if CONTROL.search(text):
                raise AnnotationError(f"{name}={text!r}: want a text without control characters")
        if said.field in ("label", "settled", "votes", "proposed"):
            if said.value:
                self.check_cell(said)
        elif said.field == "corners" and said.value:
            numbers = [float(one) for one in said.value.split()]
            if len(numbers) != 8 or not all(map(math.isfinite, numbers)):
                raise AnnotationError(f"corners={said.value}: want x and y of four corners")
        elif said.field == "turned" and said.value != f"{self.grid.rows}x{self.grid.columns}":
            raise AnnotationError(
                f"turned={said.value}: want {self.grid.rows}x{self.grid.columns}, the grid's rows and columns"
            )

    def check_cell(self, said: Statement) -> None:
        """Raises AnnotationError for a cell that the grid lacks, or a label or votes that are none."""
        if said.cell not in self.cells:
            raise AnnotationError(f"cell {said.cell}: the grid has {self.grid.rows} rows of {self.grid.columns}")
        labels = [str(label) for label in range(len(self.class_names))]
        if said.field == "votes":
            counts = said.value.split()
            if len(counts) != len(labels) or not all(WHOLE.fullmatch(count) for count in counts):
                raise AnnotationError(f"votes={said.value!r}: want {len(labels)} counts, one for each label")
        elif said.field == "proposed":
            if said.value.partition(" ")[0] not in ("", *labels):
                raise AnnotationError(f"proposed={said.value}: want {', '.join(labels)} and the network's name")
        elif said.value not in ("", UNUSABLE, *labels):
            raise AnnotationError(f"{said.field}={said.value}: want {', '.join(labels)} or {UNUSABLE}")

    def complete(self, photo: str) -> bool:
        """Whether training could read this photo: it has an outline and a device."""
        one = self.state[photo]
        return one.corners is not None and bool(one.columns.get("source_id"))

    def _is_known(self, said: Statement) -> bool:
        one = self.state[said.photo]
        return one.corners is not None if said.field == "corners" else bool(one.columns.get(said.field))

    def _take_in(self, statements: Iterable[Statement]) -> None:
        touched = self.state.apply(statements)
        if touched - self.photos.files.keys():
            self.photos.scan()  # another process knows photos that were added since
        for name in touched & self.photos.files.keys():
            columns = self.state[name].columns
            self.extra += [key for key in columns if key not in KNOWN and key not in self.extra]
            self._lines.pop(name, None)

    def _derive(self) -> None:
        """Rewrites the tables. What was said stands all the same where that fails: the next change tries again."""
        try:
            self._write_tables()
        except OSError as error:
            print(f"warning: photos.csv and cells.csv are behind: {error}", file=sys.stderr)

    def _write_tables(self) -> None:
        if not self.state.photos:
            return  # somebody only had a look
        if not (self.photos.root / PROFILE).exists():
            write_profile(self.photos.root, self.class_names, self.grid, self.device)
        rows = [self._lines_of(name) for name in self.state.photos if name in self.photos.files and self.complete(name)]
        header = ",".join((*KNOWN, *self.extra))
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
            known |= dict(zip(CORNER_COLUMNS, map(plain_number, one.corners), strict=True))
            photo = _csv([[known.get(key, "") for key in (*KNOWN, *self.extra)]])
            cells = [] if one.left_out else [[name, *cell, *self._label_and_votes(one, cell)] for cell in self.cells]
            self._lines[name] = photo, _csv(cells)
        return self._lines[name]

    def _label_and_votes(self, one: PhotoState, cell: Cell) -> tuple[str, str]:
        """What is trained on: one grade, and how many said each; a settled grade counts as much as all votes together."""
        label, given = one.label(cell), one.votes_of(cell)
        if cell in one.counts and all(voter[0] == IMPORTED for voter in given):
            counts = [int(count) for count in one.counts[cell].split()]
        else:
            counts = [list(given.values()).count(str(grade)) for grade in range(len(self.class_names))]
        if one.settled.get(cell, UNUSABLE) != UNUSABLE:
            counts[int(one.settled[cell])] += max(sum(counts), 1)
        return NO_LABEL if label in ("", UNUSABLE) else label, " ".join(map(str, counts)) if any(counts) else ""

    def _import_tables(self) -> None:
        said = earlier_statements(self.photos, self.extra, self.check, self.check_cell)
        for name in ("photos.csv", "cells.csv"):
            path = self.photos.root / name
            if path.exists():
                shutil.copy2(path, path.with_name(f"{path.stem}.before{path.suffix}"))
        if said:
            self.log.append(said)


def _csv(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Whole or not at all; a file that says so already is left alone."""
    if not path.exists() or path.read_bytes() != text.encode():
        write_whole(path, text)
