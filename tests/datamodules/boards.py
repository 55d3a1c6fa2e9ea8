"""Boards of flat colours seen from any side, drawn without the code under test, and data sets made of them."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from datamodules.base.pixels import Image
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import CORNER_COLUMNS

Points = npt.NDArray[np.float64]
GRID = Grid(columns=3, rows=5, cell_px=20)
OUTLINE = np.array([[14.0, 9.0], [104.0, 12.0], [108.0, 150.0], [10.0, 146.0]])
WIDTH, HEIGHT = 120, 160


def colours(cells: int, seed: int = 0) -> Image:
    """`(cells, 3)` distinct colours, no two closer than 20 grey levels in every channel at once."""
    rng = np.random.default_rng(seed)
    levels = np.stack(np.meshgrid(*[np.arange(40, 256, 30)] * 3), axis=-1).reshape(-1, 3)
    return np.asarray(rng.permutation(levels)[:cells], np.uint8)


def draw_board(width: int, height: int, corners: Points, paints: Image, grid: Grid = GRID) -> Image:
    """A photo in which the cells of a phone with these corners are flat; the surroundings are black.

    Each pixel looks up, by its centre, where on the board it lies.
    """
    board = np.array([[0, 0], [grid.columns, 0], [grid.columns, grid.rows], [0, grid.rows]], np.float32)
    to_board = np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), board), np.float64)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    across, down, scale = np.tensordot(to_board, np.stack([x, y, np.ones_like(x)]), axes=1)
    col, row = np.floor(across / scale).astype(int), np.floor(down / scale).astype(int)
    inside = (col >= 0) & (col < grid.columns) & (row >= 0) & (row < grid.rows)
    photo = np.zeros((height, width, 3), np.uint8)
    photo[inside] = paints[(row * grid.columns + col)[inside]]
    return photo


@dataclass
class PhotoSet:
    """A data set on disk; change `photos` and `cells`, then `write`."""

    root: Path
    photos: list[dict[str, Any]] = field(default_factory=list)
    cells: list[dict[str, Any]] = field(default_factory=list)

    def write(self) -> None:
        """Writes both tables."""
        write_csv(self.root / "photos.csv", self.photos)
        write_csv(self.root / "cells.csv", self.cells)

    def photo(self, number: int) -> Path:
        """The image file of one photo."""
        return self.root / "photos" / str(self.photos[number]["photo"])

    def datamodule(self, cache: Path, **changes: Any) -> PhonePhotos:
        """What conf/datamodule/phone_photos.yaml would build."""
        settings: dict[str, Any] = {
            "cache": str(cache), "class_names": ["a", "b", "c", "d", "e"],
            "columns": GRID.columns, "rows": GRID.rows, "cell_px": GRID.cell_px,
            "folds": 3, "val_folds": 2, "split_seed": 0, "fold": 0, "calibration_cells": 12,
            "groups": {"first": "photo0*"},
        }  # fmt: skip
        return PhonePhotos(str(self.root), **(settings | changes))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """A csv with the first row's keys as columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw_photo_set(root: Path, count: int = 6) -> PhotoSet:
    """`count` PNG photos `photo<n>.png`, each of its own source, labels that run through the classes."""
    (root / "photos").mkdir(parents=True)
    drawn = PhotoSet(root)
    for number in range(count):
        name = f"photo{number}.png"
        corners = OUTLINE + number / 2
        photo = draw_board(WIDTH, HEIGHT, corners, colours(GRID.cells, seed=number))
        PillowImage.fromarray(photo).save(root / "photos" / name)
        outline = dict(zip(CORNER_COLUMNS, map(str, corners.ravel()), strict=True))
        drawn.photos.append(
            {"photo": name, "source_id": f"phone{number}", "kind": "bench", **outline, "width": WIDTH, "height": HEIGHT}
        )
        for cell in range(GRID.cells):
            row, col = divmod(cell, GRID.columns)
            drawn.cells.append({"photo": name, "row": row, "col": col, "label": (number + cell) % 5})
    drawn.write()
    return drawn
