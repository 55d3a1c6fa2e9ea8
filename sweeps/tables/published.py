"""The thesis's tables with our figures beside the printed ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

PUBLISHED = Path(__file__).parent / "published.yaml"
FIGURES = {
    "accuracy": ("runs", "val/accuracy_top10_mean", 100.0),
    "macro_f1": ("runs", "val/macro_f1", 100.0),
    "off_by_one": ("runs", "val/off_by_one", 100.0),
    "file_accuracy": ("files", "val/accuracy", 100.0),
    "file_macro_f1": ("files", "val/macro_f1", 100.0),
    "file_off_by_one": ("files", "val/off_by_one", 100.0),
    "latency": ("files", "latency_ms_mean", 1.0),
    "size": ("files", "size_bytes", 1 / 1024),
}
"""Figure of published.yaml → table it is read from, column, factor. Accuracy is defined as there: the mean of the ten
best epochs (section 4.2), latency the mean of 100 calls, size in KiB."""


@dataclass(frozen=True)
class Beside:
    """One printed table and ours."""

    number: str
    title: str
    row_names: list[str]
    column_names: list[str]
    printed: list[list[float]]
    digits: int
    """After the point, in ours."""
    ours: list[list[float]]
    """Not a number where the sweep has no such point."""

    @property
    def known(self) -> int:
        """Cells that the sweep has a figure for."""
        return int(np.isfinite(np.array(self.ours, float)).sum())


def beside(runs: pd.DataFrame, files: pd.DataFrame) -> list[Beside]:
    """Every table of published.yaml.

    Args:
        runs: finished runs, as `table.collect` gives them.
        files: as `files.collect_files` gives them; may be empty.

    """
    told = yaml.safe_load(PUBLISHED.read_text())
    finalists = told["finalists"]
    if len(runs) and "datamodule" in runs:
        alike = (
            (runs.classes == told["classes"]) & (runs.grid == told["grid"]) & runs.datamodule.isin(told["datamodules"])
        )
        runs = runs[alike]
    files = files[files.run.isin(runs.run)] if len(files) else files
    files = _timed_once(files) if len(files) else files
    tables = [_table(one, runs, files, [{one["rows"]["axis"]: value} for value in one["rows"]["values"]])
              for one in told["stage1"]]  # fmt: skip
    return tables + [_table(one, runs, files, finalists) for one in told["stage2"]]


def _timed_once(files: pd.DataFrame) -> pd.DataFrame:
    """One row per run and file: its timing on the device, with the threads and delegate, that most files share."""
    told = [files[name].map(str) for name in ("device", "threads", "delegate") if name in files]
    setting = pd.concat(told, axis=1).agg(", ".join, axis=1)
    common = setting == setting.mode().iloc[0]
    return files.assign(_first=~common).sort_values("_first", kind="stable").drop_duplicates(["run", "file"])


def _table(told: dict[str, Any], runs: pd.DataFrame, files: pd.DataFrame, rows: list[dict[str, Any]]) -> Beside:
    source, column, factor = FIGURES[told["figure"]]
    frame = runs if source == "runs" else files
    axis = told.get("columns", {}).get("axis")
    values = told.get("columns", {}).get("values", [None])
    kinds = told.get("files") or [told.get("file")] * len(rows)
    ours = [
        [
            factor
            * _mean(
                frame, told["at"] | ({"file": kind} if kind else {}) | row | ({axis: value} if axis else {}), column
            )
            for value in values
        ]
        for row, kind in zip(rows, kinds, strict=True)
    ]
    digits = {"latency": 2, "size": 0}.get(told["figure"], 1)
    names = [" ".join(str(value) for value in row.values()) for row in rows]
    return Beside(
        told["table"], told["title"], names, [str(v) for v in values if v is not None], told["printed"], digits, ours
    )


def _mean(frame: pd.DataFrame, conditions: dict[str, Any], column: str) -> float:
    """Mean of a column over the rows that fit, over whatever else differs between them."""
    if column not in frame or any(name not in frame for name in conditions):
        return float("nan")
    fits = np.ones(len(frame), bool)
    for name, value in conditions.items():
        same = frame[name] == value if not isinstance(value, float) else frame[name].astype(float) == value
        fits &= same.to_numpy(bool)
    return float(frame[column][fits].mean()) if fits.any() else float("nan")
