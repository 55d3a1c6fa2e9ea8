"""Pictures and whole photos with what a file answers to them, by which an app's developer finds where her own way goes wrong."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from datamodules.base.pixels import resize
from datamodules.base.samples import WholePhoto
from datamodules.images.decoding import decode
from datamodules.screens.grid import Grid, rectify, split_cells, straightening
from export.runtime import FileModel
from storage.whole_file import write_whole

PICTURES, PHOTOS = 20, 5
SMALL_PX, LARGE_SHARE = 480, 1.05
"""Longest side of a phone in the small photos, and in the large one, which is averaged down, as a share of the grid's."""
FROM = (
    "corners and boxes are edges: 0 is the left or upper edge of the picture; the homography takes pixels of the photo to pixels of the phone, "
    "enlarged `factor` times, with the centre of each at whole numbers; bilinear, borders repeated; then averaged down by area; means are of R, G and B"
)


def write_vectors(
    folder: Path,
    name: str,
    model: FileModel,
    images: npt.NDArray[np.uint8],
    photos: Sequence[WholePhoto],
    grid: Grid | None,
) -> None:
    """Writes `vectors.json` and the pictures and photos that it speaks of.

    Args:
        folder: empty.
        name: the file's.
        model: the file.
        images: `(N, H, W, 3)`, of the size that it takes; some of them are taken.
        photos: these are cut by `grid`.
        grid: None without photos.

    """
    vectors: dict[str, Any] = {"file": name, "answers": _of_pictures(folder, model, images)}
    if grid is not None and photos:
        vectors["photos"] = {"meaning": FROM, "grid": vars(grid), "of": _of_photos(folder, model, photos, grid)}
    write_whole(folder / "vectors.json", json.dumps(vectors, indent=1))


def _of_pictures(folder: Path, model: FileModel, images: npt.NDArray[np.uint8]) -> list[dict[str, Any]]:
    chosen = np.unique(np.linspace(0, len(images) - 1, PICTURES).round().astype(int)) if len(images) else []
    found = []
    for place, at in enumerate(chosen):
        name = f"{place:02d}.png"
        Image.fromarray(images[at]).save(folder / name)
        found.append({"picture": name} | _answers(model, images[at]))
    return found


def _answers(model: FileModel, image: npt.NDArray[np.uint8]) -> dict[str, Any]:
    (given,) = model.named_answers(image[None])
    return {output: np.round(np.asarray(value, np.float64), 6).tolist() for output, value in given.items()}


def _of_photos(folder: Path, model: FileModel, photos: Sequence[WholePhoto], grid: Grid) -> list[dict[str, Any]]:
    longest = [_longest(photo.corners) for photo in photos]
    large = int(np.argmax(longest))
    wanted = LARGE_SHARE * grid.cell_px * max(grid.rows, grid.columns)
    found = []
    for place, photo in enumerate(photos):
        share = min(1.0, (wanted if place == large else SMALL_PX) / longest[place])
        name = f"photo_{place}.{'jpg' if place == large else 'png'}"
        corners = _saved(folder / name, photo, share)
        found.append({"photo": name} | _steps(decode(folder / name), corners, model, grid))
    return found


def _longest(corners: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).max())


def _saved(path: Path, photo: WholePhoto, share: float) -> npt.NDArray[np.float64]:
    """Saves the photo at a share of its size, with nothing of what its file said beside its pixels; its corners there."""
    height, width = photo.pixels.shape[:2]
    size = max(1, round(share * width)), max(1, round(share * height))
    Image.fromarray(resize(photo.pixels, size)).save(path, quality=90, subsampling=0)
    return np.round(photo.corners * (size[0] / width, size[1] / height), 3)


def _steps(
    pixels: npt.NDArray[np.uint8], corners: npt.NDArray[np.float64], model: FileModel, grid: Grid
) -> dict[str, Any]:
    """Every number between a photo and the answers to its cells."""
    by = straightening(corners, grid)
    upright = rectify(pixels, corners, grid)
    side = model.input_shape[2], model.input_shape[1]
    cells = []
    for place, cell in enumerate(split_cells(upright, grid)):
        row, col = divmod(place, grid.columns)
        left, top = col * grid.cell_px, row * grid.cell_px
        box = [left, top, left + grid.cell_px, top + grid.cell_px]
        given = resize(cell, side)
        cells.append(
            {"row": row, "col": col, "box": box, "corners": _in_photo(box, by.transform, by.factor), "mean": _mean(cell),
             "input_mean": _mean(given), "answers": _answers(model, given)}
        )  # fmt: skip
    return {
        "size": [pixels.shape[1], pixels.shape[0]], "corners": corners.tolist(), "factor": by.factor, "enlarged": list(by.size),
        "homography": np.round(by.transform, 9).tolist(), "upright": {"size": [upright.shape[1], upright.shape[0]], "mean": _mean(upright)},
        "input": list(side), "cells": cells,
    }  # fmt: skip


def _in_photo(box: Sequence[int], transform: npt.NDArray[np.float64], factor: int) -> list[list[float]]:
    """Corners of a box of the upright phone, in the photo, clockwise from its top left."""
    left, top, right, bottom = box
    edges = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    back = cv2.perspectiveTransform((edges * factor - 0.5)[None], np.linalg.inv(transform))[0] + 0.5
    return [[float(x), float(y)] for x, y in np.round(back, 2)]


def _mean(pixels: npt.NDArray[np.uint8]) -> list[float]:
    return [float(one) for one in np.round(pixels.mean(axis=(0, 1)), 3)]


def grid_of(about: Mapping[str, Any]) -> Grid | None:
    """By which a file's metadata says that photos are cut."""
    return Grid(**about["grid"]) if about.get("grid") else None
