"""A contact sheet of any data set of screens: some whole photos, below them a row of cells for each class."""

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.rendering.dataset import CORNERS
from datamodules.rendering.geometry import CLASS_NAMES, COLS, ROWS

Picture = NDArray[np.uint8]
Place = tuple[str, int, int]

CELL = 300
"""Side of a cell in pixels, as in the thesis."""
SHOWN = 150
"""Side of a cell on the sheet in pixels."""
_GAP, _MARGIN, _LEFT, _STRIP = 6, 24, 190, 330
_PAPER, _INK = 250, (40, 40, 40)


def rectified(picture: Picture, corners: NDArray[np.float32]) -> Picture:
    """The phone (5 * CELL, 3 * CELL, 3) cut out of a photo by its corners (4, 2) tl, tr, br, bl."""
    width, height = COLS * CELL, ROWS * CELL
    straight = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    view = cv2.getPerspectiveTransform(corners, straight)
    return np.asarray(cv2.warpPerspective(picture, view, (width, height)), np.uint8)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _photo(root: Path, name: str) -> Picture:
    picture = cv2.imread(str(root / "photos" / name))
    if picture is None:
        raise FileNotFoundError(f"{root / 'photos' / name}: named in photos.csv, but not a readable picture")
    return np.asarray(picture, np.uint8)


def _fitted(picture: Picture, height: int) -> Picture:
    width = round(picture.shape[1] * height / picture.shape[0])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _strip(rng: Generator, root: Path, names: list[str], width: int) -> Picture:
    """Whole photos (_STRIP, width, 3) side by side, of different devices where the order allows it."""
    strip = np.full((_STRIP, width, 3), _PAPER, np.uint8)
    left = 0
    for k in rng.permutation(len(names)):
        photo = _fitted(_photo(root, names[int(k)]), _STRIP)
        if left + photo.shape[1] > width:
            continue
        strip[:, left : left + photo.shape[1]] = photo
        left += photo.shape[1] + _GAP
        if left > width - _STRIP // 2:
            break
    return strip


def _chosen(rng: Generator, cells: list[dict[str, str]], source: dict[str, str], count: int) -> list[list[Place]]:
    """For each class up to `count` cells, taking turns among the devices."""
    chosen: list[list[Place]] = []
    for label in range(len(CLASS_NAMES)):
        places = [(c["photo"], int(c["row"]), int(c["col"])) for c in cells if int(c["label"]) == label]
        places = [places[int(k)] for k in rng.permutation(len(places))]
        turn: dict[str, int] = {}
        order = []
        for place in places:
            turn[source[place[0]]] = turn.get(source[place[0]], 0) + 1
            order.append(turn[source[place[0]]])
        ranked = sorted(range(len(places)), key=lambda k: order[k])
        chosen.append([places[k] for k in ranked[:count]])
    return chosen


def _cells(root: Path, photos: list[dict[str, str]], wanted: list[list[Place]]) -> dict[Place, Picture]:
    """The wanted cells (SHOWN, SHOWN, 3), each photo read once."""
    rows = {p["photo"]: p for p in photos}
    cut: dict[Place, Picture] = {}
    for name in sorted({place[0] for row in wanted for place in row}):
        corners = np.array([[float(rows[name][f"{a}_{c}"]) for a in "xy"] for c in CORNERS], np.float32)
        front = rectified(_photo(root, name), corners)
        for place in (p for row in wanted for p in row if p[0] == name):
            top, left = place[1] * CELL, place[2] * CELL
            cell = front[top : top + CELL, left : left + CELL]
            cut[place] = np.asarray(cv2.resize(cell, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA), np.uint8)
    return cut


def _grid(wanted: list[list[Place]], cut: dict[Place, Picture], per_class: int) -> Picture:
    """One row of cells per class, its name at the left."""
    pitch = SHOWN + _GAP
    grid = np.full((len(wanted) * pitch - _GAP, _LEFT + per_class * pitch - _GAP, 3), _PAPER, np.uint8)
    for label, (name, places) in enumerate(zip(CLASS_NAMES, wanted, strict=True)):
        top = label * pitch
        cv2.putText(grid, f"{label}", (4, top + 74), cv2.FONT_HERSHEY_DUPLEX, 1.3, _INK, 2, cv2.LINE_AA)
        cv2.putText(grid, name, (4, top + 108), cv2.FONT_HERSHEY_DUPLEX, 0.62, _INK, 1, cv2.LINE_AA)
        for k, place in enumerate(places):
            left = _LEFT + k * pitch
            grid[top : top + SHOWN, left : left + SHOWN] = cut[place]
    return grid


def contact_sheet(root: Path, out: Path, *, per_class: int = 12, seed: int = 0) -> None:
    """Writes a PNG with a strip of whole photos and `per_class` cells of each class of the set in `root`.

    The folder needs photos.csv, cells.csv and photos/; cells are straightened by the four corners. Raises
    FileNotFoundError for a photo that is named but missing.
    """
    rng = np.random.default_rng(seed)
    photos, cells = _read(root / "photos.csv"), _read(root / "cells.csv")
    wanted = _chosen(rng, cells, {p["photo"]: p["source_id"] for p in photos}, per_class)
    grid = _grid(wanted, _cells(root, photos, wanted), per_class)
    strip = _strip(rng, root, [p["photo"] for p in photos], grid.shape[1])
    space = np.full((4 * _GAP, grid.shape[1], 3), _PAPER, np.uint8)
    margins = ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))
    sheet = np.pad(np.concatenate([strip, space, grid]), margins, constant_values=_PAPER)
    out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(out), sheet):
        raise OSError(f"{out}: could not be written")
