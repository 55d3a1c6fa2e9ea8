"""What a log of `benchmark_model` says of its delegate: which one was asked for, and how much of the model it took."""

import re
from collections.abc import Callable
from dataclasses import dataclass

Here = Callable[[str], bool]
"""Whether a delegate's name, as a log has it, is of the kind that is looked at."""

_GPU = re.compile(r"gpu|opencl|litert_cl|_cl\b|webgpu|vulkan|metal", re.IGNORECASE)
_CPU = re.compile(r"xnn", re.IGNORECASE)
_APPLIED = re.compile(
    r"Explicitly applied (?P<name>.+?) delegate, and the model graph will be (?P<how>completely|partially) executed"
)
_REPLACED = re.compile(r"Replacing (?P<taken>\d+) out of (?P<all>\d+) node\(s\) with delegate \((?P<name>[^)]*)\)")
_DIVIDED = re.compile(
    r"(?P<taken>\d+) operations will run on the (?P<name>\w+),? and the remaining (?P<left>\d+) operations? will run on"
)
_UNSUPPORTED = re.compile(r"Following operations are not supported by (?P<name>.+?) delegate:?(?P<rest>.*)")
_OPERATOR = re.compile(
    r"^(?:\w+:\s+|[A-Z]/\S+\s*(?:\(\s*\d+\))?:\s*)?(?:CUSTOM\s+)?(?P<name>[A-Z][A-Za-z0-9_]+)\b\s*(?:\([^)]*\)\s*)?:"
)
_UNDONE = re.compile(
    r".*(?:the model graph will not be executed by the delegate|Restored original execution plan|Failed to apply).*"
)
_ASKED = re.compile(r"Use (?P<name>gpu|xnnpack)\s*:\s*\[(?P<yes>[01]|true|false)\]", re.IGNORECASE)
_REFUSED = (
    re.compile(r".*(?:Failed|Unable|Could not|Cannot) (?:to )?(?:apply|create|initialize|load|prepare|invoke|register).*"
               r"(?:delegate|accelerator).*", re.IGNORECASE),
    re.compile(r".*delegate is explicitly applied, the model graph will not be executed by the delegate.*"),
    re.compile(r".*(?:GPU|gpu) (?:delegate|acceleration|accelerator)\b.*(?:not supported|unsupported|not available|not found).*"),
    re.compile(r".*(?:delegate|accelerator).*\b(?:failed to|fail(?:ed)? with).*", re.IGNORECASE),
)  # fmt: skip


@dataclass(frozen=True)
class Delegation:
    """How much of a model a delegate took."""

    delegate: str
    """gpu, xnnpack, or none."""
    partial: bool | None = None
    """Whether some operators were left to the CPU's own kernels; None where the log does not tell."""
    cpu_operators: tuple[str, ...] = ()
    """Kinds of operators that were left, where the log names them."""
    refusal: str = ""
    """Why the delegate took nothing; empty where it took some."""


def delegation(output: str, delegate: str | None = None) -> Delegation:
    """Reads plain lines, without colours.

    Args:
        output: of one call.
        delegate: gpu, xnnpack or none, as it was asked for; None: as the log says.

    """
    asked = delegate or _asked(output)
    if asked not in ("gpu", "xnnpack"):
        return Delegation(asked)
    here, other = (_GPU, _CPU) if asked == "gpu" else (_CPU, _GPU)

    def mine(name: str) -> bool:
        return bool(here.search(name)) and not other.search(name)

    left = _operators(output, mine)
    replaced = [one for one in _REPLACED.finditer(output) if mine(one["name"])]
    counts = [(int(one["taken"]), int(one["all"])) for one in replaced]
    counts += [
        (int(one["taken"]), int(one["taken"]) + int(one["left"]))
        for one in _DIVIDED.finditer(output) if mine(one["name"])
    ]  # fmt: skip
    applied = [one["how"] for one in _APPLIED.finditer(output) if mine(one["name"])]
    told = bool(applied or counts)
    if asked == "gpu":
        taken = any(some for some, _ in counts) or bool(applied)
        refusal = "" if taken and not _UNDONE.search(output) else _refusal(output)
        if not refusal and told and not taken:
            refusal = "the delegate took none of the operators"
        if not refusal and not told and any(_REPLACED.finditer(output)):
            refusal = "the log names other delegates alone"
        if refusal:
            return Delegation(asked, None, left, refusal)
    partial = "partially" in applied or any(some < every for some, every in counts) or bool(left)
    return Delegation(asked, partial if told or left else None, left)


def _asked(output: str) -> str:
    """The delegate that the log says was asked for, or that it names first."""
    asked = {one["name"].lower(): one["yes"].lower() in ("1", "true") for one in _ASKED.finditer(output)}
    if asked.get("gpu"):
        return "gpu"
    names = [one["name"] for pattern in (_APPLIED, _REPLACED) for one in pattern.finditer(output)]
    if any(_GPU.search(name) and not _CPU.search(name) for name in names):
        return "gpu"
    return "xnnpack" if asked.get("xnnpack") or any(map(_CPU.search, names)) else "none"


def _operators(output: str, mine: Here) -> tuple[str, ...]:
    """Those under `Following operations are not supported by … delegate:`, each once, in order."""
    found: dict[str, None] = {}
    within = False
    for line in output.splitlines():
        begun = _UNSUPPORTED.search(line)
        if begun:
            within, line = mine(begun["name"]), begun["rest"]  # noqa: PLW2901
        operator = _OPERATOR.match(line.strip())
        if within and operator:
            found[operator["name"]] = None
        elif within and not begun and line.strip():
            within = False
    return tuple(found)


def _refusal(output: str) -> str:
    lines = (line.strip() for line in output.splitlines())
    return next((line for line in lines if any(one.match(line) for one in (*_REFUSED, _UNDONE))), "")
