"""What a run's record says when it begins and when it ends."""

from typing import TYPE_CHECKING, Any

from jobs.job import Point
from sweeps.records.environment import processor, versions
from sweeps.records.run_record import Record, Status

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


HEADLINE = tuple(f"{part}/{name}" for name in ("accuracy", "dice", "mae") for part in ("val", "val/last", "test"))


def headline(result: Record) -> str:
    """What a finished training is told by, or why there is nothing to tell."""
    metrics = result.get("metrics", {})
    return ", ".join(
        f"{name} {metrics[name]:{'.3g' if name.endswith('mae') else '.3f'}}" for name in HEADLINE if name in metrics
    ) or str(result["error"])


def opening(point: Point, samples: "Samples", before: Record) -> Record:
    """What a record holds from the start of its run; `before` is the record of an interrupted one that goes on, or empty."""
    data: dict[str, Any] = {
        "fingerprint": samples.fingerprint,
        "class_names": list(samples.class_names),
        "ordered": samples.ordered,
        "preparation": samples.preparation,
        "left_out": samples.left_out,
        "cells": samples.counts(),
        "images": samples.table.part.value_counts().to_dict(),
    }
    data["sources"] = samples.table.groupby("part").source_id.nunique().to_dict()
    where = {"versions": versions(), "device": {"processor": processor()}}
    kept = {key: before[key] for key in ("speed",) if key in before} | {"resumed": bool(before)}
    return point.identity | {"status": Status.RUNNING, "error": "", "data": data} | where | kept
