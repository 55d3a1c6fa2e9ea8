"""Images and a csv with a number for each: how worn, how much, how old."""

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, override

import numpy as np
import numpy.typing as npt
from pydantic import Field

from choices.settings import Count, Finite, Text
from datamodules.base.data_set import DividedFolder
from datamodules.base.errors import DataError
from datamodules.base.splits import spread
from datamodules.csv_images import CsvImages, groups_of, sources_of
from datamodules.images.index import ImageEntry, scan_images, whole_ones
from datamodules.images.number_table import read_numbers

if TYPE_CHECKING:
    import pandas as pd
    import pytorch_lightning as pl


@dataclass(frozen=True)
class NumberedImages(CsvImages):
    """A folder of images with a number each, that has been looked through.

    Attributes:
        class_names: of the bands into which the numbers fall; parts and the imbalance go by them.
        values: by the image's name, its number.
        most_train: so many images of the training set, spread over the bands; 0: all.

    """

    most_train: int = 0
    ordered: bool = True

    targets: ClassVar[str] = "numbers"
    unlisted: ClassVar[str] = "has no number"

    @cached_property
    @override
    def fingerprint(self) -> str:
        told = [super().fingerprint, self.most_train]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    @cached_property
    @override
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; label is the number's band, column number the number."""
        table = super().table
        table["number"] = [self.values[name][0] for name in table["sample"]]
        return table

    @override
    def loaders(self, resolution: int, **settings: Any) -> "pl.LightningDataModule":
        from datamodules.base.loaders import CellArrays, CellDataModule

        table = self.table
        arrays = CellArrays(
            self.images(resolution), table.label.to_numpy(), table.part.to_numpy(str), len(self.class_names),
            values=table.number.to_numpy(np.float32)[:, None],
        )  # fmt: skip
        return CellDataModule(arrays, **settings)

    @override
    def _parts(self, labels: npt.NDArray[np.int64], sources: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
        parts = super()._parts(labels, sources)
        train = np.flatnonzero(parts == "train")
        if self.most_train and self.most_train < len(train):
            kept = spread(labels[train], sources[train], self.most_train, self.division.seed)
            parts[np.delete(train, kept)] = ""
        return parts


class ImageNumbers(DividedFolder):
    """Looks through a folder of images and the csv beside them.

    Args:
        root: the folder.
        table: the csv in it. Columns: image (its path in the folder), `column`, and if wanted source_id (what is never on both
            sides of a split), group (figures are also given per group), part (train, val or test).
        column: the csv's column with the numbers.
        low, high: the ends of the range in which all numbers lie, in their unit.
        bands: so many equal parts of the range; errors are also given per band.
        use_parts: whether the column part divides the data; else all is divided into folds.
        divided: see `DividedFolder`.
        most_train: see `NumberedImages`.

    """

    def __init__(
        self,
        root: Text,
        *,
        table: Text,
        column: Text,
        low: Finite,
        high: Finite,
        bands: Annotated[int, Field(ge=1, le=1000)],
        use_parts: bool,
        most_train: Count = 0,
        **divided: Any,
    ) -> None:
        super().__init__(root, **divided)
        self.table, self.column = table, column
        if not low < high:
            raise DataError(f"datamodule.low={low:g} and datamodule.high={high:g}: want low below high")
        self.low, self.high, self.bands, self.use_parts = low, high, bands, use_parts
        self.most_train = most_train

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
            values={row.image: row.values for row in rows},
            sources=sources_of(rows),
            groups=groups_of(rows),
            most_train=self.most_train,
        )  # fmt: skip


def _band_names(edges: list[float]) -> tuple[str, ...]:
    """What bands are called, with as few digits as tell their ends apart."""
    digits = next(digits for digits in range(3, 18) if len({f"{edge:.{digits}g}" for edge in edges}) == len(edges))
    return tuple(f"{low:.{digits}g} to {high:.{digits}g}" for low, high in pairwise(edges))
