"""All tables of a sweep, written beside its runs and shown on the terminal."""

from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.csv
from pyarrow import parquet
from rich.console import Console

from metrics.against_baseline import TABLE_COLUMNS
from metrics.figures import figure_text, mixed_starts, shown_figures
from metrics.lookup import metrics_of_frame
from storage.whole_file import replaced
from sweeps.tables.console import files_shown, show
from sweeps.tables.exported_files import collect_files, pooled_files
from sweeps.tables.pooled import figures_with_intervals, pooled
from sweeps.tables.runs import axis_columns
from sweeps.tables.seeds import pooled_over_seeds, repeated, shown_repeats

MOST_BASELINES = 5
"""Of different folds, below the table of runs."""
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
    axes = axis_columns(table)
    figures = shown_figures(table)
    known = ["beats_baseline"] if (table.beats_baseline != "").any() else []
    names = [
        *axes,
        *(["initial_weights"] if "initial_weights" not in axes else []),
        "status",
        *figures,
        *known,
        "seconds",
    ]
    shown = table[[name for name in names if name in table]]
    show(console, shown.head(most), f"{sweep}: {len(table)} runs")
    for baseline in table.baseline[table.baseline != ""].unique()[:MOST_BASELINES]:
        console.print(f"baseline: {baseline}", markup=False, soft_wrap=True)
    _write(table, sweep / "table")
    folds = pooled(sweep, table)
    if len(folds):
        _write_csv(folds, sweep / "pooled.csv")
        show(console, _with_intervals(folds), _pooled_title(folds))
        seeds = pooled_over_seeds(folds)
        if len(seeds):
            _write_csv(seeds, sweep / "pooled_repeats.csv")
            show(console, _with_intervals(seeds), "the same, each seed's folds pooled first: 95 % over seeds")
    again = repeated(table)
    if len(again):
        _write_csv(again, sweep / "repeats.csv")
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
        _write_csv(losses, sweep / "pooled_files.csv")
        what = metrics_of_frame(losses).drop_unit
        show(console, files_shown(losses), f"exported files, all folds pooled: {what} against torch")
    if "initial_weights" in table and mixed_starts(table.initial_weights):
        console.print("note: some runs start pretrained and some at random (column start); they do not compare.")
    for _, run in table[table.error.fillna("") != ""].iterrows():
        console.print(f"{run.status}: {run.run}: {run.error}", markup=False, soft_wrap=True)
    for _, run in table[table.beats_baseline == "no"].iterrows():
        console.print(f"{run.doubt}: {run.run}", markup=False, soft_wrap=True)
    more = f" (the first {most} rows are shown)" if len(table) > most else ""
    print(f"table: {sweep / 'table.csv'}{more}")


def _write(table: pd.DataFrame, path: Path) -> None:
    """As CSV (by Arrow, five times as quick as pandas) and as Parquet; words where words and numbers are mixed."""
    mixed = [name for name in table if table[name].dtype == object]
    plain = table.assign(**{str(name): table[name].astype("string") for name in mixed})
    columns = pyarrow.Table.from_pandas(plain, preserve_index=False)
    with (
        replaced(path.with_suffix(".csv")) as unfinished,
        pyarrow.csv.CSVWriter(unfinished, columns.schema, write_options=CSV) as file,
    ):
        file.write_table(columns)
    with replaced(path.with_suffix(".parquet")) as unfinished:
        parquet.write_table(columns, unfinished)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with replaced(path) as unfinished:
        table.to_csv(unfinished, index=False)


def _pooled_title(folds: pd.DataFrame) -> str:
    by = " or ".join(sorted(folds.graded_by.unique()))
    return (
        f"all folds pooled: each image answered, at the {by}, by a network that never saw its source; 95 % over sources"
    )


def _with_intervals(folds: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in folds if name in axis_columns(folds) or name in ("initial_weights",)]
    known = figures_with_intervals(folds)
    figures = {*known, *(f"{name}_{end}" for name in known for end in ("low", "high"))}
    known_columns = figures | {"folds", "seeds", "group", "cells", *TABLE_COLUMNS}
    shown = folds[[name for name in names if name not in known_columns]].copy()
    counts = [name for name in ("group", "seeds", "cells") if name in folds]
    shown[counts] = folds[counts]
    for name in known:
        shown[name] = [
            "{} [{}, {}]".format(*(figure_text(name, one) for one in (value, low, high))) if pd.notna(value) else "–"
            for value, low, high in zip(folds[name], folds[f"{name}_low"], folds[f"{name}_high"], strict=True)
        ]
    for name in ("baseline", "beats_baseline"):
        if name in folds and (folds[name] != "").any():
            shown[name] = folds[name]
    return shown
