"""Cells of phones with a mask per class, cut from the masks of whole photos."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from datamodules.base.array_cache import build_array, disk_errors, is_kept, threaded_map
from datamodules.base.errors import DataError
from datamodules.base.samples import Samples, WholePhoto
from datamodules.masks.bits import packed, unpacked
from datamodules.masks.masked import Masked
from datamodules.screens.mask_files import cut_masks, masks_listed, read_classes, read_masks, shrunk_lines
from datamodules.screens.photo_folder import PhotoFolder

if TYPE_CHECKING:
    import pandas as pd

Bits = npt.NDArray[np.uint8]
MASK_VERSION = 1
"""Raised when the same files give other masks, so that old caches are not read."""


class CellMasks:
    """The masks of a folder's cells. A cell whose photo has no mask has none.

    Args:
        folder: photos, or ready-cut cells.
        pixels: as `Cells.pixels`.
        cache: where cut masks are kept.

    Raises DataError for a folder without masks.

    """

    def __init__(self, folder: PhotoFolder, pixels: str, cache: Path) -> None:
        self.folder, self.pixels, self.cache = folder, pixels, cache
        self.class_names = read_classes(folder.root)
        self.files = masks_listed(folder)
        if not any(self.files):
            raise DataError(f"{folder.root / 'masks'}: no mask of any of the {len(folder.photos)} photos in it")
        self.known = np.repeat([one is not None for one in self.files], 1 if folder.ready_cut else folder.grid.cells)

    @cached_property
    def digest(self) -> str:
        """16 hex digits over the masks, their classes, and what they are cut by."""
        digest = hashlib.blake2b(json.dumps([MASK_VERSION, self.pixels, self.class_names]).encode(), digest_size=8)
        for file in self.files:
            digest.update(b"-" if file is None else hashlib.blake2b(file.read_bytes()).digest())
        return digest.hexdigest()

    def at(self, resolution: int) -> Bits:
        """`(cells, resolution, resolution)`, bit k for class k, memory-mapped; built on first use."""
        shape = (len(self.known), resolution, resolution)
        return self._cached(f"{resolution}", shape, self._cut(resolution), "cutting masks")

    def labels(self) -> npt.NDArray[np.bool_]:
        """Which classes each cell has, `(cells, K)`, at the grid's own size."""
        found = self._cached("labels", (len(self.known), 1), self._any(), "reading masks")
        return unpacked(np.asarray(found)[:, :, None], len(self.class_names))[:, :, 0, 0]

    def _cached(self, name: str, shape: tuple[int, ...], blocks: Iterator[Bits], title: str) -> Bits:
        path = self.cache / f"cell-masks-{self.digest}-{name}.npy"
        with disk_errors(self.cache):
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not is_kept(path, shape):
                    build_array(path, shape, blocks, len(self.files), title)
        return np.asarray(np.load(path, mmap_mode="r"))

    def _any(self) -> Iterator[Bits]:
        for block in self._cut(self.folder.grid.cell_px):
            yield np.bitwise_or.reduce(block.reshape(len(block), -1), axis=1)[:, None]

    def _cut(self, resolution: int) -> Iterator[Bits]:
        grid, classes = self.folder.grid, len(self.class_names)

        def one(at: int) -> Bits:
            file = self.files[at]
            if file is None:
                return np.zeros((1 if self.folder.ready_cut else grid.cells, resolution, resolution), np.uint8)
            masks = read_masks(file, classes)
            if self.folder.ready_cut:
                grey = np.asarray(255 * masks, np.uint8)
                return packed(np.stack([shrunk_lines(one, resolution) for one in grey]))[None]
            return np.stack([packed(cell) for cell in cut_masks(masks, self.folder.photos[at], file, grid, resolution)])

        return threaded_map(one, range(len(self.files)))


@dataclass(frozen=True)
class MaskedCells(Masked):
    """A checked data set.

    Attributes:
        cells: the same cells, labelled with numbers for their sets of classes.
        cell_masks: their masks.
        labels: which classes each cell has, `(N, K)` bool.

    """

    cells: Samples
    cell_masks: CellMasks
    labels: npt.NDArray[np.bool_]

    @property
    def class_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Of the masks."""
        return self.cell_masks.class_names

    @property
    def preprocessing(self) -> dict[str, Any]:
        """A photo is cut into the cells of the grid."""
        return self.cells.preprocessing

    @cached_property
    def fingerprint(self) -> str:
        """Also over the masks."""
        parts = f"{self.cells.fingerprint} {self.cell_masks.digest}"
        return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`; label is a number for the set of a cell's classes, and a column per class says whether the cell has it."""
        columns = {f"class_{name}": self.labels[:, at] for at, name in enumerate(self.class_names)}
        return self.cells.table.assign(**columns)

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """As in `Samples`."""
        return self.cells.images(resolution)

    def masks(self, resolution: int) -> npt.NDArray[np.uint8]:
        """As in `Masked`; a pixel belongs to a class of which COVERED of it is (`screens.mask_files`)."""
        return self.cell_masks.at(resolution)

    @override
    def whole_photos(self, count: int) -> list[WholePhoto]:
        return self.cells.whole_photos(count)

    @property
    @override
    def measured_photos(self) -> list[Path]:
        return self.cells.measured_photos

    @property
    def notes(self) -> list[str]:
        """As in `Samples`."""
        return self.cells.notes


def labelled_by_masks(folder: PhotoFolder, labels: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> PhotoFolder:
    """The folder with a number for each cell's set of classes `(N, K)` as its label, -1 where `known` `(N,)` says that it has no mask."""
    numbers = labels @ (1 << np.arange(labels.shape[1]))
    wanted = np.where(known, numbers, -1).reshape(len(folder.photos), folder.grid.cells)
    return replace(folder, labels=np.asarray(wanted, np.int64), votes=None, unlabelled=[])
