"""Steel sheets with four kinds of defects: the data of Severstal's Kaggle competition of 2019."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from choices.settings import Count, Names, Text
from datamodules.base.data_set import DividedFolder
from datamodules.base.errors import DataError
from datamodules.base.samples import Division
from datamodules.images.decoding import SUFFIXES
from datamodules.images.index import ImageEntry, scan_images, whole_ones
from datamodules.masks.bits import checked_names
from datamodules.masks.defect_table import read_defects
from datamodules.masks.samples import MaskSamples


class Severstal(DividedFolder):
    """Reads and checks a folder of images and a table of run lengths.

    Args:
        root: the folder: `<images>/*.jpg` and `<table>`.
        class_names: what the table numbers from 1.
        images, table: names within the folder.
        test_images: about so many, of every set of classes its share, are held back as the test set; 0 makes the
            fold the test set.
        divided: see `DividedFolder`.

    """

    split_keys = (*DividedFolder.split_keys, "test_images")

    def __init__(
        self,
        root: Text,
        *,
        class_names: Names,
        images: Text,
        table: Text,
        test_images: Count,
        **divided: Any,
    ) -> None:
        super().__init__(root, **divided)
        self.class_names = checked_names(class_names)
        self.images, self.table, self.test_images = images, table, test_images

    def load(self) -> MaskSamples:
        """Reads every file once; later starts find what was seen. Raises DataError on the first thing that is wrong."""
        folder = self.root / self.images
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder (datamodule.root, datamodule.images): want the images")
        found = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(f"{folder}: no images in it")
        return masks_of_table(
            folder, self.root / self.table, found, self.class_names, self.division, self.cache, {}, self.test_images
        )


def masks_of_table(
    folder: Path,
    path: Path,
    names: list[str],
    class_names: tuple[str, ...],
    division: Division,
    cache: Path,
    given: Mapping[str, str],
    test_images: int,
    *,
    keep_copies: bool = False,
) -> MaskSamples:
    """Images of a folder with the defects of a table; images that the table does not name have none.

    Raises DataError for a row that names no image, and for runs that do not fit their image.
    """
    table = read_defects(path, len(class_names), class_names)
    index = scan_images(folder, [ImageEntry(name, "", "") for name in names], cache)
    known = {path.name for path in folder.iterdir()}
    for image, defects in table.defects.items():
        if image not in known:
            raise DataError(f"{next(iter(defects.values())).where}: image {image} is not in {folder}")
    kept = whole_ones(folder, names, index)
    digest = hashlib.blake2b(path.read_bytes(), digest_size=4).hexdigest()
    samples = MaskSamples(
        folder,
        kept,
        class_names,
        index,
        table.masks,
        table.labels(kept),
        digest,
        division,
        cache,
        given,
        test_images,
        keep_copies,
    )
    width, height = samples.size
    for image in kept:
        table.masks(image, height, width)  # every row is looked at now, not after an hour of training
    return samples
