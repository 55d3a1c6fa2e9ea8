"""A folder of pictures, marked: a csv as Kaggle's Severstal competition has it, and the pictures with what was found outlined."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.images.decoding import SUFFIXES, decode
from datamodules.masks.contours import legend, outlined
from datamodules.masks.run_lengths import encode
from datamodules.masks.tiles import by_tiles
from storage.whole_file import replaced

Images = npt.NDArray[np.uint8]
COLUMNS = ("ImageId", "ClassId", "EncodedPixels", "class_name", "pixels", "share")
MOST_JPEG = 65_000
"""Pixels of a side that a JPEG can have."""


class Segmenter(Protocol):
    """What answers for pixels, and what has to be known to name and cut them."""

    labels: list[str]
    size: tuple[int, int]
    """Height and width of what `probabilities` takes."""

    min_pixels: int
    """A class of fewer pixels of a picture is not there."""
    min_share: float
    """The same as a share of the picture."""

    @property
    def threshold(self) -> float:
        """A pixel whose probability is above belongs to the class."""

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        """Raw RGB `(N, height, width, 3)` → `(N, height, width, K)`."""

    def marked(self, images: Images) -> npt.NDArray[np.bool_]:
        """The same → masks `(N, K, height, width)`."""


def mark_folder(root: Path, segmenter: Segmenter, path: Path) -> str:
    """Marks every picture of a folder; says in a few words what was found.

    Each picture's rows are written before the next is read. Writes `path`, a csv with ImageId, ClassId from 1, EncodedPixels (a
    class that a picture lacks, or has fewer pixels of than `segmenter` wants, has no row, a picture without any has one of class 1 without runs), class name, pixels and
    share of the picture; and beside it a folder `<name>_outlined` with the pictures.
    """
    from PIL import Image
    from tqdm import tqdm

    files = sorted(one for one in root.rglob("*") if one.suffix.lower() in SUFFIXES) if root.is_dir() else []
    if not files:
        raise DataError(
            f"input={root}: no images in it; want {', '.join(sorted(SUFFIXES))}"
            if root.is_dir()
            else f"input={root}: no such folder"
        )
    pictures = path.with_name(f"{path.stem}_outlined")
    pictures.mkdir(parents=True, exist_ok=True)
    seen = found = left = 0
    with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for name, picture in _read(tqdm(files, desc="marking", unit="image", leave=False, disable=None), root):
            masks = by_tiles(picture, segmenter.size, segmenter.probabilities).transpose(2, 0, 1) > segmenter.threshold
            small = specks(masks, segmenter)
            masks[small] = False
            rows = rows_of(name, masks, segmenter.labels)
            writer.writerows(rows)
            target = pictures / f"{name}{'.jpg' if max(picture.shape) < MOST_JPEG else '.png'}"
            target.parent.mkdir(parents=True, exist_ok=True)
            below = legend(picture.shape[1], segmenter.labels)
            with replaced(target) as drawn:
                Image.fromarray(np.concatenate([outlined(picture, masks), below])).save(drawn, quality=90)
            seen, found = seen + 1, found + sum(bool(row["EncodedPixels"]) for row in rows)
            left += int(small.sum())
    if not seen:
        raise DataError(f"input={root}: none of its {len(files)} images can be read")
    left_out = f" ({left} smaller ones left out: min_pixels, min_share)" if left else ""
    return f"{seen} images, {found} masks{left_out}: {path}, outlined in {pictures}"


def _read(files: Any, root: Path) -> Iterator[tuple[str, Images]]:
    for path in files:
        try:
            yield str(path.relative_to(root)), decode(path)
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)


def specks(masks: npt.NDArray[np.bool_], segmenter: Segmenter) -> npt.NDArray[np.bool_]:
    """Of masks `(K, H, W)` which classes have some pixels, but too few of them `(K,)`."""
    pixels = masks.sum(axis=(1, 2))
    least = segmenter.min_share * masks[0].size
    return np.asarray((pixels > 0) & ((pixels < segmenter.min_pixels) | (pixels <= least)))


def rows_of(name: str, masks: npt.NDArray[np.bool_], labels: list[str]) -> list[dict[str, Any]]:
    """Lines of the table for masks `(K, H, W)` of one picture."""
    found = [(at, mask) for at, mask in enumerate(masks) if mask.any()]
    rows = [
        {"ImageId": name, "ClassId": at + 1, "EncodedPixels": encode(mask), "class_name": labels[at],
         "pixels": int(mask.sum()), "share": round(float(mask.mean()), 6)}
        for at, mask in found
    ]  # fmt: skip
    nothing = {"ImageId": name, "ClassId": 1, "EncodedPixels": "", "class_name": "", "pixels": 0, "share": 0.0}
    return rows or [nothing]
