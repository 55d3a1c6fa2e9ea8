"""A latency's entry in a record."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sweeps.records.run_record import Record

PARTIAL = " (partial)"
"""Behind the name of a delegate that takes a part of the operators alone: its time is not the delegate's."""


def typical_ms(timed: Record) -> float:
    """The p50 of a latency's entry, the mean where its runtime tells no more (older builds of benchmark_model)."""
    known = (timed.get(f"latency_ms_{name}") for name in ("p50", "mean"))
    return next((float(value) for value in known if value is not None), np.nan)


def timing_columns(timed: Record) -> dict[str, Any]:
    """What tables have of an entry: where (device, processor, int8, threads, delegate), on_cpu (operators that the delegate leaves to
    the CPU's own kernels, `some` where they are not named, empty for none or unknown), latency_ms and latency_ms_mean, sustained_ms
    (after minutes without a pause, NaN where that was not measured).
    """
    where = {name: timed.get(name) for name in ("device", "processor", "int8", "threads", "delegate")}
    left = ", ".join(map(str, timed.get("cpu_operators") or ())) or "some"
    ms = {"latency_ms": typical_ms(timed), "latency_ms_mean": timed.get("latency_ms_mean", np.nan)}
    ms["sustained_ms"] = (timed.get("sustained") or {}).get("latency_ms", np.nan)
    return where | {"on_cpu": left if timed.get("partial") else ""} | ms


def device_words(timed: Mapping[str, Any]) -> str:
    """Device, its processor, and by which instructions that multiplies int8, of an entry or a row of `timing_columns`."""
    device, processor, int8 = (_known(timed.get(name)) for name in ("device", "processor", "int8"))
    more = [processor] if processor and processor not in device else []
    more += [f"int8 by {int8}" if int8 != "none" else "no instructions for int8"] if int8 else []
    return f"{device} ({', '.join(more)})" if more else device


def delegate_words(timed: Mapping[str, Any]) -> str:
    """The delegate of a row of `timing_columns`, with what it leaves to the CPU's own kernels."""
    name, left = str(timed.get("delegate")).removesuffix(PARTIAL), _known(timed.get("on_cpu"))
    return f"{name}{PARTIAL}: CPU {left}" if left else name


def _known(value: Any) -> str:
    """Of a cell; empty for what is not there."""
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
