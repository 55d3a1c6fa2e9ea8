"""What a sweep's choices did: paired, all together, and drawn."""

from typing import Any

import pandas as pd

from metrics.base import TaskMetrics
from metrics.lookup import all_metrics
from sweeps.analysis.importance import importance
from sweeps.analysis.main_effects import Effect, main_effects
from sweeps.report.arrows import draw_arrows
from sweeps.report.parallel import parallel
from sweeps.tables.naming import REPEATS
from sweeps.tables.runs import axis_columns


def choices_of(done: pd.DataFrame, axes: list[str], metrics: TaskMetrics) -> dict[str, Any]:
    """`effects` and their `arrows` by figure, `importance` and `parallel`, the last two None where there is too little to say.

    Args:
        done: a row per finished run.
        axes: that tell runs apart.

    """
    if not len(done):
        return {"effects": {}, "arrows": {}, "importance": None, "parallel": None}
    main = f"val/{metrics.main}"
    all_axes = [name for name in axis_columns(done) if name != "initial_weights"]
    asked = [*axes, *(name for name in REPEATS if name in all_axes and name not in axes)]
    if "initial_weights" in done:
        asked.append("initial_weights")
    effects = _effects(done, all_axes)
    return {
        "effects": effects,
        "arrows": {figure: draw_arrows(found) for figure, found in effects.items()},
        "importance": importance(done, asked, main),
        "parallel": parallel(done, axes, main, falling=metrics.direction == "min"),
    }


def _effects(done: pd.DataFrame, axes: list[str]) -> dict[str, list[Effect]]:
    figures = list(dict.fromkeys(name for one in all_metrics() for name in one.compared if name in done))
    return {figure: found for figure in figures if (found := main_effects(done, axes, figure))}
