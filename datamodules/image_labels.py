"""Images with any number of labels each: what is in a picture, what is wrong with a part."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np
import numpy.typing as npt

from choices.settings import Text
from datamodules.base.data_set import DividedFolder
from datamodules.base.errors import DataError
from datamodules.base.splits import PARTS
from datamodules.csv_images import CsvImages, groups_of, sources_of
from datamodules.images.csv_table import OWN_COLUMNS, read_table
from datamodules.images.index import ImageEntry, find_members, scan_images, whole_ones

if TYPE_CHECKING:
    import pandas as pd
    import pytorch_lightning as pl

NOTHING = "none"
"""Folder of pictures without a label."""


@dataclass(frozen=True)
class LabelledImages(CsvImages):
    """A folder of images with a set of labels each, that has been looked through.

    Attributes:
        class_names: the labels.
        values: by the image's name, 0 or 1 for each label.
        tabled: whether a csv says the labels, and not folders.

    """

    tabled: bool = True

    targets: ClassVar[str] = "label_sets"

    @cached_property
    @override
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; label is the rarest of the picture's labels, by which it is divided and balanced, and their number where it
        has none; column labels has 0 or 1 for each.
        """
        table = super().table
        table["labels"] = [list(self.values[name]) for name in table["sample"]]
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
    def _passed_over(self) -> list[str]:
        return super()._passed_over if self.tabled else []

    @override
    def _labels(self) -> npt.NDArray[np.int64]:
        sets = np.array([self.values[member.path] for member in self.samples], np.int64)
        often = np.where(sets > 0, sets.sum(axis=0), len(sets) + 1)
        return np.where(sets.any(axis=1), often.argmin(axis=1), len(self.class_names))


class ImageLabels(DividedFolder):
    """Looks through a folder of images and the csv beside them, or through its folders.

    Args:
        root: the folder.
        table: the csv in it. Columns: image (its path in the folder), one of 0 and 1 for each label, and if wanted source_id (what
            is never on both sides of a split), group (figures are also given per group), part (train, val or test).
        use_parts: whether the column part divides the data; else all is divided into folds.
        divided: see `DividedFolder`.

    """

    def __init__(
        self,
        root: Text,
        *,
        table: Text,
        use_parts: bool,
        **divided: Any,
    ) -> None:
        super().__init__(root, **divided)
        self.table, self.use_parts = table, use_parts

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
        return self._checked(
            tuple(names), members, sets, given=given, sources=sources_of(rows), groups=groups_of(rows), tabled=True
        )

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
            self.root, names, members, index, self.division, given, self.cache, values=sets, sources=sources,
            groups=groups, tabled=tabled,
        )  # fmt: skip


def _columns(header: Sequence[str]) -> list[str]:
    names = [name for name in header if name not in OWN_COLUMNS]
    if "image" not in header or not names:
        raise ValueError(f"has the columns {', '.join(header) or 'none'}; want image and one of 0 and 1 for each label")
    return names


def _value(text: str) -> float:
    if text not in ("0", "1", "0.0", "1.0"):
        raise ValueError(f"{text!r:.60}; want 0 or 1")
    return float(text)
