"""Sections of the report that a sweep has only where somebody asked for more: several seeds, looks inside."""

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from metrics.figures import is_share
from sweeps.report.svg import draw_sizes
from sweeps.report.trends import trends
from sweeps.tables.naming import called
from sweeps.tables.seeds import pooled_over_seeds, repeated, repeated_figures

MOST_INSIDE = 4
"""Pictures of what is seen inside; each is some 300 kB."""


def repeats_of(runs: pd.DataFrame, axes: list[str]) -> dict[str, Any]:
    """Points with several seeds, as a table and a drawing."""
    table = repeated(runs)
    if not len(table):
        return {"repeats": None, "repeat_figures": [], "by_size": None, "size_figure": "", "trends": []}
    folds = "fold" in table and table.fold.nunique() > 1
    names = [called(row, axes) + (f" fold {row.fold}" if folds else "") for _, row in table.iterrows()]
    taught = table["method.soft_share"] if "method.soft_share" in table else pd.Series([None] * len(table))
    words = ["from the labels" if str(share) in ("0", "0.0") else "taught" for share in taught]
    kinds = words if "method.soft_share" in table else list(table.backbone)
    figures = repeated_figures(table)
    figure = "f_measure" if "f_measure" in figures else next((name for name in figures if is_share(name)), "")
    drawn = draw_sizes(table, names, kinds, figure) if figure else None
    return {"repeats": table.assign(name=names), "repeat_figures": figures, "by_size": drawn, "size_figure": figure,
            "trends": trends(table, [*axes, *(["fold"] if folds else [])], figures)}  # fmt: skip


def pooled_seeds(rows: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """Points pooled over folds, with what each is called, over seeds."""
    table = pooled_over_seeds(rows.drop(columns="name", errors="ignore"))
    return table.assign(name=[called(row, axes) for _, row in table.iterrows()]) if len(table) else table


def inside_of(sweep: Path, done: pd.DataFrame, axes: list[str]) -> dict[str, Any]:
    """What `python -m inspection` has left in the runs' folders: the newest pictures, and distances of sets of images."""
    named = {str(run.run): called(run, axes) for _, run in done.iterrows()}
    found = [(path, name) for run, name in named.items() for path in (sweep / run / "inspection").glob("*.jpg")]
    newest = sorted(found, key=lambda one: one[0].stat().st_mtime, reverse=True)[:MOST_INSIDE]
    pictures = [(name, path.stem, embedded(path)) for path, name in newest]
    gaps = []
    for run, name in named.items():
        for path in sorted((sweep / run / "inspection").glob("gap-*.json")):
            with suppress(ValueError):
                told = json.loads(path.read_text())
                gaps += [{"name": name, **told}] if "against" in told else []
    return {"inside": pictures, "gaps": gaps}


def embedded(path: Path) -> str:
    """A JPEG as the address of itself."""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
