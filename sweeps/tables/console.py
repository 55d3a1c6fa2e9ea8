"""Tables on the screen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from metrics.figures import figure_text
from metrics.lookup import all_metrics


def files_shown(files: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """The columns of `pooled_files` for people: some rows, with the axes in which those of the whole table differ.

    Where a kind was made for some runs of its point alone, `runs` says of how many: its figures do not compare with the others'.
    """
    own = list(files.columns[files.columns.get_loc("file") :])
    shown = files[[name for name in files if name not in own and (name == "backbone" or whole[name].nunique() > 1)]]
    point = [name for name in whole if name not in own]
    most = (
        whole.groupby(point, dropna=False).runs.transform("max") if point else pd.Series(whole.runs.max(), whole.index)
    )
    runs = [
        f"{made}" if made == of else f"{made} of {of}" for made, of in zip(files.runs, most[files.index], strict=True)
    ]
    shown = shown.assign(file=files.file, runs=files.runs if (whole.runs == most).all() else runs, cells=files.cells)
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
    shown["ms"] = [f"{ms:.2f}" if pd.notna(ms) else "–" for ms in files.latency_ms_p50]
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


def print_fitting(console: Console, table: Table, first: Sequence[str] = (), where: object = None) -> None:
    """Prints a table without the columns for which the terminal is too narrow, and says which they are.

    Args:
        console: where to.
        table: with a header for every column.
        first: headers that stay longest, the most important one first; others go from the right.
        where: a file that has all columns.

    """
    wide = console.options.update(max_width=10_000)
    place = {str(column.header): at + len(first) for at, column in enumerate(table.columns)}
    place |= {name: at for at, name in enumerate(first)}
    gone: list[str] = []
    needed = Measurement.get(console, wide, table).maximum
    while len(table.columns) > 2 and needed > console.width:
        last = max(table.columns, key=lambda column: place[str(column.header)])
        table.columns.remove(last)
        gone.insert(0, str(last.header))
        alone = Table()  # measured by itself: the whole table again for every column costs a tenth of a second each
        alone.columns.append(last)
        alone.rows.extend(table.rows)
        needed -= Measurement.get(console, wide, alone).maximum - 1  # of two lines around it one goes
    console.print(table)
    if gone:
        more = f"; all: {where}" if where else ""
        console.print(f"no room for {', '.join(gone)}{more}", markup=False, soft_wrap=True, style="dim")


def show(
    console: Console, frame: pd.DataFrame, title: str, first: Sequence[str] = (), where: object = None, *, mark: bool = False
) -> None:  # fmt: skip
    """Prints a frame, numbers to the right; `first` and `where` as `print_fitting` has them; `mark` sets off its first row."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in frame:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name).rpartition(".")[2], justify="right" if numeric else "left", overflow="fold")
    for at, (_, row) in enumerate(frame.iterrows()):
        cells = [_cell(str(name), value) for name, value in row.items()]
        if mark and len(frame) > 1:
            cells[0] = ("* " if at == 0 else "  ") + cells[0]
        table.add_row(*cells, style="bold" if mark and at == 0 else "")
    print_fitting(console, table, [name.rpartition(".")[2] for name in first], where)


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return "–"
        if name == "multiply_adds":
            return f"{value / 1e6:.3g} M"
        return f"{value:.0f}" if name == "seconds" else figure_text(name, value) if "/" in name else f"{value:g}"
    return str(value)
