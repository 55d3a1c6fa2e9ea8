"""Records → one table, a row per run."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from metrics.against_baseline import table_columns
from metrics.figures import BOOKKEEPING
from metrics.lookup import judged_mark, metrics_of
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.outdated import SeenData, data_settings, outdated
from sweeps.records.point_cache import MANY
from sweeps.records.rejudged import rejudged
from sweeps.records.run_record import Record, RecordError, Status, find_runs, is_live, read_run
from sweeps.tables.exported_files import file_rows
from sweeps.tables.foreign_files import with_foreign


@dataclass(frozen=True)
class SweepTables:
    """What all records of a sweep say."""

    runs: pd.DataFrame
    """As `collect` has it."""
    files: pd.DataFrame
    """As `collect_files` has it."""
    facts: pd.DataFrame
    """A row per run that can be read, by their folders' names: run, processor, and per figure what the baseline comes to."""


TABLES = ("runs", "files", "facts")


def read_tables(sweep: Path) -> SweepTables:
    """All tables in one pass over the records; of a large sweep a record is read again once it has changed."""
    folders = find_runs(sweep)
    if len(folders) >= MANY and not judged_mark():
        from sweeps.records.kept_rows import kept_tables

        found = kept_tables(sweep / ".runs.kept", folders, TABLES, _rows_of)
    else:
        made = [_rows_of(folder) for folder in folders]
        found = {name: pd.DataFrame([row for rows in made for row in rows.get(name, ())]) for name in TABLES}
    runs = found["runs"]
    if len(runs):
        for at in np.flatnonzero(runs.status == Status.RUNNING):
            if not is_live(sweep / runs.run.iloc[at]):
                runs.loc[runs.index[at], "status"] = str(Status.INTERRUPTED)
    files = _without_outdated(runs, found["files"])
    return SweepTables(_by_axes(runs), with_foreign(sweep, files), found["facts"])


def _without_outdated(runs: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Takes from finished runs whose data have changed since their figures; the files of the others."""
    if not len(runs) or "content" not in runs:
        return files
    done = runs[runs.status == Status.DONE]
    seen = zip(done.run, done.data_settings, done.content, done.data_read, strict=True)
    if not (why := outdated(SeenData(*one) for one in seen)):
        return files
    old = runs.run.isin(list(why))
    runs.loc[old, "status"] = str(Status.OUTDATED)
    runs.loc[old, "error"] = runs.run[old].map(why)
    runs.loc[old, [name for name in runs if "/" in str(name)]] = np.nan
    return files[~files.run.isin(list(why))].reset_index(drop=True) if len(files) else files


def read_sweep(sweep: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`collect` and `collect_files` in one pass over the records."""
    found = read_tables(sweep)
    return found.runs, found.files


def _rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """A run's row of the table of runs, its rows of the table of files, and what else is told of it."""
    try:
        record = rejudged(folder, read_run(folder))
    except RecordError as error:
        unknown = dict.fromkeys(("initial_weights", "baseline", "beats_baseline", "doubt"), "")
        return {"runs": [{"run": folder.name, **unknown, "status": "unreadable", "error": str(error)}]}
    baseline = {name: value for name, value in record.get("baseline", {}).items() if type(value) in (int, float)}
    facts = {"run": folder.name, "processor": record.get("device", {}).get("processor", ""), **baseline}
    return {"runs": [_row(folder, record)], "files": file_rows(folder.name, record), "facts": [facts]}


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
        "multiply_adds": record.get("multiply_adds", np.nan),
        "teacher_weights": record.get("teacher_weights", np.nan),
        "fingerprint": record.get("data", {}).get("fingerprint", ""),
        "content": record.get("data", {}).get("content", ""),
        "data_read": record.get("data", {}).get("read", ""),
        "data_settings": data_settings(record),
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
    parts["task"] = {key: value for key, value in (parts["task"] or {}).items() if key != "unlabelled"}
    words = orjson.dumps(parts | {"method": method}, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.blake2b(words, digest_size=6).hexdigest()


def _by_axes(table: pd.DataFrame) -> pd.DataFrame:
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
