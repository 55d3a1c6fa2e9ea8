"""`benchmark_model` of TensorFlow Lite and of LiteRT: how it is called, and what its wordings of several years say."""

import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from export.latency.delegation import Delegation, delegation

TOOL_LINK = "https://ai.google.dev/edge/litert/models/measurement"
"""Where the right tool is linked from."""
TF_LITE, LITERT = "TensorFlow Lite benchmark_model", "LiteRT benchmark_model"

NUMBER = r"(\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)"
_MS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}
UNIT = r"(us|µs|ms|s|sec)\b"
# One line with all figures: TensorFlow Lite's, since 2020 `Inference timings in us: Init: …, Inference (avg): …`, before
# `Average inference timings in us: Warmup: …, Init: …, Inference: …`, older still with `no stats: …`.
LINE = re.compile(r"(?:Average inference|Inference) timings in (?P<unit>us|µs|ms|s)\s*:(?P<rest>.*)")
INIT = re.compile(rf"\bInit:\s*{NUMBER}")
MEAN = re.compile(rf"(?:\bInference(?: \(avg\))?|\bno stats):\s*{NUMBER}")
# A line for each figure: LiteRT's.
RESULT = r"(?<![\w(]){name}\s*:\s*" + NUMBER + r"\s*" + UNIT
RESULT_MEAN = re.compile(RESULT.format(name=r"Inference \(avg\)") + r"(?:\s*\((\d[\d,]*) runs?\))?")
RESULT_OTHERS = {
    "p50": re.compile(RESULT.format(name=r"Inference \((?:median|p50)\)")),
    "p90": re.compile(RESULT.format(name=r"Inference \(p90\)")),
    "std": re.compile(rf"Inference \(std\)\s*:\s*{NUMBER}\s*{UNIT[:-2]}?"),
    "min": re.compile(RESULT.format(name=r"Inference \(min\)")),
}
RESULT_INIT = re.compile(RESULT.format(name="Model initialization"))
SESSION = re.compile(rf"Initialized session in {NUMBER}\s*{UNIT}")
STATISTICS = re.compile(r"\bcount=(?P<count>\d+) (?P<rest>[^\n]*\bcurr=[^\n]*)")
ROUND = re.compile(r"Running benchmark for at least (\d+) iterations")
_BYTES = {"kb": 2**10, "mb": 2**20, "gb": 2**30}
MEMORY = (
    re.compile(rf"[Pp]eak mem\w*(?: \w+)? \((?P<unit>[KMG]B)\) via periodic monitoring:\s*{NUMBER}"),
    re.compile(rf"Peak mem\w*(?: \w+)?:\s*{NUMBER}\s*(?P<unit>[KMG]B)", re.IGNORECASE),
    re.compile(rf"Peak mem\w* footprint \((?P<unit>[KMG]B)\):.*?\boverall={NUMBER}"),
    re.compile(rf"Memory footprint delta from the start of the tool \((?P<unit>[KMG]B)\):.*?\boverall={NUMBER}"),
)
COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
BEGIN = re.compile(r"^.*\bSTARTING!", re.MULTILINE)
LITERT_SAYS = re.compile(r"benchmark_litert_model|Creating LiteRT environment|={5,} BENCHMARK RESULTS ={5,}")
GRAPH = re.compile(r"(?:Loaded model|Graph: \[|Signature name:)\s*([^\]\n]+)")
UNKNOWN_FLAGS = re.compile(r"Unconsumed cmdline flags:([^\n]*)")
SUMMARY = re.compile(r"Summary by node type.*?\n(?P<rows>.*?)(?:\n\s*\n|\Z)", re.DOTALL)
ROW = re.compile(
    r"^\s*(?:INFO:\s*)?(?P<name>[A-Za-z][\w (),:-]*?)\s{1,}(?P<count>\d+)\s+(?P<ms>[\d.]+)\s+(?P<share>[\d.]+)%"
)


class OutputError(ValueError):
    """Output that holds no timings, one line."""


class RefusedError(ValueError):
    """A delegate or a setting that would not take the file, one line."""


@dataclass(frozen=True)
class Timings:
    """What one call measured, in ms."""

    times: dict[str, float | None]
    """mean, p50, p90, std, min; None where this build does not tell."""
    runs: int
    """0 where this build does not tell."""
    initialisation_ms: float | None
    peak_memory_bytes: int | None
    tool: str = TF_LITE
    delegation: Delegation = field(default=Delegation("none"))
    unknown_flags: frozenset[str] = frozenset()
    """Those that this build did not know and left out."""


def command(
    binary: str, graph: str, *, warmup_runs: int, runs: int, threads: int, delegate: str, profile: bool = False
) -> str:
    """The shell line that runs exactly so often: both counts are minimums unless the least seconds are 0."""
    flags = {
        "graph": graph, "warmup_runs": warmup_runs, "num_runs": runs, "warmup_min_secs": 0, "min_secs": 0,
        "max_secs": 3600, "num_threads": threads, "use_xnnpack": str(delegate == "xnnpack").lower(),
        "use_gpu": str(delegate == "gpu").lower(), "enable_op_profiling": str(profile).lower(),
        "report_peak_memory_footprint": str(profile).lower(),
    }  # fmt: skip
    return " ".join([shlex.quote(binary), *(f"--{name}={shlex.quote(str(value))}" for name, value in flags.items())])


def plain(output: str) -> str:
    """A log without colours, its lines ended by newlines alone."""
    return COLOUR.sub("", output).replace("\r\n", "\n").replace("\r", "\n")


def parse(output: str, *, delegate: str | None = None) -> Timings:
    """Reads the log of one call in any wording.

    Args:
        output: of the tool, colours and Windows line ends included.
        delegate: gpu, xnnpack or none, as was asked for; None: as the log says.

    Raises RefusedError where the delegate took nothing, OutputError without timings or with those of several models.

    """
    output = plain(output)
    models = parts(output)
    if len(models) > 1:
        names = ", ".join(_graph(one) or "unnamed" for one in models)
        raise OutputError(f"benchmark_model's log holds timings of {len(models)} calls ({names}): want the log of one")
    output = models[0] if models else output
    litert = bool(LITERT_SAYS.search(output))
    found = delegation(output, delegate)
    if found.refusal:
        raise RefusedError(found.refusal)
    if litert and found == Delegation("gpu"):
        raise RefusedError("LiteRT's benchmark_model does not say that a GPU accelerator took any operator")
    statistics = _statistics(output)
    line, result = LINE.search(output), RESULT_MEAN.search(output)
    times: dict[str, float | None] = {}
    if line and (mean := MEAN.search(line["rest"])):
        scale, begun = _MS[line["unit"]], INIT.search(line["rest"])
        times["mean"], initialisation = scale * _number(mean[1]), scale * _number(begun[1]) if begun else None
    elif result:
        times["mean"], initialisation = _ms(result), None
    elif len(statistics) > 1 or (statistics and len(ROUND.findall(output)) == 1):
        times["mean"], initialisation = statistics[-1]["mean"], None  # the log ends before its summary
    else:
        raise OutputError(_unknown(output))
    if initialisation is None:
        begun = RESULT_INIT.search(output) or SESSION.search(output)
        initialisation = _ms(begun) if begun else None
    last: dict[str, Any] = statistics[-1] if statistics else {}
    for name, pattern in RESULT_OTHERS.items():
        told = pattern.search(output)
        times[name] = last.get(name) if last.get(name) is not None or told is None else _ms(told)
    runs = int(result[3].replace(",", "")) if result and result[3] else int(last.get("count", 0))
    flags = frozenset(re.findall(r"--(\w+)", " ".join(UNKNOWN_FLAGS.findall(output))))
    return Timings(times, runs, initialisation, peak_memory(output), LITERT if litert else TF_LITE, found, flags)


def parts(output: str) -> list[str]:
    """A log cut into the pieces that hold timings, one for each call of the tool, or for each signature that it timed."""
    starts = [one.start() for one in BEGIN.finditer(output)] or [0]
    pieces = [output[at:end] for at, end in zip(starts, [*starts[1:], len(output)], strict=True)]
    cut = []
    for piece in pieces:
        ends = [one.end() for one in LINE.finditer(piece)] or [one.end() for one in RESULT_MEAN.finditer(piece)]
        inner = ends[:-1]
        cut += [piece[at:end] for at, end in zip([0, *inner], [*inner, len(piece)], strict=True)]
    return [piece for piece in cut if any(one.search(piece) for one in (LINE, RESULT_MEAN, STATISTICS))]


def operators(output: str) -> list[dict[str, Any]]:
    """Time by kind of operator from the profile, the dearest first: operator, count, ms, share (0 to 1)."""
    summaries = list(SUMMARY.finditer(plain(output)))
    if not summaries:
        return []
    rows = [match for line in summaries[-1]["rows"].splitlines() if (match := ROW.match(line))]
    found = [
        {"operator": row["name"].strip(), "count": int(row["count"]), "ms": float(row["ms"]),
         "share": round(float(row["share"]) / 100, 5)}
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one["ms"])


def _statistics(output: str) -> list[dict[str, Any]]:
    """The lines `count=… first=… curr=…`, in ms; `curr=30(all same)` says that each run took as long."""
    found = []
    for one in STATISTICS.finditer(output):
        told = {name: _number(value) / 1e3 for name, value in re.findall(rf"(\w+)={NUMBER}", one["rest"])}
        if "avg" not in told and (int(one["count"]) == 1 or "all same" in one["rest"]):
            told = dict.fromkeys(("avg", "min", "median", "p90"), told["curr"]) | {"std": 0.0}
        names = {"mean": "avg", "p50": "median", "p90": "p90", "std": "std", "min": "min"}
        figures: dict[str, Any] = {ours: told.get(theirs) for ours, theirs in names.items()}
        if figures["mean"] is not None:
            found.append(figures | {"count": int(one["count"])})
    return found


def peak_memory(output: str) -> int | None:
    """Bytes that the tool's process held at most, of old builds its growth; None where it does not tell."""
    output = plain(output)
    for pattern in MEMORY:
        if told := pattern.search(output):
            number = next(value for name, value in enumerate(told.groups()) if value and value[0].isdigit())
            return round(_number(number) * _BYTES[told["unit"].lower()])
    return None


def _graph(part: str) -> str:
    names: list[str] = GRAPH.findall(part)
    return names[-1].strip().rpartition("/")[2] if names else ""


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _ms(told: re.Match[str]) -> float:
    return _number(told[1]) * _MS[told[2] or "ms"]


def _unknown(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return (
        f"benchmark_model told no timings; it ended with: {lines[-1][:200] if lines else 'nothing'} (expected "
        f"`Inference timings in us: …` as TensorFlow Lite's tool prints, or `Inference (avg): … ms` as LiteRT's; the right "
        f"one is linked from {TOOL_LINK})"
    )
