"""What a sweep of ten thousand runs costs to look at: `python -m benchmarks.many_records [runs=10000] [folder=<a new folder>]`.

Makes the folder of made-up records and answers, 5 folds of each configuration, and prints seconds and megabytes of status, table and
report: the first time, once more with nothing changed, and after one record has changed. A folder that is named is kept.
"""

import io
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.words import given_words
from sweeps.records.run_record import RECORD_VERSION, Record, update_record

HERE = Path(__file__).parent.parent
FOLDS = 5
SOURCES, CELLS = 12, 60
"""Phones in a test set, and their cells."""
NAMES = ["no damage", "minor scratches", "major scratches", "minor cracks", "major cracks"]
FILES = {"float32": 1.0, "int8": 0.5}
"""Kinds of files and their latency as a share of float32's."""
AXES = ((0.25, 0.5, 0.75, 1.0), (64, 96, 128, 160), ("one_hot", "ordinal", "coral", "corn"))
"""Widths, resolutions, encodings; learning rates for as many runs as are wanted."""
KINDS = 40
"""Different sets of answers: every configuration has those of one kind."""
RUN = """
import runpy, sys
sys.argv = ["sweeps", *sys.argv[1:]]
try:
    runpy.run_module("sweeps", run_name="__main__", alter_sys=True)
finally:
    status = open("/proc/self/status").read()
    print("peak kB", status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""
"""A command, and at its end the most memory that it held."""


def make_sweep(sweep: Path, count: int) -> None:
    """`count` finished runs, each with its record, its answers and those of its files."""
    rng = np.random.default_rng(0)
    answers = [[_answers(rng, quality, fold) for fold in range(FOLDS)] for quality in np.linspace(0.3, 0.95, KINDS)]
    points = itertools.product(range(1 + count // FOLDS // 64), *AXES)
    for number, (rate, width, resolution, encoding) in zip(range(0, count, FOLDS), points, strict=False):
        kind = int(rng.integers(KINDS))
        axes = {"backbone": "mobilenet", "width": width, "resolution": resolution, "encoding": encoding, "augmentation": "none",
                "imbalance": "none", "datamodule": "synthetic_screens", "task": "grading", "method": "supervised", "seed": 0,
                "optimizer.lr": f"{0.001 * (rate + 1):g}"}  # fmt: skip
        for fold in range(min(FOLDS, count - number)):
            folder = sweep / f"job{number + fold:05d}"
            (folder / "export").mkdir(parents=True)
            of_torch, of_files, accuracy = answers[kind][fold]
            (folder / "predictions.parquet").write_bytes(of_torch)
            (folder / "export" / "predictions.parquet").write_bytes(of_files)
            noise = float(rng.normal(0, 0.01))
            record = _record(axes | {"fold": fold}, min(1.0, max(0.0, accuracy + noise)))
            (folder / "record.json").write_text(json.dumps(record, indent=1))


def _answers(rng: np.random.Generator, quality: float, fold: int) -> tuple[bytes, bytes, float]:
    """The bytes of a run's two tables of answers, and how many of torch's are right."""
    labels = np.arange(CELLS) % len(NAMES)
    grades = np.where(rng.random(CELLS) < quality, labels, rng.integers(len(NAMES), size=CELLS))
    probabilities = list(0.8 * np.eye(len(NAMES))[grades] + 0.04)
    table = pd.DataFrame(
        {"sample": [f"{fold}-{cell}" for cell in range(CELLS)], "source_id": [f"{fold}-{cell % SOURCES}" for cell in range(CELLS)],
         "group": "", "part": "test", "label": labels, "grade": grades, "probabilities": probabilities, "checkpoint": "last"}
    )  # fmt: skip
    files = pd.concat([table.drop(columns="checkpoint").assign(file=file) for file in FILES])
    return _parquet(table), _parquet(files), float(np.mean(labels == grades))


def _parquet(table: pd.DataFrame) -> bytes:
    written = io.BytesIO()
    table.to_parquet(written)
    return written.getvalue()


def _record(axes: dict[str, Any], accuracy: float) -> Record:
    figures = {
        "accuracy": accuracy,
        "macro_f1": accuracy,
        "off_by_one": min(1.0, accuracy + 0.1),
        "missed_damage": 1 - accuracy,
    }
    metrics = {f"{part}/{name}": value for part in ("val", "test") for name, value in figures.items()}
    history = [{"epoch": epoch, "train/accuracy": epoch / 20, "val/accuracy": accuracy * epoch / 20, "val/macro_f1": accuracy * epoch / 20,
                "val/loss": 1 / (epoch + 1), "train/loss": 1 / (epoch + 2), "seconds": 1.5} for epoch in range(20)]  # fmt: skip
    latency = axes["width"] * axes["resolution"] / 10
    exports = {
        file: {
            "path": f"export/{file}.tflite", "size_bytes": int(4_000_000 * share), "agreement": 0.99, "marked": "", "checkpoint": "last",
            **{f"val/{name}": value for name, value in figures.items()},
            "latency": [{"device": "a phone", "threads": 1, "delegate": "none", "latency_ms_p50": share * latency, "latency_ms_mean": share * latency}],
        }
        for file, share in FILES.items()
    }  # fmt: skip
    return {
        "record_version": RECORD_VERSION, "status": "done", "axes": axes, "metrics": metrics, "shipped": {"checkpoint": "last"},
        "initial_weights": {"origin": "imagenet"}, "seconds": {"fit": 30.0, "data": 2.0}, "history": history, "exports": exports,
        "baseline": {"value": 0, "answer": "always no damage", "val/accuracy": 0.2, "val/macro_f1": 0.07}, "weights": 800_000,
        "config": {**axes, "method": {}, "task": {}}, "device": {"processor": "made up"}, "updated": "2026-01-01T00:00:00+00:00",
        "data": {"fingerprint": f"{axes['fold']:016d}", "class_names": NAMES, "cells": {"train": [12] * 5, "test": [12] * 5}, "left_out": []},
    }  # fmt: skip


def measured(command: str, sweep: Path) -> tuple[float, float]:
    """Wall time in seconds and peak memory in megabytes of `python -m sweeps <command> <sweep>`."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RUN, command, str(sweep)], cwd=HERE, check=True, capture_output=True, text=True
    )
    return time.perf_counter() - began, int(done.stderr.rpartition("peak kB ")[2]) / 1000


def change_one(sweep: Path) -> None:
    """Writes another accuracy into the first record."""
    first = min(sweep.glob("*/record.json")).parent
    update_record(first, lambda record: record | {"metrics": record["metrics"] | {"val/macro_f1": 0.5}})


def main() -> None:
    """Measures and prints."""
    given = given_words(__doc__)
    count = int(given.get("runs", 10_000))
    with tempfile.TemporaryDirectory() as scratch:
        sweep = Path(given.get("folder", f"{scratch}/many"))
        if not sweep.exists():
            make_sweep(sweep, count)
        shown = Table(title=f"{len(list(sweep.glob('*/record.json'))):,} runs: seconds, megabytes")
        for name in ("command", "first", "again", "one record changed"):
            shown.add_column(name, justify="left" if name == "command" else "right")
        for command in ("status", "table", "report"):
            cells = [measured(command, sweep), measured(command, sweep)]
            change_one(sweep)
            cells.append(measured(command, sweep))
            shown.add_row(command, *(f"{seconds:.1f} s, {megabytes:.0f} MB" for seconds, megabytes in cells))
    Console().print(shown)


if __name__ == "__main__":
    main()
