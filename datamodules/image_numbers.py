"""Images and a csv with a number for each: how worn, how much, how old."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from datamodules.base.data_set import DataSet
from datamodules.base.errors import DataError
from datamodules.base.samples import Division
from datamodules.base.splits import spread
from datamodules.image_folder import FolderImages
from datamodules.images.decoding import SUFFIXES
from datamodules.images.index import ImageEntry, scan_images, whole_ones
from datamodules.images.number_table import read_numbers

if TYPE_CHECKING:
    import pandas as pd
    import pytorch_lightning as pl


@dataclass(frozen=True)
class NumberedImages(FolderImages):
    """A folder of images with a number each, that has been looked through.

    Attributes:
        class_names: of the bands into which the numbers fall; parts and the imbalance go by them.
        numbers: by the image's name.
        sources: by the image's name, where the csv has them; else pictures that are almost the same are one source.
        groups: by the image's name, where the csv has them.
        most_train: so many images of the training set, spread over the bands; 0: all.

    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    most_train: int = 0
    ordered: bool = True

    targets: ClassVar[str] = "numbers"
    one_class_each: ClassVar[bool] = False

    @cached_property
    def fingerprint(self) -> str:
        """Over the bytes of the files, the numbers, and how they are divided."""
        told = [super().fingerprint, dict(self.numbers), dict(self.sources), dict(self.groups), self.most_train]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; label is the number's band, column number the number."""
        table = super().table
        names = table["sample"]
        table["number"] = names.map(dict(self.numbers)).astype(np.float64)
        table["group"] = names.map(dict(self.groups)).fillna("") if self.groups else ""
        return table

    def loaders(self, resolution: int, **settings: Any) -> "pl.LightningDataModule":
        """As in `Samples`, asking for the numbers."""
        from datamodules.base.loaders import CellArrays, CellDataModule

        table = self.table
        arrays = CellArrays(
            self.images(resolution), table.label.to_numpy(), table.part.to_numpy(str), len(self.class_names),
            values=table.number.to_numpy(np.float32)[:, None],
        )  # fmt: skip
        return CellDataModule(arrays, **settings)

    @property
    def notes(self) -> list[str]:
        """How many files were left out, and the first of them; empty where none was."""
        lines = self.left_out
        return [f"left out {len(lines)} files, all named in record.json; the first: {lines[0]}"] if lines else []

    @property
    def _passed_over(self) -> list[str]:
        files = (path for path in self.root.rglob("*") if path.suffix.lower() in SUFFIXES)
        names = {path.relative_to(self.root).as_posix() for path in files if not path.name.startswith(".")}
        return [f"{name}: has no number" for name in sorted(names - self.numbers.keys())]

    @property
    def least_labels(self) -> int:
        """One: numbers of one band differ too."""
        return 1

    @property
    def likeness(self) -> str:
        """As in the base class."""
        return "of the same source_id as" if self.sources else super().likeness

    @property
    def _alike(self) -> Mapping[str, Hashable]:
        return self.sources or super()._alike

    def _parts(self, labels: npt.NDArray[np.int64], sources: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
        parts = super()._parts(labels, sources)
        train = np.flatnonzero(parts == "train")
        if self.most_train and self.most_train < len(train):
            kept = spread(labels[train], sources[train], self.most_train, self.division.seed)
            parts[np.delete(train, kept)] = ""
        return parts

    def _sources(self) -> npt.NDArray[np.str_]:
        if not self.sources:
            return super()._sources()
        return np.array([self.sources[member.path] for member in self.samples])


class ImageNumbers(DataSet):
    """Looks through a folder of images and the csv beside them.

    Args:
        root: the folder.
        table: the csv in it. Columns: image (its path in the folder), `column`, and if wanted source_id (what is never on both
            sides of a split), group (figures are also given per group), part (train, val or test).
        column: the csv's column with the numbers.
        low, high: the ends of the range in which all numbers lie, in their unit.
        bands: so many equal parts of the range; errors are also given per band.
        cache: where resized images are kept.
        use_parts: whether the column part divides the data; else all is divided into folds.
        folds, val_folds, split_seed, fold: see `splits.assign_parts`.
        calibration_cells: size of the calibration part.
        most_train: see `NumberedImages`.

    """

    def __init__(
        self,
        root: str,
        *,
        table: str,
        column: str,
        low: float,
        high: float,
        bands: int,
        cache: str,
        use_parts: bool,
        folds: int,
        val_folds: int,
        split_seed: int,
        fold: int,
        calibration_cells: int,
        most_train: int = 0,
    ) -> None:
        self.root, self.table, self.column, self.cache = Path(root), table, column, Path(cache)
        if not low < high:
            raise DataError(f"datamodule.low={low:g} and datamodule.high={high:g}: want low below high")
        if bands < 1:
            raise DataError(f"datamodule.bands={bands}: want at least 1")
        if most_train < 0:
            raise DataError(f"datamodule.most_train={most_train}: want 0, for all, or more")
        self.low, self.high, self.bands, self.use_parts = low, high, bands, use_parts
        self.most_train = most_train
        self.division = Division(fold, folds, val_folds, split_seed, calibration_cells)

    def load(self) -> NumberedImages:
        """Reads the csv, and every file once; later starts find what was seen. Raises DataError."""
        rows = read_numbers(self.root, self.table, self.column, self.low, self.high)
        edges = np.linspace(self.low, self.high, self.bands + 1).tolist()
        names = _band_names(edges)
        given = self.use_parts and bool(rows[0].part)
        members = [
            ImageEntry(
                row.image,
                row.part if given else "",
                names[min(bisect_right(edges[1:-1], row.values[0]), len(names) - 1)],
            )
            for row in rows
        ]
        index = scan_images(self.root, members, self.cache)
        kept = set(whole_ones(self.root, [row.image for row in rows], index))
        spread = {row.values[0] for row in rows if row.image in kept}
        if len(spread) == 1:
            raise DataError(
                f"{self.root / self.table}: every {self.column} is {spread.pop():g}: there is nothing to learn"
            )
        return NumberedImages(
            self.root, names, members, index, self.division, given, self.cache,
            numbers={row.image: row.values[0] for row in rows},
            sources={row.image: row.source_id for row in rows} if rows[0].source_id else {},
            groups={row.image: row.group for row in rows if row.group},
            most_train=self.most_train,
        )  # fmt: skip


def _band_names(edges: list[float]) -> tuple[str, ...]:
    """What bands are called, with as few digits as tell their ends apart."""
    digits = next(digits for digits in range(3, 18) if len({f"{edge:.{digits}g}" for edge in edges}) == len(edges))
    return tuple(f"{low:.{digits}g} to {high:.{digits}g}" for low, high in pairwise(edges))
