"""Learning curves of the best runs of a sweep, as small drawings."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrics.base import TaskMetrics
from sweeps.records.run_record import read_record
from sweeps.report.svg import curve
from sweeps.tables.naming import REPEATS, called

MOST_CURVES = 60


def curves(
    sweep: Path, facts: pd.DataFrame, done: pd.DataFrame, axes: list[str], metrics: TaskMetrics
) -> dict[str, Any]:
    """`curves` of the best runs as small drawings of 150 x 70, and of their losses of 150 x 46; where these end: `curve_top`, `loss_top`."""
    main = f"val/{metrics.main}"
    drawn_runs = best_first(done, metrics).head(MOST_CURVES) if main in done else done.head(MOST_CURVES)
    records = [read_record(sweep / run) for run in drawn_runs.run] if len(done) else []
    top, most = curve_top(facts, metrics), loss_top([record.get("history", []) for record in records])
    drawn = []
    for (_, run), record in zip(drawn_runs.iterrows(), records, strict=True):
        history = record.get("history", [])
        baseline = record.get("baseline", {}).get(f"val/{metrics.curve}")
        shown = {"baseline": "" if baseline is None else curve([min(baseline, top)] * len(history), 150, 70, 0.0, top)}
        for part in ("train", "val"):
            shown[part] = _below(history, f"{part}/{metrics.curve}", 70, top)
            shown[f"{part}_loss"] = _below(history, f"{part}/loss", 46, most)
        repeats = ", ".join(f"{name} {run[name]}" for name in REPEATS if name in axes)
        about = {"name": called(run, axes), "repeats": repeats, "best": run.get(main, np.nan), "epochs": len(history)}
        drawn.append(shown | about)
    return {"curves": drawn, "curve_top": top, "loss_top": most}


def _below(history: list[dict[str, Any]], name: str, height: float, top: float) -> str:
    """A figure of all epochs in a box of that height; what lies above its top stays at it."""
    values = [epoch.get(name) for epoch in history]
    return curve([value if value is None else min(value, top) for value in values], 150, height, 0.0, top)


def best_first(done: pd.DataFrame, metrics: TaskMetrics) -> pd.DataFrame:
    """Runs that have the main figure, the best one first."""
    main = f"val/{metrics.main}"
    return done.dropna(subset=main).sort_values(main, ascending=metrics.direction == "min")


def curve_top(facts: pd.DataFrame, metrics: TaskMetrics) -> float:
    """Where all drawings end: 1, or of errors a little above what the baseline costs at most."""
    name = f"val/{metrics.curve}"
    if metrics.curve not in metrics.own_unit or name not in facts:
        return 1.0
    return 1.2 * float(facts[name].fillna(0.0).max()) or 1.0


def loss_top(histories: list[list[dict[str, Any]]]) -> float:
    """What nine in ten epochs stay below, by both sets."""
    told = [epoch.get(name) for history in histories for epoch in history for name in ("train/loss", "val/loss")]
    known = [float(value) for value in told if value is not None and np.isfinite(value)]
    return 1.05 * float(np.quantile(known, 0.9)) or 1.0 if known else 1.0
