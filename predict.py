"""Grades of a folder of images by a trained run: `python predict.py run=runs/adhoc/<job> input=<folder>`."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from conf.command_line import answer, stop_or_report
from conf.exporting import load_run
from conf.schema import register
from datamodules.cell_cache import decode
from datamodules.photo_folder import DataError, cell_name, checked_corners, read_photo_folder
from datamodules.screen_grid import Grid, Image, cut_cells, resize
from sweeps.record import Record, RecordError, read_record

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
Sample = tuple[dict[str, Any], Image]

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
def main(cfg: DictConfig) -> None:
    """Writes one csv row per image, or per cell of a folder of phone photos, and prints where."""
    folder = Path(cfg.run)
    with stop_or_report(folder):
        record = read_record(folder)
        if cfg.checkpoint not in ("best", "last"):
            raise RecordError(f"checkpoint={cfg.checkpoint}: want best or last")
        samples = list(read_samples(Path(cfg.input), record))
        rows = grade(samples, record, folder / "checkpoints" / f"{cfg.checkpoint}.ckpt", cfg.batch_size)
        path = Path(cfg.output) if cfg.output else folder / f"predictions-{Path(cfg.input).resolve().name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        known = [row for row in rows if row.get("label", "") != ""]
        right = sum(row["grade"] == row["label"] for row in known)
        accuracy = f"accuracy {right / len(known):.3f} over {len(known)} labelled cells, " if known else ""
        print(f"{accuracy}{len(rows)} graded: {path}")


def read_samples(root: Path, record: Record) -> Iterator[Sample]:
    """Columns and pixels `(S, S, 3)` of every cell; unreadable loose images are named on stderr and left out."""
    side = int(record["config"]["resolution"])
    if not root.is_dir():
        raise DataError(f"input={root}: no such folder")
    if (root / "photos.csv").exists():
        yield from _phone_cells(root, record, side)
        return
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"input={root}: no images in it; want photos.csv with photos/, or {', '.join(sorted(SUFFIXES))}"
        )
    for path in files:
        try:
            yield {"file": str(path.relative_to(root))}, resize(decode(path), (side, side))
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)


def _phone_cells(root: Path, record: Record, side: int) -> Iterator[Sample]:
    settings = record["config"]["datamodule"]
    grid = Grid(settings["columns"], settings["rows"], settings["cell_px"])
    folder = read_photo_folder(root, grid, len(record["data"]["class_names"]), labelled=False)
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


def grade(samples: list[Sample], record: Record, checkpoint: Path, batch_size: int) -> list[dict[str, Any]]:
    """The samples' columns with grade, its name and the probability of every class."""
    import numpy as np
    import torch
    from tqdm import tqdm

    from lightning_modules.inference import grade_images

    module = load_run(record, checkpoint)
    starts = tqdm(range(0, len(samples), batch_size), desc="grading", unit="batch", leave=False, disable=None)
    chunks = (np.stack([pixels for _, pixels in samples[at : at + batch_size]]) for at in starts)
    grades, probabilities = grade_images(module, (torch.from_numpy(chunk).permute(0, 3, 1, 2) for chunk in chunks))
    names = record["data"]["class_names"]
    return [
        columns
        | {"grade": int(given), "grade_name": names[given]}
        | {f"p_{name.replace(' ', '_')}": round(float(p), 6) for name, p in zip(names, chances, strict=True)}
        for (columns, _), given, chances in zip(samples, grades, probabilities, strict=True)
    ]


if __name__ == "__main__":
    answer(main, "predict")
