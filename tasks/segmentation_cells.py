"""A folder of photos of phones, or of cells, marked cell by cell: the table of `segmentation_folder`, and each phone outlined."""

import csv
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from datamodules.base.errors import DataError
from datamodules.masks.contours import legend, outlined
from datamodules.masks.measures import extent
from datamodules.prediction_inputs import InputSpec, read_samples
from storage.spreadsheet import harmless
from storage.whole_file import replaced
from tasks.predictors import outline_in
from tasks.segmentation_folder import COLUMNS, Segmenter, rows_of

ALL_COLUMNS = ("photo", "row", "col", *COLUMNS, "length_px", "length")


class CellSegmenter(Segmenter, InputSpec, Protocol):
    """A segmenter that takes cells."""


def mark_cells(root: Path, segmenter: CellSegmenter, path: Path, pictures: str) -> str:
    """Marks every cell; says in a few words what was found.

    Writes `path`, a csv with photo, row, col, the columns of `segmentation_folder.mark_folder`, of masks as large as the
    network's input, and the length of what is marked, in their pixels and by the cell's diagonal; and beside it a folder `<name>_outlined` with the straightened phones. `pictures`: see `read_samples`.
    """
    from PIL import Image
    from tqdm import tqdm

    folder = path.with_name(f"{path.stem}_outlined")
    seen = found = damaged = 0
    samples = read_samples(root, segmenter, find=outline_in, pictures=pictures, graded=False)
    photos = groupby(samples, key=lambda sample: str(sample[0]["file"]))
    with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, ALL_COLUMNS)
        writer.writeheader()
        for name, group in tqdm(photos, desc="marking", unit="photo", leave=False, disable=None):
            cells = list(group)
            masks = segmenter.marked(np.stack([pixels for _, pixels in cells]))
            for (columns, _), mask in zip(cells, masks, strict=True):
                place = {"photo": name, "row": columns.get("row", ""), "col": columns.get("col", "")}
                for row in rows_of(str(columns.get("cell", name)), mask, segmenter.labels):
                    length = extent(mask[int(row["ClassId"]) - 1]).lengths
                    writer.writerow({key: harmless(value) for key, value in (place | row | length).items()})
                seen, damaged = seen + 1, damaged + bool(mask.any())
                found += int(mask.any(axis=(1, 2)).sum())
            drawn = _joined([outlined(pixels, mask) for (_, pixels), mask in zip(cells, masks, strict=True)], cells)
            target = folder / f"{name}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            below = legend(drawn.shape[1], segmenter.labels)
            with replaced(target) as picture:
                Image.fromarray(np.concatenate([drawn, below])).save(picture, "JPEG", quality=90)
    if not seen:
        raise DataError(f"input={root}: none of its images can be read")
    return f"{seen} cells, {damaged} with damage, {found} masks: {path}, outlined in {folder}"


def _joined(pictures: list[npt.NDArray[np.uint8]], cells: list[Any]) -> npt.NDArray[np.uint8]:
    """Cells `(h, w, 3)` of one photo as they lie on the phone; a picture that is one cell is itself."""
    columns = 1 + max(int(place.get("col", 0)) for place, _ in cells)
    rows = [np.concatenate(pictures[at : at + columns], axis=1) for at in range(0, len(pictures), columns)]
    return np.concatenate(rows)
