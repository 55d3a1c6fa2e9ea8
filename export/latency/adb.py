"""Latency of a file on an Android phone: `benchmark_model` over adb."""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from export.flatbuffer import is_tflite
from export.latency.benchmark_model import (
    TOOL_LINK,
    OutputError,
    RefusedError,
    Timings,
    command,
    operators,
    parse,
    peak_memory,
)
from export.latency.phone import Phone, find_phone, reason
from export.latency.result import Entry, LatencyError, entry
from export.latency.sustained import sustained
from sweeps.records.latency import PARTIAL, typical_ms

DELEGATES = ("xnnpack", "gpu", "none")
FOLDER = "/data/local/tmp/gridlite"
"""On the phone; what the shell may write and run."""


def measure(
    data: bytes,
    *,
    benchmark_model: str | None,
    serial: str | None = None,
    adb: str = "adb",
    warmup_runs: int = 10,
    runs: int = 100,
    threads: Sequence[int] = (1, 2, 4),
    delegates: Sequence[str] = ("xnnpack", "gpu"),
    profile: bool = True,
    max_rounds: int = 5,
    max_spread: float = 0.05,
    cooldown_s: float = 10.0,
    sustained_s: float = 0.0,
) -> Iterator[Entry]:
    """Times one file on a phone; each entry is given as soon as it is measured, that of the fastest setting last where it goes on.

    Args:
        data: a deployable file.
        benchmark_model: path of the tool's binary for the phone's processor, on this machine.
        serial: of the phone, None for the only one.
        adb: the client's name or path.
        warmup_runs, runs: exactly so many, not counted and counted.
        threads: of the CPU; the GPU runs with the first number alone.
        delegates: some of DELEGATES; xnnpack is the CPU, none the CPU without it.
        profile: a further call tells the time by kind of operator.
        max_rounds: at most so many calls of a setting.
        max_spread: two calls in a row whose means differ by no more than this share are steady.
        cooldown_s: pause before every call.
        sustained_s: so long the fastest setting goes on without a pause, see `sustained`; 0: not at all.

    Raises LatencyError for a phone that cannot be used or is unplugged; a refused delegate is told on stderr and left
    out.

    """
    if unknown := set(delegates) - set(DELEGATES):
        raise LatencyError(f"latency.adb.delegates={','.join(sorted(unknown))}: want some of {', '.join(DELEGATES)}")
    if not is_tflite(data):
        raise LatencyError("phones are asked by TFLite's benchmark_model, which takes .tflite files alone")
    binary = _binary(benchmark_model)
    phone = find_phone(serial, adb)
    with FileLock(
        Path(tempfile.gettempdir()) / f"gridlite-{re.sub(r'[^A-Za-z0-9]', '_', phone.serial)}.lock", mode=0o666
    ):
        yield from _measured(
            data, phone, binary, warmup_runs=warmup_runs, runs=runs, threads=threads, delegates=delegates,
            profile=profile, max_rounds=max_rounds, max_spread=max_spread, cooldown_s=cooldown_s, sustained_s=sustained_s,
        )  # fmt: skip


def _measured(
    data: bytes,
    phone: Phone,
    binary: Path,
    *,
    warmup_runs: int,
    runs: int,
    threads: Sequence[int],
    delegates: Sequence[str],
    profile: bool,
    max_rounds: int,
    max_spread: float,
    cooldown_s: float,
    sustained_s: float,
) -> Iterator[Entry]:
    """As `measure`, on a phone that nobody else measures on."""
    fastest: tuple[Entry, Callable[[int], float]] | None = None
    about = phone.about()
    abi = about.pop("abi")
    phone.must(f"mkdir -p {FOLDER}")
    phone.push(binary, f"{FOLDER}/benchmark_model")
    phone.must(f"chmod 755 {FOLDER}/benchmark_model")
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(data)
        file.flush()
        phone.push(Path(file.name), f"{FOLDER}/model.tflite")
    try:
        for delegate in delegates:
            for count in threads[:1] if delegate == "gpu" else threads:

                def call(*, profiled: bool, delegate: str = delegate, count: int = count, runs: int = runs) -> str:
                    line = command(
                        f"{FOLDER}/benchmark_model", f"{FOLDER}/model.tflite", warmup_runs=warmup_runs, runs=runs,
                        threads=count, delegate=delegate, profile=profiled,
                    )  # fmt: skip
                    return _called(phone, line, abi, delegate)

                def mean(runs: int, call: Callable[..., str] = call, delegate: str = delegate) -> float:
                    return _mean(_parsed(call(profiled=False, runs=runs), delegate))

                try:
                    timings, steady = _rounds(call, delegate, count, runs, max_rounds, max_spread, cooldown_s)
                    known = "enable_op_profiling" not in timings.unknown_flags
                    told = call(profiled=True) if profile and known else ""
                except RefusedError as error:
                    print(f"{about['device']}: {delegate} left out: {error}", file=sys.stderr)
                    continue
                took = timings.delegation
                measured = entry(
                    **about, runtime=timings.tool, threads=count,
                    delegate=delegate + PARTIAL if delegate == "gpu" and took.partial else delegate,
                    warmup_runs=warmup_runs, runs=timings.runs, times=timings.times,
                    initialisation_ms=timings.initialisation_ms, peak_memory_bytes=peak_memory(told) or timings.peak_memory_bytes,
                    steady=steady, operators=operators(told), partial=took.partial, cpu_operators=took.cpu_operators,
                )  # fmt: skip
                yield measured
                if fastest is None or typical_ms(measured) < typical_ms(fastest[0]):
                    fastest = measured, mean
        if fastest and sustained_s > 0:
            measured, again = fastest
            yield measured | {"sustained": sustained(again, sustained_s, typical_ms(measured)).as_entry()}
    finally:
        phone.run("shell", f"rm -f {FOLDER}/model.tflite")


def _binary(path: str | None) -> Path:
    """The tool's binary. Raises LatencyError where there is none."""
    if path is None:
        raise LatencyError(
            f"latency.adb.benchmark_model=<file>: name the binary for the phone; README says where to get it ({TOOL_LINK})"
        )
    if not Path(path).is_file():
        raise LatencyError(f"latency.adb.benchmark_model={path}: no such file")
    return Path(path)


def _called(phone: Phone, line: str, abi: str, delegate: str) -> str:
    """The output of one call. Raises LatencyError, or RefusedError where a delegate made it fail."""
    answer = phone.shell(line, timeout=3600)
    if answer.status == 0:
        return answer.output
    said = reason(answer.output)
    if re.search(r"exec format error|not executable|unexpected e_machine|bad ELF", answer.output, re.IGNORECASE):
        raise LatencyError(f"benchmark_model is not for this phone, which wants {abi}: {said}")
    if delegate == "gpu":
        raise RefusedError(said)
    raise LatencyError(f"benchmark_model ended with {answer.status}: {said}")


def _rounds(
    call: Callable[..., str],
    delegate: str,
    threads: int,
    runs: int,
    max_rounds: int,
    max_spread: float,
    cooldown_s: float,
) -> tuple[Timings, bool]:
    """Calls until two in a row agree; the call with the median mean, and whether any two did.

    Raises RefusedError where the tool or the delegate does not do what was asked for.
    """
    found: list[Timings] = []
    for _ in range(max_rounds):
        time.sleep(cooldown_s)
        found.append(_parsed(call(profiled=False), delegate))
        _must_know(found[-1], delegate, threads)
        if found[-1].runs not in (0, runs):
            raise LatencyError(f"benchmark_model made {found[-1].runs} runs instead of {runs}")
        means = [_mean(one) for one in found[-2:]]
        if len(found) > 1 and abs(means[0] - means[1]) <= max_spread * min(means):
            return found[-1], True
    middle = int(np.argsort([_mean(one) for one in found])[len(found) // 2])
    return found[middle], False


def _parsed(output: str, delegate: str) -> Timings:
    try:
        return parse(output, delegate=delegate)
    except OutputError as error:
        raise LatencyError(str(error)) from None


def _must_know(timings: Timings, delegate: str, threads: int) -> None:
    """Raises RefusedError where the tool did not know a flag that this setting wants; LiteRT's takes XNNPACK by itself."""
    wanted = {"gpu": {"use_gpu"}, "none": {"use_xnnpack"}}.get(delegate, set())
    wanted |= {"num_threads"} if threads != 1 and delegate != "gpu" else set()
    if missing := sorted(wanted & timings.unknown_flags):
        raise RefusedError(f"{timings.tool} does not know --{' --'.join(missing)}")


def _mean(timings: Timings) -> float:
    return float(timings.times["mean"] or 0.0)
