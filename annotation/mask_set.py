"""Masks of images as the folder that `datamodule=severstal` reads: `train_images/` and `train.csv` with a line per class."""

import csv
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from annotation.imported import LeftOut
from annotation.log import AnnotationError
from annotation.mask_source import ClassMask, Collected, Masks, MaskSource, classes_of
from annotation.photos import PhotoFile
from datamodules.base.errors import DataError
from datamodules.base.pixels import resize
from datamodules.images.decoding import decode
from datamodules.masks.bits import shrunk
from datamodules.masks.run_lengths import encode
from storage.spreadsheet import STARTS, harmless

IMAGES, TABLE = "train_images", "train.csv"
COLUMNS = ("ImageId", "ClassId", "EncodedPixels", "ClassName")
Size = tuple[int, int]
"""Width and height, pixels."""


@dataclass
class _Image:
    size: Size
    runs: dict[str, str] = field(default_factory=dict)
    """By class."""
    pixels: dict[str, int] = field(default_factory=dict)


@dataclass
class MaskSet:
    """Images with their masks as run lengths, before they are written."""

    images: dict[str, _Image] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    size: Size = (0, 0)


def gathered(
    source: MaskSource, files: Mapping[str, PhotoFile], size: Size | None, *, keep_partial: bool = True
) -> MaskSet:
    """Goes through a source; what differs in size is left out, and classes without a pixel are none.

    Args:
        source: image and masks; its `found` takes lines and notes.
        files: the images, by their paths in their folder.
        size: to bring all images to; None takes the size that most of them have.
        keep_partial: whether images stay of which a drawing could not be read.

    Raises AnnotationError for more classes than a set holds.

    """
    found, order = source.found, source.order
    images: dict[str, _Image] = {}
    overlaps: list[str] = []
    vanished: list[str] = []
    for photo, drawn in tqdm(source, desc="reading masks", unit="", leave=False, disable=None):
        try:
            decode(files[photo].path)
        except DataError as error:
            found.left.append(LeftOut(photo, "", str(error).removeprefix(f"{files[photo].path}: ")))
            continue
        own = (files[photo].width, files[photo].height)
        masks = {name: _sized(mask, size or own) for name, mask in drawn.items()}
        vanished += [f"{photo}: {name}" for name in drawn if drawn[name].any() and not masks[name].any()]
        masks = {name: mask for name, mask in masks.items() if mask.any()}
        overlaps += _overlap(photo, masks)
        images[photo] = _Image(
            size or own,
            {name: encode(mask) for name, mask in masks.items()},
            {name: int(mask.sum()) for name, mask in masks.items()},
        )
    if overlaps:
        found.notes.append(
            f"{len(overlaps)} images have pixels of two classes at once, which both keep; the first: {overlaps[0]}"
        )
    if vanished:
        found.notes.append(f"{len(vanished)} masks are too small to be seen at the new size, the first: {vanished[0]}")
    kept = {name: one for name, one in images.items() if keep_partial or name not in set(found.partial)}
    return _of_one_size(kept, order, found)


def _sized(mask: ClassMask, size: Size) -> ClassMask:
    return np.asarray(shrunk(mask[None], size[1], size[0])[0], np.bool_)


def _overlap(photo: str, masks: Masks) -> list[str]:
    if len(masks) < 2:
        return []
    depth = np.sum(list(masks.values()), axis=0, dtype=np.uint8)
    twice = depth > 1
    if not twice.any():
        return []
    names = [name for name, mask in masks.items() if (mask & twice).any()]
    return [f"{photo}, {int(twice.sum())} pixels of {' and '.join(names[:3])}"]


def _of_one_size(images: dict[str, _Image], order: Sequence[str], found: Collected) -> MaskSet:
    if not images:
        return MaskSet()
    size = Counter(one.size for one in images.values()).most_common(1)[0][0]
    for name, one in images.items():
        if one.size != size:
            found.left.append(
                LeftOut(
                    name,
                    "",
                    f"{one.size[0]} x {one.size[1]} pixels, most have {size[0]} x {size[1]}; --size {size[0]}x{size[1]} brings all to that",
                )
            )
    kept = {name: one for name, one in images.items() if one.size == size}
    pixels: Counter[str] = Counter()
    for one in kept.values():
        pixels.update(one.pixels)
    classes = classes_of(order, +pixels, found)
    area = size[0] * size[1] * len(kept)
    for name in classes:
        if pixels[name] > area / 2:
            found.notes.append(
                f"{name} covers {pixels[name] / area:.0%} of all pixels: are its masks the wrong way round?"
            )
    return MaskSet(kept, classes, size)


def write_set(chosen: MaskSet, files: Mapping[str, PhotoFile], target: Path) -> None:
    """Writes the folder whole or not at all. Raises AnnotationError for one that is there already."""
    check_new(target)
    resized = {name for name in chosen.images if (files[name].width, files[name].height) != chosen.size}
    names = _flat(chosen.images, resized)
    with whole_folder(target) as folder:
        (folder / IMAGES).mkdir()
        bar = tqdm(chosen.images.items(), desc="writing images", unit="", leave=False, disable=None)
        with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for photo, one in bar:
                _write_image(files[photo], chosen.size, folder / IMAGES / names[photo])
                for number, name in enumerate(chosen.classes, 1):
                    if name in one.runs:
                        writer.writerow((names[photo], number, one.runs[name], harmless(name)))


def check_new(target: Path) -> None:
    """Raises AnnotationError for a folder with something in it, or a file in its place."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AnnotationError(f"--to {target}: is there already; want a new folder")


def _write_image(file: PhotoFile, size: Size, target: Path) -> None:
    if (file.width, file.height) == size:
        shutil.copyfile(file.path, target)
        return
    Image.fromarray(resize(decode(file.path), size)).save(target)


def _flat(images: Iterable[str], resized: set[str]) -> dict[str, str]:
    """Names without folders, none twice where case does not count; a resized picture is a PNG."""
    images = list(images)
    often = Counter(PurePosixPath(photo).name.casefold() for photo in images)
    taken: set[str] = set()
    names = {}
    for photo in images:
        own = PurePosixPath(photo)
        plain = own if often[own.name.casefold()] == 1 else PurePosixPath(photo.replace("/", "_"))
        stem = f"image{plain.stem}" if plain.stem.startswith(STARTS) else plain.stem
        suffix = ".png" if photo in resized else plain.suffix
        name, number = f"{stem}{suffix}", 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}_{number}{suffix}"
        taken.add(name.casefold())
        names[photo] = name
    return names


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends well."""
    unfinished = target.parent / f".{target.name}.{os.getpid()}"
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if target.is_dir():
            target.rmdir()  # empty, as `check_new` has seen
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
