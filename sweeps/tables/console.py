"""Tables on the screen."""

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from metrics.figures import figure_text
from metrics.lookup import all_metrics


def files_shown(files: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """The columns of `pooled_files` for people: some rows, with the axes in which those of the whole table differ."""
    own = list(files.columns[files.columns.get_loc("file") :])
    shown = files[[name for name in files if name not in own and (name == "backbone" or whole[name].nunique() > 1)]]
    shown = shown.assign(file=files.file, runs=files.runs, cells=files.cells)
    for name in dict.fromkeys(name for one in all_metrics() for name in one.figures if name in files):
        shown[name] = [figure_text(name, value) for value in files[name]]
    shown["lost"] = [
        f"{lost:.1f} [{low:.1f}, {high:.1f}]"
        for lost, low, high in zip(files.lost, files.lost_low, files.lost_high, strict=True)
    ]
    shown["as torch"] = files.same.map("{:.1%}".format)
    if files.arm_same.notna().any():
        shown["ARM as here"] = ["–" if np.isnan(share) else f"{share:.1%}" for share in files.arm_same]
    shown["beats_baseline"] = files.beats_baseline
    shown["kB"] = (files.size_bytes / 1000).map("{:.0f}".format)
    shown["ms"] = files.latency_ms_p50.map("{:.2f}".format)
    if (files.on_cpu != "").any():
        shown["delegate leaves"] = files.on_cpu.replace("", "nothing")
    return shown


def best(table: pd.DataFrame, figure: str, most: int, *, falling: bool = False) -> pd.DataFrame:
    """All rows of a short table in their order; of a long one the `most` best by a figure, the best first."""
    if len(table) <= most or figure not in table:
        return table.head(most)
    return table.sort_values(figure, ascending=falling, kind="stable").head(most)


def left_out(console: Console, count: int, most: int, where: object) -> None:
    """Says how many rows of a table are not shown, and where they are."""
    if count > most:
        console.print(f"… the best {most} of {count:,}; all: {where}", markup=False, soft_wrap=True)


def show(console: Console, frame: pd.DataFrame, title: str) -> None:
    """Prints a frame, numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in frame:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name).rpartition(".")[2], justify="right" if numeric else "left", overflow="fold")
    for _, row in frame.iterrows():
        table.add_row(*(_cell(str(name), value) for name, value in row.items()))
    console.print(table)


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return "–"
        return f"{value:.0f}" if name == "seconds" else figure_text(name, value) if "/" in name else f"{value:g}"
    return str(value)
