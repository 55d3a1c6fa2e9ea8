"""Records → one table: a row per run, and a row per point with its folds pooled."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow
import pyarrow.csv
from pyarrow import parquet
from rich.console import Console

from metrics.base import TaskMetrics
from metrics.figures import BOOKKEEPING, figure_text, mixed_starts, shown_figures
from metrics.intervals import bootstrap_interval
from metrics.lookup import metrics_of_frame
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record, status_of
from sweeps.tables.console import files_shown, show
from sweeps.tables.exported_files import collect_files, file_rows, pooled_files
from sweeps.tables.seeds import pooled_over_seeds, repeated, shown_repeats

POOLED_OVER = ("fold",)
CSV = pyarrow.csv.WriteOptions(quoting_style="needed")


def read_sweep(sweep: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`collect` and `collect_files` in one pass over the records."""
    rows: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    for folder in find_runs(sweep):
        try:
            record = read_record(folder)
        except RecordError as error:
            rows.append({"run": folder.name, "status": "unreadable", "error": str(error)})
            continue
        rows.append(_row(folder, record))
        files += file_rows(folder.name, record)
    return _by_axes(rows), pd.DataFrame(files)


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
        "status": str(status_of(folder, record)),
        "error": record.get("error", ""),
        "seconds": record.get("seconds", {}).get("fit", np.nan),
        "updated": record.get("updated", ""),
        "later_error_at": record.get("later_error", {}).get("at", ""),
        "weights": record.get("weights", np.nan),
        "teacher_weights": record.get("teacher_weights", np.nan),
        "fingerprint": record.get("data", {}).get("fingerprint", ""),
        "classes": len(record.get("data", {}).get("class_names", ())),
        "grid": _grid(record),
        "recipe": _recipe(record.get("config", {})),
        **{name: record.get("config", {}).get("method", {}).get(name) for name in ("temperature", "soft_share")},
        **({"temperature": record["temperature"]} if "temperature" in record else {}),
        **scalars,
    }


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


def pooled(sweep: Path, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per point and group of photos, over the out-of-fold predictions of its runs, with 95 % intervals.

    The test set, or where there is none the validation set, graded by the checkpoint that ships: column `graded_by`, which says
    so where the validation set had chosen it. Points are runs that differ in the fold alone. Rows of a point: all cells, then each group. Columns: the axes,
    folds, group, cells, majority (accuracy of the majority baseline), and per figure the value, `_low`
    and `_high` (bootstrap over sources).

    Args:
        table: as `collect` gives it, where it is at hand.

    """
    table = collect(sweep) if table is None else table
    done = table[table.status == Status.DONE] if len(table) else table
    if not len(done) or "fold" not in done:
        return pd.DataFrame()
    known = {*BOOKKEEPING, *POOLED_OVER}
    keys = [str(name) for name in done if name not in known and "/" not in str(name)]
    rows: list[dict[str, Any]] = []
    several = done.groupby(keys, dropna=False).run.transform("size") > 1
    for values, runs in done[several].groupby(keys, dropna=False, sort=False):
        if runs.fold.nunique() < 2 or runs.fold.duplicated().any():
            continue
        everything = pd.concat(
            [_shipped_answers(sweep / run, name) for run, name in zip(runs.run, runs.shipped, strict=True)]
        )
        part = "test" if (everything.part == "test").any() else "val"
        chosen = everything[everything.part == part]
        by = " or ".join(sorted(chosen.checkpoint.unique())) + " epoch"
        by += ", which they chose" if part == "val" and (chosen.checkpoint == "best").any() else ""
        axes = dict(zip(keys, values, strict=True)) | {"folds": len(runs), "graded_by": by}
        names = sorted(name for name in chosen.group.unique() if name)
        groups = [("all", chosen), *((name, chosen[chosen.group == name]) for name in names)]
        metrics = metrics_of_frame(runs)
        figures = [name for name in metrics.figures if runs.get(f"val/{name}", pd.Series([np.nan])).notna().all()]
        rows.extend(axes | {"group": name} | summary(cells, metrics, figures) for name, cells in groups)
    return pd.DataFrame(rows)


def _shipped_answers(folder: Path, checkpoint: str) -> pd.DataFrame:
    answers = pd.read_parquet(folder / "predictions.parquet")
    return answers[answers.checkpoint == checkpoint]


def summary(cells: pd.DataFrame, metrics: TaskMetrics, names: Sequence[str]) -> dict[str, Any]:
    """Figures of these names and their intervals, of one set of predictions; a majority where each sample has one label."""
    figures = {name: metrics.figures[name] for name in names}
    truth, answers = metrics.truth_and_answers(cells)
    intervals = bootstrap_interval(truth, answers, cells.source_id.to_numpy(str), figures)
    row: dict[str, Any] = {"cells": cells["sample"].nunique()}
    if "label" in cells:
        row["majority"] = float(np.bincount(truth).max() / len(truth))
    for name, figure in figures.items():
        row |= {name: figure(truth, answers), f"{name}_low": intervals[name][0], f"{name}_high": intervals[name][1]}
    return row


def print_table(table: pd.DataFrame, sweep: Path, files: pd.DataFrame | None = None, most: int = 60) -> None:
    """Writes `table.csv`, `table.parquet` and what is pooled over folds into the sweep's folder, and shows them.

    Args:
        table, files: as `read_sweep` gives them; without `files` they are read.

    """
    console = Console(width=None if Console().is_terminal else 220)
    if not len(table):
        console.print(f"no runs in {sweep}")
        return
    axes = axis_columns(table)
    figures = shown_figures(table)
    names = [*axes, *(["initial_weights"] if "initial_weights" not in axes else []), "status", *figures, "seconds"]
    shown = table[[name for name in names if name in table]]
    show(console, shown.head(most), f"{sweep}: {len(table)} runs")
    _write(table, sweep / "table")
    folds = pooled(sweep, table)
    if len(folds):
        folds.to_csv(sweep / "pooled.csv", index=False)
        show(console, _with_intervals(folds), _pooled_title(folds))
        seeds = pooled_over_seeds(folds)
        if len(seeds):
            seeds.to_csv(sweep / "pooled_repeats.csv", index=False)
            show(console, _with_intervals(seeds), "the same, each seed's folds pooled first: 95 % over seeds")
    again = repeated(table)
    if len(again):
        again.to_csv(sweep / "repeats.csv", index=False)
        show(
            console,
            shown_repeats(again),
            f"repeated with several seeds, {' or '.join(sorted(set(again.part)))} set: mean ± 95 %, Student's t",
        )
    files = collect_files(sweep) if files is None else files
    if len(files):
        _write(files, sweep / "files")
    losses = pooled_files(sweep, files)
    if len(losses):
        losses.to_csv(sweep / "pooled_files.csv", index=False)
        what = metrics_of_frame(losses).drop_unit
        show(console, files_shown(losses), f"exported files, all folds pooled: {what} against torch")
    if "initial_weights" in table and mixed_starts(table.initial_weights):
        console.print("note: some runs start pretrained and some at random (column start); they do not compare.")
    for _, run in table[table.error.fillna("") != ""].iterrows():
        console.print(f"{run.status}: {run.run}: {run.error}", markup=False, soft_wrap=True)
    more = f" (the first {most} rows are shown)" if len(table) > most else ""
    print(f"table: {sweep / 'table.csv'}{more}")


def _write(table: pd.DataFrame, path: Path) -> None:
    """As CSV (by Arrow, five times as quick as pandas) and as Parquet; words where words and numbers are mixed."""
    mixed = [name for name in table if table[name].dtype == object]
    plain = table.assign(**{str(name): table[name].astype("string") for name in mixed})
    columns = pyarrow.Table.from_pandas(plain, preserve_index=False)
    with pyarrow.csv.CSVWriter(path.with_suffix(".csv"), columns.schema, write_options=CSV) as file:
        file.write_table(columns)
    parquet.write_table(columns, path.with_suffix(".parquet"))


def _pooled_title(folds: pd.DataFrame) -> str:
    by = " or ".join(sorted(folds.graded_by.unique()))
    return (
        f"all folds pooled: each image answered, at the {by}, by a network that never saw its source; 95 % over sources"
    )


def _with_intervals(folds: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in folds if name in axis_columns(folds) or name in ("initial_weights",)]
    known = figures_with_intervals(folds)
    figures = {*known, *(f"{name}_{end}" for name in known for end in ("low", "high"))}
    shown = folds[
        [name for name in names if name not in figures | {"folds", "seeds", "group", "cells", "majority"}]
    ].copy()
    counts = [name for name in ("group", "seeds", "cells") if name in folds]
    shown[counts] = folds[counts]
    if "majority" in folds:
        shown["majority"] = folds.majority.map("{:.3f}".format)
    for name in known:
        shown[name] = [
            "{} [{}, {}]".format(*(figure_text(name, one) for one in (value, low, high))) if pd.notna(value) else "–"
            for value, low, high in zip(folds[name], folds[f"{name}_low"], folds[f"{name}_high"], strict=True)
        ]
    return shown


def figures_with_intervals(folds: pd.DataFrame) -> list[str]:
    """The figures among the columns of `pooled`."""
    return [str(name) for name in folds if f"{name}_low" in folds]
