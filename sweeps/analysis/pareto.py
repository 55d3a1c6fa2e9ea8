"""Accuracy against latency: what no other point beats in both."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.figures import main_figure
from metrics.intervals import t_interval
from metrics.lookup import metrics_of_frame
from sweeps.records.run_record import RecordError
from sweeps.tables.naming import REPEATS

EQUAL = 0.01
"""A quantised file that gains less than this of the main figure on its float32 file is no better: it knows nothing more."""


def pareto(cost: npt.NDArray[np.float64], value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of N points lie on the front: no other costs as little or less and is worth as much or more.

    Of equal points the first is taken; a point with a NaN is never on it.
    """
    on = np.zeros(len(cost), bool)
    best = -np.inf
    for place in np.lexsort((np.arange(len(cost)), -value, cost)):
        if np.isfinite(cost[place]) and value[place] > best:
            on[place], best = True, value[place]
    return on


def points(files: pd.DataFrame, axes: list[str], figure: str | None = None) -> pd.DataFrame:
    """One row per point, kind of file and device, averaged over seeds and folds, with whether it is on the front.

    Args:
        files: as `collect_files` gives them.
        axes: columns that tell points apart.
        figure: what is held against latency_ms; None: the main figure of the task, on the validation set.

    Returns:
        the axes, file, initial_weights, device; of all runs of the point, timed there or not: runs, figure with `_low` and `_high`
        (95 %, Student's t over repetitions), size_bytes, same (share of answers that are torch's); of those timed on the
        device, in the setting that is fastest for the file: latency_ms (median over the runs), setting; left_out, why the file
        is never on the front (see `_left_out`), empty for most; front; by latency.

    """
    metrics = metrics_of_frame(files)
    figure = figure or f"val/{metrics.main}"
    keys = [name for name in [*axes, "file", "initial_weights"] if name in files and name not in REPEATS]
    rows = []
    for values, group in files.groupby(keys, dropna=False, sort=False):
        scored = group.drop_duplicates("run")
        low, high = t_interval(scored[figure])
        point = dict(zip(keys, values if isinstance(values, tuple) else (values,), strict=True))
        point |= {"runs": len(scored), figure: scored[figure].mean(), f"{figure}_low": low, f"{figure}_high": high}
        point |= {"size_bytes": scored.size_bytes.mean(), "same": scored.same.mean()}
        point["left_out"] = _marked(scored)
        rows += [
            point | {"device": device} | _fastest(there) for device, there in group.groupby("device", dropna=False)
        ]
    table = pd.DataFrame(rows)
    table["worth"] = metrics.signed(table[figure])
    for _, same_network in table.groupby([name for name in [*keys, "device"] if name != "file"], dropna=False):
        slower, reason = _slower_for_nothing(same_network)
        table.loc[table.index.isin(slower) & (table.left_out == ""), "left_out"] = reason
    table["front"] = False
    for _, same_device in table[table.left_out == ""].groupby("device", dropna=False):
        table.loc[same_device.index, "front"] = pareto(
            same_device.latency_ms.to_numpy(float), same_device.worth.to_numpy(float)
        )
    table = table.drop(columns="worth")
    return table.sort_values("latency_ms", ignore_index=True)


def _marked(files: pd.DataFrame) -> str:
    """What is wrong with the files of a point, a row per run, where half of them or more are marked."""
    if "marked" not in files:
        return ""
    marked = files.marked.fillna("")
    return str(marked[marked != ""].iloc[0]) if (marked != "").mean() >= 0.5 else ""


def _slower_for_nothing(files: pd.DataFrame) -> tuple["pd.Index[Any]", str]:
    """Of the files of one network on one device, a row per kind: the rows that are slower than float32 and no better, and the reason."""
    plain = files[files.file == "float32"]
    if not len(plain):
        return plain.index, ""
    slower = (files.latency_ms > plain.latency_ms.iloc[0]) & (files.worth < plain.worth.iloc[0] + EQUAL)
    reason = f"slower than float32 ({plain.latency_ms.iloc[0]:.3g} ms) and no better"
    return files.index[slower], reason


def _fastest(timed: pd.DataFrame) -> dict[str, object]:
    """Of one file's timings on one device: the setting with the lowest latency, and that latency."""
    settings = timed.groupby(["threads", "delegate"], dropna=False).latency_ms.median().sort_values()
    (threads, delegate), latency = settings.index[0], settings.iloc[0]
    known = pd.notna(threads) and pd.notna(delegate)
    return {
        "latency_ms": latency,
        "setting": f"{threads:g} thread{'s' * bool(threads > 1)}, {delegate}" if known else "",
    }


NETWORK = ("backbone", "width", "resolution")
"""What a finalist is."""


def finalists(files: pd.DataFrame, most: int, kind: str = "int8") -> list[str]:
    """Networks on the front of one kind of file, as overrides, from fast to accurate.

    Of more than `most`, the fastest and the most accurate stay, and between them those that gain most accuracy over
    the next faster one. Raises RecordError where no such file has been timed.
    """
    timed = files[(files.file == kind) & files.latency_ms.notna()] if len(files) else files
    if not len(timed):
        raise RecordError(f"no timed {kind} file to choose finalists by; name them with finalists=")
    timed = timed[timed.device == timed.device.mode().iloc[0]]  # one device: each has a front of its own
    main = main_figure(files)
    front = points(timed, list(NETWORK), main)
    front = front[front.front].drop_duplicates(list(NETWORK)).reset_index(drop=True)
    gains = metrics_of_frame(files).signed(front[main].diff())
    inner = gains[1:-1].sort_values(ascending=False).index[: max(0, most - 2)]
    kept = sorted({*([0] if most > 1 else []), len(front) - 1, *inner})
    return [" ".join(f"{name}={front.loc[place, name]}" for name in NETWORK) for place in kept]
