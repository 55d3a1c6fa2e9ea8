"""How figures are named and written, whatever their task."""

import math
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, cast

from metrics.base import TaskMetrics
from metrics.lookup import all_metrics, metrics_by_names, metrics_of_frame

if TYPE_CHECKING:
    import pandas as pd

BOOKKEEPING = (
    "run", "shipped", "status", "error", "seconds", "updated", "later_error_at", "weights", "multiply_adds", "teacher_weights", "fingerprint", "content",
    "data_read", "data_settings", "recipe", "temperature", "soft_share", "classes", "grid", "baseline", "beats_baseline", "doubt",
)  # fmt: skip
"""Columns of a sweep's table that are neither axes nor figures."""


def main_figure(names: "pd.DataFrame | Iterable[Hashable]") -> str:
    """The figure that chooses among epochs and points, `val/<name>`: of a table by its tasks, of names by what is there."""
    found: TaskMetrics = (
        metrics_of_frame(cast("pd.DataFrame", names)) if hasattr(names, "columns") else metrics_by_names(names)
    )
    return f"val/{found.main}"


def shown_figures(table: "pd.DataFrame") -> list[str]:
    """What tables of runs show, of what there is: first the figures of the task that most runs belong to."""
    first = metrics_of_frame(table)
    return list(dict.fromkeys(name for one in (first, *all_metrics()) for name in one.columns if name in table))


def figure_title(name: str) -> str:
    """`val/macro_f1` → `macro F1`."""
    short = plain(name)
    return next((one.titles[short] for one in all_metrics() if short in one.titles), short.replace("_", " "))


def figure_words(name: str) -> str:
    """`val/macro_f1` → `validation macro F1`, for headings and axes."""
    part = name.partition("/")[0] if "/" in name else ""
    return f"{'validation' if part == 'val' else part} {figure_title(name)}".strip()


OF_NO_TASK = frozenset({"cost"})
"""Figures in a unit of their own that a task gets where somebody asks for them, see `metrics.cost`."""


def is_share(name: str) -> bool:
    """Whether a figure lies from 0 to 1 and is told in points or percent."""
    short = plain(name)
    return (
        "epoch" not in short
        and short not in OF_NO_TASK
        and not any(short in one.own_unit | one.unbounded for one in all_metrics())
    )


def figure_text(name: str, value: float | None) -> str:
    """A figure as tables show it: shares with three decimals, numbers with four digits, epochs whole; – where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if "epoch" in plain(name):
        return f"{value:.0f}"
    in_unit = plain(name) in OF_NO_TASK or any(plain(name) in one.own_unit for one in all_metrics())
    return f"{value:.4g}" if in_unit else f"{value:.3f}"


def plain(name: str) -> str:
    """`val/dice` → `dice`."""
    return name.rpartition("/")[2]


def mixed_starts(starts: Iterable[str]) -> bool:
    """Whether some runs started at random and some did not: their figures do not compare."""
    known = set(starts) - {""}
    return "random" in known and len(known) > 1
