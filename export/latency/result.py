"""One form for every measured latency, wherever it was measured: an entry of `latency` in a file's record."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeps.records.latency import PARTIAL

Entry = dict[str, Any]
SETTING = ("device", "runtime", "delegate", "threads")
"""Entries that agree in these are measurements of the same thing: the later one counts."""


def entry(
    *,
    device: str,
    processor: str,
    os: str,
    runtime: str,
    delegate: str,
    threads: int,
    warmup_runs: int,
    runs: int,
    times: Mapping[str, float | None],
    initialisation_ms: float | None = None,
    peak_memory_bytes: int | None = None,
    steady: bool | None = None,
    operators: list[dict[str, Any]] | None = None,
    partial: bool | None = None,
    cpu_operators: Sequence[str] = (),
    int8: str | None = None,
) -> Entry:
    """The entry of one file on one device in one setting, dated now.

    Args:
        device: what people call it, such as "Google Pixel 7".
        processor: its chip.
        os: with version.
        runtime: with version.
        delegate: xnnpack, gpu, webgpu, or none; `gpu (partial)` where some operators are left to the CPU.
        threads: of the runtime.
        warmup_runs, runs: not counted and counted.
        times: ms per image: mean, p50, p90, std, min, None where the runtime does not tell.
        initialisation_ms: from the file to a runtime that is ready.
        peak_memory_bytes: of the runtime's process, None where unknown.
        steady: whether repeated rounds agreed, None where there was one.
        operators: time by kind of operator: operator, count, ms, share.
        partial: whether the delegate leaves some operators to the CPU's own kernels, None where unknown.
        cpu_operators: kinds of operators that it leaves, as far as the runtime names them.
        int8: by which instructions the processor multiplies int8, see `sweeps.records.environment.fast_int8`; None where unknown.

    """
    what = {"device": device, "processor": processor, "os": os, "runtime": runtime, "delegate": delegate}
    how = {"threads": threads, "warmup_runs": warmup_runs, "runs": runs}
    known = {f"latency_ms_{name}": times.get(name) for name in ("mean", "p50", "p90", "std", "min")}
    rest = {"initialisation_ms": initialisation_ms, "peak_memory_bytes": peak_memory_bytes, "steady": steady}
    told = {"partial": partial} if partial is not None else {}
    left = {"cpu_operators": list(cpu_operators)} if cpu_operators else {}
    when = {"at": datetime.now(UTC).isoformat(timespec="seconds")}
    chip = {"int8": int8} if int8 else {}
    return what | chip | how | known | rest | told | left | ({"operators": operators} if operators else {}) | when


def timed(data: bytes, places: Mapping[str, Callable[[bytes], Iterable[Entry]]]) -> list[Entry]:
    """A file's entries from everywhere it is to be timed; where that fails is told on stderr and costs nothing else."""
    entries: list[Entry] = []
    for name, measure in places.items():
        try:
            entries.extend(measure(data))
        except LatencyError as error:
            print(f"latency={name}: {error}", file=sys.stderr)
    return entries


class LatencyError(ValueError):
    """A file could not be timed; the message is one line that says what would help."""


def times_of(times_ms: npt.NDArray[np.float64]) -> dict[str, float | None]:
    """The figures of single times, in ms."""
    return {
        "mean": float(times_ms.mean()),
        "p50": float(np.quantile(times_ms, 0.5)),
        "p90": float(np.quantile(times_ms, 0.9)),
        "std": float(times_ms.std()),
        "min": float(times_ms.min()),
    }


def merged(before: Iterable[Entry], now: Iterable[Entry]) -> list[Entry]:
    """Earlier entries, each in its place; those that were measured again replaced, new settings behind them."""
    kept = {_setting(one): one for one in before}
    for one in now:
        kept[_setting(one)] = one  # where it stood before, else at the end
    return list(kept.values())


def _setting(one: Entry) -> tuple[Any, ...]:
    """What was measured; a delegate that turns out to take a part was asked for under the same name."""
    whole = one | {"delegate": str(one.get("delegate")).removesuffix(PARTIAL)}
    return tuple(whole.get(name) for name in SETTING)
