"""Masks beside photos of phones: `masks/<photo>.png`, bit k of a pixel for class k, and the classes' names in `masks/classes.txt`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.images.decoding import opened
from datamodules.masks.bits import MOST_CLASSES, packed, unpacked
from datamodules.masks.run_lengths import Mask
from datamodules.screens.grid import Grid, rectify, split_cells
from datamodules.screens.photo_folder import Photo, PhotoFolder, checked_corners, photo_stem
from storage.whole_file import replaced, write_whole

FOLDER, CLASSES = "masks", "classes.txt"
COVERED = 0.1
"""Share of a pixel's area from which it belongs to a class: hairlines are thinner than the pixels that a network sees."""


def write_classes(folder: Path, names: Sequence[str]) -> None:
    """Writes the names, a line each, into a folder of masks."""
    write_whole(folder / CLASSES, "".join(f"{name}\n" for name in names))


def read_classes(root: Path) -> tuple[str, ...]:
    """Names of the classes whose masks lie beside the photos in `root`. Raises DataError."""
    path = root / FOLDER / CLASSES
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; task=segmentation wants masks beside the photos: `python -m annotation import-masks --phones` "
            "makes such a folder, rendered phones have them"
        )
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if not 1 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names):
        raise DataError(f"{path}: {len(names)} names; want 1 to {MOST_CLASSES} different ones, a line each")
    return names


def mask_file(root: Path, stem: str) -> Path:
    """Where the mask of a photo, or of a ready-cut cell, lies."""
    return root / FOLDER / f"{stem}.png"


def write_masks(path: Path, masks: Mask) -> None:
    """Writes masks `(K, H, W)` as one picture."""
    with replaced(path) as unfinished:
        PillowImage.fromarray(packed(masks)).save(unfinished, "PNG", optimize=True)


def read_masks(path: Path, classes: int) -> Mask:
    """Masks `(K, H, W)`. Raises DataError for a picture that is not of one byte a pixel, or has bits of no class."""
    with opened(path, whole=True) as picture:
        mode, bits = picture.mode, np.asarray(picture)
    if mode != "L" or int(bits.max(initial=0)) >= 1 << classes:
        raise DataError(f"{path}: mode {mode}, values to {bits.max(initial=0)}: want L, 0 to {(1 << classes) - 1}")
    return np.asarray(unpacked(bits[None], classes)[0])


def masks_listed(folder: PhotoFolder) -> list[Path | None]:
    """The mask of each of the folder's files; None where there is none."""
    stems = (
        [file.stem for file in folder.files] if folder.ready_cut else [photo_stem(one.name) for one in folder.photos]
    )
    places = [mask_file(folder.root, stem) for stem in stems]
    return [place if place.is_file() else None for place in places]


def cut_masks(masks: Mask, photo: Photo, path: Path, grid: Grid, resolution: int) -> Mask:
    """Masks `(K, H, W)` of a photo → `(cells, K, resolution, resolution)`, straightened and cut as the photo is."""
    corners = checked_corners(photo, masks.shape[2], masks.shape[1], path)
    planes = [split_cells(rectify(_grey(mask), corners, grid)[..., None], grid) for mask in masks]
    return np.stack([np.stack([shrunk_lines(cell[..., 0], resolution) for cell in cells]) for cells in planes], axis=1)


def shrunk_lines(grey: npt.NDArray[np.uint8], resolution: int) -> npt.NDArray[np.bool_]:
    """Covered shares times 255, `(H, W)` → `(resolution, resolution)`: what at least COVERED of the area says."""
    return np.asarray(resize(grey, (resolution, resolution)) >= 255 * COVERED)


def _grey(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.asarray(255 * mask, np.uint8)
