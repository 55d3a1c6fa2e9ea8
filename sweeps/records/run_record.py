"""Run records: contract 3 of the design. One `record.json` per run, changed by one function under a file lock.

A run's folder also holds `job.lock`, held by the process that trains it for as long as it lives: a record that says
running while that lock is free belongs to a job that was interrupted.
"""

import errno
import hashlib
import json
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from choices import ChoiceError
from choices.wanted import listed
from metrics.lookup import default_task, metrics_of
from storage.inside import OutsideError, inside
from storage.whole_file import write_whole
from sweeps.records.schema import lacking, problem_of, shortened

RECORD_VERSION = 2
"""Raised when the meaning of a key changes; a record of another version is refused."""

Record = dict[str, Any]


class Status(StrEnum):
    """What a record says of its run; `interrupted` is never written, it is seen from a free lock.

    A `pruned` run was stopped early by a search or by successive halving; asked for without either, it goes on. One that is `over budget` has not been trained, or
    not further, because its file would cost more than `budget.*` allows. Nor is `outdated` written: of a finished run whose data have
    changed since, as a later record of the same data settings tells.
    """

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    INTERRUPTED = "interrupted"
    PRUNED = "pruned"
    OVER_BUDGET = "over budget"
    OUTDATED = "outdated"


STATUSES = frozenset(Status)
OUT_OF_MEMORY = (
    "OutOfMemoryError",
    "can't allocate memory",
    "Cannot allocate memory",
    "Insufficient memory",
    "CUDA out of memory",
)
"""What such errors say that are no MemoryError."""
MEMORY_VARIABLE = "_GRIDLITE_TRIED_AGAIN"
"""Environment variable, set where a launcher tries a job again that memory ran out under."""
KILLED = "process killed; out of memory?"
"""Error of a run whose process was ended from outside."""


class RecordError(ValueError):
    """A record that cannot be read; the message names the file."""


class RunIsBusyError(RuntimeError):
    """Another process works on this run."""


def read_record(folder: Path) -> Record:
    """The record in a run's folder. Raises RecordError when it is missing or no record."""
    path = folder / "record.json"
    try:
        with open(f"{folder}/record.json", "rb") as file:  # noqa: PTH123  half of Path.open's time, 10,000 times
            record = _parsed(file.read())
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file: not a run's folder") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not a readable record ({error})") from None
    except (IsADirectoryError, PermissionError) as error:
        raise RecordError(f"{path}: not a readable record ({str(error.strerror).lower()})") from None
    if not isinstance(record, dict) or "status" not in record:
        raise RecordError(f"{path}: not a run record: it has no status")
    if not isinstance(record["status"], str) or record["status"] not in STATUSES:
        raise RecordError(f"{path}: status={shortened(record['status'])}: want {listed(sorted(STATUSES))}")
    if wrong := problem_of(record):
        raise RecordError(f"{path}: {wrong}")
    if not isinstance(version := record.get("record_version", 1), int | float):
        raise RecordError(f"{path}: record_version={shortened(version)}: want a number")
    if version != RECORD_VERSION:
        age = "newer" if version > RECORD_VERSION else "older"
        raise RecordError(
            f"{path}: of version {version}, {age} than this gridlite's {RECORD_VERSION}; train it anew with this one"
        )
    return record


def read_run(folder: Path) -> Record:
    """A record of which tables can be made: what every finished run has is there. Raises RecordError."""
    record = read_record(folder)
    if wrong := lacking(record):
        raise RecordError(f"{folder / 'record.json'}: {wrong}")
    try:
        metrics_of(str(record.get("axes", {}).get("task", default_task())))
    except ChoiceError as error:
        more = "a package of your own has to be named in GRIDLITE_PACKAGES"
        raise RecordError(f"{folder / 'record.json'}: axes.{error}; {more}") from None
    return record


def read_trained(folder: Path) -> Record:
    """A record whose network can be built. Raises RecordError, for a run that got nowhere too."""
    record = read_run(folder)
    if missing := [key for key in ("axes", "config", "data") if not isinstance(record.get(key), dict)]:
        raise RecordError(
            f"{folder / 'record.json'}: the run is {record['status']} and lacks {', '.join(missing)}; want one that was trained"
        )
    return record


def _parsed(text: bytes) -> Any:
    """Orjson is several times quicker, but knows no NaN."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def update_record(folder: Path, change: Callable[[Record], Record]) -> Record:
    """Applies `change` to the record (empty where there is none) and writes the result, whole or not at all.

    The only way in which a record changes: training, export and phones write to the same one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "record.lock"):
        old = read_record(folder) if (folder / "record.json").exists() else {}
        new = change(old) | {
            "record_version": RECORD_VERSION,
            "updated": _now(),
        }
        write_whole(folder / "record.json", json.dumps(new, indent=1, allow_nan=True) + "\n")
        return new


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_live(folder: Path) -> bool:
    """Whether a process holds the run's lock right now."""
    lock = folder / "job.lock"
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def status_of(folder: Path, record: Record) -> Status:
    """The record's status, `interrupted` where it says running and nobody runs it."""
    status = Status(record["status"])
    return Status.INTERRUPTED if status is Status.RUNNING and not is_live(folder) else status


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Holds the run's lock. Raises RunIsBusyError at once when another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "job.lock", timeout=0.5):  # a status that looks at it holds it for a moment
            yield
    except Timeout:
        raise RunIsBusyError(f"{folder}: another process works on this run") from None


def is_done(folder: Path) -> bool:
    """Whether the record says done, for whatever data."""
    return bool(read_record(folder)["status"] == Status.DONE)


def failed(record: Record, error: str) -> Record:
    """The record of a run that has failed; one that is done keeps its status and result, and gains `later_error`."""
    if record.get("status") == Status.DONE:
        return record | {"later_error": {"error": error, "at": _now()}}
    return record | {"status": Status.FAILED, "error": error}


@contextmanager
def failure_recorded(folder: Path, identity: Record) -> Iterator[None]:
    """Writes status, error and `error.txt` (the traceback) when the block raises, then lets the error go on.

    `identity` is what the record says of the run where nothing has been written yet. A record that is done keeps its
    status, bad data today takes nothing from yesterday's result; it gains `later_error`.
    """
    try:
        yield
    except Exception as error:
        text, trace = one_line(error), traceback.format_exc()
        with suppress(OSError):  # on a full disk the first error is the one to show
            update_record(folder, lambda record: failed(identity | record, text))
            write_whole(folder / "error.txt", trace)
        raise


def wrapped(error: BaseException) -> BaseException:
    """What went wrong in what Hydra built, rather than that something did."""
    hidden = type(error).__name__ == "InstantiationException" and error.__cause__ is not None
    return error.__cause__ if hidden else error  # type: ignore[return-value]


def one_line(error: BaseException) -> str:
    """An error as the one line that a person is shown."""
    error = wrapped(error)
    if is_out_of_memory(error):
        return f"out of memory; a smaller batch_size or fewer jobs at a time need less ({_text(error) or type(error).__name__})"
    text = _text(error)
    plain = isinstance(error, ValueError | FloatingPointError | OSError | RuntimeError) and text
    return text if plain else f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine or the graphics card had no memory left, as Python, NumPy, torch, OpenCV and the system say it."""
    error = wrapped(error)
    said = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or any(words in said for words in OUT_OF_MEMORY)


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOLCK:
        return (
            "the file system has no locks (as NFS without its lock service); set paths.runs and paths.cache on another"
        )
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror[0].lower()}{error.strerror[1:]}"
    return " ".join(str(error).split())


def exported_bytes(folder: Path, kind: str) -> bytes:
    """An exported file of a run, once it is what the record has scored.

    Raises RecordError where the record has no such file, or it is no longer that one.
    """
    record = read_record(folder)
    entry = record.get("exports", {}).get(kind) or record.get("unscored_files", {}).get(kind, {})
    if "path" not in entry:
        raise RecordError(f"{folder}: no {kind} file has been made of it")
    try:
        data = inside(folder, entry["path"]).read_bytes()
    except (OutsideError, FileNotFoundError) as error:
        raise RecordError(f"{folder}: exports.{kind}.path: {error}") from None
    if entry.get("sha256") not in (None, hashlib.sha256(data).hexdigest()):
        raise RecordError(f"{folder / entry['path']}: not the file that the record has scored; export it again")
    return data


def find_runs(sweep: Path) -> list[Path]:
    """The run folders of a sweep, by name."""
    try:
        names = sorted(os.listdir(sweep))  # noqa: PTH208  os: 5 times the speed of Path.glob
    except OSError:
        return []
    return [sweep / name for name in names if os.path.exists(f"{sweep}/{name}/record.json")]  # noqa: PTH110


def latest_sweep(runs: Path) -> Path | None:
    """The sweep's folder whose newest record is newest; None where there is no record."""
    records = sorted(runs.glob("*/*/record.json"), key=lambda path: path.stat().st_mtime)
    return records[-1].parent.parent if records else None
