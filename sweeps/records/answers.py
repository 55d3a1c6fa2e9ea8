"""The answers of several runs as one table."""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet

from sweeps.records.run_record import RecordError


class AnswersError(RecordError):
    """A predictions.parquet that cannot be read; the message names it."""


_said: set[str] = set()


def say_left_out(error: AnswersError) -> None:
    """Names, once, what a table goes without."""
    if str(error) not in _said:
        _said.add(str(error))
        print(f"left out of what is pooled: {error}", file=sys.stderr)


def answers_of(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of one predictions.parquet. Raises AnswersError."""
    rows: pd.DataFrame = _whole(path, columns, ()).to_pandas(ignore_metadata=True)
    return rows


def _whole(path: Path, columns: Sequence[str] | None, unread: Collection[str]) -> pa.Table:
    try:
        with parquet.ParquetFile(path) as file:
            return file.read(columns or [name for name in file.schema_arrow.names if name not in unread])
    except (OSError, pa.ArrowException) as error:
        why = str(error).splitlines()[0][:100]
        raise AnswersError(f"{path}: no whole answers ({why}); want those that its training or export wrote") from None


def read_answers(paths: Sequence[Path], unread: Collection[str] = (), **wanted: Sequence[str]) -> pd.DataFrame:
    """Rows of a predictions.parquet of each run, one below the other; column `record`: the place of its run.

    Raises AnswersError for the first file that cannot be read.

    Args:
        paths: of the files.
        unread: columns to leave out.
        wanted: by a column what it must be, for each run.

    """
    tables = []
    for at, path in enumerate(paths):
        table = _whole(path, None, unread)
        try:
            for name, values in wanted.items():
                table = table.filter(compute.equal(table[name], values[at]))
        except (KeyError, pa.ArrowException) as error:
            raise AnswersError(f"{path}: {error}; want the columns that its training or export wrote") from None
        tables.append(table)
    whole: pd.DataFrame = pa.concat_tables(tables, promote_options="permissive").to_pandas(ignore_metadata=True)
    return whole.assign(record=np.repeat(np.arange(len(tables)), [len(table) for table in tables]))
