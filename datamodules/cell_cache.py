"""Cells cut once and kept as memory-mapped uint8 arrays, under a name made of everything their pixels depend on."""

import errno
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from tqdm import tqdm

from datamodules.decoding import decode
from datamodules.photo_folder import DataError, PhotoFolder, checked_corners
from datamodules.screen_grid import Image, cut_cells, resize

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
            if not full.exists():
                build_array(full, (count, side, side, 3), _cut(folder), len(folder.files), "cutting cells")
            if not path.exists():
                cells = np.load(full, mmap_mode="r")
                small: Iterable[Image] = (resize(cell, (resolution, resolution))[None] for cell in cells)
                build_array(path, (count, resolution, resolution, 3), small, count, f"resizing to {resolution} px")
    return np.asarray(np.load(path, mmap_mode="r"))


@contextmanager
def disk_errors(cache: Path, key: str = "paths.cache", doing: str = "caching images") -> Iterator[None]:
    """Turns a full or unwritable folder into a DataError that names it and the `key` that sets it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(f"{cache}: disk full while {doing}; free space or set {key} elsewhere") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise DataError(f"{cache}: cannot write here ({error.strerror}); set {key} elsewhere") from None
        raise


def build_array(path: Path, shape: tuple[int, ...], blocks: Iterable[Image], total: int, title: str) -> None:
    """Writes blocks one after another into a new .npy, which gets its final name when it is whole."""
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
            for block in tqdm(blocks, total=total, desc=title, unit="", leave=False, disable=None):
                file.write(np.ascontiguousarray(block).tobytes())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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

    return in_order(one, range(len(folder.files)))


def in_order[Result](function: Callable[[int], Result], items: range, ahead: int = 8) -> Iterator[Result]:
    """`map` over threads that holds at most `ahead` results, so that a large data set never sits in memory."""
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(function, item) for item in items[:ahead]]
        for item in items:
            result = waiting.pop(0).result()
            if item + ahead < len(items):
                waiting.append(pool.submit(function, items[item + ahead]))
            yield result
