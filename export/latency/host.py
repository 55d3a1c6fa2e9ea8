"""Latency of a file on this machine, by the LiteRT interpreter."""

import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from export.runtime import interpreter_of
from sweeps.surroundings import processor

LOCK = Path(tempfile.gettempdir()) / "gridlite-latency.lock"
"""One measurement at a time on a machine, whoever asks."""


def measure(data: bytes, *, warmup_runs: int, runs: int, threads: int) -> dict[str, Any]:
    """Milliseconds per image of one file, on random pixels.

    Args:
        data: a deployable file.
        warmup_runs: not counted.
        runs: counted.
        threads: of the interpreter.

    Returns:
        device, runtime, delegate, threads, runs, latency_ms_mean, _p50, _p90, _min.

    """
    with FileLock(LOCK, mode=0o666):
        interpreter = interpreter_of(data, threads)
        source = interpreter.get_input_details()[0]
        pixels = np.random.default_rng(0).integers(0, 256, source["shape"]).astype(source["dtype"])
        interpreter.set_tensor(source["index"], pixels)
        for _ in range(warmup_runs):
            interpreter.invoke()
        times_ms = np.empty(runs)
        for run in range(runs):
            began = time.perf_counter()
            interpreter.invoke()
            times_ms[run] = 1e3 * (time.perf_counter() - began)
    # The interpreter applies XNNPACK by itself; it shows as DELEGATE among the operators that it runs.
    delegated = any(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details())
    return {
        "device": f"{processor()}, {os.cpu_count()} cores",
        "runtime": f"LiteRT {version('ai-edge-litert')}",
        "delegate": "xnnpack" if delegated else "none",
        "threads": threads,
        "runs": runs,
        "latency_ms_mean": float(times_ms.mean()),
        "latency_ms_p50": float(np.quantile(times_ms, 0.5)),
        "latency_ms_p90": float(np.quantile(times_ms, 0.9)),
        "latency_ms_min": float(times_ms.min()),
    }
