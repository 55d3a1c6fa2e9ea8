"""Exported files, pooled over folds and held against the torch networks that they came from."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrics.against_baseline import TABLE_COLUMNS, beside_baseline, table_columns
from metrics.base import TaskMetrics
from metrics.intervals import drawn_interval
from metrics.lookup import metrics_of, metrics_of_frame
from sweeps.records.answers import AnswersError, read_answers, say_left_out
from sweeps.records.latency import device_words, timing_columns
from sweeps.records.point_cache import PointCache
from sweeps.records.rejudged import rejudged
from sweeps.records.run_record import Record, RecordError, find_runs, read_record, read_run
from sweeps.tables.foreign_files import with_foreign
from sweeps.tables.grouping import groups

FILE_COLUMNS = (
    "file",
    "size_bytes",
    "same",
    "checkpoint",
    "device",
    "processor",
    "int8",
    "threads",
    "delegate",
    "on_cpu",
    "latency_ms",
    "latency_ms_mean",
    "sustained_ms",
    "marked",
    "arm_same",
    "arm_machine",
    *TABLE_COLUMNS,
)
"""What `collect_files` says of a file beside its run, its axes and its metrics."""


def file_rows(run: str, record: Record) -> list[dict[str, Any]]:
    """A record's rows of `collect_files`."""
    rows: list[dict[str, Any]] = []
    if not record.get("exports"):
        return rows
    metrics = metrics_of(str(record["axes"]["task"]))
    about = {
        "run": run,
        **record.get("axes", {}),
        "initial_weights": record.get("initial_weights", {}).get("origin", ""),
    }
    for file, entry in record.get("exports", {}).items():
        if "path" not in entry:
            continue
        figures = {name: value for name, value in entry.items() if "/" in name and isinstance(value, int | float)}
        known = {"file": file, "size_bytes": entry["size_bytes"], "same": entry["agreement"]}
        known |= {"checkpoint": entry.get("checkpoint", ""), "marked": entry.get("marked") or _not_for_apps(entry)}
        arm = entry.get("arm") or {}
        known |= {"arm_same": arm.get("agreement", np.nan), "arm_machine": arm.get("machine", "")}
        known |= table_columns(entry.get("against_baseline"), metrics)
        rows += [about | known | timing_columns(timed) | figures for timed in entry.get("latency") or [{}]]
    return rows


def _not_for_apps(entry: Mapping[str, Any]) -> str:
    """Why no app is advised to take a sound file, in words; empty for most."""
    return "for the station, which wants its distance" if "unknown" in entry else ""


def collect_files(sweep: Path) -> pd.DataFrame:
    """One row per run, exported file and device that it was timed on: run, the axes, initial_weights, FILE_COLUMNS (latency_ms
    is the p50, latency_ms_mean the mean, see `sweeps.records.latency.timing_columns`, same the share of answers that are torch's, arm_same that of answers on ARM that are those here, where
    it was checked, arm_machine what that processor calls itself), and every scalar metric of the file. Runs without files, and files
    that could not be made, are left out. Behind them the files from elsewhere, see `foreign_files.foreign_rows`.
    """
    rows: list[dict[str, Any]] = []
    for folder in find_runs(sweep):
        try:
            rows += file_rows(folder.name, rejudged(folder, read_run(folder)))
        except RecordError:
            continue
    return with_foreign(sweep, pd.DataFrame(rows))


def devices_in_words(files: pd.DataFrame) -> dict[str, str]:
    """Device → what it is called in words (`sweeps.records.latency.device_words`), of the rows of `collect_files` that were timed."""
    timed = files[files.latency_ms.notna()][["device", "processor", "int8"]].drop_duplicates()
    told = timed.sort_values(["processor", "int8"], na_position="first", kind="stable").to_dict("records")
    return {str(row["device"]): device_words({str(name): value for name, value in row.items()}) for row in told}


def pooled_files(sweep: Path, files: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per point and kind of file, over the folds that have it.

    The test set, or the validation set where there is no test set. Columns: the axes; file, runs, cells; figures of the
    files, by their task accuracy and macro_f1, or dice, dice_pooled and subset_accuracy; lost (torch's accuracy, or Dice,
    less the files', in points) with `lost_low` and `lost_high`, a paired 95 % bootstrap over sources; same, the share of
    cells that torch grades alike, of pixels that it marks alike; baseline, beats_baseline and doubt (see
    `metrics.against_baseline.table_columns`); arm_same (mean over the runs that were checked on ARM); size_bytes (mean) and latency_ms_p50 (median over the runs of the first
    measurement), on_cpu (operators that its delegate leaves to the CPU's own kernels in any of these runs).

    Args:
        files: as `collect_files` gives them, where they are at hand.

    """
    files = collect_files(sweep) if files is None else files
    if not len(files):
        return files
    scored = [run for run in files.run.unique() if _has_both(f"{sweep}/{run}")]
    files = files[files.run.isin(scored)]
    firsts = files.drop_duplicates(["run", "file"])  # of several devices the first
    axes = [str(name) for name in files if name not in (*FILE_COLUMNS, "run", "fold") and "/" not in str(name)]
    rows: list[dict[str, Any]] = []
    cache = PointCache(sweep / ".pooled_files.kept")
    names, kinds = firsts.run.to_numpy(object), firsts.file.to_numpy(object)
    for values, at in groups(firsts, axes):
        runs = list(dict.fromkeys(names[at]))
        about = " ".join(sorted(set(kinds[at])))
        try:
            rows.extend(values | row for row in cache.rows(runs, about, partial(_rows, sweep, runs, firsts, at)))
        except AnswersError as error:
            say_left_out(error)
    cache.keep()
    return pd.DataFrame(rows)


def _rows(sweep: Path, runs: list[str], files: pd.DataFrame, at: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Of one point, whose files stand at these places: a row for each kind of file."""
    folders = [sweep / run for run in runs]
    point = files.iloc[at]
    metrics = metrics_of_frame(point)
    records = [read_record(folder) for folder in folders]
    everything = _beside_torch(folders, point, metrics)
    part = "test" if (everything.part == "test").any() else "val"
    rows = []
    for file, cells in everything[everything.part == part].groupby("file", sort=False):
        own = point[point.file == file]
        known = [name for name in metrics.pooled_files if own.get(f"{part}/{name}", pd.Series([np.nan])).notna().any()]
        costs = {
            "size_bytes": own.size_bytes.mean(),
            "latency_ms_p50": own.latency_ms.median(),
            "arm_same": own.arm_same.mean(),
            "on_cpu": ", ".join(sorted({name for one in own.on_cpu if one for name in one.split(", ")})),
        }
        beside = beside_baseline(cells, records, metrics)
        rows.append({"file": file, "runs": len(own)} | _figures(cells, metrics, known) | beside | costs)
    return rows


def _has_both(run: str) -> bool:
    """Whether its files' answers and torch's are there; of a run that was trained on all data torch has none."""
    return all(os.path.exists(f"{run}/{name}") for name in ("predictions.parquet", "export/predictions.parquet"))  # noqa: PTH110


def _beside_torch(folders: list[Path], point: pd.DataFrame, metrics: TaskMetrics) -> pd.DataFrame:
    """The files' predictions with what torch's answer by the same checkpoint is worth, column `torch`, and `same`."""
    torch_says = read_answers([folder / "predictions.parquet" for folder in folders], metrics.unread)
    files = read_answers([folder / "export" / "predictions.parquet" for folder in folders], metrics.unread)
    place = {folder.name: at for at, folder in enumerate(folders)}
    told = {
        (place[run], file): (checkpoint, share)
        for run, file, checkpoint, share in zip(point.run, point.file, point.checkpoint, point.same, strict=True)
    }
    known = [told.get(key, (None, np.nan)) for key in zip(files.record, files.file, strict=True)]
    files["checkpoint"] = pd.Series([checkpoint for checkpoint, _ in known], dtype="str")
    files["of_file"] = [share for _, share in known]
    files["worth"], torch_says["torch"] = metrics.worth(files), metrics.worth(torch_says)
    keys = ["record", "sample", "part", "checkpoint"]
    answers = {name: f"torch_{name}" for name in torch_says if name not in (*keys, "torch", "source_id", "group")}
    merged = files.merge(torch_says.drop(columns=["source_id", "group"]).rename(columns=answers), on=keys)
    same = metrics.same(merged)
    return merged.assign(same=merged.of_file if same is None else same)


def _figures(answers: pd.DataFrame, metrics: TaskMetrics, names: Sequence[str]) -> dict[str, Any]:
    before, after = answers.torch.to_numpy(), answers.worth.to_numpy()
    low, high = paired_interval(before, after, answers.source_id.to_numpy(str))
    arrays = metrics.truth_and_answers(answers)
    return {
        "cells": len(answers),
        **{name: metrics.figures[name](*arrays) for name in names},
        "lost": 100 * float(np.mean(before) - np.mean(after)),
        "lost_low": low,
        "lost_high": high,
        "same": float(answers.same.mean()),
    }


def paired_interval(
    before: npt.NDArray[np.float64],
    after: npt.NDArray[np.float64],
    source_ids: npt.NDArray[np.str_],
    repeats: int = 2000,
) -> tuple[float, float]:
    """95 % interval of mean(before) less mean(after), in points, over resampled sources; all arrays `(N,)`.

    Of few sources it is Student's, see `metrics.intervals`; of one there is none.
    """
    rng = np.random.default_rng(0)
    _, source = np.unique(source_ids, return_inverse=True)
    lost = np.bincount(source, weights=before - after)
    counts = np.bincount(source)
    drawn = rng.integers(len(counts), size=(repeats, len(counts)))
    draws = 100 * lost[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return drawn_interval(draws, 100 * float((before - after).mean()), len(counts), most=100)
