"""Masks that are pictures: one with numbers or colours per image, a folder per class, or black and white."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from annotation.class_lists import ClassList, beside, class_list, list_of_file
from annotation.imported import LeftOut
from annotation.log import AnnotationError
from annotation.mask_files import MaskFile, by_image, is_named_as_mask, pictures
from annotation.mask_source import ClassMask, Collected, Masks, Options, add_mask
from annotation.photos import PhotoFile, upright
from annotation.png_pixels import (
    MASK_SUFFIXES,
    MaskPixels,
    colours_of,
    is_shaded,
    of_list,
    of_two,
    read_pixels,
    values_of,
)
from datamodules.base.errors import DataError
from datamodules.images.decoding import SIDEWAYS
from datamodules.images.index import NAMES_OF_PARTS

ONLY = "defect"
"""The class of black and white masks, where nothing names it."""
VOC = "SegmentationClass"
"""The folder of masks in what CVAT and others write after PASCAL VOC."""
LOOKED_AT = 50
"""Masks by whose values it is told whether they are black and white."""


class PngMasks:
    """A folder of masks, and the images that they belong to.

    Args:
        folder: of the masks.
        images: the folder of images; where it is the same, masks are the files named `…_mask.png`.
        files: the images, by their paths in their folder.
        options: see `Options`.

    Raises AnnotationError for a folder without masks, and for masks whose classes nothing names.

    """

    def __init__(self, folder: Path, images: Path, files: Mapping[str, PhotoFile], options: Options) -> None:
        self.found, self.options = Collected(), options
        self.root = folder / VOC if (folder / VOC).is_dir() else folder
        paths = list(pictures(self.root))
        if self.root.resolve() == images.resolve():
            paths = [path for path in paths if is_named_as_mask(path)]
            files = {name: file for name, file in files.items() if not is_named_as_mask(file.path)}
        self.files = files
        masks = [path for path in paths if path.suffix.lower() in MASK_SUFFIXES]
        if not masks:
            raise AnnotationError(f"--from {folder}: no masks in it; want PNG files named as the images")
        self.classes = class_list(options.classes) if options.classes else None
        self.kinds = [] if self.classes else _class_folders(self.root, masks, files, self.found.notes)
        if not self.classes:
            self.classes = self._listed(folder)
        if not self.classes and not self.kinds:
            self.classes = self._only(masks)
        self._entries = by_image(files, [self._file(path) for path in paths], self.found.left)
        names = self.classes.names if self.classes else self.kinds
        options.naming.check(folder, names)
        self.order = [name for name in dict.fromkeys(map(options.naming.of, names)) if name is not None]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[str, Masks]]:
        """Every image with something drawn on it, and with `empty_is_clean` those without."""
        shaded = []
        for photo, entries in self._entries.items():
            masks: Masks = {}
            read, drawn = 0, False
            for entry in entries:
                try:
                    if entry.path.suffix.lower() not in MASK_SUFFIXES:
                        raise ValueError(f"{entry.path.suffix} blurs a mask; want PNG")
                    pixels = read_pixels(entry.path)
                    own = self._of(entry, pixels)
                    for name, mask in own.items():
                        self._add(masks, name, fitted(mask, self.files[photo], self.found.notes, entry.told))
                    shaded += [entry.told] * ((bool(entry.kind) or len(self.order) == 1) and is_shaded(pixels))
                    drawn |= any(mask.any() for mask in own.values())
                    read += 1
                except (DataError, ValueError) as error:
                    self.found.left.append(LeftOut(entry.told, "", str(error).removeprefix(f"{entry.path}: ")))
            if read and read < len(entries):
                self.found.partial.append(photo)
            if drawn:
                yield photo, masks
            elif read == len(entries):
                self.found.empty.append(photo)
                if self.options.empty_is_clean:
                    yield photo, {}
        yield from self._without_masks()
        if shaded:
            self.found.notes.append(
                f"{shaded[0]}{f' and {len(shaded) - 1} more' if len(shaded) > 1 else ''}: has values between black and white; "
                "from 128 on a pixel is taken"
            )

    def _without_masks(self) -> Iterator[tuple[str, Masks]]:
        """In folders per class an image on which nothing is drawn has no file."""
        bare = [name for name in self.files if name not in self._entries]
        if self.kinds:
            self.found.empty += bare
            if self.options.empty_is_clean:
                yield from ((name, {}) for name in bare)
        elif bare:
            self.found.notes.append(f"{len(bare)} images have no mask and were left out, the first: {bare[0]}")

    def _of(self, entry: MaskFile, pixels: MaskPixels) -> Masks:
        if self.classes:
            return of_list(pixels, self.classes, self.options.background)
        return {entry.kind: of_two(pixels)}

    def _add(self, masks: Masks, name: str, mask: ClassMask) -> None:
        own = self.options.naming.of(name)
        if own is not None:
            add_mask(masks, own, mask)

    def _listed(self, folder: Path) -> ClassList | None:
        """What a tool has listed beside the masks; nothing where folders are the classes of that list, or there is none."""
        path = beside(folder)
        if path is None:
            return None
        listed = list_of_file(path)
        if self.kinds and set(self.kinds) <= set(listed.names):
            return None
        self.kinds = []
        self.found.notes.append(f"the classes are those of {path}")
        return listed

    def _only(self, masks: Sequence[Path]) -> ClassList:
        """The one class of black and white masks. Raises AnnotationError for masks with several numbers or colours."""
        values: set[int] = set()
        for path in masks[:LOOKED_AT]:
            try:
                pixels = read_pixels(path)
            except DataError:
                continue  # named when it is read
            if pixels.numbers is None:
                first = ", ".join(map(str, colours_of(pixels)[:4]))
                raise AnnotationError(
                    f"{path}: holds colours, {first}: which classes are they? want --classes <file>, a line NAME:RED,GREEN,BLUE for each"
                )
            values |= values_of(pixels)
        if len(values) > 1 and max(values) < 128:
            names = ",".join(f"{value}=NAME" for value in sorted(values))
            raise AnnotationError(
                f"{masks[0].parent}: masks with the values {', '.join(map(str, sorted(values)))}: which classes are they? want --classes {names}"
            )
        self.found.notes.append(f"masks of two values: the class is called {ONLY}; --classes NAME calls it otherwise")
        return ClassList(numbers={1: ONLY})

    def _file(self, path: Path) -> MaskFile:
        told = path.relative_to(self.root)
        if not self.kinds:
            return MaskFile(path, told.as_posix(), told.as_posix())
        return MaskFile(path, told.as_posix(), Path(*told.parts[1:]).as_posix(), told.parts[0])


def _class_folders(root: Path, masks: Sequence[Path], files: Mapping[str, PhotoFile], notes: list[str]) -> list[str]:
    """Names of the folders that are classes; none where masks lie beside them, or where the folders are those of the images.

    Raises AnnotationError where some of them are folders of images and others are not.
    """
    inside = [path.relative_to(root).parts for path in masks]
    names = sorted({parts[0] for parts in inside if len(parts) > 1})
    if any(len(parts) == 1 for parts in inside) or all(name.lower() in NAMES_OF_PARTS for name in names):
        return []
    own = [name for name in names if any(name in photo.split("/")[:-1] for photo in files)]
    if own and len(own) < len(names):
        other = next(name for name in names if name not in own)
        raise AnnotationError(
            f"{root}: {own[0]} is a folder of the images as well and {other} is none: which of them are classes? want folders of classes "
            "alone, or --classes with the masks' values"
        )
    if own:
        notes.append(f"the folders {', '.join(own[:3])} are those of the images, and no classes")
    return [] if own else names


def fitted(mask: ClassMask, file: PhotoFile, notes: list[str], told: str) -> ClassMask:
    """A mask as its image is seen. Raises ValueError for one of another size."""
    if mask.shape == (file.height, file.width):
        return mask
    if file.orientation in SIDEWAYS and mask.shape == (file.width, file.height):
        notes.append(f"{told}: drawn on the picture before its EXIF turn, turned with it")
        return upright(mask.astype(np.uint8), file.orientation) > 0
    raise ValueError(f"{mask.shape[1]} x {mask.shape[0]} pixels; {file.name} has {file.width} x {file.height}")
