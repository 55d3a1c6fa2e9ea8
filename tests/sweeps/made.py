"""Sweeps made of records alone, as training and export write them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from sweeps.records.run_record import update_record

NAMES = ["no damage", "minor scratches", "major scratches", "minor cracks", "major cracks"]
SPEED = {"float32": 1.0, "int8": 0.5}
DEVICE = "Test Phone, 8 cores"


def add_run(
    sweep: Path, accuracy: float, *, files: tuple[str, ...] = ("float32", "int8"), status: str = "done",
    error: str = "", start: str = "imagenet", **axes: Any,
) -> Path:  # fmt: skip
    """One run, named after its axes, whose int8 file loses a point and is twice as fast."""
    about = {"backbone": "mobilenet", "width": 0.5, "resolution": 96, "encoding": "one_hot", "augmentation": "none",
             "imbalance": "none", "datamodule": "synthetic_screens", "task": "grading", "method": "supervised", "seed": 0, "fold": 0} | axes  # fmt: skip
    folder = sweep / "+".join(f"{name}-{value}" for name, value in about.items())
    confusion = np.eye(5, dtype=int) * 6 + 1
    metrics = {"val/accuracy": accuracy, "val/accuracy_top10_mean": accuracy - 0.01, "val/macro_f1": accuracy,
               "val/off_by_one": min(1.0, accuracy + 0.1), "test/accuracy": accuracy, "test/macro_f1": accuracy, "val/confusion": confusion.tolist()}  # fmt: skip
    history = [
        {
            "epoch": e,
            "train/accuracy": e / 4,
            "val/accuracy": accuracy * e / 3,
            "val/macro_f1": accuracy * e / 3,
            "val/loss": 1.0,
        }
        for e in range(4)
    ]
    exports = {
        name: {
            "path": f"export/{name}.tflite", "size_bytes": 4_000_000 * SPEED[name], "agreement": 0.99, "marked": "",
            "checkpoint": "last", "val/accuracy": accuracy - 0.01 * (name == "int8"),
            "val/macro_f1": accuracy - 0.01 * (name == "int8"),
            "latency": [{"device": DEVICE, "latency_ms_p50": ms, "latency_ms_mean": 1.1 * ms}
                        for ms in [SPEED[name] * about["width"] * about["resolution"] / 10]],
        }
        for name in files
    }  # fmt: skip
    record = {
        "status": status, "axes": about, "error": error, "metrics": metrics, "main_figure": "val/macro_f1", "shipped": {"checkpoint": "last"}, "direction": "max", "initial_weights": {"origin": start},
        "seconds": {"fit": 10.0, "data": 2.0}, "history": history, "exports": exports, "config": about | {"method": {}, "task": {}},
        "device": {"processor": "Test processor"}, "mistakes": [{"sample": "a", "label": 0, "grade": 1, "probability": 0.9}],
        "data": {"fingerprint": "0" * 16, "class_names": NAMES, "cells": {"train": [5] * 5, "val": [7] * 5}, "left_out": [],
                 "preprocessing": {"crop": "none", "grid": {"columns": 3, "rows": 5, "cell_px": 300}}},
    }  # fmt: skip
    update_record(folder, lambda _: record)
    Image.new("RGB", (96, 96), "red").save(folder / "mistakes.jpg")
    labels = np.arange(25) % 5
    pd.DataFrame(
        {"sample": [f"{i}" for i in range(25)], "source_id": [f"s{i}" for i in range(25)], "group": "", "part": "test",
         "label": labels, "grade": labels, "probabilities": list(np.eye(5)[labels]), "checkpoint": "last"}
    ).to_parquet(folder / "predictions.parquet")  # fmt: skip
    return folder
