"""A csv beside images that says something of each one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.base.errors import DataError
from datamodules.base.tables import Table, hint_of, on_disk, same_name
from datamodules.images.index import NAMES_OF_PARTS
from storage.inside import leads_out

OWN_COLUMNS = ("image", "source_id", "group", "part")
"""What every such table may have, beside what it is about."""


@dataclass(frozen=True)
class Row:
    """A line of the csv; empty where it lacks the column."""

    line: int
    image: str
    """Its path in the folder."""
    values: tuple[float, ...]
    """What the table is about, column by column."""
    source_id: str
    group: str
    part: str


def read_table(
    root: Path,
    table: str,
    wanted: str,
    columns_of: Callable[[Sequence[str]], list[str]],
    value_of: Callable[[str], float],
) -> tuple[list[str], list[Row]]:
    """The columns that the table is about, and its rows.

    Args:
        root, table: the folder and the csv in it.
        wanted: what the csv should have, for messages: `image,wear`.
        columns_of: of the header, the columns that it is about; may raise ValueError with what is wrong.
        value_of: of a cell's text, its value; may raise ValueError with what would be right.

    Raises DataError naming file and line.

    """
    path = root / table
    if not root.is_dir():
        raise DataError(f"{root}: no such folder (datamodule.root): want images and {table} with {wanted}")
    if not path.exists():
        raise DataError(f"{path}: no such file (datamodule.table): want a csv with {wanted}")
    given = Table(path)
    try:
        columns = columns_of(given.columns)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    rows = [_row(row, root, f"{path}: line {line}", line, columns, value_of) for line, row in given]
    if not rows:
        raise DataError(f"{path}: has no rows")
    _check_whole(path, rows)
    return columns, rows


def _check_whole(path: Path, rows: list[Row]) -> None:
    """Raises DataError for an image with two lines, and for columns that only some lines fill."""
    seen: set[str] = set()
    for row in rows:
        if same_name(row.image) in seen:
            raise DataError(f"{path}: line {row.line}: {row.image} has a line already; want one line for each image")
        seen.add(same_name(row.image))
        for name in ("source_id", "part"):
            if bool(getattr(row, name)) != bool(getattr(rows[0], name)):
                raise DataError(
                    f"{path}: line {row.line}: {name} is there in some lines only; want it in all or in none"
                )


def _row(
    given: dict[str, str], root: Path, place: str, line: int, columns: list[str], value_of: Callable[[str], float]
) -> Row:
    text = {name: given.get(name, "").strip() for name in OWN_COLUMNS}
    if not text["image"]:
        raise DataError(f"{place}: image is empty; want a path in the folder")
    if leads_out(text["image"]):
        raise DataError(f"{place}: image={text['image']}: leads out of the folder; want a path in it")
    values = []
    for column in columns:
        try:
            values.append(value_of(given[column]))
        except ValueError as error:
            raise DataError(f"{place}: {column}={error}{hint_of(given[column])}") from None
    image = on_disk(root, text["image"]).relative_to(root).as_posix()
    part = NAMES_OF_PARTS.get(text["part"].lower(), text["part"])
    if part not in ("", "train", "val", "test"):
        raise DataError(f"{place}: part={part}; want train, val or test")
    return Row(line, image, tuple(values), text["source_id"], text["group"], part)
