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
) -> list[dict[str, Any]]:
    """Learning curves of the best runs, as small drawings of 150 x 70."""
    drawn = []
    main = f"val/{metrics.main}"
    drawn_runs = best_first(done, metrics).head(MOST_CURVES) if main in done else done.head(MOST_CURVES)
    top = curve_top(facts, metrics)
    for _, run in drawn_runs.iterrows():
        record = read_record(sweep / run.run)
        history = record.get("history", [])
        parts = {part: [epoch.get(f"{part}/{metrics.curve}") for epoch in history] for part in ("train", "val")}
        repeats = ", ".join(f"{name} {run[name]}" for name in REPEATS if name in axes)
        baseline = record.get("baseline", {}).get(f"val/{metrics.curve}")
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
