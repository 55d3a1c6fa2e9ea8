"""All tables of a sweep, written beside its runs and shown on the terminal."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.csv
from pyarrow import parquet
from rich.console import Console

from metrics.against_baseline import TABLE_COLUMNS
from metrics.figures import figure_text, mixed_starts, shown_figures
from metrics.lookup import metrics_of_frame
from storage.whole_file import write_changed
from sweeps.records.run_record import Status
from sweeps.tables.console import best, files_shown, left_out, show
from sweeps.tables.exported_files import collect_files, devices_in_words, pooled_files
from sweeps.tables.naming import without_asked_weights
from sweeps.tables.pooled import figures_with_intervals, pooled
from sweeps.tables.runs import axis_columns
from sweeps.tables.seeds import pooled_over_seeds, repeated, shown_repeats

MOST_BASELINES = 5
"""Of different folds, below the table of runs."""
Words = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
"""Rows of a table, and all of it → what people are shown of them."""
CSV = pyarrow.csv.WriteOptions(quoting_style="needed")


def print_table(table: pd.DataFrame, sweep: Path, files: pd.DataFrame | None = None, most: int = 60) -> None:
    """Writes `table.csv`, `table.parquet` and what is pooled over folds into the sweep's folder, and shows them.

    Args:
        table, files: as `read_sweep` gives them; without `files` they are read.

    """
    console = Console(width=None if Console().is_terminal else 220)
    if not len(table):
        console.print(f"no runs in {sweep}")
        return
    metrics = metrics_of_frame(table)
    falling, main = metrics.direction == "min", metrics.main
    _show_runs(console, table, sweep, most)
    _write(table, sweep / "table")
    left_out(console, len(table), most, sweep / "table.csv")
    for baseline in table.baseline[table.baseline != ""].unique()[:MOST_BASELINES]:
        console.print(f"baseline: {baseline}", markup=False, soft_wrap=True)

    def show_best(rows: pd.DataFrame, words: Words, title: str, file: str) -> None:
        _write_csv(rows, sweep / file)
        columns = words(best(rows, main, most, falling=falling), rows)
        own = [str(name) for name in columns if name in (*axis_columns(table), "group", "file", main)]
        show(console, columns, title, [*own, "lost", "ms", "kB"], sweep / file)
        left_out(console, len(rows), most, sweep / file)

    folds = pooled(sweep, table)
    if len(folds):
        show_best(folds, _with_intervals, _pooled_title(folds), "pooled.csv")
        seeds = pooled_over_seeds(folds)
        if len(seeds):
            title = "the same, each seed's folds pooled first: 95 % over seeds"
            show_best(seeds, _with_intervals, title, "pooled_repeats.csv")
    again = repeated(table)
    if len(again):
        parts = " or ".join(sorted(set(again.part)))
        title = f"repeated with several seeds, {parts} set: mean ± 95 %, Student's t"
        show_best(again, shown_repeats, title, "repeats.csv")
    files = collect_files(sweep) if files is None else files
    if len(files):
        _write(files, sweep / "files")
    losses = pooled_files(sweep, files)
    if len(losses):
        title = f"exported files, all folds pooled: {metrics_of_frame(losses).drop_unit} against torch"
        show_best(losses, files_shown, title, "pooled_files.csv")
        if files_shown(losses, losses).runs.dtype == object:
            console.print("note: files made for some runs alone do not compare with those made for all (column runs).")
        firsts = files.drop_duplicates(["run", "file"])  # as `pooled_files` takes them
        for where in devices_in_words(firsts).values():
            console.print(f"ms: on {where}", markup=False, soft_wrap=True)
    if "initial_weights" in table and mixed_starts(table.initial_weights):
        console.print(
            "note: some runs start pretrained and some at random (column initial_weights); they do not compare."
        )
    failed, doubtful = table[table.error.fillna("") != ""], table[table.beats_baseline == "no"]
    lines = [f"{run.status}: {run.run}: {run.error}" for run in failed.head(most).itertuples()]
    lines += [f"and {len(failed) - most} more, column error of table.csv"] * (len(failed) > most)
    lines += [f"{run.doubt}: {run.run}" for run in doubtful.head(most).itertuples()]
    lines += [f"and {len(doubtful) - most} more, column doubt of table.csv"] * (len(doubtful) > most)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    print(f"table: {sweep / 'table.csv'}")


def _show_runs(console: Console, table: pd.DataFrame, sweep: Path, most: int) -> None:
    """A row per run, the best one first."""
    axes = without_asked_weights(axis_columns(table), table)
    figures = shown_figures(table)
    known = ["beats_baseline"] if (table.beats_baseline != "").any() else []
    names = [
        *axes,
        *(["initial_weights"] if "initial_weights" not in axes else []),
        "status",
        *figures,
        *known,
        *(["multiply_adds"] if "multiply_adds" in table and table.multiply_adds.nunique() > 1 else []),
        "seconds",
    ]
    metrics = metrics_of_frame(table)
    main, falling = f"val/{metrics.main}", metrics.direction == "min"
    shown = best(table, main, most, falling=falling)
    if main in shown:
        shown = shown.sort_values(main, ascending=falling, kind="stable")
    status = ["status"] if (table.status != Status.DONE).any() else []
    first = [*axes, main, f"test/{metrics.main}", *status]
    columns = shown[[name for name in names if name in table]]
    show(console, columns, f"{sweep}: {len(table)} runs", first, sweep / "table.csv", mark=main in shown)


def _write(table: pd.DataFrame, path: Path) -> None:
    """As CSV (by Arrow, five times as quick as pandas) and as Parquet; words where words and numbers are mixed."""
    mixed = [name for name in table if table[name].dtype == object]
    plain = table.assign(**{str(name): table[name].astype("string") for name in mixed})
    columns = pyarrow.Table.from_pandas(plain, preserve_index=False)
    written = pyarrow.BufferOutputStream()
    with pyarrow.csv.CSVWriter(written, columns.schema, write_options=CSV) as file:
        file.write_table(columns)
    write_changed(path.with_suffix(".csv"), written.getvalue().to_pybytes())
    written = pyarrow.BufferOutputStream()
    parquet.write_table(columns, written)
    write_changed(path.with_suffix(".parquet"), written.getvalue().to_pybytes())


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    write_changed(path, table.to_csv(index=False, lineterminator=os.linesep).encode())


def _pooled_title(folds: pd.DataFrame) -> str:
    by = " or ".join(sorted(folds.graded_by.unique()))
    return (
        f"all folds pooled: each image answered, at the {by}, by a network that never saw its source; 95 % over sources"
    )


def _with_intervals(folds: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Some rows with the columns in which those of the whole table differ."""
    names = [*axis_columns(whole), *(["initial_weights"] if "initial_weights" in folds else [])]
    names = [name for name in folds if name in names]
    known = figures_with_intervals(folds)
    figures = {*known, *(f"{name}_{end}" for name in known for end in ("low", "high"))}
    known_columns = figures | {"folds", "seeds", "group", "cells", *TABLE_COLUMNS}
    shown = folds[[name for name in names if name not in known_columns]].copy()
    unequal = "folds" in whole and whole.folds.nunique() > 1
    counts = [name for name in ("group", *(["folds"] if unequal else []), "seeds", "cells") if name in folds]
    shown[counts] = folds[counts]
    for name in known:
        shown[name] = [
            "{} [{}, {}]".format(*(figure_text(name, one) for one in (value, low, high))) if pd.notna(value) else "–"
            for value, low, high in zip(folds[name], folds[f"{name}_low"], folds[f"{name}_high"], strict=True)
        ]
    for name in ("baseline", "beats_baseline"):
        if name in folds and (whole[name] != "").any():
            shown[name] = folds[name]
    return shown
