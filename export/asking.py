"""Whom to ask: a file says above which probability its best grade is accepted, so that little damage passes (`metrics.conformal`)."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from export.flatbuffer import read_metadata
from export.formats.onnx import ONNX
from export.formats.tflite import TFLite
from export.runtime import METADATA
from metrics.conformal import Answers, promise
from storage.whole_file import write_whole
from sweeps.analysis.expected import Folds
from sweeps.records.answers import answers_of
from sweeps.records.run_record import Record, RecordError, exported_bytes, read_run, update_record
from tasks.base import metrics_of_record

ASK = "ask"
"""The key in a file's metadata and in its entry in the record."""
Promise = Callable[[str, pd.DataFrame], dict[str, Any]]
"""A kind of file and its answers to the evaluated parts → what is said under ASK."""


def share_of(record: Record, wanted: float | None) -> float | None:
    """What may be missed by files that are made now: as wanted, else as the run's files promise already; None where they do not."""
    said = [entry[ASK]["most_missed"] for entry in record.get("exports", {}).values() if ASK in entry]
    return wanted if wanted is not None else min(said, default=None)


def promise_of(folder: Path, record: Record, most_missed: float, checkpoint: str) -> Promise:
    """How the files of a run say whom to ask.

    By the answers to its validation set; of a network that was trained on all data by those of its folds' files of the same kind, or
    of their networks where a fold has no such file, each to phones that it had not seen.

    Args:
        folder, record: of the run.
        most_missed: the share of a damaged source's damage that may be expected to pass, between 0 and 1.
        checkpoint: that the files are made of.

    Raises RecordError for a run whose classes are no grades, or whose folds have gone.

    """
    if not (metrics_of_record(record).asks and record["data"].get("ordered", True)):
        raise RecordError(
            f"{folder}: most_missed={most_missed:g}: its answers are no grades from best to worst, so that none of them is a missed damage"
        )
    if "whole_fit" in record:
        from jobs.whole_fit import folds_of_record

        folds = folds_of_record(folder, record)

        def by_folds(kind: str, _: pd.DataFrame) -> dict[str, Any]:
            answers, how = _of_folds(folds, kind)
            return promise(answers, most_missed, how)

        return by_folds
    how = "split conformal on the validation set" + (", which chose the epoch" if checkpoint == "best" else "")
    return lambda _, answers: promise(Answers.of(answers[answers.part == "val"]), most_missed, how)


def _of_folds(folds: Folds, kind: str) -> tuple[Answers, str]:
    """Every fold's answers to what it had not seen, and how that is called."""
    try:
        answers, by = folds.answers(kind), f"{kind} files"
    except RecordError:
        answers, by = folds.answers(), "networks"
    return Answers.of(answers), f"cross-conformal over {len(folds.folders)} folds' {by}"


def ask_of_run(folder: Path, most_missed: float, kinds: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Writes into files that are there whom to ask, and enters it in the record; returns what is said by the kind of file.

    Nothing else of a file changes, so timings, figures and checks stay; the record follows with the new digest and size.

    Args:
        folder: the run's; the caller holds its lock.
        most_missed: see `promise_of`.
        kinds: of its files, None for all that have been scored.

    Raises RecordError for a run without such files, or where one is no longer the file that was scored.

    """
    record = read_run(folder)
    made = {kind: entry for kind, entry in record.get("exports", {}).items() if "path" in entry}
    if missing := [kind for kind in kinds or () if kind not in made]:
        raise RecordError(f"{folder}: no {missing[0]} file; want {', '.join(made) or 'export=all, it has none'}")
    if not made:
        raise RecordError(f"{folder}: it has no files yet; python -m export run={folder} makes them")
    scored = answers_of(folder / "export" / "predictions.parquet")
    found = {}
    for kind in kinds or made:
        said = promise_of(folder, record, most_missed, made[kind]["checkpoint"])
        found[kind] = said(kind, scored[scored.file == kind])
        data = with_promise(made[kind]["path"], exported_bytes(folder, kind), found[kind])
        write_whole(folder / made[kind]["path"], data)
        about = {ASK: found[kind], "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

        def entered(old: Record, kind: str = kind, about: dict[str, Any] = about) -> Record:
            return old | {"exports": old["exports"] | {kind: old["exports"][kind] | about}}

        update_record(folder, entered)
    return found


def with_promise(path: str, data: bytes, said: Mapping[str, Any]) -> bytes:
    """A finished file with what it says of whom to ask as the last entry of its metadata, as an export would have written it."""
    about = json.loads(_metadata(path, data))
    about.pop(ASK, None)
    finish = (ONNX() if path.endswith(".onnx") else TFLite()).finish
    return finish(data, json.dumps(about | {ASK: dict(said)}).encode())


def _metadata(path: str, data: bytes) -> str | bytes:
    if not path.endswith(".onnx"):
        return read_metadata(data)[METADATA]
    import onnx

    return next(str(one.value) for one in onnx.load_from_string(data).metadata_props if one.key == METADATA)
