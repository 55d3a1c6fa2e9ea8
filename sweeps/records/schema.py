"""What a record may say where it names files or what is looked up: checked whenever one is read. Other keys are free."""

import reprlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

KEPT = ("best", "last")
"""Checkpoints that a run may keep: the epoch of the best `callbacks.monitor`, and the last one."""


def _within(name: str) -> str:
    if "\0" in name or name.startswith("/") or ".." in name.split("/"):
        raise ValueError("want a name within the run's folder")
    return name


Within = Annotated[str, AfterValidator(_within)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
"""What becomes part of a file's name."""


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Arm(_Open):
    agreement: float | None = None
    machine: str | None = None


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


class _Record(_Open):
    axes: dict[Name, Any] | None = None
    config: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    shipped: _Shipped | None = None
    checkpoints: dict[Literal[KEPT], str] | None = None  # type: ignore[valid-type]
    exports: dict[Name, _Export] | None = None
    whole_fit: _WholeFit | None = None


_ADAPTER = TypeAdapter(_Record)
LONGEST = 200
"""Letters of a value in a message."""
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = LONGEST


def problem_of(record: dict[str, Any]) -> str:
    """What is wrong with a record, one line with its key; empty where nothing is."""
    try:
        _ADAPTER.validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "[key]")
        return f"{where}={shortened(first['input'])}: {first['msg'].removeprefix('Value error, ')}"
    return ""


def shortened(value: Any) -> str:
    """A value of a record as a message shows it."""
    text = _REPR.repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
