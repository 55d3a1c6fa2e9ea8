"""The csv beside images that says each one's number."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules.base.errors import DataError
from datamodules.images.index import NAMES_OF_PARTS


@dataclass(frozen=True)
class Row:
    """A line of the csv; empty where it lacks the column."""

    line: int
    image: str
    number: float
    source_id: str
    group: str
    part: str


def read_numbers(root: Path, table: str, column: str, low: float, high: float) -> list[Row]:
    """The csv's rows. Raises DataError naming file and line."""
    path = root / table
    if not root.is_dir():
        raise DataError(f"{root}: no such folder (datamodule.root): want images and {table} with image,{column}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns: Sequence[str] = reader.fieldnames or []
            if missing := [name for name in ("image", column) if name not in columns]:
                raise DataError(
                    f"{path}: lacks the column {missing[0]}; it has {', '.join(columns) or 'none'} "
                    "(datamodule.column names the one with the numbers)"
                )
            rows = [_row(one, path, reader.line_num, column, low, high) for one in reader]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (datamodule.table): want a csv with image,{column}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a csv in UTF-8 ({error})") from None
    if not rows:
        raise DataError(f"{path}: has no rows")
    seen: set[str] = set()
    for row in rows:
        if row.image in seen:
            raise DataError(f"{path}: line {row.line}: {row.image} has a number already; want one line for each image")
        seen.add(row.image)
        for name in ("source_id", "part"):
            if bool(getattr(row, name)) != bool(getattr(rows[0], name)):
                raise DataError(
                    f"{path}: line {row.line}: {name} is there in some lines only; want it in all or in none"
                )
    return rows


def _row(given: dict[str, Any], path: Path, line: int, column: str, low: float, high: float) -> Row:
    place = f"{path}: line {line}"
    text = {name: (given.get(name) or "").strip() for name in ("image", column, "source_id", "group", "part")}
    if not text["image"]:
        raise DataError(f"{place}: image is empty; want a path in the folder")
    try:
        number = float(text[column])
    except ValueError:
        raise DataError(f"{place}: {column}={text[column]!r}; want a number") from None
    if not (math.isfinite(number) and low <= number <= high):
        raise DataError(f"{place}: {column}={number:g}; want {low:g} to {high:g} (datamodule.low, datamodule.high)")
    part = NAMES_OF_PARTS.get(text["part"].lower(), text["part"])
    if part not in ("", "train", "val", "test"):
        raise DataError(f"{place}: part={part}; want train, val or test")
    return Row(line, Path(text["image"]).as_posix(), number, text["source_id"], text["group"], part)
