"""Records → one `report.html` that needs nothing else: front, effects, tables, curves, mistakes, failures."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from metrics.against_baseline import TABLE_COLUMNS
from metrics.base import TaskMetrics
from metrics.figures import figure_text, figure_title, figure_words, main_figure, mixed_starts, shown_figures
from metrics.lookup import all_metrics, metrics_of_frame
from storage.whole_file import write_whole
from sweeps.analysis.main_effects import Effect, main_effects
from sweeps.analysis.pareto import points
from sweeps.analysis.recommendation import advise
from sweeps.records import cross_results
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record
from sweeps.report.sections import embedded, inside_of, pooled_seeds, repeats_of
from sweeps.report.svg import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Front, curve, draw_front
from sweeps.report.whole_fits import whole_fits
from sweeps.tables.foreign_files import FOREIGN
from sweeps.tables.naming import REPEATS, called, telling
from sweeps.tables.pooled import figures_with_intervals, pooled
from sweeps.tables.published import Beside, beside
from sweeps.tables.runs import axis_columns, read_sweep
from sweeps.tables.seeds import repeat_text
from sweeps.tables.status import Progress, progress

CLASS_COLOURS = ("#ff4d4f", "#40a9ff", "#fadb14", "#73d13d", "#b37feb", "#ff922e", "#36cfc9", "#f759ab")
"""Of the outlines in a run's mistakes.jpg."""
MOST_DETAILS = 6
"""Runs of which confusion and mistakes are shown, the best ones."""
MOST_CURVES = 60


@dataclass(frozen=True)
class Detail:
    """One of the best runs."""

    name: str
    value: float
    """Its main figure."""
    class_names: list[str]
    metrics: dict[str, Any]
    """Its record's figures of the validation set, by their names without the part."""
    scatter: str
    """Data address of numbers.jpg, true against given numbers; empty where the run has none."""
    mistakes: list[dict[str, Any]]
    picture: str
    """Data address of its worst mistakes; empty where the run has none."""


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
    runs, files = read_sweep(sweep)
    whole = whole_fits(sweep, runs)
    runs, files = (
        table[~table.run.isin([one.run for one in whole])] if len(table) else table for table in (runs, files)
    )
    done = runs[runs.status == Status.DONE] if len(runs) else runs
    axes = telling(done) if len(done) else []
    records = _records(sweep, done)
    metrics = metrics_of_frame(done)
    main = f"val/{metrics.main}"
    if main in done:  # runs of another task, as runs/adhoc may have some, stand in the table of all runs alone
        judged = done[done[main].notna()]
        known = set(judged.run)
        records = {run: record for run, record in records.items() if run in known}
        files = files[files.run.str.rpartition("/")[2].isin(judged.run)] if len(files) else files
    fronts = _fronts(files, axes)
    tables = beside(done, files) if len(done) else []
    return {
        "name": sweep.name,
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "progress": progress(sweep),
        "status": Status,
        "data": _data(records),
        "starts": sorted(set(done.initial_weights)) if len(done) else [],
        "processors": sorted({record.get("device", {}).get("processor", "") for record in records.values()} - {""}),
        "fronts": fronts,
        "advice": [(device, advise(sweep, table, files, axes)) for device, table, _ in fronts],
        "pooled": (rows := _pooled_rows(sweep, runs, axes)),
        "pooled_seeds": pooled_seeds(rows, axes),
        "whole": whole,
        "rows": _rows(done, files, axes) if len(done) else {"columns": [], "rows": [], "baselines": []},
        **repeats_of(runs, axes),
        **inside_of(sweep, done, axes),
        "crosses": cross_results.tables(cross_results.read(sweep)),
        "effects": _effects(
            done, [name for name in axis_columns(done) if name != "initial_weights"] if len(done) else []
        ),
        "curves": _curves(records, done, axes, metrics),
        "curve_top": _curve_top(records, metrics),
        "details": _details(sweep, records, done, axes),
        "tables": [table for table in tables if table.known],
        "unmatched": sorted({table.number for table in tables} - {table.number for table in tables if table.known}),
        "size": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP},
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


def _records(sweep: Path, done: pd.DataFrame) -> dict[str, Record]:
    """Records of the finished runs by folder name."""
    found = {}
    known = set(done.run) if len(done) else set()
    for folder in find_runs(sweep):
        if folder.name in known:
            try:
                found[folder.name] = read_record(folder)
            except RecordError:
                continue
    return found


def _data(records: dict[str, Record]) -> list[dict[str, Any]]:
    """The different data sets: name, fingerprint, class names and counts per part."""
    seen: dict[str, dict[str, Any]] = {}
    for record in records.values():
        data = record.get("data", {})
        name = f"{record['axes'].get('datamodule')} fold {record['axes'].get('fold')}"
        seen.setdefault(name, {"name": name, **data})
    return list(seen.values())


def _fronts(files: pd.DataFrame, axes: list[str]) -> list[tuple[str, pd.DataFrame, Front]]:
    """One drawing per device that files were timed on."""
    if not len(files) or files.latency_ms.isna().all():
        return []
    figure = main_figure(files)
    table = points(files[files.latency_ms.notna()], axes, figure)
    table["name"] = [f"{called(row, axes)} · {row.file}" for _, row in table.iterrows()]
    found = []
    for device, group in table.groupby("device", sort=False):
        here = group.reset_index(drop=True)
        found.append((str(device), here, draw_front(here, list(here.name), figure)))
    return found


def _pooled_rows(sweep: Path, runs: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    table = pooled(sweep, runs)
    if not len(table):
        return table
    whole = table[table.group == "all"].reset_index(drop=True)
    seeds = "seed" in whole and whole.seed.nunique() > 1
    names = [called(row, axes) + (f" seed {row.seed}" if seeds else "") for _, row in whole.iterrows()]
    return whole.assign(name=names)


def _rows(done: pd.DataFrame, files: pd.DataFrame, axes: list[str]) -> dict[str, Any]:
    """The sortable table: a row per finished run, and per file of it."""
    figures = shown_figures(done)
    columns = [*axes, "initial_weights", "file", *figures, "beats_baseline", "same", "kB", "ms", "device"]
    rows = []
    for _, run in done.iterrows():
        base = {name: run.get(name) for name in [*axes, "initial_weights", *figures, *TABLE_COLUMNS] if name in run}
        rows.append(base | {"file": "torch"})
        for _, file in files[files.run == run.run].iterrows() if len(files) else ():
            own = {name: file.get(name) for name in [*figures, *TABLE_COLUMNS] if name in file}
            costs = {"kB": file.size_bytes / 1000, "ms": file.latency_ms, "device": file.device}
            rows.append(base | {"file": file.file, "same": file.same, "marked": file.marked} | own | costs)
    for _, file in files[files.file == FOREIGN].iterrows() if len(files) else ():
        own = {name: file.get(name) for name in [*axes, *figures] if name in file}
        rows.append(own | {"file": FOREIGN, "kB": file.size_bytes / 1000, "ms": file.latency_ms, "device": file.device})
    baselines = sorted({str(row["baseline"]) for row in rows if row.get("baseline")})
    return {"columns": columns, "rows": rows, "baselines": baselines}


def _effects(done: pd.DataFrame, axes: list[str]) -> dict[str, list[Effect]]:
    figures = list(dict.fromkeys(name for one in all_metrics() for name in one.compared if name in done))
    return {figure: found for figure in figures if (found := main_effects(done, axes, figure))}


def _curves(
    records: dict[str, Record], done: pd.DataFrame, axes: list[str], metrics: TaskMetrics
) -> list[dict[str, Any]]:
    """Learning curves of the best runs, as small drawings of 150 x 70."""
    drawn = []
    main = f"val/{metrics.main}"
    best = _best_first(done, metrics).head(MOST_CURVES) if main in done else done
    top = _curve_top(records, metrics)
    for _, run in best.iterrows():
        history = records.get(run.run, {}).get("history", [])
        parts = {part: [epoch.get(f"{part}/{metrics.curve}") for epoch in history] for part in ("train", "val")}
        repeats = ", ".join(f"{name} {run[name]}" for name in REPEATS if name in axes)
        baseline = records.get(run.run, {}).get("baseline", {}).get(f"val/{metrics.curve}")
        drawn.append(
            {"baseline": "" if baseline is None else curve([min(baseline, top)] * len(history), 150, 70, 0.0, top)}
            | {
                part: curve([value if value is None else min(value, top) for value in values], 150, 70, 0.0, top)
                for part, values in parts.items()
            }
            | {
                "name": called(run, axes),
                "repeats": repeats,
                "best": run.get(main, np.nan),
                "epochs": len(history),
            }
        )
    return drawn


def _best_first(done: pd.DataFrame, metrics: TaskMetrics) -> pd.DataFrame:
    main = f"val/{metrics.main}"
    return done.dropna(subset=main).sort_values(main, ascending=metrics.direction == "min")


def _curve_top(records: dict[str, Record], metrics: TaskMetrics) -> float:
    """Where all drawings end: 1, or of errors a little above what the baseline costs at most."""
    if metrics.curve not in metrics.own_unit:
        return 1.0
    known = [record.get("baseline", {}).get(f"val/{metrics.curve}") or 0.0 for record in records.values()]
    return 1.2 * max(known, default=0.0) or 1.0


def _details(sweep: Path, records: dict[str, Record], done: pd.DataFrame, axes: list[str]) -> list[Detail]:
    metrics = metrics_of_frame(done)
    main = f"val/{metrics.main}"
    if main not in done:
        return []
    found = []
    for _, run in _best_first(done, metrics).head(MOST_DETAILS).iterrows():
        record = records[run.run]
        own = {name[4:]: value for name, value in record.get("metrics", {}).items() if name.startswith("val/")}
        picture = sweep / run.run / "mistakes.jpg"
        mistakes = record.get("mistakes", []) if picture.exists() else []
        found.append(
            Detail(
                f"{called(run, axes)} " + ", ".join(f"{name} {run[name]}" for name in REPEATS if name in axes),
                run[main],
                record.get("data", {}).get("class_names", []),
                own,
                embedded(drawn) if (drawn := sweep / run.run / "numbers.jpg").exists() else "",
                mistakes,
                embedded(picture) if mistakes else "",
            )
        )
    return found


__all__ = ["Beside", "Detail", "Progress", "called", "gather", "write_report"]
