"""Where the damage is: a network that marks pixels, beside the one that grades."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from datamodules.base.pixels import Image, resize
from datamodules.masks.measures import Plane, extent, length_of
from datamodules.masks.run_lengths import Mask
from datamodules.screens.grid import Grid, split_cells
from datamodules.screens.screen_size import Size
from station.device_grade import GradingError
from storage.whole_file import sha256_of
from tasks.base import task_of
from tasks.segmentation import RunSegmenter, Segmentation, segmenter_of


class Marks(NamedTuple):
    """What is marked on one phone."""

    names: list[str]
    """Of the K classes."""
    masks: Mask
    """`(cells, K, h, w)`, row by row from the top."""
    cell_mm: Size | None = None
    """Width and height of a cell, where the device's size is known."""

    def extents(self, at: int) -> dict[str, dict[str, float]]:
        """Of a cell by class: `share` of its area, `length_px` in pixels of the mask, `length` as a share of its diagonal; `area_mm2` and
        `length_mm` where the device's size is known.
        """
        found = zip(self.names, self.masks[at], strict=True)
        return {name: extent(mask)._asdict() | self._in_mm(mask) for name, mask in found}

    def _in_mm(self, mask: Plane) -> dict[str, float]:
        if self.cell_mm is None:
            return {}
        (wide, high), (rows, columns) = self.cell_mm, mask.shape
        area, length = float(mask.mean()) * wide * high, length_of(mask, wide / columns, high / rows)
        return {"area_mm2": round(area, 3), "length_mm": round(length, 2)}

    def outlines(self, at: int, cell: npt.NDArray[np.float64]) -> Iterator[tuple[int, list[tuple[float, float]]]]:
        """Classes and closed lines through the outermost marked pixels of a cell whose corners are `(4, 2)`."""
        high, wide = self.masks.shape[2:]
        unit = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
        there = cv2.getPerspectiveTransform(unit, cell.astype(np.float32))
        for label, mask in enumerate(self.masks[at]):
            lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            for line in lines:
                points = cv2.perspectiveTransform(line.astype(np.float64) + 0.5, there)[:, 0]
                yield label, [(float(x), float(y)) for x, y in points]

    def told(self, at: int, cell: npt.NDArray[np.float64]) -> dict[str, dict[str, Any]]:
        """The extents of a cell, and by class its `outlines`: of each patch x and y of a closed line in the photo, in pixels."""
        found: dict[str, dict[str, Any]] = {name: {**one, "outlines": []} for name, one in self.extents(at).items()}
        for label, line in self.outlines(at, cell):
            found[self.names[label]]["outlines"].append([[round(x, 1), round(y, 1)] for x, y in line])
        return found


class DamageMarker:
    """Marks damage on straightened phones.

    Args:
        network: a run's folder or an exported file; a segmenter of cells.
        grid: of the network that grades.
        threads: that it computes with.
        screen_mm: width and height of the device's front; None: not known.

    Raises GradingError for a network of another kind, or for other cells.

    """

    def __init__(self, network: Path, grid: Grid, threads: int, screen_mm: Size | None = None) -> None:
        self.grid, self.screen_mm = grid, screen_mm
        if not isinstance(task_of(network), Segmentation):
            raise GradingError(f"damage={network}: marks no pixels; want a run or a file of task=segmentation")
        self.segmenter = segmenter_of(network, threads=threads)
        own = self.segmenter.preprocessing.get("grid")
        if not own or (own["columns"], own["rows"]) != (grid.columns, grid.rows):
            have = f"cells of {own['columns']} x {own['rows']}" if own else "whole pictures"
            raise GradingError(
                f"damage={network}: marks {have}; want one that was trained on {grid.columns} x {grid.rows} cells, as the grades' network was"
            )

    @property
    def file(self) -> Path:
        """Whose weights mark."""
        one = self.segmenter
        return one.checkpoint if isinstance(one, RunSegmenter) else one.path

    @property
    def digest(self) -> str:
        """SHA-256 of what marks."""
        return sha256_of(self.file)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the API says of it: name and SHA-256 of the file, and its classes."""
        return {"file": self.file.name, "sha256": self.digest, "labels": list(self.segmenter.labels)}

    def marks(self, phone: Image) -> Marks:
        """Of a straightened phone `(rows · cell_px, columns · cell_px, 3)`."""
        high, wide = self.segmenter.size
        cells = np.stack([resize(cell, (wide, high)) for cell in split_cells(phone, self.grid)])
        known = self.screen_mm
        cell_mm = None if known is None else (known[0] / self.grid.columns, known[1] / self.grid.rows)
        return Marks(list(self.segmenter.labels), self.segmenter.marked(cells), cell_mm)


COLUMNS = {
    "share": "area",
    "length_px": "length_px",
    "length": "length",
    "area_mm2": "area_mm2",
    "length_mm": "length_mm",
}
"""What a table calls the figures of a class, those that there are."""


def columns_of(marked: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a table says of each class of a cell that is marked as `Marks.extents` says."""
    return [
        f"{column}_{name.replace(' ', '_')}"
        for name, one in marked.items()
        for what, column in COLUMNS.items()
        if what in one
    ]


def values_of(marked: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Of one cell, in the order of `columns_of`."""
    return [one[what] for one in marked.values() for what in COLUMNS if what in one]
