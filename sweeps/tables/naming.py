"""How runs and points are called in tables, pictures and reports."""

from typing import Any

import numpy as np
import pandas as pd

from sweeps.tables.runs import axis_columns


def telling(done: pd.DataFrame) -> list[str]:
    """The axes that tell the runs apart, network first; one that only follows from others is left out."""
    order = ["backbone", "width", "resolution", "encoding", "augmentation", "imbalance"]
    known = [name for name in axis_columns(done) if name != "initial_weights"]
    axes = [name for name in order if name in known] + sorted(set(known) - set(order))
    words = done[axes].astype(str)
    for name in reversed(axes):
        fewer = [other for other in axes if other != name]
        if "." in name and fewer and len(words[fewer].drop_duplicates()) == len(words[axes].drop_duplicates()):
            axes = fewer
    return axes


def without_asked_weights(axes: list[str], runs: pd.DataFrame) -> list[str]:
    """The axes without that of the weights, where what the runs started from tells them apart just as well."""

    def told(name: str) -> bool:
        pairs = runs[[name, "initial_weights"]].astype(str).drop_duplicates()
        return not pairs[name].duplicated().any() and not pairs["initial_weights"].duplicated().any()

    known = "initial_weights" in runs
    return [name for name in axes if not (known and name.endswith("weights") and name in runs and told(name))]


def called(row: Any, axes: list[str]) -> str:
    """A run in few words: the values of the axes that differ, repetitions left out."""
    words = [_short(name, row[name]) for name in axes or ["backbone"] if name in row and name not in REPEATS]
    return " ".join(word for word in words if word)


def _short(axis: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = f"{value:g}" if isinstance(value, int | float) else str(value)
    own = {"resolution": f"{text}px", "width": f"×{text}"}
    if axis.endswith("weights"):
        return f"from {'random' if text == 'none' else text}"
    if text == "none":
        return {"augmentation": "unaugmented", "imbalance": ""}.get(axis, f"no {axis}")
    known = {"backbone", "encoding", "augmentation", "imbalance", "datamodule", "schedule", "optimizer"}
    return own.get(axis) or (text if axis in known else f"{axis.rpartition('.')[2]} {text}")


REPEATS = ("seed", "fold")
"""Axes along which a point is repeated; no effect is asked of them."""
