"""Runs that differ in the fold alone as one row: each image answered by a network that never saw its source."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from metrics.against_baseline import beside_baseline
from metrics.base import TaskMetrics
from metrics.figures import BOOKKEEPING
from metrics.intervals import bootstrap_interval
from metrics.lookup import metrics_by_names, metrics_of
from sweeps.records.answers import AnswersError, read_answers, say_left_out
from sweeps.records.point_cache import PointCache
from sweeps.records.run_record import Status, read_record
from sweeps.tables.grouping import groups, repeat
from sweeps.tables.runs import collect

POOLED_OVER = ("fold",)


def pooled(sweep: Path, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per point and group of photos, over the out-of-fold predictions of its runs, with 95 % intervals.

    The test set, or where there is none the validation set, graded by the checkpoint that ships: column `graded_by`, which says
    so where the validation set had chosen it. Points are runs that differ in the fold alone. Rows of a point: all cells, then
    each group. Columns: the axes, folds, group, cells, baseline, beats_baseline and doubt (see
    `metrics.against_baseline.table_columns`; each sample's constant answer is that of its fold), and per figure the value,
    `_low` and `_high` (bootstrap over sources).

    Args:
        table: as `collect` gives it, where it is at hand.

    """
    table = collect(sweep) if table is None else table
    done = table[table.status == Status.DONE] if len(table) else table
    if not len(done) or "fold" not in done:
        return pd.DataFrame()
    told = {*BOOKKEEPING, *POOLED_OVER}
    keys = [str(name) for name in done if name not in told and "/" not in str(name)]
    rows: list[dict[str, Any]] = []
    cache = PointCache(sweep / ".pooled.kept")
    folds, names, shipped = (done[name].to_numpy(object) for name in ("fold", "run", "shipped"))
    known = {name: done[name].notna().to_numpy() for name in done if str(name).startswith("val/")}
    for axes, at in groups(done, keys):
        if not repeat(folds[at]):
            continue
        task = axes.get("task")
        metrics = metrics_of(task) if isinstance(task, str) else metrics_by_names(done.columns)
        figures = [name for name in metrics.figures if f"val/{name}" in known and known[f"val/{name}"][at].all()]
        point = list(names[at])
        about = " ".join([*figures, *shipped[at]])
        try:
            found = cache.rows(point, about, partial(_rows, sweep, point, list(shipped[at]), metrics, figures))
        except AnswersError as error:
            say_left_out(error)
            continue
        rows.extend(axes | {"folds": len(at)} | row for row in found)
    cache.keep()
    return pd.DataFrame(rows)


def _rows(
    sweep: Path, runs: list[str], shipped: list[str], metrics: TaskMetrics, figures: list[str]
) -> list[dict[str, Any]]:
    """Of one point: all cells, then each group."""
    folders = [sweep / run for run in runs]
    records = [read_record(folder) for folder in folders]
    everything = read_answers(
        [folder / "predictions.parquet" for folder in folders], metrics.unread, checkpoint=shipped
    )
    part = "test" if (everything.part == "test").any() else "val"
    chosen = everything[everything.part == part]
    by = " or ".join(sorted(chosen.checkpoint.unique())) + " epoch"
    by += ", which they chose" if part == "val" and (chosen.checkpoint == "best").any() else ""
    names = sorted(name for name in chosen.group.unique() if name)
    groups = [("all", chosen), *((name, chosen[chosen.group == name]) for name in names)]
    return [
        {"graded_by": by, "group": name} | beside_baseline(cells, records, metrics) | summary(cells, metrics, figures)
        for name, cells in groups
    ]


def summary(cells: pd.DataFrame, metrics: TaskMetrics, names: Sequence[str]) -> dict[str, Any]:
    """Figures of these names and their intervals, of one set of predictions."""
    figures = {name: metrics.figures[name] for name in names}
    truth, answers = metrics.truth_and_answers(cells)
    intervals = bootstrap_interval(truth, answers, cells.source_id.to_numpy(str), figures)
    row: dict[str, Any] = {"cells": cells["sample"].nunique()}
    for name, figure in figures.items():
        row |= {name: figure(truth, answers), f"{name}_low": intervals[name][0], f"{name}_high": intervals[name][1]}
    return row


def figures_with_intervals(folds: pd.DataFrame) -> list[str]:
    """The figures among the columns of `pooled`."""
    return [str(name) for name in folds if f"{name}_low" in folds]
