"""Defects of steel as a table of run lengths: `ImageId,ClassId,EncodedPixels`, the form of the Severstal competition."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.base.errors import DataError
from datamodules.base.tables import Table, hint_of
from datamodules.masks.run_lengths import Mask, RunLengthError, decode
from storage.spreadsheet import harmless

JOINED = "ImageId_ClassId"
"""The competition's first form: `0002cc93b.jpg_1`, a row for every image and class, most of them without pixels."""


NAMED = "ClassName"
"""A column that imported tables have: a number alone does not say what it stands for."""


@dataclass(frozen=True)
class Defect:
    """One row."""

    text: str
    """Its runs."""
    where: str
    """The file and line, for messages."""


@dataclass(frozen=True)
class DefectTable:
    """A table that has been read; images without any row have no defect."""

    path: Path
    num_classes: int
    defects: dict[str, dict[int, Defect]]
    """Image → class, from 0 → its row."""

    def masks(self, image: str, height: int, width: int) -> Mask:
        """One mask per class, `(K, height, width)`. Raises DataError with the line for runs that do not fit."""
        masks = np.zeros((self.num_classes, width, height), np.bool_).transpose(0, 2, 1)  # as runs go: down the columns
        for label, defect in self.defects.get(image, {}).items():
            try:
                masks[label] = decode(defect.text, height, width)
            except RunLengthError as error:
                raise DataError(f"{defect.where}, image {image}, class {label + 1}: {error}") from None
        return masks

    def labels(self, images: Sequence[str]) -> Mask:
        """Which classes each image has, `(N, K)`."""
        return np.array([[label in self.defects.get(name, {}) for label in range(self.num_classes)] for name in images])


def read_defects(path: Path, num_classes: int, class_names: Sequence[str] = ()) -> DefectTable:
    """Reads a table in either form.

    Args:
        path: of the table.
        num_classes: numbered from 1.
        class_names: held against the column ClassName, where the table has it.

    Raises DataError with the line for a class that is none, that comes twice, or that has another name.

    """
    table = Table(path, long=("EncodedPixels",))
    joined = JOINED in table.columns
    wanted = [JOINED, "EncodedPixels"] if joined else ["ImageId", "ClassId", "EncodedPixels"]
    if missing := [name for name in wanted if name not in table.columns]:
        raise DataError(f"{path}: no column {', '.join(missing)}; want ImageId,ClassId,EncodedPixels")
    defects: dict[str, dict[int, Defect]] = {}
    known_labels = [str(number) for number in range(1, num_classes + 1)]
    column = JOINED if joined else "ClassId"
    for line, row in table:
        where = f"{path}, line {line}"
        image, _, label = row[JOINED].rpartition("_") if joined else (row["ImageId"], "", row["ClassId"])
        if label not in known_labels:
            raise DataError(f"{where}: class {label!r:.60}: want 1 to {num_classes}{hint_of(label)} (column {column})")
        if class_names and NAMED in row and row[NAMED] != harmless(class_names[int(label) - 1]):
            raise DataError(
                f"{where}: {NAMED}={row[NAMED]!r:.60}: class {label} is called {class_names[int(label) - 1]} "
                "(datamodule.class_names); want the table's names, in the order of its numbers"
            )
        if not row["EncodedPixels"].strip():
            continue
        known = defects.setdefault(image, {})
        if int(label) - 1 in known:
            raise DataError(f"{where}: image {image} has class {label} twice, first in {known[int(label) - 1].where}")
        known[int(label) - 1] = Defect(row["EncodedPixels"], where)
    return DefectTable(path, num_classes, defects)
