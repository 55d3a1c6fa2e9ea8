"""Phones that may be in a data set twice, under two source ids: their photos would lie on both sides of a split."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from datamodules.base.array_cache import disk_errors, kept_json, threaded_map
from datamodules.base.pixels import Image, resize
from datamodules.images.local_features import LocalFeatures, copies, local_features
from datamodules.screens.cell_cache import cells_at
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import PhotoFolder
from storage.whole_file import write_whole

MOST_DIFFERENT_ENDS = 0.012
"""Mean difference of colour, 0 to 1, between both ends of two phones: camera, earpiece, keys and frame. Of 76 photos of 22 phones no
two of different phones came nearer than 0.0127; with the local features, 5 of 11 phones whose photos were given two ids are found."""
SMALL = (18, 30)
"""Width and height at which the ends are compared, pixels; an eighth of the height each."""


def photographed_twice(folder: PhotoFolder, pixels: str, cache: Path) -> list[tuple[str, str]]:
    """Names of photos `(one, other)` that show the same phone by its looks and have different source ids.

    Straightened phones are compared, see `datamodules.images.local_features`; a pair for each link between two sources, not each
    pair of photos. Kept in `cache`; `pixels` is the folder's `fingerprint_pixels`.
    """
    path = cache / f"same-phones-{pixels}.json"
    with disk_errors(cache):
        cells = cells_at(folder, pixels, folder.grid.cell_px, cache)
        with FileLock(path.with_suffix(".lock")):
            if not isinstance(found := kept_json(path), list):

                def look(at: int) -> PhoneLook:
                    own = cells[at * folder.grid.cells : (at + 1) * folder.grid.cells]
                    return phone_look(mosaic(own, folder.grid))

                found = same_phones(list(threaded_map(look, range(len(folder.photos)))))
                write_whole(path, json.dumps(found))
    pairs = [(folder.photos[one], folder.photos[other]) for one, other in found]
    return [(one.name, other.name) for one, other in pairs if one.source_id != other.source_id]


PhoneLook = tuple[LocalFeatures, npt.NDArray[np.float32]]
"""What a straightened phone is compared by."""


def phone_look(phone: Image) -> PhoneLook:
    """Of a straightened phone, `(H, W, 3)`."""
    return local_features(phone), _ends(phone)


def same_phones(looks: Sequence[PhoneLook]) -> list[tuple[int, int]]:
    """Pairs of places of looks that are of one phone; not every pair of several photos of it."""
    return [*copies([local for local, _ in looks]), *_same_ends(np.array([ends for _, ends in looks]))]


def _ends(phone: Image) -> npt.NDArray[np.float32]:
    """Colours of both ends as differences from their mean, `(n,)`, 0 to 1."""
    small, rows = resize(phone, SMALL).astype(np.float32) / 255, SMALL[1] // 8
    ends = np.concatenate([small[:rows], small[-rows:]]).reshape(-1, 3)
    return np.asarray((ends - ends.mean(axis=0)).ravel(), np.float32)


def _same_ends(ends: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs of rows of `(N, n)`."""
    found = []
    telling = np.abs(ends).mean(axis=1) > 2 * MOST_DIFFERENT_ENDS  # ends of one colour are those of any phone
    for at, own in enumerate(ends[:-1]):
        alike = np.abs(ends[at + 1 :] - own).mean(axis=1) < MOST_DIFFERENT_ENDS
        near = np.flatnonzero(alike & telling[at + 1 :] & telling[at])
        found += [(at, at + 1 + int(other)) for other in near]
    return found


def mosaic(cells: Image, grid: Grid) -> Image:
    """`(rows · columns, S, S, 3)` → the phone, `(rows · S, columns · S, 3)`."""
    side = cells.shape[1]
    rows = np.asarray(cells).reshape(grid.rows, grid.columns, side, side, 3)
    return np.ascontiguousarray(rows.transpose(0, 2, 1, 3, 4).reshape(grid.rows * side, grid.columns * side, 3))
