"""Latency of a file on this machine, by the LiteRT interpreter or ONNX Runtime."""

import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from export import flatbuffer
from export.delegates import XNNPACK, left_by_xnnpack
from export.interpreter import interpreter_of
from export.latency.result import Entry, entry, times_of
from sweeps.records.environment import fast_int8, host_device, processor

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
    if not flatbuffer.is_tflite(data):
        return [_measure_onnx(data, warmup_runs=warmup_runs, runs=runs, threads=threads)]
    with FileLock(LOCK, mode=0o666):
        began = time.perf_counter()
        interpreter = interpreter_of(data, threads)
        ready = time.perf_counter()
        source = interpreter.get_input_details()[0]
        pixels = np.random.default_rng(0).integers(0, 256, source["shape"]).astype(source["dtype"])
        interpreter.set_tensor(source["index"], pixels)
        times_ms = _times(interpreter.invoke, warmup_runs, runs)
    # The interpreter applies XNNPACK by itself; it shows as DELEGATE among the operators that it runs.
    delegated = any(operator["op_name"] == XNNPACK for operator in interpreter._get_ops_details())
    left = list(left_by_xnnpack(data)) if delegated else []
    return [
        _entry(
            times_ms, runtime=f"LiteRT {version('ai-edge-litert')}", delegate="xnnpack" if delegated else "none",
            threads=threads, warmup_runs=warmup_runs, runs=runs, initialisation_ms=1e3 * (ready - began),
            partial=bool(left) if delegated else None, cpu_operators=left,
        )
    ]  # fmt: skip


def _measure_onnx(data: bytes, **how: int) -> Entry:
    from export import backends

    model = backends.onnx(data, how["threads"])
    shape = [side or 1 for side in model.shape]
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(model.dtype)
    return measure_calls(partial(model.run, pixels), runtime=model.runtime, **how)


def measure_calls(call: Callable[[], Any], *, runtime: str, warmup_runs: int, runs: int, threads: int) -> Entry:
    """Times whatever a call does with one image, on this machine, by a runtime of that name; an entry, see `result.entry`."""
    with FileLock(LOCK, mode=0o666):
        times_ms = _times(call, warmup_runs, runs)
    return _entry(times_ms, runtime=runtime, delegate="none", threads=threads, warmup_runs=warmup_runs, runs=runs)


def _times(call: Callable[[], Any], warmup_runs: int, runs: int) -> npt.NDArray[np.float64]:
    """Of single calls, ms."""
    for _ in range(warmup_runs):
        call()
    times_ms = np.empty(runs)
    for run in range(runs):
        started = time.perf_counter()
        call()
        times_ms[run] = 1e3 * (time.perf_counter() - started)
    return times_ms


def _entry(times_ms: npt.NDArray[np.float64], **about: Any) -> Entry:
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return entry(
        device=host_device(), processor=processor(), int8=fast_int8(), os=system, times=times_of(times_ms), **about
    )
