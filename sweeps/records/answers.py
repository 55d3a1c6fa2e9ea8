"""The answers of several runs as one table."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet


def read_answers(paths: Sequence[Path], unread: Collection[str] = (), **wanted: Sequence[str]) -> pd.DataFrame:
    """Rows of a predictions.parquet of each run, one below the other; column `record`: the place of its run.

    Args:
        paths: of the files.
        unread: columns to leave out.
        wanted: by a column what it must be, for each run.

    """
    tables = []
    for at, path in enumerate(paths):
        file = parquet.ParquetFile(path)
        table = file.read([name for name in file.schema_arrow.names if name not in unread])
        for name, values in wanted.items():
            table = table.filter(compute.equal(table[name], values[at]))
        tables.append(table)
    whole: pd.DataFrame = pa.concat_tables(tables, promote_options="permissive").to_pandas(ignore_metadata=True)
    return whole.assign(record=np.repeat(np.arange(len(tables)), [len(table) for table in tables]))
