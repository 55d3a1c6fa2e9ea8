"""Networks on data that they were not trained on: kept beside a sweep's runs as `cross.csv`."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from rich.console import Console
from rich.table import Table

from choices import ChoiceError
from metrics.intervals import t_interval
from metrics.lookup import metrics_of_frame
from storage.whole_file import replaced
from sweeps.records.run_record import one_line

PLACE = ("trained_on", "tested_on", "run", "seed", "fold", "task")


NEEDED = ("trained_on", "tested_on", "run", "seed", "fold", "part", "images")
REMEDY = "python -m pipelines cross writes it anew"


class CrossError(ValueError):
    """A cross.csv that cannot be read; the message names it."""


def write(sweep: Path, rows: pd.DataFrame) -> Path:
    """Keeps the rows of `pipelines.cross_evaluation.crossed`."""
    path = sweep / "cross.csv"
    with replaced(path) as unfinished:
        rows.to_csv(unfinished, index=False)
    return path


def read(sweep: Path) -> pd.DataFrame:
    """The kept rows; none where there are none."""
    path = sweep / "cross.csv"
    if not path.exists():
        return pd.DataFrame()
    try:
        rows = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"trained_on": str, "tested_on": str})
    except (OSError, ValueError) as error:  # what pandas cannot take apart is a ValueError
        raise CrossError(f"{path}: not readable ({one_line(error)}); {REMEDY}") from None
    if missing := [name for name in NEEDED if name not in rows]:
        raise CrossError(f"{path}: no column {', '.join(missing)}; {REMEDY}")
    if odd := next((name for name in ("seed", "fold", "images") if not is_numeric_dtype(rows[name])), None):
        raise CrossError(f"{path}: column {odd} holds what is no number; {REMEDY}")
    try:
        figure = metrics_of_frame(rows).crossed[0]
    except ChoiceError as error:
        raise CrossError(f"{path}: column {error}; {REMEDY}") from None
    if len(rows) and figure not in rows:
        raise CrossError(f"{path}: no column {figure}; {REMEDY}")
    return rows


def tables(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One table per network: its name, figure, part, images, data sets, and per training set the figure on each of them, its
    half interval (95 %, Student's t over seeds and folds; None for one run) and the runs.
    """
    if not len(rows):
        return []
    figure = metrics_of_frame(rows).crossed[0]
    axes = [str(name) for name in rows.columns[: rows.columns.get_loc("part")] if name not in PLACE]
    told = [name for name in axes if name == "backbone" or rows[name].astype(str).nunique(dropna=False) > 1]
    found = []
    for values, group in rows.groupby(axes, dropna=False, sort=False):
        about = dict(zip(axes, values, strict=True))
        names = list(dict.fromkeys([*group.trained_on, *group.tested_on]))
        lines = []
        for trained in (name for name in names if name in set(group.trained_on)):
            cells = []
            for tested in names:
                here = group[(group.trained_on == trained) & (group.tested_on == tested)][figure].to_numpy(float)
                low, high = t_interval(here)
                cells.append(
                    {"value": float(here.mean()) if len(here) else np.nan, "half": (high - low) / 2, "runs": len(here)}
                )
            lines.append({"trained_on": trained, "cells": cells})
        words = (str(about[name]) for name in told)
        title = ", ".join(word for word in words if word not in ("nan", "None"))  # no such choice was made of some runs
        found.append({"name": title, "figure": figure, "part": " or ".join(group.part.unique()),
                      "images": int(group.images.max()), "tested_on": names, "lines": lines})  # fmt: skip
    return found


def print_cross(rows: pd.DataFrame) -> None:
    """The tables on the screen."""
    console = Console(width=None if Console().is_terminal else 160)
    for one in tables(rows):
        table = Table(title=f"{one['name']}: {one['figure']} on the {one['part']} part", title_justify="left")
        table.add_column("trained on \\ tested on")
        for name in one["tested_on"]:
            table.add_column(name, justify="right")
        for line in one["lines"]:
            table.add_row(line["trained_on"], *(cell_text(cell) for cell in line["cells"]))
        console.print(table)


def cell_text(cell: dict[str, Any]) -> str:
    """A figure with its interval."""
    if np.isnan(cell["value"]):
        return "–"
    return f"{cell['value']:.4f}" + (f" ± {cell['half']:.4f}" if cell["half"] == cell["half"] else "")
