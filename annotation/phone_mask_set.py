"""Masks drawn on photos of phones, or on their cells, as the folder that `datamodule=phone_photos task=segmentation` reads."""

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from annotation.imported import LeftOut
from annotation.log import AnnotationError
from annotation.mask_set import check_new, whole_folder
from annotation.mask_source import MaskSource, classes_of
from annotation.photos import PhotoFile
from datamodules.base.errors import DataError
from datamodules.base.tables import Table, same_name
from datamodules.masks.run_lengths import Mask, decode, encode
from datamodules.screens.grid import Grid
from datamodules.screens.mask_files import FOLDER, cut_masks, mask_file, write_classes, write_masks
from datamodules.screens.photo_folder import PhotoFolder, listed_photos, photo_stem
from datamodules.screens.profile import FILE, read_profile


@dataclass
class PhoneMaskSet:
    """Files of a folder with their masks as run lengths, before they are written."""

    folder: PhotoFolder
    runs: dict[int, dict[str, str]] = field(default_factory=dict)
    """Place among the folder's files → run lengths by class; of a file without damage none."""
    classes: list[str] = field(default_factory=list)

    @property
    def photos(self) -> list[int]:
        """Places of the photos of which some file has masks."""
        cells = self.folder.grid.cells if self.folder.ready_cut else 1
        return sorted({at // cells for at in self.runs})


def phones_in(data: Path) -> PhotoFolder:
    """The photos that photos.csv lists. Raises AnnotationError for a folder that is none of phones."""
    try:
        profile = read_profile(data)
        grid = Grid() if profile is None else Grid(profile.columns, profile.rows)
        return listed_photos(data, grid)
    except DataError as error:
        raise AnnotationError(f"--phones: {error}") from None


def gathered_on_phones(
    source: MaskSource, files: Mapping[str, PhotoFile], folder: PhotoFolder, *, keep_partial: bool
) -> PhoneMaskSet:
    """Goes through a source of masks of the folder's photos; arguments as `mask_set.gathered` has them.

    What is drawn beside the phone is no damage and is cut off. Raises AnnotationError for more classes than a pixel holds.
    """
    found, order = source.found, source.order
    places = {file.resolve(): at for at, file in enumerate(folder.files)}
    runs: dict[int, dict[str, str]] = {}
    drawn_on: dict[str, int] = {}
    beside: list[str] = []
    for photo, drawn in tqdm(source, desc="reading masks", unit="", leave=False, disable=None):
        at = places.get(files[photo].path.resolve())
        if at is None:
            found.left.append(LeftOut(photo, "", "photos.csv does not list it, so its outline is not known"))
            continue
        try:
            kept = {name: mask for name, mask in drawn.items() if _on_phone(mask[None], at, folder)}
        except DataError as error:
            found.left.append(LeftOut(photo, "", str(error)))
            continue
        beside += [f"{photo}: {name}" for name in drawn if name not in kept and drawn[name].any()]
        runs[at] = {name: encode(mask) for name, mask in kept.items()}
        drawn_on[photo] = at
    if beside:
        found.notes.append(
            f"{len(beside)} masks lie wholly outside of the phone's outline and are none, the first: {beside[0]}"
        )
    if not keep_partial:
        for photo in found.partial:
            runs.pop(drawn_on.get(photo, -1), None)
    return PhoneMaskSet(folder, runs, classes_of(order, set().union(*runs.values()), found))


def _on_phone(mask: Mask, at: int, folder: PhotoFolder) -> bool:
    if folder.ready_cut or not mask.any():
        return bool(mask.any())
    return bool(cut_masks(mask, folder.photos[at], folder.files[at], folder.grid, folder.grid.cell_px).any())


def write_phone_set(chosen: PhoneMaskSet, files: Mapping[str, PhotoFile], target: Path) -> None:
    """Writes photos.csv, photos/ or cells/, masks/ and the profile, whole or not at all. Raises AnnotationError for a folder that is there."""
    check_new(target)
    data, folder = chosen.folder.root, chosen.folder
    sizes = {one.path.resolve(): (one.height, one.width) for one in files.values()}
    cells = folder.grid.cells if folder.ready_cut else 1
    with whole_folder(target) as made:
        (made / FOLDER).mkdir()
        write_classes(made / FOLDER, chosen.classes)
        for photo in tqdm(chosen.photos, desc="writing photos", unit="", leave=False, disable=None):
            for at in range(photo * cells, (photo + 1) * cells):
                file = folder.files[at]
                place = Path("cells", file.name) if folder.ready_cut else Path("photos", folder.photos[photo].name)
                (made / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, made / place)
                if at in chosen.runs:
                    height, width = sizes[file.resolve()]
                    stem = file.stem if folder.ready_cut else photo_stem(folder.photos[photo].name)
                    empty = np.zeros((height, width), np.bool_)
                    masks = [
                        decode(chosen.runs[at][name], height, width) if name in chosen.runs[at] else empty
                        for name in chosen.classes
                    ]
                    write_masks(mask_file(made, stem), np.stack(masks))
        _write_table(data / "photos.csv", {folder.photos[photo].name for photo in chosen.photos}, made / "photos.csv")
        if (data / FILE).exists():
            shutil.copyfile(data / FILE, made / FILE)


def _write_table(source: Path, names: set[str], target: Path) -> None:
    table = Table(source, ("photo", "source_id"))
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, row in table if same_name(row["photo"]) in names)
