"""Latency of a file on this machine, by the LiteRT interpreter."""

import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from filelock import FileLock

from export.latency.result import Entry, entry, times_of
from export.runtime import interpreter_of
from sweeps.records.environment import processor

LOCK = Path(tempfile.gettempdir()) / "gridlite-latency.lock"
"""One measurement at a time on a machine, whoever asks."""


def measure(data: bytes, *, warmup_runs: int, runs: int, threads: int) -> list[Entry]:
    """Times one file on random pixels, one image at a time.

    Args:
        data: a deployable file.
        warmup_runs: not counted.
        runs: counted.
        threads: of the interpreter.

    Returns:
        one entry, see `result.entry`.

    """
    with FileLock(LOCK, mode=0o666):
        began = time.perf_counter()
        interpreter = interpreter_of(data, threads)
        ready = time.perf_counter()
        source = interpreter.get_input_details()[0]
        pixels = np.random.default_rng(0).integers(0, 256, source["shape"]).astype(source["dtype"])
        interpreter.set_tensor(source["index"], pixels)
        for _ in range(warmup_runs):
            interpreter.invoke()
        times_ms = np.empty(runs)
        for run in range(runs):
            started = time.perf_counter()
            interpreter.invoke()
            times_ms[run] = 1e3 * (time.perf_counter() - started)
    # The interpreter applies XNNPACK by itself; it shows as DELEGATE among the operators that it runs.
    delegated = any(operator["op_name"] == "DELEGATE" for operator in interpreter._get_ops_details())
    return [
        entry(
            device=f"{processor()}, {os.cpu_count()} cores",
            processor=processor(),
            os=f"{platform.system()} {platform.release().partition('-')[0]}",
            runtime=f"LiteRT {version('ai-edge-litert')}",
            delegate="xnnpack" if delegated else "none",
            threads=threads,
            warmup_runs=warmup_runs,
            runs=runs,
            times=times_of(times_ms),
            initialisation_ms=1e3 * (ready - began),
        )
    ]
