"""Grades, or masks, of a folder of images: `python predict.py run=runs/adhoc/<job> input=<folder>`.

`run` is a run's folder or a .tflite file that gridlite exported; the file is all that is needed of it.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from omegaconf import DictConfig

from conf.command_line import answer, stop_or_report, want
from conf.graders import Grader, grader_of
from conf.markers import mark_folder, marker_of, marks
from conf.schema import register
from datamodules.decoding import SUFFIXES, centre_square, decode
from datamodules.photo_folder import DataError, cell_name, checked_corners, read_photo_folder
from datamodules.screen_grid import Grid, Image, cut_cells, resize

Sample = tuple[dict[str, Any], Image]

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
def main(cfg: DictConfig) -> None:
    """Writes one csv row per image, per cell of a folder of phone photos, or per mask, and prints where."""
    want(cfg, run="a run's folder or an exported .tflite file", input="a folder of images")
    given = Path(cfg.run)
    folder = given.parent if given.suffix == ".tflite" else given
    with stop_or_report(folder):
        path = Path(cfg.output) if cfg.output else folder / f"predictions-{Path(cfg.input).resolve().name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        if marks(given):
            print(mark_folder(Path(cfg.input), marker_of(given, cfg.checkpoint), path))
            return
        grader = grader_of(given, cfg.checkpoint)
        samples = list(read_samples(Path(cfg.input), grader))
        if not samples:
            raise DataError(f"input={cfg.input}: none of its images can be read")
        rows = grade(samples, grader, cfg.batch_size)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        known = [row for row in rows if row.get("label", "") != ""]
        right = sum(row["grade"] == row["label"] for row in known)
        accuracy = f"accuracy {right / len(known):.3f} over {len(known)} labelled images, " if known else ""
        print(f"{accuracy}{len(rows)} graded: {path}")


def read_samples(root: Path, grader: Grader) -> Iterator[Sample]:
    """Columns and pixels `(S, S, 3)` of every cell; unreadable loose images are named on stderr and left out."""
    side, centred = grader.resolution, grader.preparation["crop"] == "centre"
    if not root.is_dir():
        raise DataError(f"input={root}: no such folder")
    if (root / "photos.csv").exists() and grader.preparation["grid"]:
        yield from _phone_cells(root, grader, side)
        return
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"input={root}: no images in it; want photos.csv with photos/, or {', '.join(sorted(SUFFIXES))}"
        )
    for path in files:
        try:
            picture = decode(path)
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        columns: dict[str, Any] = {"file": str(path.relative_to(root))}
        if root in path.parent.parents:  # a folder per class says what is right
            name = path.parent.name
            columns["label"] = grader.labels.index(name) if name in grader.labels else ""
        yield columns, centre_square(picture, side) if centred else resize(picture, (side, side))


def _phone_cells(root: Path, grader: Grader, side: int) -> Iterator[Sample]:
    grid = Grid(**grader.preparation["grid"])
    folder = read_photo_folder(root, grid, len(grader.labels), labelled=False)
    for number, photo in enumerate(folder.photos):
        if folder.ready_cut:
            cells = [decode(path) for path in folder.files[number * grid.cells : (number + 1) * grid.cells]]
        else:
            path = folder.files[number]
            picture = decode(path)
            corners = checked_corners(photo, picture.shape[1], picture.shape[0], path)
            cells = list(cut_cells(picture, corners, grid))
        for cell, (pixels, label) in enumerate(zip(cells, folder.labels[number], strict=True)):
            row, col = divmod(cell, grid.columns)
            place = {"file": photo.name, "cell": cell_name(photo.name, row, col), "row": row, "col": col}
            yield place | {"label": int(label) if label >= 0 else ""}, resize(pixels, (side, side))


def grade(samples: list[Sample], grader: Grader, batch_size: int) -> list[dict[str, Any]]:
    """The samples' columns with grade, its name and the probability of every class."""
    from tqdm import tqdm

    starts = tqdm(range(0, len(samples), batch_size), desc="grading", unit="batch", leave=False, disable=None)
    answers = [grader.grade(np.stack([pixels for _, pixels in samples[at : at + batch_size]])) for at in starts]
    grades, probabilities = (np.concatenate(many) for many in zip(*answers, strict=True))
    names = grader.labels
    return [
        columns
        | {"grade": int(given), "grade_name": names[given]}
        | {f"p_{name.replace(' ', '_')}": round(float(p), 6) for name, p in zip(names, chances, strict=True)}
        for (columns, _), given, chances in zip(samples, grades, probabilities, strict=True)
    ]


if __name__ == "__main__":
    answer(main, "predict")
