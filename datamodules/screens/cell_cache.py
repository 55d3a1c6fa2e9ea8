"""Cells cut once and kept as memory-mapped uint8 arrays, under a name made of everything their pixels depend on."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from datamodules.base.array_cache import build_array, disk_errors, is_kept, threaded_map
from datamodules.base.pixels import Image, resize
from datamodules.images.decoding import decode
from datamodules.screens.grid import cut_cells
from datamodules.screens.photo_folder import PhotoFolder, checked_corners

CACHE_VERSION = 2
"""Raised when cutting or resizing changes, so that old caches are not read."""


def fingerprint_pixels(folder: PhotoFolder) -> str:
    """16 hex digits over the image bytes, the corners and sizes of the photos and the grid."""
    files = tuple((file, stat.st_size, stat.st_mtime_ns) for file in folder.files for stat in [file.stat()])
    photos = tuple(
        (f"{photo.name} {photo.size}", b"" if photo.corners is None else photo.corners.tobytes())
        for photo in folder.photos
    )
    return _fingerprint(json.dumps([CACHE_VERSION, asdict(folder.grid)]), files, photos)


@lru_cache(maxsize=8)
def _fingerprint(settings: str, files: tuple[tuple[Path, int, int], ...], photos: tuple[tuple[str, bytes], ...]) -> str:
    """The jobs of a grid read the files once, as long as their sizes and times stay."""
    digest = hashlib.blake2b(settings.encode(), digest_size=8)
    for file, _, _ in files:
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    for described, corners in photos:
        digest.update(described.encode())
        digest.update(corners)
    return digest.hexdigest()


def cells_at(folder: PhotoFolder, pixels: str, resolution: int, cache: Path) -> npt.NDArray[np.uint8]:
    """All cells of the folder at `resolution`, `(cells, resolution, resolution, 3)` RGB, memory-mapped.

    `pixels` is the folder's `fingerprint_pixels`. Built on first use, first at the grid's own size, then resized.
    An interrupted build leaves nothing under the final name. Raises DataError for an unreadable image.
    """
    side = folder.grid.cell_px
    full = cache / f"cells-{pixels}-{side}.npy"
    path = cache / f"cells-{pixels}-{resolution}.npy"
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"cells-{pixels}.lock"):
            count = len(folder.photos) * folder.grid.cells
            if not is_kept(full, (count, side, side, 3)):
                build_array(full, (count, side, side, 3), _cut(folder), len(folder.files), "cutting cells")
            if not is_kept(path, (count, resolution, resolution, 3)):
                cells = np.load(full, mmap_mode="r")
                small: Iterable[Image] = (resize(cell, (resolution, resolution))[None] for cell in cells)
                build_array(path, (count, resolution, resolution, 3), small, count, f"resizing to {resolution} px")
    return np.asarray(np.load(path, mmap_mode="r"))


def _cut(folder: PhotoFolder) -> Iterator[Image]:
    """The cells of each image file in order, decoded on a few threads with little in memory at once."""
    side = folder.grid.cell_px

    def one(index: int) -> Image:
        path = folder.files[index]
        picture = decode(path)
        if folder.ready_cut:
            return resize(picture, (side, side))[None]
        corners = checked_corners(folder.photos[index], picture.shape[1], picture.shape[0], path)
        return cut_cells(picture, corners, folder.grid)

    return threaded_map(one, range(len(folder.files)))
