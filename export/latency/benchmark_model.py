"""TensorFlow Lite's `benchmark_model`: how it is called, and what its wordings of several years say."""

import re
import shlex
from dataclasses import dataclass
from typing import Any

NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"
TIMINGS = (
    # 2020 and later; microseconds
    re.compile(rf"Inference timings in us: Init: {NUMBER}, First inference: {NUMBER}, Warmup \(avg\): {NUMBER}, "
               rf"Inference \(avg\): {NUMBER}"),
    # before: "Warmup: …, Init: …, Inference: …", older still "no stats: …"
    re.compile(rf"Average inference timings in us: Warmup: (?P<warmup>{NUMBER}), Init: (?P<init>{NUMBER}), "
               rf"(?:Inference|no stats): (?P<mean>{NUMBER})"),
)  # fmt: skip
STATISTICS = re.compile(r"\bcount=(\d+) (?:.*?)\bavg=.*")
MEMORY = (
    re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: {NUMBER}"),
    re.compile(rf"Memory footprint delta from the start of the tool \(MB\): init=[\d.]+ overall={NUMBER}"),
    re.compile(rf"Peak memory footprint \(MB\):.*?overall={NUMBER}"),
)
REFUSED = (
    re.compile(r".*(?:Failed to (?:apply|create|initialize)|Could not (?:create|apply)).*delegate.*", re.IGNORECASE),
    re.compile(r".*delegate is explicitly applied, the model graph will not be executed by the delegate.*"),
    re.compile(r".*(?:GPU|gpu) delegate.*not supported.*"),
)
SUMMARY = re.compile(r"Summary by node type.*?\n(?P<rows>.*?)(?:\n\s*\n|\Z)", re.DOTALL)
ROW = re.compile(
    r"^\s*(?:INFO:\s*)?(?P<name>[A-Za-z][\w (),:-]*?)\s{1,}(?P<count>\d+)\s+(?P<ms>[\d.]+)\s+(?P<share>[\d.]+)%"
)


class OutputError(ValueError):
    """Output that holds no timings, one line."""


class RefusedError(ValueError):
    """A delegate that would not take the file, one line."""


@dataclass(frozen=True)
class Timings:
    """What one call measured, in ms."""

    times: dict[str, float | None]
    """mean, p50, p90, std, min; None where this build does not tell."""
    runs: int
    initialisation_ms: float
    peak_memory_bytes: int | None


def command(
    binary: str, graph: str, *, warmup_runs: int, runs: int, threads: int, delegate: str, profile: bool = False
) -> str:
    """The shell line that runs exactly so often: both counts are minimums unless the least seconds are 0."""
    flags = {
        "graph": graph, "warmup_runs": warmup_runs, "num_runs": runs, "warmup_min_secs": 0, "min_secs": 0,
        "max_secs": 3600, "num_threads": threads, "use_xnnpack": str(delegate == "xnnpack").lower(),
        "use_gpu": str(delegate == "gpu").lower(), "enable_op_profiling": str(profile).lower(),
    }  # fmt: skip
    return " ".join([shlex.quote(binary), *(f"--{name}={shlex.quote(str(value))}" for name, value in flags.items())])


def parse(output: str, *, delegate: str = "none") -> Timings:
    """Reads either wording. Raises RefusedError where the delegate was not used, OutputError without timings."""
    if delegate == "gpu" and (line := _refusal(output)):
        raise RefusedError(line)
    new, old = (pattern.search(output) for pattern in TIMINGS)
    if new:
        initialisation, mean = float(new[1]), float(new[4])
    elif old:
        initialisation, mean = float(old["init"]), float(old["mean"])
    else:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        raise OutputError(f"benchmark_model told no timings; it ended with: {lines[-1] if lines else 'nothing'}")
    counted = list(STATISTICS.finditer(output))
    found = dict(re.findall(rf"(\w+)={NUMBER}", counted[-1].group())) if counted else {}
    us = {"p50": found.get("median"), "p90": found.get("p90"), "std": found.get("std"), "min": found.get("min")}
    times: dict[str, float | None] = {name: None if text is None else float(text) / 1e3 for name, text in us.items()}
    memory = next((float(match[1]) for pattern in MEMORY if (match := pattern.search(output))), None)
    return Timings(
        times | {"mean": mean / 1e3},
        int(counted[-1][1]) if counted else 0,
        initialisation / 1e3,
        None if memory is None else round(memory * 2**20),
    )


def operators(output: str) -> list[dict[str, Any]]:
    """Time by kind of operator from the profile, the dearest first: operator, count, ms, share (0 to 1)."""
    summaries = list(SUMMARY.finditer(output))
    if not summaries:
        return []
    rows = [match for line in summaries[-1]["rows"].splitlines() if (match := ROW.match(line))]
    found = [
        {"operator": row["name"].strip(), "count": int(row["count"]), "ms": float(row["ms"]),
         "share": round(float(row["share"]) / 100, 5)}
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one["ms"])


def _refusal(output: str) -> str:
    lines = (line.strip() for line in output.splitlines())
    return next((line for line in lines if any(pattern.match(line) for pattern in REFUSED)), "")
