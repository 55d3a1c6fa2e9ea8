"""Exported files, pooled over folds and held against the torch networks that they came from."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sweeps.metrics import Grades, macro_f1
from sweeps.record import RecordError, find_runs, read_record


def pooled_files(sweep: Path) -> pd.DataFrame:
    """One row per point and kind of file, over all runs of a sweep whose records have exports.

    The test part, or the val part where there is no test part. Columns: the axes; file, runs, cells; accuracy and
    macro_f1 of the files; lost (torch's accuracy less the files', in points) with `lost_low` and `lost_high`, a paired
    95 % bootstrap over sources; same, the share of cells that torch grades alike; size_bytes (mean) and
    latency_ms_p50 (median over the runs of the first measurement).
    """
    rows: list[dict[str, Any]] = []
    for axes, runs in _points(sweep):
        frames = [_beside_torch(folder, record) for folder, record in runs]
        everything = pd.concat(frames)
        part = "test" if (everything.part == "test").any() else "val"
        for file, cells in everything[everything.part == part].groupby("file", sort=False):
            entries = [record["exports"][file] for _, record in runs if "path" in record["exports"].get(file, {})]
            rows.append(axes | {"file": file, "runs": len(entries)} | _figures(cells) | _costs(entries))
    return pd.DataFrame(rows)


def collect_files(sweep: Path) -> pd.DataFrame:
    """One row per run, exported file and device that it was timed on: run, the axes, start, file, device, threads,
    delegate, latency_ms (p50), size_bytes, same (share of grades as torch's), marked, and every scalar metric of the
    file. Runs without files, and files that could not be made, are left out.
    """
    rows: list[dict[str, Any]] = []
    for folder in find_runs(sweep):
        try:
            record = read_record(folder)
        except RecordError:
            continue
        about = {"run": folder.name, **record.get("axes", {}), "start": record.get("start", {}).get("origin", "")}
        for file, entry in record.get("exports", {}).items():
            if "path" not in entry:
                continue
            metrics = {name: value for name, value in entry.items() if "/" in name and isinstance(value, int | float)}
            known = {"file": file, "size_bytes": entry["size_bytes"], "same": entry["agreement"]}
            for timed in entry.get("latency") or [{}]:
                where = {name: timed.get(name) for name in ("device", "threads", "delegate")}
                time = {"latency_ms": timed.get("latency_ms_p50", np.nan)}
                rows.append(about | known | where | time | {"marked": entry.get("marked", "")} | metrics)
    return pd.DataFrame(rows)


def _points(sweep: Path) -> list[tuple[dict[str, Any], list[tuple[Path, dict[str, Any]]]]]:
    """Exported runs that differ in the fold alone, together."""
    points: dict[str, tuple[dict[str, Any], list[tuple[Path, dict[str, Any]]]]] = {}
    for folder in find_runs(sweep):
        try:
            record = read_record(folder)
        except RecordError:
            continue
        if (folder / "export" / "predictions.parquet").exists() and record.get("exports"):
            axes = {key: value for key, value in record["axes"].items() if key != "fold"}
            axes["start"] = record["start"]["origin"]
            points.setdefault(str(axes), (axes, []))[1].append((folder, record))
    return list(points.values())


def _beside_torch(folder: Path, record: dict[str, Any]) -> pd.DataFrame:
    """The files' predictions with torch's grade of the same cell by the same checkpoint, column `torch`."""
    torch_says = pd.read_parquet(folder / "predictions.parquet")
    files = pd.read_parquet(folder / "export" / "predictions.parquet")
    files["checkpoint"] = files.file.map({name: entry.get("checkpoint") for name, entry in record["exports"].items()})
    reference = torch_says[["sample", "part", "checkpoint", "grade"]].rename(columns={"grade": "torch"})
    return files.merge(reference, on=["sample", "part", "checkpoint"])


def _figures(cells: pd.DataFrame) -> dict[str, Any]:
    labels, given, torch_says = (cells[name].to_numpy() for name in ("label", "grade", "torch"))
    low, high = paired_interval(labels, torch_says, given, cells.source_id.to_numpy(str))
    return {
        "cells": len(cells),
        "accuracy": float(np.mean(given == labels)),
        "macro_f1": macro_f1(labels, given),
        "lost": 100 * float(np.mean(torch_says == labels) - np.mean(given == labels)),
        "lost_low": low,
        "lost_high": high,
        "same": float(np.mean(given == torch_says)),
    }


def paired_interval(
    labels: Grades, before: Grades, after: Grades, source_ids: npt.NDArray[np.str_], repeats: int = 2000
) -> tuple[float, float]:
    """95 % interval of accuracy(before) less accuracy(after), in points, over resampled sources; all arrays `(N,)`."""
    rng = np.random.default_rng(0)
    _, source = np.unique(source_ids, return_inverse=True)
    lost = np.bincount(source, weights=(before == labels).astype(float) - (after == labels))
    counts = np.bincount(source)
    drawn = rng.integers(len(counts), size=(repeats, len(counts)))
    low, high = np.percentile(100 * lost[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _costs(entries: list[dict[str, Any]]) -> dict[str, float]:
    times = [entry["latency"][0]["latency_ms_p50"] for entry in entries if entry.get("latency")]
    return {
        "size_bytes": float(np.mean([entry["size_bytes"] for entry in entries])),
        "latency_ms_p50": float(np.median(times)) if times else float("nan"),
    }
