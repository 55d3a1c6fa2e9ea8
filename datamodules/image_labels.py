"""Images with any number of labels each: what is in a picture, what is wrong with a part."""

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt

from datamodules.base.data_set import DataSet
from datamodules.base.errors import DataError
from datamodules.base.samples import Division
from datamodules.base.splits import PARTS
from datamodules.image_folder import FolderImages
from datamodules.images.csv_table import OWN_COLUMNS, read_table
from datamodules.images.decoding import SUFFIXES
from datamodules.images.index import ImageEntry, find_members, scan_images, whole_ones

if TYPE_CHECKING:
    import pandas as pd
    import pytorch_lightning as pl

NOTHING = "none"
"""Folder of pictures without a label."""


@dataclass(frozen=True)
class LabelledImages(FolderImages):
    """A folder of images with a set of labels each, that has been looked through.

    Attributes:
        class_names: the labels.
        label_sets: by the image's name, 0 or 1 for each label.
        sources, groups: by the image's name, where the csv has them; without sources, pictures that are almost the same are one.
        tabled: whether a csv says the labels, and not folders.

    """

    label_sets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    tabled: bool = True

    targets: ClassVar[str] = "label_sets"
    one_class_each: ClassVar[bool] = False

    @cached_property
    @override
    def fingerprint(self) -> str:
        told = [super().fingerprint, dict(self.label_sets), dict(self.sources), dict(self.groups)]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @cached_property
    @override
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; label is the rarest of the picture's labels, by which it is divided and balanced, and their number where it
        has none; column labels has 0 or 1 for each.
        """
        table = super().table
        table["labels"] = [list(self.label_sets[name]) for name in table["sample"]]
        table["group"] = table["sample"].map(dict(self.groups)).fillna("") if self.groups else ""
        return table

    @override
    def counts(self) -> dict[str, list[int]]:
        """Pictures with each label in each part, calibration included, and those without any."""
        table = self.table
        parts = {part: table.part == part for part in PARTS} | {"calibration": table.calibration}
        found = {}
        for name, chosen in parts.items():
            sets = np.array(table.labels[chosen].tolist(), np.int64).reshape(-1, len(self.class_names))
            found[name] = [*sets.sum(axis=0).tolist(), int((sets.sum(axis=1) == 0).sum())]
        return found

    @override
    def loaders(self, resolution: int, **settings: Any) -> "pl.LightningDataModule":
        from datamodules.base.loaders import CellArrays, CellDataModule

        table = self.table
        arrays = CellArrays(
            self.images(resolution), table.label.to_numpy(), table.part.to_numpy(str), len(self.class_names) + 1,
            values=np.array(table.labels.tolist(), np.float32),
        )  # fmt: skip
        return CellDataModule(arrays, **settings)

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
        return [
            f"{name}: stands in no line of the table" for name in sorted(names - self.label_sets.keys()) if self.tabled
        ]

    @override
    def _labels(self) -> npt.NDArray[np.int64]:
        sets = np.array([self.label_sets[member.path] for member in self.samples], np.int64)
        often = np.where(sets > 0, sets.sum(axis=0), len(sets) + 1)
        return np.where(sets.any(axis=1), often.argmin(axis=1), len(self.class_names))

    @override
    def _sources(self) -> npt.NDArray[np.str_]:
        if not self.sources:
            return super()._sources()
        return np.array([self.sources[member.path] for member in self.samples])


class ImageLabels(DataSet):
    """Looks through a folder of images and the csv beside them, or through its folders.

    Args:
        root: the folder.
        table: the csv in it. Columns: image (its path in the folder), one of 0 and 1 for each label, and if wanted source_id (what
            is never on both sides of a split), group (figures are also given per group), part (train, val or test).
        cache: where resized images are kept.
        use_parts: whether the column part divides the data; else all is divided into folds.
        folds, val_folds, split_seed, fold: see `splits.assign_parts`.
        calibration_cells: size of the calibration part.

    """

    def __init__(
        self,
        root: str,
        *,
        table: str,
        cache: str,
        use_parts: bool,
        folds: int,
        val_folds: int,
        split_seed: int,
        fold: int,
        calibration_cells: int,
    ) -> None:
        self.root, self.table, self.cache, self.use_parts = Path(root), table, Path(cache), use_parts
        self.division = Division(fold, folds, val_folds, split_seed, calibration_cells)

    @override
    def load(self) -> LabelledImages:
        if self.root.is_dir() and not (self.root / self.table).exists() and any(self.root.glob("*/")):
            return self._from_folders()
        return self._from_table()

    def _from_table(self) -> LabelledImages:
        names, rows = read_table(
            self.root, self.table, "image and a column of 0 and 1 for each label", _columns, _value
        )
        sets = {row.image: tuple(int(value) for value in row.values) for row in rows}
        given = self.use_parts and bool(rows[0].part)
        members = [ImageEntry(row.image, row.part if given else "", "") for row in rows]
        sources = {row.image: row.source_id for row in rows} if rows[0].source_id else {}
        groups = {row.image: row.group for row in rows if row.group}
        return self._checked(tuple(names), members, sets, given=given, sources=sources, groups=groups, tabled=True)

    def _from_folders(self) -> LabelledImages:
        found, has_parts = find_members(self.root)
        names = tuple(sorted({member.name for member in found} - {NOTHING}))
        first: dict[tuple[str, str], ImageEntry] = {}
        labels: dict[str, set[str]] = {}
        for member in found:
            kept = first.setdefault((member.part, Path(member.path).name), member)
            labels.setdefault(kept.path, set()).add(member.name)
        members = [ImageEntry(member.path, member.part, "") for member in first.values()]
        sets = {path: tuple(int(name in given) for name in names) for path, given in labels.items()}
        return self._checked(
            names, members, sets, given=has_parts and self.use_parts, sources={}, groups={}, tabled=False
        )

    def _checked(
        self, names: tuple[str, ...], members: list[ImageEntry], sets: dict[str, tuple[int, ...]], *, given: bool,
        sources: dict[str, str], groups: dict[str, str], tabled: bool,
    ) -> LabelledImages:  # fmt: skip
        index = scan_images(self.root, members, self.cache)
        kept = np.array([sets[name] for name in whole_ones(self.root, [one.path for one in members], index)])
        for at, name in enumerate(names):
            if kept[:, at].min() == kept[:, at].max():
                says = "has" if kept[0, at] else "lacks"
                raise DataError(f"{self.root}: every picture {says} the label {name}: there is nothing to learn")
        return LabelledImages(
            self.root, names, members, index, self.division, given, self.cache, label_sets=sets, sources=sources,
            groups=groups, tabled=tabled,
        )  # fmt: skip


def _columns(header: Sequence[str]) -> list[str]:
    names = [name for name in header if name not in OWN_COLUMNS]
    if "image" not in header or not names:
        raise ValueError(f"has the columns {', '.join(header) or 'none'}; want image and one of 0 and 1 for each label")
    return names


def _value(text: str) -> float:
    if text not in ("0", "1", "0.0", "1.0"):
        raise ValueError(f"{text!r}; want 0 or 1")
    return float(text)
