"""The tables of the documents that gridlite grew from, with our figures beside the printed ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

PUBLISHED = Path(__file__).parent / "published.yaml"
PERCENT, MILLISECONDS, SHARE = (100.0, 1), (1.0, 2), (1.0, 4)
FIGURES = {
    "accuracy": ("runs", "val/accuracy_top10_mean", *PERCENT),
    "macro_f1": ("runs", "val/macro_f1", *PERCENT),
    "off_by_one": ("runs", "val/off_by_one", *PERCENT),
    "file_accuracy": ("files", "val/accuracy", *PERCENT),
    "file_macro_f1": ("files", "val/macro_f1", *PERCENT),
    "file_off_by_one": ("files", "val/off_by_one", *PERCENT),
    "latency": ("files", "latency_ms_mean", *MILLISECONDS),
    "size": ("files", "size_bytes", 1 / 1024, 0),
    "weights": ("runs", "weights", 1 / 1000, 0),
    "test_mae": ("runs", "test/mae", *SHARE),
    "val_dice_pooled": ("runs", "val/dice_pooled", *PERCENT),
    **{
        f"test_{name}": ("runs", f"test/{name}", *PERCENT)
        for name in (
            "accuracy", "macro_precision", "macro_recall", "f_measure", "dice_pooled", "subset_accuracy", "label_accuracy",
        )
    },
}  # fmt: skip
"""Figure of published.yaml → table it is read from, column, factor, digits after the point. Accuracy is defined as there: the
mean of the ten best epochs (section 4.2), latency the mean of 100 calls, size in KiB."""


@dataclass(frozen=True)
class Beside:
    """One printed table and ours."""

    source: str
    """The document."""
    number: str
    title: str
    row_names: list[str]
    column_names: list[str]
    printed: list[list[float | str]]
    digits: int
    """After the point, in ours."""
    ours: list[list[float]]
    """Not a number where the sweep has no such point."""

    @property
    def known(self) -> int:
        """Cells that the sweep has a figure for."""
        return int(np.isfinite(np.array(self.ours, float)).sum())


def beside(runs: pd.DataFrame, files: pd.DataFrame) -> list[Beside]:
    """Every table of those documents in published.yaml whose kind of data some of the runs have.

    Args:
        runs: finished runs, as `table.collect` gives them.
        files: as `files.collect_files` gives them; may be empty.

    """
    found = []
    for document in yaml.safe_load(PUBLISHED.read_text())["documents"]:
        alike = np.ones(len(runs), bool)
        for name, values in document["of"].items():
            alike &= runs[name].isin(values).to_numpy(bool) if name in runs else False
        own = runs[alike]
        made = files[files.run.isin(own.run)] if len(files) else files
        made = _timed_once(made) if len(made) else made
        if len(own):
            found += [_table(document["source"], one, own, made) for one in document["tables"]]
    return found


def _timed_once(files: pd.DataFrame) -> pd.DataFrame:
    """One row per run and file: its timing on the device, with the threads and delegate, that most files share."""
    told = [files[name].map(str) for name in ("device", "threads", "delegate") if name in files]
    setting = pd.concat(told, axis=1).agg(", ".join, axis=1)
    common = setting == setting.mode().iloc[0]
    return files.assign(_first=~common).sort_values("_first", kind="stable").drop_duplicates(["run", "file"])


def _table(source: str, told: dict[str, Any], runs: pd.DataFrame, files: pd.DataFrame) -> Beside:
    rows = told["rows"]
    if isinstance(rows, dict):
        rows = [{rows["axis"]: value} for value in rows["values"]]
    several = told["figure"] if isinstance(told["figure"], list) else [told["figure"]]
    axis, values = (told.get("columns", {}).get(name) for name in ("axis", "values"))
    columns = [(figure, value) for figure in several for value in values or [None]]
    kinds = told.get("files") or [told.get("file")] * len(rows)

    def ours(row: dict[str, Any], kind: str | None, figure: str, value: Any) -> float:
        frame, column, factor, _ = FIGURES[figure]
        conditions = told["at"] | ({"file": kind} if kind else {}) | row | ({axis: value} if axis else {})
        return factor * _mean(runs if frame == "runs" else files, conditions, column)

    return Beside(
        source, told["table"], told["title"],
        [" ".join(str(value) for value in row.values()) for row in rows],
        [str(value) for value in values or []] or ([figure.replace("_", " ") for figure in several] if len(several) > 1 else []),
        told["printed"], FIGURES[several[0]][3],
        [[ours(row, kind, *column) for column in columns] for row, kind in zip(rows, kinds, strict=True)],
    )  # fmt: skip


def _mean(frame: pd.DataFrame, conditions: dict[str, Any], column: str) -> float:
    """Mean of a column over the rows that fit, over whatever else differs between them."""
    if column not in frame or any(name not in frame for name in conditions):
        return float("nan")
    fits = np.ones(len(frame), bool)
    for name, value in conditions.items():
        same = frame[name] == value if not isinstance(value, float) else frame[name].astype(float) == value
        fits &= same.to_numpy(bool)
    return float(frame[column][fits].mean()) if fits.any() else float("nan")
