"""Rows that are read off the records of a large sweep, kept beside them in columns; a record is read again once it has changed."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import batched
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from storage.identity import identity
from storage.own_mark import own_bytes, write_own

VERSION = "4"
"""Raised when what is kept means something else."""
CHUNK = 500
"""Records whose rows are held as dictionaries at once."""
TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
JSON = pa.binary()
"""A column with values of several types, or with None; what is missing is null in every column."""

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""By the name of the table that they belong to."""


def kept_tables(
    path: Path, folders: Sequence[Path], names: Sequence[str], make: Callable[[Path], Rows]
) -> dict[str, pd.DataFrame]:
    """Tables as `pd.DataFrame` makes them of all rows of all runs, in the order of `folders`.

    Args:
        path: of the file; what this user's gridlite has not written is as if there were none, what cannot be written is left.
        folders: of the runs.
        names: of the tables.
        make: reads a run's rows, one or more.

    """
    stamps = {folder.name: identity(f"{folder}/record.json") for folder in folders}
    before = _read(path)
    table, read = _brought_up_to_date(before, folders, stamps, names, make)
    if read or before is None or len(table) != len(before):
        written = pa.BufferOutputStream()
        parquet.write_table(table, written)
        with suppress(OSError):
            write_own(path, written.getvalue().to_pybytes())
    return {name: _frame(table, at) for at, name in enumerate(names)}


def _read(path: Path) -> pa.Table | None:
    data = own_bytes(path)
    if data is None:
        return None
    table = parquet.ParquetFile(pa.BufferReader(data)).read()
    about = table.schema.metadata or {}
    return table if about.get(b"version") == VERSION.encode() else None


def _brought_up_to_date(
    before: pa.Table | None, folders: Sequence[Path], stamps: dict[str, str], names: Sequence[str],
    make: Callable[[Path], Rows],
) -> tuple[pa.Table, int]:  # fmt: skip
    """The rows of these runs as their records are now, and how many records were read for it."""
    layouts: dict[tuple[str, ...], int] = {}
    parts, known = [], set()
    if before is not None:
        layouts = {tuple(keys): at for at, keys in enumerate(json.loads(before.schema.metadata[b"layouts"]))}
        runs = before["run"].to_pylist()
        valid = [stamps.get(run) == stamp for run, stamp in zip(runs, before["stamp"].to_pylist(), strict=True)]
        known = {run for run, is_valid in zip(runs, valid, strict=True) if is_valid}
        parts = [before if all(valid) else before.filter(pa.array(valid))]
    unread = [folder for folder in folders if folder.name not in known]
    for some in batched(unread, CHUNK):
        parts.append(_columns(_flat(some, names, make), stamps, layouts))
    table = _joined(parts)
    place = {folder.name: at for at, folder in enumerate(folders)}
    order = np.array([place[run] for run in table["run"].to_pylist()], np.int64)
    if (np.diff(order) < 0).any():
        table = table.take(np.argsort(order, kind="stable"))
    about = {"version": VERSION, "layouts": json.dumps(list(layouts))}
    return table.replace_schema_metadata(about), len(unread)


def _flat(
    folders: Iterable[Path], names: Sequence[str], make: Callable[[Path], Rows]
) -> Iterator[tuple[str, int, Row]]:
    for folder in folders:
        made = make(folder)
        for at, name in enumerate(names):
            yield from ((folder.name, at, row) for row in made.get(name, ()))


def _columns(
    made: Iterable[tuple[str, int, Row]], stamps: dict[str, str], layouts: dict[tuple[str, ...], int]
) -> pa.Table:
    """Rows in columns; `layout` is the place of a row's keys, in their order, among all that occur."""
    runs, tables, rows = zip(*made, strict=True)
    columns = {
        "run": pa.array(runs, pa.string()),
        "stamp": pa.array([stamps[run] for run in runs], pa.string()),
        "table": pa.array(tables, pa.int8()),
        "layout": pa.array([layouts.setdefault(tuple(row), len(layouts)) for row in rows], pa.int32()),
    }
    missing = object()
    for name in dict.fromkeys(key for row in rows for key in row):
        columns[f"={name}"] = _column([row.get(name, missing) for row in rows], missing)
    return pa.table(columns)


def _column(values: list[Any], missing: object) -> pa.Array:
    kinds = {type(value) for value in values} - {object}
    if len(kinds) == 1 and (kind := TYPES.get(next(iter(kinds)))) is not None:
        with suppress(OverflowError, UnicodeEncodeError, pa.ArrowException):
            return pa.array([None if value is missing else value for value in values], kind)
    return pa.array([None if value is missing else json.dumps(value).encode() for value in values], JSON)


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """One below the other; a column whose types differ becomes JSON."""
    if len(parts) == 1:
        return parts[0]
    joined = {}
    for name in dict.fromkeys(name for part in parts for name in part.column_names):
        pieces = [part[name] if name in part.column_names else None for part in parts]
        kinds = {piece.type for piece in pieces if piece is not None}
        kind = kinds.pop() if len(kinds) == 1 else JSON
        chunks = []
        for part, piece in zip(parts, pieces, strict=True):
            chunks += [pa.nulls(len(part), kind)] if piece is None else _as(piece, kind)
        joined[name] = pa.chunked_array(chunks, kind)
    return pa.table(joined)


def _as(piece: pa.ChunkedArray, kind: pa.DataType) -> list[pa.Array]:
    if piece.type == kind:
        return list(piece.chunks)
    words = [None if value is None else json.dumps(value).encode() for value in piece.to_pylist()]
    return [pa.array(words, kind)]


def _frame(table: pa.Table, at: int) -> pd.DataFrame:
    """The rows of one table, as pandas would make it of their dictionaries."""
    layouts = json.loads(table.schema.metadata[b"layouts"])
    here = table.filter(pa.array(table["table"].to_numpy() == at))
    names = dict.fromkeys(name for layout in here["layout"].unique().to_pylist() for name in layouts[layout])
    return pd.DataFrame({name: _series(here[f"={name}"]) for name in names})


def _series(column: pa.ChunkedArray) -> Any:
    if column.type == JSON:
        known = column.combine_chunks().dictionary_encode()
        values = [json.loads(word) for word in known.dictionary.to_pylist()]
        rows = [{} if place is None else {"": values[place]} for place in known.indices.to_pylist()]
        return pd.DataFrame(rows)[""]
    if column.type == pa.bool_() and column.null_count:
        return np.array([np.nan if value is None else value for value in column.to_pylist()], object)
    if column.type == pa.string():
        return pd.Series(column.to_pandas(), dtype="str")
    return column.to_numpy()
