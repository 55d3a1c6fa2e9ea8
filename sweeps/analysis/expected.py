"""What a network that is trained on all data may be expected to give: its folds' answers to what they had not seen."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrics.against_baseline import beside_baseline
from metrics.base import TaskMetrics
from metrics.intervals import bootstrap_interval
from metrics.lookup import metrics_of
from metrics.selection_bias import optimism
from sweeps.records.answers import answers_of
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record


@dataclass(frozen=True)
class Folds:
    """The runs of one method, one for each fold."""

    folders: tuple[Path, ...]
    records: tuple[Record, ...]

    @property
    def metrics(self) -> TaskMetrics:
        """How their answers are judged."""
        return metrics_of(str(self.records[0]["axes"]["task"]))

    def answers(self, kind: str | None = None) -> pd.DataFrame:
        """Of each sample the answer of the fold that had not seen it: by torch, or by its file of a kind; column `record`: which.

        Of the test sets, or where there are none of the validation sets. Raises RecordError where a fold has no such file.
        """
        found = []
        for at, (folder, record) in enumerate(zip(self.folders, self.records, strict=True)):
            checkpoint = shipped_checkpoint(record)
            if kind is None:
                answers = answers_of(folder / "predictions.parquet")
                answers = answers[answers.checkpoint == checkpoint]
            else:
                entry = record.get("exports", {}).get(kind, {})
                if entry.get("checkpoint") != checkpoint:
                    raise RecordError(f"{folder}: no {kind} file of its {checkpoint} epoch")
                answers = answers_of(folder / "export" / "predictions.parquet")
                answers = answers[answers.file == kind]
            part = "test" if (answers.part == "test").any() else "val"
            found.append(answers[answers.part == part].assign(record=at))
        everything = pd.concat(found)
        return everything.drop_duplicates("sample").sort_values("sample", kind="stable", ignore_index=True)


def rivals(chosen: Folds) -> list[Folds]:
    """All methods that were tried beside the chosen one: in the same folders of sweeps, on the same folds of the same data; it first."""
    places = dict.fromkeys(folder.parent for folder in chosen.folders)
    data = {record["axes"]["fold"]: record["data"]["fingerprint"] for record in chosen.records}
    points: dict[str, dict[int, tuple[Path, Record]]] = {}
    for folder in (one for place in places for one in find_runs(place)):
        try:
            record = read_record(folder)
        except RecordError:
            continue
        fold = record.get("axes", {}).get("fold")
        same = record.get("data", {}).get("fingerprint") == data.get(fold, "")
        if record.get("status") == Status.DONE and same and record.get("config", {}).get("fit", "fold") == "fold":
            points.setdefault(_method(record), {})[fold] = (folder, record)
    own = _method(chosen.records[0])
    complete = [found for name, found in points.items() if name != own and found.keys() == data.keys()]
    return [chosen, *(_in_order(found.items()) for found in complete)]


def _method(record: Record) -> str:
    """All that makes a run, its fold aside."""
    axes = {name: value for name, value in record["axes"].items() if name != "fold"}
    return json.dumps([axes, record.get("initial_weights", {}).get("origin")], sort_keys=True, default=str)


def _in_order(found: Iterable[tuple[int, tuple[Path, Record]]]) -> Folds:
    ordered = [one for _, one in sorted(found)]
    return Folds(tuple(folder for folder, _ in ordered), tuple(record for _, record in ordered))


def expected(methods: Sequence[Folds], kind: str | None = None) -> dict[str, Any]:
    """What the first method gives on sources that no network has seen.

    Args:
        methods: as `rivals` gives them.
        kind: of a file; None: torch.

    Returns:
        For a record: `figures`, name → value and 95 % interval, low and high, over sources; of a method that was chosen among
        several they are corrected for it (`metrics.selection_bias.optimism`). methods, folds, sources, cells, file, and what
        `table_columns` says of its baseline.

    """
    chosen = methods[0]
    metrics = chosen.metrics
    answers = chosen.answers(kind)
    truth, given = metrics.truth_and_answers(answers)
    source_ids = answers.source_id.to_numpy(str)
    names = [name for name in metrics.file_columns if name in metrics.figures]
    figures = {name: metrics.figures[name] for name in names}
    intervals = bootstrap_interval(truth, given, source_ids, figures)
    off = _optimism(methods, list(answers["sample"]), figures)
    beside = beside_baseline(answers, chosen.records, metrics)
    return {
        "file": kind or "torch",
        "figures": {
            name: [float(one - off[name]) for one in (figure(truth, given), *intervals[name])]
            for name, figure in figures.items()
        },
        "optimism": off,
        "methods": len(methods),
        "folds": len(chosen.folders),
        "sources": len(np.unique(source_ids)),
        "cells": len(answers),
        **beside,
    }


def expected_of_file(methods: Sequence[Folds], kind: str) -> dict[str, Any]:
    """`expected` of a kind of file, by the files of the folds; where one of them has none, by torch, which `file` then says."""
    try:
        return expected(methods, kind)
    except RecordError:
        return expected(methods)


def _optimism(methods: Sequence[Folds], samples: list[str], figures: dict[str, Any]) -> dict[str, float]:
    """By torch's answers, by which methods are chosen; of those methods that answered the same samples."""
    metrics = methods[0].metrics
    frames = [one.answers() for one in methods]
    frames = [frame for frame in frames if list(frame["sample"]) == samples]
    pairs = [metrics.truth_and_answers(frame) for frame in frames]
    main, better = metrics.figures[metrics.main], metrics.signed
    source_ids = frames[0].source_id.to_numpy(str)
    return optimism(
        pairs[0][0], [given for _, given in pairs], 0, source_ids, lambda *arrays: float(better(main(*arrays))), figures
    )


def expected_text(found: dict[str, Any], metrics: TaskMetrics) -> str:
    """In words, with how it was measured."""
    from metrics.figures import figure_text

    figures = ", ".join(
        f"{metrics.title(name)} {figure_text(name, value)} [{figure_text(name, low)}, {figure_text(name, high)}]"
        for name, (value, low, high) in found["figures"].items()
    )
    how = f", corrected for a choice among {found['methods']} methods" if found["methods"] > 1 else ""
    how += f", each of its {found['networks']} networks alone" if "networks" in found else ""
    return f"{figures} ({found['folds']} folds, {found['sources']} sources{how})"
