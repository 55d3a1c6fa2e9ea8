"""Csv tables that people and spreadsheets write: each line has a value for each column, and each value one reading."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from unicodedata import normalize

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from datamodules.base.errors import DataError

MOST_LETTERS = 10_000
"""Of one value: more is a quote that was never closed, or no table."""
WHOLE = re.compile(r"-?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
csv.field_size_limit(1 << 24)  # the reader's own limit names no column

Row = dict[str, str]


class Table:
    """A csv's header and its lines.

    Args:
        path: of the file.
        wanted: columns that it must have; empty where the reader asks for its own.
        long: columns whose values may be longer than MOST_LETTERS.
        delimiter: between the values of a line.

    Raises DataError, one line that names file and line, also while the lines are gone through.

    """

    def __init__(self, path: Path, wanted: Sequence[str] = (), long: Sequence[str] = (), delimiter: str = ",") -> None:
        self.path, self.long, self.delimiter = path, long, delimiter
        self._lines = self._read(wanted)
        self.columns: list[str] = next(self._lines)[1]
        """In their order; empty names are no columns."""

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        """The number of each line that is not empty, from 1 with the header, and its values by column."""
        for line, values in self._lines:
            where = f"{self.path}, line {line}"
            if len(values) < len(self.columns):
                raise DataError(f"{where}: fewer values than columns: {len(values)}; want {len(self.columns)}")
            if len(values) > len(self.columns):
                over = ",".join(values[len(self.columns) :])
                raise DataError(
                    f"{where}: more values than columns: {over!r:.60} is beyond the last; want {len(self.columns)}, with "
                    "quotes around a value that holds a comma"
                )
            row = dict(zip(self.columns, values, strict=True))
            for column, value in row.items():
                if len(value) > MOST_LETTERS and column not in self.long:
                    raise DataError(
                        f"{where}: {column}={value[:20]!r}…: {len(value)} letters; want at most {MOST_LETTERS}"
                    )
                if "\0" in value:
                    raise DataError(f"{where}: {column}={value!r:.60}: holds a zero byte; want text")
            if row.get(""):
                raise DataError(f"{where}: {row['']!r:.60} stands in a column without a name; want a name in line 1")
            yield line, row

    def _read(self, wanted: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        line = 0
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file, delimiter=self.delimiter)
                header = [normalize("NFC", name) for name in next(reader, [])]
                self._check_header(header, wanted)
                yield 1, header
                for values in reader:
                    line = reader.line_num
                    if values:
                        yield line, values
        except FileNotFoundError:
            raise DataError(f"{self.path}: no such file; want a csv with the columns {','.join(wanted)}") from None
        except (IsADirectoryError, PermissionError) as error:
            raise DataError(f"{self.path}: cannot be read ({str(error.strerror).lower()}); want a csv") from None
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
        except csv.Error as error:
            raise DataError(f"{self.path}, line {line + 1}: not a csv ({error})") from None

    def _check_header(self, header: list[str], wanted: Sequence[str]) -> None:
        if missing := [name for name in wanted if name not in header]:
            raise DataError(f"{self.path}: no column {', '.join(missing)}; want {','.join(wanted)}")
        if twice := next((name for name in header if header.count(name) > 1), None):
            raise DataError(f"{self.path}, line 1: column {twice} is there {header.count(twice)} times; want it once")


@dataclass(frozen=True)
class Kind[Value]:
    """What the values of a column are."""

    adapter: TypeAdapter[Value]
    wanted: str
    """What would be right, in words."""

    def read(self, row: Mapping[str, str], column: str, where: str) -> Value:
        """A row's value. Raises DataError that names place, column and value, and says what would be right."""
        text = row[column]
        try:
            return self.adapter.validate_python(text)
        except ValidationError:
            raise DataError(f"{where}: {column}={text!r:.60}: want {self.wanted}{hint_of(text)}") from None


def _matching(pattern: re.Pattern[str]) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError
        return value

    return BeforeValidator(check)


def whole(low: int, high: int) -> Kind[int]:
    """Whole numbers of a range, both ends within it."""
    given: Any = Annotated[int, _matching(WHOLE), Field(ge=low, le=high)]
    return Kind(TypeAdapter(given), f"a whole number from {low} to {high}")


def number(wanted: str = "a number") -> Kind[float]:
    """Finite numbers up to 10⁹ in size."""
    given: Any = Annotated[float, _matching(NUMBER), Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
    return Kind(TypeAdapter(given), wanted)


def hint_of(text: str) -> str:
    """Why a text is not read that looks as if it could be."""
    if text != text.strip():
        return ", without spaces"
    if any(letter.isdigit() and not letter.isascii() for letter in text):
        return ", in the digits 0 to 9"
    return ""


def same_name(name: str) -> str:
    """One spelling of a name whose letters can be composed in several ways (Unicode's NFC)."""
    return normalize("NFC", name)


def on_disk(folder: Path, name: str) -> Path:
    """Where a name's file lies, in whatever Unicode form the disk has it; `folder/name` where there is none."""
    path = folder
    for part in Path(name).parts:
        following = path / part
        if not part.isascii() and not following.exists() and path.is_dir():
            wanted = same_name(part)
            following = next((one for one in path.iterdir() if same_name(one.name) == wanted), following)
        path = following
    return path
