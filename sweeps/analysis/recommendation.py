"""Which file to take for which budget: the front of a device, read from the person's end."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from metrics.intervals import bootstrap_interval
from metrics.lookup import metrics_of_frame
from sweeps.tables.naming import REPEATS


@dataclass(frozen=True)
class Advice:
    """One file on the front: the most accurate one that takes no longer than it does."""

    name: str
    """Network and kind of file."""
    latency_ms: float
    """One image on the device."""
    size_bytes: float
    val: float
    """Accuracy on the validation set, by which it was chosen."""
    test: float | None
    """Accuracy, or Dice, on the test set, which chose nothing; None where there is none."""
    low: float
    """95 % bootstrap over sources of `test`, as `high`."""
    high: float
    images: int
    """Of the test set."""
    path: str
    """The file, relative to the sweep's folder; of several runs the one that is best on val."""
    marked: str
    """What is wrong with the file, empty where nothing is."""


def advise(sweep: Path, table: pd.DataFrame, files: pd.DataFrame, axes: list[str]) -> list[Advice]:
    """The front of one device, from fast to accurate.

    Args:
        sweep: the folder of the runs.
        table: points of one device as `front.points` gives them, with their `name`.
        files: as `collect_files` gives them.
        axes: columns that tell points apart.

    """
    metrics = metrics_of_frame(files)
    figure = f"val/{metrics.main}"
    keys = [name for name in [*axes, "file", "initial_weights"] if name in files and name not in REPEATS]
    found = []
    for _, point in table[table.front].iterrows():
        same = pd.Series(data=True, index=files.index)
        for name in keys:
            same &= files[name].isna() if pd.isna(point[name]) else files[name] == point[name]
        runs = files[same].drop_duplicates("run").sort_values(figure, ascending=metrics.direction == "min")
        answers = [_tested(sweep / str(run), str(point.file)) for run in runs.run]
        cells = pd.concat(answers)
        test, low, high = None, np.nan, np.nan
        if len(cells):
            truth, given = metrics.truth_and_answers(cells)
            main = {metrics.main: metrics.figures[metrics.main]}
            test = main[metrics.main](truth, given)
            low, high = bootstrap_interval(truth, given, cells.source_id.to_numpy(str), main)[metrics.main]
        best = runs.iloc[0]
        path = f"{best.run}/export/{point.file}.tflite"
        val = float(point[figure])
        found.append(
            Advice(str(point["name"]), float(point.latency_ms), float(point.size_bytes), val, test, low, high,
                   len(cells), path, str(best.get("marked") or ""))
        )  # fmt: skip
    return found


def _tested(run: Path, file: str) -> pd.DataFrame:
    path = run / "export" / "predictions.parquet"
    if not path.is_file():
        return pd.DataFrame()
    answers = pd.read_parquet(path)
    return answers[(answers.file == file) & (answers.part == "test")]
