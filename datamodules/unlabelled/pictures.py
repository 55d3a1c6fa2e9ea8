"""What lies in a folder of pictures without labels, and its samples, cut as a data set's own are. No torch."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from datamodules.base.array_cache import build_array, disk_errors, is_kept, threaded_map
from datamodules.base.errors import DataError
from datamodules.base.pixels import Image, resize
from datamodules.images.decoding import SUFFIXES, centre_square, decode, size_of
from datamodules.screens.grid import Grid, cut_cells
from datamodules.screens.outline import OutlineError
from datamodules.screens.photo_folder import PhotoFolder, cell_name, checked_corners, listed_photos, photo_file
from datamodules.screens.profile import folder_profile
from datamodules.whole_photos import Find, kinds_of, trusted_corners

KEY = "task.unlabelled"
UNREADABLE = "that cannot be read"
NO_OUTLINE = "without an outline that can be trusted"


@dataclass(frozen=True)
class Picture:
    """A file without a label."""

    name: str
    """Relative to the folder, or as photos.csv has it."""
    file: Path
    source_id: str
    """Of the phone; empty where nothing says it."""
    corners: npt.NDArray[np.float64] | None
    """Of a whole phone, `(4, 2)` pixels; None: the picture is one sample."""

    def samples(self, grid: Grid | None) -> list[str]:
        """Names of what is cut from it, as the data set would call them."""
        if grid is None:
            return [self.name]
        if self.corners is None:
            return [Path(self.name).stem]
        return [cell_name(self.name, row, col) for row in range(grid.rows) for col in range(grid.columns)]


def files_in(root: Path) -> list[Path]:
    """All images below a folder. Raises DataError where there are none."""
    if not root.is_dir():
        raise DataError(
            f"{KEY}={root}: no such folder; want one of photos of phones, or of cells or pictures, without labels"
        )
    found: list[Path] = []
    seen: set[str] = set()
    for here, folders, names in os.walk(root, followlinks=True):  # photos/ may be a link to where they lie
        folders[:] = [one for one in folders if not one.startswith(".")]
        if (real := os.path.realpath(here)) in seen:
            folders[:] = []
            continue
        seen.add(real)
        found += [
            Path(here, name) for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    if not (files := sorted(path for path in found if path.is_file())):
        raise DataError(f"{KEY}={root}: no images in it; want {', '.join(sorted(SUFFIXES))}")
    return files


def content_digest(root: Path) -> str:
    """16 hex digits over names and bytes of the images in a folder and its photos.csv, wherever it lies. Raises DataError."""
    files = [*files_in(root), *(path for path in [root / "photos.csv"] if path.is_file())]
    try:
        stats = [(path, path.stat()) for path in files]
        return _digest(root, tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats))
    except OSError as error:
        raise DataError(f"{KEY}={root}: {error.filename}: cannot be read ({error.strerror})") from None


@lru_cache(maxsize=8)
def _digest(root: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, size, _ in files:
        digest.update(f"{path.relative_to(root).as_posix()} {size} ".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def grid_of(preprocessing: Mapping[str, Any]) -> Grid | None:
    """Into which a data set's photos are cut; None where a picture is one sample."""
    return Grid(**preprocessing["grid"]) if preprocessing["grid"] else None


def pictures_in(root: Path, grid: Grid | None, classes: int, find: Find | None) -> tuple[list[Picture], Counter[str]]:
    """The pictures of a folder, and how many are left out for which reason.

    Photos that photos.csv lists have its corners; in others the outline is looked for, and square pictures are cells.

    Args:
        root: the folder.
        grid: see `grid_of`.
        classes: how many the data set has.
        find: an outline in a photo; None takes every picture as one cell.

    Raises DataError for a folder that cannot be used.

    """
    files = files_in(root)
    if grid is None or not (root / "photos.csv").is_file():
        return _loose(root, files, grid, find)
    folder_profile(root, grid, classes)
    folder = listed_photos(root, grid)
    listed = _listed(folder, grid)
    if folder.ready_cut:
        return listed, Counter()
    place, known = photo_file(root, ""), {picture.file.resolve() for picture in listed}
    others = [path for path in files if path.is_relative_to(place) and path.resolve() not in known]
    flagged = {photo_file(root, name).resolve() for name in folder.unlabelled}
    loose, left_out = _loose(place, [path for path in others if path.resolve() not in flagged], grid, find)
    return [*listed, *loose], left_out


def _listed(folder: PhotoFolder, grid: Grid) -> list[Picture]:
    if folder.ready_cut:
        each = [photo for photo in folder.photos for _ in range(grid.cells)]
        return [Picture(file.name, file, photo.source_id, None) for photo, file in zip(each, folder.files, strict=True)]
    found = []
    for photo, file in zip(folder.photos, folder.files, strict=True):
        found.append(Picture(photo.name, file, photo.source_id, checked_corners(photo, *size_of(file), file)))
    return found


def _loose(
    root: Path, files: Sequence[Path], grid: Grid | None, find: Find | None
) -> tuple[list[Picture], Counter[str]]:
    whole = grid is not None and find is not None
    kinds = kinds_of(files, find) if whole and find is not None else dict.fromkeys(files, "cell")
    left_out = Counter({UNREADABLE: len(files) - len(kinds)} if len(files) > len(kinds) else {})
    paths = list(kinds)

    def look(at: int) -> tuple[npt.NDArray[np.float64] | None, str]:
        try:
            picture = decode(paths[at])
            if kinds[paths[at]] == "phone" and grid is not None and find is not None:
                return trusted_corners(picture, grid, find), ""
        except DataError:
            return None, UNREADABLE
        except OutlineError:
            return None, NO_OUTLINE
        return None, ""

    found = []
    # one after the other: the network that looks for outlines is one, and holds its own threads
    for path, (corners, reason) in zip(paths, map(look, range(len(paths))), strict=True):
        if reason:
            left_out[reason] += 1
        else:
            found.append(Picture(path.relative_to(root).as_posix(), path, "", corners))
    return found, left_out


def cut(
    pictures: Sequence[Picture], preprocessing: Mapping[str, Any], resolution: int, cache: Path, digest: str
) -> npt.NDArray[np.uint8]:
    """All samples of pictures, one picture after another, `(M, resolution, resolution, 3)`, memory-mapped; built on first use.

    Args:
        digest: of the files' content.

    Raises DataError for an unreadable image.

    """
    grid = grid_of(preprocessing)
    told = [
        digest,
        dict(preprocessing),
        [(one.name, one.corners is not None and one.corners.tolist()) for one in pictures],
    ]
    name = f"unlabelled-{hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()}-{resolution}"
    path = cache / f"{name}.npy"

    def block(at: int) -> Image:
        one = pictures[at]
        picture = decode(one.file)
        if grid is None:
            whole = preprocessing["crop"] == "centre"
            return (centre_square(picture, resolution) if whole else resize(picture, (resolution, resolution)))[None]
        side = (grid.cell_px, grid.cell_px)
        cells = [resize(picture, side)] if one.corners is None else list(cut_cells(picture, one.corners, grid))
        return np.stack([resize(cell, (resolution, resolution)) for cell in cells])

    count = sum(len(one.samples(grid)) for one in pictures)
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{name}.lock"):
            shape = (count, resolution, resolution, 3)
            if not is_kept(path, shape):
                build_array(
                    path,
                    shape,
                    threaded_map(block, range(len(pictures))),
                    len(pictures),
                    "cutting pictures without labels",
                )
    return np.asarray(np.load(path, mmap_mode="r"))
