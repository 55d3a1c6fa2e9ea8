"""Records → one table, a row per run."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from metrics.against_baseline import table_columns
from metrics.figures import BOOKKEEPING
from metrics.lookup import metrics_of
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.point_cache import PointCache
from sweeps.records.run_record import Record, RecordError, Status, find_runs, is_live, read_record
from sweeps.tables.exported_files import file_rows
from sweeps.tables.foreign_files import foreign_rows

MANY = 200
"""Runs of a sweep from which on what its records say is kept beside them."""


def read_sweep(sweep: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`collect` and `collect_files` in one pass over the records; of a large sweep a record is read again once it has changed."""
    rows: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    folders = find_runs(sweep)
    cache = PointCache(sweep / ".runs.json", ["record.json"]) if len(folders) >= MANY else None
    for folder in folders:
        make = partial(_rows_of, folder)
        row, *made = make() if cache is None else cache.rows([folder], "", make)
        running = row["status"] == Status.RUNNING
        rows.append(row | {"status": str(Status.INTERRUPTED)} if running and not is_live(folder) else row)
        files += made
    if cache is not None:
        cache.keep()
    return _by_axes(rows), pd.DataFrame(files + foreign_rows(sweep))


def _rows_of(folder: Path) -> list[dict[str, Any]]:
    """Of the table of runs one row, then those of the table of files."""
    try:
        record = read_record(folder)
    except RecordError as error:
        return [{"run": folder.name, "status": "unreadable", "error": str(error)}]
    return [_row(folder, record), *file_rows(folder.name, record)]


def collect(sweep: Path) -> pd.DataFrame:
    """One row per run folder: its axes, initial_weights, status, error, seconds and every scalar metric; ordered by the axes.

    A record that cannot be read has status `unreadable` and the reason under error.
    """
    return read_sweep(sweep)[0]


def _row(folder: Path, record: Record) -> dict[str, Any]:
    scalars = {name: value for name, value in record.get("metrics", {}).items() if isinstance(value, int | float)}
    return {
        "run": folder.name,
        **record.get("axes", {}),
        "initial_weights": record.get("initial_weights", {}).get("origin", ""),
        "shipped": shipped_checkpoint(record) if "metrics" in record else "",
        "status": str(record["status"]),
        "error": record.get("error", ""),
        "seconds": record.get("seconds", {}).get("fit", np.nan),
        "updated": record.get("updated", ""),
        "later_error_at": record.get("later_error", {}).get("at", ""),
        "weights": record.get("weights", np.nan),
        "teacher_weights": record.get("teacher_weights", np.nan),
        "fingerprint": record.get("data", {}).get("fingerprint", ""),
        "classes": len(record.get("data", {}).get("class_names", ())),
        "grid": _grid(record),
        **_beside_baseline(record),
        "recipe": _recipe(record.get("config", {})),
        **{name: record.get("config", {}).get("method", {}).get(name) for name in ("temperature", "soft_share")},
        **({"temperature": record["temperature"]} if "temperature" in record else {}),
        **scalars,
    }


def _beside_baseline(record: Record) -> dict[str, str]:
    compared = record.get("against_baseline")
    return table_columns(compared, metrics_of(str(record["axes"]["task"])) if compared else None)


def _grid(record: Record) -> str:
    """Columns x rows of cells into which a photo is cut; empty where a picture is one sample."""
    grid = (record.get("data", {}).get("preprocessing") or {}).get("grid")
    return f"{grid['columns']}x{grid['rows']}" if isinstance(grid, dict) else ""


RECIPE = ("backbone", "encoding", "augmentation", "imbalance", "optimizer", "schedule", "fine_tuning", "task", "method")


def _recipe(config: dict[str, Any]) -> str:
    """Equal for runs that are trained alike, whatever of it stands in files: what axes cannot tell."""
    parts = {name: config.get(name) for name in RECIPE} | {"epochs": config.get("trainer", {}).get("max_epochs")}
    method = {key: value for key, value in (parts["method"] or {}).items() if key not in ("teacher", "temperatures")}
    words = orjson.dumps(parts | {"method": method}, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.blake2b(words, digest_size=6).hexdigest()


def _by_axes(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    axes = axis_columns(table) if len(table) and "backbone" in table else []
    return table.sort_values(axes, key=_sortable, ignore_index=True) if axes else table


def _sortable(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Numbers by size, words by letter, what is missing last."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().any() else column.fillna("\uffff").astype(str)


def axis_columns(table: pd.DataFrame) -> list[str]:
    """The columns of `collect` by which its runs differ, `start` among them; backbone always."""
    known = set(BOOKKEEPING)
    axes = [str(name) for name in table if name not in known and "/" not in str(name)]
    return [name for name in axes if name == "backbone" or table[name].astype(str).nunique() > 1]
