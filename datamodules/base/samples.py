"""What training, export and prediction know of a data set: checked images with labels, divided into parts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from datamodules.base.splits import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pytorch_lightning as pl

SPLIT_VERSION = 1
"""Raised when the same settings divide the same data differently."""


@dataclass(frozen=True)
class Division:
    """The settings that divide a data set; see `splits`."""

    fold: int
    folds: int
    val_folds: int
    seed: int
    calibration_cells: int


@dataclass(frozen=True)
class WholePhoto:
    """A photograph that is cut into samples."""

    pixels: npt.NDArray[np.uint8]
    """`(H, W, 3)`."""
    corners: npt.NDArray[np.float64]
    """Of what is cut, `(4, 2)` pixels: top left, top right, bottom right, bottom left of the upright phone."""


class Samples(ABC):
    """A checked data set; its division and its pixels are worked out when they are first asked for."""

    class_names: tuple[str, ...]

    @property
    def ordered(self) -> bool:
        """Whether the classes are grades, from best to worst, so that a neighbour is a smaller mistake."""
        return True

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits over pixels, labels, sources and the division's settings."""

    @property
    def content(self) -> str:
        """As `fingerprint`, but the same whichever fold is held out."""
        return self.fingerprint

    @property
    @abstractmethod
    def preprocessing(self) -> dict[str, Any]:
        """How a camera's picture becomes the network's input, apart from its size: `crop` (none or centre: the
        largest centred square), `grid` (columns, rows, cell_px; None where a picture is one sample).
        """

    @property
    def profile(self) -> dict[str, Any] | None:
        """Of what is cut into cells: `device`, its kind, and `rules`, which give it a grade by those of its cells (see conf/profile;
        None: there are none); `screen_mm`, width and height of what is cut, where they are known.
        """
        return None

    @property
    @abstractmethod
    def table(self) -> "pd.DataFrame":
        """One row per sample, in the order of the pixels. Columns: sample (its name), source_id (what is never on
        both sides of a split), group (figures are also given per group; may be empty), label (-1: none), part (empty
        without a label), calibration (whether the sample, always of the training set, belongs to the calibration part too).

        Raises DataError where the division leaves a part empty or the training set with one class.
        """

    @abstractmethod
    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """All samples, RGB `(N, resolution, resolution, 3)`, memory-mapped; built on first use."""

    def whole_photos(self, count: int) -> list[WholePhoto]:
        """At most `count` photographs, spread over those whose samples are evaluated; none where a picture is a sample."""
        return []

    def in_photo(self, name: str) -> WholePhoto | None:
        """The photograph that a sample was cut from, with the sample's own corners in it; None where a picture is a sample."""
        return None

    @property
    def measured_photos(self) -> "list[Path]":
        """Files of the whole photographs whose samples are of the validation or the test set; none where a picture is a sample."""
        return []

    def shape(self, resolution: int) -> tuple[int, int]:
        """Height and width of the images at a resolution."""
        return resolution, resolution

    def check_stride(self, resolution: int, stride: int) -> None:  # noqa: B027  squares always fit
        """Raises DataError where a network that divides sides by `stride` cannot take the images at a resolution."""

    targets: ClassVar[str] = "grades"
    """The kind of its labels, as conf/task and conf/encoding name it: grades (one class each), masks, numbers, label_sets."""

    one_class_each: ClassVar[bool] = True
    """Whether the labels of the table are classes that exclude each other, one for each picture."""

    coloured_things: ClassVar[bool] = False
    """Whether a network that takes colours out of its pictures has to be asked for."""

    def check_task(self, task: Mapping[str, Any]) -> None:  # noqa: B027  most data sets go with every setting
        """Raises DataError for a setting of the task that these labels do not go with."""

    def loaders(self, resolution: int, **settings: Any) -> "pl.LightningDataModule":
        """Loaders over the parts; `settings` as `CellDataModule` has them."""
        from datamodules.base.loaders import CellArrays, CellDataModule

        labels, parts = self.table.label.to_numpy(), self.table.part.to_numpy(str)
        arrays = CellArrays(self.images(resolution), labels, parts, len(self.class_names), self.votes)
        return CellDataModule(arrays, **settings)

    @property
    def votes(self) -> npt.NDArray[np.int64] | npt.NDArray[np.bool_] | None:
        """How many said each class `(N, K)`, where that is what is trained on, or, bool, which it may be; None where the labels are."""
        return None

    def original_names(self) -> "tuple[pd.Series[str], pd.Series[str]]":
        """Sample and source of each row, called as in the data set that they come from."""
        return self.table["sample"], self.table.source_id

    @property
    def left_out(self) -> list[str]:
        """What is in the folder and not among the samples, a line each with the reason."""
        return []

    @property
    def notes(self) -> list[str]:
        """What is odd about the data and goes on all the same, a line each."""
        lines = self.left_out
        return [f"left out {len(lines)} files, all named in record.json; the first: {lines[0]}"] if lines else []

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The parts that a finished network is scored on; the training set itself where there is no other."""
        known = set(self.table.part)
        return tuple(part for part in ("val", "test") if part in known) or ("train",)

    def merge_parts(self, *, keep_test: bool) -> None:
        """Makes the validation set, and unless it is kept the test set, part of the training set."""
        table = self.table
        table.loc[table.part.isin(["val"] if keep_test else ["val", "test"]), "part"] = "train"

    def counts(self) -> dict[str, list[int]]:
        """Samples per class in each part, calibration included."""
        parts = {part: self.table.part == part for part in PARTS} | {"calibration": self.table.calibration}
        classes = len(self.class_names)
        return {
            name: np.bincount(self.table.label[chosen], minlength=classes).tolist() for name, chosen in parts.items()
        }
