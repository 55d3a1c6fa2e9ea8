"""Small folders of photos of phones to annotate."""

from pathlib import Path

import cv2
import numpy as np

from annotation.log import Statement
from annotation.photos import Photos
from annotation.store import Book
from datamodules.screens.grid import Grid

NAMES = ("none", "minor", "major", "crack", "broken")
GRID = Grid(3, 5, 40)
CORNERS = "20 10 140 10 140 210 20 210"


def draw_photos(root: Path, count: int = 3, folder: str = "photos") -> Path:
    """Photos of 160 x 220 pixels, a dark phone on bright wood, its corners at CORNERS."""
    rng = np.random.default_rng(0)
    (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        photo = rng.integers(150, 200, (220, 160, 3), dtype=np.uint8)
        photo[10:210, 20:140] = rng.integers(5, 40, (200, 120, 3), dtype=np.uint8)
        cv2.circle(photo, (80, 20), 4, (90, 90 + 10 * number, 90), -1)
        cv2.imwrite(str(root / folder / f"photo{number}.png"), photo)
    return root


def book_of(root: Path) -> Book:
    return Book(Photos(root), NAMES, GRID)


def outlined(photo: str, device: str = "d1", who: str = "anna") -> list[Statement]:
    return [Statement(who, 1, photo, "corners", CORNERS), Statement(who, 1, photo, "source_id", device)]


def graded(photo: str, grades: dict[tuple[int, int], str], who: str = "anna", turn: int = 1) -> list[Statement]:
    return [Statement(who, turn, photo, "label", value, cell) for cell, value in grades.items()]


def all_cells(value: str = "0") -> dict[tuple[int, int], str]:
    return {(row, col): value for row in range(5) for col in range(3)}
