"""A .tflite file without a run: all that is known of it stands in its own metadata, nothing of it is scored or kept."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datamodules.screens.device_rules import Rule
from datamodules.screens.screen_size import Size, screen_of
from export.delegates import left_by_webgpu
from export.latency.result import Entry
from export.runtime import read_file
from sweeps.records.run_record import RecordError
from tasks.base import doubt_of, task_named
from web.proposals import light_on_dark

NO_RECORD = "it belongs to no run: there is no record that would keep it"
"""Why neither times nor scores of such a file are written anywhere."""


class WithoutRecord:
    """What is not had of a file that belongs to no run."""

    path: Path

    def cells(self, first: int, count: int) -> bytes:
        """Raises ValueError: there is no data set."""
        raise ValueError(f"{self.path.name}: {NO_RECORD}")

    def keep_timing(self, entry: Entry) -> None:
        """Raises RecordError: there is no record."""
        raise RecordError(f"{self.path.name}: {NO_RECORD}")

    def score(self, where: Entry, grades: Iterable[int]) -> dict[str, Any]:
        """Raises ValueError: there is no data set."""
        raise ValueError(f"{self.path.name}: {NO_RECORD}")


class LooseFile(WithoutRecord):
    """A file of gridlite's, from wherever; `rules` give a device's grade by those of its cells, none until they are set; `screen_mm`, its size, is the file's own until then.

    Args:
        path: of the file, which is read once.

    Raises FileError for what is no such file.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data, self.metadata = read_file(path)
        self.rules: tuple[Rule, ...] = ()
        self.screen_mm: Size | None = None
        self._about = self._read()

    @property
    def view(self) -> Path:
        """Its task's."""
        return task_named(str(self.metadata["task"])).view

    def about(self) -> dict[str, Any]:
        """What the pages show; every figure is unknown."""
        size = self.screen_mm or screen_of(self.metadata.get("profile"))
        return self._about | {"rules": [rule.settings for rule in self.rules], "screen_mm": size}

    def _read(self) -> dict[str, Any]:
        doubt = doubt_of(self.path)
        named = {
            "name": _network(self.metadata) or self.path.stem, "data": self.path.stem, "run": self.path.name,
            "kind": str(self.metadata.get("quantization") or ""), "warning": f"{doubt[0].upper()}{doubt[1:]}." if doubt else "",
        }  # fmt: skip
        return about_file(self.data, self.metadata) | named | without_record(NO_RECORD)


def without_record(why: str) -> dict[str, Any]:
    """What `about` says where there is no record; `why` is what the pages say of it, empty where nothing is missed."""
    return {
        "figure": "", "share": True, "accuracy": None, "baseline": "", "expected": "", "advised": False, "cells": 0,
        "timings": [], "scores": [], "scored_on_phones": False, "unrecorded": why,
    }  # fmt: skip


def about_file(data: bytes, known: Mapping[str, Any]) -> dict[str, Any]:
    """What `about` says of gridlite's file by its bytes and its metadata."""
    return {
        "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "labels": known["labels"],
        "resolution": known["resolution"], "size": known.get("size") or [known["resolution"]] * 2,
        "preprocessing": {"crop": "none", "grid": None} | {key: known[key] for key in ("crop", "grid", "picture") if key in known},
        "initial_weights": known.get("initial_weights", ""), "described": known, "ask": known.get("ask"), "warning": "", "rules": [],
        "threshold": known.get("threshold"), "range": [None, None], "left_by_gpu": left_by_webgpu(data),
        "invert": light_on_dark(str(known.get("axes", {}).get("datamodule", "")), known["labels"]),
    }  # fmt: skip


def _network(known: Mapping[str, Any]) -> str:
    axes = known.get("axes", {})
    if not {"backbone", "width"} <= axes.keys():
        return ""
    return f"{axes['backbone']} ×{float(axes['width']):g} {known['resolution']} px"
