"""Photos of phones with four corners and a grade per cell: the folder form of the design."""

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.cell_cache import cells_at, fingerprint_pixels
from datamodules.photo_folder import PhotoFolder, cell_name, read_photo_folder
from datamodules.screen_grid import Grid
from datamodules.splits import PARTS, assign_parts, spread


@dataclass(frozen=True)
class Cells:
    """A checked and divided data set, pixels still on disk."""

    table: pd.DataFrame
    """One row per cell, in the order of the pixels: sample, photo, source_id, group, row, col, label, part,
    calibration (whether the cell, always of the train part, belongs to the calibration part too)."""
    class_names: tuple[str, ...]
    fingerprint: str
    """16 hex digits over pixels, labels and division."""
    pixels: str
    """16 hex digits over the pixels alone: the name of the cache."""
    folder: PhotoFolder
    cache: Path

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """All cells, RGB `(cells, resolution, resolution, 3)`, memory-mapped; built on first use."""
        return cells_at(self.folder, self.pixels, resolution, self.cache)

    def counts(self) -> dict[str, list[int]]:
        """Cells per class in each part, calibration included."""
        parts = {part: self.table.part == part for part in PARTS} | {"calibration": self.table.calibration}
        classes = len(self.class_names)
        return {
            name: np.bincount(self.table.label[chosen], minlength=classes).tolist() for name, chosen in parts.items()
        }


class PhonePhotos:
    """Reads, checks and divides a folder of phone photos.

    Args:
        root: the folder: photos.csv, cells.csv and photos/ or ready-cut cells/.
        cache: where cut cells are kept.
        class_names: grades from best to worst; their number is K.
        columns, rows, cell_px: the grid.
        folds, val_folds, split_seed, fold: see `splits.assign_parts`.
        calibration_cells: size of the calibration part.
        groups: name → pattern of photo names; figures are also reported per group. Photos that no pattern fits are
            grouped by their `kind`.
    """

    def __init__(
        self,
        root: str,
        *,
        cache: str,
        class_names: Sequence[str],
        columns: int,
        rows: int,
        cell_px: int,
        folds: int,
        val_folds: int,
        split_seed: int,
        fold: int,
        calibration_cells: int,
        groups: Mapping[str, str],
    ) -> None:
        self.root, self.cache = Path(root), Path(cache)
        self.class_names = tuple(class_names)
        self.grid = Grid(columns, rows, cell_px)
        self.folds, self.val_folds, self.split_seed, self.fold = folds, val_folds, split_seed, fold
        self.calibration_cells = calibration_cells
        self.groups = dict(groups)

    def load(self) -> Cells:
        """Everything but the pixels. Raises DataError on the first thing that is wrong."""
        folder = read_photo_folder(self.root, self.grid, len(self.class_names))
        table = self._table(folder)
        labels = table.label.to_numpy()
        sources = table.source_id.to_numpy(str)
        table["part"] = assign_parts(
            labels, sources, fold=self.fold, folds=self.folds, val_folds=self.val_folds, seed=self.split_seed
        )
        train = np.flatnonzero(table.part == "train")
        chosen = train[spread(labels[train], sources[train], self.calibration_cells, self.split_seed)]
        table["calibration"] = np.isin(np.arange(len(table)), chosen)
        pixels = fingerprint_pixels(folder)
        digest = hashlib.blake2b(pixels.encode(), digest_size=8)
        digest.update(table.drop(columns="group").to_csv(index=False).encode())
        return Cells(table, self.class_names, digest.hexdigest(), pixels, folder, self.cache)

    def _table(self, folder: PhotoFolder) -> pd.DataFrame:
        rows, columns = self.grid.rows, self.grid.columns
        repeats = self.grid.cells
        row = np.tile(np.repeat(np.arange(rows), columns), len(folder.photos))
        col = np.tile(np.arange(columns), len(folder.photos) * rows)
        photo = np.repeat([photo.name for photo in folder.photos], repeats)
        groups = [self._group(photo.name, photo.kind) for photo in folder.photos]
        return pd.DataFrame(
            {
                "sample": [cell_name(*at) for at in zip(photo, row, col, strict=True)],
                "photo": photo,
                "source_id": np.repeat([photo.source_id for photo in folder.photos], repeats),
                "group": np.repeat(groups, repeats),
                "row": row,
                "col": col,
                "label": folder.labels.ravel(),
            }
        )

    def _group(self, photo: str, kind: str) -> str:
        return next((name for name, pattern in self.groups.items() if fnmatch.fnmatch(photo, pattern)), kind)
