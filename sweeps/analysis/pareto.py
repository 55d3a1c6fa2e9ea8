"""Accuracy against latency: what no other point beats in both."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.figures import main_figure
from metrics.intervals import t_interval
from metrics.lookup import metrics_of_frame
from sweeps.records.latency import delegate_words
from sweeps.records.run_record import RecordError
from sweeps.tables.grouping import groups, mean
from sweeps.tables.naming import REPEATS

EQUAL = 0.01
"""A quantised file that gains less than this of the main figure on its float32 file is no better: it knows nothing more."""
SAME_SPEED = 1.05
"""Medians of a hundred calls that differ by no more than this factor are not told apart."""


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
        files: as `collect_files` gives them, untimed ones as well: they tell for how many runs a kind was made.
        axes: columns that tell points apart.
        figure: what is held against latency_ms; None: the main figure of the task, on the validation set.

    Returns:
        the axes, file, initial_weights, device; of all runs of the point, timed there or not: runs, figure with `_low` and `_high`
        (95 %, Student's t over repetitions), size_bytes, same (share of answers that are torch's); of those timed on the
        device, in the setting that is fastest for the file: latency_ms (median over the runs), setting; left_out, why the file
        is never on the front (see `_marked`, `_unlike_others`, `_slower`), empty for most; front; by latency. Of files that
        nobody has timed device and latency_ms are NaN.

    """
    metrics = metrics_of_frame(files)
    figure = figure or f"val/{metrics.main}"
    keys = [name for name in [*axes, "file", "initial_weights"] if name in files and name not in REPEATS]
    run, (device, devices) = pd.factorize(files.run)[0], pd.factorize(files.device, sort=True)
    numbers = {
        name: files[name].to_numpy(float, na_value=np.nan) for name in (figure, "size_bytes", "same", "latency_ms")
    }
    marked = files.marked.fillna("").to_numpy(object) if "marked" in files else np.full(len(files), "", object)
    setting = [files[name].to_numpy(object) for name in ("threads", "delegate", "on_cpu")]
    fold = (
        pd.to_numeric(files["fold"], errors="coerce").to_numpy(float, na_value=np.nan)
        if "fold" in files
        else np.full(len(files), np.nan)
    )
    about = [str(name) for name in files if str(name).partition(".")[0] == "datamodule"]
    data = np.zeros(len(files), np.int64)
    for number, (_, at) in enumerate(groups(files, about)):
        data[at] = number
    rows, repeats = [], []
    for values, at in groups(files, keys):
        scored = at[np.sort(np.unique(run[at], return_index=True)[1])]
        worth = numbers[figure][scored]
        low, high = t_interval(worth)
        point = values | {"runs": len(scored), figure: mean(worth), f"{figure}_low": low, f"{figure}_high": high}
        point |= {name: mean(numbers[name][scored]) for name in ("size_bytes", "same")}
        point["left_out"] = _marked(marked[scored])
        repeated = _Repeats(len(scored), int(data[scored[0]]), frozenset(fold[scored][~np.isnan(fold[scored])]))
        for here in sorted(set(device[at]), key=lambda code: (code < 0, code)):
            there = at[device[at] == here]
            timed = _fastest(setting[0][there], setting[1][there], setting[2][there], numbers["latency_ms"][there])
            rows.append(point | {"device": devices[here] if here >= 0 else np.nan} | timed)
            repeats.append(repeated)
    table = pd.DataFrame(rows)
    table["worth"] = metrics.signed(table[figure])
    network = [name for name in keys if name != "file"]
    table["left_out"] = _unlike_others(table, network, repeats)
    table["left_out"] = _slower(table, [*network, "device"])
    table["front"] = False
    for _, same_device in table[table.left_out == ""].groupby("device", dropna=False):
        table.loc[same_device.index, "front"] = pareto(
            same_device.latency_ms.to_numpy(float), same_device.worth.to_numpy(float)
        )
    table = table.drop(columns="worth")
    return table.sort_values("latency_ms", ignore_index=True)


def _marked(marked: npt.NDArray[np.object_]) -> str:
    """What is wrong with the files of a point, a word per run, where half of them or more are marked."""
    wrong = [word for word in marked if word]
    return str(wrong[0]) if len(wrong) >= len(marked) / 2 and wrong else ""


@dataclass(frozen=True)
class _Repeats:
    """What a point's mean is taken over."""

    runs: int
    data: int
    """Of the data set and how it is split, a number."""
    folds: frozenset[float]
    """Empty for a fixed split."""


def _unlike_others(table: pd.DataFrame, network: list[str], repeats: list[_Repeats]) -> list[str]:
    """Why a point is left out; those whose mean is over fewer runs than that of other kinds of its network, or over fewer folds
    than that of other networks on the same data: one fold may be easier than another.
    """
    reasons = list(table.left_out)
    for _, at in groups(table, network):
        most = max(repeats[place].runs for place in at)
        for place in at:
            if repeats[place].runs < most:
                reasons[place] = (
                    reasons[place]
                    or f"made for {repeats[place].runs} of {most} runs: means of different runs do not compare"
                )
    whole: dict[int, frozenset[float]] = {}
    for one in repeats:
        whole[one.data] = max(whole.get(one.data, one.folds), one.folds, key=len)
    for place, one in enumerate(repeats):
        if one.folds and one.folds != whole[one.data]:
            reasons[place] = (
                reasons[place] or f"scored on {_in_words(one.folds)}, others on {_in_words(whole[one.data])}"
            )
    return reasons


def _in_words(folds: frozenset[float]) -> str:
    return f"fold{'s' * (len(folds) > 1)} {', '.join(f'{fold:g}' for fold in sorted(folds))}"


def _slower(table: pd.DataFrame, network: list[str]) -> list[str]:
    """Why a point is left out; of the files of one network on one device, those that are slower than float32 and no better."""
    kind, latency, worth = table.file.to_numpy(object), table.latency_ms.to_numpy(float), table.worth.to_numpy(float)
    reasons = list(table.left_out)
    for _, at in groups(table, network):
        plain = next((place for place in at if kind[place] == "float32"), None)
        if plain is None:
            continue
        slower = (latency[at] > SAME_SPEED * latency[plain]) & (worth[at] < worth[plain] + EQUAL)
        for place in at[slower]:
            reasons[place] = reasons[place] or f"slower than float32 ({latency[plain]:.3g} ms) and no better"
    return reasons


def _fastest(
    threads: npt.NDArray[np.object_],
    delegates: npt.NDArray[np.object_],
    on_cpu: npt.NDArray[np.object_],
    latency: npt.NDArray[np.float64],
) -> dict[str, object]:
    """Of one file's timings on one device: the setting with the lowest median latency, and that latency.

    What the delegate leaves to the CPU in any of these timings is part of the setting's words.
    """
    settings: dict[tuple[Any, Any], list[float]] = {}
    for thread, delegate, timed in zip(threads, delegates, latency, strict=True):
        known = (None if pd.isna(thread) else thread, None if pd.isna(delegate) else delegate)
        settings.setdefault(known, []).extend([] if np.isnan(timed) else [timed])
    medians = {known: float(np.median(timed)) if timed else np.nan for known, timed in settings.items()}

    def order(known: tuple[Any, Any]) -> tuple[Any, ...]:
        value = medians[known]
        return np.isnan(value), 0.0 if np.isnan(value) else value, *((one is None, one or 0) for one in known)

    threads_of, delegate_of = fastest = min(medians, key=order)
    whole = threads_of is not None and delegate_of is not None
    left = {
        name
        for thread, delegate, words in zip(threads, delegates, on_cpu, strict=True)
        if (thread, delegate) == fastest and isinstance(words, str) and words
        for name in words.split(", ")
    }
    by = delegate_words({"delegate": delegate_of, "on_cpu": ", ".join(sorted(left))})
    return {
        "latency_ms": medians[fastest],
        "setting": f"{threads_of:g} thread{'s' * bool(threads_of > 1)}, {by}" if whole else "",
    }


NETWORK = ("backbone", "width", "resolution")
"""What a finalist is."""


def finalists(files: pd.DataFrame, most: int, kind: str = "int8") -> list[str]:
    """Networks on the front of one kind of file, as overrides, from fast to accurate.

    Of more than `most`, the fastest and the most accurate stay, and between them those that gain most accuracy over
    the next faster one. Raises RecordError where no such file has been timed.
    """
    own = files[files.file == kind] if len(files) else files
    if not len(own) or own.latency_ms.isna().all():
        raise RecordError(f"no timed {kind} file to choose finalists by; name them with finalists=")
    device = own.device.mode().iloc[0]  # one device: each has a front of its own
    main = main_figure(files)
    front = points(own, list(NETWORK), main)
    front = front[front.front & (front.device == device)].drop_duplicates(list(NETWORK)).reset_index(drop=True)
    gains = metrics_of_frame(files).signed(front[main].diff())
    inner = gains[1:-1].sort_values(ascending=False).index[: max(0, most - 2)]
    kept = sorted({*([0] if most > 1 else []), len(front) - 1, *inner})
    return [" ".join(f"{name}={front.loc[place, name]}" for name in NETWORK) for place in kept]
