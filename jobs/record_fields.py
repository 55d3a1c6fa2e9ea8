"""What a run's record says when it begins and when it ends."""

from typing import TYPE_CHECKING, Any

from jobs.job import Job
from metrics.figures import figure_text
from metrics.lookup import metrics_of
from sweeps.records.environment import processor, versions
from sweeps.records.run_record import Record, Status

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def headline(job: Job, result: Record) -> str:
    """What a finished training is told by, or why there is nothing to tell."""
    metrics, name = result.get("metrics", {}), metrics_of(job.axes["task"]).headline
    known = [f"{part}/{name}" for part in ("val", "val/last", "test") if f"{part}/{name}" in metrics]
    return ", ".join(f"{one} {figure_text(one, metrics[one])}" for one in known) or str(result["error"])


def opening(job: Job, samples: "Samples", before: Record) -> Record:
    """What a record holds from the start of its run; `before` is the record of an interrupted one that goes on, or empty."""
    data: dict[str, Any] = {
        "fingerprint": samples.fingerprint,
        "class_names": list(samples.class_names),
        "ordered": samples.ordered,
        "preprocessing": samples.preprocessing,
        "left_out": samples.left_out,
        "cells": samples.counts(),
        "images": samples.table.part.value_counts().to_dict(),
    }
    data["sources"] = samples.table.groupby("part").source_id.nunique().to_dict()
    where = {"versions": versions(), "device": {"processor": processor()}}
    kept = {key: before[key] for key in ("execution",) if key in before} | {"resumed": bool(before)}
    return job.identity | {"status": Status.RUNNING, "error": "", "data": data} | where | kept
