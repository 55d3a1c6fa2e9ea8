"""Sections of the report that a sweep has only where somebody asked for more: several seeds, looks inside."""

import base64
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, Field

from metrics.base import TaskMetrics
from metrics.figures import is_share
from sweeps.report.svg import draw_sizes
from sweeps.report.trends import trends
from sweeps.tables.console import best
from sweeps.tables.naming import called
from sweeps.tables.seeds import pooled_over_seeds, repeated, repeated_figures

MOST_ROWS = 200
"""Of a table, and files in a drawing; what is left out is told, and where it is."""
MOST_INSIDE = 4
"""Pictures of what is seen inside; each is some 300 kB."""


class LayerGap(BaseModel):
    """How far apart the features of one layer are between two sets of images."""

    layer: str
    mmd: float
    low: float
    high: float
    p_value: float
    told_apart: float
    a_distance: float


class Gap(BaseModel):
    """A file of `python -m inspection … set=… against=…`."""

    set: str
    against: str
    images: list[int] = Field(min_length=2, max_length=2)
    layers: list[LayerGap]


def repeats_of(runs: pd.DataFrame, axes: list[str], metrics: TaskMetrics) -> dict[str, Any]:
    """Points with several seeds, as a table and a drawing; of many the best."""
    table = repeated(runs)
    found: dict[str, Any] = {"repeats": None, "repeat_figures": [], "by_size": None, "size_figure": "", "trends": []}
    if not len(table):
        return found | {"repeats_count": 0}
    count = len(table)
    table = best(table, metrics.main, MOST_ROWS, falling=metrics.direction == "min").reset_index(drop=True)
    folds = "fold" in table and table.fold.nunique() > 1
    names = [called(row, axes) + (f" fold {row.fold}" if folds else "") for _, row in table.iterrows()]
    taught = table["method.soft_share"] if "method.soft_share" in table else pd.Series([None] * len(table))
    words = ["from the labels" if str(share) in ("0", "0.0") else "taught" for share in taught]
    kinds = words if "method.soft_share" in table else list(table.backbone)
    figures = repeated_figures(table)
    figure = "f_measure" if "f_measure" in figures else next((name for name in figures if is_share(name)), "")
    drawn = draw_sizes(table, names, kinds, figure) if figure else None
    return {"repeats": table.assign(name=names), "repeat_figures": figures, "by_size": drawn, "size_figure": figure,
            "trends": trends(table, [*axes, *(["fold"] if folds else [])], figures), "repeats_count": count}  # fmt: skip


def pooled_seeds(folds: pd.DataFrame, axes: list[str], metrics: TaskMetrics) -> pd.DataFrame:
    """Points pooled over folds, with what each is called, over seeds; of many the best."""
    table = best(pooled_over_seeds(folds), metrics.main, MOST_ROWS, falling=metrics.direction == "min")
    return table.assign(name=[called(row, axes) for _, row in table.iterrows()]) if len(table) else table


def inside_of(sweep: Path, done: pd.DataFrame, axes: list[str]) -> dict[str, Any]:
    """What `python -m inspection` has left in the runs' folders: the newest pictures, and distances of sets of images."""
    looked = [os.path.isdir(f"{sweep}/{run}/inspection") for run in done.run] if len(done) else []  # noqa: PTH112  of 10,000 runs
    named = {str(run.run): called(run, axes) for _, run in done[looked].iterrows()} if any(looked) else {}
    found = [(path, name) for run, name in named.items() for path in (sweep / run / "inspection").glob("*.jpg")]
    newest = sorted(found, key=lambda one: one[0].stat().st_mtime, reverse=True)[:MOST_INSIDE]
    pictures = [(name, path.stem, embedded(path)) for path, name in newest]
    gaps = []
    for run, name in named.items():
        for path in sorted((sweep / run / "inspection").glob("gap-*.json")):
            with suppress(ValueError):
                gaps.append({"name": name} | Gap.model_validate_json(path.read_bytes()).model_dump())
    return {"inside": pictures, "gaps": gaps}


def embedded(path: Path) -> str:
    """A JPEG as the address of itself."""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
