"""The exported files that the app may hand out, and what it may learn about them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from datamodules.screens.device_rules import Rule
from datamodules.screens.screen_size import Size, screen_of
from export.latency.result import Entry, merged
from export.latency.selection import remember
from metrics.against_baseline import doubt_of_record, table_columns
from sweeps.analysis.expected import expected_text
from sweeps.analysis.recommendation import advised_kind
from sweeps.records.latency import typical_ms
from sweeps.records.run_record import Record, RecordError, exported_bytes, read_record, update_record
from tasks.base import metrics_of_record, task_of_record
from web.proposals import light_on_dark

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def _images(record: Record) -> int:
    """Of the validation set; counts per class would count an image with two kinds of defects twice."""
    return int(record["data"].get("images", {}).get("val", sum(record["data"]["cells"]["val"])))


@dataclass(frozen=True)
class ServedFile:
    """One exported file of one run.

    Args:
        folder: the run's.
        kind: float32, int8, …
        samples_of: how a record's data is loaded.
        rules: for a device's grade by those of its cells, see conf/profile; none where they do not know the file's labels.
        screen_mm: width and height of the device's front; None: as the run's data has it.
        cache: the folder of the table that `budget.device` is answered from; None: timings go into the record alone.

    """

    folder: Path
    kind: str
    samples_of: "Callable[[Record], Samples]"
    rules: tuple[Rule, ...] = ()
    cache: str | None = None
    screen_mm: Size | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """What the record says of the file now."""
        entry: dict[str, Any] = read_record(self.folder)["exports"][self.kind]
        return entry

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return exported_bytes(self.folder, self.kind)

    @property
    def view(self) -> Path:
        """The module by which the pages read and show its answers."""
        return task_of_record(read_record(self.folder)).view

    def about(self) -> dict[str, Any]:
        """What the pages show: name, kind, size, labels, preprocessing, accuracy, and the timings so far."""
        record, entry = read_record(self.folder), self.entry
        metrics = metrics_of_record(record)
        axes = record["axes"]
        timings = [
            {name: one.get(name) for name in ("device", "delegate", "threads")} | {"ms": typical_ms(one)}
            for one in entry.get("latency", [])
        ]
        if "path" not in entry:
            raise RecordError(f"{self.folder}: {self.kind} could not be made: {entry.get('error', '')}")
        return {
            "name": f"{axes['backbone']} ×{axes['width']:g} {axes['resolution']} px",
            "data": Path(str(record["config"].get("datamodule", {}).get("root") or axes.get("datamodule", ""))).name,
            "run": self.folder.name,
            "kind": self.kind,
            "size_bytes": entry["size_bytes"],
            "sha256": entry["sha256"],
            "resolution": record["config"]["resolution"],
            "labels": record["data"]["class_names"],
            "preprocessing": record["data"]["preprocessing"],
            "initial_weights": record["initial_weights"]["origin"],
            "scored_on_phones": task_of_record(record).scored_on_phones,
            "size": self._size(record),
            "threshold": record["config"].get("encoding", {}).get("threshold"),
            "range": [record["config"].get("encoding", {}).get(end) for end in ("low", "high")],
            "figure": metrics.title(metrics.main),
            "share": metrics.main not in metrics.own_unit | metrics.unbounded,
            "accuracy": entry.get(f"val/{metrics.main}"),
            "baseline": (entry.get("expected") or table_columns(entry.get("against_baseline"), metrics))["baseline"],
            "expected": expected_text(entry["expected"], metrics) if "expected" in entry else "",
            "advised": self.kind == advised_kind(record),
            "warning": " ".join(
                f"{one[0].upper()}{one[1:]}." for one in (entry.get("marked"), doubt_of_record(entry, metrics)) if one
            ),
            "rules": [rule.settings for rule in self.rules],
            "screen_mm": self.screen_mm or screen_of(record["data"].get("profile")),
            "cells": _images(record),
            "described": entry.get("described", {}),
            "ask": entry.get("ask"),
            "left_by_gpu": entry.get("left_to_cpu", {}).get("webgpu", {}),
            "invert": light_on_dark(str(axes.get("datamodule", "")), record["data"]["class_names"]),
            "unrecorded": "",
            "timings": timings,
            "scores": entry.get("scores", []),
        }

    @staticmethod
    def _size(record: Record) -> list[int]:
        """Height and width of what the file takes."""
        resolution = int(record["config"]["resolution"])
        wide, high = record["data"]["preprocessing"].get("picture", (1, 1))
        return [round(side * resolution / min(wide, high)) for side in (high, wide)]

    @cached_property
    def _val(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.intp], npt.NDArray[np.int64], list[str]]:
        """All images of the data, mapped, and of the validation set places, labels and names."""
        record = read_record(self.folder)
        samples = self.samples_of(record)
        chosen = np.flatnonzero((samples.table.part == "val").to_numpy())
        table = samples.table.iloc[chosen]
        images = samples.images(int(record["config"]["resolution"]))
        return images, chosen, table.label.to_numpy(), table["sample"].tolist()

    def cells(self, first: int, count: int) -> bytes:
        """Some of the val cells, raw RGB, `(count, S, S, 3)`."""
        images, chosen, _, _ = self._val
        return np.asarray(images[chosen[first : first + count]]).tobytes()

    def keep_timing(self, entry: Entry) -> None:
        """Enters a timing in the run's record and in the table of timings, in place of an older one of the same setting."""
        if self.cache is not None:
            remember(self.data, self.kind, [entry], self.cache)
        self._change(lambda file: file | {"latency": merged(file.get("latency", []), [entry])})

    def score(self, where: Entry, grades: Iterable[int]) -> dict[str, Any]:
        """Enters what a device's own runtime answered for all val cells.

        Returns:
            where; val/accuracy; agreement with the host's answers for the same file; cells.

        """
        import pandas as pd

        record = read_record(self.folder)
        given = np.asarray(list(grades), np.int64)
        _, _, labels, names = self._val
        if given.shape != labels.shape:
            raise ValueError(f"{len(given)} grades for {len(labels)} val cells")
        known = pd.read_parquet(self.folder / "export" / "predictions.parquet")
        host = known[(known.file == self.kind) & (known.part == "val")].set_index("sample").loc[names]
        figures = task_of_record(record).score_phone(labels, given, host, record["data"]["class_names"])
        found = where | figures | {"cells": len(given)}
        self._change(lambda file: file | {"scores": merged(file.get("scores", []), [found])})
        return found

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def changed(record: Record) -> Record:
            exports = record["exports"]
            return record | {"exports": exports | {self.kind: change(exports[self.kind])}}

        update_record(self.folder, changed)
