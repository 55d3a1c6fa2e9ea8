"""A small data set that is drawn, not rendered: quick, and learnable in a few epochs."""

import csv
from pathlib import Path

import cv2
import numpy as np

from datamodules.screens.mask_files import write_classes, write_masks

CORNERS = ("x_tl", "y_tl", "x_tr", "y_tr", "x_br", "y_br", "x_bl", "y_bl")


def settings_of(cache: Path) -> dict[str, object]:
    """Of a data set of drawn phones: three folds, no test set."""
    return {
        "cache": str(cache), "class_names": ["a", "b", "c", "d", "e"], "columns": 3, "rows": 5, "cell_px": 64, "folds": 3,
        "val_folds": 0, "split_seed": 0, "fold": 0, "calibration_cells": 10, "groups": {},
    }  # fmt: skip


def draw_screens(root: Path, sources: int = 6, seed: int = 0, cell_px: int = 64) -> Path:
    """`sources` photos, one per source; the label of a cell is how many bright strokes cross it."""
    rng = np.random.default_rng(seed)
    (root / "photos").mkdir(parents=True)
    photos, cells = [], []
    for number in range(sources):
        name = f"screen{number}.png"
        photo = rng.integers(0, 40, (5 * cell_px + 20, 3 * cell_px + 20, 3), dtype=np.uint8)
        for row in range(5):
            for col in range(3):
                label = int(rng.integers(5))
                x, y = 10 + col * cell_px, 10 + row * cell_px
                for stroke in range(label):
                    at = x + 8 + stroke * cell_px // 5
                    cv2.line(photo, (at, y + 6), (at, y + cell_px - 6), (230, 230, 230), 3)
                cells.append((name, row, col, label))
        cv2.imwrite(str(root / "photos" / name), photo)
        right, bottom = 10 + 3 * cell_px, 10 + 5 * cell_px
        photos.append((name, f"phone{number}", 10, 10, right, 10, right, bottom, 10, bottom))
    _write(root / "photos.csv", ("photo", "source_id", *CORNERS), photos)
    _write(root / "cells.csv", ("photo", "row", "col", "label"), cells)
    return root


def give_votes(root: Path, votes: str) -> None:
    """Adds a column of the same votes for every cell to a set's cells.csv."""
    first, *lines = (root / "cells.csv").read_text().splitlines()
    (root / "cells.csv").write_text("\n".join([f"{first},votes", *(f"{line},{votes}" for line in lines), ""]))


def _write(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def draw_masks(root: Path) -> Path:
    """Masks beside the photos of `draw_screens`: each cell's first stroke is a scratch, the others are cracks."""
    for path in sorted((root / "photos").iterdir()):
        bright = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 128
        cell_px = (bright.shape[1] - 20) // 3
        first = (np.arange(bright.shape[1]) - 10) % cell_px < 8 + cell_px // 10
        (root / "masks").mkdir(exist_ok=True)
        write_masks(root / "masks" / f"{path.stem}.png", np.stack([bright & first, bright & ~first]))
    write_classes(root / "masks", ["scratch", "crack"])
    return root
