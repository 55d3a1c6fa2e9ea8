"""A job beside its folder: whether there is anything to do, where training goes on from, what the record and the terminal say.

torch is not imported here: most commands of a grid that is done end in this file.
"""

import os
import platform
import sys
import zipfile
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.utils import instantiate

from cli.command_line import in_grid
from datamodules.base.errors import DataError
from jobs.initial_weights import zoo_network
from jobs.job import Job
from jobs.shipped_checkpoint import check_patience, unvalidated_classes
from jobs.validation import tasks_of
from lightning_modules.backbones.spec import WeightsError
from metrics.against_baseline import doubt_of_record
from metrics.figures import figure_text
from sweeps.records.environment import processor, versions
from sweeps.records.journal import mark_job_failed
from sweeps.records.run_record import Record, RecordError, Status, read_record

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

SAID_BEFORE = "GRIDLITE_NOTES_SAID"
"""Environment variable: fingerprint of data whose notes a command has said before it called this one."""
FAILED_BEFORE = "failed before"
GO_ON = (Status.RUNNING, Status.PRUNED, Status.OVER_BUDGET, Status.FAILED)
"""What a record says of runs that are trained on from their last whole epoch."""

_said: set[str] = set()


def samples_of(job: Job) -> "Samples":
    """The configured data set, checked. Raises DataError, also where the task has no use for it."""
    cfg, choices = job.cfg, job.axes
    samples: Samples = instantiate(cfg.datamodule).load()
    if samples.targets != cfg.task.targets:
        fitting = ", ".join(tasks_of(samples.targets))
        raise DataError(
            f"datamodule={choices['datamodule']}: its labels are {samples.targets}, task={choices['task']} wants "
            f"{cfg.task.targets}; want task={fitting}"
        )
    samples.check_task(cfg.task)
    samples.check_stride(cfg.resolution, job.spec.stride)
    check_patience(cfg, samples)
    return samples


def skip_reason(job: Job, fingerprint: str) -> str:
    """Why a job has nothing to train: done on the same data, or failed on it and not to be tried again; else empty.

    Raises RecordError where the folder holds a run on data from another place.
    """
    folder, cfg = job.folder, job.cfg
    if is_finished(folder, fingerprint) and not cfg.overwrite:
        return "done before (overwrite=true trains again)"
    if (other := _other_place(job, fingerprint)) and not cfg.overwrite:
        raise RecordError(
            f"{folder}: holds a run on {other}; give this data a sweep_name of its own, or overwrite=true to replace it"
        )
    why = failed_before(folder, fingerprint) if in_grid() and not (cfg.retry_failed or cfg.overwrite) else ""
    return f"{FAILED_BEFORE} (retry_failed=true tries again): {why}" if why else ""


def say_skipped(job: Job, reason: str) -> None:
    """Says what `skip_reason` gave; a point that is not tried again has failed in this command as well: it is not there."""
    print(f"{reason}: {job.folder}")
    if reason.startswith(FAILED_BEFORE):
        mark_job_failed(job.folder.name)


LOOKED_AT = 200
COLOURED = 8
"""Grey levels by which a picture's channels differ at most in the mean where it has no colours."""
MOST_REPEATS = 100
"""Times that an epoch may show the training set: more is a count that was meant for another set."""


def check_amounts(job: Job, samples: "Samples") -> None:
    """Raises DataError for a batch that the training set cannot fill, and for an epoch that would repeat it without end.

    A backbone's own batch size is no mistake: it is then the whole training set.
    """
    count, cfg = int((samples.table.part == "train").sum()), job.cfg
    if cfg.batch_size > max(count, job.spec.default_batch_size):
        raise DataError(f"batch_size={cfg.batch_size}: the training set holds {count}; want 2 to {count}")
    per_class, classes = cfg.imbalance.get("per_class", 0), len(samples.class_names)
    if (shown := per_class * classes) > MOST_REPEATS * count:
        raise DataError(
            f"imbalance.per_class={per_class}: an epoch would show {shown} samples, {shown // count} times the training set of {count}; want "
            f"at most {MOST_REPEATS * count // classes}"
        )


def lost_colours(job: Job, samples: "Samples") -> list[str]:
    """A line where the network takes out colours that the pictures have, and nobody has asked for it. Raises DataError where that has to be asked for."""
    if not job.spec.drops_colour or job.cfg.drop_colour:
        return []
    images = samples.images(job.cfg.resolution)
    some = images[:: max(1, len(images) // LOOKED_AT)].astype(int)
    coloured = float((np.ptp(some, axis=-1).mean(axis=(1, 2)) > COLOURED).mean())
    if coloured <= 0.1:
        return []
    said = f"backbone={job.axes['backbone']}: takes the colours out, and {coloured:.0%} of the pictures looked at have some"
    if samples.coloured_things:
        raise DataError(f"{said}; want another backbone, or drop_colour=true")
    return [said]


def is_finished(folder: Path, fingerprint: str) -> bool:
    """Whether the run is done for the same data; its configuration is in its folder's name."""
    record = _record_of(folder)
    return record.get("status") == Status.DONE and _is_of(record, fingerprint)


def failed_before(folder: Path, fingerprint: str) -> str:
    """Why the run failed on the same data, one line; empty where it did not, or has not run."""
    record = _record_of(folder)
    same = record.get("status") == Status.FAILED and _is_of(record, fingerprint)
    return str(record["error"]) if same else ""


def prepare_resume(folder: Path, fingerprint: str, *, anew: bool = False) -> Path | None:
    """The checkpoint that a run on the same data goes on from which has not ended, else None; then old ones are removed.

    What has failed goes on as well: most failures (a full disk, no memory, a lost process) say nothing of the epochs before, and one that
    does comes again.

    Args:
        anew: whether a run that is pruned or has failed is to be trained from the start.

    """
    last, record = folder / "checkpoints" / "last.ckpt", _record_of(folder)
    begun = record.get("status") in GO_ON and _is_of(record, fingerprint)
    begun = begun and not (anew and record["status"] in (Status.PRUNED, Status.FAILED))
    begun = begun and "together" not in record  # a stack keeps its seeds in a file of its own
    if begun and is_whole(last):
        return last
    for checkpoint in last.parent.glob("*.ckpt"):
        checkpoint.unlink()
    return None


def is_whole(checkpoint: Path) -> bool:
    """Whether every byte of a checkpoint is as it was written: one cut off has no directory, one that was damaged another CRC."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ):  # whatever the damage looks like
        return False


def _record_of(folder: Path) -> Record:
    """The folder's record; empty where it has none that can be read."""
    try:
        return read_record(folder)
    except RecordError:
        return {}


def _is_of(record: Record, fingerprint: str) -> bool:
    return bool(record.get("data", {}).get("fingerprint") == fingerprint)


def _other_place(job: Job, fingerprint: str) -> str:
    """Where the data of a finished run in the folder lay, if it is other data from another place; else empty."""
    record = _record_of(job.folder)
    if record.get("status") != Status.DONE or _is_of(record, fingerprint):
        return ""
    before, now = record.get("config", {}).get("datamodule", {}).get("root"), job.cfg.datamodule.get("root")
    return str(before) if str(before) != str(now) else ""


def say_start(job: Job, samples: "Samples") -> None:
    """Says once per data set what is odd about it, and once per backbone and width, loudly, that `auto` found no
    weights.
    """
    known = os.environ.get(SAID_BEFORE) == samples.fingerprint
    for note in [*([] if known else [*samples.notes, *_unvalidated(samples)]), *lost_colours(job, samples)]:
        say_once(note)
    what = f"{job.spec.name} {job.cfg.width:g}"
    if job.cfg.backbone.weights == "auto" and job.start and job.start.origin == "random" and what not in _said:
        _said.add(what)
        print(
            f"WARNING: {what} starts from RANDOM weights: no ImageNet weights in {job.cfg.paths.weights}, the hub's cache "
            f"or on the hub (backbone.weights=imagenet insists, none silences this{_zoo(job)})",
            file=sys.stderr,
        )


def _zoo(job: Job) -> str:
    with suppress(WeightsError):
        zoo_network(job.spec.name, float(job.cfg.width))
        return ", zoo starts from one trained on rendered phones"
    return ""


def say_once(note: str) -> None:
    """A note on stderr, once in a process."""
    if note not in _said:
        _said.add(note)
        print(f"note: {note}", file=sys.stderr)


def _unvalidated(samples: "Samples") -> list[str]:
    """One line where the validation set lacks classes that are trained on."""
    if not (lacking := unvalidated_classes(samples)):
        return []
    return [
        f"the validation set lacks {', '.join(lacking)}: an epoch that misses every one of them may seem the best, so it may choose none; "
        "another datamodule.split_seed, or more sources, would give it some"
    ]


def opening(job: Job, samples: "Samples", before: Record) -> Record:
    """What a record holds from the start of its run; `before` is the record of an interrupted one that goes on, or empty."""
    data: dict[str, Any] = {
        "fingerprint": samples.fingerprint,
        "content": samples.content,
        "read": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "class_names": list(samples.class_names),
        "ordered": samples.ordered,
        "preprocessing": samples.preprocessing,
        "profile": samples.profile,
        "left_out": samples.left_out,
        "cells": samples.counts(),
        "images": samples.table.part.value_counts().to_dict(),
    }
    data["sources"] = samples.table.groupby("part").source_id.nunique().to_dict()
    where = {"versions": versions(), "device": {"processor": processor(), "host": platform.node()}}
    kept = {key: before[key] for key in ("execution", "halving") if key in before} | {"resumed": bool(before)}
    return job.identity | {"status": Status.RUNNING, "error": "", "data": data} | where | kept


def headline(job: Job, result: Record) -> str:
    """What a finished training is told by, or why there is nothing to tell."""
    if "whole_fit" in result:
        from sweeps.analysis.expected import expected_text

        about = result["whole_fit"]
        how = (
            f"the networks of {about['networks']} folds as one"
            if "networks" in about
            else f"trained on all data for {about['epochs']} epochs"
        )
        return f"{how}, to be expected: {expected_text(result['expected'], job.metrics)}"
    metrics, names = result.get("metrics", {}), job.metrics.headlines
    known = [one for part in ("val", "test") for one in (f"{part}/{name}" for name in names) if one in metrics]
    told = ", ".join(f"{one} {figure_text(one, metrics[one])}" for one in known)
    return f"{result['shipped']['checkpoint']} epoch, {told}" if told else str(result["error"])


def say_end(job: Job, result: Record) -> None:
    """Prints the headline with the run's folder, after a line of why the network may be of no use, where there is reason."""
    if words := doubt_of_record(result, job.metrics):
        print(f"note: {words}")
    print(f"{headline(job, result)}: {job.folder}")
