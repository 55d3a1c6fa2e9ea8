"""Records → one `report.html` that needs nothing else: front, effects, tables, curves, mistakes, failures."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from metrics.against_baseline import TABLE_COLUMNS
from metrics.base import TaskMetrics
from metrics.figures import figure_text, figure_title, figure_words, main_figure, mixed_starts, shown_figures
from metrics.lookup import metrics_of_frame
from storage.whole_file import write_whole
from sweeps.analysis.pareto import points
from sweeps.analysis.recommendation import advise
from sweeps.records import cross_results, retraining
from sweeps.records.latency import delegate_words
from sweeps.records.run_record import Status, read_record
from sweeps.report import parallel
from sweeps.report.asking import asking_of
from sweeps.report.choices import choices_of
from sweeps.report.costs import costs_of
from sweeps.report.curves import curves
from sweeps.report.details import details_of
from sweeps.report.sections import MOST_ROWS, inside_of, pooled_seeds, repeats_of
from sweeps.report.svg import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Front, draw_front
from sweeps.report.whole_fits import whole_fits
from sweeps.tables.console import best
from sweeps.tables.exported_files import devices_in_words
from sweeps.tables.foreign_files import FOREIGN
from sweeps.tables.naming import called, telling, without_asked_weights
from sweeps.tables.pooled import figures_with_intervals, pooled
from sweeps.tables.published import Beside, beside
from sweeps.tables.runs import read_tables
from sweeps.tables.seeds import repeat_text
from sweeps.tables.status import Progress, progress

CLASS_COLOURS = ("#ff4d4f", "#40a9ff", "#fadb14", "#73d13d", "#b37feb", "#ff922e", "#36cfc9", "#f759ab")
"""Of the outlines in a run's mistakes.jpg."""
MOST_EFFECTS = 100
"""Lines of the table of effects, of each figure."""


def write_report(sweep: Path) -> Path:
    """Writes `report.html` into the sweep's folder and gives its path. An empty sweep has a report too."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([Path(__file__).parent, "/"]), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    path = sweep / "report.html"
    write_whole(path, environment.get_template("report.html.j2").render(**gather(sweep)))
    return path


def gather(sweep: Path) -> dict[str, Any]:
    """Everything that the template writes down."""
    found = read_tables(sweep)
    runs, files, facts = found.runs, found.files, found.facts
    whole = whole_fits(sweep, runs)
    runs, files = (
        table[~table.run.isin([one.run for one in whole])] if len(table) else table for table in (runs, files)
    )
    done = runs[runs.status == Status.DONE] if len(runs) else runs
    axes = telling(done) if len(done) else []
    metrics = metrics_of_frame(done)
    main = f"val/{metrics.main}"
    facts = facts[facts.run.isin(done.run)] if len(done) else pd.DataFrame()
    if main in done:  # runs of another task, as runs/adhoc may have some, stand in the table of all runs alone
        judged = done[done[main].notna()]
        facts = facts[facts.run.isin(judged.run)]
        files = files[files.run.str.rpartition("/")[2].isin(judged.run)] if len(files) else files
    fronts = _fronts(files, axes)
    tables = beside(done, files) if len(done) else []
    advice = [(device, advise(sweep, table, files, axes)) for device, table, *_ in fronts]
    folds = pooled(sweep, runs)
    folds = folds[folds.group == "all"].reset_index(drop=True) if len(folds) else folds
    return {
        "name": sweep.name,
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "progress": progress(sweep),
        "status": Status,
        "data": _data(sweep, runs, facts),
        "starts": sorted(set(done.initial_weights)) if len(done) else [],
        "processors": sorted({*facts.processor} - {""}) if len(facts) else [],
        "fronts": fronts,
        "advice": advice,
        "costs": costs_of(sweep, advice[0][1], metrics) if advice else None,
        "asking": asking_of(sweep, advice[0][1], metrics) if advice else None,
        "pooled": _pooled_rows(folds, axes, metrics),
        "pooled_count": len(folds),
        "pooled_seeds": pooled_seeds(folds, axes, metrics),
        "whole": whole,
        "rows": _rows(done, files, axes, metrics)
        if len(done)
        else {"columns": [], "rows": [], "baselines": [], "runs": 0, "of": 0},
        **repeats_of(runs, axes, metrics),
        **inside_of(sweep, done, axes),
        "crosses": _crosses(sweep),
        "retraining": _retraining(sweep),
        **choices_of(done, axes, metrics),
        **curves(sweep, facts, done, axes, metrics),
        "details": details_of(sweep, done, axes, metrics),
        "tables": [table for table in tables if table.known],
        "unmatched": sorted({table.number for table in tables} - {table.number for table in tables if table.known}),
        "parallel_size": {
            "width": parallel.WIDTH,
            "height": parallel.HEIGHT,
            "top": parallel.TOP,
            "bottom": parallel.BOTTOM,
        },
        "size": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP},
        "most": {"rows": MOST_ROWS, "effects": MOST_EFFECTS, "troubled": MOST_ROWS},
        "np": np,
        "figure_text": figure_text,
        "mixed_starts": mixed_starts,
        "repeat_text": repeat_text,
        "main": main,
        "metrics": metrics,
        "title": figure_title,
        "words": figure_words,
        "template": str(metrics.template),
        "pooled_figures": figures_with_intervals,
        "colours": CLASS_COLOURS,
    }


def _crosses(sweep: Path) -> list[dict[str, Any]]:
    """The tables of cross.csv; one that cannot be read is named, and the report goes on without it."""
    try:
        return cross_results.tables(cross_results.read(sweep))
    except cross_results.CrossError as error:
        print(f"left out of the report: {error}", file=sys.stderr)
        return []


def _retraining(sweep: Path) -> "retraining.Retraining | None":
    """What new labels have changed; a file that cannot be read is named, and the report goes on without it."""
    try:
        return retraining.read(sweep)
    except ValueError as error:
        print(f"left out of the report: {error}", file=sys.stderr)
        return None


def _data(sweep: Path, runs: pd.DataFrame, facts: pd.DataFrame) -> list[dict[str, Any]]:
    """The different data sets: name, fingerprint, class names and counts per part."""
    seen: dict[str, dict[str, Any]] = {}
    known = [name for name in ("datamodule", "fold") if name in runs]
    if not len(facts):
        return []
    about = runs[runs.run.isin(facts.run)].sort_values("run")
    for run in about.drop_duplicates(known).run if known else about.run:
        record = read_record(sweep / run)
        name = f"{record['axes'].get('datamodule')} fold {record['axes'].get('fold')}"
        seen.setdefault(name, {"name": name, **record.get("data", {})})
    return list(seen.values())


def _fronts(files: pd.DataFrame, axes: list[str]) -> list[tuple[str, pd.DataFrame, Front, int]]:
    """One drawing per device that files were timed on, of the front and the best others; and how many there are of all."""
    if not len(files) or files.latency_ms.isna().all():
        return []
    figure = main_figure(files)
    table = points(files, axes, figure)
    table = table[table.latency_ms.notna()]
    found, words = [], devices_in_words(files)
    for device, group in table.groupby("device", sort=False):
        kept = best(group, figure, MOST_ROWS, falling=metrics_of_frame(files).direction == "min").index
        here = group[group.front | group.index.isin(kept)].reset_index(drop=True)
        here["name"] = [f"{called(row, axes)} · {row.file}" for _, row in here.iterrows()]
        found.append((words[str(device)], here, draw_front(here, list(here.name), figure), len(group)))
    return found


def _pooled_rows(folds: pd.DataFrame, axes: list[str], metrics: TaskMetrics) -> pd.DataFrame:
    if not len(folds):
        return folds
    shown = best(folds, metrics.main, MOST_ROWS, falling=metrics.direction == "min")
    seeds = "seed" in folds and folds.seed.nunique() > 1
    names = [called(row, axes) + (f" seed {row.seed}" if seeds else "") for _, row in shown.iterrows()]
    return shown.assign(name=names)


def _rows(done: pd.DataFrame, files: pd.DataFrame, axes: list[str], metrics: TaskMetrics) -> dict[str, Any]:
    """The sortable table: a row per finished run, and per file of it; of many runs the best."""
    figures, axes = shown_figures(done), without_asked_weights(axes, done)
    columns = [*axes, "initial_weights", "file", *figures, "beats_baseline", "same", "multiply_adds", "kB", "ms", "delegate",
               "device"]  # fmt: skip
    if len(files) and files.arm_same.notna().any():
        columns.insert(columns.index("same") + 1, "arm_same")
    rows = []
    shown = best(done, f"val/{metrics.main}", MOST_ROWS, falling=metrics.direction == "min")
    files = files[files.run.isin(shown.run) | (files.file == FOREIGN)] if len(files) else files
    for _, run in shown.iterrows():
        base = {name: run.get(name) for name in [*axes, "initial_weights", *figures, *TABLE_COLUMNS] if name in run}
        base["multiply_adds"] = run.get("multiply_adds", float("nan"))
        rows.append(base | {"file": "torch"})
        for _, file in files[files.run == run.run].iterrows() if len(files) else ():
            own = {name: file.get(name) for name in [*figures, *TABLE_COLUMNS] if name in file}
            costs = _costs(file)
            shares = {"same": file.same, "arm_same": file.arm_same}
            rows.append(base | {"file": file.file, "marked": file.marked} | shares | own | costs)
    for _, file in files[files.file == FOREIGN].iterrows() if len(files) else ():
        own = {name: file.get(name) for name in [*axes, *figures] if name in file}
        rows.append(own | {"file": FOREIGN} | _costs(file))
    baselines = sorted({str(row["baseline"]) for row in rows if row.get("baseline")})
    machines = ", ".join(sorted({str(one) for one in files.arm_machine if one})) if len(files) else ""
    of_files = {"file", "same", "multiply_adds", "kB", "ms"}
    known = {name for row in rows for name in of_files & set(row) if row[name] == row[name] and row[name] != "torch"}
    columns, same = _differing([name for name in columns if name not in of_files - known], rows)
    about = {"same": same, "baselines": baselines, "runs": len(shown), "of": len(done), "arm_machines": machines}
    return {"columns": columns, "rows": rows} | about


def _differing(columns: list[str], rows: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The columns in which rows differ, and of those that say where from and by what, in words, what is the same in all."""
    telling = [
        name
        for name in columns
        if "/" not in name and name not in ("file", "same", "arm_same", "multiply_adds", "kB", "ms", "beats_baseline")
    ]
    values = {
        name: {str(row[name]) for row in rows if row.get(name) is not None and row[name] == row[name]}
        for name in telling
    }
    known = [name for name in telling if len(values[name]) == 1 and len(rows) > 1]
    words = {"initial_weights": "initial weights", "device": "timed on", "delegate": "by"}
    same = [f"{words.get(name, name.rpartition('.')[2])} {next(iter(values[name]))}" for name in known]
    return [name for name in columns if name not in known and values.get(name, {""})], same


def _costs(file: Any) -> dict[str, Any]:
    """A file's size, and its time with where and by what it was taken."""
    by = delegate_words(file) if pd.notna(file.delegate) else None
    return {"kB": file.size_bytes / 1000, "ms": file.latency_ms, "delegate": by, "device": file.device}


__all__ = ["Beside", "Progress", "called", "gather", "write_report"]
