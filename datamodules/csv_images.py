"""A folder of images and a csv that says something of each: what labels and numbers have in common."""

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, override

import numpy as np
import numpy.typing as npt

from datamodules.image_folder import FolderImages
from datamodules.images.decoding import SUFFIXES

if TYPE_CHECKING:
    import pandas as pd

    from datamodules.images.csv_table import Row


@dataclass(frozen=True)
class CsvImages(FolderImages):
    """A folder of images that has been looked through, with the values that a csv gives each.

    Attributes:
        values: by the image's name, its numbers in the csv.
        sources: by the image's name, where the csv has them; without, pictures that are almost the same are one source.
        groups: by the image's name, where the csv has them.

    """

    values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    one_class_each: ClassVar[bool] = False
    coloured_things: ClassVar[bool] = False
    unlisted: ClassVar[str] = "stands in no line of the table"
    """Why a picture that the csv lacks is left out; empty where that is no matter."""

    @cached_property
    @override
    def fingerprint(self) -> str:
        told = [super().fingerprint, dict(self.values), dict(self.sources), dict(self.groups)]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @cached_property
    @override
    def table(self) -> "pd.DataFrame":
        table = super().table
        table["group"] = table["sample"].map(dict(self.groups)).fillna("") if self.groups else ""
        return table

    @property
    @override
    def notes(self) -> list[str]:
        lines = self.left_out
        return [f"left out {len(lines)} files, all named in record.json; the first: {lines[0]}"] if lines else []

    @property
    @override
    def least_labels(self) -> int:
        return 1

    @property
    @override
    def likeness(self) -> str:
        return "of the same source_id as" if self.sources else super().likeness

    @property
    @override
    def _alike(self) -> Mapping[str, Hashable]:
        return self.sources or super()._alike

    @property
    @override
    def _passed_over(self) -> list[str]:
        files = (path for path in self.root.rglob("*") if path.suffix.lower() in SUFFIXES)
        names = {path.relative_to(self.root).as_posix() for path in files if not path.name.startswith(".")}
        return [f"{name}: {self.unlisted}" for name in sorted(names - self.values.keys())]

    @override
    def _sources(self) -> npt.NDArray[np.str_]:
        if not self.sources:
            return super()._sources()
        return np.array([self.sources[member.path] for member in self.samples])


def sources_of(rows: "list[Row]") -> dict[str, str]:
    """The csv's source_id by image; empty where it has none."""
    return {row.image: row.source_id for row in rows} if rows[0].source_id else {}


def groups_of(rows: "list[Row]") -> dict[str, str]:
    """The csv's group by image, of those that have one."""
    return {row.image: row.group for row in rows if row.group}
