"""Cells cut from photos of phones, as a data set: their division, their pixels, their table."""

import fnmatch
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, override

import numpy as np
import numpy.typing as npt

from datamodules.base.samples import SPLIT_VERSION, Division, Samples, WholePhoto
from datamodules.base.splits import assign_parts, spread
from datamodules.images.decoding import decode
from datamodules.screens.cell_cache import cells_at
from datamodules.screens.grid import cell_outlines
from datamodules.screens.photo_folder import Photo, PhotoFolder, cell_name, checked_corners
from datamodules.screens.photographed_twice import photographed_twice

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
    by_votes: bool = False
    """Whether a cell is trained on with the share of votes that each grade got."""
    sources_certain: bool = False
    """Whether no phone can have two source ids, as where the photos are rendered."""
    profile: dict[str, Any] | None = None
    """As in `Samples`."""
    profile_notes: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> dict[str, Any]:
        """A photo is cut into the cells of the grid."""
        return {"crop": "none", "grid": asdict(self.folder.grid)}

    @property
    def fingerprint(self) -> str:
        """Also over the corners of the photos."""
        digest = hashlib.blake2b(self.pixels.encode(), digest_size=8)
        digest.update(self.folder.labels.tobytes())
        if self.votes is not None:
            digest.update(self.votes.tobytes())
        settings = [SPLIT_VERSION, asdict(self.division), self.class_names]
        digest.update(json.dumps([settings, [photo.source_id for photo in self.folder.photos]]).encode())
        return digest.hexdigest()

    @property
    @override
    def content(self) -> str:
        return self.at_first_fold.fingerprint

    @property
    def at_first_fold(self) -> Self:
        """The same cells, divided with the first fold held out."""
        return replace(self, division=replace(self.division, fold=0))

    def images(self, resolution: int) -> npt.NDArray[np.uint8]:
        """All cells, RGB `(cells, resolution, resolution, 3)`, memory-mapped; built on first use."""
        return cells_at(self.folder, self.pixels, resolution, self.cache)

    @override
    def whole_photos(self, count: int) -> list[WholePhoto]:
        return self.photos_named(set(self.table.photo[self.table.part.isin(self.evaluated)]), count)

    @override
    def in_photo(self, name: str) -> WholePhoto | None:
        at = int(np.flatnonzero((self.table["sample"] == name).to_numpy())[0])
        photo, cell = divmod(at, self.folder.grid.cells)
        if self.folder.ready_cut:
            return None
        whole = self._photo(photo)
        return replace(whole, corners=cell_outlines(whole.corners, self.folder.grid)[cell])

    def _photo(self, at: int) -> WholePhoto:
        photo, path = self.folder.photos[at], self.folder.files[at]
        pixels = decode(path)
        return WholePhoto(pixels, checked_corners(photo, pixels.shape[1], pixels.shape[0], path))

    @property
    @override
    def measured_photos(self) -> list[Path]:
        return self.files_named(set(self.table.photo[self.table.part.isin(["val", "test"])]))

    def files_named(self, names: set[str]) -> list[Path]:
        """The files of these photos; none of ready-cut cells."""
        each = [] if self.folder.ready_cut else zip(self.folder.photos, self.folder.files, strict=True)
        return [file for photo, file in each if photo.name in names]

    def photos_named(self, names: set[str], count: int) -> list[WholePhoto]:
        """At most `count` of these photos, spread over the folder; none of ready-cut cells."""
        found = [place for place, photo in enumerate(self.folder.photos) if photo.name in names]
        if self.folder.ready_cut or not found:
            return []
        chosen = np.unique(np.linspace(0, len(found) - 1, count).round().astype(int))
        return [self._photo(found[at]) for at in chosen]

    @property
    def votes(self) -> npt.NDArray[np.int64] | None:
        """As in `Samples`; a cell that nobody voted on has one vote for its label."""
        if not self.by_votes:
            return None
        assert self.folder.votes is not None
        labels = self.folder.labels.ravel()
        counts = self.folder.votes.reshape(len(labels), -1).copy()
        alone = np.flatnonzero((counts.sum(axis=1) == 0) & (labels >= 0))
        counts[alone, labels[alone]] = 1
        return counts

    @property
    def notes(self) -> list[str]:
        """As in `Samples`."""
        without, missing = self.folder.unlabelled, int((self.folder.labels < 0).sum())
        lines = list(self.profile_notes)
        lines += [f"{missing} cells of {self.folder.root} have no label and take part in nothing"] if missing else []
        if without:
            lines.append(f"{len(without)} photos of {self.folder.root} have no label yet, the first: {without[0]}")
        if not self.sources_certain and (twice := photographed_twice(self.folder, self.pixels, self.cache)):
            one, other = twice[0]
            lines.append(
                f"{len(twice)} pairs of photos look like one phone under two source ids, which a split may part; the first: {one} and "
                f"{other}; give both the same source_id in photos.csv if they are"
            )
        return lines

    @cached_property
    def table(self) -> "pd.DataFrame":
        """As in `Samples`, a row per cell, with its photo, row and col; the part of a cell without a label is empty."""
        labels = self.folder.labels.ravel()
        sources = np.repeat([photo.source_id for photo in self.folder.photos], self.folder.grid.cells)
        by = self.division
        known = labels >= 0
        parts = np.full(len(labels), "", "<U5")
        parts[known] = assign_parts(
            labels[known], sources[known], fold=by.fold, folds=by.folds, val_folds=by.val_folds, seed=by.seed
        )
        return self.divided(parts)

    def divided(self, parts: npt.NDArray[np.str_]) -> "pd.DataFrame":
        """The table for other parts `(cells,)`; calibration cells are chosen among the training set."""
        import pandas as pd  # takes seconds to import: bad data and finished runs are answered before

        photos, grid = self.folder.photos, self.folder.grid
        spots = [(photo, row, col) for photo in photos for row in range(grid.rows) for col in range(grid.columns)]
        sources = np.array([photo.source_id for photo, _, _ in spots])
        labels, by = self.folder.labels.ravel(), self.division
        train = np.flatnonzero(parts == "train")
        chosen = train[spread(labels[train], sources[train], by.calibration_cells, by.seed)] if len(train) else train
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
