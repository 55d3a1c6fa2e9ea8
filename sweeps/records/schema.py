"""What a record may say where it names files or what is looked up: checked whenever one is read. Other keys are free."""

import reprlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

KEPT = ("best", "last")
"""Checkpoints that a run may keep: the epoch of the best `callbacks.monitor`, and the last one."""


def _within(name: str) -> str:
    if "\0" in name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError("want a name within the run's folder")
    return name


Within = Annotated[str, AfterValidator(_within)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
"""What becomes part of a file's name."""


_Side = Annotated[int, Field(ge=1, le=100_000)]


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Arm(_Open):
    agreement: float | None = None
    machine: str | None = None


class _Sustained(_Open):
    latency_ms: float | None = None


class _Timing(_Open):
    device: str | None = None
    processor: str | None = None
    int8: str | None = None
    delegate: str | None = None
    threads: int | None = None
    partial: bool | None = None
    cpu_operators: list[str] | None = None
    latency_ms_p50: float | None = None
    latency_ms_mean: float | None = None
    sustained: _Sustained | None = None


class _Export(_Open):
    path: Within | None = None
    sha256: str | None = None
    checkpoint: Literal[KEPT] | None = None  # type: ignore[valid-type]
    latency: list[_Timing] | None = None
    arm: _Arm | None = None


class _Shipped(_Open):
    checkpoint: Literal[KEPT]  # type: ignore[valid-type]


class _WholeFit(_Open):
    folds: list[Within]


class _Grid(_Open):
    columns: _Side
    rows: _Side
    cell_px: _Side


class _Preprocessing(_Open):
    crop: str | None = None
    grid: _Grid | None = None
    picture: Annotated[list[_Side], Field(min_length=2, max_length=2)] | None = None


class _Rule(_Open):
    grade: Annotated[str, Field(min_length=1, max_length=120)]
    cells: Annotated[int, Field(ge=0, le=10_000)]
    of: list[str]


class _Profile(_Open):
    device: str
    rules: list[_Rule] | None


class _Data(_Open):
    fingerprint: str | None = None
    class_names: list[str] | None = None
    preprocessing: _Preprocessing | None = None
    profile: _Profile | None = None
    left_out: list[Any] | None = None
    cells: dict[str, Any] | None = None


class _Config(_Open):
    resolution: _Side | None = None
    width: float | None = None
    method: dict[str, Any] | None = None
    trainer: dict[str, Any] | None = None


def _no_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("want a number")
    return value


class _Budget(_Open):
    format: str
    device: str
    size_kb: float
    latency_ms: float | None
    most_ms: float | None
    most_kb: float | None


class _Record(_Open):
    axes: dict[Name, Any] | None = None
    config: _Config | None = None
    metrics: dict[str, Annotated[Any, AfterValidator(_no_text)]] | None = None
    data: _Data | None = None
    seconds: dict[str, float] | None = None
    history: list[dict[str, Any]] | None = None
    mistakes: list[dict[str, Any]] | None = None
    baseline: dict[str, Any] | None = None
    initial_weights: dict[str, Any] | None = None
    device: dict[str, Any] | None = None
    later_error: dict[str, Any] | None = None
    error: str | None = None
    updated: str | None = None
    shipped: _Shipped | None = None
    checkpoints: dict[Literal[KEPT], str] | None = None  # type: ignore[valid-type]
    exports: dict[Name, _Export] | None = None
    whole_fit: _WholeFit | None = None
    budget: _Budget | None = None


_ADAPTER = TypeAdapter(_Record)
LONGEST = 200
"""Letters of a value in a message."""
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = LONGEST


MOST_LEVELS = 100


def _nested_deeper(value: Any, levels: int) -> bool:
    """How deep the parser itself goes hangs on Python's version."""
    level = [value]
    for _ in range(levels):
        inner = [one.values() if isinstance(one, dict) else one for one in level]
        level = [one for each in inner for one in each if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def problem_of(record: dict[str, Any]) -> str:
    """What is wrong with a record, one line with its key; empty where nothing is."""
    if _nested_deeper(record, MOST_LEVELS):
        return f"nested deeper than {MOST_LEVELS} levels, which no record is"
    try:
        _ADAPTER.validate_python(record, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "[key]")
        return f"{where}={shortened(first['input'])}: {first['msg'].removeprefix('Value error, ')}"
    return ""


NEEDED = ("axes", "config", "data", "metrics")


def lacking(record: dict[str, Any]) -> str:
    """What the record of a finished run lacks of what it cannot lack, one line; empty where nothing."""
    missing = [key for key in NEEDED if not isinstance(record.get(key), dict)] if record["status"] == "done" else []
    return f"lacks {', '.join(missing)}, which every finished run has" if missing else ""


def shortened(value: Any) -> str:
    """A value of a record as a message shows it."""
    text = _REPR.repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
