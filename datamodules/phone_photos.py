"""Photos of phones with four corners and a grade per cell: the folder form of the design."""

import fnmatch
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from datamodules.cell_cache import cells_at, fingerprint_pixels
from datamodules.photo_folder import Photo, PhotoFolder, cell_name, read_photo_folder
from datamodules.samples import SPLIT_VERSION, Division, Samples
from datamodules.screen_grid import Grid
from datamodules.splits import assign_parts, spread

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cells(Samples):
    """A checked data set; its division and its pixels are worked out when they are first asked for."""

    folder: PhotoFolder
    class_names: tuple[str, ...]
    division: Division
    groups: dict[str, str]
    cache: Path
    pixels: str
    """16 hex digits over the pixels alone: the name of the cache."""

    @property
    def preparation(self) -> dict[str, Any]:
        """A photo is cut into the cells of the grid."""
        return {"crop": "none", "grid": asdict(self.folder.grid)}

    @property
    def fingerprint(self) -> str:
        """Also over the corners of the photos."""
        digest = hashlib.blake2b(self.pixels.encode(), digest_size=8)
        digest.update(self.folder.labels.tobytes())
        settings = [SPLIT_VERSION, asdict(self.division), self.class_names]
        digest.update(json.dumps([settings, [photo.source_id for photo in self.folder.photos]]).encode())
        return digest.hexdigest()

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """All cells, RGB `(cells, resolution, resolution, 3)`, memory-mapped; built on first use."""
        return cells_at(self.folder, self.pixels, resolution, self.cache)

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`, a row per cell, with its photo, row and col."""
        import pandas as pd  # takes seconds to import: bad data and finished runs are answered before

        photos, grid = self.folder.photos, self.folder.grid
        spots = [(photo, row, col) for photo in photos for row in range(grid.rows) for col in range(grid.columns)]
        sources = np.array([photo.source_id for photo, _, _ in spots])
        labels = self.folder.labels.ravel()
        by = self.division
        parts = assign_parts(labels, sources, fold=by.fold, folds=by.folds, val_folds=by.val_folds, seed=by.seed)
        train = np.flatnonzero(parts == "train")
        chosen = train[spread(labels[train], sources[train], by.calibration_cells, by.seed)]
        return pd.DataFrame(
            {
                "sample": [cell_name(photo.name, row, col) for photo, row, col in spots],
                "photo": [photo.name for photo, _, _ in spots],
                "source_id": sources,
                "group": [self._group(photo) for photo, _, _ in spots],
                "row": [row for _, row, _ in spots],
                "col": [col for _, _, col in spots],
                "label": labels,
                "part": parts,
                "calibration": np.isin(np.arange(len(spots)), chosen),
            }
        )

    def _group(self, photo: Photo) -> str:
        fitting = (name for name, pattern in self.groups.items() if fnmatch.fnmatch(photo.name, pattern))
        return next(fitting, photo.kind)


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
        self.division = Division(fold, folds, val_folds, split_seed, calibration_cells)
        self.groups = dict(groups)

    def load(self) -> Cells:
        """Reads and checks the folder. Raises DataError on the first thing that is wrong."""
        folder = read_photo_folder(self.root, self.grid, len(self.class_names))
        pixels = fingerprint_pixels(folder)
        return Cells(folder, self.class_names, self.division, self.groups, self.cache, pixels)
