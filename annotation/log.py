"""`annotations.csv`: an append-only log of who said what of which photo and cell, the truth that the tables come from.

One line is one statement. A later one of the same person, round, cell and field replaces an earlier one; nothing is ever
removed, so the log is also the history. Several processes may append to it at once.
"""

import csv
import dataclasses
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from datamodules.base.errors import DataError
from datamodules.base.tables import Table, same_name

COLUMNS = ("time", "annotator", "round", "photo", "row", "col", "field", "value")
LOCK_S = 30.0


class AnnotationError(ValueError):
    """Something in a folder of photos or its annotations is wrong; one line that names the file, line or value."""


class LogError(RuntimeError):
    """The log cannot be used now: held by another process, or damaged. What was to be said has not been said."""


def table_of(path: Path, wanted: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each line of a csv stands, and its values by column. Raises AnnotationError for what is no such csv."""
    try:
        for line, row in Table(path, wanted):
            yield f"{path}, line {line}", row
    except DataError as error:
        raise AnnotationError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of the log."""

    annotator: str
    round: int
    photo: str
    """As photos.csv names it."""
    field: str
    """Of a cell: `label`, `settled`, `votes`, or `proposed`, what a network's proposal said as the label was given; of a photo: `corners`, `turned`, or a column of photos.csv."""
    value: str
    """Empty takes back what was said before."""
    cell: tuple[int, int] | None = None
    """Row and column, None for what is said of the whole photo."""
    time: str = ""
    """ISO 8601, UTC; filled in when it is written."""
    line: int = dataclasses.field(default=0, compare=False)
    """Of the file that it was read from; 0 for one that was not."""


class Log:
    """The log of a folder; `read` gives what came since the last call, whoever wrote it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "annotations.csv"
        self._lock = FileLock(folder / ".annotations.lock", timeout=LOCK_S)
        self._offset = 0
        self._line = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """No other process appends meanwhile. May be held again by who holds it. Raises LogError when another process
        keeps it.
        """
        try:
            with self._lock:
                yield
        except Timeout:
            raise LogError(f"{self.path}: another process has held it for {LOCK_S:g} s") from None

    def append(self, statements: Iterable[Statement]) -> None:
        """Writes them at the end, all of them on the disk when this returns. Raises OSError when they cannot be."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for one in statements:
            row, col = one.cell if one.cell is not None else ("", "")
            # a line is a statement: no value holds a line break, so a torn end is seen
            value = " ".join(one.value.split())
            writer.writerow([one.time or now, one.annotator, one.round, one.photo, row, col, one.field, value])
        with self.held():
            self._append_bytes(text.getvalue().encode())

    def _append_bytes(self, data: bytes) -> None:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = _whole_lines(handle)
            os.ftruncate(handle, size)  # a process was killed while it wrote, and never said that it had
            if not size:
                data = (",".join(COLUMNS) + "\n").encode() + data
            try:
                written = os.write(handle, data)
                if written < len(data):
                    raise OSError(f"{self.path}: only {written} of {len(data)} bytes could be written: disk full?")
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)  # all or nothing
                raise
        finally:
            os.close(handle)

    def read(self) -> list[Statement]:
        """The statements since the last call. Raises LogError for a line that is none."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._offset:
                    raise LogError(f"{self.path}: has become shorter; it only ever grows: start again")
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        try:
            lines = whole.decode().split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise LogError(f"{self.path}: not UTF-8 text ({error.reason})") from None
        said = [one for number, line in enumerate(lines, self._line + 1) if (one := self._parsed(line, number))]
        self._offset += len(whole)
        self._line += len(lines)
        return said

    def _parsed(self, text: str, line: int) -> Statement | None:
        if line == 1:
            if tuple(text.lstrip("\ufeff").split(",")) != COLUMNS:
                raise LogError(f"{self.path}: its first line is not {','.join(COLUMNS)}")
            return None
        try:
            values = next(csv.reader([text]), [])
        except csv.Error as error:
            raise LogError(f"{self.path}, line {line}: not a line of a csv ({error})") from None
        if len(values) != len(COLUMNS):
            raise LogError(f"{self.path}, line {line}: {len(values)} values; want {','.join(COLUMNS)}")
        time, annotator, number, photo, row, col, field, value = values
        try:
            cell = (int(row), int(col)) if row else None
            said = Statement(annotator, int(number), same_name(photo), field, value, cell, time, line)
            if field == "corners" and value:
                _, *_ = map(float, value.split())
        except ValueError:
            raise LogError(
                f"{self.path}, line {line}: round={number!r}, row={row!r}, col={col!r}, {field}={value!r}: want numbers"
            ) from None
        return said


def _whole_lines(handle: int) -> int:
    """Bytes of a file up to the end of its last whole line."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, 65_536, max(size - 65_536, 0))
    end = tail.rfind(b"\n") + 1
    return 0 if not end and size <= len(tail) else max(size - len(tail), 0) + end
